//! Conversion into dynamics.

use ndarray::Array3;

use super::{DenseDynamics, Dynamics};
use crate::{Error, Real};

/// Conversion into the dynamics of a model, for [`Mdp::builder`](crate::Mdp::builder).
///
/// Every [`Dynamics`] converts into itself. An `Array3` of probabilities, `[s, a, s']`, becomes a
/// [`DenseDynamics`]. [`MdpBuilder::build`](crate::MdpBuilder::build) reports an error of the
/// conversion.
///
/// # Example
///
/// ```
/// use softmdp::{DeterministicDynamics, Mdp, ndarray::array};
///
/// let from_table = Mdp::builder(array![[[1.0]]], array![[0.5]]).build()?;
/// let successors = DeterministicDynamics::<f64>::new(array![[0]])?;
/// let from_dynamics = Mdp::builder(successors, array![[0.5]]).build()?;
/// assert_eq!(from_table.num_states(), from_dynamics.num_states());
/// # Ok::<(), softmdp::Error>(())
/// ```
pub trait IntoDynamics {
    /// The resulting type.
    type Dynamics: Dynamics;

    /// Converts `self` into dynamics.
    ///
    /// # Errors
    ///
    /// Those of the constructor of the resulting type.
    fn into_dynamics(self) -> Result<Self::Dynamics, Error>;
}

impl<D: Dynamics> IntoDynamics for D {
    type Dynamics = D;

    fn into_dynamics(self) -> Result<D, Error> {
        Ok(self)
    }
}

impl<F: Real> IntoDynamics for Array3<F> {
    type Dynamics = DenseDynamics<F>;

    fn into_dynamics(self) -> Result<DenseDynamics<F>, Error> {
        DenseDynamics::new(self)
    }
}
