//! Sparse transition tables.

use std::ops::Range;
use std::sync::Arc;

use super::compressed::{self, CompressedRows, check_parts};
use super::dense::{check_not_empty, check_probability, check_successor};
use super::pairs::PairRows;
use super::triplets::Triplets;
use super::{Dynamics, check_whole, divide};
use crate::kernels::LogBlock;
use crate::team::{Share, Team};
use crate::{Error, Real, Table, arrays};

/// Transition probabilities in compressed sparse rows (CSR): the successors of each pair (s,a) and
/// their probabilities.
///
/// For `f64`, memory is 12 bytes per transition and 8 bytes per pair. For `f32`, a transition takes
/// 8 bytes. If most states have transitions only for their first few actions, the other pairs take
/// no memory. Transitions of probability 0 are not stored. There can be at most 2³² − 1 states. A
/// clone copies the table. Clones of an [`Mdp`](crate::Mdp) share the table.
///
/// # Example
///
/// ```
/// use softmdp::{Dynamics, SparseDynamics};
///
/// // (state, action, next state, probability), in any order; duplicates add up.
/// let triplets = [(1, 0, 1, 1.0), (0, 0, 1, 0.25), (0, 0, 0, 0.5), (0, 0, 1, 0.25)];
/// let dynamics = SparseDynamics::from_triplets(2, 1, triplets)?;
/// let mut row = Vec::new();
/// dynamics.for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
/// assert_eq!(row, [(0, 0.5), (1, 0.5)]);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseDynamics<F = f64> {
    pub(super) pairs: PairRows,
    pub(super) rows: CompressedRows<F>,   // of these pairs
    pub(super) share: Option<Arc<Share>>, // of a process of a team
}

/// Calls `add` with each successor of a row.
type RowOf<'a, F> = dyn FnMut(usize, &mut dyn FnMut(usize, F) -> Result<(), Error>) -> Result<(), Error> + 'a;

impl<F: Real> SparseDynamics<F> {
    /// Takes compressed rows: row `s · A + a` has the entries
    /// `row_offsets[row]..row_offsets[row + 1]` of `next_states` and `probabilities`. The next
    /// states of a row are in ascending order.
    ///
    /// # Shapes
    ///
    /// `row_offsets` `[S · A + 1]`, from 0 to the number of entries; `next_states` and
    /// `probabilities` have equal length.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`]; [`Error::TooLarge`] for more than 2³² − 1 states, or if S · A
    /// overflows; [`Error::ShapeMismatch`], [`Error::InvalidRowOffset`],
    /// [`Error::SuccessorOutOfRange`]; [`Error::UnsortedSuccessors`], also for a duplicate;
    /// [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// let (next_states, probabilities) = (vec![0, 1, 1], vec![0.5, 0.5, 1.0]);
    /// let dynamics = SparseDynamics::new(2, 1, vec![0, 2, 3], next_states, probabilities)?;
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
        arrays::check_shape(Table::RowOffsets, &[row_offsets.len()], &[num_rows + 1])?;
        arrays::check_shape(Table::Transitions, &[probabilities.len()], &[next_states.len()])?;
        check_parts((num_states, num_actions), &row_offsets, &next_states, &probabilities)?;
        let rows = CompressedRows::from_parts(row_offsets, next_states, probabilities)?;
        let mut counts = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        for (state, count) in counts.iter_mut().skip(1).enumerate() {
            let offsets = &rows.row_offsets[state * num_actions..=(state + 1) * num_actions];
            *count = offsets.windows(2).rposition(|ends| ends[0] < ends[1]).map_or(0, |last| last + 1);
        }
        let pairs = PairRows::leading(num_actions, counts);
        let rows = if pairs.are_all() { rows } else { rows.keep(&pairs)? };
        Ok(Self { pairs, rows, share: None })
    }

    /// Collects transitions `(state, action, next_state, probability)` in any order.
    ///
    /// Probabilities of the same transition add up, in ascending order: the result does not depend
    /// on the order of the input.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::StateOutOfRange`],
    /// [`Error::ActionOutOfRange`], [`Error::SuccessorOutOfRange`], [`Error::InvalidTransition`].
    ///
    /// # Complexity
    ///
    /// For n transitions in rows of at most m, time O(n log m + S·A), or O(n log m + S) if most
    /// pairs have no transitions. If the iterator's size hint is exact, peak memory is at most
    /// twice that of the result.
    pub fn from_triplets(
        num_states: usize,
        num_actions: usize,
        transitions: impl IntoIterator<Item = (usize, usize, usize, F)>,
    ) -> Result<Self, Error> {
        num_rows(num_states, num_actions)?;
        let triplets = transitions.into_iter().map(|(state, action, next_state, p)| {
            if state >= num_states {
                return Err(Error::StateOutOfRange { table: Table::Transitions, state, num_states });
            }
            if action >= num_actions {
                return Err(Error::ActionOutOfRange { state, action, num_actions });
            }
            check_successor(state, action, next_state, num_states)?;
            check_probability(state, action, next_state, p)?;
            Ok((state * num_actions + action, next_state, p))
        });
        let mut triplets = Triplets::collect(triplets)?;
        let mut counts = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        for pair in &triplets.rows {
            let count = &mut counts[pair / num_actions + 1];
            *count = (*count).max(pair % num_actions + 1);
        }
        let pairs = PairRows::leading(num_actions, counts);
        if !pairs.are_all() {
            let row = |pair: usize| pairs.row(pair / num_actions, pair % num_actions);
            triplets.rows.iter_mut().for_each(|pair| *pair = row(*pair).unwrap_or_default());
        }
        let rows = triplets.into_rows(pairs.len())?;
        Self::checked(pairs, rows)
    }

    /// Makes the rows from the successors of each pair: `successors(state, action)` yields
    /// `(next_state, probability)` in any order. Probabilities of the same successor add up.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::SuccessorOutOfRange`],
    /// [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// let n = 1000;
    /// let successors = |state, _| [((state + 1) % n, 0.9), (state, 0.1)];
    /// let drift = SparseDynamics::from_fn(n, 1, successors)?;
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
        Self::from_rows(num_states, num_actions, &mut |row, add| {
            let successors = successors(row / num_actions, row % num_actions);
            successors.into_iter().try_for_each(|(next_state, p)| add(next_state, p))
        })
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
        check_whole(dynamics)?;
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        Self::from_rows(num_states, num_actions, &mut |row, add| {
            let mut result = Ok(());
            dynamics.for_each_successor(row / num_actions, row % num_actions, &mut |next_state, p| {
                if result.is_ok() {
                    result = add(next_state, p);
                }
            });
            result
        })
    }

    /// Makes the rows of the states that a process of a [team](crate::team) holds:
    /// `successors(state, action)` is called for the states of `states`, and yields `(next_state,
    /// probability)`. All states, these and the next ones, count among the states of all processes.
    /// In the result, the own states count from 0, and successors are
    /// [places](crate::team::Share).
    ///
    /// Collective: all members of the team call it.
    ///
    /// # Errors
    ///
    /// Those of [`from_fn`](Self::from_fn); [`Error::InvalidShare`] unless the ranges of the
    /// processes are not empty and follow each other up to `num_states`; [`Error::Elsewhere`] for
    /// an error of another process.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::team::{LocalTeam, divide};
    /// use softmdp::{Dynamics, SparseDynamics};
    ///
    /// let successors = |state: usize, _| [((state + 1) % 10, 1.0)];
    /// let shared = LocalTeam::run(2, |team| {
    ///     let states = divide(10, team.size(), |states| states.len())[team.rank()].clone();
    ///     SparseDynamics::shared_from_fn(team, 10, 1, states, successors)
    /// });
    /// let second = shared[1].as_ref().unwrap();
    /// assert_eq!((second.num_states(), second.num_places()), (5, 6)); // 5 to 9, and state 0
    /// ```
    pub fn shared_from_fn<I>(
        team: Arc<dyn Team>,
        num_states: usize,
        num_actions: usize,
        states: Range<usize>,
        mut successors: impl FnMut(usize, usize) -> I,
    ) -> Result<Self, Error>
    where
        I: IntoIterator<Item = (usize, F)>,
    {
        let rows = num_rows(num_states, num_actions).and_then(|_| {
            let shape = (states.len(), num_actions, num_states);
            Self::from_shaped_rows(shape, &mut |row, add| {
                let successors = successors(states.start + row / num_actions, row % num_actions);
                successors.into_iter().try_for_each(|(next_state, p)| add(next_state, p))
            })
        });
        let mut shared = team.agree("SparseDynamics::shared_from_fn", rows)?;
        let named: Vec<usize> = shared.rows.columns.iter().map(|&column| column as usize).collect();
        let share = Share::new(team, states, &named)?;
        share.check_num_states(num_states)?;
        for column in &mut shared.rows.columns {
            let place = share.place(*column as usize);
            *column = compressed::column(place.unwrap_or_else(|| unreachable!("all successors were named")));
        }
        Ok(Self { share: Some(Arc::new(share)), ..shared })
    }

    /// Fills the rows in order: `row(index, add)` calls `add` with each successor.
    fn from_rows(num_states: usize, num_actions: usize, row: &mut RowOf<'_, F>) -> Result<Self, Error> {
        Self::from_shaped_rows((num_states, num_actions, num_states), row)
    }

    /// [`from_rows`](Self::from_rows) for S states with A actions and successors below the third
    /// number.
    fn from_shaped_rows(
        (num_states, num_actions, num_next_states): (usize, usize, usize),
        row: &mut RowOf<'_, F>,
    ) -> Result<Self, Error> {
        let num_pairs = num_rows(num_states, num_actions)?;
        let mut rows = CompressedRows::with_capacity(num_pairs, 0)?;
        let mut counts = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        let mut entries = Vec::new();
        for state in 0..num_states {
            let first = rows.len();
            for action in 0..num_actions {
                entries.clear();
                row(state * num_actions + action, &mut |next_state, p| {
                    check_successor(state, action, next_state, num_next_states)?;
                    check_probability(state, action, next_state, p)?;
                    entries.push((compressed::column(next_state), p));
                    Ok(())
                })?;
                if rows.push(&mut entries)? {
                    counts[state + 1] = action + 1;
                }
            }
            rows.truncate(first + counts[state + 1]);
        }
        if !PairRows::pay(num_actions, &counts) {
            rows.spread(num_actions, &counts);
        }
        rows.shrink_to_fit();
        Self::checked(PairRows::leading(num_actions, counts), rows)
    }

    /// Rows of one certain successor each, `[s, a]`.
    pub(super) fn certain(
        num_states: usize,
        num_actions: usize,
        successors: &[usize],
    ) -> Result<Self, Error> {
        num_rows(num_states, num_actions)?;
        let mut row_offsets = arrays::filled_vec(Table::RowOffsets, successors.len() + 1, 0)?;
        row_offsets.iter_mut().enumerate().for_each(|(row, offset)| *offset = row);
        let mut next_states = arrays::filled_vec(Table::Transitions, successors.len(), 0)?;
        next_states.copy_from_slice(successors);
        let ones = arrays::filled_vec(Table::Transitions, successors.len(), F::one())?;
        let rows = CompressedRows::from_parts(row_offsets, next_states, ones)?;
        Ok(Self { pairs: PairRows::all(num_states, num_actions), rows, share: None })
    }

    fn checked(pairs: PairRows, rows: CompressedRows<F>) -> Result<Self, Error> {
        match rows.first_infinite() {
            None => Ok(Self { pairs, rows, share: None }),
            Some((row, next_state, p)) => {
                let (state, action) = pairs.pair(row);
                Err(Error::InvalidTransition { state, action, next_state, value: p.into_f64() })
            }
        }
    }

    /// Number of stored transitions.
    #[must_use]
    pub fn num_transitions(&self) -> usize {
        self.rows.probabilities.len()
    }

    /// The rows of dynamics of one action, one for each state.
    pub(crate) fn into_rows(self) -> CompressedRows<F> {
        self.rows
    }
}

/// S · A, if it is not 0 and does not overflow, and columns can name all states.
pub(super) fn num_rows(num_states: usize, num_actions: usize) -> Result<usize, Error> {
    let shape = [num_states, num_actions];
    check_not_empty(Table::Transitions, &shape)?;
    let num_rows = num_states.checked_mul(num_actions).filter(|&rows| rows < usize::MAX);
    (num_rows.filter(|_| num_states <= compressed::MOST_STATES))
        .ok_or_else(|| Error::TooLarge { table: Table::Transitions, shape: shape.to_vec() })
}

impl<F: Real> Dynamics for SparseDynamics<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.pairs.num_states
    }

    fn num_actions(&self) -> usize {
        self.pairs.num_actions
    }

    fn share(&self) -> Option<&Share> {
        self.share.as_deref()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        let Some(row) = self.pairs.row(state, action) else { return };
        let (columns, probabilities) = self.rows.row(row);
        columns.iter().zip(probabilities).for_each(|(&column, &p)| visit(column as usize, p));
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        let run = |rows, y: &mut [F]| self.rows.expectation(rows, k, v, y);
        self.pairs.for_each_run(states, k, y, run, |y| y.fill(F::zero()));
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        let run = |rows, y: &mut [F]| self.rows.log_expectation(rows, v, y);
        self.pairs.for_each_run(states, v.num_columns(), y, run, |y| y.fill(F::neg_infinity()));
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        if self.pairs.are_all() {
            return self.rows.push_forward(self.pairs.of(states), next_states, k, x, w);
        }
        for (state, x) in states.zip(x.chunks_exact(self.pairs.num_actions * k)) {
            let rows = self.pairs.of(state..state + 1);
            let x = &x[..rows.len() * k];
            self.rows.push_forward(rows, next_states.clone(), k, x, w);
        }
    }

    fn mix_actions(&self, weights: &[F]) -> Option<Box<dyn Dynamics<Scalar = F>>> {
        let rows = self.rows.mixed(self, &self.pairs, weights)?;
        let (pairs, share) = (PairRows::all(self.pairs.num_states, 1), self.share.clone());
        Some(Box::new(Self { pairs, rows, share }))
    }

    fn divide_row(&mut self, state: usize, action: usize, sum: f64) -> bool {
        if let Some(row) = self.pairs.row(state, action) {
            divide(self.rows.row_mut(row), sum);
        }
        true
    }

    fn into_sparse(self: Box<Self>) -> Result<Self, Error> {
        Ok(*self)
    }

    fn work(&self, states: Range<usize>) -> usize {
        let rows = self.pairs.of(states);
        self.rows.row_offsets[rows.end] - self.rows.row_offsets[rows.start]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_triplets_does_not_matter_to_the_bit() {
        let triplets: Vec<_> = (0..500).map(|i| (i % 3, i % 2, i * i % 5, 0.1 / (1.0 + i as f64))).collect();
        let forwards = SparseDynamics::from_triplets(5, 2, triplets.clone()).unwrap();
        let backwards = SparseDynamics::from_triplets(5, 2, triplets.into_iter().rev()).unwrap();
        assert_eq!(forwards, backwards);
    }
}
