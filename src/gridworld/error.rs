//! Errors of text maps.

use std::fmt;

/// An error in the text map of a gridworld.
///
/// Errors of the model convert into [`Error::Model`] by `?`, so one function can parse a map and
/// solve its model. `Debug` prints the message, so that a `main` which returns this error
/// shows it.
///
/// # Example
///
/// ```
/// use softmdp::gridworld::{Error, Gridworld};
/// use softmdp::soft_value_iteration;
///
/// fn value_of_start(map: &str) -> Result<f64, Error> {
///     let mdp = Gridworld::parse(map)?.mdp()?;
///     Ok(soft_value_iteration(&mdp, 10)?.state_values()[[0, 0]])
/// }
///
/// assert!(value_of_start("S.G").is_ok());
/// let error = value_of_start("S.\nG").unwrap_err();
/// assert_eq!(error, Error::RaggedMap { row: 1, found: 1, expected: 2 });
/// assert_eq!(format!("{error:?}"), "map row 1 has 1 cells, expected 2 as in row 0");
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model, a table or a setting is invalid.
    #[error(transparent)]
    Model(#[from] crate::Error),
    /// A map has no cells, or only walls.
    #[error("map has no cell that is not a wall")]
    EmptyMap,
    /// A row of a map is longer or shorter than the first one.
    #[error("map row {row} has {found} cells, expected {expected} as in row 0")]
    RaggedMap {
        /// Row of the map, from 0.
        row: usize,
        /// Its number of cells.
        found: usize,
        /// Number of cells in row 0.
        expected: usize,
    },
    /// A character of a map has no meaning.
    #[error(
        "map cell (row {row}, column {column}) is {symbol:?}, expected one of '#' '.' 'S' 'G' '1'-'9' 'X' 'F' 'H'"
    )]
    UnknownCell {
        /// Row of the map, from 0.
        row: usize,
        /// Column of the map, from 0.
        column: usize,
        /// The character.
        symbol: char,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
