//! Mixes the actions of compressed rows into one row per state, Σ_a w(s,a) P(s'∣s,a).

use std::sync::atomic::{AtomicBool, Ordering};

use super::Dynamics;
use super::blocks;
use super::compressed::CompressedRows;
use super::pairs::PairRows;
use crate::parallel::{RowsMut, Split};
use crate::{Error, Real, Table, arrays};

/// The entries of the mixed rows of some states, to be written.
struct Entries<'a, F> {
    row_offsets: &'a [usize], // [row + 1]
    columns: &'a mut [u32],
    probabilities: &'a mut [F],
}

impl<F: Send> Split for Entries<'_, F> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let cut = self.row_offsets[states] - self.row_offsets[0];
        let (columns, columns_rest) = self.columns.split_at_mut(cut);
        let (probabilities, probabilities_rest) = self.probabilities.split_at_mut(cut);
        let (row_offsets, rest) = (&self.row_offsets[..=states], &self.row_offsets[states..]);
        let rest = Self { row_offsets: rest, columns: columns_rest, probabilities: probabilities_rest };
        (Self { row_offsets, columns, probabilities }, rest)
    }
}

impl<F: Real> CompressedRows<F> {
    /// Mixes these rows of pairs of `dynamics` by `weights`, `[s, a]`. Returns `None` if a
    /// term underflows (see [`Dynamics::mix_actions`]) or memory is exhausted.
    pub(super) fn mixed<D: Dynamics + ?Sized>(
        &self,
        dynamics: &D,
        pairs: &PairRows,
        weights: &[F],
    ) -> Option<Self> {
        assert_eq!(weights.len(), pairs.num_states * pairs.num_actions, "a weight for each pair");
        self.try_mix(dynamics, pairs, weights).ok().flatten()
    }

    fn try_mix<D: Dynamics + ?Sized>(
        &self,
        dynamics: &D,
        pairs: &PairRows,
        weights: &[F],
    ) -> Result<Option<Self>, Error> {
        let num_states = pairs.num_states;
        // Counting comes first, so that any thread can write a row to its place.
        let mut row_offsets = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        let is_lossless = AtomicBool::new(true);
        let counts = RowsMut::column(&mut row_offsets[1..]);
        blocks::for_each_block(dynamics, counts, &|states, counts| {
            let mut merge = Merge::new(self, pairs, weights);
            for (state, count) in states.zip(counts.data) {
                merge.row(state, |_, _| *count += 1);
            }
            is_lossless.fetch_and(merge.is_lossless, Ordering::Relaxed);
            Ok(())
        })?;
        if !is_lossless.into_inner() {
            return Ok(None);
        }
        (0..num_states).for_each(|state| row_offsets[state + 1] += row_offsets[state]);
        let num_entries = row_offsets[num_states];
        let mut columns = arrays::filled_vec(Table::Transitions, num_entries, 0_u32)?;
        let mut probabilities = arrays::filled_vec(Table::Transitions, num_entries, F::zero())?;
        let entries =
            Entries { row_offsets: &row_offsets, columns: &mut columns, probabilities: &mut probabilities };
        blocks::for_each_block(dynamics, entries, &|states, entries| {
            let mut merge = Merge::new(self, pairs, weights);
            let mut places = entries.columns.iter_mut().zip(entries.probabilities);
            for state in states {
                merge.row(state, |column, p| {
                    if let Some(place) = places.next() {
                        (*place.0, *place.1) = (column, p);
                    }
                });
            }
            Ok(())
        })?;
        Ok(Some(Self { row_offsets, columns, probabilities }))
    }
}

/// Merges the rows of a state, which ascend.
struct Merge<'a, F> {
    rows: &'a CompressedRows<F>,
    pairs: &'a PairRows,
    weights: &'a [F],              // [s, a]
    heads: Vec<(usize, usize, F)>, // of unfinished rows: next entry, end, weight
    is_lossless: bool,
}

impl<'a, F: Real> Merge<'a, F> {
    fn new(rows: &'a CompressedRows<F>, pairs: &'a PairRows, weights: &'a [F]) -> Self {
        Self { rows, pairs, weights, heads: Vec::new(), is_lossless: true }
    }

    /// Calls `keep(successor, probability)` for the mixed row of a state, in ascending order.
    fn row(&mut self, state: usize, mut keep: impl FnMut(u32, F)) {
        let CompressedRows { row_offsets, columns, probabilities } = self.rows;
        let weights = &self.weights[state * self.pairs.num_actions..];
        self.heads.clear();
        for (row, &weight) in self.pairs.of(state..state + 1).zip(weights) {
            let (first, end) = (row_offsets[row], row_offsets[row + 1]);
            if weight > F::zero() && first < end {
                self.heads.push((first, end, weight));
            }
        }
        while let Some(column) = self.heads.iter().map(|&(head, ..)| columns[head]).min() {
            let (mut sum, mut is_used_up) = (F::zero(), false);
            for (head, end, weight) in &mut self.heads {
                if columns[*head] == column {
                    let term = *weight * probabilities[*head];
                    self.is_lossless &= term >= F::min_positive_value();
                    sum += term;
                    *head += 1;
                    is_used_up |= *head == *end;
                }
            }
            if is_used_up {
                self.heads.retain(|(head, end, _)| head < end);
            }
            keep(column, sum);
        }
    }
}
