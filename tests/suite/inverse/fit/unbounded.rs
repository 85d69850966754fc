//! Likelihoods without a maximum, and saddles.

use ndarray::{Array2, Array3, array};
use softmdp::Inference::Variational;
use softmdp::inverse::{Demonstrations, Error, FitMethod, Likelihood, RewardFeatures, RewardFit};
use softmdp::{Mdp, SoftValueIteration, Status, Trajectory, ndarray};

use crate::inverse::formula::{assert_close, choice_model, counts, features, gamble};

#[track_caller]
fn direction<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<f64> {
    match result {
        Err(Error::Diverging { direction, .. }) => {
            let length: f64 = direction.iter().map(|entry| entry * entry).sum();
            assert!((length - 1.0).abs() < 1e-12);
            direction
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_minimum_with_zero_gradient_is_no_estimate() {
    let (mdp, features, seen) = gamble();
    let fit = RewardFit::new(features.clone(), Likelihood::actions(Variational).horizon(2));
    let found = direction(fit.fit(&mdp, &seen));
    assert_eq!(found[0].abs(), 1.0);

    // With a prior there are two maxima and still a minimum between them.
    let fitted = fit.prior(array![0.0], array![0.01]).fit(&mdp, &seen).unwrap();
    assert!(fitted.parameters()[0].abs() > 3.0 && fitted.log_likelihood() > -1.9);
    assert_eq!(fitted.convergence().status, Status::Converged);

    // Feature matching has its maximum there.
    let fit = RewardFit::new(features, Likelihood::feature_matching().horizon(2));
    let fitted = fit.start(array![3.0]).fit(&mdp, &seen).unwrap();
    assert!(fitted.parameters()[0].abs() < 1e-7);
    assert!((fitted.log_likelihood() + 2.820075191602918).abs() < 1e-13);
}

#[test]
fn a_choice_that_was_never_seen_diverges_in_its_direction() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap().with_discount(0.5).unwrap();
    let features = || RewardFeatures::on_pairs(array![[[2.0], [0.0]]]);
    let likelihood = Likelihood::actions(Variational);
    for (counts, sign) in [(array![[10.0, 0.0]], 1.0), (array![[0.0, 1e6]], -1.0)] {
        let seen = Demonstrations::from_counts(counts).unwrap();
        for method in [FitMethod::Newton, FitMethod::Lbfgs] {
            let fit = RewardFit::new(features(), likelihood.clone()).method(method);
            assert_eq!(direction(fit.fit(&mdp, &seen)), [sign]);
            let far = fit.start(array![400.0 * sign]); // where choices are certain to rounding
            assert_eq!(direction(far.fit(&mdp, &seen)), [sign]);
        }
        let fit = RewardFit::new(features(), likelihood.clone()).prior(array![0.0], array![1.0]);
        let theta: f64 = fit.fit(&mdp, &seen).unwrap().parameters()[0];
        assert!(theta * sign > 0.5 && theta.abs() < 10.0, "{theta}");
    }
    let message = direction_message(&mdp, features());
    assert!(message.contains("in the direction of `parameter 0` (+1.00), because"), "{message}");
    assert!(message.contains("RewardFit::prior"), "{message}");
}

fn direction_message(mdp: &Mdp, features: RewardFeatures) -> String {
    let seen = Demonstrations::from_counts(array![[10.0, 0.0]]).unwrap();
    RewardFit::new(features, Likelihood::actions(Variational)).fit(mdp, &seen).unwrap_err().to_string()
}

/// Other parameters stay where they are.
#[test]
fn the_direction_leaves_bounded_parameters_out() {
    let mdp = choice_model();
    let mut phi = features(4, 3, 3, 0);
    phi.slice_mut(ndarray::s![.., .., 2]).fill(0.0);
    phi[[1, 2, 2]] = -0.1; // a feature of one pair, whose choice was never seen
    let mut counts = counts();
    counts[[1, 2]] = 0.0;
    let fit = RewardFit::new(RewardFeatures::on_pairs(phi), Likelihood::actions(Variational));
    let found = direction(fit.fit(&mdp, &Demonstrations::from_counts(counts).unwrap()));
    assert!((found[2] - 1.0).abs() < 1e-3 && found[0].abs() < 0.03 && found[1].abs() < 0.03, "{found:?}");
}

/// Groups of engines without a replacement.
#[test]
fn engines_that_are_never_replaced_diverge() {
    let mut counts = crate::inverse::bus::counts();
    counts.column_mut(1).fill(0.0);
    let fit = RewardFit::new(crate::inverse::bus::features(), Likelihood::actions(Variational));
    let seen = Demonstrations::from_counts(counts).unwrap();
    for discount in [0.0, 0.99] {
        let found = direction(fit.fit(&super::bus::mdp(discount), &seen));
        assert!(found[0] > 0.0 || found[1] < 0.0, "{found:?}");
    }
}

/// Someone who always takes the best action.
#[test]
fn hard_maximisers_diverge() {
    let rewards = |theta: f64| {
        Array2::from_shape_fn((5, 2), |(s, a)| theta * (s as f64 * 0.3 - 0.4 * a as f64 * (s % 2) as f64))
    };
    let mut transitions = Array3::zeros((5, 2, 5));
    for s in 0..5 {
        (transitions[[s, 0, s]], transitions[[s, 1, (s + 1) % 5]]) = (1.0, 1.0);
    }
    let mdp = Mdp::new(transitions, Array2::zeros((5, 2))).unwrap();
    let hard = mdp.with_rewards(rewards(1.0)).unwrap().with_temperature(0.0).unwrap();
    let best = SoftValueIteration::new(6).inference(Variational).solve(&hard).unwrap();
    let all = (0..5).map(|start| {
        let (mut states, mut actions) = (vec![start], Vec::new());
        for t in 0..6 {
            let row = best.policy().probabilities();
            actions.push(usize::from(row[[t, states[t], 0]] <= 0.5));
            states.push(if actions[t] == 0 { states[t] } else { (states[t] + 1) % 5 });
        }
        Trajectory::new(states, actions).unwrap()
    });
    let seen = Demonstrations::new(all);
    let phi = rewards(1.0).insert_axis(ndarray::Axis(2));
    for likelihood in
        [Likelihood::trajectories(), Likelihood::actions(Variational), Likelihood::feature_matching()]
    {
        let fit = RewardFit::new(RewardFeatures::on_pairs(phi.clone()), likelihood.horizon(6));
        assert_eq!(direction(fit.fit(&mdp, &seen)), [1.0]);
    }
}

/// A rare choice is no missing one.
#[test]
fn one_in_a_million_has_a_maximum() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap().with_discount(0.5).unwrap();
    let features = RewardFeatures::on_pairs(array![[[1.0], [0.0]]]);
    let seen = Demonstrations::from_counts(array![[1e6, 1.0]]).unwrap();
    let fitted = RewardFit::new(features, Likelihood::actions(Variational)).fit(&mdp, &seen).unwrap();
    assert_close(fitted.parameters(), array![1e6_f64.ln()], 1e-6);
}

/// A table in which one choice was never seen, and a search that knows gradients alone.
#[test]
fn a_free_table_diverges_where_a_choice_was_never_seen() {
    let mdp = choice_model();
    let mut counts = counts();
    counts[[2, 0]] = 0.0;
    let seen = Demonstrations::from_counts(counts).unwrap();
    for method in [FitMethod::Newton, FitMethod::Lbfgs] {
        let fit =
            RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational)).method(method);
        let found = direction(fit.max_iterations(1000).fit(&mdp, &seen));
        let unseen = (0..12).map(|pair| if pair == 6 { -1.0 } else { 0.0 });
        assert_eq!(found, unseen.collect::<Vec<_>>());

        // The same features, of which nobody says that they are a table.
        let pairs = Array3::from_shape_fn((4, 3, 12), |(s, a, k)| if k == 3 * s + a { 1.0 } else { 0.0 });
        let fit = RewardFit::new(RewardFeatures::on_pairs(pairs), Likelihood::actions(Variational));
        let found = direction(fit.method(method).max_iterations(1000).fit(&mdp, &seen));
        let least = found.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        assert_eq!(least, 6, "{method:?} {found:?}");
    }
    let fit = RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational));
    // A prior of that entry alone leaves the other actions of the state free to be ever better.
    let precision = ndarray::Array1::from_shape_fn(12, |pair| if pair == 6 { 1.0 } else { 0.0 });
    direction(fit.clone().prior(ndarray::Array1::zeros(12), precision).fit(&mdp, &seen));
    let fit = fit.prior(ndarray::Array1::zeros(12), ndarray::Array1::from_elem(12, 0.1));
    assert_eq!(fit.fit(&mdp, &seen).unwrap().convergence().status, Status::Converged);
}

/// A search that was cut short is no estimate, and no divergence either.
#[test]
fn the_limit_of_iterations_is_a_status() {
    let fit =
        RewardFit::new(crate::inverse::bus::features(), Likelihood::actions(Variational)).max_iterations(3);
    let seen = Demonstrations::from_counts(crate::inverse::bus::counts()).unwrap();
    let fitted = fit.fit(&super::bus::mdp(0.9999), &seen).unwrap();
    assert_eq!(fitted.convergence().status, Status::IterationLimit);
    assert_eq!(fitted.convergence().iterations, 3);
    assert!(fitted.convergence().error_bound > 1e-6);
}

/// A message shows five entries, the largest first.
#[test]
fn a_long_direction_is_cut_short() {
    let mut direction = vec![0.1; 13];
    (direction[4], direction[7]) = (-0.8, 0.001);
    let names = (0..13).map(|k| format!("cost {k}")).collect();
    let message = Error::Diverging { direction, names }.to_string();
    let shown =
        "`cost 4` (-0.80), `cost 0` (+0.10), `cost 1` (+0.10), `cost 2` (+0.10), `cost 3` (+0.10) and 7 more";
    assert!(message.contains(shown), "{message}");
}
