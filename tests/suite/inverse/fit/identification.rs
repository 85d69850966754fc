//! What demonstrations cannot distinguish.

use ndarray::{Array2, array};
use softmdp::Inference::Variational;
use softmdp::inverse::{Covariance, Demonstrations, Likelihood, RewardFeatures, RewardFit};
use softmdp::{DeterministicDynamics, Mdp, Trajectory, ndarray};

use crate::inverse::formula::{assert_close, choice_model, counts, transitions};

/// Every trajectory of so many stages; those that reach an end are shorter.
fn every_trajectory(horizon: usize, is_terminal: impl Fn(usize) -> bool) -> Vec<Trajectory> {
    let mut whole = Vec::new();
    let starts = (0..4).filter(|&state| !is_terminal(state));
    let mut paths: Vec<(Vec<usize>, Vec<usize>)> = starts.map(|state| (vec![state], vec![])).collect();
    for _ in 0..horizon {
        let mut longer = Vec::new();
        for (states, actions) in paths {
            for step in 0..12 {
                let path = ([&states[..], &[step / 3]].concat(), [&actions[..], &[step % 3]].concat());
                if is_terminal(step / 3) { whole.push(path) } else { longer.push(path) }
            }
        }
        paths = longer;
    }
    let all = whole.into_iter().chain(paths);
    all.map(|(states, actions)| Trajectory::new(states, actions).unwrap()).collect()
}

/// Null directions at rewards of 0, which are those anywhere.
fn nullity(mdp: &Mdp, features: RewardFeatures, likelihood: Likelihood, seen: &Demonstrations) -> usize {
    let fit = RewardFit::new(features, likelihood).max_iterations(0);
    let fitted = fit.fit(mdp, seen).unwrap();
    let null = fitted.unidentified();
    let product = null.dot(&null.t());
    assert!((product - Array2::<f64>::eye(null.nrows())).iter().all(|entry| entry.abs() < 1e-10));
    null.nrows()
}

/// A table without terminal states.
fn table(mdp: &Mdp, terminal: &[usize]) -> (RewardFeatures, usize) {
    (RewardFeatures::table(mdp), 3 * terminal.len()) // pairs of terminal states are never paid
}

#[test]
fn a_free_table_of_a_stationary_problem_has_one_direction_a_state() {
    let seen = Demonstrations::from_counts(counts()).unwrap();
    let actions = || Likelihood::actions(Variational);
    let mdp = choice_model();
    assert_eq!(nullity(&mdp, RewardFeatures::table(&mdp), actions(), &seen), 4);
    let fitted = RewardFit::new(RewardFeatures::table(&mdp), actions()).fit(&mdp, &seen).unwrap();
    assert_eq!(fitted.names()[5], "state 1, action 2");

    let episodic = mdp.with_terminal_states([3]).unwrap();
    let mut counts = counts();
    counts.row_mut(3).fill(0.0);
    let seen = Demonstrations::from_counts(counts).unwrap();
    let (features, unused) = table(&episodic, &[3]);
    assert_eq!(nullity(&episodic, features, actions(), &seen), 3 + unused);
}

/// The directions are h(s) − γ Σ P h.
#[test]
fn the_directions_of_a_free_table_are_shapings() {
    let (mdp, seen) = (choice_model(), Demonstrations::from_counts(counts()).unwrap());
    let fit = RewardFit::new(RewardFeatures::table(&mdp), Likelihood::actions(Variational));
    let fitted = fit.max_iterations(0).fit(&mdp, &seen).unwrap();
    let null = fitted.unidentified();
    for state in 0..4 {
        let shaping = Array2::from_shape_fn((4, 3), |(s, a)| {
            let p = mdp.dynamics().transitions()[[s, a, state]];
            (if s == state { 1.0 } else { 0.0 }) - 0.95 * p
        });
        let shaping = shaping.flatten().to_owned();
        let rest = &shaping - &null.t().dot(&null.dot(&shaping));
        assert!(rest.iter().all(|entry: &f64| entry.abs() < 1e-9), "{rest}");
    }
}

#[test]
fn rewards_of_states_lose_their_constant_unless_there_is_an_end() {
    let seen = Demonstrations::from_counts(counts()).unwrap();
    let states = RewardFeatures::on_states(Array2::eye(4));
    assert_eq!(nullity(&choice_model(), states, Likelihood::actions(Variational), &seen), 1);

    let mut counts = counts();
    counts.row_mut(3).fill(0.0);
    let seen = Demonstrations::from_counts(counts).unwrap();
    let episodic = choice_model().with_terminal_states([3]).unwrap();
    let states = RewardFeatures::on_states(Array2::eye(4).slice_move(ndarray::s![.., ..3]));
    assert_eq!(nullity(&episodic, states, Likelihood::actions(Variational), &seen), 0);
}

#[test]
fn a_finite_horizon_loses_a_constant_alone() {
    for (terminal, expected) in [(&[][..], [4, 1]), (&[3][..], [3, 0])] {
        let mdp = Mdp::new(transitions(4, 3, 0), Array2::zeros((4, 3))).unwrap();
        let mdp = mdp.with_terminal_states(terminal.iter().copied()).unwrap();
        for horizon in [1, 2] {
            let seen = Demonstrations::new(every_trajectory(horizon, |state| terminal.contains(&state)));
            let likelihoods = [Likelihood::actions(Variational), Likelihood::feature_matching()];
            for likelihood in likelihoods {
                let (features, unused) = table(&mdp, terminal);
                let found = nullity(&mdp, features, likelihood.horizon(horizon), &seen);
                assert_eq!(found - unused, expected[horizon - 1], "{terminal:?}, horizon {horizon}");
            }
        }
    }
}

/// Whole trajectories show more than actions: no shaping is invisible if transitions are
/// stochastic.
#[test]
fn trajectories_under_stochastic_transitions_lose_a_constant_at_most() {
    let mdp = Mdp::new(transitions(4, 3, 0), Array2::zeros((4, 3))).unwrap();
    let likelihood = || Likelihood::trajectories().horizon(2);
    let seen = Demonstrations::new(every_trajectory(2, |_| false));
    assert_eq!(nullity(&mdp, RewardFeatures::table(&mdp), likelihood(), &seen), 1);

    let discounted = mdp.with_discount(0.8).unwrap();
    assert_eq!(nullity(&discounted, RewardFeatures::table(&mdp), likelihood(), &seen), 0);

    let episodic = mdp.with_terminal_states([3]).unwrap();
    let seen = Demonstrations::new(every_trajectory(2, |state| state == 3));
    let (features, unused) = table(&episodic, &[3]);
    assert_eq!(nullity(&episodic, features, likelihood(), &seen) - unused, 0);
}

/// A constant feature: its error is infinite, that of the other feature is not.
#[test]
fn parameters_that_are_not_identified_have_infinite_errors() {
    let mdp = choice_model();
    let mut features = crate::inverse::formula::features(4, 3, 3, 0);
    features.slice_mut(ndarray::s![.., .., 1]).fill(2.5);
    let features = RewardFeatures::on_pairs(features);
    let seen = Demonstrations::from_counts(counts()).unwrap();
    let fit = RewardFit::new(features, Likelihood::actions(Variational)).start(array![0.0, 7.0, 0.0]);
    let fitted = fit.fit(&mdp, &seen).unwrap();
    assert_close(fitted.unidentified().row(0).mapv(f64::abs).view(), array![0.0, 1.0, 0.0], 1e-9);
    assert!(fitted.parameters()[1].abs() < 1e-9); // the shortest, whatever the start
    for kind in [Covariance::Information, Covariance::OuterProduct, Covariance::Sandwich] {
        let errors = fitted.standard_errors(kind).unwrap();
        assert!(errors[0].is_finite() && errors[1] == f64::INFINITY && errors[2].is_finite(), "{errors}");
        let covariance = fitted.covariance(kind).unwrap();
        assert!(covariance.iter().all(|entry: &f64| entry.is_finite()) && covariance[[1, 1]].abs() < 1e-12);
    }
    assert!(fitted.to_string().contains("1 direction is not identified"), "{fitted}");
}

/// Two states that alternate: rewards of the two are worth the same.
#[test]
fn what_the_dynamics_tie_together_is_not_identified() {
    let alternate = DeterministicDynamics::new(array![[1, 1], [0, 0]]).unwrap();
    let mdp = Mdp::builder(alternate, Array2::zeros((2, 2))).discount(0.9).build().unwrap();
    let features = RewardFeatures::on_states(Array2::eye(2));
    let seen = Demonstrations::from_counts(array![[3.0, 2.0], [1.0, 4.0]]).unwrap();
    let fit = RewardFit::new(features, Likelihood::actions(Variational));
    let fitted = fit.fit(&mdp, &seen).unwrap();
    assert_eq!(fitted.unidentified().nrows(), 2);
    assert_close(fitted.parameters(), array![0.0, 0.0], 1e-12);
}
