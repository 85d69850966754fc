//! Models by formula, whose fits an independent program has computed.

use ndarray::{Array1, Array2, Array3, ArrayView1, array};
use softmdp::inverse::{Demonstrations, RewardFeatures};
use softmdp::{ActionPrior, DenseDynamics, Mdp, MdpBuilder, Trajectory};

pub fn transitions(c: usize, num_states: usize, num_actions: usize) -> Array3<f64> {
    let weight = |(s, a, next)| (1 + (3 * s + 5 * a + 7 * next + c) % 11) as f64;
    let mut table = Array3::from_shape_fn((num_states, num_actions, num_states), weight);
    for mut row in table.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    table
}

pub fn rewards(c: usize, num_states: usize, num_actions: usize) -> Array2<f64> {
    Array2::from_shape_fn((num_states, num_actions), |(s, a)| ((4 * s + 3 * a + c) % 7) as f64 / 4.0 - 0.75)
}

pub fn prior(c: usize, num_states: usize, num_actions: usize) -> ActionPrior<f64> {
    let weight = |(s, a)| 1.0 + ((s + 2 * a + c) % 3) as f64 / 2.0;
    ActionPrior::Weights(Array2::from_shape_fn((num_states, num_actions), weight))
}

pub fn features(c: usize, num_states: usize, num_actions: usize, k: usize) -> Array3<f64> {
    let phi = |(s, a, k)| ((2 * s + 5 * a + 3 * k * (s + 1) + c) % 9) as f64 / 4.0 - 1.0;
    Array3::from_shape_fn((num_states, num_actions, k), phi)
}

pub fn terminal_features(c: usize, num_states: usize, k: usize) -> Array2<f64> {
    Array2::from_shape_fn((num_states, k), |(s, k)| ((s + 2 * k + c) % 5) as f64 / 5.0)
}

/// c = 0, four states and three actions, τ = 0.7, with the prior of the formula.
pub fn builder() -> MdpBuilder<f64, DenseDynamics> {
    Mdp::builder(transitions(0, 4, 3), rewards(0, 4, 3)).action_prior(prior(0, 4, 3)).temperature(0.7)
}

/// Three features of c = 0.
pub fn three_features() -> RewardFeatures {
    RewardFeatures::on_pairs(features(0, 4, 3, 3)).terminal(terminal_features(0, 4, 3))
}

pub fn trajectory(states: &[usize], actions: &[usize]) -> Trajectory {
    Trajectory::new(states.to_vec(), actions.to_vec()).unwrap()
}

/// Four demonstrations with weights, of five stages or until state 3.
pub fn four() -> Demonstrations {
    Demonstrations::new([
        trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0]),
        trajectory(&[1, 2, 3], &[2, 0]),
        trajectory(&[2, 0, 3], &[1, 1]),
        trajectory(&[0, 0, 0, 2, 2, 1], &[2, 2, 0, 1, 2]),
    ])
    .with_weights([1.0, 2.5, 0.5, 1.0])
    .unwrap()
}

/// Choices in four states of three actions.
pub fn counts() -> Array2<f64> {
    array![[3.0, 1.0, 4.0], [1.0, 5.0, 9.0], [2.0, 6.0, 5.0], [3.0, 5.0, 8.0]]
}

/// c = 0 with rewards 0, τ = 1, γ = 0.95 and no prior weights.
pub fn choice_model() -> Mdp {
    Mdp::new(transitions(0, 4, 3), Array2::zeros((4, 3))).unwrap().with_discount(0.95).unwrap()
}

#[track_caller]
pub fn assert_close(found: ArrayView1<'_, f64>, expected: Array1<f64>, tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let is_close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(is_close, "{found} is not {expected} within {tolerance}");
}
