//! Stationary policies: what they are worth, where they lead, what their value depends on.
//!
//! Against full matrices and Gauss, against long horizons, against closed forms; with −∞, dead
//! ends, terminal states, γ = 0 and γ = 1.

#![allow(clippy::float_cmp, reason = "−∞, 0, and results that must be exact")]

mod distribution;
mod edges;
pub(crate) mod improbable;
pub(crate) mod reference;

use approx::{abs_diff_eq, relative_eq};
use ndarray::{Array1, Array2, Axis};
use softmdp::{
    DenseDynamics, Dynamics, Inference, Mdp, SoftValueIteration, SparseDynamics, StationaryPolicy, ndarray,
};

use crate::common::Plain;
use reference::Case;

/// Largest difference, relative to the largest number; −∞ has to be met exactly.
fn distance(found: &Array1<f64>, expected: &Array1<f64>) -> f64 {
    assert_eq!(found.len(), expected.len());
    let finite = expected.iter().filter(|x| x.is_finite());
    let scale = finite.fold(1e-300_f64, |scale, x| scale.max(x.abs()));
    let differences = found
        .iter()
        .zip(expected)
        .map(|(found, expected)| if found == expected { 0.0 } else { (found - expected).abs() });
    // NaN is further away than everything.
    differences.max_by(f64::total_cmp).expect("a state") / scale
}

const DISCOUNTS: [f64; 5] = [0.0, 0.3, 0.9, 0.999, 0.99999];

#[test]
fn values_are_those_of_the_linear_system() {
    for seed in 0..400 {
        let discount = DISCOUNTS[seed as usize % 5];
        let case = Case::random(seed, if seed % 4 == 0 { 60 } else { 7 }, discount, seed % 3 == 0);
        let (mdp, policy) = (case.mdp(), case.stationary());
        let tolerance = 1e-14 / (1.0 - discount);
        let values = policy.evaluate(&mdp).unwrap();
        assert!(distance(&values, &case.values(true)) < tolerance, "seed {seed}: {values} {case:?}");
        let plain = case.values(false);
        // 0 · (−∞) = 0: what cannot happen does not count.
        let starts = case.initial.iter().zip(&plain).filter(|(p, _)| **p > 0.0);
        let expected: f64 = starts.map(|(p, value)| p * value).sum();
        let found = policy.expected_return(&mdp, &case.initial).unwrap();
        let scale = plain.iter().filter(|v| v.is_finite()).fold(1.0_f64, |scale, v| scale.max(v.abs()));
        assert!(
            relative_eq!(found, expected, epsilon = tolerance * scale, max_relative = 0.0),
            "seed {seed}: {found} {expected}"
        );
    }
}

#[test]
fn visits_and_occupancy_are_those_of_the_linear_system() {
    for seed in 0..400 {
        let discount = DISCOUNTS[seed as usize % 5];
        let case = Case::random(seed, if seed % 4 == 0 { 60 } else { 7 }, discount, seed % 3 == 0);
        let (mdp, policy) = (case.mdp(), case.stationary());
        let tolerance = 1e-14 / (1.0 - discount);
        let (visits, expected) = (policy.expected_visits(&mdp, &case.initial).unwrap(), case.visits());
        assert!(distance(&visits, &expected) < tolerance, "seed {seed}");
        let occupancy = policy.discounted_occupancy(&mdp, &case.initial).unwrap();
        for (state, (&occupancy, &visits)) in occupancy.iter().zip(&visits).enumerate() {
            let share = if case.is_terminal[state] { 1.0 } else { 1.0 - discount };
            assert!(
                occupancy >= 0.0 && abs_diff_eq!(occupancy, share * visits, epsilon = 1e-15),
                "seed {seed}"
            );
        }
        // What is missing from 1 went into dead ends, each time after it had been there once.
        let is_dead_end = |s: usize| !case.is_terminal[s] && case.policy.row(s).sum() == 0.0;
        let lost: f64 =
            (0..case.num_states()).filter(|&s| is_dead_end(s)).map(|s| discount * visits[s]).sum();
        assert!(
            abs_diff_eq!(occupancy.sum() + lost, 1.0, epsilon = tolerance),
            "seed {seed}: {occupancy} {lost}"
        );
        let pairs = policy.discounted_state_action_occupancy(&mdp, &case.initial).unwrap();
        for (state, row) in pairs.outer_iter().enumerate() {
            let ends = case.is_terminal[state] || is_dead_end(state);
            let expected = if ends { 0.0 } else { occupancy[state] };
            assert!(abs_diff_eq!(row.sum(), expected, epsilon = 1e-14), "seed {seed}");
        }
    }
}

/// Σ p₀ V^π is linear in what is earned, and the visits are its coefficients: two solves that have
/// nothing in common.
#[test]
fn what_is_earned_is_the_sum_over_visits() {
    for seed in 0..200 {
        let discount = DISCOUNTS[seed as usize % 5];
        let case = Case::random(seed, 30, discount, true);
        let (mdp, policy) = (case.mdp(), case.stationary());
        let visits = policy.expected_visits(&mdp, &case.initial).unwrap();
        let earned: f64 = visits.iter().enumerate().map(|(s, x)| x * case.reward(s, true)).sum();
        let value = policy.elbo(&mdp, &case.initial).unwrap();
        let scale = visits.sum() * 100.0;
        assert!(
            abs_diff_eq!(earned, value, epsilon = 1e-14 * scale / (1.0 - discount)),
            "seed {seed}: {earned} {value}"
        );
    }
}

/// By the backup of a long horizon, which knows nothing of linear systems, at both sides of each
/// reward.
#[test]
fn the_gradient_is_that_of_finite_differences() {
    for seed in 0..12 {
        let mut case = Case::random(seed, 5, 0.9, true);
        case.temperature = 0.7;
        let horizon = 400;
        // Terminal values at the end of the horizon do not matter any more: 0.9^400 is 5e−19.
        let solver = SoftValueIteration::new(horizon).inference(Inference::Variational);
        let optimum = |rewards: &Array2<f64>| {
            let mdp = case.mdp().with_rewards(rewards.clone()).unwrap();
            solver.solve_values(&mdp).unwrap().state_values().row(0).dot(&case.initial)
        };
        let solution = solver.solve(&case.mdp()).unwrap();
        let optimal = StationaryPolicy::new(solution.policy().at(0).unwrap().to_owned()).unwrap();
        let of_optimum = optimal.reward_gradient(&case.mdp(), &case.initial).unwrap();
        let given = case.stationary();
        let of_given = given.reward_gradient(&case.mdp(), &case.initial).unwrap();
        let return_of = |rewards: &Array2<f64>| {
            let mdp = case.mdp().with_rewards(rewards.clone()).unwrap();
            given.repeated(horizon).unwrap().expected_return(&mdp, &case.initial).unwrap()
        };
        for index in ndarray::indices(case.rewards.dim()) {
            let at = |step: f64| {
                let mut rewards = case.rewards.clone();
                rewards[index] += step;
                rewards
            };
            let step = 1e-4;
            let slope = (optimum(&at(step)) - optimum(&at(-step))) / (2.0 * step);
            assert!(abs_diff_eq!(slope, of_optimum[index], epsilon = 1e-6), "seed {seed} {index:?}");
            // Linear: no step is too large.
            let slope = return_of(&at(1.0)) - return_of(&case.rewards);
            assert!(abs_diff_eq!(slope, of_given[index], epsilon = 1e-11), "seed {seed} {index:?}");
        }
    }
}

#[test]
fn a_long_horizon_comes_to_the_same() {
    for seed in 0..60 {
        let case = Case::random(seed, 12, 0.8, seed % 2 == 0);
        let (mdp, policy) = (case.mdp(), case.stationary());
        // −∞ and terminal values too: what is left at the end weighs 0.8^250 = 6e−25.
        let finite = case.terminal_values.mapv(|v| if v.is_finite() { v } else { 0.0 });
        let is_end = |s: usize| case.is_terminal[s];
        let ends =
            Array1::from_shape_fn(
                finite.len(),
                |s| if is_end(s) { case.terminal_values[s] } else { finite[s] },
            );
        let long = policy.repeated(250).unwrap();
        let expected = long.evaluate(&mdp.with_terminal_values(ends).unwrap()).unwrap();
        let found = policy.evaluate(&mdp).unwrap();
        assert!(
            distance(&found, &expected.row(0).to_owned()) < 1e-13,
            "seed {seed}: {found} {}",
            expected.row(0)
        );
        let rows = long.state_occupancy(&mdp, &case.initial).unwrap();
        let mut expected = Array1::zeros(case.num_states());
        for (t, row) in rows.axis_iter(Axis(0)).enumerate() {
            expected.scaled_add(0.2 * 0.8_f64.powi(i32::try_from(t).unwrap()), &row);
        }
        let found = policy.discounted_occupancy(&mdp, &case.initial).unwrap();
        assert!(distance(&found, &expected) < 1e-13, "seed {seed}: {found} {expected}");
    }
}

#[test]
fn the_kind_of_dynamics_does_not_matter() {
    fn check<D: Dynamics<Scalar = f64>>(dynamics: D, case: &Case, seed: u64) {
        let (mdp, policy) = (case.mdp(), case.stationary());
        let ends = (0..case.num_states()).filter(|&state| case.is_terminal[state]);
        let other = Mdp::builder(dynamics, case.rewards.clone())
            .discount(case.discount)
            .temperature(case.temperature)
            .action_prior(mdp.action_prior().clone())
            .terminal_values(case.terminal_values.clone())
            .terminal_states(ends)
            .build()
            .unwrap();
        let values = policy.evaluate(&mdp).unwrap();
        assert!(distance(&policy.evaluate(&other).unwrap(), &values) < 1e-11, "seed {seed}");
        let visits = policy.expected_visits(&mdp, &case.initial).unwrap();
        let others = policy.expected_visits(&other, &case.initial).unwrap();
        assert!(distance(&others, &visits) < 1e-11, "seed {seed}");
        let results = (policy.stationary_distribution(&mdp), policy.stationary_distribution(&other));
        match results {
            (Ok(expected), Ok(found)) => assert!(distance(&found, &expected) < 1e-12, "seed {seed}"),
            results => assert_eq!(results.0, results.1, "seed {seed}"),
        }
    }
    for seed in 0..60 {
        let case = Case::random(seed, 50, 0.99, seed % 2 == 0);
        let dense = DenseDynamics::new(case.transitions.clone()).unwrap();
        check(SparseDynamics::from_dynamics(&dense).unwrap(), &case, seed);
        check(Plain(dense), &case, seed);
    }
}
