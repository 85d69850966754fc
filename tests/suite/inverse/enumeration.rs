//! Probabilities of demonstrations, against sums over all trajectories.

use std::collections::HashMap;

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Error, Likelihood, RewardFeatures};
use softmdp::ndarray::{Array1, Array2, Array3, Axis, s};
use softmdp::{SoftValueIteration, Trajectory, posterior};

use super::worlds::{NUM_ACTIONS, NUM_STATES, World};
use crate::common::random::Random;

const HORIZON: usize = 3;

/// States and actions.
type Path = (Vec<usize>, Vec<usize>);

/// Calls `visit` for each trajectory that starts with `path`, with its weight in (D0), also if that
/// is 0.
fn for_each_trajectory(world: &World, path: &mut Path, weight: f64, visit: &mut dyn FnMut(&Path, f64)) {
    let (state, t) = (path.0[path.0.len() - 1], path.1.len());
    if t == HORIZON || world.is_terminal(state) {
        return visit(path, weight * (world.terminal_values[state] / world.temperature).exp());
    }
    for action in 0..NUM_ACTIONS {
        let paid = world.prior[[state, action]] * (world.rewards[[state, action]] / world.temperature).exp();
        path.1.push(action);
        if world.discount < 1.0 {
            visit(path, weight * paid * (1.0 - world.discount));
        }
        for next in 0..NUM_STATES {
            path.0.push(next);
            let moved = world.discount * world.transitions[[state, action, next]];
            for_each_trajectory(world, path, weight * paid * moved, visit);
            path.0.pop();
        }
        path.1.pop();
    }
}

fn seen(path: &Path) -> Demonstrations {
    Demonstrations::new([Trajectory::new(path.0.clone(), path.1.clone()).unwrap()])
}

/// The beginning of a trajectory up to the state of a stage, if it has one.
fn beginning(path: &Path, stage: usize) -> Option<Path> {
    (path.0.len() > stage).then(|| (path.0[..=stage].to_vec(), path.1[..stage].to_vec()))
}

#[test]
fn trajectories_whole_cut_off_and_joint() {
    let likelihood = Likelihood::trajectories().horizon(HORIZON);
    for (seed, discount) in [(1, 1.0), (2, 0.8), (3, 0.3), (4, 1.0), (5, 0.8)] {
        let world = World::random(seed, discount, 0.0);
        let mdp = world.mdp();
        let initial = Random(seed).distribution(NUM_STATES, 0.6);
        let (mut log_sums, mut evidence) = (vec![0.0; NUM_STATES], 0.0);
        let (mut all, mut beginnings) = (Vec::new(), HashMap::new());
        for start in 0..NUM_STATES {
            for_each_trajectory(&world, &mut (vec![start], Vec::new()), 1.0, &mut |path, weight| {
                log_sums[start] += weight;
                evidence += initial[start] * weight;
                all.push((path.clone(), weight));
                for stage in 0..=path.1.len() {
                    if let Some(beginning) = beginning(path, stage) {
                        *beginnings.entry(beginning).or_insert(0.0) += weight;
                    }
                }
            });
        }
        let posterior = posterior(&mdp, &initial, HORIZON).unwrap();
        let joint = likelihood.clone().initial(initial.clone());
        for (path, weight) in all.iter().step_by(7) {
            let start = path.0[0];
            let found = likelihood.evaluate(&mdp, &seen(path));
            if *weight == 0.0 {
                assert!(found.is_err(), "{path:?}");
                continue;
            }
            let expected = (weight / log_sums[start]).ln();
            assert!((found.unwrap().value() - expected).abs() < 1e-12, "{path:?}");
            let found = joint.evaluate(&mdp, &seen(path));
            if initial[start] == 0.0 {
                assert_eq!(found, Err(Error::ImpossibleStart { trajectory: 0, state: start }));
                continue;
            }
            let (found, expected) = (found.unwrap().value(), (initial[start] * weight / evidence).ln());
            assert!((found - expected).abs() < 1e-12, "{path:?}");
            let trajectory = Trajectory::new(path.0.clone(), path.1.clone()).unwrap();
            let same = posterior.log_probability(&mdp, &trajectory).unwrap();
            assert!((found - same).abs() < 1e-12, "{path:?}");
        }
        for (path, weight) in beginnings.iter().filter(|(_, weight)| **weight > 0.0) {
            let cut_off = seen(path).with_cut_off([true]).unwrap();
            let found = likelihood.evaluate(&mdp, &cut_off).unwrap().value();
            let expected = (weight / log_sums[path.0[0]]).ln();
            assert!((found - expected).abs() < 1e-12, "{path:?}");
        }
    }
}

/// The second derivatives are −Cov(f | s₀, e)/τ² (I4), and jointly with the start −Cov(f | e)/τ².
#[test]
fn second_derivatives_are_covariances_of_features() {
    for (seed, discount) in [(1, 1.0), (2, 0.8), (3, 0.3), (4, 1.0), (5, 0.8)] {
        let world = World::random(seed, discount, 0.0);
        let random = &mut Random(seed + 100);
        let mut table = || 2.0 * random.uniform() - 1.0;
        let phi = Array3::from_shape_simple_fn((NUM_STATES, NUM_ACTIONS, 2), &mut table);
        let ends = Array2::from_shape_simple_fn((NUM_STATES, 2), &mut table);
        let initial = Random(seed).distribution(NUM_STATES, 0.6);
        let features = RewardFeatures::on_pairs(phi.clone()).terminal(ends.clone());
        // For each start and for all of them: Σ w, Σ w f, Σ w f fᵀ.
        let mut moments = vec![(0.0, Array1::zeros(2), Array2::<f64>::zeros((2, 2))); NUM_STATES + 1];
        let mut whole = None;
        for start in 0..NUM_STATES {
            for_each_trajectory(&world, &mut (vec![start], Vec::new()), 1.0, &mut |path, weight| {
                let (states, actions) = path;
                let mut f: Array1<f64> = Array1::zeros(2);
                for (&state, &action) in states.iter().zip(actions) {
                    f += &phi.slice(s![state, action, ..]);
                }
                if states.len() > actions.len() {
                    f += &ends.row(states[states.len() - 1]);
                }
                let square = f.view().insert_axis(Axis(1)).dot(&f.view().insert_axis(Axis(0)));
                for (to, share) in [(start, 1.0), (NUM_STATES, initial[start])] {
                    moments[to].0 += share * weight;
                    moments[to].1.scaled_add(share * weight, &f);
                    moments[to].2.scaled_add(share * weight, &square);
                }
                if weight > 0.0 && initial[start] > 0.0 {
                    whole = Some(path.clone());
                }
            });
        }
        let whole = whole.unwrap();
        let likelihood = Likelihood::trajectories().horizon(HORIZON);
        let joint = likelihood.clone().initial(initial);
        for (likelihood, at) in [(likelihood, whole.0[0]), (joint, NUM_STATES)] {
            let (weight, f, square) = &moments[at];
            let mean = f / *weight;
            let covariance =
                square / *weight - mean.view().insert_axis(Axis(1)).dot(&mean.view().insert_axis(Axis(0)));
            let expected = -covariance / world.temperature.powi(2);
            let found = likelihood.expand(&world.mdp(), &seen(&whole), &features).unwrap();
            let error = (&found.hessian() - &expected).mapv(f64::abs).sum();
            assert!(error < 1e-12, "{} {expected}", found.hessian());
        }
    }
}

#[test]
fn actions_of_direct_inference() {
    let likelihood = Likelihood::actions(Direct).horizon(HORIZON);
    for (seed, discount) in [(1, 1.0), (2, 0.8), (5, 0.8)] {
        let world = World::random(seed, discount, 0.0);
        // Weights of all trajectories that are in a state at a stage, and that take an action there.
        let (mut states, mut pairs) = (HashMap::new(), HashMap::new());
        let mut all = Vec::new();
        for start in 0..NUM_STATES {
            for_each_trajectory(&world, &mut (vec![start], Vec::new()), 1.0, &mut |path, weight| {
                for (t, (&state, &action)) in path.0.iter().zip(&path.1).enumerate() {
                    *states.entry((t, state)).or_insert(0.0) += weight;
                    *pairs.entry((t, state, action)).or_insert(0.0) += weight;
                }
                all.push((path.clone(), weight));
            });
        }
        for (path, _) in all.iter().filter(|(_, weight)| *weight > 0.0).step_by(5) {
            let found = likelihood.evaluate(&world.mdp(), &seen(path)).unwrap().value();
            let steps = path.0.iter().zip(&path.1).enumerate();
            let ratio = |(t, (&state, &action))| f64::ln(pairs[&(t, state, action)] / states[&(t, state)]);
            let expected: f64 = steps.map(ratio).sum();
            assert!((found - expected).abs() < 1e-12, "{path:?}");
        }
    }
}

#[test]
fn actions_are_those_of_the_policy() {
    for (seed, inference) in [(1, Variational), (2, Direct), (3, Variational)] {
        let world = World::random(seed, 1.0, 0.0);
        let mdp = world.mdp();
        let likelihood = Likelihood::actions(inference).horizon(HORIZON);
        let random = &mut Random(seed);
        let policy =
            SoftValueIteration::new(HORIZON).inference(inference).solve(&mdp).unwrap().policy().clone();
        for _ in 0..20 {
            let walk = world.walk(random, HORIZON, 0.0);
            let Ok(score) = likelihood.evaluate(&mdp, &Demonstrations::new([walk.clone()])) else { continue };
            let mut start = softmdp::ndarray::Array1::zeros(NUM_STATES);
            start[walk.states()[0]] = 1.0;
            let log_moves: f64 = (walk.states().windows(2).zip(walk.actions()))
                .map(|(states, &action)| world.transitions[[states[0], action, states[1]]].ln())
                .sum();
            let Ok(log_probability) = policy.log_probability(&mdp, &start, &walk) else { continue };
            assert!((score.value() - (log_probability - log_moves)).abs() < 1e-12);
        }
    }
}

#[test]
fn probabilities_of_all_whole_trajectories_sum_to_one_without_a_horizon() {
    // Ends are fast: the rest after four steps is small, and bounded below 1.
    let mut world = World::random(8, 0.2, -3.0);
    world.terminal_values.fill(0.5);
    let (mdp, likelihood) = (world.mdp(), Likelihood::trajectories());
    let start = (0..NUM_STATES).find(|&state| !world.is_terminal(state)).unwrap();
    let (mut whole, mut cut_off) = (0.0, 0.0);
    for_each_trajectory(&world, &mut (vec![start], Vec::new()), 1.0, &mut |path, weight| {
        if weight == 0.0 {
            return;
        }
        let last = path.0[path.0.len() - 1];
        if path.0.len() == path.1.len() || world.is_terminal(last) {
            whole += likelihood.evaluate(&mdp, &seen(path)).unwrap().value().exp();
        } else {
            let seen = seen(path).with_cut_off([true]).unwrap();
            cut_off += likelihood.evaluate(&mdp, &seen).unwrap().value().exp();
        }
    });
    assert!(whole > 0.5 && cut_off > 0.0);
    assert!((whole + cut_off - 1.0).abs() < 1e-12, "{whole} + {cut_off}");
}
