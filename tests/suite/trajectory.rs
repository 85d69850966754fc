//! Trajectories are scored, sampled and sought as the sum over all of them says.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the logarithm −∞")]

mod sample;

use crate::common::enumeration::{self, acting_trajectories, posterior_trajectories};
use crate::common::{MINUS_INFINITY, SMALL, Tables, assert_close, cases, tables_with_successor_rewards};
use ndarray::{Array2, Array3, array};
use proptest::prelude::*;
use softmdp::{
    DenseDynamics, Error, Mdp, Model, Policy, StationaryPolicy, SuccessorRewardMdp, Table, TimeVaryingMdp,
    Trajectory, ndarray, posterior,
};

fn trajectory(found: &enumeration::Trajectory) -> Trajectory {
    Trajectory::new(found.states.clone(), found.actions.clone()).unwrap()
}

fn of_stages(tables: &Tables) -> TimeVaryingMdp<SuccessorRewardMdp<f64, DenseDynamics>> {
    let stages = (0..tables.horizon()).map(|t| {
        let rewards = &tables.stages[t].successor_rewards;
        tables.mdp_of_stage(t).with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap()
    });
    TimeVaryingMdp::new(stages).unwrap()
}

fn check_posterior<M: Model<Scalar = f64>>(model: &M, tables: &Tables, kind: &str) {
    let all = posterior_trajectories(tables);
    let posterior = match posterior(model, &tables.initial, tables.horizon()) {
        Err(Error::ImpossibleEvidence { .. }) => return assert!(all.is_empty(), "{kind}"),
        posterior => posterior.unwrap(),
    };
    let mut total = 0.0;
    let mut largest = MINUS_INFINITY;
    for (found, probability) in &all {
        let log = posterior.log_probability(model, &trajectory(found)).unwrap();
        assert_close(log, probability.ln(), 1e-10, kind);
        total += log.exp();
        largest = largest.max(log);
    }
    assert_close(total, 1.0, 1e-10, kind);
    let best = posterior.most_likely(model).unwrap();
    assert_close(posterior.log_probability(model, &best).unwrap(), largest, 1e-10, kind);
}

fn check_acting<M: Model<Scalar = f64>>(model: &M, policy: &Policy, tables: &Tables, kind: &str) {
    let mut total = 0.0;
    for (found, probability) in acting_trajectories(tables, &policy.probabilities().to_owned()) {
        let log = policy.log_probability(model, &tables.initial, &trajectory(&found)).unwrap();
        assert_close(log, probability.ln(), 1e-10, kind);
        total += log.exp();
        check_choices(policy, tables, &found, log, kind);
    }
    assert_close(total, 1.0, 1e-10, kind);
}

/// The choices of a trajectory and of each of its beginnings. Without the outcomes, they are what
/// is left of its log-probability.
fn check_choices(policy: &Policy, tables: &Tables, found: &enumeration::Trajectory, log: f64, kind: &str) {
    let choices = policy.log_choices(&trajectory(found)).unwrap();
    let outcomes = (found.actions.iter().enumerate()).map(|(t, &action)| {
        tables.stages[t].transitions[[found.states[t], action, found.states[t + 1]]].ln()
    });
    let outcomes = tables.initial[found.states[0]].ln() + outcomes.sum::<f64>();
    assert_close(choices.sum() + outcomes, log, 1e-10, kind);
    for (t, &action) in found.actions.iter().enumerate() {
        assert_eq!(choices[t], policy.probabilities()[[t, found.states[t], action]].ln(), "{kind}");
        let unfinished = Trajectory::new(found.states[..=t].to_vec(), found.actions[..t].to_vec()).unwrap();
        assert_eq!(policy.log_choices(&unfinished).unwrap(), choices.slice(ndarray::s![..t]), "{kind}");
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn scores_equal_the_weights_of_all_trajectories_for_every_kind(
        tables in tables_with_successor_rewards(SMALL)
    ) {
        let tables = tables.homogeneous();
        let rewards = &tables.stages[0].successor_rewards;
        let policy = tables.own_policy();
        for (kind, mdp) in tables.kinds() {
            let model = mdp.with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap();
            check_posterior(&model, &tables, kind);
            check_acting(&model, &policy, &tables, kind);
        }
    }

    #[test]
    fn scores_read_stages_in_their_order(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.with_varying_priors();
        let model = of_stages(&tables);
        check_posterior(&model, &tables, "of stages");
        check_acting(&model, &tables.own_policy(), &tables, "of stages");
    }
}

/// A model with a terminal state (2), an action of weight 0 and two stages.
fn small(discount: f64) -> Mdp {
    let rows = Array3::from_shape_fn((3, 2, 3), |(_, a, n)| [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]][a][n]);
    Mdp::builder(rows, array![[0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
        .available_actions(array![[true, true], [true, false], [true, true]])
        .terminal_states([2])
        .discount(discount)
        .build()
        .unwrap()
}

#[test]
fn what_is_no_trajectory_of_the_model_is_refused_with_its_place() {
    let (mdp, initial) = (small(1.0), array![1.0, 0.0, 0.0]);
    let posterior = posterior(&mdp, &initial, 2).unwrap();
    let policy = posterior.policy();
    let both = |states: &[usize], actions: &[usize]| {
        let trajectory = Trajectory::new(states.to_vec(), actions.to_vec()).unwrap();
        let scores = (
            posterior.log_probability(&mdp, &trajectory),
            policy.log_probability(&mdp, &initial, &trajectory),
        );
        assert_eq!(scores.0.is_err(), scores.1.is_err(), "{scores:?}");
        scores.0
    };
    let out_of_range = Error::StateOutOfRange { table: Table::Trajectory, state: 3, num_states: 3 };
    assert_eq!(both(&[0, 1, 3], &[0, 0]), Err(out_of_range));
    let out_of_range = Error::ActionOutOfRange { state: 1, action: 2, num_actions: 2 };
    assert_eq!(both(&[0, 1, 0], &[0, 2]), Err(out_of_range));
    assert_eq!(both(&[0, 1], &[0]), Err(Error::TrajectoryLength { found: 1, horizon: 2 }));
    assert_eq!(both(&[0], &[]), Err(Error::TrajectoryLength { found: 0, horizon: 2 }));
    assert_eq!(both(&[0, 0, 0, 0], &[1; 3]), Err(Error::TrajectoryLength { found: 3, horizon: 2 }));
    assert_eq!(both(&[0, 2, 0], &[0, 0]), Err(Error::ActionAfterEnd { stage: 1, state: 2 }));
    // What is well formed and cannot be: an action that is not there, a step that is not possible, another start.
    for (states, actions) in [([0, 1, 0], [0, 1]), ([0, 0, 0], [0, 1]), ([1, 1, 0], [0, 0])] {
        assert_eq!(both(&states, &actions), Ok(MINUS_INFINITY), "{states:?}");
    }
    // Entering the terminal state ends it, at any stage.
    assert!(both(&[0, 2], &[0]).unwrap() > MINUS_INFINITY);
    assert!(both(&[0, 1, 2], &[0, 0]).unwrap() > MINUS_INFINITY);
    let shape = |found, expected| Error::ShapeMismatch {
        table: Table::Trajectory,
        found: vec![found],
        expected: vec![expected],
    };
    assert_eq!(Trajectory::new(vec![], vec![]), Err(shape(0, 1)));
    assert_eq!(Trajectory::new(vec![0, 0, 0], vec![0]), Err(shape(3, 2)));
    assert_eq!(Trajectory::new(vec![0], vec![0, 0]), Err(shape(1, 3)));
    assert_eq!(
        shape(1, 3).to_string(),
        "shape of trajectory is [1], expected [3]: one state more than actions, or as many if the agent left for †"
    );
}

#[test]
fn leaving_is_possible_below_discount_one_and_only_for_the_posterior() {
    let initial = array![1.0, 0.0, 0.0];
    let left = Trajectory::new(vec![0], vec![1]).unwrap();
    assert!(left.has_left());
    for (discount, possible) in [(1.0, false), (0.5, true)] {
        let mdp = small(discount);
        let posterior = posterior(&mdp, &initial, 2).unwrap();
        let log = posterior.log_probability(&mdp, &left).unwrap();
        assert_eq!(log > MINUS_INFINITY, possible);
        assert_eq!(posterior.policy().log_probability(&mdp, &initial, &left), Ok(MINUS_INFINITY));
    }
    // With every reward far below 0, to leave at once is by far the likeliest.
    let dear = small(0.5).with_rewards(array![[-50.0, -50.0], [-50.0, 0.0], [0.0, 0.0]]).unwrap();
    let dear = dear.with_terminal_values(array![-90.0, -90.0, -90.0]).unwrap();
    let best = posterior(&dear, &initial, 2).unwrap().most_likely(&dear).unwrap();
    assert_eq!(best, Trajectory::new(vec![0], vec![0]).unwrap());
}

#[test]
fn a_trajectory_of_a_hundred_thousand_stages_is_scored_and_found() {
    let mdp = Mdp::new(array![[[0.75, 0.25]], [[0.25, 0.75]]], array![[0.0], [-1.0]]).unwrap();
    let horizon = 100_000;
    let posterior = posterior(&mdp, &array![0.5, 0.5], horizon).unwrap();
    let best = posterior.most_likely(&mdp).unwrap();
    assert_eq!(best, Trajectory::new(vec![0; horizon + 1], vec![0; horizon]).unwrap());
    let expected = 0.5_f64.ln() + horizon as f64 * 0.75_f64.ln() - posterior.log_evidence();
    // An ulp of the running sum a stage, at worst.
    assert_close(posterior.log_probability(&mdp, &best).unwrap(), expected, 2e-11, "log-probability");
}

#[test]
fn of_several_that_are_equally_likely_the_first_is_returned() {
    let mdp = Mdp::new(Array3::from_elem((4, 2, 4), 0.25), Array2::zeros((4, 2)));
    let mdp = mdp.unwrap();
    let best = posterior(&mdp, &array![0.0, 0.5, 0.5, 0.0], 3).unwrap().most_likely(&mdp).unwrap();
    assert_eq!(best, Trajectory::new(vec![1, 0, 0, 0], vec![0; 3]).unwrap());
}

#[test]
fn questions_with_another_model_than_the_one_solved_are_refused_where_that_shows() {
    let mdp = small(1.0);
    let rewards = Array3::zeros((2, 3, 2));
    let stages = TimeVaryingMdp::from_rewards(&mdp, rewards).unwrap();
    let initial = array![1.0, 0.0, 0.0];
    let posterior = posterior(&stages.clone().repeating(), &initial, 4).unwrap();
    let trajectory = Trajectory::new(vec![0, 1, 0, 1, 2], vec![0; 4]).unwrap();
    let short = Error::HorizonOutOfRange { horizon: 4, num_stages: 2 };
    assert_eq!(posterior.most_likely(&stages), Err(short.clone()));
    assert_eq!(posterior.log_probability(&stages, &trajectory), Err(short.clone()));
    assert_eq!(posterior.dynamics_at(&stages, 0).map(|_| ()), Err(short));
    let beyond = Error::HorizonOutOfRange { horizon: 3, num_stages: 2 };
    assert_eq!(stages.stage(2, softmdp::Inference::Direct).map(|_| ()).unwrap_err(), beyond);
    let cold = mdp.with_temperature(0.0).unwrap();
    let zero = Error::ZeroTemperature { table: Table::PosteriorDynamics };
    assert_eq!(posterior.most_likely(&cold), Err(zero.clone()));
    assert_eq!(posterior.log_probability(&cold, &trajectory), Err(zero.clone()));
    assert_eq!(posterior.dynamics_at(&cold, 0).map(|_| ()), Err(zero));
}

/// An improbable choice, an impossible one and one that leads to †, of paths that are not finished.
#[test]
fn choices_are_scored_stage_by_stage_and_without_a_model() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -2000.0]]).unwrap();
    let policy = posterior(&mdp, &array![1.0], 3).unwrap().policy().clone();
    let path = |actions: &[usize]| Trajectory::new(vec![0; actions.len() + 1], actions.to_vec()).unwrap();
    // The probability underflows, and its logarithm does not.
    assert_eq!(policy.log_choices(&path(&[1, 0])).unwrap(), array![-2000.0, 0.0]);
    assert_eq!(policy.log_choices(&path(&[])).unwrap(), array![]);
    let left = Trajectory::new(vec![0, 0], vec![0, 1]).unwrap();
    assert_eq!(policy.log_choices(&left).unwrap(), array![0.0, -2000.0]);
    let too_long = Error::TrajectoryTooLong { found: 4, horizon: 3 };
    assert_eq!(policy.log_choices(&path(&[0; 4])).unwrap_err(), too_long);
    assert_eq!(
        too_long.to_string(),
        "trajectory has 4 actions, expected at most 3, the number of stages of the policy"
    );

    // Stages differ, and so do states: an entry is of its own stage and state.
    let table = array![[[0.25, 0.75], [1.0, 0.0]], [[0.5, 0.5], [0.125, 0.875]]];
    let policy = Policy::new(table.clone()).unwrap();
    let path =
        |states: &[usize], actions: &[usize]| Trajectory::new(states.to_vec(), actions.to_vec()).unwrap();
    let found = policy.log_choices(&path(&[0, 1, 1], &[1, 0])).unwrap();
    assert_eq!(found, array![0.75_f64.ln(), 0.125_f64.ln()]);
    let found = policy.log_choices(&path(&[1, 1, 0], &[1, 1])).unwrap();
    assert_eq!(found, array![MINUS_INFINITY, 0.875_f64.ln()]);
    let refused =
        |states: &[usize], actions: &[usize]| policy.log_choices(&path(states, actions)).unwrap_err();
    let out_of_range = Error::StateOutOfRange { table: Table::Trajectory, state: 2, num_states: 2 };
    assert_eq!(refused(&[0, 2], &[0]), out_of_range); // also where no action follows
    let out_of_range = Error::ActionOutOfRange { state: 1, action: 2, num_actions: 2 };
    assert_eq!(refused(&[0, 1, 0], &[0, 2]), out_of_range);

    // A stationary policy has no last stage.
    let stationary = StationaryPolicy::new(table.index_axis_move(ndarray::Axis(0), 0)).unwrap();
    let found = stationary.log_choices(&path(&[0, 0, 1, 0], &[0, 1, 0])).unwrap();
    assert_eq!(found, array![0.25_f64.ln(), 0.75_f64.ln(), 0.0]);
    let error = stationary.log_choices(&path(&[0, 1, 0], &[0, 2])).unwrap_err();
    assert_eq!(error, out_of_range);
}
