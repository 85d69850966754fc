//! States that cannot reach a terminal state, in undiscounted problems.
//!
//! # Derivation
//!
//! A step is possible if its action is available and, for variational inference, none of its
//! successors has the value −∞. Let T be the states from which no possible steps lead to a terminal
//! value above −∞. Let V be any values. If B V ≤ V − c with c > 0, beyond rounding, on a subset C
//! of T that no possible step leaves, then B^n V ≤ V − n c on C, because B preserves shifts where
//! rows sum to 1. Values on C are then −∞.
//!
//! Such V come from damped sweeps: in the limit, B V − V is constant on each class of states, even
//! where undamped sweeps are periodic. A state found to be −∞ may rule out steps of other states,
//! so T is computed again until nothing changes.
//!
//! End components that earn nothing count as ends, because staying there is worth 0: they are
//! collapsed first ([`quotient`](super::quotient)). If B V − V vanishes on T before there is a
//! proof, those states neither gain nor lose, although their rewards are not 0. Their fixed point
//! is not unique.

use super::growing::{FIRST_LOOK, look};
use crate::backward::StageTables;
use crate::dynamics::for_each_possible_successor;
use crate::markov_chain::Graph;
use crate::mdp::{CheckedStage, is_possible};
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Error, Inference, Model, Real};

/// Sets values to −∞ where success is impossible or every path loses without end. Returns a state
/// whose value is not unique, if there is one: it cannot reach an end, and neither gains nor loses.
pub(crate) fn settle<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
) -> Result<Option<usize>, Halt> {
    let mut backed_up = iterate.values.clone();
    loop {
        lose_hopeless(iterate, &mut backed_up)?;
        iterate.operator.ask()?;
        iterate.operator.collapse(&iterate.values)?;
        let (graph, trapped) = trapped(&iterate.operator, &iterate.values)?;
        let Some(first) = trapped.iter().position(|&is_trapped| is_trapped) else { return Ok(None) };
        let Some(lost) = fall(iterate, &graph, &trapped)? else { return Ok(Some(first)) };
        lose(&mut iterate.values, |state| lost[state]);
    }
}

fn lose<F: Real>(values: &mut [F], is_lost: impl Fn(usize) -> bool) {
    let states = values.iter_mut().enumerate().filter(|&(state, _)| is_lost(state));
    states.for_each(|(_, v)| *v = F::neg_infinity());
}

/// Sets values to −∞ where all action values are −∞, until nothing changes.
fn lose_hopeless<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
    backed_up: &mut [F],
) -> Result<(), Halt> {
    let Iterate { values, operator, .. } = iterate;
    loop {
        operator.ask()?;
        operator.apply(values, StageTables::values(backed_up))?;
        let is_hopeless = |state: usize| !operator.is_fixed()[state] && backed_up[state] == F::neg_infinity();
        if (0..values.len()).all(|state| !is_hopeless(state) || values[state] == F::neg_infinity()) {
            return Ok(());
        }
        lose(values, is_hopeless);
    }
}

/// The graph of possible steps, and the states of T whose value is not −∞ yet.
fn trapped<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &Operator<'_, F, M>,
    values: &[F],
) -> Result<(Graph, Vec<bool>), Error> {
    let (model, is_fixed, inference) = (operator.model(), operator.is_fixed(), operator.inference());
    let stage = CheckedStage::new(model, 0, inference)?;
    let is_lost = |state: usize| values[state] == F::neg_infinity();
    let graph = Graph::new(is_fixed.len(), |state, visit| {
        let Ok((rewards, prior)) = stage.row(state) else { return };
        for action in 0..prior.len() {
            if is_fixed[state] || is_lost(state) || !is_possible(rewards[action], prior[action]) {
                continue;
            }
            let mut risks = false;
            for_each_possible_successor(stage.dynamics, (state, action), |next, _| risks |= is_lost(next));
            if inference == Inference::Variational && risks {
                continue;
            }
            for_each_possible_successor(stage.dynamics, (state, action), |next, _| {
                if !is_lost(next) {
                    visit(next);
                }
            });
        }
    })?;
    let is_free = |state| operator.quotient().is_some_and(|quotient| quotient.component_of(state).is_some());
    // Where rows sum to less than 1, nothing is lost forever.
    let leaks = |state: usize| !operator.keeps_shifts()[state];
    let is_end = |state: usize| (is_fixed[state] || leaks(state)) && !is_lost(state);
    let leads = graph.leading_to(|state| is_end(state) || is_free(state));
    let trapped = (0..is_fixed.len()).map(|state| !leads[state] && !is_fixed[state] && !is_lost(state));
    Ok((graph, trapped.collect()))
}

/// Sweeps until some trapped states are proven to lose without end, and returns them. Returns
/// `None` if no trapped state gains or loses.
fn fall<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
    graph: &Graph,
    trapped: &[bool],
) -> Result<Option<Vec<bool>>, Halt> {
    let operator = &mut iterate.operator;
    let is_left: Vec<bool> = trapped.iter().map(|&is_in| !is_in).collect();
    let mut values = iterate.values.clone();
    let mut backed_up = values.clone();
    for sweep in 1_usize.. {
        operator.ask()?;
        operator.apply(&values, StageTables::values(&mut backed_up))?;
        let differences = Differences::of(&values, &backed_up, &is_left);
        let rounding = operator.rounding().of(differences.magnitudes);
        if differences.norm() <= rounding {
            return Ok(None);
        }
        if differences.hi < -rounding {
            return Ok(Some(trapped.to_vec()));
        }
        if sweep.is_power_of_two() {
            let falls =
                |state: usize| (backed_up[state] - values[state]).into_f64() < -rounding || is_left[state];
            let stays = graph.leading_to(|state| !falls(state));
            let lost: Vec<bool> = trapped.iter().zip(stays).map(|(&is_in, stays)| is_in && !stays).collect();
            if lost.contains(&true) {
                return Ok(Some(lost));
            }
            if sweep >= FIRST_LOOK && differences.hi > rounding {
                look(operator, values.clone())?;
            }
        }
        let half = F::from_f64(0.5);
        for (state, v) in values.iter_mut().enumerate().filter(|&(state, _)| trapped[state]) {
            *v += half * (backed_up[state] - *v);
        }
    }
    Ok(None)
}
