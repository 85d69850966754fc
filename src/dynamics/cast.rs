//! Conversion of dynamics between the number types.

use std::sync::Arc;

use ndarray::Array2;

use super::{DenseDynamics, DeterministicDynamics, Dynamics, SparseDynamics, check_whole};
use crate::kernels::cast_positive;
use crate::{Error, Real, Table};

/// Dynamics that convert to another number type, for [`Mdp::cast`](crate::Mdp::cast).
///
/// The dynamics of this crate implement it. Dynamics whose type is erased, such as those of
/// [`Mdp::into_dyn`](crate::Mdp::into_dyn), become sparse rows. If at least half of the entries are
/// positive, they become a dense table. Implement this trait for a type of your own that exists for
/// every number type.
///
/// # Rounding
///
/// Every probability is rounded to the new type. A probability that the type cannot hold with all
/// its digits, because it is too small, is an error. So the successors of a pair stay the same.
///
/// A row of `f32` sums to 1 only to about seven digits, which is not enough for `f64`. Such a row
/// is divided by its sum. All other rows keep their numbers: those that the new type accepts, and
/// those that are not distributions.
///
/// # Example
///
/// ```
/// use softmdp::{CastDynamics, DenseDynamics, Error, ndarray::array};
///
/// let dense = DenseDynamics::new(array![[[0.5, 0.5]], [[0.0, 1.0]]])?;
/// assert_eq!(dense.cast::<f32>()?.cast::<f64>()?, dense); // these numbers need no rounding
///
/// let faint = DenseDynamics::new(array![[[1.0, 1e-60]], [[0.0, 1.0]]])?;
/// assert_eq!(
///     faint.cast::<f32>().unwrap_err().to_string(),
///     "cannot convert the entry of the transitions at state 0, action 0, next state 1: \
///      1e-60 becomes 0 in f32"
/// );
/// # Ok::<(), Error>(())
/// ```
pub trait CastDynamics: Dynamics {
    /// These dynamics with probabilities of the type `G`.
    type Cast<G: Real>: Dynamics<Scalar = G>;

    /// Converts the probabilities of every row.
    ///
    /// # Errors
    ///
    /// [`Error::NotRepresentable`] for a positive probability that underflows;
    /// [`Error::TooLarge`].
    fn cast<G: Real>(&self) -> Result<Self::Cast<G>, Error>;
}

impl<F: Real> CastDynamics for DenseDynamics<F> {
    type Cast<G: Real> = DenseDynamics<G>;

    fn cast<G: Real>(&self) -> Result<DenseDynamics<G>, Error> {
        let mut rows = Rows::new(self);
        let dense = DenseDynamics::from_fn(self.num_states(), self.num_actions(), |s, a| rows.cast(s, a));
        rows.result.and(dense)
    }
}

impl<F: Real> CastDynamics for SparseDynamics<F> {
    type Cast<G: Real> = SparseDynamics<G>;

    fn cast<G: Real>(&self) -> Result<SparseDynamics<G>, Error> {
        sparse_rows(self)
    }
}

impl<F: Real> CastDynamics for DeterministicDynamics<F> {
    type Cast<G: Real> = DeterministicDynamics<G>;

    fn cast<G: Real>(&self) -> Result<DeterministicDynamics<G>, Error> {
        let successors: Array2<usize> = self.successors().to_owned();
        DeterministicDynamics::new(successors)
    }
}

impl<F: Real> CastDynamics for Arc<dyn Dynamics<Scalar = F>> {
    type Cast<G: Real> = Arc<dyn Dynamics<Scalar = G>>;

    fn cast<G: Real>(&self) -> Result<Arc<dyn Dynamics<Scalar = G>>, Error> {
        sparse_rows(&**self)?.into_smaller()
    }
}

impl<F: Real> CastDynamics for Box<dyn Dynamics<Scalar = F>> {
    type Cast<G: Real> = Arc<dyn Dynamics<Scalar = G>>;

    fn cast<G: Real>(&self) -> Result<Arc<dyn Dynamics<Scalar = G>>, Error> {
        sparse_rows(&**self)?.into_smaller()
    }
}

impl<F: Real> SparseDynamics<F> {
    /// These rows as a dense table if at least half of its entries are positive: the table is then
    /// smaller, and faster.
    pub(super) fn into_smaller(self) -> Result<Arc<dyn Dynamics<Scalar = F>>, Error> {
        let num_states = self.num_states();
        let table = num_states.saturating_mul(num_states).saturating_mul(self.num_actions());
        if self.num_transitions() >= table / 2 {
            return Ok(Arc::new(DenseDynamics::from_dynamics(&self)?));
        }
        Ok(Arc::new(self))
    }
}

/// Converts the successors of each pair into sparse rows.
fn sparse_rows<D: Dynamics + ?Sized, G: Real>(dynamics: &D) -> Result<SparseDynamics<G>, Error> {
    check_whole(dynamics)?;
    let mut rows = Rows::new(dynamics);
    let sparse =
        SparseDynamics::from_fn(dynamics.num_states(), dynamics.num_actions(), |s, a| rows.cast(s, a));
    rows.result.and(sparse)
}

/// Converts rows one after the other.
struct Rows<'a, D: Dynamics + ?Sized> {
    dynamics: &'a D,
    row: Vec<(usize, D::Scalar)>, // scratch
    result: Result<(), Error>,    // the first error
}

impl<'a, D: Dynamics + ?Sized> Rows<'a, D> {
    fn new(dynamics: &'a D) -> Self {
        Self { dynamics, row: Vec::new(), result: Ok(()) }
    }

    /// The row of a pair in another number type; empty after an error.
    fn cast<G: Real>(&mut self, state: usize, action: usize) -> Vec<(usize, G)> {
        let Self { dynamics, row, result } = self;
        row.clear();
        dynamics.for_each_successor(state, action, &mut |next_state, p| row.push((next_state, p)));
        let sum: f64 = row.iter().map(|&(_, p)| p.into_f64()).sum();
        let error = (sum - 1.0).abs();
        let is_rescaled = error <= D::Scalar::ROW_SUM_TOLERANCE && !(error <= G::ROW_SUM_TOLERANCE);
        let divisor = if is_rescaled { sum } else { 1.0 };
        let mut cast = Vec::with_capacity(if result.is_ok() { row.len() } else { 0 });
        for &(next_state, p) in row.iter() {
            if result.is_ok() {
                let index = [state, action, next_state];
                match cast_positive(Table::Transitions, &index, p.into_f64() / divisor) {
                    Ok(p) => cast.push((next_state, p)),
                    Err(error) => *result = Err(error),
                }
            }
        }
        cast
    }
}
