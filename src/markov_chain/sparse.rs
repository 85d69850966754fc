//! Compressed rows of a chain.

use std::ops::Range;

use super::rows::{Rows, multiply, multiply_transposed};
use crate::{Dynamics, Error, Real, Table, arrays};

/// What is not 0, row after row: first what leads before the own state, then what leads behind it, ascending; the diagonal
/// beside them.
#[derive(Debug)]
pub(super) struct SparseRows<F> {
    diagonal: Vec<F>,    // [s]
    offsets: Vec<usize>, // [s, 2] and one more: where the parts of each row start
    columns: Vec<u32>,
    values: Vec<F>, // beside columns
}

impl<F: Real> SparseRows<F> {
    /// Makes rows from `row(s, add)`, which adds entries in any order; those of one successor are summed.
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
                // There are no more states than 32 bits can name.
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

    /// Appends a row whose entries ascend.
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

    /// Entries of a row: `parts` 0..1 before the own state, 1..2 behind it, 0..2 both.
    #[inline]
    fn entries(&self, state: usize, parts: Range<usize>) -> (&[u32], &[F]) {
        let entries = self.offsets[2 * state + parts.start]..self.offsets[2 * state + parts.end];
        (&self.columns[entries.clone()], &self.values[entries])
    }

    /// Number of entries, without those on the diagonal.
    pub(super) fn num_entries(&self) -> usize {
        self.values.len()
    }
}

/// Sorts entries, and sums those of one column in the order in which they came.
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

impl<F: Real> Rows<F> for SparseRows<F> {
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

/// The chain as dynamics of one action, to be cut into blocks like any other. Columns come one at a time.
impl<F: Real> Dynamics for SparseRows<F> {
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
