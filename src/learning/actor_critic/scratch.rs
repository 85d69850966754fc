//! Room for the rows of an update, so that none allocates.

use std::fmt;

use crate::Real;

/// Rows that an update writes before it reads them: no part of what a learner is, whatever stands in them.
#[derive(Clone)]
pub(super) struct Scratch<F> {
    pub(super) values: Vec<F>,
    pub(super) probabilities: Vec<F>,
    pub(super) logs: Vec<F>,
}

impl<F> Default for Scratch<F> {
    fn default() -> Self {
        Self { values: Vec::new(), probabilities: Vec::new(), logs: Vec::new() }
    }
}

impl<F> PartialEq for Scratch<F> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<F> fmt::Debug for Scratch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scratch")
    }
}

impl<F: Real> Scratch<F> {
    /// Takes room for so many actions, unless it is there: a learner that was read has none.
    pub(super) fn fit(&mut self, num_actions: usize) {
        for row in [&mut self.values, &mut self.probabilities, &mut self.logs] {
            row.resize(num_actions, F::zero());
        }
    }
}
