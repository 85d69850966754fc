//! Errors in units of what they are allowed to grow with, and the worst of them.

use ndarray::{Array1, aview1};
use softmdp::{
    ActionPrior, DenseDynamics, Inference, Mdp, Real, SoftValueIteration, Solution, forward_messages, ndarray,
};

use crate::common::Heavy;
use crate::precision::models::Tested;
use crate::precision::reference::{
    Big, Exact, Log, Messages, Stage, big, largest, ln, product, small, sum, widen_log,
};

/// The worst error seen.
#[derive(Debug)]
pub(crate) struct Worst {
    units: f64,
    place: String,
}

impl Worst {
    pub(crate) fn new() -> Self {
        Self { units: 0.0, place: String::new() }
    }

    /// Notes an error. NaN is worse than everything, and stays.
    pub(crate) fn see(&mut self, error: f64, unit: f64, place: impl FnOnce() -> String) {
        let units = error / unit;
        if !(units <= self.units || self.units.is_nan()) {
            *self = Self { units, place: place() };
        }
    }

    /// Notes the error of a probability, relative to itself: a unit is ε · `scale`, the error of a
    /// logarithm, and the least positive number for what underflows.
    pub(crate) fn see_probability<F: Tested>(
        &mut self,
        found: F,
        exact: &Big,
        scale: f64,
        place: impl FnOnce() -> String,
    ) {
        let unit = F::epsilon().into_f64() * scale * small(exact) + F::least();
        self.see(small(&(big(found) - exact)).abs(), unit, place);
    }

    #[track_caller]
    pub(crate) fn assert_at_most(&self, bound: f64) {
        println!("{:.3} units at most: {}", self.units, self.place);
        assert!(self.units <= bound, "{} units where {bound} are allowed: {}", self.units, self.place);
    }
}

/// |value/τ − exact|: 0 if both are −∞, +∞ if only one is.
pub(crate) fn error<F: Real>(value: F, temperature: F, exact: &Log) -> f64 {
    match exact {
        _ if value.is_nan() => f64::NAN,
        None if value == F::neg_infinity() => 0.0,
        Some(exact) if value.is_finite() => small(&(big(value) / big(temperature) - exact)).abs(),
        _ => f64::INFINITY,
    }
}

/// Compares V_t and log π_t of a solution with an exact stage. A unit is ε · `scale`, and `times`
/// that for a log-probability, of which |log π| is part of the scale.
pub(crate) fn compare<F: Real>(
    worst: &mut Worst,
    mdp: &Mdp<F>,
    solution: &Solution<F>,
    (t, expected): (usize, &Stage),
    (scale, times): (f64, f64),
    what: &str,
) {
    let epsilon = F::epsilon().into_f64();
    for (state, value) in expected.values.logs.iter().enumerate() {
        let off = error(solution.state_values()[[t, state]], mdp.temperature(), value);
        worst.see(off, epsilon * scale, || format!("V of state {state}, stage {t}, {what}"));
        for (action, log) in expected.log_policy[state].iter().enumerate() {
            let off = error(solution.policy().log_probabilities()[[t, state, action]], F::one(), log);
            let own = log.as_ref().map_or(0.0, |log| small(log).abs());
            worst.see(off, epsilon * scale.max(own) * times, || {
                format!("log π of state {state}, action {action}, stage {t}, {what}")
            });
        }
    }
}

/// Notes the errors of V of one stage.
pub(crate) fn compare_values<F: Real>(
    worst: &mut Worst,
    mdp: &Mdp<F>,
    found: &[F],
    expected: &Stage,
    scale: f64,
    what: impl Fn() -> String,
) {
    for (state, (&found, value)) in found.iter().zip(&expected.values.logs).enumerate() {
        let off = error(found, mdp.temperature(), value);
        worst.see(off, F::epsilon().into_f64() * scale, || format!("V of state {state}, {}", what()));
    }
}

/// The same model over dynamics that claim to be large: direct inference is linear there.
pub(crate) fn as_if_large<F: Real>(mdp: &Mdp<F>) -> Mdp<F, Heavy<DenseDynamics<F>>> {
    Mdp::builder(Heavy(mdp.dynamics().clone()), mdp.rewards().to_owned())
        .discount(mdp.discount())
        .temperature(mdp.temperature())
        .action_prior(ActionPrior::Weights(mdp.prior_weights().to_owned()))
        .terminal_values(mdp.terminal_values().to_owned())
        .terminal_states((0..mdp.num_states()).filter(|&state| mdp.is_terminal(state)))
        .build()
        .unwrap()
}

/// A backward pass of the crate and of the reference.
pub(crate) struct Backward<F> {
    pub(crate) exact: Exact,
    pub(crate) stages: Vec<Stage>,
    pub(crate) solution: Solution<F>,
    /// Σ max(1, |r|/τ, |V|/τ) over stages t … T−1, `[t]`.
    pub(crate) scales: Vec<f64>,
}

impl<F: Real> Backward<F> {
    pub(crate) fn new(mdp: &Mdp<F>, inference: Inference, horizon: usize) -> Self {
        let exact = Exact::new(mdp);
        let stages = exact.solve(inference, horizon);
        let solution = SoftValueIteration::new(horizon).inference(inference).solve(mdp).unwrap();
        let mut scales = vec![0.0; horizon + 1];
        for t in (0..horizon).rev() {
            let of_values = stages[t].values.scale().max(stages[t + 1].values.scale());
            scales[t] = scales[t + 1] + exact.reward_scale().max(of_values);
        }
        Self { exact, stages, solution, scales }
    }
}

/// A forward pass of the reference.
pub(crate) struct Forward {
    exact: Exact,
    pub(crate) alphas: Vec<Messages>,
    normalizers: Vec<Log>,
    /// |log α_0|, and Σ max(1, |r|/τ, |log ρ|, |log α|) over stages before t, `[t]`.
    pub(crate) scales: Vec<f64>,
}

impl Forward {
    pub(crate) fn new<F: Real>(mdp: &Mdp<F>, initial: &Array1<F>, horizon: usize) -> Self {
        let exact = Exact::new(mdp);
        let (alphas, normalizers) = exact.forward(initial, horizon);
        let mut scales = vec![alphas[0].scale()];
        for t in 0..horizon {
            let of_messages = alphas[t].scale().max(alphas[t + 1].scale());
            scales.push(scales[t] + exact.reward_scale().max(exact.prior_scale()).max(of_messages));
        }
        Self { exact, alphas, normalizers, scales }
    }

    /// log p(e) by (D6).
    pub(crate) fn log_evidence(&self) -> Log {
        let last = ln(&sum(&self.alphas[self.normalizers.len()].weigh(&self.exact.end)));
        self.normalizers.iter().fold(last, |sum, normalizer| product(&sum, normalizer))
    }
}

/// The worst errors of single stages, and of all stages together.
#[derive(Debug)]
pub(crate) struct Errors {
    pub(crate) stage: Worst,
    pub(crate) total: Worst,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { stage: Worst::new(), total: Worst::new() }
    }

    /// Solves a model and compares every stage with one exact backup of the crate's own V_{t+1},
    /// and with the exact recursion.
    pub(crate) fn backward<F: Real>(
        &mut self,
        mdp: &Mdp<F>,
        inference: Inference,
        horizon: usize,
        what: &str,
    ) {
        let Backward { exact, stages, solution, scales } = Backward::new(mdp, inference, horizon);
        let (large, solver) = (as_if_large(mdp), SoftValueIteration::new(horizon).inference(inference));
        let at_once = solver.solve(&large).unwrap();
        let values = solver.solve_values(&large).unwrap();
        for t in 0..horizon {
            let scale = scales[t] - scales[t + 1];
            for (solution, path) in [(&solution, ""), (&at_once, ", as if it were large")] {
                let what = format!("{what}, {inference:?}{path}");
                let from_own = exact.backup(inference, &exact.widen(&solution.state_values().row(t + 1)));
                compare(&mut self.stage, mdp, solution, (t, &from_own), (scale, 1.0), &what);
                compare(&mut self.total, mdp, solution, (t, &stages[t]), (scales[t], 2.0), &what);
            }
            let what = format!("{what}, {inference:?}, values alone");
            let (found, next) =
                (values.state_values().row(t).to_vec(), values.state_values().row(t + 1).to_vec());
            let from_own = exact.backup(inference, &exact.widen(&aview1(&next)));
            compare_values(&mut self.stage, mdp, &found, &from_own, scale, || format!("stage {t}, {what}"));
            compare_values(&mut self.total, mdp, &found, &stages[t], scales[t], || {
                format!("stage {t}, {what}")
            });
        }
    }

    /// Compares the forward messages of every stage with one exact stage from the crate's own α_t,
    /// and with the exact recursion; and the evidence. Returns the largest |log α|.
    pub(crate) fn forward<F: Real>(
        &mut self,
        mdp: &Mdp<F>,
        initial: &Array1<F>,
        horizon: usize,
        what: &str,
    ) -> f64 {
        let reference = Forward::new(mdp, initial, horizon);
        let Forward { exact, alphas, normalizers, scales } = &reference;
        let found = forward_messages(mdp, initial, horizon).unwrap();
        let epsilon = F::epsilon().into_f64();
        let row = |t: usize| -> Vec<F> {
            found.log_forward().row(t).iter().copied().chain([found.log_absorbed()[t]]).collect()
        };
        for t in 0..horizon {
            let own = Messages::from_logs(row(t).into_iter().map(widen_log).collect());
            let own = exact.push(&own.plain);
            let both = [
                (&mut self.stage, scales[t + 1] - scales[t], &own.0, &own.1),
                (&mut self.total, scales[t + 1], &normalizers[t], &alphas[t + 1]),
            ];
            for (worst, scale, normalizer, next) in both {
                let mut see = |found: F, exact: &Log, name: &str| {
                    let off = error(found, F::one(), exact);
                    worst.see(off, epsilon * scale, || format!("{name}, stage {t}, {what}"));
                };
                see(found.log_normalizers()[t], normalizer, "Z");
                for (state, (found, alpha)) in row(t + 1).into_iter().zip(&next.logs).enumerate() {
                    see(found, alpha, &format!("the next α({state})"));
                }
            }
        }
        // A sum of log Z_t and of what the end adds.
        let log_evidence = reference.log_evidence();
        let parts = normalizers.iter().chain([&log_evidence]).map(|log| largest(std::slice::from_ref(log)));
        let unit = epsilon * (scales[horizon] + parts.sum::<f64>() + exact.end.scale());
        let off = error(found.log_evidence(), F::one(), &log_evidence);
        self.total.see(off, unit, || format!("evidence, {what}"));
        alphas.iter().map(Messages::scale).fold(0.0, f64::max)
    }

    #[track_caller]
    pub(crate) fn assert_at_most(&self, stage: f64, total: f64) {
        self.stage.assert_at_most(stage);
        self.total.assert_at_most(total);
    }
}
