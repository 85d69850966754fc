//! Actors: policies computed from the critics.

use crate::kernels::{LogMemo, SoftRow, soft_maximum, softmax};
#[cfg(feature = "rand")]
use crate::kernels::{Softmax, draw, gap};
use crate::learning::settings::check_rate;
use crate::{Error, Real};

/// The rule that computes the policy from the critics.
///
/// # Example
///
/// ```
/// use softmdp::learning::{Actor, Learner, SoftActorCritic, Step, Task};
///
/// // Action 1 pays 1, once. The exact actor follows at once; the gradient actor takes one step.
/// let task = Task::new(1, 2)?.with_discount(0.0)?;
/// let step = Step::new(0, 1, 1.0, 0);
/// let mut exact = SoftActorCritic::new(task)?;
/// let mut climber = exact.clone().with_actor(Actor::Gradient(0.1))?;
/// exact.update(&step)?;
/// climber.update(&step)?;
/// let (exact, climber) = (exact.policy()?, climber.policy()?);
/// assert!((exact.probabilities()[[0, 1]] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
/// let climbed = 1.0 / (1.0 + (-0.05_f64).exp()); // θ = ∓ 0.1 · ½ · ½
/// assert!((climber.probabilities()[[0, 1]] - climbed).abs() < 1e-15);
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Actor<F = f64> {
    /// π ∝ ρ exp(Q/τ) after every update. The default.
    #[default]
    Exact,
    /// A softmax of preferences that ascend by gradient steps of this size: one step at each
    /// update, in the state of the step. It leaves out actions whose value is −∞.
    Gradient(F),
}

impl<F: Real> Actor<F> {
    pub(super) fn check(&self) -> Result<(), Error> {
        match *self {
            Actor::Exact => Ok(()),
            Actor::Gradient(rate) => check_rate(rate, "step size of the actor"),
        }
    }
}

/// The actor in one state.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActorRow<'a, F> {
    pub(super) prior: &'a [F],
    /// θ of a gradient actor.
    pub(super) preferences: Option<&'a [F]>,
    pub(super) temperature: F,
}

impl<F: Real> ActorRow<'_, F> {
    /// Writes the policy for these action values and returns Σ π ( Q − τ log(π/ρ) ).
    pub(super) fn write(&self, values: &[F], out: SoftRow<'_, F>) -> F {
        let Some(preferences) = self.preferences else {
            // For the exact actor the sum is the soft maximum.
            return soft_maximum(self.prior, values, self.temperature, &mut LogMemo::new(), Some(out));
        };
        let SoftRow { probabilities, logs } = out;
        let rows = SoftRow { probabilities: &mut *probabilities, logs: &mut *logs };
        softmax(|action| alive(preferences[action], values[action]), self.prior, rows);
        let taken = |&action: &usize| probabilities[action] > F::zero() && values[action] > F::neg_infinity();
        let (mut value, mut log_prior) = (None, LogMemo::new());
        for action in (0..values.len()).filter(taken) {
            let cost = self.temperature * (logs[action] - log_prior.log(self.prior[action]));
            value = Some(value.unwrap_or_else(F::zero) + probabilities[action] * (values[action] - cost));
        }
        value.unwrap_or_else(F::neg_infinity)
    }

    /// −Σ π log(π/ρ), in nats.
    pub(super) fn entropy(&self, probabilities: &[F], logs: &[F]) -> F {
        let mut log_prior = LogMemo::new();
        let taken = (0..probabilities.len()).filter(|&action| probabilities[action] > F::zero());
        taken.fold(F::zero(), |sum, action| {
            sum - probabilities[action] * (logs[action] - log_prior.log(self.prior[action]))
        })
    }

    /// Draws an action, asking for action values one by one; `None` in a dead end.
    #[cfg(feature = "rand")]
    pub(super) fn draw<R: rand::Rng + ?Sized>(
        &self,
        value: impl Fn(usize) -> F,
        rng: &mut R,
    ) -> Option<usize> {
        let actions = 0..self.prior.len();
        let max = actions.clone().fold(F::neg_infinity(), |max, action| max.max(value(action)));
        let log_weight = |action: usize| match self.preferences {
            // Without hope the policy row is the normalised prior.
            _ if max == F::neg_infinity() => self.prior[action].ln(),
            Some(preferences) => alive(preferences[action], value(action)),
            None if self.prior[action] == F::zero() => F::neg_infinity(),
            None => gap(value(action), max, self.temperature) + self.prior[action].ln(),
        };
        let softmax = Softmax::new(actions.clone().map(log_weight))?;
        draw(rng, actions.map(|action| (action, softmax.share(F::one(), log_weight(action)))))
    }
}

/// The preference for an action; −∞ if its value is −∞.
fn alive<F: Real>(preference: F, value: F) -> F {
    if value == F::neg_infinity() { value } else { preference }
}

/// Takes the step θ(a) += κ π(a) ( Q(a) − τ log(π(a)/ρ(a)) − mean ) in a row. Returns `None`, and
/// changes no preference, if one leaves the number type. Overwrites `logs`.
pub(super) fn climb<F: Real>(
    preferences: &mut [F],
    rate: F,
    (values, prior): (&[F], &[F]),
    (probabilities, logs): (&[F], &mut [F]),
    (temperature, mean): (F, F),
) -> Option<()> {
    let mut log_prior = LogMemo::new();
    for action in 0..values.len() {
        let is_taken = probabilities[action] > F::zero() && values[action] > F::neg_infinity();
        let advantage = values[action] - temperature * (logs[action] - log_prior.log(prior[action])) - mean;
        let step = if is_taken { rate * (probabilities[action] * advantage) } else { F::zero() };
        if !(preferences[action] + step).is_finite() && is_taken {
            return None;
        }
        logs[action] = preferences[action] + step;
    }
    preferences.copy_from_slice(logs);
    Some(())
}
