//! Products of compressed sparse rows with one vector.
//!
//! Each product is one running sum over the entries of a row, in order, without fused operations, so
//! it depends neither on the rows beside it nor on the processor.
//!
//! # Measurements
//!
//! Rows of three entries of a 50 × 50 grid: 0.65 ns an entry where the end of a run of equal rows was
//! searched row by row, 0.4 ns where 16 rows are compared at once (one core of an Intel Xeon,
//! 2026-11-28). `solve_values` of the variational 300 × 300 grid: 105 ms, then 95 ms.

use crate::Real;

/// Rows that are looked at together. Neighbouring rows often have the same small length.
const ROWS: usize = 16;

/// Writes y = Σ p v of every row. `offsets` has one entry more than `y`; relative to the first of
/// them, row i has the entries from `offsets[i]` to `offsets[i + 1]`.
pub(crate) fn dot_sparse_rows<F: Real>(
    offsets: &[usize],
    columns: &[u32],
    probabilities: &[F],
    v: &[F],
    y: &mut [F],
) {
    debug_assert_eq!(offsets.len(), y.len() + 1);
    F::compiled_dot_sparse_rows(offsets, (columns, probabilities), v, y);
}

/// Takes rows of one length up to 8 by loops that are unrolled.
#[inline(always)]
pub(super) fn sparse_rows<const FUSED: bool, F: Real>(
    offsets: &[usize],
    (mut columns, mut probabilities): (&[u32], &[F]),
    v: &[F],
    y: &mut [F],
) {
    let mut ends = offsets;
    for y in y.chunks_mut(ROWS) {
        let (here, later) = (&ends[..=y.len()], &ends[y.len()..]);
        ends = later;
        let len = here[1] - here[0];
        // Without a branch for each row, so that the loop is vectorised.
        let mut is_even = y.len() == ROWS;
        for (first, end) in here.iter().zip(&here[1..]) {
            is_even &= end - first == len;
        }
        let (row_columns, row_probabilities);
        (row_columns, columns) = columns.split_at(here[y.len()] - here[0]);
        (row_probabilities, probabilities) = probabilities.split_at(here[y.len()] - here[0]);
        let entries = (row_columns, row_probabilities);
        match if is_even { len } else { usize::MAX } {
            0 => y.fill(F::zero()),
            1 => unrolled::<1, F>(entries, v, y),
            2 => unrolled::<2, F>(entries, v, y),
            3 => unrolled::<3, F>(entries, v, y),
            4 => unrolled::<4, F>(entries, v, y),
            5 => unrolled::<5, F>(entries, v, y),
            6 => unrolled::<6, F>(entries, v, y),
            7 => unrolled::<7, F>(entries, v, y),
            8 => unrolled::<8, F>(entries, v, y),
            _ => {
                let (mut columns, mut probabilities) = entries;
                for (y, ends) in y.iter_mut().zip(here.windows(2)) {
                    let (row, row_probabilities);
                    (row, columns) = columns.split_at(ends[1] - ends[0]);
                    (row_probabilities, probabilities) = probabilities.split_at(ends[1] - ends[0]);
                    *y = product(row, row_probabilities, v);
                }
            }
        }
    }
}

/// y = Σ p v of rows of `N` entries.
#[inline(always)]
fn unrolled<const N: usize, F: Real>((columns, probabilities): (&[u32], &[F]), v: &[F], y: &mut [F]) {
    let rows = columns.as_chunks::<N>().0.iter().zip(probabilities.as_chunks::<N>().0);
    for (y, (columns, probabilities)) in y.iter_mut().zip(rows) {
        *y = product(columns, probabilities, v);
    }
}

/// Σ p v of one row.
#[inline(always)]
fn product<F: Real>(columns: &[u32], probabilities: &[F], v: &[F]) -> F {
    columns.iter().zip(probabilities).fold(F::zero(), |sum, (&column, &p)| sum + p * v[column as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of every length from 0 to 10, alone and in long runs.
    #[test]
    fn products_are_those_of_plain_loops() {
        let v: Vec<f64> = (0..50).map(|i| f64::from(i * i % 11) - 4.0).collect();
        let alone = (0..300).map(|row| row * row % 11);
        let runs = (0..11).flat_map(|len| std::iter::repeat_n(len, 16 + 5 * len));
        for lengths in
            [alone.clone().collect::<Vec<_>>(), runs.clone().collect(), runs.chain(alone).collect()]
        {
            let mut offsets = vec![7]; // any number
            lengths.iter().for_each(|len| offsets.push(offsets[offsets.len() - 1] + len));
            let num_entries: usize = lengths.iter().sum();
            let columns: Vec<u32> = (0..num_entries as u32).map(|i| i * 7 % 50).collect();
            let probabilities: Vec<f64> = (0..num_entries).map(|i| (i * i % 5) as f64).collect();
            let mut y = vec![f64::NAN; lengths.len()];
            dot_sparse_rows(&offsets, &columns, &probabilities, &v, &mut y);
            for (row, found) in y.iter().enumerate() {
                let entries = offsets[row] - 7..offsets[row + 1] - 7;
                // Small integers: every sum is exact.
                let expected: f64 = entries.map(|i| probabilities[i] * v[columns[i] as usize]).sum();
                assert_eq!(*found, expected, "row {row} of {} entries", lengths[row]);
            }
        }
    }
}
