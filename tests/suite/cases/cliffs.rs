//! CliffWalking of Gymnasium: a fall leads back to the start, and does not end the episode.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::Array1;
use softmdp::{Inference, SoftValueIteration, posterior};

use super::check_stationary;
use crate::worlds::World;
use crate::worlds::lakes::{cliff_walking, slippery_cliff_walking};

const START: usize = 36;

#[test]
fn the_start_is_thirteen_steps_from_the_goal() {
    let world = cliff_walking(1.0);
    // The cells of the cliff are no ends: state 37 has moves of its own, up and then along.
    check_stationary(&world.mdp, &[(START, -13.0), (37, -12.0), (47, 0.0)], 0.0);
    let soft = cliff_walking(0.9).uniform().soft(1.0);
    check_stationary(&soft.mdp, &[(START, -11.135_483_244_383_531)], 1e-12);
}

#[test]
fn thirteen_stages_leave_one_way() {
    let world = cliff_walking(1.0).uniform().soft(1.0);
    for inference in [Inference::Direct, Inference::Variational] {
        let values = SoftValueIteration::new(13).inference(inference).solve_values(&world.mdp).unwrap();
        assert_abs_diff_eq!(values.state_values()[[0, START]], -14.466_145_046_032_565, epsilon = 1e-12);
    }
    let start = Array1::from_shape_fn(48, |state| f64::from(u8::from(state == START)));
    let log_evidence = posterior(&world.mdp, &start, 13).unwrap().log_evidence();
    assert_abs_diff_eq!(log_evidence, -14.466_145_046_032_565, epsilon = 1e-12);
}

/// On ice a move goes to either side with probability 1/3 each. Two of these can lead to the start:
/// a step against the edge for −1 and a fall for −100. Variational inference needs their mean.
#[test]
fn on_ice_the_agent_keeps_away_from_the_cliff() {
    let world = slippery_cliff_walking(1.0);
    check_stationary(&world.mdp, &[(START, -64.709_175_909_941_1)], 1e-9);
    let soft = |discount| -> World { slippery_cliff_walking(discount).uniform().soft(1.0) };
    check_stationary(&soft(0.9).mdp, &[(START, -16.308_811_948_319_29)], 1e-10);
    let solver = SoftValueIteration::new(13).inference(Inference::Variational);
    let values = solver.solve_values(&soft(1.0).mdp).unwrap();
    assert_abs_diff_eq!(values.state_values()[[0, START]], -21.195_873_906_902_62, epsilon = 1e-12);
}
