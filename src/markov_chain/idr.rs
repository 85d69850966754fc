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

use super::sections::Sections;
use super::vectors::{Shadows, add_pairs, combine, copy, dot, largest, last_step, map, step};
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

/// The method, with its memory for vectors of one length.
pub(super) struct Idr<'s, F> {
    sections: &'s Sections,
    shadows: Shadows<F>,     // p_i
    images: Vec<Vec<F>>,     // g_i = A u_i, with p_j · g_i = 0 for j < i
    directions: Vec<Vec<F>>, // u_i
    v: Vec<F>,
    best: Vec<F>,
}

impl<'s, F: Real> Idr<'s, F> {
    pub(super) fn new(sections: &'s Sections) -> Self {
        let n = sections.num_states();
        let shadows = Shadows::<F>::new(n);
        let vectors = || vec![vec![F::zero(); n]; shadows.len()];
        let (images, directions) = (vectors(), vectors());
        Self { sections, shadows, images, directions, v: vec![F::zero(); n], best: vec![F::zero(); n] }
    }

    /// Finds u with max |r₀ − A u| ≤ `goal`, or as small as the method gets.
    ///
    /// `r` is r₀, and afterwards r₀ − A u as computed by the recurrence; `u` is overwritten.
    pub(super) fn reduce(&mut self, a: &mut impl Operator<F>, r: &mut [F], u: &mut [F], goal: F) {
        let Self { sections, shadows, images, directions, v, best } = self;
        let s = shadows.len();
        for vector in images.iter_mut().chain(&mut *directions) {
            map(vector, |_| F::zero());
        }
        map(u, |_| F::zero());
        let mut products = [[F::zero(); MOST]; MOST]; // p_i · g_k, lower triangular
        (0..s).for_each(|i| products[i][i] = F::one());
        let mut omega = F::one();
        let mut best = Best::new(r, best);
        loop {
            let mut f = shadows.products(sections, r);
            for k in 0..s {
                if best.is_done(goal) || !a.goes_on(best.now) {
                    return best.finish(u);
                }
                // The next direction keeps the residual orthogonal to the shadow vectors before it.
                let c = solve_lower(&products, &f, k..s);
                combine(v, omega, r, &pairs(images, directions, k..s), &c.map(|c| (-c, c))[k..s]);
                let mut image = std::mem::take(&mut images[k]);
                a.apply(v, &mut image);
                let mut h = shadows.products(sections, &image);
                let mut factors = [F::zero(); MOST];
                for i in 0..k {
                    factors[i] = -(h[i] / products[i][i]);
                    (i..s).for_each(|j| h[j] += factors[i] * products[j][i]);
                }
                add_pairs(&mut image, v, &pairs(images, directions, 0..k), &factors[..k]);
                (k..s).for_each(|i| products[i][k] = h[i]);
                images[k] = image;
                std::mem::swap(&mut directions[k], v);
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
            a.apply(r, v);
            omega = least_residual(sections, r, v);
            if !(omega.is_finite() && omega != F::zero()) {
                return best.finish(u);
            }
            let now = last_step(u, r, v, omega);
            best.see(now, u);
        }
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

/// A copy of the best u so far.
struct Best<'u, F> {
    now: F, // max |r|
    least: F,
    u: &'u mut [F],
    steps: usize, // since max |r| was halved
}

impl<'u, F: Real> Best<'u, F> {
    /// Starts from u = 0.
    fn new(r: &[F], u: &'u mut [F]) -> Self {
        let now = largest(r);
        map(u, |_| F::zero());
        Self { now, least: now, u, steps: 0 }
    }

    fn see(&mut self, now: F, u: &[F]) {
        self.now = now;
        self.steps += 1;
        if self.now <= self.least * F::from_f64(0.5) {
            (self.least, self.steps) = (self.now, 0);
            copy(self.u, u);
        }
    }

    /// Whether the goal is met, or no progress can be expected.
    fn is_done(&self, goal: F) -> bool {
        self.now <= goal || self.steps >= PATIENCE || !self.now.is_finite()
    }

    /// Restores the copy if the present u is worse.
    fn finish(self, u: &mut [F]) {
        if !(self.now <= self.least) {
            copy(u, self.u);
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
fn least_residual<F: Real>(sections: &Sections, r: &[F], image: &[F]) -> F {
    let (product, square) = (dot(sections, image, r), dot(sections, image, image));
    let omega = product / square;
    let cosine = (product / (square.sqrt() * dot(sections, r, r).sqrt())).abs();
    let least = F::from_f64(LEAST_COSINE);
    if cosine < least && cosine > F::zero() { omega * (least / cosine) } else { omega }
}
