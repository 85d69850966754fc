//! Tasks: problems without their dynamics and rewards.

mod step_index;
mod tables;

use ndarray::{Array1, Array2, ArrayView1};

pub(super) use step_index::{Next, StepIndex};

use super::error::Error;
use super::horizon::{FiniteHorizon, Horizon, Stationary};
use crate::arrays::{self, check_shape, filled};
use crate::mdp::{
    check_discount, check_options, check_prior_weight, check_temperature, check_terminal_values,
};
use crate::{Inference, Model, Real, Table};

/// The task of a learner: numbers of states and actions, discount, temperature, action prior,
/// terminal states and values.
///
/// A learner has no access to the dynamics or the rewards. It learns from [`Step`](super::Step)s.
/// Make a task from a model with [`Task::of`] or [`Task::of_stages`], or for your own environment
/// with [`Task::new`]. [`Task::within`] sets a finite horizon.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, learning::Task, ndarray::array};
///
/// // Your own environment: 3 states, of which state 2 ends the episode, and 2 actions.
/// let task = Task::<f64>::new(3, 2)?.with_discount(0.9)?.with_terminal_states([2])?;
/// assert!(task.is_terminal(2));
///
/// // The task of a model that a planner could solve.
/// let transitions = array![[[0.5, 0.5]], [[1.0, 0.0]]];
/// let mdp = Mdp::new(transitions, array![[1.0], [2.0]])?.with_discount(0.9)?;
/// assert_eq!(Task::of(&mdp)?.discount(), 0.9);
/// assert_eq!(Task::of(&mdp)?.within(10).horizon().horizon, 10);
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct Task<F = f64, H = Stationary> {
    horizon: H,
    discount: F,
    temperature: F,
    num_actions: usize,
    prior: Vec<F>, // [s, a], or [t, s, a] where it differs from stage to stage
    is_terminal: Vec<bool>,
    terminal_values: Vec<F>,
}

impl<F: Real> Task<F> {
    /// Returns a task with default options: discount 1, temperature 1, counting prior, all actions
    /// available, no terminal states, terminal values 0.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::EmptyModel`](crate::Error::EmptyModel) without states or actions;
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(num_states: usize, num_actions: usize) -> Result<Self, Error> {
        check_not_empty(num_states, num_actions)?;
        let prior = arrays::filled_vec(Table::ActionPrior, (num_states, num_actions), F::one())?;
        Ok(Self {
            horizon: Stationary,
            discount: F::one(),
            temperature: F::one(),
            num_actions,
            prior,
            is_terminal: vec![false; num_states],
            terminal_values: vec![F::zero(); num_states],
        })
    }

    /// Returns the task of a model whose stages are all equal.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::NotHomogeneous`](crate::Error::NotHomogeneous) unless
    /// [`Model::is_homogeneous`] is `true`; the errors of a [`Model`] of your own, and of the
    /// checks of its tables.
    pub fn of<M: Model<Scalar = F> + ?Sized>(mdp: &M) -> Result<Self, Error> {
        if !mdp.is_homogeneous() {
            return Err(crate::Error::NotHomogeneous.into());
        }
        Self::gather(mdp, Stationary, 1)
    }

    /// Returns this task with a finite horizon, with tables for each stage.
    #[must_use]
    pub fn within(self, horizon: usize) -> Task<F, FiniteHorizon> {
        let Self { discount, temperature, num_actions, prior, is_terminal, terminal_values, .. } = self;
        let horizon = FiniteHorizon { horizon };
        Task { horizon, discount, temperature, num_actions, prior, is_terminal, terminal_values }
    }
}

impl<F: Real> Task<F, FiniteHorizon> {
    /// Returns the task of the first `horizon` stages of a model. The stages may differ.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::HorizonOutOfRange`](crate::Error::HorizonOutOfRange) if the model has
    /// fewer stages; [`softmdp::Error::TooLarge`](crate::Error::TooLarge); the errors of a
    /// [`Model`] of your own, and of the checks of its tables.
    pub fn of_stages<M: Model<Scalar = F> + ?Sized>(mdp: &M, horizon: usize) -> Result<Self, Error> {
        check_options(mdp, horizon)?;
        let num_priors = if mdp.is_homogeneous() { 1 } else { horizon };
        Self::gather(mdp, FiniteHorizon { horizon }, num_priors)
    }
}

impl<F: Real, H: Horizon> Task<F, H> {
    fn gather<M: Model<Scalar = F> + ?Sized>(mdp: &M, horizon: H, num_priors: usize) -> Result<Self, Error> {
        check_options(mdp, num_priors.min(horizon.num_stages()))?;
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let shape = (num_priors, num_states, num_actions);
        let mut prior = filled(Table::ActionPrior, shape, F::zero())?;
        for (t, mut stage) in prior.outer_iter_mut().enumerate() {
            let weights = mdp.stage(t, Inference::Variational)?.action_prior;
            check_shape(Table::ActionPrior, weights.shape(), &[num_states, num_actions])?;
            stage.assign(&weights);
        }
        let task = Self {
            horizon,
            discount: mdp.discount(),
            temperature: mdp.temperature(),
            num_actions,
            prior: arrays::into_vec(prior),
            is_terminal: (0..num_states).map(|state| mdp.is_terminal(state)).collect(),
            terminal_values: mdp.terminal_values().to_vec(),
        };
        task.check()?;
        Ok(task)
    }

    /// This task with another discount.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_discount(self, discount: F) -> Result<Self, Error> {
        check_discount(discount)?;
        Ok(Self { discount, ..self })
    }

    /// This task with another temperature.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_temperature(self, temperature: F) -> Result<Self, Error> {
        check_temperature(temperature)?;
        Ok(Self { temperature, ..self })
    }

    /// This task with other prior weights ρ(a∣s), `[s, a]`, for all stages. A weight of 0 makes an
    /// action unavailable; a row of zeros makes a dead end.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`softmdp::Error::InvalidPriorWeight`](crate::Error::InvalidPriorWeight).
    pub fn with_prior_weights(self, prior: Array2<F>) -> Result<Self, Error> {
        check_shape(Table::ActionPrior, prior.shape(), &[self.num_states(), self.num_actions])?;
        for ((state, action), &weight) in prior.indexed_iter() {
            check_prior_weight(state, action, weight)?;
        }
        Ok(Self { prior: prior.iter().copied().collect(), ..self })
    }

    /// This task with other terminal states, in which an episode ends.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::StateOutOfRange`](crate::Error::StateOutOfRange).
    pub fn with_terminal_states(
        mut self,
        terminal_states: impl IntoIterator<Item = usize>,
    ) -> Result<Self, Error> {
        self.is_terminal.fill(false);
        for state in terminal_states {
            check_state(Table::TerminalStates, state, self.num_states())?;
            self.is_terminal[state] = true;
        }
        Ok(self)
    }

    /// This task with other terminal values V_T, `[s]`.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`softmdp::Error::InvalidTerminalValue`](crate::Error::InvalidTerminalValue).
    pub fn with_terminal_values(self, terminal_values: Array1<F>) -> Result<Self, Error> {
        check_terminal_values(terminal_values.view(), self.num_states())?;
        Ok(Self { terminal_values: terminal_values.to_vec(), ..self })
    }

    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.is_terminal.len()
    }

    /// Number A of actions.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.num_actions
    }

    /// The horizon: one table for all stages, or one for each stage.
    #[must_use]
    pub fn horizon(&self) -> H {
        self.horizon
    }

    /// γ, in [0, 1].
    #[must_use]
    pub fn discount(&self) -> F {
        self.discount
    }

    /// τ ≥ 0, in reward units per nat.
    #[must_use]
    pub fn temperature(&self) -> F {
        self.temperature
    }

    /// V_T, `[s]`, in reward units.
    #[must_use]
    pub fn terminal_values(&self) -> ArrayView1<'_, F> {
        ArrayView1::from(&self.terminal_values)
    }

    /// Whether the episode ends in this state.
    ///
    /// # Panics
    ///
    /// If the state is out of range.
    #[must_use]
    pub fn is_terminal(&self, state: usize) -> bool {
        self.is_terminal[state]
    }

    /// ρ(a∣s) of a stage, `[a]`; 0 for unavailable actions. The stage matters only if the prior
    /// varies by stage.
    ///
    /// # Panics
    ///
    /// If stage or state are out of range.
    #[must_use]
    pub fn prior_weights(&self, stage: usize, state: usize) -> &[F] {
        assert!(state < self.num_states(), "state {state} of {}", self.num_states());
        let is_steady = self.prior.len() == self.num_states() * self.num_actions;
        let row = if is_steady { state } else { stage * self.num_states() + state };
        &self.prior[row * self.num_actions..(row + 1) * self.num_actions]
    }

    /// Checks the tables of a model of the caller's, or of a file.
    fn check(&self) -> Result<(), Error> {
        let (num_states, num_actions) = (self.num_states(), self.num_actions);
        check_not_empty(num_states, num_actions)?;
        check_discount(self.discount)?;
        check_temperature(self.temperature)?;
        check_terminal_values(self.terminal_values(), num_states)?;
        let too_large =
            || crate::Error::TooLarge { table: Table::ActionPrior, shape: vec![num_states, num_actions] };
        let steady = num_states.checked_mul(num_actions).ok_or_else(too_large)?;
        let staged = steady.checked_mul(self.horizon.num_stages()).ok_or_else(too_large)?;
        if self.prior.len() != steady {
            check_shape(Table::ActionPrior, &[self.prior.len()], &[staged])?;
        }
        for (at, &weight) in self.prior.iter().enumerate() {
            check_prior_weight(at / num_actions % num_states, at % num_actions, weight)?;
        }
        Ok(())
    }
}

/// [`EmptyModel`](crate::Error::EmptyModel) without states or without actions.
fn check_not_empty(num_states: usize, num_actions: usize) -> Result<(), crate::Error> {
    if num_states > 0 && num_actions > 0 {
        return Ok(());
    }
    Err(crate::Error::EmptyModel { table: Table::ActionPrior, shape: vec![num_states, num_actions] })
}

/// [`StateOutOfRange`](crate::Error::StateOutOfRange) unless the state is one of the task.
#[inline]
fn check_state(table: Table, state: usize, num_states: usize) -> Result<(), crate::Error> {
    if state < num_states { Ok(()) } else { Err(crate::Error::StateOutOfRange { table, state, num_states }) }
}

#[cfg(feature = "serde")]
super::serde_impls::checked!(Task<F, H>);
