//! Values of mixed goals, and policies that must be simple. The values were computed by an
//! independent program (numpy, 2026).

use approx::assert_abs_diff_eq;
use ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    ActionPrior, Inference, Mdp, SoftValueIteration, StationarySolver, log_sum_exp, ndarray, solve_stationary,
};

use super::formula;

/// A model of three actions from formulas.
fn mdp(seed: usize, num_states: usize) -> Mdp {
    Mdp::new(formula::transitions(num_states, 3, seed), formula::rewards(num_states, 3, seed)).unwrap()
}

#[test]
fn goals_compose_in_direct_inference_alone() {
    let prior = ActionPrior::Weights(formula::prior(5, 3, 3));
    let base = mdp(3, 5).with_action_prior(prior).unwrap();
    let base = base.with_rewards(base.rewards().mapv(|r| r - 2.5)).unwrap();
    let base = base.with_terminal_states([3, 4]).unwrap().with_temperature(0.8).unwrap();
    let (ends, weights) = ([array![1.0, -2.0], array![-1.5, 0.5]], [0.3_f64, 0.7]);
    let mix = |values: [f64; 2]| {
        0.8 * log_sum_exp(&[weights[0].ln() + values[0] / 0.8, weights[1].ln() + values[1] / 0.8])
    };
    let with_ends =
        |ends: [f64; 2]| base.with_terminal_values(array![0.0, 0.0, 0.0, ends[0], ends[1]]).unwrap();
    let mixed_ends = [0, 1].map(|end| mix([ends[0][end], ends[1][end]]));
    let mut gaps = Vec::new();
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = StationarySolver::new(1e-12).inference(inference);
        let values = |ends: [f64; 2]| solver.solve(&with_ends(ends)).unwrap().state_values().to_owned();
        let of_goals = [0, 1].map(|goal| values([ends[goal][0], ends[goal][1]]));
        let of_mixture = values(mixed_ends);
        let mixture = Array1::from_shape_fn(3, |s| mix([of_goals[0][s], of_goals[1][s]]));
        if inference == Inference::Direct {
            let expected = [
                array![-0.9246873444852, -0.9691320056522, -1.2655219555734],
                array![-1.5548315132585, -2.1152456850083, -2.0174627887910],
            ];
            for (found, expected) in of_goals.iter().zip(&expected) {
                assert_abs_diff_eq!(found.slice(ndarray::s![..3]), expected, epsilon = 1e-12);
            }
            let expected = array![-1.3091454099417, -1.5781456632884, -1.7103760356043];
            assert_abs_diff_eq!(mixture, expected, epsilon = 1e-12);
        }
        let gap = (&of_mixture.slice(ndarray::s![..3]) - &mixture).mapv(f64::abs);
        gaps.push(gap.iter().copied().fold(0.0, f64::max));
    }
    assert!(gaps[0] < 1e-12, "{gaps:?}");
    assert_abs_diff_eq!(gaps[1], 0.644, epsilon = 1e-3);
}

#[test]
fn simple_policy_of_one_stage_has_the_rate_of_the_channel() {
    // Rate–distortion: the prior is the distribution of actions that the policy itself has.
    let rewards = array![[2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [1.0, 1.0, 1.5]];
    let stay = Array3::from_shape_fn((3, 3, 3), |(s, _, n)| f64::from(u8::from(s == n)));
    let initial = array![0.5, 0.3, 0.2];
    for temperature in [1.0, 0.5] {
        let mdp = Mdp::new(stay.clone(), rewards.clone()).unwrap().with_temperature(temperature).unwrap();
        let mut prior = Array1::from_elem(3, 1.0 / 3.0);
        let (mut objective, mut policy) = (f64::NEG_INFINITY, Array2::zeros((3, 3)));
        for _ in 0..20_000 {
            let weights = Array2::from_shape_fn((3, 3), |(_, a)| prior[a]);
            let simple = mdp.with_action_prior(ActionPrior::Weights(weights)).unwrap();
            let solution =
                SoftValueIteration::new(1).inference(Inference::Variational).solve(&simple).unwrap();
            let next = solution.state_values().row(0).dot(&initial);
            assert!(next >= objective - 1e-14); // never falls
            (objective, policy) = (next, solution.policy().at(0).unwrap().to_owned());
            prior = initial.dot(&policy);
        }
        let joint = Array2::from_shape_fn((3, 3), |(s, a)| initial[s] * policy[[s, a]]);
        let reward = (&joint * &rewards).sum();
        let information: f64 = joint
            .indexed_iter()
            .filter(|(_, p)| **p > 0.0)
            .map(|((s, a), &p)| p * (policy[[s, a]] / prior[a]).ln())
            .sum();
        assert_abs_diff_eq!(objective, reward - temperature * information, epsilon = 1e-12);
        if temperature == 1.0 {
            assert_abs_diff_eq!(prior, array![0.59905319427591, 0.40094680572409, 0.0], epsilon = 1e-12);
            assert_abs_diff_eq!(reward, 1.9546304892385, epsilon = 1e-12);
            assert_abs_diff_eq!(information, 0.3201310514925, epsilon = 1e-12);
            assert_abs_diff_eq!(objective, 1.6344994377460, epsilon = 1e-12);
        } else {
            assert_abs_diff_eq!(objective, 1.8387498187188, epsilon = 1e-12);
            assert_abs_diff_eq!(prior[0], 0.61955655964911, epsilon = 1e-12);
        }
    }
}

/// Alternates between the best policy of a prior and the distribution of its actions. Returns the
/// prior, the values and the objective of each round.
fn compress(mdp: &Mdp, initial: &Array1<f64>, rounds: usize) -> (Array1<f64>, Array1<f64>, Vec<f64>) {
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let mut prior = Array1::from_elem(num_actions, 1.0 / num_actions as f64);
    let (mut values, mut objectives) = (Array1::zeros(num_states), Vec::new());
    for _ in 0..rounds {
        let weights = Array2::from_shape_fn((num_states, num_actions), |(_, a)| prior[a]);
        let simple = mdp.with_action_prior(ActionPrior::Weights(weights)).unwrap();
        let solution = solve_stationary(&simple, 1e-12).unwrap();
        values = solution.state_values().to_owned();
        objectives.push(values.dot(initial));
        let pairs = solution.policy().discounted_state_action_occupancy(&simple, initial).unwrap();
        prior = pairs.sum_axis(ndarray::Axis(0));
        prior /= prior.sum();
    }
    (prior, values, objectives)
}

#[test]
fn simple_policy_of_a_discounted_model_settles() {
    let mdp = mdp(0, 4).with_discount(0.9).unwrap();
    let initial = array![0.1, 0.2, 0.3, 0.4];
    let (prior, values, objectives) = compress(&mdp.with_temperature(0.3).unwrap(), &initial, 600);
    assert!(objectives.is_sorted_by(|now, next| *next >= now - 1e-12));
    assert_abs_diff_eq!(objectives[0], 1.9305408333258, epsilon = 1e-11);
    assert_abs_diff_eq!(objectives[599], 2.1454536424428, epsilon = 1e-11);
    assert_abs_diff_eq!(prior, array![0.4328737364711, 0.1441594949455, 0.4229667685833], epsilon = 1e-10);
    let expected = array![2.582405078253, 1.9426259881306, 1.7063479395732, 2.4669588877985];
    assert_abs_diff_eq!(values, expected, epsilon = 1e-10);
}

#[test]
fn simple_policy_at_a_high_temperature_takes_one_action_alone() {
    let mdp = mdp(0, 4).with_discount(0.9).unwrap();
    let (prior, _, objectives) = compress(&mdp, &array![0.1, 0.2, 0.3, 0.4], 1135);
    assert_abs_diff_eq!(prior, array![0.0, 0.0, 1.0], epsilon = 1e-11);
    assert_abs_diff_eq!(objectives[1134], 1.1894205595391, epsilon = 1e-11);
}
