//! Draws values, policies and marginals of a gridworld as text.

use ndarray::{ArrayRef1, ArrayRef2};

use super::rendering::{Rendering, Style};
use super::{Cell, Gridworld};
use crate::color::viridis;
use crate::{Error, Real, Table, arrays};

/// Shades, each with the least probability it is drawn for.
const SHADES: [(f64, &str); 5] = [(0.5, "██"), (0.25, "▓▓"), (0.1, "▒▒"), (0.01, "░░"), (0.001, " ·")];

impl Gridworld {
    /// Draws the map in its own symbols, with `.` for a free blank.
    #[must_use]
    pub fn render_map(&self) -> Rendering {
        let cells = self.map.cells().enumerate();
        let drawn = cells.map(|(index, cell)| (self.map.symbol(index).to_string(), Style::of(cell)));
        Rendering::new(drawn, self.width(), "")
    }

    /// Draws a value for each state with one decimal, such as a row of
    /// [`Solution::state_values`](crate::Solution::state_values).
    ///
    /// # Shapes
    ///
    /// `values` `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Gridworld, ndarray::array};
    ///
    /// let grid = Gridworld::parse("S#G")?;
    /// assert_eq!(grid.render_values(&array![-2.5, 10.0])?.to_string(), "-2.5 #### 10.0\n");
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    pub fn render_values<F: Real>(&self, values: &ArrayRef1<F>) -> Result<Rendering, Error> {
        arrays::check_shape(Table::StateValues, values.shape(), &[self.num_states()])?;
        let values = values.mapv(Real::into_f64);
        let texts: Vec<String> = values
            .iter()
            .map(|&value| match value {
                f64::NEG_INFINITY => "-∞".to_string(),
                // No minus sign before a zero.
                value if value.abs() < 0.05 => "0.0".to_string(),
                value => format!("{value:.1}"),
            })
            .collect();
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        // Halves, since the difference may leave the number type.
        let fraction =
            |value: f64| (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
        let width = widest(&texts);
        Ok(self.render(" ", |state, cell| match state {
            Some(state) if values[state].is_finite() => {
                (format!("{:>width$}", texts[state]), Style::Background(viridis(fraction(values[state]))))
            }
            Some(state) => (format!("{:>width$}", texts[state]), Style::of(cell)),
            None => ("#".repeat(width), Style::of(cell)),
        }))
    }

    /// Draws the policy of one stage. Each state shows arrows in order of probability, for all
    /// moves that are at least half as probable as the most probable one. `*` stands for more than
    /// four arrows.
    ///
    /// # Shapes
    ///
    /// `policy` `[s, a]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Gridworld, ndarray::array};
    ///
    /// let grid = Gridworld::parse("S.G")?;
    /// let policy = array![[0.0, 1.0, 0.0, 0.0], [0.2, 0.5, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25]];
    /// assert_eq!(grid.render_policy(&policy)?.to_string(), "→  →↓ G\n");
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    pub fn render_policy<F: Real>(&self, policy: &ArrayRef2<F>) -> Result<Rendering, Error> {
        let expected = [self.num_states(), self.directions().len()];
        arrays::check_shape(Table::Policy, policy.shape(), &expected)?;
        let policy = policy.mapv(Real::into_f64);
        let most = |state: usize| policy.row(state).iter().fold(0.0_f64, |most, &p| most.max(p));
        let arrows = |state: usize| {
            let (probabilities, most) = (policy.row(state), most(state));
            let mut moves: Vec<usize> = (0..probabilities.len())
                .filter(|&action| most > 0.0 && probabilities[action] >= 0.5 * most)
                .collect();
            moves.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
            match moves.len() {
                0 => "?".to_string(),
                1..=4 => moves.iter().map(|&action| self.directions()[action].arrow()).collect(),
                _ => "*".to_string(),
            }
        };
        let texts: Vec<String> = (0..self.num_states())
            .map(|state| match self.cell_of(state) {
                cell if cell.is_terminal() => self.symbol_of(state).to_string(),
                _ => arrows(state),
            })
            .collect();
        let width = widest(&texts);
        Ok(self.render(" ", |state, cell| match state {
            Some(state) if !cell.is_terminal() => {
                (format!("{:<width$}", texts[state]), Style::Background(viridis(most(state))))
            }
            Some(state) => (format!("{:<width$}", texts[state]), Style::of(cell)),
            None => ("#".repeat(width), Style::of(cell)),
        }))
    }

    /// Draws a probability for each state as a shade, such as a row of
    /// [`Posterior::state_marginals`](crate::Posterior::state_marginals).
    ///
    /// | shade | probability |
    /// |---|---|
    /// | `██` | 1/2 and more |
    /// | `▓▓` | 1/4 to 1/2 |
    /// | `▒▒` | 1/10 to 1/4 |
    /// | `░░` | 1/100 to 1/10 |
    /// | ` ·` | 1/1000 to 1/100 |
    /// | blank, or the symbol of a goal or trap | less |
    ///
    /// Walls are `##`.
    ///
    /// # Shapes
    ///
    /// `marginals` `[s]`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Gridworld, ndarray::array};
    ///
    /// let grid = Gridworld::parse("S.#.G")?;
    /// let marginals = array![0.7, 0.3, 0.0, 0.0];
    /// assert_eq!(grid.render_marginals(&marginals)?.to_string(), "██▓▓##   G\n");
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    pub fn render_marginals<F: Real>(&self, marginals: &ArrayRef1<F>) -> Result<Rendering, Error> {
        arrays::check_shape(Table::StateMarginals, marginals.shape(), &[self.num_states()])?;
        let marginals = marginals.mapv(Real::into_f64);
        Ok(self.render("", |state, cell| {
            let Some(state) = state else { return ("##".to_string(), Style::of(cell)) };
            let p = marginals[state];
            match SHADES.iter().find(|(least, _)| p >= *least) {
                // 1/1000 is the dark end: nothing is drawn below it.
                Some((_, shade)) => (shade.to_string(), Style::Ink(viridis(1.0 + p.log10() / 3.0))),
                None if cell.is_terminal() => (format!(" {}", self.symbol_of(state)), Style::of(cell)),
                None => ("  ".to_string(), Style::of(cell)),
            }
        }))
    }

    /// Draws all cells; `draw` takes the state of a cell, which is `None` for a wall.
    fn render(
        &self,
        separator: &'static str,
        draw: impl Fn(Option<usize>, Cell) -> (String, Style),
    ) -> Rendering {
        let cells = self.states.iter().zip(self.map.cells()).map(|(&state, cell)| draw(state, cell));
        Rendering::new(cells, self.width(), separator)
    }

    fn symbol_of(&self, state: usize) -> char {
        self.map.symbol(self.index_of(state))
    }
}

/// Number of characters of the longest text.
fn widest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.chars().count()).max().unwrap_or(0)
}
