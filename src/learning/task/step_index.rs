//! Checks a step and finds its entries in the tables of a learner.

use super::{Horizon, Task, check_state};
use crate::learning::Error;
use crate::learning::step::Step;
use crate::mdp::check_reward;
use crate::{Real, Table};

/// Indices of a step in the tables of a learner, and what follows the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepIndex<F> {
    /// t·S + s.
    pub(crate) row: usize,
    /// (t·S + s)·A + a.
    pub(crate) pair: usize,
    pub(crate) next: Next<F>,
}

/// What follows a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next<F> {
    /// The end of the episode, with this terminal value.
    End(F),
    /// The row of the next state.
    Row(usize),
}

impl<F: Real, H: Horizon> Task<F, H> {
    /// The row t·S + s in which an action is chosen.
    pub(crate) fn acting_row(&self, stage: usize, state: usize) -> Result<usize, Error> {
        let table = self.horizon.table_of(stage)?;
        check_state(Table::Step, state, self.num_states())?;
        if self.is_terminal[state] {
            return Err(crate::Error::ActionAfterEnd { stage, state }.into());
        }
        Ok(table * self.num_states() + state)
    }

    /// Checks a step and finds its indices.
    #[inline]
    pub(crate) fn locate(&self, step: &Step<F>) -> Result<StepIndex<F>, Error> {
        let &Step { stage, state, action, reward, next_state, terminated, .. } = step;
        let num_actions = self.num_actions;
        let row = self.acting_row(stage, state)?;
        check_state(Table::Step, next_state, self.num_states())?;
        if action >= num_actions {
            return Err(crate::Error::ActionOutOfRange { state, action, num_actions }.into());
        }
        if self.prior_row(row)[action] == F::zero() {
            return Err(Error::UnavailableAction { state, action });
        }
        check_reward(state, action, reward)?;
        let next = match self.horizon.table_after(self.horizon.table_of(stage)?) {
            Some(table) if !terminated && !self.is_terminal[next_state] => {
                Next::Row(table * self.num_states() + next_state)
            }
            _ => Next::End(self.terminal_values[next_state]),
        };
        Ok(StepIndex { row, pair: row * num_actions + action, next })
    }

    /// r + γ V', or r at γ = 0, whatever V' is; `None` if finite numbers leave the number type.
    pub(crate) fn target(&self, reward: F, next_value: F) -> Option<F> {
        if self.discount == F::zero() || reward == F::neg_infinity() {
            return Some(reward);
        }
        let target = reward + self.discount * next_value;
        (target.is_finite() || next_value == F::neg_infinity()).then_some(target)
    }

    /// The error for a row of a table that leaves the number type.
    pub(crate) fn overflow(&self, table: Table, row: usize) -> Error {
        crate::Error::Overflow { table, stage: row / self.num_states(), state: row % self.num_states() }
            .into()
    }
}
