//! Restarted GMRES for any linear map, preconditioned from the right.

use crate::Real;
use crate::kernels::{add_scaled, dot_rows};

/// Vectors that a cycle keeps before it starts again.
pub(super) const RESTART: usize = 40;

/// A linear map A with a preconditioner M.
pub(super) trait Operator<F> {
    /// y = A M⁻¹ v.
    fn apply(&mut self, v: &[F], y: &mut [F]);

    /// z = M⁻¹ v.
    fn precondition(&mut self, v: &[F], z: &mut [F]);

    /// Whether to go on, asked before every product.
    fn may_go_on(&mut self, residual: F) -> bool;
}

/// One cycle: adds to x what makes b − A x small, from r = b − A x, in at most [`RESTART`] steps. Returns the 2-norm that is
/// left, as the recurrence has it.
pub(super) fn cycle<F: Real>(operator: &mut impl Operator<F>, r: &[F], x: &mut [F], tolerance: F) -> F {
    let n = r.len();
    let norm = norm(r);
    if !(norm > F::zero()) || !norm.is_finite() {
        return norm;
    }
    let mut basis: Vec<Vec<F>> = vec![r.iter().map(|&r| r / norm).collect()];
    let mut rotations: Vec<(F, F)> = Vec::new();
    let mut triangle: Vec<Vec<F>> = Vec::new(); // columns of R
    let mut g = vec![norm];
    let mut residual = norm;
    while triangle.len() < RESTART && residual > tolerance && operator.may_go_on(residual) {
        let mut w = vec![F::zero(); n];
        let step = triangle.len();
        operator.apply(&basis[step], &mut w);
        let before = self::norm(&w);
        let mut column = vec![F::zero(); step + 2];
        // Twice is enough.
        for _ in 0..2 {
            for (h, v) in column.iter_mut().zip(&basis) {
                let product = dot(&w, v);
                *h += product;
                add_scaled(&mut w, -product, v);
            }
        }
        let rest = self::norm(&w);
        if !rest.is_finite() {
            break;
        }
        column[step + 1] = rest;
        for (i, &(c, s)) in rotations.iter().enumerate() {
            let (a, b) = (column[i], column[i + 1]);
            (column[i], column[i + 1]) = (c * a + s * b, c * b - s * a);
        }
        let (a, b) = (column[step], column[step + 1]);
        let hypotenuse = a.hypot(b);
        if !(hypotenuse > F::zero()) {
            break;
        }
        let (c, s) = (a / hypotenuse, b / hypotenuse);
        column[step] = hypotenuse;
        column.truncate(step + 1);
        rotations.push((c, s));
        triangle.push(column);
        let last = g[step];
        g[step] = c * last;
        g.push(-(s * last));
        residual = (s * last).abs();
        if rest <= before * F::epsilon() {
            break; // the space is exhausted
        }
        w.iter_mut().for_each(|w| *w /= rest);
        basis.push(w);
    }
    // R y = g, and x += M⁻¹ Σ y v.
    let steps = triangle.len();
    let mut y = g;
    y.truncate(steps);
    for i in (0..steps).rev() {
        y[i] /= triangle[i][i];
        for j in 0..i {
            let scaled = triangle[i][j] * y[i];
            y[j] -= scaled;
        }
    }
    let mut sum = vec![F::zero(); n];
    for (&y, v) in y.iter().zip(&basis) {
        add_scaled(&mut sum, y, v);
    }
    let mut z = vec![F::zero(); n];
    operator.precondition(&sum, &mut z);
    if z.iter().all(|z| z.is_finite()) {
        x.iter_mut().zip(&z).for_each(|(x, &z)| *x += z);
    }
    residual
}

fn dot<F: Real>(x: &[F], y: &[F]) -> F {
    let mut sum = [F::zero()];
    if !x.is_empty() {
        dot_rows(x, y, &mut sum);
    }
    sum[0]
}

fn norm<F: Real>(x: &[F]) -> F {
    dot(x, x).sqrt()
}
