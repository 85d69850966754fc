//! A cache for the logarithm of a number that repeats.

use crate::Real;

/// Remembers the last logarithm taken.
///
/// Prior weights are equal along a row, except for a custom prior, so one logarithm a row is
/// enough, or none. The result never depends on earlier calls.
#[derive(Debug)]
pub(crate) struct LogMemo<F> {
    argument: F,
    log: F,
}

impl<F: Real> LogMemo<F> {
    pub(crate) fn new() -> Self {
        Self { argument: F::one(), log: F::zero() }
    }

    /// log x, with log 0 = −∞.
    #[inline]
    pub(crate) fn log(&mut self, x: F) -> F {
        // Bit-equal arguments have bit-equal logarithms: equality is the right comparison here.
        if x != self.argument {
            self.argument = x;
            self.log = x.ln();
        }
        self.log
    }
}
