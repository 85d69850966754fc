//! How fast are models so small that everything around the arithmetic shows?
//!
//! The group is `small/S5_A3_T20`: a dense model with rewards in [−1, 0], a counting prior, τ = 1
//! and γ = 1, solved for values, action values and policies of every stage. `solve` makes a new
//! solution, `solve_into` writes over one. `plain` is what one would write first: nested loops with
//! one exponential or logarithm at a time.
//!
//! Before anything is timed, values and policies are compared with the plain loop.

use approx::abs_diff_eq;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use softmdp::ndarray::{Array2, Array3, s};
use softmdp::{Inference, Mdp, SoftValueIteration};

#[path = "support/dense.rs"]
mod dense;

const NUM_STATES: usize = 5;
const NUM_ACTIONS: usize = 3;
const HORIZON: usize = 20;

/// Values `[t, s]` and policies `[t, s, a]` of all stages, as one would write them first.
fn plain(mdp: &Mdp, inference: Inference) -> (Array2<f64>, Array3<f64>) {
    let (transitions, rewards) = (mdp.dynamics().transitions(), mdp.rewards());
    let mut values = Array2::zeros((HORIZON + 1, NUM_STATES));
    let mut policies = Array3::zeros((HORIZON, NUM_STATES, NUM_ACTIONS));
    let log_sum_exp = |terms: &[(f64, f64)]| {
        let max = terms.iter().fold(f64::NEG_INFINITY, |max, &(_, v)| max.max(v));
        max + terms.iter().map(|&(p, v)| p * (v - max).exp()).sum::<f64>().ln()
    };
    for t in (0..HORIZON).rev() {
        for state in 0..NUM_STATES {
            let action_values: Vec<f64> = (0..NUM_ACTIONS)
                .map(|action| {
                    let row = transitions.slice(s![state, action, ..]);
                    let next = values.row(t + 1);
                    let pairs: Vec<(f64, f64)> = row.iter().copied().zip(next.iter().copied()).collect();
                    let expectation = match inference {
                        Inference::Direct => log_sum_exp(&pairs),
                        Inference::Variational => pairs.iter().map(|(p, v)| p * v).sum(),
                    };
                    rewards[[state, action]] + expectation
                })
                .collect();
            let value = log_sum_exp(&action_values.iter().map(|&q| (1.0, q)).collect::<Vec<_>>());
            values[[t, state]] = value;
            for (action, &q) in action_values.iter().enumerate() {
                policies[[t, state, action]] = (q - value).exp();
            }
        }
    }
    (values, policies)
}

fn small(criterion: &mut Criterion) {
    let (transitions, rewards) = dense::tables(NUM_STATES, NUM_ACTIONS);
    let mdp = Mdp::new(transitions, rewards).expect("a valid model");
    let mut group = criterion.benchmark_group(format!("small/S{NUM_STATES}_A{NUM_ACTIONS}_T{HORIZON}"));
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(HORIZON).inference(inference);
        let mut solution = solver.solve(&mdp).expect("finite values");
        let (values, policies) = plain(&mdp, inference);
        let probabilities = solution.policy().probabilities();
        for (&found, &expected) in solution.state_values().iter().zip(&values) {
            assert!(abs_diff_eq!(found, expected, epsilon = 1e-13), "{inference}: {found} is not {expected}");
        }
        for (&found, &expected) in probabilities.iter().zip(&policies) {
            assert!(abs_diff_eq!(found, expected, epsilon = 1e-13), "{inference}: {found} is not {expected}");
        }
        group.bench_function(BenchmarkId::new("plain", inference), |b| b.iter(|| plain(&mdp, inference)));
        group.bench_function(BenchmarkId::new("solve", inference), |b| {
            b.iter(|| solver.solve(&mdp).expect("finite values"));
        });
        group.bench_function(BenchmarkId::new("solve_into", inference), |b| {
            b.iter(|| solver.solve_into(&mdp, &mut solution).expect("finite values"));
        });
    }
    group.finish();
}

criterion_group!(benches, small);
criterion_main!(benches);
