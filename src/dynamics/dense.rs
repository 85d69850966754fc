//! Dense transition tables.

use std::ops::Range;
use std::slice::ChunksExact;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array3, ArrayView3};

use super::blocks;
use super::{Dynamics, check_whole, divide};
use crate::kernels::{
    LogBlock, add_scaled, add_scaled_rows, dot_rows, guarded_dot_rows, guarded_multiply, multiply,
};
use crate::parallel::RowsMut;
use crate::{Error, Real, Table, arrays};

/// Transition probabilities as a full table, `[s, a, s']`.
///
/// A pass reads S²A numbers per stage, in order. A clone copies the table. Clones of an
/// [`Mdp`](crate::Mdp) share the table.
///
/// # Example
///
/// ```
/// use softmdp::{DenseDynamics, Dynamics, ndarray::array};
///
/// let dynamics = DenseDynamics::new(array![[[0.9, 0.1]], [[0.0, 1.0]]])?;
/// let mut expected = [0.0; 2]; // [s, a] · one column
/// dynamics.expectation(0..2, 1, &[10.0, 20.0], &mut expected);
/// assert_eq!(expected, [11.0, 20.0]);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DenseDynamics<F = f64> {
    transitions: Array3<F>, // [s, a, s'], standard layout
}

impl<F: Real> DenseDynamics<F> {
    /// Takes a table of probabilities, `[s, a, s']`, in any memory layout.
    ///
    /// This function does not check that rows sum to 1.
    /// [`MdpBuilder::build`](crate::MdpBuilder::build) checks the rows in use.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the first and the last axis differ in length;
    /// [`Error::EmptyModel`] if there are no states or no actions; [`Error::InvalidTransition`] for
    /// an entry that is negative, NaN or infinite.
    ///
    /// # Complexity
    ///
    /// Time O(S²A). A table in row-major layout is not copied.
    pub fn new(transitions: Array3<F>) -> Result<Self, Error> {
        let (num_states, num_actions, num_next) = transitions.dim();
        if num_states != num_next {
            return Err(Error::ShapeMismatch {
                table: Table::Transitions,
                found: transitions.shape().to_vec(),
                expected: vec![num_states, num_actions, num_states],
            });
        }
        check_not_empty(Table::Transitions, &[num_states, num_actions, num_states])?;
        let transitions = arrays::standard_layout(transitions);
        let rows = arrays::slice(&transitions).chunks_exact(num_states);
        for (row, probabilities) in rows.enumerate() {
            for (next_state, &p) in probabilities.iter().enumerate() {
                check_probability(row / num_actions, row % num_actions, next_state, p)?;
            }
        }
        Ok(Self { transitions })
    }

    /// Makes the table from the successors of each pair: `successors(state, action)` yields
    /// `(next_state, probability)` in any order. Probabilities of the same successor add up.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::SuccessorOutOfRange`],
    /// [`Error::InvalidTransition`] for a probability that is negative, NaN or infinite.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, ndarray::array};
    ///
    /// let dynamics = DenseDynamics::from_fn(2, 1, |state, _| [(state, 0.75), (1 - state, 0.25)])?;
    /// assert_eq!(dynamics.transitions(), array![[[0.75, 0.25]], [[0.25, 0.75]]]);
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
        Self::fill(num_states, num_actions, |state, action, add| {
            successors(state, action).into_iter().try_for_each(|(next_state, p)| add(next_state, p))
        })
    }

    /// Copies any dynamics into a full table.
    ///
    /// # Errors
    ///
    /// Those of [`from_fn`](Self::from_fn).
    pub fn from_dynamics<D>(dynamics: &D) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        check_whole(dynamics)?;
        Self::fill(dynamics.num_states(), dynamics.num_actions(), |state, action, add| {
            let mut result = Ok(());
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                if result.is_ok() {
                    result = add(next_state, p);
                }
            });
            result
        })
    }

    /// Fills a table row by row: `row(state, action, add)` calls `add` with each successor.
    fn fill(
        num_states: usize,
        num_actions: usize,
        mut row: impl FnMut(usize, usize, &mut dyn FnMut(usize, F) -> Result<(), Error>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let shape = [num_states, num_actions, num_states];
        check_not_empty(Table::Transitions, &shape)?;
        let mut transitions = arrays::filled(Table::Transitions, shape, F::zero())?;
        for state in 0..num_states {
            for action in 0..num_actions {
                row(state, action, &mut |next_state, p| {
                    check_successor(state, action, next_state, num_states)?;
                    check_probability(state, action, next_state, p)?;
                    // The sum of several entries may overflow.
                    transitions[[state, action, next_state]] += p;
                    check_probability(state, action, next_state, transitions[[state, action, next_state]])
                })?;
            }
        }
        Ok(Self { transitions })
    }

    /// The table, `[s, a, s']`.
    #[must_use]
    pub fn transitions(&self) -> ArrayView3<'_, F> {
        self.transitions.view()
    }

    /// The entries of the table, `[s, a, s']`.
    pub(crate) fn into_entries(self) -> Vec<F> {
        self.transitions.into_raw_vec_and_offset().0
    }

    /// P(·∣s,a).
    fn row(&self, state: usize, action: usize) -> &[F] {
        let num_actions = self.transitions.dim().1;
        assert!(action < num_actions, "action {action} of {num_actions}");
        self.pair(state * num_actions + action)
    }

    /// P(·∣s,a) of the pair s · A + a.
    fn pair(&self, pair: usize) -> &[F] {
        let num_states = self.transitions.dim().0;
        &arrays::slice(&self.transitions)[pair * num_states..(pair + 1) * num_states]
    }

    /// The rows of some states as one slice, `[s, a, s']`.
    fn table(&self, states: Range<usize>) -> &[F] {
        let (num_states, num_actions, _) = self.transitions.dim();
        let width = num_actions * num_states;
        &arrays::slice(&self.transitions)[states.start * width..states.end * width]
    }

    /// The rows P(·∣s,a) of some states, in order.
    #[inline]
    fn rows(&self, states: Range<usize>) -> ChunksExact<'_, F> {
        self.table(states).chunks_exact(self.transitions.dim().0)
    }
}

impl<F: Real> Dynamics for DenseDynamics<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.transitions.dim().0
    }

    fn num_actions(&self) -> usize {
        self.transitions.dim().1
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        for (next_state, &p) in self.row(state, action).iter().enumerate() {
            if p > F::zero() {
                visit(next_state, p);
            }
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        if k == 1 {
            return guarded_dot_rows(self.table(states), v, y);
        }
        // Only values of −∞ need the guard against 0 · (−∞).
        if v.iter().fold(true, |finite, &v| finite & (v > F::neg_infinity())) {
            multiply(self.table(states), k, v, y);
        } else {
            guarded_multiply(self.table(states), k, v, y);
        }
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        if v.num_columns() == 1 {
            dot_rows(self.table(states.clone()), v.exponentials(), y);
        } else {
            multiply(self.table(states.clone()), v.num_columns(), v.exponentials(), y);
        }
        let first = states.start * self.num_actions();
        v.resolve_all(y, |row| self.pair(first + row).iter().copied().enumerate());
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        if k == 1 {
            return add_scaled_rows(self.table(states), (self.num_states(), next_states.start), x, w);
        }
        for (row, x) in self.rows(states).zip(x.chunks_exact(k)) {
            let row = &row[next_states.clone()];
            for (&p, w) in row.iter().zip(w.chunks_exact_mut(k)) {
                add_scaled(w, p, x);
            }
        }
    }

    fn mix_actions(&self, weights: &[F]) -> Option<Box<dyn Dynamics<Scalar = F>>> {
        let (num_states, num_actions, _) = self.transitions.dim();
        assert_eq!(weights.len(), num_states * num_actions, "a weight for each pair");
        let mut mixed = arrays::filled(Table::Transitions, (num_states, 1, num_states), F::zero()).ok()?;
        let is_lossless = AtomicBool::new(true);
        let rows = RowsMut { data: arrays::slice_mut(&mut mixed), width: num_states };
        blocks::for_each_block(self, rows, &|states, mixed| {
            let weights = &weights[states.start * num_actions..states.end * num_actions];
            let mut rows = self.rows(states);
            for (mixed, weights) in
                mixed.data.chunks_exact_mut(num_states).zip(weights.chunks_exact(num_actions))
            {
                for (&weight, row) in weights.iter().zip(&mut rows).filter(|(weight, _)| **weight > F::zero())
                {
                    if !add_scaled_exactly(mixed, weight, row) {
                        is_lossless.store(false, Ordering::Relaxed);
                    }
                }
            }
            Ok(())
        })
        .ok()?;
        is_lossless.into_inner().then(|| Box::new(Self { transitions: mixed }) as _)
    }

    fn divide_row(&mut self, state: usize, action: usize, sum: f64) -> bool {
        let (num_states, num_actions, _) = self.transitions.dim();
        assert!(action < num_actions, "action {action} of {num_actions}");
        let first = (state * num_actions + action) * num_states;
        divide(&mut arrays::slice_mut(&mut self.transitions)[first..first + num_states], sum);
        true
    }

    fn into_dense(self: Box<Self>) -> Result<Self, Error> {
        Ok(*self)
    }

    fn work(&self, states: Range<usize>) -> usize {
        states.len() * self.num_actions() * self.num_states()
    }
}

/// w += x p, entry by entry. Returns whether every product of positive numbers is a normal number.
fn add_scaled_exactly<F: Real>(w: &mut [F], x: F, p: &[F]) -> bool {
    let mut is_exact = true;
    for (w, &p) in w.iter_mut().zip(p) {
        let term = x * p;
        is_exact &= (term >= F::min_positive_value()) | (p == F::zero());
        *w += term;
    }
    is_exact
}

/// Returns [`Error::EmptyModel`] if an axis has length 0.
pub(super) fn check_not_empty(table: Table, shape: &[usize]) -> Result<(), Error> {
    if shape.contains(&0) {
        return Err(Error::EmptyModel { table, shape: shape.to_vec() });
    }
    Ok(())
}

/// Returns [`Error::SuccessorOutOfRange`] unless the successor is a state.
pub(crate) fn check_successor(
    state: usize,
    action: usize,
    next_state: usize,
    num_states: usize,
) -> Result<(), Error> {
    if next_state < num_states {
        return Ok(());
    }
    Err(Error::SuccessorOutOfRange { state, action, next_state, num_states })
}

/// Returns [`Error::InvalidTransition`] unless the probability is finite and not negative.
pub(crate) fn check_probability<F: Real>(
    state: usize,
    action: usize,
    next_state: usize,
    p: F,
) -> Result<(), Error> {
    if p >= F::zero() && p < F::infinity() {
        return Ok(());
    }
    Err(Error::InvalidTransition { state, action, next_state, value: p.into_f64() })
}
