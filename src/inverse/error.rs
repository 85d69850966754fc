//! Errors of inverse problems.

use std::fmt;

use super::place::FeaturePlace;
use crate::Status;

/// An error in demonstrations, in a fit or in an observation.
///
/// Errors of the model and of settings are in [`Error::Model`]; `?` converts a
/// [`softmdp::Error`](crate::Error) into this type. `Debug` prints the message, so that a `main`
/// which returns this error shows it.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model, a table or a setting is invalid.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// There is no demonstration, or no demonstration of positive weight.
    #[error("there are no demonstrations of positive weight, expected at least one")]
    NoDemonstrations,
    /// The model excludes a step of a demonstration.
    #[error(
        "trajectory {trajectory} is impossible in this model: action {action} of state {state} at stage {stage} \
         has probability 0"
    )]
    ImpossibleAction {
        /// Index of the trajectory.
        trajectory: usize,
        /// Stage of the step, counted from the start of the trajectory.
        stage: usize,
        /// State of the step.
        state: usize,
        /// Its action.
        action: usize,
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
        "the likelihood has no maximum: it grows for ever in the direction {direction:?} of the parameters, because no \
         demonstration contradicts it; set a prior with `RewardFit::prior`, or leave out these features"
    )]
    Diverging {
        /// The direction, of length 1, in the order of the parameters.
        direction: Vec<f64>,
    },
    /// The demonstrations do not determine the temperature or the discount beside the rewards.
    #[error(
        "the demonstrations do not determine the {setting}: rewards at another {setting} explain them as well; keep it \
         fixed, or make more of the rewards known"
    )]
    UnidentifiedSetting {
        /// `temperature` or `discount`.
        setting: &'static str,
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
    #[error("the policy takes action {action} of state {state} with probability {probability}, expected {expected}")]
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
    #[error("the terminal value of state {state} is -inf, expected a finite number for values of a given policy")]
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
    #[error("{num_parameters} parameters have no matrix of second derivatives here, the most are {most}")]
    NoCurvature {
        /// Number of parameters.
        num_parameters: usize,
        /// The largest number of parameters with second derivatives.
        most: usize,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
