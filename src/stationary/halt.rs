//! Why a search stops: it ended, or something failed.

use crate::{Error, Status};

/// Stops a search; `?` passes it up to the caller that started the search.
#[derive(Debug)]
pub(super) enum Halt {
    /// The search ended with this status.
    Ended(Status),
    /// The model returned an error, a value overflowed, or memory ran out.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
