//! Posteriors given observations equal sums over all trajectories, also for agents that have ended.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the probability 0")]

mod stored;

use crate::common::enumeration::{self, direct, posterior_trajectories, prefixes};
use crate::common::random::Random;
use crate::common::{
    MINUS_INFINITY, SMALL, Tables, TimeVarying, assert_close, assert_tables_close, cases, tables,
    tables_with_successor_rewards,
};
use ndarray::{Array1, Array2, Array3, Axis, array, s};
use proptest::prelude::*;
use softmdp::{
    Error, Mdp, Model, Observation, Posterior, Table, TimeVaryingMdp, Trajectory, forward_messages_given,
    ndarray, posterior, posterior_given,
};

const TOLERANCE: f64 = 1e-10;

/// Up to four observations: certain and noisy ones, at stages 0 to T, some of the same stage, and
/// with every kind of log-likelihood for those who have left.
pub(crate) fn observations(tables: &Tables, seed: u64) -> Vec<Observation> {
    let mut random = Random(seed);
    let number = random.below(5);
    let log = |random: &mut Random| match random.below(4) {
        0 => MINUS_INFINITY,
        1 => 0.0,
        _ => 4.0 * random.uniform() - 3.0,
    };
    let mut one = || {
        let stage = random.below(tables.horizon() + 1);
        let absorbed = log(&mut random);
        if random.chance(0.3) {
            let seen = Observation::at(stage, random.below(tables.num_states()));
            return if random.chance(0.5) { seen } else { seen.absorbed(absorbed) };
        }
        let logs = Array1::from_shape_fn(tables.num_states(), |_| log(&mut random));
        let seen = Observation::new(stage, logs);
        if random.chance(0.3) { seen } else { seen.absorbed(absorbed) }
    };
    (0..number).map(|_| one()).collect()
}

/// The likelihood of the observations of stages up to `last`, for one trajectory.
fn likelihood(observations: &[Observation], last: usize, trajectory: &enumeration::Trajectory) -> f64 {
    let seen = observations.iter().filter(|seen| seen.stage() <= last);
    let logs = seen.map(|seen| match trajectory.state(seen.stage()) {
        Some(state) => seen.log_likelihood(state).unwrap(),
        None => seen.log_likelihood_absorbed(),
    });
    logs.sum::<f64>().exp()
}

/// The error for observations that exclude everything: the first stage at which nothing is left.
fn impossible(tables: &Tables, observations: &[Observation]) -> Error {
    let horizon = tables.horizon();
    let is_left = |t: usize, last: Option<usize>| {
        prefixes(tables, t).iter().any(|(trajectory, weight)| {
            *weight > 0.0 && last.is_none_or(|last| likelihood(observations, last, trajectory) > 0.0)
        })
    };
    for t in 0..=horizon {
        if t > 0 && !is_left(t, Some(t - 1)) {
            return Error::ImpossibleEvidence { stage: t - 1 };
        }
        if !is_left(t, Some(t)) {
            return Error::ImpossibleObservations { stage: t };
        }
    }
    Error::ImpossibleEvidence { stage: horizon }
}

/// Compares everything that a posterior offers with sums over trajectories.
fn check<M: Model<Scalar = f64>>(model: &M, tables: &Tables, observations: &[Observation], kind: &str) {
    let what = |table: &str| format!("{table}, {kind}");
    let (horizon, num_states, num_actions) = (tables.horizon(), tables.num_states(), tables.num_actions());
    let all: Vec<_> = posterior_trajectories(tables)
        .into_iter()
        .map(|(trajectory, p)| {
            let p = p * likelihood(observations, horizon, &trajectory);
            (trajectory, p)
        })
        .collect();
    let total: f64 = all.iter().map(|(_, p)| p).sum();
    let found = posterior_given(model, &tables.initial, horizon, observations.to_vec());
    if total == 0.0 {
        assert_eq!(found.unwrap_err(), impossible(tables, observations), "{kind}");
        return;
    }
    let found = found.unwrap();
    let evidence = direct(tables).evidence * total;
    assert_close(found.log_evidence(), evidence.ln(), TOLERANCE, &what("log p(e, o)"));

    let mut states = Array2::zeros((horizon + 1, num_states));
    let mut absorbed = Array1::zeros(horizon + 1);
    let mut pairs = Array3::zeros((horizon, num_states, num_actions));
    let mut pairwise = ndarray::Array4::zeros((horizon, num_states, num_actions, num_states));
    let mut largest = 0.0_f64;
    for (trajectory, p) in &all {
        let p = p / total;
        largest = largest.max(p);
        for t in 0..=horizon {
            match trajectory.state(t) {
                Some(state) => states[[t, state]] += p,
                None => absorbed[t] += p,
            }
        }
        for (t, &action) in trajectory.actions.iter().enumerate() {
            let state = trajectory.states[t];
            pairs[[t, state, action]] += p;
            if let Some(&next_state) = trajectory.states.get(t + 1) {
                pairwise[[t, state, action, next_state]] += p;
            }
        }
        let own = Trajectory::new(trajectory.states.clone(), trajectory.actions.clone()).unwrap();
        let log = found.log_probability(model, &own).unwrap();
        assert_close(log, p.ln(), TOLERANCE, &what("log p(trajectory)"));
    }
    assert_tables_close(&found.state_marginals(), &states, TOLERANCE, &what("p(s)"));
    assert_tables_close(&found.absorbed_marginals(), &absorbed, TOLERANCE, &what("p(†)"));
    assert_tables_close(&found.state_action_marginals(), &pairs, TOLERANCE, &what("p(s,a)"));
    for t in 0..horizon {
        let lucky = found.dynamics_at(model, t).unwrap();
        let own = found.pairwise_marginals_at(model, t).unwrap();
        let expected = pairwise.index_axis(Axis(0), t);
        assert_tables_close(&own, &expected, TOLERANCE, &what("p(s,a,s')"));
        for ((state, action), &pair) in pairs.index_axis(Axis(0), t).indexed_iter() {
            // Ratios of tiny numbers lose digits in the sums of the oracle, not in the crate.
            if states[[t, state]] > 1e-3 {
                let expected = pair / states[[t, state]];
                let policy = found.policy().probabilities()[[t, state, action]];
                let is_acting = !tables.is_terminal[state];
                assert!(!is_acting || (policy - expected).abs() < 1e-9, "π, {kind}: {policy}, {expected}");
            }
            if pair > 1e-3 {
                for next_state in 0..num_states {
                    let expected = pairwise[[t, state, action, next_state]] / pair;
                    assert_close(lucky[[state, action, next_state]], expected, 1e-9, &what("p(s'|s,a)"));
                }
            }
        }
    }
    let messages = forward_messages_given(model, &tables.initial, horizon, observations.to_vec()).unwrap();
    assert_close(messages.log_evidence(), found.log_evidence(), TOLERANCE, &what("log p(e, o), forwards"));
    for t in 0..=horizon {
        // Given what was seen before stage t, and not what was seen at it.
        let so_far = |found: &enumeration::Trajectory| {
            if t > 0 { likelihood(observations, t - 1, found) } else { 1.0 }
        };
        let mut forward = Array1::zeros(num_states);
        let mut gone = 0.0;
        for (trajectory, weight) in prefixes(tables, t) {
            match trajectory.state(t) {
                Some(state) => forward[state] += weight * so_far(&trajectory),
                None => gone += weight * so_far(&trajectory),
            }
        }
        let sum = forward.sum() + gone;
        forward.mapv_inplace(|weight| weight / sum);
        let found = messages.log_forward().row(t).mapv(f64::exp);
        assert_tables_close(&found, &forward, TOLERANCE, &what("α"));
        assert_close(messages.log_absorbed()[t].exp(), gone / sum, TOLERANCE, &what("α(†)"));
    }
    let best = found.most_likely(model).unwrap();
    let log = found.log_probability(model, &best).unwrap();
    assert_close(log, largest.ln(), TOLERANCE, &what("most likely"));
    check_values(model, tables, observations, &found);
}

/// V_0(s)/τ is the log-evidence of a start in s, by enumeration.
fn check_values<M: Model<Scalar = f64>>(
    model: &M,
    tables: &Tables,
    observations: &[Observation],
    found: &Posterior,
) {
    for state in 0..tables.num_states() {
        let mut initial = Array1::zeros(tables.num_states());
        initial[state] = 1.0;
        let start = Tables { initial, ..tables.clone() };
        let all = posterior_trajectories(&start);
        let total: f64 =
            all.iter().map(|(found, p)| p * likelihood(observations, tables.horizon(), found)).sum();
        let expected = tables.temperature * (direct(&start).evidence * total).ln();
        let value = found.solution().state_values()[[0, state]];
        assert_close(value, if total > 0.0 { expected } else { MINUS_INFINITY }, TOLERANCE, "V_0");
        // The same backward pass serves another start.
        let other = found.solution().posterior(model, &start.initial);
        match other {
            Ok(other) => assert_close(tables.temperature * other.log_evidence(), value, TOLERANCE, "start"),
            Err(error) => assert_eq!(error, impossible(&start, observations)),
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn everything_equals_the_sum_over_trajectories_for_every_kind(
        tables in tables_with_successor_rewards(SMALL), seed in any::<u64>()
    ) {
        let tables = tables.homogeneous();
        let rewards = &tables.stages[0].successor_rewards;
        let observations = observations(&tables, seed);
        for (kind, mdp) in tables.kinds() {
            let model = mdp.with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap();
            check(&model, &tables, &observations, kind);
        }
    }

    #[test]
    fn stages_that_differ_are_read_in_their_order(tables in tables(SMALL), seed in any::<u64>()) {
        let model = TimeVarying::new(tables.with_varying_priors());
        check(&model, &model.tables, &observations(&model.tables, seed), "time-varying");
    }

    #[test]
    fn without_observations_it_is_the_posterior(tables in tables(SMALL)) {
        let model = TimeVarying::new(tables);
        let (initial, horizon) = (&model.tables.initial, model.tables.horizon());
        prop_assert_eq!(
            posterior_given(&model, initial, horizon, []),
            posterior(&model, initial, horizon)
        );
        // Nor does it matter to observe what says nothing, but for rounding.
        let nothing = Observation::new(horizon / 2, Array1::zeros(initial.len())).absorbed(0.0);
        if let Ok(plain) = posterior(&model, initial, horizon) {
            let found = posterior_given(&model, initial, horizon, [nothing]).unwrap();
            assert_tables_close(&found.state_marginals(), &plain.state_marginals(), 1e-13, "nothing");
            assert_close(found.log_evidence(), plain.log_evidence(), 1e-13, "nothing");
        }
    }

    #[test]
    fn the_order_of_observations_does_not_matter(tables in tables(SMALL), seed in any::<u64>()) {
        let model = TimeVarying::new(tables);
        let (initial, horizon) = (&model.tables.initial, model.tables.horizon());
        let forwards = observations(&model.tables, seed);
        let backwards: Vec<_> = forwards.iter().rev().cloned().collect();
        let found = [forwards, backwards].map(|seen| posterior_given(&model, initial, horizon, seen));
        match found {
            [Ok(one), Ok(other)] => {
                assert_tables_close(&one.state_marginals(), &other.state_marginals(), 1e-13, "order");
                assert_close(one.log_evidence(), other.log_evidence(), 1e-13, "order");
            }
            [one, other] => prop_assert_eq!(one, other),
        }
    }
}

/// A walk from cell 0 whose goal, cell 3, is terminal. The agent is rewarded for an early end.
fn walk() -> Mdp {
    let rows = Array3::from_shape_fn((4, 2, 4), |(s, a, n)| {
        let ahead = if a == 0 { 0.3 } else { 0.8 };
        if n == (s + 1).min(3) {
            ahead
        } else if n == s {
            1.0 - ahead
        } else {
            0.0
        }
    });
    Mdp::builder(rows, Array2::from_elem((4, 2), -0.4)).terminal_states([3]).build().unwrap()
}

/// It was at cell 2 at stage 6, so it had not arrived. Rewards of −∞ in the other cells at stage 6
/// leave in those who had arrived before, because they take no action there.
#[test]
fn those_who_have_ended_count_where_rewards_do_not_reach_them() {
    let (mdp, initial, horizon, stage, place) = (walk(), array![1.0, 0.0, 0.0, 0.0], 8, 6, 2);
    let mut rewards = Array3::from_elem((horizon, 4, 2), -0.4);
    for state in (0..4).filter(|&state| state != place) {
        rewards.slice_mut(s![stage, state, ..]).fill(MINUS_INFINITY);
    }
    let wrong = TimeVaryingMdp::from_rewards(&mdp, rewards).unwrap();
    let wrong = posterior(&wrong, &initial, horizon).unwrap();
    let share = wrong.state_marginals()[[stage, place]];
    assert_close(share, 0.3669, 1e-4, "by rewards of −∞");

    let seen = Observation::at(stage, place);
    let right = posterior_given(&mdp, &initial, horizon, [seen.clone()]).unwrap();
    assert_eq!(right.state_marginals().row(stage), array![0.0, 0.0, 1.0, 0.0]);
    assert_eq!(right.state_marginals()[[stage, 3]], 0.0);
    // Of all trajectories without the observation, those that are there make up its probability.
    let plain = posterior(&mdp, &initial, horizon).unwrap();
    let log = plain.state_marginals()[[stage, place]].ln();
    assert_close(right.log_evidence() - plain.log_evidence(), log, 1e-13, "p(o | e)");

    // Whoever was at the goal stays there. V is that of the observation, V_T and nothing else.
    let arrived = posterior_given(&mdp, &initial, horizon, [Observation::at(stage, 3)]).unwrap();
    for t in stage..=horizon {
        assert_eq!(arrived.state_marginals()[[t, 3]], 1.0);
        assert_eq!(arrived.solution().state_values()[[t, 3]], 0.0);
    }
    let log = plain.state_marginals()[[stage, 3]].ln();
    assert_close(arrived.log_evidence() - plain.log_evidence(), log, 1e-13, "p(o | e)");
}

/// At γ < 1, an observation by default excludes †. After it, leaving is possible again.
#[test]
fn whoever_was_seen_had_not_left() {
    let (mdp, initial) = (walk().with_discount(0.6).unwrap(), array![1.0, 0.0, 0.0, 0.0]);
    let plain = posterior(&mdp, &initial, 5).unwrap();
    let sensor = Observation::new(3, array![0.0, -1.0, -1.0, -1.0]);
    let seen = posterior_given(&mdp, &initial, 5, [sensor.clone()]).unwrap();
    assert_eq!(seen.absorbed_marginals().slice(s![..=3]), array![0.0, 0.0, 0.0, 0.0]);
    assert!(seen.absorbed_marginals()[4] > 0.1);
    // A sensor that reads the same where there is nobody leaves them in, at their likelihood.
    let maybe = posterior_given(&mdp, &initial, 5, [sensor.absorbed(-1.0)]).unwrap();
    let weight = |t: usize, state: usize, log: f64| plain.state_marginals()[[t, state]] * f64::exp(log);
    let gone = plain.absorbed_marginals()[3] * f64::exp(-1.0);
    let total = gone + weight(3, 0, 0.0) + (1..4).map(|state| weight(3, state, -1.0)).sum::<f64>();
    assert_close(maybe.absorbed_marginals()[3], gone / total, 1e-13, "p(†)");
    // Nobody was there: it had left, by any of its first three actions.
    let nobody = Observation::new(3, Array1::from_elem(4, MINUS_INFINITY)).absorbed(0.0);
    let gone = posterior_given(&mdp, &initial, 5, [nobody.clone()]).unwrap();
    assert_eq!(gone.absorbed_marginals()[3], 1.0);
    assert_eq!(gone.state_marginals().row(3), Array1::<f64>::zeros(4));
    assert!(gone.most_likely(&mdp).unwrap().has_left());
    let contradiction = [Observation::at(4, 2), nobody];
    let error = posterior_given(&mdp, &initial, 5, contradiction).unwrap_err();
    assert_eq!(error, Error::ImpossibleObservations { stage: 4 });
}

/// The chapter on hidden Markov models puts emissions into rewards and terminal values.
#[test]
fn hidden_markov_models_have_the_posterior_of_their_emissions() {
    let initial = array![0.3, 0.2, 0.5];
    let transitions = array![[[0.0, 0.2, 0.8]], [[1.0, 0.0, 0.0]], [[0.4, 0.4, 0.2]]];
    let emissions = array![[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.1, 0.9]];
    let observed = [0, 1, 2, 2, 0];
    let horizon = observed.len() - 1;
    let logs = Array2::from_shape_fn((5, 3), |(t, state)| f64::ln(emissions[[state, observed[t]]]));
    let mdp = Mdp::builder(transitions, Array2::zeros((3, 1)));
    let rewards = logs.slice(s![..horizon, ..]).to_owned().insert_axis(Axis(2));
    let ends = mdp.clone().terminal_values(logs.row(horizon).to_owned()).build().unwrap();
    let by_rewards = TimeVaryingMdp::from_rewards(&ends, rewards).unwrap();
    let by_rewards_posterior = posterior(&by_rewards, &initial, horizon).unwrap();

    let mdp = mdp.build().unwrap();
    let seen = logs.outer_iter().enumerate().map(|(t, logs)| Observation::new(t, logs.to_owned()));
    let given = posterior_given(&mdp, &initial, horizon, seen).unwrap();
    assert_close(given.log_evidence(), -5.995_221_997, 1e-9, "log p(o)");
    assert_close(given.log_evidence(), by_rewards_posterior.log_evidence(), 1e-14, "log p(o)");
    let expected = by_rewards_posterior.state_marginals();
    assert_tables_close(&given.state_marginals(), &expected, 1e-14, "smoothed");
    let best = given.most_likely(&mdp).unwrap();
    assert_eq!(best, by_rewards_posterior.most_likely(&by_rewards).unwrap());
    for t in 0..horizon {
        let pairwise = given.pairwise_marginals_at(&mdp, t).unwrap();
        let expected = by_rewards_posterior.pairwise_marginals_at(&by_rewards, t).unwrap();
        assert_tables_close(&pairwise, &expected, 1e-14, "pairwise");
    }
}

/// A log-likelihood of −5000 underflows as a number; the only state that can be has it.
#[test]
fn improbable_observations_do_not_underflow() {
    let mdp =
        Mdp::new(array![[[0.5, 0.5, 0.0]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]], Array2::zeros((3, 1)));
    let (mdp, initial) = (mdp.unwrap(), array![1.0, 0.0, 0.0]);
    let logs = array![-5000.0, -5000.0 - 2.0_f64.ln(), 0.0];
    let seen = [Observation::new(1, logs.clone()), Observation::new(1, logs)];
    let given = posterior_given(&mdp, &initial, 2, seen).unwrap();
    assert_close(given.state_marginals()[[1, 0]], 0.8, 1e-12, "p(s_1 = 0)");
    assert_close(given.log_evidence(), -10_000.0 + 0.625_f64.ln(), 1e-12, "log p(o)");
}

#[test]
fn what_is_no_observation_is_refused_with_its_place() {
    let (mdp, initial) = (walk(), array![1.0, 0.0, 0.0, 0.0]);
    let refused = |seen: &[Observation]| posterior_given(&mdp, &initial, 3, seen.to_vec()).unwrap_err();
    let fine = Observation::at(1, 0);
    assert_eq!(
        refused(&[fine.clone(), Observation::at(4, 0)]),
        Error::ObservationOutOfRange { stage: 4, horizon: 3 }
    );
    let table = Table::Observations;
    let expected = Error::StateOutOfRange { table, state: 4, num_states: 4 };
    assert_eq!(refused(&[Observation::at(1, 4)]), expected);
    let expected = Error::ShapeMismatch { table, found: vec![3], expected: vec![4] };
    assert_eq!(refused(&[Observation::new(1, Array1::zeros(3))]), expected);
    for value in [f64::NAN, f64::INFINITY] {
        let error = refused(&[fine.clone(), Observation::new(2, array![0.0, 0.0, value, 0.0])]);
        let matches = matches!(&error, Error::InvalidEntry { table: Table::Observations, index, .. } if index == &[2, 2]);
        assert!(matches, "{error}");
        let error = refused(&[Observation::at(2, 2).absorbed(value)]);
        let matches = matches!(&error, Error::InvalidEntry { table: Table::AbsorbedObservations, index, .. } if index == &[2]);
        assert!(matches, "{error}");
    }
    let half = Observation::new(2, Array1::from_elem(4, -1e308));
    let expected = Error::Overflow { table, stage: 2, state: 0 };
    assert_eq!(refused(&[half.clone(), half]), expected);
    // Each is possible, both are not: from cell 0 to cell 2 takes two steps.
    let error = refused(&[fine.clone(), Observation::at(2, 2)]);
    assert_eq!(error, Error::ImpossibleObservations { stage: 2 });
    assert!(error.to_string().contains("up to stage 2"), "{error}");
    // Two observations of one stage that exclude each other.
    assert_eq!(refused(&[fine, Observation::at(1, 1)]), Error::ImpossibleObservations { stage: 1 });
    // It may be where it was seen, but the end excludes that.
    let end = mdp.with_terminal_values(array![MINUS_INFINITY, MINUS_INFINITY, MINUS_INFINITY, 0.0]).unwrap();
    let error = posterior_given(&end, &initial, 3, [Observation::at(2, 0)]).unwrap_err();
    assert_eq!(error, Error::ImpossibleEvidence { stage: 3 });
    // Messages do not fail by terminal values, as without observations.
    let messages = forward_messages_given(&end, &initial, 3, [Observation::at(2, 0)]).unwrap();
    assert_eq!(messages.log_evidence(), MINUS_INFINITY);
    let error = forward_messages_given(&mdp, &initial, 3, [Observation::at(2, 3)]).unwrap_err();
    assert_eq!(error, Error::ImpossibleObservations { stage: 2 });
    let error = posterior_given(&mdp.with_temperature(0.0).unwrap(), &initial, 3, [Observation::at(2, 0)]);
    assert_eq!(error.unwrap_err(), Error::ZeroTemperature { table: Table::ForwardMessages });
}

#[test]
fn single_precision_gives_the_same_posterior() {
    let (mdp, initial) = (walk().with_discount(0.9).unwrap(), array![1.0, 0.0, 0.0, 0.0]);
    let seen = [Observation::new(3, array![0.0, -1.0, MINUS_INFINITY, 0.5]).absorbed(-2.0)];
    let double = posterior_given(&mdp, &initial, 5, seen).unwrap();
    let seen = [Observation::new(3, array![0.0_f32, -1.0, f32::NEG_INFINITY, 0.5]).absorbed(-2.0)];
    let single = posterior_given(&mdp.cast::<f32>().unwrap(), &initial.mapv(|p| p as f32), 5, seen).unwrap();
    for (single, double) in single.state_marginals().iter().zip(double.state_marginals()) {
        assert!((f64::from(*single) - double).abs() < 1e-6);
    }
}

/// The random observations must cover what they are meant to.
#[test]
fn the_random_observations_are_as_lopsided_as_they_claim() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(cases(400));
    let mut seen = [0; 8];
    for _ in 0..400 {
        let tables = tables(SMALL).new_tree(&mut runner).unwrap().current();
        let observations = observations(&tables, any::<u64>().new_tree(&mut runner).unwrap().current());
        let model = TimeVarying::new(tables);
        let (tables, horizon) = (&model.tables, model.tables.horizon());
        let found = posterior_given(&model, &tables.initial, horizon, observations.clone());
        let ends = |t: usize, given: &Posterior| {
            (0..tables.num_states()).any(|s| tables.is_terminal[s] && given.state_marginals()[[t, s]] > 0.0)
        };
        let last = observations.iter().map(Observation::stage).max().unwrap_or(0);
        let is_out = |seen: &Observation| seen.log_likelihood_absorbed() == MINUS_INFINITY;
        let covered = [
            matches!(found, Err(Error::ImpossibleObservations { stage }) if stage > 0),
            matches!(found, Err(Error::ImpossibleEvidence { .. })),
            found.as_ref().is_ok_and(|given| last > 1 && ends(last - 1, given)),
            // † is excluded at first and possible later, or possible all the time.
            found.as_ref().is_ok_and(|given| {
                observations.iter().any(is_out) && given.absorbed_marginals()[horizon] > 0.0
            }),
            found.as_ref().is_ok_and(|given| {
                !observations.iter().any(is_out) && given.absorbed_marginals()[last] > 0.0 && last > 0
            }),
            found.is_ok() && tables.discount == 0.0 && last > 0,
            found.is_ok()
                && observations.len() > 1
                && observations.windows(2).any(|two| two[0].stage() == two[1].stage()),
            found.is_ok() && last == horizon && observations.len() == 4,
        ];
        seen.iter_mut().zip(covered).for_each(|(seen, covered)| *seen += usize::from(covered));
    }
    assert!(seen.iter().all(|&seen| seen >= 5), "{seen:?}");
}
