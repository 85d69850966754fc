//! What must not matter for estimates.

use ndarray::{Array1, Array2, Array3, Axis, s};
use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Covariance, Demonstrations, FittedRewards, Likelihood, RewardFeatures, RewardFit};
use softmdp::{ActionPrior, Mdp, TimeVaryingMdp, Trajectory, ndarray};

use crate::inverse::formula::{
    assert_close, features, four_demonstrations as four, known_builder, three_features, trajectory,
};
use crate::inverse::formula::{prior, rewards, terminal_features, transitions};

fn episodic() -> Mdp {
    known_builder().terminal_states([3]).discount(0.9).build().unwrap()
}

fn all() -> [Likelihood; 4] {
    [
        Likelihood::trajectories(),
        Likelihood::actions(Variational),
        Likelihood::actions(Direct),
        Likelihood::feature_matching(),
    ]
    .map(|likelihood| likelihood.horizon(5))
}

fn fit(features: RewardFeatures, likelihood: Likelihood, precision: [f64; 3]) -> RewardFit {
    RewardFit::new(features, likelihood).prior(Array1::zeros(3), precision.to_vec().into())
}

const PRECISION: [f64; 3] = [0.5, 1.0, 0.25];

fn fitted(likelihood: Likelihood) -> FittedRewards<Mdp> {
    fit(three_features(), likelihood, PRECISION).fit(&episodic(), &four()).unwrap()
}

#[track_caller]
fn assert_equal(found: &FittedRewards<Mdp>, expected: &FittedRewards<Mdp>, order: [usize; 3]) {
    let permuted = |table: Array1<f64>| order.iter().map(|&k| table[k]).collect::<Array1<f64>>();
    assert_close(found.parameters(), permuted(expected.parameters().to_owned()), 1e-10);
    assert!((found.log_likelihood() - expected.log_likelihood()).abs() < 1e-10);
    for kind in [Covariance::Information, Covariance::Sandwich, Covariance::OuterProduct] {
        let errors = |fitted: &FittedRewards<Mdp>| fitted.standard_errors(kind).unwrap();
        assert_close(errors(found).view(), permuted(errors(expected)), 1e-9);
    }
    assert!((found.log_evidence().unwrap() - expected.log_evidence().unwrap()).abs() < 1e-9);
}

#[test]
fn the_order_of_features() {
    let order = [2, 0, 1];
    let (pairs, ends) = (features(4, 3, 3, 0), terminal_features(4, 3, 0));
    for likelihood in all() {
        let permuted =
            RewardFeatures::on_pairs(pairs.select(Axis(2), &order)).terminal(ends.select(Axis(1), &order));
        let precision = order.map(|k| PRECISION[k]);
        let found = fit(permuted, likelihood.clone(), precision).fit(&episodic(), &four()).unwrap();
        assert_equal(&found, &fitted(likelihood), order);
    }
}

/// With all tables permuted, in which new state i is old state `states[i]`.
#[test]
fn the_names_of_states_and_actions() {
    let (states, actions) = ([2, 3, 0, 1], [1, 2, 0]);
    let new_state = |old: usize| states.iter().position(|&state| state == old).unwrap();
    let new_action = |old: usize| actions.iter().position(|&action| action == old).unwrap();
    let pairs = |table: Array2<f64>| table.select(Axis(0), &states).select(Axis(1), &actions);
    let permuted = transitions(4, 3, 0).select(Axis(0), &states).select(Axis(1), &actions);
    let mdp = Mdp::builder(permuted.select(Axis(2), &states), pairs(rewards(4, 3, 0)))
        .action_prior(ActionPrior::Weights(pairs(prior(4, 3, 0))))
        .temperature(0.7)
        .terminal_states([new_state(3)])
        .discount(0.9)
        .build()
        .unwrap();
    let features = features(4, 3, 3, 0).select(Axis(0), &states).select(Axis(1), &actions);
    let ends = terminal_features(4, 3, 0).select(Axis(0), &states);
    let rename = |trajectory: &Trajectory| {
        let states = trajectory.states().iter().map(|&state| new_state(state)).collect();
        Trajectory::new(states, trajectory.actions().iter().map(|&action| new_action(action)).collect())
            .unwrap()
    };
    let seen = four();
    let (renamed, weights): (Vec<_>, Vec<_>) =
        seen.trajectories().map(|(trajectory, weight)| (rename(trajectory), weight)).unzip();
    let seen = Demonstrations::new(renamed).with_weights(weights).unwrap();
    for likelihood in all() {
        let features = RewardFeatures::on_pairs(features.clone()).terminal(ends.clone());
        let found = fit(features, likelihood.clone(), PRECISION).fit(&mdp, &seen).unwrap();
        assert_equal(&found, &fitted(likelihood), [0, 1, 2]);
    }
}

#[test]
fn the_order_of_demonstrations() {
    let seen = four();
    let mut parts: Vec<(Trajectory, f64)> =
        seen.trajectories().map(|(trajectory, weight)| (trajectory.clone(), weight)).collect();
    parts.rotate_left(2);
    let (trajectories, weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let seen = Demonstrations::new(trajectories).with_weights(weights).unwrap();
    for likelihood in all() {
        let found = fit(three_features(), likelihood.clone(), PRECISION).fit(&episodic(), &seen).unwrap();
        assert_equal(&found, &fitted(likelihood), [0, 1, 2]);
    }
}

#[test]
fn a_schedule_of_equal_stages() {
    let stages = TimeVaryingMdp::new(vec![episodic(); 5]).unwrap();
    for likelihood in all() {
        let found = fit(three_features(), likelihood.clone(), PRECISION).fit(&stages, &four()).unwrap();
        assert_close(found.parameters(), fitted(likelihood).parameters().to_owned(), 1e-10);
        assert_eq!(found.model().stages().len(), 5);
    }
}

/// φ(s,a) as features of transitions, and φ(s) as features of pairs.
#[test]
fn the_place_of_features() {
    let with_successors = episodic().with_successor_rewards(|_, _, _| 0.0).unwrap();
    let pairs = features(4, 3, 3, 0);
    let states = pairs.index_axis(Axis(1), 0).to_owned();
    let repeated = Array3::from_shape_fn((4, 3, 3), |(s, _, k)| states[[s, k]]);
    let ends = || terminal_features(4, 3, 0);
    for likelihood in all() {
        let table = pairs.clone();
        let on_successors = RewardFeatures::on_successors(3, move |s, a, _, values: &mut [f64]| {
            values.iter_mut().zip(table.slice(s![s, a, ..])).for_each(|(value, &phi)| *value = phi);
        });
        let found = fit(on_successors.terminal(ends()), likelihood.clone(), PRECISION);
        let found = found.fit(&with_successors, &four()).unwrap();
        let expected = fitted(likelihood.clone());
        assert_close(found.parameters(), expected.parameters().to_owned(), 1e-9);

        let on_states = RewardFeatures::on_states(states.clone()).terminal(ends());
        let on_pairs = RewardFeatures::on_pairs(repeated.clone()).terminal(ends());
        let [found, expected] = [on_states, on_pairs]
            .map(|features| fit(features, likelihood.clone(), PRECISION).fit(&episodic(), &four()).unwrap());
        assert_equal(&found, &expected, [0, 1, 2]);
    }
}

/// The average over successors would be another model in direct inference.
#[test]
fn features_of_transitions_are_not_averaged() {
    let phi =
        |s: usize, a: usize, next: usize, k: usize| ((s + 2 * a + 3 * next + 5 * k) % 7) as f64 / 3.0 - 1.0;
    let mdp =
        known_builder().terminal_states([3]).build().unwrap().with_successor_rewards(|_, _, _| 0.0).unwrap();
    let features = RewardFeatures::on_successors(2, move |s, a, next, values: &mut [f64]| {
        values.iter_mut().enumerate().for_each(|(k, value)| *value = phi(s, a, next, k));
    });
    let likelihood = Likelihood::trajectories().horizon(5);
    let fit = RewardFit::new(features.clone(), likelihood.clone()).prior(Array1::zeros(2), Array1::ones(2));
    let fitted = fit.fit(&mdp, &four()).unwrap();
    let objective = |theta: [f64; 2]| {
        let model = features.model(&mdp, &ndarray::aview1(&theta)).unwrap();
        let value = likelihood.evaluate(&model, &four()).unwrap().value();
        value - 0.5 * theta.iter().map(|theta| theta * theta).sum::<f64>()
    };
    let best = [fitted.parameters()[0], fitted.parameters()[1]];
    for k in 0..2 {
        let moved = |by: f64| {
            let mut theta = best;
            theta[k] += by;
            objective(theta)
        };
        assert!(((moved(1e-4) - moved(-1e-4)) / 2e-4).abs() < 1e-6);
        assert!(moved(0.1) < objective(best) && moved(-0.1) < objective(best));
    }
}

/// A weight of 2 is two demonstrations.
#[test]
fn weights_are_repetitions() {
    let one = || trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0]);
    let other = || trajectory(&[1, 2, 3], &[2, 0]);
    for likelihood in all() {
        let fit = fit(three_features(), likelihood, PRECISION);
        let repeated = fit.fit(&episodic(), &Demonstrations::new([one(), other(), other()])).unwrap();
        let weighted = Demonstrations::new([one(), other()]).with_weights([1.0, 2.0]).unwrap();
        let weighted = fit.fit(&episodic(), &weighted).unwrap();
        assert_close(repeated.parameters(), weighted.parameters().to_owned(), 1e-10);
    }
}

#[test]
fn single_precision() {
    let narrow = episodic().cast::<f32>().unwrap();
    let seen = four();
    let (trajectories, weights): (Vec<_>, Vec<_>) =
        seen.trajectories().map(|(trajectory, weight)| (trajectory.clone(), weight as f32)).unzip();
    let seen = Demonstrations::new(trajectories).with_weights(weights).unwrap();
    let features = RewardFeatures::on_pairs(features(4, 3, 3, 0).mapv(|phi| phi as f32))
        .terminal(terminal_features(4, 3, 0).mapv(|phi| phi as f32));
    let likelihoods: [Likelihood<f32>; 3] =
        [Likelihood::trajectories(), Likelihood::actions(Variational), Likelihood::feature_matching()];
    for (narrow_likelihood, likelihood) in likelihoods.into_iter().zip([
        Likelihood::trajectories(),
        Likelihood::actions(Variational),
        Likelihood::feature_matching(),
    ]) {
        let precision = Array1::from_vec(PRECISION.to_vec()).mapv(|precision| precision as f32);
        let fit =
            RewardFit::new(features.clone(), narrow_likelihood.horizon(5)).prior(Array1::zeros(3), precision);
        let found = fit.fit(&narrow, &seen).unwrap();
        let expected = fitted(likelihood.horizon(5));
        assert_close(found.parameters().mapv(f64::from).view(), expected.parameters().to_owned(), 1e-4);
        let errors = found.standard_errors(Covariance::Information).unwrap().mapv(f64::from);
        assert_close(errors.view(), expected.standard_errors(Covariance::Information).unwrap(), 1e-4);
    }
}

#[test]
fn the_number_of_threads() {
    let expected = fitted(Likelihood::trajectories().horizon(5));
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| fitted(Likelihood::trajectories().horizon(5)));
        assert_eq!(found.parameters(), expected.parameters());
        let bits = |fitted: &FittedRewards<Mdp>| fitted.covariance(Covariance::Sandwich).unwrap();
        assert_eq!(bits(&found), bits(&expected));
    }
}

#[test]
fn moments_agree_at_every_maximum() {
    for likelihood in all() {
        let fit = RewardFit::new(RewardFeatures::on_pairs(features(4, 3, 1, 0)), likelihood);
        let fitted = fit.fit(&episodic(), &four()).unwrap();
        assert!(fitted.moment_gap()[0] < 1e-9, "{}", fitted.moment_gap());
        assert!(fitted.convergence().error_bound < 1e-12);
    }
}
