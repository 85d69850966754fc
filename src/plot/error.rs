//! What cannot be drawn, or not be written to a file.

use std::path::PathBuf;
use std::{fmt, io};

use crate::Table;

/// A picture that cannot be drawn, or not be written to a file.
///
/// Tables that do not fit are reported as [`Model`](Self::Model). The debug format is the message, so that `main` can return
/// this error.
///
/// # Example
///
/// ```
/// use softmdp::plot::{Curves, Error};
///
/// let error = Curves::learning().figure().unwrap_err();
/// assert!(matches!(error, Error::NothingToDraw { .. }));
/// assert_eq!(format!("{error:?}"), error.to_string());
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table or a model is invalid.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// `coordinates[state, axis]` is not finite.
    #[error("coordinate {axis} of state {state} is {value}, expected a finite number")]
    InvalidCoordinate {
        /// The state.
        state: usize,
        /// 0 for x, 1 for y.
        axis: usize,
        /// The coordinate.
        value: f64,
    },
    /// A policy is drawn as arrows, and the layout does not know where actions point.
    #[error("a policy is drawn as arrows: say where actions point, by directions or by the dynamics")]
    NoDirections,
    /// A picture has more pixels on a side than its format can count.
    #[error("picture of {width} × {height} pixels, expected at most {limit} on a side")]
    PictureTooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// How many the format can count.
        limit: u32,
    },
    /// There is nothing to be drawn.
    #[error("{table} hold nothing that can be drawn")]
    NothingToDraw {
        /// The table.
        table: Table,
    },
    /// The extension of a file names no format that can be written.
    #[error("{}: the extension is {found:?}, expected {expected}", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// Its extension; empty if there is none.
        found: String,
        /// The extensions that can be written.
        expected: &'static str,
    },
    /// A file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says. The message includes it, so it is not the source of this error.
        error: io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
