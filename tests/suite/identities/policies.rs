//! What policies are worth and where they lead, the solver's and others, under the true dynamics.

use ndarray::{Array1, Array3, ArrayView1, Axis, Zip};
use proptest::prelude::*;
use softmdp::{Inference, Policy, ndarray};

use crate::common::{MINUS_INFINITY, Tables, assert_close, assert_tables_close, cases};
use crate::identities::{
    TOLERANCE, certain, derivative, direction, model, models, slack, soft_evidence, solve,
};

/// Σ p₀ V_0 with 0 · (−∞) = 0.
fn mean(initial: &Array1<f64>, values: ArrayView1<'_, f64>) -> f64 {
    initial.iter().zip(values).filter(|(p, _)| **p > 0.0).map(|(p, v)| p * v).sum()
}

/// A policy that no solver made: lopsided, over the actions that are allowed, or all of the prior's
/// if none is.
pub(crate) fn own_policy(tables: &Tables) -> Policy {
    let shape = (tables.horizon(), tables.num_states(), tables.num_actions());
    let mut table = Array3::zeros(shape);
    for (t, stage) in tables.stages.iter().enumerate() {
        for state in 0..tables.num_states() {
            let weight = |action: usize| match stage.prior[[state, action]] {
                0.0 => 0.0,
                _ => 1.0 + ((3 * t + 5 * state + 7 * action) % 4) as f64,
            };
            let allowed = |action: usize| stage.rewards[[state, action]] > MINUS_INFINITY;
            let sum_of = |keep: &dyn Fn(usize) -> bool| -> f64 {
                (0..tables.num_actions()).filter(|&action| keep(action)).map(weight).sum()
            };
            let (some, all) = (sum_of(&allowed), sum_of(&|_| true));
            for action in 0..tables.num_actions() {
                table[[t, state, action]] = match some > 0.0 {
                    true if allowed(action) => weight(action) / some,
                    false if all > 0.0 => weight(action) / all,
                    _ => 0.0,
                };
            }
        }
    }
    Policy::new(table).unwrap()
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn occupancies_are_the_gradient_of_the_optimum(tables in models()) {
        let best = |tables: &Tables| mean(&tables.initial, solve(tables, Inference::Variational).state_values().row(0));
        if best(&tables) > MINUS_INFINITY {
            let policy = solve(&tables, Inference::Variational).policy().clone();
            let pairs = policy.state_action_occupancy(&model(&tables), &tables.initial).unwrap();
            let gradient: f64 = (pairs.indexed_iter())
                .map(|((t, s, a), p)| tables.discount.powi(t as i32) * p * direction(t, s, a))
                .sum();
            assert_close(derivative(&tables, best), gradient, 1e-7, "(V8)");
        }
    }

    #[test]
    fn the_optimal_policy_is_worth_its_values_and_any_other_at_most_that(tables in models()) {
        let model = model(&tables);
        let solution = solve(&tables, Inference::Variational);
        let values = solution.state_values();
        assert_tables_close(&solution.policy().evaluate(&model).unwrap(), &values, TOLERANCE, "V^π = V");
        let best = solution.policy().elbo(&model, &tables.initial).unwrap();
        assert_close(best, mean(&tables.initial, values.row(0)), TOLERANCE, "(V4)");
        for policy in [own_policy(&tables), solve(&tables, Inference::Direct).policy().clone()] {
            let worth = policy.evaluate(&model).unwrap();
            prop_assert!(Zip::from(&worth).and(values).all(|w, v| *w <= v + slack(*v)));
            assert_close(policy.elbo(&model, &tables.initial).unwrap(), mean(&tables.initial, worth.row(0)), TOLERANCE, "J");
        }
    }

    #[test]
    fn what_a_policy_lacks_is_its_divergence_and_what_it_earns_beside_rewards_its_entropy(tables in models()) {
        // J(π*) − J(π) = τ Σ γ^t d_t(s) KL(π ‖ π*), and J(π) − return = τ Σ γ^t d_t(s) (H(π) + Σ π log ρ).
        let (model, policy) = (model(&tables), own_policy(&tables));
        let best = solve(&tables, Inference::Variational).policy().clone();
        let worth = policy.elbo(&model, &tables.initial).unwrap();
        if worth > MINUS_INFINITY {
            let states = policy.state_occupancy(&model, &tables.initial).unwrap();
            let (divergence, entropy) = (policy.kl_divergence(&best).unwrap(), policy.entropy());
            let (mut lacks, mut earns) = (0.0, 0.0);
            for ((t, state), &kl) in divergence.indexed_iter() {
                let weight = tables.temperature * tables.discount.powi(t as i32) * states[[t, state]];
                if weight > 0.0 && !tables.is_terminal[state] {
                    let prior = tables.stages[t].prior.row(state).to_owned();
                    let row = policy.probabilities().index_axis(Axis(0), t).row(state).to_owned();
                    let log_prior: f64 =
                        row.iter().zip(&prior).filter(|(p, _)| **p > 0.0).map(|(p, prior)| p * prior.ln()).sum();
                    lacks += weight * kl;
                    earns += weight * (entropy[[t, state]] + log_prior);
                }
            }
            let optimum = best.elbo(&model, &tables.initial).unwrap();
            assert_close(optimum - worth, lacks, 1e-10, "KL");
            let rewards = policy.expected_return(&model, &tables.initial).unwrap();
            assert_close(worth - rewards, earns, 1e-10, "entropy");
        }
    }

    #[test]
    fn no_policy_is_worth_more_than_the_evidence(tables in models()) {
        let check = |tables: &Tables, policy: &Policy| -> f64 {
            let gap = soft_evidence(tables) - policy.elbo(&model(tables), &tables.initial).unwrap();
            // Impossible evidence leaves nothing to be worth anything.
            if gap.is_nan() { 0.0 } else { gap }
        };
        for policy in [own_policy(&tables), solve(&tables, Inference::Variational).policy().clone()] {
            prop_assert!(check(&tables, &policy) >= -slack(soft_evidence(&tables)));
        }
        // The gap closes for certain dynamics, a certain start and γ = 1.
        let mut tables = certain(tables);
        let first = tables.initial.iter().position(|p| *p > 0.0).expect("a start");
        tables.initial = Array1::from_shape_fn(tables.num_states(), |s| f64::from(u8::from(s == first)));
        let gap = check(&tables, solve(&tables, Inference::Variational).policy());
        assert_close(gap, 0.0, 1e-10, "(V7)");
    }

    #[test]
    fn occupancies_carry_all_mass_that_dead_ends_leave(tables in models()) {
        let (model, policy) = (model(&tables), own_policy(&tables));
        let states = policy.state_occupancy(&model, &tables.initial).unwrap();
        let pairs = policy.state_action_occupancy(&model, &tables.initial).unwrap();
        for t in 0..tables.horizon() {
            let acting = pairs.index_axis(Axis(0), t).sum_axis(Axis(1));
            let mut carried = 0.0;
            for state in 0..tables.num_states() {
                let is_dead_end = tables.stages[t].prior.row(state).sum() == 0.0;
                let acts = !tables.is_terminal[state] && !is_dead_end;
                assert_close(acting[state], if acts { states[[t, state]] } else { 0.0 }, 1e-14, "Σ_a d(s,a)");
                carried += if acts || tables.is_terminal[state] { states[[t, state]] } else { 0.0 };
            }
            assert_close(states.row(t + 1).sum(), carried, 1e-14, "mass of the next stage");
        }
    }
}
