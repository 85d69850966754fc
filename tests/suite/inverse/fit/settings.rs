//! Temperature and discount as parameters, progress and precision.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Array3, Axis, array};
use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Covariance, Demonstrations, Error, FitMethod, Likelihood, RewardFeatures, RewardFit};
use softmdp::{Mdp, StationarySolver, Status, Watched, ndarray};

use crate::inverse::formula::{
    assert_close, choice_model, counts, features, four_demonstrations as four, known_builder, three_features,
    trajectory,
};

/// Counts in proportion to a policy, so that its parameters are the estimates.
fn population(model: &Mdp, inference: softmdp::Inference) -> Demonstrations {
    let solution = StationarySolver::new(1e-11).inference(inference).solve(model).unwrap();
    let policy = solution.policy().probabilities().to_owned();
    let shares = array![[100.0], [250.0], [70.0], [180.0]];
    Demonstrations::from_counts(policy * shares).unwrap()
}

#[test]
fn temperature_and_discount_are_found() {
    let features = || RewardFeatures::on_pairs(features(4, 3, 2, 0));
    let theta = array![0.4, -0.3];
    for (inference, cost, hot) in [(Variational, 1.0, 1.3), (Direct, 2.5, 1.0)] {
        let start = known_builder().discount(0.6).build().unwrap();
        let start = start.with_rewards(start.rewards().to_owned() - cost).unwrap();
        let with = |temperature, discount| {
            let mdp = start.with_temperature(temperature).unwrap().with_discount(discount).unwrap();
            population(&features().model(&mdp, &theta).unwrap(), inference)
        };
        let fit = RewardFit::new(features(), Likelihood::actions(inference));
        let found = fit.clone().fit_temperature().fit(&start, &with(hot, 0.6)).unwrap();
        assert_close(found.parameters(), array![0.4, -0.3, hot], 1e-6);
        assert_eq!(found.names(), ["parameter 0", "parameter 1", "temperature"]);
        assert!((found.model().temperature() - hot).abs() < 1e-6);

        let found = fit.clone().fit_discount().fit(&start, &with(0.7, 0.8)).unwrap();
        assert_close(found.parameters(), array![0.4, -0.3, 0.8], 1e-6);

        let both = fit.fit_discount().fit_temperature().fit(&start, &with(hot, 0.8)).unwrap();
        assert_close(both.parameters(), array![0.4, -0.3, hot, 0.8], 1e-5);
        assert_eq!(both.convergence().status, Status::Converged);
        for kind in [Covariance::Information, Covariance::OuterProduct, Covariance::Sandwich] {
            let errors = both.standard_errors(kind).unwrap();
            assert!(errors.iter().all(|error: &f64| error.is_finite() && *error > 0.0));
        }
        // At the truth, the two agree on average.
        let information = both.covariance(Covariance::Information).unwrap();
        let outer = both.covariance(Covariance::OuterProduct).unwrap();
        assert!((information - &outer).iter().zip(&outer).all(|(d, b)| d.abs() < 1e-4 * (1.0 + b.abs())));
    }
}

#[test]
fn the_temperature_of_trajectories_is_found() {
    let mdp = known_builder().terminal_states([3]).build().unwrap();
    let fit = RewardFit::new(three_features(), Likelihood::trajectories().horizon(5))
        .prior(Array1::zeros(3), Array1::from_elem(3, 0.5))
        .fit_temperature();
    let fitted = fit.fit(&mdp, &four()).unwrap();
    // No other temperature explains more, with the best parameters at each.
    let fixed = |temperature: f64| {
        let fit = RewardFit::new(three_features(), Likelihood::trajectories().horizon(5))
            .prior(Array1::zeros(3), Array1::from_elem(3, 0.5));
        let found = fit.fit(&mdp.with_temperature(temperature).unwrap(), &four()).unwrap();
        found.log_likelihood() - 0.25 * found.parameters().iter().map(|theta| theta * theta).sum::<f64>()
    };
    let temperature = fitted.parameters()[3];
    let best = fixed(temperature);
    assert!(best > fixed(0.98 * temperature) && best > fixed(1.02 * temperature));
    let slope = (fixed(temperature + 1e-4) - fixed(temperature - 1e-4)) / 2e-4;
    assert!(slope.abs() < 1e-6, "{slope}");
    // The error of the temperature is the curvature of that profile.
    let curvature = (fixed(temperature + 1e-2) - 2.0 * best + fixed(temperature - 1e-2)) / 1e-4;
    let error = fitted.standard_errors(Covariance::Information).unwrap()[3];
    assert!((error * (-curvature).sqrt() - 1.0).abs() < 1e-2, "{error} {curvature}");
}

/// Rewards are known, and only their scale against noise is asked.
#[test]
fn the_temperature_alone_is_found() {
    let mdp = known_builder().discount(0.6).build().unwrap();
    let none = RewardFeatures::on_pairs(Array3::zeros((4, 3, 0)));
    let seen = population(&mdp.with_temperature(2.5).unwrap(), Variational);
    let fit = RewardFit::new(none, Likelihood::actions(Variational)).fit_temperature();
    assert_close(fit.fit(&mdp, &seen).unwrap().parameters(), array![2.5], 1e-7);
}

#[test]
fn settings_that_are_not_identified_are_refused() {
    let refused = |result: Result<_, Error>| match result {
        Err(Error::UnidentifiedSetting { setting }) => setting,
        other => panic!("{:?}", other.map(|_: softmdp::inverse::FittedRewards<Mdp>| ())),
    };
    let seen = Demonstrations::from_counts(counts()).unwrap();
    let actions = || Likelihood::actions(Variational);
    let two = || RewardFeatures::on_pairs(features(4, 3, 2, 0));

    // Nothing is known.
    let fit = RewardFit::new(two(), actions()).fit_temperature();
    assert_eq!(refused(fit.fit(&choice_model(), &seen)), "temperature");

    let message = fit.fit(&choice_model(), &seen).unwrap_err().to_string();
    assert!(message.contains("no temperature above 0 is best, or rewards at another one"), "{message}");

    // What is known is a feature, or a constant.
    let feature = features(4, 3, 2, 0).index_axis_move(Axis(2), 0);
    let known = choice_model().with_rewards(feature).unwrap();
    assert_eq!(refused(fit.fit(&known, &seen)), "temperature");
    let known = choice_model().with_rewards(Array2::from_elem((4, 3), 3.0)).unwrap();
    assert_eq!(refused(fit.fit(&known, &seen)), "temperature");

    // The features that are matched depend on the discount.
    let known = choice_model().with_discount(0.6).unwrap();
    let fit = RewardFit::new(two(), Likelihood::feature_matching()).fit_discount();
    let walk = Demonstrations::new([trajectory(&[0, 1, 2], &[0, 2])]);
    assert!(matches!(fit.fit(&known, &walk), Err(Error::DiscountOfFeatureMatching)));

    // A free table explains the frequencies at every discount.
    for method in [FitMethod::Newton, FitMethod::Lbfgs] {
        let mdp = choice_model().with_discount(0.6).unwrap();
        let fit = RewardFit::new(RewardFeatures::table(&mdp), actions()).fit_discount().method(method);
        assert_eq!(refused(fit.max_iterations(1000).fit(&mdp, &seen)), "discount");
    }
}

#[test]
fn a_hook_sees_the_search_and_stops_it() {
    let (mdp, seen) = (choice_model(), Demonstrations::from_counts(counts()).unwrap());
    let fit =
        RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 3, 0)), Likelihood::actions(Variational));
    let mut calls = 0;
    let watched = Watched::new(&mdp, |_| {
        calls += 1;
        ControlFlow::Continue(())
    });
    let free = fit.fit(&watched, &seen).unwrap();
    assert_eq!(free.parameters(), fit.fit(&mdp, &seen).unwrap().parameters());
    assert!(calls > 5);
    let mut statuses = Vec::new();
    for most in 0..calls {
        let mut left = most;
        let watched = Watched::new(&mdp, |_| {
            left -= 1;
            if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match fit.fit(&watched, &seen) {
            Ok(fitted) => statuses.push(fitted.convergence().status),
            Err(error) => {
                let is_stop = matches!(
                    error,
                    Error::Model(
                        softmdp::Error::Stopped { .. }
                            | softmdp::Error::NotConverged { status: Status::Stopped, .. }
                    )
                );
                assert!(is_stop, "{error}");
                assert!(statuses.is_empty()); // before the first evaluation only
            }
        }
    }
    // A stop at the very last call comes too late to change anything.
    statuses.pop();
    assert!(statuses.len() > 2 && statuses.iter().all(|status| *status == Status::Stopped), "{statuses:?}");
}

#[test]
fn settings_out_of_range_are_errors() {
    let (mdp, seen) = (choice_model(), Demonstrations::from_counts(counts()).unwrap());
    let fit =
        || RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 2, 0)), Likelihood::actions(Variational));
    let setting = |fit: RewardFit, mdp: &Mdp| match fit.fit(mdp, &seen).unwrap_err() {
        Error::Model(softmdp::Error::InvalidSetting { setting, .. }) => setting,
        other => panic!("{other}"),
    };
    assert_eq!(setting(fit().tolerance(0.0), &mdp), "tolerance of the fit");
    assert_eq!(setting(fit().tolerance(f64::NAN), &mdp), "tolerance of the fit");
    let prior = |mean, precision| fit().prior(array![0.0, mean], array![1.0, precision]);
    for (wrong, expected) in [(prior(f64::NAN, 1.0), "mean"), (prior(0.0, -1.0), "precision")] {
        match wrong.fit(&mdp, &seen).unwrap_err() {
            Error::InvalidPrior { property, parameter: 1, .. } => assert_eq!(property, expected),
            other => panic!("{other}"),
        }
    }
    let message = prior(0.0, -1.0).fit(&mdp, &seen).unwrap_err().to_string();
    assert!(message.contains("precision of the prior of parameter 1 is -1,"), "{message}");
    let limits = mdp.with_discount(0.0).unwrap();
    assert_eq!(setting(fit().fit_discount(), &limits), "discount to start a fit from");
    let error = fit().prior(array![0.0], array![1.0]).fit(&mdp, &seen).unwrap_err();
    assert!(matches!(error, Error::Model(softmdp::Error::ShapeMismatch { .. })), "{error}");
    let error = fit().start(array![0.0, 1.0, 2.0]).fit(&mdp, &seen).unwrap_err();
    assert_eq!(error, Error::StartMismatch { found: vec![3], expected: 2 });
    assert!(error.to_string().contains("the start of the fit"), "{error}");
    let error = fit().start(array![0.0, f64::INFINITY]).fit(&mdp, &seen).unwrap_err();
    assert_eq!(error, Error::InvalidParameter { parameter: 1, value: f64::INFINITY });
}
