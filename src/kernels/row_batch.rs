//! Log-expectations of short rows from their own maxima, many at a time.
//!
//! Where values spread far, nearly every row of a sparse model has to be computed from its own
//! maximum, with one exponential an entry and one logarithm a row. A batch collects such rows until
//! there are enough for vector arithmetic.

use super::{exp_all, is_safe, ln_all, offset, row_log_expectation};
use crate::Real;

/// Entries of the longest row that is batched.
const MOST_ENTRIES: usize = 12;

/// Rows that wait, with at most `N` entries in all. N is at least [`MOST_ENTRIES`].
pub(crate) struct RowBatch<F, const N: usize> {
    temperature: F,
    num_rows: usize,
    num_entries: usize,
    targets: [usize; N], // [row]: where the result goes
    ends: [usize; N],    // [row]: end of its entries
    maxima: [F; N],      // [row]
    sums: [F; N],        // [row]
    weights: [F; N],     // [entry]
    gaps: [F; N],        // [entry]: (v − max)/τ
}

impl<F: Real, const N: usize> RowBatch<F, N> {
    pub(crate) fn new(temperature: F) -> Self {
        let (zeros, indices) = ([F::zero(); N], [0; N]);
        let (maxima, sums, weights, gaps) = (zeros, zeros, zeros, zeros);
        Self {
            temperature,
            num_rows: 0,
            num_entries: 0,
            targets: indices,
            ends: indices,
            maxima,
            sums,
            weights,
            gaps,
        }
    }

    /// Takes a row of (P, v), and writes its τ log Σ P exp(v/τ) to `results[target]`, now or when
    /// the batch is full.
    #[inline]
    pub(crate) fn add(
        &mut self,
        target: usize,
        row: impl ExactSizeIterator<Item = (F, F)> + Clone,
        results: &mut [F],
    ) {
        let len = row.len();
        // A difference of finite values leaves the number type only where one of them is that
        // large.
        let quarter = F::max_value() * F::from_f64(0.25);
        let (mut max, mut is_wide) = (F::neg_infinity(), false);
        for (p, v) in row.clone() {
            max = if p > F::zero() && v > max { v } else { max };
            is_wide |= v.abs() > quarter && v > F::neg_infinity();
        }
        let is_settled = max == F::neg_infinity() || self.temperature == F::zero();
        if is_settled || is_wide || len > MOST_ENTRIES {
            results[target] = row_log_expectation(self.temperature, |visit| {
                row.clone().for_each(|(p, v)| visit(p, v));
            });
            return;
        }
        if self.num_entries + len > N {
            self.flush(results);
        }
        for (p, v) in row.filter(|(p, _)| *p > F::zero()) {
            self.weights[self.num_entries] = p;
            self.gaps[self.num_entries] = v - max;
            self.num_entries += 1;
        }
        self.targets[self.num_rows] = target;
        self.ends[self.num_rows] = self.num_entries;
        self.maxima[self.num_rows] = max;
        self.num_rows += 1;
    }

    /// Writes the results of all rows that wait.
    pub(crate) fn flush(&mut self, results: &mut [F]) {
        let temperature = self.temperature;
        let gaps = &mut self.gaps[..self.num_entries];
        gaps.iter_mut().for_each(|gap| *gap /= temperature);
        exp_all(gaps);
        let mut first = 0;
        for (sum, &end) in self.sums.iter_mut().zip(&self.ends[..self.num_rows]) {
            let entries = self.weights[first..end].iter().zip(&self.gaps[first..end]);
            *sum = entries.fold(F::zero(), |sum, (&p, &e)| sum + p * e);
            first = end;
        }
        let mut logs = [F::zero(); N];
        let logs = &mut logs[..self.num_rows];
        logs.copy_from_slice(&self.sums[..self.num_rows]);
        ln_all(logs);
        for (row, &log) in logs.iter().enumerate() {
            // Where a probability is too small for its sum, the result is NaN and left to the
            // caller.
            let result = offset(self.maxima[row], temperature, log);
            results[self.targets[row]] = if is_safe(self.sums[row], F::one()) { result } else { F::nan() };
        }
        (self.num_rows, self.num_entries) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use approx::relative_eq;

    use super::*;

    #[test]
    fn rows_that_wait_are_what_they_are_one_by_one() {
        let inf = f64::INFINITY;
        let values = [0.0, -800.0, -inf, 5e4, -1e300, 3.0, 1.7e308, -1.7e308, -0.5];
        let weights = [0.25, 1.0, 0.0, 1e-320, 0.5, 1e-300, 0.125];
        for temperature in [1.0, 1e-3, 1e308, 0.0] {
            let rows: Vec<Vec<(f64, f64)>> = (0..300)
                .map(|i| {
                    (0..i % 15).map(|j| (weights[(i + 3 * j) % 7], values[(i * 5 + j * 7) % 9])).collect()
                })
                .collect();
            let mut results = vec![0.0; rows.len()];
            let mut batch = RowBatch::<f64, 48>::new(temperature);
            for (i, row) in rows.iter().enumerate() {
                batch.add(i, row.iter().copied(), &mut results);
            }
            batch.flush(&mut results);
            for (row, &found) in rows.iter().zip(&results) {
                let expected = row_log_expectation(temperature, |visit| {
                    row.iter().for_each(|&(p, v)| visit(p, v));
                });
                let close = relative_eq!(found, expected, epsilon = 4e-16, max_relative = 4e-16);
                // NaN: left to the caller, where the probability at the maximum is next to nothing.
                let is_left = found.is_nan() && row.iter().any(|&(p, _)| p > 0.0 && p <= 1e-300);
                assert!(close || is_left, "{row:?} at {temperature:e}: {found} and {expected}");
            }
            assert!(results.iter().filter(|v| v.is_nan()).count() < 150);
        }
    }
}
