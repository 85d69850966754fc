//! The matrix of a chain, split into its diagonal and the entries on both sides.

use std::ops::Range;

use super::sections::Sections;
use crate::dynamics::blocks;
use crate::parallel::RowsMut;
use crate::{Dynamics, Real};

/// A matrix J = L + diagonal + U + E ≥ 0. E holds the entries that lead from one section of states
/// to another. L is strictly lower and U strictly upper triangular, within the sections.
///
/// Besides products with J it offers walks. A walk solves a triangular system of L or U and a
/// diagonal matrix D in place, in one section, state by state. It takes 1/D, since each state waits
/// for the one before, and a multiplication has a shorter latency than a division.
///
/// Vectors `z` and `inverse` hold the entries of a section; all others are of all states.
pub(super) trait SplitMatrix<F: Real>: Send + Sync {
    /// J(s,s), `[s]`.
    fn diagonal(&self) -> &[F];

    fn sections(&self) -> &Sections;

    /// Multiplies all entries by `by` ≥ 0.
    fn scale(&mut self, by: F);

    /// The number of transitions that one product reads.
    fn work(&self) -> usize;

    /// The cost of a walk over L, a walk over U and a product with E together, in products.
    fn price_of_walks(&self) -> usize;

    /// Calls `visit(s', J(s,s'))` for the entries of a row off the diagonal that are not 0, in any
    /// order, repeats allowed.
    fn for_each_other(&self, state: usize, visit: &mut dyn FnMut(usize, F));

    /// y = J x.
    fn multiply(&self, x: &[F], y: &mut [F]);

    /// y = Jᵀ x.
    fn multiply_transposed(&self, x: &[F], y: &mut [F]);

    /// (L z)(s).
    fn before(&self, state: usize, section: &Range<usize>, z: &[F]) -> F;

    /// (U z)(s).
    fn behind(&self, state: usize, section: &Range<usize>, z: &[F]) -> F;

    /// z(s') += scale · L(s,s') for all s'.
    fn scatter_before(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]);

    /// z(s') += scale · U(s,s') for all s'.
    fn scatter_behind(&self, state: usize, section: &Range<usize>, scale: F, z: &mut [F]);

    /// z ← z − E x in a pair of sections.
    fn subtract_outside(&self, pair: &Range<usize>, x: &[F], z: &mut [F]);

    /// z ← z − Eᵀ x in a part of the states, whose entries `z` holds. Reads all rows.
    fn subtract_outside_transposed(&self, part: &Range<usize>, x: &[F], z: &mut [F]);

    /// z ← (D − L)⁻¹ z in a pair of sections.
    fn solve_before(&self, pair: &Range<usize>, inverse: &[F], z: &mut [F]) {
        walk(self.sections().of_pair(pair), inverse, z, true, |section, at, inverse, z| {
            z[at] = (z[at] + self.before(section.start + at, section, z)) * inverse;
        });
    }

    /// z ← (D − U)⁻¹ z in a pair of sections.
    fn solve_behind(&self, pair: &Range<usize>, inverse: &[F], z: &mut [F]) {
        walk(self.sections().of_pair(pair), inverse, z, false, |section, at, inverse, z| {
            z[at] = (z[at] + self.behind(section.start + at, section, z)) * inverse;
        });
    }

    /// z ← (D − Lᵀ)⁻¹ z in a pair of sections. Rows of J are columns of Jᵀ, so each solved state is
    /// scattered at once.
    fn solve_before_transposed(&self, pair: &Range<usize>, inverse: &[F], z: &mut [F]) {
        walk(self.sections().of_pair(pair), inverse, z, false, |section, at, inverse, z| {
            z[at] *= inverse;
            self.scatter_before(section.start + at, section, z[at], z);
        });
    }

    /// z ← (D − Uᵀ)⁻¹ z in a pair of sections.
    fn solve_behind_transposed(&self, pair: &Range<usize>, inverse: &[F], z: &mut [F]) {
        walk(self.sections().of_pair(pair), inverse, z, true, |section, at, inverse, z| {
            z[at] *= inverse;
            self.scatter_behind(section.start + at, section, z[at], z);
        });
    }
}

/// Walks over two neighbouring sections side by side, upwards or downwards. `step(section, at,
/// inverse, z)` solves the state `section.start + at`; `z` are the entries of its section.
#[inline(always)]
fn walk<F: Real>(
    [first, second]: [Range<usize>; 2],
    inverse: &[F],
    z: &mut [F],
    is_upwards: bool,
    step: impl Fn(&Range<usize>, usize, F, &mut [F]),
) {
    let num_steps = first.len().max(second.len());
    let (z_first, z_second) = z.split_at_mut(first.len());
    let (inverse_first, inverse_second) = inverse.split_at(first.len());
    let mut sections = [(first, inverse_first, z_first), (second, inverse_second, z_second)];
    for nth in 0..num_steps {
        for (section, inverse, z) in &mut sections {
            if nth < z.len() {
                let at = if is_upwards { nth } else { z.len() - 1 - nth };
                step(section, at, inverse[at], z);
            }
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
