//! Builds models, and checks all their tables and options.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3};

use super::checks::{
    check_discount, check_rewards, check_setting, check_temperature, check_terminal_values, terminal_flags,
};
use super::prior::PriorTables;
use super::rescaled::normalize_used_rows;
use super::{ActionPrior, Mdp, RescaledRows};
use crate::{DenseDynamics, Dynamics, Error, IntoDynamics, Real, Table, arrays};

impl<F: Real> Mdp<F, DenseDynamics<F>> {
    /// Makes a model from dense tables, with the default options of [`MdpBuilder`].
    ///
    /// # Shapes
    ///
    /// `transitions` `[s, a, s']`, each row sums to 1; `rewards` `[s, a]`, −∞ forbids the pair.
    ///
    /// Other libraries often use `[a, s, s']`: permute the axes first. If S = A, the check of the
    /// shape cannot detect a wrong order.
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
    /// Starts a builder from an `Array3` of probabilities, `[s, a, s']`, or any [`Dynamics`].
    ///
    /// See [`MdpBuilder`] for options and an example.
    pub fn builder(dynamics: impl IntoDynamics<Dynamics = D>, rewards: Array2<F>) -> MdpBuilder<F, D> {
        MdpBuilder::new(dynamics.into_dynamics(), rewards)
    }
}

/// Options of an [`Mdp`], from [`Mdp::builder`].
///
/// The defaults are: discount 1, temperature 1, the counting prior, all actions available, no
/// terminal states, terminal values 0. Setters take plain values; [`build`](Self::build) checks
/// them.
///
/// # Example
///
/// A corridor of three cells with an exit at each end. The left exit is forbidden:
///
/// ```
/// use softmdp::{DeterministicDynamics, Mdp, ndarray::{Array2, array}, soft_value_iteration};
///
/// let dynamics = DeterministicDynamics::new(array![[0, 0], [0, 2], [2, 2]])?;
/// let mdp = Mdp::builder(dynamics, Array2::zeros((3, 2)))
///     .terminal_states([0, 2])
///     .terminal_values(array![f64::NEG_INFINITY, 0.0, 1.0])
///     .build()?;
/// let solution = soft_value_iteration(&mdp, 5)?;
/// assert_eq!(solution.policy().probabilities()[[0, 1, 1]], 1.0);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MdpBuilder<F, D> {
    dynamics: Result<D, Error>,
    rewards: Array2<F>,
    discount: F,
    temperature: F,
    action_prior: ActionPrior<F>,
    available_actions: Option<Array2<bool>>,
    terminal_values: Option<Array1<F>>,
    terminal_states: Vec<usize>,
    normalize_distance: Option<f64>,
}

impl<F: Real, D: Dynamics<Scalar = F>> MdpBuilder<F, D> {
    pub(crate) fn new(dynamics: Result<D, Error>, rewards: Array2<F>) -> Self {
        Self {
            dynamics,
            rewards,
            discount: F::one(),
            temperature: F::one(),
            action_prior: ActionPrior::default(),
            available_actions: None,
            terminal_values: None,
            terminal_states: Vec::new(),
            normalize_distance: None,
        }
    }

    /// Sets γ in [0, 1]; 1 by default.
    ///
    /// In variational inference γ is a factor on later rewards (V1, V2). In direct inference γ is
    /// the probability of continuing. After each step, the trajectory moves with probability 1 − γ
    /// to an absorbing state † of value 0 (D0, D1). The two can differ a lot: if all rewards are
    /// negative, conditioning on success makes an early move to † more probable.
    #[must_use]
    pub fn discount(mut self, discount: F) -> Self {
        self.discount = discount;
        self
    }

    /// Sets τ ≥ 0, in reward units per nat; 1 by default. At 0, the soft maximum is the maximum of
    /// classical planning.
    #[must_use]
    pub fn temperature(mut self, temperature: F) -> Self {
        self.temperature = temperature;
        self
    }

    /// Sets the prior weights of actions; [`ActionPrior::Counting`] by default.
    #[must_use]
    pub fn action_prior(mut self, action_prior: ActionPrior<F>) -> Self {
        self.action_prior = action_prior;
        self
    }

    /// Sets which actions are available in each state, `[s, a]`; all by default.
    ///
    /// An unavailable action has Q = −∞ and π = 0, and its row of the dynamics need not be a
    /// distribution. A state without available actions that is not terminal is a dead end: V = −∞
    /// before the end of the horizon.
    #[must_use]
    pub fn available_actions(mut self, available_actions: Array2<bool>) -> Self {
        self.available_actions = Some(available_actions);
        self
    }

    /// Sets V_T, `[s]`, in reward units; 0 by default. −∞ forbids trajectories that end in the
    /// state.
    ///
    /// V_T(s) is the value of a state at the end of the horizon, and of a terminal state at any
    /// stage.
    #[must_use]
    pub fn terminal_values(mut self, terminal_values: Array1<F>) -> Self {
        self.terminal_values = Some(terminal_values);
        self
    }

    /// Sets the states in which the episode ends; none by default.
    ///
    /// The value of a terminal state is its terminal value, at every stage. The agent takes no
    /// action there and receives no reward. A second call replaces the states of the first.
    ///
    /// An absorbing state, in which every action leads back to the state, is different. It
    /// collects its reward at every stage and, with the counting prior, τ log A of action entropy.
    /// Example with rewards 0, A = 4, τ = 1 and ten remaining stages: a terminal state has value 0,
    /// an absorbing state has value 10 log 4 ≈ 13.9.
    #[doc(alias("goal", "absorbing"))]
    #[must_use]
    pub fn terminal_states(mut self, states: impl IntoIterator<Item = usize>) -> Self {
        self.terminal_states = states.into_iter().collect();
        self
    }

    /// Rescales rows whose sum is within `distance` of 1. By default, rows are never rescaled.
    ///
    /// Each probability of such a row is divided by the sum of the row. Ratios of probabilities
    /// stay the same. Rows whose sum is 1 to rounding keep their bits, and so do unused rows. A row
    /// farther off is [`Error::UnnormalizedTransition`], even within [`Real::ROW_SUM_TOLERANCE`].
    /// [`Mdp::rescaled_rows`] returns how many rows were rescaled, and by how much at most.
    ///
    /// | origin of the table | distance |
    /// |---|---|
    /// | `float32`, as in jax and torch | 1e-6; 1e-5 for rows of hundreds of successors |
    /// | text with eight digits | 1e-7 |
    /// | text with six digits | 1e-5 |
    ///
    /// The model checker PRISM accepts sums within 1e-5 of 1, Storm within 1e-6. A large distance
    /// hides errors in a table, such as a missing successor.
    ///
    /// The `with_…` methods of the model do not rescale: new dynamics, and rows that the model uses
    /// for the first time, are checked strictly.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Error, Mdp, ndarray::array};
    ///
    /// let third = f64::from(1.0_f32 / 3.0); // the row sums to 1 + 3e-8
    /// let table = array![[[third, third, third]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    /// let builder = Mdp::builder(table, array![[0.0], [0.0], [0.0]]);
    /// assert!(matches!(builder.clone().build(), Err(Error::UnnormalizedTransition { .. })));
    ///
    /// let mdp = builder.normalize_rows(1e-6).build()?;
    /// assert_eq!(mdp.rescaled_rows().count(), 1);
    /// assert!(mdp.rescaled_rows().largest_distance() < 3e-8);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias("renormalize", "rescale"))]
    #[must_use]
    pub fn normalize_rows(mut self, distance: f64) -> Self {
        self.normalize_distance = Some(distance);
        self
    }

    /// Checks all options and makes the model.
    ///
    /// Rows of the dynamics must sum to 1 within [`Real::ROW_SUM_TOLERANCE`]. Exceptions are unused
    /// rows: those of terminal states, unavailable actions and actions of prior weight 0.
    ///
    /// Rows are rescaled only by [`normalize_rows`](Self::normalize_rows). If all rows sum to 1 +
    /// ε, values have an error of about ε per stage, in nats (direct) or relative (variational).
    /// The mass of occupancies grows by ε per stage. Posterior marginals and policies are still
    /// normalised.
    ///
    /// # Errors
    ///
    /// Returns the first error in this order: the error of the conversion of the dynamics
    /// ([`IntoDynamics`](crate::IntoDynamics)); [`Error::EmptyModel`]; [`Error::ShapeMismatch`];
    /// [`Error::InvalidReward`]; [`Error::InvalidSetting`] for the discount, the temperature
    /// or the distance of `normalize_rows`; [`Error::InvalidTerminalValue`];
    /// [`Error::StateOutOfRange`] for a terminal state; [`Error::InvalidPriorWeight`];
    /// [`Error::EmptyPriorRow`]; [`Error::UnnormalizedTransition`]. For your own dynamics also
    /// [`Error::SuccessorOutOfRange`], [`Error::InvalidTransition`] and, with `normalize_rows`,
    /// [`Error::CannotRescale`].
    ///
    /// # Complexity
    ///
    /// Time O(S·A + transitions), memory O(S·A).
    ///
    /// Collective for dynamics with a [share](Dynamics::share): an error of one process of the team
    /// is an error of all.
    pub fn build(self) -> Result<Mdp<F, D>, Error> {
        let Ok(dynamics) = &self.dynamics else { return self.build_alone() };
        let team = dynamics.share().map(|share| Arc::clone(share.team()));
        let mdp = self.build_alone();
        match team {
            None => mdp,
            Some(team) => team.agree("MdpBuilder::build", mdp),
        }
    }

    fn build_alone(self) -> Result<Mdp<F, D>, Error> {
        let mut dynamics = self.dynamics?;
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        if num_states == 0 || num_actions == 0 {
            let shape = vec![num_states, num_actions];
            return Err(Error::EmptyModel { table: Table::Transitions, shape });
        }
        check_rewards(self.rewards.view(), num_states, num_actions)?;
        check_discount(self.discount)?;
        check_temperature(self.temperature)?;
        if let Some(distance) = self.normalize_distance {
            let is_valid = (0.0..1.0).contains(&distance);
            check_setting(is_valid, "the distance of normalize_rows", distance, "a number in [0, 1)")?;
        }
        let terminal_values = match self.terminal_values {
            Some(values) => values,
            None => arrays::filled(Table::TerminalValues, num_states, F::zero())?,
        };
        check_terminal_values(terminal_values.view(), num_states)?;
        let is_terminal = terminal_flags(self.terminal_states, num_states)?;
        let shape = (num_states, num_actions);
        let prior = PriorTables::new(self.action_prior, self.available_actions, shape)?;
        prior.check_weights(&is_terminal)?;
        let rescaled = if let Some(distance) = self.normalize_distance {
            normalize_used_rows(&prior, &mut dynamics, &is_terminal, distance)?
        } else {
            prior.check_used_rows(&dynamics, &is_terminal)?;
            RescaledRows::default()
        };
        Ok(Mdp {
            dynamics: Arc::new(dynamics),
            rewards: arrays::standard_layout(self.rewards).into_shared(),
            discount: self.discount,
            temperature: self.temperature,
            prior: Arc::new(prior),
            terminal_values: arrays::standard_layout(terminal_values).into_shared(),
            is_terminal,
            rescaled: arrays::Note(rescaled),
        })
    }
}
