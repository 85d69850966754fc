//! Systems of a chain, solved to working precision by iterative refinement.

use super::Chain;
use super::solve::{LinearSolve, LinearStatus};
use super::vectors::largest;
use crate::{Error, Real, Table};

/// A residual of this many units in the last place of its terms is pure rounding.
const ROUNDING: f64 = 4.0;

/// The largest accepted residual, in units in the last place of the largest terms.
const ACCEPTED: f64 = 64.0;

/// The largest accepted residual, relative to the right-hand side. If the rounding of x alone makes
/// a larger residual, x has no correct digits.
const LOST: f64 = 0.01;

/// The target of one round, relative to its first residual. Single precision reaches its rounding
/// first.
const CORRECTED: f64 = 1e-10;

/// The residual of a rough solution for the expected number of steps.
const ROUGH: f64 = 0.5;

/// Rounds of refinement. Rounds after the second improve entries much smaller than the largest.
const MOST_ROUNDS: usize = 5;

/// The most products in a round: no system that is regular to working precision takes as many.
const MOST_PRODUCTS: usize = 100_000;

/// A system that is singular to working precision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Singular {
    residual: f64, // relative to the right-hand side
}

impl Singular {
    /// The error for the table that was asked for.
    pub(crate) fn of(self, table: Table) -> Error {
        Error::IllConditioned { table, residual: self.residual }
    }
}

impl<F: Real> Chain<'_, F> {
    /// x = (I − J)⁻¹ b, with a residual of a few units in the last place of its terms. Entries that
    /// overflow are infinite.
    pub(crate) fn solve_exactly(&self, b: &[F]) -> Result<Vec<F>, Singular> {
        self.refine(false, b)
    }

    /// x = (I − Jᵀ)⁻¹ b. If b ≥ 0, then x ≥ 0.
    pub(crate) fn solve_transposed_exactly(&self, b: &[F]) -> Result<Vec<F>, Singular> {
        let mut x = self.refine(true, b)?;
        if b.iter().any(|&b| b < F::zero()) {
            return Ok(x);
        }
        // Clip rounding errors below 0, then take one fixed-point step, in which nothing cancels.
        x.iter_mut().for_each(|x| *x = x.max(F::zero()));
        let mut y = vec![F::zero(); b.len()];
        self.multiply_transposed(&x, &mut y);
        y.iter_mut().zip(b).for_each(|(y, &b)| *y += b);
        Ok(y)
    }

    /// A bound on the largest expected number of steps: max (I − J)⁻¹ 1 over the states that take
    /// part. It is +∞ if rounding prevents a bound. `most` is a number that it may reach.
    ///
    /// If (I − J) h ≥ 1 − ρ > 0 for some h ≥ 0, then (I − J)⁻¹ 1 ≤ h/(1−ρ).
    pub(crate) fn longest(&self, takes_part: &[bool], most: f64) -> f64 {
        let (one, start) = (F::one(), if most.is_finite() { F::from_f64(most) } else { F::one() });
        let part = |value: F| -> Vec<F> {
            takes_part.iter().map(|&takes_part| if takes_part { value } else { F::zero() }).collect()
        };
        let mut h = part(start);
        let options = LinearSolve { tolerance: F::from_f64(ROUGH), max_products: MOST_PRODUCTS, watch: None };
        let residual = self.solve(&part(one), &mut h, options).residual;
        if !(residual <= F::from_f64(ROUGH) && h.iter().all(|&h| h >= F::zero())) {
            return f64::INFINITY;
        }
        largest(&h).into_f64() / (one - residual).into_f64()
    }

    fn refine(&self, is_transposed: bool, b: &[F]) -> Result<Vec<F>, Singular> {
        let unit = largest(b);
        let mut x = vec![F::zero(); b.len()];
        if unit == F::zero() {
            return Ok(x);
        }
        let b: Vec<F> = b.iter().map(|&b| b / unit).collect();
        let (mut r, mut best) = (b.clone(), x.clone());
        let unknown = F::infinity();
        let mut least = Residual { size: unknown, relative: unknown, share: unknown, needed: F::zero() };
        for _ in 0..MOST_ROUNDS {
            let mut correction = vec![F::zero(); b.len()];
            let tolerance = least.needed.max(largest(&r) * F::from_f64(CORRECTED));
            let options = LinearSolve { tolerance, max_products: MOST_PRODUCTS, watch: None };
            let outcome = if is_transposed {
                self.solve_transposed(&r, &mut correction, options)
            } else {
                self.solve(&r, &mut correction, options)
            };
            x.iter_mut().zip(&correction).for_each(|(x, &correction)| *x += correction);
            let found = self.residual(is_transposed, &b, &x, &mut r);
            let is_better = found.is_better_than(&least, F::from_f64(0.5));
            if found.is_better_than(&least, F::one()) {
                least = found;
                best.copy_from_slice(&x);
            }
            let has_failed = matches!(outcome.status, LinearStatus::Stalled | LinearStatus::OutOfProducts);
            if has_failed || !is_better || found.relative <= F::from_f64(ROUNDING) * F::epsilon() {
                break;
            }
        }
        if !(least.is_rounding() && least.size <= F::from_f64(LOST)) {
            return Err(Singular { residual: least.size.into_f64() });
        }
        best.iter_mut().for_each(|x| *x *= unit);
        Ok(best)
    }

    /// r = b − (I − J) x, and its size relative to its terms |b| + |x| + J |x|.
    fn residual(&self, is_transposed: bool, b: &[F], x: &[F], r: &mut [F]) -> Residual<F> {
        let mut terms = vec![F::zero(); b.len()];
        let sizes: Vec<F> = x.iter().map(|x| x.abs()).collect();
        if is_transposed {
            self.multiply_transposed(x, r);
            self.multiply_transposed(&sizes, &mut terms);
        } else {
            self.multiply(x, r);
            self.multiply(&sizes, &mut terms);
        }
        r.iter_mut().zip(b.iter().zip(x)).for_each(|(r, (&b, &x))| *r += b - x);
        terms.iter_mut().zip(b.iter().zip(&sizes)).for_each(|(terms, (b, &size))| *terms += b.abs() + size);
        let shares =
            r.iter().zip(&terms).map(|(r, &terms)| if *r == F::zero() { *r } else { r.abs() / terms });
        let relative = shares.fold(F::zero(), |most, share| if share <= most { most } else { share });
        let size = largest(r);
        let positive = terms.iter().filter(|&&terms| terms > F::zero());
        let smallest = positive.fold(F::infinity(), |smallest, &terms| smallest.min(terms));
        let needed = smallest * F::epsilon() * F::from_f64(ROUNDING / 4.0);
        Residual { size, relative, share: size / largest(&terms), needed }
    }
}

/// The size of a residual.
#[derive(Debug, Clone, Copy)]
struct Residual<F> {
    size: F,     // max |r|
    relative: F, // max |r| / terms, state by state
    share: F,    // max |r| / max terms
    needed: F,   // max |r| that is rounding in every state
}

impl<F: Real> Residual<F> {
    /// Whether the residual is rounding of the largest terms.
    fn is_rounding(&self) -> bool {
        self.share <= F::from_f64(ACCEPTED) * F::epsilon()
    }

    /// Whether the residual is less than this share of another one: in the largest terms until it
    /// is rounding there, and then in every state.
    fn is_better_than(&self, other: &Self, share: F) -> bool {
        if other.is_rounding() {
            self.is_rounding() && self.relative < other.relative * share
        } else {
            self.share < other.share * share
        }
    }
}
