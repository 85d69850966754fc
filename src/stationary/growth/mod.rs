//! The long-run growth rate of the evidence of direct inference, per stage of the horizon.
//!
//! At γ = 1 and without terminal states, the backward messages of direct inference follow one
//! linear recursion, β_t = M β_{t+1}, with
//!
//! ```text
//! M(s,s') = Σ_a ρ(a|s) exp(r(s,a)/τ) P(s'|s,a)    (D11)
//! ```
//!
//! For long horizons, each stage multiplies the messages by λ, the largest eigenvalue of M. Let
//! B V = τ log(M exp(V/τ)) be the backup of (D1) and (D2), in reward units. The rate g = τ log λ
//! and the relative values V solve
//!
//! ```text
//! B V = V + g
//! ```
//!
//! The policy of V is the policy of direct inference far from the horizon.
//!
//! # Bounds
//!
//! Let V be finite on a set of states and −∞ elsewhere. The rate of this set lies between the
//! minimum and the maximum of B V − V over the set (Collatz and Wielandt). The code widens both
//! bounds by the rounding of one backup. The result is the midpoint of the best bounds.
//!
//! # References
//!
//! Collatz, *Math. Z.* 48 (1942) 221–226; Wielandt, *Math. Z.* 52 (1950) 642–648; Todorov,
//! *Linearly-solvable Markov decision problems*, NIPS 2006.

mod search;

use ndarray::{Array1, ArrayView1};
use search::find;

use super::climb::{Climb, Found, check_endless, check_question, check_stored};
use crate::dynamics::for_each_possible_successor;
use crate::markov_chain::Graph;
use crate::mdp::run_pass;
use crate::mdp::{CheckedStage, is_possible};
use crate::{Convergence, Dynamics, Error, Inference, Model, Real, StationaryPolicy, Table};

/// The long-run growth rate of the evidence of direct inference, with relative values and policy.
///
/// Returned by [`long_run_growth`]. A clone copies the tables.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "LongRunGrowthParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct LongRunGrowth<F = f64> {
    rate: F,
    #[cfg_attr(feature = "serde", serde(rename = "lower_bound"))]
    lower: F,
    #[cfg_attr(feature = "serde", serde(rename = "upper_bound"))]
    upper: F,
    relative_values: Array1<F>,
    policy: StationaryPolicy<F>,
    convergence: Convergence<F>,
}

/// The numbers of a [`LongRunGrowth`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename = "LongRunGrowth",
        deny_unknown_fields,
        bound(deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct LongRunGrowthParts<F = f64> {
    /// The rate: finite, and between the bounds.
    pub rate: F,
    /// A lower bound on the rate.
    pub lower_bound: F,
    /// An upper bound on the rate.
    pub upper_bound: F,
    /// The relative value of each state, `[s]`, at most 0.
    pub relative_values: Array1<F>,
    /// π(a∣s).
    pub policy: StationaryPolicy<F>,
    /// How the search ended, with an error bound of at least 0.
    pub convergence: Convergence<F>,
}

/// Checks that shapes agree, that the bounds enclose the rate and that no relative value is above 0
/// or NaN.
impl<F: Real> TryFrom<LongRunGrowthParts<F>> for LongRunGrowth<F> {
    type Error = Error;

    fn try_from(parts: LongRunGrowthParts<F>) -> Result<Self, Error> {
        let LongRunGrowthParts { rate, lower_bound: lower, upper_bound: upper, .. } = parts;
        let LongRunGrowthParts { relative_values, policy, convergence, .. } = parts;
        check_stored((Table::GrowthRates, rate), (lower, upper), &relative_values, &policy, &convergence)?;
        Ok(Self { rate, lower, upper, relative_values, policy, convergence })
    }
}

impl<F: Real> LongRunGrowth<F> {
    /// The rate g = τ log λ, in reward units per stage: V_t − V_{t+1} of direct inference, far from
    /// the horizon.
    #[must_use]
    pub fn rate(&self) -> F {
        self.rate
    }

    /// A lower bound on the rate.
    #[must_use]
    pub fn lower_bound(&self) -> F {
        self.lower
    }

    /// An upper bound on the rate.
    #[must_use]
    pub fn upper_bound(&self) -> F {
        self.upper
    }

    /// Values relative to the best state, `[s]`, in reward units: τ log of the Perron vector of M.
    ///
    /// The largest is 0. The value is −∞ in states with a lower rate, and in states from which no
    /// trajectory continues forever.
    #[must_use]
    pub fn relative_values(&self) -> ArrayView1<'_, F> {
        self.relative_values.view()
    }

    /// The policy π(a∣s) of direct inference far from the horizon.
    ///
    /// Rows of states with relative value −∞ are the normalised prior.
    #[must_use]
    pub fn policy(&self) -> &StationaryPolicy<F> {
        &self.policy
    }

    /// The number of passes and the error bound of the rate.
    ///
    /// The relative values satisfy B V = V + g to within the error bound.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<F> {
        &self.convergence
    }
}

/// Computes the long-run growth rate of the evidence of direct inference, to an error of at most
/// `tolerance`.
///
/// For a model without discount and without terminal states, log p(e) over T stages grows by rate/τ
/// per stage as T → ∞. If the prior sums to 1 and rewards are ≤ 0, the rate is ≤ 0. The probability
/// of success then decays by the factor exp(rate/τ) per stage. With a counting prior, the rate
/// includes the entropy of the actions.
///
/// For variational inference, and to plan, call [`average_reward`](crate::average_reward).
///
/// The rate is the largest rate of any strongly connected set of states. Relative values are finite
/// in all states that lead to that set. If two sets have the same rate, to within the tolerance,
/// the policy depends on the initial state, and [`Error::TiedGrowth`] contains the rate.
///
/// # Errors
///
/// - [`Error::NotConverged`] if the tolerance is not met, or if the hook of a
///   [`Watched`](crate::Watched) model stops the search.
/// - [`Error::DiscountedGrowth`] unless γ = 1.
/// - [`Error::EndsInTerminalState`] if there is a terminal state; use
///   [`StationarySolver`](crate::StationarySolver) for such a model.
/// - [`Error::ZeroTemperature`] at temperature 0, where
///   [`average_reward`](crate::average_reward) gives the best mean reward.
/// - [`Error::TiedGrowth`] if two sets of states have the same rate.
/// - [`Error::NoEndlessTrajectory`] if no infinite trajectory has positive weight.
/// - [`Error::InvalidSetting`] unless the tolerance is above 0.
/// - [`Error::NotHomogeneous`] if the stages of the model may differ.
/// - [`Error::Overflow`], [`Error::TooLarge`], and the errors of a custom [`Model`].
///
/// # Complexity
///
/// Time O(transitions) a pass. Each strongly connected set of states takes tens of passes, or
/// hundreds if it mixes slowly. Memory O(transitions).
///
/// # Example
///
/// ```
/// use softmdp::{ActionPrior, Mdp, long_run_growth, ndarray::array};
///
/// // A coin decides the next state. In state 1, a stage succeeds with probability ½ only.
/// let transitions = array![[[0.5, 0.5]], [[0.5, 0.5]]];
/// let mdp = Mdp::new(transitions, array![[0.0], [0.5_f64.ln()]])?;
/// let growth = long_run_growth(&mdp, 1e-12)?;
/// assert!((growth.rate() - 0.75_f64.ln()).abs() < 1e-12); // a stage succeeds with probability 3/4
/// assert!((growth.relative_values()[1] - 0.5_f64.ln()).abs() < 1e-11);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn long_run_growth<M: Model + ?Sized>(
    mdp: &M,
    tolerance: M::Scalar,
) -> Result<LongRunGrowth<M::Scalar>, Error> {
    check_question(mdp, tolerance)?;
    if mdp.discount() < num_traits::one() {
        return Err(Error::DiscountedGrowth { discount: mdp.discount().into_f64() });
    }
    check_endless(mdp)?;
    if !(mdp.temperature() > num_traits::zero()) {
        return Err(Error::ZeroTemperature { table: Table::GrowthRates });
    }
    run_pass(mdp, 1, Inference::Direct, || {
        let stage = CheckedStage::new(mdp, 0, Inference::Direct)?;
        let graph = steps(&stage)?;
        let search = Climb::new(mdp, Inference::Direct)?;
        let found = find(search, tolerance.into_f64(), &stage, &graph, mdp.temperature())?;
        let convergence = found.convergence();
        let Found { rate, lower, upper, relative_values, policy, log_policy, .. } = found;
        let policy = StationaryPolicy::from_solver(policy, log_policy);
        Ok(LongRunGrowth { rate, lower, upper, relative_values, policy, convergence })
    })
}

/// The graph of the possible steps of direct inference.
fn steps<F: Real, D: Dynamics<Scalar = F> + ?Sized>(stage: &CheckedStage<'_, F, D>) -> Result<Graph, Error> {
    let dynamics = stage.dynamics;
    (0..dynamics.num_states()).try_for_each(|state| stage.row(state).map(|_| ()))?;
    Graph::new(dynamics.num_states(), |state, visit| {
        let (rewards, prior) = stage.rows(state..state + 1);
        for action in (0..prior.len()).filter(|&a| is_possible(rewards[a], prior[a])) {
            for_each_possible_successor(dynamics, (state, action), |next_state, _| visit(next_state));
        }
    })
}
