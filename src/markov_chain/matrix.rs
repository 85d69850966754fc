//! The matrix of a chain, split into its diagonal and the parts on both sides.

use crate::dynamics::blocks;
use crate::parallel::RowsMut;
use crate::{Dynamics, Real};

/// A matrix J = L + diagonal + U ≥ 0, with L strictly lower and U strictly upper triangular.
///
/// Besides products with J it offers walks. A walk solves a triangular system of L or U and a
/// diagonal matrix D in place, state by state. It takes 1/D, since each state waits for the one
/// before, and a multiplication has a shorter latency than a division.
pub(super) trait SplitMatrix<F: Real>: Send + Sync {
    /// J(s,s), `[s]`.
    fn diagonal(&self) -> &[F];

    /// Multiplies all entries by `by` ≥ 0.
    fn scale(&mut self, by: F);

    /// The number of transitions that one product reads.
    fn work(&self) -> usize;

    /// The cost of a walk over L and a walk over U together, in products.
    fn price_of_walks(&self) -> usize;

    /// Calls `visit(s', J(s,s'))` for the entries of a row off the diagonal that are not 0, in any
    /// order, repeats allowed.
    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F));

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

    /// z ← (D − Lᵀ)⁻¹ z. Rows of J are columns of Jᵀ, so each solved state is scattered at once.
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

/// y = J x, for a matrix that is the dynamics of one action.
pub(super) fn multiply<F: Real, D: Dynamics<Scalar = F>>(rows: &D, x: &[F], y: &mut [F]) {
    let _ = blocks::for_each_block(rows, RowsMut::column(y), &|states, y| {
        rows.expectation(states, 1, x, y.data);
        Ok(())
    });
}

/// y = Jᵀ x, for a matrix that is the dynamics of one action.
pub(super) fn multiply_transposed<F: Real, D: Dynamics<Scalar = F>>(rows: &D, x: &[F], y: &mut [F]) {
    blocks::for_each_part(rows, RowsMut::column(y), &|next_states, y| {
        y.data.fill(F::zero());
        rows.push_forward(0..rows.num_states(), next_states, 1, x, y.data);
    });
}
