//! The three likelihoods of demonstrations, and their options.
//!
//! ```text
//! trajectories      Σ_t [ log ρ + log(γ P) + r/τ ] + V_T(s_end)/τ − V_0(s₀)/τ
//! actions           Σ_t log π_t(a_t|s_t)
//! feature matching  Σ_t γ^t ( r/τ + log ρ ) + γ^N V_T(s_N)/τ − V_0(s₀)/τ
//! ```
//!
//! All three agree for deterministic dynamics at γ = 1.
//!
//! # References
//!
//! Rust, *Optimal replacement of GMC bus engines*, Econometrica 55 (1987), for actions; Ziebart,
//! Bagnell and Dey, *Modeling interaction via the principle of maximum causal entropy*, ICML 2010,
//! for feature matching; Snoswell, Singh and Ye, *Revisiting maximum entropy inverse reinforcement
//! learning*, SSCI 2020, for trajectories.

mod chain;
mod derivative;
mod evaluate;
mod finite;
mod mixed;
mod observed;
mod score;
mod stage;
mod starts;
mod stationary;
mod successors;
mod tally;

use ndarray::Array1;

pub(super) use chain::ValueChain;
pub(super) use derivative::Derivative;
pub use score::Score;
pub(super) use stage::StageMemory;
pub(super) use starts::log_starts;
pub(super) use stationary::solve as solve_stationary_values;

use crate::{Inference, Real};

/// Which probability of demonstrations is asked, with its options.
///
/// | constructor | question |
/// |---|---|
/// | [`trajectories`](Self::trajectories) | how probable are whole histories, given success? |
/// | [`actions`](Self::actions) | how probable are the choices in the states that occurred? |
/// | [`feature_matching`](Self::feature_matching) | which policy has the observed features? |
///
/// The likelihoods differ if dynamics are stochastic or γ < 1. Compare values of one likelihood
/// only.
///
/// Setters take plain values and cannot fail; [`evaluate`](Self::evaluate) checks them.
///
/// # Example
///
/// An agent pays 1 for a lottery ticket that wins 3 in one of two cases. It has won:
///
/// ```
/// use softmdp::inverse::{Demonstrations, Error, Likelihood};
/// use softmdp::{Inference, Mdp, Trajectory, ndarray::array};
///
/// // State 0 chooses: action 0 keeps the money (state 1), action 1 plays (states 1 and 2).
/// let stay = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
/// let transitions = array![[[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], stay, stay];
/// let mdp = Mdp::builder(transitions, array![[0.0, -1.0], [0.0, 0.0], [0.0, 0.0]])
///     .terminal_states([1, 2])
///     .terminal_values(array![0.0, 0.0, 3.0])
///     .build()?;
/// let won = Demonstrations::new([Trajectory::new(vec![0, 2], vec![1])?]);
/// let probability = |likelihood: Likelihood| {
///     Ok::<_, Error>(likelihood.horizon(1).evaluate(&mdp, &won)?.value().exp())
/// };
/// // The choice to play, by an agent that does not count on luck, and its luck left out:
/// let played = probability(Likelihood::actions(Inference::Variational))?;
/// assert!((played - 1.0 / (1.0 + (-0.5_f64).exp())).abs() < 1e-15);
/// // Playing and winning, among histories that are weighted by their success:
/// let lucky = probability(Likelihood::trajectories())?;
/// let weights = [1.0, 0.5 * (-1.0_f64).exp(), 0.5 * 2.0_f64.exp()]; // kept, lost, won
/// assert!((lucky - weights[2] / weights.iter().sum::<f64>()).abs() < 1e-15);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(deny_unknown_fields, bound(deserialize = "F: Real + serde::Deserialize<'de>"))
)]
#[must_use = "options do nothing until demonstrations are evaluated with them"]
pub struct Likelihood<F = f64> {
    pub(super) kind: Kind,
    /// T; without a horizon the problem is stationary.
    pub(super) horizon: Option<usize>,
    /// p₀, if the likelihood is joint with the start.
    pub(super) initial: Option<Array1<F>>,
    /// Of stationary values, in reward units; by default as small as rounding allows.
    pub(super) tolerance: Option<F>,
}

/// The three questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Kind {
    Trajectories,
    Actions(Inference),
    FeatureMatching,
}

impl Kind {
    /// The inference whose values the likelihood reads.
    pub(super) fn inference(self) -> Inference {
        match self {
            Kind::Trajectories => Inference::Direct,
            Kind::Actions(inference) => inference,
            Kind::FeatureMatching => Inference::Variational,
        }
    }

    /// The factor of an observation at stage t of a trajectory, and its derivative in γ: γ^t for
    /// feature matching, otherwise 1.
    pub(super) fn factor<F: Real>(self, discount: F, t: usize) -> (F, F) {
        let power = |t: usize| discount.powi(i32::try_from(t).unwrap_or(i32::MAX));
        match (self, t) {
            (Kind::FeatureMatching, 0) => (F::one(), F::zero()),
            (Kind::FeatureMatching, _) => (power(t), F::from_f64(t as f64) * power(t - 1)),
            _ => (F::one(), F::zero()),
        }
    }
}

impl<F: Real> Likelihood<F> {
    /// The probability of trajectories under direct inference, log p(trajectory ∣ s₀, e) (D0).
    ///
    /// ```text
    /// Σ_t [ log ρ + log(γ P) + r/τ ] + V_T(s_end)/τ − V_0(s₀)/τ
    /// ```
    ///
    /// A step to † has the factor 1−γ instead of γ P, and no value of an end. A trajectory that was
    /// cut off after u steps ends with V_u(s_u)/τ. Outcomes count as evidence: this likelihood
    /// believes that they were lucky too. Use it if whole histories were selected by their success.
    ///
    /// It is concave in rewards and terminal values, unless trajectories were cut off.
    pub fn trajectories() -> Self {
        Self::of_kind(Kind::Trajectories)
    }

    /// The probability of the actions, given the states in which they were taken:
    /// Σ_t log π_t(a_t∣s_t).
    ///
    /// Outcomes are luck and tell nothing about rewards. With variational inference this is the
    /// likelihood of dynamic discrete choice (the nested fixed point of Rust). Counts of actions
    /// suffice without a horizon.
    ///
    /// A trajectory may stop anywhere. If it has no last state, the outcome of its last action does
    /// not matter.
    ///
    /// It is not concave in general.
    /// [`Score::is_locally_concave`](super::Score::is_locally_concave) says where it is proven to
    /// be.
    pub fn actions(inference: Inference) -> Self {
        Self::of_kind(Kind::Actions(inference))
    }

    /// The dual function of maximum causal entropy, for variational inference.
    ///
    /// ```text
    /// Σ_t γ^t ( r(s_t,a_t)/τ + log ρ(a_t|s_t) ) + γ^N V_T(s_N)/τ − V_0(s₀)/τ
    /// ```
    ///
    /// At its maximum, the policy has the discounted expected features of the demonstrations. It
    /// is no probability of the demonstrations if dynamics are stochastic.
    ///
    /// It is concave in rewards and terminal values. It needs whole demonstrations. Without a
    /// horizon these end in terminal states; use [`actions`](Self::actions) for truncated ones.
    pub fn feature_matching() -> Self {
        Self::of_kind(Kind::FeatureMatching)
    }

    fn of_kind(kind: Kind) -> Self {
        Self { kind, horizon: None, initial: None, tolerance: None }
    }

    /// Sets a finite horizon T.
    ///
    /// Without it, the problem is stationary: it has a discount, or goes on until a terminal state.
    ///
    /// Trajectories of other lengths than T end in a terminal state, were
    /// [cut off](crate::inverse::Demonstrations::with_cut_off), or start at
    /// [later stages](crate::inverse::Demonstrations::with_first_stages).
    pub fn horizon(mut self, horizon: usize) -> Self {
        self.horizon = Some(horizon);
        self
    }

    /// Makes a likelihood of trajectories joint with the start, of distribution p₀, `[s]`, which
    /// sums to 1.
    ///
    /// log p₀(s₀) − log p(e) replaces −V_0(s₀)/τ. Direct inference prefers starts that lead to
    /// success, so this is another estimator of rewards. By default, likelihoods are conditional on
    /// the start.
    pub fn initial(mut self, initial: Array1<F>) -> Self {
        self.initial = Some(initial);
        self
    }

    /// Sets the largest error of stationary values, in reward units. [`evaluate`](Self::evaluate)
    /// fails if rounding prevents it. By default, the error is about that of rounding: 16 units in
    /// the last place of the largest value for each step of the discounted horizon 1/(1−γ).
    pub fn tolerance(mut self, tolerance: F) -> Self {
        self.tolerance = Some(tolerance);
        self
    }
}
