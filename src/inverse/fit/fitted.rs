//! Fitted rewards, with what is known about their errors.
//!
//! ```text
//! gap_k = |τ ∂L/∂θ_k| / Σw                                          moments that do not agree
//! N     = an orthonormal basis of { δ : A δ = 0 }                   what no demonstration sees
//! log p(data) ≈ L + Σ_k ½ (log λ_k − λ_k (θ̂_k − m_k)²) − ½ log det(A + Λ)           (Laplace)
//! ```

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::covariance::{self, Covariance, Matrices};
use super::objective::MOST_CURVED;
use super::summary::Summary;
use crate::inverse::{Error, RewardFeatures, Score};
use crate::{Convergence, Model, Real, Status};

/// Rewards fitted to demonstrations by [`RewardFit`](super::RewardFit).
///
/// Parameters are in the order of the features, then the temperature and the discount if they were
/// fitted. `Display` prints them like a regression table.
///
/// Read [`convergence`](Self::convergence) first: after
/// [`IterationLimit`](Status::IterationLimit) or [`Stopped`](Status::Stopped), the parameters are
/// no estimates. Neither are they after [`RoundingFloor`](Status::RoundingFloor) with an error
/// bound of ∞: there, rounding hides where the likelihood grows. Double precision helps.
///
/// A clone copies all tables except those that the model shares.
#[derive(Debug, Clone)]
pub struct FittedRewards<M: Model> {
    pub(super) features: RewardFeatures<M::Scalar>,
    pub(super) names: Vec<String>,
    pub(super) parameters: Array1<f64>,
    pub(super) rounded: Array1<M::Scalar>,
    pub(super) model: M,
    pub(super) score: Score<M::Scalar>,
    pub(super) moment_gap: Array1<M::Scalar>,
    pub(super) scores: Array2<M::Scalar>, // [i, k]
    pub(super) null_basis: Array2<M::Scalar>,
    pub(super) matrices: Option<Matrices>,
    pub(super) log_prior: Option<f64>, // less ½ K log 2π
    pub(super) pseudo_log_likelihood: Option<M::Scalar>,
    pub(super) num_observations: M::Scalar,
    pub(super) observation: &'static str,
    pub(super) convergence: Convergence<M::Scalar>,
}

impl<M: Model> FittedRewards<M> {
    /// θ̂, then τ̂ and γ̂ if they were fitted, `[k]`.
    ///
    /// Where parameters that explain the demonstrations as well form a flat set, these are the
    /// shortest: they are orthogonal to every row of [`unidentified`](Self::unidentified). The set
    /// may be curved if a state was never seen. The result is then one of its points, which need
    /// not be the shortest.
    #[must_use]
    pub fn parameters(&self) -> ArrayView1<'_, M::Scalar> {
        self.rounded.view()
    }

    /// The names of the parameters.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features that were fitted.
    pub fn features(&self) -> &RewardFeatures<M::Scalar> {
        &self.features
    }

    /// The log-likelihood at the parameters, in nats, without the prior.
    #[must_use]
    pub fn log_likelihood(&self) -> M::Scalar {
        self.score.value()
    }

    /// Σ n log π of the last choice model, if the method was
    /// [`PolicyIterations`](super::FitMethod::PolicyIterations). It approaches the log-likelihood.
    #[must_use]
    pub fn pseudo_log_likelihood(&self) -> Option<M::Scalar> {
        self.pseudo_log_likelihood
    }

    /// The model with the fitted rewards, for predictions and counterfactuals.
    ///
    /// Behaviour does not determine rewards completely. The answer to a counterfactual is
    /// nevertheless determined if it adds known numbers to the rewards. A counterfactual that
    /// changes the dynamics or the discount depends on how the rewards were normalised: on the
    /// features, and on the known part (Kalouptsidi, Scott and Souza-Rodrigues 2021). Compare a few
    /// normalisations if [`unidentified`](Self::unidentified) has rows.
    #[must_use]
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The likelihood and its gradients at the parameters.
    #[must_use]
    pub fn score(&self) -> &Score<M::Scalar> {
        &self.score
    }

    /// The scores of the demonstrations, `[i, k]`: the derivative of the log-likelihood of each, of
    /// weight 1, in the parameters. For counts, row s·A + a is that of one observation of (s, a).
    ///
    /// Σ_i w_i² s_i s_iᵀ is the outer product. Sum the scores of one agent first if several
    /// trajectories of an agent are not independent. No rows if there are no second derivatives.
    #[must_use]
    pub fn scores(&self) -> ArrayView2<'_, M::Scalar> {
        self.scores.view()
    }

    /// The absolute difference of observed and expected features, `[k]`, for each demonstration.
    ///
    /// It is in units of the feature, and 0 to rounding at a maximum without a prior. With a prior,
    /// it is what the prior holds back. For actions, the expectation is the one of (I7).
    #[must_use]
    pub fn moment_gap(&self) -> ArrayView1<'_, M::Scalar> {
        self.moment_gap.view()
    }

    /// How the search ended. `iterations` are its steps, and `error_bound` the nats that are left,
    /// to second order; +∞ where the likelihood is not concave.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<M::Scalar> {
        &self.convergence
    }

    /// An orthonormal basis of the directions in which no demonstration distinguishes parameters,
    /// `[j, k]`. It has no rows if all are identified, and with a prior of positive precisions.
    ///
    /// Under variational inference these are rewards h(s) − γ Σ_s' P h(s'), as far as features
    /// express them. A free table has one for each state that is not terminal. Empty if there are
    /// too many parameters for second derivatives.
    #[must_use]
    pub fn unidentified(&self) -> ArrayView2<'_, M::Scalar> {
        self.null_basis.view()
    }

    /// The covariance of the estimates, `[k, k]`.
    ///
    /// It is that of the shortest parameters that explain the demonstrations, so it is 0 along
    /// every row of [`unidentified`](Self::unidentified). For a combination cᵀθ that is identified,
    /// the variance is cᵀ C c.
    ///
    /// # Errors
    ///
    /// [`Error::NotConcave`] if the search ended where the likelihood is not concave, or was
    /// stopped; [`Error::TooFewScores`] for an outer product of too few demonstrations;
    /// [`Error::NoCurvature`] for too many parameters.
    pub fn covariance(&self, kind: Covariance) -> Result<Array2<M::Scalar>, Error> {
        Ok(covariance::cast(&self.matrices()?.covariance(kind)?))
    }

    /// The standard errors of the estimates, `[k]`; +∞ for a parameter that the demonstrations do
    /// not determine.
    ///
    /// # Errors
    ///
    /// Those of [`covariance`](Self::covariance).
    pub fn standard_errors(&self, kind: Covariance) -> Result<Array1<M::Scalar>, Error> {
        let matrices = self.matrices()?;
        let variances = matrices.covariance(kind)?;
        let error = |(&variance, is_unidentified): (&f64, bool)| {
            M::Scalar::from_f64(if is_unidentified { f64::INFINITY } else { variance.max(0.0).sqrt() })
        };
        Ok(variances.diag().iter().zip(matrices.split.is_unidentified()).map(error).collect())
    }

    /// The logarithm of the evidence of the demonstrations, in nats: the likelihood averaged over
    /// the prior, by Laplace's approximation.
    ///
    /// It compares sets of features. `None` without a prior of positive precision for every
    /// parameter. For feature matching, which is no probability, it compares nothing.
    #[must_use]
    pub fn log_evidence(&self) -> Option<M::Scalar> {
        let matrices = self.matrices().ok()?;
        let log_prior = self.log_prior.filter(|log_prior| log_prior.is_finite())?;
        let is_partial = self.parameters.len() != self.features.num_parameters();
        if log_prior.is_nan() || is_partial {
            return None;
        }
        let determinant = matrices.split.log_determinant()?;
        Some(M::Scalar::from_f64(self.log_likelihood().into_f64() + log_prior - 0.5 * determinant))
    }

    /// A table of estimates, standard errors and their ratios, which prints itself. It has no
    /// errors after [`IterationLimit`](Status::IterationLimit), where parameters are no estimates.
    ///
    /// # Errors
    ///
    /// Those of [`standard_errors`](Self::standard_errors).
    pub fn summary(&self, kind: Covariance) -> Result<Summary, Error> {
        Ok(self.table(Some((kind, self.standard_errors(kind)?.mapv(Real::into_f64)))))
    }

    pub(super) fn table(&self, errors: Option<(Covariance, Array1<f64>)>) -> Summary {
        // Each policy iteration is an estimator of its own.
        let is_final = match self.convergence.status {
            Status::Stopped => false,
            Status::IterationLimit => self.pseudo_log_likelihood.is_some(),
            Status::RoundingFloor => self.convergence.error_bound.into_f64().is_finite(),
            _ => true,
        };
        Summary {
            names: self.names.clone(),
            estimates: self.parameters.clone(),
            errors: errors.filter(|_| is_final),
            is_final,
            log_likelihood: self.log_likelihood().into_f64(),
            num_observations: self.num_observations.into_f64(),
            observation: self.observation,
            status: self.convergence.status,
            iterations: self.convergence.iterations,
            num_unidentified: self.null_basis.nrows(),
        }
    }

    fn matrices(&self) -> Result<&Matrices, Error> {
        let status = self.convergence.status;
        match &self.matrices {
            Some(matrices) if matrices.split.is_concave() => Ok(matrices),
            None if !matches!(status, Status::Stopped | Status::IterationLimit) => {
                Err(Error::NoCurvature { num_parameters: self.parameters.len(), most: MOST_CURVED })
            }
            _ => Err(Error::NotConcave { status }),
        }
    }
}

/// Prints the summary with errors from the information, or without errors if there are none.
impl<M: Model> std::fmt::Display for FittedRewards<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.summary(Covariance::Information) {
            Ok(summary) => summary.fmt(f),
            Err(_) => self.table(None).fmt(f),
        }
    }
}
