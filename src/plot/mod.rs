//! Pictures of values, policies, marginals and learning curves, as SVG, PNG and GIF.
//!
#![doc = include_str!("../../docs/pictures/first_model.svg")]
//!
//! | to see | call |
//! |---|---|
//! | state values | [`StateMap::values`] |
//! | a policy, as arrows | [`StateMap::policy_of`], or [`StateMap::with_policy`] on a map |
//! | posterior state marginals of a stage | [`StateMap::marginals`] |
//! | state occupancy of a policy | [`StateMap::occupancy`] |
//! | a trajectory | [`StateMap::with_trajectory`] on a map |
//! | any number per state | [`StateMap::numbers`] |
//! | prior, filtered and posterior marginals over time | [`Animation::of_posterior`] |
//! | convergence of a solver | [`Curves::convergence`] |
//! | progress of a learner | [`Curves::learning`] |
//!
//! A [`Gridworld`](crate::Gridworld) has a layout: cells, with row 0 at the top. For any other
//! model, [`StateLayout::points`] takes a point for each state. Tables are of `f64` or `f32`.
//!
//! Options that cannot fail are plain setters, such as [`StateMap::title`]. Methods named `with_…`
//! check a table and return [`Result`].
//!
//! # How pictures look
//!
//! The colour map is viridis. Its lightness rises evenly, so pictures remain readable in grey and
//! for colour-blind readers. Low values are dark. For probabilities, white is 0, and darker is more
//! probable. Each map has a colour bar with the unit. The title names the quantity, and the line
//! below the title names the inference.
//!
//! −∞ has no colour: cells are hatched, and discs are crossed. Terminal states have a frame. Walls
//! are bricks.
//!
//! # Sizes
//!
//! Maps of up to 4096 cells, or 1024 points, draw a shape for each state. Larger maps become an
//! image of at most 1000 pixels on a side, which an SVG embeds. A pixel shows the mean of the
//! finite numbers under it. A million states take about a second. Cells are square, unless the map
//! would be narrower than 12 pixels.
//!
//! Long titles and names end with an ellipsis. The `<title>` element of an SVG has the whole title
//! for screen readers.
//!
//! # Form computed
//!
//! A picture is a list of shapes. The backends of plotters draw them on a grid of a quarter of a
//! pixel. SVG keeps this grid. Bitmaps average over the grid. They use a font in this crate, so
//! they need no fonts of the system.

// Axes, keys and text are drawn here and not by the chart layer of plotters, which draws them worse:
// `curves`, `scale`, `text`, `bitmap` and `crate::color` each say why.
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
