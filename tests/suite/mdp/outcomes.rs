//! Transitions with several rewards: direct inference takes their distribution, variational
//! inference their mean.
//!
//! The oracle splits states: each reward of a transition leads to a copy of the successor of its
//! own, so that every transition has one reward.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the value −∞ or 0")]

use crate::common::random::Random;
use crate::common::{
    AnyMdp, MINUS_INFINITY, SMALL, Tables, assert_close, assert_tables_close, cases, tables,
};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use softmdp::{
    ActionPrior, Dynamics, Error, Inference, Mdp, Model, SoftValueIteration, SparseDynamics,
    StationarySolver, SuccessorRewardMdp, Table, check_model, ndarray, posterior,
};

type Outcome = (usize, usize, usize, f64, f64);

/// Rewards at most of one transition.
const MOST: usize = 3;

/// Splits each transition into up to [`MOST`] rewards, some of them equal and some −∞.
fn outcomes(tables: &Tables, seed: u64) -> Vec<Outcome> {
    let mut random = Random(seed);
    let mut outcomes = Vec::new();
    for ((state, action, next_state), &p) in tables.stages[0].transitions.indexed_iter() {
        let num_rewards = 1 + random.below(MOST);
        let shares = random.distribution(num_rewards, 0.7);
        for share in shares.into_iter().filter(|&share| share > 0.0) {
            let reward = if random.chance(0.1) { MINUS_INFINITY } else { random.below(9) as f64 / 2.0 - 3.0 };
            outcomes.push((state, action, next_state, p * share, reward));
        }
    }
    outcomes
}

/// The list for a kind of dynamics, which may have other successors in rows that are not used.
fn fitting(list: &[Outcome], mdp: &AnyMdp) -> Vec<Outcome> {
    let is_used =
        |state: usize, action| !mdp.is_terminal(state) && mdp.prior_weights()[[state, action]] > 0.0;
    let mut fitting: Vec<_> = list.iter().copied().filter(|outcome| is_used(outcome.0, outcome.1)).collect();
    for (state, action) in ndarray::indices(mdp.rewards().dim()) {
        if !is_used(state, action) {
            mdp.dynamics().for_each_successor(state, action, &mut |next_state, p| {
                fitting.push((state, action, next_state, p, 0.0));
            });
        }
    }
    fitting
}

/// The model in which reward number k of a transition to s' leads to copy k of s'.
fn split(tables: &Tables, outcomes: &[Outcome]) -> SuccessorRewardMdp<f64, SparseDynamics> {
    let (num_states, num_actions) = (tables.num_states(), tables.num_actions());
    let mut rewards = Array2::zeros((num_states * MOST * num_actions, num_states * MOST));
    let mut triplets = Vec::new();
    let mut number_of = std::collections::HashMap::new();
    for &(state, action, next_state, p, reward) in outcomes {
        let number = number_of.entry((state, action, next_state)).or_insert(0);
        for copy in 0..MOST {
            let (from, to) = (state * MOST + copy, next_state * MOST + *number);
            triplets.push((from, action, to, p));
            rewards[[from * num_actions + action, to]] = reward;
        }
        *number += 1;
    }
    let dynamics = SparseDynamics::from_triplets(num_states * MOST, num_actions, triplets).unwrap();
    let action_prior = match &tables.kind {
        ActionPrior::Weights(weights) => ActionPrior::Weights(of_copies(weights)),
        kind => kind.clone(),
    };
    let copies = 0..num_states * MOST;
    Mdp::builder(dynamics, of_copies(&tables.stages[0].rewards))
        .discount(tables.discount)
        .temperature(tables.temperature)
        .action_prior(action_prior)
        .available_actions(of_copies(&tables.available))
        .terminal_states(copies.clone().filter(|state| tables.is_terminal[state / MOST]))
        .terminal_values(copies.map(|state| tables.terminal_values[state / MOST]).collect())
        .build()
        .unwrap()
        .with_successor_rewards(|state, action, next| rewards[[state * num_actions + action, next]])
        .unwrap()
}

/// A table `[s, a]` for the copies of each state.
fn of_copies<T: Clone>(table: &Array2<T>) -> Array2<T> {
    let (num_states, num_actions) = table.dim();
    Array2::from_shape_fn((num_states * MOST, num_actions), |(s, a)| table[[s / MOST, a]].clone())
}

/// The columns of the first copies.
fn first_copies(table: ndarray::ArrayView2<'_, f64>) -> Array2<f64> {
    table.slice(ndarray::s![.., ..;MOST]).to_owned()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn several_rewards_are_split_states(tables in tables(SMALL), seed in any::<u64>(), hard in prop::bool::weighted(0.2)) {
        let tables = Tables { temperature: if hard { 0.0 } else { tables.temperature }, ..tables };
        let list = outcomes(&tables, seed);
        let split = split(&tables, &list);
        let horizon = 4;
        for (kind, mdp) in tables.kinds() {
            let model = mdp.with_outcomes(fitting(&list, &mdp).into_iter().rev()).unwrap();
            for inference in [Inference::Direct, Inference::Variational] {
                let solver = SoftValueIteration::new(horizon).inference(inference);
                let (found, expected) = (solver.solve(&model).unwrap(), solver.solve(&split).unwrap());
                let what = format!("{kind}, {inference}");
                assert_tables_close(&found.state_values(), &first_copies(expected.state_values()), 1e-12, &what);
                for (found, expected) in found
                    .policy()
                    .probabilities()
                    .outer_iter()
                    .zip(expected.policy().probabilities().outer_iter())
                {
                    let expected = expected.slice(ndarray::s![..;MOST, ..]).to_owned();
                    assert_tables_close(&found, &expected, 1e-10, &what);
                }
            }
            check_model(&model, horizon).unwrap();
        }
        // Marginals of a state are those of its copies.
        let model = tables.mdp().with_outcomes(list.iter().copied()).unwrap();
        let mut initial = Array1::zeros(tables.num_states() * MOST);
        initial.slice_mut(ndarray::s![..;MOST]).assign(&tables.initial);
        match (posterior(&model, &tables.initial, horizon), posterior(&split, &initial, horizon)) {
            (Ok(found), Ok(expected)) => {
                assert_close(found.log_evidence(), expected.log_evidence(), 1e-12, "evidence");
                let expected = expected.state_marginals();
                let sums = Array2::from_shape_fn(found.state_marginals().dim(), |(t, s)| {
                    (0..MOST).map(|copy| expected[[t, s * MOST + copy]]).sum()
                });
                assert_tables_close(&found.state_marginals(), &sums, 1e-11, "marginals");
            }
            (found, expected) => prop_assert_eq!(found.is_err(), expected.is_err()),
        }
    }

    #[test]
    fn a_change_of_the_model_folds_the_rewards_as_given(tables in tables(SMALL), seed in any::<u64>()) {
        let list = outcomes(&tables, seed);
        let with = |mdp: Mdp| mdp.with_outcomes(list.iter().copied()).unwrap();
        let (mdp, model) = (tables.mdp(), with(tables.mdp()));
        for temperature in [0.0, 0.37] {
            let changed = model.with_temperature(temperature).unwrap();
            prop_assert_eq!(&changed, &with(mdp.with_temperature(temperature).unwrap()));
            // Nothing was lost on the way through temperature 0.
            prop_assert_eq!(&changed.with_temperature(tables.temperature).unwrap(), &model);
        }
        prop_assert_eq!(model.with_discount(0.3).unwrap(), with(mdp.with_discount(0.3).unwrap()));
        let pairs = mdp.rewards().mapv(|reward| reward - 1.0);
        prop_assert_eq!(model.with_rewards(pairs.clone()).unwrap(), with(mdp.with_rewards(pairs).unwrap()));
        prop_assert_eq!(&model.with_outcomes(list.iter().copied()).unwrap(), &model);
        let plain = model.with_successor_rewards(|_, _, _| 1.0).unwrap();
        prop_assert!(!plain.has_several_rewards());
    }

    #[test]
    fn a_list_of_one_reward_each_is_the_closure(tables in tables(SMALL)) {
        let mdp = tables.mdp();
        let reward = |s: usize, a: usize, n: usize| (s * 7 + a * 3) as f64 - (n * n) as f64;
        let closure = mdp.with_successor_rewards(reward).unwrap();
        let entries = tables.stages[0].transitions.indexed_iter();
        let entries: Vec<_> = entries.map(|((s, a, n), &p)| (s, a, n, p, reward(s, a, n))).collect();
        prop_assert_eq!(&mdp.with_outcomes(entries.clone()).unwrap(), &closure);
        // Neither does it matter how a transition is cut, as long as the rewards are equal.
        let halves = entries.iter().flat_map(|&(s, a, n, p, r)| [(s, a, n, p * 0.25, r), (s, a, n, p * 0.75, r)]);
        prop_assert_eq!(&mdp.with_outcomes(halves).unwrap(), &closure);
    }
}

/// State 0 moves to the terminal state 1 by two actions: action 0 pays 2 or −1, each with
/// probability ½, and action 1 pays 0.5.
fn two_rewards(temperature: f64) -> SuccessorRewardMdp<f64, SparseDynamics> {
    let outcomes = [(0, 0, 1, 0.5, 2.0), (0, 0, 1, 0.5, -1.0), (0, 1, 1, 1.0, 0.5)];
    let transitions = outcomes.map(|(state, action, next, p, _)| (state, action, next, p));
    let dynamics = SparseDynamics::from_triplets(2, 2, transitions).unwrap();
    Mdp::builder(dynamics, Array2::zeros((2, 2)))
        .terminal_states([1])
        .temperature(temperature)
        .build()
        .unwrap()
        .with_outcomes(outcomes)
        .unwrap()
}

#[test]
fn direct_inference_takes_the_log_mean_exp_and_variational_the_mean() {
    for temperature in [1e-3_f64, 0.5, 1.0, 40.0] {
        let model = two_rewards(temperature);
        let folded = |inference| model.folded_rewards(inference)[[0, 0]];
        let log_mean_exp = 2.0 + temperature * (0.5 * (1.0 + (-3.0 / temperature).exp())).ln();
        assert_close(folded(Inference::Direct), log_mean_exp, 1e-15, "direct");
        assert_close(folded(Inference::Variational), 0.5, 1e-15, "variational");
    }
    // The largest reward of a possible entry.
    let hard = two_rewards(1.0).with_temperature(0.0).unwrap();
    assert_eq!(hard.folded_rewards(Inference::Direct)[[0, 0]], 2.0);
    assert_eq!(hard.folded_rewards(Inference::Variational)[[0, 0]], 0.5);
    // The tie of means is a tie of variational inference alone.
    let stationary = |inference| StationarySolver::new(1e-9).inference(inference).solve(&hard).unwrap();
    assert_eq!(stationary(Inference::Variational).probabilities().row(0), array![0.5, 0.5]);
    assert_eq!(stationary(Inference::Variational).state_values()[0], 0.5);
}

#[test]
fn forbidden_and_impossible_rewards() {
    let model = |outcomes: &[Outcome]| {
        Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]])
            .unwrap()
            .with_outcomes(outcomes.iter().copied())
            .unwrap()
    };
    let rest = [(0, 0, 0, 0.5, 0.0), (1, 0, 1, 1.0, 0.0)];
    let of = |outcomes: &[Outcome]| model(&[&rest, outcomes].concat());
    // −∞ with a probability of ¼: half of the transition is lost, and the mean is −∞.
    let forbidden = of(&[(0, 0, 1, 0.25, MINUS_INFINITY), (0, 0, 1, 0.25, 0.0)]);
    assert_close(forbidden.folded_rewards(Inference::Direct)[[0, 0]], 0.75_f64.ln(), 1e-15, "direct");
    assert_eq!(forbidden.folded_rewards(Inference::Variational)[[0, 0]], MINUS_INFINITY);
    let hard = forbidden.with_temperature(0.0).unwrap();
    assert_eq!(hard.folded_rewards(Inference::Direct)[[0, 0]], 0.0);
    // Probability 0: neither a large reward nor −∞ counts, at any temperature.
    let impossible = of(&[(0, 0, 1, 0.0, 1e9), (0, 0, 1, 0.0, MINUS_INFINITY), (0, 0, 1, 0.5, 0.0)]);
    for temperature in [0.0, 1.0] {
        let model = impossible.with_temperature(temperature).unwrap();
        for inference in [Inference::Direct, Inference::Variational] {
            assert_eq!(model.folded_rewards(inference)[[0, 0]], 0.0);
        }
    }
    assert!(!impossible.has_several_rewards());
    // A reward too improbable for its exponential.
    let faint = of(&[(0, 0, 1, 0.5 - 1e-300, 0.0), (0, 0, 1, 1e-300, 2000.0)]);
    let expected = 2000.0 + 1e-300_f64.ln();
    assert_close(faint.folded_rewards(Inference::Direct)[[0, 0]], expected, 1e-15, "faint");
}

#[test]
fn only_ratios_count_for_one_transition() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let scaled = |scale: f64| {
        let outcomes = [
            (0, 0, 0, 1.0, 0.0),
            (0, 0, 1, 0.75 * scale, 1.0),
            (0, 0, 1, 0.25 * scale, -1.0),
            (1, 0, 1, 2.0, 0.0),
        ];
        mdp.with_outcomes(outcomes).unwrap()
    };
    let model = scaled(0.5);
    assert_eq!(scaled(1.0), model);
    assert_eq!(scaled(64.0), model);
    let mut seen = Vec::new();
    model.for_each_outcome(0, 0, |next_state, p, reward| seen.push((next_state, p, reward)));
    assert_eq!(seen, [(0, 0.5, 0.0), (1, 0.125, -1.0), (1, 0.375, 1.0)]);
    assert_eq!(model.successor_rewards(), [0.0, -1.0, 1.0, 0.0]);
}

#[test]
fn lists_that_do_not_fit_the_dynamics() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let valid: [Outcome; 4] =
        [(0, 0, 0, 0.5, 1.0), (0, 0, 1, 0.25, 2.0), (0, 0, 1, 0.25, 3.0), (1, 0, 1, 1.0, 0.0)];
    assert!(mdp.with_outcomes(valid).is_ok());
    let refused = |at: usize, outcome| {
        let mut outcomes = valid;
        outcomes[at] = outcome;
        mdp.with_outcomes(outcomes).map(drop).unwrap_err()
    };
    let missing = refused(0, (0, 0, 1, 0.5, 1.0));
    assert_eq!(missing, Error::MissingOutcome { state: 0, action: 0, next_state: 0 });
    assert_eq!(
        missing.to_string(),
        "transition (state 0, action 0, next state 0) is possible, but not in the list of outcomes: list every \
         transition with its reward"
    );
    // A probability of 0 is not listed.
    assert_eq!(refused(3, (1, 0, 1, 0.0, 0.0)), Error::MissingOutcome { state: 1, action: 0, next_state: 1 });
    let impossible = refused(1, (1, 0, 0, 0.25, 2.0));
    assert_eq!(impossible, Error::ImpossibleOutcome { state: 1, action: 0, next_state: 0 });
    assert_eq!(
        impossible.to_string(),
        "outcome (state 1, action 0, next state 0) is in the list, but the dynamics exclude this transition: use the \
         list from which the dynamics were made"
    );
    let table = Table::SuccessorRewards;
    assert_eq!(refused(3, (2, 0, 1, 1.0, 0.0)), Error::StateOutOfRange { table, state: 2, num_states: 2 });
    assert_eq!(
        refused(3, (1, 1, 1, 1.0, 0.0)),
        Error::ActionOutOfRange { state: 1, action: 1, num_actions: 1 }
    );
    assert_eq!(
        refused(3, (1, 0, 2, 1.0, 0.0)),
        Error::SuccessorOutOfRange { state: 1, action: 0, next_state: 2, num_states: 2 }
    );
    for value in [-0.5, f64::INFINITY] {
        let error = Error::InvalidTransition { state: 0, action: 0, next_state: 1, value };
        assert_eq!(refused(2, (0, 0, 1, value, 0.0)), error);
    }
    assert!(matches!(refused(2, (0, 0, 1, f64::NAN, 0.0)), Error::InvalidTransition { .. }));
    let reward = refused(2, (0, 0, 1, 0.25, f64::INFINITY));
    assert!(matches!(reward, Error::InvalidSuccessorReward { state: 0, action: 0, next_state: 1, .. }));
    // Finite probabilities whose sum is not.
    let (huge, value) = (f64::MAX, f64::INFINITY);
    let outcomes = [valid[0], (0, 0, 1, huge, 2.0), (0, 0, 1, huge, 3.0), valid[3]];
    let error = Error::InvalidTransition { state: 0, action: 0, next_state: 1, value };
    assert_eq!(mdp.with_outcomes(outcomes).map(drop).unwrap_err(), error);
}

/// Every pair stays, and visits the other state with probability 0.
#[derive(Debug)]
struct Staying;

impl Dynamics for Staying {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        2
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _: usize, visit: &mut dyn FnMut(usize, f64)) {
        visit(1 - state, 0.0);
        visit(state, 1.0);
    }
}

#[test]
fn visits_of_probability_zero_need_no_outcome_and_take_none() {
    let mdp = Mdp::builder(Staying, Array2::zeros((2, 1))).build().unwrap();
    let stays = [(0, 0, 0, 0.5, 1.0), (0, 0, 0, 0.5, 3.0), (1, 0, 1, 1.0, 0.0)];
    let model = mdp.with_outcomes(stays).unwrap();
    assert_eq!(model.folded_rewards(Inference::Variational), array![[2.0], [0.0]]);
    let leaves = mdp.with_outcomes(stays.into_iter().chain([(1, 0, 0, 0.5, 1.0)]));
    let error = Error::ImpossibleOutcome { state: 1, action: 0, next_state: 0 };
    assert_eq!(leaves.map(drop).unwrap_err(), error);
}

/// The cliff of Sutton and Barto (2018, example 6.6), as Gymnasium has it. On slippery ground, a
/// move turns to either side with probability ⅓ each. Leaving the start to the left bumps into the
/// edge and leaving it to the right falls into the cliff: both lead back to the start, for −1 and
/// for −100.
fn cliff_walking(is_slippery: bool) -> SuccessorRewardMdp<f64, SparseDynamics> {
    let (rows, columns, start) = (4_usize, 12_usize, 36);
    let mut outcomes = Vec::new();
    for state in (0..48).filter(|&state| state != 47) {
        for action in 0..4_usize {
            let moves =
                if is_slippery { vec![(action + 3) % 4, action, (action + 1) % 4] } else { vec![action] };
            for direction in &moves {
                let (row, column) = (state / columns, state % columns);
                let (row, column) = match direction {
                    0 => (row.saturating_sub(1), column),
                    1 => (row, (column + 1).min(columns - 1)),
                    2 => ((row + 1).min(rows - 1), column),
                    _ => (row, column.saturating_sub(1)),
                };
                let is_cliff = row == 3 && (1..11).contains(&column);
                let (next, reward) = if is_cliff { (start, -100.0) } else { (row * columns + column, -1.0) };
                outcomes.push((state, action, next, 1.0 / moves.len() as f64, reward));
            }
        }
    }
    let transitions = outcomes.iter().map(|&(state, action, next, p, _)| (state, action, next, p));
    let dynamics = SparseDynamics::from_triplets(48, 4, transitions).unwrap();
    Mdp::builder(dynamics, Array2::zeros((48, 4)))
        .terminal_states([47])
        .action_prior(ActionPrior::Uniform)
        .build()
        .unwrap()
        .with_outcomes(outcomes)
        .unwrap()
}

#[test]
fn cliff_walking_on_slippery_ground() {
    let (dry, slippery) = (cliff_walking(false), cliff_walking(true));
    assert!(slippery.has_several_rewards() && !dry.has_several_rewards());
    let finite = |model: &SuccessorRewardMdp<f64, _>, inference| {
        SoftValueIteration::new(13).inference(inference).solve(model).unwrap().state_values()[[0, 36]]
    };
    for (found, expected, what) in [
        (finite(&dry, Inference::Direct), -14.466_145_046_032_565, "dry, direct"),
        (finite(&dry, Inference::Variational), -14.466_145_046_032_565, "dry, variational"),
        (finite(&slippery, Inference::Direct), -14.466_145_046_032_564, "slippery, direct"),
        (finite(&slippery, Inference::Variational), -21.195_873_906_902_62, "slippery, variational"),
    ] {
        assert_close(found, expected, 1e-14, what);
    }
    let stationary = |model: &SuccessorRewardMdp<f64, SparseDynamics>| {
        let solver = StationarySolver::new(1e-10).inference(Inference::Variational);
        solver.solve(model).unwrap().state_values().to_owned()
    };
    let hard = |model: &SuccessorRewardMdp<f64, _>| model.with_temperature(0.0).unwrap();
    assert_close(stationary(&hard(&slippery))[36], -64.709_175_909_962_11, 1e-12, "slippery, hard");
    assert_close(stationary(&hard(&dry))[36], -13.0, 1e-12, "dry, hard");
    assert_close(stationary(&hard(&dry))[37], -12.0, 1e-12, "inside the cliff");
    let soft = |model: &SuccessorRewardMdp<f64, _>| model.with_discount(0.9).unwrap();
    assert_close(stationary(&soft(&dry))[36], -11.135_483_244_383_531, 1e-9, "dry, discounted");
    assert_close(stationary(&soft(&slippery))[36], -16.308_811_948_319_29, 1e-9, "slippery, discounted");
}

#[test]
fn stationary_problems_of_single_precision() {
    // Each stage pays 1 or −1: the mean is 0, and log cosh 1 is that of direct inference.
    let outcomes = [(0, 0, 0, 0.5_f32, 1.0_f32), (0, 0, 0, 0.5, -1.0)];
    let mdp = Mdp::new(array![[[1.0_f32]]], array![[0.0_f32]]).unwrap().with_discount(0.5).unwrap();
    let model = mdp.with_outcomes(outcomes).unwrap();
    // exp V = cosh 1 · (½ exp V + ½).
    let half = 0.5 * 1.0_f64.cosh();
    let solver = StationarySolver::new(1e-4_f32).inference(Inference::Direct);
    let value = solver.solve(&model).unwrap().state_values()[0];
    assert_close(f64::from(value), (half / (1.0 - half)).ln(), 1e-4, "direct");
    let solver = StationarySolver::new(1e-3_f32).inference(Inference::Variational);
    assert_close(f64::from(solver.solve(&model).unwrap().state_values()[0]), 0.0, 1e-6, "mean");
    let one =
        SoftValueIteration::new(1).solve(&mdp.with_discount(1.0).unwrap().with_outcomes(outcomes).unwrap());
    assert_close(f64::from(one.unwrap().state_values()[[0, 0]]), 1.0_f64.cosh().ln(), 1e-6, "log cosh");
}

#[cfg(feature = "rand")]
#[test]
fn a_simulator_draws_the_rewards_of_a_transition() {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use softmdp::learning::{Environment, Simulator};

    let model = two_rewards(1.0);
    let mut world = Simulator::new(&model, &array![1.0, 0.0]).unwrap();
    let mut rng = StdRng::seed_from_u64(11);
    let num_steps = 20_000;
    let mut num_wins = 0;
    for _ in 0..num_steps {
        world.reset(&mut rng).unwrap();
        let reward = world.step(0, &mut rng).unwrap().reward;
        assert!(reward == 2.0 || reward == -1.0, "{reward}");
        num_wins += u32::from(reward == 2.0);
        world.reset(&mut rng).unwrap();
        assert_eq!(world.step(1, &mut rng).unwrap().reward, 0.5);
    }
    // Six standard deviations.
    let off = f64::from(num_wins) / f64::from(num_steps) - 0.5;
    assert!(off.abs() < 6.0 * 0.5 / f64::from(num_steps).sqrt(), "{off}");
}

#[test]
fn models_of_stages_visit_the_rewards_of_their_stage() {
    let model = two_rewards(1.0);
    let raised = model.with_rewards(Array2::ones((2, 2))).unwrap();
    let varying = softmdp::TimeVaryingMdp::new([model, raised]).unwrap();
    let seen = |t| {
        let mut seen = Vec::new();
        varying.for_each_transition_reward(t, 0, 0, 1, &mut |weight, reward| seen.push((weight, reward)));
        seen
    };
    assert_eq!(seen(0), [(0.5, -1.0), (0.5, 2.0)]);
    assert_eq!(seen(1), [(0.5, 0.0), (0.5, 3.0)]);
}
