//! The rows of dynamics, stored by successor.
//!
//! # Measurements
//!
//! `state_occupancy` of a slippery grid of 300 × 300 cells, T = 100, two cores of an Intel Xeon,
//! 2026-11-28: 695 ms by rows, 158 ms by successor.

use std::ops::Range;

use super::Dynamics;
use super::blocks;
use super::compressed::{CompressedRows, MOST_STATES, column};
use super::pairs::PairRows;
use super::sparse::SparseDynamics;
use crate::parallel::{RowsMut, Split};
use crate::{Real, Table, arrays};

/// Stages from which on the copy pays: it costs about as much as six.
const LEAST_STAGES: usize = 8;

/// A copy of all rows: those of successor s' are P(s'∣s,a) for each pair that leads there.
///
/// A push through the rows themselves lets each thread read all of them, and write to places all
/// over its result. By successor, each sum belongs to one thread.
pub(crate) struct BySuccessor<F>(SparseDynamics<F>); // as rows of one action, whose columns name pairs

impl<F: Real> BySuccessor<F> {
    /// For pushes through a number of stages that share these dynamics. `None` where a copy does
    /// not pay, or finds no memory.
    pub(crate) fn new<D>(dynamics: &D, num_stages: usize) -> Option<Self>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let has_place = num_states.checked_mul(num_actions).is_some_and(|pairs| pairs <= MOST_STATES);
        let is_short = !blocks::Size::of(dynamics).has_full_rows(); // threads read full rows in parts
        if !has_place || !is_short || num_stages < LEAST_STAGES || dynamics.has_faint_successors() {
            return None;
        }
        let mut ends = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0_usize).ok()?;
        let for_each = |visit: &mut dyn FnMut(usize, usize, F)| {
            for pair in 0..num_states * num_actions {
                let (state, action) = (pair / num_actions, pair % num_actions);
                dynamics.for_each_successor(state, action, &mut |next_state, p| visit(pair, next_state, p));
            }
        };
        for_each(&mut |_, next_state, _| ends[next_state + 1] += 1);
        (0..num_states).for_each(|state| ends[state + 1] += ends[state]);
        let num_entries = ends[num_states];
        // Dynamics need not report how many successors there are.
        if num_entries / num_states / num_actions >= blocks::MANY_SUCCESSORS {
            return None;
        }
        let mut columns = arrays::filled_vec(Table::Transitions, num_entries, 0_u32).ok()?;
        let mut probabilities = arrays::filled_vec(Table::Transitions, num_entries, F::zero()).ok()?;
        let mut places = ends.clone();
        for_each(&mut |pair, next_state, p| {
            let place = &mut places[next_state];
            (columns[*place], probabilities[*place]) = (column(pair), p);
            *place += 1;
        });
        let rows = CompressedRows { row_offsets: ends, columns, probabilities };
        Some(Self(SparseDynamics { pairs: PairRows::all(num_states, 1), rows, share: None }))
    }

    /// Writes w = Σ P x over all pairs, for every successor; `x` `[s, a]`, `w` `[s']`.
    pub(crate) fn push(&self, x: &[F], w: &mut [F]) {
        self.for_each_block(x, w, (), &|_, _, ()| {});
    }

    /// [`push`](Self::push), and then `block(next_states, w, outputs)` for each block of
    /// successors, while it is in cache.
    pub(crate) fn for_each_block<O: Split>(
        &self,
        x: &[F],
        w: &mut [F],
        outputs: O,
        block: &(impl Fn(Range<usize>, &mut [F], O) + Sync),
    ) {
        let outputs = (RowsMut::column(w), outputs);
        let pushed = blocks::for_each_block(&self.0, outputs, &|next_states, (w, outputs)| {
            self.0.expectation(next_states.clone(), 1, x, w.data);
            block(next_states, w.data, outputs);
            Ok(())
        });
        debug_assert!(pushed.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_successor_are_those_of_a_push() {
        // Rows of 0 to 3 successors, and one successor that is named twice.
        let rows =
            |s: usize, a: usize| (0..(s + a) % 4).map(move |i| ((s * s + i * i + a) % 7, 0.1 + i as f64));
        let dynamics = SparseDynamics::from_fn(7, 3, rows).unwrap();
        let x: Vec<f64> = (0..21).map(f64::from).collect();
        let (mut expected, mut found) = (vec![0.0; 7], vec![f64::NAN; 7]);
        dynamics.push_forward(0..7, 0..7, 1, &x, &mut expected);
        BySuccessor::new(&dynamics, LEAST_STAGES).unwrap().push(&x, &mut found);
        assert_eq!(found, expected);
        assert!(BySuccessor::new(&dynamics, LEAST_STAGES - 1).is_none());
    }
}
