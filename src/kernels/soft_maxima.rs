//! Soft maxima of many states at once, in vector arithmetic.
//!
//! The steps are those of `soft_maximum`, each a loop over the pairs of a chunk of states. Rows
//! that plain numbers cannot hold are left to `soft_maximum`.

use std::ops::Range;

use super::soft_maximum::{SoftRow, soft_maximum};
use super::{Aligned, LogMemo, for_each_lane, num_lanes, vectorised};
use crate::Real;

/// Numbers in a chunk, few enough for the first-level cache.
pub(crate) const CHUNK: usize = 512;

/// Numbers of a small block, for which less scratch memory is cleared.
pub(crate) const FEW: usize = 128;

/// Numbers of the smallest models, for which the least scratch memory is cleared.
const VERY_FEW: usize = 32;

/// Policies to be written: probabilities and their logarithms, `[s, a]` each.
#[derive(Debug)]
pub(crate) struct SoftRows<'a, F> {
    pub(crate) probabilities: &'a mut [F],
    pub(crate) logs: &'a mut [F],
}

impl<F> SoftRows<'_, F> {
    /// The same rows for a shorter time.
    pub(crate) fn reborrow(&mut self) -> SoftRows<'_, F> {
        SoftRows { probabilities: self.probabilities, logs: self.logs }
    }

    /// The row of one state, which has these pairs.
    pub(crate) fn row(&mut self, pairs: Range<usize>) -> SoftRow<'_, F> {
        SoftRow { probabilities: &mut self.probabilities[pairs.clone()], logs: &mut self.logs[pairs] }
    }
}

/// The largest prior weight that [`soft_maxima`] takes.
#[inline(always)]
pub(crate) fn most_weight<F: Real>() -> F {
    // Sums below it times the least normal number over the unit roundoff are left to
    // `soft_maximum`: these are few.
    F::one() / (F::epsilon() * F::epsilon())
}

/// The largest magnitude of a finite action value that [`soft_maxima`] takes: no difference leaves
/// the number type.
#[inline(always)]
pub(crate) fn most_value<F: Real>() -> F {
    F::max_value() * F::from_f64(0.25)
}

/// Computes V of every state and, if asked, its policy, as `soft_maximum` does for one.
///
/// `prior` and `action_values` are `[s, a]` with `width` actions, `values` `[s]`. Preconditions:
/// weights are at most [`most_weight`], finite action values at most [`most_value`] in magnitude.
pub(crate) fn soft_maxima<F: Real>(
    width: usize,
    prior: &[F],
    action_values: &[F],
    temperature: F,
    values: &mut [F],
    mut policy: Option<SoftRows<'_, F>>,
) {
    if temperature > F::zero() && width <= CHUNK {
        let policy = policy.as_mut().map(|policy| (&mut *policy.probabilities, &mut *policy.logs));
        F::compiled_soft_maxima(width, (prior, action_values, temperature), values, policy);
    } else {
        values.fill(F::nan());
    }
    let mut log_prior = LogMemo::new();
    for (row, value) in values.iter_mut().enumerate().filter(|(_, value)| value.is_nan()) {
        let pairs = row * width..(row + 1) * width;
        let policy = policy.as_mut().map(|policy| policy.row(pairs.clone()));
        let (prior, action_values) = (&prior[pairs.clone()], &action_values[pairs]);
        *value = soft_maximum(prior, action_values, temperature, &mut log_prior, policy);
    }
}

/// [`soft_maxima`] at a temperature above 0 and for at most [`CHUNK`] actions. Writes NaN for
/// states whose rows plain numbers cannot hold.
pub(super) fn at_once<F: Real>(
    width: usize,
    (prior, action_values, temperature): (&[F], &[F], F),
    values: &mut [F],
    policy: Option<(&mut [F], &mut [F])>,
) {
    let input = Input { prior, action_values, temperature };
    let policy = policy.map(|(probabilities, logs)| SoftRows { probabilities, logs });
    if action_values.len() <= VERY_FEW {
        in_chunks::<F, VERY_FEW>(width, input, values, policy);
    } else if action_values.len() <= 2 * FEW && width <= FEW {
        // Two small chunks clear less memory than a whole one.
        in_chunks::<F, FEW>(width, input, values, policy);
    } else {
        in_chunks::<F, CHUNK>(width, input, values, policy);
    }
}

/// Some states.
#[derive(Clone, Copy)]
struct Input<'a, F> {
    prior: &'a [F],         // [s, a]
    action_values: &'a [F], // [s, a]
    temperature: F,
}

/// Room memory, in whole chunks of lanes, so that no number is left for scalar arithmetic.
/// Entries behind the last pair or state are meaningless.
struct Room<'a, F> {
    gaps: &'a mut [F],   // (Q − max Q)/τ, and then log π, [s, a]
    terms: &'a mut [F],  // ρ exp of them, and then π, [s, a]
    spread: &'a mut [F], // numbers of a state, at each of its pairs, [s, a]
    sums: &'a mut [F],   // of the terms, [s]
    logs: &'a mut [F],   // of the sums, [s]
}

/// Writes V and policies of states whose rows plain numbers can hold, and NaN for V of the others,
/// at most `N` pairs at a time.
fn in_chunks<F: Real, const N: usize>(
    width: usize,
    Input { prior, action_values, temperature }: Input<'_, F>,
    values: &mut [F],
    mut policy: Option<SoftRows<'_, F>>,
) {
    let (mut gaps, mut terms) = (Aligned::<F, N>::zeros(), Aligned::<F, N>::zeros());
    let (mut sums, mut logs) = (Aligned::<F, N>::zeros(), Aligned::<F, N>::zeros());
    let mut spread = Aligned::<F, N>::zeros();
    let rows = N / width;
    for (chunk, values) in values.chunks_mut(rows).enumerate() {
        let here = chunk * rows * width..(chunk * rows + values.len()) * width;
        let input =
            Input { prior: &prior[here.clone()], action_values: &action_values[here.clone()], temperature };
        let num_pairs = here.len().next_multiple_of(num_lanes::<F>());
        let num_states = values.len().next_multiple_of(num_lanes::<F>());
        let mut scratch = Room {
            gaps: &mut gaps.0[..num_pairs],
            terms: &mut terms.0[..num_pairs],
            spread: &mut spread.0[..num_pairs],
            sums: &mut sums.0[..num_states],
            logs: &mut logs.0[..num_states],
        };
        let with_policy = policy.is_some();
        // Known widths let the compiler unroll the loops over actions.
        match width {
            1 => vectorised!(run::<1>(1, input, &mut scratch, values, with_policy)),
            2 => vectorised!(run::<2>(2, input, &mut scratch, values, with_policy)),
            3 => vectorised!(run::<3>(3, input, &mut scratch, values, with_policy)),
            4 => vectorised!(run::<4>(4, input, &mut scratch, values, with_policy)),
            5 => vectorised!(run::<5>(5, input, &mut scratch, values, with_policy)),
            6 => vectorised!(run::<6>(6, input, &mut scratch, values, with_policy)),
            8 => vectorised!(run::<8>(8, input, &mut scratch, values, with_policy)),
            _ => vectorised!(run::<0>(width, input, &mut scratch, values, with_policy)),
        }
        if let Some(policy) = &mut policy {
            policy.probabilities[here.clone()].copy_from_slice(&terms.0[..here.len()]);
            policy.logs[here.clone()].copy_from_slice(&gaps.0[..here.len()]);
        }
    }
}

/// [`in_chunks`] for one chunk. `WIDTH` is the number of actions, or 0 if it is not known at
/// compile time.
#[inline(always)]
fn run<const FUSED: bool, F: Real, const WIDTH: usize>(
    width: usize,
    Input { prior, action_values, temperature }: Input<'_, F>,
    Room { gaps, terms, spread, sums, logs }: &mut Room<'_, F>,
    values: &mut [F],
    with_policy: bool,
) {
    let width = if WIDTH > 0 { WIDTH } else { width };
    let rows = gaps.chunks_exact_mut(width).zip(terms.chunks_exact_mut(width));
    let rows = rows.zip(action_values.chunks_exact(width));
    for (((gaps, terms), q), value) in rows.zip(values.iter_mut()) {
        let mut max = F::neg_infinity();
        for &q in q {
            max = if q > max { q } else { max };
        }
        // A row that is −∞ throughout has the sum 0.
        let base = if max > F::neg_infinity() { max } else { F::zero() };
        for ((gap, term), &q) in gaps.iter_mut().zip(terms).zip(q) {
            (*gap, *term) = (q - base, q - base);
        }
        *value = max;
    }
    if temperature != F::one() {
        for (gap, term) in gaps.iter_mut().zip(terms.iter_mut()) {
            *gap /= temperature;
            *term = *gap;
        }
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
    let least = F::min_positive_value() / F::epsilon() * most_weight::<F>();
    for ((value, &sum), &log) in values.iter_mut().zip(sums.iter()).zip(logs.iter()) {
        let offset = *value + temperature * log;
        let is_exact = (sum >= least) & (sum < F::infinity()) & (offset.abs() < F::infinity());
        *value = if is_exact { offset } else { F::nan() };
    }
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

#[cfg(test)]
mod tests {
    use approx::relative_eq;

    use super::*;

    /// States with everything that may go wrong, of every width up to 10.
    #[test]
    fn many_states_at_once_are_what_they_are_one_by_one() {
        let inf = f64::INFINITY;
        let odd = [0.0, -1.0, -inf, 3.5, -740.0, 1e5, -1e300, 2.0, -inf, 4e307, -4e307, 0.25];
        let weights = [1.0, 0.0, 2.5, 1e-300, 1.0, 1e30, 0.5, 1.0, 1.0];
        for width in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 600] {
            for temperature in [1.0, 0.3, 1e-9, 1e308, 0.0] {
                let rows = 1200 / width;
                let prior: Vec<f64> = (0..rows * width).map(|i| weights[i * 7 % 9]).collect();
                let value = |i: usize| if i % 5 == 4 { odd[i * 5 % 12] } else { (i * i % 17) as f64 };
                let q: Vec<f64> =
                    (0..rows * width).map(|i| if prior[i] > 0.0 { value(i) } else { -inf }).collect();
                let (mut values, mut p, mut l) =
                    (vec![0.0; rows], vec![0.0; rows * width], vec![0.0; rows * width]);
                let policy = SoftRows { probabilities: &mut p, logs: &mut l };
                soft_maxima(width, &prior, &q, temperature, &mut values, Some(policy));
                let mut alone = vec![0.0; rows];
                soft_maxima(width, &prior, &q, temperature, &mut alone, None);
                for row in 0..rows {
                    let pairs = row * width..(row + 1) * width;
                    let (mut one_p, mut one_l) = (vec![0.0; width], vec![0.0; width]);
                    let one = SoftRow { probabilities: &mut one_p, logs: &mut one_l };
                    let (prior, q) = (&prior[pairs.clone()], &q[pairs.clone()]);
                    let expected = soft_maximum(prior, q, temperature, &mut LogMemo::new(), Some(one));
                    let close = |a: f64, b: f64| relative_eq!(a, b, epsilon = 1e-14, max_relative = 1e-14);
                    assert!(close(values[row], expected), "{q:?} {prior:?}: {} {expected}", values[row]);
                    assert!(close(alone[row], expected), "{q:?} {prior:?}: {} {expected}", alone[row]);
                    for (i, pair) in pairs.enumerate() {
                        assert!(close(p[pair], one_p[i]) && close(l[pair], one_l[i]), "{q:?} {prior:?}");
                    }
                }
            }
        }
    }
}
