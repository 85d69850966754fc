//! Why a search stops: it has ended, or something went wrong.

use crate::{Error, Status};

/// What stops a search. `?` hands it up to whoever began the search.
#[derive(Debug)]
pub(super) enum Halt {
    /// The search ended, in this way.
    Ended(Status),
    /// The model, the numbers or the memory failed.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
