//! The Markov chain that a policy makes of a model, and linear systems in it.
//!
//! A [`Chain`] is a matrix J of numbers ≥ 0 over the states, whose rows sum to about 1 at most: γ P_π of a policy, or the
//! derivative of a backup. Rows of states that take no part are zero. Evaluating a policy, its occupancy, and a step of
//! Newton's method are systems in it:
//!
//! ```text
//! (I − J) x = b,      (I − Jᵀ) x = b
//! ```
//!
//! [`Chain::solve`] and [`Chain::solve_transposed`] solve them by a Krylov method, IDR(4) (`idr`), between the two halves of
//! a symmetric Gauss–Seidel sweep (`solve`, which says what that is worth).
//!
//! A chain is only ever applied to finite vectors: whoever makes one leaves out the states of value −∞.
#![allow(dead_code, unused_imports)] // until its first callers are there

mod dense;
mod idr;
mod mixture;
mod rows;
mod solve;
mod sparse;

use dense::DenseRows;
use mixture::Mixture;
use rows::Rows;
pub(crate) use solve::{LinearOutcome, LinearSolve, LinearStatus};
use sparse::SparseRows;

use crate::{Dynamics, Error, Real, Table, tables};

/// Share of entries that are not 0, one in so many, from which on full rows are read faster than compressed ones.
const DENSE_SHARE: usize = 4;

/// A matrix J ≥ 0 over the states of a model, rows that sum to about 1 at most.
pub(crate) struct Chain<'a, F> {
    rows: Box<dyn Rows<F> + 'a>,
}

impl<'a, F: Real> Chain<'a, F> {
    /// The chain γ P_π of a policy: J(s,s') = γ Σ_a π(a|s) P(s'|s,a) in the states that take part, 0 in all other rows.
    ///
    /// Rows are mixed once where the dynamics know how ([`Dynamics::mix_actions`]); other dynamics are asked again for every
    /// product.
    ///
    /// # Shapes
    ///
    /// `policy` `[s, a]`, `takes_part` `[s]`.
    pub(crate) fn new<D>(
        dynamics: &'a D,
        policy: &[F],
        takes_part: &[bool],
        discount: F,
    ) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let num_actions = dynamics.num_actions();
        debug_assert_eq!(takes_part.len(), dynamics.num_states());
        debug_assert_eq!(policy.len(), takes_part.len() * num_actions);
        let mut weights = tables::filled(Table::Policy, policy.len(), F::zero())?.into_raw_vec_and_offset().0;
        // What is less probable than that adds nothing to a product that rounding does not, and would keep rows from being
        // mixed, since a product with it may be below the normal numbers.
        let least = F::min_positive_value() / (F::epsilon() * F::epsilon());
        let rows = weights.chunks_exact_mut(num_actions).zip(policy.chunks_exact(num_actions));
        for ((weights, policy), _) in rows.zip(takes_part).filter(|(_, takes_part)| **takes_part) {
            for (weight, &p) in weights.iter_mut().zip(policy) {
                let product = discount * p;
                *weight = if product >= least { product } else { F::zero() };
            }
        }
        match dynamics.mix_actions(&weights) {
            Some(mixed) => Self::stored(&*mixed),
            None => Ok(Self { rows: Box::new(Mixture::new(dynamics, weights)?) }),
        }
    }

    /// A chain whose rows are given one by one: `row(s, add)` calls `add(s', J(s,s'))` for what is not 0, in any order.
    pub(crate) fn from_rows(
        num_states: usize,
        row: impl FnMut(usize, &mut dyn FnMut(usize, F)),
    ) -> Result<Self, Error> {
        Ok(Self { rows: Box::new(SparseRows::new(num_states, row)?) })
    }

    /// The rows of dynamics of one action, copied so that they can be walked in parts.
    fn stored(mixed: &dyn Dynamics<Scalar = F>) -> Result<Self, Error> {
        let num_states = mixed.num_states();
        let is_dense = mixed.work(0..num_states) >= num_states.saturating_mul(num_states) / DENSE_SHARE;
        if !is_dense {
            return Self::from_rows(num_states, |state, add| mixed.for_each_successor(state, 0, add));
        }
        let rows = DenseRows::new(num_states, |state, entries| {
            mixed.push_forward(state..state + 1, 0..num_states, 1, &[F::one()], entries);
        })?;
        Ok(Self { rows: Box::new(rows) })
    }

    /// Number S of states.
    pub(crate) fn num_states(&self) -> usize {
        self.rows.diagonal().len()
    }

    /// Transitions that one product reads.
    pub(crate) fn work(&self) -> usize {
        self.rows.work()
    }

    /// y = J x.
    pub(crate) fn multiply(&self, x: &[F], y: &mut [F]) {
        self.rows.multiply(x, y);
    }

    /// y = Jᵀ x.
    pub(crate) fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        self.rows.multiply_transposed(x, y);
    }
}
