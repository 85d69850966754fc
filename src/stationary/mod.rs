//! Stationary problems: the fixed point of the soft Bellman operator, with a proven error bound.
//!
//! With an infinite horizon, the fixed point V* gives the value of each state and the policy. The
//! process continues forever with a discount, or until it enters a terminal state.
//!
//! ```text
//! (B V)(s) = τ log Σ_a ρ(a|s) exp( (r(s,a) + γ Σ_s' P(s'|s,a) V(s')) / τ )    (S1)
//! (B V)(s) = V_T(s)  if s is terminal
//! V* = B V*
//! ```
//!
//! Finitely many applications of B only approximate V*. A solve therefore also bounds the remaining
//! error.
//!
//! # The bound
//!
//! For γ < 1, one application of B gives an interval around V*. With δ = B V − V, lo = min δ and
//! hi = max δ,
//!
//! ```text
//! B V + γ/(1−γ) lo  ≤  V*  ≤  B V + γ/(1−γ) hi    (S2)
//! ```
//!
//! The code uses the actual row sums of the dynamics over non-terminal states in place of 1. It
//! widens the interval by the rounding error of one backup. The result is one backup of the
//! midpoint of the best interval, so that V, Q and π are consistent. If rounding keeps the bound
//! above the tolerance, the search ends with [`Status::RoundingFloor`] and the smallest bound that
//! it found.
//!
//! At γ = 1, and for direct inference at any discount, (S2) gives no interval. Two functions l and
//! u with B l ≥ l and B u ≤ u replace it; one backup verifies each. A fixed point may not exist:
//!
//! - If values grow without bound, the solver proves it and reports [`Status::Diverging`].
//! - If values fall without bound, the solver proves it and returns −∞. This happens in states that
//!   cannot reach a terminal state and lose reward on every path.
//! - If rewards cancel on an endless loop, there are several fixed points. The result is a limit of
//!   value iteration from the initial values. Its bound is +∞, and its status,
//!   [`Status::SeveralFixedPoints`], names a state of the loop.
//! - If ends are so improbable that one backup loses the rewards in rounding, variational inference
//!   at γ = 1 uses differences of values instead. The policy is then worth V to within the bound.
//!   For models with few successors, the bound is usually below 10⁻¹⁰ of the largest V. If rounding
//!   hides differences too, the bound may be +∞. Rows that sum to 1 to within rounding count with
//!   their stored probabilities of leaving a state, as in
//!   [`StationaryPolicy::evaluate`](crate::StationaryPolicy::evaluate).
//!
//! # Loops that earn nothing
//!
//! At γ = 1, V* is the supremum of the expected total reward over all policies, where going on
//! forever without reward is worth 0:
//!
//! ```text
//! V*(s) = sup_π E_π[ Σ_{t<N} r(s_t,a_t) + V_T(s_N) ],   V_T(s_∞) = 0    (S4)
//! ```
//!
//! N is the stage at which a terminal state is entered, or ∞. With rewards of 0 and the terminal
//! value 1 in a goal, V* is the largest probability of reaching the goal. The initial values do not
//! matter. At temperature 0, the policy attains V*: it takes no loop that leads nowhere. This also
//! holds for its [`greedy`](crate::StationaryPolicy::greedy) actions.
//!
//! # Methods
//!
//! | [`Method`] | one step | cost of a step |
//! |---|---|---|
//! | `ValueIteration` | V ← BV | one pass, in parallel |
//! | `GaussSeidel` | V ← BV in place, state by state | one pass, on one thread |
//! | `ModifiedPolicyIteration` | V ← BV, then sweeps of P_π | one pass, then P_π a sweep |
//! | `Newton` | V ← V^π, by an iterative linear solve | one pass, then P_π a product |
//! | `Automatic` | value iteration, then `Newton` once predicted to be cheaper | |
//!
//! At γ = 1 and for direct inference, `Automatic` is `Newton` from the start. Direct inference at
//! temperature 0 looks for longest paths instead, for every method. Sweeps and products
//! read the transitions of P_π. P_π has at most as many transitions as the model.
//!
//! Newton's method stores the transitions of P_π and about twenty vectors, in addition to the
//! tables of the result.
//!
//! An *iteration* is one pass over the dynamics: it reads as many stored transitions as the model
//! has. Other work counts in proportion to the transitions that it reads. An operation of an
//! elimination counts as a transition. The method affects the time, never the validity of the
//! bound.
//!
//! # Structure
//!
//! `search` holds the backup that every method uses. Each method is a file in `methods`.
//! `undiscounted` handles γ = 1 and direct inference. `average` is the average reward and `growth`
//! the long-run growth rate; both find a rate with `climb`.
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), §6.3–6.6; Geist, Scherrer and Pietquin, *A Theory
//! of Regularized Markov Decision Processes*, ICML 2019.

mod answer;
mod average;
mod climb;
mod derivative;
mod growth;
mod halt;
mod interval;
mod iterate;
mod methods;
mod operator;
mod row_sums;
mod search;
mod solution;
mod undiscounted;

pub use average::{AverageReward, AverageRewardParts, average_reward};
pub use growth::{LongRunGrowth, LongRunGrowthParts, long_run_growth};
pub use methods::Method;
use ndarray::Array1;
pub use solution::{StationarySolution, StationarySolutionParts};

use crate::mdp::run_pass;
use crate::mdp::{check_not_shared, check_team_options, check_tolerance, terminal_states};
use crate::{Convergence, Error, Inference, Model, Real, Status, Table, arrays};
use halt::Halt;
use iterate::Iterate;
use operator::Operator;
use search::Search;
use undiscounted::first_exit;

/// The default limit of passes.
const MAX_ITERATIONS: usize = 1_000_000;

/// Solves a stationary problem by variational inference, to an error of at most `tolerance` in any
/// state value.
///
/// Variational inference keeps the true dynamics, so its policy is suitable for acting. For direct
/// inference, use [`StationarySolver::inference`]. The result is not the limit of
/// [`soft_value_iteration`](crate::soft_value_iteration) for long horizons, because that function
/// solves direct inference.
///
/// # Errors
///
/// [`Error::NotConverged`] if the tolerance is not met; use [`StationarySolver::solve`] to get the
/// partial result. Otherwise the errors of [`StationarySolver::solve`].
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, solve_stationary};
///
/// // A machine works (0) or is broken (1). Action 0 runs it, action 1 repairs it.
/// let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]]; // [s, a, s']
/// let mdp = Mdp::new(transitions, array![[1.0, -1.0], [0.0, -1.0]])?.with_discount(0.95)?;
/// let solution = solve_stationary(&mdp, 1e-6)?;
/// assert!(solution.convergence().error_bound <= 1e-6);
/// assert!(solution.probabilities()[[1, 1]] > 0.5); // repair a broken machine
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn solve_stationary<M: Model + ?Sized>(
    mdp: &M,
    tolerance: M::Scalar,
) -> Result<StationarySolution<M::Scalar>, Error> {
    let solution = StationarySolver::new(tolerance).solve(mdp)?;
    let &Convergence { status, iterations, error_bound } = solution.convergence();
    if status == Status::Converged {
        return Ok(solution);
    }
    Err(Error::NotConverged { status, iterations, error_bound: error_bound.into_f64() })
}

/// Options of a stationary solve. The defaults are those of [`solve_stationary`].
///
/// Setters take plain values and cannot fail; [`solve`](Self::solve) checks them.
///
/// To show progress or to stop a solve, pass a [`Watched`](crate::Watched) model. Its hook receives
/// the number of passes so far. A stopped solve returns its best values with [`Status::Stopped`].
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Status, StationarySolver, ndarray::array};
///
/// let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
/// let mdp = Mdp::new(transitions, array![[0.0], [1.0]])?.with_discount(0.99)?;
/// let solution = StationarySolver::new(1e-9).max_iterations(10).solve(&mdp)?;
/// let convergence = solution.convergence();
/// assert_eq!(convergence.status, Status::IterationLimit);
/// assert!((solution.state_values()[1] - 100.0_f64).abs() <= convergence.error_bound);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(deny_unknown_fields, bound(deserialize = "F: Real + serde::Deserialize<'de>"))
)]
#[must_use = "options do nothing until a model is solved with them"]
pub struct StationarySolver<F = f64> {
    tolerance: F,
    inference: Inference,
    method: Method,
    max_iterations: usize,
    initial_values: Option<Array1<F>>,
}

impl<F: Real> StationarySolver<F> {
    /// Returns options for an error of at most `tolerance` in any state value, in reward units.
    pub fn new(tolerance: F) -> Self {
        Self {
            tolerance,
            inference: Inference::Variational,
            method: Method::Automatic,
            max_iterations: MAX_ITERATIONS,
            initial_values: None,
        }
    }

    /// Sets the inference; [`Inference::Variational`] by default.
    pub fn inference(mut self, inference: Inference) -> Self {
        self.inference = inference;
        self
    }

    /// Sets the method; [`Method::Automatic`] by default.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets the limit of passes over the dynamics; a million by default.
    ///
    /// After the limit, the solver makes only one last backup, which computes the result. With a
    /// limit of 0, the result is the backup of the initial values.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Sets the initial values, `[s]`; zeros by default. The values of a similar model save passes.
    ///
    /// They do not change the result, unless its status is
    /// [`SeveralFixedPoints`](Status::SeveralFixedPoints). At γ = 1, values far above the result
    /// cost sweeps many passes. Direct inference at temperature 0 does not use them. If such a
    /// search is stopped, its values are lower bounds, and −∞ where no path is known yet.
    ///
    /// In terminal states, V_T replaces the entries. The least finite entry replaces entries of −∞,
    /// because a search cannot raise −∞.
    pub fn initial_values(mut self, initial_values: Array1<F>) -> Self {
        self.initial_values = Some(initial_values);
        self
    }

    /// Solves a homogeneous model ([`Model::is_homogeneous`]).
    ///
    /// Returns a result even if it does not meet the tolerance. Its
    /// [`convergence`](StationarySolution::convergence) holds the status and the error bound.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidSetting`] unless the tolerance is above 0.
    /// - [`Error::ShapeMismatch`] and [`Error::InvalidEntry`] for the initial values.
    /// - [`Error::NotHomogeneous`] if the stages of the model may differ.
    /// - [`Error::NoTerminalState`] for γ = 1 without terminal states and without loops that earn
    ///   nothing; use [`average_reward`] or [`long_run_growth`] for such a model.
    /// - [`Error::Overflow`] if a value leaves the number type.
    /// - [`Error::TooLarge`] if a table does not fit in memory.
    /// - Errors of a custom [`Model`], and errors about its tables.
    ///
    /// # Complexity
    ///
    /// Time O(transitions) a pass. Memory 3·S·A + 6·S numbers. Methods that evaluate policies take
    /// another 2·S·A numbers and P_π, which has at most as many transitions as the model. Newton's
    /// method takes another 20·S numbers.
    pub fn solve<M>(&self, mdp: &M) -> Result<StationarySolution<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_team_options(mdp, 1, self.inference)?;
        self.check_team(mdp)?;
        check_tolerance(self.tolerance)?;
        if !mdp.is_homogeneous() {
            return Err(Error::NotHomogeneous);
        }
        let has_no_end = (0..mdp.num_states()).all(|state| !mdp.is_terminal(state));
        let is_endless = has_no_end && mdp.discount() == F::one();
        let least = self.least_initial_value();
        let [least] =
            mdp.team().join("the initial values", Ok([least.into_f64()]), |a, b| [a[0].min(b[0])])?;
        let values = mdp.team().agree("the initial values", self.start(mdp, F::from_f64(least)))?;
        run_pass(mdp, 1, self.inference, || {
            let mut operator = Operator::new(mdp, self.inference, self.max_iterations)?;
            if is_endless && !operator.can_stay(&values)? {
                let temperature = mdp.temperature().into_f64();
                return Err(Error::NoTerminalState { inference: self.inference, temperature });
            }
            let is_contraction = operator.contraction().is_known();
            if !is_contraction {
                check_not_shared(mdp, "stationary problems whose rows sum to 1/γ")?;
            }
            let iterate = mdp.team().agree("Iterate::new", Iterate::new(operator, values))?;
            let mut search = Search::new(iterate, self.tolerance.into_f64());
            let Err(halt) = if is_contraction {
                self.method.run(&mut search)
            } else {
                first_exit::run(&mut search, self.method)
            };
            let halt = match halt {
                Halt::Ended(status) if is_contraction => {
                    search.improve_at_end(status).map_or_else(|halt| halt, Halt::Ended)
                }
                halt => halt,
            };
            match halt {
                Halt::Ended(status) => search.answer.finish(search.iterate, status),
                Halt::Failed(error) => Err(error),
            }
        })
    }

    /// Checks that a team can share the search, and that its processes have the same options.
    /// Collective.
    fn check_team<M: Model + ?Sized>(&self, mdp: &M) -> Result<(), Error> {
        let team = mdp.team();
        if team.size() == 1 {
            return Ok(());
        }
        let numbers = [
            self.tolerance.into_f64(),
            self.max_iterations as f64,
            f64::from(u8::from(self.method == Method::ValueIteration)),
        ];
        team.check_same("tolerance, limit of iterations and value iteration", Ok(numbers))?;
        if self.method != Method::ValueIteration {
            return check_not_shared(mdp, "other methods than value iteration");
        }
        if self.inference == Inference::Direct || mdp.discount().into_f64() >= 1.0 {
            return check_not_shared(mdp, "stationary direct inference, or discount 1");
        }
        Ok(())
    }

    /// The least finite initial value; +∞ if there is none.
    fn least_initial_value(&self) -> F {
        let values = self.initial_values.iter().flatten().filter(|value| value.is_finite());
        values.fold(F::infinity(), |least, &value| least.min(value))
    }

    /// The initial values, with V_T in terminal states and no −∞ elsewhere. `least` is the least
    /// finite one, +∞ if there is none.
    fn start<M>(&self, mdp: &M, least: F) -> Result<Vec<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let num_states = mdp.num_states();
        let mut values = arrays::filled_vec(Table::StateValues, num_states, F::zero())?;
        if let Some(initial_values) = &self.initial_values {
            arrays::check_shape(Table::InitialValues, initial_values.shape(), &[num_states])?;
            arrays::check_entries(Table::InitialValues, initial_values, |value| value < F::infinity())?;
            let least = if least < F::infinity() { least } else { F::zero() };
            values.iter_mut().zip(initial_values).for_each(|(v, &initial)| *v = initial.max(least));
        }
        let terminal_values = mdp.terminal_values();
        terminal_states(mdp).for_each(|state| values[state] = terminal_values[state]);
        Ok(values)
    }
}
