//! Second derivatives are the same to the bit for any number of threads.

use rayon::ThreadPoolBuilder;
use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures};
use softmdp::ndarray::{Array2, Array3};
use softmdp::{Dynamics, Inference, Mdp, SparseDynamics, Trajectory};

use crate::common::random::Random;

const HORIZON: usize = 3;

fn bits<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) -> Vec<u64> {
    let mut random = Random(7);
    let shape = (mdp.num_states(), mdp.num_actions(), 3);
    let features = RewardFeatures::on_pairs(Array3::from_shape_fn(shape, |_| random.uniform()));
    let walk = |start: usize| {
        let (mut states, actions) = (vec![start], vec![0, 1, 0]);
        for &action in &actions {
            let mut next_states = Vec::new();
            mdp.dynamics().for_each_successor(states[states.len() - 1], action, &mut |next, p| {
                if p > 0.0 {
                    next_states.push(next);
                }
            });
            states.push(next_states[0]);
        }
        Trajectory::new(states, actions).unwrap()
    };
    let seen = Demonstrations::new((0..20).map(|start| walk(start * mdp.num_states() / 20)));
    let mut numbers = Vec::new();
    for likelihood in [Likelihood::trajectories(), Likelihood::actions(Inference::Variational)] {
        let expansion = likelihood.horizon(HORIZON).expand(mdp, &seen, &features).unwrap();
        numbers.extend(expansion.hessian().iter().map(|entry| entry.to_bits()));
        numbers.extend(expansion.scores().iter().map(|entry| entry.to_bits()));
    }
    numbers
}

fn assert_thread_count_is_invisible<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) {
    let with = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(mdp))
    };
    let one = with(1);
    for threads in [2, 3] {
        assert!(one == with(threads), "{threads} threads");
    }
}

#[test]
fn full_rows() {
    let mut random = Random(1);
    let mut table = Array3::from_shape_fn((300, 2, 300), |_| random.uniform());
    for mut row in table.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    let rewards = Array2::from_shape_fn((300, 2), |_| random.uniform());
    assert_thread_count_is_invisible(&Mdp::new(table, rewards).unwrap().with_discount(0.9).unwrap());
}

#[test]
fn many_states() {
    let num_states = 70_000;
    let dynamics = SparseDynamics::from_fn(num_states, 2, |state, action| {
        [((state + 1) % num_states, 0.7), ((7 * state + 11 * action + 3) % num_states, 0.3)]
    });
    let mut random = Random(2);
    let rewards = Array2::from_shape_fn((num_states, 2), |_| random.uniform());
    assert_thread_count_is_invisible(&Mdp::builder(dynamics.unwrap(), rewards).build().unwrap());
}
