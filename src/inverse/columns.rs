//! Features as tables of numbers, evaluated for one model.

use ndarray::{Array2, Array3};

/// The features of K parameters: the derivatives of rewards and terminal values in them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns<F> {
    /// φ(s,a), `[s, a, k]`.
    pub(super) pairs: Array3<F>,
    /// φ^T(s), `[s, k]`.
    pub(super) terminal: Array2<F>,
    /// φ(s,a,s'), `[transition, k]`: pair after pair, and the successors of a pair in the order in
    /// which the dynamics visit them.
    pub(super) successors: Option<Array2<F>>,
}
