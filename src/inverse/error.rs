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
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
