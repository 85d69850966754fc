//! Stationary problems: the fixed point of the soft Bellman operator, with a bound on its error that is true.
//!
//! Answers how good each state is and how to act if there is no horizon: rewards go on forever, discounted, or until a
//! terminal state is entered. The answer is the fixed point V* of
//!
//! ```text
//! (B V)(s) = τ log Σ_a ρ(a|s) exp( (r(s,a) + γ Σ_s' P(s'|s,a) V(s')) / τ ),   V_T(s) if s is terminal          (S1)
//! ```
//!
//! which no number of applications of B reaches, so the question is how far away they end.
//!
//! # The bound
//!
//! For γ < 1, one application gives an interval around V*. With δ = B V − V, lo = min δ and hi = max δ,
//!
//! ```text
//! B V + γ/(1−γ) lo  ≤  V*  ≤  B V + γ/(1−γ) hi                                                             (S2)
//! ```
//!
//! The rows of the dynamics count with what they sum to over states that are not terminal, and rounding is added on both
//! sides. What is returned is the middle of the best such interval, backed up once more, so that V, Q and π belong
//! together. A tolerance below what rounding allows ends with the bound that there is.
//!
//! At γ = 1, and for direct inference at any discount, there is no such interval. Two functions l and u with B l ≥ l and B u ≤ u,
//! each checked by a backup, take its place. There need not be a fixed point then: values that grow without end are
//! reported as [`Status::Diverging`], and those that fall without end, of states that cannot reach the end and always lose, as −∞; each
//! with a proof. Where the fixed point is not unique, the answer is where value iteration ends from the initial values, the bound
//! is +∞, and the status [`Status::IterationLimit`].
//!
//! # Methods
//!
//! | [`Method`] | a step | takes |
//! |---|---|---|
//! | `ValueIteration` | V ← BV | a pass, in parallel |
//! | `GaussSeidel` | the same in place, state by state | a pass, on one thread |
//! | `ModifiedPolicyIteration` | some sweeps with the policy of V | each as much as P_π has of transitions |
//! | `Newton` | V ← V^π, by an iterative solve | the same for each of its products |
//! | `Automatic` | value iteration, until Newton's method is predicted to be cheaper; at γ = 1 and for direct inference Newton's method at once | |
//!
//! Newton's method holds the transitions of P_π and some twenty vectors beside the tables of the answer.
//!
//! An *iteration* is a pass over the dynamics: as many stored transitions read as the model has. What reads fewer or more counts
//! with what it reads. Which method is chosen changes the time, not the truth of the bound.
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), §6.3–6.6; Geist, Scherrer and Pietquin, *A Theory of Regularized Markov
//! Decision Processes*, ICML 2019.

mod automatic;
mod certificate;
mod derivative;
mod first_exit;
mod gauss_seidel;
mod growing;
mod growth;
mod interval;
mod modified;
mod newton;
mod operator;
mod row_sums;
mod search;
mod solution;
mod traps;
mod value_iteration;

pub use growth::{LongRunGrowth, LongRunGrowthParts, long_run_growth};
use ndarray::Array1;
pub use solution::{StationarySolution, StationarySolutionParts};

use crate::mdp::check_options;
use crate::mdp::run_pass;
use crate::{Convergence, Error, Inference, Model, Real, Status, Table, arrays};
use operator::Operator;
use search::{Limits, Search};

/// Passes after which a search ends unless told otherwise.
const MAX_ITERATIONS: usize = 1_000_000;

/// Solves a stationary problem by variational inference, to an error of at most `tolerance` in any state.
///
/// Variational inference is how to act: it keeps the true dynamics. [`StationarySolver::inference`] gives the direct one,
/// which [`soft_value_iteration`](crate::soft_value_iteration) solves by default; for γ < 1 the two do not agree, so this is not
/// the limit of that for long horizons.
///
/// # Errors
///
/// [`Error::NotConverged`] if the tolerance is not met: never less than what was asked for. [`StationarySolver::solve`] returns
/// what there is. Otherwise the errors of that.
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
/// assert!(solution.probabilities()[[1, 1]] > 0.5); // what is broken is repaired
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

/// How the fixed point is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Method {
    /// Value iteration, until Newton's method is predicted to be faster; at γ = 1 and for direct inference, whose sweeps say
    /// nothing of what is left, Newton's method at once. The default.
    #[default]
    Automatic,
    /// V ← BV.
    ValueIteration,
    /// V ← BV, one state after the other and in place. Not run in parallel.
    GaussSeidel,
    /// Several sweeps with the policy of V, which read one row a state, between two of V ← BV.
    ModifiedPolicyIteration,
    /// Newton's method on V = BV, which is soft policy iteration, with an iterative inner solve.
    Newton,
}

/// Options of a stationary solve; those left out are those of [`solve_stationary`].
///
/// Progress and a way to stop come from a [`Watched`](crate::Watched) model, whose hook is given the number of passes so far;
/// a search that it stops ends with [`Status::Stopped`] and what it has.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Status, StationarySolver, ndarray::array};
///
/// let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]])?.with_discount(0.99)?;
/// let solution = StationarySolver::new(1e-9).max_iterations(10).solve(&mdp)?;
/// let convergence = solution.convergence();
/// assert_eq!(convergence.status, Status::IterationLimit);
/// assert!((solution.state_values()[1] - 100.0_f64).abs() <= convergence.error_bound); // as far as it got
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
    /// Options for an error of at most `tolerance` in any state value, in reward units; variational inference.
    pub fn new(tolerance: F) -> Self {
        Self {
            tolerance,
            inference: Inference::Variational,
            method: Method::Automatic,
            max_iterations: MAX_ITERATIONS,
            initial_values: None,
        }
    }

    /// Sets which problem is solved; [`Inference::Variational`] by default.
    pub fn inference(mut self, inference: Inference) -> Self {
        self.inference = inference;
        self
    }

    /// Sets how; [`Method::Automatic`] by default.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets the number of passes over the dynamics from which on no further one is begun; a million by default.
    ///
    /// One more is always made, for the answer, and a pass that is begun ends. 0 returns the backup of the initial values.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Sets where the search starts, `[s]`; zeros by default. The values of a similar model save passes.
    ///
    /// Terminal states keep V_T whatever stands here. −∞, which a search cannot leave, is taken for the least finite value.
    pub fn initial_values(mut self, initial_values: Array1<F>) -> Self {
        self.initial_values = Some(initial_values);
        self
    }

    /// Solves a model whose stages are all alike ([`Model::is_homogeneous`]), and returns what was reached.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidTolerance`] unless it is above 0; [`Error::ShapeMismatch`] and [`Error::InvalidInitialValue`] for initial
    /// values; [`Error::NotHomogeneous`]; [`Error::NoTerminalState`] for γ = 1 without terminal states;
    /// [`Error::Overflow`] if a value leaves the number type, [`Error::TooLarge`] if the tables do not fit; what a [`Model`] of
    /// your own returns, or is found wrong in it.
    ///
    /// # Complexity
    ///
    /// Time O(transitions) a pass. Memory 3·S·A + 6·S numbers; where policies are evaluated, 2·S·A more and the chain of one
    /// policy, at most as many transitions as the model has, and for Newton's method another 20·S.
    pub fn solve<M>(&self, mdp: &M) -> Result<StationarySolution<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_options(mdp, 1)?;
        if !(self.tolerance > F::zero()) {
            return Err(Error::InvalidTolerance { value: self.tolerance.into_f64() });
        }
        if !mdp.is_homogeneous() {
            return Err(Error::NotHomogeneous);
        }
        let is_endless = (0..mdp.num_states()).all(|state| !mdp.is_terminal(state));
        if mdp.discount() == F::one() && is_endless {
            return Err(Error::NoTerminalState);
        }
        let values = self.start(mdp)?;
        run_pass(mdp, 1, self.inference, || {
            let operator = Operator::new(mdp, self.inference)?;
            let limits = Limits { tolerance: self.tolerance.into_f64(), max_passes: self.max_iterations };
            let mut search = Search::new(operator, limits, values)?;
            let is_contraction = search.operator.contraction().is_known();
            let status = match self.method {
                method if !is_contraction => first_exit::run(&mut search, method),
                Method::Automatic => automatic::run(&mut search),
                Method::ValueIteration => value_iteration::run(&mut search),
                Method::GaussSeidel => gauss_seidel::run(&mut search),
                Method::ModifiedPolicyIteration => modified::run(&mut search),
                Method::Newton => newton::run(&mut search),
            }?;
            search.finish(status)
        })
    }

    /// The values to start from.
    fn start<M>(&self, mdp: &M) -> Result<Vec<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let num_states = mdp.num_states();
        let mut values = arrays::filled(Table::StateValues, num_states, F::zero())?;
        if let Some(initial_values) = &self.initial_values {
            arrays::check_shape(Table::InitialValues, initial_values.shape(), &[num_states])?;
            if let Some(state) = initial_values.iter().position(|&value| !(value < F::infinity())) {
                let value = initial_values[state].into_f64();
                return Err(Error::InvalidInitialValue { state, value });
            }
            let finite = initial_values.iter().filter(|value| value.is_finite());
            let least = finite.fold(F::infinity(), |least, &value| least.min(value));
            let least = if least < F::infinity() { least } else { F::zero() };
            values.zip_mut_with(initial_values, |v, &initial| *v = initial.max(least));
        }
        let terminal_values = mdp.terminal_values();
        for state in (0..num_states).filter(|&state| mdp.is_terminal(state)) {
            values[state] = terminal_values[state];
        }
        Ok(values.into_raw_vec_and_offset().0)
    }
}
