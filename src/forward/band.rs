//! The loops over logarithms of weights and messages, in vector arithmetic.

use crate::Real;
use crate::kernels::{extremes, for_each_lane, least_lowered, lifted_log, log_add_exp, vectorised};

/// Writes the sums of logarithms. Marks a finite sum that leaves the number type by NaN. Returns
/// the largest sum, and whether none is marked.
pub(super) fn add<F: Real>(a: &[F], b: &[F], sums: &mut [F]) -> (F, bool) {
    vectorised!(add_loop(a, b, sums))
}

#[inline(always)]
fn add_loop<const FUSED: bool, F: Real>(a: &[F], b: &[F], sums: &mut [F]) -> (F, bool) {
    let dead = F::neg_infinity();
    // As wide as the numbers, so that the loop is vectorised.
    let mut num_wrong = 0_u64;
    for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
        *sum = a + b;
        let is_wrong = !(sum.abs() < F::infinity()) & (a > dead) & (b > dead);
        num_wrong |= u64::from(is_wrong);
        *sum = if is_wrong { F::nan() } else { *sum };
    }
    (extremes::<FUSED, F>(sums).1, num_wrong == 0)
}

/// The largest of some logarithms.
pub(super) fn largest<F: Real>(logs: &[F]) -> F {
    vectorised!(extremes(logs)).1
}

/// Scales the weights of the band below `ceiling` to plain numbers. Returns the largest logarithm
/// below the band.
pub(super) fn scale<F: Real>(logs: &[F], ceiling: F, band: &mut [F]) -> F {
    vectorised!(scale_loop(logs, ceiling, band))
}

#[inline(always)]
fn scale_loop<const FUSED: bool, F: Real>(logs: &[F], ceiling: F, band: &mut [F]) -> F {
    let dead = F::neg_infinity();
    let mut is_any_below = 0_u64;
    for (weight, &log) in band.iter_mut().zip(logs) {
        let gap = log - ceiling;
        let is_below = gap < -F::SPREAD;
        is_any_below |= u64::from(is_below & (log > dead));
        *weight = if is_below | (gap > F::zero()) { dead } else { gap };
    }
    for_each_lane(band, |weight| *weight = weight.exp_lane::<FUSED>() * F::LIFT);
    if is_any_below == 0 {
        return dead;
    }
    logs.iter().fold(dead, |below, &log| if log - ceiling < -F::SPREAD { below.max(log) } else { below })
}

/// Adds plain sums of a band to logarithms, or writes theirs if the band is the first. Overwrites
/// the sums.
pub(super) fn add_logs<F: Real>(sums: &mut [F], ceiling: F, is_first: bool, logs: &mut [F]) {
    if !vectorised!(lower_loop(sums)) {
        let log = |sum: F| if sum > F::zero() { lifted_log(sum) } else { F::neg_infinity() };
        sums.iter_mut().for_each(|sum| *sum = log(*sum));
    }
    for (log, &own) in logs.iter_mut().zip(&*sums) {
        let term = own + ceiling;
        *log = if is_first || *log == F::neg_infinity() { term } else { log_add_exp(*log, term) };
    }
}

/// Replaces lifted sums by their logarithms, if all are normal numbers or 0. Returns whether they
/// are.
#[inline(always)]
fn lower_loop<const FUSED: bool, F: Real>(sums: &mut [F]) -> bool {
    let least = least_lowered();
    let mut num_small = 0_u64;
    for &sum in sums.iter() {
        num_small |= u64::from(!((sum >= least) | (sum == F::zero())));
    }
    if num_small == 0 {
        for_each_lane(sums, |sum| *sum = (*sum * F::UNLIFT).ln_lane::<FUSED>());
    }
    num_small == 0
}

/// Subtracts a normaliser. Marks a finite logarithm that leaves the number type by NaN, and returns
/// whether there is none.
pub(super) fn divide<F: Real>(logs: &mut [F], log_normalizer: F) -> bool {
    vectorised!(divide_loop(logs, log_normalizer))
}

#[inline(always)]
fn divide_loop<const FUSED: bool, F: Real>(logs: &mut [F], log_normalizer: F) -> bool {
    let mut num_wrong = 0_u64;
    for log in logs.iter_mut() {
        let divided = *log - log_normalizer;
        let is_right = (divided.abs() < F::infinity()) | (*log == F::neg_infinity());
        num_wrong |= u64::from(!is_right);
        *log = if is_right { divided } else { F::nan() };
    }
    num_wrong == 0
}
