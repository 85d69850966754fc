//! Second derivatives of a log-likelihood in parameters that rewards are linear in.
//!
//! ```text
//! H = −(1/τ²) Σ_t M_t,   M_t of `stage`                                              (I5, I8, I10)
//! ```
//!
//! H is the exact Hessian. It takes one more pass over the model with K columns, or K systems
//! with one matrix in stationary problems. No second derivatives of values are needed: their
//! coefficients are those of the score, x and y.
//!
//! Joint with the start, M gains Σw Cov of ∂V_0 over p(s_0|e).
//!
//! # Temperature and discount
//!
//! The log-likelihood L depends on (r, V_T, τ) through ratios alone. Let r̂ be the column of the
//! rewards themselves, with gradient g and Hessian H. Then
//!
//! ```text
//! ∂L/∂τ = −g_r̂/τ,   ∂²L/∂τ∂θ_k = −(H_r̂k + g_k)/τ,   ∂²L/∂τ² = (H_r̂r̂ + 2 g_r̂)/τ²
//! ```
//!
//! The derivative of Q in the discount is one more column of ∂Q. It depends on values, which adds
//! mixed second derivatives (`stage`).

mod columns;
mod events;
mod finite;
mod lucky;
mod moments;
mod stage;
mod stationary;

use std::cmp::Ordering;

use ndarray::{Array1, Array2, ArrayView1};

pub(crate) use columns::{Columns, RewardColumns};
use events::Events;
use moments::Moments;

use super::demonstrations::Seen;
use super::{Demonstrations, Error, Likelihood, Score};
use crate::kernels::gap;
use crate::{Model, Real, Table, arrays};

/// The second derivatives of a log-likelihood, and the scores of its demonstrations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curvature<F = f64> {
    /// ∂L/∂θ, `[k]`.
    pub(crate) gradient: Array1<F>,
    /// ∂²L/∂θ∂θ, `[k, k]`, symmetric.
    pub(crate) hessian: Array2<F>,
    /// The derivative of the log-likelihood of each demonstration, of weight 1, `[i, k]`. For
    /// counts: of one observation of each pair, `[s · A + a, k]`.
    pub(crate) scores: Array2<F>,
    /// What the diagonal of −H would be if nothing cancelled, `[k]`. Rounding is relative to it.
    pub(crate) magnitudes: Array1<F>,
}

impl<F: Real> Curvature<F> {
    /// The second derivatives at the model, whose rewards are those of the parameters. `score` is
    /// the result of [`Likelihood::evaluate`] for the same model and demonstrations.
    pub(crate) fn new<M>(
        likelihood: &Likelihood<F>,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        score: &Score<F>,
        columns: &Columns<F>,
    ) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let inference = likelihood.kind.inference();
        let k = columns.num_parameters();
        if k == 0 {
            let rows = match &demonstrations.seen {
                Seen::Trajectories(all) => all.len(),
                Seen::Counts(counts) => counts.len(),
            };
            let (none, scores) = (Array1::zeros(0), Array2::zeros((rows, 0)));
            return Ok(Self {
                gradient: none.clone(),
                hessian: Array2::zeros((0, 0)),
                scores,
                magnitudes: none,
            });
        }
        let mut events = Events::new(likelihood, mdp, demonstrations, columns)?;
        let starts = likelihood
            .initial
            .as_ref()
            .map(|initial| start_probabilities(mdp.temperature(), initial, score.state_values.row(0)));
        let (mut moments, first) = match likelihood.horizon {
            Some(horizon) => finite::moments((mdp, horizon, inference), score, columns, &mut events)?,
            None => {
                let total = demonstrations.total_weight();
                let sources: Option<Vec<F>> =
                    starts.as_ref().map(|starts| starts.iter().map(|&p| total * p).collect());
                stationary::moments((mdp, inference), score, sources.as_deref(), columns, &mut events)?
            }
        };
        if let Some(starts) = starts {
            add_starts(&starts, demonstrations.total_weight(), &first, &mut events, &mut moments);
        }
        Self::from_moments(mdp.temperature(), moments, events, columns)
    }

    /// Divides by τ, and turns the column of the rewards into that of the temperature.
    fn from_moments(
        temperature: F,
        moments: Moments<F>,
        events: Events<F>,
        columns: &Columns<F>,
    ) -> Result<Self, Error> {
        let k = columns.num_parameters();
        let mut hessian = arrays::filled(Table::Gradient, (k, k), F::zero())?;
        let unit = -F::one() / (temperature * temperature);
        for row in 0..k {
            for column in row..k {
                hessian[[row, column]] = unit * moments.covariance[row * k + column];
            }
        }
        if columns.with_discount {
            for row in 0..k {
                let times = F::from_f64(if row + 1 == k { 2.0 } else { 1.0 });
                hessian[[row, k - 1]] -= times * moments.mixed[row] / temperature;
            }
            hessian[[k - 1, k - 1]] += events.steps;
        }
        let mut scores = events.scores;
        scores.mapv_inplace(|score| score / temperature);
        let mut gradient = Array1::zeros(k);
        for (&weight, score) in events.weights.iter().zip(scores.rows()) {
            if weight > F::zero() {
                gradient.scaled_add(weight, &score);
            }
        }
        if columns.with_temperature {
            let own = columns.num_features();
            for other in 0..k {
                let entry = &mut hessian[[other.min(own), other.max(own)]];
                *entry = match other.cmp(&own) {
                    Ordering::Less => -(*entry + gradient[other]) / temperature,
                    Ordering::Equal => -unit * (*entry + F::from_f64(2.0) * gradient[own]),
                    Ordering::Greater => -*entry / temperature,
                };
            }
            gradient[own] /= -temperature;
            scores.column_mut(own).mapv_inplace(|score| -score / temperature);
        }
        for row in 0..k {
            for column in 0..row {
                hessian[[row, column]] = hessian[[column, row]];
            }
        }
        let magnitudes = moments.magnitude.iter().map(|&magnitude| -unit * magnitude).collect();
        Ok(Self { gradient, hessian, scores, magnitudes })
    }
}

/// p(s_0|e) ∝ p₀(s_0) exp(V_0(s_0)/τ), `[s]`.
fn start_probabilities<F: Real>(temperature: F, initial: &Array1<F>, values: ArrayView1<'_, F>) -> Vec<F> {
    let starts = initial.iter().zip(values);
    let is_possible = |(p, value): &(&F, &F)| **p > F::zero() && **value > F::neg_infinity();
    let max = starts.clone().filter(is_possible).fold(F::neg_infinity(), |max, (_, &value)| max.max(value));
    let weight = |start: (&F, &F)| {
        if is_possible(&start) { *start.0 * gap(*start.1, max, temperature).exp() } else { F::zero() }
    };
    let weights: Vec<F> = starts.map(weight).collect();
    let sum = weights.iter().fold(F::zero(), |sum, &weight| sum + weight);
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Adds the covariance of ∂V_0 over the starts, and subtracts its mean from every score.
fn add_starts<F: Real>(
    starts: &[F],
    total: F,
    first: &[F],
    events: &mut Events<F>,
    moments: &mut Moments<F>,
) {
    let k = events.scores.ncols();
    let mut mean = Array1::<F>::zeros(k);
    for (&p, values) in starts.iter().zip(first.chunks_exact(k)) {
        mean.iter_mut().zip(values).for_each(|(mean, &v)| *mean += p * v);
    }
    let mut difference = vec![F::zero(); k];
    for (&p, values) in starts.iter().zip(first.chunks_exact(k)) {
        difference.iter_mut().zip(values.iter().zip(&mean)).for_each(|(d, (&v, &mean))| *d = v - mean);
        moments.add_square(total * p, &difference);
    }
    for (mut score, &weight) in events.scores.rows_mut().into_iter().zip(&events.weights) {
        if weight > F::zero() {
            score -= &mean;
        }
    }
}
