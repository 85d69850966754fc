//! Maps: rows of symbols, and the meaning of each symbol.
//!
//! # Blanks
//!
//! A blank is a cell like any other, also at the start and at the end of a row. Only layout that
//! cannot be a cell is skipped: a byte-order mark, empty lines before and after the map, and the
//! common indentation of a text that starts with a line break. Such a text is a string literal
//! whose rows are indented with the code around them.

use std::collections::BTreeMap;

use super::{Cell, Error};

/// The symbols of a map, row by row, and their meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    symbols: Vec<char>,
    width: usize,
    legend: BTreeMap<char, Cell>,
}

impl Map {
    /// Reads the symbols. Entries of the legend replace the meaning that symbols have without one.
    pub(super) fn parse(text: &str, entries: &[(char, Cell)]) -> Result<Self, Error> {
        let mut legend: BTreeMap<char, Cell> = Cell::known().collect();
        legend.extend(check_legend(entries)?);
        // A free blank becomes a dot, which shows in a drawing.
        let has_dots = [' ', '.'].iter().all(|symbol| legend[symbol] == Cell::Free);
        let rows = rows(text);
        let width = rows.first().map_or(0, |row| row.chars().count());
        let mut symbols = Vec::new();
        for (row, line) in rows.iter().enumerate() {
            for (column, symbol) in line.chars().enumerate() {
                if !legend.contains_key(&symbol) {
                    return Err(Error::UnknownCell { row, column, symbol });
                }
                symbols.push(if symbol == ' ' && has_dots { '.' } else { symbol });
            }
            let found = line.chars().count();
            if found != width {
                return Err(Error::RaggedMap { row, found, expected: width });
            }
        }
        let map = Self { symbols, width, legend };
        if map.cells().all(|cell| cell == Cell::Wall) { Err(Error::EmptyMap) } else { Ok(map) }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.symbols.len() / self.width
    }

    /// All cells, row by row.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        (0..self.symbols.len()).map(|index| self.cell(index))
    }

    pub(super) fn symbol(&self, index: usize) -> char {
        self.symbols[index]
    }

    pub(super) fn cell(&self, index: usize) -> Cell {
        self.legend[&self.symbols[index]]
    }

    /// Index of a cell, row by row.
    pub(super) fn index(&self, row: usize, column: usize) -> Option<usize> {
        (row < self.height() && column < self.width).then(|| row * self.width + column)
    }

    /// Writes another symbol into a cell. The legend must have the symbol.
    pub(super) fn write(&mut self, index: usize, symbol: char) {
        debug_assert!(self.legend.contains_key(&symbol));
        self.symbols[index] = symbol;
    }

    /// Replaces the value of a symbol that is a goal or a trap.
    pub(super) fn set_worth(&mut self, symbol: char, worth: f64) {
        if let Some(Cell::Goal(value) | Cell::Trap(value)) = self.legend.get_mut(&symbol) {
            *value = worth;
        }
    }

    /// The map as text, one line for each row.
    #[cfg(feature = "serde")]
    pub(super) fn text(&self) -> String {
        let rows: Vec<String> = self.symbols.chunks(self.width).map(|row| row.iter().collect()).collect();
        rows.join("\n")
    }

    /// The meanings that symbols do not have without a legend.
    #[cfg(feature = "serde")]
    pub(super) fn legend(&self) -> Vec<(char, Cell)> {
        let entries = self.legend.iter().map(|(&symbol, &cell)| (symbol, cell));
        let known: BTreeMap<char, Cell> = Cell::known().collect();
        entries.filter(|(symbol, cell)| known.get(symbol) != Some(cell)).collect()
    }
}

/// The lines of a text that are rows of the map.
fn rows(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.first().is_some_and(|line| line.is_empty()) {
        let indentation = indentation(&lines);
        for line in &mut lines {
            // A line that only has a part of the indentation is empty.
            *line = line.strip_prefix(indentation).unwrap_or("");
        }
    }
    let is_row = |line: &&str| !line.is_empty();
    let first = lines.iter().position(is_row).unwrap_or(0);
    let last = lines.iter().rposition(is_row).unwrap_or(0);
    lines.drain(first..=last).collect()
}

/// The blanks and tabs that start every line with a visible symbol.
fn indentation<'t>(lines: &[&'t str]) -> &'t str {
    let visible = lines.iter().filter(|line| !line.trim().is_empty());
    let starts = visible.map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
    let common = |a: &'t str, b: &'t str| {
        let length = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        &a[..length]
    };
    starts.reduce(common).unwrap_or("")
}

/// The entries by symbol.
fn check_legend(entries: &[(char, Cell)]) -> Result<BTreeMap<char, Cell>, Error> {
    let mut legend = BTreeMap::new();
    for &(symbol, cell) in entries {
        // A line break cannot be a cell, nor can a byte-order mark at the start of the text.
        if symbol.is_control() || symbol == '\u{feff}' {
            return Err(Error::InvalidSymbol { symbol });
        }
        if let Some(value) = cell.number().filter(|number| !(*number < f64::INFINITY)) {
            return Err(Error::InvalidWorth { symbol, value });
        }
        if legend.insert(symbol, cell).is_some() {
            return Err(Error::RepeatedSymbol { symbol });
        }
    }
    Ok(legend)
}
