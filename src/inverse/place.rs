//! Places of features, for errors.

use std::fmt;

/// Where a feature has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeaturePlace {
    /// In a state, at every action.
    State(usize),
    /// At a state and an action.
    Pair(usize, usize),
    /// At a state, an action and a next state.
    Transition(usize, usize, usize),
    /// At the end of a trajectory, in a state.
    End(usize),
}

impl fmt::Display for FeaturePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeaturePlace::State(state) => write!(f, "state {state}"),
            FeaturePlace::Pair(state, action) => write!(f, "state {state}, action {action}"),
            FeaturePlace::Transition(state, action, next_state) => {
                write!(f, "state {state}, action {action}, next state {next_state}")
            }
            FeaturePlace::End(state) => write!(f, "the end in state {state}"),
        }
    }
}
