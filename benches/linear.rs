//! What does it save that direct inference is linear?
//!
//! Group `linear/S1000_A4_T100`: a dense model of 1000 states and 4 actions over 100 stages, as it is, and over the same rows
//! in a wrapper that knows no way to mix actions, so that every stage reads all rows. Both are compared before they are
//! timed. Throughput is in S·A·S' entries of the rows, T times.

use std::ops::Range;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use softmdp::dynamics::LogBlock;
use softmdp::ndarray::{Array2, Array3};
use softmdp::{DenseDynamics, Dynamics, Mdp, SoftValueIteration};

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

/// Random rows and rewards, from a fixed sequence.
fn model() -> (DenseDynamics, Array2<f64>) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = move || {
        // Xorshift: what a benchmark needs of randomness.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut transitions = Array3::from_shape_simple_fn((NUM_STATES, NUM_ACTIONS, NUM_STATES), &mut uniform);
    for mut row in transitions.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    let rewards = Array2::from_shape_simple_fn((NUM_STATES, NUM_ACTIONS), || uniform() - 1.0);
    (DenseDynamics::new(transitions).expect("valid rows"), rewards)
}

fn linear(criterion: &mut Criterion) {
    let (rows, rewards) = model();
    let solver = SoftValueIteration::new(HORIZON);
    let stage_by_stage =
        Mdp::builder(StageByStage(rows.clone()), rewards.clone()).build().expect("a valid model");
    let mdp = Mdp::builder(rows, rewards).build().expect("a valid model");

    let (slow, fast) = (solver.solve(&stage_by_stage), solver.solve(&mdp));
    let (slow, fast) = (slow.expect("finite values"), fast.expect("finite values"));
    for (slow, fast) in slow.action_values().iter().zip(fast.action_values()) {
        assert!((slow - fast).abs() <= 1e-13 * slow.abs().max(1.0), "{slow} and {fast}");
    }
    for (slow, fast) in slow.policy().probabilities().iter().zip(fast.policy().probabilities()) {
        assert!((slow - fast).abs() <= 1e-12 * slow, "{slow} and {fast}");
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
