//! What a model can be built from.

use ndarray::Array3;

use super::{DenseDynamics, Dynamics};
use crate::{Error, Real};

/// What [`Mdp::builder`](crate::Mdp::builder) takes as the dynamics of a model.
///
/// Every [`Dynamics`] is its own; an `Array3` of probabilities, `[s, a, s']`, becomes a [`DenseDynamics`]. What
/// the conversion finds wrong is reported by [`MdpBuilder::build`](crate::MdpBuilder::build).
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
    /// The dynamics that result.
    type Dynamics: Dynamics;

    /// Converts, or says what is wrong.
    ///
    /// # Errors
    ///
    /// Those of the constructor of the dynamics that result.
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
