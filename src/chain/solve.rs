//! The systems (I − J) x = b and (I − Jᵀ) x = b, to a residual in the maximum norm.

use std::ops::ControlFlow;

use super::krylov::{Operator, cycle};
use super::{Chain, Kind};
use crate::Real;

/// When to stop.
pub(crate) struct LinearSolve<'w, F> {
    /// Largest max |b − (I − J) x| that will do.
    pub(crate) tolerance: F,
    /// Largest number of products with J.
    pub(crate) max_products: usize,
    /// Asked before every product, with the number so far and about the residual.
    pub(crate) watch: Option<&'w mut dyn FnMut(usize, F) -> ControlFlow<()>>,
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinearStatus {
    /// The residual is within the tolerance.
    Converged,
    /// There were no products left.
    OutOfProducts,
    /// The residual does not fall any more: the system is singular to working precision, or the tolerance below rounding.
    Stalled,
    /// The watch asked to stop.
    Stopped,
}

/// What a solve has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinearOutcome<F> {
    /// Products with J, in transitions read: those read, over those of one product, rounded up.
    pub(crate) products: usize,
    /// max |b − (I − J) x| of the x that is returned, computed from it.
    pub(crate) residual: F,
    pub(crate) status: LinearStatus,
}

impl<F: Real> Chain<'_, F> {
    /// Solves (I − J) x = b. `x` holds the start, and then the best iterate found.
    pub(crate) fn solve(&self, b: &[F], x: &mut [F], options: LinearSolve<'_, F>) -> LinearOutcome<F> {
        self.run(false, b, x, options)
    }

    /// Solves (I − Jᵀ) x = b, like [`solve`](Self::solve).
    pub(crate) fn solve_transposed(
        &self,
        b: &[F],
        x: &mut [F],
        options: LinearSolve<'_, F>,
    ) -> LinearOutcome<F> {
        self.run(true, b, x, options)
    }

    fn run(
        &self,
        is_transposed: bool,
        b: &[F],
        x: &mut [F],
        options: LinearSolve<'_, F>,
    ) -> LinearOutcome<F> {
        let diagonal = match &self.kind {
            Kind::Stored(rows) => rows.diagonal().to_vec(),
            Kind::Free(rows) => rows.diagonal(),
        };
        // Where the diagonal is used up there is nothing to divide by.
        let pivots = diagonal.iter().map(|&d| if d < F::one() { F::one() - d } else { F::one() }).collect();
        let mut system = System {
            chain: self,
            is_transposed,
            pivots,
            z: vec![F::zero(); b.len()],
            halves: 0,
            stopped: false,
            options,
        };
        let mut best = x.to_vec();
        let mut r = vec![F::zero(); b.len()];
        let mut least = system.residual(b, x, &mut r);
        let mut failures = 0;
        let status = loop {
            if least <= system.options.tolerance {
                break LinearStatus::Converged;
            }
            if system.stopped {
                break LinearStatus::Stopped;
            }
            if system.products() >= system.options.max_products {
                break LinearStatus::OutOfProducts;
            }
            if failures > 2 {
                break LinearStatus::Stalled;
            }
            let tolerance = system.options.tolerance;
            cycle(&mut system, &r, x, tolerance);
            let residual = system.residual(b, x, &mut r);
            if residual < least {
                failures = if residual < least * F::from_f64(0.9) { 0 } else { failures + 1 };
                least = residual;
                best.copy_from_slice(x);
            } else {
                failures += 1;
                if !residual.is_finite() {
                    x.copy_from_slice(&best);
                    system.residual(b, x, &mut r);
                }
            }
        };
        x.copy_from_slice(&best);
        LinearOutcome { products: system.products(), residual: least, status }
    }
}

/// A system under way.
struct System<'s, 'a, 'w, F> {
    chain: &'s Chain<'a, F>,
    is_transposed: bool,
    pivots: Vec<F>,
    z: Vec<F>,
    halves: usize, // of products
    stopped: bool,
    options: LinearSolve<'w, F>,
}

impl<F: Real> System<'_, '_, '_, F> {
    fn products(&self) -> usize {
        self.halves.div_ceil(2)
    }

    /// r = b − (I − J) x, and its maximum norm.
    fn residual(&mut self, b: &[F], x: &[F], r: &mut [F]) -> F {
        self.halves += 2;
        if self.is_transposed {
            self.chain.multiply_transposed(x, r);
        } else {
            self.chain.multiply(x, r);
        }
        let mut largest = F::zero();
        for ((r, &x), &b) in r.iter_mut().zip(x).zip(b) {
            *r += b - x;
            // Not `max`, which would pass over NaN.
            let size = r.abs();
            if !(size <= largest) {
                largest = size;
            }
        }
        if largest.is_nan() { F::infinity() } else { largest }
    }
}

impl<F: Real> Operator<F> for System<'_, '_, '_, F> {
    fn apply(&mut self, v: &[F], y: &mut [F]) {
        let mut z = std::mem::take(&mut self.z);
        self.precondition(v, &mut z);
        match &self.chain.kind {
            // (I − J) M⁻¹ v = v − U z, where M = D − L and U is what lies behind the diagonal.
            Kind::Stored(rows) if !self.is_transposed => {
                self.halves += 1;
                for (state, (y, &v)) in y.iter_mut().zip(v).enumerate() {
                    *y = v - rows.behind(state, &z);
                }
            }
            Kind::Stored(rows) => {
                self.halves += 1;
                y.copy_from_slice(v);
                for (state, &z) in z.iter().enumerate() {
                    rows.scatter_behind(state, -z, y);
                }
            }
            Kind::Free(rows) => {
                self.halves += 2;
                if self.is_transposed {
                    rows.multiply_transposed(&z, y);
                } else {
                    rows.multiply(&z, y);
                }
                y.iter_mut().zip(&z).for_each(|(y, &z)| *y = z - *y);
            }
        }
        self.z = z;
    }

    /// (D − L) z = v, or (D − L)ᵀ z = v.
    fn precondition(&mut self, v: &[F], z: &mut [F]) {
        match &self.chain.kind {
            Kind::Stored(rows) if !self.is_transposed => {
                self.halves += 1;
                for (state, &v) in v.iter().enumerate() {
                    z[state] = (v + rows.before(state, z)) / self.pivots[state];
                }
            }
            Kind::Stored(rows) => {
                self.halves += 1;
                z.copy_from_slice(v);
                for state in (0..v.len()).rev() {
                    z[state] /= self.pivots[state];
                    {
                        let scale = z[state];
                        rows.scatter_before(state, scale, z)
                    };
                }
            }
            Kind::Free(rows) if !self.is_transposed => {
                self.halves += 2;
                z.fill(F::zero());
                for (state, &v) in v.iter().enumerate() {
                    z[state] = (v + rows.row(state, z)) / self.pivots[state];
                }
            }
            Kind::Free(_) => z.copy_from_slice(v),
        }
    }

    fn may_go_on(&mut self, residual: F) -> bool {
        let products = self.products();
        if let Some(watch) = &mut self.options.watch {
            self.stopped |= watch(products, residual).is_break();
        }
        !self.stopped && products < self.options.max_products
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SparseDynamics;

    /// A queue of 50 places that an arrival lengthens and a departure shortens.
    fn queue() -> SparseDynamics {
        SparseDynamics::from_fn(50, 2, |state: usize, action| {
            let rate = if action == 0 { 0.3 } else { 0.6 };
            [((state + 1).min(49), rate), (state.saturating_sub(1), 1.0 - rate)]
        })
        .unwrap()
    }

    #[test]
    fn a_solution_has_the_residual_that_was_asked_for() {
        let dynamics = queue();
        let chain = Chain::new(&dynamics, &[0.5; 100], &[true; 50], 0.999).unwrap();
        let b: Vec<f64> = (0..50).map(|i| f64::from(i * i % 7)).collect();
        for is_transposed in [false, true] {
            let mut x = vec![0.0; 50];
            let options = LinearSolve { tolerance: 1e-9, max_products: 1000, watch: None };
            let outcome = chain.run(is_transposed, &b, &mut x, options);
            assert_eq!(outcome.status, LinearStatus::Converged, "{outcome:?}");
            let mut y = vec![0.0; 50];
            if is_transposed {
                chain.multiply_transposed(&x, &mut y)
            } else {
                chain.multiply(&x, &mut y)
            }
            for ((x, y), b) in x.iter().zip(&y).zip(&b) {
                assert!((x - y - b).abs() <= 1e-9 + 1e-12);
            }
        }
    }
}
