//! The Markov chain that a policy makes of a model, and linear systems in it.
//!
//! A [`Chain`] is a matrix J of numbers ≥ 0 whose rows sum to at most about 1: γ P_π of a policy, or the derivative of a
//! backup. Rows of states that take no part are zero. [`multiply`](Chain::multiply) and its transpose are the two products,
//! [`solve`](Chain::solve) and [`solve_transposed`](Chain::solve_transposed) the systems (I − J) x = b and (I − Jᵀ) x = b.
//!
//! A chain is only ever applied to finite vectors: whoever makes one leaves out the states of value −∞.
#![allow(dead_code, unused_imports)] // until its first callers are there

mod krylov;
mod mixture;
mod solve;
mod stored;

use mixture::Mixture;
pub(crate) use solve::{LinearOutcome, LinearSolve, LinearStatus};
use stored::StoredRows;

use crate::parallel::{self, Rows};
use crate::{Dynamics, Error, Real, Table, tables};

/// A matrix J ≥ 0 over the states of a model.
pub(crate) struct Chain<'a, F> {
    kind: Kind<'a, F>,
}

enum Kind<'a, F> {
    /// Rows of its own, which can be walked in any order.
    Stored(StoredRows<F>),
    /// Those of the model, mixed anew for every product.
    Free(Box<dyn mixture::Rows<F> + 'a>),
}

impl<'a, F: Real> Chain<'a, F> {
    /// The chain γ P_π of a policy: J(s,s') = γ Σ_a π(a|s) P(s'|s,a) where `takes_part`, 0 in all other rows.
    ///
    /// Rows are mixed once where the dynamics know how ([`Dynamics::mix_actions`]); other dynamics are asked again for
    /// every product.
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
        debug_assert_eq!(policy.len(), dynamics.num_states() * num_actions);
        let mut weights = tables::filled(Table::Policy, policy.len(), F::zero())?;
        let rows = tables::slice_mut(&mut weights).chunks_exact_mut(num_actions);
        // What is so improbable adds nothing to a product that rounding does not, and may not be mixed exactly.
        let least = F::min_positive_value() / (F::epsilon() * F::epsilon());
        for ((weights, policy), &takes_part) in rows.zip(policy.chunks_exact(num_actions)).zip(takes_part) {
            for (weight, &p) in weights.iter_mut().zip(policy).filter(|_| takes_part) {
                let product = discount * p;
                *weight = if product >= least { product } else { F::zero() };
            }
        }
        let weights = weights.into_raw_vec_and_offset().0;
        let kind = match dynamics.mix_actions(&weights) {
            Some(mixed) => Kind::Stored(StoredRows::from_dynamics(&*mixed)?),
            None => Kind::Free(Box::new(Mixture::new(dynamics, weights)?)),
        };
        Ok(Self { kind })
    }

    /// A chain whose rows are given one by one: `row(s, add)` calls `add(s', J(s,s'))` for what is not 0, in any order.
    pub(crate) fn from_rows(
        num_states: usize,
        row: impl FnMut(usize, &mut dyn FnMut(usize, F)),
    ) -> Result<Self, Error> {
        Ok(Self { kind: Kind::Stored(StoredRows::from_rows(num_states, row)?) })
    }

    /// Number S of states.
    pub(crate) fn num_states(&self) -> usize {
        match &self.kind {
            Kind::Stored(rows) => rows.num_states(),
            Kind::Free(rows) => rows.num_states(),
        }
    }

    /// Transitions that one product reads.
    pub(crate) fn work(&self) -> usize {
        match &self.kind {
            Kind::Stored(rows) => rows.work(0..rows.num_states()),
            Kind::Free(rows) => rows.work(),
        }
    }

    /// y = J x.
    pub(crate) fn multiply(&self, x: &[F], y: &mut [F]) {
        match &self.kind {
            Kind::Stored(rows) => {
                let _ = parallel::for_each_block(rows, Rows { data: y, width: 1 }, &|states, y| {
                    rows.expectation(states, 1, x, y.data);
                    Ok(())
                });
            }
            Kind::Free(rows) => rows.multiply(x, y),
        }
    }

    /// y = Jᵀ x.
    pub(crate) fn multiply_transposed(&self, x: &[F], y: &mut [F]) {
        match &self.kind {
            Kind::Stored(rows) => {
                let all = 0..rows.num_states();
                parallel::for_each_part(rows, Rows { data: y, width: 1 }, &|next_states, y| {
                    y.data.fill(F::zero());
                    rows.push_forward(all.clone(), next_states, 1, x, y.data);
                });
            }
            Kind::Free(rows) => rows.multiply_transposed(x, y),
        }
    }
}
