//! Values with their maxima and exponentials, computed once per stage for all log-expectations.

use std::ops::Range;

use super::{
    CHUNK, FEW, RowBatch, for_each_lane, gap, least_lowered, lifted_log, offset, row_log_expectation,
    vectorised,
};
use crate::{Error, Real, Table};

/// Columns of values v, with exponentials for computing τ log Σ P exp(v/τ).
///
/// A direct backup takes one log-expectation for each of S·A rows, over the same S values. This
/// type computes their maximum m and the exponentials exp((v − m)/τ) once per stage. A row then
/// costs one dot product with [`exponentials`](Self::exponentials). [`resolve`](Self::resolve)
/// converts the product to the log-expectation.
///
/// You need this type only to override [`log_expectation`](crate::Dynamics::log_expectation) for
/// [`Dynamics`](crate::Dynamics) of your own.
///
/// # Shapes
///
/// `values` and `exponentials` are `[s', k]`, row-major; `temperatures` has one entry for each of
/// the k columns.
///
/// # Example
///
/// ```
/// use softmdp::{dynamics::LogBlock, log_sum_exp};
///
/// // Three successors. The row has positive weights only on those 2000 τ below the maximum.
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
    maxima: Vec<F>,      // [k]
    lossless: Vec<bool>, // [k]: whether no finite value was dropped
    trusted: Vec<F>,     // [k]: the least positive sum that has lost nothing
    is_wide: Vec<bool>,  // [k]: whether a difference of values leaves the number type
}

impl<F: Real> LogBlock<F> {
    /// Prepares columns of values, in reward units, each with its temperature. Values must be below
    /// +∞ and not NaN.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the values do not divide into one column for each temperature.
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
        let column = |index| values.iter().copied().skip(index).step_by(columns).collect();
        let table: Vec<Vec<F>> = (0..columns).map(column).collect();
        block.assign_by(
            |index| vectorised!(extremes(&table[index])),
            |index| &table[index],
            |fill, values, exponentials| fill(0..table[0].len(), values, exponentials),
        );
        Ok(block)
    }

    /// Room for `num_states` values a column, to be filled by [`assign_by`](Self::assign_by).
    pub(crate) fn with_shape(num_states: usize, temperatures: &[F]) -> Self {
        let columns = temperatures.len();
        Self {
            temperatures: temperatures.to_vec(),
            values: vec![F::zero(); num_states * columns],
            exponentials: vec![F::zero(); num_states * columns],
            maxima: vec![F::neg_infinity(); columns],
            lossless: vec![true; columns],
            trusted: vec![F::zero(); columns],
            is_wide: vec![false; columns],
        }
    }

    /// Makes room for `num_states` values a column.
    pub(crate) fn resize(&mut self, num_states: usize) {
        let len = num_states * self.num_columns();
        self.values.resize(len, F::zero());
        self.exponentials.resize(len, F::zero());
    }

    /// The same block for `num_states` values at another temperature. Allocates only for more
    /// values than it has ever held.
    ///
    /// Precondition: the block has one column.
    pub(crate) fn for_states(self, num_states: usize, temperature: F) -> Self {
        debug_assert_eq!(self.num_columns(), 1);
        let mut block = self;
        block.temperatures[0] = temperature;
        block.resize(num_states);
        block
    }

    /// Replaces the values by `column(index)`, `[s']`, of each column. Allocates nothing.
    /// `extremes(index)` are the least finite and the largest value of a column.
    ///
    /// `run(fill, values, exponentials)` must call `fill(states, values, exponentials)` so that the
    /// calls cover all states, each with the rows of the tables, `[s', k]`, that belong to these
    /// states. It may do so on several threads.
    pub(crate) fn assign_by<'v>(
        &mut self,
        extremes: impl Fn(usize) -> (F, F),
        column: impl Fn(usize) -> &'v [F] + Sync,
        run: impl FnOnce(&(dyn Fn(Range<usize>, &mut [F], &mut [F]) + Sync), &mut [F], &mut [F]),
    ) {
        for (index, &temperature) in self.temperatures.iter().enumerate() {
            let (min, max) = extremes(index);
            let is_lossless = max == F::neg_infinity() || gap_of(min, max, temperature) >= -F::SPREAD;
            (self.maxima[index], self.lossless[index]) = (max, is_lossless);
            // Two finite values may lie further apart than the largest number.
            self.is_wide[index] = max > F::neg_infinity() && min - max == F::neg_infinity();
            self.trusted[index] = if is_lossless { least_lowered() } else { F::TRUSTED_SUM };
        }
        let (maxima, temperatures, is_wide) = (&self.maxima, &self.temperatures, &self.is_wide);
        let fill = |states: Range<usize>, copy: &mut [F], exponentials: &mut [F]| {
            for (index, (&max, &temperature)) in maxima.iter().zip(temperatures).enumerate() {
                let shift = Shift { max, temperature, is_wide: is_wide[index] };
                let part = Part { index, num_columns: maxima.len(), shift };
                part.fill(&column(index)[states.clone()], copy, exponentials);
            }
        };
        run(&fill, &mut self.values, &mut self.exponentials);
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

    /// exp((v − max)/τ) times a fixed power of two, `[s', k]`. An entry is 0 if v lies too far
    /// below the maximum of its column for the number type.
    ///
    /// Entries are finite and not negative, so a plain dot product with a row of probabilities is
    /// never NaN.
    #[must_use]
    pub fn exponentials(&self) -> &[F] {
        &self.exponentials
    }

    /// Converts Σ P · `exponentials` of one row and one column to τ log Σ P exp(v/τ), in reward
    /// units.
    ///
    /// `visit_successors` must visit every successor of the row with its probability, as
    /// [`Dynamics::for_each_successor`](crate::Dynamics::for_each_successor) does. This method
    /// calls it only if the sum may have lost digits, and then computes the row again from its own
    /// maximum.
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

    /// [`resolve`](Self::resolve) for the sums of many rows, `[row, k]`; `row(index)` gives the
    /// successors of a row and their probabilities.
    pub(crate) fn resolve_all<I>(&self, sums: &mut [F], row: impl Fn(usize) -> I)
    where
        I: ExactSizeIterator<Item = (usize, F)> + Clone,
    {
        if self.resolve_most(sums) == 0 {
            return;
        }
        for column in 0..self.num_columns() {
            if sums.len() <= FEW {
                self.resolve_rest::<I, FEW>(column, sums, &row);
            } else {
                self.resolve_rest::<I, CHUNK>(column, sums, &row);
            }
        }
    }

    /// [`resolve_all`](Self::resolve_all) for rows that are visited, which is slower:
    /// `visit_successors(row, visit)` visits every successor of a row with its probability.
    pub(crate) fn resolve_visited(
        &self,
        sums: &mut [F],
        visit_successors: impl Fn(usize, &mut dyn FnMut(usize, F)),
    ) {
        if self.resolve_most(sums) == 0 {
            return;
        }
        let k = self.num_columns();
        for (entry, result) in sums.iter_mut().enumerate().filter(|(_, result)| result.is_nan()) {
            let (row, column) = (entry / k, entry % k);
            *result = row_log_expectation(self.temperatures[column], |visit| {
                visit_successors(row, &mut |next_state, p| visit(p, self.value(next_state, column)));
            });
        }
    }

    /// Converts the sums that have lost nothing. Makes the others NaN, and returns their number.
    fn resolve_most(&self, sums: &mut [F]) -> usize {
        let columns = Columns {
            maxima: &self.maxima,
            temperatures: &self.temperatures,
            lossless: &self.lossless,
            trusted: &self.trusted,
        };
        vectorised!(resolve_plain(columns, sums))
    }

    /// Computes the rows of a column that are NaN in `results`, `[row, k]`, from their own maxima.
    fn resolve_rest<I, const N: usize>(&self, column: usize, results: &mut [F], row: &impl Fn(usize) -> I)
    where
        I: ExactSizeIterator<Item = (usize, F)> + Clone,
    {
        let (num_columns, temperature) = (self.num_columns(), self.temperatures[column]);
        let left = (column..results.len()).step_by(num_columns);
        let mut batch = RowBatch::<F, N>::new(temperature);
        for entry in left.clone() {
            if results[entry].is_nan() {
                let row = row(entry / num_columns);
                let row = row.map(|(next_state, p)| (p, self.value(next_state, column)));
                batch.add(entry, row, results);
            }
        }
        batch.flush(results);
        for entry in left {
            if results[entry].is_nan() {
                let row = row(entry / num_columns);
                results[entry] = row_log_expectation(temperature, |visit| {
                    row.clone().for_each(|(next_state, p)| visit(p, self.value(next_state, column)));
                });
            }
        }
    }

    /// [`resolve`](Self::resolve) for a row with faint successors, which are missing from `sum`.
    ///
    /// `visit_terms` calls back with weight w and value v of each term w exp(v/τ) of the row. A
    /// faint successor has weight 1 and value v + τ log P.
    pub(crate) fn resolve_with_faint(
        &self,
        column: usize,
        sum: F,
        visit_terms: impl Fn(&mut dyn FnMut(F, F)),
    ) -> F {
        let (max, temperature) = (self.maxima[column], self.temperatures[column]);
        // The sum lacks the faint successors, each of which would add less than the least normal
        // number.
        if sum >= F::TRUSTED_SUM {
            return offset(max, temperature, lifted_log(sum));
        }
        row_log_expectation(temperature, visit_terms)
    }

    /// Replaces the exponentials of a single column by others that have lost nothing, relative to
    /// `max`, which may lie above their maximum. The values are left as they were: sums of these
    /// exponentials must not be resolved.
    pub(crate) fn swap_exponentials(&mut self, exponentials: &mut Vec<F>, max: F) {
        debug_assert_eq!(exponentials.len(), self.exponentials.len());
        self.replace_exponentials(max);
        std::mem::swap(&mut self.exponentials, exponentials);
    }

    /// The exponentials of a block whose exponentials are replaced by others, relative to `max`.
    pub(crate) fn replace_exponentials(&mut self, max: F) -> &mut [F] {
        debug_assert_eq!(self.num_columns(), 1);
        (self.maxima[0], self.lossless[0]) = (max, true);
        &mut self.exponentials
    }

    /// What the exponentials of the first column are relative to.
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

/// The column of a block that is being filled.
#[derive(Clone, Copy)]
struct Part<F> {
    index: usize,
    num_columns: usize,
    shift: Shift<F>,
}

/// What the exponentials of a column are relative to.
#[derive(Clone, Copy)]
struct Shift<F> {
    max: F,
    temperature: F,
    is_wide: bool,
}

impl<F: Real> Part<F> {
    /// Writes values and lifted exponentials of some states into this column of their rows, `[s',
    /// k]`.
    fn fill(self, values: &[F], copy: &mut [F], exponentials: &mut [F]) {
        if self.num_columns == 1 {
            copy.copy_from_slice(values);
            return vectorised!(fill_exponentials(values, self.shift, exponentials));
        }
        let mut scratch = [F::zero(); CHUNK];
        let rows =
            copy.chunks_mut(CHUNK * self.num_columns).zip(exponentials.chunks_mut(CHUNK * self.num_columns));
        for (values, (copy, exponentials)) in values.chunks(CHUNK).zip(rows) {
            let scratch = &mut scratch[..values.len()];
            vectorised!(fill_exponentials(values, self.shift, scratch));
            let rows =
                copy.chunks_exact_mut(self.num_columns).zip(exponentials.chunks_exact_mut(self.num_columns));
            for ((copy, exponentials), (&v, &e)) in rows.zip(values.iter().zip(scratch.iter())) {
                (copy[self.index], exponentials[self.index]) = (v, e);
            }
        }
    }
}

/// The least finite value and the largest; +∞ and −∞ if there is none above −∞.
#[inline(always)]
pub(crate) fn extremes<const FUSED: bool, F: Real>(values: &[F]) -> (F, F) {
    const LANES: usize = 16;
    let larger = |a: F, b: F| if b > a { b } else { a };
    let smaller = |a: F, b: F| if (b < a) & (b > F::neg_infinity()) { b } else { a };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut least = [F::infinity(); LANES];
    let mut largest = [F::neg_infinity(); LANES];
    for chunk in chunks {
        for i in 0..LANES {
            least[i] = smaller(least[i], chunk[i]);
            largest[i] = larger(largest[i], chunk[i]);
        }
    }
    let least = least.iter().chain(rest).copied().fold(F::infinity(), smaller);
    (least, largest.iter().chain(rest).copied().fold(F::neg_infinity(), larger))
}

/// [`gap`], and 0 for the maximum itself, also at temperature 0.
#[inline(always)]
pub(super) fn gap_of<F: Real>(v: F, max: F, temperature: F) -> F {
    if v < max { gap(v, max, temperature) } else { F::zero() }
}

/// Writes the lifted exponentials of (v − max)/τ. Values too far below the maximum become 0, like
/// −∞.
#[inline(always)]
fn fill_exponentials<const FUSED: bool, F: Real>(
    values: &[F],
    Shift { max, temperature, is_wide }: Shift<F>,
    exponentials: &mut [F],
) {
    let dead = F::neg_infinity();
    for (values, exponentials) in values.chunks(CHUNK).zip(exponentials.chunks_mut(CHUNK)) {
        if is_wide || temperature == F::zero() {
            exponentials.iter_mut().zip(values).for_each(|(e, &v)| *e = gap_of(v, max, temperature));
        } else {
            // Where the maximum is −∞, all values are, and the loop below overwrites their
            // differences.
            exponentials.iter_mut().zip(values).for_each(|(e, &v)| *e = v - max);
            if temperature != F::one() {
                exponentials.iter_mut().for_each(|e| *e /= temperature);
            }
        }
        for (e, &v) in exponentials.iter_mut().zip(values) {
            *e = if (v > dead) & (*e >= -F::SPREAD) { *e } else { dead };
        }
        for_each_lane(exponentials, |e| *e = e.exp_lane::<FUSED>() * F::LIFT);
    }
}

/// What [`Shift`] is for one column, for k columns.
#[derive(Clone, Copy)]
struct Columns<'a, F> {
    maxima: &'a [F],
    temperatures: &'a [F],
    lossless: &'a [bool],
    trusted: &'a [F],
}

/// Turns the sums of rows, `[row, k]`, that have lost nothing into log-expectations, and all others
/// into NaN. Returns the number of NaN.
#[inline(always)]
fn resolve_plain<const FUSED: bool, F: Real>(columns: Columns<'_, F>, sums: &mut [F]) -> usize {
    let Columns { maxima, temperatures, lossless, trusted } = columns;
    // Trusted are sums that are large enough, and 0 where no value was dropped.
    let believed = |sum: F, lossless: bool, trusted: F| {
        let is_dead = lossless & (sum == F::zero());
        if (sum >= trusted) | is_dead { sum * F::UNLIFT } else { F::nan() }
    };
    let finished = |log: F, max: F, temperature: F| {
        // At temperature 0 the product would be NaN.
        if log == F::neg_infinity() { log } else { offset(max, temperature, log) }
    };
    let k = maxima.len();
    if let ([max], [temperature], [lossless], [trusted]) = (maxima, temperatures, lossless, trusted) {
        sums.iter_mut().for_each(|sum| *sum = believed(*sum, *lossless, *trusted));
        for_each_lane(sums, |sum| *sum = sum.ln_lane::<FUSED>());
        sums.iter_mut().for_each(|sum| *sum = finished(*sum, *max, *temperature));
    } else {
        for sums in sums.chunks_exact_mut(k) {
            for ((sum, &lossless), &trusted) in sums.iter_mut().zip(lossless).zip(trusted) {
                *sum = believed(*sum, lossless, trusted);
            }
        }
        for_each_lane(sums, |sum| *sum = sum.ln_lane::<FUSED>());
        for sums in sums.chunks_exact_mut(k) {
            for ((sum, &max), &temperature) in sums.iter_mut().zip(maxima).zip(temperatures) {
                *sum = finished(*sum, max, temperature);
            }
        }
    }
    // As wide as the numbers, so that the loop is vectorised.
    sums.iter().fold(0_u64, |count, sum| count + u64::from(sum.is_nan())) as usize
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

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
        assert_abs_diff_eq!(value, tiny.ln() - 599.0, epsilon = 1e-12);
    }

    #[test]
    fn both_paths_agree_where_they_meet() {
        // From well inside the kept range to far outside it; the row sees the lower value with
        // weight 0.75.
        for below in [1.0, 500.0, 563.0, 565.0, 599.0, 601.0, 744.0, 746.0, 1e5] {
            let row_only = resolve(&[0.0, -below], &[0.0, 0.75], 1.0);
            assert_abs_diff_eq!(row_only, 0.75f64.ln() - below, epsilon = 2e-15 * below.max(1.0));
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
