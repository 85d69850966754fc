//! The softmax of a row of log-weights.

use crate::Real;

/// The largest log-weight of a row and the sum of the weights relative to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Softmax<F> {
    max: F,
    sum: F,
}

impl<F: Real> Softmax<F> {
    /// `None` if all log-weights are −∞.
    pub(crate) fn new(log_weights: impl Iterator<Item = F> + Clone) -> Option<Self> {
        let max = log_weights.clone().fold(F::neg_infinity(), F::max);
        let sum = log_weights.fold(F::zero(), |sum, log| sum + (log - max).exp());
        (max > F::neg_infinity()).then_some(Self { max, sum })
    }

    /// The probability of an entry of this log-weight, as a share of `mass`.
    pub(crate) fn share(&self, mass: F, log_weight: F) -> F {
        mass * (log_weight - self.max).exp() / self.sum
    }

    /// The logarithm of the probability, also where the probability itself underflows.
    pub(crate) fn log_probability(&self, log_weight: F) -> F {
        log_weight - self.max - self.sum.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{SoftRow, softmax};

    #[test]
    fn a_row_that_is_kept_is_the_row_that_is_asked_for() {
        let logs = [1400.0_f64, 0.0, f64::NEG_INFINITY, 1399.0];
        let (mut p, mut l) = ([0.0; 4], [0.0; 4]);
        softmax(|action| logs[action], &[1.0; 4], SoftRow { probabilities: &mut p, logs: &mut l });
        let asked = Softmax::new(logs.into_iter()).unwrap();
        for (action, &log) in logs.iter().enumerate() {
            assert_eq!(p[action].to_bits(), asked.share(1.0, log).to_bits());
            assert_eq!(l[action].to_bits(), asked.log_probability(log).to_bits());
        }
        assert!((p[0] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
    }

    #[test]
    fn a_row_without_weight_has_no_softmax() {
        assert!(Softmax::new([f64::NEG_INFINITY; 2].into_iter()).is_none());
    }
}
