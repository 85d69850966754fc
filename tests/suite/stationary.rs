//! Stationary problems: the fixed point, and whether the bound on its error is true.
//!
//! The bound is compared with the error against 256-bit arithmetic, over random models, methods,
//! limits on iterations and tolerances below rounding: no error may exceed it, by anything.

#![allow(clippy::float_cmp, reason = "−∞, and bounds that must hold exactly")]

mod average;
mod edges;
mod exact;
mod first_exit;
mod growth;
mod improbable;
mod models;
mod traps;
mod worlds;

use softmdp::{Inference, Mdp, Real, StationarySolver, Status};

use crate::common::random::Random;
use crate::worlds::METHODS;
use exact::{Exact, error};
use models::random;

const DISCOUNTS: [f64; 5] = [0.0, 0.3, 0.9, 0.99, 0.9999];
const TEMPERATURES: [f64; 6] = [0.0, 1e-9, 1e-2, 1.0, 1.0, 50.0];

/// Solves a model in different ways and checks each bound.
fn check_bounds<F: Real>(mdp: &Mdp<F>, seed: u64, what: &str) {
    let exact = Exact::new(mdp, Inference::Variational).solve();
    let mut random = Random(seed);
    for method in METHODS {
        let tolerances = [1e-300, 1e-6, 1e-2].map(|t| F::from_f64(t).max(F::min_positive_value()));
        let limits = [0, 1, 2, 1 + random.below(30), 100 + random.below(1000)];
        let runs = limits.iter().map(|&n| (tolerances[0], n)).chain(tolerances.map(|t| (t, 50_000)));
        for (tolerance, limit) in runs {
            let solver = StationarySolver::new(tolerance).method(method).max_iterations(limit);
            let solution = match solver.solve(mdp) {
                Ok(solution) => solution,
                Err(error) => panic!("{what}, {method:?}: {error}"),
            };
            let convergence = solution.convergence();
            let error = error(&solution.state_values().to_owned(), &exact);
            let bound = convergence.error_bound.into_f64();
            let place =
                format!("{what}, {method:?}, tolerance {tolerance:e}, {limit} iterations: {convergence:?}");
            assert!(error <= bound, "{place}: the error is {error:e}\n{mdp:?}\n{solution:?}");
            assert_eq!(convergence.status == Status::Converged, bound <= tolerance.into_f64(), "{place}");
        }
    }
}

#[test]
fn the_bound_is_true() {
    for seed in 0..300 {
        let mdp = random::<f64>(seed, &DISCOUNTS, &TEMPERATURES);
        check_bounds(&mdp, seed, &format!("f64, seed {seed}"));
    }
}

#[test]
fn the_bound_is_true_in_single_precision() {
    for seed in 0..100 {
        let mdp = random::<f32>(seed, &DISCOUNTS, &TEMPERATURES);
        check_bounds(&mdp, seed, &format!("f32, seed {seed}"));
    }
}
