//! The soft maximum over the actions of one state, and its policy, from the same exponentials.
//!
//! This scalar form takes any input: weights and values of any size, τ = 0, rows that are −∞
//! throughout. The vectorised form (`soft_maxima`) takes many states with ordinary numbers and
//! leaves the rest to this one.

use super::tables::SoftRow;
use super::{LogMemo, gap, offset};
use super::{is_safe, row_log_expectation};
use crate::Real;

/// Computes V = τ log Σ ρ(a) exp(Q(a)/τ) (D2, V3) and, if asked, π(a) = ρ(a) exp(Q(a)/τ) / Σ (D3).
///
/// Precondition: Q = −∞ wherever ρ = 0. If no action is possible, V = −∞ and π is the normalised
/// prior. At τ = 0, V is the maximum and π the prior restricted to the maximisers, compared
/// exactly.
pub(crate) fn soft_maximum<F: Real>(
    prior: &[F],
    action_values: &[F],
    temperature: F,
    log_prior: &mut LogMemo<F>,
    policy: Option<SoftRow<'_, F>>,
) -> F {
    let max = action_values.iter().fold(F::neg_infinity(), |max, &q| max.max(q));
    let Some(policy) = policy else {
        return soft_value(prior, action_values, temperature, max);
    };
    if max == F::neg_infinity() {
        normalized_prior(prior, policy, |_| true);
        return max;
    }
    if temperature == F::zero() {
        // A maximiser is one of the numbers the maximum was taken from: equality is exact.
        normalized_prior(prior, policy, |action| action_values[action] == max);
        return max;
    }
    let log_sum = write_policy(|a| prior[a], |a| action_values[a], max, temperature, log_prior, policy);
    offset(max, temperature, log_sum)
}

/// Writes π(a) = exp θ(a) / Σ exp θ for preferences θ: (D3) for weights and a temperature of 1.
/// Where all preferences are −∞, π is the normalised prior.
pub(crate) fn softmax<F: Real>(preference: impl Fn(usize) -> F, prior: &[F], policy: SoftRow<'_, F>) {
    let max = (0..prior.len()).fold(F::neg_infinity(), |max, action| max.max(preference(action)));
    if max == F::neg_infinity() {
        normalized_prior(prior, policy, |_| true);
    } else {
        write_policy(|_| F::one(), preference, max, F::one(), &mut LogMemo::new(), policy);
    }
}

/// Writes π(a) = ρ(a) exp((Q(a) − max Q)/τ) / Σ and log π, and returns log Σ. Preconditions: τ > 0,
/// and max Q is finite.
#[inline]
fn write_policy<F: Real>(
    weight: impl Fn(usize) -> F,
    action_value: impl Fn(usize) -> F,
    max: F,
    temperature: F,
    log_prior: &mut LogMemo<F>,
    SoftRow { probabilities, logs }: SoftRow<'_, F>,
) -> F {
    let (mut sum, mut largest) = (F::zero(), F::zero());
    for (action, (p, log)) in probabilities.iter_mut().zip(logs.iter_mut()).enumerate() {
        let weight = weight(action);
        *log = gap(action_value(action), max, temperature);
        *p = if weight > F::zero() { weight * log.exp() } else { F::zero() };
        sum += *p;
        largest = largest.max(weight);
    }
    let is_safe = is_safe(sum, largest);
    let mut peak = F::neg_infinity();
    for (action, log) in logs.iter_mut().enumerate() {
        *log += log_prior.log(weight(action));
        peak = peak.max(*log);
    }
    let shift = if is_safe { F::zero() } else { peak };
    if !is_safe {
        // An exponential, or its product with a weight, has lost digits: the terms are taken from
        // their logarithms.
        sum = F::zero();
        for (p, log) in probabilities.iter_mut().zip(logs.iter()) {
            *p = (*log - shift).exp();
            sum += *p;
        }
    }
    let log_sum = shift + sum.ln();
    for (p, log) in probabilities.iter_mut().zip(logs.iter_mut()) {
        *p /= sum;
        *log -= log_sum;
    }
    log_sum
}

/// V alone.
fn soft_value<F: Real>(prior: &[F], action_values: &[F], temperature: F, max: F) -> F {
    if max == F::neg_infinity() || temperature == F::zero() {
        return max;
    }
    row_log_expectation(temperature, |visit| {
        prior.iter().zip(action_values).for_each(|(&weight, &q)| visit(weight, q));
    })
}

/// Writes the prior, restricted to the actions that `keep` names, over its sum; zeros if that is 0.
pub(crate) fn normalized_prior<F: Real>(prior: &[F], policy: SoftRow<'_, F>, keep: impl Fn(usize) -> bool) {
    let weight = |action: usize| if keep(action) { prior[action] } else { F::zero() };
    let SoftRow { probabilities, logs } = policy;
    let largest = (0..prior.len()).fold(F::zero(), |max, action| max.max(weight(action)));
    if largest == F::zero() {
        probabilities.fill(F::zero());
        logs.fill(F::neg_infinity());
        return;
    }
    // Relative to the largest weight, so that no sum of finite weights overflows.
    let mut sum = F::zero();
    for (action, p) in probabilities.iter_mut().enumerate() {
        *p = weight(action) / largest;
        sum += *p;
    }
    let (log_largest, log_sum) = (largest.ln(), sum.ln());
    for (action, (p, log)) in probabilities.iter_mut().zip(logs.iter_mut()).enumerate() {
        *p /= sum;
        *log = weight(action).ln() - log_largest - log_sum;
    }
}

#[cfg(test)]
mod tests {
    use approx::{abs_diff_eq, assert_abs_diff_eq, relative_eq};

    use super::*;

    fn row(prior: &[f64], q: &[f64], temperature: f64) -> (f64, Vec<f64>, Vec<f64>) {
        let (mut p, mut l) = (vec![f64::NAN; q.len()], vec![f64::NAN; q.len()]);
        let out = SoftRow { probabilities: &mut p, logs: &mut l };
        let v = soft_maximum(prior, q, temperature, &mut LogMemo::new(), Some(out));
        let alone = soft_maximum(prior, q, temperature, &mut LogMemo::new(), None);
        assert!(
            relative_eq!(v, alone, epsilon = 1e-15 * v.abs(), max_relative = 0.0),
            "{v} with policy, {alone} without"
        );
        (v, p, l)
    }

    #[test]
    fn extreme_prior_weights_leave_the_policy_exact() {
        // ρ = (4e−323, 1), Q = (0, −740): as plain numbers the second term keeps three bits.
        let (v, p, l) = row(&[4e-323, 1.0], &[0.0, -740.0], 1.0);
        let (a, b) = (4e-323f64.ln(), -740.0f64);
        let expected = a + (b - a).exp().ln_1p();
        assert_abs_diff_eq!(v, expected, epsilon = 1e-12);
        assert_abs_diff_eq!(p[0], (a - expected).exp(), epsilon = 1e-12);
        assert_abs_diff_eq!(l[1], b - expected, epsilon = 1e-12);
        let (v, p, l) = row(&[1e-300, 1e300], &[0.0, -740.0], 1.0);
        let (a, b) = (-300.0 * 10f64.ln(), 300.0 * 10f64.ln() - 740.0);
        let expected = b + (a - b).exp().ln_1p();
        assert_abs_diff_eq!(v, expected, epsilon = 1e-12);
        assert_abs_diff_eq!(p[0], (a - expected).exp(), epsilon = 1e-12);
        assert_abs_diff_eq!(l[1], b - expected, epsilon = 1e-12);
        let (v, p, _) = row(&[1.5e308; 3], &[1.0; 3], 2.0);
        assert_abs_diff_eq!(v, 1.0 + 2.0 * (1.5e308f64.ln() + 3f64.ln()), epsilon = 1e-12);
        assert!(p.iter().all(|&p| abs_diff_eq!(p, 1.0 / 3.0, epsilon = 1e-15)));
    }

    #[test]
    fn log_probabilities_go_on_where_probabilities_underflow() {
        let (_, p, l) = row(&[1.0, 1.0], &[0.0, -5000.0], 1.0);
        assert_eq!((p[1], l[1]), (0.0, -5000.0));
    }

    #[test]
    fn a_row_without_hope_gets_the_prior() {
        let inf = f64::INFINITY;
        let (v, p, l) = row(&[3.0, 0.0, 1.0], &[-inf; 3], 1.0);
        assert_eq!((v, p), (-inf, vec![0.75, 0.0, 0.25]));
        assert_abs_diff_eq!(l[0], 0.75f64.ln(), epsilon = 1e-15);
        assert_eq!(l[1], -inf);
        let (v, p, _) = row(&[0.0, 0.0], &[-inf; 2], 1.0);
        assert_eq!((v, p), (-inf, vec![0.0, 0.0]));
    }

    #[test]
    fn temperature_zero_splits_ties_by_the_prior() {
        let (v, p, _) = row(&[1.0, 3.0, 1.0], &[2.0, 2.0, 1.0], 0.0);
        assert_eq!((v, p), (2.0, vec![0.25, 0.75, 0.0]));
    }
}
