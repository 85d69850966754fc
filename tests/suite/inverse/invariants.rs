//! What must hold for every model: expected scores vanish at the true rewards, a free table
//! reproduces the frequencies of choices, moments agree at a maximum, and results do not depend on
//! the order of states, actions, demonstrations and features, nor on the number of threads.

use ndarray::{Array1, Array2, Array3, Axis};
use proptest::prelude::*;
use softmdp::inverse::{Covariance, Demonstrations, Likelihood, RewardFeatures, RewardFit, Score};
use softmdp::{Inference, Mdp, SoftValueIteration, Trajectory, ndarray, posterior, soft_value_iteration, solve_stationary};

use crate::common::enumeration::{self, acting_trajectories, posterior_trajectories};
use crate::common::random::Random;
use crate::common::{MINUS_INFINITY, SMALL, Tables, assert_close, assert_tables_close, cases, tables};

/// Every trajectory with its probability, as demonstrations; none if there is no trajectory.
fn weighted(all: Vec<(enumeration::Trajectory, f64)>) -> Option<Demonstrations> {
    let (all, weights): (Vec<_>, Vec<_>) = all.into_iter().filter(|(_, p)| *p > 0.0).unzip();
    let trajectories = all.into_iter().map(|one| Trajectory::new(one.states, one.actions).unwrap());
    (!weights.is_empty()).then(|| Demonstrations::new(trajectories).with_weights(weights).unwrap())
}
