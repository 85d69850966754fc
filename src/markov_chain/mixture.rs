//! A chain whose rows are not stored: the dynamics mix them for each product.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::matrix::SplitMatrix;
use super::sections::Sections;
use crate::dynamics::blocks;
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Real, Table, arrays};

/// The matrix Σ_a w(s,a) P(s'|s,a), computed for each product.
pub(super) struct Mixture<'a, F, D: ?Sized> {
    dynamics: &'a D,
    weights: Vec<F>,      // [s, a]
    diagonal: Vec<F>,     // [s]
    pairs: Mutex<Vec<F>>, // [s, a], scratch of one product
    sections: Sections,
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> Mixture<'a, F, D> {
    /// The rows of `dynamics`, mixed by `weights`, `[s, a]`.
    pub(super) fn new(dynamics: &'a D, weights: Vec<F>, sections: Sections) -> Result<Self, Error> {
        let num_states = dynamics.num_states();
        let pairs = arrays::filled_vec(Table::ActionValues, weights.len(), F::zero())?;
        let pairs = Mutex::new(pairs);
        let diagonal = Vec::with_capacity(num_states);
        let mut mixture = Self { dynamics, weights, diagonal, pairs, sections };
        for state in 0..num_states {
            let mut own = F::zero();
            mixture.for_each_entry(state, |next_state, p| {
                if next_state == state {
                    own += p;
                }
            });
            mixture.diagonal.push(own);
        }
        Ok(mixture)
    }

    fn weights(&self, states: Range<usize>) -> &[F] {
        let width = self.dynamics.num_actions();
        &self.weights[states.start * width..states.end * width]
    }

    fn room(&self) -> MutexGuard<'_, Vec<F>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `visit(s', w P)` for each action and successor of a state.
    fn for_each_entry(&self, state: usize, mut visit: impl FnMut(usize, F)) {
        for (action, &weight) in self.weights(state..state + 1).iter().enumerate() {
            if weight > F::zero() {
                self.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    visit(next_state, weight * p);
                });
            }
        }
    }

    /// Σ w P(s'|s,a) x(s') over the actions and the s' of a range. `x` begins with the entry of
    /// the state `first`.
    fn sum(&self, state: usize, range: Range<usize>, first: usize, x: &[F]) -> F {
        let mut sum = F::zero();
        self.for_each_entry(state, |next_state, p| {
            if range.contains(&next_state) {
                sum += p * x[next_state - first];
            }
        });
        sum
    }

    /// x(s') += scale · w P(s'|s,a) for the actions and the s' of a range, likewise.
    fn scatter(&self, state: usize, range: Range<usize>, scale: F, first: usize, x: &mut [F]) {
        self.for_each_entry(state, |next_state, p| {
            if range.contains(&next_state) {
                x[next_state - first] += scale * p;
            }
        });
    }
}

/// Σ_a w(s,a) y(s,a), without actions of weight 0.
fn mix<F: Real>(weights: &[F], y: &[F]) -> F {
    let terms = weights.iter().zip(y).filter(|(weight, _)| **weight > F::zero());
    terms.fold(F::zero(), |sum, (&weight, &y)| sum + weight * y)
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> SplitMatrix<F> for Mixture<'_, F, D> {
    fn diagonal(&self) -> &[F] {
        &self.diagonal
    }

    fn sections(&self) -> &Sections {
        &self.sections
    }

    fn scale(&mut self, by: F) {
        self.diagonal.iter_mut().chain(&mut self.weights).for_each(|entry| *entry *= by);
    }

    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F)) {
        self.for_each_entry(state, |next_state, p| {
            if next_state != state {
                visit(next_state, p);
            }
        });
    }

    fn work(&self) -> usize {
        self.dynamics.work(0..self.diagonal.len())
    }

    /// Each walk and the product visit all entries, also those that they skip.
    fn price_of_walks(&self) -> usize {
        if self.sections.is_single() { 2 } else { 3 }
    }

    fn multiply(&self, x: &[F], y: &mut [F]) {
        let width = self.dynamics.num_actions();
        let mut pairs = self.room();
        let outputs = (RowsMut::column(y), RowsMut { data: &mut pairs[..], width });
        let _ = blocks::for_each_block(self.dynamics, outputs, &|states, (y, pairs)| {
            self.dynamics.expectation(states.clone(), 1, x, pairs.data);
            let rows = self.weights(states).chunks_exact(width).zip(pairs.data.chunks_exact(width));
            for (y, (weights, pairs)) in y.data.iter_mut().zip(rows) {
                *y = mix(weights, pairs);
            }
            Ok(())
        });
    }

    fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        let (num_states, width) = (self.diagonal.len(), self.dynamics.num_actions());
        let mut pairs = self.room();
        let rows = pairs.chunks_exact_mut(width).zip(self.weights.chunks_exact(width));
        for ((pairs, weights), &x) in rows.zip(x) {
            pairs.iter_mut().zip(weights).for_each(|(pair, &weight)| *pair = weight * x);
        }
        let pairs = &pairs[..];
        blocks::for_each_part(self.dynamics, RowsMut::column(y), &|next_states, y| {
            y.data.fill(F::zero());
            self.dynamics.push_forward(0..num_states, next_states, 1, pairs, y.data);
        });
    }

    fn before(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        self.sum(state, section.start..state, section.start, z)
    }

    fn behind(&self, state: usize, section: &Range<usize>, z: &[F]) -> F {
        self.sum(state, state + 1..section.end, section.start, z)
    }

    fn scatter_before(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        self.scatter(state, section.start..state, scale, section.start, z);
    }

    fn scatter_behind(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]) {
        self.scatter(state, state + 1..section.end, scale, section.start, z);
    }

    fn subtract_outside(&self, pair: &Range<usize>, x: &[F], z: &mut [F]) {
        for (state, z) in pair.clone().zip(z) {
            let section = self.sections.of_state(state);
            self.for_each_entry(state, |next_state, p| {
                if !section.contains(&next_state) {
                    *z -= p * x[next_state];
                }
            });
        }
    }

    fn subtract_outside_transposed(&self, part: &Range<usize>, x: &[F], z: &mut [F]) {
        for section in self.sections.iter() {
            for state in section.clone() {
                self.for_each_entry(state, |next_state, p| {
                    if part.contains(&next_state) && !section.contains(&next_state) {
                        z[next_state - part.start] -= p * x[state];
                    }
                });
            }
        }
    }
}
