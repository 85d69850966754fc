//! What leaves a likelihood unchanged, and how likelihoods agree.

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Likelihood, Score};
use softmdp::ndarray::{Array1, Array2, Array3, Axis};
use softmdp::{ActionPrior, DeterministicDynamics, Mdp, Trajectory};

use super::formula::{four_demonstrations, four_states, trajectory};
use super::worlds::{NUM_ACTIONS, NUM_STATES, World};
use crate::common::random::Random;

fn likelihoods() -> [Likelihood; 4] {
    let actions = [Direct, Variational].map(Likelihood::actions);
    let [direct, variational] = actions;
    [Likelihood::trajectories(), direct, variational, Likelihood::feature_matching()]
}

fn assert_same(a: &Score, b: &Score, tolerance: f64) {
    assert!(
        (a.value() - b.value()).abs() <= tolerance * (1.0 + a.value().abs()),
        "{} {}",
        a.value(),
        b.value()
    );
    let tables = a.reward_gradient().into_iter().chain(a.terminal_gradient()).chain(a.residual_visits());
    let others = b.reward_gradient().into_iter().chain(b.terminal_gradient()).chain(b.residual_visits());
    for (a, b) in tables.zip(others) {
        assert!((a - b).abs() <= tolerance * (1.0 + a.abs()), "{a} {b}");
    }
    let pairs = [
        (a.temperature_gradient(), b.temperature_gradient()),
        (a.discount_gradient().unwrap(), b.discount_gradient().unwrap()),
    ];
    for (a, b) in pairs {
        assert!((a - b).abs() <= 10.0 * tolerance * (1.0 + a.abs()), "{a} {b}");
    }
}

#[test]
fn a_weight_is_a_number_of_repetitions() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let four: Vec<Trajectory> = four_demonstrations().trajectories().map(|(one, _)| one.clone()).collect();
    let weighted = Demonstrations::new(four.clone()).with_weights([2.0, 0.0, 1.0, 3.0]).unwrap();
    let repeated = [0, 0, 2, 3, 3, 3].map(|index: usize| four[index].clone());
    for likelihood in likelihoods() {
        let likelihood = likelihood.horizon(5);
        let score = likelihood.evaluate(&mdp, &weighted).unwrap();
        assert_same(
            &score,
            &likelihood.evaluate(&mdp, &Demonstrations::new(repeated.clone())).unwrap(),
            1e-13,
        );
    }
}

#[test]
fn the_order_of_demonstrations_does_not_matter() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let (mut all, mut weights): (Vec<_>, Vec<_>) =
        four_demonstrations().trajectories().map(|(one, weight)| (one.clone(), weight)).unzip();
    all.reverse();
    weights.reverse();
    let reversed = Demonstrations::new(all).with_weights(weights).unwrap();
    for likelihood in likelihoods() {
        let likelihood = likelihood.horizon(5);
        let score = likelihood.evaluate(&mdp, &four_demonstrations()).unwrap();
        assert_same(&score, &likelihood.evaluate(&mdp, &reversed).unwrap(), 1e-13);
    }
}

#[test]
fn other_numbers_of_states_and_actions_permute_the_result() {
    let world = World::random(11, 0.8, 0.0);
    let (states, actions) = ([2, 0, 3, 1], [1, 2, 0]); // new numbers of the old ones
    let mut other = world.clone();
    for (s, a) in (0..NUM_STATES).flat_map(|s| (0..NUM_ACTIONS).map(move |a| (s, a))) {
        let pair = [states[s], actions[a]];
        other.rewards[pair] = world.rewards[[s, a]];
        other.prior[pair] = world.prior[[s, a]];
        for (next, &renamed) in states.iter().enumerate() {
            other.transitions[[pair[0], pair[1], renamed]] = world.transitions[[s, a, next]];
        }
        other.terminal_values[states[s]] = world.terminal_values[s];
    }
    other.terminal = world.terminal.iter().map(|&state| states[state]).collect();
    for likelihood in likelihoods() {
        let likelihood = likelihood.horizon(3);
        let seen = world.demonstrations(&mut Random(4), &likelihood, (Some(3), false, false)).unwrap();
        let renamed = seen.trajectories().map(|(one, _)| {
            let rename =
                |from: &[usize], to: &[usize]| from.iter().map(|&index| to[index]).collect::<Vec<_>>();
            trajectory(&rename(one.states(), &states), &rename(one.actions(), &actions))
        });
        let weights: Vec<f64> = seen.trajectories().map(|(_, weight)| weight).collect();
        let renamed = Demonstrations::new(renamed).with_weights(weights).unwrap();
        let score = likelihood.evaluate(&world.mdp(), &seen).unwrap();
        let found = likelihood.evaluate(&other.mdp(), &renamed).unwrap();
        assert!((score.value() - found.value()).abs() < 1e-12);
        for ((s, a), entry) in score.reward_gradient().indexed_iter() {
            assert!((entry - found.reward_gradient()[[states[s], actions[a]]]).abs() < 1e-12);
        }
        for (s, entry) in score.terminal_gradient().indexed_iter() {
            assert!((entry - found.terminal_gradient()[states[s]]).abs() < 1e-12);
        }
    }
}

/// A demonstration, its first two steps, and the rest, which starts at stage 2.
fn split() -> [Demonstrations; 3] {
    let whole = Demonstrations::new([trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0])]);
    let prefix = Demonstrations::new([trajectory(&[0, 1, 2], &[0, 2])]).with_cut_off([true]).unwrap();
    let rest = Demonstrations::new([trajectory(&[2, 0, 1, 2], &[1, 1, 0])]).with_first_stages([2]).unwrap();
    [whole, prefix, rest]
}

#[test]
fn a_trajectory_that_is_split_at_a_stage_has_the_sum_of_the_parts() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let [direct, variational] = [Direct, Variational].map(Likelihood::actions);
    for likelihood in [Likelihood::trajectories(), direct, variational] {
        let likelihood = likelihood.horizon(5);
        let [whole, prefix, rest] = split().map(|seen| likelihood.evaluate(&mdp, &seen).unwrap());
        assert!((whole.value() - prefix.value() - rest.value()).abs() < 1e-12);
        let sum = &prefix.reward_gradient() + &rest.reward_gradient();
        for (sum, entry) in sum.iter().zip(whole.reward_gradient()) {
            assert!((sum - entry).abs() < 1e-12);
        }
        let sum = prefix.temperature_gradient() + rest.temperature_gradient();
        assert!((sum - whole.temperature_gradient()).abs() < 1e-11);
        let sum = prefix.discount_gradient().unwrap() + rest.discount_gradient().unwrap();
        assert!((sum - whole.discount_gradient().unwrap()).abs() < 1e-11);
    }
}

#[test]
fn a_mark_of_cut_off_at_an_end_changes_nothing() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let likelihood = Likelihood::trajectories().horizon(5);
    let score = likelihood.evaluate(&mdp, &four_demonstrations()).unwrap();
    let marked = four_demonstrations().with_cut_off([true; 4]).unwrap();
    let same = likelihood.evaluate(&mdp, &marked).unwrap();
    assert!((score.value() - same.value()).abs() < 1e-12);
    for (a, b) in score.terminal_gradient().iter().zip(same.terminal_gradient()) {
        assert!((a - b).abs() < 1e-12);
    }
}

/// A ring of five states with a terminal state, where every action has one successor.
fn ring() -> (Mdp<f64, DeterministicDynamics>, Demonstrations) {
    let next = Array2::from_shape_fn((5, 3), |(s, a)| (2 * s + a + 1) % 5);
    let rewards = super::formula::rewards(5, 3, 1) - 1.0;
    let mdp = Mdp::builder(DeterministicDynamics::new(next).unwrap(), rewards)
        .terminal_states([4])
        .terminal_values(Array1::from_shape_fn(5, |s| s as f64 / 7.0))
        .action_prior(ActionPrior::Weights(super::formula::prior(5, 3, 2)))
        .temperature(0.8)
        .build()
        .unwrap();
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 3, 2, 0, 2], &[0, 0, 0, 0, 1]),
        trajectory(&[1, 0, 1, 4], &[2, 0, 1]),
    ]);
    (mdp, seen.with_weights([1.0, 2.0]).unwrap())
}

#[test]
fn deterministic_without_a_discount_all_likelihoods_are_one() {
    let (mdp, seen) = ring();
    let [trajectories, direct, variational, matching] =
        likelihoods().map(|likelihood| likelihood.horizon(5).evaluate(&mdp, &seen).unwrap());
    for other in [direct, variational, matching] {
        assert!((other.value() - trajectories.value()).abs() < 1e-13);
        for (a, b) in other.reward_gradient().iter().zip(trajectories.reward_gradient()) {
            assert!((a - b).abs() < 1e-13);
        }
        // Visits of decisions: ends are no part of the actions.
        for ((t, s), x) in other.residual_visits().indexed_iter().filter(|((t, s), _)| *t < 5 && *s != 4) {
            assert!((x - trajectories.residual_visits()[[t, s]]).abs() < 1e-13);
        }
        assert!((other.temperature_gradient() - trajectories.temperature_gradient()).abs() < 1e-12);
    }
}

#[test]
fn whole_demonstrations_of_deterministic_dynamics_prove_concavity() {
    let (mdp, seen) = ring();
    for discount in [0.0, 0.4, 0.9, 1.0] {
        let mdp = mdp.with_discount(discount).unwrap();
        let score = Likelihood::actions(Variational).horizon(5).evaluate(&mdp, &seen).unwrap();
        assert!(score.is_locally_concave(), "γ = {discount}");
    }
}

#[test]
fn scales_of_rewards_and_temperature_cancel() {
    let world = World::random(21, 0.8, -2.0);
    let mut scaled = world.clone();
    scaled.rewards.mapv_inplace(|reward| 3.0 * reward);
    scaled.terminal_values.mapv_inplace(|value| 3.0 * value);
    scaled.temperature *= 3.0;
    for likelihood in likelihoods() {
        for likelihood in [likelihood.clone().horizon(3), likelihood] {
            let kinds = (Some(3), false, false);
            let Some(seen) = world.demonstrations(&mut Random(1), &likelihood, kinds) else { continue };
            let score = likelihood.evaluate(&world.mdp(), &seen).unwrap();
            let same = likelihood.evaluate(&scaled.mdp(), &seen).unwrap();
            assert!((score.value() - same.value()).abs() < 1e-12);
            assert!((score.temperature_gradient() - 3.0 * same.temperature_gradient()).abs() < 1e-11);
            // Euler: the log-likelihood is homogeneous of degree 0.
            let inner = |gradient: &mut dyn Iterator<Item = (f64, f64)>| {
                gradient.filter(|(g, _)| *g != 0.0).map(|(g, entry)| g * entry).sum::<f64>()
            };
            let rewards = score.reward_gradient();
            let mut pairs = rewards.iter().copied().zip(world.rewards.iter().copied());
            let ends = score.terminal_gradient();
            let mut ends = ends.iter().copied().zip(world.terminal_values.iter().copied());
            let sum = inner(&mut pairs) + inner(&mut ends);
            assert!((sum + world.temperature * score.temperature_gradient()).abs() < 1e-11);
        }
    }
}

#[test]
fn constants_matter_only_if_lengths_differ() {
    let [free, ending] =
        [[].as_slice(), &[3]].map(|terminal| [0.0, 1.0].map(|shift| four_states(shift, 1.0, terminal)));
    let full = Demonstrations::new([trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0])]);
    for likelihood in likelihoods() {
        let likelihood = likelihood.horizon(5);
        let change = |[a, b]: &[Mdp; 2]| {
            let [a, b] = [a, b].map(|mdp| likelihood.evaluate(mdp, &full).unwrap().value());
            (a - b).abs()
        };
        assert!(change(&free) < 1e-12);
        assert!(change(&ending) > 1e-3); // with a terminal state, a constant moves behaviour
    }
    // At γ < 1, leaving for † makes lengths random in direct inference only.
    let discounted = [0.0, 1.0].map(|shift| four_states(shift, 0.9, &[]));
    for (likelihood, is_invariant) in likelihoods().into_iter().zip([false, false, true, true]) {
        let likelihood = likelihood.horizon(5);
        let [a, b] = discounted.each_ref().map(|mdp| likelihood.evaluate(mdp, &full).unwrap().value());
        assert_eq!((a - b).abs() < 1e-12, is_invariant, "{a} {b}");
    }
}

#[test]
fn shaping_leaves_variational_actions_alone_but_not_direct_inference() {
    let mdp = four_states(0.0, 0.9, &[]);
    let h = Array1::from_vec(vec![0.5, -1.0, 2.0, 0.3]);
    let expected = super::formula::transitions(4, 3, 0).map_axis(Axis(2), |row| row.dot(&h)); // [s, a]
    let shaped = &mdp.rewards() + &(&h.clone().insert_axis(Axis(1)) - &(0.9 * expected));
    let shaped = mdp.with_rewards(shaped).unwrap();
    let ended = shaped.with_terminal_values(&mdp.terminal_values() + &h).unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0])]);
    let change = |likelihood: &Likelihood, other: &Mdp| {
        let [a, b] = [&mdp, other].map(|mdp| likelihood.evaluate(mdp, &seen).unwrap().value());
        (a - b).abs()
    };
    assert!(change(&Likelihood::actions(Variational), &shaped) < 1e-11);
    assert!(change(&Likelihood::actions(Variational).horizon(5), &ended) < 1e-12);
    assert!(change(&Likelihood::actions(Direct).horizon(5), &ended) > 1e-3);
    assert!(change(&Likelihood::trajectories().horizon(5), &ended) > 1e-3);
}

#[test]
fn a_free_table_is_at_its_maximum_where_the_policy_is_the_frequencies() {
    let counts = Array2::from_shape_vec((2, 2), vec![3.0, 1.0, 2.0, 6.0]).unwrap();
    let rewards = Array2::from_shape_fn((2, 2), |(s, a)| f64::ln(counts[[s, a]] / counts.row(s).sum()));
    let transitions = Array3::from_shape_fn((2, 2, 2), |(s, a, next)| {
        let p = 0.2 + 0.3 * ((s + 2 * a) as f64 / 3.0);
        if next == 0 { p } else { 1.0 - p }
    });
    // V = 0 solves V = log Σ exp(r + γ P V), so the policy is exp r.
    let mdp = Mdp::new(transitions, rewards).unwrap().with_discount(0.9).unwrap();
    let score = Likelihood::actions(Variational)
        .evaluate(&mdp, &Demonstrations::from_counts(counts.clone()).unwrap())
        .unwrap();
    assert!(score.reward_gradient().iter().all(|entry| entry.abs() < 1e-13));
    let entropy: f64 =
        counts.indexed_iter().map(|((s, a), n)| n * (counts[[s, a]] / counts.row(s).sum()).ln()).sum();
    assert!((score.value() - entropy).abs() < 1e-13);
}

#[test]
fn observed_and_expected_steps_balance() {
    let mdp = four_states(0.0, 1.0, &[]);
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 1, 0]),
        trajectory(&[0, 0, 0, 2, 2, 1], &[2, 2, 0, 1, 2]),
    ]);
    for likelihood in likelihoods() {
        let score = likelihood.horizon(5).evaluate(&mdp, &seen).unwrap();
        assert!(score.reward_gradient().sum().abs() < 1e-13);
    }
}

#[test]
fn in_single_precision() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let single = mdp.cast::<f32>().unwrap();
    let (all, weights): (Vec<_>, Vec<_>) =
        four_demonstrations().trajectories().map(|(one, weight)| (one.clone(), weight as f32)).unzip();
    let seen = Demonstrations::new(all).with_weights(weights).unwrap();
    let close = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 3e-5 * (1.0 + expected.abs()), "{found} {expected}");
    };
    let [trajectories, direct, variational, matching] = likelihoods();
    let singles = [
        Likelihood::trajectories(),
        Likelihood::actions(Direct),
        Likelihood::actions(Variational),
        Likelihood::feature_matching(),
    ];
    for (likelihood, narrow) in [trajectories, direct, variational, matching].into_iter().zip(singles) {
        let score = likelihood.horizon(5).evaluate(&mdp, &four_demonstrations()).unwrap();
        let found = narrow.horizon(5).evaluate(&single, &seen).unwrap();
        close(found.value(), score.value());
        close(found.temperature_gradient(), score.temperature_gradient());
        close(found.discount_gradient().unwrap(), score.discount_gradient().unwrap());
        let pairs = found.reward_gradient();
        pairs.iter().zip(score.reward_gradient()).for_each(|(&found, &entry)| close(found, entry));
    }
    // Rust's bus at γ = .9999: values of 1300, of which choices need the differences.
    let (mdp, _) = super::bus::group_four(10.0749422, 2.2930930, 0.9999);
    let mdp = mdp.cast::<f32>().unwrap();
    let counts = Demonstrations::from_counts(super::bus::counts().mapv(|count| count as f32)).unwrap();
    let found = Likelihood::actions(Variational).evaluate(&mdp, &counts).unwrap();
    let bound = f64::from(found.convergence().unwrap().error_bound);
    assert!((f64::from(found.value()) + 163.584283657).abs() < 1.0 + bound, "{}", found.value());
}
