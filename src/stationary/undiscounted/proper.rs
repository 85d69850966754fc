//! Policies that end with probability 1, for policy iteration at γ = 1 and temperature 0.
//!
//! # Derivation
//!
//! The policy of arbitrary values may loop forever. Its loops cost something, so its value is −∞,
//! and no step of Newton's method starts from it. A policy whose every state has a path to an end
//! reaches an end with probability 1. So each state without such a path gets an action that may
//! lead nearer to the states that have one. From there on policy iteration keeps to policies that
//! end, and values rise.
//!
//! # References
//!
//! Bertsekas and Tsitsiklis, *Math. Oper. Res.* 16 (1991) 580–595.

use crate::markov_chain::Graph;
use crate::mdp::{CheckedStage, is_possible};
use crate::stationary::halt::Halt;
use crate::stationary::operator::Operator;
use crate::{Model, Real};

/// Changes the policy `[s, a]` and the exits of collapsed components where the policy of `values`
/// may never end. Returns the new pair of each state that was changed.
pub(crate) fn make_ending<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    values: &[F],
    policy: &mut [F],
    takes_part: &[bool],
) -> Result<Vec<(usize, usize)>, Halt> {
    let (model, width) = (operator.model(), operator.model().num_actions());
    let stage = CheckedStage::new(model, 0, operator.inference())?;
    let pairs = |state: usize| state * width..(state + 1) * width;
    let component_of = |state: usize| operator.quotient().and_then(|quotient| quotient.component_of(state));
    let exit_of = |component: usize| operator.quotient().and_then(|quotient| quotient.exit(component));
    let successors = |pair: usize, visit: &mut dyn FnMut(usize)| stage.for_each_next_state(pair, visit);
    let taken = Graph::new(values.len(), |state, visit| match component_of(state) {
        _ if !takes_part[state] => {}
        Some(component) => exit_of(component).into_iter().for_each(|pair| successors(pair, visit)),
        None => {
            pairs(state).filter(|&pair| policy[pair] > F::zero()).for_each(|pair| successors(pair, visit));
        }
    })?;
    let stays = |state: usize| component_of(state).is_some_and(|component| exit_of(component).is_none());
    let ends = |state: usize| (!takes_part[state] && values[state] > F::neg_infinity()) || stays(state);
    let leads = taken.leading_to(ends);
    let stuck: Vec<usize> = (0..values.len()).filter(|&state| takes_part[state] && !leads[state]).collect();
    if stuck.is_empty() {
        operator.count_passes(1);
        return Ok(Vec::new());
    }
    let is_safe = |pair: usize| {
        let Ok((rewards, prior)) = stage.row(pair / width) else { return false };
        let mut is_safe = is_possible(rewards[pair % width], prior[pair % width]);
        successors(pair, &mut |next| is_safe &= values[next] > F::neg_infinity());
        is_safe
    };
    let possible = Graph::new(values.len(), |state, visit| {
        let pairs = pairs(state).filter(|&pair| takes_part[state] && is_safe(pair));
        pairs.for_each(|pair| successors(pair, visit));
    })?;
    let distances = possible.distances_to(|state| leads[state])?;
    let leads_below = |pair: usize, distance: usize| {
        let mut is_nearer = false;
        successors(pair, &mut |next| is_nearer |= distances[next] < distance);
        is_nearer && is_safe(pair)
    };
    let mut changed = Vec::new();
    for &state in stuck.iter().filter(|&&state| component_of(state).is_none()) {
        changed
            .extend(pairs(state).find(|&pair| leads_below(pair, distances[state])).map(|pair| (state, pair)));
    }
    let mut exits = Vec::new();
    for (component, members) in
        operator.quotient().iter().flat_map(|quotient| quotient.components().iter().enumerate())
    {
        let nearest = members.iter().map(|&state| distances[state]).min().unwrap_or(0);
        // The nearest member leaves its component on its way.
        let mut leaving = members.iter().flat_map(|&state| {
            operator.quotient().into_iter().flat_map(move |quotient| quotient.exits(state))
        });
        if nearest > 0
            && let Some(pair) = leaving.find(|&pair| leads_below(pair, nearest))
        {
            exits.push((component, pair));
            changed.extend(members.iter().map(|&state| (state, pair)));
        }
    }
    exits.into_iter().for_each(|(component, pair)| operator.take_exit(component, pair));
    for &(state, pair) in &changed {
        policy[pairs(state)].fill(F::zero());
        if pair / width == state {
            policy[pair] = F::one();
        }
    }
    operator.count_passes(2);
    Ok(changed)
}
