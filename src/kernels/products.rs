//! Products of dense rows with many columns at once.
//!
//! # Form computed
//!
//! Every entry of the result is one running sum over the row, in order, whatever other entries are
//! computed at the same time. Rows are taken in groups that read the columns once, and columns in
//! groups that fit vector registers. A general matrix product first packs its input, which pays
//! only for many columns; these are left to the product of the array library.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::vectorised;
use crate::Real;

/// Columns from which on a general matrix product is faster.
pub(crate) const MANY: usize = 32;

/// Rows that are computed together, so that additions need not wait for each other. Half of them
/// where eight columns fill the registers.
const ROWS: usize = 8;

/// Writes y = P v, for rows P `[row, s']`, finite v `[s', k]` and y `[row, k]`.
pub(crate) fn multiply<F: Real>(rows: &[F], k: usize, v: &[F], y: &mut [F]) {
    let num_states = v.len() / k;
    if k < MANY {
        return vectorised!(multiply_tiles::<false>(rows, k, v, y));
    }
    let p = ArrayView2::from_shape((rows.len() / num_states, num_states), rows).expect("whole rows");
    let v = ArrayView2::from_shape((num_states, k), v).expect("whole columns");
    let mut y = ArrayViewMut2::from_shape((p.nrows(), k), y).expect("a result for each row and column");
    general_mat_mul(F::one(), &p, &v, F::zero(), &mut y);
}

/// [`multiply`] for values that may be −∞: an entry of probability 0 adds nothing, whatever its
/// value.
pub(crate) fn guarded_multiply<F: Real>(rows: &[F], k: usize, v: &[F], y: &mut [F]) {
    vectorised!(multiply_tiles::<true>(rows, k, v, y));
}

/// All tiles of a product.
#[inline(always)]
fn multiply_tiles<const FUSED: bool, F: Real, const GUARDED: bool>(
    rows: &[F],
    k: usize,
    v: &[F],
    y: &mut [F],
) {
    let num_states = v.len() / k;
    let groups = rows.chunks(ROWS * num_states).zip(y.chunks_mut(ROWS * k));
    for (rows, y) in groups {
        if rows.len() == ROWS * num_states {
            multiply_group::<FUSED, F, GUARDED>(rows, k, v, y);
            continue;
        }
        for (row, y) in rows.chunks_exact(num_states).zip(y.chunks_exact_mut(k)) {
            for column in (0..k - k % 8).step_by(8) {
                multiply_tile::<FUSED, F, GUARDED, 1, 8>(row, (k, column), v, y);
            }
            for column in k - k % 8..k {
                multiply_tile::<FUSED, F, GUARDED, 1, 1>(row, (k, column), v, y);
            }
        }
    }
}

/// The tiles of a group of rows.
#[inline(always)]
fn multiply_group<const FUSED: bool, F: Real, const GUARDED: bool>(
    rows: &[F],
    k: usize,
    v: &[F],
    y: &mut [F],
) {
    let (rows_half, y_half) = (rows.len() / 2, y.len() / 2);
    let mut column = 0;
    while column + 8 <= k {
        let at = (k, column);
        multiply_tile::<FUSED, F, GUARDED, { ROWS / 2 }, 8>(&rows[..rows_half], at, v, &mut y[..y_half]);
        multiply_tile::<FUSED, F, GUARDED, { ROWS / 2 }, 8>(&rows[rows_half..], at, v, &mut y[y_half..]);
        column += 8;
    }
    if column + 4 <= k {
        multiply_tile::<FUSED, F, GUARDED, ROWS, 4>(rows, (k, column), v, y);
        column += 4;
    }
    if column + 2 <= k {
        multiply_tile::<FUSED, F, GUARDED, ROWS, 2>(rows, (k, column), v, y);
        column += 2;
    }
    if column < k {
        multiply_tile::<FUSED, F, GUARDED, ROWS, 1>(rows, (k, column), v, y);
    }
}

/// `W` columns from `column` on, of `R` rows.
#[inline(always)]
fn multiply_tile<const FUSED: bool, F: Real, const GUARDED: bool, const R: usize, const W: usize>(
    rows: &[F],
    (k, column): (usize, usize),
    v: &[F],
    y: &mut [F],
) {
    let num_states = v.len() / k;
    let rows: [&[F]; R] = std::array::from_fn(|r| &rows[r * num_states..(r + 1) * num_states]);
    let mut sums = [[F::zero(); W]; R];
    for (s, v) in v.chunks_exact(k).enumerate() {
        let v = &v[column..column + W];
        for (sums, row) in sums.iter_mut().zip(rows) {
            let p = row[s];
            for (sum, &v) in sums.iter_mut().zip(v) {
                *sum = match (GUARDED, FUSED) {
                    (true, _) => *sum + if p > F::zero() { p * v } else { F::zero() },
                    (false, true) => p.mul_add(v, *sum),
                    (false, false) => *sum + p * v,
                };
            }
        }
    }
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(k)) {
        y[column..column + W].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P of 3 states and many rows; a third of the entries are 0.
    fn table(num_rows: usize, num_states: usize) -> Vec<f64> {
        (0..num_rows * num_states).map(|i| (i * i % 7) as f64 * f64::from(u8::from(i % 3 > 0))).collect()
    }

    #[test]
    fn products_are_those_of_plain_loops_at_every_number_of_rows_and_columns() {
        let n = 5;
        for num_rows in 1..18 {
            let rows = table(num_rows, n);
            for k in (1..20).chain([31, 32, 33, 70]) {
                // Small integers: every order of summation is exact.
                let v: Vec<f64> = (0..n * k).map(|i| (i * 5 % 11) as f64 - 4.0).collect();
                let (mut y, mut guarded) = (vec![f64::NAN; num_rows * k], vec![f64::NAN; num_rows * k]);
                multiply(&rows, k, &v, &mut y);
                guarded_multiply(&rows, k, &v, &mut guarded);
                for (i, found) in y.iter().enumerate() {
                    let terms = (0..n).map(|s| rows[i / k * n + s] * v[s * k + i % k]);
                    assert_eq!(*found, terms.sum::<f64>(), "{num_rows} rows, {k} columns, entry {i}");
                }
                assert_eq!(y, guarded);
            }
        }
    }

    #[test]
    fn what_has_probability_zero_never_counts() {
        let inf = f64::INFINITY;
        for k in [1, 4, 9, 40] {
            let v: Vec<f64> = [-inf, 2.0].iter().flat_map(|&v| vec![v; k]).collect();
            let mut y = vec![f64::NAN; 2 * k];
            guarded_multiply(&[0.0, 1.0, 0.5, 0.5], k, &v, &mut y);
            assert_eq!(y, [vec![2.0; k], vec![-inf; k]].concat());
        }
    }

    #[test]
    fn a_row_does_not_depend_on_those_beside_it() {
        let (n, k) = (37, 45);
        let rows: Vec<f64> = (0..13 * n).map(|i| 1.0 / (1.0 + i as f64)).collect();
        for k in [3, 8, k] {
            let v: Vec<f64> = (0..n * k).map(|i| (1.0 + i as f64).sqrt()).collect();
            let mut together = vec![0.0; 13 * k];
            multiply(&rows, k, &v, &mut together);
            for (row, together) in rows.chunks_exact(n).zip(together.chunks_exact(k)) {
                let mut alone = vec![0.0; k];
                multiply(row, k, &v, &mut alone);
                assert_eq!(alone, together, "{k} columns");
            }
        }
    }
}
