//! Inverse problems: rewards, temperature and goals from behaviour.
//!
//! [`Likelihood::evaluate`] computes a [`Score`]: the log-likelihood of [`Demonstrations`] and its
//! gradients in the tables of the model. The [formulas](crate::formulas) (I1)–(I12) say how.
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
mod stage;
mod stationary;
mod successors;
mod tally;

#[doc(inline, alias("expert", "panel", "behavioral_cloning"))]
pub use demonstrations::Demonstrations;
pub use error::Error;
#[doc(
    inline,
    alias(
        "nfxp",
        "mce",
        "maximum_entropy_irl",
        "maximum_causal_entropy",
        "inverse_reinforcement_learning",
        "ddc"
    )
)]
pub use likelihood::Likelihood;
#[doc(inline, alias("gradient", "log_likelihood"))]
pub use observer::{Observer, goal_posterior};
pub use score::Score;
