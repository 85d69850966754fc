//! How fast are the backward passes over sparse models, beside a plain product with the same
//! matrix?
//!
//! Groups are `sparse/…` on slippery grids of 300 × 300 (in a shared cache) and 1000 × 1000 cells
//! (beyond it), and on random models with 10⁵ states, 8 actions and 8 successors. Throughput is in
//! stored transitions: T · transitions. `product` is the limit: a compressed-row matrix–vector
//! product with all threads, once a stage, as one would write it with nothing else to do. `forward`
//! and `deterministic` are there for comparison.
//!
//! Before anything is timed, the passes are compared with plain loops.

use std::hint::black_box;

use approx::assert_relative_eq;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use softmdp::ndarray::{Array1, Array2};
use softmdp::{
    ActionPrior, Dynamics, Gridworld, Inference, Mdp, SoftValueIteration, SparseDynamics, forward_messages,
};

#[path = "support/sequence.rs"]
mod sequence;

use sequence::Sequence;

const HORIZON: usize = 20;

/// The same matrix as plain arrays.
struct Matrix {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl Matrix {
    fn new(dynamics: &dyn Dynamics<Scalar = f64>) -> Self {
        let mut matrix = Self { offsets: vec![0], columns: vec![], values: vec![] };
        for row in 0..dynamics.num_states() * dynamics.num_actions() {
            let (state, action) = (row / dynamics.num_actions(), row % dynamics.num_actions());
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                matrix.columns.push(u32::try_from(next_state).expect("few states"));
                matrix.values.push(p);
            });
            matrix.offsets.push(matrix.columns.len());
        }
        matrix
    }

    fn row(&self, row: usize, v: &[f64]) -> f64 {
        let entries = self.offsets[row]..self.offsets[row + 1];
        let columns = &self.columns[entries.clone()];
        columns.iter().zip(&self.values[entries]).fold(0.0, |sum, (&c, &p)| sum + p * v[c as usize])
    }

    /// y = P v.
    fn product(&self, v: &[f64], y: &mut [f64]) {
        const ROWS: usize = 1 << 12;
        y.par_chunks_mut(ROWS).enumerate().for_each(|(chunk, y)| {
            for (row, y) in y.iter_mut().enumerate() {
                *y = self.row(chunk * ROWS + row, v);
            }
        });
    }
}

/// V_0, by loops with nothing taken out and nothing guarded.
fn plain_values(mdp: &Mdp<f64, SparseDynamics>, matrix: &Matrix, inference: Inference) -> Vec<f64> {
    let (mut values, prior) = (mdp.terminal_values().to_vec(), mdp.prior_weights());
    for _ in 0..HORIZON {
        let read: Vec<f64> = match inference {
            Inference::Direct => values.iter().map(|v| v.exp()).collect(),
            Inference::Variational => values.clone(),
        };
        values = (0..mdp.num_states())
            .map(|state| {
                if mdp.is_terminal(state) {
                    return mdp.terminal_values()[state];
                }
                let terms = (0..mdp.num_actions()).map(|action| {
                    let y = matrix.row(state * mdp.num_actions() + action, &read);
                    let y = if inference == Inference::Direct { y.ln() } else { y };
                    prior[[state, action]] * (mdp.rewards()[[state, action]] + y).exp()
                });
                terms.sum::<f64>().ln()
            })
            .collect();
    }
    values
}

fn passes(criterion: &mut Criterion, name: &str, mdp: &Mdp<f64, SparseDynamics>) {
    let mut group = criterion.benchmark_group(format!("sparse/{name}/T{HORIZON}"));
    let transitions = (HORIZON * mdp.dynamics().num_transitions()) as u64;
    group.throughput(Throughput::Elements(transitions)).sample_size(20);
    let matrix = Matrix::new(mdp.dynamics());
    let v = vec![1.0; mdp.num_states()];
    let mut y = vec![0.0; mdp.num_states() * mdp.num_actions()];
    group.bench_function(BenchmarkId::from_parameter("product"), |b| {
        b.iter(|| (0..HORIZON).for_each(|_| matrix.product(black_box(&v), black_box(&mut y))));
    });
    for inference in [Inference::Variational, Inference::Direct] {
        let solver = SoftValueIteration::new(HORIZON).inference(inference);
        let found = solver.solve_values(mdp).expect("finite values");
        for (&found, expected) in
            found.state_values().row(0).iter().zip(plain_values(mdp, &matrix, inference))
        {
            assert_relative_eq!(found, expected, epsilon = 1e-12, max_relative = 1e-12);
        }
        group.bench_function(BenchmarkId::from_parameter(format!("solve_values {inference}")), |b| {
            b.iter(|| solver.solve_values(mdp).expect("finite values"));
        });
    }
    let initial = Array1::from_elem(mdp.num_states(), 1.0 / mdp.num_states() as f64);
    group.bench_function(BenchmarkId::from_parameter("forward"), |b| {
        b.iter(|| forward_messages(mdp, &initial, HORIZON).expect("possible evidence"));
    });
    group.finish();
}

/// A grid with a goal in one corner where moves go astray.
fn grid(size: usize) -> Gridworld {
    let mut map = format!("{}\n", ".".repeat(size)).repeat(size);
    map.replace_range(0..1, "G");
    Gridworld::parse(&map).expect("a map").slip(0.2)
}

/// Rows of 8 successors from a fixed sequence.
fn random(num_states: usize, num_actions: usize) -> Mdp<f64, SparseDynamics> {
    let mut sequence = Sequence::new();
    let rewards =
        Array2::from_shape_simple_fn((num_states, num_actions), || sequence.draw() as f64 / 9e15 - 1.0);
    let dynamics = SparseDynamics::from_fn(num_states, num_actions, |_, _| {
        let weights: [f64; 8] = std::array::from_fn(|_| sequence.draw() as f64);
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| (sequence.draw() as usize % num_states, weight / sum))
    });
    Mdp::builder(dynamics.expect("valid rows"), rewards).build().expect("a valid model")
}

fn all(criterion: &mut Criterion) {
    for size in [300, 1000] {
        let mdp = grid(size).builder().action_prior(ActionPrior::Uniform).build().expect("a valid model");
        passes(criterion, &format!("grid{size}x{size}"), &mdp);
    }
    passes(criterion, "random_S100000_A8", &random(100_000, 8));
}

criterion_group!(benches, all);
criterion_main!(benches);
