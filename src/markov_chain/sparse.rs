//! A chain in compressed rows, with the place of the diagonal in each row.
//!
//! A walk reads the part of a row before the diagonal, or the part behind it, and the diagonal. It
//! takes their places from a table. A search for the diagonal in the inner loop would be slower.

use std::ops::Range;

use super::matrix::{SplitMatrix, multiply, multiply_transposed};
use super::sections::Sections;
use crate::dynamics::compressed::{CompressedRows, column};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Real, Table, arrays};

/// Compressed rows, split at the diagonal and at the ends of the section.
#[derive(Debug)]
pub(super) struct SparseMatrix<F> {
    rows: CompressedRows<F>,
    sections: Sections,
    parts: Vec<Parts>,             // [s]
    leaving: Vec<u32>,             // states with entries in E, ascending
    diagonal: Vec<F>,              // [s]
    pub(super) num_entries: usize, // off the diagonal
}

/// Where the parts of a row begin and end, from the beginning of the row on.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    lower: u32,     // where L begins
    lower_end: u32, // and ends
    upper: u32,     // where U begins
    upper_end: u32, // and ends
}

impl<F: Real> SparseMatrix<F> {
    /// Takes one row for each state.
    pub(super) fn new(rows: CompressedRows<F>, sections: Sections) -> Result<Self, Error> {
        let num_states = sections.num_states();
        let mut parts = arrays::filled_vec(Table::RowOffsets, num_states, Parts::default())?;
        let mut diagonal = arrays::filled_vec(Table::Transitions, num_states, F::zero())?;
        let outputs = (RowsMut::column(&mut parts[..]), RowsMut::column(&mut diagonal[..]));
        let split = |section: Range<usize>, (parts, diagonal): (RowsMut<'_, Parts>, RowsMut<'_, F>)| {
            let mut num_loops = 0;
            let outputs = parts.data.iter_mut().zip(diagonal.data);
            for (state, (parts, diagonal)) in section.clone().zip(outputs) {
                let (columns, values) = rows.row(state);
                let place = |state| columns.partition_point(|&other| (other as usize) < state);
                let (at, mut upper) = (place(state), place(state));
                if columns.get(at) == Some(&column(state)) {
                    *diagonal = values[at];
                    upper += 1;
                    num_loops += 1;
                }
                *parts = Parts {
                    lower: column(place(section.start)),
                    lower_end: column(at),
                    upper: column(upper),
                    upper_end: column(place(section.end)),
                };
            }
            num_loops
        };
        let num_loops = sections.fold(outputs, &split, |a: usize, b| a + b);
        let num_entries = rows.columns.len() - num_loops;
        let mut matrix = Self { rows, sections, parts, leaving: vec![], diagonal, num_entries };
        if !matrix.sections.is_single() {
            let leaves =
                |state: &u32| matrix.outer(*state as usize).iter().any(|(columns, _)| !columns.is_empty());
            matrix.leaving = (0..column(num_states)).filter(leaves).collect();
        }
        Ok(matrix)
    }

    #[inline]
    fn entries(&self, entries: Range<usize>) -> (&[u32], &[F]) {
        (&self.rows.columns[entries.clone()], &self.rows.probabilities[entries])
    }

    /// Where a row begins and ends, and its parts.
    #[inline]
    fn row(&self, state: usize) -> (Range<usize>, Parts) {
        (self.rows.row_offsets[state]..self.rows.row_offsets[state + 1], self.parts[state])
    }

    /// The entries of L in a row.
    #[inline]
    fn lower(&self, state: usize) -> (&[u32], &[F]) {
        let (row, parts) = self.row(state);
        self.entries(row.start + parts.lower as usize..row.start + parts.lower_end as usize)
    }

    /// The entries of U in a row.
    #[inline]
    fn upper(&self, state: usize) -> (&[u32], &[F]) {
        let (row, parts) = self.row(state);
        self.entries(row.start + parts.upper as usize..row.start + parts.upper_end as usize)
    }

    /// The entries of E in a row: those before the section, and those behind it.
    #[inline]
    fn outer(&self, state: usize) -> [(&[u32], &[F]); 2] {
        let (row, parts) = self.row(state);
        let before = row.start..row.start + parts.lower as usize;
        let behind = row.start + parts.upper_end as usize..row.end;
        [self.entries(before), self.entries(behind)]
    }

    /// The states of a range that have entries in E.
    fn leaving(&self, states: &Range<usize>) -> impl Iterator<Item = usize> {
        let place = |state: usize| self.leaving.partition_point(|&other| (other as usize) < state);
        self.leaving[place(states.start)..place(states.end)].iter().map(|&state| state as usize)
    }

    /// The entries on both sides of the diagonal.
    #[inline]
    fn sides(&self, state: usize) -> [(&[u32], &[F]); 2] {
        let (row, parts) = self.row(state);
        let before = row.start..row.start + parts.lower_end as usize;
        let behind = row.start + parts.upper as usize..row.end;
        [self.entries(before), self.entries(behind)]
    }
}

/// `sum` + Σ p x over some entries. `x` begins with the entry of the state `first`.
#[inline]
fn gather<F: Real>(sum: F, (columns, values): (&[u32], &[F]), first: usize, x: &[F]) -> F {
    columns.iter().zip(values).fold(sum, |sum, (&column, &value)| sum + value * x[column as usize - first])
}

/// x += scale · p over some entries. `x` begins with the entry of the state `first`.
#[inline]
fn scatter<F: Real>((columns, values): (&[u32], &[F]), scale: F, first: usize, x: &mut [F]) {
    for (&column, &value) in columns.iter().zip(values) {
        x[column as usize - first] += scale * value;
    }
}

impl<F: Real> SplitMatrix<F> for SparseMatrix<F> {
    fn diagonal(&self) -> &[F] {
        &self.diagonal
    }

    fn sections(&self) -> &Sections {
        &self.sections
    }

    fn scale(&mut self, by: F) {
        self.diagonal.iter_mut().chain(&mut self.rows.probabilities).for_each(|entry| *entry *= by);
    }

    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F)) {
        for (columns, values) in self.sides(state) {
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
    fn before(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        gather(F::zero(), self.lower(state), section.start, z)
    }

    #[inline]
    fn behind(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        gather(F::zero(), self.upper(state), section.start, z)
    }

    #[inline]
    fn scatter_before(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        scatter(self.lower(state), scale, section.start, z);
    }

    #[inline]
    fn scatter_behind(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        scatter(self.upper(state), scale, section.start, z);
    }

    fn subtract_outside(&self, pair: &Range<usize>, x: &[F], z: &mut [F]) {
        for state in self.leaving(pair) {
            let sides = self.outer(state).into_iter();
            z[state - pair.start] -= sides.fold(F::zero(), |sum, side| gather(sum, side, 0, x));
        }
    }

    fn subtract_outside_transposed(&self, part: &Range<usize>, x: &[F], z: &mut [F]) {
        for state in self.leaving(&(0..self.diagonal.len())) {
            for (columns, values) in self.outer(state) {
                let place = |state: usize| columns.partition_point(|&other| (other as usize) < state);
                let inside = place(part.start)..place(part.end);
                scatter((&columns[inside.clone()], &values[inside]), -x[state], part.start, z);
            }
        }
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
            let sum = self.sides(state).into_iter().fold(F::zero(), |sum, side| gather(sum, side, 0, v));
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
