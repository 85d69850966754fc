//! Mixes the actions of compressed rows into one row per state, Σ_a w(s,a) P(s'∣s,a).
//!
//! A mixed row is at most as long as the rows that it mixes. So any thread can write it to their
//! place, without counting its entries first. The gaps are closed afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Dynamics;
use super::blocks;
use super::compressed::CompressedRows;
use crate::parallel::{RowsMut, Split};
use crate::{Error, Real, Table, arrays};

/// The places of the mixed rows of some states. Each place has the length of the rows to be mixed.
struct Places<'a, F> {
    row_offsets: &'a [usize], // [s · A + a] of the rows to be mixed, and one more
    num_actions: usize,
    columns: &'a mut [u32],
    probabilities: &'a mut [F],
}

impl<F: Send> Split for Places<'_, F> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let num_actions = self.num_actions;
        let (row_offsets, rest) =
            (&self.row_offsets[..=states * num_actions], &self.row_offsets[states * num_actions..]);
        let cut = rest[0] - row_offsets[0];
        let (columns, columns_rest) = self.columns.split_at_mut(cut);
        let (probabilities, probabilities_rest) = self.probabilities.split_at_mut(cut);
        let rest =
            Self { row_offsets: rest, num_actions, columns: columns_rest, probabilities: probabilities_rest };
        (Self { row_offsets, num_actions, columns, probabilities }, rest)
    }
}

impl<F: Real> CompressedRows<F> {
    /// Mixes these rows, which belong to `dynamics`, by `weights`, `[s, a]`. Returns `None` if a
    /// term underflows (see [`Dynamics::mix_actions`]) or memory is exhausted.
    pub(super) fn mixed<D: Dynamics + ?Sized>(&self, dynamics: &D, weights: &[F]) -> Option<Self> {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        assert_eq!(weights.len(), num_states * num_actions, "a weight for each pair");
        self.try_mix(dynamics, weights).ok().flatten()
    }

    fn try_mix<D: Dynamics + ?Sized>(&self, dynamics: &D, weights: &[F]) -> Result<Option<Self>, Error> {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let mut row_offsets = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        let mut columns = arrays::filled_vec(Table::Transitions, self.columns.len(), 0_u32)?;
        let mut probabilities = arrays::filled_vec(Table::Transitions, self.columns.len(), F::zero())?;
        let is_lossless = AtomicBool::new(true);
        let lengths = RowsMut { data: &mut row_offsets[1..], width: 1 };
        let places = Places {
            row_offsets: &self.row_offsets,
            num_actions,
            columns: &mut columns,
            probabilities: &mut probabilities,
        };
        blocks::for_each_block(dynamics, (lengths, places), &|states, (lengths, places)| {
            let mut merge = Merge::new(self, weights, num_actions);
            let firsts = places.row_offsets.iter().step_by(num_actions);
            for ((state, length), first) in states.zip(lengths.data).zip(firsts) {
                merge.row(state, |column, p| {
                    let place = first - places.row_offsets[0] + *length;
                    (places.columns[place], places.probabilities[place]) = (column, p);
                    *length += 1;
                });
            }
            is_lossless.fetch_and(merge.is_lossless, Ordering::Relaxed);
            Ok(())
        })?;
        if !is_lossless.into_inner() {
            return Ok(None);
        }
        // Close the gaps, and turn the length of each row into its end.
        let mut kept = 0;
        for (end, &first) in row_offsets[1..].iter_mut().zip(self.row_offsets.iter().step_by(num_actions)) {
            let entries = first..first + *end;
            columns.copy_within(entries.clone(), kept);
            probabilities.copy_within(entries, kept);
            kept += *end;
            *end = kept;
        }
        columns.truncate(kept);
        probabilities.truncate(kept);
        columns.shrink_to_fit();
        probabilities.shrink_to_fit();
        Ok(Some(Self { row_offsets, columns, probabilities }))
    }
}

/// Merges the rows of a state, which ascend.
struct Merge<'a, F> {
    rows: &'a CompressedRows<F>,
    weights: &'a [F], // [s, a]
    num_actions: usize,
    heads: Vec<(usize, usize, F)>, // of unfinished rows: next entry, end, weight
    is_lossless: bool,
}

impl<'a, F: Real> Merge<'a, F> {
    fn new(rows: &'a CompressedRows<F>, weights: &'a [F], num_actions: usize) -> Self {
        Self { rows, weights, num_actions, heads: Vec::with_capacity(num_actions), is_lossless: true }
    }

    /// Calls `keep(successor, probability)` for the mixed row of a state, in ascending order.
    fn row(&mut self, state: usize, mut keep: impl FnMut(u32, F)) {
        let CompressedRows { row_offsets, columns, probabilities } = self.rows;
        let pairs = state * self.num_actions..(state + 1) * self.num_actions;
        self.heads.clear();
        for pair in pairs {
            let (first, end, weight) = (row_offsets[pair], row_offsets[pair + 1], self.weights[pair]);
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
