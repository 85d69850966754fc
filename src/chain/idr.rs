//! IDR(s): induced dimension reduction, a Krylov method for any matrix with short recurrences.
//!
//! Solves A u = r₀ from u = 0, given products with A alone. Residuals are forced into spaces that shrink by s dimensions every
//! s + 1 products:
//!
//! ```text
//! G_{j+1} = (I − ω_{j+1} A)(G_j ∩ S),    S: what is orthogonal to s fixed vectors p
//! ```
//!
//! It needs about as many products as GMRES that never restarts, and remembers 2 s vectors, however many products it takes.
//! On the chains that it was chosen on, s = 4 took two thirds of the products of BiCGSTAB (its relative, s = 1), which also
//! broke down now and then; GMRES that restarts after 20 or 50 stalled on queues; and s = 8 saved one product in twenty.
//!
//! # References
//!
//! P. Sonneveld, M. van Gijzen, *IDR(s): a family of simple and fast algorithms for solving large nonsymmetric systems of
//! linear equations*, SIAM J. Sci. Comput. 31, 2008; the variant with bi-orthogonal vectors is theirs, ACM TOMS 38, 2011.

use std::ops::Range;

use crate::Real;
use crate::kernels::{add_scaled, dot_rows};

/// s: the number of fixed vectors.
const NUM_SHADOWS: usize = 4;

/// Products without the residual being halved after which there is no more to hope for.
const PATIENCE: usize = 200;

/// Least cosine between r and A r for which ω is that of the least residual; below it, a larger one keeps the method from
/// standing still.
const LEAST_COSINE: f64 = 0.7;

/// A matrix A.
pub(super) trait Operator<F> {
    /// y = A v.
    fn apply(&mut self, v: &[F], y: &mut [F]);

    /// Whether to go on, asked before every product, with max |r|.
    fn goes_on(&mut self, residual: F) -> bool;
}

/// Finds a u for which max |r₀ − A u| is at most `goal`, or as small as it gets.
///
/// `r` holds r₀, and then r₀ − A u as far as the recurrence knows it; `u` is overwritten.
pub(super) fn reduce<F: Real>(a: &mut impl Operator<F>, r: &mut [F], u: &mut [F], goal: F) {
    let n = r.len();
    u.fill(F::zero());
    let shadows = shadows::<F>(n);
    let s = shadows.len() / n.max(1);
    let mut directions = vec![vec![F::zero(); n]; s]; // u_i, in bi-orthogonal pairs with
    let mut images = vec![vec![F::zero(); n]; s]; // g_i = A u_i
    let mut products = [[F::zero(); NUM_SHADOWS]; NUM_SHADOWS]; // p_i · g_k, lower triangular
    (0..s).for_each(|i| products[i][i] = F::one());
    let mut omega = F::one();
    let mut v = vec![F::zero(); n];
    let mut best = Best::new(r);
    loop {
        let mut f = [F::zero(); NUM_SHADOWS];
        dot_rows(&shadows, r, &mut f[..s]);
        for k in 0..s {
            if best.is_done(goal) || !a.goes_on(best.now) {
                return best.finish(u);
            }
            // The next direction keeps the residual orthogonal to the shadows that are behind it.
            let c = solve_lower(&products, &f, k..s);
            v.copy_from_slice(r);
            (k..s).for_each(|i| add_scaled(&mut v, -c[i], &images[i]));
            v.iter_mut().for_each(|v| *v *= omega);
            (k..s).for_each(|i| add_scaled(&mut v, c[i], &directions[i]));
            let mut image = std::mem::take(&mut images[k]);
            a.apply(&v, &mut image);
            let mut h = [F::zero(); NUM_SHADOWS];
            dot_rows(&shadows, &image, &mut h[..s]);
            for i in 0..k {
                let alpha = h[i] / products[i][i];
                (i..s).for_each(|j| h[j] -= alpha * products[j][i]);
                add_scaled(&mut image, -alpha, &images[i]);
                add_scaled(&mut v, -alpha, &directions[i]);
            }
            dot_rows(&shadows, &image, &mut h[..s]);
            (k..s).for_each(|i| products[i][k] = h[i]);
            images[k] = image;
            std::mem::swap(&mut directions[k], &mut v);
            let beta = f[k] / products[k][k];
            if !beta.is_finite() {
                return best.finish(u); // broken down
            }
            add_scaled(u, beta, &directions[k]);
            add_scaled(r, -beta, &images[k]);
            (k + 1..s).for_each(|i| f[i] -= beta * products[i][k]);
            best.see(r, u);
        }
        if best.is_done(goal) || !a.goes_on(best.now) {
            return best.finish(u);
        }
        // Into the next space.
        a.apply(r, &mut v);
        omega = least_residual(r, &v);
        if !(omega.is_finite() && omega != F::zero()) {
            return best.finish(u);
        }
        add_scaled(u, omega, r);
        add_scaled(r, -omega, &v);
        best.see(r, u);
    }
}

/// The best u so far, kept as a copy.
struct Best<F> {
    now: F, // max |r|
    least: F,
    u: Vec<F>,
    steps: usize, // since it was halved
}

impl<F: Real> Best<F> {
    fn new(r: &[F]) -> Self {
        let now = largest(r);
        Self { now, least: now, u: vec![F::zero(); r.len()], steps: 0 }
    }

    fn see(&mut self, r: &[F], u: &[F]) {
        self.now = largest(r);
        self.steps += 1;
        if self.now <= self.least * F::from_f64(0.5) {
            (self.least, self.steps) = (self.now, 0);
            self.u.copy_from_slice(u);
        }
    }

    /// Whether there is nothing left to do, or to hope for.
    fn is_done(&self, goal: F) -> bool {
        self.now <= goal || self.steps >= PATIENCE || !self.now.is_finite()
    }

    /// Goes back to the copy, if what there is now is worse.
    fn finish(self, u: &mut [F]) {
        if !(self.now <= self.least) {
            u.copy_from_slice(&self.u);
        }
    }
}

/// max |r|; NaN and +∞ if there is one.
pub(super) fn largest<F: Real>(r: &[F]) -> F {
    r.iter().fold(F::zero(), |largest, r| if r.abs() <= largest { largest } else { r.abs() })
}

/// c of Σ_k m(i,k) c(k) = f(i) for the unknowns in `range`.
fn solve_lower<F: Real>(
    m: &[[F; NUM_SHADOWS]; NUM_SHADOWS],
    f: &[F; NUM_SHADOWS],
    range: Range<usize>,
) -> [F; NUM_SHADOWS] {
    let mut c = [F::zero(); NUM_SHADOWS];
    for i in range.clone() {
        let known = (range.start..i).fold(F::zero(), |sum, k| sum + m[i][k] * c[k]);
        c[i] = (f[i] - known) / m[i][i];
    }
    c
}

/// ω of the least |r − ω A r|, or a larger one where that is next to nothing.
fn least_residual<F: Real>(r: &[F], image: &[F]) -> F {
    let (product, square) = (dot(image, r), dot(image, image));
    let omega = product / square;
    let cosine = (product / (square.sqrt() * dot(r, r).sqrt())).abs();
    let least = F::from_f64(LEAST_COSINE);
    if cosine < least && cosine > F::zero() { omega * (least / cosine) } else { omega }
}

fn dot<F: Real>(x: &[F], y: &[F]) -> F {
    let mut sum = [F::zero()];
    dot_rows(x, y, &mut sum);
    sum[0]
}

/// Fixed vectors, `[s, n]`, orthonormal: the same for every system of a size.
fn shadows<F: Real>(n: usize) -> Vec<F> {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        // A linear congruential generator of 64 bits, of which the upper half is used.
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        F::from_f64(f64::from((bits >> 32) as u32) / f64::from(1_u32 << 31) - 1.0)
    };
    let mut shadows: Vec<F> = Vec::with_capacity(NUM_SHADOWS.min(n) * n);
    for _ in 0..NUM_SHADOWS.min(n) {
        let mut next: Vec<F> = (0..n).map(|_| random()).collect();
        for shadow in shadows.chunks_exact(n) {
            let product = dot(shadow, &next);
            add_scaled(&mut next, -product, shadow);
        }
        let norm = dot(&next, &next).sqrt();
        shadows.extend(next.iter().map(|&x| x / norm));
    }
    shadows
}
