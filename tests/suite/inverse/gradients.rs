//! Gradients agree with differences of values, for all likelihoods on lopsided models.

use std::ops::ControlFlow;

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Likelihood};
use softmdp::ndarray::Array2;
use softmdp::{Mdp, TimeVaryingMdp};

use super::worlds::{NUM_ACTIONS, NUM_STATES, World};
use crate::common::random::Random;

const STEP: f64 = 1e-3;

/// A derivative by differences of fourth order.
fn difference(at: impl Fn(f64) -> f64) -> f64 {
    let pair = |h: f64| (at(h) - at(-h)) / (2.0 * h);
    (4.0 * pair(STEP) - pair(2.0 * STEP)) / 3.0
}

/// A derivative from below.
fn from_below(at: impl Fn(f64) -> f64) -> f64 {
    let h = STEP / 20.0;
    let [f0, f1, f2, f3, f4] = [0.0, 1.0, 2.0, 3.0, 4.0].map(|k| at(-k * h));
    (25.0 * f0 - 48.0 * f1 + 36.0 * f2 - 16.0 * f3 + 3.0 * f4) / (12.0 * h)
}

fn assert_near(found: f64, expected: f64, what: &str) {
    let scale = 1.0 + found.abs().max(expected.abs());
    assert!((found - expected).abs() <= 1e-5 * scale, "{what}: {found}, by differences {expected}");
}

/// Compares every derivative of a score with differences of its value.
fn check(world: &World, likelihood: &Likelihood, seen: &Demonstrations, what: &str) {
    let score = world.evaluate(likelihood, seen).unwrap();
    let value = |changed: &World| changed.evaluate(likelihood, seen).unwrap().value();
    let changed = |change: &dyn Fn(&mut World)| {
        let mut world = world.clone();
        change(&mut world);
        value(&world)
    };
    for state in 0..NUM_STATES {
        for action in (0..NUM_ACTIONS).filter(|&action| world.rewards[[state, action]].is_finite()) {
            let found = difference(|h| changed(&|world| world.rewards[[state, action]] += h));
            let what = format!("{what}, reward of ({state}, {action})");
            assert_near(score.reward_gradient()[[state, action]], found, &what);
        }
        if world.terminal_values[state].is_finite() {
            let found = difference(|h| changed(&|world| world.terminal_values[state] += h));
            assert_near(
                score.terminal_gradient()[state],
                found,
                &format!("{what}, terminal value of {state}"),
            );
        }
    }
    let found = difference(|h| changed(&|world| world.temperature += h));
    assert_near(score.temperature_gradient(), found, &format!("{what}, temperature"));
    let at = |h: f64| changed(&|world| world.discount += h);
    let found = if world.discount == 1.0 { from_below(at) } else { difference(at) };
    // Beyond this size, the derivative at γ = 1 changes within the step of the differences.
    if found.abs() < 1e2 {
        assert_near(score.discount_gradient().unwrap(), found, &format!("{what}, discount"));
    }
    if world.successor_rewards.is_none() {
        assert!(score.successor_gradient().is_empty());
        return;
    }
    let mut gradient = score.successor_gradient().to_vec().into_iter();
    for ((state, action, next), &p) in world.transitions.indexed_iter().filter(|(_, p)| **p > 0.0) {
        let _ = p;
        let found = difference(|h| {
            changed(&|world| {
                if let Some(table) = &mut world.successor_rewards {
                    table[[state, action, next]] += h;
                }
            })
        });
        let what = format!("{what}, reward of ({state}, {action}, {next})");
        assert_near(gradient.next().unwrap(), found, &what);
    }
    assert_eq!(gradient.next(), None);
}

/// All likelihoods, with whether demonstrations may leave for † and may be cut off.
fn likelihoods() -> [(&'static str, Likelihood, bool, bool); 5] {
    [
        ("whole trajectories", Likelihood::trajectories(), true, false),
        ("trajectories", Likelihood::trajectories(), true, true),
        ("actions, direct", Likelihood::actions(Direct), false, true),
        ("actions, variational", Likelihood::actions(Variational), false, true),
        ("feature matching", Likelihood::feature_matching(), false, false),
    ]
}

/// Checks random models, at least `enough` for each likelihood.
fn check_random(
    seeds: u64,
    enough: usize,
    horizon: Option<usize>,
    discount: f64,
    shift: f64,
    on_successors: bool,
) {
    for (name, likelihood, may_leave, may_be_cut_off) in likelihoods() {
        let likelihood = match horizon {
            Some(horizon) => likelihood.horizon(horizon),
            None => likelihood,
        };
        let mut checked = 0;
        for seed in 0..seeds {
            let mut world = World::random(seed, discount, shift);
            if on_successors {
                world = world.with_successor_rewards(seed + 1000);
            }
            let random = &mut Random(seed + 77);
            let kinds = (horizon, may_leave, may_be_cut_off);
            let Some(seen) = world.demonstrations(random, &likelihood, kinds) else { continue };
            check(&world, &likelihood, &seen, &format!("{name}, seed {seed}, γ = {discount}"));
            checked += 1;
            if name == "trajectories" && seed % 2 == 0 {
                let mut initial = random.distribution(NUM_STATES, 1.0);
                initial.mapv_inplace(|p| 0.5 * p + 0.125);
                let joint = likelihood.clone().initial(initial);
                check(&world, &joint, &seen, &format!("joint {name}, seed {seed}, γ = {discount}"));
            }
        }
        assert!(checked >= enough, "{name}: {checked} models");
    }
}

#[test]
fn with_a_horizon() {
    check_random(12, 6, Some(4), 1.0, 0.0, false);
    check_random(12, 6, Some(4), 0.8, 0.0, false);
    check_random(4, 2, Some(1), 0.8, 0.0, false);
}

#[test]
fn without_a_horizon() {
    check_random(16, 6, None, 0.8, -3.0, false);
}

#[test]
fn until_the_end() {
    check_random(16, 4, None, 1.0, -4.0, false);
}

#[test]
fn in_rewards_on_the_successor() {
    check_random(6, 3, Some(3), 1.0, 0.0, true);
    check_random(6, 3, Some(3), 0.8, 0.0, true);
    check_random(8, 3, None, 0.8, -3.0, true);
}

#[test]
fn at_a_discount_of_zero() {
    for (name, likelihood, _, _) in likelihoods().into_iter().skip(2) {
        let likelihood = likelihood.horizon(3);
        for seed in 0..6 {
            let mut world = World::random(seed, 0.0, 0.0);
            world.terminal_values.mapv_inplace(|value| value.max(-1.0));
            world.rewards.mapv_inplace(|reward| reward.max(-1.0));
            let kinds = (Some(3), false, false);
            let seen = world.demonstrations(&mut Random(seed), &likelihood, kinds).unwrap();
            let found = world.evaluate(&likelihood, &seen).unwrap().discount_gradient().unwrap();
            let at = |h: f64| {
                World { discount: -h, ..world.clone() }.evaluate(&likelihood, &seen).unwrap().value()
            };
            assert_near(found, -from_below(at), &format!("{name}, seed {seed}"));
        }
    }
}

#[test]
fn stage_by_stage() {
    for (name, likelihood, may_leave, may_be_cut_off) in likelihoods() {
        let world = World::random(3, 0.8, 0.0);
        let (mdp, likelihood) = (world.mdp(), likelihood.horizon(3));
        let random = &mut Random(5);
        let kinds = (Some(3), may_leave, may_be_cut_off);
        let seen = world.demonstrations(random, &likelihood, kinds).unwrap();
        let stages: Vec<Array2<f64>> = (0..3)
            .map(|_| {
                &world.rewards + Array2::from_shape_simple_fn((NUM_STATES, NUM_ACTIONS), || random.uniform())
            })
            .collect();
        let model = |stages: &[Array2<f64>]| {
            let stage = |rewards: &Array2<f64>| mdp.with_rewards(rewards.clone()).unwrap();
            TimeVaryingMdp::<Mdp>::new(stages.iter().map(stage)).unwrap()
        };
        let mut gradients = Vec::new();
        let ended = likelihood.stream_reward_gradient(&model(&stages), &seen, |t, gradient| {
            assert_eq!(t, gradients.len());
            gradients.push(gradient.to_owned());
            ControlFlow::<()>::Continue(())
        });
        let ControlFlow::Continue(score) = ended.unwrap() else { panic!("no break") };
        let total: Array2<f64> =
            gradients.iter().fold(Array2::zeros((NUM_STATES, NUM_ACTIONS)), |sum, gradient| sum + gradient);
        let same = likelihood.evaluate(&model(&stages), &seen).unwrap();
        for (pair, &found) in score.reward_gradient().indexed_iter() {
            assert!(
                (found - total[pair]).abs() < 1e-13 && (found - same.reward_gradient()[pair]).abs() < 1e-13
            );
        }
        for (t, gradient) in gradients.iter().enumerate() {
            for (pair, &found) in gradient.indexed_iter().filter(|(pair, _)| world.rewards[*pair].is_finite())
            {
                let expected = difference(|h| {
                    let mut stages = stages.clone();
                    stages[t][pair] += h;
                    likelihood.evaluate(&model(&stages), &seen).unwrap().value()
                });
                assert_near(found, expected, &format!("{name}, stage {t}, {pair:?}"));
            }
        }
    }
}
