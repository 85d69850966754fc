//! Eigenpairs of a small symmetric matrix.
//!
//! Fits need all of them: to leave saddles, to find directions that demonstrations do not see, and
//! to invert a matrix of second derivatives without those directions.
//!
//! # Form computed
//!
//! The cyclic method of Jacobi: each rotation makes one entry off the diagonal zero. Small
//! eigenvalues of a positive definite matrix with unit diagonal keep their relative accuracy.
//!
//! # References
//!
//! J. Demmel, K. Veselić, *Jacobi's method is more accurate than QR*, SIAM J. Matrix Anal. Appl.
//! 13, 1992.

use ndarray::{Array1, Array2};

use crate::arrays;

/// Sweeps over all entries; some ten are enough for any matrix.
const MOST_SWEEPS: usize = 60;

/// A symmetric matrix as Σ_i λ_i u_i u_iᵀ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Eigenpairs {
    /// λ, in ascending order, `[i]`.
    pub(super) values: Array1<f64>,
    /// u_i as columns, `[k, i]`.
    pub(super) vectors: Array2<f64>,
}

impl Eigenpairs {
    /// The eigenpairs of a symmetric matrix of finite numbers.
    pub(super) fn of(mut a: Array2<f64>) -> Self {
        let n = a.nrows();
        let mut u = Array2::eye(n); // u_i as rows
        for _ in 0..MOST_SWEEPS {
            let mut is_diagonal = true;
            for p in 0..n {
                for q in p + 1..n {
                    let off = a[[p, q]];
                    let scale = (a[[p, p]] * a[[q, q]]).abs().sqrt();
                    if off.abs() <= f64::EPSILON * scale || off == 0.0 {
                        continue;
                    }
                    is_diagonal = false;
                    rotate(&mut a, &mut u, (p, q));
                }
            }
            if is_diagonal {
                break;
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| a[[i, i]].total_cmp(&a[[j, j]]));
        let values = order.iter().map(|&i| a[[i, i]]).collect();
        let vectors = Array2::from_shape_fn((n, n), |(k, i)| u[[order[i], k]]);
        Self { values, vectors }
    }
}

/// Rotates rows and columns p < q so that a(p,q) becomes 0, and rows p and q of u.
fn rotate(a: &mut Array2<f64>, u: &mut Array2<f64>, (p, q): (usize, usize)) {
    let n = a.nrows();
    let off = a[[p, q]];
    let slope = (a[[q, q]] - a[[p, p]]) / (2.0 * off);
    let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let (app, aqq) = (a[[p, p]] - tangent * off, a[[q, q]] + tangent * off);
    rotate_rows(a, (p, q), (cosine, sine));
    (a[[p, p]], a[[q, q]], a[[p, q]], a[[q, p]]) = (app, aqq, 0.0, 0.0);
    for k in (0..n).filter(|&k| k != p && k != q) {
        (a[[k, p]], a[[k, q]]) = (a[[p, k]], a[[q, k]]);
    }
    rotate_rows(u, (p, q), (cosine, sine));
}

/// Rotates two rows, which are contiguous, unlike columns.
fn rotate_rows(table: &mut Array2<f64>, (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let n = table.ncols();
    let (head, tail) = arrays::slice_mut(table).split_at_mut(q * n);
    for (x, y) in head[p * n..(p + 1) * n].iter_mut().zip(&mut tail[..n]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn rebuilt(pairs: &Eigenpairs) -> Array2<f64> {
        pairs.vectors.dot(&Array2::from_diag(&pairs.values)).dot(&pairs.vectors.t())
    }

    #[test]
    fn eigenpairs_rebuild_the_matrix() {
        for n in 0..9_usize {
            let entry = |(i, j): (usize, usize)| ((3 * i.min(j) + 7 * i.max(j)) % 11) as f64 - 4.0;
            let a = Array2::from_shape_fn((n, n), entry);
            let pairs = Eigenpairs::of(a.clone());
            assert!((rebuilt(&pairs) - &a).iter().all(|error| error.abs() < 1e-12));
            let identity = pairs.vectors.t().dot(&pairs.vectors);
            assert!((identity - Array2::<f64>::eye(n)).iter().all(|error| error.abs() < 1e-13));
            assert!(pairs.values.windows(2).into_iter().all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        let pairs = Eigenpairs::of(array![[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, -5.0]]);
        assert!((pairs.values - array![-5.0, 1.0, 3.0]).iter().all(|error| error.abs() < 1e-15));
    }

    /// (1 1; 1 1) ⊗ anything has eigenvalue 0, and no rounding error of the other one.
    #[test]
    fn a_singular_matrix_has_an_eigenvalue_of_zero() {
        let pairs = Eigenpairs::of(array![[1e20, 1e20], [1e20, 1e20]]);
        assert!(pairs.values[0].abs() < 1e5 && (pairs.values[1] - 2e20).abs() < 1e5);
    }
}
