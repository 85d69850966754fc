//! Sections: the parts of a chain that are walked over, and summed, each for itself.
//!
//! A walk solves a triangular system state by state, and a sum has an order. If both went over all
//! states, one thread would do all the work; if they went over a part for each thread, results
//! would depend on the number of threads. So they go over sections, which depend on the model
//! alone: runs of neighbouring states, up to [`MOST`] of them, with about equal numbers of
//! transitions. Threads share the sections. Sums of sections are added in the order of the states.
//!
//! In a walk, each state waits for the one before, longer than its own sum takes. So a thread walks
//! over the two sections of a pair side by side, if there are enough pairs for all threads.
//!
//! # Measurements
//!
//! Newton's method to a bound of 1e−6, in one run on two cores of an Intel Xeon, 2026-11-28. On the
//! left in one section, walked over by one thread:
//!
//! | slippery grid, γ = .9999 | sections | passes | time | passes | one thread | two threads |
//! |---|---|---|---|---|---|---|
//! | 200 × 200 | 4 | 894 | 2.1 s | 973 | 1.6 s | 1.2 s |
//! | 400 × 400 | 16 | 931 | 8.7 s | 1113 | 7.7 s | 4.7 s |
//!
//! Without pairs, the larger grid took 9.1 s on one thread and 6.0 s on two, in 8 sections.

use std::ops::Range;

use crate::Dynamics;
use crate::parallel::{PARALLEL_ENTRIES, Split, first_end, num_threads, run_ranges};

/// States of a section. Walks within smaller sections carry less far, and solves take more passes;
/// below some 600 states they may take many times as many.
const STATES: usize = 1 << 13;

/// The most sections.
const MOST: usize = 64;

/// The least number of states of a section, where some states have far more transitions than
/// others.
const LEAST_STATES: usize = STATES / 4;

/// States, cut into sections.
#[derive(Debug, Clone)]
pub(crate) struct Sections {
    ends: Vec<usize>,      // one at least
    pair_ends: Vec<usize>, // of two neighbouring sections each; the last may be one
}

impl Sections {
    /// The sections of a model: runs of about equal work. The work of a state is its transitions
    /// and, so that no section is too long, the mean of all states. Models whose vectors are not
    /// worth several threads have one section.
    pub(crate) fn of<D: Dynamics + ?Sized>(dynamics: &D) -> Self {
        let num_states = dynamics.num_states();
        let is_parallel = num_states >= PARALLEL_ENTRIES;
        // A power of two, so that threads and pairs come out even.
        let num = if is_parallel { 1 << (num_states / STATES).clamp(1, MOST).ilog2() } else { 1 };
        let total = dynamics.work(0..num_states);
        let work = |end: usize| {
            (dynamics.work(0..end) as f64) / total.max(1) as f64 + end as f64 / num_states as f64
        };
        let mut ends = Vec::with_capacity(num);
        let mut first = 0;
        for section in 1..num {
            // The sections that follow need states too.
            let (least, most) = (first + LEAST_STATES, num_states - (num - section) * LEAST_STATES);
            let share = 2.0 * section as f64 / num as f64;
            first = first_end(least..most, |end| work(end) < share);
            ends.push(first);
        }
        ends.push(num_states);
        Self::ending_at(&ends)
    }

    /// Sections that end at these states.
    pub(super) fn ending_at(ends: &[usize]) -> Self {
        let pair_ends = ends.chunks(2).filter_map(|pair| pair.last().copied()).collect();
        Self { ends: ends.to_vec(), pair_ends }
    }

    /// The number of states.
    pub(crate) fn num_states(&self) -> usize {
        self.ends[self.ends.len() - 1]
    }

    /// Whether one section holds all states.
    pub(crate) fn is_single(&self) -> bool {
        self.ends.len() == 1
    }

    /// The sections, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| start..end)
    }

    /// The section of a state.
    pub(crate) fn of_state(&self, state: usize) -> Range<usize> {
        let index = self.ends.partition_point(|&end| end <= state);
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[index]
    }

    /// The two sections of a pair. If there is only one, the second is empty.
    pub(crate) fn of_pair(&self, pair: &Range<usize>) -> [Range<usize>; 2] {
        let first = self.of_state(pair.start);
        [first.clone(), first.end..pair.end]
    }

    /// Runs `pair(states, outputs)` for all pairs of neighbouring sections, on several threads. If
    /// there are more threads than pairs, each section is a pair of its own.
    pub(crate) fn run<O: Split>(&self, outputs: O, pair: &(dyn Fn(Range<usize>, O) + Sync)) {
        if self.is_single() {
            return pair(0..self.num_states(), outputs);
        }
        let has_pairs = self.pair_ends.len() >= num_threads();
        run_ranges(0, if has_pairs { &self.pair_ends } else { &self.ends }, outputs, pair);
    }

    /// Runs `section(states, outputs)` for all sections, on several threads, and joins the results
    /// in the order of the states.
    pub(crate) fn fold<O: Split, R: Send>(
        &self,
        outputs: O,
        section: &(dyn Fn(Range<usize>, O) -> R + Sync),
        join: impl Fn(R, R) -> R,
    ) -> R {
        if self.is_single() {
            return section(0..self.num_states(), outputs);
        }
        let mut results = run_ranges(0, &self.ends, outputs, section).into_iter();
        let first = results.next().unwrap_or_else(|| unreachable!("there is a section"));
        results.fold(first, join)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SparseDynamics;

    fn lengths(num_states: usize, successors: impl Fn(usize) -> usize) -> Vec<usize> {
        let row = |state: usize, _| {
            let number = successors(state);
            (0..number).map(move |k| ((state + k) % num_states, 1.0 / number as f64)).collect::<Vec<_>>()
        };
        let dynamics = SparseDynamics::<f64>::from_fn(num_states, 1, row).unwrap();
        let sections = Sections::of(&dynamics);
        assert_eq!(sections.num_states(), num_states);
        for section in sections.iter() {
            assert_eq!(sections.of_state(section.start), section);
            assert_eq!(sections.of_state(section.end - 1), section);
        }
        sections.iter().map(|section| section.len()).collect()
    }

    #[test]
    fn sections_have_equal_work_and_enough_states() {
        assert_eq!(lengths(1, |_| 1), [1]);
        assert_eq!(lengths(PARALLEL_ENTRIES - 1, |_| 1), [PARALLEL_ENTRIES - 1]);
        assert_eq!(lengths(4 * STATES, |_| 1), [STATES; 4]);
        assert_eq!(lengths(7 * STATES, |_| 1), [7 * STATES / 4; 4]);
        assert_eq!(lengths(2 * MOST * STATES, |_| 1), [2 * STATES; MOST]);
        // Some states have most of the transitions.
        let uneven = lengths(4 * STATES, |state| if state < STATES { 7 } else { 1 });
        assert_eq!(uneven, [4312, 5051, 11_703, 11_702]); // 9.5 and 3.5 a state, of 4 · 40,960
        let steep = lengths(4 * STATES, |state| if state < 100 { 10_000 } else { 1 });
        assert!(steep[..2] == [LEAST_STATES; 2], "{steep:?}");
        let steep = lengths(4 * STATES, |state| if state > 4 * STATES - 100 { 10_000 } else { 1 });
        assert!(steep[2..] == [LEAST_STATES; 2], "{steep:?}");
    }

    #[test]
    fn results_are_joined_in_order() {
        let sections = Sections::ending_at(&[2, 3, 7]);
        let mut found = [0; 7];
        let outputs = crate::parallel::RowsMut::column(&mut found[..]);
        let all = sections.fold(
            outputs,
            &|section, outputs| {
                outputs.data.fill(section.start);
                vec![section]
            },
            |mut all, next| {
                all.extend(next);
                all
            },
        );
        assert_eq!(all, [0..2, 2..3, 3..7]);
        assert_eq!(found, [0, 0, 2, 3, 3, 3, 3]);
    }
}
