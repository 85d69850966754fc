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

use ndarray::{Array1, Array2};

pub(crate) use columns::{Columns, RewardColumns};
use events::Events;
use moments::Moments;

use super::demonstrations::Seen;
use super::likelihood::{Kind, log_starts};
use super::{Demonstrations, Error, Likelihood, Score};
use crate::mdp::run_pass;
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
        if columns.with_discount && likelihood.kind == Kind::FeatureMatching {
            return Err(Error::DiscountOfFeatureMatching);
        }
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
        let starts = likelihood.initial.as_ref().map(|initial| {
            let logs = log_starts(mdp.temperature(), initial, score.state_values.row(0));
            logs.into_iter().map(F::exp).collect::<Vec<F>>() // p(s_0|e)
        });
        let (mut moments, first) = if let Some(horizon) = likelihood.horizon {
            run_pass(mdp, horizon, inference, || {
                finite::moments((mdp, horizon, inference), score, columns, &mut events)
            })?
        } else {
            let total = demonstrations.total_weight();
            let sources: Option<Vec<F>> =
                starts.as_ref().map(|starts| starts.iter().map(|&p| total * p).collect());
            stationary::moments((mdp, inference), score, sources.as_deref(), columns, &mut events)?
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
        let magnitudes: Array1<F> = moments.magnitude.iter().map(|&magnitude| -unit * magnitude).collect();
        if !gradient.iter().chain(&hessian).chain(&magnitudes).all(|entry| entry.is_finite()) {
            return Err(crate::Error::TotalOverflow { table: Table::Gradient }.into());
        }
        Ok(Self { gradient, hessian, scores, magnitudes })
    }
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

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, array};

    use super::columns::RewardColumns;
    use super::*;
    use crate::{Inference, Mdp, Trajectory};

    /// Four states, of which the last is terminal, and two actions.
    fn known(discount: f64, temperature: f64) -> Mdp {
        let mut table =
            Array3::from_shape_fn((4, 2, 4), |(s, a, n)| 1.0 + ((3 * s + 5 * a + 7 * n) % 11) as f64);
        for mut row in table.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
        let rewards = Array2::from_shape_fn((4, 2), |(s, a)| ((4 * s + 3 * a) % 7) as f64 / 4.0 - 3.0);
        Mdp::builder(table, rewards)
            .terminal_states([3])
            .terminal_values(array![0.2, 0.7, -0.1, 0.46])
            .temperature(temperature)
            .discount(discount)
            .build()
            .unwrap()
    }

    fn seen(may_leave: bool) -> Demonstrations<f64> {
        let mut all = vec![
            Trajectory::new(vec![0, 1, 2, 0, 1], vec![0, 1, 1, 0]).unwrap(),
            Trajectory::new(vec![1, 2, 3], vec![1, 0]).unwrap(),
        ];
        if may_leave {
            all.push(Trajectory::new(vec![2, 0], vec![0, 1]).unwrap());
        }
        Demonstrations::new(all)
    }

    /// Compares the gradient with that of the score, and the Hessian with differences of the
    /// gradient, in θ, τ and γ.
    fn check<M: Model<Scalar = f64>>(
        likelihood: &Likelihood<f64>,
        seen: &Demonstrations<f64>,
        mut columns: Columns<f64>,
        model: impl Fn(&[f64]) -> M,
    ) {
        (columns.with_temperature, columns.with_discount) = (true, true);
        let at = |parameters: &[f64]| {
            let mdp = model(parameters);
            let score = likelihood.evaluate(&mdp, seen).unwrap();
            (Curvature::new(likelihood, &mdp, seen, &score, &columns).unwrap(), score)
        };
        let parameters = [0.6, -0.4, 0.7, 0.9];
        let (curvature, score) = at(&parameters);
        let scale = 1.0 + curvature.magnitudes.sum();
        let settings = [score.temperature_gradient(), score.discount_gradient().unwrap()];
        for (found, expected) in curvature.gradient.iter().skip(2).zip(settings) {
            assert!((found - expected).abs() < 1e-11 * scale, "{found} {expected} {likelihood:?}");
        }
        for moved in 0..4 {
            let at = |steps: f64| {
                let mut parameters = parameters;
                parameters[moved] += 1e-3 * steps;
                at(&parameters).0.gradient
            };
            let column = (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / 12e-3;
            for (other, (found, expected)) in curvature.hessian.column(moved).iter().zip(&column).enumerate()
            {
                let error = (found - expected).abs();
                assert!(
                    error < 1e-7 * (scale + expected.abs()),
                    "{other} {moved} {found} {expected} {likelihood:?}"
                );
            }
        }
    }

    fn likelihoods() -> Vec<(Likelihood<f64>, bool)> {
        vec![
            (Likelihood::trajectories().horizon(4), true),
            (Likelihood::trajectories().horizon(4).initial(array![0.3, 0.3, 0.4, 0.0]), true),
            (Likelihood::actions(Inference::Direct).horizon(4), false),
            (Likelihood::actions(Inference::Variational).horizon(4), false),
            (Likelihood::actions(Inference::Direct), false),
            (Likelihood::actions(Inference::Variational), false),
        ]
    }

    #[test]
    fn second_derivatives_in_temperature_and_discount() {
        let pairs = Array3::from_shape_fn((4, 2, 2), |(s, a, k)| {
            ((2 * s + 5 * a + 3 * k * (s + 1)) % 9) as f64 / 4.0 - 1.0
        });
        let ends = Array2::from_shape_fn((4, 2), |(s, k)| ((s + 2 * k) % 5) as f64 / 5.0);
        for (likelihood, may_leave) in likelihoods() {
            let columns = Columns::new(RewardColumns::Pairs(pairs.clone()), Some(ends.clone()));
            check(&likelihood, &seen(may_leave), columns, |parameters| {
                let theta = array![parameters[0], parameters[1]];
                let known = known(parameters[3], parameters[2]);
                let mut rewards = known.rewards().to_owned();
                rewards.iter_mut().zip(pairs.rows()).for_each(|(reward, phi)| *reward += phi.dot(&theta));
                let values = &known.terminal_values() + &ends.dot(&theta);
                known.with_rewards(rewards).unwrap().with_terminal_values(values).unwrap()
            });
        }
    }

    #[test]
    fn second_derivatives_in_temperature_and_discount_with_rewards_on_successors() {
        let features = |s: usize, a: usize, next: usize, values: &mut [f64]| {
            values[0] = ((s + 2 * a + 3 * next) % 7) as f64 / 3.0 - 1.0;
            values[1] = ((2 * s + a + next) % 5) as f64 / 4.0;
        };
        let pairs = Array3::from_shape_fn((4, 2, 2), |(s, a, k)| ((s + 3 * a + k) % 4) as f64 / 4.0);
        for (likelihood, may_leave) in likelihoods() {
            let columns = Columns::new(RewardColumns::Successors(2, std::sync::Arc::new(features)), None);
            check(&likelihood, &seen(may_leave), columns, |parameters| {
                let known = known(parameters[3], parameters[2]);
                let reward = |s, a, next| {
                    let mut values = [0.0; 2];
                    features(s, a, next, &mut values);
                    parameters[0] * values[0] + parameters[1] * values[1] + (s + next) as f64 / 8.0
                };
                known.with_successor_rewards(reward).unwrap()
            });
            // Features of pairs, and several rewards of each transition.
            let columns = Columns::new(RewardColumns::Pairs(pairs.clone()), None);
            check(&likelihood, &seen(may_leave), columns, |parameters| {
                let known = known(parameters[3], parameters[2]);
                let theta = array![parameters[0], parameters[1]];
                let mut rewards = known.rewards().to_owned();
                rewards.iter_mut().zip(pairs.rows()).for_each(|(reward, phi)| *reward += phi.dot(&theta));
                let known = known.with_rewards(rewards).unwrap();
                let places = ndarray::indices((4, 2, 4)).into_iter();
                let outcomes = places.flat_map(|(s, a, next)| {
                    let reward = (s + next) as f64 / 8.0;
                    [(s, a, next, 0.3, reward), (s, a, next, 0.7, reward - 0.5)]
                });
                known.with_outcomes(outcomes).unwrap()
            });
        }
    }
}
