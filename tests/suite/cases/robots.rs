//! The recycling robot of Sutton and Barto, *Reinforcement Learning*, example 3.3: rewards on the
//! successor, an action that is not available, and the return up to each step.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::{Array1, array};
use softmdp::{
    Inference, Mdp, SoftValueIteration, StationaryPolicy, StationarySolver, Status, SuccessorRewardMdp,
};

const SEARCH: usize = 0;
const RECHARGE: usize = 2;

/// Battery high (0) or low (1); search, wait, recharge, the last only when low.
fn robot(temperature: f64, discount: f64) -> SuccessorRewardMdp {
    let (alpha, beta) = (0.8, 0.4);
    let transitions =
        array![[[alpha, 1.0 - alpha], [1.0, 0.0], [1.0, 0.0]], [[1.0 - beta, beta], [0.0, 1.0], [1.0, 0.0]],];
    let rewards = array![[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
    let mdp = Mdp::builder(transitions, rewards)
        .available_actions(array![[true, true, false], [true, true, true]])
        .temperature(temperature)
        .discount(discount)
        .build()
        .unwrap();
    // A search pays 5, unless the battery runs out and somebody has to come, which costs 3.
    let paid = |state, action, next_state| match (state, action, next_state) {
        (1, SEARCH, 0) => -3.0,
        (_, SEARCH, _) => 5.0,
        _ => 0.0,
    };
    mdp.with_successor_rewards(paid).unwrap()
}

fn close(found: f64, expected: f64) {
    assert_abs_diff_eq!(found, expected, epsilon = 1e-9);
}

#[test]
fn a_classical_robot_searches_and_recharges() {
    let mdp = robot(0.0, 0.9);
    super::check_stationary(&mdp, &[(0, 2500.0 / 59.0), (1, 2250.0 / 59.0)], 1e-12);
    let solution = StationarySolver::new(1e-9).solve(&mdp).unwrap();
    assert_eq!(solution.policy().greedy(), array![SEARCH, RECHARGE]);
}

#[test]
fn a_soft_robot_waits_now_and_then() {
    let mdp = robot(1.0, 0.9);
    super::check_stationary(&mdp, &[(0, 43.158_177_461_737_37), (1, 39.151_721_892_524_83)], 1e-12);
    let solution = StationarySolver::new(1e-9).solve(&mdp).unwrap();
    let low = solution.probabilities().row(1).to_owned();
    let expected = [0.211_890_386_702_883_01, 0.054_194_698_484_893_602, 0.733_914_914_812_223_4];
    low.iter().zip(expected).for_each(|(&found, expected)| close(found, expected));
    assert_eq!(solution.probabilities()[[0, RECHARGE]], 0.0);
    // Rewards are positive and never end: success at every stage has no finite value.
    let direct = StationarySolver::new(1e-9).inference(Inference::Direct).solve(&mdp).unwrap();
    assert_eq!(direct.convergence().status, Status::Diverging);
}

#[test]
fn ten_stages_by_either_inference() {
    for (discount, inference, expected) in [
        (1.0, Inference::Variational, [43.311_317_215_532_84, 39.329_536_603_392_08]),
        (1.0, Inference::Direct, [48.430_656_016_722_97, 44.408_445_476_077_33]),
        (0.9, Inference::Direct, [47.483_330_058_549_114, 43.461_156_055_920_087]),
    ] {
        let solver = SoftValueIteration::new(10).inference(inference);
        let solution = solver.solve(&robot(1.0, discount)).unwrap();
        for (state, value) in expected.into_iter().enumerate() {
            assert_abs_diff_eq!(solution.state_values()[[0, state]], value, epsilon = 1e-12);
        }
    }
}

#[test]
fn the_return_up_to_each_step_of_a_robot_that_only_searches() {
    let search = StationaryPolicy::new(array![[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]).unwrap();
    let (mdp, high): (_, Array1<f64>) = (robot(0.0, 1.0), array![1.0, 0.0]);
    for (steps, expected) in (1..).zip([5.0, 9.04, 12.888, 16.6976]) {
        let found = search.repeated(steps).unwrap().expected_return(&mdp, &high).unwrap();
        assert_abs_diff_eq!(found, expected, epsilon = 1e-13);
    }
}
