//! The methods that search for the fixed point, one file each.
//!
//! To add a method, add a file with a function `run`, a `mod` line, and a variant of [`Method`]
//! with its arm in [`Method::run`].

use std::convert::Infallible;

use super::halt::Halt;
use super::search::Search;
use crate::{Model, Real};

mod automatic;
mod gauss_seidel;
mod modified;
mod newton;
mod value_iteration;

/// The method that searches for the fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Method {
    /// Value iteration, then Newton's method once it is predicted to be faster. The default.
    ///
    /// At γ = 1 and for direct inference there is no prediction, and Newton's method runs from the
    /// start.
    #[default]
    Automatic,
    /// V ← BV.
    ValueIteration,
    /// V ← BV in place, one state after the other, on one thread.
    GaussSeidel,
    /// V ← BV, followed by several sweeps with the policy of V. A sweep reads one row per state.
    ModifiedPolicyIteration,
    /// Newton's method on V = BV, with an iterative linear solve: soft policy iteration.
    Newton,
}

impl Method {
    /// Runs the method until the search ends.
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
