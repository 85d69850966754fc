//! The posterior over goals that may switch: a hidden Markov chain, filtered and smoothed.
//!
//! ```text
//! p(g_0)                 = the prior
//! p(g_t, o_0…o_t)        = l_t(g_t) p(g_t, o_0…o_{t−1})                      filter
//! p(g_{t+1}, o_0…o_t)    = Σ_g S(g_{t+1}|g) p(g_t = g, o_0…o_t)              prediction
//! b_t(g)                 = Σ_h S(h|g) l_{t+1}(h) b_{t+1}(h),   b_last = 1    smoother
//! p(g_t | all)           ∝ p(g_t, o_0…o_t) b_t(g_t)
//! ```
//!
//! where o_t is step t, l_t(g) its likelihood under goal g, and S the switching. A goal that never
//! switches has S = 1.
//!
//! # Form computed
//!
//! All factors are logarithms. Each step normalises the filter and adds the normaliser to the
//! log-evidence, so that a long history loses no digits. Nothing underflows: an improbable goal
//! keeps its logarithm, and later steps can raise it again.
//!
//! # References
//!
//! Rabiner, *A Tutorial on Hidden Markov Models*, Proc. IEEE 77 (1989), section III; Baker, Saxe,
//! Tenenbaum, *Action understanding as inverse planning*, Cognition 113 (2009), model M2.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1};

use crate::{Real, arrays, log_sum_exp};

/// What is known about the goal after some steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Belief<F> {
    prior: Array1<F>,                 // [k]
    log_switching: Option<Array2<F>>, // log S(h|g), [g, h]
    log_likelihoods: Vec<F>,          // log l_t(g), [t, g]
    log_posterior: Array1<F>,         // log p(g_t | o_0…o_t), [k]
    posterior: Array1<F>,             // [k]
    log_evidence: F,
}

impl<F: Real> Belief<F> {
    /// The belief before the first step. The prior is a distribution.
    pub(super) fn new(prior: Array1<F>) -> Self {
        Self {
            log_posterior: prior.mapv(F::ln),
            posterior: prior.clone(),
            prior,
            log_switching: None,
            log_likelihoods: Vec::new(),
            log_evidence: F::zero(),
        }
    }

    pub(super) fn posterior(&self) -> &Array1<F> {
        &self.posterior
    }

    pub(super) fn log_evidence(&self) -> F {
        self.log_evidence
    }

    pub(super) fn num_goals(&self) -> usize {
        self.prior.len()
    }

    pub(super) fn num_steps(&self) -> usize {
        self.log_likelihoods.len() / self.num_goals()
    }

    /// log l_t(g), `[t, g]`.
    pub(super) fn log_likelihoods(&self) -> ArrayView2<'_, F> {
        arrays::view(&self.log_likelihoods, (self.num_steps(), self.num_goals()))
    }

    /// Filters the same steps again with goals that switch, S(h∣g), `[g, h]`. Returns the first
    /// step that is impossible then.
    pub(super) fn with_switching(self, switching: &Array2<F>) -> Result<Self, usize> {
        let mut belief = Self::new(self.prior);
        belief.log_switching = Some(switching.mapv(F::ln));
        for (step, logs) in self.log_likelihoods.chunks_exact(belief.num_goals()).enumerate() {
            if !belief.update(logs) {
                return Err(step);
            }
        }
        Ok(belief)
    }

    /// Filters one step, with its log-likelihood under each goal. Returns false, and changes
    /// nothing, if the step is impossible.
    pub(super) fn update(&mut self, log_likelihoods: &[F]) -> bool {
        let is_first = self.num_steps() == 0;
        let mut logs = if is_first { self.prior.mapv(F::ln) } else { self.predict(&self.log_posterior) };
        logs.iter_mut().zip(log_likelihoods).for_each(|(log, &likelihood)| *log += likelihood);
        let log_normalizer = log_sum_exp(&logs.to_vec());
        if log_normalizer == F::neg_infinity() {
            return false;
        }
        logs.mapv_inplace(|log| log - log_normalizer);
        self.posterior = logs.mapv(F::exp);
        self.log_posterior = logs;
        self.log_evidence += log_normalizer;
        self.log_likelihoods.extend_from_slice(log_likelihoods);
        true
    }

    /// p(g_t | all steps), `[t, k]`.
    pub(super) fn smoothed(&self) -> Array2<F> {
        let (num_steps, num_goals) = (self.num_steps(), self.num_goals());
        let log_likelihoods = self.log_likelihoods();
        // The filter, then times b.
        let mut logs = Array2::zeros((num_steps, num_goals));
        let mut prediction = self.prior.mapv(F::ln);
        for (mut row, likelihoods) in logs.outer_iter_mut().zip(log_likelihoods.outer_iter()) {
            row.assign(&(&prediction + &likelihoods));
            normalize(&mut row);
            prediction = self.predict(&row.to_owned());
        }
        let mut log_rest = Array1::zeros(num_goals); // log b
        for t in (0..num_steps).rev() {
            let mut row = logs.row_mut(t);
            row += &log_rest;
            normalize(&mut row);
            log_rest = self.look_back(&(&log_likelihoods.row(t) + &log_rest));
            // A factor common to all goals has no effect.
            let max = log_rest.iter().copied().fold(F::neg_infinity(), F::max);
            log_rest.mapv_inplace(|log| log - max);
        }
        logs.mapv_into(F::exp)
    }

    /// log Σ_g S(h|g) exp(logs(g)), `[h]`.
    fn predict(&self, logs: &Array1<F>) -> Array1<F> {
        let Some(log_switching) = &self.log_switching else { return logs.clone() };
        Array1::from_iter(log_switching.columns().into_iter().map(|column| log_dot(column.iter(), logs)))
    }

    /// log Σ_h S(h|g) exp(logs(h)), `[g]`.
    fn look_back(&self, logs: &Array1<F>) -> Array1<F> {
        let Some(log_switching) = &self.log_switching else { return logs.clone() };
        Array1::from_iter(log_switching.rows().into_iter().map(|row| log_dot(row.iter(), logs)))
    }
}

/// log Σ exp(a + b).
fn log_dot<'a, F: Real>(a: impl Iterator<Item = &'a F>, b: &Array1<F>) -> F {
    let sums: Vec<F> = a.zip(b).map(|(&a, &b)| a + b).collect();
    log_sum_exp(&sums)
}

/// Normalises logarithms of which one is finite.
fn normalize<F: Real>(logs: &mut ArrayViewMut1<'_, F>) {
    let log_normalizer = log_sum_exp(&logs.to_vec());
    logs.mapv_inplace(|log| log - log_normalizer);
}
