//! What an observer computes, against sums over all trajectories and over all sequences of goals,
//! and what it refuses.

use approx::assert_abs_diff_eq;
use ndarray::{Array1, Array2, Array3, Axis, array};
use softmdp::inverse::{Error, Likelihood, Observer, goal_posterior};
use softmdp::{
    ActionPrior, DeterministicDynamics, Error as ModelError, Inference, Mdp, Policy, SoftValueIteration,
    StationaryPolicy, SuccessorRewardMdp, Table, TimeVaryingMdp, Trajectory, ndarray,
};

use super::goals::{STEPS, goals, grid, uniform, walk, watched};
use crate::common::enumeration::posterior_trajectories;
use crate::common::{MINUS_INFINITY, StageTables, Tables};

/// A model of four states over three stages, of which each is another for another seed. State 3
/// may be terminal. Reward 0 forbids a pair.
fn tables(seed: usize, discount: f64) -> Tables {
    let (num_states, num_actions) = (4, 3);
    let stage = |t: usize| {
        let c = seed + 4 * t;
        let mut transitions = Array3::from_shape_fn((num_states, num_actions, num_states), |(s, a, n)| {
            ((3 * s + 5 * a + 7 * n + c) % 5) as f64 // with zeros
        });
        for mut row in transitions.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
        StageTables {
            transitions,
            rewards: Array2::from_shape_fn((num_states, num_actions), |(s, a)| {
                if (s + a + c).is_multiple_of(7) {
                    MINUS_INFINITY
                } else {
                    ((4 * s + 3 * a + c) % 7) as f64 / 4.0 - 0.75
                }
            }),
            prior: Array2::from_shape_fn((num_states, num_actions), |(s, a)| {
                ((s + 2 * a + c) % 3) as f64 / 2.0 + 0.5
            }),
            successor_rewards: Array3::from_shape_fn((num_states, num_actions, num_states), |(s, a, n)| {
                ((s + 2 * a + 3 * n + c) % 4) as f64 / 3.0
            }),
        }
    };
    Tables {
        stages: (0..3).map(stage).collect(),
        kind: ActionPrior::Counting, // replaced by the weights of each stage
        available: Array2::from_elem((num_states, num_actions), true),
        discount,
        temperature: 0.5 + 0.3 * seed as f64,
        is_terminal: (0..num_states).map(|s| s == 3 && seed != 1).collect(),
        terminal_values: Array1::from_shape_fn(num_states, |s| ((s + 2 * seed) % 5) as f64 / 5.0),
        initial: array![0.1, 0.2, 0.3, 0.4],
    }
}

fn model(tables: &Tables) -> TimeVaryingMdp<SuccessorRewardMdp> {
    let stage = |t: usize| {
        let rewards = &tables.stages[t].successor_rewards;
        tables.mdp_of_stage(t).with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap()
    };
    TimeVaryingMdp::new((0..tables.horizon()).map(stage)).unwrap()
}

/// All sequences of two steps, by which an agent may leave at γ < 1.
fn paths() -> Vec<Trajectory> {
    let mut paths = Vec::new();
    for code in 0..4 * 3 * 4 * 3 * 5 {
        let digit = |of: usize, base: usize| code / of % base;
        let (mut states, last) = (vec![digit(1, 4), digit(12, 4)], digit(144, 5));
        if last < 4 {
            states.push(last);
        }
        paths.push(Trajectory::new(states, vec![digit(4, 3), digit(48, 3)]).unwrap());
    }
    paths
}

/// p(the first stages are this path | e), by the sum over all trajectories.
fn prefix_probability(all: &[(crate::common::enumeration::Trajectory, f64)], path: &Trajectory) -> f64 {
    let matches = |trajectory: &crate::common::enumeration::Trajectory| {
        trajectory.states.starts_with(path.states())
            && trajectory.actions.starts_with(path.actions())
            && (!path.has_left() || (trajectory.left && trajectory.actions.len() == path.actions().len()))
    };
    all.iter().filter(|(trajectory, _)| matches(trajectory)).map(|(_, p)| p).sum()
}

/// Compares the likelihoods of all paths under each of three goals, which share nothing.
fn assert_likelihoods_are_those_of_enumeration(discount: f64, is_joint: bool) {
    let problems: Vec<Tables> = (0..3).map(|seed| tables(seed, discount)).collect();
    let mut likelihood = Likelihood::trajectories().horizon(3);
    if is_joint {
        likelihood = likelihood.initial(problems[0].initial.clone());
    }
    let observer = Observer::new(problems.iter().map(model), &likelihood, &array![0.2, 0.3, 0.5]).unwrap();
    let enumerate = |problem: &Tables, start: usize| {
        let mut problem = problem.clone();
        if !is_joint {
            problem.initial = Array1::from_shape_fn(4, |s| if s == start { 1.0 } else { 0.0 });
        }
        posterior_trajectories(&problem)
    };
    let all: Vec<Vec<_>> =
        problems.iter().map(|problem| (0..4).map(|start| enumerate(problem, start)).collect()).collect();
    let mut num_possible = 0;
    for path in paths() {
        let probabilities = Array1::from_iter(
            all.iter().map(|of_start| prefix_probability(&of_start[path.states()[0]], &path)),
        );
        let mut observer = observer.clone();
        let joint = array![0.2, 0.3, 0.5] * &probabilities;
        let steps = (path.states().iter().zip(path.actions())).enumerate();
        let found: Result<Vec<()>, Error> = steps
            .map(|(t, (&state, &action))| match path.states().get(t + 1) {
                Some(&next_state) => observer.watch(state, action, next_state).map(|_| ()),
                None => observer.watch_leaving(state, action).map(|_| ()),
            })
            .collect();
        if joint.sum() == 0.0 {
            // Each goal excludes one of the two steps.
            assert!(matches!(found, Err(Error::ImpossibleStep { .. })), "{path:?}: {found:?}");
            continue;
        }
        num_possible += 1;
        found.unwrap();
        let likelihoods = observer.log_likelihoods().sum_axis(Axis(0)).mapv(f64::exp);
        assert_abs_diff_eq!(likelihoods, probabilities, epsilon = 1e-13);
        assert_abs_diff_eq!(observer.log_evidence(), joint.sum().ln(), epsilon = 1e-11);
        assert_abs_diff_eq!(observer.posterior(), &joint / joint.sum(), epsilon = 1e-12);
    }
    assert!(num_possible > 200, "{num_possible}");
}

#[test]
fn likelihoods_of_trajectories_are_those_of_enumeration() {
    assert_likelihoods_are_those_of_enumeration(1.0, false);
}

#[test]
fn leaving_has_the_likelihood_of_enumeration() {
    assert_likelihoods_are_those_of_enumeration(0.7, false);
}

#[test]
fn joint_with_the_start_the_first_state_is_evidence() {
    assert_likelihoods_are_those_of_enumeration(0.7, true);
}

#[test]
fn likelihoods_of_actions_are_those_of_the_solved_policies() {
    for inference in [Inference::Direct, Inference::Variational] {
        let models: Vec<_> = (0..2).map(|seed| model(&tables(seed, 0.8))).collect();
        let solver = SoftValueIteration::new(3).inference(inference);
        let policies: Vec<Policy> =
            models.iter().map(|model| solver.solve(model).unwrap().policy().clone()).collect();
        let likelihood = Likelihood::actions(inference).horizon(3);
        let observer = Observer::new(&models, &likelihood, &uniform(2)).unwrap();
        let (mut num_possible, mut num_excluded) = (0, 0);
        for path in paths().into_iter().filter(|path| !path.has_left()) {
            let mut observer = observer.clone();
            for t in 0..2 {
                let (s, a, n) = (path.states()[t], path.actions()[t], path.states()[t + 1]);
                if observer.watch(s, a, n).is_err() {
                    break;
                }
                for (goal, policy) in policies.iter().enumerate() {
                    let problem = tables(goal, 0.8);
                    let is_possible = !problem.is_terminal[s]
                        && problem.stages[t].transitions[[s, a, n]] > 0.0
                        && problem.stages[t].rewards[[s, a]] > MINUS_INFINITY;
                    let expected = policy.log_probabilities()[[t, s, a]];
                    let found = observer.log_likelihoods()[[t, goal]];
                    num_possible += usize::from(is_possible);
                    num_excluded += usize::from(!is_possible);
                    assert_eq!(found, if is_possible { expected } else { MINUS_INFINITY });
                }
            }
        }
        assert!(num_possible > 500 && num_excluded > 100, "{num_possible} {num_excluded}");
    }
}

#[test]
fn leaving_tells_actions_of_direct_inference_alone() {
    let goals = [0, 1].map(|seed| model(&tables(seed, 0.8)));
    let actions = Likelihood::actions(Inference::Direct).horizon(3);
    let mut observer = Observer::new(&goals, &actions, &uniform(2)).unwrap();
    let after = observer.watch_leaving(1, 1).unwrap().to_owned();
    let solver = SoftValueIteration::new(3);
    let odds: Vec<f64> =
        (goals.iter()).map(|goal| solver.solve(goal).unwrap().policy().probabilities()[[0, 1, 1]]).collect();
    assert_abs_diff_eq!(after[0], odds[0] / (odds[0] + odds[1]), epsilon = 1e-15);
    observer.watch(2, 1, 0).unwrap(); // a new episode may start anywhere

    let variational = Likelihood::actions(Inference::Variational).horizon(3);
    let mut observer = Observer::new(&goals, &variational, &uniform(2)).unwrap();
    let found = observer.watch_leaving(1, 1).unwrap_err();
    assert_eq!(found, Error::ImpossibleStep { step: 0, state: 1, action: 1, next_state: None });
}

#[test]
fn order_of_steps_and_of_goals_has_no_effect() {
    for likelihood in [Likelihood::actions(Inference::Variational), Likelihood::trajectories()] {
        let once = goal_posterior(goals(), &likelihood, &uniform(3), &walk()).unwrap();
        let reversed = Array1::from_iter([8, 6, 2].map(|_| 1.0 / 3.0));
        let backwards = goals().into_iter().rev();
        let mut observer = Observer::new(backwards, &likelihood, &reversed).unwrap();
        for at in [2, 0, 3, 1] {
            let (state, action, next_state) = STEPS[at];
            observer.start_episode();
            observer.watch(state, action, next_state).unwrap();
        }
        for goal in 0..3 {
            assert_abs_diff_eq!(observer.posterior()[2 - goal], once[[4, goal]], epsilon = 1e-13);
        }
    }
}

#[test]
fn constants_and_a_common_scale_of_rewards_and_temperature_leave_the_posterior() {
    let likelihood = Likelihood::actions(Inference::Variational).horizon(6);
    let expected = goal_posterior(grids(1.0), &likelihood, &uniform(2), &walk()).unwrap();
    let found = goal_posterior(grids(7.0), &likelihood, &uniform(2), &walk()).unwrap();
    assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
}

/// Two goals as terminal values, with rewards and temperature times a factor.
fn grids(factor: f64) -> Vec<Mdp> {
    let goal = |goal: usize| {
        let values = Array1::from_shape_fn(9, |s| if s == goal { 3.0 * factor } else { 0.0 });
        let mdp = grid().with_terminal_states([])?.with_terminal_values(values)?;
        mdp.with_rewards(mdp.rewards().mapv(|r| factor * r))?.with_temperature(0.5 * factor)
    };
    vec![goal(6).unwrap(), goal(8).unwrap()]
}

#[test]
fn history_of_any_length_does_not_underflow() {
    // After 100 steps, the likelihoods are near 1e-10000.
    let policy = |p: f64| StationaryPolicy::new(array![[p, 1.0 - p]]).unwrap();
    let policies = vec![policy(1e-100), policy(1.01e-100), policy(0.98e-100)];
    let mut observer = Observer::of_stationary_policies(policies, &uniform(3)).unwrap();
    for _ in 0..100 {
        observer.watch(0, 0, 0).unwrap();
    }
    let odds = [1.0_f64, 1.01, 0.98].map(|p| p.powi(100));
    let expected = Array1::from(odds.to_vec()) / odds.iter().sum::<f64>();
    assert_abs_diff_eq!(observer.posterior(), expected, epsilon = 1e-10);
    let log_evidence = 100.0 * 1e-100_f64.ln() + (odds.iter().sum::<f64>() / 3.0).ln();
    assert_abs_diff_eq!(observer.log_evidence(), log_evidence, epsilon = 1e-8);
}

#[test]
fn improbable_goal_comes_back() {
    let (often, seldom) = (array![[0.9, 0.1]], array![[0.1, 0.9]]);
    let policies = [often, seldom].map(|policy| StationaryPolicy::new(policy).unwrap()).to_vec();
    let mut observer = Observer::of_stationary_policies(policies, &uniform(2)).unwrap();
    for action in [0, 1] {
        for _ in 0..1000 {
            observer.watch(0, action, 0).unwrap();
        }
    }
    assert_abs_diff_eq!(observer.posterior(), uniform(2), epsilon = 1e-9);
}

#[test]
fn step_after_the_end_of_a_goal_excludes_it() {
    for likelihood in [Likelihood::actions(Inference::Variational), Likelihood::trajectories()] {
        let mut observer = Observer::new(goals(), &likelihood, &uniform(3)).unwrap();
        observer.watch(1, 1, 2).unwrap();
        assert!(observer.posterior()[0] > 0.5);
        observer.watch(2, 2, 5).unwrap();
        assert_eq!(observer.posterior()[0], 0.0);
        assert_eq!(observer.log_likelihoods()[[1, 0]], MINUS_INFINITY);
        observer.watch(5, 3, 4).unwrap();
        assert_eq!(observer.posterior()[0], 0.0);
        assert_abs_diff_eq!(observer.posterior().sum(), 1.0, epsilon = 1e-15);
    }
}

#[test]
fn step_that_every_goal_excludes_is_an_error_that_changes_nothing() {
    for likelihood in [Likelihood::actions(Inference::Variational), Likelihood::trajectories()] {
        let mut observer = watched(Observer::new(goals(), &likelihood, &uniform(3)).unwrap(), &STEPS);
        let (before, evidence) = (observer.posterior().to_owned(), observer.log_evidence());
        // No action leads from 5 to 0.
        let found = observer.watch(5, 0, 0).unwrap_err();
        assert_eq!(found, Error::ImpossibleStep { step: 4, state: 5, action: 0, next_state: Some(0) });
        assert_eq!(
            found.to_string(),
            "step 4 is impossible under every goal that the steps before it left possible: action 0 of state 5, \
             which led to state 0; correct the step, or add a goal that explains it"
        );
        assert_eq!((observer.posterior(), observer.log_evidence()), (before.view(), evidence));
        assert_eq!(observer.num_steps(), 4);
        observer.watch(5, 2, 8).unwrap();
    }
}

#[test]
fn dynamics_of_a_goal_exclude_steps_of_actions_too() {
    let walk = |s: usize, a: usize| if a == 0 { s.saturating_sub(1) } else { (s + 1).min(2) };
    let rewards = Array2::from_elem((3, 2), -1.0);
    let walker = Mdp::builder(DeterministicDynamics::from_fn(3, 2, walk).unwrap(), rewards)
        .discount(0.9)
        .build()
        .unwrap();
    let jumper = walker.with_dynamics(DeterministicDynamics::from_fn(3, 2, |_, a| 2 * a).unwrap()).unwrap();
    let likelihood = Likelihood::actions(Inference::Variational);
    let mut observer = Observer::new([walker, jumper], &likelihood, &uniform(2)).unwrap();
    assert_abs_diff_eq!(observer.watch(1, 1, 2).unwrap(), uniform(2), epsilon = 1e-12);
    assert_eq!(observer.watch(2, 0, 0).unwrap(), array![0.0, 1.0]);
}

#[test]
fn goal_out_of_reach_is_impossible() {
    // A corridor of four cells. Only the right end counts, in two steps.
    let walk = |s: usize, a: usize| if a == 0 { s.saturating_sub(1) } else { (s + 1).min(3) };
    let goal = |cell: usize| {
        let values = Array1::from_shape_fn(4, |s| if s == cell { 0.0 } else { MINUS_INFINITY });
        let dynamics = DeterministicDynamics::from_fn(4, 2, walk).unwrap();
        Mdp::builder(dynamics, Array2::zeros((4, 2))).terminal_values(values).build().unwrap()
    };
    let likelihood = Likelihood::trajectories().horizon(2);
    let mut observer = Observer::new([goal(3), goal(0)], &likelihood, &uniform(2)).unwrap();
    assert_eq!(observer.watch(0, 0, 0).unwrap(), array![0.0, 1.0]);
    let mut observer = Observer::new([goal(3)], &likelihood, &uniform(1)).unwrap();
    let found = observer.watch(0, 1, 1).unwrap_err();
    assert_eq!(found, Error::ImpossibleStep { step: 0, state: 0, action: 1, next_state: Some(1) });
}

#[test]
fn filter_and_smoother_are_those_of_all_sequences_of_goals() {
    let switching = array![[0.7, 0.3, 0.0], [0.2, 0.5, 0.3], [0.6, 0.0, 0.4]];
    let prior = array![0.5, 0.3, 0.2];
    // A goal whose end the agent passes, so that likelihoods are 0.
    let steps = [(4, 1, 5), (5, 0, 2), (2, 3, 1), (1, 2, 4), (4, 3, 3)];
    for likelihood in [Likelihood::actions(Inference::Variational), Likelihood::trajectories()] {
        let observer = Observer::new(goals(), &likelihood, &prior).unwrap();
        let after = watched(observer.clone(), &steps).with_switching(switching.clone()).unwrap();
        let observer = watched(observer.with_switching(switching.clone()).unwrap(), &steps);
        assert_eq!(after.posterior(), observer.posterior());
        let emissions = observer.log_likelihoods().mapv(f64::exp);
        assert_eq!(emissions[[2, 0]], 0.0);

        let mut smoothed = Array2::<f64>::zeros((5, 3));
        for code in 0..243 {
            let goals = [1, 3, 9, 27, 81].map(|of| code / of % 3);
            let mut p = prior[goals[0]];
            for t in 0..5 {
                p *= emissions[[t, goals[t]]];
                if t > 0 {
                    p *= switching[[goals[t - 1], goals[t]]];
                }
            }
            goals.iter().enumerate().for_each(|(t, &goal)| smoothed[[t, goal]] += p);
        }
        let evidence = smoothed.row(0).sum();
        smoothed /= evidence;
        assert_abs_diff_eq!(observer.smoothed(), smoothed, epsilon = 1e-14);
        assert_abs_diff_eq!(observer.posterior(), smoothed.row(4), epsilon = 1e-14);
        assert_abs_diff_eq!(observer.log_evidence(), evidence.ln(), epsilon = 1e-12);
    }
}

#[test]
fn goal_that_never_switches_is_smoothed_to_the_posterior() {
    let observer = Observer::new(goals(), &Likelihood::trajectories(), &uniform(3)).unwrap();
    assert_eq!(observer.smoothed().dim(), (0, 3));
    let observer = watched(observer, &STEPS);
    for row in observer.smoothed().outer_iter() {
        assert_abs_diff_eq!(row, observer.posterior(), epsilon = 1e-15);
    }
    let switching = observer.clone().with_switching(Array2::eye(3)).unwrap();
    assert_abs_diff_eq!(switching.posterior(), observer.posterior(), epsilon = 1e-15);
}

#[test]
fn smoother_of_a_long_history_does_not_underflow() {
    let policy = |p: f64| StationaryPolicy::new(array![[p, 1.0 - p]]).unwrap();
    let policies = vec![policy(1e-200), policy(2e-200)];
    let switching = array![[0.5, 0.5], [0.5, 0.5]]; // forgets, so that each step stands alone
    let mut observer =
        Observer::of_stationary_policies(policies, &uniform(2)).unwrap().with_switching(switching).unwrap();
    for _ in 0..50 {
        observer.watch(0, 0, 0).unwrap();
    }
    for row in observer.smoothed().outer_iter() {
        assert_abs_diff_eq!(row, array![1.0 / 3.0, 2.0 / 3.0], epsilon = 1e-12);
    }
}

#[test]
fn episodes_start_at_stage_0_and_keep_the_goal() {
    let models: Vec<_> = (0..2).map(|seed| model(&tables(seed, 1.0))).collect();
    let likelihood = Likelihood::trajectories().horizon(3);
    let one = Observer::new(&models, &likelihood, &uniform(2)).unwrap();
    let mut observer = one.clone();
    let path = [(0, 1, 1), (1, 0, 2)];
    let first = watched(one, &path);
    for _ in 0..2 {
        observer.start_episode();
        observer = watched(observer, &path);
    }
    let twice = first.log_likelihoods().sum_axis(Axis(0)) * 2.0;
    assert_abs_diff_eq!(observer.log_likelihoods().sum_axis(Axis(0)), twice, epsilon = 1e-14);
}

#[test]
fn switching_at_the_start_of_an_episode_counts_as_at_any_step() {
    let policy = |p: f64| StationaryPolicy::new(array![[p, 1.0 - p]]).unwrap();
    let observer = Observer::of_stationary_policies(vec![policy(0.9), policy(0.2)], &uniform(2)).unwrap();
    let mut episodes = observer.with_switching(array![[0.7, 0.3], [0.4, 0.6]]).unwrap();
    let mut one = episodes.clone();
    for action in [0, 1, 1] {
        episodes.start_episode();
        episodes.watch(0, action, 0).unwrap();
        one.watch(0, action, 0).unwrap();
    }
    assert_eq!(episodes.posterior(), one.posterior());
}

fn model_error(found: Result<Observer<'_>, Error>) -> ModelError {
    match found.unwrap_err() {
        Error::Model(error) => error,
        error => panic!("another error: {error}"),
    }
}

#[test]
fn feature_matching_is_refused_by_name() {
    let found = Observer::new(goals(), &Likelihood::feature_matching(), &uniform(3));
    assert_eq!(found.unwrap_err(), Error::NoStepProbability);
    assert!(Error::NoStepProbability.to_string().contains("`Likelihood::actions`"));
}

#[test]
fn prior_is_a_distribution_over_the_goals() {
    let likelihood = Likelihood::trajectories();
    let table = Table::GoalPrior;
    let watch = |prior: Array1<f64>| model_error(Observer::new(goals(), &likelihood, &prior));
    let shape = ModelError::ShapeMismatch { table, found: vec![2], expected: vec![3] };
    assert_eq!(watch(array![0.5, 0.5]), shape);
    let entry = |goal, value| ModelError::InvalidEntry { table, index: vec![goal], value };
    assert_eq!(watch(array![0.5, -0.5, 1.0]), entry(1, -0.5));
    assert_eq!(watch(array![0.0, 0.0, 1.5]), entry(2, 1.5));
    assert!(
        matches!(watch(array![0.0, 1.0, f64::NAN]), ModelError::InvalidEntry { index, .. } if index == [2])
    );
    let row = ModelError::UnnormalizedRow { table, index: vec![], sum: 0.875, tolerance: 1e-8 };
    assert_eq!(row.to_string(), "the prior over goals sums to 0.875, expected 1 within 1e-8");
    assert_eq!(watch(array![0.5, 0.25, 0.125]), row);
    let none = Observer::new(Vec::<Mdp>::new(), &likelihood, &Array1::zeros(0));
    assert!(matches!(model_error(none), ModelError::UnnormalizedRow { sum: 0.0, .. }));
}

#[test]
fn switching_is_a_distribution_for_each_goal() {
    let observer = Observer::new(goals(), &Likelihood::trajectories(), &uniform(3)).unwrap();
    let switch = |switching: Array2<f64>| model_error(observer.clone().with_switching(switching));
    let table = Table::GoalSwitching;
    let shape = ModelError::ShapeMismatch { table, found: vec![2, 2], expected: vec![3, 3] };
    assert_eq!(switch(Array2::eye(2)), shape);
    let mut switching = Array2::eye(3);
    switching[[1, 0]] = -0.25;
    let found = switch(switching.clone());
    assert_eq!(found, ModelError::InvalidEntry { table, index: vec![1, 0], value: -0.25 });
    let says = "the entry of the switching of goals at goal 1, next goal 0 is -0.25, expected a probability >= 0 and <= 1";
    assert_eq!(found.to_string(), says);
    switching[[1, 0]] = 0.25;
    let found = switch(switching);
    assert!(
        matches!(&found, ModelError::UnnormalizedRow { index, sum, .. } if *index == [1] && *sum == 1.25)
    );
}

#[test]
fn switching_that_makes_the_history_impossible_names_the_step() {
    let observer = Observer::new(goals(), &Likelihood::trajectories(), &array![1.0, 0.0, 0.0]).unwrap();
    let observer = observer.with_switching(Array2::from_elem((3, 3), 1.0 / 3.0)).unwrap();
    let observer = watched(observer, &[(1, 1, 2), (2, 2, 5)]);
    let found = observer.with_switching(Array2::eye(3)).unwrap_err();
    assert_eq!(found, Error::ImpossibleStep { step: 1, state: 2, action: 2, next_state: Some(5) });
}

#[test]
fn steps_are_checked() {
    let likelihood = Likelihood::trajectories().horizon(2);
    let mut observer = Observer::new(goals(), &likelihood, &uniform(3)).unwrap();
    let (table, num_states, num_actions) = (Table::Step, 9, 4);
    let state = |state| ModelError::StateOutOfRange { table, state, num_states }.into();
    let watch = |observer: &mut Observer<'_>, (s, a, n)| observer.watch(s, a, n).map(|_| ());
    assert_eq!(watch(&mut observer, (9, 0, 0)), Err(state(9)));
    assert_eq!(watch(&mut observer, (0, 0, 10)), Err(state(10)));
    let action = ModelError::ActionOutOfRange { state: 3, action: 4, num_actions };
    assert_eq!(watch(&mut observer, (3, 4, 3)), Err(action.into()));
    watch(&mut observer, (0, 1, 1)).unwrap();
    let broken = Error::BrokenPath { step: 1, state: 2, expected: 1 };
    assert_eq!(watch(&mut observer, (2, 1, 2)), Err(broken));
    watch(&mut observer, (1, 2, 4)).unwrap();
    let late = Error::AfterHorizon { step: 2, horizon: 2 };
    let says = "step 2 comes after the horizon of 2; call `start_episode`, or set a longer horizon";
    assert_eq!(late.to_string(), says);
    assert_eq!(watch(&mut observer, (4, 2, 7)), Err(late));
    observer.start_episode();
    watch(&mut observer, (4, 2, 7)).unwrap();

    let policy = Policy::new(Array3::from_elem((1, 2, 1), 1.0)).unwrap();
    let mut observer = Observer::of_policies(vec![policy], &array![1.0]).unwrap();
    watch(&mut observer, (0, 0, 1)).unwrap();
    let late = Error::AfterHorizon { step: 1, horizon: 1 };
    assert_eq!(watch(&mut observer, (1, 0, 1)), Err(late));
}

#[test]
fn models_and_policies_are_checked() {
    let small = Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap().with_discount(0.5).unwrap();
    let found = Observer::new([grid(), small.clone()], &Likelihood::trajectories(), &uniform(2));
    let shape = ModelError::ShapeMismatch { table: Table::Model, found: vec![1, 1], expected: vec![9, 4] };
    assert_eq!(model_error(found), shape);
    let policies = [array![[1.0, 0.0]], array![[1.0]]].map(|policy| StationaryPolicy::new(policy).unwrap());
    let found = Observer::of_stationary_policies(policies.to_vec(), &uniform(2));
    let shape = ModelError::ShapeMismatch { table: Table::Model, found: vec![1, 1], expected: vec![1, 2] };
    assert_eq!(model_error(found), shape);

    let cold = small.with_temperature(0.0).unwrap();
    let found = Observer::new([&cold], &Likelihood::trajectories(), &uniform(1));
    assert_eq!(model_error(found), ModelError::ZeroTemperature { table: Table::LogEvidence });
    assert!(Observer::new([&cold], &Likelihood::actions(Inference::Variational), &uniform(1)).is_ok());

    let varying = TimeVaryingMdp::new(vec![small.clone(), small]).unwrap();
    let found = Observer::new([&varying], &Likelihood::trajectories(), &uniform(1));
    assert_eq!(model_error(found), ModelError::NotHomogeneous);
    let found = Observer::new([&varying], &Likelihood::trajectories().horizon(3), &uniform(1));
    assert_eq!(model_error(found), ModelError::HorizonOutOfRange { horizon: 3, num_stages: 2 });

    let joint = Likelihood::trajectories().initial(array![0.5, 0.25, 0.25]);
    let found = model_error(Observer::new(goals(), &joint, &uniform(3)));
    assert!(matches!(found, ModelError::ShapeMismatch { table: Table::Initial, .. }));
    let actions = Likelihood::actions(Inference::Variational).initial(Array1::from_elem(9, 1.0 / 9.0));
    let found = Observer::new(goals(), &actions, &uniform(3));
    assert_eq!(found.unwrap_err(), Error::UnusedInitial);
}

#[test]
fn grid_of_goals_and_temperatures_divides_the_models() {
    let observer = Observer::new(goals(), &Likelihood::trajectories(), &uniform(3)).unwrap();
    assert_eq!(observer.posterior_grid(1).unwrap().dim(), (3, 1));
    for num_temperatures in [2, 0] {
        let error = Error::NotAGrid { num_models: 3, num_temperatures };
        assert_eq!(error.to_string(), format!("3 models are no multiple of {num_temperatures} temperatures"));
        assert_eq!(observer.posterior_grid(num_temperatures).unwrap_err(), error);
    }
}

#[test]
fn tolerance_that_is_not_met_is_an_error() {
    let likelihood = Likelihood::trajectories().tolerance(1e-300);
    let found = Observer::new(goals(), &likelihood, &uniform(3));
    assert!(matches!(found, Err(Error::UnsolvedGoal { goal: 0, error: ModelError::NotConverged { .. } })));
}

#[test]
fn goal_without_stationary_values_is_named() {
    // At γ = 1, the second model gains a unit at each step until its end.
    let model = |reward: f64| {
        let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
        Mdp::new(transitions, array![[reward], [0.0]]).unwrap().with_terminal_states([1]).unwrap()
    };
    for likelihood in [Likelihood::trajectories(), Likelihood::actions(Inference::Direct)] {
        let found = Observer::new([model(-1.0), model(1.0)], &likelihood, &uniform(2)).unwrap_err();
        assert!(matches!(found, Error::UnsolvedGoal { goal: 1, .. }), "{found}");
        let says = found.to_string();
        assert!(says.starts_with("the stationary problem of goal 1 is not solved: "), "{says}");
        assert!(says.ends_with("; or set a horizon with `Likelihood::horizon`"), "{says}");
    }
}

#[test]
fn observers_can_be_sent_shared_printed_and_cloned() {
    fn traits<T: Send + Sync + Clone + std::fmt::Debug>() {}
    traits::<Observer<'_>>();
    traits::<Observer<'_, f32>>();
    let observer = Observer::new(goals(), &Likelihood::trajectories(), &uniform(3)).unwrap();
    let mut ahead = observer.clone();
    ahead.watch(0, 1, 1).unwrap();
    assert_eq!((observer.num_steps(), ahead.num_steps()), (0, 1));
    assert!(format!("{ahead:?}").starts_with("Observer { steps: [(0, 1)], posterior: [0.66"));
}
