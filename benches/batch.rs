//! What do k models cost that share a pass over their dynamics?
//!
//! Groups `batch/{inference}/S2000_A4_T10`: a dense model beyond cache (128 MB), by itself and with
//! k − 1 others that differ in their rewards. A batch is compared with its models one by one before
//! it is timed. Throughput is in models.

use approx::assert_relative_eq;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use softmdp::{Inference, Mdp, SoftValueIteration};

#[path = "support/dense.rs"]
mod dense;

const NUM_STATES: usize = 2000;
const NUM_ACTIONS: usize = 4;
const HORIZON: usize = 10;

fn batches(criterion: &mut Criterion) {
    let (transitions, rewards) = dense::tables(NUM_STATES, NUM_ACTIONS);
    let mdp = Mdp::new(transitions, rewards).expect("a valid model");
    let scaled = |index: usize| mdp.with_rewards(mdp.rewards().mapv(|r| r * (1.0 + 0.1 * index as f64)));
    let models: Vec<Mdp> = (0..8).map(|index| scaled(index).expect("finite rewards")).collect();
    for inference in [Inference::Variational, Inference::Direct] {
        let solver = SoftValueIteration::new(HORIZON).inference(inference);
        for (together, model) in solver.solve_batch(&models).expect("finite values").iter().zip(&models) {
            let alone = solver.solve(model).expect("finite values");
            for (together, alone) in together.action_values().iter().zip(alone.action_values()) {
                assert_relative_eq!(together, alone, epsilon = 1e-13, max_relative = 1e-13);
            }
        }
        let mut group =
            criterion.benchmark_group(format!("batch/{inference}/S{NUM_STATES}_A{NUM_ACTIONS}_T{HORIZON}"));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter("one"), |b| {
            b.iter(|| solver.solve(&mdp).expect("finite values"));
        });
        for k in [2, 4, 8] {
            group.throughput(Throughput::Elements(k as u64));
            group.bench_function(BenchmarkId::from_parameter(k), |b| {
                b.iter(|| solver.solve_batch(&models[..k]).expect("finite values"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, batches);
criterion_main!(benches);
