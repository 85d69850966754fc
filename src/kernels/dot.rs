//! Sums and products with a fixed order, fast enough to run at the speed of memory.
//!
//! A single running sum waits for the latency of each addition. The loops here keep many running
//! sums, enough for every vector width, and add them up in a fixed order at the end. The result
//! depends on the length alone, and on whether the processor has fused multiply-add. It never
//! depends on threads or on how rows were split.

use crate::Real;

/// Running sums of a short row.
const LANES: usize = 16;

/// Short rows that are taken at once.
const ROWS: usize = 4;

/// Entries from which on a row is long. A table of such rows exceeds the cache of a core, and is
/// read fastest as a single stream (measured: up to 1.4 times as fast as four streams).
const LONG: usize = 256;

/// Running sums of a long row. It is processed alone, so it needs more of them to hide the latency
/// of additions.
const LONG_LANES: usize = 2 * LANES;

/// Running sums for the last entries, which do not fill all lanes.
const FEW_LANES: usize = 8;

/// Writes y = Σ p v of every row, for finite p and v. `rows` is `[row, s']`.
pub(crate) fn dot_rows<F: Real>(rows: &[F], v: &[F], y: &mut [F]) {
    debug_assert_eq!(rows.len(), v.len() * y.len());
    F::compiled_dot_rows(rows, v, y);
}

/// Writes y = Σ p v of every row with 0 · (−∞) = 0: an entry of probability 0 adds nothing,
/// whatever its value.
pub(crate) fn guarded_dot_rows<F: Real>(rows: &[F], v: &[F], y: &mut [F]) {
    debug_assert_eq!(rows.len(), v.len() * y.len());
    F::compiled_guarded_dot_rows(rows, v, y);
}

#[inline(always)]
pub(super) fn plain_rows<const FUSED: bool, F: Real>(rows: &[F], v: &[F], y: &mut [F]) {
    products::<FUSED, F, false>(rows, v, y);
}

#[inline(always)]
pub(super) fn guarded_rows<const FUSED: bool, F: Real>(rows: &[F], v: &[F], y: &mut [F]) {
    let mut is_finite = true;
    for &v in v {
        is_finite &= v > F::neg_infinity();
    }
    // Without −∞ among the values there is nothing to guard against.
    if is_finite {
        products::<FUSED, F, false>(rows, v, y);
    } else {
        products::<FUSED, F, true>(rows, v, y);
    }
}

/// Writes the products of all rows. Short rows are taken [`ROWS`] at a time: each entry of `v` is
/// loaded once for all of them, and their running sums hide the latency of additions.
#[inline(always)]
fn products<const FUSED: bool, F: Real, const GUARDED: bool>(rows: &[F], v: &[F], y: &mut [F]) {
    let n = v.len();
    if n < FEW_LANES {
        for (y, row) in y.iter_mut().zip(rows.chunks_exact(n)) {
            *y = add_products::<FUSED, F, GUARDED>(F::zero(), row, v);
        }
        return;
    }
    if n >= LONG {
        for (y, row) in y.iter_mut().zip(rows.chunks_exact(n)) {
            [*y] = products_of_rows::<FUSED, F, GUARDED, 1, LONG_LANES>(row, v);
        }
        return;
    }
    let (several, rest) = y.as_chunks_mut::<ROWS>();
    let (rows, rest_rows) = rows.split_at(several.len() * ROWS * n);
    for (y, rows) in several.iter_mut().zip(rows.chunks_exact(ROWS * n)) {
        *y = products_of_rows::<FUSED, F, GUARDED, ROWS, LANES>(rows, v);
    }
    for (y, row) in rest.iter_mut().zip(rest_rows.chunks_exact(n)) {
        [*y] = products_of_rows::<FUSED, F, GUARDED, 1, LANES>(row, v);
    }
}

/// Σ p v of a number of rows, `[row, s']`.
#[inline(always)]
fn products_of_rows<const FUSED: bool, F: Real, const GUARDED: bool, const N: usize, const LANES: usize>(
    rows: &[F],
    v: &[F],
) -> [F; N] {
    let rows: [&[F]; N] = std::array::from_fn(|row| &rows[row * v.len()..(row + 1) * v.len()]);
    let mut lanes = [[F::zero(); LANES]; N];
    let (chunks, v_rest) = v.as_chunks::<LANES>();
    let mut first = 0;
    for v in chunks {
        for row in 0..N {
            let p = &rows[row][first..first + LANES];
            for lane in 0..LANES {
                lanes[row][lane] = add_product::<FUSED, F, GUARDED>(lanes[row][lane], p[lane], v[lane]);
            }
        }
        first += LANES;
    }
    let mut sums = [F::zero(); N];
    for row in 0..N {
        let mut few = narrow(&lanes[row]);
        let (p_chunks, p_rest) = rows[row][first..].as_chunks::<FEW_LANES>();
        let (v_chunks, v_rest) = v_rest.as_chunks::<FEW_LANES>();
        for (p, v) in p_chunks.iter().zip(v_chunks) {
            for lane in 0..FEW_LANES {
                few[lane] = add_product::<FUSED, F, GUARDED>(few[lane], p[lane], v[lane]);
            }
        }
        sums[row] = add_products::<FUSED, F, GUARDED>(total(few), p_rest, v_rest);
    }
    sums
}

/// sum + Σ p v, one after the other.
#[inline(always)]
fn add_products<const FUSED: bool, F: Real, const GUARDED: bool>(mut sum: F, p: &[F], v: &[F]) -> F {
    for (&p, &v) in p.iter().zip(v) {
        sum = add_product::<FUSED, F, GUARDED>(sum, p, v);
    }
    sum
}

/// sum + p v, in one rounding where the processor has an instruction for it.
#[inline(always)]
fn add_product<const FUSED: bool, F: Real, const GUARDED: bool>(sum: F, p: F, v: F) -> F {
    let v = if !GUARDED || p > F::zero() { v } else { F::zero() };
    if FUSED { p.mul_add(v, sum) } else { p * v + sum }
}

/// Adds running sums to each other until few are left.
#[inline(always)]
fn narrow<F: Real>(lanes: &[F]) -> [F; FEW_LANES] {
    let mut few = [F::zero(); FEW_LANES];
    for part in lanes.as_chunks::<FEW_LANES>().0 {
        for lane in 0..FEW_LANES {
            few[lane] += part[lane];
        }
    }
    few
}

/// The sum of the last running sums, as a balanced tree.
#[inline(always)]
fn total<F: Real>([a, b, c, d, e, f, g, h]: [F; FEW_LANES]) -> F {
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// Σ x.
pub(crate) fn sum<F: Real>(x: &[F]) -> F {
    F::compiled_sum(x)
}

#[inline(always)]
pub(super) fn sum_loop<const FUSED: bool, F: Real>(x: &[F]) -> F {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [F::zero(); LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane];
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        lanes[lane] += x;
    }
    total(narrow(&lanes))
}

/// w += Σ x p over rows, for finite p: the transpose of [`dot_rows`]. `w` stands for the columns
/// from `first` on, of `rows` `[row, s']` with `n` columns each.
pub(crate) fn add_scaled_rows<F: Real>(rows: &[F], (n, first): (usize, usize), x: &[F], w: &mut [F]) {
    debug_assert_eq!(rows.len(), n * x.len());
    F::compiled_add_scaled_rows(rows, (n, first), x, w);
}

/// Takes [`ROWS`] rows at once, so that each entry of `w` is read and written once for all of them.
#[inline(always)]
pub(super) fn add_rows<const FUSED: bool, F: Real>(
    rows: &[F],
    (n, first): (usize, usize),
    x: &[F],
    w: &mut [F],
) {
    let len = w.len();
    for (x, rows) in x.chunks(ROWS).zip(rows.chunks(ROWS * n)) {
        if x.iter().all(|&x| x == F::zero()) {
            continue;
        }
        let part = |row: usize| &rows[row * n + first..][..len];
        if let [x0, x1, x2, x3] = *x {
            let parts = part(0).iter().zip(part(1)).zip(part(2)).zip(part(3));
            for (w, (((&p0, &p1), &p2), &p3)) in w.iter_mut().zip(parts) {
                let two = add_product::<FUSED, F, false>(add_product::<FUSED, F, false>(*w, p0, x0), p1, x1);
                *w = add_product::<FUSED, F, false>(add_product::<FUSED, F, false>(two, p2, x2), p3, x3);
            }
            continue;
        }
        for (row, &x) in x.iter().enumerate() {
            for (w, &p) in w.iter_mut().zip(part(row)) {
                *w = add_product::<FUSED, F, false>(*w, p, x);
            }
        }
    }
}

/// w += x p, entry by entry.
#[inline]
pub(crate) fn add_scaled<F: Real>(w: &mut [F], x: F, p: &[F]) {
    debug_assert_eq!(w.len(), p.len());
    for (w, &p) in w.iter_mut().zip(p) {
        *w += x * p;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(row: &[f64], v: &[f64]) -> f64 {
        let mut y = [0.0];
        guarded_dot_rows(row, v, &mut y);
        y[0]
    }

    #[test]
    fn sums_of_rows_agree_with_plain_loops_at_every_number_of_rows_and_columns() {
        for (num_rows, n) in [(1, 9), (3, 40), (4, 7), (9, 33), (13, 1)] {
            let rows: Vec<f64> = (0..num_rows * n).map(|i| (i * i % 7) as f64).collect();
            // A group of zeros is skipped.
            let x: Vec<f64> = (0..num_rows).map(|row| if row < 4 { 0.0 } else { row as f64 - 6.0 }).collect();
            for (first, last) in [(0, n), (n / 3, n), (n / 2, n / 2)] {
                let mut w = vec![0.5; last - first];
                add_scaled_rows(&rows, (n, first), &x, &mut w);
                for (column, &w) in (first..last).zip(&w) {
                    let terms = x.iter().enumerate().map(|(row, x)| x * rows[row * n + column]);
                    assert_eq!(w, 0.5 + terms.sum::<f64>(), "{num_rows} rows of {n}, column {column}");
                }
            }
        }
    }

    #[test]
    fn products_agree_with_the_plain_sum_at_every_length() {
        for n in (1..150).chain(LONG - 2..LONG + 70) {
            // Small integers: every order of summation is exact.
            let table: Vec<f64> = (0..5 * n).map(|i| (i % 7) as f64).collect();
            let v: Vec<f64> = (0..n).map(|i| (i % 5) as f64 - 2.0).collect();
            let (mut plain, mut guarded) = ([0.0; 5], [0.0; 5]);
            dot_rows(&table, &v, &mut plain);
            guarded_dot_rows(&table, &v, &mut guarded);
            let rows = table.chunks_exact(v.len());
            let expected: Vec<f64> = rows.map(|row| row.iter().zip(&v).map(|(p, v)| p * v).sum()).collect();
            assert_eq!((&plain[..], &guarded[..]), (&expected[..], &expected[..]), "n = {n}");
            assert_eq!(sum(&v), v.iter().sum::<f64>(), "n = {n}");
        }
    }

    #[test]
    fn a_product_does_not_depend_on_the_rows_beside_it() {
        for n in [3, 31, 200, 300] {
            let table: Vec<f32> = (0..7 * n).map(|i| 1.0 / (i as f32 + 0.7)).collect();
            let mut v: Vec<f32> = (0..n).map(|i| (i as f32).sin()).collect();
            for _ in 0..2 {
                let mut all = [0.0; 7];
                guarded_dot_rows(&table, &v, &mut all);
                for (row, &expected) in table.chunks_exact(n).zip(&all) {
                    let mut alone = [0.0];
                    guarded_dot_rows(row, &v, &mut alone);
                    assert_eq!(alone[0].to_bits(), expected.to_bits());
                }
                v[n / 2] = f32::NEG_INFINITY;
            }
        }
    }

    #[test]
    fn a_guarded_product_ignores_what_has_probability_zero_and_nothing_else() {
        let inf = f64::INFINITY;
        assert_eq!(product(&[0.0, 1.0], &[-inf, 2.0]), 2.0);
        assert_eq!(product(&[1e-300, 1.0], &[-inf, 2.0]), -inf);
        let (mut row, mut v) = ([0.5; 100], [1.0; 100]);
        for dead in [0, 40, 95, 99] {
            (row[dead], v[dead]) = (0.0, -inf);
        }
        assert_eq!(product(&row, &v), 48.0);
    }
}
