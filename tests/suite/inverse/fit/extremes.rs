//! Fits at the limits: no maximum that a step shows, no parameters, features that are no numbers.

use ndarray::{Array3, array};
use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{
    Demonstrations, Error, FeaturePlace, FitMethod, Likelihood, RewardFeatures, RewardFit,
};
use softmdp::{Mdp, ndarray};

use crate::inverse::formula::trajectory;

fn diverges<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    match result {
        Err(Error::Diverging { .. }) => true,
        Err(_) => false,
        Ok(found) => panic!("{found:?}"),
    }
}

/// Choices of an agent that never errs become more probable as the temperature falls. One standard
/// error ahead is further than the number type reaches.
#[test]
fn perfect_choices_have_no_best_temperature() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 0.0]]).unwrap();
    let perfect = Demonstrations::new([trajectory(&[0, 0, 0], &[0, 0])]);
    for likelihood in
        [Likelihood::actions(Direct), Likelihood::actions(Variational), Likelihood::trajectories()]
    {
        let features = RewardFeatures::on_pairs(array![[[0.0], [1.0]]]);
        let fit = RewardFit::new(features, likelihood.horizon(2)).fit_temperature();
        assert!(diverges(fit.fit(&mdp, &perfect)));
    }
}

/// State 1 or 2 follows by chance, whatever the action. More luck than any policy has is out of
/// reach.
#[test]
fn observed_features_out_of_reach_diverge() {
    let transitions = array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    let mdp = Mdp::new(transitions, ndarray::Array2::zeros((3, 1))).unwrap();
    let lucky =
        Demonstrations::new([[0, 1, 1], [0, 1, 1], [0, 2, 2]].map(|states| trajectory(&states, &[0, 0])));
    let features = RewardFeatures::on_states(array![[0.0], [1.0], [0.0]]);
    for method in [FitMethod::Newton, FitMethod::Lbfgs] {
        let fit = RewardFit::new(features.clone(), Likelihood::feature_matching().horizon(2)).method(method);
        match fit.fit(&mdp, &lucky) {
            Err(Error::Diverging { direction, .. }) => assert_eq!(direction, [1.0]),
            other => panic!("{other:?}"),
        }
    }
}

/// 480 parameters, too many for second derivatives, and most choices were never seen.
#[test]
fn large_tables_without_a_maximum_diverge() {
    let transitions = Array3::from_shape_fn((120, 4, 120), |(state, action, next)| {
        if next == (7 * state + 31 * action + 1) % 120 { 1.0 } else { 0.0 }
    });
    let mdp = Mdp::new(transitions, ndarray::Array2::zeros((120, 4))).unwrap();
    let walk = |start: usize| {
        let (mut states, mut actions) = (vec![start], vec![]);
        for t in 0..4 {
            let action = (start + t * t) % 4;
            states.push((7 * states[t] + 31 * action + 1) % 120);
            actions.push(action);
        }
        trajectory(&states, &actions)
    };
    let seen = Demonstrations::new((0..20).map(walk));
    let likelihood = Likelihood::actions(Variational).horizon(4);
    let fit = RewardFit::new(RewardFeatures::table(&mdp), likelihood).method(FitMethod::Lbfgs);
    match fit.fit(&mdp, &seen) {
        Err(Error::Diverging { .. }) => {}
        Ok(fitted) => assert_eq!(fitted.convergence().status, softmdp::Status::IterationLimit),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn no_parameters_are_no_problem() {
    let mdp =
        Mdp::new(array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]], array![[1.0, 0.0], [0.0, 0.5]]);
    let mdp = mdp.unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 1, 1], &[0, 0])]);
    let with_successors = mdp.with_successor_rewards(|_, _, next| next as f64).unwrap();
    let likelihoods =
        [Likelihood::actions(Variational), Likelihood::feature_matching(), Likelihood::trajectories()];
    for likelihood in likelihoods.map(|likelihood| likelihood.horizon(2)) {
        let joint = likelihood.clone().initial(array![0.5, 0.5]);
        let none = RewardFeatures::on_pairs(Array3::zeros((2, 2, 0)));
        let fitted = RewardFit::new(none.clone(), likelihood.clone()).fit(&mdp, &seen).unwrap();
        let value = likelihood.evaluate(&mdp, &seen).unwrap().value();
        assert!((fitted.log_likelihood() - value).abs() < 1e-14);
        if joint.evaluate(&mdp, &seen).is_ok() {
            assert!(RewardFit::new(none.clone(), joint).fit(&mdp, &seen).is_ok());
        }
        // With a temperature, any answer is fine, except a panic or no number.
        let none = RewardFeatures::on_successors(0, |_, _, _, _| {});
        let fitted = RewardFit::new(none.clone(), likelihood.clone()).fit_temperature();
        if let Ok(fitted) = fitted.fit(&with_successors, &seen) {
            assert!(fitted.parameters()[0].is_finite());
        }
        let expansion = likelihood.expand(&with_successors, &seen, &none).unwrap();
        assert_eq!(expansion.hessian().dim(), (0, 0));
    }
}

#[test]
fn features_of_transitions_that_are_no_numbers_are_errors() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let mdp = mdp.with_successor_rewards(|_, _, _| 0.0).unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 1], &[0])]);
    let features = RewardFeatures::on_successors(1, |_, _, next, row| {
        row[0] = if next == 1 { f64::NAN } else { 0.0 };
    });
    for likelihood in [Likelihood::actions(Variational), Likelihood::trajectories()] {
        match likelihood.horizon(1).expand(&mdp, &seen, &features) {
            Err(Error::InvalidFeature { feature, place, value }) => {
                assert_eq!((feature, place), (0, FeaturePlace::Transition(0, 0, 1)));
                assert!(value.is_nan());
            }
            other => panic!("{other:?}"),
        }
    }
    // Products of features that leave the number type.
    let plain = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 0], &[0])]);
    let huge = RewardFeatures::on_pairs(array![[[1e200], [0.0]]]);
    let found = Likelihood::actions(Variational).horizon(1).expand(&plain, &seen, &huge);
    assert!(matches!(found, Err(Error::Model(softmdp::Error::TotalOverflow { .. }))), "{found:?}");
}
