//! A chain in compressed rows, split at the diagonal.
//!
//! This is a second format beside the compressed rows of sparse dynamics, for three reasons:
//!
//! - Walks read the part of a row before the diagonal, the part behind it and the diagonal, each by
//!   itself. In one row of all entries they would search for the diagonal, or branch on it, in
//!   their inner loop.
//! - Rows come from any dynamics and from the derivative of direct inference, not from sparse
//!   dynamics alone.
//! - Entries of one successor are summed in the order of the actions. Sparse dynamics sum them from
//!   the smallest on, which rounds differently.

use std::ops::Range;

use super::matrix::{SplitMatrix, multiply, multiply_transposed};
use crate::{Dynamics, Error, Real, Table, arrays};

/// The diagonal, and the other entries that are not 0 in compressed rows, ascending.
#[derive(Debug)]
pub(super) struct SparseMatrix<F> {
    diagonal: Vec<F>,    // [s]
    offsets: Vec<usize>, // [s, 2] and one more: starts of L and U in each row
    columns: Vec<u32>,
    values: Vec<F>, // [entry], as columns
}

impl<F: Real> SparseMatrix<F> {
    /// Makes rows from `row(s, add)`, which adds entries in any order. Entries of one successor are
    /// summed.
    pub(super) fn new(
        num_states: usize,
        mut row: impl FnMut(usize, &mut dyn FnMut(usize, F)),
    ) -> Result<Self, Error> {
        let too_large = || Error::TooLarge { table: Table::Transitions, shape: vec![num_states, num_states] };
        if u32::try_from(num_states).is_err() {
            return Err(too_large());
        }
        let numbers = arrays::filled_vec(Table::Transitions, num_states, F::zero())?;
        let offsets = arrays::filled_vec(Table::RowOffsets, 2 * num_states + 1, 0)?;
        let mut rows = Self { diagonal: numbers, offsets, columns: Vec::new(), values: Vec::new() };
        let mut entries: Vec<(u32, F)> = Vec::new();
        for state in 0..num_states {
            entries.clear();
            row(state, &mut |next_state, value| {
                debug_assert!(next_state < num_states && value >= F::zero() && value.is_finite());
                // The number of states fits into 32 bits.
                #[allow(clippy::cast_possible_truncation)]
                if value > F::zero() {
                    entries.push((next_state as u32, value));
                }
            });
            if !entries.is_sorted_by(|a, b| a.0 < b.0) {
                sum_equals(&mut entries);
            }
            rows.columns.try_reserve(entries.len()).map_err(|_| too_large())?;
            rows.values.try_reserve(entries.len()).map_err(|_| too_large())?;
            rows.push(state, &entries);
        }
        Ok(rows)
    }

    /// Appends a row with ascending entries.
    fn push(&mut self, state: usize, entries: &[(u32, F)]) {
        let first_behind = entries.partition_point(|&(column, _)| column as usize <= state);
        let (head, behind) = entries.split_at(first_behind);
        let before = match head.split_last() {
            Some((&(column, value), before)) if column as usize == state => {
                self.diagonal[state] = value;
                before
            }
            _ => head,
        };
        for (part, entries) in [before, behind].into_iter().enumerate() {
            self.columns.extend(entries.iter().map(|entry| entry.0));
            self.values.extend(entries.iter().map(|entry| entry.1));
            self.offsets[2 * state + part + 1] = self.columns.len();
        }
    }

    /// Entries of a row: `parts` 0..1 is L, 1..2 is U, 0..2 is both.
    #[inline]
    fn entries(&self, state: usize, parts: Range<usize>) -> (&[u32], &[F]) {
        let entries = self.offsets[2 * state + parts.start]..self.offsets[2 * state + parts.end];
        (&self.columns[entries.clone()], &self.values[entries])
    }

    /// Number of entries off the diagonal.
    pub(super) fn num_entries(&self) -> usize {
        self.values.len()
    }
}

/// Sorts entries by column and sums those of one column in their original order.
fn sum_equals<F: Real>(entries: &mut Vec<(u32, F)>) {
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by(|next, kept| {
        let is_equal = next.0 == kept.0;
        if is_equal {
            kept.1 += next.1;
        }
        is_equal
    });
}

/// Σ p x over some entries.
#[inline]
fn gather<F: Real>((columns, values): (&[u32], &[F]), x: &[F]) -> F {
    columns.iter().zip(values).fold(F::zero(), |sum, (&column, &value)| sum + value * x[column as usize])
}

/// x += scale · p over some entries.
#[inline]
fn scatter<F: Real>((columns, values): (&[u32], &[F]), scale: F, x: &mut [F]) {
    for (&column, &value) in columns.iter().zip(values) {
        x[column as usize] += scale * value;
    }
}

impl<F: Real> SplitMatrix<F> for SparseMatrix<F> {
    fn diagonal(&self) -> &[F] {
        &self.diagonal
    }

    fn scale(&mut self, by: F) {
        self.diagonal.iter_mut().chain(&mut self.values).for_each(|entry| *entry *= by);
    }

    fn work(&self) -> usize {
        Dynamics::work(self, 0..self.diagonal.len())
    }

    fn price_of_walks(&self) -> usize {
        1
    }

    fn multiply(&self, x: &[F], y: &mut [F]) {
        multiply(self, x, y);
    }

    fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        multiply_transposed(self, x, y);
    }

    #[inline]
    fn before(&self, state: usize, x: &[F]) -> F {
        gather(self.entries(state, 0..1), x)
    }

    #[inline]
    fn behind(&self, state: usize, x: &[F]) -> F {
        gather(self.entries(state, 1..2), x)
    }

    #[inline]
    fn scatter_before(&self, state: usize, scale: F, x: &mut [F]) {
        scatter(self.entries(state, 0..1), scale, x);
    }

    #[inline]
    fn scatter_behind(&self, state: usize, scale: F, x: &mut [F]) {
        scatter(self.entries(state, 1..2), scale, x);
    }
}

/// The matrix as dynamics of one action, so that blocks can be cut. Takes one column at a time.
impl<F: Real> Dynamics for SparseMatrix<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.diagonal.len()
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _action: usize, visit: &mut dyn FnMut(usize, F)) {
        let (columns, values) = self.entries(state, 0..2);
        columns.iter().zip(values).for_each(|(&column, &value)| visit(column as usize, value));
        if self.diagonal[state] > F::zero() {
            visit(state, self.diagonal[state]);
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        debug_assert_eq!(k, 1);
        for (y, state) in y.iter_mut().zip(states) {
            *y = self.diagonal[state] * v[state] + gather(self.entries(state, 0..2), v);
        }
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        debug_assert_eq!(k, 1);
        let first = next_states.start;
        for (state, &x) in states.zip(x).filter(|(_, x)| **x != F::zero()) {
            let (columns, values) = self.entries(state, 0..2);
            for (&column, &value) in columns.iter().zip(values) {
                if next_states.contains(&(column as usize)) {
                    w[column as usize - first] += value * x;
                }
            }
            if next_states.contains(&state) {
                w[state - first] += self.diagonal[state] * x;
            }
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        self.offsets[2 * states.end] - self.offsets[2 * states.start] + states.len()
    }
}
