//! How long do a score and a step of Newton's method take beside one solve of the same model?
//!
//! Groups are `inverse/{model}/{likelihood}`: dense rows of 1000 states and 4 actions over 100
//! stages; a slippery grid of 300 × 300 cells over 100 stages; Rust's bus at γ = 0.9999 without a
//! horizon. `solve` computes values and policy, `score` the log-likelihood with its gradients, and
//! `step` the score with the Hessian in four features.
//!
//! A score should take at most 3 solves, and a step at most 10. Two cores of an Intel Xeon,
//! 2026-11-28, the least and the largest of three runs:
//!
//! | model | score | step |
//! |---|---|---|
//! | dense, trajectories | 1.6–1.8 | 5.2–5.5 |
//! | dense, actions | 1.9–2.3 | 4.8–6.3 |
//! | grid, trajectories | 2.3–2.5 | 6.5–6.8 |
//! | grid, actions | 1.9–2.3 | 3.2–4.6 |
//! | bus, actions | 1.8–1.9 | 2.1–2.2 |
//!
//! Before anything is timed, the Hessian is compared with a difference of gradients, and a table
//! says how many solves each takes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures, RewardModel};
use softmdp::ndarray::{Array1, Array2, Array3, array};
use softmdp::{Dynamics, Inference, Mdp, SoftValueIteration, SparseDynamics, StationarySolver, Trajectory};

#[path = "support/dense.rs"]
mod dense;

const HORIZON: usize = 100;
const NUM_FEATURES: usize = 4;
const NUM_DEMONSTRATIONS: usize = 50;
/// Times of the table are the least of this many.
const RUNS: usize = 5;

/// One model with what was seen in it.
struct Case<M> {
    name: &'static str,
    known: M,
    features: RewardFeatures,
    theta: Array1<f64>,
    likelihood: Likelihood,
    seen: Demonstrations,
}

/// Features of pairs without a pattern, in [−1, 1).
fn features(num_states: usize, num_actions: usize) -> RewardFeatures {
    let number = |index: usize| (index.wrapping_mul(2_654_435_761) % 1_000_003) as f64 / 500_001.5 - 1.0;
    let entry = |(s, a, k): (usize, usize, usize)| number((s * num_actions + a) * NUM_FEATURES + k + 1);
    RewardFeatures::on_pairs(Array3::from_shape_fn((num_states, num_actions, NUM_FEATURES), entry))
}

/// Trajectories that take the actions in turn and the likeliest successors.
fn walks<D: Dynamics<Scalar = f64>>(dynamics: &D) -> Demonstrations {
    let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
    Demonstrations::new((0..NUM_DEMONSTRATIONS).map(|walk| {
        let mut states = vec![walk * num_states / NUM_DEMONSTRATIONS];
        let mut actions = Vec::new();
        for step in 0..HORIZON {
            let (state, action) = (states[step], (walk + step * step) % num_actions);
            let mut best = (state, 0.0);
            dynamics.for_each_successor(state, action, &mut |next, p| {
                if p > best.1 {
                    best = (next, p);
                }
            });
            actions.push(action);
            states.push(best.0);
        }
        Trajectory::new(states, actions).expect("one state more than actions")
    }))
}

/// Moves succeed with probability 0.8 and go to either side otherwise.
fn slippery(size: usize) -> SparseDynamics {
    let dynamics = SparseDynamics::from_fn(size * size, 4, |state, action| {
        let (row, column) = (state / size, state % size);
        let (up, down) = (row.saturating_sub(1), (row + 1).min(size - 1));
        let (left, right) = (column.saturating_sub(1), (column + 1).min(size - 1));
        let cells = [(up, column), (row, right), (down, column), (row, left)];
        [(0, 0.8), (1, 0.1), (3, 0.1)].map(|(turn, p)| {
            let (row, column) = cells[(action + turn) % 4];
            (row * size + column, p)
        })
    });
    dynamics.expect("valid rows")
}

fn over_stages<D: Dynamics<Scalar = f64>>(
    name: [&'static str; 2],
    known: &Mdp<f64, D>,
) -> [Case<Mdp<f64, D>>; 2] {
    let likelihoods = [Likelihood::trajectories(), Likelihood::actions(Inference::Variational)];
    let seen = walks(known.dynamics());
    let mut likelihoods = likelihoods.into_iter();
    name.map(|name| Case {
        name,
        known: known.clone(),
        features: features(known.num_states(), known.num_actions()),
        theta: array![0.5, -0.25, 0.1, 0.3],
        likelihood: likelihoods.next().expect("as many names").horizon(HORIZON),
        seen: seen.clone(),
    })
}

/// Rust's bus: the cost of a replacement, and costs of mileage to the third power.
fn bus() -> Case<Mdp<f64, SparseDynamics>> {
    let increments = [1682.0, 2555.0, 55.0].map(|count| count / 4292.0);
    let dynamics = SparseDynamics::from_fn(90, 2, |bin, action| {
        let from = if action == 0 { bin } else { 0 };
        increments.into_iter().enumerate().map(move |(step, p)| ((from + step).min(89), p))
    });
    let known = Mdp::builder(dynamics.expect("valid rows"), Array2::zeros((90, 2))).discount(0.9999).build();
    let mut features = Array3::zeros((90, 2, NUM_FEATURES));
    for bin in 0..90 {
        features[[bin, 1, 0]] = -1.0;
        for power in 1..NUM_FEATURES {
            features[[bin, 0, power]] = -0.09 * (bin as f64 / 90.0).powf(power as f64);
        }
    }
    let counts = Array2::from_shape_fn((90, 2), |(bin, action)| {
        if action == 0 { (90 - bin) as f64 } else { f64::from(u8::from(bin > 40)) }
    });
    Case {
        name: "bus/actions",
        known: known.expect("a valid model"),
        features: RewardFeatures::on_pairs(features),
        theta: array![10.07, 2.293, 0.1, 0.1],
        likelihood: Likelihood::actions(Inference::Variational),
        seen: Demonstrations::from_counts(counts).expect("counts"),
    }
}

impl<D: Dynamics<Scalar = f64>> Case<Mdp<f64, D>>
where
    Mdp<f64, D>: RewardModel<Scalar = f64, Fitted = Mdp<f64, D>>,
{
    fn model(&self, theta: &Array1<f64>) -> Mdp<f64, D> {
        self.features.model(&self.known, theta).expect("finite rewards")
    }

    /// The Hessian in one direction against a difference of gradients.
    fn assert_agrees(&self) {
        let gradient = |step: f64| {
            let mdp = self.model(&(&self.theta + step));
            self.likelihood.expand(&mdp, &self.seen, &self.features).expect("possible").gradient().to_owned()
        };
        let expected = (gradient(1e-4) - gradient(-1e-4)) / 2e-4;
        let expansion = self.likelihood.expand(&self.model(&self.theta), &self.seen, &self.features);
        let expansion = expansion.expect("possible");
        let scale = 1.0 + expansion.magnitudes().sum();
        for (row, expected) in expansion.hessian().rows().into_iter().zip(&expected) {
            assert!((row.sum() - expected).abs() < 1e-6 * scale, "{}: {} {expected}", self.name, row.sum());
        }
    }

    fn solve(&self, mdp: &Mdp<f64, D>, is_direct: bool) -> f64 {
        let inference = if is_direct { Inference::Direct } else { Inference::Variational };
        if self.name.starts_with("bus") {
            // Rounding allows a bound of about 2.6e−8.
            let solver = StationarySolver::new(4e-8).inference(inference);
            return solver.solve(mdp).expect("finite values").state_values()[0];
        }
        let solver = SoftValueIteration::new(HORIZON).inference(inference);
        solver.solve(mdp).expect("finite values").state_values()[[0, 0]]
    }

    fn run(&self, criterion: &mut Criterion) {
        self.assert_agrees();
        let mdp = self.model(&self.theta);
        let is_direct = self.name.ends_with("trajectories");
        let solve = || self.solve(&mdp, is_direct);
        let score = || self.likelihood.evaluate(&mdp, &self.seen).expect("possible").value();
        let step = || {
            let expansion = self.likelihood.expand(&mdp, &self.seen, &self.features).expect("possible");
            expansion.hessian()[[0, 0]]
        };
        let tasks: [(&str, &dyn Fn() -> f64); 3] = [("solve", &solve), ("score", &score), ("step", &step)];
        let mut one = Duration::ZERO;
        for (task, run) in tasks {
            let time = least_time(run);
            one = if task == "solve" { time } else { one };
            let solves = time.as_secs_f64() / one.as_secs_f64();
            println!("{:<25}{task:<8}{time:>12.2?}{solves:>8.2} solves", self.name);
        }
        let mut group = criterion.benchmark_group(format!("inverse/{}", self.name));
        group.sample_size(10);
        for (task, run) in tasks {
            group.bench_function(BenchmarkId::from_parameter(task), |b| b.iter(|| black_box(run())));
        }
        group.finish();
    }
}

fn least_time(run: &dyn Fn() -> f64) -> Duration {
    let time = |_| {
        let started = Instant::now();
        black_box(run());
        started.elapsed()
    };
    (0..RUNS).map(time).min().unwrap_or_default()
}

fn inverse(criterion: &mut Criterion) {
    let (transitions, rewards) = dense::tables(1000, 4);
    let dense = Mdp::new(transitions, rewards).expect("a valid model");
    for case in over_stages(["dense/trajectories", "dense/actions"], &dense) {
        case.run(criterion);
    }
    let rewards = Array2::from_elem((90_000, 4), -1.0);
    let grid = Mdp::builder(slippery(300), rewards).build().expect("a valid model");
    for case in over_stages(["grid/trajectories", "grid/actions"], &grid) {
        case.run(criterion);
    }
    bus().run(criterion);
}

criterion_group!(benches, inverse);
criterion_main!(benches);
