//! Text drawings of gridworlds, plain or in colour.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdout};
use std::{env, fmt};

use super::Cell;
use crate::color::{Color, contrast};

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorChoice {
    /// In colour if the standard output is a terminal with colours and `NO_COLOR` is not set. The
    /// default.
    #[default]
    Auto,
    /// Always in colour.
    Always,
    /// Never in colour.
    Never,
}

impl ColorChoice {
    /// Whether text has colours in the current environment.
    #[must_use]
    pub fn is_colored(self) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let (no_color, terminal) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
                has_color(stdout().is_terminal(), no_color.as_deref(), terminal.as_deref())
            }
        }
    }
}

/// Whether an output has colours, given the variables `NO_COLOR` and `TERM`. An empty `NO_COLOR`
/// counts as unset.
fn has_color(is_terminal: bool, no_color: Option<&OsStr>, terminal: Option<&OsStr>) -> bool {
    let is_refused = no_color.is_some_and(|value| !value.is_empty());
    let is_dumb = terminal.is_some_and(|terminal| terminal == "dumb");
    is_terminal && !is_refused && !is_dumb
}

/// A gridworld drawn as text.
///
/// Made by [`Gridworld::render_map`](super::Gridworld::render_map),
/// [`render_values`](super::Gridworld::render_values),
/// [`render_policy`](super::Gridworld::render_policy) and
/// [`render_marginals`](super::Gridworld::render_marginals). `Display` writes one line of text for
/// each row of the map. [`colored`](Self::colored) adds colours and does not change the text.
///
/// # Example
///
/// ```
/// use softmdp::{ColorChoice, Gridworld, ndarray::array};
///
/// let grid = Gridworld::parse("S#G")?;
/// let rendering = grid.render_values(&array![-2.5, 10.0])?;
/// assert_eq!(rendering.to_string(), "-2.5 #### 10.0\n");
///
/// println!("{}", rendering.clone().colored(ColorChoice::Auto)); // plain in a pipe
/// assert!(rendering.colored(ColorChoice::Always).to_string().contains("\u{1b}[48;5;"));
/// # Ok::<(), softmdp::gridworld::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rendering {
    cells: Vec<(String, Style)>, // row by row
    width: usize,
    separator: &'static str,
    is_colored: bool,
}

impl Rendering {
    /// A rendering without colour, from the text and the style of each cell.
    pub(super) fn new(
        cells: impl Iterator<Item = (String, Style)>,
        width: usize,
        separator: &'static str,
    ) -> Self {
        Self { cells: cells.collect(), width, separator, is_colored: false }
    }

    /// Returns this rendering with or without colours, by the choice.
    ///
    /// Backgrounds show values, or the probability of the most probable move, from dark to bright
    /// (viridis). The colour of shades shows the logarithm of marginals. Goals and traps are
    /// inverted; walls are grey.
    #[must_use]
    pub fn colored(self, choice: ColorChoice) -> Self {
        Self { is_colored: choice.is_colored(), ..self }
    }
}

impl fmt::Display for Rendering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.cells.chunks(self.width) {
            let cells: Vec<String> = row
                .iter()
                .map(|(text, style)| if self.is_colored { style.paint(text) } else { text.clone() })
                .collect();
            writeln!(f, "{}", cells.join(self.separator).trim_end())?;
        }
        Ok(())
    }
}

/// How the text of a cell is coloured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Style {
    Plain,
    Grey,
    Inverted,
    Ink(Color),
    Background(Color),
}

impl Style {
    /// The style of a cell that shows only its kind.
    pub(super) fn of(cell: Cell) -> Self {
        match cell {
            Cell::Wall => Style::Grey,
            cell if cell.is_terminal() => Style::Inverted,
            _ => Style::Plain,
        }
    }

    fn paint(self, text: &str) -> String {
        match self {
            Style::Plain => text.to_string(),
            Style::Grey => format!("\u{1b}[90m{text}\u{1b}[0m"),
            Style::Inverted => format!("\u{1b}[7m{text}\u{1b}[0m"),
            Style::Ink(color) => format!("\u{1b}[38;5;{}m{text}\u{1b}[0m", palette_index(color)),
            Style::Background(color) => {
                let (ground, ink) = (palette_index(color), palette_index(contrast(color)));
                format!("\u{1b}[48;5;{ground}m\u{1b}[38;5;{ink}m{text}\u{1b}[0m")
            }
        }
    }
}

/// The nearest of the 216 terminal colours, with six levels of red, green and blue: 0, 95, 135,
/// 175, 215, 255.
fn palette_index(color: Color) -> usize {
    let [red, green, blue] = color
        .map(|channel| if channel < 48 { 0 } else { (usize::from(channel).saturating_sub(35) / 40).max(1) });
    16 + 36 * red + 6 * green + blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_have_it_and_do_not_refuse_it() {
        let has_color = |is_terminal, no_color: Option<&str>, terminal: Option<&str>| {
            has_color(is_terminal, no_color.map(OsStr::new), terminal.map(OsStr::new))
        };
        assert!(has_color(true, None, None));
        assert!(has_color(true, None, Some("xterm-256color")));
        assert!(has_color(true, Some(""), Some("xterm")), "an empty variable refuses nothing");
        assert!(!has_color(false, None, Some("xterm")), "a pipe");
        assert!(!has_color(true, Some("1"), Some("xterm")));
        assert!(!has_color(true, Some("0"), None), "any value refuses");
        assert!(!has_color(true, None, Some("dumb")));
        assert_eq!(ColorChoice::default(), ColorChoice::Auto);
    }

    #[test]
    fn colours_are_the_nearest_of_the_terminal() {
        assert_eq!([[0; 3], [255; 3], [95, 135, 175], [255, 0, 0]].map(palette_index), [16, 231, 67, 196]);
    }
}
