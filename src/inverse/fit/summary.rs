//! A fit as a table of text.

use std::fmt;

use ndarray::Array1;

use super::covariance::Covariance;
use crate::Status;

/// A table of estimates, from [`FittedRewards::summary`](super::FittedRewards::summary). `Display`
/// prints it.
///
/// # Example
///
/// ```
/// use softmdp::inverse::{Covariance, Demonstrations, Likelihood, RewardFeatures, RewardFit};
/// use softmdp::{Inference, Mdp, ndarray::array};
///
/// // Coffee or tea, on 100 days.
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
/// let features = RewardFeatures::on_pairs(array![[[1.0], [0.0]]]).names(["coffee"]);
/// let seen = Demonstrations::from_counts(array![[75.0, 25.0]])?;
/// let likelihood = Likelihood::actions(Inference::Variational);
/// let fitted = RewardFit::new(features, likelihood).fit(&mdp.with_discount(0.5)?, &seen)?;
/// assert_eq!(
///     fitted.summary(Covariance::Information)?.to_string(),
///     "\
/// parameter    estimate  std. error        z
/// coffee         1.0986      0.2309     4.76
///
/// log-likelihood -56.233514 of 100 choices
/// converged after 4 steps; standard errors from the information
/// "
/// );
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub(super) names: Vec<String>,
    pub(super) estimates: Array1<f64>,
    pub(super) errors: Option<(Covariance, Array1<f64>)>,
    pub(super) log_likelihood: f64,
    pub(super) num_observations: f64,
    /// What an observation is called, in the singular.
    pub(super) observation: &'static str,
    /// Whether the numbers are estimates.
    pub(super) is_final: bool,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) num_unidentified: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(9);
        let estimate = if self.is_final { "estimate" } else { "last value" };
        write!(f, "{:width$} {estimate:>11}", "parameter")?;
        match &self.errors {
            Some(_) => writeln!(f, " {:>11} {:>8}", "std. error", "z")?,
            None => writeln!(f)?,
        }
        for (k, (name, &estimate)) in self.names.iter().zip(&self.estimates).enumerate() {
            write!(f, "{name:width$} {:>11}", number(estimate))?;
            match &self.errors {
                Some((_, errors)) => {
                    let ratio = if errors[k] == f64::INFINITY {
                        "–".to_owned()
                    } else {
                        format!("{:.2}", estimate / errors[k])
                    };
                    writeln!(f, " {:>11} {ratio:>8}", number(errors[k]))?;
                }
                None => writeln!(f)?,
            }
        }
        writeln!(f)?;
        let (observations, observation) = (self.num_observations, self.observation);
        let plural = if observations.to_string() == "1" { "" } else { "s" };
        writeln!(f, "log-likelihood {:.6} of {observations} {observation}{plural}", self.log_likelihood)?;
        let plural = if self.iterations == 1 { "" } else { "s" };
        write!(f, "{} after {} step{plural}", self.status, self.iterations)?;
        match &self.errors {
            Some((kind, _)) => writeln!(f, "; standard errors from the {kind}")?,
            None => writeln!(f, "; no standard errors")?,
        }
        match self.num_unidentified {
            0 => Ok(()),
            1 => writeln!(f, "1 direction is not identified"),
            n => writeln!(f, "{n} directions are not identified"),
        }
    }
}

/// A number in five digits or so.
fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) || !size.is_finite() {
        format!("{value:.4}")
    } else {
        format!("{value:.4e}")
    }
}
