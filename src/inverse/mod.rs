//! Inverse problems: rewards, temperature and goals from behaviour.
//!
//! A demonstration is a trajectory of an agent whose model is known except for its rewards. This
//! module computes how probable demonstrations are, fits rewards to them, and says which of
//! several goals an agent pursues.
//!
//! | to | call |
//! |---|---|
//! | compute a log-likelihood with its gradients in all tables | [`Likelihood::evaluate`] |
//! | compute second derivatives for an optimiser of your own | [`Likelihood::expand`] |
//! | fit rewards that are linear in features | [`RewardFit`] |
//! | read rewards off a policy | [`rewards_of`] |
//! | infer the goal of an agent while it acts | [`Observer`], [`goal_posterior`] |
//!
//! There are three likelihoods:
//!
//! | question | likelihood | inference |
//! |---|---|---|
//! | whole histories, luck included | [`Likelihood::trajectories`] | direct |
//! | choices, whatever happened next | [`Likelihood::actions`] | either |
//! | expected features of behaviour | [`Likelihood::feature_matching`] | variational |
//!
//! The [formulas](crate::formulas) (I1)–(I14) say how. The chapters
//! [`guide::inverse`](crate::guide::inverse) and [`guide::watching`](crate::guide::watching) help
//! to choose.

mod choice_inversion;
mod curvature;
mod demonstrations;
mod error;
mod expansion;
mod features;
mod fit;
mod likelihood;
mod observer;
mod place;

#[doc(inline, alias("hotz_miller", "ccp_inversion"))]
pub use choice_inversion::rewards_of;
#[doc(inline, alias("expert", "panel", "behavioral_cloning"))]
pub use demonstrations::Demonstrations;
pub use error::Error;
pub use expansion::Expansion;
#[doc(inline, alias("feature_matrix", "basis"))]
pub use features::RewardFeatures;
pub use features::RewardModel;
#[doc(inline, alias("bhhh", "opg", "robust", "huber_white", "clustered"))]
pub use fit::Covariance;
#[doc(inline, alias("npl", "ccp", "hotz_miller", "nested_pseudo_likelihood"))]
pub use fit::FitMethod;
pub use fit::FittedRewards;
#[doc(
    inline,
    alias("irl", "inverse_reinforcement_learning", "dynamic_discrete_choice", "apprenticeship_learning")
)]
pub use fit::RewardFit;
pub use fit::Summary;
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
pub use likelihood::Score;
#[doc(inline, alias("inverse_planning", "goal_inference", "birl", "bayesian_irl"))]
pub use observer::Observer;
pub use observer::goal_posterior;
pub use place::FeaturePlace;
