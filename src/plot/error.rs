//! Errors of pictures.

use std::path::PathBuf;
use std::{fmt, io};

use crate::Table;

/// An error in drawing a picture, or in writing it to a file.
///
/// `Debug` prints the message, so that a `main` which returns this error shows it.
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
    /// A table or a model is invalid, or has another shape than the layout.
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
    /// A map has a policy, but its layout has no directions of actions.
    #[error(
        "cannot draw a policy: the layout has no directions of actions; set them with `with_moves` or \
         `with_moves_of`"
    )]
    NoDirections,
    /// A side of the picture has more pixels than its format allows.
    #[error("picture has {width} × {height} pixels, expected at most {limit} on a side")]
    PictureTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Largest number of pixels on a side in this format.
        limit: u32,
    },
    /// A table has no stage, or no point that can be drawn.
    #[error("no {table} to draw, expected at least one stage or one finite point (positive on a log scale)")]
    NothingToDraw {
        /// The table.
        table: Table,
    },
    /// The extension of a file name is unknown.
    #[error("{}: the extension is {found:?}, expected {expected}", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// Its extension; empty if the name has no extension.
        found: String,
        /// The supported extensions.
        expected: &'static str,
    },
    /// A file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system. The message includes it, so it is not the source of this error.
        error: io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
