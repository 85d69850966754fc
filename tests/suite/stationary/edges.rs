//! What is extreme, and what is refused.

use std::ops::ControlFlow;
use std::sync::Arc;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array2, Array3, array};
use softmdp::{
    Error, Inference, Mdp, Method, Model, StationarySolver, Status, Table, TimeVaryingMdp, Watched, ndarray,
    solve_stationary,
};

/// One state, two actions that pay 0 and log 3.
fn one_state(discount: f64) -> Mdp {
    Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]]).unwrap().with_discount(discount).unwrap()
}

#[test]
fn without_a_future_the_values_are_soft_maxima_of_rewards() {
    let solution = solve_stationary(&one_state(0.0), 1e-12).unwrap();
    assert_abs_diff_eq!(solution.state_values()[0], 4.0_f64.ln(), epsilon = 1e-15);
    assert_eq!(solution.action_values(), array![[0.0, 3.0_f64.ln()]]);
}

#[test]
fn a_tolerance_below_rounding_ends_with_an_honest_bound() {
    let solution = StationarySolver::new(1e-300).solve(&one_state(0.999)).unwrap();
    let convergence = *solution.convergence();
    assert_eq!(convergence.status, Status::RoundingFloor);
    assert!(convergence.error_bound < 1e-7 && convergence.iterations < 1000, "{convergence:?}");
    assert_abs_diff_eq!(solution.state_values()[0], 1000.0 * 4.0_f64.ln(), epsilon = convergence.error_bound);
    let error = solve_stationary(&one_state(0.999), 1e-300).unwrap_err();
    assert!(matches!(error, Error::NotConverged { status: Status::RoundingFloor, .. }), "{error}");
    let message = error.to_string();
    let (_, rest) =
        message.split_once("rounding keeps the error bound at or above ").expect("names the bound");
    let named: f64 = rest.split(';').next().unwrap().parse().unwrap();
    assert!((convergence.error_bound..1.01 * convergence.error_bound).contains(&named), "{message}");
}

#[test]
fn no_iterations_still_back_up_once() {
    let solver = StationarySolver::new(1e-9).max_iterations(0).initial_values(array![1.0]);
    let solution = solver.solve(&one_state(0.5)).unwrap();
    assert_abs_diff_eq!(solution.state_values()[0], 0.5 + 4.0_f64.ln(), epsilon = 1e-15);
    assert!(solution.convergence().error_bound >= 2.0 * 4.0_f64.ln() - solution.state_values()[0]);
    assert_eq!(solution.convergence().status, Status::IterationLimit);
}

#[test]
fn models_behind_pointers_have_the_same_solution() {
    let (mdp, solver) = (one_state(0.9), StationarySolver::new(1e-9));
    let expected = solver.solve(&mdp).unwrap();
    let pointers = (&&mdp, Box::new(mdp.clone()), Arc::new(mdp.clone()));
    assert_eq!(solver.solve(pointers.0).unwrap(), expected);
    assert_eq!(solver.solve(&pointers.1).unwrap(), expected);
    assert_eq!(solver.solve(&pointers.2).unwrap(), expected);
    let homogeneous: &dyn Model<Scalar = f64, Dynamics = _> = &mdp;
    assert_eq!(solver.solve(homogeneous).unwrap(), expected);
    assert_eq!(solve_stationary(&pointers.2, 1e-9).unwrap(), expected);
}

#[test]
fn options_are_checked_when_they_are_used() {
    let solver = StationarySolver::new(f64::NAN).initial_values(array![f64::NAN, 0.0]);
    let solver = solver.inference(Inference::Direct).method(Method::Newton).max_iterations(0);
    assert!(matches!(solver.solve(&one_state(0.5)), Err(Error::InvalidSetting { setting: "tolerance", .. })));
}

#[test]
fn values_of_the_answer_save_all_but_a_few_passes() {
    let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.2, 0.8]]], array![[1.0], [0.0]]).unwrap();
    let mdp = mdp.with_discount(0.99).unwrap();
    let cold = StationarySolver::new(1e-9).solve(&mdp).unwrap();
    let solver = StationarySolver::new(1e-9).initial_values(cold.state_values().to_owned());
    let warm = solver.solve(&mdp).unwrap();
    assert!(warm.convergence().iterations <= 4, "{:?}", warm.convergence());
    assert!(cold.convergence().iterations > 20, "{:?}", cold.convergence());
}

#[test]
fn a_hook_is_told_of_passes_and_may_stop() {
    let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.2, 0.8]]], array![[1.0], [0.0]]).unwrap();
    let mdp = mdp.with_discount(0.99).unwrap();
    let mut seen = Vec::new();
    let watched = Watched::new(&mdp, |passes| {
        seen.push(passes);
        if passes < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let solution = StationarySolver::new(1e-12).solve(&watched).unwrap();
    assert_eq!(solution.convergence().status, Status::Stopped);
    assert!(seen.is_sorted() && seen.last() == Some(&10), "{seen:?}");
    let expected: f64 = solve_stationary(&mdp, 1e-10).unwrap().state_values()[0];
    let error = (solution.state_values()[0] - expected).abs();
    assert!(error > 1e-9 && error <= solution.convergence().error_bound);
}

#[test]
fn without_hope_every_value_is_minus_infinity_and_known() {
    let inf = f64::INFINITY;
    let mdp = one_state(0.9).with_rewards(array![[-inf, -inf]]).unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    assert_eq!(solution.state_values(), array![-inf]);
    assert_eq!(solution.convergence().error_bound, 0.0);
    assert_eq!(solution.probabilities(), array![[0.5, 0.5]]);
}

#[test]
fn huge_rewards_are_solved_or_overflow() {
    let huge = one_state(0.9).with_rewards(array![[1e300, -1e300]]).unwrap();
    let solution = StationarySolver::new(1e290).solve(&huge).unwrap();
    assert_eq!(solution.convergence().status, Status::Converged);
    assert_abs_diff_eq!(solution.state_values()[0], 1e301, epsilon = 1e290);
    let beyond = huge.with_rewards(array![[1e308, -1e308]]).unwrap();
    assert!(matches!(solve_stationary(&beyond, 1e290), Err(Error::Overflow { .. })));
}

#[test]
fn initial_values_of_minus_infinity_do_not_stay() {
    let solver = StationarySolver::new(1e-9).initial_values(array![f64::NEG_INFINITY]);
    let solution = solver.solve(&one_state(0.5)).unwrap();
    assert_abs_diff_eq!(solution.state_values()[0], 2.0 * 4.0_f64.ln(), epsilon = 1e-9);
}

#[test]
fn what_is_wrong_with_a_question_is_named() {
    let mdp = one_state(0.5);
    for tolerance in [0.0, -1.0, f64::NAN] {
        let error = solve_stationary(&mdp, tolerance).unwrap_err();
        assert!(
            matches!(error, Error::InvalidSetting { setting: "tolerance", value, .. } if value.to_bits() == tolerance.to_bits())
        );
    }
    let from = |values| StationarySolver::new(1e-9).initial_values(values).solve(&mdp).unwrap_err();
    let expected = Error::ShapeMismatch { table: Table::InitialValues, found: vec![2], expected: vec![1] };
    assert_eq!(from(array![0.0, 0.0]), expected);
    assert_eq!(
        from(array![f64::INFINITY]),
        Error::InvalidEntry { table: Table::InitialValues, index: vec![0], value: f64::INFINITY }
    );
    assert!(matches!(from(array![f64::NAN]), Error::InvalidEntry { table: Table::InitialValues, .. }));
    let undiscounted = mdp.with_discount(1.0).unwrap();
    assert_eq!(
        solve_stationary(&undiscounted, 1e-9),
        Err(Error::NoTerminalState { inference: Inference::Variational, temperature: 1.0 })
    );
    let varying = TimeVaryingMdp::from_rewards(&mdp, Array3::zeros((2, 1, 2))).unwrap();
    assert_eq!(solve_stationary(&varying, 1e-9), Err(Error::NotHomogeneous));
}

#[test]
fn at_temperature_zero_it_is_classical_dynamic_programming() {
    // A chain of five cells; moving right costs 1, the last cell pays 10 a step for staying.
    let (num_states, right) = (5, 1);
    let mut transitions = Array3::zeros((num_states, 2, num_states));
    let mut rewards = Array2::from_elem((num_states, 2), -1.0);
    for s in 0..num_states {
        transitions[[s, 0, s.saturating_sub(1)]] = 1.0;
        transitions[[s, right, (s + 1).min(num_states - 1)]] = 1.0;
        rewards[[s, 0]] = 0.0;
    }
    rewards[[num_states - 1, right]] = 10.0;
    let mdp = Mdp::builder(transitions, rewards).discount(0.5).temperature(0.0).build().unwrap();
    let solution = solve_stationary(&mdp, 1e-12).unwrap();
    // By hand: V(4) = 20, each cell before: −1 + V/2.
    for (state, expected) in [0.0, 0.75, 3.5, 9.0, 20.0].into_iter().enumerate() {
        let found: f64 = solution.state_values()[state];
        assert!(abs_diff_eq!(found, expected, epsilon = 1e-12), "{state}: {found}");
    }
    assert_eq!(solution.probabilities().row(4), array![0.0, 1.0]);
    assert_eq!(solution.probabilities().row(0), array![1.0, 0.0]);
}
