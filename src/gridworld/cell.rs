//! The kinds of cells, and the symbols that need no legend.

/// The kind of a cell of a map.
///
/// A legend gives a kind to a symbol: see [`Gridworld::parse_with`](super::Gridworld::parse_with).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cell {
    /// A wall. It is not a state, and the agent cannot enter it.
    Wall,
    /// A free cell.
    Free,
    /// A free cell where episodes start.
    Start,
    /// A free cell with a reward of its own, in reward units. Each step from the cell pays this
    /// reward instead of the [step reward](super::Gridworld::step_reward).
    Reward(f64),
    /// A terminal state with this value, in reward units.
    Goal(f64),
    /// A terminal state with this value, in reward units. To the model, a trap is the same as a
    /// goal.
    Trap(f64),
}

impl Cell {
    /// Whether the episode ends in this cell.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Cell, Gridworld};
    ///
    /// let grid = Gridworld::parse_with("S.m\nX.G", &[('m', Cell::Reward(-5.0))])?; // m is mud
    /// let is_end = |row, column| grid.cell(row, column).is_some_and(Cell::is_terminal);
    /// assert!(is_end(1, 0) && is_end(1, 2)); // the trap and the goal
    /// assert!(!is_end(0, 2)); // a cell with a reward is not an end
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Cell::Goal(_) | Cell::Trap(_))
    }

    /// The number that belongs to the cell.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Cell::Wall | Cell::Free | Cell::Start => None,
            Cell::Reward(number) | Cell::Goal(number) | Cell::Trap(number) => Some(number),
        }
    }

    /// The symbols that have a meaning without a legend.
    pub(super) fn known() -> impl Iterator<Item = (char, Self)> {
        let prizes = (1..10).map(|value| (char::from(b'0' + value), Cell::Goal(f64::from(value))));
        let others = [
            ('#', Cell::Wall),
            ('.', Cell::Free),
            (' ', Cell::Free),
            ('F', Cell::Free),
            ('S', Cell::Start),
            ('G', Cell::Goal(10.0)),
            ('X', Cell::Trap(-10.0)),
            ('H', Cell::Trap(-10.0)),
        ];
        others.into_iter().chain(prizes)
    }
}
