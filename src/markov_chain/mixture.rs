//! A chain whose rows are not stored: the dynamics mix them for each product.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::matrix::SplitMatrix;
use crate::dynamics::blocks;
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Real, Table, arrays};

/// The matrix Σ_a w(s,a) P(s'|s,a), computed for each product.
pub(super) struct Mixture<'a, F, D: ?Sized> {
    dynamics: &'a D,
    weights: Vec<F>,      // [s, a]
    diagonal: Vec<F>,     // [s]
    pairs: Mutex<Vec<F>>, // [s, a], scratch of one product
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> Mixture<'a, F, D> {
    /// The rows of `dynamics`, mixed by `weights`, `[s, a]`.
    pub(super) fn new(dynamics: &'a D, weights: Vec<F>) -> Result<Self, Error> {
        let num_states = dynamics.num_states();
        let pairs = arrays::filled_vec(Table::ActionValues, weights.len(), F::zero())?;
        let pairs = Mutex::new(pairs);
        let mut mixture = Self { dynamics, weights, diagonal: Vec::with_capacity(num_states), pairs };
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

    /// Each walk visits all entries, also those that it skips.
    fn price_of_walks(&self) -> usize {
        2
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

    fn before(&self, state: usize, x: &[F]) -> F {
        let mut sum = F::zero();
        self.for_each_entry(state, |next_state, p| {
            if next_state < state {
                sum += p * x[next_state];
            }
        });
        sum
    }

    fn behind(&self, state: usize, x: &[F]) -> F {
        let mut sum = F::zero();
        self.for_each_entry(state, |next_state, p| {
            if next_state > state {
                sum += p * x[next_state];
            }
        });
        sum
    }

    fn scatter_before(&self, state: usize, scale: F, x: &mut [F]) {
        self.for_each_entry(state, |next_state, p| {
            if next_state < state {
                x[next_state] += scale * p;
            }
        });
    }

    fn scatter_behind(&self, state: usize, scale: F, x: &mut [F]) {
        self.for_each_entry(state, |next_state, p| {
            if next_state > state {
                x[next_state] += scale * p;
            }
        });
    }
}
