//! The matrix A = −H of second derivatives, split into what demonstrations see and what they do
//! not.
//!
//! ```text
//! A = √D ( Σ_i λ_i u_i u_iᵀ ) √D,      z = √D θ
//! ```
//!
//! where D is the diagonal of A. So units of features do not matter: a step of length 1 in z is
//! about one standard error. A direction with λ ≤ threshold is *null*: rounding could have made it.
//!
//! # Form computed
//!
//! The diagonal entry of a feature that no behaviour depends on is itself pure rounding. Such an
//! entry of D is replaced by the *natural* scale of the feature: what A would be without any
//! cancellation.

use ndarray::{Array1, Array2, Axis};

use super::symmetric::Eigenpairs;

/// The largest step along a direction without curvature, in natural standard errors.
const MOST_FLAT: f64 = 1e3;

/// The largest eigenvalue below a gap that may be rounding, in thresholds.
const MOST_ROUNDING: f64 = 100.0;

/// The least ratio of eigenvalues that shows a gap.
const LEAST_GAP: f64 = 1e6;

/// A symmetric matrix in scaled coordinates.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Information {
    scales: Array1<f64>, // √D, [k]
    pairs: Eigenpairs,   // of the scaled matrix
    threshold: f64,
}

/// A step of Newton's method.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) direction: Array1<f64>,
    /// Derivative of the value along the direction.
    pub(super) slope: f64,
    /// The second derivative along the part of the direction in which the value is convex.
    pub(super) growth: f64,
    /// What the step gains to second order, in nats; +∞ where the value is not concave.
    pub(super) gain: f64,
    /// The part of the direction without curvature, if any.
    pub(super) flat: Option<Array1<f64>>,
}

impl Information {
    /// Splits A, whose entries are finite.
    ///
    /// # Shapes
    ///
    /// `a` `[k, k]`, `natural` `[k]`.
    pub(super) fn new(a: &Array2<f64>, natural: &Array1<f64>, threshold: f64) -> Self {
        let scale = |(&entry, &natural): (&f64, &f64)| {
            let entry = entry.abs();
            let scale = if entry > threshold * natural { entry } else { natural };
            if scale > 0.0 { scale.sqrt() } else { 1.0 }
        };
        let scales: Array1<f64> = a.diag().iter().zip(natural).map(scale).collect();
        let scaled =
            Array2::from_shape_fn(a.dim(), |(i, j)| 0.5 * (a[[i, j]] + a[[j, i]]) / (scales[i] * scales[j]));
        Self { pairs: Eigenpairs::of(scaled), scales, threshold }
    }

    /// The same matrix, with a threshold above all eigenvalues that look like rounding.
    ///
    /// Where a state was never seen, rounding of its residual visits is multiplied by the squares
    /// of ∂Q, and may exceed the threshold. It leaves a gap below what demonstrations see.
    pub(super) fn with_threshold_in_gap(self) -> Self {
        let mut sizes: Vec<f64> = self.pairs.values.iter().map(|value| value.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let is_gap =
            |pair: &&[f64]| pair[0] <= MOST_ROUNDING * self.threshold && pair[1] >= LEAST_GAP * pair[0];
        let below = sizes.windows(2).rfind(is_gap).map_or(0.0, |pair| pair[0]);
        Self { threshold: self.threshold.max(below), ..self }
    }

    /// The step from a gradient: |λ|⁻¹ along each u, and one standard error along a convex
    /// direction of a saddle.
    pub(super) fn step(&self, gradient: &Array1<f64>, tolerance: f64) -> Step {
        let slopes = self.pairs.vectors.t().dot(&(gradient / &self.scales));
        let (mut along, mut slope, mut growth, mut gain) = (Array1::zeros(slopes.len()), 0.0, 0.0, 0.0);
        let mut flat: Option<Array1<f64>> = None;
        for (place, (&slope_along, &value)) in slopes.iter().zip(&self.pairs.values).enumerate() {
            let along: &mut f64 = &mut along[place];
            if value > self.threshold {
                *along = slope_along / value;
                gain += 0.5 * slope_along * *along;
            } else if value < -self.threshold {
                *along = (slope_along / -value).abs().max(1.0).copysign(slope_along);
                growth += -value * *along * *along;
                gain = f64::INFINITY;
            } else if 0.5 * slope_along * slope_along > tolerance * self.threshold {
                *along = (slope_along / self.threshold).clamp(-MOST_FLAT, MOST_FLAT);
                gain = f64::INFINITY;
                flat.get_or_insert_with(|| Array1::zeros(slopes.len()))[place] = *along;
            }
            slope += slope_along * *along;
        }
        let in_parameters = |along: &Array1<f64>| self.pairs.vectors.dot(along) / &self.scales;
        Step { direction: in_parameters(&along), slope, growth, gain, flat: flat.as_ref().map(in_parameters) }
    }

    /// The part of the step along directions in which the value is concave, with a relative
    /// eigenvalue above `least`.
    pub(super) fn concave_step(&self, gradient: &Array1<f64>, least: f64) -> Step {
        let least = self.threshold.max(least);
        let slopes = self.pairs.vectors.t().dot(&(gradient / &self.scales));
        let pairs = slopes.iter().zip(&self.pairs.values);
        let along: Array1<f64> =
            pairs.map(|(slope, value)| if *value > least { slope / value } else { 0.0 }).collect();
        let slope = slopes.dot(&along);
        Step {
            direction: self.pairs.vectors.dot(&along) / &self.scales,
            slope,
            growth: 0.0,
            gain: 0.5 * slope,
            flat: None,
        }
    }

    /// Whether some direction has a relative eigenvalue of at most `least`.
    pub(super) fn is_nearly_flat(&self, least: f64) -> bool {
        self.pairs.values.iter().any(|value| value.abs() <= least)
    }

    /// The length of a gradient in scaled coordinates.
    pub(super) fn length(&self, gradient: &Array1<f64>) -> f64 {
        let scaled = gradient / &self.scales;
        scaled.dot(&scaled).sqrt()
    }

    /// Whether all curvature is that of a maximum, null directions aside.
    pub(super) fn is_concave(&self) -> bool {
        self.pairs.values.iter().all(|&value| value >= -self.threshold)
    }

    /// Number of directions that are not null.
    pub(super) fn rank(&self) -> usize {
        self.pairs.values.iter().filter(|value| value.abs() > self.threshold).count()
    }

    /// Which parameters a null direction moves, `[k]`.
    pub(super) fn is_unidentified(&self) -> Vec<bool> {
        let mut sums = vec![0.0; self.scales.len()];
        for (vector, value) in self.pairs.vectors.columns().into_iter().zip(&self.pairs.values) {
            if value.abs() <= self.threshold {
                sums.iter_mut().zip(vector).for_each(|(sum, entry)| *sum += entry * entry);
            }
        }
        sums.into_iter().map(|sum| sum > self.threshold).collect()
    }

    /// An orthonormal basis of the null directions, `[j, k]`.
    pub(super) fn null_basis(&self) -> Array2<f64> {
        let size = self.scales.len();
        let mut basis: Vec<Array1<f64>> = Vec::new();
        for (vector, value) in self.pairs.vectors.columns().into_iter().zip(&self.pairs.values) {
            if value.abs() > self.threshold {
                continue;
            }
            let mut vector = &vector / &self.scales;
            vector /= vector.dot(&vector).sqrt();
            // Twice: what is left of nearly equal vectors is orthogonal to rounding then.
            for earlier in basis.iter().chain(&basis) {
                let share = vector.dot(earlier);
                vector.scaled_add(-share, earlier);
            }
            vector /= vector.dot(&vector).sqrt();
            basis.push(vector);
        }
        let mut rows = Array2::zeros((basis.len(), size));
        rows.rows_mut().into_iter().zip(&basis).for_each(|(mut row, vector)| row.assign(vector));
        rows
    }

    /// The pseudoinverse A⁺, `[k, k]`: the inverse on the orthogonal complement of the null
    /// directions.
    pub(super) fn inverse(&self) -> Array2<f64> {
        let mut scaled = &self.pairs.vectors / &self.scales.view().insert_axis(Axis(1));
        for (mut column, &value) in scaled.columns_mut().into_iter().zip(&self.pairs.values) {
            column *= if value > self.threshold { value.sqrt().recip() } else { 0.0 };
        }
        let null = self.null_basis();
        let inside = null.dot(&scaled);
        scaled -= &null.t().dot(&inside);
        scaled.dot(&scaled.t())
    }

    /// log det A, if no direction is null and all λ are positive.
    pub(super) fn log_determinant(&self) -> Option<f64> {
        let is_positive = self.pairs.values.iter().all(|&value| value > self.threshold);
        let logs = self.pairs.values.iter().map(|value| value.ln()).sum::<f64>();
        is_positive.then(|| logs + 2.0 * self.scales.iter().map(|scale| scale.ln()).sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_step_solves_the_system_whatever_the_units() {
        let a = array![[4e12, 1e6], [1e6, 1.0]];
        let information = Information::new(&a, &array![1e12, 1.0], 1e-12);
        let step = information.step(&array![2e6, 3.0], 1e-8);
        let product = a.dot(&step.direction);
        assert!((product[0] / 2e6 - 1.0).abs() < 1e-14 && (product[1] / 3.0 - 1.0).abs() < 1e-14);
        let determinant: f64 = 4e12 - 1e12;
        assert!((information.log_determinant().unwrap() - determinant.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_step_leaves_a_saddle() {
        let information = Information::new(&array![[1.0, 0.0], [0.0, -4.0]], &array![1.0, 1.0], 1e-12);
        let step = information.step(&array![0.0, 0.0], 1e-8);
        assert_eq!(step.direction.mapv(f64::abs), array![0.0, 0.5]); // one standard error
        assert!(step.growth > 0.0 && step.gain == f64::INFINITY && !information.is_concave());
    }

    #[test]
    fn rounding_above_the_threshold_is_null_if_there_is_a_gap() {
        for (below, above, rank) in [(2e-12, 1.0, 1), (2e-12, 1e-7, 2), (2e-10, 1.0, 2)] {
            let a = Array2::from_diag(&array![below, above]);
            let information = Information::new(&a, &array![1.0, 1.0], 1e-12);
            let information =
                Information { scales: array![1.0, 1.0], pairs: Eigenpairs::of(a), ..information };
            assert_eq!(information.with_threshold_in_gap().rank(), rank, "{below} {above}");
        }
    }

    /// Two equal features: only their sum is seen.
    #[test]
    fn the_pseudoinverse_is_that_of_moore_and_penrose() {
        let a = array![[8.0, 2.0, 4.0], [2.0, 0.5, 1.0], [4.0, 1.0, 5.0]];
        let information = Information::new(&a, &array![1.0, 1.0, 1.0], 1e-12);
        let (inverse, null) = (information.inverse(), information.null_basis());
        assert_eq!((null.nrows(), information.rank()), (1, 2));
        let is_zero = |matrix: Array2<f64>| matrix.iter().all(|entry| entry.abs() < 1e-14);
        assert!(is_zero(null.dot(&a)) && is_zero(null.dot(&inverse)));
        assert!(is_zero(a.dot(&inverse).dot(&a) - &a));
        assert!(information.log_determinant().is_none());
    }
}
