//! Transition tables of which only the possible transitions are stored.

use std::ops::Range;

use super::dense::{check_not_empty, check_probability, check_successor};
use super::{Dynamics, for_each_row};
use crate::kernels::add_scaled;
use crate::{Error, LogBlock, Real, Table, tables};

/// Transition probabilities in compressed rows: for each pair (s,a), its successors and their probabilities.
///
/// Row `s · A + a` holds the pair (s,a). A clone copies the table; a model shares it instead.
///
/// # Example
///
/// ```
/// use softmdp::{Dynamics, SparseDynamics};
///
/// // (state, action, next state, probability), in any order; what is listed twice is summed.
/// let dynamics =
///     SparseDynamics::from_triplets(2, 1, [(1, 0, 1, 1.0), (0, 0, 1, 0.25), (0, 0, 0, 0.5), (0, 0, 1, 0.25)])?;
/// let mut row = Vec::new();
/// dynamics.for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
/// assert_eq!(row, [(0, 0.5), (1, 0.5)]);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseDynamics<F = f64> {
    num_states: usize,
    num_actions: usize,
    row_offsets: Vec<usize>, // [s · A + a], and one more
    next_states: Vec<usize>, // ascending within a row
    probabilities: Vec<F>,   // beside next_states
}

impl<F: Real> SparseDynamics<F> {
    /// Takes compressed rows as they are: row `s · A + a` has the entries
    /// `row_offsets[row]..row_offsets[row + 1]` of `next_states` and `probabilities`, next states ascending.
    ///
    /// # Shapes
    ///
    /// `row_offsets` `[S · A + 1]`, from 0 to the number of entries; `next_states` and `probabilities` of equal
    /// length.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`] if S · A cannot be counted, [`Error::ShapeMismatch`],
    /// [`Error::InvalidRowOffset`], [`Error::SuccessorOutOfRange`], [`Error::UnsortedSuccessors`] (also for a
    /// successor that is listed twice), [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// let dynamics = SparseDynamics::new(2, 1, vec![0, 2, 3], vec![0, 1, 1], vec![0.5, 0.5, 1.0])?;
    /// assert_eq!(dynamics.num_transitions(), 3);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn new(
        num_states: usize,
        num_actions: usize,
        row_offsets: Vec<usize>,
        next_states: Vec<usize>,
        probabilities: Vec<F>,
    ) -> Result<Self, Error> {
        let num_rows = num_rows(num_states, num_actions)?;
        tables::check_shape(Table::RowOffsets, &[row_offsets.len()], &[num_rows + 1])?;
        tables::check_shape(Table::Transitions, &[probabilities.len()], &[next_states.len()])?;
        let num_entries = next_states.len();
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
        let dynamics = Self { num_states, num_actions, row_offsets, next_states, probabilities };
        for row in 0..num_rows {
            let (state, action) = (row / num_actions, row % num_actions);
            let (next_states, probabilities) = dynamics.row(state, action);
            let mut previous = None;
            for (&next_state, &p) in next_states.iter().zip(probabilities) {
                check_successor(state, action, next_state, num_states)?;
                if previous >= Some(next_state) {
                    return Err(Error::UnsortedSuccessors { state, action, next_state });
                }
                check_probability(state, action, next_state, p)?;
                previous = Some(next_state);
            }
        }
        Ok(dynamics)
    }

    /// Collects transitions `(state, action, next_state, probability)` that come in any order.
    ///
    /// Transitions that are listed more than once are summed, in the order in which they come; those of
    /// probability 0 are not stored.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::StateOutOfRange`], [`Error::ActionOutOfRange`],
    /// [`Error::SuccessorOutOfRange`], [`Error::InvalidTransition`].
    ///
    /// # Complexity
    ///
    /// For n transitions, time O(n log n), extra memory O(n + S·A).
    pub fn from_triplets(
        num_states: usize,
        num_actions: usize,
        transitions: impl IntoIterator<Item = (usize, usize, usize, F)>,
    ) -> Result<Self, Error> {
        let num_rows = num_rows(num_states, num_actions)?;
        let mut entries = Vec::new();
        for (state, action, next_state, p) in transitions {
            if state >= num_states {
                return Err(Error::StateOutOfRange { table: Table::Transitions, state, num_states });
            }
            if action >= num_actions {
                return Err(Error::ActionOutOfRange { state, action, num_actions });
            }
            check_successor(state, action, next_state, num_states)?;
            check_probability(state, action, next_state, p)?;
            entries.push((state * num_actions + action, next_state, p));
        }
        // Stable, so that duplicates are summed in the order in which they came.
        entries.sort_by_key(|&(row, next_state, _)| (row, next_state));
        let mut rows = Rows::with_capacity(num_rows, entries.len())?;
        let mut entries = entries.into_iter().peekable();
        for row in 0..num_rows {
            while let Some((_, next_state, p)) = entries.next_if(|&(r, ..)| r == row) {
                rows.add(next_state, p);
            }
            rows.finish();
        }
        rows.into_dynamics(num_states, num_actions)
    }

    /// Makes the rows from the successors of each pair: `successors(state, action)` yields
    /// `(next_state, probability)` in any order, and one that is named twice counts with the sum.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::SuccessorOutOfRange`], [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// let n = 1000;
    /// let drift = SparseDynamics::from_fn(n, 1, |state, _| [((state + 1) % n, 0.9), (state, 0.1)])?;
    /// assert_eq!(drift.num_transitions(), 2 * n);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_fn<I>(
        num_states: usize,
        num_actions: usize,
        mut successors: impl FnMut(usize, usize) -> I,
    ) -> Result<Self, Error>
    where
        I: IntoIterator<Item = (usize, F)>,
    {
        let mut rows = Rows::with_capacity(num_rows(num_states, num_actions)?, 0)?;
        let mut entries = Vec::new();
        for state in 0..num_states {
            for action in 0..num_actions {
                entries.clear();
                entries.extend(successors(state, action));
                for &(next_state, p) in &entries {
                    check_successor(state, action, next_state, num_states)?;
                    check_probability(state, action, next_state, p)?;
                }
                entries.sort_by_key(|&(next_state, _)| next_state);
                entries.iter().for_each(|&(next_state, p)| rows.add(next_state, p));
                rows.finish();
            }
        }
        rows.into_dynamics(num_states, num_actions)
    }

    /// Copies any dynamics into compressed rows.
    ///
    /// # Errors
    ///
    /// Those of [`from_fn`](Self::from_fn).
    pub fn from_dynamics<D>(dynamics: &D) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        Self::from_fn(dynamics.num_states(), dynamics.num_actions(), |state, action| {
            let mut row = Vec::new();
            dynamics.for_each_successor(state, action, &mut |next_state, p| row.push((next_state, p)));
            row
        })
    }

    /// Number of stored transitions.
    #[must_use]
    pub fn num_transitions(&self) -> usize {
        self.probabilities.len()
    }

    /// Successors and probabilities of a pair.
    #[inline]
    fn row(&self, state: usize, action: usize) -> (&[usize], &[F]) {
        let row = state * self.num_actions + action;
        let entries = self.row_offsets[row]..self.row_offsets[row + 1];
        (&self.next_states[entries.clone()], &self.probabilities[entries])
    }
}

/// S · A, if there is such a number and it is not 0.
fn num_rows(num_states: usize, num_actions: usize) -> Result<usize, Error> {
    let shape = [num_states, num_actions];
    check_not_empty(Table::Transitions, &shape)?;
    (num_states.checked_mul(num_actions).filter(|&rows| rows < usize::MAX))
        .ok_or_else(|| Error::TooLarge { table: Table::Transitions, shape: shape.to_vec() })
}

/// Compressed rows in the making; entries of a row arrive in ascending order.
struct Rows<F> {
    row_offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
}

impl<F: Real> Rows<F> {
    fn with_capacity(num_rows: usize, num_entries: usize) -> Result<Self, Error> {
        let mut row_offsets = Vec::new();
        (row_offsets.try_reserve_exact(num_rows + 1))
            .map_err(|_| Error::TooLarge { table: Table::RowOffsets, shape: vec![num_rows + 1] })?;
        row_offsets.push(0);
        Ok(Self {
            row_offsets,
            next_states: Vec::with_capacity(num_entries),
            probabilities: Vec::with_capacity(num_entries),
        })
    }

    /// Adds an entry to the current row: to the one before it, if that has the same next state.
    fn add(&mut self, next_state: usize, p: F) {
        let first = self.row_offsets.last().copied().unwrap_or(0);
        match (self.next_states[first..].last(), self.probabilities.last_mut()) {
            _ if p == F::zero() => {}
            (Some(&last), Some(sum)) if last == next_state => *sum += p,
            _ => {
                self.next_states.push(next_state);
                self.probabilities.push(p);
            }
        }
    }

    /// Ends the current row.
    fn finish(&mut self) {
        self.row_offsets.push(self.next_states.len());
    }

    fn into_dynamics(self, num_states: usize, num_actions: usize) -> Result<SparseDynamics<F>, Error> {
        let Self { row_offsets, next_states, probabilities } = self;
        // Entries were checked as they came; what is named twice may add up to more than fits.
        if let Some(entry) = probabilities.iter().position(|p| p.is_infinite()) {
            let row = row_offsets.partition_point(|&first| first <= entry) - 1;
            let (state, action) = (row / num_actions, row % num_actions);
            check_probability(state, action, next_states[entry], probabilities[entry])?;
        }
        Ok(SparseDynamics { num_states, num_actions, row_offsets, next_states, probabilities })
    }
}

impl<F: Real> Dynamics for SparseDynamics<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.num_states
    }

    fn num_actions(&self) -> usize {
        self.num_actions
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        assert!(action < self.num_actions, "action {action} of {}", self.num_actions);
        let (next_states, probabilities) = self.row(state, action);
        for (&next_state, &p) in next_states.iter().zip(probabilities) {
            visit(next_state, p);
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        for_each_row(states, self.num_actions, y, k, |state, action, y| {
            let (next_states, probabilities) = self.row(state, action);
            let entries = next_states.iter().zip(probabilities).filter(|(_, p)| **p > F::zero());
            if let [y] = y {
                *y = entries.fold(F::zero(), |sum, (&next_state, &p)| sum + p * v[next_state]);
                return;
            }
            y.fill(F::zero());
            for (&next_state, &p) in entries {
                add_scaled(y, p, &v[next_state * k..(next_state + 1) * k]);
            }
        });
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        let (k, exponentials) = (v.num_columns(), v.exponentials());
        for_each_row(states, self.num_actions, y, k, |state, action, y| {
            let (next_states, probabilities) = self.row(state, action);
            let entries = next_states.iter().zip(probabilities);
            if let [y] = y {
                *y = entries.fold(F::zero(), |sum, (&next_state, &p)| sum + p * exponentials[next_state]);
            } else {
                y.fill(F::zero());
                for (&next_state, &p) in entries {
                    add_scaled(y, p, &exponentials[next_state * k..(next_state + 1) * k]);
                }
            }
            for (column, y) in y.iter_mut().enumerate() {
                *y = v.resolve(column, *y, |visit| {
                    next_states.iter().zip(probabilities).for_each(|(&s, &p)| visit(s, p));
                });
            }
        });
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        let num_actions = self.num_actions;
        let rows = states.flat_map(|state| (0..num_actions).map(move |action| (state, action)));
        for ((state, action), x) in rows.zip(x.chunks_exact(k)) {
            if x.iter().all(|&x| x == F::zero()) {
                continue;
            }
            let (successors, probabilities) = self.row(state, action);
            let first = successors.partition_point(|&s| s < next_states.start);
            for (&next_state, &p) in successors[first..].iter().zip(&probabilities[first..]) {
                if next_state >= next_states.end {
                    break;
                }
                let at = (next_state - next_states.start) * k;
                add_scaled(&mut w[at..at + k], p, x);
            }
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        self.row_offsets[states.end * self.num_actions] - self.row_offsets[states.start * self.num_actions]
    }
}
