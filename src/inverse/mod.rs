//! Inverse problems: rewards, temperature and goals from behaviour.
//!
//! A demonstration is a trajectory of an agent whose model is known except for its rewards. This
//! module computes how probable demonstrations are, fits rewards to them, and says which of
//! several goals an agent pursues.
//!
//! | question | likelihood | inference |
//! |---|---|---|
//! | whole histories, luck included | [`Likelihood::trajectories`] | direct |
//! | choices, whatever happened next | [`Likelihood::actions`] | either |
//! | expected features of behaviour | [`Likelihood::feature_matching`] | variational |

mod demonstrations;
mod derivative;
mod error;
mod evaluate;
mod finite;
mod likelihood;
mod observed;
mod observer;
mod score;
mod stationary;
mod successors;
mod tally;

pub use demonstrations::Demonstrations;
pub use error::Error;
pub use likelihood::Likelihood;
pub use observer::{Observer, goal_posterior};
pub use score::Score;
