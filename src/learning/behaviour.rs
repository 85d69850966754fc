//! Behaviours: the policies of learners during learning.

use super::settings::check_chance;
use crate::kernels::{Softmax, gap};
use crate::mdp::check_setting;
use crate::{Error, Real};

/// How a learner chooses actions while it learns.
///
/// The learners are off-policy or correct for the behaviour. Every behaviour that keeps trying all
/// actions leads to the same values. Only the speed depends on the behaviour. No behaviour chooses
/// actions of prior weight 0.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "rand")] {
/// use rand::{SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Behaviour, Learner, SoftQLearning, Task};
/// use softmdp::ndarray::array;
///
/// // Action 0 has value 0, action 1 has value log 3.
/// let action_values = array![[0.0, 3.0_f64.ln()]];
/// let learner = SoftQLearning::new(Task::new(1, 2)?)?.with_action_values(&action_values)?;
/// let mut rng = StdRng::seed_from_u64(1);
/// let mut share = |behaviour| {
///     let learner = learner.clone().with_behaviour(behaviour)?;
///     let actions = (0..10_000).map(|_| learner.act(0, &mut rng));
///     let actions = actions.collect::<Result<Vec<usize>, _>>()?;
///     Ok::<_, softmdp::learning::Error>(actions.iter().sum::<usize>() as f64 / 10_000.0)
/// };
/// assert!((share(Behaviour::Uniform)? - 0.5).abs() < 0.02);
/// assert!((share(Behaviour::EpsilonGreedy(0.1))? - 0.95).abs() < 0.02);
/// assert!((share(Behaviour::Soft)? - 0.75).abs() < 0.02);
/// assert!((share(Behaviour::EpsilonSoft(0.1))? - 0.725).abs() < 0.02);
/// assert!((share(Behaviour::Boltzmann(0.5))? - 0.9).abs() < 0.02); // a ratio of 9 to 1
/// # }
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Behaviour<F = f64> {
    /// All available actions with equal probability.
    Uniform,
    /// An action of largest value. With probability ε in [0, 1], a uniformly drawn action.
    EpsilonGreedy(F),
    /// ∝ ρ exp(Q/τ), with its own temperature τ ≥ 0.
    Boltzmann(F),
    /// The current soft policy: [`Boltzmann`](Self::Boltzmann) at the temperature of the task.
    Soft,
    /// The current soft policy. With probability ε in [0, 1], a uniformly drawn action, so that
    /// the learner keeps trying every action. The default, with ε = 0.1.
    EpsilonSoft(F),
}

impl<F: Real> Default for Behaviour<F> {
    fn default() -> Self {
        Behaviour::EpsilonSoft(F::from_f64(0.1))
    }
}

impl<F: Real> Behaviour<F> {
    /// [`Error::InvalidSetting`] if a parameter is out of range.
    pub(super) fn check(&self) -> Result<(), Error> {
        match *self {
            Behaviour::EpsilonGreedy(epsilon) | Behaviour::EpsilonSoft(epsilon) => check_chance(epsilon),
            Behaviour::Boltzmann(temperature) => {
                let is_valid = temperature >= F::zero() && temperature < F::infinity();
                check_setting(is_valid, "temperature of the behaviour", temperature, "a finite number >= 0")
            }
            Behaviour::Uniform | Behaviour::Soft => Ok(()),
        }
    }

    /// This behaviour in one state, from action values and the temperature of the task.
    pub(super) fn row<'a>(self, prior: &'a [F], action_values: &'a [F], temperature: F) -> Row<'a, F> {
        let temperature = match self {
            Behaviour::Boltzmann(own) => own,
            _ => temperature,
        };
        let zero = F::zero();
        let mut row = Row {
            behaviour: self,
            prior,
            action_values,
            temperature,
            any: zero,
            max: zero,
            best: zero,
            softmax: None,
        };
        let share = |count: usize| F::from_f64(count as f64).recip();
        row.any = share(row.possible().count());
        row.max = row.possible().fold(F::neg_infinity(), |max, action| max.max(action_values[action]));
        row.best = share(row.possible().filter(|&action| action_values[action] == row.max).count());
        if !matches!(self, Behaviour::Uniform | Behaviour::EpsilonGreedy(_)) {
            row.softmax = Softmax::new(row.possible().map(|action| row.log_weight(action)));
        }
        row
    }
}

/// A behaviour in one state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a, F> {
    behaviour: Behaviour<F>,
    prior: &'a [F],
    action_values: &'a [F],
    temperature: F,
    any: F, // probability of an action if all are alike
    max: F,
    best: F,                     // probability of an action of largest value if all of those are alike
    softmax: Option<Softmax<F>>, // of a soft behaviour, unless the row is a dead end
}

impl<F: Real> Row<'_, F> {
    fn possible(&self) -> impl Iterator<Item = usize> + Clone {
        let prior = self.prior;
        (0..prior.len()).filter(move |&action| prior[action] > F::zero())
    }

    /// log ρ + Q/τ of an action, up to a constant; log ρ if all action values are −∞, as in a
    /// policy.
    fn log_weight(&self, action: usize) -> F {
        let log_prior = self.prior[action].ln();
        if self.max == F::neg_infinity() {
            return log_prior;
        }
        let value = self.action_values[action];
        if self.temperature == F::zero() {
            return if value == self.max { log_prior } else { F::neg_infinity() };
        }
        log_prior + gap(value, self.max, self.temperature)
    }

    /// The probability of an action under the soft policy, as a share of `mass`.
    fn soft_share(&self, mass: F, action: usize) -> F {
        self.softmax.map_or(F::zero(), |softmax| softmax.share(mass, self.log_weight(action)))
    }

    /// b(a|s).
    pub(super) fn probability(&self, action: usize) -> F {
        if !(self.prior[action] > F::zero()) {
            return F::zero();
        }
        match self.behaviour {
            Behaviour::Uniform => self.any,
            Behaviour::EpsilonGreedy(epsilon) => {
                let best = if self.action_values[action] == self.max { self.best } else { F::zero() };
                epsilon * self.any + (F::one() - epsilon) * best
            }
            Behaviour::Boltzmann(_) | Behaviour::Soft => self.soft_share(F::one(), action),
            Behaviour::EpsilonSoft(epsilon) => {
                epsilon * self.any + self.soft_share(F::one() - epsilon, action)
            }
        }
    }

    /// log b(a|s) of an available action, also where b underflows.
    pub(super) fn log_probability(&self, action: usize) -> F {
        match self.behaviour {
            Behaviour::Boltzmann(_) | Behaviour::Soft => {
                let log_weight = self.log_weight(action);
                self.softmax.map_or(F::neg_infinity(), |softmax| softmax.log_probability(log_weight))
            }
            _ => self.probability(action).ln(),
        }
    }

    /// Draws an action; `None` in a dead end.
    #[cfg(feature = "rand")]
    pub(super) fn draw<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> Option<usize> {
        crate::kernels::draw(rng, self.possible().map(|action| (action, self.probability(action))))
    }
}

#[cfg(test)]
mod tests {
    use approx::{abs_diff_eq, assert_abs_diff_eq};

    use super::*;

    #[test]
    fn probabilities_add_up_and_are_those_of_their_logarithms() {
        let (prior, values) = ([1.0, 0.0, 3.0, 2.0], [1.0_f64, f64::NEG_INFINITY, 2.0, 2.0]);
        let soft = [1.0, 3.0 * 0.5_f64.exp(), 2.0 * 0.5_f64.exp()].map(|w| w / (1.0 + 5.0 * 0.5_f64.exp()));
        let cold = (-2.0_f64).exp() + 5.0;
        for (behaviour, expected) in [
            (Behaviour::Uniform, [1.0 / 3.0; 3]),
            (Behaviour::EpsilonGreedy(0.3), [0.1, 0.45, 0.45]),
            (Behaviour::Boltzmann(0.5), [(-2.0_f64).exp() / cold, 3.0 / cold, 2.0 / cold]),
            (Behaviour::Boltzmann(0.0), [0.0, 0.6, 0.4]), // ties are split by the prior
            (Behaviour::Soft, soft),
            (Behaviour::EpsilonSoft(0.3), soft.map(|p| 0.1 + 0.7 * p)),
        ] {
            let row = behaviour.row(&prior, &values, 2.0);
            assert_eq!(row.probability(1), 0.0);
            for (action, expected) in [0, 2, 3].into_iter().zip(expected) {
                assert!(abs_diff_eq!(row.probability(action), expected, epsilon = 1e-15), "{behaviour:?}");
                assert!(
                    abs_diff_eq!(row.log_probability(action).exp(), expected, epsilon = 1e-15),
                    "{behaviour:?}"
                );
            }
        }
    }

    #[test]
    fn a_row_without_hope_is_left_by_the_prior() {
        let row = Behaviour::Soft.row(&[1.0, 3.0], &[f64::NEG_INFINITY; 2], 1.0);
        assert_abs_diff_eq!(row.log_probability(1), 0.75_f64.ln(), epsilon = 1e-15);
        let row = Behaviour::EpsilonGreedy(0.5).row(&[1.0, 3.0], &[f64::NEG_INFINITY; 2], 1.0);
        assert_eq!(row.probability(0), row.probability(1));
    }

    #[test]
    fn extreme_priors_and_values_have_probabilities() {
        let row = Behaviour::Soft.row(&[1e-300, 1e300], &[1400.0, 0.0], 1.0);
        let log_odds = 1400.0 - 600.0 * 10_f64.ln();
        assert_abs_diff_eq!(row.log_probability(1) - row.log_probability(0), -log_odds, epsilon = 1e-9);
    }
}
