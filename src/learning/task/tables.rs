//! Tables of a task, with an entry for each stage, state and action.

use std::ops::Range;

use ndarray::{Array, ArrayRef, ArrayView, Dimension};

use super::{Horizon, Task};
use crate::kernels::{LogMemo, SoftRow, soft_maximum};
use crate::learning::Error;
use crate::{Real, Table, arrays};

impl<F: Real, H: Horizon> Task<F, H> {
    /// Prior weights of a row t·S + s.
    #[inline]
    pub(crate) fn prior_row(&self, row: usize) -> &[F] {
        // A division takes as long as an exponential: it is done only if priors repeat.
        let is_kept = (row + 1) * self.num_actions <= self.prior.len();
        let row = if is_kept { row } else { row % self.num_states() };
        &self.prior[row * self.num_actions..(row + 1) * self.num_actions]
    }

    /// Whether a row has no available action.
    pub(crate) fn is_dead_end(&self, row: usize) -> bool {
        self.prior_row(row).iter().all(|&weight| weight == F::zero())
    }

    /// The entries of a row t·S + s in a table of pairs.
    pub(crate) fn pairs(&self, row: usize) -> Range<usize> {
        row * self.num_actions..(row + 1) * self.num_actions
    }

    /// Number of rows of a table with one row for each stage and state.
    pub(crate) fn num_rows(&self) -> usize {
        self.horizon.num_stages() * self.num_states()
    }

    /// A table with an entry for each stage, state and action.
    pub(crate) fn filled<T: Clone>(&self, table: Table, value: T) -> Result<Vec<T>, Error> {
        let shape = (self.horizon.num_stages(), self.num_states(), self.num_actions);
        Ok(arrays::filled_vec(table, shape, value)?)
    }

    /// Initial action values: `value` for available actions, −∞ elsewhere.
    pub(crate) fn action_values(&self, table: Table, value: F) -> Result<Vec<F>, Error> {
        let mut values = self.filled(table, value)?;
        self.forbid(&mut values);
        Ok(values)
    }

    /// Writes −∞ for unavailable actions and in terminal states.
    pub(crate) fn forbid(&self, values: &mut [F]) {
        for (row, values) in values.chunks_exact_mut(self.num_actions).enumerate() {
            let is_over = self.is_terminal[row % self.num_states()];
            for (value, &weight) in values.iter_mut().zip(self.prior_row(row)) {
                if is_over || weight == F::zero() {
                    *value = F::neg_infinity();
                }
            }
        }
    }

    /// Checks that a table has −∞ for unavailable actions and in terminal states.
    #[cfg(feature = "serde")]
    pub(crate) fn check_forbidden(&self, table: Table, values: &[F]) -> Result<(), Error> {
        let mut expected = values.to_vec();
        self.forbid(&mut expected);
        match values.iter().zip(&expected).position(|(found, expected)| found != expected) {
            Some(at) => {
                let (index, value) = (vec![at], values[at].into_f64());
                Err(crate::Error::InvalidEntry { table, index, value }.into())
            }
            None => Ok(()),
        }
    }

    /// [`Overflow`](crate::Error::Overflow) if an entry of a table of pairs is not finite.
    pub(crate) fn check_finite(&self, table: Table, values: &[F]) -> Result<(), Error> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(pair) => Err(self.overflow(table, pair / self.num_actions)),
            None => Ok(()),
        }
    }

    /// A view of a table of state–action pairs.
    pub(crate) fn view<'a, T>(&self, table: &'a [T]) -> ArrayView<'a, T, H::Pairs> {
        self.horizon.view((self.num_states(), self.num_actions), table)
    }

    /// Checks shape and entries of a caller's table, and writes −∞ where no action can be taken.
    pub(crate) fn take_table(&self, table: Table, values: &ArrayRef<F, H::Pairs>) -> Result<Vec<F>, Error> {
        let axes = self.horizon.pair_axes(self.num_states(), self.num_actions);
        arrays::check_shape(table, values.shape(), Dimension::slice(&axes))?;
        arrays::check_entries(table, values, |value| value < F::infinity())?;
        let mut values: Vec<F> = values.iter().copied().collect();
        self.forbid(&mut values);
        Ok(values)
    }

    /// State values: V_T in terminal states and in the last row of a finite horizon,
    /// `value_of(row)` elsewhere, which is `None` if finite numbers leave the number type.
    pub(crate) fn state_values(
        &self,
        mut value_of: impl FnMut(usize) -> Option<F>,
    ) -> Result<Array<F, H::States>, Error> {
        let num_states = self.num_states();
        let shape = (self.horizon.num_value_rows(), num_states);
        let mut values = arrays::filled_vec(Table::StateValues, shape, F::zero())?;
        for (row, value) in values.iter_mut().enumerate() {
            let is_over = row >= self.num_rows() || self.is_terminal[row % num_states];
            let found = if is_over { Some(self.terminal_values[row % num_states]) } else { value_of(row) };
            let found = found.filter(|value| *value < F::infinity());
            *value = found.ok_or_else(|| self.overflow(Table::StateValues, row))?;
        }
        Ok(self.horizon.states(num_states, values))
    }

    /// Soft maxima of the action values of all rows.
    pub(crate) fn soft_values(
        &self,
        action_values: impl Fn(usize, &mut [F]),
        temperature: F,
    ) -> Result<Array<F, H::States>, Error> {
        let (mut scratch, mut log_prior) = (vec![F::zero(); self.num_actions], LogMemo::new());
        self.state_values(|row| {
            action_values(row, &mut scratch);
            let value = soft_maximum(self.prior_row(row), &scratch, temperature, &mut log_prior, None);
            self.unless_lost(row, &scratch, value)
        })
    }

    /// The soft value of a row; `None` if it left the number type, since −∞ would mean a dead end.
    #[inline]
    pub(crate) fn unless_lost(&self, row: usize, action_values: &[F], value: F) -> Option<F> {
        let is_alive = |(&weight, &q): (&F, &F)| weight > F::zero() && q > F::neg_infinity();
        let is_lost =
            value == F::neg_infinity() && self.prior_row(row).iter().zip(action_values).any(is_alive);
        (!is_lost).then_some(value)
    }

    /// The policy ρ exp(Q/τ) over its sum, from the action values of all rows.
    pub(crate) fn soft_policy(
        &self,
        action_values: impl Fn(usize, &mut [F]),
        temperature: F,
    ) -> Result<H::Policy<F>, Error> {
        let mut scratch = vec![F::zero(); self.num_actions];
        let mut log_prior = LogMemo::new();
        self.policy(|row, policy| {
            action_values(row, &mut scratch);
            soft_maximum(self.prior_row(row), &scratch, temperature, &mut log_prior, Some(policy));
        })
    }

    /// A policy that `write` fills row by row.
    pub(crate) fn policy(&self, mut write: impl FnMut(usize, SoftRow<'_, F>)) -> Result<H::Policy<F>, Error> {
        let shape = (self.horizon.num_stages(), self.num_states(), self.num_actions);
        let table = || arrays::filled(Table::Policy, shape, F::zero());
        let (mut probabilities, mut logs) = (table()?, table()?);
        let rows = arrays::slice_mut(&mut probabilities).chunks_exact_mut(self.num_actions);
        let rows = rows.zip(arrays::slice_mut(&mut logs).chunks_exact_mut(self.num_actions));
        for (row, (probabilities, logs)) in rows.enumerate() {
            write(row, SoftRow { probabilities, logs });
        }
        Ok(H::policy(probabilities, logs)?)
    }
}
