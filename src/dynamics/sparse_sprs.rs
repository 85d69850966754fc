//! Conversion of sparse dynamics from and to matrices of the crate `sprs`.

use std::ops::Deref;

use sprs::{CsMat, CsMatBase, SpIndex};

use super::sparse::num_rows;
use super::{Dynamics, SparseDynamics};
use crate::{Error, Real, Table, arrays};

/// With the feature `sprs`. Matrices may be in compressed rows or columns. Entries that they store
/// as 0 are left out.
impl<F: Real> SparseDynamics<F> {
    /// Takes one matrix for all actions. Its row `s · A + a` is P(·∣s,a). Indices are of any type.
    ///
    /// # Shapes
    ///
    /// `matrix` `[s · A + a, s']`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] unless the matrix has A rows for each column,
    /// [`Error::EmptyModel`], [`Error::TooLarge`], [`Error::InvalidTransition`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{SparseDynamics, sprs::TriMat};
    ///
    /// // Two states and two actions: 0 stays, 1 moves to the other state with probability 3/4.
    /// let mut entries = TriMat::new((4, 2));
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
        let expected = [num_rows(num_states, num_actions)?, num_states];
        arrays::check_shape(Table::Transitions, &[matrix.rows(), matrix.cols()], &expected)?;
        let entries = matrix.iter().map(|(&p, (row, next_state))| (row.index(), next_state.index(), p));
        let pair = |row| (row / num_actions, row % num_actions);
        let transitions = entries.map(|(row, next_state, p)| (pair(row).0, pair(row).1, next_state, p));
        Self::from_triplets(num_states, num_actions, transitions)
    }

    /// Takes one matrix for each action, as in pymdptoolbox. Row `s` of matrix `a` is P(·∣s,a).
    ///
    /// # Shapes
    ///
    /// `matrices` `[a]` of `[s, s']`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] for the first matrix that is not square or has another size,
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
        let transitions = matrices.iter().enumerate().flat_map(|(action, matrix)| {
            let entries = matrix.iter();
            entries.map(move |(&p, (state, next_state))| (state.index(), action, next_state.index(), p))
        });
        Self::from_triplets(num_states, matrices.len(), transitions)
    }

    /// Copies the table into one matrix in compressed rows, `[s · A + a, s']`, the form that
    /// [`from_sprs`](Self::from_sprs) takes. For rows that a [team](crate::team) shares, s' are
    /// places.
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
        let (row_offsets, next_states, probabilities) = self.to_compressed_rows();
        // Rows of these dynamics ascend strictly, which is all that the matrix checks.
        CsMat::new((row_offsets.len() - 1, self.num_places()), row_offsets, next_states, probabilities)
    }
}
