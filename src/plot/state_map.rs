//! Maps of states: values, probabilities, policies and trajectories.

use std::path::Path;

use ndarray::{ArrayRef1, ArrayRef2};

use super::arrows::{draw_policy, draw_trajectory, has_own_arrows};
use super::board::{BELOW, Board, first_board};
use super::checks::{self, FREQUENCY, PROBABILITY, VALUE, numbers};
use super::color_scale::ColorScale;
use super::error::Error;
use super::figure::Figure;
use super::keys::{Key, draw_keys, keys};
use super::layout::StateLayout;
use super::shapes::Colored;
use super::titles::{MARGIN, draw_titles, join, title_width};
use crate::{Inference, Real, Table, Trajectory};

const LONGEST: f64 = 560.0;

/// A map of states: a number per state as its colour, a policy as arrows, trajectories as lines.
///
/// [`values`](Self::values), [`marginals`](Self::marginals), [`occupancy`](Self::occupancy),
/// [`policy_of`](Self::policy_of) and [`numbers`](Self::numbers) make a map, from a
/// [`Gridworld`](crate::Gridworld) or any [`StateLayout`].
///
/// Terminal states have a frame, walls are bricks, −∞ is hatched, and a probability of exactly 0 is
/// white. A cell with a reward of its own has its symbol in a corner. Maps of thousands of states
/// are images, whose pixels show means of finite numbers.
///
/// # Example
///
/// ```
/// use softmdp::plot::StateMap;
/// use softmdp::{Gridworld, Inference, SoftValueIteration};
///
/// let grid = Gridworld::parse("S..G\n..#X")?.slip(0.1);
/// let planner = SoftValueIteration::new(12).inference(Inference::Variational);
/// let solution = planner.solve(&grid.mdp()?)?;
/// let map = StateMap::values(&grid, &solution.state_values().row(0), solution.inference())?
///     .with_policy(&solution.policy().at(0)?)?;
/// # let folder = std::env::temp_dir().join(format!("softmdp-map-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// map.save(folder.join("values.svg"))?;
/// map.save(folder.join("values.png"))?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StateMap {
    layout: StateLayout,
    title: String,
    subtitle: String,
    colored: Option<(Vec<f64>, ColorScale)>,
    policy: Option<Vec<f64>>,
    trajectories: Vec<Trajectory>,
}

impl StateMap {
    /// Colours states by their soft values, such as a row of
    /// [`Solution::state_values`](crate::Solution::state_values).
    ///
    /// # Shapes
    ///
    /// `values` `[s]`, reward units; −∞ is hatched.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for NaN and +∞.
    pub fn values<F: Real>(
        layout: impl Into<StateLayout>,
        values: &ArrayRef1<F>,
        inference: Inference,
    ) -> Result<Self, Error> {
        let layout = layout.into();
        let values = numbers(Table::StateValues, values, &[layout.num_states()], VALUE)?;
        let colors = ColorScale::of_values(&values, "V, reward units");
        let map = Self { colored: Some((values, colors)), ..Self::blank(layout, "State values V") };
        Ok(map.subtitle(how(inference)))
    }

    /// Colours states by their posterior marginals p(s_t ∣ e), such as a row of
    /// [`Posterior::state_marginals`](crate::Posterior::state_marginals).
    ///
    /// The scale is logarithmic, from 10⁻⁴ to 1.
    ///
    /// # Shapes
    ///
    /// `marginals` `[s]`, each from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for a number that is negative, or above 1 by
    /// more than rounding.
    pub fn marginals<F: Real>(
        layout: impl Into<StateLayout>,
        marginals: &ArrayRef1<F>,
        stage: usize,
    ) -> Result<Self, Error> {
        let layout = layout.into();
        let marginals = numbers(Table::StateMarginals, marginals, &[layout.num_states()], PROBABILITY)?;
        let colored = Some((marginals, ColorScale::of_probabilities()));
        let title = format!("State marginals p(s | e), stage {stage}");
        let map = Self { colored, ..Self::blank(layout, title) };
        Ok(map.subtitle("direct inference: given success"))
    }

    /// Colours states by the occupancy of a policy under the true dynamics.
    ///
    /// The occupancy is a row of [`Policy::state_occupancy`](crate::Policy::state_occupancy), its
    /// sum over stages, or
    /// [`StationaryPolicy::expected_visits`](crate::StationaryPolicy::expected_visits). The scale
    /// is logarithmic, and covers four powers of ten below the largest number.
    ///
    /// # Shapes
    ///
    /// `occupancy` `[s]`, each ≥ 0.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for a number that is negative or not finite.
    pub fn occupancy<F: Real>(
        layout: impl Into<StateLayout>,
        occupancy: &ArrayRef1<F>,
        inference: Inference,
    ) -> Result<Self, Error> {
        let layout = layout.into();
        let occupancy = numbers(Table::StateOccupancy, occupancy, &[layout.num_states()], FREQUENCY)?;
        let colors = ColorScale::of_frequencies(&occupancy, "occupancy");
        let map =
            Self { colored: Some((occupancy, colors)), ..Self::blank(layout, "Occupancy of the policy") };
        Ok(map.subtitle(format!("{inference} policy under the true dynamics")))
    }

    /// Draws a policy, such as the result of [`Policy::at`](crate::Policy::at), on states without
    /// colour; see [`with_policy`](Self::with_policy).
    ///
    /// # Shapes
    ///
    /// `policy` `[s, a]`.
    ///
    /// # Errors
    ///
    /// The errors of [`with_policy`](Self::with_policy).
    pub fn policy_of<F: Real>(
        layout: impl Into<StateLayout>,
        policy: &ArrayRef2<F>,
        inference: Inference,
    ) -> Result<Self, Error> {
        Self::blank(layout.into(), "Policy π(a | s)").subtitle(how(inference)).with_policy(policy)
    }

    /// Colours states by any numbers, on an even scale.
    ///
    /// # Shapes
    ///
    /// `numbers` `[s]`; −∞ is hatched.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for NaN and +∞.
    pub fn numbers<F: Real>(
        layout: impl Into<StateLayout>,
        numbers: &ArrayRef1<F>,
        title: &str,
        unit: &str,
    ) -> Result<Self, Error> {
        let layout = layout.into();
        let numbers = checks::numbers(Table::Series, numbers, &[layout.num_states()], VALUE)?;
        let colors = ColorScale::of_values(&numbers, unit);
        Ok(Self { colored: Some((numbers, colors)), ..Self::blank(layout, title) })
    }

    /// A map without colours.
    fn blank(layout: StateLayout, title: impl Into<String>) -> Self {
        Self {
            layout,
            title: title.into(),
            subtitle: String::new(),
            colored: None,
            policy: None,
            trajectories: Vec::new(),
        }
    }

    /// Adds a policy: an arrow for each action, whose length is proportional to its probability.
    ///
    /// An arrow of probability 1 is half a cell long. Probabilities below 4 % have no arrow.
    /// Actions that stay are dots, and terminal states have no arrows.
    ///
    /// If cells are too small, one arrow represents several neighbouring states. It shows the mean
    /// direction of all their actions, weighted by probability, so it is short if actions differ.
    /// Arrows below 4 % of the largest length are left out.
    ///
    /// # Shapes
    ///
    /// `policy` `[s, a]`, each from 0 to 1. Rows need not sum to 1.
    ///
    /// # Errors
    ///
    /// [`Error::NoDirections`] if the layout has no directions of actions,
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch), and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for a number that is negative, or above 1 by
    /// more than rounding.
    pub fn with_policy<F: Real>(mut self, policy: &ArrayRef2<F>) -> Result<Self, Error> {
        let shape = [self.layout.num_states(), self.layout.num_actions()?];
        let policy = numbers(Table::Policy, policy, &shape, PROBABILITY)?;
        if self.colored.is_some() && self.policy.is_none() {
            self.title.push_str(", and policy π(a | s)");
        }
        self.policy = Some(policy);
        Ok(self)
    }

    /// Adds a trajectory: a line that starts at a disc and ends at a square.
    ///
    /// Each further call adds a trajectory in another colour.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange).
    pub fn with_trajectory(mut self, trajectory: &Trajectory) -> Result<Self, Error> {
        let num_states = self.layout.num_states();
        if let Some(&state) = trajectory.states().iter().find(|&&state| state >= num_states) {
            return Err(crate::Error::StateOutOfRange { table: Table::Trajectory, state, num_states }.into());
        }
        self.trajectories.push(trajectory.clone());
        Ok(self)
    }

    /// Replaces the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Replaces the line below the title, which names the inference.
    #[must_use]
    pub fn subtitle(mut self, subtitle: impl Into<String>) -> Self {
        self.subtitle = subtitle.into();
        self
    }

    /// Draws the picture.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let mut marks = Vec::new();
        let top = draw_titles(&self.title, &self.subtitle, &mut marks);
        let origin = first_board(&self.layout, LONGEST, top);
        let board = Board::new(&self.layout, origin, LONGEST);
        let (width, height) = board.size();
        let colored = self.colored.as_ref().map(|(numbers, colors)| Colored { numbers, colors });
        let is_written = self.policy.is_none() && self.trajectories.is_empty();
        let is_even = colored.is_some_and(|colored| !colored.colors.is_ink);
        board.draw(colored, is_written && is_even, &mut marks);
        board.draw_axes((true, true), &mut marks);
        if let Some(policy) = &self.policy {
            draw_policy(&board, &self.layout, policy, colored, &mut marks);
        }
        for (index, trajectory) in self.trajectories.iter().enumerate() {
            draw_trajectory(&board, trajectory, index, &mut marks);
        }
        let (mut right, mut bar_bottom) = (origin.0 + width, top + height);
        // Without a coloured state there is no colour bar.
        let has_bar = |colored: &Colored<'_>| {
            let is_ink = colored.colors.is_ink;
            colored.numbers.iter().any(|&number| number.is_finite() && (!is_ink || number > 0.0))
        };
        if let Some(colored) = colored.filter(has_bar) {
            let bar_height = colored.colors.bar_height(height);
            colored.colors.bar((right + 16.0, top), bar_height, &mut marks);
            bar_bottom = top + bar_height;
            right += 16.0 + colored.colors.bar_width();
        }
        let right = right.max(title_width(&self.title, &self.subtitle) - MARGIN);
        let bottom = draw_keys(
            &self.keys(has_own_arrows(&board)),
            (origin.0, bar_bottom.max(top + height + BELOW) + 10.0),
            (right - origin.0).max(200.0),
            &mut marks,
        );
        let right = right.max(origin.0 + 200.0);
        let size = (right + MARGIN, bottom + MARGIN / 2.0);
        Figure::new(size, join(&self.title, &self.subtitle), marks)
    }

    fn keys(&self, has_own_arrows: bool) -> Vec<Key> {
        let (numbers, colors): (&[f64], _) = match &self.colored {
            Some((numbers, colors)) => (numbers, Some(colors)),
            None => (&[], None),
        };
        let mut keys = keys(&self.layout, numbers, colors);
        if self.policy.is_some() {
            let text =
                if has_own_arrows { "arrow length: probability" } else { "arrows: local mean direction" };
            keys.push(Key::Text(text.to_string()));
        }
        if !self.trajectories.is_empty() {
            keys.push(Key::Text("trajectory: from disc to square".to_string()));
        }
        keys
    }

    /// Writes the picture to a file; see [`Figure::save`].
    ///
    /// # Errors
    ///
    /// The errors of [`Figure::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.figure().save(path)
    }
}

/// The line below the title that names the inference.
fn how(inference: Inference) -> &'static str {
    match inference {
        Inference::Direct => "direct inference: given success",
        Inference::Variational => "variational inference: true dynamics",
    }
}
