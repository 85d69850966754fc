//! Values made ready for a log-expectation: their maxima and their exponentials, once a stage.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    CHUNK, FEW, RowBatch, exp_all, for_each_lane, gap, lifted_log, ln_all, offset, row_log_expectation,
    vectorised,
};
use crate::{Error, Real, Table};

/// Columns of values v with everything that τ log Σ P exp(v/τ) needs of them.
///
/// A direct backup takes one log-expectation for each of S·A rows, over the same S values. Their maximum m and
/// the exponentials exp((v − m)/τ) are therefore made once a stage, here, and a row costs one dot product
/// with [`exponentials`](Self::exponentials), finished by [`resolve`](Self::resolve).
///
/// Implementers of [`Dynamics`](crate::Dynamics) who override
/// [`log_expectation`](crate::Dynamics::log_expectation) meet this type; nobody else does.
///
/// # Shapes
///
/// `values` and `exponentials` are `[s', k]`, row-major; `temperatures` has one entry for each of the k columns.
///
/// # Example
///
/// ```
/// use softmdp::{LogBlock, log_sum_exp};
///
/// // Three successors; the row below puts all its weight on the two that lie 2000 τ under the best.
/// let block = LogBlock::new(&[0.0, -2000.0, -2001.0], &[1.0])?;
/// let row = [0.0, 0.5, 0.5];
/// let sum = row.iter().zip(block.exponentials()).map(|(p, e)| p * e).sum();
/// let soft = block.resolve(0, sum, |visit| {
///     for (next_state, &p) in row.iter().enumerate() {
///         visit(next_state, p);
///     }
/// });
/// let expected = log_sum_exp(&[0.5_f64.ln() - 2000.0, 0.5_f64.ln() - 2001.0]);
/// assert!((soft - expected).abs() < 1e-12);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogBlock<F = f64> {
    temperatures: Vec<F>,
    values: Vec<F>,
    exponentials: Vec<F>,
    maxima: Vec<F>,
    lossless: Vec<bool>,
}

impl<F: Real> LogBlock<F> {
    /// Prepares columns of values, in reward units, each with its temperature. Values are below +∞ and not NaN, as
    /// all values of this crate are.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the values do not divide into as many columns as there are temperatures.
    pub fn new(values: &[F], temperatures: &[F]) -> Result<Self, Error> {
        let columns = temperatures.len();
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::ShapeMismatch {
                table: Table::StateValues,
                found: vec![values.len()],
                expected: vec![values.len() / columns.max(1), columns],
            });
        }
        let mut block = Self::with_shape(values.len() / columns, temperatures);
        block.assign(values);
        Ok(block)
    }

    /// Room for `num_states` values a column, to be filled by [`assign`](Self::assign).
    pub(crate) fn with_shape(num_states: usize, temperatures: &[F]) -> Self {
        let columns = temperatures.len();
        Self {
            temperatures: temperatures.to_vec(),
            values: vec![F::zero(); num_states * columns],
            exponentials: vec![F::zero(); num_states * columns],
            maxima: vec![F::neg_infinity(); columns],
            lossless: vec![true; columns],
        }
    }

    /// Replaces the values, allocating nothing.
    pub(crate) fn assign(&mut self, values: &[F]) {
        self.assign_by(values, |fill, copy, exponentials| fill(values, copy, exponentials));
    }

    /// Replaces the values, allocating nothing. `run` is given the work to do for a single column, `fill(values, copy,
    /// exponentials)`, and what it has to be done for; it may do it part by part.
    pub(crate) fn assign_by(
        &mut self,
        values: &[F],
        run: impl FnOnce(&(dyn Fn(&[F], &mut [F], &mut [F]) + Sync), &mut [F], &mut [F]),
    ) {
        debug_assert_eq!(values.len(), self.values.len());
        let columns = self.temperatures.len();
        if let [temperature] = self.temperatures[..] {
            // The usual case, without strides.
            let max = vectorised!(largest(values));
            let found = AtomicU64::new(0);
            let fill = |values: &[F], copy: &mut [F], exponentials: &mut [F]| {
                copy.copy_from_slice(values);
                let part = vectorised!(fill_exponentials(values, max, temperature, exponentials));
                found.fetch_or(part, Ordering::Relaxed);
            };
            run(&fill, &mut self.values, &mut self.exponentials);
            let found = found.into_inner();
            (self.maxima[0], self.lossless[0]) = (max, found & DROPPED == 0);
            if found & BEYOND == 0 {
                return;
            }
        }
        self.values.copy_from_slice(values);
        for (column, &temperature) in self.temperatures.iter().enumerate() {
            let column_values = || values.iter().copied().skip(column).step_by(columns);
            let max = column_values().fold(F::neg_infinity(), |max, v| if v > max { v } else { max });
            let mut lossless = true;
            let exponentials = self.exponentials.iter_mut().skip(column).step_by(columns);
            for (e, v) in exponentials.zip(column_values()) {
                let below = if v < max { gap(v, max, temperature) } else { F::zero() };
                // What is dropped, or was −∞ to begin with, becomes 0.
                let is_kept = v > F::neg_infinity() && below >= -F::SPREAD;
                *e = if is_kept { below } else { F::neg_infinity() };
                lossless &= is_kept || v == F::neg_infinity();
            }
            (self.maxima[column], self.lossless[column]) = (max, lossless);
        }
        exp_all(&mut self.exponentials);
        self.exponentials.iter_mut().for_each(|e| *e *= F::LIFT);
    }

    /// Number k of columns.
    #[must_use]
    pub fn num_columns(&self) -> usize {
        self.temperatures.len()
    }

    /// The values v, `[s', k]`, in reward units.
    #[must_use]
    pub fn values(&self) -> &[F] {
        &self.values
    }

    /// exp((v − max)/τ) times a fixed power of two, `[s', k]`; 0 for what lies too far below the maximum of
    /// its column to be held beside it.
    ///
    /// They are finite and never negative, so a plain dot product with a row of probabilities is safe.
    #[must_use]
    pub fn exponentials(&self) -> &[F] {
        &self.exponentials
    }

    /// Turns Σ P · `exponentials` of one row and one column into τ log Σ P exp(v/τ), in reward units.
    ///
    /// `visit_successors` calls back with every successor of the row and its probability, as
    /// [`Dynamics::for_each_successor`](crate::Dynamics::for_each_successor) does. It is used only where the
    /// sum may have lost something: then the row is computed again from its own maximum.
    ///
    /// At temperature 0 this is the largest value among successors of positive probability.
    pub fn resolve(&self, column: usize, sum: F, visit_successors: impl Fn(&mut dyn FnMut(usize, F))) -> F {
        let (max, temperature) = (self.maxima[column], self.temperatures[column]);
        if self.lossless[column] || sum >= F::TRUSTED_SUM {
            if sum == F::zero() {
                return F::neg_infinity();
            }
            return offset(max, temperature, lifted_log(sum));
        }
        row_log_expectation(temperature, |visit| {
            visit_successors(&mut |next_state, p| visit(p, self.value(next_state, column)));
        })
    }

    /// [`resolve`](Self::resolve) for the sums of many rows, `[row, k]`; `row(index)` gives the successors of a row and
    /// their probabilities.
    pub(crate) fn resolve_all<I>(&self, sums: &mut [F], row: impl Fn(usize) -> I)
    where
        I: ExactSizeIterator<Item = (usize, F)> + Clone,
    {
        if sums.len() <= FEW {
            return self.resolve_chunk::<I, FEW>(0, sums, &row);
        }
        for (chunk, sums) in sums.chunks_mut(CHUNK).enumerate() {
            self.resolve_chunk::<I, CHUNK>(chunk * CHUNK, sums, &row);
        }
    }

    /// [`resolve_all`](Self::resolve_all) for at most `N` sums, the first of which is entry `first`.
    fn resolve_chunk<I, const N: usize>(&self, first: usize, sums: &mut [F], row: &impl Fn(usize) -> I)
    where
        I: ExactSizeIterator<Item = (usize, F)> + Clone,
    {
        let (columns, least) = (self.num_columns(), F::LIFT * F::min_positive_value());
        let mut logs = [F::zero(); N];
        let logs = &mut logs[..sums.len()];
        logs.iter_mut().zip(sums.iter()).for_each(|(log, &sum)| *log = sum * F::UNLIFT);
        ln_all(logs);
        let mut num_left = 0;
        for (i, (sum, log)) in sums.iter().zip(logs.iter_mut()).enumerate() {
            let column = (first + i) % columns;
            let is_plain = *sum >= F::TRUSTED_SUM || (self.lossless[column] && *sum >= least);
            num_left += usize::from(!is_plain);
            *log = if is_plain {
                offset(self.maxima[column], self.temperatures[column], *log)
            } else {
                F::nan()
            };
        }
        if num_left > 0 && columns == 1 && !self.lossless[0] {
            let mut batch = RowBatch::<F, N>::new(self.temperatures[0]);
            for i in 0..sums.len() {
                if logs[i].is_nan() {
                    let row = row(first + i).map(|(next_state, p)| (p, self.values[next_state]));
                    batch.add(i, row, logs);
                }
            }
            batch.flush(logs);
        }
        for (i, (sum, &log)) in sums.iter_mut().zip(logs.iter()).enumerate() {
            let (index, column) = ((first + i) / columns, (first + i) % columns);
            *sum = if log.is_nan() {
                self.resolve(column, *sum, |visit| {
                    row(index).for_each(|(next_state, p)| visit(next_state, p))
                })
            } else {
                log
            };
        }
    }

    /// [`resolve`](Self::resolve) for a row that has successors too improbable for a plain number: `visit_faint` calls back
    /// with τ log P of those, as
    /// [`Dynamics::for_each_faint_successor`](crate::Dynamics::for_each_faint_successor) does.
    pub(crate) fn resolve_with_faint(
        &self,
        column: usize,
        sum: F,
        visit_successors: impl Fn(&mut dyn FnMut(usize, F)),
        visit_faint: impl Fn(&mut dyn FnMut(usize, F)),
    ) -> F {
        let (max, temperature) = (self.maxima[column], self.temperatures[column]);
        // A faint successor is missing from the sum, where it would count less than the least normal number.
        if sum >= F::TRUSTED_SUM {
            return offset(max, temperature, lifted_log(sum));
        }
        row_log_expectation(temperature, |visit| {
            visit_successors(&mut |next_state, p| visit(p, self.value(next_state, column)));
            visit_faint(&mut |next_state, log_p| visit(F::one(), self.value(next_state, column) + log_p));
        })
    }

    /// The largest value of the first column.
    pub(crate) fn max(&self) -> F {
        self.maxima[0]
    }

    /// Whether no finite value of the first column was dropped from the exponentials.
    pub(crate) fn is_lossless(&self) -> bool {
        self.lossless[0]
    }

    fn value(&self, next_state: usize, column: usize) -> F {
        self.values[next_state * self.num_columns() + column]
    }
}

/// What [`fill_exponentials`] may find: a value too far below the maximum to be kept.
const DROPPED: u64 = 1;

/// What [`fill_exponentials`] may find: a difference of values that leaves the number type, so that its numbers mean
/// nothing.
const BEYOND: u64 = 2;

/// The largest value; −∞ if there is none above it.
#[inline(always)]
fn largest<const FUSED: bool, F: Real>(values: &[F]) -> F {
    const LANES: usize = 16;
    let larger = |a: F, b: F| if b > a { b } else { a };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [F::neg_infinity(); LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &v)| *lane = larger(*lane, v));
    }
    lanes.iter().chain(rest).copied().fold(F::neg_infinity(), larger)
}

/// Writes the lifted exponentials of (v − max)/τ, and says what it found on the way.
#[inline(always)]
fn fill_exponentials<const FUSED: bool, F: Real>(
    values: &[F],
    max: F,
    temperature: F,
    exponentials: &mut [F],
) -> u64 {
    let dead = F::neg_infinity();
    let mut found = 0;
    for (values, exponentials) in values.chunks(CHUNK).zip(exponentials.chunks_mut(CHUNK)) {
        for (e, &v) in exponentials.iter_mut().zip(values) {
            let difference = v - max;
            let below = if v < max { difference / temperature } else { F::zero() };
            let is_kept = (v > dead) & (below >= -F::SPREAD);
            // As wide as the numbers, for the sake of vectors.
            found |= if !is_kept & (v > dead) { DROPPED } else { 0 };
            found |= if (difference == dead) & (v > dead) { BEYOND } else { 0 };
            *e = if is_kept { below } else { dead };
        }
        for_each_lane(exponentials, |e| *e = e.exp_lane::<FUSED>() * F::LIFT);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(values: &[f64], row: &[f64], temperature: f64) -> f64 {
        let block = LogBlock::new(values, &[temperature]).unwrap();
        let sum = row.iter().zip(block.exponentials()).map(|(p, e)| p * e).sum();
        block.resolve(0, sum, |visit| row.iter().enumerate().for_each(|(s, &p)| visit(s, p)))
    }

    #[test]
    fn a_dead_row_is_recognised_without_a_second_pass() {
        let block = LogBlock::new(&[0.0, f64::NEG_INFINITY], &[1.0]).unwrap();
        let value = block.resolve(0, 0.0, |_| panic!("nothing can have been lost"));
        assert_eq!(value, f64::NEG_INFINITY);
    }

    #[test]
    fn the_least_probability_at_the_widest_kept_gap_is_not_lost() {
        let tiny = f64::MIN_POSITIVE * f64::EPSILON;
        let value = resolve(&[0.0, -599.0], &[0.0, tiny], 1.0);
        assert!((value - (tiny.ln() - 599.0)).abs() < 1e-12, "{value}");
    }

    #[test]
    fn both_paths_agree_where_they_meet() {
        // From well inside the kept range to far outside it; the row sees the lower value with weight 0.75.
        for below in [1.0, 500.0, 563.0, 565.0, 599.0, 601.0, 744.0, 746.0, 1e5] {
            let row_only = resolve(&[0.0, -below], &[0.0, 0.75], 1.0);
            assert!((row_only - (0.75f64.ln() - below)).abs() <= 2e-15 * below.max(1.0), "{below}");
        }
    }

    #[test]
    fn temperature_zero_takes_the_best_possible_successor() {
        assert_eq!(resolve(&[3.0, 2.0, 7.0], &[0.1, 0.9, 0.0], 0.0), 3.0);
        assert_eq!(resolve(&[3.0, 2.0, 7.0], &[0.0, 1e-300, 0.0], 0.0), 2.0);
        assert_eq!(resolve(&[f64::NEG_INFINITY, 2.0], &[1.0, 0.0], 0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn values_that_do_not_divide_into_columns_are_refused() {
        let error = LogBlock::new(&[0.0, 1.0, 2.0], &[1.0, 1.0]).unwrap_err();
        assert!(matches!(error, Error::ShapeMismatch { .. }));
        assert!(LogBlock::<f64>::new(&[], &[]).is_err());
    }
}
