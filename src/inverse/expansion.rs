//! A log-likelihood to second order in parameters that rewards are linear in.

use ndarray::{ArrayView1, ArrayView2};

use super::curvature::Curvature;
use super::{Demonstrations, Error, Likelihood, RewardFeatures, Score};
use crate::{Model, Real};

/// The value, gradient and Hessian of a log-likelihood in the parameters θ of rewards, and the
/// scores of its demonstrations.
///
/// Made by [`Likelihood::expand`], for your own optimiser or your own standard errors.
/// [`RewardFit`](super::RewardFit) uses the same numbers.
///
/// Features may be the derivatives of your own rewards in θ, at this model. The gradient is then
/// exact. The Hessian leaves out the second derivatives of your rewards.
///
/// # Example
///
/// One step of Newton's method, and standard errors:
///
/// ```
/// use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures};
/// use softmdp::{Inference, Mdp, ndarray::array};
///
/// // Rest in state 0 or walk to state 1; resting costs nothing, walking costs an unknown θ.
/// let moves = array![[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]];
/// let known = Mdp::new(moves, array![[0.0, 0.0], [1.0, 1.0]])?.with_discount(0.9)?;
/// let features = RewardFeatures::on_pairs(array![[[0.0], [-1.0]], [[0.0], [0.0]]]);
/// let seen = Demonstrations::from_counts(array![[6.0, 4.0], [3.0, 7.0]])?;
/// let likelihood = Likelihood::actions(Inference::Variational);
///
/// let mut theta = array![0.0_f64];
/// for _ in 0..6 {
///     let expansion = likelihood.expand(&features.model(&known, &theta)?, &seen, &features)?;
///     theta[0] -= expansion.gradient()[0] / expansion.hessian()[[0, 0]];
/// }
/// let expansion = likelihood.expand(&features.model(&known, &theta)?, &seen, &features)?;
/// let slope: f64 = expansion.gradient()[0];
/// assert!(slope.abs() < 1e-12);
/// let information: f64 = -expansion.hessian()[[0, 0]];
/// let standard_error = information.recip().sqrt();
/// assert!(0.5 < standard_error && standard_error < 1.5);
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion<F = f64> {
    score: Score<F>,
    curvature: Curvature<F>,
}

impl<F: Real> Likelihood<F> {
    /// Computes the log-likelihood with its gradient and its exact Hessian in parameters θ.
    ///
    /// `mdp` is the model at θ, from [`RewardFeatures::model`]. The Hessian is that of (I5), (I8)
    /// or (I10). It needs no second derivatives of values.
    ///
    /// # Errors
    ///
    /// Those of [`evaluate`](Self::evaluate). [`Error::InvalidFeature`]; [`Error::Model`] for
    /// features of another shape, and if a linear system is singular to working precision.
    ///
    /// # Complexity
    ///
    /// Beyond [`evaluate`](Self::evaluate) and for K parameters: with a horizon, one pass with K
    /// columns, O(T·(K·transitions + K²·S·A)), and O(K·S·A + K²) memory. Without a horizon, K
    /// linear systems with one matrix.
    #[doc(alias("hessian", "fisher_information", "newton"))]
    pub fn expand<M>(
        &self,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        features: &RewardFeatures<F>,
    ) -> Result<Expansion<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        features.check(mdp)?;
        let score = self.evaluate(mdp, demonstrations)?;
        features.check_transitions(mdp, self.horizon.unwrap_or(1), self.kind.inference())?;
        let curvature = Curvature::new(self, mdp, demonstrations, &score, &features.columns()?)?;
        Ok(Expansion { score, curvature })
    }
}

impl<F: Real> Expansion<F> {
    /// The log-likelihood, in nats, with its gradients in the tables of the model.
    #[must_use]
    pub fn score(&self) -> &Score<F> {
        &self.score
    }

    /// The gradient in θ, `[k]`, in nats.
    #[must_use]
    pub fn gradient(&self) -> ArrayView1<'_, F> {
        self.curvature.gradient.view()
    }

    /// The second derivatives in θ, `[k, k]`, in nats. Symmetric.
    ///
    /// A direction in which the likelihood is constant is a null direction to within rounding.
    #[must_use]
    pub fn hessian(&self) -> ArrayView2<'_, F> {
        self.curvature.hessian.view()
    }

    /// The gradient of the log-likelihood of each demonstration, of weight 1, `[i, k]`, in nats.
    ///
    /// For counts: of one observation of each pair, `[s · A + a, k]`; 0 for impossible pairs.
    /// The weighted sum over rows is the [`gradient`](Self::gradient). Rows of demonstrations of
    /// weight 0 are 0.
    #[must_use]
    pub fn scores(&self) -> ArrayView2<'_, F> {
        self.curvature.scores.view()
    }

    /// What the diagonal of −H would be if no terms cancelled, `[k]`, in nats. The rounding of the
    /// Hessian is relative to these numbers.
    #[must_use]
    pub fn magnitudes(&self) -> ArrayView1<'_, F> {
        self.curvature.magnitudes.view()
    }
}
