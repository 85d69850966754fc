//! Value iteration: V ← BV until the interval of (S2) is narrow enough.

use std::ops::ControlFlow;

use super::search::Search;
use crate::Status;
use crate::{Error, Model, Real};

/// Backs up until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Status, Error> {
    loop {
        match search.back_up(None)? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => search.advance(&differences),
        }
    }
}
