//! The posterior over trajectories, given success: marginals, evidence and posterior dynamics.
//!
//! ```text
//! p(s_t=s | e)           = α_t(s) exp(V_t(s)/τ) / ( Σ_x α_t(x) exp(V_t(x)/τ) + α_t(†) )     (D7)
//! p(s_t=s, a_t=a | e)    = p(s_t=s | e) π_t(a|s)                                            (D8)
//! p(s_{t+1}=s' | s,a,e)  = γ P(s'|s,a) exp(V_{t+1}(s')/τ)                                   (D9)
//!                          / ( γ Σ_x P(x|s,a) exp(V_{t+1}(x)/τ) + 1−γ )
//! ```
//!
//! The code adds logarithms instead of multiplying messages. So a state whose forward message
//! underflows keeps its probability if later evidence requires the state.

mod given;
mod marginals;
mod stream;

use ndarray::{Array1, Array2, Array3, ArrayRef1, ArrayView1, ArrayView2, ArrayView3, Axis, aview0};

pub use given::posterior_given;
use marginals::{MarginalTables, check_marginals};
pub use stream::{PosteriorStage, stream_posterior, stream_posterior_with};

use crate::dynamics::successors::LuckyRows;
use crate::mdp::{CheckedStage, check_options};
use crate::{
    Error, Inference, Model, Policy, Real, SoftValueIteration, Solution, Table, Workspace, arrays, forward,
    soft_value_iteration,
};

/// Computes the posterior over trajectories of direct inference: evidence, marginals and policy.
///
/// If you already have a [`Solution`], use [`Solution::posterior`].
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1. Pass `&Array1`, a view as `&v.view()`, or a slice as
/// `&aview1(..)`.
///
/// # Errors
///
/// [`Error::ImpossibleEvidence`] if every trajectory has probability 0; [`Error::ZeroTemperature`];
/// those of [`soft_value_iteration`] and [`forward_messages`](crate::forward_messages).
///
/// # Complexity
///
/// Time O(T · transitions), memory 4·T·S·A + 2·T·S numbers.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::{Array2, array}, posterior};
///
/// // Two doors. Behind the second one, success is three times as probable.
/// let transitions = array![
///     [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
///     [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
///     [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
/// ];
/// let mdp = Mdp::builder(transitions, Array2::zeros((3, 2)))
///     .terminal_values(array![f64::NEG_INFINITY, 0.1_f64.ln(), 0.3_f64.ln()])
///     .build()?;
/// let posterior = posterior(&mdp, &array![1.0, 0.0, 0.0], 1)?;
/// assert!((posterior.state_marginals()[[1, 2]] - 0.75).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn posterior<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
) -> Result<Posterior<F>, Error> {
    crate::mdp::check_not_shared(mdp, "posteriors")?;
    crate::mdp::check_initial(initial, mdp.num_states())?;
    soft_value_iteration(mdp, horizon)?.posterior(mdp, initial)
}

/// Computes the posterior of a model, and writes it into a posterior of the same shape.
///
/// From the second call on this allocates no table, with the exceptions of
/// [`SoftValueIteration::solve_into`](crate::SoftValueIteration::solve_into).
///
/// Observations of the earlier posterior do not count.
///
/// After an error, do not use the posterior: some stages may be of the earlier model.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1. The horizon is that of the posterior.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] if the model has another number of states or actions than the
/// posterior; those of [`posterior`](crate::posterior()).
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, posterior, posterior_into};
///
/// let mut mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
/// let initial = array![1.0];
/// let mut belief = posterior(&mdp, &initial, 10)?;
/// for reward in [1.0, 2.0] {
///     mdp.swap_rewards(&mut array![[0.0, reward]])?;
///     posterior_into(&mdp, &initial, &mut belief)?;
///     let second = f64::exp(reward) / (1.0 + f64::exp(reward));
///     assert!((belief.state_action_marginals()[[3, 0, 1]] - second).abs() < 1e-15);
/// }
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn posterior_into<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    posterior: &mut Posterior<F>,
) -> Result<(), Error> {
    crate::mdp::check_not_shared(mdp, "posteriors")?;
    crate::mdp::check_initial(initial, mdp.num_states())?;
    posterior.solution.check_shape(mdp)?;
    let horizon = posterior.horizon();
    SoftValueIteration::new(horizon).solve_into(mdp, &mut posterior.solution)?;
    posterior.fill(mdp, initial)
}

impl<F: Real> Solution<F> {
    /// Computes the posterior over trajectories from this backward pass and a forward pass from
    /// `initial`.
    ///
    /// If this is the solution of [`posterior_given`](crate::posterior_given), the posterior is
    /// given the same observations.
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::InferenceMismatch`] for a solution of variational inference;
    /// [`Error::ShapeMismatch`] for a model of another shape; those of
    /// [`posterior`](crate::posterior).
    pub fn posterior<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Posterior<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_direct()?;
        self.check_shape(mdp)?;
        Posterior::new(mdp, initial, self.clone())
    }

    /// Returns [`Error::InferenceMismatch`] unless this is direct inference.
    fn check_direct(&self) -> Result<(), Error> {
        let (expected, found) = (Inference::Direct, self.inference());
        if found == expected { Ok(()) } else { Err(Error::InferenceMismatch { expected, found }) }
    }
}

/// The posterior over trajectories, given success.
///
/// A clone copies the marginals and shares the rest.
///
/// # Example
///
/// The position of an agent, given that it reached the last cell:
///
/// ```
/// use softmdp::{Mdp, ndarray::array, posterior};
///
/// // A walk over three cells that must end in the last one.
/// let transitions = array![
///     [[0.5, 0.5, 0.0]],
///     [[0.25, 0.5, 0.25]],
///     [[0.0, 0.5, 0.5]],
/// ];
/// let mdp = Mdp::builder(transitions, array![[0.0], [0.0], [0.0]])
///     .terminal_values(array![f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0])
///     .build()?;
/// let posterior = posterior(&mdp, &array![1.0, 0.0, 0.0], 2)?;
/// let expected = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// assert_eq!(posterior.state_marginals(), expected);
/// assert!((posterior.log_evidence() - 0.125_f64.ln()).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "PosteriorParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct Posterior<F = f64> {
    solution: Solution<F>,
    initial: Array1<F>,
    log_evidence: F,
    state_marginals: Array2<F>,
    absorbed_marginals: Array1<F>,
    state_action_marginals: Array3<F>,
    // Of `posterior_into`, for its next call.
    #[cfg_attr(feature = "serde", serde(skip))]
    workspace: Workspace<F>,
}

/// The tables of a [`Posterior`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename = "Posterior",
        deny_unknown_fields,
        bound(deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct PosteriorParts<F = f64> {
    /// The backward pass of direct inference.
    pub solution: Solution<F>,
    /// p₀, `[s]`, sums to 1.
    pub initial: Array1<F>,
    /// log p(e), finite.
    pub log_evidence: F,
    /// p(s_t = s ∣ e), `[t, s]` with T+1 rows.
    pub state_marginals: Array2<F>,
    /// p(s_t = † ∣ e), `[t]` with T+1 entries. Each sums to 1 with the row of `state_marginals`.
    pub absorbed_marginals: Array1<F>,
    /// p(s_t = s, a_t = a ∣ e), `[t, s, a]` with T rows.
    pub state_action_marginals: Array3<F>,
}

/// Checks that shapes agree, that the solution is one of direct inference and that marginals are
/// distributions.
impl<F: Real> TryFrom<PosteriorParts<F>> for Posterior<F> {
    type Error = Error;

    fn try_from(parts: PosteriorParts<F>) -> Result<Self, Error> {
        let PosteriorParts { solution, initial, log_evidence, .. } = parts;
        let (marginals, absorbed_marginals) = (parts.state_marginals, parts.absorbed_marginals);
        let pair_marginals = parts.state_action_marginals;
        solution.check_direct()?;
        let (states, pairs) = (solution.state_values(), solution.action_values());
        crate::mdp::check_initial(&initial, states.ncols())?;
        arrays::check_shape(Table::StateMarginals, marginals.shape(), states.shape())?;
        arrays::check_shape(Table::AbsorbedMarginals, absorbed_marginals.shape(), &[states.nrows()])?;
        arrays::check_shape(Table::StateActionMarginals, pair_marginals.shape(), pairs.shape())?;
        arrays::check_entries(Table::LogEvidence, &aview0(&log_evidence), |log| log < F::infinity())?;
        if log_evidence == F::neg_infinity() {
            return Err(Error::ImpossibleEvidence { stage: solution.horizon() });
        }
        check_marginals(&marginals, &absorbed_marginals, &pair_marginals)?;
        Ok(Self {
            solution,
            initial,
            log_evidence,
            state_marginals: arrays::standard_layout(marginals),
            absorbed_marginals,
            state_action_marginals: arrays::standard_layout(pair_marginals),
            workspace: Workspace::new(),
        })
    }
}

impl<F: Real> Posterior<F> {
    /// Computes a posterior from a backward pass of direct inference.
    pub(crate) fn new<M>(mdp: &M, initial: &ArrayRef1<F>, solution: Solution<F>) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        forward::check(mdp, initial, solution.horizon())?;
        let (states, pairs) = (solution.state_values().dim(), solution.action_values().dim());
        let mut posterior = Self {
            solution,
            initial: initial.to_owned(),
            log_evidence: F::neg_infinity(),
            state_marginals: arrays::filled(Table::StateMarginals, states, F::zero())?,
            absorbed_marginals: arrays::filled(Table::StateMarginals, states.0, F::zero())?,
            state_action_marginals: arrays::filled(Table::StateActionMarginals, pairs, F::zero())?,
            workspace: Workspace::new(),
        };
        posterior.fill(mdp, initial)?;
        posterior.workspace = Workspace::new(); // kept only by a posterior that is computed again
        Ok(posterior)
    }

    /// Writes evidence and marginals, from the backward pass and a forward pass.
    fn fill<M>(&mut self, mdp: &M, initial: &ArrayRef1<F>) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        forward::check(mdp, initial, self.horizon())?;
        self.initial.assign(initial);
        let tables = MarginalTables {
            states: &mut self.state_marginals,
            absorbed: &mut self.absorbed_marginals,
            pairs: &mut self.state_action_marginals,
        };
        self.log_evidence = marginals::fill(mdp, &self.initial, &self.solution, tables, &mut self.workspace)?;
        Ok(())
    }

    /// log p(e), in nats, from the backward pass (D6). Given observations, it is the logarithm of
    /// p(e) times the probability of the observations given e.
    ///
    /// p(e) is a probability if the prior is normalised and rewards and terminal values are at most
    /// 0. Otherwise it is the normaliser of (D0).
    #[doc(alias("likelihood", "marginal_likelihood"))]
    #[must_use]
    pub fn log_evidence(&self) -> F {
        self.log_evidence
    }

    /// p(s_t = s ∣ e), `[t, s]` with T+1 rows (D7). A row sums to the posterior probability of not
    /// being in †, which is 1 at γ = 1.
    #[must_use]
    pub fn state_marginals(&self) -> ArrayView2<'_, F> {
        self.state_marginals.view()
    }

    /// p(s_t = † ∣ e), `[t]` with T+1 entries: the posterior probability of being in † at stage t.
    /// It is 0 at γ = 1. It sums to 1 with the row of [`state_marginals`](Self::state_marginals).
    #[must_use]
    pub fn absorbed_marginals(&self) -> ArrayView1<'_, F> {
        self.absorbed_marginals.view()
    }

    /// p(s_t = s, a_t = a ∣ e), `[t, s, a]` (D8); 0 in terminal states. The sum over t is the
    /// gradient of τ log p(e) with respect to the rewards (D10).
    #[must_use]
    pub fn state_action_marginals(&self) -> ArrayView3<'_, F> {
        self.state_action_marginals.view()
    }

    /// π_t(a∣s) = p(a_t = a ∣ s_t = s, e).
    #[must_use]
    pub fn policy(&self) -> &Policy<F> {
        self.solution.policy()
    }

    /// The backward pass. [`Solution::observations`] are the observations that it includes.
    #[must_use]
    pub fn solution(&self) -> &Solution<F> {
        &self.solution
    }

    /// Checks shape, number of stages and temperature of a model for questions about trajectories.
    pub(crate) fn check_model<M: Model<Scalar = F> + ?Sized>(&self, mdp: &M) -> Result<(), Error> {
        self.solution.check_shape(mdp)?;
        check_options(mdp, self.horizon())?;
        if mdp.temperature() == F::zero() {
            return Err(Error::ZeroTemperature { table: Table::PosteriorDynamics });
        }
        Ok(())
    }

    /// p₀, `[s]`, the initial distribution.
    #[must_use]
    pub fn initial(&self) -> ArrayView1<'_, F> {
        self.initial.view()
    }

    /// Number T of decision stages.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.solution.horizon()
    }

    /// Computes p(s_{t+1} = s' ∣ s_t = s, a_t = a, e), `[s, a, s']` (D9): the posterior dynamics,
    /// given success.
    ///
    /// A row sums to 1 minus the posterior probability of moving to †. It is all zeros if the
    /// evidence excludes the pair (Q = −∞).
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] if `stage` is not below the horizon; [`Error::ShapeMismatch`];
    /// [`Error::TooLarge`] if S²A numbers cannot be allocated; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time and memory O(S²A).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, posterior};
    ///
    /// // A fair coin. Success is three times as probable after heads (state 1) as after tails.
    /// let transitions = array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    /// let mdp = Mdp::builder(transitions, array![[0.0], [0.0], [0.0]])
    ///     .terminal_values(array![0.0, 3.0_f64.ln(), 0.0])
    ///     .build()?;
    /// let lucky = posterior(&mdp, &array![1.0, 0.0, 0.0], 1)?.dynamics_at(&mdp, 0)?;
    /// assert!((lucky[[0, 0, 1]] - 0.75).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn dynamics_at<M>(&self, mdp: &M, stage: usize) -> Result<Array3<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        let horizon = self.horizon();
        if stage >= horizon {
            return Err(Error::StageOutOfRange { stage, horizon });
        }
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let shape = (num_states, num_actions, num_states);
        let mut posterior = arrays::filled(Table::PosteriorDynamics, shape, F::zero())?;
        let dynamics = CheckedStage::begin(mdp, stage, Inference::Direct)?.dynamics;
        let (values, action_values) = (self.solution.state_values(), self.solution.action_values());
        let next_values = values.row(stage + 1);
        let absorbed_value = self.solution.observed().absorbed_value(stage + 1, mdp.temperature())?;
        let mut lucky = LuckyRows::new(mdp.discount(), mdp.temperature(), arrays::slice(&next_values))
            .with_absorbed_value(absorbed_value);
        for (row, probabilities) in arrays::slice_mut(&mut posterior).chunks_exact_mut(num_states).enumerate()
        {
            let (state, action) = (row / num_actions, row % num_actions);
            if action_values[[stage, state, action]] > F::neg_infinity() {
                lucky.for_each(dynamics, (state, action), |next_state, p| {
                    probabilities[next_state] += p;
                });
            }
        }
        Ok(posterior)
    }

    /// Computes p(s_t = s, a_t = a, s_{t+1} = s' ∣ e) of one stage, `[s, a, s']`: (D8) times (D9).
    ///
    /// The sum over s' is the state–action marginal minus the probability of moving to †. The sum
    /// over s and a is the state marginal of stage t+1 minus the mass that stayed in terminal
    /// states.
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Errors
    ///
    /// Those of [`dynamics_at`](Self::dynamics_at).
    ///
    /// # Complexity
    ///
    /// Time and memory O(S²A).
    pub fn pairwise_marginals_at<M>(&self, mdp: &M, stage: usize) -> Result<Array3<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let mut pairwise = self.dynamics_at(mdp, stage)?;
        let pairs = self.state_action_marginals.index_axis(Axis(0), stage);
        for (mut row, &pair) in pairwise.rows_mut().into_iter().zip(pairs) {
            row.mapv_inplace(|p| p * pair);
        }
        Ok(pairwise)
    }
}
