//! How iterative searches ended, and how far they got.

use std::fmt;

/// How a search for a fixed point ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Status {
    /// The error is at most the tolerance.
    Converged,
    /// The tolerance was not met: the limit on iterations was reached, or rounding does not let the bound fall any further, or
    /// there are several fixed points and so no bound.
    IterationLimit,
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
            Status::Stopped => "stopped by the caller",
            Status::Diverging => "diverging",
        })
    }
}

/// How far a search for a fixed point got, and what it took.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Convergence<F = f64> {
    /// How it ended.
    pub status: Status,
    /// Passes over the dynamics: stored transitions read, in units of those that the model has, rounded up.
    pub iterations: usize,
    /// Largest error of any state value, in reward units, rounding included; +∞ if none is known.
    pub error_bound: F,
}
