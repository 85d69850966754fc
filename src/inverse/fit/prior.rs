//! A normal prior of the parameters of features.
//!
//! ```text
//! log p(θ) = ½ Σ_k ( log λ_k/2π − λ_k (θ_k − m_k)² )
//! ```

use ndarray::{Array1, Array2};

/// Means m and precisions λ ≥ 0, `[k]` each. Parameters after the first k have no prior.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NormalPrior {
    pub(super) mean: Array1<f64>,
    pub(super) precision: Array1<f64>,
}

impl NormalPrior {
    /// Adds −½ Σ λ (θ − m)² to a value, and its derivatives to the gradient.
    pub(super) fn add_to(&self, parameters: &Array1<f64>, value: &mut f64, gradient: &mut Array1<f64>) {
        let entries = self.mean.iter().zip(&self.precision).zip(parameters).zip(gradient);
        for (((mean, precision), parameter), slope) in entries {
            let distance = parameter - mean;
            *value -= 0.5 * precision * distance * distance;
            *slope -= precision * distance;
        }
    }

    /// Adds λ to the diagonal of A = −H, and to what the diagonal is at most.
    pub(super) fn add_curvature(&self, a: &mut Array2<f64>, natural: &mut Array1<f64>) {
        a.diag_mut().iter_mut().zip(&self.precision).for_each(|(entry, precision)| *entry += precision);
        self.add_precision(natural);
    }

    /// Adds λ, number by number.
    pub(super) fn add_precision(&self, numbers: &mut Array1<f64>) {
        numbers.iter_mut().zip(&self.precision).for_each(|(number, precision)| *number += precision);
    }

    /// log p(θ) + ½ k log 2π. It is −∞ if a precision is 0.
    pub(super) fn log_density(&self, parameters: &Array1<f64>) -> f64 {
        let entries = self.mean.iter().zip(&self.precision).zip(parameters);
        entries.map(|((m, l), x)| 0.5 * (l.ln() - l * (x - m) * (x - m))).sum()
    }
}
