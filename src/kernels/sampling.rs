//! Draws from distributions, one outcome at a time.

use rand::{Rng, RngExt};

use crate::Real;

/// Draws an index with the given probabilities; `None` if all are 0.
pub(crate) fn draw<F: Real, R: Rng + ?Sized>(
    rng: &mut R,
    probabilities: impl Iterator<Item = (usize, F)>,
) -> Option<usize> {
    let mut draw = Draw::new(rng);
    probabilities.for_each(|(index, p)| draw.offer(index, p));
    draw.choice(false)
}

/// A draw from a distribution whose outcomes are offered one at a time.
pub(crate) struct Draw {
    left: f64, // a uniform number minus the probabilities offered so far
    chosen: Option<usize>,
    last: Option<usize>,
}

impl Draw {
    pub(crate) fn new<R: Rng + ?Sized>(rng: &mut R) -> Self {
        Self { left: rng.random(), chosen: None, last: None }
    }

    pub(crate) fn offer<F: Real>(&mut self, index: usize, p: F) {
        if p > F::zero() && self.chosen.is_none() {
            self.left -= p.into_f64();
            self.last = Some(index);
            if self.left < 0.0 {
                self.chosen = self.last;
            }
        }
    }

    /// The outcome. The rest of the probability, if the sum is below 1, belongs to `None` if
    /// `may_be_nothing`; otherwise it is rounding and belongs to the last outcome.
    pub(crate) fn choice(self, may_be_nothing: bool) -> Option<usize> {
        if may_be_nothing { self.chosen } else { self.chosen.or(self.last) }
    }
}
