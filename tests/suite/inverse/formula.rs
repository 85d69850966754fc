//! Models and features from short formulas, for which an independent program has computed
//! likelihoods, gradients and second derivatives.

use softmdp::inverse::{Demonstrations, Score};
use softmdp::ndarray::{Array1, Array2, Array3, Axis};
use softmdp::{ActionPrior, DenseDynamics, Mdp, MdpBuilder, Trajectory};

pub(super) const THETA: [f64; 3] = [0.6, -0.4, 0.25];

pub(super) fn transitions(num_states: usize, num_actions: usize, seed: usize) -> Array3<f64> {
    let mut table = Array3::from_shape_fn((num_states, num_actions, num_states), |(s, a, next)| {
        1.0 + ((3 * s + 5 * a + 7 * next + seed) % 11) as f64
    });
    for mut row in table.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    table
}

pub(super) fn rewards(num_states: usize, num_actions: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((num_states, num_actions), |(s, a)| {
        ((4 * s + 3 * a + seed) % 7) as f64 / 4.0 - 0.75
    })
}

pub(super) fn prior(num_states: usize, num_actions: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((num_states, num_actions), |(s, a)| 1.0 + ((s + 2 * a + seed) % 3) as f64 / 2.0)
}

/// φ(s,a), `[s, a, k]`.
pub(super) fn features(
    num_states: usize,
    num_actions: usize,
    num_features: usize,
    seed: usize,
) -> Array3<f64> {
    Array3::from_shape_fn((num_states, num_actions, num_features), |(s, a, k)| {
        ((2 * s + 5 * a + 3 * k * (s + 1) + seed) % 9) as f64 / 4.0 - 1.0
    })
}

/// φ^T(s), `[s, k]`.
pub(super) fn terminal_features(num_states: usize, num_features: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((num_states, num_features), |(s, k)| ((s + 2 * k + seed) % 5) as f64 / 5.0)
}

/// p₀ ∝ 1 + s on states that are not terminal.
pub(super) fn initial(num_states: usize, terminal: &[usize]) -> Array1<f64> {
    let weight = |s| if terminal.contains(&s) { 0.0 } else { 1.0 + s as f64 };
    let weights = Array1::from_shape_fn(num_states, weight);
    &weights / weights.sum()
}

/// Four states, three actions, τ = 0.7: r + Σ θ φ + `shift`, and V_T = Σ θ φ^T.
pub(super) fn four_states(shift: f64, discount: f64, terminal: &[usize]) -> Mdp {
    let theta = Array1::from_vec(THETA.to_vec());
    let rewards = rewards(4, 3, 0) + shift + (&features(4, 3, 3, 0) * &theta).sum_axis(Axis(2));
    builder(rewards)
        .discount(discount)
        .terminal_states(terminal.iter().copied())
        .terminal_values(terminal_features(4, 3, 0).dot(&theta))
        .build()
        .unwrap()
}

/// The same without features and terminal values.
pub(super) fn builder(rewards: Array2<f64>) -> MdpBuilder<f64, DenseDynamics> {
    Mdp::builder(transitions(4, 3, 0), rewards)
        .action_prior(ActionPrior::Weights(prior(4, 3, 0)))
        .temperature(0.7)
}

pub(super) fn trajectory(states: &[usize], actions: &[usize]) -> Trajectory {
    Trajectory::new(states.to_vec(), actions.to_vec()).unwrap()
}

/// Demonstrations over five stages, where state 3 is terminal.
pub(super) fn four_demonstrations() -> Demonstrations {
    Demonstrations::new([
        trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0]),
        trajectory(&[1, 2, 3], &[2, 0]),
        trajectory(&[2, 0, 3], &[1, 1]),
        trajectory(&[0, 0, 0, 2, 2, 1], &[2, 2, 0, 1, 2]),
    ])
    .with_weights([1.0, 2.5, 0.5, 1.0])
    .unwrap()
}

/// The four, and one that left for † after its second action.
pub(super) fn five_demonstrations() -> Demonstrations {
    let four = four_demonstrations();
    let (trajectories, mut weights): (Vec<_>, Vec<_>) =
        four.trajectories().map(|(trajectory, weight)| (trajectory.clone(), weight)).unzip();
    weights.push(1.5);
    let last = trajectory(&[0, 1], &[1, 2]);
    Demonstrations::new(trajectories.into_iter().chain([last])).with_weights(weights).unwrap()
}

/// The gradient in θ of [`four_states`].
pub(super) fn gradient(score: &Score) -> Vec<f64> {
    let pairs = &features(4, 3, 3, 0) * &score.reward_gradient().insert_axis(Axis(2));
    let ends = terminal_features(4, 3, 0).t().dot(&score.terminal_gradient());
    (pairs.sum_axis(Axis(0)).sum_axis(Axis(0)) + ends).to_vec()
}

pub(super) fn assert_all_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found_entry, expected_entry) in found.iter().zip(expected) {
        assert!((found_entry - expected_entry).abs() <= tolerance, "{found:?}, expected {expected:?}");
    }
}
