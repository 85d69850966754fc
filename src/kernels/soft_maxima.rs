//! Soft maxima of many states at once: the loops of `soft_maximum`, over slices that vector arithmetic can take.

use super::soft_maximum::{SoftRow, soft_maximum};
use super::{LogMemo, for_each_lane, vectorised};
use crate::Real;

/// Numbers that are worked on at once: few enough for the cache next to the processor.
pub(crate) const CHUNK: usize = 512;

/// Numbers below which one after the other is as fast.
pub(crate) const FEW: usize = 48;

/// Policies to be written: probabilities and their logarithms, `[s, a]` each.
#[derive(Debug)]
pub(crate) struct SoftRows<'a, F> {
    pub(crate) probabilities: &'a mut [F],
    pub(crate) logs: &'a mut [F],
}

/// The largest prior weight that [`soft_maxima`] takes.
#[inline(always)]
pub(crate) fn most_weight<F: Real>() -> F {
    // Sums below it times the least normal number over the unit roundoff are left to `soft_maximum`: these are few.
    F::one() / (F::epsilon() * F::epsilon())
}

/// The largest magnitude of a finite action value that [`soft_maxima`] takes: no difference leaves the number type.
#[inline(always)]
pub(crate) fn most_value<F: Real>() -> F {
    F::max_value() * F::from_f64(0.25)
}

/// Computes V of every state and, if asked, its policy, as `soft_maximum` does for one.
///
/// `prior` and `action_values` are `[s, a]` with `width` actions, `values` `[s]`. Preconditions: weights are at most
/// [`most_weight`], finite action values at most [`most_value`] in magnitude.
pub(crate) fn soft_maxima<F: Real>(
    width: usize,
    prior: &[F],
    action_values: &[F],
    temperature: F,
    values: &mut [F],
    mut policy: Option<SoftRows<'_, F>>,
) {
    let mut log_prior = LogMemo::new();
    let mut exact = |row: usize, value: &mut F, policy: &mut Option<SoftRows<'_, F>>| {
        let pairs = row * width..(row + 1) * width;
        let policy = policy.as_mut().map(|policy| SoftRow {
            probabilities: &mut policy.probabilities[pairs.clone()],
            logs: &mut policy.logs[pairs.clone()],
        });
        let (prior, action_values) = (&prior[pairs.clone()], &action_values[pairs]);
        *value = soft_maximum(prior, action_values, temperature, &mut log_prior, policy);
    };
    let is_worthwhile = temperature > F::zero() && width <= CHUNK && action_values.len() >= FEW;
    if !is_worthwhile {
        return values.iter_mut().enumerate().for_each(|(row, value)| exact(row, value, &mut policy));
    }
    let mut scratch = Scratch::new();
    let mut log_prior = LogMemo::new();
    let rows = CHUNK / width;
    for (chunk, values) in values.chunks_mut(rows).enumerate() {
        let first = chunk * rows;
        let pairs = first * width..(first + values.len()) * width;
        let input = Input { prior: &prior[pairs.clone()], action_values: &action_values[pairs], temperature };
        scratch.run(width, input, values);
        for (row, value) in values.iter_mut().enumerate() {
            if scratch.is_exact[row] == 0 {
                exact(first + row, value, &mut policy);
            } else if let Some(policy) = &mut policy {
                for action in 0..width {
                    let (here, there) = (row * width + action, (first + row) * width + action);
                    policy.probabilities[there] = scratch.terms[here] / scratch.sums[row];
                    let log_weight = log_prior.log(input.prior[here]);
                    policy.logs[there] = scratch.gaps[here] + log_weight - scratch.logs[row];
                }
            }
        }
    }
}

/// Some states.
#[derive(Clone, Copy)]
struct Input<'a, F> {
    prior: &'a [F],         // [s, a]
    action_values: &'a [F], // [s, a]
    temperature: F,
}

/// What becomes of them on the way.
struct Scratch<F> {
    gaps: [F; CHUNK],       // (Q − max Q)/τ, [s, a]
    terms: [F; CHUNK],      // ρ exp of them, [s, a]
    maxima: [F; CHUNK],     // [s]
    sums: [F; CHUNK],       // [s]
    logs: [F; CHUNK],       // [s]
    is_exact: [u64; CHUNK], // 1 where plain numbers hold the row, [s]; as wide as the numbers, for the sake of vectors
}

impl<F: Real> Scratch<F> {
    fn new() -> Self {
        let zeros = [F::zero(); CHUNK];
        Self { gaps: zeros, terms: zeros, maxima: zeros, sums: zeros, logs: zeros, is_exact: [0; CHUNK] }
    }

    /// Writes V of some states, and whether they are exact. Known widths let the compiler unroll the loops over actions.
    fn run(&mut self, width: usize, input: Input<'_, F>, values: &mut [F]) {
        match width {
            1 => vectorised!(run::<1>(self, 1, input, values)),
            2 => vectorised!(run::<2>(self, 2, input, values)),
            3 => vectorised!(run::<3>(self, 3, input, values)),
            4 => vectorised!(run::<4>(self, 4, input, values)),
            5 => vectorised!(run::<5>(self, 5, input, values)),
            6 => vectorised!(run::<6>(self, 6, input, values)),
            8 => vectorised!(run::<8>(self, 8, input, values)),
            _ => vectorised!(run::<0>(self, width, input, values)),
        }
    }
}

/// [`Scratch::run`] for a `WIDTH` that is a constant, or 0.
#[inline(always)]
fn run<const FUSED: bool, F: Real, const WIDTH: usize>(
    scratch: &mut Scratch<F>,
    width: usize,
    Input { prior, action_values, temperature }: Input<'_, F>,
    values: &mut [F],
) {
    let width = if WIDTH > 0 { WIDTH } else { width };
    let (rows, pairs) = (values.len(), action_values.len());
    let Scratch { gaps, terms, maxima, sums, logs, is_exact } = scratch;
    let (gaps, terms) = (&mut gaps[..pairs], &mut terms[..pairs]);
    let (maxima, sums) = (&mut maxima[..rows], &mut sums[..rows]);
    let (logs, is_exact) = (&mut logs[..rows], &mut is_exact[..rows]);
    for (max, q) in maxima.iter_mut().zip(action_values.chunks_exact(width)) {
        *max = q.iter().fold(F::neg_infinity(), |max, &q| if q > max { q } else { max });
    }
    let rows_of_pairs = gaps.chunks_exact_mut(width).zip(action_values.chunks_exact(width));
    for ((gaps, q), &max) in rows_of_pairs.zip(maxima.iter()) {
        // A row without hope is told by its sum of 0.
        let base = if max > F::neg_infinity() { max } else { F::zero() };
        gaps.iter_mut().zip(q).for_each(|(gap, &q)| *gap = q - base);
    }
    if temperature != F::one() {
        gaps.iter_mut().for_each(|gap| *gap /= temperature);
    }
    terms.copy_from_slice(gaps);
    for_each_lane(terms, |term| *term = term.exp_lane::<FUSED>());
    terms.iter_mut().zip(prior).for_each(|(term, &weight)| *term *= weight);
    for (sum, terms) in sums.iter_mut().zip(terms.chunks_exact(width)) {
        *sum = terms.iter().fold(F::zero(), |sum, &term| sum + term);
    }
    logs.copy_from_slice(sums);
    for_each_lane(logs, |log| *log = log.ln_lane::<FUSED>());
    let least = F::min_positive_value() / F::epsilon() * most_weight::<F>();
    for (i, &sum) in sums.iter().enumerate() {
        values[i] = maxima[i] + temperature * logs[i];
        is_exact[i] = u64::from((sum >= least) & (sum < F::infinity()) & values[i].is_finite());
    }
}

#[cfg(test)]
mod tests {
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
                    let close = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-14 * b.abs().max(1.0);
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
