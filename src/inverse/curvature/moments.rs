//! Sums of covariances, one entry for each pair of parameters.

use crate::Real;

/// Sums over states of weighted covariances and of other products of k columns.
#[derive(Debug, Clone)]
pub(super) struct Moments<F> {
    /// Σ w Cov, `[k, k]`; only entries with row ≤ column are used.
    pub(super) covariance: Vec<F>,
    /// Σ |w| E[∂Q²], `[k]`: the diagonal before anything cancels.
    pub(super) magnitude: Vec<F>,
    /// Σ C y, `[k]`: the mixed derivatives of Q in the discount.
    pub(super) mixed: Vec<F>,
}

impl<F: Real> Moments<F> {
    pub(super) fn new(k: usize) -> Self {
        let zeros = |n| vec![F::zero(); n];
        Self { covariance: zeros(k * k), magnitude: zeros(k), mixed: zeros(k) }
    }

    /// Adds w v vᵀ.
    #[inline]
    pub(super) fn add_square(&mut self, weight: F, v: &[F]) {
        add_square(&mut self.covariance, weight, v);
    }

    /// The sum of both.
    pub(super) fn plus(mut self, other: Self) -> Self {
        let add = |sums: &mut [F], others: &[F]| {
            sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
        };
        add(&mut self.covariance, &other.covariance);
        add(&mut self.magnitude, &other.magnitude);
        add(&mut self.mixed, &other.mixed);
        self
    }
}

/// Adds w v vᵀ to the entries with row ≤ column.
#[inline]
pub(super) fn add_square<F: Real>(sums: &mut [F], weight: F, v: &[F]) {
    let k = v.len();
    for (row, &left) in v.iter().enumerate() {
        let left = weight * left;
        let entries = sums[row * k + row..(row + 1) * k].iter_mut();
        entries.zip(&v[row..]).for_each(|(sum, &right)| *sum += left * right);
    }
}
