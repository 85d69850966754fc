//! Soft Q-learning.
//!
//! ```text
//! Q(s,a) += η ( r + γ·τ log Σ_a' ρ(a'|s') exp(Q(s',a')/τ) − Q(s,a) )                       (Q1)
//! ```
//!
//! The target is a sample of the backup of variational inference (V2, V3). Q therefore converges to
//! the result of the planner under any behaviour that keeps trying every action. With a finite
//! horizon there is a table for each stage, and stage T has the value V_T.
//!
//! # Limits
//!
//! At τ = 0 this is Watkins' Q-learning. After a target of −∞, Q stays −∞.
//!
//! # References
//!
//! Haarnoja, Tang, Abbeel and Levine, *Reinforcement Learning with Deep Energy-Based Policies*,
//! ICML 2017; Watkins and Dayan, *Q-learning*, Machine Learning 8, 1992.

use ndarray::{Array, ArrayRef, ArrayView};

use super::behaviour::Behaviour;
use super::error::Error;
use super::horizon::{Horizon, Stationary};
use super::learner::Learner;
use super::schedule::{StepSize, count, default_step_size, mix};
use super::step::Step;
use super::task::{Next, StepIndex, Task};
use crate::kernels::{LogMemo, soft_maximum};
use crate::{Real, Table};

/// Learns the action values of variational inference from steps, off-policy (Q1).
///
/// With Robbins–Monro step sizes, and if the behaviour keeps trying every action, it converges to
/// the result of [`solve_stationary`](crate::solve_stationary). With a horizon it converges to the
/// result of [`SoftValueIteration`](crate::SoftValueIteration) for
/// [`Inference::Variational`](crate::Inference::Variational). The default step size is
/// [`StepSize::Hyperbolic`] with h = 2/(1−γ), or h = 20 at γ = 1.
///
/// The behaviour determines the speed. Action values start at 0. If rewards are positive, 0 is too
/// low, and a nearly greedy behaviour repeats the actions that it tried first. With initial values
/// that are too high ([`with_action_values`](Self::with_action_values)), it tries every action.
///
/// # Example
///
/// ```
/// use softmdp::learning::{Learner, SoftQLearning, Step, StepSize, Task};
///
/// // Two actions pay log 1 and log 3 and end the episode.
/// let task = Task::new(2, 2)?.with_terminal_states([1])?;
/// let mut learner = SoftQLearning::new(task)?.with_step_size(StepSize::Constant(1.0))?;
/// learner.update(&Step { terminated: true, ..Step::new(0, 0, 0.0, 1) })?;
/// learner.update(&Step { terminated: true, ..Step::new(0, 1, 3.0_f64.ln(), 1) })?;
/// assert!((learner.state_values()?[0] - 4.0_f64.ln()).abs() < 1e-15);
/// assert!((learner.policy()?.probabilities()[[0, 1]] - 0.75).abs() < 1e-15);
///
/// // An invalid step is an error and leaves the learner unchanged.
/// let before = learner.clone();
/// assert!(learner.update(&Step::new(0, 0, f64::NAN, 0)).is_err());
/// assert!(learner.update(&Step::new(1, 0, 0.0, 0)).is_err()); // state 1 is terminal
/// assert_eq!(learner, before);
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct SoftQLearning<F = f64, H = Stationary> {
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
    action_values: Vec<F>, // [t, s, a]
    visits: Vec<u32>,      // [t, s, a]
}

impl<F: Real, H: Horizon> SoftQLearning<F, H> {
    /// Returns a learner whose action values are all 0.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(task: Task<F, H>) -> Result<Self, Error> {
        Ok(Self {
            action_values: task.action_values(Table::ActionValues, F::zero())?,
            visits: task.filled(Table::Visits, 0)?,
            step_size: default_step_size(task.discount()),
            behaviour: Behaviour::default(),
            task,
        })
    }

    /// Sets the step sizes, by the number of visits of each state–action pair.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_step_size(self, step_size: StepSize<F>) -> Result<Self, Error> {
        step_size.check()?;
        Ok(Self { step_size, ..self })
    }

    /// Sets how actions are chosen. The default is [`Behaviour::EpsilonSoft`] with ε = 0.1.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_behaviour(self, behaviour: Behaviour<F>) -> Result<Self, Error> {
        behaviour.check()?;
        Ok(Self { behaviour, ..self })
    }

    /// Sets the initial action values and resets the visit counts. Entries of unavailable actions
    /// and of terminal states become −∞.
    ///
    /// # Shapes
    ///
    /// `action_values` `[s, a]`, or `[t, s, a]` with a finite horizon.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch);
    /// [`softmdp::Error::InvalidEntry`](crate::Error::InvalidEntry) for NaN and +∞.
    pub fn with_action_values(self, action_values: &ArrayRef<F, H::Pairs>) -> Result<Self, Error> {
        let action_values = self.task.take_table(Table::ActionValues, action_values)?;
        Ok(Self { action_values, visits: self.task.filled(Table::Visits, 0)?, ..self })
    }

    /// The behaviour, which chooses actions.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour<F> {
        self.behaviour
    }

    /// The estimate of Q(s,a), `[s, a]`, or `[t, s, a]` with a finite horizon, in reward units. It
    /// is −∞ for unavailable actions and in terminal states.
    #[must_use]
    pub fn action_values(&self) -> ArrayView<'_, F, H::Pairs> {
        self.task.view(&self.action_values)
    }

    /// Number of updates of each pair, `[s, a]`, or `[t, s, a]` with a finite horizon.
    #[must_use]
    pub fn visits(&self) -> ArrayView<'_, u32, H::Pairs> {
        self.task.view(&self.visits)
    }

    fn copy_row(&self, row: usize, out: &mut [F]) {
        out.copy_from_slice(&self.action_values[self.task.pairs(row)]);
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), Error> {
        self.step_size.check()?;
        self.behaviour.check()?;
        let len = self.task.num_rows() * self.task.num_actions();
        super::serde_impls::check_len(Table::Visits, &self.visits, len)?;
        super::serde_impls::check_table(Table::ActionValues, &self.action_values, len, true)?;
        self.task.check_forbidden(Table::ActionValues, &self.action_values)
    }
}

impl<F: Real, H: Horizon> Learner for SoftQLearning<F, H> {
    type Scalar = F;
    type Horizon = H;

    fn task(&self) -> &Task<F, H> {
        &self.task
    }

    /// The soft policy of the action values: ρ exp(Q/τ), normalised. The learner acts by this
    /// policy only if its behaviour is [`Behaviour::Soft`].
    fn policy(&self) -> Result<H::Policy<F>, Error> {
        self.task.soft_policy(|row, out| self.copy_row(row, out), self.task.temperature())
    }

    /// The soft maximum of the action values.
    fn state_values(&self) -> Result<Array<F, H::States>, Error> {
        self.task.soft_values(|row, out| self.copy_row(row, out), self.task.temperature())
    }

    fn update(&mut self, step: &Step<F>) -> Result<(), Error> {
        let StepIndex { row, pair, next } = self.task.locate(step)?;
        let next_value = match next {
            Next::End(value) => value,
            Next::Row(_) if self.task.discount() == F::zero() => F::zero(),
            Next::Row(next) => {
                let (prior, values) = (self.task.prior_row(next), &self.action_values[self.task.pairs(next)]);
                let value = soft_maximum(prior, values, self.task.temperature(), &mut LogMemo::new(), None);
                let value = self.task.unless_lost(next, values, value);
                value.ok_or_else(|| self.task.overflow(Table::StateValues, next))?
            }
        };
        let target = self.task.target(step.reward, next_value);
        let step_size = self.step_size.after(self.visits[pair]);
        let value = target.and_then(|target| mix(self.action_values[pair], target, step_size));
        self.action_values[pair] = value.ok_or_else(|| self.task.overflow(Table::ActionValues, row))?;
        count(&mut self.visits[pair]);
        Ok(())
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
super::serde_impls::checked!(SoftQLearning<F, H>);
