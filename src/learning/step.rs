//! One step in an environment.

use crate::Real;

/// The outcome of one action, which is all that a learner learns from.
///
/// `terminated` and `truncated` differ. After a terminated step, the value of `next_state` is its
/// terminal value. A truncated step was only cut off, for example by a time limit: `next_state`
/// keeps its usual value, and learners bootstrap from it. If both are set, the step counts as
/// terminated.
///
/// # Example
///
/// ```
/// use softmdp::learning::Step;
///
/// let step = Step::new(0, 1, -1.0, 2); // from state 0, action 1 paid −1 and led to state 2
/// assert!(!step.is_last());
/// let last = Step { stage: 9, truncated: true, ..step };
/// assert!(last.is_last());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Step<F = f64> {
    /// t, the number of steps since the start of the episode. It matters with a finite horizon, to
    /// learners from whole episodes, and in time-varying models.
    pub stage: usize,
    /// s, the state in which the action was taken.
    pub state: usize,
    /// a, the action.
    pub action: usize,
    /// The reward paid: a sample with expectation r(s,a), in reward units. −∞ marks a forbidden
    /// action.
    pub reward: F,
    /// s', the next state.
    pub next_state: usize,
    /// Whether the episode is over: only the terminal value of `next_state` follows.
    pub terminated: bool,
    /// Whether the episode was cut off in `next_state`, where it could have continued.
    pub truncated: bool,
}

impl<F: Real> Step<F> {
    /// A step at stage 0 that does not end its episode.
    pub fn new(state: usize, action: usize, reward: F, next_state: usize) -> Self {
        Self { stage: 0, state, action, reward, next_state, terminated: false, truncated: false }
    }

    /// Whether the step ends its episode, terminated or truncated.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}
