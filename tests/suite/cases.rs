//! Problems of books, courses and bug reports, by kind, with values that an independent program
//! computed or that are published.

#![allow(clippy::float_cmp, reason = "zeros, −∞ and values of certain steps are exact")]

mod cliffs;
mod gridworlds;
mod hidden_markov;
mod lakes;
mod robots;
mod ruin;
mod schedulers;
mod taxis;
mod temperatures;
mod winds;

use softmdp::ndarray::Array1;
use softmdp::{Model, StationaryPolicy, StationarySolver, Status};

use crate::worlds::METHODS;

/// The values of a stationary problem by each method. Each must converge, and agree with the
/// expected values, `(state, value)`, within its own bound and the digits that these have.
fn check_stationary<M: Model<Scalar = f64>>(mdp: &M, expected: &[(usize, f64)], digits: f64) {
    for method in METHODS {
        let solution = StationarySolver::new(1e-9).method(method).solve(mdp).unwrap();
        let convergence = *solution.convergence();
        assert_eq!(convergence.status, Status::Converged, "{method:?}: {convergence:?}");
        for &(state, value) in expected {
            let found = solution.state_values()[state];
            let gap = (found - value).abs();
            assert!(
                gap <= convergence.error_bound + digits,
                "{method:?}, state {state}: {found}, not {value}"
            );
        }
        check_policy(mdp, solution.policy(), &solution.state_values().to_owned());
    }
}

/// A policy is worth the values that came with it.
fn check_policy<M: Model<Scalar = f64>>(mdp: &M, policy: &StationaryPolicy, values: &Array1<f64>) {
    let worth = policy.evaluate(mdp).unwrap();
    for (state, (found, value)) in worth.iter().zip(values).enumerate() {
        assert!((found - value).abs() < 1e-7 * value.abs().max(1.0), "state {state}: {found}, not {value}");
    }
}
