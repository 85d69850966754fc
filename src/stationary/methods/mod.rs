//! The methods, one file each. A method backs up and moves on until the search ends.

use std::convert::Infallible;

use super::halt::Halt;
use super::search::Search;
use crate::{Model, Real};

mod automatic;
mod gauss_seidel;
mod modified;
mod newton;
mod value_iteration;

/// How the fixed point is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Method {
    /// Value iteration, until Newton's method is predicted to be faster; at γ = 1 and for direct inference, whose sweeps say
    /// nothing of what is left, Newton's method at once. The default.
    #[default]
    Automatic,
    /// V ← BV.
    ValueIteration,
    /// V ← BV, one state after the other and in place. Not run in parallel.
    GaussSeidel,
    /// Several sweeps with the policy of V, which read one row a state, between two of V ← BV.
    ModifiedPolicyIteration,
    /// Newton's method on V = BV, which is soft policy iteration, with an iterative inner solve.
    Newton,
}

impl Method {
    /// Searches until the search ends.
    pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
        self,
        search: &mut Search<'_, F, M>,
    ) -> Result<Infallible, Halt> {
        match self {
            Method::Automatic => automatic::run(search),
            Method::ValueIteration => value_iteration::run(search),
            Method::GaussSeidel => gauss_seidel::run(search),
            Method::ModifiedPolicyIteration => modified::run(search),
            Method::Newton => newton::run(search),
        }
    }
}
