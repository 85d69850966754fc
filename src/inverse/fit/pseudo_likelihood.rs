//! Policy iterations on the likelihood: nested pseudo-likelihoods.
//!
//! Given a policy π̂, the values of acting by it are linear in θ:
//!
//! ```text
//! V^π̂ = (I − γ P_π̂)⁻¹ Σ_a π̂ ( r₀ − τ log(π̂/ρ) + Σ_k θ_k φ_k )
//! Q   = r₀ + Σ_k θ_k φ_k + γ P V^π̂ = q + Σ_k θ_k z_k
//! ```
//!
//! So θ of the policy π(a|s) ∝ ρ exp(Q/τ) is that of a choice model with features z, whose
//! likelihood is concave. Its policy is the next π̂. The fixed point is the maximum of the
//! likelihood, and the error is squared in each iteration.
//!
//! # Form computed
//!
//! K+1 linear systems with one matrix. The choice model has z relative to one action of each state.
//! An action with π̂ = 0 adds 0 to the entropy: no small number replaces it.
//!
//! # References
//!
//! V. J. Hotz, R. A. Miller, *Conditional choice probabilities and the estimation of dynamic
//! models*, Rev. Econ. Stud. 60, 1993. V. Aguirregabiria, P. Mira, *Swapping the nested fixed point
//! algorithm*, Econometrica 70, 2002.

use ndarray::{Array1, Array2};

use super::information::Information;
use super::newton::{self, Limits, Maximum, Objective, Point};
use super::objective::{Found, Posterior};
use super::prior::NormalPrior;
use crate::inverse::curvature::RewardColumns;
use crate::inverse::likelihood::Derivative;
use crate::inverse::{Error, RewardModel};
use crate::markov_chain::Transient;
use crate::mdp::{CheckedStage, is_possible};
use crate::{Inference, Real, StationaryPolicy, Status, Table, arrays};

/// Iterates from a policy, and returns the parameters with the last pseudo-log-likelihood.
pub(super) fn maximize<F, M>(
    posterior: &Posterior<'_, F, M>,
    policy: &StationaryPolicy<F>,
    start: &Array1<f64>,
    number: usize,
    limits: Limits,
) -> Result<(Found<F, M>, f64), Error>
where
    F: Real,
    M: RewardModel<Scalar = F> + ?Sized,
{
    let mdp = posterior.mdp;
    posterior.evaluate(start)?; // checks the demonstrations
    let stage = CheckedStage::begin(mdp, 0, Inference::Variational)?;
    let nested = Nested::new(posterior, stage)?;
    let mut policy = nested.checked(policy)?;
    let (mut parameters, mut value, mut inner) = (start.clone(), f64::NEG_INFINITY, Status::Converged);
    for _ in 0..number {
        mdp.begin_stage(0)?;
        let choices = nested.choices(&policy)?;
        let found = newton::maximize(&choices, &parameters, limits)?;
        value = choices.log_likelihood(&found.point.parameters);
        inner = found.status;
        policy = choices.policy(&found.point.parameters).into_iter().map(F::from_f64).collect();
        parameters = found.point.parameters;
        if !matches!(inner, Status::Converged | Status::RoundingFloor) {
            break;
        }
    }
    let point = posterior.evaluate(&parameters)?;
    let curved = posterior.information(&point)?;
    let gain = curved.0.step(&point.gradient, limits.tolerance).gain;
    let is_maximum = newton::is_maximum(posterior, &point, gain, limits);
    let status = match inner {
        Status::Stopped => inner,
        _ if is_maximum => Status::Converged,
        _ => Status::IterationLimit,
    };
    Ok((Maximum { point, curved: Some(curved), status, iterations: number, gain }, value))
}

/// The parts of the problem that no policy changes.
struct Nested<'a, F: Real, M: RewardModel<Scalar = F> + ?Sized> {
    mdp: &'a M,
    stage: CheckedStage<'a, F, M::Dynamics>,
    is_terminal: Vec<bool>,
    features: Vec<F>, // φ̄(s,a), [s, a, k]
    terminal: Option<&'a Array2<F>>,
    counts: Array2<F>,
    prior: Option<&'a NormalPrior>,
    threshold: f64,
    k: usize,
}

impl<'a, F: Real, M: RewardModel<Scalar = F> + ?Sized> Nested<'a, F, M> {
    fn new(
        posterior: &'a Posterior<'_, F, M>,
        stage: CheckedStage<'a, F, M::Dynamics>,
    ) -> Result<Self, Error> {
        let (mdp, k) = (posterior.mdp, posterior.features.num_parameters());
        let columns = posterior.columns.as_ref().ok_or(Error::NotForPolicyIterations)?;
        let features = match &columns.rewards {
            RewardColumns::Pairs(features) => features.iter().copied().collect(),
            RewardColumns::States(features) => {
                let rows = features.rows().into_iter();
                rows.flat_map(|row| row.to_vec().repeat(mdp.num_actions())).collect()
            }
            RewardColumns::Successors(_, features) => RewardColumns::expected(k, &**features, stage.dynamics),
        };
        let is_terminal: Vec<bool> = (0..mdp.num_states()).map(|state| mdp.is_terminal(state)).collect();
        for (state, &value) in mdp.terminal_values().iter().enumerate() {
            if is_terminal[state] && value == F::neg_infinity() {
                return Err(Error::ForbiddenEnd { state });
            }
        }
        Ok(Self {
            mdp,
            stage,
            is_terminal,
            features,
            terminal: columns.terminal.as_ref(),
            counts: posterior.demonstrations.counts(mdp)?,
            prior: posterior.prior.as_ref(),
            threshold: posterior.threshold(),
            k,
        })
    }

    /// The probabilities of a policy that the model allows, `[s, a]`.
    fn checked(&self, policy: &StationaryPolicy<F>) -> Result<Vec<F>, Error> {
        let probabilities = policy.probabilities();
        let expected = [self.mdp.num_states(), self.mdp.num_actions()];
        arrays::check_shape(Table::Policy, probabilities.shape(), &expected)?;
        for (state, row) in probabilities.rows().into_iter().enumerate() {
            if self.is_terminal[state] {
                continue;
            }
            let (rewards, prior) = self.stage.row(state)?;
            let invalid = |action: usize, expected| Error::InvalidProbability {
                state,
                action,
                probability: row[action].into_f64(),
                expected,
            };
            if row.iter().all(|&p| p == F::zero()) {
                return Err(invalid(0, "a row that sums to 1, also where no choice was seen"));
            }
            for (action, &p) in row.iter().enumerate() {
                if p > F::zero() && !is_possible(rewards[action], prior[action]) {
                    return Err(invalid(action, "0, because the model excludes the action"));
                }
            }
        }
        Ok(probabilities.iter().copied().collect())
    }

    /// The choice model given a policy.
    fn choices(&self, policy: &[F]) -> Result<Choices<'_>, Error> {
        let (num_states, width, columns) = (self.mdp.num_states(), self.mdp.num_actions(), self.k + 1);
        let (temperature, discount) = (self.mdp.temperature(), self.mdp.discount());
        let takes_part: Vec<bool> = self.is_terminal.iter().map(|is_terminal| !is_terminal).collect();
        let (rewards, weights) = self.stage.rows(0..num_states);
        // Column 0 is the known part.
        let mut values = arrays::filled_vec(Table::StateValues, (num_states, columns), F::zero())?;
        for column in 0..columns {
            let own = |pair: usize| match column {
                0 => rewards[pair] - temperature * (policy[pair] / weights[pair]).ln(),
                _ => self.features[pair * self.k + column - 1],
            };
            for (state, value) in values.iter_mut().skip(column).step_by(columns).enumerate() {
                *value = match (self.is_terminal[state], column) {
                    (true, 0) => self.mdp.terminal_values()[state],
                    (true, _) => self.terminal.map_or_else(F::zero, |terminal| terminal[[state, column - 1]]),
                    (false, _) => (state * width..(state + 1) * width)
                        .filter(|&pair| policy[pair] > F::zero())
                        .fold(F::zero(), |sum, pair| sum + policy[pair] * own(pair)),
                };
            }
        }
        let (dynamics, table) = (self.stage.dynamics, Table::StateValues);
        let chain = Transient { dynamics, policy, takes_part: &takes_part, discount, table };
        chain.solve_columns(columns, &mut values)?;
        let mut q = vec![F::zero(); num_states * width * columns];
        Derivative::variational(dynamics, discount).expectation(columns, &values, &mut q)?;
        let mut choices = Choices {
            width,
            temperature: temperature.into_f64(),
            logs: Vec::with_capacity(rewards.len()),
            features: Vec::with_capacity(rewards.len() * self.k),
            counts: self.counts.iter().map(|count| count.into_f64()).collect(),
            prior: self.prior,
            threshold: self.threshold,
            rounding: F::epsilon().into_f64(),
        };
        for (pair, q) in q.chunks_exact(columns).enumerate() {
            let is_possible = is_possible(rewards[pair], weights[pair]) && !self.is_terminal[pair / width];
            let known = (rewards[pair] + q[0]).into_f64() / choices.temperature;
            choices.logs.push(if is_possible {
                known + weights[pair].into_f64().ln()
            } else {
                f64::NEG_INFINITY
            });
            let own = &self.features[pair * self.k..(pair + 1) * self.k];
            choices.features.extend(q[1..].iter().zip(own).map(|(&q, &own)| (q + own).into_f64()));
        }
        choices.subtract_first(self.k);
        Ok(choices)
    }
}

/// Choices with π(a|s) ∝ exp(c(s,a) + Σ_k θ_k z_k(s,a)/τ).
struct Choices<'a> {
    width: usize,
    temperature: f64,
    logs: Vec<f64>,     // c, [s, a]; −∞ for excluded pairs
    features: Vec<f64>, // z, [s, a, k]
    counts: Vec<f64>,   // n, [s, a]
    prior: Option<&'a NormalPrior>,
    threshold: f64,
    rounding: f64,
}

impl Choices<'_> {
    /// Subtracts c and z of the first possible action of each state. Choices depend on differences
    /// alone, and z itself is larger than they are by about 1/(1−γ).
    fn subtract_first(&mut self, k: usize) {
        let states = self.logs.chunks_exact_mut(self.width);
        for (logs, features) in states.zip(self.features.chunks_exact_mut((self.width * k).max(1))) {
            let Some(first) = logs.iter().position(|&log| log > f64::NEG_INFINITY) else { continue };
            let (log, z) = (logs[first], features[first * k..(first + 1) * k].to_vec());
            logs.iter_mut().for_each(|other| *other -= log);
            for (index, other) in features.iter_mut().enumerate() {
                *other -= z[index % k];
            }
        }
    }

    /// log π, `[s, a]`.
    fn log_policy(&self, theta: &Array1<f64>) -> Vec<f64> {
        let k = theta.len();
        let mut logs = self.logs.clone();
        for (pair, log) in logs.iter_mut().enumerate() {
            let features = &self.features[pair * k..(pair + 1) * k];
            *log += features.iter().zip(theta).map(|(z, theta)| z * theta).sum::<f64>() / self.temperature;
        }
        for row in logs.chunks_exact_mut(self.width) {
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if max > f64::NEG_INFINITY {
                let sum: f64 = row.iter().map(|log| (log - max).exp()).sum();
                row.iter_mut().for_each(|log| *log -= max + sum.ln());
            }
        }
        logs
    }

    fn policy(&self, theta: &Array1<f64>) -> Vec<f64> {
        self.log_policy(theta).into_iter().map(f64::exp).collect()
    }

    /// Σ n log π.
    fn log_likelihood(&self, theta: &Array1<f64>) -> f64 {
        let logs = self.log_policy(theta).into_iter().zip(&self.counts);
        logs.filter(|(_, count)| **count > 0.0).map(|(log, count)| count * log).sum()
    }

    /// Calls `visit(n(s), pairs, mean of z)` for every state that was seen.
    fn for_each_row(
        &self,
        policy: &[f64],
        k: usize,
        mut visit: impl FnMut(f64, std::ops::Range<usize>, &[f64]),
    ) {
        let mut mean = vec![0.0; k];
        for (state, counts) in self.counts.chunks_exact(self.width).enumerate() {
            let total: f64 = counts.iter().sum();
            if total == 0.0 {
                continue;
            }
            let pairs = state * self.width..(state + 1) * self.width;
            mean.fill(0.0);
            for pair in pairs.clone() {
                let z = &self.features[pair * k..(pair + 1) * k];
                mean.iter_mut().zip(z).for_each(|(mean, z)| *mean += policy[pair] * z);
            }
            visit(total, pairs, &mean);
        }
    }
}

impl Objective for Choices<'_> {
    type Found = ();
    type Curved = ();

    fn evaluate(&self, theta: &Array1<f64>) -> Result<Point<()>, Error> {
        let (k, policy) = (theta.len(), self.policy(theta));
        let mut value = self.log_likelihood(theta);
        let mut gradient = Array1::<f64>::zeros(k);
        self.for_each_row(&policy, k, |total, pairs, mean| {
            for pair in pairs {
                let (z, count) = (&self.features[pair * k..(pair + 1) * k], self.counts[pair]);
                gradient.iter_mut().zip(z).for_each(|(sum, z)| *sum += count * z / self.temperature);
            }
            gradient.iter_mut().zip(mean).for_each(|(sum, mean)| *sum -= total * mean / self.temperature);
        });
        if let Some(prior) = self.prior {
            prior.add_to(theta, &mut value, &mut gradient);
        }
        Ok(Point { parameters: theta.clone(), value, gradient, found: () })
    }

    fn information(&self, point: &Point<()>) -> Result<(Information, ()), Error> {
        let (k, policy) = (point.parameters.len(), self.policy(&point.parameters));
        let (mut a, mut natural) = (Array2::zeros((k, k)), Array1::<f64>::zeros(k));
        let unit = self.temperature * self.temperature;
        self.for_each_row(&policy, k, |total, pairs, mean| {
            for pair in pairs {
                let (z, weight) = (&self.features[pair * k..(pair + 1) * k], total * policy[pair] / unit);
                for i in 0..k {
                    natural[i] += weight * z[i] * z[i];
                    for j in 0..k {
                        a[[i, j]] += weight * (z[i] - mean[i]) * (z[j] - mean[j]);
                    }
                }
            }
        });
        if let Some(prior) = self.prior {
            prior.add_curvature(&mut a, &mut natural);
        }
        Ok((Information::new(&a, &natural, self.threshold), ()))
    }

    fn small_gradient(&self, point: &Point<()>) -> Array1<f64> {
        Array1::from_elem(point.parameters.len(), f64::INFINITY)
    }

    fn rounding_gradient(&self, point: &Point<()>) -> Array1<f64> {
        Array1::zeros(point.parameters.len())
    }

    fn noise(&self, point: &Point<()>) -> f64 {
        self.rounding.sqrt() * (1.0 + point.value.abs())
    }
}
