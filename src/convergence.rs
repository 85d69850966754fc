//! How iterative searches ended, and how far they got.

use std::fmt;

/// How a search for a fixed point ended.
///
/// Further searches may end in further ways, so a `match` needs an arm for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Status {
    /// The error is at most the tolerance.
    Converged,
    /// The limit on iterations was reached.
    IterationLimit,
    /// The error bound no longer falls: what is left of it is rounding.
    RoundingFloor,
    /// The values satisfy V = BV as far as rounding can tell, and no error bound exists: there are several fixed points, or
    /// rounding cannot tell one from several. The initial values decide which one was found.
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
