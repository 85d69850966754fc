//! A chain in full rows.

use std::ops::Range;

use super::matrix::{SplitMatrix, multiply, multiply_transposed};
use super::sections::Sections;
use crate::kernels::{add_scaled, dot_rows};
use crate::{DenseDynamics, Dynamics, Real};

/// The diagonal, and all other entries in full rows.
#[derive(Debug)]
pub(super) struct DenseMatrix<F> {
    diagonal: Vec<F>, // [s]
    table: Vec<F>,    // [s, s'], 0 on the diagonal
    sections: Sections,
}

impl<F: Real> DenseMatrix<F> {
    /// Takes the table of dynamics of one action.
    pub(super) fn new(dynamics: DenseDynamics<F>, sections: Sections) -> Self {
        let num_states = dynamics.num_states();
        let mut table = dynamics.into_entries();
        let own = table.iter_mut().step_by(num_states + 1);
        let diagonal = own.map(|entry| std::mem::replace(entry, F::zero())).collect();
        Self { diagonal, table, sections }
    }

    fn row(&self, state: usize) -> &[F] {
        let num_states = self.diagonal.len();
        &self.table[state * num_states..(state + 1) * num_states]
    }
}

/// Σ p x of one row.
fn product<F: Real>(row: &[F], x: &[F]) -> F {
    let mut sum = [F::zero()];
    if !row.is_empty() {
        dot_rows(row, x, &mut sum);
    }
    sum[0]
}

impl<F: Real> SplitMatrix<F> for DenseMatrix<F> {
    fn diagonal(&self) -> &[F] {
        &self.diagonal
    }

    fn sections(&self) -> &Sections {
        &self.sections
    }

    fn scale(&mut self, by: F) {
        self.diagonal.iter_mut().chain(&mut self.table).for_each(|entry| *entry *= by);
    }

    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F)) {
        let entries = self.row(state).iter().enumerate();
        entries.filter(|(_, value)| **value > F::zero()).for_each(|(next, &value)| visit(next, value));
    }

    fn work(&self) -> usize {
        self.table.len()
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

    fn before(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        product(&self.row(state)[section.start..state], &z[..state - section.start])
    }

    fn behind(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        product(&self.row(state)[state + 1..section.end], &z[state + 1 - section.start..])
    }

    fn scatter_before(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        let row = &self.row(state)[section.start..state];
        add_scaled(&mut z[..state - section.start], scale, row);
    }

    fn scatter_behind(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        let row = &self.row(state)[state + 1..section.end];
        add_scaled(&mut z[state + 1 - section.start..], scale, row);
    }

    fn subtract_outside(&self, pair: &Range<usize>, x: &[F], z: &mut [F]) {
        for (state, z) in pair.clone().zip(z) {
            let section = self.sections.of_state(state);
            let row = self.row(state);
            *z -= product(&row[..section.start], &x[..section.start]);
            *z -= product(&row[section.end..], &x[section.end..]);
        }
    }

    fn subtract_outside_transposed(&self, part: &Range<usize>, x: &[F], z: &mut [F]) {
        for section in self.sections.iter() {
            for outside in [0..section.start, section.end..self.diagonal.len()] {
                let (start, end) = (outside.start.max(part.start), outside.end.min(part.end));
                if start < end {
                    let z = &mut z[start - part.start..end - part.start];
                    section.clone().for_each(|state| add_scaled(z, -x[state], &self.row(state)[start..end]));
                }
            }
        }
    }
}

/// The matrix as dynamics of one action, so that blocks can be cut. Takes one column at a time.
impl<F: Real> Dynamics for DenseMatrix<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.diagonal.len()
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _action: usize, visit: &mut dyn FnMut(usize, F)) {
        for (next_state, &p) in self.row(state).iter().enumerate() {
            let p = if next_state == state { self.diagonal[state] } else { p };
            if p > F::zero() {
                visit(next_state, p);
            }
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        debug_assert_eq!(k, 1);
        let num_states = self.diagonal.len();
        dot_rows(&self.table[states.start * num_states..states.end * num_states], v, y);
        for (y, state) in y.iter_mut().zip(states) {
            *y += self.diagonal[state] * v[state];
        }
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        debug_assert_eq!(k, 1);
        for (state, &x) in states.zip(x).filter(|(_, x)| **x != F::zero()) {
            add_scaled(w, x, &self.row(state)[next_states.clone()]);
            if next_states.contains(&state) {
                w[state - next_states.start] += self.diagonal[state] * x;
            }
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        states.len() * self.diagonal.len()
    }
}
