//! Dynamics with one certain successor per pair.

use std::ops::Range;

use std::marker::PhantomData;

use ndarray::{Array2, ArrayView2};

use super::dense::{check_not_empty, check_successor};
use super::{Dynamics, SparseDynamics, check_whole, for_each_row};
use crate::kernels::LogBlock;
use crate::{Error, Real, Table, arrays};

/// Deterministic transitions as a table of successors, `[s, a]`.
///
/// For one successor, expectation and log-expectation are equal. So both inferences agree if the
/// dynamics are deterministic and γ = 1. A clone copies the table.
///
/// # Example
///
/// ```
/// use softmdp::{DeterministicDynamics, Mdp, ndarray::array, soft_value_iteration};
///
/// // Two states. Action 0 stays, action 1 moves to the other state. State 1 pays 1 per stage.
/// let dynamics = DeterministicDynamics::<f64>::new(array![[0, 1], [1, 0]])?;
/// let mdp = Mdp::builder(dynamics, array![[0.0, 0.0], [1.0, 1.0]]).build()?;
/// let values = soft_value_iteration(&mdp, 1)?;
/// assert!((values.state_values()[[0, 1]] - (1.0 + 2.0_f64.ln())).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DeterministicDynamics<F = f64> {
    successors: Array2<usize>, // [s, a], standard layout
    scalar: PhantomData<F>,
}

impl<F: Real> DeterministicDynamics<F> {
    /// Takes a table of successors, `[s, a]`.
    ///
    /// The number type is that of the model. If the compiler cannot infer it, name it:
    /// `DeterministicDynamics::<f64>::new(..)`.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyModel`] if there are no states or no actions; [`Error::SuccessorOutOfRange`]
    /// for an entry that is not a state.
    pub fn new(successors: Array2<usize>) -> Result<Self, Error> {
        let (num_states, num_actions) = successors.dim();
        check_not_empty(Table::Transitions, &[num_states, num_actions])?;
        for ((state, action), &next_state) in successors.indexed_iter() {
            check_successor(state, action, next_state, num_states)?;
        }
        Ok(Self { successors: arrays::standard_layout(successors), scalar: PhantomData })
    }

    /// Makes the table from a function of state and action.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), and [`Error::TooLarge`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DeterministicDynamics, ndarray::array};
    ///
    /// let next = |state, action| (state + 1 + action) % 3;
    /// let ring = DeterministicDynamics::<f32>::from_fn(3, 2, next)?;
    /// assert_eq!(ring.successors(), array![[1, 2], [2, 0], [0, 1]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_fn(
        num_states: usize,
        num_actions: usize,
        mut successor: impl FnMut(usize, usize) -> usize,
    ) -> Result<Self, Error> {
        let mut successors = arrays::filled(Table::Transitions, (num_states, num_actions), 0)?;
        for ((state, action), next_state) in successors.indexed_iter_mut() {
            *next_state = successor(state, action);
        }
        Self::new(successors)
    }

    /// Copies any dynamics in which every pair has one successor, with probability 1.
    ///
    /// # Errors
    ///
    /// [`Error::NotDeterministic`] for a pair without a successor of probability 1;
    /// [`Error::EmptyModel`], [`Error::SuccessorOutOfRange`], [`Error::TooLarge`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, DeterministicDynamics, ndarray::array};
    ///
    /// let dense = DenseDynamics::new(array![[[0.0, 1.0]], [[1.0, 0.0]]])?;
    /// assert_eq!(DeterministicDynamics::from_dynamics(&dense)?.successors(), array![[1], [0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_dynamics<D>(dynamics: &D) -> Result<Self, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        check_whole(dynamics)?;
        let mut result = Ok(());
        let successors = Self::from_fn(dynamics.num_states(), dynamics.num_actions(), |state, action| {
            // Several visits to one successor add up.
            let (mut successor, mut sum, mut is_one) = (None, F::zero(), true);
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                if p > F::zero() {
                    is_one &= *successor.get_or_insert(next_state) == next_state;
                    sum += p;
                }
            });
            if !(is_one && sum == F::one()) && result.is_ok() {
                result = Err(Error::NotDeterministic { state, action });
            }
            successor.unwrap_or(0)
        })?;
        result.map(|()| successors)
    }

    /// The successors, `[s, a]`.
    #[must_use]
    pub fn successors(&self) -> ArrayView2<'_, usize> {
        self.successors.view()
    }
}

impl<F: Real> Dynamics for DeterministicDynamics<F> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        self.successors.nrows()
    }

    fn num_actions(&self) -> usize {
        self.successors.ncols()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        visit(self.successors[[state, action]], F::one());
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        let successors = arrays::slice(&self.successors);
        let num_actions = self.num_actions();
        for_each_row(states, num_actions, y, k, |state, action, y| {
            let next_state = successors[state * num_actions + action];
            y.copy_from_slice(&v[next_state * k..(next_state + 1) * k]);
        });
    }

    /// Equals the expectation: with one term, log and exp cancel.
    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        self.expectation(states, v.num_columns(), v.values(), y);
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        let num_actions = self.num_actions();
        let rows = states.start * num_actions..states.end * num_actions;
        let successors = &arrays::slice(&self.successors)[rows];
        for (next_state, x) in successors.iter().zip(x.chunks_exact(k)) {
            if next_states.contains(next_state) {
                let first = (next_state - next_states.start) * k;
                for (w, &x) in w[first..].iter_mut().zip(x) {
                    *w += x;
                }
            }
        }
    }

    fn mix_actions(&self, weights: &[F]) -> Option<Box<dyn Dynamics<Scalar = F>>> {
        let successors = arrays::slice(&self.successors);
        SparseDynamics::certain(self.num_states(), self.num_actions(), successors).ok()?.mix_actions(weights)
    }
}
