//! One step in an environment.

use crate::Real;

/// What came of one action: all that a learner learns from.
///
/// `terminated` and `truncated` are not the same. A terminated episode is over, and the value of where it ended is its
/// terminal value. A truncated one was only cut off, by a time limit say: the state that it was in is worth what it always is,
/// so learners go on bootstrapping from it. If both are set, the episode is over.
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
    /// Steps since the episode began: t. It matters to learners with a finite horizon, to those from whole episodes, and to models whose
    /// stages differ.
    pub stage: usize,
    /// s, in which the action was taken.
    pub state: usize,
    /// a.
    pub action: usize,
    /// What was paid, in reward units: a sample, whose expectation is r(s,a). −∞ is for what is forbidden.
    pub reward: F,
    /// s', which the action led to.
    pub next_state: usize,
    /// Whether the episode is over, and nothing but the terminal value of `next_state` is left to come.
    pub terminated: bool,
    /// Whether the episode was cut off in `next_state`, from which it would have gone on.
    pub truncated: bool,
}

impl<F: Real> Step<F> {
    /// A step at stage 0 of an episode that goes on.
    pub fn new(state: usize, action: usize, reward: F, next_state: usize) -> Self {
        Self { stage: 0, state, action, reward, next_state, terminated: false, truncated: false }
    }

    /// Whether the episode ends with this step, for either reason.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}
