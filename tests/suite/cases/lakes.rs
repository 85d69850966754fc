//! FrozenLake of Gymnasium with the options `reward_schedule=(1, -1, -0.01)` and
//! `success_rate=0.7`: rewards on the successor.

use approx::assert_abs_diff_eq;
use softmdp::{
    ActionPrior, Cell, Gridworld, Inference, SoftValueIteration, SparseDynamics, SuccessorRewardMdp,
};

use super::check_stationary;
use crate::worlds::lakes::{LARGE, SMALL};

/// The lake at a discount and a temperature. The prior takes all moves alike.
fn lake(map: &[&str], discount: f64, temperature: f64) -> SuccessorRewardMdp<f64, SparseDynamics> {
    let grid = Gridworld::parse(&map.join("\n")).unwrap().slip(0.3);
    let grid = grid.step_reward(0.0).goal_reward(0.0).trap_reward(0.0);
    let mdp = grid.builder().discount(discount).temperature(temperature);
    let reward = |_, _, next_state| {
        let (row, column) = grid.position(next_state).unwrap();
        match grid.cell(row, column) {
            Some(Cell::Goal(_)) => 1.0,
            Some(Cell::Trap(_)) => -1.0,
            _ => -0.01,
        }
    };
    mdp.action_prior(ActionPrior::Uniform).build().unwrap().with_successor_rewards(reward).unwrap()
}

#[test]
fn lakes_with_costs_of_holes_and_steps() {
    for (map, hard, direct, variational) in [
        (&SMALL[..], 0.254_598_491_139_015, 0.464_351_043_037_181_2, -0.570_538_367_881_481_5),
        (&LARGE, 0.293_969_653_897_546_53, -0.024_259_756_355_839_546, -0.983_466_739_260_615_8),
    ] {
        check_stationary(&lake(map, 0.99, 0.0), &[(0, hard)], 1e-14);
        let soft = lake(map, 1.0, 0.1);
        for (inference, expected) in [(Inference::Direct, direct), (Inference::Variational, variational)] {
            let values = SoftValueIteration::new(60).inference(inference).solve_values(&soft).unwrap();
            assert_abs_diff_eq!(values.state_values()[[0, 0]], expected, epsilon = 1e-13);
        }
    }
}
