//! Chains whose rows stay with the dynamics that they come from.

use std::ops::Range;
use std::sync::Mutex;

use crate::parallel::{self, Rows as Table1};
use crate::{Dynamics, Error, Real, Table, tables};

/// Rows that can be multiplied, but not walked at no cost.
pub(super) trait Rows<F>: Send + Sync {
    fn num_states(&self) -> usize;

    /// Transitions that one product reads.
    fn work(&self) -> usize;

    /// y = J x.
    fn multiply(&self, x: &[F], y: &mut [F]);

    /// y = Jᵀ x.
    fn multiply_transposed(&self, x: &[F], y: &mut [F]);

    /// (J x)(s) of one state.
    fn row(&self, state: usize, x: &[F]) -> F;

    /// J(s,s) of every state.
    fn diagonal(&self) -> Vec<F>;
}

/// Σ_a w(s,a) P(s'|s,a), mixed anew for every product.
pub(super) struct Mixture<'a, F, D: ?Sized> {
    dynamics: &'a D,
    weights: Vec<F>,      // [s, a]
    pairs: Mutex<Vec<F>>, // [s, a], room for one product
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> Mixture<'a, F, D> {
    pub(super) fn new(dynamics: &'a D, weights: Vec<F>) -> Result<Self, Error> {
        let pairs = tables::filled(Table::ActionValues, weights.len(), F::zero())?;
        Ok(Self { dynamics, weights, pairs: Mutex::new(pairs.into_raw_vec_and_offset().0) })
    }

    fn weights(&self, states: Range<usize>) -> &[F] {
        let width = self.dynamics.num_actions();
        &self.weights[states.start * width..states.end * width]
    }

    /// Σ_a w(s,a) y(s,a), leaving out what has no weight.
    fn mix(weights: &[F], y: &[F]) -> F {
        let terms = weights.iter().zip(y).filter(|(weight, _)| **weight > F::zero());
        terms.fold(F::zero(), |sum, (&weight, &y)| sum + weight * y)
    }
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> Rows<F> for Mixture<'_, F, D> {
    fn num_states(&self) -> usize {
        self.dynamics.num_states()
    }

    fn work(&self) -> usize {
        self.dynamics.work(0..self.num_states())
    }

    fn multiply(&self, x: &[F], y: &mut [F]) {
        let width = self.dynamics.num_actions();
        let mut pairs = self.pairs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outputs = (Table1 { data: y, width: 1 }, Table1 { data: &mut pairs[..], width });
        let _ = parallel::for_each_block(self.dynamics, outputs, &|states, (y, pairs)| {
            self.dynamics.expectation(states.clone(), 1, x, pairs.data);
            let rows = self.weights(states).chunks_exact(width).zip(pairs.data.chunks_exact(width));
            for (y, (weights, pairs)) in y.data.iter_mut().zip(rows) {
                *y = Self::mix(weights, pairs);
            }
            Ok(())
        });
    }

    fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        let (num_states, width) = (self.num_states(), self.dynamics.num_actions());
        let mut pairs = self.pairs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for ((pairs, weights), &x) in
            pairs.chunks_exact_mut(width).zip(self.weights.chunks_exact(width)).zip(x)
        {
            for (pair, &weight) in pairs.iter_mut().zip(weights) {
                *pair = if weight > F::zero() { weight * x } else { F::zero() };
            }
        }
        let pairs = &pairs[..];
        parallel::for_each_part(self.dynamics, Table1 { data: y, width: 1 }, &|next_states, y| {
            y.data.fill(F::zero());
            self.dynamics.push_forward(0..num_states, next_states, 1, pairs, y.data);
        });
    }

    fn row(&self, state: usize, x: &[F]) -> F {
        let width = self.dynamics.num_actions();
        let mut pairs = self.pairs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let pairs = &mut pairs[..width];
        self.dynamics.expectation(state..state + 1, 1, x, pairs);
        Self::mix(self.weights(state..state + 1), pairs)
    }

    fn diagonal(&self) -> Vec<F> {
        let width = self.dynamics.num_actions();
        let of_state = |state: usize| {
            let mut sum = F::zero();
            for (action, &weight) in self.weights(state..state + 1).iter().enumerate() {
                if weight > F::zero() {
                    self.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                        if next_state == state {
                            sum += weight * p;
                        }
                    });
                }
            }
            sum
        };
        debug_assert!(width > 0);
        (0..self.num_states()).map(of_state).collect()
    }
}
