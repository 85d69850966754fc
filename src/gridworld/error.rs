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
/// assert!(format!("{error:?}").starts_with("map row 1 has 1 cells, expected 2 as in row 0"));
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
    #[error(
        "map row {row} has {found} cells, expected {expected} as in row 0; a blank is a cell, \
         so write '.' at the end of a row, and start an indented map with a line break"
    )]
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
        "map cell (row {row}, column {column}) is {symbol:?}, \
         expected one of '#' '.' ' ' 'S' 'G' '1'-'9' 'X' 'F' 'H', or a symbol of the legend"
    )]
    UnknownCell {
        /// Row of the map, from 0.
        row: usize,
        /// Column of the map, from 0.
        column: usize,
        /// The character.
        symbol: char,
    },
    /// A symbol of a legend is a control character, such as a line break, or a byte-order mark.
    #[error("legend symbol {symbol:?} cannot be a cell of a text, expected a blank or a visible symbol")]
    InvalidSymbol {
        /// The symbol.
        symbol: char,
    },
    /// A legend has two entries for a symbol.
    #[error("legend has two entries for symbol {symbol:?}: remove one")]
    RepeatedSymbol {
        /// The symbol.
        symbol: char,
    },
    /// The number of a legend entry is NaN or +∞. −∞ is allowed.
    #[error("value of legend symbol {symbol:?} is {value}, expected a number below +inf")]
    InvalidWorth {
        /// The symbol.
        symbol: char,
        /// The number.
        value: f64,
    },
    /// A cell is not a state.
    #[error(
        "cell (row {row}, column {column}) is a wall or outside the map, \
         expected a state; rows and columns count from 0"
    )]
    NoState {
        /// The row named.
        row: usize,
        /// The column named.
        column: usize,
    },
    /// A cell of a trajectory is not a state.
    #[error(
        "stage {stage} of the trajectory is in cell (row {row}, column {column}), \
         which is a wall or outside the map, expected a state; rows and columns count from 0"
    )]
    NoStateAtStage {
        /// Stage of the cell, from 0.
        stage: usize,
        /// The row named.
        row: usize,
        /// The column named.
        column: usize,
    },
    /// No action leads from a cell of a trajectory to the next one.
    #[error(
        "no action leads from cell (row {}, column {}) to cell (row {}, column {}) \
         at stage {stage} of the trajectory, expected a possible move",
        from.0, from.1, to.0, to.1
    )]
    NoStep {
        /// Stage of the step, from 0.
        stage: usize,
        /// Row and column of the cell.
        from: (usize, usize),
        /// Row and column of the next cell.
        to: (usize, usize),
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
