//! IDR(s): induced dimension reduction, a Krylov method for general matrices with short
//! recurrences.
//!
//! Solves A u = r₀ from u = 0, given products with A alone. Residuals lie in spaces that shrink by
//! s dimensions every s + 1 products:
//!
//! ```text
//! G_{j+1} = (I − ω_{j+1} A)(G_j ∩ S),    S: the orthogonal complement of s fixed vectors
//! ```
//!
//! It needs about as many products as GMRES without restarts, and stores 2 s vectors at any number
//! of products. On the chains listed in `solve`, IDR(4) took half to all of the products of
//! BiCGSTAB, which is related to s = 1 and broke down now and then without sweeps. GMRES with
//! restarts after 20 or 50 products stalled on queues and on grids with loops. s = 6 or 8 saved one
//! product in twenty.
//!
//! # References
//!
//! P. Sonneveld, M. van Gijzen, *IDR(s): a family of simple and fast algorithms for solving large
//! nonsymmetric systems of linear equations*, SIAM J. Sci. Comput. 31, 2008; the variant with
//! bi-orthogonal vectors: the same authors, ACM TOMS 38, 2011.

use std::ops::Range;

use super::vectors::{Shadows, add_pairs, combine, dot, largest, step};
use crate::Real;

/// The number s of fixed vectors, unless there are fewer states.
const MOST: usize = Shadows::<f64>::MOST;

/// Products after which the method gives up if the residual has not halved.
const PATIENCE: usize = 200;

/// The least cosine between r and A r for which ω minimises the residual. Below it, a larger ω
/// keeps the method from stagnating.
const LEAST_COSINE: f64 = 0.7;

/// A matrix A.
pub(super) trait Operator<F> {
    /// y = A v.
    fn apply(&mut self, v: &[F], y: &mut [F]);

    /// Whether to continue. Called before every product, with max |r|.
    fn goes_on(&mut self, residual: F) -> bool;
}

/// Finds u with max |r₀ − A u| ≤ `goal`, or as small as the method gets.
///
/// `r` is r₀, and afterwards r₀ − A u as computed by the recurrence; `u` is overwritten.
pub(super) fn reduce<F: Real>(a: &mut impl Operator<F>, r: &mut [F], u: &mut [F], goal: F) {
    let n = r.len();
    u.fill(F::zero());
    let shadows = Shadows::<F>::new(n);
    let s = shadows.len();
    let mut images = vec![vec![F::zero(); n]; s]; // g_i = A u_i, with p_j · g_i = 0 for j < i
    let mut directions = vec![vec![F::zero(); n]; s]; // u_i
    let mut products = [[F::zero(); MOST]; MOST]; // p_i · g_k, lower triangular
    (0..s).for_each(|i| products[i][i] = F::one());
    let mut omega = F::one();
    let mut v = vec![F::zero(); n];
    let mut best = Best::new(r);
    loop {
        let mut f = shadows.products(r);
        for k in 0..s {
            if best.is_done(goal) || !a.goes_on(best.now) {
                return best.finish(u);
            }
            // The next direction keeps the residual orthogonal to the shadow vectors before it.
            let c = solve_lower(&products, &f, k..s);
            combine(&mut v, omega, r, &pairs(&images, &directions, k..s), &c.map(|c| (-c, c))[k..s]);
            let mut image = std::mem::take(&mut images[k]);
            a.apply(&v, &mut image);
            let mut h = shadows.products(&image);
            let mut factors = [F::zero(); MOST];
            for i in 0..k {
                factors[i] = -(h[i] / products[i][i]);
                (i..s).for_each(|j| h[j] += factors[i] * products[j][i]);
            }
            add_pairs(&mut image, &mut v, &pairs(&images, &directions, 0..k), &factors[..k]);
            (k..s).for_each(|i| products[i][k] = h[i]);
            images[k] = image;
            std::mem::swap(&mut directions[k], &mut v);
            let beta = f[k] / products[k][k];
            if !beta.is_finite() {
                return best.finish(u); // broken down
            }
            let now = step(u, &directions[k], r, &images[k], beta);
            (k + 1..s).for_each(|i| f[i] -= beta * products[i][k]);
            best.see(now, u);
        }
        if best.is_done(goal) || !a.goes_on(best.now) {
            return best.finish(u);
        }
        // Enter the next space G.
        a.apply(r, &mut v);
        omega = least_residual(r, &v);
        if !(omega.is_finite() && omega != F::zero()) {
            return best.finish(u);
        }
        let now = last_step(u, r, &v, omega);
        best.see(now, u);
    }
}

/// Pairs of images and directions.
fn pairs<'v, F>(
    images: &'v [Vec<F>],
    directions: &'v [Vec<F>],
    range: Range<usize>,
) -> Vec<(&'v [F], &'v [F])> {
    range.map(|i| (&images[i][..], &directions[i][..])).collect()
}

/// u ← u + ω r and r ← r − ω A r; returns max |r|.
fn last_step<F: Real>(u: &mut [F], r: &mut [F], image: &[F], omega: F) -> F {
    u.iter_mut().zip(&*r).for_each(|(u, &r)| *u += omega * r);
    r.iter_mut().zip(image).for_each(|(r, &image)| *r -= omega * image);
    largest(r)
}

/// A copy of the best u so far.
struct Best<F> {
    now: F, // max |r|
    least: F,
    u: Vec<F>,
    steps: usize, // since max |r| was halved
}

impl<F: Real> Best<F> {
    fn new(r: &[F]) -> Self {
        let now = largest(r);
        Self { now, least: now, u: vec![F::zero(); r.len()], steps: 0 }
    }

    fn see(&mut self, now: F, u: &[F]) {
        self.now = now;
        self.steps += 1;
        if self.now <= self.least * F::from_f64(0.5) {
            (self.least, self.steps) = (self.now, 0);
            self.u.copy_from_slice(u);
        }
    }

    /// Whether the goal is met, or no progress can be expected.
    fn is_done(&self, goal: F) -> bool {
        self.now <= goal || self.steps >= PATIENCE || !self.now.is_finite()
    }

    /// Restores the copy if the present u is worse.
    fn finish(self, u: &mut [F]) {
        if !(self.now <= self.least) {
            u.copy_from_slice(&self.u);
        }
    }
}

/// c of Σ_k m(i,k) c(k) = f(i) for the unknowns in `range`.
fn solve_lower<F: Real>(m: &[[F; MOST]; MOST], f: &[F; MOST], range: Range<usize>) -> [F; MOST] {
    let mut c = [F::zero(); MOST];
    for i in range.clone() {
        let known = (range.start..i).fold(F::zero(), |sum, k| sum + m[i][k] * c[k]);
        c[i] = (f[i] - known) / m[i][i];
    }
    c
}

/// The ω that minimises |r − ω A r|, or a larger one if the cosine of r and A r is small.
fn least_residual<F: Real>(r: &[F], image: &[F]) -> F {
    let (product, square) = (dot(image, r), dot(image, image));
    let omega = product / square;
    let cosine = (product / (square.sqrt() * dot(r, r).sqrt())).abs();
    let least = F::from_f64(LEAST_COSINE);
    if cosine < least && cosine > F::zero() { omega * (least / cosine) } else { omega }
}
