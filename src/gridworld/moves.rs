//! Directions on a grid, and the sets of moves.

/// A direction on a grid. Row 0 is at the top, column 0 at the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Up,
    UpRight,
    Right,
    DownRight,
    Down,
    DownLeft,
    Left,
    UpLeft,
}

impl Direction {
    /// Change of row and column.
    #[must_use]
    pub fn offset(self) -> (isize, isize) {
        match self {
            Direction::Up => (-1, 0),
            Direction::UpRight => (-1, 1),
            Direction::Right => (0, 1),
            Direction::DownRight => (1, 1),
            Direction::Down => (1, 0),
            Direction::DownLeft => (1, -1),
            Direction::Left => (0, -1),
            Direction::UpLeft => (-1, -1),
        }
    }

    /// The arrow in this direction.
    #[must_use]
    pub fn arrow(self) -> char {
        match self {
            Direction::Up => '↑',
            Direction::UpRight => '↗',
            Direction::Right => '→',
            Direction::DownRight => '↘',
            Direction::Down => '↓',
            Direction::DownLeft => '↙',
            Direction::Left => '←',
            Direction::UpLeft => '↖',
        }
    }
}

/// The moves an agent can choose: action a moves in `directions()[a]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Moves {
    /// Up, right, down, left. A slip goes a quarter turn to either side.
    #[default]
    Four,
    /// The four moves and the diagonals, clockwise from up. A slip goes an eighth turn to either
    /// side.
    Eight,
}

impl Moves {
    /// The directions, clockwise from [`Direction::Up`].
    #[must_use]
    pub fn directions(self) -> &'static [Direction] {
        use Direction::{Down, DownLeft, DownRight, Left, Right, Up, UpLeft, UpRight};
        match self {
            Moves::Four => &[Up, Right, Down, Left],
            Moves::Eight => &[Up, UpRight, Right, DownRight, Down, DownLeft, Left, UpLeft],
        }
    }
}
