//! Z-learning lands on direct inference, as closely as its step sizes promise.
//!
//! # The tolerance
//!
//! Messages are means of plain numbers, and their fixed point is linear, β = G β + c, where G(s,s')
//! = Σ_a ρ(a|s) γ P(s'|s,a) E[exp(r/τ)]. As for action values (`convergence`), the error of β
//! splits into an average of each state's own noise and a rest that G carries over:
//!
//! ```text
//! u(s)   = σ(s) √η(s) + Σ_s' G(s,s') u(s'),             σ²(s)   = Σ_a ρ²/b E[ exp(2r/τ) (γ β(s') + 1−γ)² ] − β(s)²
//! u(s,a) = σ(s,a) √η(s,a) + γ E[ exp(r/τ) u(s') ],      σ²(s,a) = E[ exp(2r/τ) (γ β(s') + 1−γ)² ] − β(s,a)²
//! ```
//!
//! where b is the behaviour at the fixed point. Each error is held to 5 u, and the root mean square
//! of all to u.

use approx::abs_diff_eq;
use ndarray::{Array2, Array3};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Behaviour, Horizon, Learner, Simulator, StepSize, Task, ZLearning};
use softmdp::{Inference, Mdp, SoftValueIteration, StationarySolver, ndarray};

use super::convergence::{SEEDS, STEPS, WIDTH};
use super::worlds::{DEAD, Noisy, dear_exit, go_on, stages};

/// E[exp(k r/τ)] of rewards that scatter evenly by ±w about 0: sinh(kw/τ)/(kw/τ).
fn scatter(k: f64, width: f64, temperature: f64) -> f64 {
    let x = k * width / temperature;
    if x == 0.0 { 1.0 } else { x.sinh() / x }
}

/// What is to be learned: exact values and action values, `[t, s]` and `[t, s, a]`, of models that
/// follow each other, or of one.
struct Exact<'a> {
    models: Vec<&'a Mdp>,
    values: Array2<f64>, // with a last row if there is a horizon
    action_values: Array3<f64>,
    width: f64,
}

impl Exact<'_> {
    fn behaviour(&self, behaviour: Behaviour, (t, s): (usize, usize), a: usize) -> f64 {
        let (mdp, q) = (self.models[t], self.action_values.slice(ndarray::s![t, s, ..]));
        let prior = mdp.prior_weights();
        let any = 1.0 / prior.row(s).iter().filter(|&&weight| weight > 0.0).count() as f64;
        let best = q.iter().fold(DEAD, |max, &q| max.max(q));
        let soft = prior[[s, a]] * ((q[a] - self.values[[t, s]]) / mdp.temperature()).exp();
        match behaviour {
            Behaviour::Uniform => any,
            Behaviour::EpsilonGreedy(e) => e * any + if q[a] == best { 1.0 - e } else { 0.0 },
            Behaviour::EpsilonSoft(e) => e * any + (1.0 - e) * soft,
            _ => soft,
        }
    }

    /// Asserts that a learner has landed; `reward` is r(s,a,s').
    #[track_caller]
    fn assert_landed<H: Horizon>(
        &self,
        learner: &ZLearning<f64, H>,
        step_size: StepSize,
        reward: impl Fn(&Mdp, usize, usize, usize) -> f64,
    ) {
        let (stages, states, actions) = self.action_values.dim();
        let (tau, discount) = (self.models[0].temperature(), self.models[0].discount());
        let is_finite = self.values.nrows() > stages;
        let next = |t: usize| if is_finite { t + 1 } else { 0 };
        let is_terminal = |s: usize| self.models[0].is_terminal(s);
        let beta = self.values.mapv(|value| (value / tau).exp());
        // Σ_s' P(s'|s,a) E[exp(k r/τ)] f(s')
        let mean = |k: f64, (t, s, a): (usize, usize, usize), f: &dyn Fn(usize) -> f64| -> f64 {
            let mdp = self.models[t];
            let row = mdp.dynamics().transitions().slice(ndarray::s![s, a, ..]).to_owned();
            let term = |n: usize| row[n] * (k * reward(mdp, s, a, n) / tau).exp() * f(n);
            scatter(k, self.width, tau) * (0..states).map(term).sum::<f64>()
        };
        let visits =
            Array3::from_shape_vec((stages, states, actions), learner.visits().iter().copied().collect());
        let visits = visits.unwrap();
        let noise = |second: f64, beta: f64, count: u32| {
            ((second - beta * beta).max(0.0) * step_size.after(count / 2)).sqrt()
        };
        let possible: Vec<(usize, usize, usize)> = ndarray::indices((stages, states, actions))
            .into_iter()
            .filter(|&(t, s, a)| !is_terminal(s) && self.models[t].prior_weights()[[s, a]] > 0.0)
            .collect();
        let behaviour = learner.behaviour();
        let (mut second, mut own) =
            (Array2::<f64>::zeros((stages, states)), Array3::<f64>::zeros((stages, states, actions)));
        for &(t, s, a) in &possible {
            let squared = mean(2.0, (t, s, a), &|n| (discount * beta[[next(t), n]] + 1.0 - discount).powi(2));
            let pair = (self.action_values[[t, s, a]] / tau).exp();
            own[[t, s, a]] = noise(squared, pair, visits[[t, s, a]]);
            let weight = self.models[t].prior_weights()[[s, a]];
            second[[t, s]] += weight * weight / self.behaviour(behaviour, (t, s), a) * squared;
        }
        let mut bound = Array2::<f64>::zeros(self.values.dim());
        for _ in 0..300 {
            let mut swept = Array2::zeros(self.values.dim());
            for ((t, s), second) in second.indexed_iter().filter(|((_, s), _)| !is_terminal(*s)) {
                swept[[t, s]] = noise(*second, beta[[t, s]], visits.slice(ndarray::s![t, s, ..]).sum());
            }
            for &(t, s, a) in &possible {
                let carried = discount * mean(1.0, (t, s, a), &|n| bound[[next(t), n]]);
                swept[[t, s]] += self.models[t].prior_weights()[[s, a]] * carried;
            }
            bound = swept;
        }
        let (mut sum, mut count) = (0.0, 0.0);
        let mut hold = |found: f64, exact: f64, bound: f64, at: &dyn std::fmt::Debug| {
            let (found, exact) = ((found / tau).exp(), (exact / tau).exp());
            assert!(bound < 0.1 * exact, "{at:?}: a bound of {bound} beside {exact} shows nothing");
            assert!(
                abs_diff_eq!(found, exact, epsilon = 5.0 * bound + 1e-12 * exact),
                "{at:?}: {found} is not {exact} ± {bound}"
            );
            if bound > 0.0 {
                (sum, count) = (sum + ((found - exact) / bound).powi(2), count + 1.0);
            }
        };
        for ((at, &exact), &found) in self.values.indexed_iter().zip(&learner.state_values().unwrap()) {
            hold(found, exact, bound[at], &at);
        }
        let found: Vec<f64> = learner.action_values().iter().copied().collect();
        for &(t, s, a) in &possible {
            let carried = discount * mean(1.0, (t, s, a), &|n| bound[[next(t), n]]);
            let found = found[(t * states + s) * actions + a];
            hold(found, self.action_values[[t, s, a]], own[[t, s, a]] + carried, &(t, s, a));
        }
        assert!(sum <= count, "{sum} {count}");
    }
}

/// Rewards that scatter evenly by ±w count in direct inference with the mean of exp(noise/τ) =
/// sinh(w/τ)/(w/τ), not with their mean.
fn with_folded_noise(mdp: &Mdp, width: f64) -> Mdp {
    let x = width / mdp.temperature();
    let fold = mdp.temperature() * (x.sinh() / x).ln();
    mdp.with_rewards(mdp.rewards().mapv(|reward| reward + fold)).unwrap()
}

/// In a world that ends, with and without a discount.
#[test]
fn z_learning_lands_on_direct_inference() {
    let (mdp, initial) = dear_exit();
    let undiscounted = mdp.with_discount(1.0).unwrap();
    for mdp in [mdp, undiscounted] {
        let solver = StationarySolver::new(1e-10).inference(Inference::Direct);
        let exact = solver.solve(&with_folded_noise(&mdp, WIDTH)).unwrap();
        let known = Exact {
            models: vec![&mdp],
            values: exact.state_values().to_owned().insert_axis(ndarray::Axis(0)),
            action_values: exact.action_values().to_owned().insert_axis(ndarray::Axis(0)),
            width: WIDTH,
        };
        for behaviour in
            [Behaviour::Uniform, Behaviour::EpsilonGreedy(0.3), Behaviour::Soft, Behaviour::default()]
        {
            for seed in SEEDS {
                let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
                let step_size = StepSize::Hyperbolic { half: 10.0 };
                let mut learner = ZLearning::new(Task::of(&mdp).unwrap()).unwrap();
                learner = learner.with_behaviour(behaviour).unwrap().with_step_size(step_size).unwrap();
                learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
                known.assert_landed(&learner, step_size, |mdp, s, a, _| mdp.rewards()[[s, a]]);
            }
        }
    }
}

#[test]
fn with_a_horizon_z_learning_lands_on_every_stage() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).solve(&model).unwrap();
    let known = Exact {
        models: model.stages().iter().collect(),
        values: exact.state_values().to_owned(),
        action_values: exact.action_values().to_owned(),
        width: 0.0,
    };
    let step_size = StepSize::Hyperbolic { half: 10.0 };
    for behaviour in [Behaviour::Uniform, Behaviour::EpsilonGreedy(0.5)] {
        for seed in SEEDS {
            let mut world = Simulator::new(&model, &initial).unwrap();
            let mut learner = ZLearning::new(Task::of_stages(&model, 3).unwrap()).unwrap();
            learner = learner.with_behaviour(behaviour).unwrap().with_step_size(step_size).unwrap();
            learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
            known.assert_landed(&learner, step_size, |mdp, s, a, _| mdp.rewards()[[s, a]]);
        }
    }
}

/// A sample pays what came. In direct inference that is not what was to be expected.
#[test]
fn rewards_on_the_successor_are_paid_as_they_come() {
    let (mdp, initial) = dear_exit();
    let paid = |s: usize, a: usize, n: usize| 1.2 * ((s + 2 * a + n) % 3) as f64 - 1.2;
    let model = mdp.with_successor_rewards(paid).unwrap();
    let exact = StationarySolver::new(1e-10).inference(Inference::Direct).solve(&model).unwrap();
    let expected = StationarySolver::new(1e-10)
        .inference(Inference::Direct)
        .solve(&mdp.with_rewards(model.folded_rewards(Inference::Variational).to_owned()).unwrap())
        .unwrap();
    let difference = &exact.state_values() - &expected.state_values();
    assert!(difference.iter().any(|d| d.abs() > 0.2), "the two can be told apart");
    let known = Exact {
        models: vec![&mdp],
        values: exact.state_values().to_owned().insert_axis(ndarray::Axis(0)),
        action_values: exact.action_values().to_owned().insert_axis(ndarray::Axis(0)),
        width: 0.0,
    };
    let step_size = StepSize::Hyperbolic { half: 10.0 };
    for seed in SEEDS {
        let mut world = Simulator::new(&model, &initial).unwrap();
        let mut learner = ZLearning::new(Task::of(&model).unwrap()).unwrap();
        learner = learner.with_step_size(step_size).unwrap();
        learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        known.assert_landed(&learner, step_size, |mdp, s, a, n| mdp.rewards()[[s, a]] + paid(s, a, n));
    }
}
