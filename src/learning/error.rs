//! Errors of learners and environments.

use std::fmt;

/// An error in a step, an episode or a learner.
///
/// Errors of the model and of settings are in [`Error::Model`]; `?` converts a
/// [`softmdp::Error`](crate::Error) into this type. `Debug` prints the message, so that a `main`
/// which returns this error shows it.
///
/// # Example
///
/// ```
/// use softmdp::learning::{Error, Learner, SoftQLearning, Step, StepSize, Task};
///
/// fn learn(step: &Step) -> Result<SoftQLearning, Error> {
///     let mut learner = SoftQLearning::new(Task::new(2, 2)?.with_terminal_states([1])?)?;
///     learner.update(step)?;
///     learner.with_step_size(StepSize::Constant(2.0))
/// }
///
/// let after_end = learn(&Step::new(1, 0, 0.0, 0)).unwrap_err();
/// assert_eq!(after_end, softmdp::Error::ActionAfterEnd { stage: 0, state: 1 }.into());
/// let setting = learn(&Step::new(0, 0, 0.0, 1)).unwrap_err();
/// assert_eq!(format!("{setting:?}"), "step size is 2, expected a number in (0, 1]");
/// let Error::Model(error) = setting else { panic!("another error") };
/// assert!(matches!(error, softmdp::Error::InvalidSetting { setting: "step size", .. }));
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model, a table or a setting is invalid.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// A step takes an action that is unavailable or has prior weight 0.
    #[error("action {action} of state {state} is unavailable or has prior weight 0")]
    UnavailableAction {
        /// The state.
        state: usize,
        /// The action.
        action: usize,
    },
    /// A learner was asked to act in a state without available actions.
    #[error("no action is available in state {state} at stage {stage}")]
    DeadEnd {
        /// Stage of the action.
        stage: usize,
        /// The dead end.
        state: usize,
    },
    /// An episode may start in a state without available actions.
    #[error(
        "initial distribution includes state {state}, which is terminal or has no available action: an episode \
         cannot start there"
    )]
    NoStart {
        /// A state of positive initial probability that is terminal or a dead end.
        state: usize,
    },
    /// A caller asked an environment for a step before its first episode, or after the end of an
    /// episode.
    #[error("no episode is running: reset the environment before the next step")]
    NoEpisode,
    /// A step does not continue the episode.
    #[error("step from state {state} at stage {stage} does not continue the episode")]
    StepOutOfOrder {
        /// Stage of the step.
        stage: usize,
        /// State of the step.
        state: usize,
    },
    /// The behaviour probability of an action that was taken is not in (0, 1].
    #[error("probability of taking action {action} in state {state} is {value}, expected a number in (0, 1]")]
    InvalidBehaviour {
        /// The state.
        state: usize,
        /// The action.
        action: usize,
        /// The probability.
        value: f64,
    },
    /// A softmax policy has a preference of −∞ for every action of a state.
    #[error(
        "all preferences of state {state} at stage {stage} are -inf, expected a finite one for at least one action"
    )]
    NoPreference {
        /// Stage of the row; 0 without a horizon.
        stage: usize,
        /// The state.
        state: usize,
    },
    /// The policy can reach a reward or a terminal value of −∞, so its value has no gradient.
    #[error(
        "policy has no gradient: its value in state {state} at stage {stage} is -inf; make forbidden actions unavailable"
    )]
    NoGradient {
        /// Stage of the value; 0 without a horizon.
        stage: usize,
        /// A state that the policy visits.
        state: usize,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
