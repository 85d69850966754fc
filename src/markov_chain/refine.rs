//! Systems of a chain, solved to the rounding of the numbers themselves.

use super::Chain;
use super::solve::{LinearSolve, LinearStatus};
use super::vectors::largest;
use crate::{Error, Real, Table};

/// Units in the last place of the terms of a residual that are as good as it gets.
const ROUNDING: f64 = 4.0;

/// What is still accepted, of those of the largest terms.
const ACCEPTED: f64 = 64.0;

/// Largest residual that is accepted, in units of the right-hand side: an x so large that its own rounding makes more of one
/// has no digits to speak of.
const LOST: f64 = 0.01;

/// What a round is to leave of the residual that it starts from. Below the digits of single precision, which are then all used.
const CORRECTED: f64 = 1e-10;

/// Rounds of refinement; those after the second are there for what is small beside the rest.
const MOST_ROUNDS: usize = 5;

/// Products before a round is given up: no system that has an answer to its digits takes so many.
const MOST_PRODUCTS: usize = 100_000;

/// A system that is singular to working precision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Singular {
    residual: f64, // of what the right-hand side is
}

impl Singular {
    /// The error that names what was asked for.
    pub(crate) fn of(self, table: Table) -> Error {
        Error::IllConditioned { table, residual: self.residual }
    }
}

impl<F: Real> Chain<'_, F> {
    /// x = (I − J)⁻¹ b, with a residual of a few units in the last place of the terms that it is made of. An x that leaves
    /// the number type is infinite.
    pub(crate) fn solve_exactly(&self, b: &[F]) -> Result<Vec<F>, Singular> {
        self.refine(false, b)
    }

    /// x = (I − Jᵀ)⁻¹ b for b ≥ 0, which makes x ≥ 0.
    pub(crate) fn solve_transposed_exactly(&self, b: &[F]) -> Result<Vec<F>, Singular> {
        debug_assert!(b.iter().all(|&b| b >= F::zero()));
        let mut x = self.refine(true, b)?;
        // What rounding made negative is next to nothing. One step more, in which nothing cancels.
        x.iter_mut().for_each(|x| *x = x.max(F::zero()));
        let mut y = vec![F::zero(); b.len()];
        self.multiply_transposed(&x, &mut y);
        y.iter_mut().zip(b).for_each(|(y, &b)| *y += b);
        Ok(y)
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
            let is_better = found.relative <= least.relative * F::from_f64(0.5);
            if found.relative < least.relative {
                least = found;
                best.copy_from_slice(&x);
            }
            let has_failed = matches!(outcome.status, LinearStatus::Stalled | LinearStatus::OutOfProducts);
            if has_failed || !is_better || found.relative <= F::from_f64(ROUNDING) * F::epsilon() {
                break;
            }
        }
        let is_rounding = least.share <= F::from_f64(ACCEPTED) * F::epsilon();
        if !(is_rounding && least.size <= F::from_f64(LOST)) {
            return Err(Singular { residual: least.size.into_f64() });
        }
        best.iter_mut().for_each(|x| *x *= unit);
        Ok(best)
    }

    /// r = b − (I − J) x, and how large that is beside its terms |b| + |x| + J |x|.
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

/// How large a residual is.
#[derive(Debug, Clone, Copy)]
struct Residual<F> {
    size: F,     // max |r|
    relative: F, // max |r| / terms, state by state
    share: F,    // max |r| / max terms
    needed: F,   // max |r| that is rounding wherever it stands
}
