//! τ log Σ p exp(v/τ) of one row, exact for any spread of v and p, and the condition under which
//! the fast form is exact.
//!
//! # Form computed
//!
//! The fast form is one dot product of the row with e(s') = 2^L exp((v(s') − max v)/τ). An
//! exponential, or its product with a small probability, could fall into the subnormal range and
//! lose bits, or vanish. The constants of the number type exclude both:
//!
//! - gaps of more than `SPREAD` nats are dropped (e = 0), so a kept e is at least 2^L e^−SPREAD,
//!   and its product with the least positive number there is still normal: kept terms are exact to
//!   rounding. If nothing was dropped, the sum is right whatever it is, and 0 means that no
//!   successor is possible.
//! - if something was dropped, it adds up to less than 2^L e^−SPREAD, so a sum of at least
//!   `TRUSTED_SUM`, which is that over the unit roundoff, is right to rounding. Any other row is
//!   computed again from its own maximum.
//!
//! Lifting by a power of two is exact, which adding L log 2 inside the exponential would not be.

use super::{gap, offset};
use crate::Real;

/// The least lifted exponential that is kept. No product of a probability with it loses digits.
#[inline(always)]
pub(crate) fn least_lifted<F: Real>() -> F {
    (-F::SPREAD).exp() * F::LIFT
}

/// The least lifted number that is a normal one without the lift too.
#[inline(always)]
pub(crate) fn least_lowered<F: Real>() -> F {
    F::min_positive_value() * F::LIFT
}

/// log(sum / 2^L) of a sum of lifted exponentials, for a positive sum.
#[inline]
pub(crate) fn lifted_log<F: Real>(sum: F) -> F {
    let lowered = sum * F::UNLIFT;
    if lowered >= F::min_positive_value() { lowered.ln() } else { sum.ln() - F::LOG_LIFT }
}

/// Computes τ log Σ w exp(v/τ) over the pairs (w, v) that `visit` calls back with, relative to
/// their own maximum.
///
/// Pairs of weight 0 and values of −∞ add nothing. At τ = 0 it is the largest value of positive
/// weight. `visit` is called up to four times and must visit the same pairs each time.
#[inline]
pub(crate) fn row_log_expectation<F: Real>(temperature: F, visit: impl Fn(&mut dyn FnMut(F, F))) -> F {
    let mut max = F::neg_infinity();
    visit(&mut |w, v| {
        if w > F::zero() && v > max {
            max = v;
        }
    });
    if max == F::neg_infinity() || temperature == F::zero() {
        return max;
    }
    let (mut sum, mut largest) = (F::zero(), F::zero());
    visit(&mut |w, v| {
        if w > F::zero() {
            sum += w * gap(v, max, temperature).exp();
            largest = largest.max(w);
        }
    });
    if is_safe(sum, largest) {
        return offset(max, temperature, sum.ln());
    }
    // The weight at the maximum is so small, or the weights are so large, that they have to be
    // counted as logarithms themselves.
    let mut peak = F::neg_infinity();
    visit(&mut |w, v| {
        if w > F::zero() {
            peak = peak.max(w.ln() + gap(v, max, temperature));
        }
    });
    let mut sum = F::zero();
    visit(&mut |w, v| {
        if w > F::zero() {
            sum += (w.ln() + gap(v, max, temperature) - peak).exp();
        }
    });
    offset(max, temperature, peak + sum.ln())
}

/// Whether a sum of weighted, unlifted exponentials is right to rounding.
///
/// Each exponential, and each product with its weight, loses at most the least subnormal number.
/// This is negligible if the sum is at least the least normal number over the unit roundoff, times
/// the largest weight if that is above 1.
#[inline]
pub(crate) fn is_safe<F: Real>(sum: F, largest_weight: F) -> bool {
    sum >= F::min_positive_value() / F::epsilon() * largest_weight.max(F::one()) && sum < F::infinity()
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    fn of(pairs: &[(f64, f64)], temperature: f64) -> f64 {
        row_log_expectation(temperature, |visit| pairs.iter().for_each(|&(w, v)| visit(w, v)))
    }

    #[test]
    fn weights_beyond_the_range_of_exponentials_are_counted_as_logarithms() {
        // The weight at the maximum is subnormal, and the other value 740 below it: as plain
        // numbers the second term keeps three bits.
        let tiny = 4e-323_f64;
        let expected = tiny.ln() + (-740.0 - tiny.ln()).exp().ln_1p();
        assert_abs_diff_eq!(of(&[(tiny, 0.0), (1.0, -740.0)], 1.0), expected, epsilon = 1e-12);
        // A weight so large that what a subnormal exponential has lost shows.
        let expected = -740.0 + 300.0 * 10_f64.ln() + (740.0 - 600.0 * 10_f64.ln()).exp().ln_1p();
        assert_abs_diff_eq!(of(&[(1e-300, 0.0), (1e300, -740.0)], 1.0), expected, epsilon = 1e-12);
        // Weights whose plain sum overflows.
        let huge = 1.5e308_f64;
        let expected = huge.ln() + 2f64.ln();
        assert_abs_diff_eq!(of(&[(huge, 0.0), (huge, 0.0)], 1.0), expected, epsilon = 1e-12);
    }

    #[test]
    fn nothing_possible_is_minus_infinity() {
        assert_eq!(of(&[], 1.0), f64::NEG_INFINITY);
        assert_eq!(of(&[(0.0, 5.0), (1.0, f64::NEG_INFINITY)], 1.0), f64::NEG_INFINITY);
        assert_eq!(of(&[(0.0, 5.0), (1.0, f64::NEG_INFINITY)], 0.0), f64::NEG_INFINITY);
    }
}
