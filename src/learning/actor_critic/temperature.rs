//! Adapts the temperature to a target entropy: dual descent on τ (A1).

use crate::learning::settings::check_rate;
use crate::mdp::check_setting;
use crate::{Error, Real};

/// The target entropy and the step size of log τ.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct TargetEntropy<F> {
    target: F, // nats, relative to ρ
    rate: F,
}

impl<F: Real> TargetEntropy<F> {
    pub(super) fn new(target: F, rate: F) -> Result<Self, Error> {
        let target_entropy = Self { target, rate };
        target_entropy.check()?;
        Ok(target_entropy)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        check_setting(self.target.is_finite(), "target entropy", self.target, "a finite number")?;
        check_rate(self.rate, "step size of the temperature")
    }

    /// The temperature after a step log τ += κ ( target − H ), kept in the range that can be
    /// divided by.
    pub(super) fn next_temperature(&self, temperature: F, entropy: F) -> F {
        let largest = F::max_value().sqrt();
        let next = temperature * (self.rate * (self.target - entropy)).exp();
        next.max(largest.recip()).min(largest)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn temperature_rises_below_the_target_and_stays_in_range() {
        let rule = TargetEntropy::new(0.5, 0.1).unwrap();
        assert_abs_diff_eq!(rule.next_temperature(2.0, 0.3), 2.0 * 0.02_f64.exp(), epsilon = 1e-15);
        assert!(rule.next_temperature(2.0, 0.7) < 2.0);
        let fast = TargetEntropy::new(1e300, 1e300).unwrap();
        assert_eq!(fast.next_temperature(1.0, 0.0), f64::MAX.sqrt());
        let fast = TargetEntropy::new(-1e300, 1e300).unwrap();
        assert_eq!(fast.next_temperature(1.0, 0.0), f64::MAX.sqrt().recip());
    }
}
