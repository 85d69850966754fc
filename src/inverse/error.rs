//! Errors of inverse problems.

use std::fmt;

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
    /// A likelihood that is no probability of steps was given to an observer.
    #[error(
        "feature matching gives no probability of a step: watch with `Likelihood::actions` or \
         `Likelihood::trajectories`"
    )]
    NoStepProbability,
    /// A step is impossible under every goal that earlier steps left possible.
    #[error(
        "step {step} is impossible under every goal that the steps before it left possible: action {action} of state \
         {state}; add a goal that explains it"
    )]
    ImpossibleStep {
        /// Index of the step among all that were watched.
        step: usize,
        /// Its state.
        state: usize,
        /// Its action.
        action: usize,
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
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
