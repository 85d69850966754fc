//! Distributions over time, in panels side by side.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array3, ArrayRef2, Axis};

use super::board::{BELOW, Board, first_board};
use super::checks::{PROBABILITY, numbers};
use super::color_scale::ColorScale;
use super::error::Error;
use super::figure::{self, Figure};
use super::keys::{draw_keys, keys};
use super::layout::StateLayout;
use super::marks::{Anchor, INK, Mark};
use super::shapes::Colored;
use super::titles::{draw_titles, join, title_width};
use super::{bitmap, text};
use crate::{Inference, Model, Policy, Posterior, Real, Table, arrays, forward_messages_given};

const LONGEST: f64 = 250.0;
const PANEL_TITLE: f64 = 13.0;
const BETWEEN: f64 = 38.0;
/// Longer names of panels are cut.
const LONGEST_NAME: f64 = 320.0;
const HUNDREDTHS: u16 = 40;

/// Distributions of states over time, in panels with one scale.
///
/// [`save`](Self::save) writes an animation. [`stages`](Self::stages) draws several stages in one
/// picture.
///
/// # Example
///
/// ```
/// use softmdp::plot::Animation;
/// use softmdp::{ActionPrior, Gridworld, posterior};
///
/// let grid = Gridworld::parse("S..\n.#.\n..G")?;
/// let mdp = grid.mdp()?.with_action_prior(ActionPrior::Uniform)?;
/// let posterior = posterior(&mdp, &grid.initial(), 6)?;
///
/// let animation = Animation::of_posterior(&grid, &mdp, &posterior)?; // prior, filtered, posterior
/// assert_eq!(animation.num_stages(), 7);
/// assert!(animation.frame(3)?.to_svg().contains("stage 3"));
/// # let folder = std::env::temp_dir().join(format!("softmdp-animation-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// animation.save(folder.join("marginals.gif"))?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Animation {
    layout: StateLayout,
    title: String,
    panels: Vec<(String, Vec<Vec<f64>>)>, // a name, and [t][s]
    hundredths: u16,
}

impl Animation {
    /// Starts an animation without a panel.
    pub fn new(layout: impl Into<StateLayout>, title: impl Into<String>) -> Self {
        Self { layout: layout.into(), title: title.into(), panels: Vec::new(), hundredths: HUNDREDTHS }
    }

    /// Shows the distribution of states at each stage in three panels: prior, filtered, posterior.
    ///
    /// - *prior*: p(s_t) under the true dynamics and the action prior, with normalised weights;
    /// - *filtered*: p(s_t ∣ e before t), the forward message (D5), without the mass in † at γ < 1;
    /// - *posterior*: p(s_t ∣ e), the marginal given success at every stage (D7).
    ///
    /// The observations of [`posterior_given`](crate::posterior_given) are part of the evidence.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch) if the model or the layout differs in size
    /// from the posterior, and the errors of [`forward_messages`](crate::forward_messages).
    ///
    /// # Complexity
    ///
    /// Two forward passes over the dynamics.
    pub fn of_posterior<M>(
        layout: impl Into<StateLayout>,
        mdp: &M,
        posterior: &Posterior<M::Scalar>,
    ) -> Result<Self, Error>
    where
        M: Model + ?Sized,
    {
        let horizon = posterior.horizon();
        let initial = posterior.initial();
        let prior = prior_policy(mdp, horizon)?.state_occupancy(mdp, &initial)?;
        let observations = posterior.solution().observations();
        let filtered = forward_messages_given(mdp, &initial, horizon, observations)?;
        let filtered = filtered.log_forward().mapv(|log| log.into_f64().exp());
        Self::new(layout, "Direct inference: distribution of states")
            .with_panel("prior: no evidence", &prior)?
            .with_panel("filtered: evidence so far", &filtered)?
            .with_panel("posterior: all evidence", &posterior.state_marginals())
    }

    /// Adds a panel on the right, with a distribution for each stage.
    ///
    /// # Shapes
    ///
    /// `marginals` `[t, s]`, each from 0 to 1, with as many stages as the other panels.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for a number that is negative, or above 1 by
    /// more than rounding, and [`Error::NothingToDraw`] without a stage.
    pub fn with_panel<F: Real>(
        mut self,
        name: impl Into<String>,
        marginals: &ArrayRef2<F>,
    ) -> Result<Self, Error> {
        let num_stages = self.panels.first().map_or(marginals.nrows(), |(_, stages)| stages.len());
        let num_states = self.layout.num_states();
        let table = Table::StateMarginals;
        let marginals = numbers(table, marginals, &[num_stages, num_states], PROBABILITY)?;
        if num_stages == 0 {
            return Err(Error::NothingToDraw { table });
        }
        self.panels.push((name.into(), marginals.chunks(num_states).map(<[f64]>::to_vec).collect()));
        Ok(self)
    }

    /// Sets the time per stage, in hundredths of a second. The default is 40.
    #[must_use]
    pub fn delay(mut self, hundredths: u16) -> Self {
        self.hundredths = hundredths;
        self
    }

    /// Number of stages, including the last one.
    #[must_use]
    pub fn num_stages(&self) -> usize {
        self.panels.first().map_or(0, |(_, stages)| stages.len())
    }

    /// Draws one stage.
    ///
    /// # Errors
    ///
    /// [`StageOutOfRange`](crate::Error::StageOutOfRange).
    pub fn frame(&self, stage: usize) -> Result<Figure, Error> {
        let horizon = self.num_stages();
        if stage >= horizon {
            return Err(crate::Error::StageOutOfRange { stage, horizon }.into());
        }
        Ok(self.picture(stage))
    }

    /// [`frame`](Self::frame) of a stage in range.
    fn picture(&self, stage: usize) -> Figure {
        self.rows(&[stage], &format!("stage {stage} of {}", self.num_stages() - 1))
    }

    /// Draws several stages in one picture, one below the other.
    ///
    /// # Errors
    ///
    /// [`StageOutOfRange`](crate::Error::StageOutOfRange), and [`Error::NothingToDraw`] without a
    /// stage.
    pub fn stages(&self, stages: &[usize]) -> Result<Figure, Error> {
        let horizon = self.num_stages();
        if let Some(&stage) = stages.iter().find(|&&stage| stage >= horizon) {
            return Err(crate::Error::StageOutOfRange { stage, horizon }.into());
        }
        if stages.is_empty() {
            return Err(Error::NothingToDraw { table: Table::StateMarginals });
        }
        let names: Vec<String> = stages.iter().map(ToString::to_string).collect();
        Ok(self.rows(stages, &format!("stages {} of {}", names.join(", "), horizon - 1)))
    }

    /// Draws a row of panels for each stage.
    fn rows(&self, stages: &[usize], subtitle: &str) -> Figure {
        let mut marks = Vec::new();
        let top = draw_titles(&self.title, subtitle, &mut marks);
        let (left, top) = first_board(&self.layout, LONGEST, top + 22.0);
        let colors = ColorScale::of_probabilities();
        let (width, height) = Board::new(&self.layout, (left, top), LONGEST).size();
        // In a picture of several stages, each panel names its stage.
        let stage = if stages.len() == 1 { 0.0 } else { text::width(", stage 00000", PANEL_TITLE) };
        let widest = self
            .panels
            .iter()
            .map(|(name, _)| stage + text::width(name, PANEL_TITLE).min(LONGEST_NAME))
            .fold(width, f64::max);
        let (step, line) = (widest + BETWEEN, height + 48.0);
        for (row, &stage) in stages.iter().enumerate() {
            let top = top + row as f64 * line;
            for (index, (name, numbers)) in self.panels.iter().enumerate() {
                let left = left + index as f64 * step;
                let board = Board::new(&self.layout, (left, top), LONGEST);
                let colored = Colored { numbers: &numbers[stage], colors: &colors };
                board.draw(Some(colored), false, &mut marks);
                board.draw_axes((row + 1 == stages.len(), index == 0), &mut marks);
                let stage = if stages.len() == 1 { String::new() } else { format!(", stage {stage}") };
                let room = step - 0.5 * BETWEEN - text::width(&stage, PANEL_TITLE);
                let name = text::cut(name, PANEL_TITLE, room) + &stage;
                marks.push(Mark::text((left, top - 13.0), name, Anchor::Start, PANEL_TITLE, INK));
            }
        }
        let bottom = top + line * (stages.len() - 1) as f64 + height;
        let bar_left = left + step * self.panels.len() as f64 - BETWEEN + 16.0;
        colors.bar((bar_left, top), colors.bar_height(height), &mut marks);
        let right = (bar_left + colors.bar_width() + 14.0).max(title_width(&self.title, subtitle));
        let keys = keys(
            &self.layout,
            self.panels.iter().flat_map(|(_, stages)| stages.iter().flatten()),
            Some(&colors),
        );
        let bottom = bottom.max(top + colors.bar_height(height)) + BELOW + 10.0;
        let bottom = draw_keys(&keys, (left, bottom), right - left, &mut marks);
        Figure::new((right, bottom + 7.0), join(&self.title, subtitle), marks)
    }

    /// Writes the animation to a file with the extension `.gif`.
    ///
    /// To write one stage in another format, save its [`frame`](Self::frame).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExtension`], [`Error::NothingToDraw`] without a panel or a stage,
    /// [`Error::PictureTooLarge`] with a side of more than 65535 pixels, and [`Error::Io`] if the
    /// file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.save_stages(path, 0..self.num_stages())
    }

    /// Writes a range of stages to a file with the extension `.gif`.
    ///
    /// # Errors
    ///
    /// The errors of [`save`](Self::save), and
    /// [`StageOutOfRange`](crate::Error::StageOutOfRange).
    pub fn save_stages(&self, path: impl AsRef<Path>, stages: Range<usize>) -> Result<(), Error> {
        let path = path.as_ref();
        if figure::extension(path) != "gif" {
            return Err(figure::unknown_extension(path, "gif, or a single stage as svg or png"));
        }
        let horizon = self.num_stages();
        if stages.is_empty() {
            return Err(Error::NothingToDraw { table: Table::StateMarginals });
        }
        if stages.end > horizon {
            return Err(crate::Error::StageOutOfRange { stage: stages.end - 1, horizon }.into());
        }
        // The last stage has the longest number, so its picture is the widest.
        let size = self.picture(horizon - 1).size();
        let sheets = stages.map(|stage| self.picture(stage).into_sheet().cut_to(size));
        let bytes = bitmap::gif(size, self.hundredths, sheets)?;
        figure::write(path, &bytes)
    }
}

/// The action prior of each stage as a policy: its weights, normalised to probabilities.
fn prior_policy<M: Model + ?Sized>(mdp: &M, horizon: usize) -> Result<Policy<M::Scalar>, crate::Error> {
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let shape = (horizon, num_states, num_actions);
    let mut table: Array3<M::Scalar> = arrays::filled(Table::Policy, shape, num_traits::zero())?;
    for t in 0..horizon {
        let stage = mdp.stage(t, Inference::Direct)?;
        for (state, weights) in stage.action_prior.rows().into_iter().enumerate() {
            let total = weights.sum();
            if total > num_traits::zero() {
                let mut rows = table.index_axis_mut(Axis(0), t);
                rows.row_mut(state).assign(&weights.mapv(|weight| weight / total));
            }
        }
    }
    Policy::new(table)
}
