//! Gauss–Seidel value iteration: each state is backed up from what the states before it have just become.
//!
//! A sweep G is monotone and has the fixed point of B, but raising V by a constant does not raise GV by a constant, so a
//! sweep gives no interval. Every tenth pass therefore is a plain backup, whose interval (S2) counts and whose result is as good to go on from as any.
//!
//! The constant that V is off by, which a sweep takes out slowly if γ is near 1, is taken out with the interval: V goes on from
//! its middle where all states would rise nearly alike.
//!
//! Rows are taken one at a time and in order: a sweep is not run in parallel. What it gains over value iteration depends on
//! the numbering of the states; a factor of two is common, and much where values flow against the order of the states.
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), §6.3.3.

use std::ops::ControlFlow;

use super::operator::Operator;
use super::search::Search;
use crate::Status;
use crate::bellman::BellmanRule;
use crate::kernels::{LogMemo, row_log_expectation};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real};

/// Passes of which one is a plain backup.
const PERIOD: usize = 10;

/// Sweeps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Status, Error> {
    loop {
        match search.back_up(None)? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => search.advance(&differences),
        }
        for _ in 1..PERIOD {
            if let ControlFlow::Break(status) = search.ask()? {
                return Ok(status);
            }
            let Search { operator, values, .. } = search;
            operator.sweep(values)?;
        }
    }
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Operator<'_, F, M> {
    /// Backs up one state after the other, in place: one pass.
    fn sweep(&mut self, values: &mut [F]) -> Result<(), Error> {
        self.count_passes(1);
        let (model, inference) = (self.model(), self.inference());
        let stage = CheckedStage::new(model, 0, inference)?;
        let (dynamics, width, temperature) = (stage.dynamics, model.num_actions(), model.temperature());
        // The rule asks for values to see how large they are, and which are −∞: those before the sweep will do.
        let before = values.to_vec();
        let rule = BellmanRule::new(inference, model.discount(), temperature, &before);
        let mut action_values = vec![F::zero(); width];
        let mut log_prior = LogMemo::new();
        for state in (0..values.len()).filter(|&state| !self.is_fixed()[state]) {
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
            values[state] = rule.state_value(prior, &action_values, (0, state), &mut log_prior, None)?;
        }
        Ok(())
    }
}

/// τ log Σ P exp(V/τ) of one pair.
fn log_expectation<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    dynamics: &D,
    (state, action): (usize, usize),
    temperature: F,
    values: &[F],
) -> F {
    row_log_expectation(temperature, |visit| {
        dynamics.for_each_successor(state, action, &mut |next_state, p| visit(p, values[next_state]));
        dynamics.for_each_faint_successor(state, action, &mut |next_state, log_p| {
            visit(F::one(), values[next_state] + log_p);
        });
    })
}
