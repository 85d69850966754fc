//! Finite Markov decision processes: dynamics, rewards, and everything two passes could disagree about.
//!
//! [`Mdp`] holds a validated model whose stages are all alike; [`Model`] is what algorithms see of it, and of a
//! model that changes with time. Discount, temperature, prior and terminal states live here and nowhere else.

mod builder;
mod checks;
mod forward;
mod model;
mod pass;
mod prior;
mod successor_rewards;
mod time_varying;
mod watched;

use std::sync::Arc;

use ndarray::{ArcArray1, ArcArray2, Array1, Array2, Array3, ArrayView1, ArrayView2};

pub use builder::MdpBuilder;
#[cfg(feature = "rand")]
pub(crate) use checks::check_row;
pub(crate) use checks::{
    check_discount, check_prior_weight, check_reward, check_temperature, check_terminal_values, is_normalized,
};
pub(crate) use forward::{forward_description, forward_model};
pub(crate) use model::{CheckedStage, check_options};
pub use model::{Model, Stage, check_model};
pub(crate) use pass::run_pass;
pub use prior::ActionPrior;
pub use successor_rewards::SuccessorRewardMdp;
pub use time_varying::TimeVaryingMdp;
pub use watched::Watched;

use builder::check_used_rows;
use checks::check_rewards;
use prior::PriorTables;

use crate::{DenseDynamics, Dynamics, Error, Inference, IntoDynamics, Real, Table, arrays};

/// A finite Markov decision process with the same dynamics, rewards and action prior at every stage.
///
/// Every value of the type is valid: shapes agree, numbers are in range, used rows of the dynamics sum to 1.
///
/// A clone shares all tables, and so does a variant made by [`with_rewards`](Self::with_rewards) and its like,
/// but for the table that it replaces: a thousand reward tables over one large dynamics are cheap.
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
/// let policy = soft_value_iteration(&mdp, 20)?.policy_at(&mdp, 0)?;
/// assert!(policy[[1, 1]] > 0.5); // what is broken is repaired
///
/// let dear = mdp.with_rewards(array![[1.0, 0.5], [0.0, -30.0]])?;
/// let policy = soft_value_iteration(&dear, 20)?.policy_at(&dear, 0)?;
/// assert!(policy[[1, 1]] < 0.5); // unless that costs too much
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
}

impl<F: Real> Mdp<F, DenseDynamics<F>> {
    /// Makes a model from dense tables, with every option at its default: discount 1, temperature 1, counting
    /// prior, all actions available, no terminal states, terminal values 0.
    ///
    /// # Shapes
    ///
    /// `transitions` `[s, a, s']`, each row sums to 1; `rewards` `[s, a]`, −∞ forbids the pair. Tables of other libraries
    /// often come as `[a, s, s']`, which only shows in their shape unless S = A: permute their axes first.
    ///
    /// # Errors
    ///
    /// Those of [`DenseDynamics::new`] and of [`MdpBuilder::build`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Error, Mdp, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[1.0], [0.0]])?;
    /// assert_eq!((mdp.num_states(), mdp.num_actions()), (2, 1));
    /// assert!(matches!(
    ///     Mdp::new(array![[[1.0]]], array![[f64::NAN]]),
    ///     Err(Error::InvalidReward { state: 0, action: 0, .. })
    /// ));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(transitions: Array3<F>, rewards: Array2<F>) -> Result<Self, Error> {
        Mdp::builder(transitions, rewards).build()
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> Mdp<F, D> {
    /// Starts a model from any dynamics: an `Array3` of probabilities, `[s, a, s']`, or a [`Dynamics`].
    ///
    /// See [`MdpBuilder`] for the options and an example.
    pub fn builder(dynamics: impl IntoDynamics<Dynamics = D>, rewards: Array2<F>) -> MdpBuilder<F, D> {
        MdpBuilder::new(dynamics.into_dynamics(), rewards)
    }

    /// This model with other rewards, `[s, a]`; the dynamics are shared.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidReward`].
    pub fn with_rewards(&self, rewards: Array2<F>) -> Result<Self, Error> {
        self.with_shared_rewards(arrays::standard_layout(rewards).into_shared())
    }

    /// [`with_rewards`](Self::with_rewards) for a table in standard layout that others may hold too.
    fn with_shared_rewards(&self, rewards: ArcArray2<F>) -> Result<Self, Error> {
        check_rewards(rewards.view(), self.num_states(), self.num_actions())?;
        Ok(Self { rewards, ..self.clone() })
    }

    /// This model with other dynamics of the same kind; all other tables are shared.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if they have another number of states or actions, [`Error::UnnormalizedTransition`] and,
    /// for dynamics of your own, [`Error::SuccessorOutOfRange`] and [`Error::InvalidTransition`].
    pub fn with_dynamics(&self, dynamics: impl IntoDynamics<Dynamics = D>) -> Result<Self, Error> {
        let dynamics = dynamics.into_dynamics()?;
        let found = [dynamics.num_states(), dynamics.num_actions()];
        arrays::check_shape(Table::Transitions, &found, &[self.num_states(), self.num_actions()])?;
        check_used_rows(&dynamics, &self.prior, &self.is_terminal)?;
        Ok(Self { dynamics: Arc::new(dynamics), ..self.clone() })
    }

    /// Erases the type of the dynamics, so that models over different dynamics have one type.
    /// Tables stay where they are.
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
        let Self { dynamics, rewards, discount, temperature, prior, terminal_values, is_terminal } = self;
        let dynamics: Arc<Arc<dyn Dynamics<Scalar = F>>> = Arc::new(dynamics);
        Mdp { dynamics, rewards, discount, temperature, prior, terminal_values, is_terminal }
    }

    /// This model at another temperature; all tables are shared.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTemperature`].
    pub fn with_temperature(&self, temperature: F) -> Result<Self, Error> {
        check_temperature(temperature)?;
        Ok(Self { temperature, ..self.clone() })
    }

    /// This model with another discount; all tables are shared.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDiscount`].
    pub fn with_discount(&self, discount: F) -> Result<Self, Error> {
        check_discount(discount)?;
        Ok(Self { discount, ..self.clone() })
    }

    /// This model with other terminal values, `[s]`; the dynamics are shared.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidTerminalValue`].
    pub fn with_terminal_values(&self, terminal_values: Array1<F>) -> Result<Self, Error> {
        check_terminal_values(terminal_values.view(), self.num_states())?;
        let terminal_values = arrays::standard_layout(terminal_values).into_shared();
        Ok(Self { terminal_values, ..self.clone() })
    }

    /// This model with another action prior; dynamics and available actions are shared.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::InvalidPriorWeight`], [`Error::EmptyPriorRow`], and
    /// [`Error::UnnormalizedTransition`] for a row that the new prior uses and the old one did not.
    pub fn with_action_prior(&self, action_prior: ActionPrior<F>) -> Result<Self, Error> {
        let shape = (self.num_states(), self.num_actions());
        let available = self.prior.available.clone();
        let is_terminal = |state: usize| self.is_terminal[state];
        let prior = PriorTables::new(action_prior, available, shape, is_terminal)?;
        check_used_rows(&*self.dynamics, &prior, &self.is_terminal)?;
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

    /// The prior as it was given; see [`prior_weights`](Self::prior_weights) for its numbers.
    #[must_use]
    pub fn action_prior(&self) -> &ActionPrior<F> {
        &self.prior.kind
    }

    /// ρ(a∣s), `[s, a]`: the weights that the prior gives to available actions, 0 elsewhere.
    #[must_use]
    pub fn prior_weights(&self) -> ArrayView2<'_, F> {
        self.prior.view()
    }

    /// Which actions exist, `[s, a]`, as it was given to the builder; `None` if it was not, and all do.
    #[must_use]
    pub fn available_actions(&self) -> Option<ArrayView2<'_, bool>> {
        self.prior.available.as_ref().map(|available| available.view())
    }

    /// Whether an action exists in a state.
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

/// Shares every table; the dynamics need not be `Clone`.
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

    fn stage(&self, _t: usize, _inference: Inference) -> Result<Stage<'_, F, D>, Error> {
        let (rewards, action_prior) = (self.rewards.view(), self.prior.view());
        Ok(Stage { dynamics: &self.dynamics, rewards, action_prior })
    }
}
