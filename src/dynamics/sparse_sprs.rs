//! Sparse dynamics from matrices of the crate `sprs`, and to them.

use std::ops::Deref;
use std::slice;

use sprs::{CsMat, CsMatBase, CsMatI, SpIndex};

use super::dense::check_not_empty;
use super::sparse_parts::compressed_rows;
use super::{Dynamics, SparseDynamics};
use crate::{Error, Real, Table, arrays};

/// With the feature `sprs`. Matrices in compressed columns are converted first, at the cost of a copy; entries that
/// they store as 0 are left out.
impl<F: Real> SparseDynamics<F> {
    /// Takes one matrix for all actions, whose row `s · A + a` is P(·∣s,a), with indices of any type.
    ///
    /// # Shapes
    ///
    /// `matrix` `[s · A + a, s']`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] unless the matrix has A rows for each column, [`Error::EmptyModel`],
    /// [`Error::TooLarge`], [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{SparseDynamics, sprs::TriMat};
    ///
    /// let mut entries = TriMat::new((4, 2)); // two states, two actions: 0 stays, 1 crosses with probability 3/4
    /// for state in 0..2 {
    ///     entries.add_triplet(state * 2, state, 1.0);
    ///     entries.add_triplet(state * 2 + 1, 1 - state, 0.75);
    ///     entries.add_triplet(state * 2 + 1, state, 0.25);
    /// }
    /// let dynamics = SparseDynamics::from_sprs(2, &entries.to_csr::<usize>())?;
    /// assert_eq!(dynamics.num_transitions(), 6);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_sprs<I, P, Starts, Indices, Data>(
        num_actions: usize,
        matrix: &CsMatBase<F, I, Starts, Indices, Data, P>,
    ) -> Result<Self, Error>
    where
        I: SpIndex,
        P: SpIndex,
        Starts: Deref<Target = [P]>,
        Indices: Deref<Target = [I]>,
        Data: Deref<Target = [F]>,
    {
        let num_states = matrix.cols();
        let shape = [num_states, num_actions];
        check_not_empty(Table::Transitions, &shape)?;
        let num_rows = (num_states.checked_mul(num_actions))
            .ok_or_else(|| Error::TooLarge { table: Table::Transitions, shape: shape.to_vec() })?;
        let found = [matrix.rows(), matrix.cols()];
        arrays::check_shape(Table::Transitions, &found, &[num_rows, num_states])?;
        Self::from_sprs_rows(num_states, num_actions, slice::from_ref(matrix))
    }

    /// Takes one matrix for each action, whose row `s` is P(·∣s,a): the layout of pymdptoolbox and others.
    ///
    /// # Shapes
    ///
    /// `matrices` `[a]` of `[s, s']`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for the first matrix that is not square or of another size than the first one,
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{DenseDynamics, SparseDynamics, ndarray::array, sprs::CsMat};
    ///
    /// let stay = CsMat::eye(2);
    /// let swap = CsMat::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![1.0, 1.0]);
    /// let dynamics = SparseDynamics::from_sprs_actions(&[stay, swap])?;
    /// let table = DenseDynamics::from_dynamics(&dynamics)?; // [s, a, s']
    /// assert_eq!(table.transitions(), array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_sprs_actions<I, P, Starts, Indices, Data>(
        matrices: &[CsMatBase<F, I, Starts, Indices, Data, P>],
    ) -> Result<Self, Error>
    where
        I: SpIndex,
        P: SpIndex,
        Starts: Deref<Target = [P]>,
        Indices: Deref<Target = [I]>,
        Data: Deref<Target = [F]>,
    {
        let num_states = matrices.first().map_or(0, CsMatBase::rows);
        for matrix in matrices {
            let found = [matrix.rows(), matrix.cols()];
            arrays::check_shape(Table::Transitions, &found, &[num_states, num_states])?;
        }
        Self::from_sprs_rows(num_states, matrices.len(), matrices)
    }

    /// Takes the rows of all matrices in turn: the first of each, then the second of each.
    fn from_sprs_rows<I, P, Starts, Indices, Data>(
        num_states: usize,
        num_actions: usize,
        matrices: &[CsMatBase<F, I, Starts, Indices, Data, P>],
    ) -> Result<Self, Error>
    where
        I: SpIndex,
        P: SpIndex,
        Starts: Deref<Target = [P]>,
        Indices: Deref<Target = [I]>,
        Data: Deref<Target = [F]>,
    {
        // The index type of a matrix in columns can count its rows, and there are no more columns than those.
        let converted: Vec<Option<CsMatI<F, I, P>>> =
            matrices.iter().map(|matrix| matrix.is_csc().then(|| matrix.to_csr())).collect();
        let views: Vec<_> = (matrices.iter().zip(&converted))
            .map(|(matrix, converted)| converted.as_ref().map_or_else(|| matrix.view(), CsMatBase::view))
            .collect();
        let num_entries = views.iter().map(CsMatBase::nnz).sum();
        let mut row_offsets = vec![0];
        let mut next_states = Vec::with_capacity(num_entries);
        let mut probabilities = Vec::with_capacity(num_entries);
        for row in 0..views.first().map_or(0, CsMatBase::rows) {
            for entries in views.iter().filter_map(|matrix| matrix.outer_view(row)) {
                next_states.extend(entries.iter().map(|(next_state, _)| next_state));
                probabilities.extend_from_slice(entries.data());
                row_offsets.push(next_states.len());
            }
        }
        Self::new(num_states, num_actions, row_offsets, next_states, probabilities)
    }

    /// Copies the table into one matrix in compressed rows, `[s · A + a, s']`, which [`from_sprs`](Self::from_sprs) reads.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// let dynamics = SparseDynamics::from_fn(3, 2, |state, action| [((state + action) % 3, 1.0)])?;
    /// let matrix = dynamics.to_sprs();
    /// assert_eq!((matrix.rows(), matrix.cols()), (6, 3));
    /// assert_eq!(matrix.get(2 * 2 + 1, 0), Some(&1.0));
    /// assert_eq!(SparseDynamics::from_sprs(2, &matrix)?, dynamics);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn to_sprs(&self) -> CsMat<F> {
        let (row_offsets, next_states, probabilities) = compressed_rows(self);
        // Rows of these dynamics ascend strictly, which is all that the matrix checks.
        CsMat::new((row_offsets.len() - 1, self.num_states()), row_offsets, next_states, probabilities)
    }
}
