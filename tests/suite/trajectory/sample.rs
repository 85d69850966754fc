//! Samples of trajectories have the frequencies that marginals and occupancies say.

#![cfg(feature = "rand")]

use crate::common::{MINUS_INFINITY, SMALL, Tables, TimeVarying, cases, tables_with_successor_rewards};
use crate::posterior::observations;
use ndarray::{Array3, Array4, array};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use softmdp::{
    Error, Mdp, Model, Observation, Posterior, StationaryPolicy, TimeVaryingMdp, Trajectory, ndarray,
    posterior, posterior_given,
};

const SAMPLES: usize = 100_000;

/// How often a test of this file may fail on a right program, had the seed been drawn at random.
const FALSE_POSITIVE_RATE: f64 = 1e-6;

/// Asserts that `count` of [`SAMPLES`] is no surprise for an event of probability p, one of
/// `events` that are looked at.
///
/// Bernstein's inequality: P(|X − np| ≥ ε) ≤ 2 exp(−ε² / (2 (np(1−p) + ε/3))) for any p and n.
#[track_caller]
fn assert_frequency(count: usize, p: f64, events: usize, what: &str) {
    let n = SAMPLES as f64;
    let log = (2.0 * events as f64 / FALSE_POSITIVE_RATE).ln();
    let bound = log / 3.0 + (log * log / 9.0 + 2.0 * n * p * (1.0 - p) * log).sqrt();
    let surprise = (count as f64 - n * p).abs();
    assert!(surprise <= bound, "{what}: {count} of {SAMPLES}, expected {:.1} ± {bound:.1}", n * p);
    assert!(p > 0.0 || count == 0, "{what}: the impossible happened {count} times");
}

/// How often each (t, s, a, s') was seen, and how often each (s, t) at all, terminal states keeping
/// what entered them.
struct Counts {
    steps: Array4<usize>,
    states: ndarray::Array2<usize>,
    pairs: Array3<usize>,
}

fn count(
    (horizon, states, actions): (usize, usize, usize),
    model: &impl Model<Scalar = f64>,
    mut sample: impl FnMut() -> Trajectory,
) -> Counts {
    let mut counts = Counts {
        steps: Array4::zeros((horizon, states, actions, states)),
        states: ndarray::Array2::zeros((horizon + 1, states)),
        pairs: Array3::zeros((horizon, states, actions)),
    };
    for _ in 0..SAMPLES {
        let sample = sample();
        let (states, actions) = (sample.states(), sample.actions());
        for (t, &state) in states.iter().enumerate() {
            counts.states[[t, state]] += 1;
        }
        for (t, &action) in actions.iter().enumerate() {
            counts.pairs[[t, states[t], action]] += 1;
            if let Some(&next_state) = states.get(t + 1) {
                counts.steps[[t, states[t], action, next_state]] += 1;
            }
        }
        let last = *states.last().unwrap();
        if model.is_terminal(last) {
            (states.len()..=horizon).for_each(|t| counts.states[[t, last]] += 1);
        }
    }
    counts
}

fn check_posterior(model: &impl Model<Scalar = f64>, posterior: &Posterior, seed: u64) {
    let (horizon, states, actions) = posterior.state_action_marginals().dim();
    let mut rng = StdRng::seed_from_u64(seed);
    let counts = count((horizon, states, actions), model, || posterior.sample(model, &mut rng).unwrap());
    let events = counts.states.len() + counts.pairs.len() + counts.steps.len();
    for (index, &count) in counts.states.indexed_iter() {
        assert_frequency(count, posterior.state_marginals()[index], events, &format!("state {index:?}"));
    }
    for (index, &count) in counts.pairs.indexed_iter() {
        assert_frequency(
            count,
            posterior.state_action_marginals()[index],
            events,
            &format!("pair {index:?}"),
        );
    }
    for t in 0..horizon {
        let pairwise = posterior.pairwise_marginals_at(model, t).unwrap();
        for (index, &p) in pairwise.indexed_iter() {
            let (s, a, n) = index;
            assert_frequency(counts.steps[[t, s, a, n]], p, events, &format!("step {t}, {index:?}"));
        }
    }
}

fn check_acting(tables: &Tables, model: &impl Model<Scalar = f64>, seed: u64) {
    let policy = tables.own_policy();
    let mut rng = StdRng::seed_from_u64(seed);
    let sample = || policy.sample(model, &tables.initial, &mut rng).unwrap();
    let counts = count((tables.horizon(), tables.num_states(), tables.num_actions()), model, sample);
    let events = counts.states.len() + counts.pairs.len();
    let states = policy.state_occupancy(model, &tables.initial).unwrap();
    for (index, &count) in counts.states.indexed_iter() {
        assert_frequency(count, states[index], events, &format!("state {index:?}"));
    }
    let pairs = policy.state_action_occupancy(model, &tables.initial).unwrap();
    for (index, &count) in counts.pairs.indexed_iter() {
        assert_frequency(count, pairs[index], events, &format!("pair {index:?}"));
    }
}

proptest! {
    // Few, since each draws 200 000 trajectories: of models whose stages differ, with every option of a model.
    #![proptest_config(cases(12))]

    #[test]
    fn frequencies_are_those_of_marginals_and_occupancies(
        tables in tables_with_successor_rewards(SMALL), seed in any::<u64>()
    ) {
        let tables = tables.with_varying_priors();
        let model = TimeVaryingMdp::new((0..tables.horizon()).map(|t| {
            let rewards = &tables.stages[t].successor_rewards;
            tables.mdp_of_stage(t).with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap()
        }))
        .unwrap();
        match posterior(&model, &tables.initial, tables.horizon()) {
            Err(Error::ImpossibleEvidence { .. }) => {}
            posterior => check_posterior(&model, &posterior.unwrap(), seed),
        }
        check_acting(&tables, &model, seed);
    }

    #[test]
    fn frequencies_agree_with_observations(tables in tables_with_successor_rewards(SMALL), seed in any::<u64>()) {
        let model = TimeVarying::new(tables);
        let (tables, horizon) = (&model.tables, model.tables.horizon());
        match posterior_given(&model, &tables.initial, horizon, observations(tables, seed)) {
            Err(Error::ImpossibleEvidence { .. } | Error::ImpossibleObservations { .. }) => {}
            posterior => check_posterior(&model, &posterior.unwrap(), seed),
        }
    }
}

/// Whoever was seen at stage 2 had not left before, and leaves later as often as the marginals say.
#[test]
fn samples_do_not_leave_before_they_are_seen() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.25, 0.75]]], array![[0.0], [0.1]]).unwrap();
    let mdp = mdp.with_discount(0.5).unwrap();
    let seen = [Observation::at(2, 1), Observation::new(3, array![0.0, -1.0]).absorbed(-0.5)];
    let given = posterior_given(&mdp, &array![1.0, 0.0], 5, seen).unwrap();
    check_posterior(&mdp, &given, 5);
    let mut rng = StdRng::seed_from_u64(6);
    assert!((0..100).all(|_| given.sample(&mdp, &mut rng).unwrap().states()[2] == 1));
}

/// Luck is where samples go wrong first: those of the true dynamics would reach the goal half of
/// the time.
#[test]
fn samples_of_the_posterior_are_lucky_and_arrive() {
    let rows = array![[[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]], [[0.0, 0.0, 1.0]]];
    let mdp = Mdp::builder(rows, array![[0.0], [0.0], [0.0]])
        .terminal_states([2])
        .terminal_values(array![MINUS_INFINITY, MINUS_INFINITY, 0.0])
        .build()
        .unwrap();
    let posterior = posterior(&mdp, &array![1.0, 0.0, 0.0], 4).unwrap();
    check_posterior(&mdp, &posterior, 3);
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..1000 {
        assert_eq!(posterior.sample(&mdp, &mut rng).unwrap().states().last(), Some(&2));
    }
}

#[test]
fn a_seed_determines_the_samples() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [-1.0]]).unwrap();
    let posterior = posterior(&mdp, &array![0.5, 0.5], 50).unwrap();
    let sample = |seed| posterior.sample(&mdp, &mut StdRng::seed_from_u64(seed)).unwrap();
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
    // Any generator will do, also one behind a reference that has no size.
    let mut rng = StdRng::seed_from_u64(1);
    let rng: &mut dyn Rng = &mut rng;
    assert_eq!(posterior.sample(&mdp, rng).unwrap(), sample(1));
}

#[test]
fn a_single_precision_model_samples_every_outcome() {
    let mdp: Mdp<f32> = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]]).unwrap();
    let posterior = posterior(&mdp, &array![1.0, 0.0], 1).unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    let heads = (0..SAMPLES).filter(|_| posterior.sample(&mdp, &mut rng).unwrap().states()[1] == 1).count();
    assert_frequency(heads, 0.5, 1, "heads");
}

/// A stationary policy is that of every stage: the same numbers are drawn for the same choices.
#[test]
fn stationary_policies_are_acted_by_like_any_other() {
    let transitions = array![
        [[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]],
        [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    let mdp = Mdp::builder(transitions, ndarray::Array2::zeros((3, 2))).terminal_states([2]).build().unwrap();
    let policy = StationaryPolicy::new(array![[0.75, 0.25], [0.5, 0.5], [0.0, 0.0]]).unwrap();
    let initial = array![0.5, 0.5, 0.0];
    let mut longest = 0;
    for seed in 0..200 {
        let found = policy.sample(&mdp, &initial, 6, &mut StdRng::seed_from_u64(seed)).unwrap();
        let expected =
            policy.repeated(6).unwrap().sample(&mdp, &initial, &mut StdRng::seed_from_u64(seed)).unwrap();
        assert_eq!(found, expected);
        longest = longest.max(found.actions().len());
    }
    assert_eq!(longest, 6);
    let stages = TimeVaryingMdp::new(vec![mdp.clone(), mdp]).unwrap();
    let mut rng = StdRng::seed_from_u64(0);
    assert_eq!(policy.sample(&stages, &initial, 1, &mut rng), Err(Error::NotHomogeneous));
}
