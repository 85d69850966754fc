//! The pairs of sparse dynamics that have a row.
//!
//! In models with very different numbers of actions, most pairs do not exist. Then only the actions
//! 0, 1, … of each state up to its last possible one have a row, and memory does not grow with S·A.

use std::ops::Range;

/// The row of each pair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PairRows {
    pub(super) num_states: usize,
    pub(super) num_actions: usize,
    /// `[s + 1]`: the first row of each state, for its leading actions. `None`: each pair has a
    /// row.
    first_rows: Option<Vec<usize>>,
}

impl PairRows {
    /// One row for each pair.
    pub(super) fn all(num_states: usize, num_actions: usize) -> Self {
        Self { num_states, num_actions, first_rows: None }
    }

    /// Rows for the leading actions of each state. `counts[s + 1]` is their number in state s, and
    /// `counts[0]` is 0.
    ///
    /// If they do not [`pay`](Self::pay), each pair gets a row.
    pub(super) fn leading(num_actions: usize, mut counts: Vec<usize>) -> Self {
        let num_states = counts.len() - 1;
        if !Self::pay(num_actions, &counts) {
            return Self::all(num_states, num_actions);
        }
        for state in 0..num_states {
            counts[state + 1] += counts[state];
        }
        Self { num_states, num_actions, first_rows: Some(counts) }
    }

    /// Whether rows for the leading actions of each state take less than half of the memory.
    pub(super) fn pay(num_actions: usize, counts: &[usize]) -> bool {
        let num_states = counts.len() - 1;
        let num_rows: usize = counts.iter().sum();
        (num_rows + num_states).saturating_mul(2) < num_states * num_actions
    }

    /// Whether each pair has a row.
    pub(super) fn are_all(&self) -> bool {
        self.first_rows.is_none()
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.of(0..self.num_states).end
    }

    /// The rows of some states. Those of one state belong to its actions 0, 1, ….
    #[inline]
    pub(super) fn of(&self, states: Range<usize>) -> Range<usize> {
        match &self.first_rows {
            None => states.start * self.num_actions..states.end * self.num_actions,
            Some(first_rows) => first_rows[states.start]..first_rows[states.end],
        }
    }

    /// The row of a pair.
    #[inline]
    pub(super) fn row(&self, state: usize, action: usize) -> Option<usize> {
        assert!(action < self.num_actions, "action {action} of {}", self.num_actions);
        match &self.first_rows {
            None => Some(state * self.num_actions + action),
            Some(first_rows) => {
                let row = first_rows[state] + action;
                (row < first_rows[state + 1]).then_some(row)
            }
        }
    }

    /// The pair of a row.
    pub(super) fn pair(&self, row: usize) -> (usize, usize) {
        match &self.first_rows {
            None => (row / self.num_actions, row % self.num_actions),
            Some(first_rows) => {
                let state = first_rows.partition_point(|&first| first <= row) - 1;
                (state, row - first_rows[state])
            }
        }
    }

    /// Calls `run(rows, y)` for rows that follow each other, with their part of `y`, `[s, a, k]`
    /// over `states`. Calls `absent(y)` with the part of pairs without a row.
    #[inline]
    pub(super) fn for_each_run<F>(
        &self,
        states: Range<usize>,
        k: usize,
        y: &mut [F],
        mut run: impl FnMut(Range<usize>, &mut [F]),
        mut absent: impl FnMut(&mut [F]),
    ) {
        if self.are_all() {
            return run(self.of(states), y);
        }
        for (state, y) in states.zip(y.chunks_exact_mut(self.num_actions * k)) {
            let rows = self.of(state..state + 1);
            let (present, rest) = y.split_at_mut(rows.len() * k);
            if !present.is_empty() {
                run(rows, present);
            }
            absent(rest);
        }
    }
}
