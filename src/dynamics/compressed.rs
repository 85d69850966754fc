//! Compressed sparse rows: the possible transitions of each pair.

use std::ops::Range;

use super::dense::{check_probability, check_successor};
use super::pairs::PairRows;
use crate::kernels::{LogBlock, add_scaled, dot_sparse_rows};
use crate::{Error, Real, Table, arrays};

/// Largest number of states that columns can name.
pub(crate) const MOST_STATES: usize = u32::MAX as usize;

/// The column that names a state. Precondition: there are at most [`MOST_STATES`] states.
#[allow(clippy::cast_possible_truncation, reason = "excluded by the precondition")]
#[inline(always)]
pub(crate) fn column(state: usize) -> u32 {
    state as u32
}

/// Successors and probabilities, row after row. Within a row, successors ascend strictly and
/// probabilities are positive, so sums need no guard against 0 · (−∞).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CompressedRows<F> {
    pub(crate) row_offsets: Vec<usize>, // [row + 1]
    pub(crate) columns: Vec<u32>,
    pub(crate) probabilities: Vec<F>, // of each column
}

/// A function `(index, entries)` that appends the entries of a row.
type AppendRow<'a, F> = dyn FnMut(usize, &mut Vec<(u32, F)>) -> Result<(), Error> + 'a;

impl<F: Real> CompressedRows<F> {
    /// No rows yet, with memory for so many rows and entries.
    pub(super) fn with_capacity(num_rows: usize, num_entries: usize) -> Result<Self, Error> {
        let mut rows = Self { row_offsets: vec![], columns: vec![], probabilities: vec![] };
        let too_large = |table, len| move |_| Error::TooLarge { table, shape: vec![len] };
        let (offsets, entries) = (Table::RowOffsets, Table::Transitions);
        rows.row_offsets.try_reserve_exact(num_rows + 1).map_err(too_large(offsets, num_rows + 1))?;
        rows.columns.try_reserve_exact(num_entries).map_err(too_large(entries, num_entries))?;
        rows.probabilities.try_reserve_exact(num_entries).map_err(too_large(entries, num_entries))?;
        rows.row_offsets.push(0);
        Ok(rows)
    }

    /// Makes rows from `row(index, entries)`, which appends the entries of a row in any order.
    pub(crate) fn from_rows(num_rows: usize, row: &mut AppendRow<'_, F>) -> Result<Self, Error> {
        let mut rows = Self::with_capacity(num_rows, 0)?;
        let mut entries = Vec::new();
        for index in 0..num_rows {
            entries.clear();
            row(index, &mut entries)?;
            rows.push(&mut entries)?;
        }
        rows.shrink_to_fit();
        Ok(rows)
    }

    /// Appends a row whose entries are in any order. Returns whether the row has any.
    pub(super) fn push(&mut self, entries: &mut [(u32, F)]) -> Result<bool, Error> {
        let first = self.columns.len();
        let too_large = || Error::TooLarge { table: Table::Transitions, shape: vec![first + entries.len()] };
        self.columns.try_reserve(entries.len()).map_err(|_| too_large())?;
        self.probabilities.try_reserve(entries.len()).map_err(|_| too_large())?;
        for (column, p) in merged(entries) {
            self.columns.push(column);
            self.probabilities.push(p);
        }
        self.row_offsets.push(self.columns.len());
        Ok(self.columns.len() > first)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.row_offsets.len() - 1
    }

    /// Removes empty rows at the end.
    pub(super) fn truncate(&mut self, num_rows: usize) {
        debug_assert_eq!(self.row_offsets[num_rows], self.columns.len());
        self.row_offsets.truncate(num_rows + 1);
    }

    /// Adds an empty row for each pair without a row. The rows belong to the leading actions of
    /// each state; `counts[s + 1]` is their number in state s.
    pub(super) fn spread(&mut self, num_actions: usize, counts: &[usize]) {
        let (mut row, num_states) = (self.len(), counts.len() - 1);
        // From the end, so that each offset moves to a place that was read before.
        self.row_offsets.resize(num_states * num_actions + 1, 0);
        for state in (0..num_states).rev() {
            for action in (0..num_actions).rev() {
                self.row_offsets[state * num_actions + action + 1] = self.row_offsets[row];
                if action < counts[state + 1] {
                    row -= 1;
                }
            }
        }
    }

    /// Keeps the rows of some pairs of a table with a row for each pair. The others are empty.
    pub(super) fn keep(self, pairs: &PairRows) -> Result<Self, Error> {
        let mut row_offsets = arrays::filled_vec(Table::RowOffsets, pairs.len() + 1, 0)?;
        for (row, end) in row_offsets.iter_mut().skip(1).enumerate() {
            let (state, action) = pairs.pair(row);
            *end = self.row_offsets[state * pairs.num_actions + action + 1];
        }
        Ok(Self { row_offsets, ..self })
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.row_offsets.shrink_to_fit();
        self.columns.shrink_to_fit();
        self.probabilities.shrink_to_fit();
    }

    /// Takes rows that are sorted, without their entries of probability 0.
    pub(super) fn from_parts(
        mut row_offsets: Vec<usize>,
        next_states: Vec<usize>,
        mut probabilities: Vec<F>,
    ) -> Result<Self, Error> {
        let too_large = |_| Error::TooLarge { table: Table::Transitions, shape: vec![next_states.len()] };
        let mut columns = Vec::new();
        columns.try_reserve_exact(next_states.len()).map_err(too_large)?;
        let possible = next_states.iter().zip(&probabilities).filter(|(_, p)| **p > F::zero());
        columns.extend(possible.map(|(&next_state, _)| column(next_state)));
        let (mut first, mut kept) = (0, 0);
        for end in row_offsets.iter_mut().skip(1) {
            kept += probabilities[first..*end].iter().filter(|p| **p > F::zero()).count();
            first = std::mem::replace(end, kept);
        }
        probabilities.retain(|&p| p > F::zero());
        Ok(Self { row_offsets, columns, probabilities })
    }

    /// The first entry that is infinite, because the sum of several overflowed: row, next state and
    /// probability.
    pub(super) fn first_infinite(&self) -> Option<(usize, usize, F)> {
        let entry = self.probabilities.iter().position(|p| p.is_infinite())?;
        let row = self.row_offsets.partition_point(|&first| first <= entry) - 1;
        Some((row, self.columns[entry] as usize, self.probabilities[entry]))
    }

    /// Successors and probabilities of a row.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> (&[u32], &[F]) {
        let entries = self.row_offsets[row]..self.row_offsets[row + 1];
        (&self.columns[entries.clone()], &self.probabilities[entries])
    }

    /// Probabilities of a row.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [F] {
        &mut self.probabilities[self.row_offsets[row]..self.row_offsets[row + 1]]
    }

    /// Successors and probabilities of each row in a range.
    #[inline(always)]
    fn rows(&self, rows: Range<usize>) -> impl Iterator<Item = (&[u32], &[F])> {
        let entries = self.row_offsets[rows.start]..self.row_offsets[rows.end];
        let (mut columns, mut probabilities) = (&self.columns[entries.clone()], &self.probabilities[entries]);
        let ends = &self.row_offsets[rows.start..=rows.end];
        ends.iter().zip(&ends[1..]).map(move |(first, end)| {
            let (row, row_probabilities);
            (row, columns) = columns.split_at(end - first);
            (row_probabilities, probabilities) = probabilities.split_at(end - first);
            (row, row_probabilities)
        })
    }

    /// y = Σ P v of each row, `v` `[s', k]` and `y` `[row, k]`.
    pub(super) fn expectation(&self, rows: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        if k == 1 {
            return self.products(rows, v, y);
        }
        for ((columns, probabilities), y) in self.rows(rows).zip(y.chunks_exact_mut(k)) {
            y.fill(F::zero());
            for (&column, &p) in columns.iter().zip(probabilities) {
                let next_state = column as usize;
                add_scaled(y, p, &v[next_state * k..(next_state + 1) * k]);
            }
        }
    }

    /// y = Σ P v of each row.
    fn products(&self, rows: Range<usize>, v: &[F], y: &mut [F]) {
        let offsets = &self.row_offsets[rows.start..=rows.end];
        let entries = offsets[0]..offsets[offsets.len() - 1];
        dot_sparse_rows(offsets, &self.columns[entries.clone()], &self.probabilities[entries], v, y);
    }

    /// y = τ log Σ P exp(v/τ) of each row, `y` `[row, k]`.
    pub(super) fn log_expectation(&self, rows: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        let k = v.num_columns();
        self.expectation(rows.clone(), k, v.exponentials(), y);
        v.resolve_all(y, |row| {
            let (columns, probabilities) = self.row(rows.start + row);
            columns.iter().zip(probabilities).map(|(&column, &p)| (column as usize, p))
        });
    }

    /// w += Σ P x over the rows, for the successors in `next_states`; `x` `[row, k]`, `w`
    /// `[next_states, k]`.
    pub(crate) fn push_forward(
        &self,
        rows: Range<usize>,
        next_states: Range<usize>,
        k: usize,
        x: &[F],
        w: &mut [F],
    ) {
        for ((columns, probabilities), x) in self.rows(rows).zip(x.chunks_exact(k)) {
            if x.iter().all(|&x| x == F::zero()) {
                continue;
            }
            let first = columns.partition_point(|&column| (column as usize) < next_states.start);
            for (&column, &p) in columns[first..].iter().zip(&probabilities[first..]) {
                let next_state = column as usize;
                if next_state >= next_states.end {
                    break;
                }
                let at = (next_state - next_states.start) * k;
                add_scaled(&mut w[at..at + k], p, x);
            }
        }
    }
}

/// Sorts the entries of a row and returns each successor once, with the sum of its probabilities.
///
/// Probabilities of one successor are added in ascending order, so the result does not depend on
/// the order of the input.
pub(super) fn merged<F: Real>(entries: &mut [(u32, F)]) -> impl Iterator<Item = (u32, F)> {
    if !entries.is_sorted_by(|a, b| a.0 < b.0) {
        entries.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then(a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal))
        });
    }
    let sums = entries.chunk_by(|a, b| a.0 == b.0).map(|same| {
        let sum = same.iter().fold(F::zero(), |sum, &(_, p)| sum + p);
        (same[0].0, sum)
    });
    sums.filter(|&(_, sum)| sum > F::zero())
}

/// Checks rows given by a user: offsets in order, successors ascending and in range, valid
/// probabilities.
pub(super) fn check_parts<F: Real>(
    (num_states, num_actions): (usize, usize),
    row_offsets: &[usize],
    next_states: &[usize],
    probabilities: &[F],
) -> Result<(), Error> {
    let (num_rows, num_entries) = (row_offsets.len() - 1, next_states.len());
    let mut least = 0;
    for (index, &value) in row_offsets.iter().enumerate() {
        let (least_here, most) = match index {
            0 => (0, 0),
            _ if index == num_rows => (num_entries, num_entries),
            _ => (least, num_entries),
        };
        if value < least_here || value > most {
            return Err(Error::InvalidRowOffset { index, value, least: least_here, most });
        }
        least = value;
    }
    for (row, entries) in row_offsets.windows(2).enumerate() {
        let (state, action) = (row / num_actions, row % num_actions);
        let mut previous = None;
        for entry in entries[0]..entries[1] {
            let next_state = next_states[entry];
            check_successor(state, action, next_state, num_states)?;
            if previous >= Some(next_state) {
                return Err(Error::UnsortedSuccessors { state, action, next_state });
            }
            check_probability(state, action, next_state, probabilities[entry])?;
            previous = Some(next_state);
        }
    }
    Ok(())
}
