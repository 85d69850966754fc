//! Gridworlds as text in colour, for terminals that have it.

use std::env;
use std::ffi::OsStr;
use std::io::{IsTerminal, stdout};

use ndarray::{ArrayRef1, ArrayRef2};

use super::{Cell, Gridworld};
use crate::Error;
use crate::color::{Color, contrast, viridis};

/// Whether text is printed in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorChoice {
    /// If the standard output is a terminal that has colours, and the environment does not set `NO_COLOR`. The default.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// What the choice comes to here and now.
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

/// Whether an output has colour, of which it is known whether it is a terminal, and the variables `NO_COLOR` and `TERM`. An empty
/// `NO_COLOR` counts as none.
fn has_color(is_terminal: bool, no_color: Option<&OsStr>, terminal: Option<&OsStr>) -> bool {
    let is_refused = no_color.is_some_and(|value| !value.is_empty());
    let is_dumb = terminal.is_some_and(|terminal| terminal == "dumb");
    is_terminal && !is_refused && !is_dumb
}

/// A gridworld whose text renderings are in colour, where there is colour.
///
/// Made by [`Gridworld::colored`]. The methods are those of [`Gridworld`], with the same text in the same places: without
/// colour they are the same strings. Values and how probable the best move is are colours of the map viridis, from dark to
/// bright, and so are probabilities by their logarithm; goals and traps are inverted, and walls are grey.
///
/// # Example
///
/// ```
/// use softmdp::{ColorChoice, Gridworld, ndarray::array};
///
/// let grid = Gridworld::parse("S#G")?;
/// let values = array![-2.5, 10.0];
/// println!("{}", grid.colored(ColorChoice::Auto).render_values(&values)?); // in colour, or in a pipe not
///
/// assert_eq!(grid.colored(ColorChoice::Never).render_values(&values)?, grid.render_values(&values)?);
/// assert!(grid.colored(ColorChoice::Always).render_values(&values)?.contains("\u{1b}[48;5;"));
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColoredGridworld<'g> {
    grid: &'g Gridworld,
    is_colored: bool,
}

impl Gridworld {
    /// The same world, printed in colour where there is colour.
    #[must_use]
    pub fn colored(&self, choice: ColorChoice) -> ColoredGridworld<'_> {
        ColoredGridworld { grid: self, is_colored: choice.is_colored() }
    }
}

impl ColoredGridworld<'_> {
    /// [`Gridworld::render_map`], in colour.
    #[must_use]
    pub fn render_map(&self) -> String {
        self.grid.draw_map(|_, cell, text| self.painted(cell, text, None))
    }

    /// [`Gridworld::render_values`], in colour.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    pub fn render_values(&self, values: &ArrayRef1<f64>) -> Result<String, Error> {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        // Halves, since the difference may leave the number type.
        let fraction =
            |value: f64| (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
        self.grid.draw_values(values, |state, cell, text| {
            let background = state
                .map(|state| values[state])
                .filter(|value| value.is_finite())
                .map(|value| viridis(fraction(value)));
            match background {
                Some(color) if self.is_colored => on(color, &text),
                _ => self.painted(cell, text, None),
            }
        })
    }

    /// [`Gridworld::render_policy`], in colour: the more probable the best move, the brighter.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    pub fn render_policy(&self, policy: &ArrayRef2<f64>) -> Result<String, Error> {
        self.grid.draw_policy(policy, |state, cell, text| {
            let best = state.map(|state| policy.row(state).iter().copied().fold(0.0, f64::max));
            match best {
                Some(best) if self.is_colored && !cell.is_terminal() => on(viridis(best), &text),
                _ => self.painted(cell, text, None),
            }
        })
    }

    /// [`Gridworld::render_marginals`], in colour.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    pub fn render_marginals(&self, marginals: &ArrayRef1<f64>) -> Result<String, Error> {
        self.grid.draw_marginals(marginals, |state, cell, text| {
            // 1/1000, below which nothing is drawn, is the dark end.
            let shade = state.map(|state| marginals[state]).filter(|&p| p >= 1e-3);
            self.painted(cell, text, shade.map(|p| viridis(1.0 + p.log10() / 3.0)))
        })
    }

    /// Text in a colour of its own, or in that of its cell.
    fn painted(&self, cell: Cell, text: String, color: Option<Color>) -> String {
        match (cell, color) {
            _ if !self.is_colored => text,
            (_, Some(color)) => format!("\u{1b}[38;5;{}m{text}\u{1b}[0m", palette_index(color)),
            (Cell::Wall, None) => format!("\u{1b}[90m{text}\u{1b}[0m"),
            (cell, None) if cell.is_terminal() => format!("\u{1b}[7m{text}\u{1b}[0m"),
            (_, None) => text,
        }
    }
}

/// Text on a background, in black or white.
fn on(background: Color, text: &str) -> String {
    let (ground, ink) = (palette_index(background), palette_index(contrast(background)));
    format!("\u{1b}[48;5;{ground}m\u{1b}[38;5;{ink}m{text}\u{1b}[0m")
}

/// The nearest of the 216 colours that terminals have in six steps of red, green and blue: 0, 95, 135, 175, 215, 255.
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
