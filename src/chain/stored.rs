//! Rows of a chain, stored so that those before and behind a state can be told apart.

use std::fmt;
use std::ops::Range;

use crate::kernels::{add_scaled, dot_rows};
use crate::{Dynamics, Error, Real, Table, tables};

/// Share of entries, one in so many, from which on full rows are read faster than compressed ones.
const DENSE_SHARE: usize = 4;

/// Rows in three parts: successors before the state itself, the state itself, successors behind it.
#[derive(Debug)]
pub(super) struct StoredRows<F> {
    diagonal: Vec<F>, // [s]
    entries: Entries<F>,
}

/// What is not on the diagonal.
enum Entries<F> {
    /// `[s, s']`, 0 on the diagonal.
    Dense(Vec<F>),
    /// Ascending in every row.
    Compressed {
        offsets: Vec<usize>, // [s, 2] and one more: where the two parts of each row start
        columns: Vec<u32>,
        values: Vec<F>,
    },
}

impl<F> fmt::Debug for Entries<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, len) = match self {
            Entries::Dense(values) => ("Dense", values.len()),
            Entries::Compressed { values, .. } => ("Compressed", values.len()),
        };
        f.debug_tuple(kind).field(&len).finish()
    }
}

impl<F: Real> StoredRows<F> {
    /// Copies dynamics of one action.
    pub(super) fn from_dynamics(mixed: &dyn Dynamics<Scalar = F>) -> Result<Self, Error> {
        let num_states = mixed.num_states();
        if mixed.work(0..num_states).saturating_mul(DENSE_SHARE) < num_states.saturating_mul(num_states) {
            return Self::from_rows(num_states, |state, add| mixed.for_each_successor(state, 0, add));
        }
        let mut table = Self::empty_table(num_states)?;
        for (state, row) in table.chunks_exact_mut(num_states).enumerate() {
            mixed.push_forward(state..state + 1, 0..num_states, 1, &[F::one()], row);
        }
        Ok(Self::from_table(table, num_states))
    }

    /// Makes rows from `row(s, add)`, which adds entries in any order; those of one successor are summed.
    pub(super) fn from_rows(
        num_states: usize,
        mut row: impl FnMut(usize, &mut dyn FnMut(usize, F)),
    ) -> Result<Self, Error> {
        let too_large = || Error::TooLarge { table: Table::Transitions, shape: vec![num_states, num_states] };
        if num_states > u32::MAX as usize {
            return Err(too_large());
        }
        let mut offsets =
            tables::filled(Table::RowOffsets, 2 * num_states + 1, 0)?.into_raw_vec_and_offset().0;
        let mut diagonal =
            tables::filled(Table::Transitions, num_states, F::zero())?.into_raw_vec_and_offset().0;
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        let mut entries: Vec<(u32, F)> = Vec::new();
        for state in 0..num_states {
            entries.clear();
            row(state, &mut |next_state, value| {
                debug_assert!(next_state < num_states && value >= F::zero() && value.is_finite());
                // No more states than 32 bits can name.
                #[allow(clippy::cast_possible_truncation)]
                if value > F::zero() {
                    entries.push((next_state as u32, value));
                }
            });
            if !entries.is_sorted_by(|a, b| a.0 < b.0) {
                entries.sort_by_key(|entry| entry.0);
                entries.dedup_by(|next, kept| {
                    let is_same = next.0 == kept.0;
                    if is_same {
                        kept.1 += next.1;
                    }
                    is_same
                });
            }
            columns.try_reserve(entries.len()).map_err(|_| too_large())?;
            values.try_reserve(entries.len()).map_err(|_| too_large())?;
            for &(column, value) in entries.iter().filter(|entry| (entry.0 as usize) < state) {
                columns.push(column);
                values.push(value);
            }
            offsets[2 * state + 1] = columns.len();
            for &(column, value) in &entries {
                if column as usize > state {
                    columns.push(column);
                    values.push(value);
                } else if column as usize == state {
                    diagonal[state] = value;
                }
            }
            offsets[2 * state + 2] = columns.len();
        }
        Ok(Self { diagonal, entries: Entries::Compressed { offsets, columns, values } })
    }

    fn empty_table(num_states: usize) -> Result<Vec<F>, Error> {
        let shape = (num_states, num_states);
        Ok(tables::filled(Table::Transitions, shape, F::zero())?.into_raw_vec_and_offset().0)
    }

    fn from_table(mut table: Vec<F>, num_states: usize) -> Self {
        let on_diagonal = table.iter_mut().step_by(num_states + 1);
        let diagonal = on_diagonal.map(|entry| std::mem::replace(entry, F::zero())).collect();
        Self { diagonal, entries: Entries::Dense(table) }
    }

    /// J(s,s).
    pub(super) fn diagonal(&self) -> &[F] {
        &self.diagonal
    }

    /// Σ J(s,s') x(s') over s' < s.
    #[inline]
    pub(super) fn before(&self, state: usize, x: &[F]) -> F {
        match &self.entries {
            Entries::Dense(table) => {
                let first = state * self.diagonal.len();
                product(&table[first..first + state], &x[..state])
            }
            Entries::Compressed { offsets, columns, values } => {
                let part = offsets[2 * state]..offsets[2 * state + 1];
                gather(&columns[part.clone()], &values[part], x)
            }
        }
    }

    /// Σ J(s,s') x(s') over s' > s.
    #[inline]
    pub(super) fn behind(&self, state: usize, x: &[F]) -> F {
        match &self.entries {
            Entries::Dense(table) => {
                let num_states = self.diagonal.len();
                let row = state * num_states + state + 1..(state + 1) * num_states;
                product(&table[row], &x[state + 1..])
            }
            Entries::Compressed { offsets, columns, values } => {
                let part = offsets[2 * state + 1]..offsets[2 * state + 2];
                gather(&columns[part.clone()], &values[part], x)
            }
        }
    }

    /// x(s') += scale · J(s,s') for all s' < s.
    #[inline]
    pub(super) fn scatter_before(&self, state: usize, scale: F, x: &mut [F]) {
        match &self.entries {
            Entries::Dense(table) => {
                let first = state * self.diagonal.len();
                add_scaled(&mut x[..state], scale, &table[first..first + state]);
            }
            Entries::Compressed { offsets, columns, values } => {
                let part = offsets[2 * state]..offsets[2 * state + 1];
                scatter(&columns[part.clone()], &values[part], scale, x);
            }
        }
    }

    /// x(s') += scale · J(s,s') for all s' > s.
    #[inline]
    pub(super) fn scatter_behind(&self, state: usize, scale: F, x: &mut [F]) {
        match &self.entries {
            Entries::Dense(table) => {
                let num_states = self.diagonal.len();
                let row = state * num_states + state + 1..(state + 1) * num_states;
                add_scaled(&mut x[state + 1..], scale, &table[row]);
            }
            Entries::Compressed { offsets, columns, values } => {
                let part = offsets[2 * state + 1]..offsets[2 * state + 2];
                scatter(&columns[part.clone()], &values[part], scale, x);
            }
        }
    }
}

/// Σ p x of one full row.
#[inline]
fn product<F: Real>(row: &[F], x: &[F]) -> F {
    let mut sum = [F::zero()];
    if !row.is_empty() {
        dot_rows(row, x, &mut sum);
    }
    sum[0]
}

/// Σ p x of one compressed row.
#[inline]
fn gather<F: Real>(columns: &[u32], values: &[F], x: &[F]) -> F {
    columns.iter().zip(values).fold(F::zero(), |sum, (&column, &value)| sum + value * x[column as usize])
}

#[inline]
fn scatter<F: Real>(columns: &[u32], values: &[F], scale: F, x: &mut [F]) {
    for (&column, &value) in columns.iter().zip(values) {
        x[column as usize] += scale * value;
    }
}

impl<F: Real> Dynamics for StoredRows<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.diagonal.len()
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _action: usize, visit: &mut dyn FnMut(usize, F)) {
        match &self.entries {
            Entries::Dense(table) => {
                let row = &table[state * self.diagonal.len()..(state + 1) * self.diagonal.len()];
                row.iter().enumerate().filter(|(_, p)| **p > F::zero()).for_each(|(s, &p)| visit(s, p));
            }
            Entries::Compressed { offsets, columns, values } => {
                let row = offsets[2 * state]..offsets[2 * state + 2];
                for (&column, &value) in columns[row.clone()].iter().zip(&values[row]) {
                    visit(column as usize, value);
                }
            }
        }
        if self.diagonal[state] > F::zero() {
            visit(state, self.diagonal[state]);
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        debug_assert_eq!(k, 1);
        match &self.entries {
            Entries::Dense(table) => {
                let num_states = self.diagonal.len();
                dot_rows(&table[states.start * num_states..states.end * num_states], v, y);
                for (y, state) in y.iter_mut().zip(states) {
                    *y += self.diagonal[state] * v[state];
                }
            }
            Entries::Compressed { offsets, columns, values } => {
                for (y, state) in y.iter_mut().zip(states) {
                    let row = offsets[2 * state]..offsets[2 * state + 2];
                    *y = self.diagonal[state] * v[state] + gather(&columns[row.clone()], &values[row], v);
                }
            }
        }
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        debug_assert_eq!(k, 1);
        let first = next_states.start;
        for (state, &x) in states.zip(x).filter(|(_, x)| **x != F::zero()) {
            match &self.entries {
                Entries::Dense(table) => {
                    let row = &table[state * self.diagonal.len()..(state + 1) * self.diagonal.len()];
                    add_scaled(w, x, &row[next_states.clone()]);
                }
                Entries::Compressed { offsets, columns, values } => {
                    let row = offsets[2 * state]..offsets[2 * state + 2];
                    for (&column, &value) in columns[row.clone()].iter().zip(&values[row]) {
                        if next_states.contains(&(column as usize)) {
                            w[column as usize - first] += value * x;
                        }
                    }
                }
            }
            if next_states.contains(&state) {
                w[state - first] += self.diagonal[state] * x;
            }
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        match &self.entries {
            Entries::Dense(_) => states.len() * self.diagonal.len(),
            Entries::Compressed { offsets, .. } => {
                offsets[2 * states.end] - offsets[2 * states.start] + states.len()
            }
        }
    }
}
