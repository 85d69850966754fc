//! Ends that are very improbable: all methods find the values, quickly, with a bound that is true
//! and narrow.
//!
//! The reference is the best of all deterministic policies, each evaluated in 4096 bits.

use ndarray::{Array1, Array2};
use softmdp::{Method, StationarySolver, Status, ndarray};

use crate::common::elimination::eliminate;
use crate::policy::stationary::improbable::{Big, Series, big, coin};
use crate::worlds::METHODS;

#[test]
fn every_method_sees_an_end_that_a_backup_cannot_see() {
    for p in [1e-9, 1e-13, 1e-15, 1e-17, 1e-40] {
        let mdp = coin(p).with_temperature(0.0).unwrap();
        for method in METHODS {
            let solution = StationarySolver::new(1e-6).method(method).solve(&mdp).unwrap();
            let (found, convergence) = (solution.state_values()[0], solution.convergence());
            let bound = convergence.error_bound;
            assert!((found + 1.0 / p).abs() <= bound, "{method:?} {p:e}: {found} {convergence:?}");
            assert!(bound <= 1e-13 / p, "{method:?} {p:e}: {convergence:?}");
            assert!(convergence.iterations < 5000, "{method:?} {p:e}: {convergence:?}");
            assert!(matches!(convergence.status, Status::Converged | Status::RoundingFloor));
        }
    }
}

/// The best value of each state over all deterministic policies, at temperature 0.
fn best(series: &mut Series<f64>) -> Vec<Big> {
    let (num, width) = series.policy.dim();
    let num_inside = series.num_inside();
    let mut best: Option<Vec<Big>> = None;
    for number in 0..width.pow(u32::try_from(num_inside).unwrap()) {
        let action =
            |s: usize| if s < num_inside { number / width.pow(u32::try_from(s).unwrap()) % width } else { 0 };
        series.policy = Array2::from_shape_fn((num, width), |(s, a)| f64::from(u8::from(action(s) == a)));
        let values = eliminate(series.matrix(), series.rewards(|x| x));
        best = Some(match best {
            None => values,
            Some(best) => best.into_iter().zip(values).map(|(a, b)| if a > b { a } else { b }).collect(),
        });
    }
    best.unwrap()
}

#[test]
fn the_best_way_out_is_found_however_improbable_it_is() {
    let (mut num_models, mut num_narrow) = (0, 0);
    for seed in 0..400 {
        let mut series = Series::random(seed, 60, 1.0);
        if series.num_inside() > 5 || series.policy.ncols() < 2 {
            continue;
        }
        // Going on costs, so that the fixed point is unique.
        series.rewards.mapv_inplace(|r| r / 2.0 - 0.6);
        let expected = best(&mut series);
        let mdp = series.mdp();
        num_models += 1;
        for method in [Method::Automatic, Method::Newton, Method::ValueIteration] {
            let solver = StationarySolver::new(1e-9).method(method).max_iterations(20_000);
            let solution = solver.solve(&mdp).unwrap();
            let bound = solution.convergence().error_bound;
            let values = solution.state_values();
            let largest = values.iter().fold(0.0, |largest: f64, v: &f64| largest.max(v.abs()));
            for (s, expected) in expected.iter().enumerate() {
                let error = (big(values[s]) - expected).to_f64().value().abs();
                assert!(error <= bound, "seed {seed} {method:?} {s}: {error:e} {:?}", solution.convergence());
            }
            num_narrow += usize::from(bound <= 1e-9_f64.max(1e-10 * largest));
            // Its policy is worth that much, in whatever digits values have.
            let worth = solution.policy().evaluate(&mdp).unwrap();
            if bound.is_finite() {
                let lost = worth.iter().zip(values).map(|(w, v)| (w - v).abs()).fold(0.0, f64::max);
                assert!(
                    lost <= 2.0 * bound + 1e-13 * largest,
                    "seed {seed} {method:?}: {lost:e} {bound:e} {largest:e}"
                );
            }
        }
    }
    assert!(
        num_models > 50 && num_narrow >= num_models * 3 * 17 / 20,
        "{num_narrow} of 3 times {num_models}"
    );
}

#[test]
fn soft_values_are_those_of_their_policy() {
    let mut num_narrow = 0;
    for seed in 0..200 {
        let mut series = Series::random(seed, 60, 1.0);
        series.rewards.mapv_inplace(|r| r / 2.0 - 2.0);
        let mdp = series.mdp().with_temperature(1.0).unwrap();
        let solution = StationarySolver::new(1e-9).max_iterations(20_000).solve(&mdp).unwrap();
        let bound = solution.convergence().error_bound;
        let values = solution.state_values();
        let largest = values.iter().fold(0.0, |largest: f64, v: &f64| largest.max(v.abs()));
        num_narrow += usize::from(bound <= 1e-9_f64.max(1e-10 * largest));
        if bound.is_finite() {
            let worth: Array1<f64> = solution.policy().evaluate(&mdp).unwrap();
            for (s, (worth, value)) in worth.iter().zip(values).enumerate() {
                let slack = bound + 1e-12 * largest;
                assert!((worth - value).abs() <= slack, "seed {seed} {s}: {worth} {value} {bound:e}");
            }
        }
    }
    assert!(num_narrow >= 160, "{num_narrow}");
}
