//! Covariances of estimates.
//!
//! ```text
//! A = −∂²L/∂θ∂θ          the information
//! B = Σ_i w_i² s_i s_iᵀ   the outer product of the scores s_i of demonstrations
//! information     (A + Λ)⁻¹
//! outer product   (B + Λ)⁻¹
//! sandwich        (A + Λ)⁻¹ B (A + Λ)⁻¹
//! ```
//!
//! where Λ is the precision of the prior. For counts, each observation is a demonstration of its
//! own: B = Σ n(s,a) s sᵀ.

use ndarray::{Array1, Array2, Axis};

use super::information::Information;
use super::objective::Curved;
use crate::Real;
use crate::inverse::Error;

/// How the covariance of estimates is computed. The three agree for many demonstrations of the
/// agent that the likelihood describes.
///
/// Demonstrations are taken as independent of each other, the steps of one trajectory are not. For
/// counts, each observation is independent.
///
/// | | is right if | note |
/// |---|---|---|
/// | `Information` | the model is right | the default of summaries |
/// | `OuterProduct` | the model is right | what Rust (1987) printed |
/// | `Sandwich` | the demonstrations are independent | even if the model is wrong |
///
/// For [`Likelihood::feature_matching`](crate::inverse::Likelihood::feature_matching), only
/// `Sandwich` is a covariance: that objective is no logarithm of a probability, so the luck of
/// transitions adds variance which its second derivatives do not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Covariance {
    /// The inverse of the second derivatives, negated.
    Information,
    /// The inverse of the outer product of scores, also called the estimator of Berndt, Hall, Hall
    /// and Hausman.
    OuterProduct,
    /// The outer product between two inverses of the information: robust, clustered by
    /// demonstration.
    Sandwich,
}

impl std::fmt::Display for Covariance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Covariance::Information => "information",
            Covariance::OuterProduct => "outer product",
            Covariance::Sandwich => "sandwich",
        })
    }
}

/// The matrices of a fit in θ, τ and γ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrices {
    /// A + Λ, split.
    pub(super) split: Information,
    pub(super) outer: Array2<f64>, // B
    /// Λ, `[k]`.
    pub(super) precision: Array1<f64>,
    pub(super) threshold: f64,
}

impl Matrices {
    /// The matrices of a fit; `squares` are the weights of the scores in B.
    pub(super) fn new(
        split: Information,
        curved: &Curved,
        squares: &[f64],
        precision: Array1<f64>,
        threshold: f64,
    ) -> Self {
        let k = curved.scores.ncols();
        let mut outer = Array2::zeros((k, k));
        for (score, &square) in curved.scores.rows().into_iter().zip(squares) {
            if square > 0.0 {
                let column = score.insert_axis(Axis(1));
                outer.scaled_add(square, &column.dot(&score.insert_axis(Axis(0))));
            }
        }
        Self { split, outer, precision, threshold }
    }

    /// The covariance of the estimates of smallest norm.
    pub(super) fn covariance(&self, kind: Covariance) -> Result<Array2<f64>, Error> {
        match kind {
            Covariance::Information => Ok(self.split.inverse()),
            Covariance::Sandwich => {
                let inverse = self.split.inverse();
                Ok(inverse.dot(&self.outer).dot(&inverse))
            }
            Covariance::OuterProduct => self.inverse_outer(),
        }
    }

    /// (B + Λ)⁻¹ on the complement of the null directions.
    fn inverse_outer(&self) -> Result<Array2<f64>, Error> {
        let mut outer = self.outer.clone();
        outer.diag_mut().iter_mut().zip(&self.precision).for_each(|(entry, precision)| *entry += precision);
        let split = Information::new(&outer, &outer.diag().to_owned(), self.threshold);
        let (rank, num_parameters) = (split.rank(), self.split.rank());
        if rank < num_parameters {
            return Err(Error::TooFewScores { rank, num_parameters });
        }
        // Null directions of A are null directions of B: no score moves along them.
        let null = self.split.null_basis();
        let mut inverse = split.inverse();
        for _ in 0..2 {
            let inside = null.dot(&inverse);
            inverse -= &null.t().dot(&inside);
            inverse = inverse.t().to_owned();
        }
        Ok(inverse)
    }
}

/// Converts a matrix to another number type.
pub(super) fn cast<F: Real>(matrix: &Array2<f64>) -> Array2<F> {
    matrix.mapv(F::from_f64)
}
