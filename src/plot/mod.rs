//! Pictures of what the crate computes, as SVG, PNG and, for time, GIF.
//!
//! | to see | call |
//! |---|---|
//! | values of states | [`StateMap::values`] |
//! | a policy: arrows as long as probable | [`StateMap::policy_of`], or [`StateMap::with_policy`] on top of others |
//! | where it was at a stage, given success | [`StateMap::marginals`] |
//! | where a policy leads | [`StateMap::occupancy`] |
//! | a trajectory | [`StateMap::with_trajectory`], on top of any of these |
//! | any number of each state | [`StateMap::numbers`] |
//! | marginals over time: prior, filtered, posterior | [`Animation::of_posterior`] |
//! | how a search converges, how an agent learns | [`Curves::convergence`], [`Curves::learning`] |
//!
//! A [`Gridworld`](crate::Gridworld) is drawn as it is, row 0 at the top. For any other model, [`StateLayout::points`] takes a point for
//! each state. Tables may be of `f64` or `f32`.
//!
//! # What pictures look like
//!
//! The colour map is viridis, whose lightness rises evenly, so that pictures can be read in grey and by the colour-blind. Values
//! are dark where they are low; probabilities are ink on paper: white is nothing, and dark is much. Beside a map stands its scale
//! with the unit; the title says what is shown, and the line below it which inference that is.
//!
//! −∞ is not a colour: such states are hatched (a cross, for discs). Terminal states are framed, and walls are bricks.
//!
//! # Sizes
//!
//! Up to 4096 cells of a map, or 1024 points, each have a shape of their own. More are an image, also within an SVG, of at most 1000 pixels on a
//! side; a pixel shows the mean of the finite numbers under it. A million states take about a second.
//! Cells are square, unless a map is so long that it would be narrower than 12 pixels.
//!
//! Titles and names that are too long are cut, with an ellipsis; an SVG has the whole title for those who cannot see it.
//!
//! # Form computed
//!
//! A picture is a list of shapes that the backends of plotters draw on a grid of a quarter of a pixel. SVG keeps that grid;
//! bitmaps are averaged down from it. Letters of bitmaps come from a font in this crate, so that nothing has to be installed.

mod animation;
mod arrows;
mod bins;
mod bitmap;
mod board;
mod checks;
mod color_scale;
mod curves;
mod draw;
mod error;
mod figure;
mod keys;
mod layout;
mod marks;
mod scale;
mod shapes;
mod state_map;
mod svg;
mod text;
mod titles;

pub use animation::Animation;
pub use curves::Curves;
pub use error::Error;
pub use figure::Figure;
pub use layout::StateLayout;
pub use state_map::StateMap;
