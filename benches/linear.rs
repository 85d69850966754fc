//! What does it save that direct inference is linear?
//!
//! Group `linear/S1000_A4_T100`: a dense model of 1000 states and 4 actions over 100 stages, as it
//! is, and over the same rows in a wrapper that knows no way to mix actions, so that every stage
//! reads all rows. Both are compared before they are timed. Throughput is in S·A·S' entries of the
//! rows, T times.

use std::ops::Range;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use softmdp::dynamics::LogBlock;
use softmdp::{DenseDynamics, Dynamics, Mdp, SoftValueIteration};

#[path = "support/dense.rs"]
mod dense;

const NUM_STATES: usize = 1000;
const NUM_ACTIONS: usize = 4;
const HORIZON: usize = 100;

/// Dense rows whose actions cannot be mixed.
#[derive(Debug)]
struct StageByStage(DenseDynamics);

impl Dynamics for StageByStage {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.0.for_each_successor(state, action, visit);
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[f64], y: &mut [f64]) {
        self.0.expectation(states, k, v, y);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock, y: &mut [f64]) {
        self.0.log_expectation(states, v, y);
    }

    fn work(&self, states: Range<usize>) -> usize {
        self.0.work(states)
    }
}

fn linear(criterion: &mut Criterion) {
    let (transitions, rewards) = dense::tables(NUM_STATES, NUM_ACTIONS);
    let rows = DenseDynamics::new(transitions).expect("valid rows");
    let solver = SoftValueIteration::new(HORIZON);
    let stage_by_stage =
        Mdp::builder(StageByStage(rows.clone()), rewards.clone()).build().expect("a valid model");
    let mdp = Mdp::builder(rows, rewards).build().expect("a valid model");

    let (slow, fast) = (solver.solve(&stage_by_stage), solver.solve(&mdp));
    let (slow, fast) = (slow.expect("finite values"), fast.expect("finite values"));
    for (slow, fast) in slow.action_values().iter().zip(fast.action_values()) {
        assert_relative_eq!(slow, fast, epsilon = 1e-13, max_relative = 1e-13);
    }
    for (slow, fast) in slow.policy().probabilities().iter().zip(fast.policy().probabilities()) {
        assert_abs_diff_eq!(slow, fast, epsilon = 1e-12 * slow);
    }

    let mut group = criterion.benchmark_group(format!("linear/S{NUM_STATES}_A{NUM_ACTIONS}_T{HORIZON}"));
    let elements = HORIZON * NUM_STATES * NUM_ACTIONS * NUM_STATES;
    group.throughput(Throughput::Elements(elements as u64)).sample_size(20);
    group.bench_function(BenchmarkId::from_parameter("solve, stage by stage"), |b| {
        b.iter(|| solver.solve(&stage_by_stage).expect("finite values"));
    });
    group.bench_function(BenchmarkId::from_parameter("solve"), |b| {
        b.iter(|| solver.solve(&mdp).expect("finite values"));
    });
    group.bench_function(BenchmarkId::from_parameter("solve_values, stage by stage"), |b| {
        b.iter(|| solver.solve_values(&stage_by_stage).expect("finite values"));
    });
    group.bench_function(BenchmarkId::from_parameter("solve_values"), |b| {
        b.iter(|| solver.solve_values(&mdp).expect("finite values"));
    });
    group.finish();
}

criterion_group!(benches, linear);
criterion_main!(benches);
