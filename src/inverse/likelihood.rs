//! The three likelihoods of demonstrations.

use ndarray::Array1;

use crate::{Inference, Real};

/// Which probability of demonstrations is asked, with its options.
#[derive(Debug, Clone, PartialEq)]
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
    /// The likelihood of whole trajectories under direct inference.
    pub fn trajectories() -> Self {
        Self::of_kind(Kind::Trajectories)
    }

    /// The likelihood of the actions, given the states that they were taken in.
    pub fn actions(inference: Inference) -> Self {
        Self::of_kind(Kind::Actions(inference))
    }

    /// The dual of maximum causal entropy.
    pub fn feature_matching() -> Self {
        Self::of_kind(Kind::FeatureMatching)
    }

    fn of_kind(kind: Kind) -> Self {
        Self { kind, horizon: None, initial: None, tolerance: None }
    }

    /// Sets a finite horizon T.
    pub fn horizon(mut self, horizon: usize) -> Self {
        self.horizon = Some(horizon);
        self
    }

    /// Makes the likelihood joint with the start, of distribution p₀, `[s]`.
    pub fn initial(mut self, initial: Array1<F>) -> Self {
        self.initial = Some(initial);
        self
    }

    /// Sets the largest error of stationary values, in reward units.
    pub fn tolerance(mut self, tolerance: F) -> Self {
        self.tolerance = Some(tolerance);
        self
    }
}
