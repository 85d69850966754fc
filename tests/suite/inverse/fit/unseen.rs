//! States that no demonstration visits.

use ndarray::{Array1, Array2, Array3, array};
use softmdp::Inference::Variational;
use softmdp::inverse::{
    Covariance, Demonstrations, Error, FitMethod, FittedRewards, Likelihood, RewardFeatures, RewardFit,
};
use softmdp::{Mdp, Status, ndarray};

use crate::inverse::formula::assert_close;

const METHODS: [FitMethod; 2] = [FitMethod::Newton, FitMethod::Lbfgs];

fn two_states() -> Mdp {
    let transitions = array![[[0.7, 0.3], [0.2, 0.8]], [[0.6, 0.4], [0.1, 0.9]]];
    Mdp::new(transitions, Array2::zeros((2, 2))).unwrap().with_discount(0.9).unwrap()
}

/// Machines of ages 0 to 5, which are kept or replaced.
fn machines() -> Mdp {
    let transitions = Array3::from_shape_fn((6, 2, 6), |(age, action, next)| {
        let age = if action == 0 { age } else { 0 };
        let older = (age + 1).min(5);
        (if next == older { 0.6 } else { 0.0 }) + (if next == age { 0.4 } else { 0.0 })
    });
    Mdp::new(transitions, Array2::zeros((6, 2))).unwrap().with_discount(0.9).unwrap()
}

/// Σ n log(n/N), which no policy exceeds.
fn bound(counts: &Array2<f64>) -> f64 {
    let total = |row: usize| counts.row(row).sum();
    counts.indexed_iter().map(|((row, _), &n)| if n > 0.0 { n * (n / total(row)).ln() } else { 0.0 }).sum()
}

/// Fits, and checks that the result is a maximum of value `bound`.
#[track_caller]
fn reaches_bound(mdp: &Mdp, fit: &RewardFit, counts: &Array2<f64>) -> FittedRewards<Mdp> {
    let seen = Demonstrations::from_counts(counts.clone()).unwrap();
    let fitted = fit.fit(mdp, &seen).unwrap();
    let (value, bound) = (fitted.log_likelihood(), bound(counts));
    assert!((value - bound).abs() < 1e-7, "{value} is not {bound}");
    assert!(fitted.moment_gap().iter().all(|gap: &f64| *gap < 1e-6), "{}", fitted.moment_gap());
    assert!(matches!(fitted.convergence().status, Status::Converged | Status::RoundingFloor));
    // Along what is not identified, the likelihood is flat to second order.
    let null = fitted.unidentified();
    let product = null.dot(&null.t());
    assert_close(product.flatten().view(), Array2::eye(null.nrows()).flatten().to_owned(), 1e-9);
    let covariance = fitted.covariance(Covariance::Information).unwrap();
    let largest = covariance.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
    assert!(null.dot(&covariance).iter().all(|entry: &f64| entry.abs() < 1e-6 * largest));
    let errors = fitted.standard_errors(Covariance::Information).unwrap();
    for (k, error) in errors.iter().enumerate() {
        let share: f64 = null.column(k).iter().map(|entry: &f64| entry * entry).sum();
        if share > 1e-6 {
            assert_eq!(*error, f64::INFINITY, "parameter {k}");
        }
    }
    fitted
}

#[test]
fn a_free_table_has_a_maximum_where_a_state_is_never_seen() {
    let (mdp, counts) = (two_states(), array![[71.0, 9.0], [0.0, 0.0]]);
    assert!((bound(&counts) + 28.136838).abs() < 1e-6);
    for method in METHODS {
        for start in [array![0.0, 0.0, 0.0, 0.0], array![1.0, -2.0, 3.0, 0.5]] {
            let fit = RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational));
            let fitted = reaches_bound(&mdp, &fit.method(method).start(start), &counts);
            assert_eq!(fitted.unidentified().nrows(), 3); // one log-ratio is seen
            assert!((fitted.model().temperature() - 1.0).abs() < 1e-15);
        }
    }
}

#[test]
fn a_free_table_has_a_maximum_where_half_of_the_states_are_never_seen() {
    let mdp = machines();
    let mut counts = array![[99.0, 1.0], [80.0, 3.0], [52.0, 8.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]];
    for rows in [[3, 4, 5], [0, 2, 4]] {
        if rows[0] == 0 {
            counts = array![[0.0, 0.0], [80.0, 3.0], [0.0, 0.0], [52.0, 8.0], [0.0, 0.0], [21.0, 9.0]];
        }
        for method in METHODS {
            let fit = RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational));
            let fitted = reaches_bound(&mdp, &fit.clone().method(method).max_iterations(1000), &counts);
            assert_eq!(fitted.unidentified().nrows(), 9, "{method:?}"); // three log-ratios are seen
            // A fit that starts at its own result stays there.
            let again = fit.method(method).start(fitted.parameters().to_owned());
            reaches_bound(&mdp, &again, &counts);
        }
    }
}

/// A cost of each age and one of a replacement.
fn costs() -> RewardFeatures {
    RewardFeatures::on_pairs(Array3::from_shape_fn((6, 2, 7), |(age, action, k)| match (action, k) {
        (1, 6) => -1.0,
        (0, k) if k == age => -1.0,
        _ => 0.0,
    }))
    .names(["age 0", "age 1", "age 2", "age 3", "age 4", "age 5", "replacement"])
}

#[test]
fn costs_of_ages_that_were_never_seen_have_a_maximum() {
    let mdp = machines();
    let counts = array![[99.0, 1.0], [80.0, 3.0], [52.0, 8.0], [21.0, 9.0], [0.0, 0.0], [0.0, 0.0]];
    for method in METHODS {
        let fit = RewardFit::new(costs(), Likelihood::actions(Variational)).method(method);
        let fitted = reaches_bound(&mdp, &fit.clone().max_iterations(1000), &counts);
        assert_eq!(fitted.unidentified().nrows(), 3, "{method:?}");
        let again = fit.clone().start(fitted.parameters().to_owned());
        reaches_bound(&mdp, &again, &counts);
        let weak = fit.prior(Array1::zeros(7), Array1::from_elem(7, 1e-9)).max_iterations(1000);
        let seen = Demonstrations::from_counts(counts.clone()).unwrap();
        let value = weak.fit(&mdp, &seen).unwrap().log_likelihood();
        assert!((value - bound(&counts)).abs() < 1e-5, "{value}");
    }
}

/// A choice that is never seen where others are seen diverges still.
#[test]
fn a_choice_that_is_never_seen_in_a_visited_state_diverges() {
    let mdp = two_states();
    let seen = Demonstrations::from_counts(array![[71.0, 0.0], [0.0, 0.0]]).unwrap();
    let pairs = Array3::from_shape_fn((2, 2, 4), |(s, a, k)| if k == 2 * s + a { 1.0 } else { 0.0 });
    for method in METHODS {
        for features in [RewardFeatures::table(&mdp), RewardFeatures::on_pairs(pairs.clone())] {
            let fit = RewardFit::new(features, Likelihood::actions(Variational)).method(method);
            let error = fit.max_iterations(1000).fit(&mdp, &seen).unwrap_err();
            assert!(matches!(error, Error::Diverging { .. }), "{error}");
        }
    }
}
