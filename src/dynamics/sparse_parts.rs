//! The compressed rows of sparse dynamics, copied out of them.

use super::{Dynamics, SparseDynamics};
use crate::Real;

impl<F: Real> SparseDynamics<F> {
    /// Copies the table into compressed rows: row offsets, next states and probabilities, as
    /// [`new`](Self::new) takes them. Other libraries call the three arrays `indptr`, `indices` and
    /// `data`.
    ///
    /// Row `s · A + a` is P(·∣s,a). Its entries are `row_offsets[row]..row_offsets[row + 1]` of the
    /// other two arrays. The next states of a row are in ascending order. For rows that a
    /// [team](crate::team) shares, they are places.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::SparseDynamics;
    ///
    /// // Two states, two actions: 0 stays, 1 moves to a state at random.
    /// let dynamics = SparseDynamics::from_fn(2, 2, |state, action| {
    ///     if action == 0 { vec![(state, 1.0)] } else { vec![(0, 0.5), (1, 0.5)] }
    /// })?;
    /// let (row_offsets, next_states, probabilities) = dynamics.to_compressed_rows();
    /// assert_eq!(row_offsets, [0, 1, 3, 4, 6]); // (0, 0), (0, 1), (1, 0), (1, 1)
    /// assert_eq!(next_states, [0, 0, 1, 1, 0, 1]);
    /// assert_eq!(probabilities, [1.0, 0.5, 0.5, 1.0, 0.5, 0.5]);
    /// assert_eq!(SparseDynamics::new(2, 2, row_offsets, next_states, probabilities)?, dynamics);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[must_use]
    pub fn to_compressed_rows(&self) -> (Vec<usize>, Vec<usize>, Vec<F>) {
        let mut row_offsets = vec![0];
        let mut next_states = Vec::with_capacity(self.num_transitions());
        let mut probabilities = Vec::with_capacity(self.num_transitions());
        for (state, action) in ndarray::indices((self.num_states(), self.num_actions())) {
            self.for_each_successor(state, action, &mut |next_state, p| {
                next_states.push(next_state);
                probabilities.push(p);
            });
            row_offsets.push(next_states.len());
        }
        (row_offsets, next_states, probabilities)
    }
}
