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
    /// The search reached the limit of iterations.
    IterationLimit,
    /// Rounding keeps the error bound above the tolerance.
    RoundingFloor,
    /// The values are a fixed point to within rounding, but no error bound exists. There are
    /// several fixed points, or rounding cannot exclude others. The result depends on the initial
    /// values.
    ///
    /// This happens where rewards cancel on a loop that the agent may follow forever, so that the
    /// total reward of the loop is not defined.
    SeveralFixedPoints {
        /// A state of the loop. The values of all states that lead to it may be wrong too.
        state: usize,
    },
    /// The caller's hook asked to stop.
    Stopped,
    /// The values grow without bound. There is no fixed point.
    Diverging,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::IterationLimit => "iteration limit",
            Status::RoundingFloor => "rounding floor",
            Status::SeveralFixedPoints { .. } => "several fixed points",
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
    /// Passes over the dynamics: the number of transitions read, divided by the number of
    /// transitions of the model, rounded up.
    pub iterations: usize,
    /// A bound on the error of every state value, in reward units. It includes rounding. It is +∞
    /// if no bound is known.
    pub error_bound: F,
}
