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

mod chain;
mod choice_inversion;
mod covariance;
mod curvature;
mod demonstrations;
mod derivative;
mod error;
mod evaluate;
mod expansion;
mod features;
mod finite;
mod fit;
mod fitted;
mod information;
mod lbfgs;
mod likelihood;
mod mixed;
mod newton;
mod objective;
mod observed;
mod observer;
mod place;
mod pseudo_likelihood;
mod reward_model;
mod score;
mod stage;
mod stationary;
mod successors;
mod summary;
mod symmetric;
mod tally;

#[doc(inline, alias("hotz_miller", "ccp_inversion"))]
pub use choice_inversion::rewards_of;
#[doc(inline, alias("bhhh", "opg", "robust", "huber_white", "clustered"))]
pub use covariance::Covariance;
#[doc(inline, alias("expert", "panel", "behavioral_cloning"))]
pub use demonstrations::Demonstrations;
pub use error::Error;
pub use expansion::Expansion;
#[doc(inline, alias("feature_matrix", "basis"))]
pub use features::RewardFeatures;
#[doc(inline, alias("npl", "ccp", "hotz_miller", "nested_pseudo_likelihood"))]
pub use fit::FitMethod;
#[doc(
    inline,
    alias("irl", "inverse_reinforcement_learning", "dynamic_discrete_choice", "apprenticeship_learning")
)]
pub use fit::RewardFit;
pub use fitted::FittedRewards;
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
pub use observer::{Observer, goal_posterior};
pub use place::FeaturePlace;
pub use reward_model::RewardModel;
#[doc(inline, alias("gradient", "log_likelihood"))]
pub use score::Score;
pub use summary::Summary;
