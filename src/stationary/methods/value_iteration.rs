//! Value iteration: V ← BV until the interval of (S2) meets the tolerance.

use std::convert::Infallible;

use crate::stationary::halt::Halt;
use crate::stationary::search::Search;
use crate::{Model, Real};

/// Backs up until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    loop {
        let differences = search.back_up(None)?;
        search.iterate.advance(&differences);
    }
}
