//! Gauss–Seidel value iteration: each backup of a state uses the new values of the states before
//! it.
//!
//! A sweep G is monotone and has the fixed point of B. It gives no interval, because adding a
//! constant to V does not add a constant to GV. Every tenth pass is therefore a backup V ← BV,
//! which gives the interval (S2).
//!
//! If γ is near 1, sweeps remove the constant part of the error slowly. The backup removes it:
//! where B shifts all states nearly alike, V continues from the middle of the interval.
//!
//! A sweep takes states in order, on one thread. Its gain over value iteration depends on the
//! numbering of the states. A factor of two is common; it is much larger where values propagate in
//! the order of the states.
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), §6.3.3.

use std::convert::Infallible;

use crate::bellman::BellmanRule;
use crate::dynamics::for_each_possible_successor;
use crate::kernels::{LogMemo, row_log_expectation};
use crate::mdp::CheckedStage;
use crate::stationary::halt::Halt;
use crate::stationary::operator::Operator;
use crate::stationary::search::Search;
use crate::stationary::undiscounted::quotient::Quotient;
use crate::{Dynamics, Error, Inference, Model, Real};

/// One in this many passes is a backup V ← BV.
const PERIOD: usize = 10;

/// Alternates one backup and nine sweeps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    loop {
        let differences = search.back_up(None)?;
        let iterate = &mut search.iterate;
        iterate.advance(&differences);
        for _ in 1..PERIOD {
            iterate.operator.ask()?;
            sweep(&mut iterate.operator, &mut iterate.values)?;
        }
    }
}

/// Backs up one state after the other, in place, and collapsed components at the end. Counts one
/// pass.
fn sweep<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    values: &mut [F],
) -> Result<(), Error> {
    operator.count_passes(1);
    let (model, inference) = (operator.model(), operator.inference());
    let stage = CheckedStage::new(model, 0, inference)?;
    let (dynamics, width, temperature) = (stage.dynamics, model.num_actions(), model.temperature());
    // The rule inspects values only for their size and for −∞, so the values before the sweep serve.
    let before = values.to_vec();
    let rule = BellmanRule::new(inference, model.discount(), temperature, &before);
    let mut action_values = vec![F::zero(); width];
    let mut log_prior = LogMemo::new();
    let quotient = operator.quotient();
    let mut best = vec![F::zero(); quotient.map_or(0, Quotient::num_components)];
    let component_of = |state: usize| quotient.and_then(|quotient| quotient.component_of(state));
    for state in (0..values.len()).filter(|&state| !operator.is_fixed()[state]) {
        let (rewards, prior) = stage.row(state)?;
        if inference == Inference::Variational && rule.continues() {
            dynamics.expectation(state..state + 1, 1, values, &mut action_values);
        }
        if inference == Inference::Direct && rule.continues() {
            for (action, q) in action_values.iter_mut().enumerate() {
                *q = log_expectation(dynamics, (state, action), temperature, values);
            }
        }
        rule.action_values_of_state((rewards, prior), dynamics, (0, state), &mut action_values)?;
        if let (Some(quotient), Some(component)) = (quotient, component_of(state)) {
            let exits = quotient.exits(state).map(|pair| action_values[pair % width]);
            best[component] = exits.fold(best[component], F::max);
        } else {
            values[state] = rule.state_value(prior, &action_values, (0, state), &mut log_prior, None)?;
        }
    }
    for (state, value) in values.iter_mut().enumerate() {
        if let Some(component) = component_of(state) {
            *value = best[component];
        }
    }
    Ok(())
}

/// τ log Σ P exp(V/τ) of one pair.
fn log_expectation<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    dynamics: &D,
    pair: (usize, usize),
    temperature: F,
    values: &[F],
) -> F {
    row_log_expectation(temperature, |visit| {
        for_each_possible_successor(dynamics, pair, |next_state, p| {
            let (weight, value) = p.term(values[next_state]);
            visit(weight, value);
        });
    })
}
