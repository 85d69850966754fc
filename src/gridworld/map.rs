//! Text maps and their cells.

use super::Error;

/// The kind of a cell of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cell {
    /// `#`: a wall. It is not a state, and the agent cannot enter it.
    Wall,
    /// `.` or `F`: a free cell.
    Free,
    /// `S`: a free cell where episodes start.
    Start,
    /// `G`: a terminal state with the goal reward as its value.
    Goal,
    /// `1` to `9`: a terminal state with a value of 1 to 9 reward units.
    Prize(u8),
    /// `X` or `H`: a terminal state with the trap reward as its value.
    Trap,
}

impl Cell {
    /// Whether the episode ends in this cell.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Cell::Goal | Cell::Prize(_) | Cell::Trap)
    }

    /// The symbol of this cell in a map.
    #[must_use]
    pub fn symbol(self) -> char {
        match self {
            Cell::Wall => '#',
            Cell::Free => '.',
            Cell::Start => 'S',
            Cell::Goal => 'G',
            Cell::Prize(value) => char::from_digit(value.into(), 10).unwrap_or('?'),
            Cell::Trap => 'X',
        }
    }

    fn from_symbol(symbol: char) -> Option<Self> {
        Some(match symbol {
            '#' => Cell::Wall,
            '.' | 'F' => Cell::Free,
            'S' => Cell::Start,
            'G' => Cell::Goal,
            '1'..='9' => Cell::Prize(symbol as u8 - b'0'),
            'X' | 'H' => Cell::Trap,
            _ => return None,
        })
    }
}

/// The cells of a map, row by row, and its width.
pub(super) fn parse(map: &str) -> Result<(Vec<Cell>, usize), Error> {
    let lines: Vec<&str> = map.lines().map(str::trim).collect();
    // String literals and files have blank lines around a map; one within it is a row without
    // cells.
    let first = lines.iter().position(|line| !line.is_empty()).ok_or(Error::EmptyMap)?;
    let last = lines.iter().rposition(|line| !line.is_empty()).unwrap_or(first);
    let lines = &lines[first..=last];
    let width = lines[0].chars().count();
    let mut cells = Vec::new();
    for (row, line) in lines.iter().enumerate() {
        for (column, symbol) in line.chars().enumerate() {
            cells.push(Cell::from_symbol(symbol).ok_or(Error::UnknownCell { row, column, symbol })?);
        }
        let found = line.chars().count();
        if found != width {
            return Err(Error::RaggedMap { row, found, expected: width });
        }
    }
    if cells.iter().all(|&cell| cell == Cell::Wall) {
        return Err(Error::EmptyMap);
    }
    Ok((cells, width))
}
