//! Models and features from short formulas, for which an independent program has computed
//! likelihoods, gradients and second derivatives.

use softmdp::inverse::{Demonstrations, RewardFeatures, Score};
use softmdp::ndarray::{Array1, Array2, Array3, ArrayView1, Axis, array};
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

/// c = 0 with its rewards.
pub(super) fn known_builder() -> MdpBuilder<f64, DenseDynamics> {
    builder(rewards(4, 3, 0))
}

/// Three features of c = 0, on pairs and terminal states.
pub(super) fn three_features() -> RewardFeatures {
    RewardFeatures::on_pairs(features(4, 3, 3, 0)).terminal(terminal_features(4, 3, 0))
}

/// F_k(s,a,s') of features on successors, k by number.
pub(super) fn successor_feature(s: usize, a: usize, next: usize, k: usize) -> f64 {
    ((s + 2 * a + 3 * next + 5 * k) % 7) as f64 / 3.0 - 1.0
}

/// A gamble of state 0 leads to a good or a bad state, safety pays 2. Only in state 2 does the
/// feature matter, where the agent never was.
pub(super) fn gamble() -> (Mdp, RewardFeatures, Demonstrations) {
    let mut transitions = Array3::zeros((4, 2, 4));
    for (state, action) in (1..4).flat_map(|state| [(state, 0), (state, 1)]) {
        transitions[[state, action, state]] = 1.0;
    }
    for (action, next, p) in [(0, 1, 0.5), (0, 2, 0.5), (1, 3, 1.0)] {
        transitions[[0, action, next]] = p;
    }
    let mut rewards = Array2::zeros((4, 2));
    rewards[[0, 1]] = 2.0;
    let mut features = Array3::zeros((4, 2, 1));
    (features[[2, 0, 0]], features[[2, 1, 0]]) = (1.0, -1.0);
    let seen = Demonstrations::new([trajectory(&[0, 1, 1], &[0, 0])]);
    (Mdp::new(transitions, rewards).unwrap(), RewardFeatures::on_pairs(features), seen)
}

/// Choices in four states of three actions.
pub(super) fn counts() -> Array2<f64> {
    array![[3.0, 1.0, 4.0], [1.0, 5.0, 9.0], [2.0, 6.0, 5.0], [3.0, 5.0, 8.0]]
}

/// c = 0 with rewards 0, τ = 1, γ = 0.95 and no prior weights.
pub(super) fn choice_model() -> Mdp {
    Mdp::new(transitions(4, 3, 0), Array2::zeros((4, 3))).unwrap().with_discount(0.95).unwrap()
}

#[track_caller]
pub(super) fn assert_close(found: ArrayView1<'_, f64>, expected: Array1<f64>, tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let is_close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(is_close, "{found} is not {expected} within {tolerance}");
}
