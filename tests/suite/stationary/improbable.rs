//! Ends that are very improbable: all methods find the values, quickly, with a bound that is true
//! and narrow.
//!
//! The reference is the best of all deterministic policies, each evaluated in 4096 bits.

use ndarray::{Array1, Array2, Array3, array};
use softmdp::{Mdp, Method, Real, SparseDynamics, StationarySolver, Status, ndarray};

use crate::common::elimination::eliminate;
use crate::common::random::Random;
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

/// The coin, and a state that goes on forever without reward, where `exit` is an action that leaves
/// for the coin.
fn coin_and_sink<F: Real>(p: F, exit: Option<F>) -> Mdp<F> {
    let (zero, one) = (F::zero(), F::one());
    let mut transitions = Array3::zeros((3, 2, 3));
    transitions.slice_mut(ndarray::s![0, .., 0]).fill(one - p);
    transitions.slice_mut(ndarray::s![0, .., 1]).fill(p);
    (1..3).for_each(|s| transitions.slice_mut(ndarray::s![s, .., s]).fill(one));
    let mut rewards = array![[-one, -one], [zero, zero], [zero, zero]];
    if let Some(reward) = exit {
        (transitions[[2, 1, 2]], transitions[[2, 1, 0]]) = (zero, one);
        rewards[[2, 1]] = reward;
    }
    Mdp::builder(transitions, rewards).temperature(zero).terminal_states([1]).build().unwrap()
}

fn check_coin_and_sink<F: Real>(p: F, exit: Option<F>, relative: f64) {
    let mdp = coin_and_sink(p, exit);
    for method in METHODS {
        let solution = StationarySolver::new(F::from_f64(1e-6)).method(method).solve(&mdp).unwrap();
        let (convergence, end) = (solution.convergence(), 1.0 / p.into_f64());
        let place = format!("{method:?} {p:e} {exit:?}: {:?} {convergence:?}", solution.state_values());
        let bound = convergence.error_bound.into_f64();
        assert!((solution.state_values()[0].into_f64() + end).abs() <= bound, "{place}");
        assert_eq!(solution.state_values()[2].into_f64(), 0.0, "{place}");
        assert!(bound <= relative * end, "{place}");
        assert!(convergence.iterations < 5000, "{place}");
        assert_eq!(convergence.status, Status::RoundingFloor, "{place}");
        let stays: F = solution.probabilities()[[2, 0]] + solution.probabilities()[[2, 1]];
        assert!(exit.is_none() || solution.probabilities()[[2, 0]] == F::one(), "{place}");
        assert!(stays == F::one(), "{place}");
    }
}

#[test]
fn a_sink_does_not_hide_an_improbable_end() {
    for exit in [None, Some(-1.0), Some(0.0), Some(3.0)] {
        for p in [1e-9, 1e-13, 1e-15, 1e-17, 1e-40] {
            check_coin_and_sink::<f64>(p, exit, 1e-13);
        }
    }
    for exit in [None, Some(-1.0), Some(3.0)] {
        for p in [1e-6, 1e-9, 1e-20] {
            check_coin_and_sink::<f32>(p, exit, 1e-4);
        }
    }
}

#[test]
fn a_sink_that_is_left_for_a_gain_gets_no_wrong_bound() {
    // Worth −10¹² from the coin, and more than that once.
    for gain in [2e12_f64, 1e12 + 1.0, 1e12 - 1.0] {
        let mdp = coin_and_sink(1e-12, Some(gain));
        let expected = [-1e12, 0.0, f64::max(gain - 1e12, 0.0)];
        for method in METHODS {
            let solver = StationarySolver::new(1e-6).method(method).max_iterations(50_000);
            let solution = solver.solve(&mdp).unwrap();
            let bound = solution.convergence().error_bound;
            for (value, expected) in solution.state_values().iter().zip(expected) {
                let slack = bound + 1e-3; // of 1/p
                assert!((value - expected).abs() <= slack, "{method:?} {gain:e}: {solution:?}");
            }
        }
    }
}

/// An improbable end, but the best policies take another way. The first policy that ends does not.
fn shortcut() -> Mdp {
    let transitions = array![
        [[0.998, 0.002, 0.0, 0.0], [0.999, 0.0, 0.0, 0.001]],
        [[0.300_000_000_000_000_04, 0.7, 0.0, 0.0], [0.0, 0.999_999_999_997_999, 1e-15, 2e-12]],
        [[0.0, 0.0, 0.999, 0.001], [0.0, 0.0, 1.0, 0.0]],
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
    ];
    let rewards = array![[-0.25, -1.75], [-0.25, -0.75], [-2.0, -1.0], [0.0, 0.0]];
    Mdp::builder(transitions, rewards).temperature(0.0).terminal_states([3]).build().unwrap()
}

#[test]
fn an_attempt_in_differences_never_ends_a_search_that_would_converge() {
    let mdp = shortcut();
    for method in METHODS {
        let solution = StationarySolver::new(1e-6).method(method).solve(&mdp).unwrap();
        let convergence = solution.convergence();
        assert_eq!(convergence.status, Status::Converged, "{method:?}: {convergence:?}");
        // By hand: state 0 leaves once in 1000 steps, or from state 1 it returns to state 0.
        let expected = [-1750.0, -1750.0 - 0.25 / 0.3, -2000.0];
        for (value, expected) in solution.state_values().iter().zip(expected) {
            assert!((value - expected).abs() <= 1e-6, "{method:?}: {solution:?}");
        }
    }
    // A fair walk over 400 states, where certificates of backups reach 1.1e-5.
    let steps = (1..399).flat_map(|s| [(s, 0, s - 1, 0.5), (s, 0, s + 1, 0.5)]);
    let triplets = steps.chain([(0, 0, 0, 1.0), (399, 0, 399, 1.0)]);
    let dynamics = SparseDynamics::from_triplets(400, 1, triplets).unwrap();
    let walk = Mdp::builder(dynamics, Array2::from_elem((400, 1), -1.0)).temperature(0.0);
    let walk = walk.terminal_states([0, 399]).build().unwrap();
    for method in [Method::Automatic, Method::GaussSeidel, Method::ModifiedPolicyIteration] {
        let solution = StationarySolver::new(4e-5).method(method).solve(&walk).unwrap();
        let convergence = solution.convergence();
        assert_eq!(convergence.status, Status::Converged, "{method:?}: {convergence:?}");
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

#[test]
fn an_elimination_counts_as_passes_and_keeps_the_limit() {
    // Full rows: eliminations read far more transitions than a few passes.
    let n = 200;
    let mut random = Random(1);
    let mut transitions = Array3::from_shape_simple_fn((n, 1, n), || 0.1 + random.uniform());
    for s in 0..n - 1 {
        transitions[[s, 0, n - 1]] = 1e-10;
        let sum = transitions.slice(ndarray::s![s, 0, ..]).sum();
        transitions.slice_mut(ndarray::s![s, 0, ..]).mapv_inplace(|p| p / sum);
    }
    transitions.slice_mut(ndarray::s![n - 1, 0, ..]).fill(0.0);
    transitions[[n - 1, 0, n - 1]] = 1.0;
    let mdp = Mdp::builder(transitions, Array2::from_elem((n, 1), -1.0)).temperature(0.0);
    let mdp = mdp.terminal_states([n - 1]).build().unwrap();
    let solve = |limit: usize| {
        let solver = StationarySolver::new(1e-6).method(Method::ValueIteration).max_iterations(limit);
        *solver.solve(&mdp).unwrap().convergence()
    };
    let unlimited = solve(100_000);
    assert_eq!(unlimited.status, Status::RoundingFloor, "{unlimited:?}");
    // An elimination of n states is at least n/3 passes over their n² transitions.
    assert!(unlimited.iterations > n / 3, "{unlimited:?}");
    let limited = solve(n / 6);
    assert!(limited.iterations <= n / 6 + 2, "{limited:?}");
}
