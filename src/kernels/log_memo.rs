//! Logarithms of numbers that repeat.

use crate::Real;

/// Remembers the last logarithm taken.
///
/// Prior weights are the same along a row for every prior but a custom one, so that one logarithm a row, or
/// none at all, is enough. The result never depends on what was asked before.
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
