//! Sorts transitions in any order into compressed rows.

use super::compressed::{CompressedRows, column, merged};
use crate::{Error, Real, Table, arrays};

/// Transitions in any order, without those of probability 0.
#[derive(Debug)]
pub(super) struct Triplets<F> {
    pub(super) rows: Vec<usize>,
    columns: Vec<u32>,
    probabilities: Vec<F>,
}

impl<F: Real> Triplets<F> {
    /// Collects `(row, next_state, probability)`.
    pub(super) fn collect(
        triplets: impl Iterator<Item = Result<(usize, usize, F), Error>>,
    ) -> Result<Self, Error> {
        let mut all = Self { rows: Vec::new(), columns: Vec::new(), probabilities: Vec::new() };
        all.reserve(triplets.size_hint().0, true)?;
        for triplet in triplets {
            let (row, next_state, p) = triplet?;
            if p > F::zero() {
                if all.rows.len() == all.rows.capacity() {
                    all.reserve(1, false)?;
                }
                all.rows.push(row);
                all.columns.push(column(next_state));
                all.probabilities.push(p);
            }
        }
        Ok(all)
    }

    /// Allocates memory for more entries: exactly so many, or at least so many.
    fn reserve(&mut self, num_more: usize, is_exact: bool) -> Result<(), Error> {
        fn reserve<T>(entries: &mut Vec<T>, num_more: usize, is_exact: bool) -> Result<(), Error> {
            let len = entries.len().saturating_add(num_more);
            let result =
                if is_exact { entries.try_reserve_exact(num_more) } else { entries.try_reserve(num_more) };
            result.map_err(|_| Error::TooLarge { table: Table::Transitions, shape: vec![len] })
        }
        reserve(&mut self.rows, num_more, is_exact)?;
        reserve(&mut self.columns, num_more, is_exact)?;
        reserve(&mut self.probabilities, num_more, is_exact)
    }

    /// Sorts the entries into rows. Besides the rows, it allocates one index per row, unless the
    /// entries come row by row.
    pub(super) fn into_rows(mut self, num_rows: usize) -> Result<CompressedRows<F>, Error> {
        // From the length of each row to its offset.
        let mut row_offsets = arrays::filled_vec(Table::RowOffsets, num_rows + 1, 0)?;
        self.rows.iter().for_each(|&row| row_offsets[row + 1] += 1);
        (0..num_rows).for_each(|row| row_offsets[row + 1] += row_offsets[row]);
        if !self.rows.is_sorted() {
            self.permute(&row_offsets)?;
        }
        let Self { rows, columns, probabilities } = self;
        drop(rows);
        let mut rows = CompressedRows { row_offsets, columns, probabilities };
        sort_and_merge(&mut rows);
        Ok(rows)
    }

    /// Moves every entry to its row, in place: each swap puts one entry into its row.
    fn permute(&mut self, row_offsets: &[usize]) -> Result<(), Error> {
        let num_rows = row_offsets.len() - 1;
        let mut open = arrays::filled_vec(Table::RowOffsets, num_rows, 0)?; // first unsettled place of each row
        open.copy_from_slice(&row_offsets[..num_rows]);
        for row in 0..num_rows {
            while open[row] < row_offsets[row + 1] {
                let here = open[row];
                let there = open[self.rows[here]];
                open[self.rows[here]] += 1;
                if here != there {
                    self.rows.swap(here, there);
                    self.columns.swap(here, there);
                    self.probabilities.swap(here, there);
                }
            }
        }
        Ok(())
    }
}

/// Sorts the entries of every row, adds up entries of the same successor and closes the gaps.
fn sort_and_merge<F: Real>(rows: &mut CompressedRows<F>) {
    let (mut first, mut kept) = (0, 0);
    let mut entries = Vec::new();
    for row in 0..rows.row_offsets.len() - 1 {
        let end = rows.row_offsets[row + 1];
        entries.clear();
        entries.extend((first..end).map(|i| (rows.columns[i], rows.probabilities[i])));
        for (column, p) in merged(&mut entries) {
            (rows.columns[kept], rows.probabilities[kept]) = (column, p);
            kept += 1;
        }
        rows.row_offsets[row + 1] = kept;
        first = end;
    }
    rows.columns.truncate(kept);
    rows.probabilities.truncate(kept);
    rows.shrink_to_fit();
}
