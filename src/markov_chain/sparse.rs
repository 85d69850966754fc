//! A chain in compressed rows, with the place of the diagonal in each row.
//!
//! A walk reads the part of a row before the diagonal, or the part behind it, and the diagonal. It
//! takes their places from a table. A search for the diagonal in the inner loop would be slower.

use std::ops::Range;

use super::matrix::{SplitMatrix, multiply, multiply_transposed};
use crate::dynamics::compressed::{CompressedRows, column};
use crate::{Dynamics, Error, Real, Table, arrays};

/// Compressed rows, split at the diagonal.
#[derive(Debug)]
pub(super) struct SparseMatrix<F> {
    rows: CompressedRows<F>,
    parts: Vec<[usize; 2]>,        // [s]: where L ends and where U starts
    diagonal: Vec<F>,              // [s]
    pub(super) num_entries: usize, // off the diagonal
}

impl<F: Real> SparseMatrix<F> {
    /// Takes one row for each state.
    pub(super) fn new(rows: CompressedRows<F>) -> Result<Self, Error> {
        let num_states = rows.row_offsets.len() - 1;
        let mut parts = arrays::filled_vec(Table::RowOffsets, num_states, [0; 2])?;
        let mut diagonal = arrays::filled_vec(Table::Transitions, num_states, F::zero())?;
        let mut num_entries = rows.columns.len();
        for state in 0..num_states {
            let (columns, values) = rows.row(state);
            let num_before = columns.partition_point(|&other| other < column(state));
            let end = rows.row_offsets[state] + num_before;
            parts[state] = [end; 2];
            if columns.get(num_before) == Some(&column(state)) {
                diagonal[state] = values[num_before];
                parts[state][1] += 1;
                num_entries -= 1;
            }
        }
        Ok(Self { rows, parts, diagonal, num_entries })
    }

    #[inline]
    fn entries(&self, entries: Range<usize>) -> (&[u32], &[F]) {
        (&self.rows.columns[entries.clone()], &self.rows.probabilities[entries])
    }

    /// The entries of L in a row.
    #[inline]
    fn lower(&self, state: usize) -> (&[u32], &[F]) {
        self.entries(self.rows.row_offsets[state]..self.parts[state][0])
    }

    /// The entries of U in a row.
    #[inline]
    fn upper(&self, state: usize) -> (&[u32], &[F]) {
        self.entries(self.parts[state][1]..self.rows.row_offsets[state + 1])
    }
}

/// `sum` + Σ p x over some entries.
#[inline]
fn gather<F: Real>(sum: F, (columns, values): (&[u32], &[F]), x: &[F]) -> F {
    columns.iter().zip(values).fold(sum, |sum, (&column, &value)| sum + value * x[column as usize])
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
        self.diagonal.iter_mut().chain(&mut self.rows.probabilities).for_each(|entry| *entry *= by);
    }

    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F)) {
        for (columns, values) in [self.lower(state), self.upper(state)] {
            columns.iter().zip(values).for_each(|(&column, &value)| visit(column as usize, value));
        }
    }

    fn work(&self) -> usize {
        self.num_entries + self.diagonal.len()
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
        gather(F::zero(), self.lower(state), x)
    }

    #[inline]
    fn behind(&self, state: usize, x: &[F]) -> F {
        gather(F::zero(), self.upper(state), x)
    }

    #[inline]
    fn scatter_before(&self, state: usize, scale: F, x: &mut [F]) {
        scatter(self.lower(state), scale, x);
    }

    #[inline]
    fn scatter_behind(&self, state: usize, scale: F, x: &mut [F]) {
        scatter(self.upper(state), scale, x);
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
        let (columns, values) = self.rows.row(state);
        columns.iter().zip(values).for_each(|(&column, &value)| visit(column as usize, value));
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        debug_assert_eq!(k, 1);
        for (y, state) in y.iter_mut().zip(states) {
            let sum = gather(gather(F::zero(), self.lower(state), v), self.upper(state), v);
            *y = self.diagonal[state] * v[state] + sum;
        }
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        self.rows.push_forward(states, next_states, k, x, w);
    }

    fn work(&self, states: Range<usize>) -> usize {
        self.rows.row_offsets[states.end] - self.rows.row_offsets[states.start]
    }
}
