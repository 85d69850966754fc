//! log Σ exp of plain logarithms, and its two-term forms.

use crate::Real;

/// Computes log Σ exp x, relative to the maximum.
///
/// −∞ is the logarithm of 0 and adds nothing. The result of an empty slice, or of only −∞, is −∞.
/// If an element is NaN, the result is NaN. Otherwise, if an element is +∞, the result is +∞. One
/// element is its own result.
///
/// # Complexity
///
/// Time O(n), no memory.
///
/// # Example
///
/// ```
/// use softmdp::log_sum_exp;
///
/// // Two disjoint events of probability e^-1000 each. The probability of their union underflows.
/// let union = log_sum_exp(&[-1000.0_f64, -1000.0]);
/// assert_eq!(union, -1000.0 + 2.0_f64.ln());
/// assert_eq!(log_sum_exp::<f64>(&[]), f64::NEG_INFINITY);
/// ```
#[must_use]
pub fn log_sum_exp<F: Real>(logs: &[F]) -> F {
    let mut max = F::neg_infinity();
    for &x in logs {
        if x.is_nan() {
            return x;
        }
        max = max.max(x);
    }
    if max.is_infinite() || logs.len() == 1 {
        return max;
    }
    let mut sum = F::zero();
    for &x in logs {
        sum += (x - max).exp();
    }
    max + sum.ln()
}

/// log(exp a + exp b), for logarithms in nats below +∞.
pub(crate) fn log_add_exp<F: Real>(a: F, b: F) -> F {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == F::neg_infinity() {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

/// (value − max) / τ for value ≤ max, where the difference itself may leave the range of the number
/// type.
///
/// Dividing the difference keeps its relative accuracy; dividing each side first does not, but is
/// right where the two lie further apart than the largest number and τ brings them together again.
#[inline(always)]
pub(crate) fn gap<F: Real>(value: F, max: F, temperature: F) -> F {
    let difference = value - max;
    if difference == F::neg_infinity() && value > F::neg_infinity() {
        return value / temperature - max / temperature;
    }
    difference / temperature
}

/// max + τ log, where the product alone may leave the range of the number type and the sum does
/// not.
#[inline(always)]
pub(crate) fn offset<F: Real>(max: F, temperature: F, log: F) -> F {
    let sum = max + temperature * log;
    if sum.is_finite() {
        return sum;
    }
    let half = F::from_f64(0.5);
    (max * half + temperature * half * log) / half
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn log_sum_exp_keeps_its_contract_at_the_edges() {
        assert_eq!(log_sum_exp::<f64>(&[]), -INF);
        assert_eq!(log_sum_exp(&[-INF, -INF]), -INF);
        assert_eq!(log_sum_exp(&[-INF, 3.25]), 3.25);
        assert_eq!(log_sum_exp(&[1.0, INF]), INF);
        assert!(log_sum_exp(&[INF, f64::NAN]).is_nan());
        assert!(log_sum_exp(&[f64::NAN]).is_nan());
        assert_eq!(log_sum_exp(&[0.1]), 0.1);
        assert_eq!(log_sum_exp(&[1e300, 1e300]), 1e300);
    }

    #[test]
    fn log_add_exp_is_the_sum_of_two() {
        assert_eq!(log_add_exp(0.0, 0.0), 2f64.ln());
        assert_abs_diff_eq!(log_add_exp(-1.0_f64, -3.0), log_sum_exp(&[-1.0_f64, -3.0]), epsilon = 1e-15);
        assert_eq!(log_add_exp(-INF, -INF), -INF);
        assert_eq!(log_add_exp(-INF, 5.0), 5.0);
        assert_eq!(log_add_exp(-800.0, 0.0), 0.0);
    }

    #[test]
    fn gap_survives_a_difference_beyond_the_number_type() {
        assert_eq!(gap(-1.5e308, 1.5e308, 1e308), -3.0);
        assert_eq!(gap(-1.5e308, 1.5e308, 1.0), -INF);
        assert_eq!(gap(-INF, 1.0, 1e308), -INF);
    }
}
