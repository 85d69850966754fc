//! Soft maxima of many states at once, in vector arithmetic.
//!
//! The steps are those of `soft_maximum`, each a loop over the pairs of a chunk of states. Rows
//! that plain numbers cannot hold are left to `soft_maximum`.

use super::{for_each_lane, num_lanes};
use crate::Real;

/// Numbers in a chunk, few enough for the first-level cache.
pub(crate) const CHUNK: usize = 512;

/// Numbers of a small block, for which less scratch memory is cleared.
pub(crate) const FEW: usize = 128;

/// Numbers of the smallest models, for which the least scratch memory is cleared.
pub(super) const VERY_FEW: usize = 32;

/// The largest prior weight that [`soft_maxima`] takes.
#[inline(always)]
pub(super) fn most_weight<F: Real>() -> F {
    // Sums below it times the least normal number over the unit roundoff are left to
    // `soft_maximum`: these are few.
    F::one() / (F::epsilon() * F::epsilon())
}

/// Whether plain numbers held a sum of terms, and the soft maximum that is made of it.
#[inline(always)]
pub(super) fn is_exact<F: Real>(sum: F, soft_maximum: F) -> bool {
    let least = F::min_positive_value() / F::epsilon() * most_weight::<F>();
    (sum >= least) & (sum < F::infinity()) & (soft_maximum.abs() < F::infinity())
}

/// The largest magnitude of a finite action value that [`soft_maxima`] takes: no difference leaves
/// the number type.
#[inline(always)]
pub(super) fn most_value<F: Real>() -> F {
    F::max_value() * F::from_f64(0.25)
}

/// Scratch memory for a chunk of states, in whole chunks of lanes, so that no number is left for
/// scalar arithmetic. Entries behind the last pair or state are meaningless.
pub(super) struct Room<'a, F> {
    pub(super) gaps: &'a mut [F],   // (Q − max Q)/τ, and then log π, [s, a]
    pub(super) terms: &'a mut [F],  // ρ exp of them, and then π, [s, a]
    pub(super) spread: &'a mut [F], // numbers of a state, at each of its pairs, [s, a]
    pub(super) sums: &'a mut [F],   // of the terms, [s]
    pub(super) logs: &'a mut [F],   // of the sums, [s]
}

impl<F: Real> Room<'_, F> {
    /// The part for some states.
    #[inline(always)]
    pub(super) fn of(&mut self, num_pairs: usize, num_states: usize) -> Room<'_, F> {
        let num_lanes = num_lanes::<F>();
        let (num_pairs, num_states) =
            (num_pairs.next_multiple_of(num_lanes), num_states.next_multiple_of(num_lanes));
        Room {
            gaps: &mut self.gaps[..num_pairs],
            terms: &mut self.terms[..num_pairs],
            spread: &mut self.spread[..num_pairs],
            sums: &mut self.sums[..num_states],
            logs: &mut self.logs[..num_states],
        }
    }
}

/// Computes V of a chunk of states at a temperature above 0 and, if asked, π and log π, which it
/// leaves in `terms` and `gaps`. V is NaN for states whose rows plain numbers cannot hold. Returns
/// whether there is none.
///
/// `prior` and `action_values` are `[s, a]`, `values` `[s]`. `WIDTH` is the number of actions, or 0
/// if it is not known at compile time. Preconditions: weights are at most [`most_weight`], finite
/// action values at most [`most_value`] in magnitude.
#[inline(always)]
pub(super) fn soft_maxima<const FUSED: bool, F: Real, const WIDTH: usize>(
    width: usize,
    temperature: F,
    (prior, action_values): (&[F], &[F]),
    Room { gaps, terms, spread, sums, logs }: &mut Room<'_, F>,
    values: &mut [F],
    with_policy: bool,
) -> bool {
    let width = if WIDTH > 0 { WIDTH } else { width };
    let rows = terms.chunks_exact_mut(width).zip(action_values.chunks_exact(width));
    for ((terms, q), value) in rows.zip(values.iter_mut()) {
        let max = maximum(q);
        // A row that is −∞ throughout has the sum 0.
        let base = if max > F::neg_infinity() { max } else { F::zero() };
        for (term, &q) in terms.iter_mut().zip(q) {
            *term = q - base;
        }
        *value = max;
    }
    if temperature != F::one() {
        terms.iter_mut().for_each(|term| *term /= temperature);
    }
    if with_policy {
        gaps.copy_from_slice(terms);
    }
    for_each_lane(terms, |term| *term = term.exp_lane::<FUSED>());
    let rows = terms.chunks_exact_mut(width).zip(prior.chunks_exact(width));
    for (((terms, prior), sum), log) in rows.zip(sums.iter_mut()).zip(logs.iter_mut()) {
        *sum = F::zero();
        for (term, &weight) in terms.iter_mut().zip(prior) {
            *term *= weight;
            *sum += *term;
        }
        *log = *sum;
    }
    for_each_lane(logs, |log| *log = log.ln_lane::<FUSED>());
    if with_policy {
        // π = ρ exp((Q − max Q)/τ) / Σ, and its logarithm from its parts.
        spread_rows(width, sums, spread);
        for (term, &sum) in terms.iter_mut().zip(spread.iter()) {
            *term /= sum;
        }
        add_log_prior::<FUSED, F>(prior, gaps, spread);
        spread_rows(width, logs, spread);
        for (gap, &log_sum) in gaps.iter_mut().zip(spread.iter()) {
            *gap -= log_sum;
        }
    }
    // As wide as the numbers, so that the loop is vectorised.
    let mut num_left = 0_u64;
    for ((value, &sum), &log) in values.iter_mut().zip(sums.iter()).zip(logs.iter()) {
        let offset = *value + temperature * log;
        let is_exact = is_exact(sum, offset);
        num_left |= u64::from(!is_exact);
        *value = if is_exact { offset } else { F::nan() };
    }
    num_left == 0
}

/// Writes the largest action value of every state.
#[inline(always)]
pub(super) fn maxima<F: Real, const WIDTH: usize>(width: usize, action_values: &[F], values: &mut [F]) {
    let width = if WIDTH > 0 { WIDTH } else { width };
    for (q, value) in action_values.chunks_exact(width).zip(values) {
        *value = maximum(q);
    }
}

/// The largest of some numbers that are not NaN.
#[inline(always)]
fn maximum<F: Real>(numbers: &[F]) -> F {
    let mut max = F::neg_infinity();
    for &x in numbers {
        max = if x > max { x } else { max };
    }
    max
}

/// Adds log ρ to every entry of `logs`. Most priors give all actions the same weight.
#[inline(always)]
fn add_log_prior<const FUSED: bool, F: Real>(prior: &[F], logs: &mut [F], log_weights: &mut [F]) {
    let first = prior[0];
    let mut is_constant = true;
    for &weight in prior {
        is_constant &= weight == first;
    }
    if is_constant && first == F::one() {
        return;
    }
    if is_constant {
        log_weights.fill(first.ln_lane::<FUSED>());
    } else {
        log_weights[..prior.len()].copy_from_slice(prior);
        for_each_lane(log_weights, |weight| *weight = weight.ln_lane::<FUSED>());
    }
    for (log, &log_weight) in logs.iter_mut().zip(log_weights.iter()) {
        *log += log_weight;
    }
}

/// Copies the number of each state to all its pairs.
#[inline(always)]
fn spread_rows<F: Real>(width: usize, states: &[F], pairs: &mut [F]) {
    for (pairs, &x) in pairs.chunks_exact_mut(width).zip(states) {
        for pair in pairs {
            *pair = x;
        }
    }
}
