//! Forward messages that are carried from stage to stage as plain numbers, through mixed rows by
//! successor.
//!
//! ```text
//! x_t(s)       = α_t(s) exp(c(s)/τ − m),   m = max c/τ
//! α_{t+1}(s')  = γ exp(m − log Z_t) Σ_s M̂(s,s') x_t(s)
//! ```
//!
//! A block of successors goes through the product, the logarithm and the weights of the next stage
//! while it is in cache, and no stage takes an exponential. This holds as long as all numbers are
//! normal ones, lifted as everywhere else; other stages are left to the bands of `pass`. Terminal
//! states have no rows: their messages stay logarithms.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Real;
use crate::dynamics::BySuccessor;
use crate::kernels::{exp_all, for_each_lane, least_lifted, least_lowered, lifted_log, sum, vectorised};
use crate::parallel::{RowsMut, fold_pieces};
use crate::patience::Patience;

/// A flag: a message that was written is not right.
const LOST: u64 = 1;

/// A flag: all messages are right, but plain numbers do not hold their x.
const ENDS: u64 = 2;

/// What is carried besides the numbers themselves.
pub(super) struct Carried<F> {
    weights: Vec<F>,      // exp(c/τ − m), [s]; 0 where c is −∞
    log_scale: F,         // m
    stage: Option<usize>, // whose x are held
    patience: Patience,
}

impl<F: Real> Carried<F> {
    /// `log_weights` are c/τ, `[s]`.
    pub(super) fn new(log_weights: &[F]) -> Self {
        let log_scale = log_weights.iter().copied().fold(F::neg_infinity(), F::max);
        let gap = |&log: &F| if log > F::neg_infinity() { log - log_scale } else { log };
        let mut weights: Vec<F> = log_weights.iter().map(gap).collect();
        exp_all(&mut weights);
        // A weight that underflows is still one of a state that goes on. The least number makes its
        // x too small to be carried.
        for (weight, _) in weights.iter_mut().zip(log_weights).filter(|(_, log)| **log > F::neg_infinity()) {
            *weight = weight.max(F::min_positive_value());
        }
        Self { weights, log_scale, stage: None, patience: Patience::new() }
    }

    /// Forgets the numbers that are held: the messages have been changed.
    pub(super) fn forget(&mut self) {
        self.stage = None;
    }

    /// Makes sure that `x` holds stage `t`, whose messages are `now`. Returns log Σ x_t e^m, or
    /// `None` where plain numbers do not hold them.
    pub(super) fn hold(&mut self, t: usize, now: &[F], x: &mut [F]) -> Option<F> {
        if !self.patience.may_try() {
            return None;
        }
        let weights = &self.weights;
        let exponentiate = |states: Range<usize>, x: RowsMut<'_, F>| {
            exponentiate_states(&now[states.clone()], &weights[states], x.data)
        };
        let is_held = self.stage.take() == Some(t)
            || fold_pieces(now.len(), RowsMut::column(&mut *x), &exponentiate, &|a, b| a & b);
        let total = fold_pieces(now.len(), (), &|states, ()| sum(&x[states]), &|a, b| a + b);
        if !(is_held && total < F::infinity()) {
            self.patience.fail();
            return None;
        }
        Some(if total > F::zero() { lifted_log(total) + self.log_scale } else { F::neg_infinity() })
    }

    /// Writes log α_{t+1}, and x_{t+1} into `pushed`. `log_factor` is log γ − log Z_t. Returns
    /// whether nothing was lost; if not, the outputs are meaningless.
    pub(super) fn push(
        &mut self,
        t: usize,
        rows: &BySuccessor<F>,
        (x, log_factor): (&[F], F),
        pushed: &mut [F],
        next: &mut [F],
    ) -> bool {
        let factor = (log_factor + self.log_scale).exp();
        let (found, weights) = (AtomicU64::new(0), &self.weights);
        rows.for_each_block(x, pushed, RowsMut::column(next), &|states, sums, logs| {
            found.fetch_or(push_states(factor, &weights[states], sums, logs.data), Ordering::Relaxed);
        });
        let found = found.into_inner();
        if found & LOST != 0 || !(factor < F::infinity()) {
            self.patience.fail();
            return false;
        }
        if found & ENDS == 0 {
            self.stage = Some(t + 1);
        }
        true
    }
}

/// Writes x from log α. Returns whether all can be carried; 0 can, for messages and weights of 0.
fn exponentiate_states<F: Real>(logs: &[F], weights: &[F], x: &mut [F]) -> bool {
    vectorised!(exponentiate_loop(logs, weights, x))
}

#[inline(always)]
fn exponentiate_loop<const FUSED: bool, F: Real>(logs: &[F], weights: &[F], x: &mut [F]) -> bool {
    x.copy_from_slice(logs);
    for_each_lane(x, |x| *x = x.exp_lane::<FUSED>() * F::LIFT);
    // As wide as the numbers, so that the loop is vectorised.
    let (mut num_lost, least, most) = (0_u64, least_lifted::<F>(), F::infinity());
    for ((x, &log), &weight) in x.iter_mut().zip(logs).zip(weights) {
        // Observations may make a message larger than a plain number, also that of a terminal
        // state.
        *x = if weight > F::zero() { *x * weight } else { F::zero() };
        let is_held = (*x >= least) & (*x < most);
        num_lost |= u64::from(!(is_held | (log == F::neg_infinity()) | (weight == F::zero())));
    }
    num_lost == 0
}

/// Turns sums Σ M̂ x into log α and the x of the next stage. Returns flags.
fn push_states<F: Real>(factor: F, weights: &[F], sums: &mut [F], logs: &mut [F]) -> u64 {
    vectorised!(push_loop(factor, weights, sums, logs))
}

#[inline(always)]
fn push_loop<const FUSED: bool, F: Real>(factor: F, weights: &[F], sums: &mut [F], logs: &mut [F]) -> u64 {
    let (zero, normal, least) = (F::zero(), least_lowered::<F>(), least_lifted::<F>());
    let (mut num_lost, mut num_ending) = (0_u64, 0_u64);
    for ((sum, log), &weight) in sums.iter_mut().zip(logs.iter_mut()).zip(weights) {
        let message = factor * *sum;
        num_lost |= u64::from(!((message >= normal) | (*sum == zero)));
        *log = message * F::UNLIFT;
        *sum = message * weight;
        num_ending |= u64::from(!((*sum >= least) | (message == zero) | (weight == zero)));
    }
    for_each_lane(logs, |log| *log = log.ln_lane::<FUSED>());
    (if num_lost > 0 { LOST } else { 0 }) | (if num_ending > 0 { ENDS } else { 0 })
}
