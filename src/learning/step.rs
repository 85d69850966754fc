//! One step in an environment.

use crate::Real;

/// The outcome of one action: the data that a learner learns from.
///
/// `terminated` and `truncated` differ. After a terminated step, the value of `next_state` is its
/// terminal value. A truncated step ends the episode early, for example at a time limit:
/// `next_state` keeps its usual value, and learners bootstrap from it. If both are set, the step
/// counts as terminated.
///
/// # Example
///
/// ```
/// use softmdp::learning::Step;
///
/// let step = Step::new(0, 1, -1.0, 2); // state 0, action 1, reward −1, next state 2
/// assert!(!step.is_last());
/// let last = Step { stage: 9, truncated: true, ..step };
/// assert!(last.is_last());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Step<F = f64> {
    /// t, the number of steps since the start of the episode. It matters for finite horizons, for
    /// learners from whole episodes, and for time-varying models.
    pub stage: usize,
    /// s, the state in which the action was taken.
    pub state: usize,
    /// a, the action.
    pub action: usize,
    /// The reward: a sample with expectation r(s,a), in reward units. −∞ marks a forbidden action.
    pub reward: F,
    /// s', the next state.
    pub next_state: usize,
    /// Whether the episode ends in `next_state`, whose value is then its terminal value.
    pub terminated: bool,
    /// Whether the episode stops early in `next_state`, for example at a time limit.
    pub truncated: bool,
}

impl<F: Real> Step<F> {
    /// Returns a step at stage 0 that does not end its episode.
    pub fn new(state: usize, action: usize, reward: F, next_state: usize) -> Self {
        Self { stage: 0, state, action, reward, next_state, terminated: false, truncated: false }
    }

    /// Whether the step ends its episode, terminated or truncated.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}
