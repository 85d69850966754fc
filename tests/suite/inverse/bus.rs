//! Rust (1987): when to replace the engine of a bus. Group 4, 90 bins of mileage.

use softmdp::inverse::{Demonstrations, RewardFeatures, Score};
use softmdp::ndarray::{Array2, Array3};
use softmdp::{Mdp, SparseDynamics};

const KEEP: [u32; 78] = [
    101, 105, 115, 123, 121, 121, 103, 97, 98, 99, 96, 98, 93, 102, 84, 92, 92, 91, 83, 79, 68, 74, 73, 72,
    64, 68, 62, 64, 55, 54, 57, 49, 49, 54, 54, 50, 52, 51, 50, 51, 57, 59, 47, 52, 48, 46, 45, 49, 47, 47,
    44, 49, 40, 44, 35, 35, 36, 29, 34, 26, 26, 26, 23, 23, 22, 21, 13, 15, 17, 16, 7, 5, 3, 2, 2, 2, 2, 1,
];

const REPLACE: [(usize, u32); 27] = [
    (24, 1),
    (25, 1),
    (30, 1),
    (33, 1),
    (34, 1),
    (35, 1),
    (41, 1),
    (42, 2),
    (44, 1),
    (47, 1),
    (49, 1),
    (50, 1),
    (51, 2),
    (52, 2),
    (53, 1),
    (54, 3),
    (56, 1),
    (57, 2),
    (58, 1),
    (59, 1),
    (60, 1),
    (64, 1),
    (65, 1),
    (66, 1),
    (70, 1),
    (72, 1),
    (77, 1),
];

/// Action 0 keeps the engine at a cost of 0.001 θ x, action 1 replaces it at a cost of RC.
pub(super) fn group_four(
    replacement: f64,
    theta: f64,
    discount: f64,
) -> (Mdp<f64, SparseDynamics>, Demonstrations) {
    let increments = [1682.0, 2555.0, 55.0].map(|count| count / 4292.0);
    let dynamics = SparseDynamics::from_fn(90, 2, |bin, action| {
        let from = if action == 0 { bin } else { 0 };
        increments.into_iter().enumerate().map(move |(step, p)| ((from + step).min(89), p))
    });
    let rewards = Array2::from_shape_fn((90, 2), |(bin, action)| match action {
        0 => -0.001 * theta * bin as f64,
        _ => -replacement,
    });
    let mdp = Mdp::builder(dynamics.unwrap(), rewards).discount(discount).build().unwrap();
    (mdp, Demonstrations::from_counts(counts()).unwrap())
}

/// The gradient in RC and θ.
pub(super) fn gradient(score: &Score) -> [f64; 2] {
    let pairs = score.reward_gradient();
    let kept = pairs.column(0).into_iter().enumerate().map(|(bin, entry)| -0.001 * bin as f64 * entry);
    [-pairs.column(1).sum(), kept.sum()]
}

/// How often engines were kept and replaced, by bin.
pub(super) fn counts() -> Array2<f64> {
    let mut counts = Array2::zeros((90, 2));
    KEEP.iter().enumerate().for_each(|(bin, &count)| counts[[bin, 0]] = f64::from(count));
    REPLACE.iter().for_each(|&(bin, count)| counts[[bin, 1]] = f64::from(count));
    counts
}

/// −1 for a replacement, and −0.001 x for an engine that is kept at mileage x.
pub(super) fn features() -> RewardFeatures {
    let phi = |(bin, action, k)| match (action, k) {
        (1, 0) => -1.0,
        (0, 1) => -0.001 * bin as f64,
        _ => 0.0,
    };
    RewardFeatures::on_pairs(Array3::from_shape_fn((90, 2, 2), phi)).names(["replacement", "mileage"])
}
