//! Operations on long vectors, in pieces that fit into the cache and run on all threads.
//!
//! The pieces of a section depend on its length alone, and sums are added in a fixed order. Results
//! are therefore the same for any number of threads.

use std::ops::Range;

use super::sections::Sections;
use crate::Real;
use crate::kernels::{add_scaled, dot_rows};
use crate::parallel::{PIECE, RowsMut, fold_pieces, for_each_piece};

/// The larger number; NaN if `b` is NaN.
pub(super) fn larger<F: Real>(a: F, b: F) -> F {
    if b <= a { a } else { b }
}

/// max |r|. If entries are NaN, it may be one of those behind them.
pub(super) fn largest<F: Real>(r: &[F]) -> F {
    fold_pieces(r.len(), (), &|piece: Range<usize>, ()| largest_of_piece(&r[piece]), &larger)
}

fn largest_of_piece<F: Real>(r: &[F]) -> F {
    // Side by side, so that no maximum waits for the one before.
    const LANES: usize = 16;
    let mut most = [F::zero(); LANES];
    let chunks = r.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(F::zero(), |most, r| larger(most, r.abs()));
    for chunk in chunks {
        for (most, r) in most.iter_mut().zip(chunk) {
            *most = larger(*most, r.abs());
        }
    }
    most.into_iter().fold(rest, larger)
}

/// x ← y.
pub(super) fn copy<F: Real>(x: &mut [F], y: &[F]) {
    for_each_piece(y.len(), RowsMut::column(x), &|piece, x: RowsMut<'_, F>| {
        x.data.copy_from_slice(&y[piece]);
    });
}

/// x ← x + y.
pub(super) fn add<F: Real>(x: &mut [F], y: &[F]) {
    for_each_piece(y.len(), RowsMut::column(x), &|piece, x: RowsMut<'_, F>| {
        x.data.iter_mut().zip(&y[piece]).for_each(|(x, &y)| *x += y);
    });
}

/// x ← f(x), entry by entry.
pub(super) fn map<F: Real>(x: &mut [F], f: impl Fn(F) -> F + Sync) {
    for_each_piece(x.len(), RowsMut::column(x), &|_, x: RowsMut<'_, F>| {
        x.data.iter_mut().for_each(|x| *x = f(*x));
    });
}

/// x · y.
pub(super) fn dot<F: Real>(sections: &Sections, x: &[F], y: &[F]) -> F {
    sum_pieces(sections, &|piece| dot_piece(&x[piece.clone()], &y[piece]), &|a, b| a + b)
}

/// Sums over pieces of sections.
fn sum_pieces<R: Send>(
    sections: &Sections,
    piece: &(impl Fn(Range<usize>) -> R + Sync),
    add: &(impl Fn(R, R) -> R + Sync),
) -> R {
    let section = |section: Range<usize>, ()| {
        let shifted =
            |entries: Range<usize>, ()| piece(section.start + entries.start..section.start + entries.end);
        fold_pieces(section.len(), (), &shifted, add)
    };
    sections.fold((), &section, add)
}

fn dot_piece<F: Real>(x: &[F], y: &[F]) -> F {
    let mut sum = [F::zero()];
    if !x.is_empty() {
        dot_rows(x, y, &mut sum);
    }
    sum[0]
}

/// v = ω (r + Σ a_i g_i) + Σ b_i u_i, over pairs of vectors (g, u) and of numbers (a, b).
pub(super) fn combine<F: Real>(v: &mut [F], omega: F, r: &[F], pairs: &[(&[F], &[F])], factors: &[(F, F)]) {
    for_each_piece(r.len(), RowsMut::column(v), &|piece, v: RowsMut<'_, F>| {
        v.data.copy_from_slice(&r[piece.clone()]);
        for ((g, _), (a, _)) in pairs.iter().zip(factors) {
            add_scaled(v.data, *a, &g[piece.clone()]);
        }
        v.data.iter_mut().for_each(|v| *v *= omega);
        for ((_, u), (_, b)) in pairs.iter().zip(factors) {
            add_scaled(v.data, *b, &u[piece.clone()]);
        }
    });
}

/// g ← g + Σ a_i g_i and u ← u + Σ a_i u_i, over pairs of vectors (g_i, u_i).
pub(super) fn add_pairs<F: Real>(g: &mut [F], u: &mut [F], pairs: &[(&[F], &[F])], factors: &[F]) {
    if pairs.is_empty() {
        return;
    }
    let (len, outputs) = (g.len(), (RowsMut::column(g), RowsMut::column(u)));
    for_each_piece(len, outputs, &|piece, (g, u): (RowsMut<'_, F>, RowsMut<'_, F>)| {
        for ((other_g, other_u), &a) in pairs.iter().zip(factors) {
            add_scaled(g.data, a, &other_g[piece.clone()]);
            add_scaled(u.data, a, &other_u[piece.clone()]);
        }
    });
}

/// u ← u + a v and r ← r − a g; returns max |r|.
pub(super) fn step<F: Real>(u: &mut [F], v: &[F], r: &mut [F], g: &[F], a: F) -> F {
    fold_pieces(
        g.len(),
        (RowsMut::column(u), RowsMut::column(r)),
        &|piece: Range<usize>, (u, r): (RowsMut<'_, F>, RowsMut<'_, F>)| {
            add_scaled(u.data, a, &v[piece.clone()]);
            add_scaled(r.data, -a, &g[piece]);
            largest_of_piece(r.data)
        },
        &larger,
    )
}

/// u ← u + ω r and r ← r − ω A r, with `image` = A r; returns max |r|.
pub(super) fn last_step<F: Real>(u: &mut [F], r: &mut [F], image: &[F], omega: F) -> F {
    let piece = |piece: Range<usize>, (u, r): (RowsMut<'_, F>, RowsMut<'_, F>)| {
        add_scaled(u.data, omega, r.data);
        add_scaled(r.data, -omega, &image[piece]);
        largest_of_piece(r.data)
    };
    fold_pieces(image.len(), (RowsMut::column(u), RowsMut::column(r)), &piece, &larger)
}

/// s pseudorandom vectors from a fixed seed.
#[derive(Debug)]
pub(super) struct Shadows<F> {
    values: Vec<F>, // [piece, s, entry]
    num: usize,
}

impl<F: Real> Shadows<F> {
    /// The largest s.
    pub(super) const MOST: usize = 4;

    /// Makes min(`MOST`, n) vectors of n entries.
    pub(super) fn new(n: usize) -> Self {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            // A linear congruential generator of 64 bits, of which the upper half is used.
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            F::from_f64(f64::from((bits >> 32) as u32) / f64::from(1_u32 << 31) - 1.0)
        };
        let num = Self::MOST.min(n);
        let mut values: Vec<F> = (0..num * n).map(|_| random()).collect();
        if n <= PIECE {
            // Short random vectors may be nearly parallel.
            orthogonalize(&mut values, n);
        }
        Self { values, num }
    }

    /// The number s of vectors.
    pub(super) fn len(&self) -> usize {
        self.num
    }

    /// The product of r with each vector; 0 beyond s.
    pub(super) fn products(&self, sections: &Sections, r: &[F]) -> [F; 4] {
        let piece = |piece: Range<usize>| {
            let mut products = [F::zero(); 4];
            let values = &self.values[self.num * piece.start..self.num * piece.end];
            dot_rows(values, &r[piece], &mut products[..self.num]);
            products
        };
        sum_pieces(sections, &piece, &|a: [F; 4], b: [F; 4]| std::array::from_fn(|i| a[i] + b[i]))
    }
}

/// Makes vectors of n entries, a piece at most, orthonormal.
fn orthogonalize<F: Real>(vectors: &mut [F], n: usize) {
    for first in (0..vectors.len()).step_by(n) {
        let (done, rest) = vectors.split_at_mut(first);
        let vector = &mut rest[..n];
        for other in done.chunks_exact(n) {
            let product = dot_piece(other, vector);
            add_scaled(vector, -product, other);
        }
        let norm = dot_piece(vector, vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
    }
}
