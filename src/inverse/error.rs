//! Errors of inverse problems.

use std::fmt;

use super::place::FeaturePlace;
use crate::Status;

/// The share of the largest entry of a direction above which a message shows an entry.
const LEAST_SHOWN: f64 = 0.01;

/// The most entries of a direction that a message shows.
const MOST_SHOWN: usize = 5;

/// An error in demonstrations, in a fit or in an observation.
///
/// Errors of the model and of settings are in [`Error::Model`]; `?` converts a
/// [`softmdp::Error`](crate::Error) into this type. `Debug` prints the message, so that a `main`
/// which returns this error shows it. If you read maps too, return `Box<dyn std::error::Error>`: it
/// takes every error of this crate.
///
/// A `trajectory` is an index in the list of demonstrations. A `stage` counts from the start of the
/// trajectory, also if the trajectory starts at a later stage of the model.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model, a table or a setting is invalid.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// There is no demonstration, or no demonstration of positive weight.
    #[error("there are no demonstrations of positive weight, expected at least one")]
    NoDemonstrations,
    /// A list has another length than the list of demonstrations.
    #[error("found {found} entries for {expected} demonstrations, expected one for each demonstration")]
    NumberMismatch {
        /// Number of entries.
        found: usize,
        /// Number of demonstrations.
        expected: usize,
    },
    /// A weight of a demonstration is negative, NaN or infinite.
    #[error("the weight of demonstration {demonstration} is {value}, expected a finite number >= 0")]
    InvalidWeight {
        /// Index of the demonstration.
        demonstration: usize,
        /// The weight.
        value: f64,
    },
    /// A count of an action is negative, NaN or infinite.
    #[error("the count of (state {state}, action {action}) is {value}, expected a finite number >= 0")]
    InvalidCount {
        /// State of the pair.
        state: usize,
        /// Its action.
        action: usize,
        /// The count.
        value: f64,
    },
    /// A count is positive, but the model excludes the pair.
    #[error(
        "(state {state}, action {action}) has a positive count but probability 0 in this model; set the count to 0 \
         or correct the model"
    )]
    ImpossibleCount {
        /// State of the pair.
        state: usize,
        /// Its action.
        action: usize,
    },
    /// Counts of actions were given where trajectories are needed.
    #[error(
        "the demonstrations are counts of actions, expected trajectories; counts serve `Likelihood::actions`"
    )]
    NotTrajectories,
    /// Counts of actions have no stages, but the likelihood has a horizon.
    #[error(
        "counts of actions have no stages, but the likelihood has a horizon of {horizon}; use trajectories, or no \
         horizon"
    )]
    CountsWithHorizon {
        /// The horizon.
        horizon: usize,
    },
    /// A trajectory contains a state that the model does not have.
    #[error(
        "trajectory {trajectory} is in state {state} at stage {stage}, expected a state below {num_states}"
    )]
    StateOutOfRange {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the state.
        stage: usize,
        /// The state.
        state: usize,
        /// Number of states of the model.
        num_states: usize,
    },
    /// A trajectory contains an action that the model does not have.
    #[error(
        "trajectory {trajectory} takes action {action} at stage {stage}, expected an action below {num_actions}"
    )]
    ActionOutOfRange {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the action.
        stage: usize,
        /// The action.
        action: usize,
        /// Number of actions of the model.
        num_actions: usize,
    },
    /// A trajectory takes an action in a terminal state.
    #[error(
        "trajectory {trajectory} takes an action in terminal state {state} at stage {stage}, expected its end"
    )]
    ActionAfterEnd {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the action.
        stage: usize,
        /// The terminal state.
        state: usize,
    },
    /// A trajectory goes on after the horizon.
    #[error(
        "trajectory {trajectory} starts at stage {first_stage} and has {num_actions} actions, expected an end at \
         stage {horizon} at the latest"
    )]
    TooLong {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the model at which it starts.
        first_stage: usize,
        /// Number of its actions.
        num_actions: usize,
        /// The horizon.
        horizon: usize,
    },
    /// A trajectory stops before the horizon, in a state that is not terminal.
    #[error(
        "trajectory {trajectory} stops after {num_actions} actions in state {state}, which is not terminal; mark it \
         with `Demonstrations::with_cut_off`, or set the horizon at which it ends"
    )]
    Unended {
        /// Index of the trajectory.
        trajectory: usize,
        /// Number of its actions.
        num_actions: usize,
        /// Its last state.
        state: usize,
    },
    /// Feature matching needs whole trajectories, but one was cut off.
    #[error(
        "trajectory {trajectory} was cut off, but feature matching needs whole trajectories; use \
         `Likelihood::actions`"
    )]
    CutOff {
        /// Index of the trajectory.
        trajectory: usize,
    },
    /// A trajectory that has left for † is marked as cut off.
    #[error("trajectory {trajectory} is marked as cut off but has no last state; append the last state")]
    CutOffAfterEnd {
        /// Index of the trajectory.
        trajectory: usize,
    },
    /// A trajectory starts in a state from which success is impossible, or whose initial
    /// probability is 0.
    #[error("trajectory {trajectory} is impossible in this model: it cannot start in state {state}")]
    ImpossibleStart {
        /// Index of the trajectory.
        trajectory: usize,
        /// Its first state.
        state: usize,
    },
    /// The model excludes an action of a trajectory.
    #[error(
        "trajectory {trajectory} is impossible in this model: action {action} of state {state} at stage {stage} \
         has probability 0"
    )]
    ImpossibleAction {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the step.
        stage: usize,
        /// State of the step.
        state: usize,
        /// Its action.
        action: usize,
    },
    /// The model excludes a transition of a trajectory.
    #[error(
        "trajectory {trajectory} is impossible in this model: the transition from (state {state}, action {action}) \
         to state {next_state} at stage {stage} has probability 0"
    )]
    ImpossibleTransition {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the step.
        stage: usize,
        /// State of the step.
        state: usize,
        /// Its action.
        action: usize,
        /// The next state.
        next_state: usize,
    },
    /// A trajectory leaves for †, which the likelihood excludes.
    #[error(
        "trajectory {trajectory} has no last state, so it leaves for † at stage {stage}; this needs \
         `Likelihood::trajectories` and a discount below 1"
    )]
    ImpossibleLeaving {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the step.
        stage: usize,
    },
    /// A trajectory ends in a state whose value is −∞.
    #[error("trajectory {trajectory} is impossible in this model: its last state {state} has value -inf")]
    ImpossibleEnd {
        /// Index of the trajectory.
        trajectory: usize,
        /// Its last state.
        state: usize,
    },
    /// Only the likelihood of trajectories may be joint with the start.
    #[error(
        "an initial distribution was given, but only `Likelihood::trajectories` can be joint with the start"
    )]
    UnusedInitial,
    /// A trajectory of a joint likelihood starts at a later stage than the initial distribution.
    #[error(
        "trajectory {trajectory} starts at stage {first_stage}, but the initial distribution is that of stage 0; \
         remove the initial distribution"
    )]
    LateStart {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the model at which it starts.
        first_stage: usize,
    },
    /// Stages were asked for, but the likelihood has no horizon.
    #[error("a stationary likelihood has no stages; set a horizon with `Likelihood::horizon`")]
    NoHorizon,
    /// A likelihood that is no probability of steps was given to an observer.
    #[error(
        "feature matching gives no probability of a step: watch with `Likelihood::actions` or \
         `Likelihood::trajectories`"
    )]
    NoStepProbability,
    /// A step is impossible under every goal that earlier steps left possible.
    #[error(
        "step {step} is impossible under every goal that the steps before it left possible: action {action} of state \
         {state}, {}; correct the step, or add a goal that explains it",
        Landing(*next_state)
    )]
    ImpossibleStep {
        /// Index of the step among all that were watched.
        step: usize,
        /// Its state.
        state: usize,
        /// Its action.
        action: usize,
        /// The next state; `None` if the agent left for †.
        next_state: Option<usize>,
    },
    /// A step comes after the last stage of an episode.
    #[error(
        "step {step} comes after the horizon of {horizon}; call `start_episode`, or set a longer horizon"
    )]
    AfterHorizon {
        /// Index of the step among all that were watched.
        step: usize,
        /// The horizon, of each episode.
        horizon: usize,
    },
    /// The stationary problem of a goal is not solved to the tolerance.
    #[error(
        "the stationary problem of goal {goal} is not solved: {error}; or set a horizon with \
         `Likelihood::horizon`"
    )]
    UnsolvedGoal {
        /// Index of the goal.
        goal: usize,
        /// Why.
        error: crate::Error,
    },
    /// The goals are not a table of this many temperatures.
    #[error("{num_models} models are no multiple of {num_temperatures} temperatures")]
    NotAGrid {
        /// Number of models.
        num_models: usize,
        /// Number of temperatures.
        num_temperatures: usize,
    },
    /// A step does not start where the step before it ended.
    #[error(
        "step {step} starts in state {state}, but the step before it ended in state {expected}; call `start_episode` \
         if the agent started anew"
    )]
    BrokenPath {
        /// Index of the step among all that were watched.
        step: usize,
        /// Its state.
        state: usize,
        /// The state in which the step before it ended.
        expected: usize,
    },
    /// A feature is not a finite number.
    #[error("feature {feature} of {place} is {value}, expected a finite number")]
    InvalidFeature {
        /// Index of the feature.
        feature: usize,
        /// Where it has the value.
        place: FeaturePlace,
        /// The value.
        value: f64,
    },
    /// A parameter is not a finite number.
    #[error("parameter {parameter} is {value}, expected a finite number")]
    InvalidParameter {
        /// Index of the parameter.
        parameter: usize,
        /// The value.
        value: f64,
    },
    /// Features of transitions were given for a model whose rewards do not depend on the successor.
    #[error(
        "the features depend on the next state, but the rewards of this model do not: call \
         `mdp.with_successor_rewards(|_, _, _| 0.0)` first"
    )]
    NoSuccessorRewards,
    /// The likelihood has no maximum: it grows for ever in a direction.
    #[error(
        "the likelihood has no maximum: it grows for ever in the direction of {}, because either no demonstration \
         shows the opposite, or the agent does not fit this likelihood; set a prior with `RewardFit::prior`, or leave \
         out these features",
        largest_entries(direction, names)
    )]
    Diverging {
        /// The direction, of length 1, in the order of the parameters. Entries below 1e−8 of the
        /// largest are 0.
        direction: Vec<f64>,
        /// Names of the parameters, in the same order.
        names: Vec<String>,
    },
    /// The demonstrations do not determine the temperature or the discount beside the rewards.
    #[error(
        "no {setting} {} is best, or rewards at another one explain the demonstrations as well; keep it fixed, or \
         make more of the rewards known",
        if *setting == "temperature" { "above 0" } else { "above 0 and below 1" }
    )]
    UnidentifiedSetting {
        /// `temperature` or `discount`.
        setting: &'static str,
    },
    /// The discount was to be fitted by feature matching.
    #[error(
        "feature matching cannot fit the discount, because the features that it matches depend on it; use \
         `Likelihood::actions`, or keep the discount fixed"
    )]
    DiscountOfFeatureMatching,
    /// There is not one name for each parameter.
    #[error("found {} for {}, expected one for each", count(*found, "name"), count(*expected, "parameter"))]
    NameMismatch {
        /// Number of names.
        found: usize,
        /// Number of parameters of the features.
        expected: usize,
    },
    /// The start of a fit has not one number for each parameter of the features.
    #[error(
        "the start of the fit has shape {found:?}, expected [{expected}]: one number for each parameter of the \
         features"
    )]
    StartMismatch {
        /// Shape of the start.
        found: Vec<usize>,
        /// Number of parameters of the features.
        expected: usize,
    },
    /// A mean or a precision of the prior of parameters is not valid.
    #[error("the {property} of the prior of parameter {parameter} is {value}, expected {expected}")]
    InvalidPrior {
        /// `mean` or `precision`.
        property: &'static str,
        /// Index of the parameter.
        parameter: usize,
        /// The value.
        value: f64,
        /// The valid numbers.
        expected: &'static str,
    },
    /// Policy iterations were asked for with another likelihood than theirs.
    #[error(
        "policy iterations fit `Likelihood::actions(Inference::Variational)` without a horizon, at fixed temperature \
         and discount; choose `FitMethod::Newton` for anything else"
    )]
    NotForPolicyIterations,
    /// Policy iterations have no policy to start from.
    #[error(
        "policy iterations start from a policy, and none was given: call `RewardFit::initial_policy`, for instance \
         with the frequencies of choices and a guess where no choice was seen"
    )]
    NoInitialPolicy,
    /// A policy has a probability that is not allowed there.
    #[error(
        "the policy takes action {action} of state {state} with probability {probability}, expected {expected}"
    )]
    InvalidProbability {
        /// State of the entry.
        state: usize,
        /// Its action.
        action: usize,
        /// The probability.
        probability: f64,
        /// The valid numbers.
        expected: &'static str,
    },
    /// The reward of a reference action is not finite.
    #[error(
        "the reward of the reference action {action} of state {state} is {value}, expected a finite number: choose an \
         action whose reward is known"
    )]
    UnknownReference {
        /// The state.
        state: usize,
        /// Its reference action.
        action: usize,
        /// The reward.
        value: f64,
    },
    /// A terminal state has value −∞, so that policies which reach it have no finite value.
    #[error(
        "the terminal value of state {state} is -inf, expected a finite number for values of a given policy"
    )]
    ForbiddenEnd {
        /// The terminal state.
        state: usize,
    },
    /// A covariance needs more independent demonstrations than there are.
    #[error(
        "the outer product of scores has rank {rank}, but {num_parameters} parameters are identified: use more \
         demonstrations or another `Covariance`"
    )]
    TooFewScores {
        /// Rank of the outer product.
        rank: usize,
        /// Number of parameters, less what is not identified.
        num_parameters: usize,
    },
    /// The likelihood is not concave at the parameters, so that no curvature gives a covariance.
    #[error(
        "the likelihood is not concave at these parameters, where the fit ended ({status}): there are no standard \
         errors; use more iterations"
    )]
    NotConcave {
        /// How the fit ended.
        status: Status,
    },
    /// There are too many parameters for a matrix of second derivatives.
    #[error(
        "{num_parameters} parameters are too many for second derivatives, the most are {most}: fit them with \
         `FitMethod::Lbfgs`, and do without covariances"
    )]
    NoCurvature {
        /// Number of parameters.
        num_parameters: usize,
        /// The largest number of parameters with second derivatives.
        most: usize,
    },
}

/// Where a step led to.
struct Landing(Option<usize>);

impl fmt::Display for Landing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(next_state) => write!(f, "which led to state {next_state}"),
            None => f.write_str("by which the agent left for †"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A number of things.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The largest entries of a direction, by size.
fn largest_entries(direction: &[f64], names: &[String]) -> String {
    let largest = direction.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
    let mut order: Vec<usize> = (0..direction.len()).collect();
    order.retain(|&k| direction[k].abs() > LEAST_SHOWN * largest);
    order.sort_by(|&i, &j| direction[j].abs().total_cmp(&direction[i].abs()));
    let name = |k: usize| names.get(k).map_or("a parameter", String::as_str);
    let shown = order.iter().take(MOST_SHOWN).map(|&k| format!("`{}` ({:+.2})", name(k), direction[k]));
    let text = shown.collect::<Vec<_>>().join(", ");
    match order.len().saturating_sub(MOST_SHOWN) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}
