//! Every output of both inferences equals a sum over all trajectories, over each kind of dynamics
//! and for models that change with time.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the value −∞ or 0")]

use crate::common::enumeration::{Acting, Direct, acting_trajectories, direct};
use crate::common::{
    MINUS_INFINITY, SMALL, Tables, TimeVarying, assert_close, assert_tables_close, cases, tables,
    tables_with_successor_rewards,
};
use ndarray::{Array1, Array3, Axis};
use proptest::prelude::*;
use softmdp::{
    Error, Inference, Model, Policy, SoftValueIteration, TimeVaryingMdp, forward_messages, ndarray,
    posterior, soft_value_iteration,
};

/// Rounding of a few hundred operations; a wrong term is off by far more.
const TOLERANCE: f64 = 1e-11;

fn check_direct<M: Model<Scalar = f64>>(model: &M, tables: &Tables, oracle: &Direct, kind: &str) {
    let what = |table: &str| format!("{table}, {kind}");
    let horizon = tables.horizon();
    let solution = soft_value_iteration(model, horizon).unwrap();
    assert_tables_close(&solution.state_values(), &oracle.state_values, TOLERANCE, &what("V"));
    check_action_values(&solution.action_values(), &oracle.action_values, tables, &what("Q"));
    check_policy(solution.policy(), &oracle.state_values, &oracle.action_values, tables, &what("π"));

    let values = SoftValueIteration::new(horizon).solve_values(model).unwrap();
    assert_eq!(values.state_values().dim(), solution.state_values().dim());
    assert_tables_close(&values.state_values(), &solution.state_values(), 1e-14, &what("V alone"));
    for t in 0..horizon {
        let stored = solution.policy_at(t).unwrap();
        assert_tables_close(&values.policy_at(model, t).unwrap(), &stored, 1e-12, &what("π on demand"));
    }
    check_forward(model, tables, oracle, kind);
    check_posterior(model, tables, oracle, kind);
}

/// β(s,a) of an action that is not there is no number that the oracle has: it must be −∞.
fn check_action_values(found: &ndarray::ArrayRef3<f64>, expected: &Array3<f64>, tables: &Tables, what: &str) {
    let mut expected = expected.clone();
    for ((t, state, action), q) in expected.indexed_iter_mut() {
        if tables.stages[t].prior[[state, action]] == 0.0 || tables.is_terminal[state] {
            *q = MINUS_INFINITY;
        }
    }
    assert_tables_close(found, &expected, TOLERANCE, what);
}

/// π = ρ exp((Q − V)/τ) where V > −∞, the normalised prior elsewhere.
fn check_policy(
    found: &Policy,
    values: &ndarray::ArrayRef2<f64>,
    action_values: &ndarray::ArrayRef3<f64>,
    tables: &Tables,
    what: &str,
) {
    for ((t, state, action), &p) in found.probabilities().indexed_iter() {
        let prior = &tables.stages[t].prior;
        let total = prior.row(state).sum();
        let expected = if values[[t, state]] == MINUS_INFINITY || tables.is_terminal[state] {
            if total > 0.0 { prior[[state, action]] / total } else { 0.0 }
        } else {
            let advantage = action_values[[t, state, action]] - values[[t, state]];
            prior[[state, action]] * (advantage / tables.temperature).exp()
        };
        assert_close(p, expected, TOLERANCE, what);
        assert_close(found.log_probabilities()[[t, state, action]], p.ln(), 1e-9, what);
    }
}

fn check_forward<M: Model<Scalar = f64>>(model: &M, tables: &Tables, oracle: &Direct, kind: &str) {
    let impossible = oracle.normalizers.iter().position(|z| *z == 0.0);
    let forward = match (forward_messages(model, &tables.initial, tables.horizon()), impossible) {
        (Err(Error::ImpossibleEvidence { stage }), Some(first)) => return assert_eq!(stage, first, "{kind}"),
        (forward, None) => forward.unwrap(),
        (forward, _) => panic!("expected impossible evidence, {kind}: {forward:?}"),
    };
    let what = |table: &str| format!("{table}, {kind}");
    let logs = oracle.forward.mapv(f64::ln);
    assert_tables_close(&forward.log_forward(), &logs, TOLERANCE, &what("log α"));
    let logs = oracle.absorbed.mapv(f64::ln);
    assert_tables_close(&forward.log_absorbed(), &logs, TOLERANCE, &what("log α(†)"));
    let logs = oracle.normalizers.mapv(f64::ln);
    assert_tables_close(&forward.log_normalizers(), &logs, TOLERANCE, &what("log Z"));
    assert_close(forward.log_evidence(), oracle.evidence.ln(), TOLERANCE, &what("evidence forwards"));
}

fn check_posterior<M: Model<Scalar = f64>>(model: &M, tables: &Tables, oracle: &Direct, kind: &str) {
    let what = |table: &str| format!("{table}, {kind}");
    let posterior = match posterior(model, &tables.initial, tables.horizon()) {
        Err(Error::ImpossibleEvidence { .. }) => return assert_eq!(oracle.evidence, 0.0, "{kind}"),
        posterior => posterior.unwrap(),
    };
    assert_close(posterior.log_evidence(), oracle.evidence.ln(), TOLERANCE, &what("evidence"));
    assert_tables_close(&posterior.state_marginals(), &oracle.state_marginals, TOLERANCE, &what("p(s∣e)"));
    assert_tables_close(
        &posterior.absorbed_marginals(),
        &oracle.absorbed_marginals,
        TOLERANCE,
        &what("p(†∣e)"),
    );
    assert_tables_close(
        &posterior.state_action_marginals(),
        &oracle.pair_marginals,
        TOLERANCE,
        &what("p(s,a∣e)"),
    );
    for t in 0..tables.horizon() {
        let pairwise = posterior.pairwise_marginals_at(model, t).unwrap();
        assert_tables_close(
            &pairwise,
            &oracle.pairwise.index_axis(Axis(0), t),
            TOLERANCE,
            &what("p(s,a,s'∣e)"),
        );
        check_lucky_rows(&posterior.dynamics_at(model, t).unwrap(), t, tables, oracle, &what("p(s'∣s,a,e)"));
    }
}

/// (D9) from β alone, also for pairs that the initial distribution does not reach.
fn check_lucky_rows(found: &Array3<f64>, t: usize, tables: &Tables, oracle: &Direct, what: &str) {
    let beta = oracle.state_values.row(t + 1).mapv(|v| (v / tables.temperature).exp());
    let stage = &tables.stages[t];
    for ((state, action), _) in stage.prior.indexed_iter() {
        let impossible = oracle.action_values[[t, state, action]] == MINUS_INFINITY;
        let used = stage.prior[[state, action]] > 0.0 && !tables.is_terminal[state] && !impossible;
        let step = |next: usize| {
            stage.transitions[[state, action, next]]
                * (stage.successor_rewards[[state, action, next]] / tables.temperature).exp()
        };
        let weight = |next: usize| tables.discount * step(next) * beta[next];
        let leave = (1.0 - tables.discount) * (0..beta.len()).map(step).sum::<f64>();
        let total = (0..beta.len()).map(weight).sum::<f64>() + leave;
        for next in 0..beta.len() {
            let expected = if used { weight(next) / total } else { 0.0 };
            assert_close(found[[state, action, next]], expected, TOLERANCE, what);
        }
    }
}

fn check_variational<M: Model<Scalar = f64>>(model: &M, tables: &Tables, evidence: f64, kind: &str) {
    let what = |table: &str| format!("{table}, {kind}");
    let horizon = tables.horizon();
    let solution = SoftValueIteration::new(horizon).inference(Inference::Variational).solve(model).unwrap();
    let policy = solution.policy().probabilities().to_owned();
    let acting = Acting::new(tables, &policy);
    // Q from every trajectory that follows, V from Q: by induction on the stage this is the optimum.
    let (mut values, mut action_values) =
        (solution.state_values().to_owned(), solution.action_values().to_owned());
    for ((t, state), value) in values.indexed_iter_mut() {
        if t == horizon || tables.is_terminal[state] {
            *value = tables.terminal_values[state];
            continue;
        }
        let mut sum = 0.0;
        for action in 0..tables.num_actions() {
            let prior = tables.stages[t].prior[[state, action]];
            let q = acting.value(t, state, Some(action), true);
            action_values[[t, state, action]] = q;
            if prior > 0.0 {
                sum += prior * (q / tables.temperature).exp();
            }
        }
        *value = tables.temperature * f64::ln(sum);
    }
    assert_tables_close(&solution.state_values(), &values, TOLERANCE, &what("V"));
    check_action_values(&solution.action_values(), &action_values, tables, &what("Q"));
    check_policy(solution.policy(), &values, &action_values, tables, &what("π"));
    // (V4): the optimum is what its policy is worth.
    let best =
        (tables.initial.iter().zip(values.row(0))).filter(|(p, _)| **p > 0.0).map(|(p, v)| p * v).sum();
    assert_close(solution.policy().elbo(model, &tables.initial).unwrap(), best, TOLERANCE, &what("max J"));
    let on_demand =
        SoftValueIteration::new(horizon).inference(Inference::Variational).solve_values(model).unwrap();
    assert_tables_close(&on_demand.state_values(), &values, TOLERANCE, &what("V alone"));
    check_acting(model, solution.policy(), tables, evidence, kind);
}

/// Occupancy, soft evaluation, ELBO, return and gap (V7) of any policy.
fn check_acting<M: Model<Scalar = f64>>(
    model: &M,
    policy: &Policy,
    tables: &Tables,
    evidence: f64,
    kind: &str,
) {
    let what = |table: &str| format!("{table}, {kind}");
    let probabilities = policy.probabilities().to_owned();
    let acting = Acting::new(tables, &probabilities);
    let (states, pairs) = acting.occupancy();
    let found = policy.state_occupancy(model, &tables.initial).unwrap();
    assert_tables_close(&found, &states, TOLERANCE, &what("d(s)"));
    let found = policy.state_action_occupancy(model, &tables.initial).unwrap();
    assert_tables_close(&found, &pairs, TOLERANCE, &what("d(s,a)"));

    // What each choice of each trajectory tells; those that have ended choose nothing.
    let mut entropy = Array1::zeros(tables.horizon());
    for (trajectory, q) in acting_trajectories(tables, &probabilities) {
        for (t, &action) in trajectory.actions.iter().enumerate() {
            entropy[t] -= q * probabilities[[t, trajectory.states[t], action]].ln();
        }
    }
    let found = policy.expected_entropy(model, &tables.initial).unwrap();
    assert_tables_close(&found, &entropy, TOLERANCE, &what("expected entropy"));

    let values = policy.evaluate(model).unwrap();
    for ((t, state), &value) in values.indexed_iter() {
        assert_close(value, acting.value(t, state, None, true), TOLERANCE, &what("V^π"));
    }
    let expect = |entropy| -> f64 {
        (0..tables.num_states())
            .filter(|&state| tables.initial[state] > 0.0)
            .map(|state| tables.initial[state] * acting.value(0, state, None, entropy))
            .sum()
    };
    let elbo = policy.elbo(model, &tables.initial).unwrap();
    assert_close(elbo, expect(true), TOLERANCE, &what("J"));
    let found = policy.expected_return(model, &tables.initial).unwrap();
    assert_close(found, expect(false), TOLERANCE, &what("return"));
    // (V7). A policy that can end in nothing has J = −∞, and no divergence that is a number.
    if evidence > 0.0 && elbo > MINUS_INFINITY {
        let gap = tables.temperature * (evidence.ln() - acting.divergence(evidence));
        assert_close(elbo, gap, 1e-10, &what("τ log p(e) − τ KL"));
    }
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn both_inferences_equal_the_sum_over_trajectories_for_every_kind(tables in tables(SMALL)) {
        let tables = tables.homogeneous();
        let oracle = direct(&tables);
        for (kind, mdp) in tables.kinds() {
            check_direct(&mdp, &tables, &oracle, kind);
            check_variational(&mdp, &tables, oracle.evidence, kind);
            check_acting(&mdp, &tables.own_policy(), &tables, oracle.evidence, kind);
        }
    }

    #[test]
    fn rewards_on_the_successor_fold_exactly_for_every_kind(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.homogeneous();
        let oracle = direct(&tables);
        let rewards = &tables.stages[0].successor_rewards;
        for (kind, mdp) in tables.kinds() {
            let model = mdp.with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap();
            check_direct(&model, &tables, &oracle, kind);
            check_variational(&model, &tables, oracle.evidence, kind);
            check_acting(&model, &tables.own_policy(), &tables, oracle.evidence, kind);
        }
    }

    #[test]
    fn models_of_stages_are_read_in_their_order(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.with_varying_priors();
        let oracle = direct(&tables);
        let stages = (0..tables.horizon()).map(|t| {
            let rewards = &tables.stages[t].successor_rewards;
            tables.mdp_of_stage(t).with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap()
        });
        let model = TimeVaryingMdp::new(stages).unwrap();
        check_direct(&model, &tables, &oracle, "of stages");
        check_variational(&model, &tables, oracle.evidence, "of stages");
        check_acting(&model, &tables.own_policy(), &tables, oracle.evidence, "of stages");
        // What starts over is what was written out twice.
        let twice = TimeVaryingMdp::new([model.stages(), model.stages()].concat()).unwrap();
        let horizon = 2 * tables.horizon();
        let written_out = soft_value_iteration(&twice, horizon).unwrap();
        prop_assert_eq!(soft_value_iteration(&model.repeating(), horizon).unwrap(), written_out);
    }

    #[test]
    fn stages_that_differ_are_read_in_their_order(tables in tables(SMALL)) {
        let tables = tables.with_varying_priors();
        let oracle = direct(&tables);
        let model = TimeVarying::new(tables);
        let tables = &model.tables;
        check_direct(&model, tables, &oracle, "time-varying");
        check_variational(&model, tables, oracle.evidence, "time-varying");
        check_acting(&model, &tables.own_policy(), tables, oracle.evidence, "time-varying");
    }
}

/// The random models must cover what they are meant to: a generator that went lame would let
/// anything pass.
#[test]
fn the_random_models_are_as_lopsided_as_they_claim() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(cases(300));
    let mut seen = [0; 9];
    for _ in 0..300 {
        let tables = tables(SMALL).new_tree(&mut runner).unwrap().current();
        let oracle = direct(&tables);
        let dead_end = (0..tables.num_states())
            .any(|s| !tables.is_terminal[s] && !tables.available.row(s).iter().any(|&a| a));
        let covered = [
            oracle.evidence == 0.0,
            oracle.evidence > 0.0 && oracle.state_values.iter().any(|v| *v == MINUS_INFINITY),
            dead_end,
            tables.is_terminal.iter().any(|&t| t),
            tables.discount < 1.0 && tables.discount > 0.0,
            tables.discount == 0.0,
            oracle.normalizers.iter().any(|z| *z == 0.0),
            tables.clone().homogeneous().kinds().len() == 7,
            tables.horizon() == 4 && tables.num_states() == 4 && tables.num_actions() == 3,
        ];
        seen.iter_mut().zip(covered).for_each(|(seen, covered)| *seen += usize::from(covered));
    }
    assert!(seen.iter().all(|&seen| seen >= 5), "{seen:?}");
}
