//! Finite Markov decision processes.
//!
//! [`Mdp`] is a validated model whose stages are all equal. [`Model`] is the trait that algorithms
//! use. It also covers models that vary by stage. Discount, temperature, prior and terminal states
//! are part of the model, so that all algorithms use the same ones.

mod builder;
mod cast;
mod checked_stage;
mod checks;
mod forward;
mod initial;
mod model;
mod outcomes;
mod pass;
mod prior;
mod rescaled;
mod successor_rewards;
mod time_varying;
mod watched;

use std::sync::Arc;

use ndarray::{ArcArray1, ArcArray2, Array1, Array2, ArrayView1, ArrayView2};

pub use builder::MdpBuilder;
pub use checked_stage::check_model;
pub(crate) use checked_stage::{
    CheckedStage, check_options, check_team_options, is_possible, terminal_states,
};
#[cfg(feature = "rand")]
pub(crate) use checks::check_row;
pub(crate) use checks::{
    check_discount, check_not_shared, check_prior_weight, check_reward, check_setting, check_temperature,
    check_terminal_values, check_tolerance, is_normalized,
};
pub(crate) use forward::{forward_description, forward_model};
pub use initial::check_initial;
pub(crate) use initial::initial_expectation;
pub use model::{Model, Stage};
pub(crate) use pass::{begin_stage, run_pass};
pub use prior::ActionPrior;
pub use rescaled::RescaledRows;
pub use successor_rewards::SuccessorRewardMdp;
pub use time_varying::TimeVaryingMdp;
pub use watched::Watched;

use checks::{check_rewards, terminal_flags};
use prior::PriorTables;

use crate::team::{Alone, Team};
use crate::{DenseDynamics, Dynamics, Error, Inference, IntoDynamics, Real, Table, arrays};

/// A finite Markov decision process with the same dynamics, rewards and action prior at every
/// stage.
///
/// Every value of the type is valid: shapes agree, numbers are in range, and rows of the dynamics
/// that the model uses sum to 1.
///
/// A clone shares all tables. The `with_…` methods return a changed copy that shares all tables
/// except the replaced one. So a thousand reward tables over the same dynamics need little memory.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
///
/// // A machine that works (state 0) or is broken (state 1); action 0 waits, action 1 repairs.
/// let transitions = array![
///     [[0.9, 0.1], [1.0, 0.0]], // working
///     [[0.0, 1.0], [0.8, 0.2]], // broken
/// ];
/// let rewards = array![[1.0, 0.5], [0.0, -0.5]];
/// let mdp = Mdp::new(transitions, rewards)?;
/// let policy = soft_value_iteration(&mdp, 20)?.policy_at(0)?;
/// assert!(policy[[1, 1]] > 0.5); // repair a broken machine
///
/// let dear = mdp.with_rewards(array![[1.0, 0.5], [0.0, -30.0]])?;
/// let policy = soft_value_iteration(&dear, 20)?.policy_at(0)?;
/// assert!(policy[[1, 1]] < 0.5); // do not repair if it is too expensive
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct Mdp<F = f64, D = DenseDynamics<F>> {
    dynamics: Arc<D>,
    rewards: ArcArray2<F>, // [s, a]
    discount: F,
    temperature: F,
    prior: Arc<PriorTables<F>>,
    terminal_values: ArcArray1<F>, // [s]
    is_terminal: Arc<[bool]>,      // [s]
    rescaled: arrays::Note<RescaledRows>,
}

impl<F: Real, D: Dynamics<Scalar = F>> Mdp<F, D> {
    /// Returns this model with other rewards, `[s, a]`. To change the rewards in place, use
    /// [`swap_rewards`](Self::swap_rewards).
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidReward`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// let mdp = Mdp::new(array![[[1.0]]], array![[1.0]])?;
    /// let doubled = mdp.with_rewards(array![[2.0]])?; // shares the dynamics
    /// assert_eq!(soft_value_iteration(&doubled, 5)?.state_values()[[0, 0]], 10.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_rewards(&self, rewards: Array2<F>) -> Result<Self, Error> {
        self.with_shared_rewards(arrays::standard_layout(rewards).into_shared())
    }

    /// [`with_rewards`](Self::with_rewards) for a shared table in standard layout.
    fn with_shared_rewards(&self, rewards: ArcArray2<F>) -> Result<Self, Error> {
        check_rewards(rewards.view(), self.num_states(), self.num_actions())?;
        Ok(Self { rewards, ..self.clone() })
    }

    /// Exchanges the rewards, `[s, a]`, of this model with those of a table.
    ///
    /// This copies no table if both are in row-major layout and no other model shares the rewards
    /// of this one. So two tables suffice to change the rewards of a model again and again.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidReward`]. After an error, model and table are as
    /// before.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// let mut mdp = Mdp::new(array![[[1.0]]], array![[1.0]])?;
    /// let mut rewards = array![[2.0]];
    /// mdp.swap_rewards(&mut rewards)?;
    /// assert_eq!(soft_value_iteration(&mdp, 5)?.state_values()[[0, 0]], 10.0);
    /// assert_eq!(rewards, array![[1.0]]); // the old ones, to be written over
    ///
    /// assert!(mdp.swap_rewards(&mut array![[f64::NAN]]).is_err());
    /// assert_eq!(mdp.rewards(), array![[2.0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn swap_rewards(&mut self, rewards: &mut Array2<F>) -> Result<(), Error> {
        check_rewards(rewards.view(), self.num_states(), self.num_actions())?;
        let new = arrays::standard_layout(std::mem::take(rewards)).into_shared();
        *rewards = std::mem::replace(&mut self.rewards, new).into_owned();
        Ok(())
    }

    /// Returns this model with other dynamics of the same type.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the numbers of states or actions differ;
    /// [`Error::UnnormalizedTransition`]. For your own dynamics also [`Error::SuccessorOutOfRange`]
    /// and [`Error::InvalidTransition`].
    pub fn with_dynamics(&self, dynamics: impl IntoDynamics<Dynamics = D>) -> Result<Self, Error> {
        let dynamics = dynamics.into_dynamics()?;
        let found = [dynamics.num_states(), dynamics.num_actions()];
        arrays::check_shape(Table::Transitions, &found, &[self.num_states(), self.num_actions()])?;
        self.prior.check_used_rows(&dynamics, &self.is_terminal)?;
        let rescaled = arrays::Note::default();
        Ok(Self { dynamics: Arc::new(dynamics), rescaled, ..self.clone() })
    }

    /// Erases the type of the dynamics, so that models over different dynamics have one type.
    /// This copies no table.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DeterministicDynamics, Mdp, ndarray::array, soft_value_iteration};
    ///
    /// let certain = DeterministicDynamics::<f64>::new(array![[0]])?;
    /// let models = [
    ///     Mdp::new(array![[[1.0]]], array![[-1.0]])?.into_dyn(),
    ///     Mdp::builder(certain, array![[-2.0]]).build()?.into_dyn(),
    /// ];
    /// for (model, expected) in models.iter().zip([-3.0_f64, -6.0]) {
    ///     let value = soft_value_iteration(model, 3)?.state_values()[[0, 0]];
    ///     assert!((value - expected).abs() < 1e-12);
    /// }
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn into_dyn(self) -> Mdp<F, Arc<dyn Dynamics<Scalar = F>>>
    where
        D: 'static,
    {
        let Self { dynamics, rewards, discount, temperature, prior, terminal_values, is_terminal, rescaled } =
            self;
        let dynamics: Arc<Arc<dyn Dynamics<Scalar = F>>> = Arc::new(dynamics);
        Mdp { dynamics, rewards, discount, temperature, prior, terminal_values, is_terminal, rescaled }
    }

    /// Returns this model at another temperature.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// // Two actions of reward 0: V = τ log 2 per stage.
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
    /// let warm = mdp.with_temperature(10.0)?;
    /// let value = soft_value_iteration(&warm, 1)?.state_values()[[0, 0]];
    /// assert!((value - 10.0 * 2.0_f64.ln()).abs() < 1e-14);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_temperature(&self, temperature: F) -> Result<Self, Error> {
        check_temperature(temperature)?;
        Ok(Self { temperature, ..self.clone() })
    }

    /// Returns this model with another discount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, solve_stationary};
    ///
    /// // 1 per stage, forever: V = 1 / (1 − γ).
    /// let mdp = Mdp::new(array![[[1.0]]], array![[1.0]])?.with_discount(0.9)?;
    /// let value = solve_stationary(&mdp, 1e-9)?.state_values()[0];
    /// assert!((value - 10.0_f64).abs() < 1e-9);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_discount(&self, discount: F) -> Result<Self, Error> {
        check_discount(discount)?;
        Ok(Self { discount, ..self.clone() })
    }

    /// Returns this model with other terminal values, `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidTerminalValue`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// let mdp = Mdp::new(array![[[1.0]]], array![[1.0]])?.with_terminal_values(array![100.0])?;
    /// assert_eq!(soft_value_iteration(&mdp, 2)?.state_values(), array![[102.0], [101.0], [100.0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_terminal_values(&self, terminal_values: Array1<F>) -> Result<Self, Error> {
        check_terminal_values(terminal_values.view(), self.num_states())?;
        let terminal_values = arrays::standard_layout(terminal_values).into_shared();
        Ok(Self { terminal_values, ..self.clone() })
    }

    /// Returns this model with other terminal states, which replace the current ones.
    ///
    /// The result equals the model that [`MdpBuilder::terminal_states`] makes. Terminal values stay
    /// the same: for a state that is no longer terminal, the entry is its value at the end of the
    /// horizon.
    ///
    /// # Errors
    ///
    /// [`Error::StateOutOfRange`]; for a state that is no longer terminal, [`Error::EmptyPriorRow`]
    /// and [`Error::UnnormalizedTransition`]. For your own dynamics also
    /// [`Error::SuccessorOutOfRange`] and [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
    ///
    /// // State 0 pays 1 per stage, state 1 pays 0. Action 1 moves to the other state.
    /// let stay_or_cross = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]];
    /// let rewards = array![[1.0, 1.0], [0.0, 0.0]];
    /// let mdp = Mdp::builder(stay_or_cross, rewards).temperature(0.0).build()?;
    /// assert_eq!(soft_value_iteration(&mdp, 3)?.state_values()[[0, 1]], 2.0);
    ///
    /// let episodic = mdp.with_terminal_states([1])?;
    /// assert_eq!(soft_value_iteration(&episodic, 3)?.state_values()[[0, 1]], 0.0);
    /// assert_eq!(episodic.with_terminal_states([])?, mdp);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_terminal_states(&self, states: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        let is_terminal = terminal_flags(states, self.num_states())?;
        self.prior.check_weights(&is_terminal)?;
        self.prior.check_used_rows(&*self.dynamics, &is_terminal)?;
        Ok(Self { is_terminal, ..self.clone() })
    }

    /// Returns this model with another action prior. Available actions stay the same.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidPriorWeight`], [`Error::EmptyPriorRow`];
    /// [`Error::UnnormalizedTransition`] for a row that the new prior uses and the old one did not.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{ActionPrior, Mdp, ndarray::array, soft_value_iteration};
    ///
    /// // Under a uniform prior, two actions of reward 0 are worth 0: no entropy is added.
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
    /// let uniform = mdp.with_action_prior(ActionPrior::Uniform)?;
    /// let value: f64 = soft_value_iteration(&uniform, 9)?.state_values()[[0, 0]];
    /// assert!(value.abs() < 1e-14);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn with_action_prior(&self, action_prior: ActionPrior<F>) -> Result<Self, Error> {
        let shape = (self.num_states(), self.num_actions());
        let prior = PriorTables::new(action_prior, self.prior.available.clone(), shape)?;
        prior.check_weights(&self.is_terminal)?;
        prior.check_used_rows(&*self.dynamics, &self.is_terminal)?;
        Ok(Self { prior: Arc::new(prior), ..self.clone() })
    }

    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.rewards.nrows()
    }

    /// Number A of actions.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.rewards.ncols()
    }

    /// P(s'∣s,a).
    #[must_use]
    pub fn dynamics(&self) -> &D {
        &self.dynamics
    }

    /// The rows of the dynamics that [`MdpBuilder::normalize_rows`] rescaled; none by default.
    ///
    /// This note on the origin of the model is not compared by `==`, and not stored in files.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// // Percentages that were rounded: row (0, 0) sums to 1.01, row (1, 0) to 0.99.
    /// let rounded = array![[[0.34, 0.67]], [[0.33, 0.66]]];
    /// let mdp = Mdp::builder(rounded, array![[0.0], [0.0]]).normalize_rows(0.02).build()?;
    /// assert_eq!(mdp.rescaled_rows().count(), 2);
    /// assert!((mdp.rescaled_rows().largest_distance() - 0.01).abs() < 1e-12);
    /// assert!((mdp.dynamics().transitions()[[1, 0, 0]] - 1.0_f64 / 3.0).abs() < 1e-12);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn rescaled_rows(&self) -> RescaledRows {
        self.rescaled.0
    }

    /// r(s,a), `[s, a]`, in reward units.
    #[must_use]
    pub fn rewards(&self) -> ArrayView2<'_, F> {
        self.rewards.view()
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

    /// The prior as given; see [`prior_weights`](Self::prior_weights) for the weights.
    #[must_use]
    pub fn action_prior(&self) -> &ActionPrior<F> {
        &self.prior.kind
    }

    /// ρ(a∣s), `[s, a]`: the weight of each available action; 0 for unavailable ones.
    #[must_use]
    pub fn prior_weights(&self) -> ArrayView2<'_, F> {
        self.prior.view()
    }

    /// The table of available actions, `[s, a]`, as given to the builder; `None` if all are
    /// available.
    #[must_use]
    pub fn available_actions(&self) -> Option<ArrayView2<'_, bool>> {
        self.prior.available.as_ref().map(|available| available.view())
    }

    /// Whether an action is available in a state.
    ///
    /// # Panics
    ///
    /// If the state or the action is out of range.
    #[must_use]
    pub fn is_available(&self, state: usize, action: usize) -> bool {
        assert!(state < self.num_states() && action < self.num_actions(), "index out of range");
        self.prior.available.as_ref().is_none_or(|available| available[[state, action]])
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

    /// The terminal states, in ascending order.
    pub fn terminal_states(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.num_states()).filter(|&state| self.is_terminal[state])
    }

    /// V_T, `[s]`, in reward units.
    #[must_use]
    pub fn terminal_values(&self) -> ArrayView1<'_, F> {
        self.terminal_values.view()
    }
}

/// Shares every table. The dynamics need not be `Clone`.
impl<F: Real, D> Clone for Mdp<F, D> {
    fn clone(&self) -> Self {
        Self {
            dynamics: Arc::clone(&self.dynamics),
            rewards: self.rewards.clone(),
            discount: self.discount,
            temperature: self.temperature,
            prior: Arc::clone(&self.prior),
            terminal_values: self.terminal_values.clone(),
            is_terminal: Arc::clone(&self.is_terminal),
            rescaled: self.rescaled,
        }
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> Model for Mdp<F, D> {
    type Scalar = F;
    type Dynamics = D;

    fn num_states(&self) -> usize {
        Mdp::num_states(self)
    }

    fn num_actions(&self) -> usize {
        Mdp::num_actions(self)
    }

    fn discount(&self) -> F {
        self.discount
    }

    fn temperature(&self) -> F {
        self.temperature
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.is_terminal[state]
    }

    fn terminal_values(&self) -> ArrayView1<'_, F> {
        self.terminal_values.view()
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn team(&self) -> &dyn Team {
        self.dynamics.share().map_or(&Alone, |share| &**share.team())
    }

    fn stage(&self, _t: usize, _inference: Inference) -> Result<Stage<'_, F, D>, Error> {
        let (rewards, action_prior) = (self.rewards.view(), self.prior.view());
        Ok(Stage { dynamics: &self.dynamics, rewards, action_prior })
    }
}
