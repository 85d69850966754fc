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
mod newton;
mod objective;
mod observed;
mod place;
mod pseudo_likelihood;
mod reward_model;
mod score;
mod stationary;
mod successors;
mod summary;
mod symmetric;
mod tally;

#[doc(alias("ccp", "conditional_choice_probabilities"))]
pub use choice_inversion::rewards_of;
#[doc(alias("bhhh", "robust_standard_errors", "clustered"))]
pub use covariance::Covariance;
pub use demonstrations::Demonstrations;
pub use error::Error;
pub use expansion::Expansion;
pub use features::RewardFeatures;
#[doc(alias("npl", "nested_pseudo_likelihood", "hotz_miller"))]
pub use fit::FitMethod;
#[doc(alias(
    "irl",
    "inverse_reinforcement_learning",
    "maximum_entropy_irl",
    "nfxp",
    "structural_estimation"
))]
pub use fit::RewardFit;
pub use fitted::FittedRewards;
pub use likelihood::Likelihood;
pub use place::FeaturePlace;
pub use reward_model::RewardModel;
pub use score::Score;
pub use summary::Summary;
