//! The standard output: lines with a title, and blocks that fit the terminal.

use std::fmt::Display;
use std::io::{self, Write};

use console::Term;

/// Width of the titles.
const TITLE: usize = 12;
/// Rows of a table that are printed however low the terminal is.
const LEAST_ROWS: usize = 5;
/// Number of columns if the output is not a terminal.
const WIDTH_OF_FILES: usize = 160;
/// Lines below the output: the prompt.
const BELOW: usize = 2;

/// The destination of text. A reader that closes its end, such as `head`, is not an error.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Rows and columns, if the output is a terminal.
    size: Option<(usize, usize)>,
    used: usize,
    is_closed: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let terminal = Term::stdout();
        // Without a terminal, `size_checked` may know the size of another stream.
        let size = terminal.is_term().then(|| terminal.size_checked()).flatten();
        let size = size.map(|(rows, columns)| (rows.into(), columns.into()));
        Self { size, used: 0, is_closed: false }
    }

    /// Prints a line with a title.
    pub(crate) fn line(&mut self, title: &str, text: impl Display) -> io::Result<()> {
        self.print(&format!("{title:<TITLE$}  {text}\n"))
    }

    /// Prints lines of text, each with its end.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        self.used += text.lines().count();
        if self.is_closed {
            return Ok(());
        }
        let mut output = io::stdout().lock();
        match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            result => result,
        }
    }

    /// Whether a block of text fits without a change.
    pub(crate) fn fits(&self, width: usize, height: usize) -> bool {
        width <= self.width() && self.size.is_none_or(|(rows, _)| self.used + height + BELOW <= rows)
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.size.map_or(WIDTH_OF_FILES, |(_, columns)| columns)
    }

    /// Number of rows that a table of `rows` rows may print, below `above` lines of its own.
    pub(crate) fn rows_of(&self, rows: usize, above: usize) -> usize {
        match self.size {
            Some((height, _)) => rows.min(height.saturating_sub(self.used + above + BELOW).max(LEAST_ROWS)),
            None => rows,
        }
    }
}
