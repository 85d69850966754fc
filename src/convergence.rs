//! The status and the error bound of an iterative search.

use std::fmt;

/// How a search for a fixed point ended.
///
/// Later versions may add statuses of other searches, so a `match` needs a wildcard arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Status {
    /// The error bound is at most the tolerance.
    Converged,
    /// The limit of iterations was reached.
    IterationLimit,
    /// The error bound cannot fall any further, because of rounding.
    RoundingFloor,
    /// The values are a fixed point to within rounding, and no error bound exists: there are
    /// several fixed points, or rounding cannot exclude others. The initial values decide which one
    /// is found.
    SeveralFixedPoints,
    /// The caller's hook asked to stop.
    Stopped,
    /// The values grow without end: there is no fixed point to converge to.
    Diverging,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::IterationLimit => "iteration limit",
            Status::RoundingFloor => "rounding floor",
            Status::SeveralFixedPoints => "several fixed points",
            Status::Stopped => "stopped by the caller",
            Status::Diverging => "diverging",
        })
    }
}

/// The outcome of a search for a fixed point: status, cost and error bound.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Convergence<F = f64> {
    /// How the search ended.
    pub status: Status,
    /// Passes over the dynamics: stored transitions read, in units of the transitions of the model,
    /// rounded up.
    pub iterations: usize,
    /// A bound on the error of every state value, in reward units, rounding included; +∞ if none is
    /// known.
    pub error_bound: F,
}
