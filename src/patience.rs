//! When to try a faster way again that has failed.

/// Waits twice as long after each failure, so that a model for which the faster way does not hold
/// pays for few attempts.
#[derive(Debug)]
pub(crate) struct Patience {
    wait: usize, // stages until the next attempt
    next: usize, // stages to wait after the next failure
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { wait: 0, next: 1 }
    }

    /// Whether to try at this stage. Called once a stage.
    pub(crate) fn may_try(&mut self) -> bool {
        let may_try = self.wait == 0;
        self.wait = self.wait.saturating_sub(1);
        may_try
    }

    /// Records that an attempt has failed.
    pub(crate) fn fail(&mut self) {
        (self.wait, self.next) = (self.next, self.next.saturating_mul(2));
    }
}
