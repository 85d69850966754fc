//! Policies that leave loops: of all optimal actions, those that lead on.
//!
//! Inside an end component of optimal actions, a policy may go round forever. It reaches an exit
//! with probability 1, whatever it chooses, if it takes exits in the states that have them, and
//! elsewhere only actions that may lead nearer to such a state.

use crate::kernels::{SoftRow, normalized_prior};
use crate::markov_chain::{Choices, Graph};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Real};

/// Restricts the rows of a policy to exits, and to inner actions that lead nearer to exits, in all
/// states from which inner actions lead to an exit.
///
/// # Shapes
///
/// The policy and its logarithms, `[s, a]`. Pairs are the numbers s · A + a.
pub(crate) fn leave<F, D>(
    stage: &CheckedStage<'_, F, D>,
    is_inside: impl Fn(usize) -> bool,
    is_exit: impl Fn(usize) -> bool,
    (policy, logs): (&mut [F], &mut [F]),
) -> Result<(), Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let width = stage.dynamics.num_actions();
    let num_states = policy.len() / width;
    let pairs = |state: usize| state * width..(state + 1) * width;
    let inside = Graph::new(num_states, |state, visit| {
        for pair in pairs(state).filter(|&pair| is_inside(pair)) {
            stage.for_each_next_state(pair, visit);
        }
    })?;
    let distances = inside.distances_to(|state| pairs(state).any(&is_exit))?;
    for (state, &distance) in distances.iter().enumerate().filter(|(_, distance)| **distance < usize::MAX) {
        let is_taken = |action: usize| {
            let pair = state * width + action;
            if distance == 0 {
                return is_exit(pair);
            }
            let mut is_nearer = false;
            stage.for_each_next_state(pair, &mut |next_state| is_nearer |= distances[next_state] < distance);
            is_nearer && is_inside(pair)
        };
        let (_, prior) = stage.row(state)?;
        let (probabilities, logs) = (&mut policy[pairs(state)], &mut logs[pairs(state)]);
        normalized_prior(prior, SoftRow { probabilities, logs }, is_taken);
    }
    Ok(())
}

/// Makes a policy leave the loops that rounding has made optimal: the best exits of such a loop are
/// worth as much as the loop, to within `slack`.
///
/// # Shapes
///
/// `values` `[s]`; `action_values`, and the policy and its logarithms, `[s, a]`.
pub(crate) fn leave_rounded_loops<F, D>(
    stage: &CheckedStage<'_, F, D>,
    is_fixed: &[bool],
    (values, action_values): (&[F], &[F]),
    slack: F,
    (policy, logs): (&mut [F], &mut [F]),
) -> Result<(), Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let width = stage.dynamics.num_actions();
    let is_taken = |pair: usize| !is_fixed[pair / width] && policy[pair] > F::zero();
    let successors = |pair: usize, visit: &mut dyn FnMut(usize)| stage.for_each_next_state(pair, visit);
    let loops = Choices::new(is_fixed.len(), width, is_taken, successors)?.end_components()?;
    let gap = |pair: usize| values[pair / width] - action_values[pair];
    let leaves = |pair: usize| !loops.stays(pair) && gap(pair) <= slack;
    let least_gap = |members: &Vec<usize>| {
        let pairs = members.iter().flat_map(|&state| state * width..(state + 1) * width);
        pairs.filter(|&pair| leaves(pair)).fold(F::infinity(), |least, pair| least.min(gap(pair)))
    };
    let least: Vec<F> = loops.components().iter().map(least_gap).collect();
    let is_exit = |pair: usize| {
        let component = loops.of_state(pair / width);
        component.is_some_and(|component| leaves(pair) && gap(pair) <= least[component])
    };
    leave(stage, |pair| loops.stays(pair), is_exit, (policy, logs))
}
