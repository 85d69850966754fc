//! What several tests of fits share.

use ndarray::{Array1, Array2, ArrayView1, array};
use softmdp::inverse::RewardFeatures;
use softmdp::{DenseDynamics, Mdp, MdpBuilder, ndarray};

pub(super) use crate::inverse::formula::{features, four_demonstrations as four, trajectory, transitions};
use crate::inverse::formula::{rewards, terminal_features};

/// c = 0, four states and three actions, τ = 0.7, with the prior of the formula.
pub(super) fn builder() -> MdpBuilder<f64, DenseDynamics> {
    crate::inverse::formula::builder(rewards(4, 3, 0))
}

/// Three features of c = 0.
pub(super) fn three_features() -> RewardFeatures {
    RewardFeatures::on_pairs(features(4, 3, 3, 0)).terminal(terminal_features(4, 3, 0))
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
