//! Directions on a grid, and the sets of moves.

/// A direction on a grid, or staying. Row 0 is at the top, column 0 at the left.
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
    Stay,
}

use Direction::{Down, DownLeft, DownRight, Left, Right, Stay, Up, UpLeft, UpRight};

/// The eight directions, clockwise.
const COMPASS: [Direction; 8] = [Up, UpRight, Right, DownRight, Down, DownLeft, Left, UpLeft];

impl Direction {
    /// Change of row and column.
    #[must_use]
    pub fn offset(self) -> (isize, isize) {
        match self {
            Up => (-1, 0),
            UpRight => (-1, 1),
            Right => (0, 1),
            DownRight => (1, 1),
            Down => (1, 0),
            DownLeft => (1, -1),
            Left => (0, -1),
            UpLeft => (-1, -1),
            Stay => (0, 0),
        }
    }

    /// The arrow in this direction, and `•` for staying.
    #[must_use]
    pub fn arrow(self) -> char {
        match self {
            Up => '↑',
            UpRight => '↗',
            Right => '→',
            DownRight => '↘',
            Down => '↓',
            DownLeft => '↙',
            Left => '←',
            UpLeft => '↖',
            Stay => '•',
        }
    }

    /// The direction after a turn to the right by a number of eighths. Staying has no turns.
    pub(super) fn turned(self, eighths: usize) -> Self {
        let place = COMPASS.iter().position(|&direction| direction == self);
        place.map_or(Stay, |place| COMPASS[(place + eighths) % COMPASS.len()])
    }
}

/// The moves an agent can choose: action a moves in `directions()[a]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Moves {
    /// Up, right, down, left. A slip goes a quarter turn to either side.
    #[default]
    Four,
    /// The four moves, and staying, which never slips.
    Five,
    /// The four moves and the diagonals, clockwise from up. A slip goes an eighth turn to either
    /// side.
    Eight,
    /// The eight moves, and staying, which never slips.
    Nine,
}

impl Moves {
    /// The directions, clockwise from [`Direction::Up`]. [`Direction::Stay`] is the last one.
    #[must_use]
    pub fn directions(self) -> &'static [Direction] {
        match self {
            Moves::Four => &[Up, Right, Down, Left],
            Moves::Five => &[Up, Right, Down, Left, Stay],
            Moves::Eight => &COMPASS,
            Moves::Nine => &[Up, UpRight, Right, DownRight, Down, DownLeft, Left, UpLeft, Stay],
        }
    }

    /// Eighths of a turn from a move to the next one.
    pub(super) fn turn(self) -> usize {
        match self {
            Moves::Four | Moves::Five => 2,
            Moves::Eight | Moves::Nine => 1,
        }
    }
}
