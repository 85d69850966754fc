//! Step sizes of stochastic approximation.

use crate::mdp::check_setting;
use crate::{Error, Real};

/// The step size η_n of an update after n earlier updates of the same entry.
///
/// Stochastic approximation converges if Σ η = ∞ and Σ η² < ∞ for each entry (Robbins and Monro
/// 1951). With a constant η it does not converge: the error keeps a variance of about η/2 times
/// that of the target. But a constant η can follow a changing environment.
///
/// | schedule | η_n | use |
/// |---|---|---|
/// | [`Constant`](StepSize::Constant) | η | changing environments; η = 1: deterministic ones |
/// | [`Polynomial`](StepSize::Polynomial) | (1 + n)^−ω | the mean at ω = 1; slow if γ is near 1 |
/// | [`Hyperbolic`](StepSize::Hyperbolic) | h / (h + n) | at h = 2/(1−γ), the influence of initial values falls as n^−2 |
///
/// # References
///
/// Polynomial steps: Even-Dar and Mansour, *Learning Rates for Q-learning*, JMLR 2003. Rescaled
/// linear steps: Wainwright, *Stochastic approximation with cone-contractive operators*,
/// arXiv:1905.06265.
///
/// # Example
///
/// ```
/// use softmdp::learning::StepSize;
///
/// let mean = StepSize::Polynomial { exponent: 1.0 };
/// assert_eq!([mean.after(0), mean.after(1), mean.after(3)], [1.0, 0.5, 0.25]);
/// let slower = StepSize::Hyperbolic { half: 20.0 };
/// assert_eq!([slower.after(0), slower.after(20)], [1.0, 0.5]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StepSize<F = f64> {
    /// A constant η in (0, 1].
    Constant(F),
    /// (1 + n)^−ω.
    Polynomial {
        /// ω, in (1/2, 1].
        exponent: F,
    },
    /// h / (h + n).
    Hyperbolic {
        /// h > 0, the number of updates after which η is 1/2.
        half: F,
    },
}

impl<F: Real> StepSize<F> {
    /// η_n, after n earlier updates.
    #[must_use]
    #[inline]
    pub fn after(&self, num_updates: u32) -> F {
        let n = F::from_f64(f64::from(num_updates));
        match *self {
            StepSize::Constant(size) => size,
            StepSize::Polynomial { exponent } => (F::one() + n).powf(-exponent),
            StepSize::Hyperbolic { half } => half / (half + n),
        }
    }

    /// [`Error::InvalidSetting`] if a parameter is out of range.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (value, is_valid, setting, expected) = match *self {
            StepSize::Constant(size) => {
                (size, size > F::zero() && size <= F::one(), "step size", "a number in (0, 1]")
            }
            StepSize::Polynomial { exponent } => {
                let is_valid = exponent > F::from_f64(0.5) && exponent <= F::one();
                (exponent, is_valid, "exponent of the step size", "a number in (1/2, 1]")
            }
            StepSize::Hyperbolic { half } => {
                let is_valid = half > F::zero() && half < F::infinity();
                (half, is_valid, "half-life of the step size", "a finite number > 0")
            }
        };
        check_setting(is_valid, setting, value, expected)
    }
}

/// h = 2/(1−γ), which forgets the initial values as n^−2; h = 20 at γ = 1.
pub(super) fn default_step_size<F: Real>(discount: F) -> StepSize<F> {
    let two = F::from_f64(2.0);
    let half = if discount < F::one() { two / (F::one() - discount) } else { F::from_f64(20.0) };
    StepSize::Hyperbolic { half: half.min(F::from_f64(1e6)) }
}

/// (1−η) old + η target; −∞ if either has a positive weight and is −∞; `None` if finite numbers
/// leave the number type.
#[inline]
pub(super) fn mix<F: Real>(old: F, target: F, step_size: F) -> Option<F> {
    if step_size == F::one() {
        return (target < F::infinity()).then_some(target);
    }
    if old == F::neg_infinity() || target == F::neg_infinity() {
        return Some(F::neg_infinity());
    }
    let mixed = old + step_size * (target - old);
    if mixed.is_finite() {
        return Some(mixed);
    }
    // The difference may leave the number type where the mixture does not.
    let mixed = (F::one() - step_size) * old + step_size * target;
    mixed.is_finite().then_some(mixed)
}

/// Counts one more update.
#[inline]
pub(super) fn count(visits: &mut u32) {
    *visits = visits.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_knows_minus_infinity_and_the_end_of_the_number_type() {
        let dead = f64::NEG_INFINITY;
        assert_eq!(mix(1.0, 3.0, 0.25), Some(1.5));
        assert_eq!(mix(1.0, dead, 0.25), Some(dead));
        assert_eq!(mix(dead, 1.0, 0.25), Some(dead));
        assert_eq!(mix(dead, dead, 0.25), Some(dead));
        assert_eq!(mix(dead, 1.0, 1.0), Some(1.0));
        assert_eq!(mix(-1.7e308, 1.7e308, 0.5), Some(0.0));
        assert_eq!(mix(0.0, f64::INFINITY, 0.5), None);
        assert_eq!(mix(0.0, f64::INFINITY, 1.0), None);
    }
}
