//! Features that no model can have.

use ndarray::{Array2, array};
use softmdp::inverse::{
    Demonstrations, Error, FeaturePlace, Likelihood, RewardFeatures, RewardFit, RewardModel,
};
use softmdp::{Mdp, TimeVaryingMdp, ndarray};

use crate::inverse::formula::terminal_features;
use crate::inverse::formula::{choice_model, features, four_demonstrations as four};

fn fit_error(features: RewardFeatures) -> Error {
    RewardFit::new(features, Likelihood::trajectories().horizon(5)).fit(&choice_model(), &four()).unwrap_err()
}

#[test]
fn features_are_finite() {
    let mut pairs = features(4, 3, 3, 0);
    pairs[[2, 1, 0]] = f64::NAN;
    let place = FeaturePlace::Pair(2, 1);
    match fit_error(RewardFeatures::on_pairs(pairs)) {
        Error::InvalidFeature { feature: 0, place: found, value } => {
            assert!(found == place && value.is_nan());
        }
        other => panic!("{other}"),
    }

    let mut states = Array2::zeros((4, 2));
    states[[3, 1]] = f64::INFINITY;
    let error = fit_error(RewardFeatures::on_states(states));
    let place = FeaturePlace::State(3);
    assert_eq!(error, Error::InvalidFeature { feature: 1, place, value: f64::INFINITY });

    let mut ends = terminal_features(4, 3, 0);
    ends[[1, 2]] = f64::NEG_INFINITY;
    let error = fit_error(RewardFeatures::on_pairs(features(4, 3, 3, 0)).terminal(ends));
    let place = FeaturePlace::End(1);
    assert_eq!(error, Error::InvalidFeature { feature: 2, place, value: f64::NEG_INFINITY });

    let model = choice_model().with_successor_rewards(|_, _, _| 0.0).unwrap();
    let features = RewardFeatures::on_successors(1, |s, a, next, values: &mut [f64]| {
        values[0] = if (s, a, next) == (1, 2, 3) { f64::INFINITY } else { 1.0 };
    });
    let place = FeaturePlace::Transition(1, 2, 3);
    let expected = Error::InvalidFeature { feature: 0, place, value: f64::INFINITY };
    assert_eq!(features.model(&model, &array![0.0]).unwrap_err(), expected);
    let fit = RewardFit::new(features, Likelihood::trajectories().horizon(5));
    assert_eq!(fit.fit(&model, &four()).unwrap_err(), expected);
    assert!(expected.to_string().contains("state 1, action 2, next state 3"), "{expected}");
}

#[test]
fn features_have_the_shape_of_the_model() {
    let wrong = [
        RewardFeatures::on_pairs(features(4, 2, 3, 0)),
        RewardFeatures::on_states(Array2::zeros((3, 2))),
        RewardFeatures::on_pairs(features(4, 3, 3, 0)).terminal(Array2::zeros((4, 2))),
        RewardFeatures::table(&Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap()),
    ];
    for features in wrong {
        let error = fit_error(features);
        assert!(matches!(error, Error::Model(softmdp::Error::ShapeMismatch { .. })), "{error}");
    }
    let error = fit_error(RewardFeatures::on_pairs(features(4, 3, 3, 0)).names(["one"]));
    assert_eq!(error, Error::NameMismatch { found: 1, expected: 3 });
    assert_eq!(error.to_string(), "found 1 name for 3 parameters, expected one for each");
    let features = RewardFeatures::on_pairs(features(4, 3, 3, 0));
    let error = features.model(&choice_model(), &array![1.0]).unwrap_err();
    assert!(matches!(error, Error::Model(softmdp::Error::ShapeMismatch { .. })), "{error}");
    let error = features.model(&choice_model(), &array![1.0, f64::NAN, 0.0]).unwrap_err();
    assert!(matches!(error, Error::InvalidParameter { parameter: 1, .. }), "{error}");
}

#[test]
fn features_of_transitions_need_rewards_of_transitions() {
    let features =
        || RewardFeatures::on_successors(1, |_, _, next, values: &mut [f64]| values[0] = next as f64);
    assert_eq!(fit_error(features()), Error::NoSuccessorRewards);
    assert!(fit_error(features()).to_string().contains("with_successor_rewards"));
    let stages = TimeVaryingMdp::new([choice_model(), choice_model()]).unwrap();
    assert_eq!(features().model(&stages, &array![1.0]).unwrap_err(), Error::NoSuccessorRewards);
    let stages =
        TimeVaryingMdp::new([choice_model().with_successor_rewards(|_, _, _| 0.5).unwrap()]).unwrap();
    let model = features().model(&stages, &array![2.0]).unwrap();
    assert_eq!(model.stages()[0].successor_rewards()[..4], [0.5, 2.5, 4.5, 6.5]);
}

/// The known part stays, −∞ included; several rewards of a transition all move.
#[test]
fn the_known_part_stays() {
    let mut rewards = Array2::from_elem((4, 3), 1.0);
    rewards[[0, 1]] = f64::NEG_INFINITY;
    let mdp = choice_model().with_rewards(rewards).unwrap();
    let ends = array![1.0, f64::NEG_INFINITY, 0.0, 2.0];
    let mdp = mdp.with_terminal_values(ends).unwrap();
    let features = RewardFeatures::table(&mdp).terminal(Array2::from_elem((4, 12), 1.0));
    let model = features.model(&mdp, &ndarray::Array1::from_elem(12, 0.5)).unwrap();
    assert_eq!(model.rewards()[[0, 0]], 1.5);
    assert_eq!(model.rewards()[[0, 1]], f64::NEG_INFINITY);
    assert_eq!(model.terminal_values(), array![7.0, f64::NEG_INFINITY, 6.0, 8.0]);

    let coin = Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap();
    let coin = coin.with_outcomes([(0, 0, 0, 0.25, -1.0), (0, 0, 0, 0.75, 3.0)]).unwrap();
    let moved = RewardFeatures::on_successors(1, |_, _, _, values: &mut [f64]| values[0] = 1.0);
    let moved = moved.model(&coin, &array![10.0]).unwrap();
    assert_eq!(moved.successor_rewards(), [9.0, 13.0]);

    let error = mdp.with_added_rewards(Array2::from_elem((4, 3), f64::MAX), ndarray::Array1::zeros(4));
    assert!(error.is_ok()); // 1 + MAX is finite
    let large = mdp.with_rewards(Array2::from_elem((4, 3), f64::MAX)).unwrap();
    let error = large.with_added_rewards(Array2::from_elem((4, 3), f64::MAX), ndarray::Array1::zeros(4));
    assert!(matches!(error, Err(softmdp::Error::Overflow { .. })), "{error:?}");
}

/// A demonstration that the model excludes is an error of the fit, with its place.
#[test]
fn impossible_demonstrations_are_errors() {
    let mut rewards = Array2::zeros((4, 3));
    rewards[[2, 1]] = f64::NEG_INFINITY;
    let mdp = choice_model().with_rewards(rewards).unwrap();
    let fit = RewardFit::new(
        RewardFeatures::on_pairs(features(4, 3, 1, 0)),
        Likelihood::actions(softmdp::Inference::Variational).horizon(5),
    );
    let error = fit.fit(&mdp, &four()).unwrap_err();
    let expected = Error::ImpossibleAction { trajectory: 0, stage: 2, state: 2, action: 1 };
    assert_eq!(error, expected);
    let error = fit.fit(&mdp, &Demonstrations::new([])).unwrap_err();
    assert_eq!(error, Error::NoDemonstrations);
}
