//! Identities that hold of every model, on random models far beyond what enumeration can do.
//!
//! Every stage of a model is different, so that no index of time can slip unseen. Half of the
//! models are raw, where many states are hopeless; the other half is lively: every value is finite.
//! What holds of policies is in `identities/policies.rs`, limits in the temperature in
//! `identities/limits.rs`, the ways a backup is computed in `identities/backups.rs`, the linear
//! maps of each kind of dynamics in `identities/maps.rs`.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the value −∞ or 0")]

mod backups;
mod limits;
mod maps;
mod policies;

use crate::common::{
    MINUS_INFINITY, Sizes, Tables, TimeVarying, assert_close, assert_tables_close, cases, tables,
};
use approx::abs_diff_eq;
use ndarray::{Axis, Zip};
use proptest::prelude::*;
use softmdp::{Inference, SoftValueIteration, Solution, forward_messages, log_sum_exp, ndarray, posterior};

const LARGE: Sizes = Sizes { states: 12, actions: 4, horizon: 15 };
const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// Rounding of fifteen stages; a term that is wrong is off by far more.
const TOLERANCE: f64 = 1e-11;

/// What rounding may do to a value; nothing to −∞.
fn slack(value: f64) -> f64 {
    if value.is_finite() { TOLERANCE * value.abs().max(1.0) } else { 0.0 }
}

/// Makes every value finite: no dead ends, no forbidden ends, in each state an action that is
/// allowed.
fn lively(mut tables: Tables) -> Tables {
    tables.terminal_values.iter_mut().filter(|v| **v == MINUS_INFINITY).for_each(|v| *v = -1.5);
    for state in 0..tables.num_states() {
        tables.is_terminal[state] |= !tables.available.row(state).iter().any(|&available| available);
        for stage in &mut tables.stages {
            let used = |a: &usize| stage.prior[[state, *a]] > 0.0;
            let allowed = |a: usize| stage.rewards[[state, a]] > MINUS_INFINITY;
            let actions: Vec<usize> = (0..stage.prior.ncols()).filter(used).collect();
            if let (false, Some(&first)) = (actions.iter().any(|&a| allowed(a)), actions.first()) {
                stage.rewards[[state, first]] = -0.5;
            }
        }
    }
    tables
}

/// γ = 1 and no terminal states.
fn endless(tables: Tables) -> Tables {
    let is_terminal = vec![false; tables.num_states()];
    Tables { discount: 1.0, is_terminal, ..tables }
}

/// The most probable successor of each pair made certain, and γ = 1.
fn certain(mut tables: Tables) -> Tables {
    for mut row in tables.stages.iter_mut().flat_map(|stage| stage.transitions.rows_mut()) {
        let largest = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a successor");
        row.fill(0.0);
        row[largest] = 1.0;
    }
    Tables { discount: 1.0, ..tables }
}

fn models() -> impl Strategy<Value = Tables> {
    prop_oneof![tables(LARGE), tables(LARGE).prop_map(lively)]
}

fn model(tables: &Tables) -> TimeVarying {
    TimeVarying::new(tables.clone())
}

fn solve(tables: &Tables, inference: Inference) -> Solution {
    SoftValueIteration::new(tables.horizon()).inference(inference).solve(&model(tables)).unwrap()
}

/// τ log p(e), in reward units, from the backward pass; −∞ where the evidence is impossible.
fn soft_evidence(tables: &Tables) -> f64 {
    let values = solve(tables, Inference::Direct).state_values().row(0).to_owned();
    let logs: Vec<f64> = Zip::from(&tables.initial)
        .and(&values)
        .map_collect(|p, v| if *p > 0.0 { p.ln() + v / tables.temperature } else { MINUS_INFINITY })
        .to_vec();
    tables.temperature * log_sum_exp(&logs)
}

/// A direction in the space of all rewards, different for each stage, state and action.
fn direction(t: usize, state: usize, action: usize) -> f64 {
    ((7 * t + 5 * state + 3 * action) % 11) as f64 / 5.0 - 0.8
}

/// The derivative of `value` along [`direction`], by a difference of fourth order; rewards of −∞
/// stay.
fn derivative(tables: &Tables, value: impl Fn(&Tables) -> f64) -> f64 {
    let step = 1e-3 * tables.temperature;
    let at = |steps: f64| {
        let mut moved = tables.clone();
        for (t, stage) in moved.stages.iter_mut().enumerate() {
            (stage.rewards.indexed_iter_mut())
                .for_each(|((state, action), r)| *r += steps * step * direction(t, state, action));
        }
        value(&moved)
    };
    (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn policy_rows_are_distributions_and_values_lie_between_their_bounds(tables in models()) {
        for inference in BOTH {
            let solution = solve(&tables, inference);
            let (values, action_values) = (solution.state_values(), solution.action_values());
            let probabilities = solution.policy().probabilities();
            for ((t, state, _), _) in action_values.slice(ndarray::s![.., .., ..1]).indexed_iter() {
                let prior = tables.stages[t].prior.row(state);
                let row = probabilities.index_axis(Axis(0), t).row(state).to_owned();
                let total = if prior.sum() > 0.0 { 1.0 } else { 0.0 };
                prop_assert!(abs_diff_eq!(row.sum(), total, epsilon = 4.0 * f64::EPSILON), "π sums to {}", row.sum());
                prop_assert!(Zip::from(&row).and(prior).all(|p, prior| *p == 0.0 || *prior > 0.0));
                // max Q + τ log ρ(a*) ≤ V ≤ max Q + τ log Σ ρ
                let q = action_values.index_axis(Axis(0), t).row(state).to_owned();
                let best = (0..q.len()).max_by(|&a, &b| q[a].total_cmp(&q[b])).expect("an action");
                if tables.is_terminal[state] || q[best] == MINUS_INFINITY {
                    let value = if tables.is_terminal[state] { tables.terminal_values[state] } else { q[best] };
                    prop_assert_eq!(values[[t, state]], value);
                    continue;
                }
                let tau = tables.temperature;
                let (low, high) = (q[best] + tau * prior[best].ln(), q[best] + tau * prior.sum().ln());
                prop_assert!(values[[t, state]] >= low - slack(low) && values[[t, state]] <= high + slack(high));
            }
        }
    }

    #[test]
    fn a_constant_in_every_reward_comes_back_once_a_stage(tables in models(), constant in -9.0..9.0) {
        let tables = endless(tables);
        let mut shifted = tables.clone();
        shifted.stages.iter_mut().for_each(|stage| stage.rewards += constant);
        for inference in BOTH {
            let (plain, shifted) = (solve(&tables, inference), solve(&shifted, inference));
            let mut expected = plain.state_values().to_owned();
            for (t, mut row) in expected.outer_iter_mut().enumerate() {
                row += constant * (tables.horizon() - t) as f64;
            }
            assert_tables_close(&shifted.state_values(), &expected, TOLERANCE, "V + c(T − t)");
            let (found, expected) = (shifted.policy().probabilities(), plain.policy().probabilities());
            assert_tables_close(&found, &expected, 1e-10, "π");
        }
    }

    #[test]
    fn scaling_rewards_ends_and_temperature_scales_values(
        tables in models(),
        factor in prop_oneof![0.01..99.0, Just(1e-290), Just(1e290)],
    ) {
        let mut scaled = tables.clone();
        scaled.stages.iter_mut().for_each(|stage| stage.rewards *= factor);
        scaled.terminal_values *= factor;
        scaled.temperature *= factor;
        for inference in BOTH {
            let (plain, scaled) = (solve(&tables, inference), solve(&scaled, inference));
            let found = scaled.state_values().mapv(|v| v / factor);
            assert_tables_close(&found, &plain.state_values(), TOLERANCE, "V");
            let (found, expected) = (scaled.policy().probabilities(), plain.policy().probabilities());
            assert_tables_close(&found, &expected, 1e-10, "π");
        }
    }

    #[test]
    fn scaling_the_prior_adds_its_logarithm_once_a_stage(tables in models(), factor in 0.05..20.0_f64) {
        let tables = endless(tables);
        let mut scaled = tables.clone();
        scaled.stages.iter_mut().for_each(|stage| stage.prior *= factor);
        for inference in BOTH {
            let (plain, scaled) = (solve(&tables, inference), solve(&scaled, inference));
            let mut expected = plain.state_values().to_owned();
            for (t, mut row) in expected.outer_iter_mut().enumerate() {
                row += tables.temperature * (tables.horizon() - t) as f64 * factor.ln();
            }
            assert_tables_close(&scaled.state_values(), &expected, TOLERANCE, "V + τ(T − t) log c");
            let (found, expected) = (scaled.policy().probabilities(), plain.policy().probabilities());
            assert_tables_close(&found, &expected, 1e-10, "π");
        }
    }

    #[test]
    fn direct_values_are_optimistic_but_for_certain_dynamics(tables in models()) {
        let [direct, variational] = BOTH.map(|inference| solve(&tables, inference).state_values().to_owned());
        prop_assert!(Zip::from(&direct).and(&variational).all(|d, v| *d >= v - slack(*v)));
        let tables = certain(tables);
        let [direct, variational] = BOTH.map(|inference| solve(&tables, inference));
        assert_tables_close(&direct.state_values(), &variational.state_values(), TOLERANCE, "V");
        assert_tables_close(&direct.action_values(), &variational.action_values(), TOLERANCE, "Q");
    }

    #[test]
    fn the_evidence_is_the_same_at_every_stage(tables in models()) {
        let (model, tau) = (model(&tables), tables.temperature);
        let solution = solve(&tables, Inference::Direct);
        let Ok(forward) = forward_messages(&model, &tables.initial, tables.horizon()) else {
            // Impossible forwards, impossible backwards.
            prop_assert_eq!(soft_evidence(&tables), MINUS_INFINITY);
            return Ok(());
        };
        let (log_forward, values) = (forward.log_forward(), solution.state_values());
        let mut paid = 0.0;
        for t in 0..=tables.horizon() {
            let mut logs = vec![forward.log_absorbed()[t]];
            logs.extend(log_forward.row(t).iter().zip(values.row(t)).map(|(log, v)| log + v / tau));
            let evidence = paid + log_sum_exp(&logs);
            assert_close(tau * evidence, soft_evidence(&tables), TOLERANCE, &format!("stage {t}"));
            // α_t and † are normalised together; nothing is absorbed at γ = 1.
            logs = vec![forward.log_absorbed()[t]];
            logs.extend(log_forward.row(t));
            assert_close(log_sum_exp(&logs), 0.0, 1e-13, &format!("mass at stage {t}"));
            prop_assert!(tables.discount < 1.0 || forward.log_absorbed()[t] == MINUS_INFINITY);
            paid += forward.log_normalizers().get(t).unwrap_or(&0.0);
        }
        assert_close(tau * forward.log_evidence(), soft_evidence(&tables), TOLERANCE, "the end");
    }

    #[test]
    fn marginals_of_states_pairs_and_transitions_agree(tables in models()) {
        let model = model(&tables);
        let Ok(posterior) = posterior(&model, &tables.initial, tables.horizon()) else { return Ok(()) };
        assert_close(tables.temperature * posterior.log_evidence(), soft_evidence(&tables), TOLERANCE, "(D6)");
        let states = posterior.state_marginals();
        let pairs = posterior.state_action_marginals();
        let policy = posterior.policy().probabilities();
        for t in 0..=tables.horizon() {
            assert_close(states.row(t).sum() + posterior.absorbed_marginals()[t], 1.0, 1e-14, "mass");
        }
        for ((t, state, action), &pair) in pairs.indexed_iter() {
            let acts = if tables.is_terminal[state] { 0.0 } else { policy[[t, state, action]] };
            assert_close(pair, states[[t, state]] * acts, 1e-14, "(D8)");
        }
        let action_values = posterior.solution().action_values();
        for (t, stage) in tables.stages.iter().enumerate() {
            let pairwise = posterior.pairwise_marginals_at(&model, t).unwrap();
            let entered = pairwise.sum_axis(Axis(1)).sum_axis(Axis(0));
            for state in 0..tables.num_states() {
                let kept = if tables.is_terminal[state] { states[[t, state]] } else { 0.0 };
                assert_close(entered[state] + kept, states[[t + 1, state]], TOLERANCE, "the next stage");
            }
            let lucky = posterior.dynamics_at(&model, t).unwrap();
            for ((state, action), sum) in lucky.sum_axis(Axis(2)).indexed_iter() {
                let q = action_values[[t, state, action]];
                // exp(Q/τ) = exp(r/τ) (γ E exp(V/τ) + 1 − γ): what leaves is a share of that.
                let leaves = (1.0 - tables.discount)
                    * ((stage.rewards[[state, action]] - q) / tables.temperature).exp();
                let expected = if q == MINUS_INFINITY { 0.0 } else { 1.0 - leaves };
                assert_close(*sum, expected, TOLERANCE, "1 minus leaving");
                let joint = pairwise.index_axis(Axis(0), state).row(action).sum();
                assert_close(joint, pairs[[t, state, action]] * sum, 1e-14, "(D8) times (D9)");
            }
        }
    }

    #[test]
    fn pair_marginals_are_the_gradient_of_the_evidence(tables in models()) {
        let Ok(posterior) = posterior(&model(&tables), &tables.initial, tables.horizon()) else { return Ok(()) };
        let gradient: f64 = (posterior.state_action_marginals().indexed_iter())
            .map(|((t, state, action), p)| p * direction(t, state, action))
            .sum();
        assert_close(derivative(&tables, soft_evidence), gradient, 1e-7, "(D10)");
    }

}

/// Most random models must have something to say, or the identities would hold of nothing.
#[test]
fn the_random_models_are_large_and_mostly_possible() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(cases(200));
    let mut seen = [0; 6];
    for _ in 0..200 {
        let tables = models().new_tree(&mut runner).unwrap().current();
        let values = solve(&tables, Inference::Variational).state_values().to_owned();
        let worth = policies::own_policy(&tables).evaluate(&model(&tables)).unwrap();
        let covered = [
            soft_evidence(&tables) > MINUS_INFINITY,
            values.iter().all(|v| v.is_finite()),
            worth.iter().all(|v| v.is_finite()),
            values.row(0).iter().any(|v| *v == MINUS_INFINITY),
            tables.num_states() >= 8 && tables.horizon() >= 8,
            tables.discount < 1.0 && tables.is_terminal.iter().any(|&terminal| terminal),
        ];
        seen.iter_mut().zip(covered).for_each(|(seen, covered)| *seen += usize::from(covered));
    }
    let least = [120, 80, 80, 40, 30, 60];
    assert!(seen.iter().zip(least).all(|(&seen, least)| seen >= least), "{seen:?}");
}
