//! The error type for models and for questions about them.
//!
//! Each variant is one violated condition. Its fields hold the first place where the condition
//! fails, the value found there, and the bound. `io`, `gridworld`, `learning` and `plot` have error
//! types of their own, which contain this one.

use std::fmt;
use std::ops::Range;

use crate::{Inference, Status, Table};

/// An error in a model, a table or an argument.
///
/// Values are reported as `f64` for models of every number type. `Debug` prints the message, so
/// that a `main` that returns this error shows it.
///
/// # Example
///
/// ```
/// use softmdp::{Error, Mdp, ndarray::array};
///
/// let transitions = array![[[0.5, 0.4]], [[0.0, 1.0]]];
/// let error = Mdp::new(transitions, array![[0.0], [0.0]]).unwrap_err();
/// assert!(matches!(error, Error::UnnormalizedTransition { state: 0, action: 0, .. }));
/// assert_eq!(
///     error.to_string(),
///     "transition row (state 0, action 0) sums to 0.9, expected 1 within 1e-8: correct the row, \
///      or pass a larger distance to `normalize_rows` of `Mdp::builder` if rounding is the cause"
/// );
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table does not have the shape that the model implies.
    #[error(
        "shape of {table} is {found:?}, expected {expected:?}{}",
        if *table == Table::Trajectory { ": one state more than actions, or as many if the agent left for †" } else { "" }
    )]
    ShapeMismatch {
        /// The table.
        table: Table,
        /// Its shape.
        found: Vec<usize>,
        /// The expected shape.
        expected: Vec<usize>,
    },
    /// A model needs at least one state and one action.
    #[error("shape of {table} is {shape:?}: a model needs at least one state and one action")]
    EmptyModel {
        /// The table.
        table: Table,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A table is too large to be addressed or allocated.
    #[error("cannot allocate {table} of shape {shape:?}")]
    TooLarge {
        /// The table.
        table: Table,
        /// The shape asked for.
        shape: Vec<usize>,
    },

    // --- dynamics ---------------------------------------------------------------------------------
    /// `transitions[state, action, next_state]` is negative, NaN or infinite.
    #[error(
        "transition probability (state {state}, action {action}, next state {next_state}) is {value}, \
         expected a finite number >= 0"
    )]
    InvalidTransition {
        /// State of the row.
        state: usize,
        /// Action of the row.
        action: usize,
        /// Index in the row.
        next_state: usize,
        /// The value.
        value: f64,
    },
    /// `transitions[state, action, ..]` sums to `sum`, not 1.
    #[error(
        "transition row (state {state}, action {action}) sums to {sum}, expected 1 within {tolerance:e}: correct the row, \
         or pass a larger distance to `normalize_rows` of `Mdp::builder` if rounding is the cause"
    )]
    UnnormalizedTransition {
        /// State of the row.
        state: usize,
        /// Action of the row.
        action: usize,
        /// Sum of the row.
        sum: f64,
        /// Largest difference from 1 that is accepted.
        tolerance: f64,
    },
    /// A row needs rescaling, but the dynamics do not implement
    /// [`Dynamics::divide_row`](crate::Dynamics::divide_row), or are shared by several `Arc`.
    #[error(
        "transition row (state {state}, action {action}) sums to {sum}, but these dynamics cannot rescale rows: copy them \
         into `SparseDynamics` or `DenseDynamics`, or implement `Dynamics::divide_row`"
    )]
    CannotRescale {
        /// State of the row.
        state: usize,
        /// Action of the row.
        action: usize,
        /// Sum of the row.
        sum: f64,
    },
    /// A successor is not a state.
    #[error(
        "successor of (state {state}, action {action}) is {next_state}, expected a state below {num_states}"
    )]
    SuccessorOutOfRange {
        /// State of the row.
        state: usize,
        /// Action of the row.
        action: usize,
        /// The successor named.
        next_state: usize,
        /// Number of states.
        num_states: usize,
    },
    /// A pair has no successor of probability 1, as deterministic dynamics need.
    #[error("(state {state}, action {action}) has no successor of probability 1")]
    NotDeterministic {
        /// The state.
        state: usize,
        /// The action.
        action: usize,
    },
    /// A map of your own dynamics disagrees with the successors that they visit.
    ///
    /// [`check_model`](crate::check_model) compares each map with a sum over these successors.
    #[error(
        "{map} {} is {found}, expected {expected} from `for_each_successor`: correct or remove the override",
        MapCall { map, index, states, next_states, num_columns: *num_columns }
    )]
    MapMismatch {
        /// Name of the method. `… of mix_actions` is a method of the dynamics that `mix_actions`
        /// returns.
        map: &'static str,
        /// Place in the result: state, action and column; next state and column in `push_forward`;
        /// state and next state in `mix_actions`; nothing in `work`.
        index: Vec<usize>,
        /// The states that the map was called with.
        states: Range<usize>,
        /// The next states that the map was called with: all, except in `push_forward`.
        next_states: Range<usize>,
        /// Number k of columns that the map was called with.
        num_columns: usize,
        /// The number that the map returned.
        found: f64,
        /// The number that follows from the successors, or that a call with all states returned.
        expected: f64,
    },
    /// An action is out of range.
    #[error("action {action} of state {state} is out of range, expected an action below {num_actions}")]
    ActionOutOfRange {
        /// State that it was named with.
        state: usize,
        /// The action named.
        action: usize,
        /// Number of actions.
        num_actions: usize,
    },
    /// A state is out of range.
    #[error("state {state} in the {table} is out of range, expected a state below {num_states}")]
    StateOutOfRange {
        /// Where the state was named.
        table: Table,
        /// The state named.
        state: usize,
        /// Number of states.
        num_states: usize,
    },
    /// The successors of a compressed row do not increase strictly.
    #[error(
        "successors of (state {state}, action {action}) do not increase strictly at next state {next_state}"
    )]
    UnsortedSuccessors {
        /// State of the row.
        state: usize,
        /// Action of the row.
        action: usize,
        /// The first successor that is not above the one before it.
        next_state: usize,
    },
    /// The row offsets of a compressed table decrease, do not start at 0, or do not end at the
    /// number of entries.
    #[error("row offset {index} is {value}, expected at least {least} and at most {most}")]
    InvalidRowOffset {
        /// Index of the offset.
        index: usize,
        /// The value.
        value: usize,
        /// Smallest valid value.
        least: usize,
        /// Largest valid value.
        most: usize,
    },
    /// A number of a model cannot be converted to another number type without a loss that matters:
    /// it becomes infinite, or it underflows.
    #[error(
        "cannot convert the entry of the {table} at {}: {} becomes {} in {number_type}",
        table.entry_at(index),
        Plain(*value),
        Plain(*rounded)
    )]
    NotRepresentable {
        /// The table.
        table: Table,
        /// Place in the table, one index for each axis.
        index: Vec<usize>,
        /// The value.
        value: f64,
        /// The nearest number of the new type.
        rounded: f64,
        /// Name of the new type.
        number_type: &'static str,
    },

    // --- model ------------------------------------------------------------------------------------
    /// `rewards[state, action]` is NaN or +∞. −∞ is allowed and forbids the pair.
    #[error("reward (state {state}, action {action}) is {value}, expected a number below +inf")]
    InvalidReward {
        /// State of the reward.
        state: usize,
        /// Action of the reward.
        action: usize,
        /// The value.
        value: f64,
    },
    /// A reward on the successor is NaN or +∞. −∞ is allowed and forbids the transition.
    #[error(
        "reward (state {state}, action {action}, next state {next_state}) is {value}, expected a number below +inf"
    )]
    InvalidSuccessorReward {
        /// State of the reward.
        state: usize,
        /// Action of the reward.
        action: usize,
        /// Successor of the reward.
        next_state: usize,
        /// The value.
        value: f64,
    },
    /// A list of outcomes does not have a transition of the dynamics.
    #[error(
        "transition (state {state}, action {action}, next state {next_state}) is possible, but not in the \
         list of outcomes: list every transition with its reward"
    )]
    MissingOutcome {
        /// State of the transition.
        state: usize,
        /// Action of the transition.
        action: usize,
        /// Successor of the transition.
        next_state: usize,
    },
    /// A list of outcomes has a transition that the dynamics do not have.
    #[error(
        "outcome (state {state}, action {action}, next state {next_state}) is in the list, but the dynamics \
         exclude this transition: use the list from which the dynamics were made"
    )]
    ImpossibleOutcome {
        /// State of the outcome.
        state: usize,
        /// Action of the outcome.
        action: usize,
        /// Successor of the outcome.
        next_state: usize,
    },
    /// `terminal_values[state]` is NaN or +∞. −∞ is allowed and forbids ending in the state.
    #[error("terminal value of state {state} is {value}, expected a number below +inf")]
    InvalidTerminalValue {
        /// The state.
        state: usize,
        /// The value.
        value: f64,
    },
    /// `action_prior[state, action]` is negative, NaN or infinite.
    #[error("action prior (state {state}, action {action}) is {value}, expected a finite number >= 0")]
    InvalidPriorWeight {
        /// State of the weight.
        state: usize,
        /// Action of the weight.
        action: usize,
        /// The value.
        value: f64,
    },
    /// No available action of a state that is not terminal has a positive prior weight.
    #[error("action prior of state {state} has no positive weight on an available action")]
    EmptyPriorRow {
        /// The state.
        state: usize,
    },

    /// The list of stages of a time-varying model is empty.
    #[error("the list of stages is empty, expected at least one")]
    NoStages,
    /// A stage of a time-varying model differs from the first in a property that must not vary.
    #[error("stage {stage} differs from stage 0 in its {property}")]
    StageMismatch {
        /// The first stage that differs.
        stage: usize,
        /// What has to be the same at every stage.
        property: &'static str,
    },

    // --- questions --------------------------------------------------------------------------------
    /// `initial[state]` is negative, NaN or infinite.
    #[error("initial probability of state {state} is {value}, expected a finite number >= 0")]
    InvalidInitial {
        /// The state.
        state: usize,
        /// The value.
        value: f64,
    },
    /// The initial distribution sums to `sum`, not 1.
    #[error("initial distribution sums to {sum}, expected 1 within {tolerance:e}")]
    UnnormalizedInitial {
        /// Its sum.
        sum: f64,
        /// Largest difference from 1 that is accepted.
        tolerance: f64,
    },
    /// At discount 1, a policy enters a recurrent class with rewards, so that its value does not
    /// exist.
    #[error(
        "the policy collects rewards forever from state {state}: at discount 1 it must reach a terminal state, or use a \
         discount < 1"
    )]
    Endless {
        /// A recurrent state with rewards.
        state: usize,
    },
    /// The discounted occupancy does not exist at discount 1.
    #[error("cannot compute {table} at discount 1: use a discount < 1, or `expected_visits`")]
    NoDiscount {
        /// The result that the caller requested.
        table: Table,
    },
    /// A linear system is singular to working precision.
    #[error(
        "cannot compute {table}: the linear system is singular to working precision (relative residual {})",
        Bound(*residual)
    )]
    IllConditioned {
        /// The result that the caller requested.
        table: Table,
        /// Largest residual of the system, relative to its right-hand side.
        residual: f64,
    },
    /// The ends that a policy reaches are so improbable that rounding decides their probability.
    #[error(
        "cannot compute {table}: the end is so improbable from state {state} that the relative error may be {} \
         (a class of {num_states} states is too large for elimination); make the end more probable, or use a \
         smaller discount",
        Bound(*error)
    )]
    ImprobableEnd {
        /// The result that the caller requested.
        table: Table,
        /// The first state of a class that the policy leaves with a very small probability.
        state: usize,
        /// The number of states of the class.
        num_states: usize,
        /// A bound on the relative error of the result, at most 1.
        error: f64,
    },
    /// A policy has several recurrent classes, and so no unique stationary distribution.
    #[error(
        "the stationary distribution is not unique: state {first} and state {second} are in different recurrent classes"
    )]
    SeveralClasses {
        /// A state of one recurrent class.
        first: usize,
        /// A state of another.
        second: usize,
    },
    /// A policy has no recurrent class, because every path ends in a dead end.
    #[error("there is no stationary distribution: every path ends in a dead end, such as state {state}")]
    NoRecurrentClass {
        /// A dead end.
        state: usize,
    },
    /// The model has fewer stages than the horizon asks for.
    #[error("horizon {horizon} is out of range, expected at most the {num_stages} stages of the model")]
    HorizonOutOfRange {
        /// Stages asked for.
        horizon: usize,
        /// Stages that the model has.
        num_stages: usize,
    },
    /// A stage at or beyond the horizon was asked for.
    #[error("stage {stage} is out of range, expected a stage below {horizon}")]
    StageOutOfRange {
        /// Stage asked for.
        stage: usize,
        /// Number of stages.
        horizon: usize,
    },
    /// An observation is of a stage after the horizon.
    #[error("the observation of stage {stage} is out of range, expected a stage from 0 to {horizon}")]
    ObservationOutOfRange {
        /// Stage of the observation.
        stage: usize,
        /// Number T of decision stages.
        horizon: usize,
    },
    /// No trajectory that is possible so far agrees with the observations of a stage.
    #[error(
        "no trajectory agrees with the observations up to stage {stage}: correct them, or use log-likelihoods above -inf; \
         those who have left at a discount < 1 need `Observation::absorbed`"
    )]
    ImpossibleObservations {
        /// The first stage at which no trajectory is left.
        stage: usize,
    },
    /// A trajectory has more actions than a policy has stages.
    #[error("trajectory has {found} actions, expected at most {horizon}, the number of stages of the policy")]
    TrajectoryTooLong {
        /// Its number of actions.
        found: usize,
        /// Number of decision stages.
        horizon: usize,
    },
    /// A trajectory ends before the horizon, but neither in a terminal state nor by leaving for †.
    #[error("trajectory has {found} actions, expected {horizon}, or fewer and a terminal state at its end")]
    TrajectoryLength {
        /// Its number of actions.
        found: usize,
        /// Number of decision stages.
        horizon: usize,
    },
    /// A trajectory takes an action after a terminal state.
    #[error("trajectory takes an action in state {state} at stage {stage}, which is terminal")]
    ActionAfterEnd {
        /// Stage of the action.
        stage: usize,
        /// The terminal state.
        state: usize,
    },
    /// The caller's hook asked to stop.
    #[error("stopped by the caller at stage {stage}")]
    Stopped {
        /// The first stage without a result.
        stage: usize,
    },
    /// Another process of the team has an error.
    #[error("process {rank} of the team: {message} (it counts its own states from 0)")]
    Elsewhere {
        /// The lowest rank of the processes that have an error.
        rank: usize,
        /// The message of its error.
        message: String,
    },
    /// The processes of a team do not hold ranges of states that follow each other.
    #[error(
        "process {rank} of the team holds the states {states:?}, expected a range that begins with {expected_start} \
         and is not empty"
    )]
    InvalidShare {
        /// The rank of the process.
        rank: usize,
        /// The states that it says it holds.
        states: Range<usize>,
        /// The end of the range of the rank before.
        expected_start: usize,
    },
    /// The processes of a team could not go on together.
    #[error("{message}")]
    Team {
        /// What happened.
        message: String,
    },
    /// The call needs a solution of the other inference.
    #[error("expected a solution of {expected} inference, found one of {found} inference")]
    InferenceMismatch {
        /// Inference that the call needs.
        expected: Inference,
        /// Inference of the solution.
        found: Inference,
    },
    /// Forward messages, posterior, evidence and its growth do not exist at temperature 0.
    #[error(
        "cannot compute {table} at temperature 0: choose a temperature > 0{}",
        if *table == Table::GrowthRates { ", or call `average_reward` for the best mean reward" } else { "" }
    )]
    ZeroTemperature {
        /// The result that the caller requested.
        table: Table,
    },
    /// No trajectory from the initial distribution has positive weight, so the posterior does not
    /// exist.
    #[error(
        "the evidence is impossible: no trajectory of positive weight survives stage {stage}; check the rewards and \
         observations up to there, the terminal values and the initial distribution"
    )]
    ImpossibleEvidence {
        /// First stage whose factor is 0 for every remaining trajectory. The horizon, if the
        /// terminal values exclude the last ones.
        stage: usize,
    },
    /// A finite result leaves the range of the number type, on either side.
    #[error(
        "{table} at stage {stage}, state {state}: a finite result is outside the range of the number type"
    )]
    Overflow {
        /// The table.
        table: Table,
        /// Stage of the number.
        stage: usize,
        /// State of the number.
        state: usize,
    },
    /// A sum over states or stages leaves the range of the number type.
    #[error("{table}: the sum over the table is outside the range of the number type")]
    TotalOverflow {
        /// The table that is summed.
        table: Table,
    },

    // --- stationary problems ----------------------------------------------------------------------
    /// A stationary problem needs a model whose stages are all equal.
    #[error("a stationary problem needs a homogeneous model: the stages of this one may differ")]
    NotHomogeneous,
    /// At discount 1, a model has no fixed point without terminal states and without loops that
    /// earn nothing.
    #[error(
        "there is no fixed point at discount 1 without terminal states: set terminal states, use a discount < 1, or {}",
        in_the_long_run(*inference, *temperature)
    )]
    NoTerminalState {
        /// Inference of the solver.
        inference: Inference,
        /// Temperature of the model.
        temperature: f64,
    },
    /// The model of a long-run growth rate has a discount below 1.
    #[error("discount is {discount}, expected 1: a long-run growth rate needs trajectories without end")]
    DiscountedGrowth {
        /// Discount of the model.
        discount: f64,
    },
    /// The model of a long-run growth rate or of an average reward has a terminal state.
    #[error(
        "state {state} is terminal, but the long run needs a process without end: use `StationarySolver`, or a model \
         without terminal states"
    )]
    EndsInTerminalState {
        /// The first terminal state.
        state: usize,
    },
    /// For a long-run growth rate: no infinite trajectory has positive weight. For an average
    /// reward: no policy goes on forever with probability 1.
    #[error(
        "no policy goes on forever: each one may reach a state without an available action of finite reward; add such an \
         action"
    )]
    NoEndlessTrajectory,
    /// Two sets of states have the same long-run growth rate, to within the tolerance.
    #[error(
        "the growth rate is {rate} around state {first} and around state {second}: the initial state decides which one counts"
    )]
    TiedGrowth {
        /// A state of one set.
        first: usize,
        /// A state of another.
        second: usize,
        /// The rate of both, in reward units a stage.
        rate: f64,
    },
    /// The average reward depends on the initial state: two classes of states have different gains,
    /// and no path leads from the second to the first.
    #[error(
        "the average reward depends on the initial state: it is {first_gain} around state {first} and {second_gain} \
         around state {second}, which does not lead to state {first}; forbid one class by rewards of -inf to solve the other"
    )]
    SeveralGains {
        /// A state of a class with the largest gain.
        first: usize,
        /// The gain of that class, in reward units a stage.
        first_gain: f64,
        /// A state of a class that the agent cannot leave.
        second: usize,
        /// The gain of that class.
        second_gain: f64,
    },
    /// A search for a fixed point ended before its tolerance was met.
    #[error("not converged after {iterations} iterations: {}", Unmet { status: *status, error_bound: *error_bound })]
    NotConverged {
        /// How it ended.
        status: Status,
        /// Passes over the dynamics that it took.
        iterations: usize,
        /// Largest error of any state value, of the growth rate, or of the gain; +∞ if none is
        /// known.
        error_bound: f64,
    },

    // --- settings and results ---------------------------------------------------------------------
    /// A setting is out of its range: the discount, the temperature, a tolerance, or an option.
    #[error("{setting} is {value}, expected {expected}")]
    InvalidSetting {
        /// Name of the setting.
        setting: &'static str,
        /// The value given.
        value: f64,
        /// The range of the setting.
        expected: &'static str,
    },
    /// A table of results, or a policy, holds a number that is not allowed there.
    #[error(
        "the entry of the {table} at {} is {value}, expected {}",
        table.entry_at(index),
        table.entries()
    )]
    InvalidEntry {
        /// The table.
        table: Table,
        /// Place in the table, one index for each axis.
        index: Vec<usize>,
        /// The value.
        value: f64,
    },
    /// A row of a policy or of marginals is not a distribution.
    ///
    /// A row of marginals includes the mass that has left. A row of a policy may also be all zeros,
    /// which marks a dead end.
    #[error(
        "the {}{table}{}{} sums to {sum}, expected 1 within {tolerance:e}{}",
        if index.is_empty() { "" } else { "row of the " },
        if index.is_empty() { "" } else { " at " },
        table.row_at(index),
        if *table == Table::Policy { ", or all zeros" } else { "" }
    )]
    UnnormalizedRow {
        /// The table.
        table: Table,
        /// Place of the row, one index for each axis but the last.
        index: Vec<usize>,
        /// Sum of the row.
        sum: f64,
        /// Largest difference from 1 that is accepted.
        tolerance: f64,
    },
}

/// What to call for an endless process.
fn in_the_long_run(inference: Inference, temperature: f64) -> &'static str {
    match inference {
        Inference::Variational => "call `average_reward`",
        Inference::Direct if temperature > 0.0 => "call `long_run_growth`",
        Inference::Direct => "choose a temperature > 0 and call `long_run_growth`",
    }
}

/// A call of a map of [`Dynamics`](crate::Dynamics), and a place in its result.
struct MapCall<'a> {
    map: &'a str,
    index: &'a [usize],
    states: &'a Range<usize>,
    next_states: &'a Range<usize>,
    num_columns: usize,
}

impl fmt::Display for MapCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { map, index, states, next_states, num_columns } = self;
        match (*index, map.starts_with("push_forward")) {
            (&[next_state, column], true) => {
                write!(f, "from states {states:?} at next state {next_state}, column {column}")?;
                write!(f, " (next states {next_states:?}, k = {num_columns})")
            }
            (&[state, next_state], _) if *map == "mix_actions" => {
                write!(f, "at state {state}, next state {next_state}")
            }
            (&[state, action, column], _) => {
                write!(f, "at state {state}, action {action}, column {column}")?;
                write!(f, " (states {states:?}, k = {num_columns})")
            }
            (&[state, action], _) => write!(f, "at state {state}, action {action}"),
            _ => write!(f, "of states {states:?}"),
        }
    }
}

/// Why a tolerance was not met, and what to do about it.
struct Unmet {
    status: Status,
    error_bound: f64,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, error_bound } = self;
        let is_unknown = error_bound.is_infinite();
        let error_bound = Bound(*error_bound);
        match status {
            Status::IterationLimit if is_unknown => f.write_str(
                "no error bound was proved within the limit of iterations; raise the limit",
            ),
            Status::IterationLimit => write!(
                f,
                "the error bound is {error_bound} at the limit of iterations; raise the limit or the tolerance"
            ),
            Status::RoundingFloor if is_unknown => f.write_str(
                "no error bound can be proved in this number type: rounding hides whether the values are unique, \
                 or the end is too far; more iterations do not help: use larger costs of steps, a uniform prior, or \
                 a discount < 1",
            ),
            Status::RoundingFloor => write!(
                f,
                "rounding keeps the error bound at or above {error_bound}; choose a tolerance above it"
            ),
            Status::SeveralFixedPoints { state } => write!(
                f,
                "the rewards cancel on a loop through state {state}, at least to within rounding, so its total reward is \
                 undefined and no error bound exists; more iterations do not help: use a cost for every step of the \
                 loop, or a discount < 1",
            ),
            Status::Diverging => f.write_str(
                "values grow without end, because rewards, or above temperature 0 the entropy of the action prior, \
                 exceed the costs of steps; use higher costs, a smaller discount, or above temperature 0 \
                 `ActionPrior::Uniform`",
            ),
            Status::Stopped => write!(f, "stopped by the caller at an error bound of {error_bound}"),
            Status::Converged => write!(f, "the error bound is {error_bound}"),
        }
    }
}

/// A number, with an exponent only if it is very small or very large.
struct Plain(f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = self;
        let is_plain = *number == 0.0 || (1e-3..1e6).contains(&number.abs());
        if is_plain { write!(f, "{number}") } else { write!(f, "{number:e}") }
    }
}

/// A number >= 0, rounded up to three digits: a bound must not become smaller.
struct Bound(f64);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bound) = *self;
        let rounded = |number: f64| format!("{number:.2e}").parse().unwrap_or(number);
        let mut short = rounded(bound);
        if short < bound {
            let unit = 10.0_f64.powi(bound.log10().floor() as i32 - 2); // of the third digit
            short = rounded(bound + 0.5 * unit);
        }
        Plain(short).fmt(f)
    }
}

/// The message, so that `fn main() -> Result<(), Error>` prints it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_up_to_three_digits() {
        let bounds =
            [0.0, 0.5, 1.7, 0.1, 0.776_045_894_212_938_1, 9.996, 1.2341e-9, 1e-3, 9.99e-4, f64::INFINITY];
        let texts = ["0", "0.5", "1.7", "0.1", "0.777", "10", "1.24e-9", "0.001", "9.99e-4", "inf"];
        assert_eq!(bounds.map(|bound| Bound(bound).to_string()), texts);
    }
}
