//! The long-run growth rate of direct inference: how fast the evidence grows or shrinks if there is no end.
//!
//! At γ = 1 and without terminal states the backward messages of direct inference are powers of one matrix, β_t = M β_{t+1}, with
//!
//! ```text
//! M(s,s') = Σ_a ρ(a|s) exp(r(s,a)/τ) P(s'|s,a)                                                          (D11)
//! ```
//!
//! They grow without end, each stage by the largest eigenvalue λ of M in the long run. In logarithms, and in reward units, with
//! B V = τ log(M exp(V/τ)), the backup of (D1) and (D2), the rate g = τ log λ and the relative values V solve
//!
//! ```text
//! B V = V + g
//! ```
//!
//! and the policy of V is how those act who are still far from the end and will have done well.
//!
//! # Bounds
//!
//! For any V that is finite on a set of states and −∞ elsewhere, the rate that the set has by itself lies between min and
//! max of B V − V over it (Collatz and Wielandt). The rounding of one backup widens both. What is returned is the middle of the
//! best bounds seen.
//!
//! # References
//!
//! Collatz, *Math. Z.* 48 (1942) 221–226; Wielandt, *Math. Z.* 52 (1950) 642–648; Todorov, *Linearly-solvable Markov decision
//! problems*, NIPS 2006.

mod search;

use ndarray::{Array1, ArrayView1};

use super::MAX_ITERATIONS;
use super::operator::Operator;
use super::search::{Limits, Search};
use crate::Convergence;
use crate::dynamics::for_each_log_successor;
use crate::markov_chain::Graph;
use crate::mdp::run_pass;
use crate::mdp::{CheckedStage, check_options};
use crate::{Dynamics, Error, Inference, Model, Real, StationaryPolicy, Table, arrays};

/// The rate at which the evidence of direct inference grows, with the vector and the policy that go with it.
///
/// Made by [`long_run_growth`]. A clone copies the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct LongRunGrowth<F = f64> {
    rate: F,
    lower: F,
    upper: F,
    relative_values: Array1<F>,
    policy: StationaryPolicy<F>,
    convergence: Convergence<F>,
}

impl<F: Real> LongRunGrowth<F> {
    /// A result from its parts, as they were stored; the bounds enclose the rate.
    #[cfg(feature = "serde")]
    pub(crate) fn from_tables(
        (rate, lower, upper): (F, F, F),
        relative_values: Array1<F>,
        policy: StationaryPolicy<F>,
        convergence: Convergence<F>,
    ) -> Result<Self, Error> {
        arrays::check_shape(Table::StateValues, relative_values.shape(), &[policy.num_states()])?;
        arrays::check_entries(Table::StateValues, &relative_values, |value| value <= F::zero())?;
        Ok(Self { rate, lower, upper, relative_values, policy, convergence })
    }

    /// g = τ log λ, in reward units a stage: what V_t of direct inference grows by from one stage to the one before it, far
    /// from the end.
    #[must_use]
    pub fn rate(&self) -> F {
        self.rate
    }

    /// A number that the rate is not below.
    #[must_use]
    pub fn lower_bound(&self) -> F {
        self.lower
    }

    /// A number that the rate is not above.
    #[must_use]
    pub fn upper_bound(&self) -> F {
        self.upper
    }

    /// What a start in each state is worth beside the others, `[s]`, in reward units: τ log of the Perron vector of M.
    ///
    /// The largest is 0. −∞ where growth is slower, or where nothing can go on forever.
    #[must_use]
    pub fn relative_values(&self) -> ArrayView1<'_, F> {
        self.relative_values.view()
    }

    /// π(a∣s) of direct inference far from the end. Rows of states whose relative value is −∞ are the normalised prior.
    #[must_use]
    pub fn policy(&self) -> &StationaryPolicy<F> {
        &self.policy
    }

    /// How well the rate is known: its error bound is that of the rate, and the relative values satisfy B V = V + g as closely.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<F> {
        &self.convergence
    }
}

/// Computes the rate at which the evidence of direct inference grows in the long run, to an error of at most `tolerance`.
///
/// For a model without discount and without terminal states, log p(e) over T stages grows by rate/τ a stage as T → ∞. With a
/// prior that sums to 1 and rewards ≤ 0 the rate is ≤ 0, and −rate/τ is the rate at which success becomes improbable; with a
/// counting prior the entropy of choice is in it.
///
/// Which trajectories set the rate depends on what leads where. It is that of the set of states, each leading to all others,
/// in which trajectories grow fastest; relative values are finite in all states that lead there. If two such sets cannot be
/// told apart to the tolerance, the rate is in the error, and which of them counts is for the start to decide.
///
/// # Errors
///
/// [`Error::NotConverged`] if the tolerance is not met; [`Error::Undiscounted`] unless γ = 1;
/// [`Error::EndsInTerminalState`] if there is a terminal state: ask [`StationarySolver`](crate::StationarySolver) for the value
/// until it is entered; [`Error::ZeroTemperature`]; [`Error::TiedGrowth`] as above; [`Error::ImpossibleEvidence`] if
/// no trajectory goes on forever; [`Error::InvalidTolerance`]; [`Error::NotHomogeneous`]; [`Error::Overflow`];
/// [`Error::TooLarge`]; what a [`Model`] of your own returns. A [`Watched`](crate::Watched) model is told of passes, and may
/// stop them, which leaves it not converged.
///
/// # Complexity
///
/// Time O(transitions) a pass, some tens of them, or hundreds where mixing is slow, for each set of states that lead to each
/// other. Memory that of the possible transitions.
///
/// # Example
///
/// ```
/// use softmdp::{ActionPrior, Mdp, long_run_growth, ndarray::array};
///
/// // A coin decides where it goes on; in state 1 a stage is survived with probability ½ only.
/// let transitions = array![[[0.5, 0.5]], [[0.5, 0.5]]];
/// let mdp = Mdp::new(transitions, array![[0.0], [0.5_f64.ln()]])?;
/// let growth = long_run_growth(&mdp, 1e-12)?;
/// assert!((growth.rate() - 0.75_f64.ln()).abs() < 1e-12); // three stages in four are survived
/// assert!((growth.relative_values()[1] - 0.5_f64.ln()).abs() < 1e-11);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn long_run_growth<M: Model + ?Sized>(
    mdp: &M,
    tolerance: M::Scalar,
) -> Result<LongRunGrowth<M::Scalar>, Error> {
    check_options(mdp, 1)?;
    if !(tolerance > num_traits::zero()) {
        return Err(Error::InvalidTolerance { value: tolerance.into_f64() });
    }
    if !mdp.is_homogeneous() {
        return Err(Error::NotHomogeneous);
    }
    if mdp.discount() < num_traits::one() {
        return Err(Error::Undiscounted { discount: mdp.discount().into_f64() });
    }
    if let Some(state) = (0..mdp.num_states()).find(|&state| mdp.is_terminal(state)) {
        return Err(Error::EndsInTerminalState { state });
    }
    if !(mdp.temperature() > num_traits::zero()) {
        return Err(Error::ZeroTemperature { table: Table::GrowthRates });
    }
    run_pass(mdp, 1, Inference::Direct, || {
        let stage = CheckedStage::new(mdp, 0, Inference::Direct)?;
        let graph = steps(&stage)?;
        let operator = Operator::new(mdp, Inference::Direct)?;
        let limits = Limits { tolerance: tolerance.into_f64(), max_passes: MAX_ITERATIONS };
        let values = arrays::filled_vec(Table::StateValues, mdp.num_states(), num_traits::zero())?;
        let search = Search::new(operator, limits, values)?;
        search::Growth::new(search, tolerance.into_f64()).find(&stage, &graph)
    })
}

/// The steps that direct inference may take.
fn steps<F: Real, D: Dynamics<Scalar = F> + ?Sized>(stage: &CheckedStage<'_, F, D>) -> Result<Graph, Error> {
    let dynamics = stage.dynamics;
    (0..dynamics.num_states()).try_for_each(|state| stage.row(state).map(|_| ()))?;
    Graph::new(dynamics.num_states(), |state, visit| {
        let (rewards, prior) = stage.rows(state..state + 1);
        for action in (0..prior.len()).filter(|&a| prior[a] > F::zero() && rewards[a] > F::neg_infinity()) {
            for_each_log_successor(dynamics, F::one(), (state, action), &mut |next_state, _| {
                visit(next_state)
            });
        }
    })
}
