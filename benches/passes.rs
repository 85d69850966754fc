//! How fast are the passes over dense models, beside a plain loop and beside reading the same table
//! once a stage?
//!
//! Groups are `pass/number type/S…`, with S inside the caches of a core (64), in a shared cache
//! (512) and beyond it (2000). Throughput is in transition elements: T · S · A · S. `stream` is the
//! limit: a sum over the whole transition table a stage, with all threads, in as many running sums
//! as the processor wants. `plain` is what one would write first: one loop, one sum, one thread.
//!
//! Before anything is timed, the passes are compared with the plain loop.

use std::hint::black_box;

use approx::abs_diff_eq;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use softmdp::ndarray::{Array1, ArrayView3, Axis};
use softmdp::{Inference, Mdp, Real, SoftValueIteration, Solution, forward_messages};

#[path = "support/dense.rs"]
mod dense;

const NUM_ACTIONS: usize = 4;
const HORIZON: usize = 5;

/// One stage as one would write it first; returns V_t.
fn plain_backup<F: Real>(mdp: &Mdp<F>, inference: Inference, next: &[F]) -> Vec<F> {
    let (transitions, rewards) = (mdp.dynamics().transitions(), mdp.rewards());
    let max = next.iter().fold(F::neg_infinity(), |max, &v| max.max(v));
    let read: Vec<F> = match inference {
        Inference::Direct => next.iter().map(|&v| (v - max).exp()).collect(),
        Inference::Variational => next.to_vec(),
    };
    (0..mdp.num_states())
        .map(|s| {
            let action_values = (0..NUM_ACTIONS).map(|a| {
                let row = transitions.index_axis_move(Axis(0), s).index_axis_move(Axis(0), a);
                let y = row.iter().zip(&read).fold(F::zero(), |sum, (&p, &v)| sum + p * v);
                rewards[[s, a]] + if inference == Inference::Direct { max + y.ln() } else { y }
            });
            let action_values: Vec<F> = action_values.collect();
            let max = action_values.iter().fold(F::neg_infinity(), |max, &q| max.max(q));
            max + action_values.iter().fold(F::zero(), |sum, &q| sum + (q - max).exp()).ln()
        })
        .collect()
}

/// Reads a table as fast as it can be read: parts for all threads, 16 running sums each.
fn stream<F: Real>(table: ArrayView3<'_, F>) -> F {
    let entries = table.to_slice().expect("a contiguous table");
    let sums = entries.par_chunks(1 << 14).map(|part| {
        let mut lanes = [F::zero(); 16];
        for chunk in part.as_chunks::<16>().0 {
            for i in 0..16 {
                lanes[i] += chunk[i];
            }
        }
        lanes.iter().fold(F::zero(), |sum, &lane| sum + lane)
    });
    sums.reduce(F::zero, |a, b| a + b)
}

fn assert_agrees<F: Real>(mdp: &Mdp<F>, inference: Inference, solution: &Solution<F>) {
    let mut values = vec![F::zero(); mdp.num_states()];
    for t in (0..HORIZON).rev() {
        values = plain_backup(mdp, inference, &values);
        for (&found, &expected) in solution.state_values().row(t).iter().zip(&values) {
            let (found, expected) = (found.into_f64(), expected.into_f64());
            let close = abs_diff_eq!(found, expected, epsilon = 1e3 * F::epsilon().into_f64());
            assert!(close, "{inference} stage {t}: {found} is not {expected}");
        }
    }
}

fn passes<F: Real>(criterion: &mut Criterion, number: &str) {
    for num_states in [64, 512, 2000] {
        let (transitions, rewards) = dense::tables(num_states, NUM_ACTIONS);
        let mdp = Mdp::new(transitions.mapv(F::from_f64), rewards.mapv(F::from_f64)).expect("a valid model");
        let initial = Array1::from_elem(num_states, F::one() / F::from_f64(num_states as f64));
        let mut group = criterion.benchmark_group(format!("dense/{number}/S{num_states}_A4_T{HORIZON}"));
        let elements = HORIZON * num_states * NUM_ACTIONS * num_states;
        group.throughput(Throughput::Elements(elements as u64)).sample_size(20);

        let table = mdp.dynamics().transitions();
        group.bench_function(BenchmarkId::from_parameter("stream"), |b| {
            b.iter(|| (0..HORIZON).fold(F::zero(), |sum, _| sum + stream(black_box(table))));
        });
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = SoftValueIteration::new(HORIZON).inference(inference);
            let mut solution = solver.solve(&mdp).expect("finite values");
            assert_agrees(&mdp, inference, &solution);
            group.bench_function(BenchmarkId::from_parameter(format!("plain backward {inference}")), |b| {
                b.iter(|| {
                    let end = vec![F::zero(); num_states];
                    (0..HORIZON).fold(end, |values, _| plain_backup(&mdp, inference, &values))
                });
            });
            group.bench_function(BenchmarkId::from_parameter(format!("backward {inference}")), |b| {
                b.iter(|| solver.solve_into(&mdp, &mut solution).expect("finite values"));
            });
        }
        let solution = SoftValueIteration::new(HORIZON).solve(&mdp).expect("finite values");
        group.bench_function(BenchmarkId::from_parameter("forward"), |b| {
            b.iter(|| forward_messages(&mdp, &initial, HORIZON).expect("possible evidence"));
        });
        group.bench_function(BenchmarkId::from_parameter("posterior"), |b| {
            b.iter(|| solution.posterior(&mdp, &initial).expect("possible evidence"));
        });
        group.finish();
    }
}

fn all(criterion: &mut Criterion) {
    passes::<f64>(criterion, "f64");
    passes::<f32>(criterion, "f32");
}

criterion_group!(benches, all);
criterion_main!(benches);
