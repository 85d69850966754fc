//! Nested pseudo-likelihoods.

use ndarray::{Array2, array};
use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{
    Demonstrations, Error, FitMethod, FittedRewards, Likelihood, RewardFeatures, RewardFit,
};
use softmdp::{Mdp, StationaryPolicy, Status, ndarray};

use crate::inverse::formula::{assert_close, choice_model, counts, features, known_builder};

fn frequencies() -> StationaryPolicy {
    let counts = counts();
    StationaryPolicy::new(Array2::from_shape_fn((4, 3), |(s, a)| counts[[s, a]] / counts.row(s).sum()))
        .unwrap()
}

fn fit(number: usize) -> RewardFit {
    let features = RewardFeatures::on_pairs(features(4, 3, 3, 0));
    RewardFit::new(features, Likelihood::actions(Variational))
        .method(FitMethod::PolicyIterations(number))
        .initial_policy(frequencies())
}

fn fitted(number: usize) -> FittedRewards<Mdp> {
    fit(number).fit(&choice_model(), &Demonstrations::from_counts(counts()).unwrap()).unwrap()
}

#[test]
fn iterations_from_frequencies_are_those_of_an_independent_program() {
    let first = fitted(1);
    assert_close(first.parameters(), array![0.20551292207, -0.6472125593045, 0.4744682073185], 1e-11);
    assert!((first.pseudo_log_likelihood().unwrap() + 53.24949237497).abs() < 1e-10);
    assert_eq!(first.convergence().status, Status::IterationLimit);
    let second = fitted(2);
    assert_close(second.parameters(), array![0.2036394938869, -0.6488157249187, 0.4700609642362], 1e-11);
    let last = fitted(8);
    assert_close(last.parameters(), array![0.2038255575036, -0.6487843160585, 0.4702740408121], 1e-11);
    assert!((last.pseudo_log_likelihood().unwrap() - last.log_likelihood()).abs() < 1e-11);
    assert_eq!((last.convergence().status, last.convergence().iterations), (Status::Converged, 8));
}

/// Known rewards, a prior over actions, a temperature, a terminal state with a value, a MAP.
#[test]
fn iterations_approach_the_maximum_of_any_stationary_problem() {
    let mdp = known_builder().discount(0.8).terminal_states([3]).terminal_values(array![0.0, 0.0, 0.0, 1.5]);
    let mdp = mdp.build().unwrap();
    let mut counts = counts();
    counts.row_mut(3).fill(0.0);
    let seen = Demonstrations::from_counts(counts).unwrap();
    let fit = RewardFit::new(crate::inverse::formula::three_features(), Likelihood::actions(Variational))
        .prior(array![0.1, 0.2, 0.3], array![0.5, 0.0, 2.0]);
    let newton = fit.clone().fit(&mdp, &seen).unwrap();
    let uniform = StationaryPolicy::new(Array2::from_elem((4, 3), 1.0 / 3.0)).unwrap();
    let nested =
        fit.method(FitMethod::PolicyIterations(12)).initial_policy(uniform).fit(&mdp, &seen).unwrap();
    assert_close(nested.parameters(), newton.parameters().to_owned(), 1e-9);
    assert_eq!(nested.convergence().status, Status::Converged);
}

/// A frequency of 0 adds no entropy; no small number replaces it.
#[test]
fn a_frequency_of_zero_is_exact() {
    let mdp = choice_model();
    let mut table = frequencies().probabilities().to_owned();
    table.row_mut(1).assign(&array![0.0, 0.25, 0.75]);
    let at = |least: f64| {
        let mut table = table.clone();
        table.row_mut(1).assign(&array![least, 0.25, 0.75 - least]);
        let fit = fit(1).initial_policy(StationaryPolicy::new(table).unwrap());
        fit.fit(&mdp, &Demonstrations::from_counts(counts()).unwrap()).unwrap().parameters().to_owned()
    };
    let exact = at(0.0);
    assert!(exact.iter().all(|theta| theta.is_finite()));
    assert_close(exact.view(), at(1e-13), 1e-9); // the limit
}

#[test]
fn iterations_say_what_they_need() {
    let (mdp, seen) = (choice_model(), Demonstrations::from_counts(counts()).unwrap());
    let features = || RewardFeatures::on_pairs(features(4, 3, 3, 0));
    let method = FitMethod::PolicyIterations(2);
    let unsuitable = [
        RewardFit::new(features(), Likelihood::actions(Direct)),
        RewardFit::new(features(), Likelihood::feature_matching()),
        RewardFit::new(features(), Likelihood::actions(Variational)).fit_discount(),
    ];
    for fit in unsuitable {
        let error = fit.method(method).initial_policy(frequencies()).fit(&mdp, &seen).unwrap_err();
        assert_eq!(error, Error::NotForPolicyIterations);
    }
    let fit = RewardFit::new(features(), Likelihood::actions(Variational)).method(method);
    assert_eq!(fit.fit(&mdp, &seen).unwrap_err(), Error::NoInitialPolicy);

    // A state without a guess.
    let mut table = frequencies().probabilities().to_owned();
    table.row_mut(2).fill(0.0);
    let fit = fit.initial_policy(StationaryPolicy::new(table).unwrap());
    let error = fit.fit(&mdp, &seen).unwrap_err();
    assert!(matches!(error, Error::InvalidProbability { state: 2, action: 0, .. }), "{error}");

    // An action that the model excludes.
    let mut rewards = Array2::zeros((4, 3));
    rewards[[3, 1]] = f64::NEG_INFINITY;
    let mut counts = counts();
    counts[[3, 1]] = 0.0;
    let seen = Demonstrations::from_counts(counts).unwrap();
    let fit = fit.initial_policy(frequencies());
    let error = fit.fit(&mdp.with_rewards(rewards).unwrap(), &seen).unwrap_err();
    assert!(matches!(error, Error::InvalidProbability { state: 3, action: 1, .. }), "{error}");
}
