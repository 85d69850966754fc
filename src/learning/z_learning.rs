//! Z-learning: direct inference from samples.
//!
//! ```text
//! β(s) += η ( ρ(a|s)/b(a|s) · exp(r/τ) ( γ β(s') + 1−γ ) − β(s) )               (Q2)
//! β(s,a) += η ( exp(r/τ) ( γ β(s') + 1−γ ) − β(s,a) )
//! ```
//!
//! where b is the behaviour, and a terminal s' has β = exp(V_T/τ). Both lines average plain
//! numbers, because direct inference is linear in β (D11). The first line learns state values. The
//! second line learns action values. It needs no weight ρ/b, because the action is given.
//!
//! # Form computed
//!
//! Messages span hundreds of orders of magnitude. So the learner stores logarithms. It computes
//! log β = log( (1−η) β + η target ) relative to the larger term.
//!
//! # References
//!
//! Todorov, *Linearly-solvable Markov decision problems*, NIPS 2006, §3.

use ndarray::{Array, ArrayView};

use super::behaviour::Behaviour;
use super::error::Error;
use super::horizon::{Horizon, Stationary};
use super::learner::Learner;
use super::schedule::{StepSize, count, default_step_size};
use super::step::Step;
use super::task::{Next, StepIndex, Task};
use crate::kernels::{log_add_exp, offset};
use crate::mdp::check_setting;
use crate::{Real, Table};

/// Learns the backward messages of direct inference from steps, off-policy (Q2).
///
/// The larger the message β(s), the more probable is success from s
/// ([`Inference::Direct`](crate::Inference::Direct)). The steps come from the true dynamics. Each
/// sample has the weight ρ/b, which is 1 if actions are drawn from the prior. The variance is small
/// if exp(r/τ) ρ/b is nearly the same for all actions.
///
/// Without a horizon, β is a sum over all trajectories to a terminal state or to †. If this sum is
/// not finite, the estimates grow without bound.
///
/// [`update`](Learner::update) assumes that the action was just chosen by [`act`](Learner::act).
/// [`update_from`](Self::update_from) takes the probability of the action instead, for steps of any
/// behaviour.
///
/// # Example
///
/// ```
/// use softmdp::learning::{Learner, Step, StepSize, Task, ZLearning};
///
/// // Two actions pay log 1 and log 3 and end the episode: β = 1 + 3 with a counting prior.
/// let task = Task::new(2, 2)?.with_terminal_states([1])?;
/// let mut learner = ZLearning::new(task)?.with_step_size(StepSize::Polynomial { exponent: 1.0 })?;
/// let end = |action, reward: f64| Step { terminated: true, ..Step::new(0, action, reward, 1) };
/// learner.update_from(&end(0, 0.0), 0.5)?;
/// learner.update_from(&end(1, 3.0_f64.ln()), 0.5)?;
/// assert!((learner.state_values()?[0] - 4.0_f64.ln()).abs() < 1e-15);
/// assert!((learner.policy()?.probabilities()[[0, 1]] - 0.75).abs() < 1e-15);
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct ZLearning<F = f64, H = Stationary> {
    #[cfg_attr(
        feature = "serde",
        serde(bound(
            serialize = "F: serde::Serialize, H: serde::Serialize",
            deserialize = "F: Real + serde::Deserialize<'de>, H: Horizon + serde::Deserialize<'de>"
        ))
    )]
    task: Task<F, H>,
    step_size: StepSize<F>,
    behaviour: Behaviour<F>,
    log_backward: Vec<F>,  // log β(s), [t, s]
    action_values: Vec<F>, // τ log β(s,a), [t, s, a]
    state_visits: Vec<u32>,
    visits: Vec<u32>,
}

impl<F: Real, H: Horizon> ZLearning<F, H> {
    /// Returns a learner whose messages are all 1 and whose values are all 0.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ZeroTemperature`](crate::Error::ZeroTemperature), since there are no
    /// messages at temperature 0; [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(task: Task<F, H>) -> Result<Self, Error> {
        if task.temperature() == F::zero() {
            return Err(crate::Error::ZeroTemperature { table: Table::BackwardMessages }.into());
        }
        let action_values = task.action_values(Table::ActionValues, F::zero())?;
        // Only states without available actions have log β = −∞ at the start.
        let rows = action_values.chunks_exact(task.num_actions());
        let best = |row: &[F]| row.iter().fold(F::neg_infinity(), |max, &value| max.max(value));
        Ok(Self {
            log_backward: rows.map(best).collect(),
            action_values,
            state_visits: vec![0; task.num_rows()],
            visits: task.filled(Table::Visits, 0)?,
            step_size: default_step_size(task.discount()),
            behaviour: Behaviour::default(),
            task,
        })
    }

    /// Sets the step sizes, by the number of visits of each state and of each pair. The default is
    /// that of [`SoftQLearning`](super::SoftQLearning).
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_step_size(self, step_size: StepSize<F>) -> Result<Self, Error> {
        step_size.check()?;
        Ok(Self { step_size, ..self })
    }

    /// Sets how actions are chosen.
    ///
    /// The default is [`Behaviour::EpsilonSoft`] with ε = 0.1: the current posterior policy, mixed
    /// with uniform actions so that no weight ρ/b is large. [`Behaviour::Soft`] and
    /// [`Behaviour::Boltzmann`] have a smaller variance. But if the first sample of an action is
    /// −∞, they never try the action again, even if success is possible from another successor.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting); ε and temperature have to
    /// be positive, since a behaviour that never takes an action cannot estimate its share.
    pub fn with_behaviour(self, behaviour: Behaviour<F>) -> Result<Self, Error> {
        behaviour.check()?;
        check_covers(behaviour)?;
        Ok(Self { behaviour, ..self })
    }

    /// The behaviour, which chooses actions.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour<F> {
        self.behaviour
    }

    /// Learns from a step whose action had the probability b(a∣s). This allocates no memory.
    ///
    /// # Errors
    ///
    /// Those of [`update`](Learner::update); [`Error::InvalidBehaviour`] unless the probability is
    /// in (0, 1]. An error leaves the learner unchanged.
    pub fn update_from(&mut self, step: &Step<F>, probability: F) -> Result<(), Error> {
        let index = self.task.locate(step)?;
        if !(probability > F::zero() && probability <= F::one()) {
            let (state, action, value) = (step.state, step.action, probability.into_f64());
            return Err(Error::InvalidBehaviour { state, action, value });
        }
        self.learn_from(step, index, probability.ln())
    }

    fn learn_from(&mut self, step: &Step<F>, index: StepIndex<F>, log_probability: F) -> Result<(), Error> {
        let (row, pair) = (index.row, index.pair);
        let overflow = || self.task.overflow(Table::BackwardMessages, row);
        let log_next = match index.next {
            Next::End(_) if self.task.discount() == F::zero() => Some(F::zero()),
            Next::End(value) => self.in_nats(value),
            Next::Row(next) => Some(self.log_backward[next]),
        };
        let (log_reward, log_next) = self.in_nats(step.reward).zip(log_next).ok_or_else(overflow)?;
        // log( exp(r/τ) (γ β(s') + 1−γ) )
        let log_target = sum_of_logs(log_reward, self.log_or_leave(log_next)).ok_or_else(overflow)?;
        let log_weight = self.task.prior_row(row)[step.action].ln() - log_probability;
        let state_size = self.step_size.after(self.state_visits[row]);
        let size = self.step_size.after(self.visits[pair]);
        let log_sample = sum_of_logs(log_weight, log_target).ok_or_else(overflow)?;
        let log_backward = log_mix(self.log_backward[row], log_sample, state_size).ok_or_else(overflow)?;
        let log_old = self.in_nats(self.action_values[pair]).ok_or_else(overflow)?;
        let log_action = log_mix(log_old, log_target, size).ok_or_else(overflow)?;
        let action_value = self.in_rewards(log_action).ok_or_else(overflow)?;
        (self.log_backward[row], self.action_values[pair]) = (log_backward, action_value);
        count(&mut self.state_visits[row]);
        count(&mut self.visits[pair]);
        Ok(())
    }

    /// v/τ, below +∞; `None` if a finite number leaves the number type, since −∞ would mean
    /// impossible.
    fn in_nats(&self, value: F) -> Option<F> {
        let nats = value / self.task.temperature();
        (nats.is_finite() || value == F::neg_infinity()).then_some(nats)
    }

    /// τ log β, below +∞; `None` if a finite number leaves the number type.
    fn in_rewards(&self, log: F) -> Option<F> {
        let value = offset(F::zero(), self.task.temperature(), log);
        (value.is_finite() || log == F::neg_infinity()).then_some(value)
    }

    /// log(γ β + 1 − γ).
    fn log_or_leave(&self, log_next: F) -> F {
        let discount = self.task.discount();
        if discount == F::one() {
            return log_next;
        }
        if discount == F::zero() {
            return F::zero();
        }
        log_add_exp(discount.ln() + log_next, (-discount).ln_1p())
    }

    /// The estimate of Q(s,a) = τ log β(s,a), `[s, a]`, or `[t, s, a]` with a finite horizon, in
    /// reward units. It is −∞ for unavailable actions and in terminal states.
    #[must_use]
    pub fn action_values(&self) -> ArrayView<'_, F, H::Pairs> {
        self.task.view(&self.action_values)
    }

    /// Number of updates of each pair, `[s, a]`, or `[t, s, a]` with a finite horizon.
    #[must_use]
    pub fn visits(&self) -> ArrayView<'_, u32, H::Pairs> {
        self.task.view(&self.visits)
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), Error> {
        self.step_size.check()?;
        self.behaviour.check()?;
        check_covers(self.behaviour)?;
        if self.task.temperature() == F::zero() {
            return Err(crate::Error::ZeroTemperature { table: Table::BackwardMessages }.into());
        }
        let rows = self.task.num_rows();
        let len = rows * self.task.num_actions();
        super::serde_impls::check_len(Table::Visits, &self.visits, len)?;
        super::serde_impls::check_len(Table::Visits, &self.state_visits, rows)?;
        super::serde_impls::check_table(Table::BackwardMessages, &self.log_backward, rows, true)?;
        super::serde_impls::check_table(Table::ActionValues, &self.action_values, len, true)?;
        self.task.check_forbidden(Table::ActionValues, &self.action_values)
    }
}

impl<F: Real, H: Horizon> Learner for ZLearning<F, H> {
    type Scalar = F;
    type Horizon = H;

    fn task(&self) -> &Task<F, H> {
        &self.task
    }

    /// The posterior policy: ρ β(s,a), normalised.
    fn policy(&self) -> Result<H::Policy<F>, Error> {
        let row = |row, out: &mut [F]| out.copy_from_slice(&self.action_values[self.task.pairs(row)]);
        self.task.soft_policy(row, self.task.temperature())
    }

    /// τ log β(s).
    fn state_values(&self) -> Result<Array<F, H::States>, Error> {
        self.task.state_values(|row| self.in_rewards(self.log_backward[row]))
    }

    fn update(&mut self, step: &Step<F>) -> Result<(), Error> {
        let index = self.task.locate(step)?;
        let (prior, pairs) = (self.task.prior_row(index.row), self.task.pairs(index.row));
        let row = self.behaviour.row(prior, &self.action_values[pairs], self.task.temperature());
        let log_probability = row.log_probability(step.action);
        if !log_probability.is_finite() {
            let (state, action) = (step.state, step.action);
            return Err(Error::InvalidBehaviour { state, action, value: 0.0 });
        }
        self.learn_from(step, index, log_probability)
    }

    #[cfg(feature = "rand")]
    fn act_at<R: rand::Rng + ?Sized>(&self, stage: usize, state: usize, rng: &mut R) -> Result<usize, Error> {
        let row = self.task.acting_row(stage, state)?;
        let (prior, values) = (self.task.prior_row(row), &self.action_values[self.task.pairs(row)]);
        let choice = self.behaviour.row(prior, values, self.task.temperature()).draw(rng);
        choice.ok_or(Error::DeadEnd { stage, state })
    }
}

#[cfg(feature = "serde")]
super::serde_impls::checked!(ZLearning<F, H>);

/// [`InvalidSetting`](crate::Error::InvalidSetting) for a behaviour that never takes some of the
/// actions.
fn check_covers<F: Real>(behaviour: Behaviour<F>) -> Result<(), crate::Error> {
    let (setting, value) = match behaviour {
        Behaviour::EpsilonGreedy(epsilon) | Behaviour::EpsilonSoft(epsilon) => {
            ("chance of a random action", epsilon)
        }
        Behaviour::Boltzmann(temperature) => ("temperature of the behaviour", temperature),
        Behaviour::Uniform | Behaviour::Soft => return Ok(()),
    };
    check_setting(value > F::zero(), setting, value, "a number > 0, so that every action is tried")
}

/// The sum of two logarithms; `None` if finite ones leave the number type.
fn sum_of_logs<F: Real>(a: F, b: F) -> Option<F> {
    let sum = a + b;
    (sum.is_finite() || a == F::neg_infinity() || b == F::neg_infinity()).then_some(sum)
}

/// log( (1−η) exp(old) + η exp(target) ); `None` if finite logarithms leave the number type.
fn log_mix<F: Real>(log_old: F, log_target: F, step_size: F) -> Option<F> {
    if step_size == F::one() {
        return Some(log_target);
    }
    let mixed = log_add_exp((-step_size).ln_1p() + log_old, step_size.ln() + log_target);
    (mixed.is_finite() || log_old.max(log_target) == F::neg_infinity()).then_some(mixed)
}
