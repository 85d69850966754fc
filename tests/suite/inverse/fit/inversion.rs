//! Rewards from a policy.

use ndarray::{Array2, array};
use softmdp::inverse::{Error, rewards_of};
use softmdp::{Mdp, StationaryPolicy, ndarray, solve_stationary};

use crate::inverse::formula::known_builder;

fn policy_of(mdp: &Mdp) -> StationaryPolicy {
    solve_stationary(mdp, 1e-11).unwrap().policy().clone()
}

#[test]
fn rewards_relative_to_an_action_are_those_of_an_independent_program() {
    let mdp = known_builder().discount(0.95).build().unwrap();
    let policy = policy_of(&mdp);
    let known = mdp.with_rewards(Array2::zeros((4, 3))).unwrap();
    let rewards = rewards_of(&known, &policy, &array![1, 1, 1, 1]).unwrap();
    let expected = array![
        [-1.0946822933582, 0.0, 0.5968059408449],
        [0.9417303218858, 0.0, 0.6768442915980],
        [-0.4266166161862, 0.0, -0.6553177066418],
        [1.0612151567656, 0.0, 0.8082696781143]
    ];
    assert!((&rewards - &expected).iter().all(|error| error.abs() < 1e-11), "{rewards}");

    let again = mdp.with_rewards(rewards).unwrap();
    let solution = solve_stationary(&again, 1e-11).unwrap();
    let values = array![27.8596324536742, 28.3865779180875, 27.4284347966777, 28.4143634079258];
    assert!((&values - &solution.state_values()).iter().all(|error| error.abs() < 1e-10));
    let difference = &solution.policy().probabilities() - &policy.probabilities();
    assert!(difference.iter().all(|error| error.abs() < 1e-13));
}

/// A total reward until the end, with forbidden actions, and references that differ by state.
#[test]
fn known_references_return_all_rewards() {
    let base =
        known_builder().terminal_states([3]).terminal_values(array![0.0, 0.0, 0.0, 2.0]).build().unwrap();
    let mut rewards = base.rewards().to_owned() - 2.0;
    let mut weights = base.prior_weights().to_owned();
    weights[[1, 0]] = 0.0;
    rewards[[1, 0]] = 77.0; // never paid
    let mdp = base.with_action_prior(softmdp::ActionPrior::Weights(weights)).unwrap();
    let mdp = mdp.with_rewards(rewards.clone()).unwrap();
    let found = rewards_of(&mdp, &policy_of(&mdp), &array![2, 1, 0, 9]).unwrap();
    assert!((&found - &rewards).iter().all(|error| error.abs() < 1e-10), "{found}");
}

#[test]
fn what_has_no_rewards_is_an_error() {
    let mdp = known_builder().discount(0.95).build().unwrap();
    let policy = policy_of(&mdp);
    let reference = array![0, 0, 0, 0];

    let mut table = policy.probabilities().to_owned();
    table.row_mut(2).assign(&array![0.5, 0.0, 0.5]);
    let certain = StationaryPolicy::new(table).unwrap();
    let error = rewards_of(&mdp, &certain, &reference).unwrap_err();
    assert!(
        matches!(error, Error::InvalidProbability { state: 2, action: 1, probability: 0.0, .. }),
        "{error}"
    );

    let mut weights = mdp.prior_weights().to_owned();
    weights[[1, 2]] = 0.0;
    let fewer = mdp.with_action_prior(softmdp::ActionPrior::Weights(weights)).unwrap();
    let error = rewards_of(&fewer, &policy, &reference).unwrap_err();
    assert!(matches!(error, Error::InvalidProbability { state: 1, action: 2, .. }), "{error}");
    let error = rewards_of(&fewer, &policy_of(&fewer), &array![0, 2, 0, 0]).unwrap_err();
    assert!(matches!(error, Error::UnknownReference { state: 1, action: 2, .. }), "{error}");

    let mut rewards = mdp.rewards().to_owned();
    rewards[[3, 0]] = f64::NEG_INFINITY;
    let error = rewards_of(&mdp.with_rewards(rewards).unwrap(), &policy, &reference).unwrap_err();
    let value = f64::NEG_INFINITY;
    assert_eq!(error, Error::UnknownReference { state: 3, action: 0, value });

    let error = rewards_of(&mdp, &policy, &array![0, 0, 3, 0]).unwrap_err();
    let expected = softmdp::Error::ActionOutOfRange { state: 2, action: 3, num_actions: 3 };
    assert_eq!(error, Error::Model(expected));
    let error = rewards_of(&mdp, &policy, &array![0, 0, 0]).unwrap_err();
    assert!(matches!(error, Error::Model(softmdp::Error::ShapeMismatch { .. })), "{error}");
    let frozen = mdp.with_temperature(0.0).unwrap();
    let error = rewards_of(&frozen, &policy, &reference).unwrap_err();
    assert!(matches!(error, Error::Model(softmdp::Error::InvalidSetting { .. })), "{error}");

    // Reference actions that never end.
    let forever = mdp.with_discount(1.0).unwrap();
    let error = rewards_of(&forever, &policy, &reference).unwrap_err();
    assert!(matches!(error, Error::Model(softmdp::Error::IllConditioned { .. })), "{error}");

    let ends = mdp.with_terminal_states([2]).unwrap();
    let ends = ends.with_terminal_values(array![0.0, 0.0, f64::NEG_INFINITY, 0.0]).unwrap();
    let error = rewards_of(&ends, &policy, &reference).unwrap_err();
    assert_eq!(error, Error::ForbiddenEnd { state: 2 });
}
