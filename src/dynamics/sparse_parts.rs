//! The parts that sparse dynamics are made of, on their way out of the crate.

use super::{Dynamics, SparseDynamics};
use crate::Real;

/// What [`SparseDynamics::new`] takes: row offsets, next states and probabilities, copied.
pub(crate) fn compressed_rows<F: Real>(dynamics: &SparseDynamics<F>) -> (Vec<usize>, Vec<usize>, Vec<F>) {
    let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
    let mut row_offsets = Vec::with_capacity(num_states * num_actions + 1);
    let mut next_states = Vec::with_capacity(dynamics.num_transitions());
    let mut probabilities = Vec::with_capacity(dynamics.num_transitions());
    row_offsets.push(0);
    for state in 0..num_states {
        for action in 0..num_actions {
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                next_states.push(next_state);
                probabilities.push(p);
            });
            row_offsets.push(next_states.len());
        }
    }
    (row_offsets, next_states, probabilities)
}
