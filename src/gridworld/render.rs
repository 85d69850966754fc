//! Gridworlds and what is known about their states, as text.

use ndarray::{ArrayRef1, ArrayRef2};

use super::{Cell, Gridworld};
use crate::{Error, Table, arrays};

impl Gridworld {
    /// Draws the map, in the symbols that [`parse`](Self::parse) reads.
    #[must_use]
    pub fn render_map(&self) -> String {
        self.draw_map(|_, _, text| text)
    }

    pub(super) fn draw_map(&self, paint: impl Paint) -> String {
        self.render("", |state, cell| paint(state, cell, cell.symbol().to_string()))
    }

    /// Draws a value for each state, with one decimal, such as a row of
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
    /// assert_eq!(grid.render_values(&array![-2.5, 10.0])?, "-2.5 #### 10.0\n");
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn render_values(&self, values: &ArrayRef1<f64>) -> Result<String, Error> {
        self.draw_values(values, |_, _, text| text)
    }

    pub(super) fn draw_values(&self, values: &ArrayRef1<f64>, paint: impl Paint) -> Result<String, Error> {
        arrays::check_shape(Table::StateValues, values.shape(), &[self.num_states()])?;
        let texts: Vec<String> = values
            .iter()
            .map(|&value| match value {
                f64::NEG_INFINITY => "-∞".to_string(),
                // No minus sign before a zero.
                value if value.abs() < 0.05 => "0.0".to_string(),
                value => format!("{value:.1}"),
            })
            .collect();
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        Ok(self.render(" ", |state, cell| {
            let text = state.map_or("#".repeat(width), |state| format!("{:>width$}", texts[state]));
            paint(state, cell, text)
        }))
    }

    /// Draws the policy of one stage: for each state an arrow for every move that is at least half as probable as the
    /// most probable one, those first that are more probable. `*` stands for more than four.
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
    /// assert_eq!(grid.render_policy(&policy)?, "→  →↓ G\n");
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn render_policy(&self, policy: &ArrayRef2<f64>) -> Result<String, Error> {
        self.draw_policy(policy, |_, _, text| text)
    }

    pub(super) fn draw_policy(&self, policy: &ArrayRef2<f64>, paint: impl Paint) -> Result<String, Error> {
        let expected = [self.num_states(), self.directions().len()];
        arrays::check_shape(Table::Policy, policy.shape(), &expected)?;
        let texts: Vec<String> = (policy.rows().into_iter().enumerate())
            .map(|(state, probabilities)| {
                let cell = self.cell_of(state);
                if cell.is_terminal() {
                    return cell.symbol().to_string();
                }
                let most = probabilities.iter().fold(0.0_f64, |most, &p| most.max(p));
                let mut moves: Vec<usize> = (0..probabilities.len())
                    .filter(|&action| most > 0.0 && probabilities[action] >= 0.5 * most)
                    .collect();
                moves.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
                match moves.len() {
                    0 => "?".to_string(),
                    1..=4 => moves.iter().map(|&action| self.directions()[action].arrow()).collect(),
                    _ => "*".to_string(),
                }
            })
            .collect();
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        Ok(self.render(" ", |state, cell| {
            let text = state.map_or("#".repeat(width), |state| format!("{:<width$}", texts[state]));
            paint(state, cell, text)
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
    /// assert_eq!(grid.render_marginals(&array![0.7, 0.3, 0.0, 0.0])?, "██▓▓##   G\n");
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn render_marginals(&self, marginals: &ArrayRef1<f64>) -> Result<String, Error> {
        self.draw_marginals(marginals, |_, _, text| text)
    }

    pub(super) fn draw_marginals(
        &self,
        marginals: &ArrayRef1<f64>,
        paint: impl Paint,
    ) -> Result<String, Error> {
        arrays::check_shape(Table::StateMarginals, marginals.shape(), &[self.num_states()])?;
        let shades = [(0.5, "██"), (0.25, "▓▓"), (0.1, "▒▒"), (0.01, "░░"), (0.001, " ·")];
        Ok(self.render("", |state, cell| {
            let shade = state.and_then(|state| shades.iter().find(|(least, _)| marginals[state] >= *least));
            let text = match (state, shade) {
                (None, _) => "##".to_string(),
                (_, Some((_, shade))) => shade.to_string(),
                (_, None) if cell.is_terminal() => format!(" {}", cell.symbol()),
                (_, None) => "  ".to_string(),
            };
            paint(state, cell, text)
        }))
    }

    /// Puts the text of each cell side by side, with something between them, one line a row.
    fn render(&self, between: &str, text: impl Fn(Option<usize>, Cell) -> String) -> String {
        let mut lines = String::new();
        for (states, cells) in self.states.chunks(self.width).zip(self.cells.chunks(self.width)) {
            let row: Vec<String> =
                states.iter().zip(cells).map(|(&state, &cell)| text(state, cell)).collect();
            lines.push_str(row.join(between).trim_end());
            lines.push('\n');
        }
        lines
    }
}

/// What becomes of the text of a cell, given its state, before it is printed.
pub(super) trait Paint: Fn(Option<usize>, Cell, String) -> String {}

impl<T: Fn(Option<usize>, Cell, String) -> String> Paint for T {}
