//! Questions of model checkers: the probability to reach a state within some steps, at best, at
//! worst, and for a scheduler that draws its choices.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::{Array1, Array2, array};
use softmdp::{
    ActionPrior, Error, Inference, Mdp, SoftValueIteration, SparseDynamics, posterior, soft_value_iteration,
    solve_stationary,
};

/// s0 goes to s1 (a) or s2 (b), s1 to s3, s2 to s4. A step fails with probability 0.1: it stays,
/// and from s2 it leads to s1.
fn relay() -> SparseDynamics {
    let step = |state: usize, action: usize| match (state, action) {
        (0, action) => vec![(action + 1, 0.9), (0, 0.1)],
        (1, _) => vec![(3, 0.9), (1, 0.1)],
        (2, _) => vec![(4, 0.9), (1, 0.1)],
        (end, _) => vec![(end, 1.0)],
    };
    SparseDynamics::from_fn(5, 2, step).unwrap()
}

fn model(terminal_values: Array1<f64>, temperature: f64) -> Mdp<f64, SparseDynamics> {
    Mdp::builder(relay(), Array2::zeros((5, 2)))
        .terminal_states([3, 4])
        .terminal_values(terminal_values)
        .temperature(temperature)
        .action_prior(ActionPrior::Uniform)
        .build()
        .unwrap()
}

#[test]
fn the_probability_to_arrive_within_five_steps() {
    let value = |ends: [f64; 2]| {
        let mdp = model(array![0.0, 0.0, 0.0, ends[0], ends[1]], 0.0);
        let solver = SoftValueIteration::new(5).inference(Inference::Variational);
        solver.solve_values(&mdp).unwrap().state_values()[[0, 0]]
    };
    // Two successes in five trials: 1 − 0.1⁵ − 5 · 0.9 · 0.1⁴.
    assert_abs_diff_eq!(value([1.0, 0.0]), 0.999_54, epsilon = 1e-15);
    // At worst: choose b, and arrive if s2 fails.
    assert_abs_diff_eq!(-value([-1.0, 0.0]), 0.099_63, epsilon = 1e-15);
    // A scheduler that draws takes a with probability 1/2: the mean of both.
    let drawn =
        model(array![f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY], 1.0);
    let log_p = posterior(&drawn, &array![1.0, 0.0, 0.0, 0.0, 0.0], 5).unwrap().log_evidence();
    assert_abs_diff_eq!(log_p, -0.598_591_831_022_865_7, epsilon = 1e-14);
}

#[test]
fn the_probability_to_arrive_at_all() {
    for (sign, action, p) in [(1.0, 0, 1.0), (-1.0, 1, 0.1)] {
        let mdp = model(array![0.0, 0.0, 0.0, sign, 0.0], 0.0);
        let solution = solve_stationary(&mdp, 1e-9).unwrap();
        assert_abs_diff_eq!(sign * solution.state_values()[0], p, epsilon = 1e-9);
        assert_eq!(solution.policy().greedy()[0], action);
    }
}

/// A pair that is listed twice, and states where no action can be taken or every action is
/// forbidden.
#[test]
fn states_without_a_choice() {
    let twice = [(0, 0, 1, 1.0), (0, 0, 1, 1.0), (1, 0, 1, 1.0)];
    let dynamics = SparseDynamics::from_triplets(2, 1, twice).unwrap();
    let error = Mdp::builder(dynamics, array![[0.0], [0.0]]).build().unwrap_err();
    assert!(matches!(error, Error::UnnormalizedTransition { state: 0, sum: 2.0, .. }), "{error}");

    let transitions = || array![[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
    let available = array![[true, true], [false, false]];
    let dead = Mdp::builder(transitions(), array![[1.0, 0.0], [0.0, 0.0]]).available_actions(available);
    let dead = dead.build().unwrap();
    let solution = soft_value_iteration(&dead, 3).unwrap();
    assert_eq!(solution.state_values().row(0)[1], f64::NEG_INFINITY);
    assert_eq!(solution.state_values()[[3, 1]], 0.0, "at the end of the horizon nobody has to act");
    assert_abs_diff_eq!(solution.state_values()[[2, 0]], (1.0_f64.exp() + 1.0).ln(), epsilon = 1e-15);
    assert_abs_diff_eq!(solution.state_values()[[0, 0]], (1.0_f64.exp() + 1.0).ln(), epsilon = 1e-15);

    let forbidden = array![[1.0, 0.0], [f64::NEG_INFINITY, f64::NEG_INFINITY]];
    let mdp = Mdp::new(transitions(), forbidden).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    assert_eq!(solution.state_values(), array![0.0, f64::NEG_INFINITY]);
    assert_eq!(solution.probabilities(), array![[0.0, 1.0], [0.5, 0.5]]);
}
