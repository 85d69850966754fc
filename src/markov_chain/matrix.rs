//! What a solver asks of the rows of a chain.

use crate::dynamics::blocks;
use crate::parallel::RowsMut;
use crate::{Dynamics, Real};

/// A matrix J ≥ 0 that can be multiplied as a whole, and walked state by state.
///
/// J = L + diagonal + U, where L is what leads to states before the own one and U what leads behind it. A walk solves one of
/// the triangular systems that these make with a diagonal matrix D, in place: each state is solved for from those that
/// the walk has passed. It is given 1/D: a product is sooner there than a quotient, and the next state waits for it.
pub(super) trait SplitMatrix<F: Real>: Send + Sync {
    /// J(s,s), `[s]`.
    fn diagonal(&self) -> &[F];

    /// Multiplies all entries by a number ≥ 0.
    fn scale(&mut self, by: F);

    /// Transitions that one product reads.
    fn work(&self) -> usize;

    /// Products that a walk over L and one over U cost as much as, together.
    fn price_of_walks(&self) -> usize;

    /// y = J x.
    fn multiply(&self, x: &[F], y: &mut [F]);

    /// y = Jᵀ x.
    fn multiply_transposed(&self, x: &[F], y: &mut [F]);

    /// Σ J(s,s') x(s') over s' < s.
    fn before(&self, state: usize, x: &[F]) -> F;

    /// Σ J(s,s') x(s') over s' > s.
    fn behind(&self, state: usize, x: &[F]) -> F;

    /// x(s') += scale · J(s,s') for all s' < s.
    fn scatter_before(&self, state: usize, scale: F, x: &mut [F]);

    /// x(s') += scale · J(s,s') for all s' > s.
    fn scatter_behind(&self, state: usize, scale: F, x: &mut [F]);

    /// z ← (D − L)⁻¹ z.
    fn solve_before(&self, inverse: &[F], z: &mut [F]) {
        for (state, &inverse) in inverse.iter().enumerate() {
            z[state] = (z[state] + self.before(state, z)) * inverse;
        }
    }

    /// z ← (D − U)⁻¹ z.
    fn solve_behind(&self, inverse: &[F], z: &mut [F]) {
        for (state, &inverse) in inverse.iter().enumerate().rev() {
            z[state] = (z[state] + self.behind(state, z)) * inverse;
        }
    }

    /// z ← (D − Lᵀ)⁻¹ z. The rows of J are the columns of its transpose: what is solved for is handed on at once.
    fn solve_before_transposed(&self, inverse: &[F], z: &mut [F]) {
        for (state, &inverse) in inverse.iter().enumerate().rev() {
            z[state] *= inverse;
            self.scatter_before(state, z[state], z);
        }
    }

    /// z ← (D − Uᵀ)⁻¹ z.
    fn solve_behind_transposed(&self, inverse: &[F], z: &mut [F]) {
        for (state, &inverse) in inverse.iter().enumerate() {
            z[state] *= inverse;
            self.scatter_behind(state, z[state], z);
        }
    }
}

/// y = J x, for rows that are dynamics of one action.
pub(super) fn multiply<F: Real, D: Dynamics<Scalar = F>>(rows: &D, x: &[F], y: &mut [F]) {
    let _ = blocks::for_each_block(rows, RowsMut { data: y, width: 1 }, &|states, y| {
        rows.expectation(states, 1, x, y.data);
        Ok(())
    });
}

/// y = Jᵀ x, for rows that are dynamics of one action.
pub(super) fn multiply_transposed<F: Real, D: Dynamics<Scalar = F>>(rows: &D, x: &[F], y: &mut [F]) {
    blocks::for_each_part(rows, RowsMut { data: y, width: 1 }, &|next_states, y| {
        y.data.fill(F::zero());
        rows.push_forward(0..rows.num_states(), next_states, 1, x, y.data);
    });
}
