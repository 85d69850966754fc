//! Stationary policies π(a∣s), and their evaluation over an infinite horizon.
//!
//! ```text
//! V^π = r_π + γ P_π V^π,   r_π(s) = Σ_a π(a|s) ( r(s,a) − τ log(π(a|s)/ρ(a|s)) )          (V6)
//! x   = p₀ + γ P_πᵀ x,     x(s) = Σ_t γ^t d_t(s),   (1 − γ) x: the discounted occupancy    (V5)
//! μ   = P_πᵀ μ,            Σ μ = 1: the stationary distribution
//! ```
//!
//! with V^π(s) = V_T(s) in terminal states. The first two are linear systems in the
//! [Markov chain](crate::markov_chain) of the policy. The third becomes one when a state is removed
//! from the chain.
//!
//! # Form computed
//!
//! The code first finds the states of value −∞, from the graph of possible steps, and leaves them
//! out of the system. At γ = 1 it also leaves out states from which all future rewards are 0. It
//! solves the remaining system by the method that keeps its digits: see
//! [`Transient`](crate::markov_chain::Transient).

mod distribution;
mod evaluation;
mod occupancy;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{Policy, PolicyParts};
use crate::mdp::{CheckedStage, check_options};
use crate::{Error, Inference, Model, Real, Table, arrays};

/// A policy that is the same at every stage: π(a∣s), `[s, a]`, with its logarithms.
///
/// Every row is a distribution over actions, or all zeros in a dead end (a state without available
/// actions). Rows of terminal states are not used. The logarithms of a solver's policy stay
/// accurate where probabilities underflow. A clone shares the tables.
///
/// The stages of the model must all be equal, as those of an [`Mdp`](crate::Mdp) are.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
///
/// // A machine works (0) or is broken (1). Action 0 runs it, action 1 repairs it.
/// let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]];
/// let mdp = Mdp::new(transitions, array![[1.0, 0.5], [0.0, -0.5]])?.with_discount(0.95)?;
///
/// let careless = StationaryPolicy::new(array![[1.0, 0.0], [0.5, 0.5]])?;
/// let careful = StationaryPolicy::new(array![[1.0, 0.0], [0.0, 1.0]])?;
/// let initial = array![1.0, 0.0];
/// assert!(careful.expected_return(&mdp, &initial)? > careless.expected_return(&mdp, &initial)?);
///
/// // Under the careless policy, the machine is broken in 20 % of stages in the long run.
/// assert!((careless.stationary_distribution(&mdp)?[1] - 0.2_f64).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "StationaryPolicyParts<F>",
        into = "StationaryPolicyParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct StationaryPolicy<F = f64> {
    /// The policy as that of a single stage.
    once: Policy<F>,
}

/// The tables of a [`StationaryPolicy`], `[s, a]`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename = "StationaryPolicy", deny_unknown_fields))]
pub struct StationaryPolicyParts<F = f64> {
    /// π(a∣s). Each row sums to 1, or is all zeros.
    pub probabilities: Array2<F>,
    /// log π(a∣s): the logarithms of the probabilities. They stay finite where probabilities
    /// underflow.
    pub log_probabilities: Array2<F>,
}

impl<F: Real> From<StationaryPolicy<F>> for StationaryPolicyParts<F> {
    fn from(policy: StationaryPolicy<F>) -> Self {
        let (probabilities, log_probabilities) = (policy.probabilities(), policy.log_probabilities());
        Self { probabilities: probabilities.to_owned(), log_probabilities: log_probabilities.to_owned() }
    }
}

/// Checks that each table is that of a policy and that the tables agree.
impl<F: Real> TryFrom<StationaryPolicyParts<F>> for StationaryPolicy<F> {
    type Error = Error;

    fn try_from(parts: StationaryPolicyParts<F>) -> Result<Self, Error> {
        let [probabilities, log_probabilities] =
            [parts.probabilities, parts.log_probabilities].map(|table| table.insert_axis(Axis(0)));
        let once = Policy::try_from(PolicyParts { probabilities, log_probabilities });
        Ok(Self { once: once.map_err(without_stage)? })
    }
}

/// The same error, at a place in a table without stages.
fn without_stage(mut error: Error) -> Error {
    if let Error::InvalidEntry { index, .. } | Error::UnnormalizedRow { index, .. } = &mut error {
        index.remove(0);
    }
    error
}

impl<F: Real> StationaryPolicy<F> {
    /// Takes a table of probabilities, `[s, a]`. Each row sums to 1 within
    /// [`Real::ROW_SUM_TOLERANCE`], or is all zeros. Rows are never rescaled.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidEntry`] for an entry that is negative, NaN or infinite;
    /// [`Error::UnnormalizedRow`]; [`Error::TooLarge`] if the logarithms cannot be allocated.
    pub fn new(probabilities: Array2<F>) -> Result<Self, Error> {
        Ok(Self { once: Policy::new(probabilities.insert_axis(Axis(0))).map_err(without_stage)? })
    }

    /// Makes a policy from a solver's tables, `[s, a]` each.
    pub(crate) fn from_solver(probabilities: Array2<F>, log_probabilities: Array2<F>) -> Self {
        let shared = |table: Array2<F>| arrays::standard_layout(table).insert_axis(Axis(0)).into_shared();
        let (probabilities, log_probabilities) = (shared(probabilities), shared(log_probabilities));
        Self { once: Policy { probabilities, log_probabilities } }
    }

    /// π(a∣s), `[s, a]`. Each row sums to 1, or is all zeros.
    #[must_use]
    pub fn probabilities(&self) -> ArrayView2<'_, F> {
        self.once.probabilities.index_axis(Axis(0), 0)
    }

    /// log π(a∣s), `[s, a]`, in nats; −∞ for actions of probability 0, and for logarithms that
    /// overflow.
    #[must_use]
    pub fn log_probabilities(&self) -> ArrayView2<'_, F> {
        self.once.log_probabilities.index_axis(Axis(0), 0)
    }

    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.once.num_states()
    }

    /// Number A of actions.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.once.num_actions()
    }

    /// Computes the entropy −Σ_a π log π of every state, `[s]`, in nats; 0 for a row of zeros.
    /// Ignore the entries of terminal states, whose rows are not used.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, ndarray::array};
    ///
    /// let policy = StationaryPolicy::new(array![[0.5, 0.5], [1.0, 0.0]])?;
    /// assert_eq!(policy.entropy(), array![2.0_f64.ln(), 0.0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn entropy(&self) -> Array1<F> {
        self.once.entropy().remove_axis(Axis(0))
    }

    /// Computes the divergence KL(self ‖ other) = Σ_a π log(π/π') of every state, `[s]`, in nats.
    ///
    /// It is +∞ if an action of positive probability has probability 0 in the other policy, and 0
    /// for a row of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the other policy has another shape.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, ndarray::array};
    ///
    /// let policy = StationaryPolicy::new(array![[1.0, 0.0]])?;
    /// let even = StationaryPolicy::new(array![[0.5, 0.5]])?;
    /// assert_eq!(policy.kl_divergence(&even)?, array![2.0_f64.ln()]);
    /// assert_eq!(even.kl_divergence(&policy)?, array![f64::INFINITY]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn kl_divergence(&self, other: &Self) -> Result<Array1<F>, Error> {
        let found = other.probabilities();
        arrays::check_shape(Table::Policy, found.shape(), self.probabilities().shape())?;
        Ok(self.once.kl_divergence(&other.once)?.remove_axis(Axis(0)))
    }

    /// Returns the most probable action of every state, `[s]`. In a tie it returns the first
    /// action, and for a row of zeros it returns 0. Ignore the entries of terminal states, whose
    /// rows are not used.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{StationaryPolicy, ndarray::array};
    ///
    /// let policy = StationaryPolicy::new(array![[0.2, 0.8], [0.5, 0.5]])?;
    /// assert_eq!(policy.greedy(), array![1, 0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn greedy(&self) -> Array1<usize> {
        self.once.greedy().remove_axis(Axis(0))
    }

    /// Returns this policy as a [`Policy`] over a finite horizon.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if T tables cannot be allocated.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?;
    /// let even = StationaryPolicy::new(array![[0.5, 0.5]])?;
    /// assert_eq!(even.repeated(3)?.expected_return(&mdp, &array![1.0])?, 6.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn repeated(&self, horizon: usize) -> Result<Policy<F>, Error> {
        let shape = (horizon, self.num_states(), self.num_actions());
        let repeated = |view: ArrayView2<'_, F>| {
            let mut table = arrays::filled(Table::Policy, shape, F::zero())?;
            table.outer_iter_mut().for_each(|mut stage| stage.assign(&view));
            Ok(table.into_shared())
        };
        let probabilities = repeated(self.probabilities())?;
        Ok(Policy { probabilities, log_probabilities: repeated(self.log_probabilities())? })
    }

    /// π(a∣s) and its logarithms, `[s, a]` each.
    fn tables(&self) -> (&[F], &[F]) {
        self.once.stage(0)
    }

    /// Checks that this policy fits a model.
    pub(crate) fn check_model<M: Model<Scalar = F> + ?Sized>(&self, mdp: &M) -> Result<(), Error> {
        check_options(mdp, 1)?;
        if !mdp.is_homogeneous() {
            return Err(Error::NotHomogeneous);
        }
        let expected = [mdp.num_states(), mdp.num_actions()];
        arrays::check_shape(Table::Policy, self.probabilities().shape(), &expected)
    }

    /// Checks the model and fetches its stage.
    fn stage_of<'m, M>(&self, mdp: &'m M) -> Result<CheckedStage<'m, F, M::Dynamics>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        CheckedStage::begin(mdp, 0, Inference::Variational)
    }
}
