//! Rewards on the successor, where plain numbers end: successors too improbable to be held, τ = 0,
//! folding again.

#![allow(clippy::float_cmp, reason = "impossible events have exactly the value −∞ or 0")]

use crate::common::{MINUS_INFINITY, SMALL, Tables, assert_close, cases, tables_with_successor_rewards};
use approx::abs_diff_eq;
use ndarray::{Array2, array};
use proptest::prelude::*;
use softmdp::{
    ActionPrior, DenseDynamics, Error, Inference, Mdp, Model, Real, SoftValueIteration, SparseDynamics,
    SuccessorRewardMdp, Table, Trajectory, check_model, forward_messages, ndarray, soft_value_iteration,
};

/// One step from state 0 to state 1 or 2, of which only 2 may be ended in. It pays `reward`.
fn narrow_escape<F: Real>(reward: F, temperature: F) -> SuccessorRewardMdp<F, DenseDynamics<F>> {
    let (zero, half, one) = (F::zero(), F::from_f64(0.5), F::one());
    let rows = array![[[zero, half, half]], [[zero, one, zero]], [[zero, zero, one]]];
    Mdp::builder(rows, Array2::zeros((3, 1)))
        .terminal_values(array![F::neg_infinity(), F::neg_infinity(), zero])
        .temperature(temperature)
        .build()
        .unwrap()
        .with_successor_rewards(|_, _, next_state| if next_state == 2 { reward } else { F::zero() })
        .unwrap()
}

fn check_narrow_escape<F: Real>(reward: F, temperature: F) {
    let model = narrow_escape(reward, temperature);
    let initial = array![F::one(), F::zero(), F::zero()];
    let what = format!("reward {reward:e} at temperature {temperature:e}");
    let expected = (reward / temperature).into_f64() + 0.5_f64.ln();
    let close = |found: F| assert_close(found.into_f64(), expected, 4.0 * F::epsilon().into_f64(), &what);

    let solution = soft_value_iteration(&model, 1).unwrap();
    close(solution.state_values()[[0, 0]] / temperature);
    let forward = forward_messages(&model, &initial, 1).unwrap();
    close(forward.log_forward()[[1, 2]] + forward.log_normalizers()[0]);
    close(forward.log_evidence());
    let posterior = solution.posterior(&model, &initial).unwrap();
    close(posterior.log_evidence());
    assert_eq!(posterior.state_marginals().row(1), array![F::zero(), F::zero(), F::one()], "{what}");
    assert_eq!(posterior.dynamics_at(&model, 0).unwrap()[[0, 0, 2]], F::one(), "{what}");
    let escape = Trajectory::new(vec![0, 2], vec![0]).unwrap();
    assert_eq!(posterior.most_likely(&model).unwrap(), escape, "{what}");
    let log = posterior.log_probability(&model, &escape).unwrap().into_f64();
    let epsilon = 4.0 * F::epsilon().into_f64() * expected.abs().max(1.0);
    assert!(abs_diff_eq!(log, 0.0, epsilon = epsilon), "{what}: {log}");
}

#[test]
fn a_successor_too_improbable_for_a_number_may_be_the_only_one_alive() {
    for reward in [-1.0, -700.0, -708.0, -720.0, -744.0, -746.0, -5000.0, -1e6, -1e300] {
        check_narrow_escape(reward, 1.0);
    }
    check_narrow_escape(-1e4, 1e-3);
    for reward in [-1.0_f32, -80.0, -90.0, -100.0, -104.0, -500.0, -1e30] {
        check_narrow_escape(reward, 1.0_f32);
    }
    // Where the logarithm itself does not fit, the value still does.
    let model = narrow_escape(-1e300, 1e-9);
    assert_close(soft_value_iteration(&model, 1).unwrap().state_values()[[0, 0]], -1e300, 1e-15, "V");
    let error = forward_messages(&model, &array![1.0, 0.0, 0.0], 1).unwrap_err();
    assert!(matches!(error, Error::Overflow { table: Table::ForwardMessages, .. }), "{error}");
}

/// The fold as the formula stands, over plain tables; V by loops over successors.
fn hard_values(tables: &Tables) -> Array2<f64> {
    let horizon = tables.horizon();
    let mut values = Array2::zeros((horizon + 1, tables.num_states()));
    values.row_mut(horizon).assign(&tables.terminal_values);
    for t in (0..horizon).rev() {
        for state in 0..tables.num_states() {
            let stage = &tables.stages[t];
            let mut best =
                if tables.is_terminal[state] { tables.terminal_values[state] } else { MINUS_INFINITY };
            for action in 0..tables.num_actions() {
                if tables.is_terminal[state] || stage.prior[[state, action]] == 0.0 {
                    continue;
                }
                for next in 0..tables.num_states() {
                    let place = [state, action, next];
                    let later = match tables.discount {
                        0.0 => 0.0,
                        1.0 => values[[t + 1, next]],
                        _ => values[[t + 1, next]].max(0.0),
                    };
                    if stage.transitions[place] > 0.0 {
                        best =
                            best.max(stage.rewards[[state, action]] + stage.successor_rewards[place] + later);
                    }
                }
            }
            values[[t, state]] = best;
        }
    }
    values
}

fn with_rewards(tables: &Tables) -> SuccessorRewardMdp<f64, DenseDynamics> {
    let rewards = &tables.stages[0].successor_rewards;
    tables.mdp().with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn at_temperature_zero_the_best_successor_counts(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.homogeneous();
        let model = with_rewards(&tables).with_temperature(0.0).unwrap();
        let found = soft_value_iteration(&model, tables.horizon()).unwrap();
        crate::common::assert_tables_close(&found.state_values(), &hard_values(&tables), 1e-13, "V at τ = 0");
        // The limit of what is found at τ > 0: off by at most τ times the logarithms of what is summed.
        let soft = soft_value_iteration(&model.with_temperature(1e-6).unwrap(), tables.horizon()).unwrap();
        crate::common::assert_tables_close(&soft.state_values(), &found.state_values(), 1e-4, "V at τ = 1e-6");
    }

    #[test]
    fn a_change_of_temperature_folds_again(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.homogeneous();
        let other = Tables { temperature: 0.37, ..tables.clone() };
        let (changed, fresh) = (with_rewards(&tables).with_temperature(0.37).unwrap(), with_rewards(&other));
        prop_assert_eq!(&changed, &fresh);
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = SoftValueIteration::new(tables.horizon()).inference(inference);
            prop_assert_eq!(solver.solve(&changed).unwrap(), solver.solve(&fresh).unwrap());
        }
        check_model(&changed, tables.horizon()).unwrap();
        check_model(&changed.with_temperature(0.0).unwrap(), tables.horizon()).unwrap();
    }

    #[test]
    fn the_other_variants_keep_the_rewards(tables in tables_with_successor_rewards(SMALL)) {
        let tables = tables.homogeneous();
        let rewards = &tables.stages[0].successor_rewards;
        let (model, mdp) = (with_rewards(&tables), tables.mdp());
        let again = |mdp: Mdp| mdp.with_successor_rewards(|s, a, n| rewards[[s, a, n]]).unwrap();
        let values = tables.terminal_values.mapv(|v| v + 1.0);
        let pairs = mdp.rewards().mapv(|r| r - 1.0);
        prop_assert_eq!(
            model.with_discount(0.3).unwrap(),
            again(mdp.with_discount(0.3).unwrap())
        );
        prop_assert_eq!(
            model.with_terminal_values(values.clone()).unwrap(),
            again(mdp.with_terminal_values(values).unwrap())
        );
        prop_assert_eq!(
            model.with_action_prior(ActionPrior::Uniform).unwrap(),
            again(mdp.with_action_prior(ActionPrior::Uniform).unwrap())
        );
        let (changed, fresh) = (model.with_rewards(pairs.clone()).unwrap(), again(mdp.with_rewards(pairs).unwrap()));
        let solve = |model| soft_value_iteration(model, tables.horizon()).unwrap();
        prop_assert_eq!(solve(&changed), solve(&fresh));
    }
}

/// Two ways to say the same: on the successor, and on the pair where there is one successor.
#[test]
fn on_certain_successors_both_folds_are_the_reward_itself() {
    let sparse = SparseDynamics::from_fn(3, 2, |state, action| [((state + action) % 3, 1.0)]).unwrap();
    let reward = |state: usize, action: usize| (state * 2 + action) as f64 - 2.0;
    let table = Array2::from_shape_fn((3, 2), |(state, action)| reward(state, action));
    let plain = Mdp::builder(sparse.clone(), table.clone()).build().unwrap();
    let folded = Mdp::builder(sparse, Array2::zeros((3, 2))).build().unwrap();
    let folded = folded.with_successor_rewards(|state, action, _| reward(state, action)).unwrap();
    for inference in [Inference::Direct, Inference::Variational] {
        assert_eq!(folded.folded_rewards(inference), table);
        let solver = SoftValueIteration::new(6).inference(inference);
        assert_eq!(solver.solve(&folded).unwrap(), solver.solve(&plain).unwrap());
    }
    let mut seen = Vec::new();
    folded.for_each_outcome(2, 1, |next_state, p, reward| seen.push((next_state, p, reward)));
    assert_eq!(seen, [(0, 1.0, 3.0)]);
}

#[test]
fn rewards_that_are_no_numbers_are_refused_with_their_place() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let spoiled = |value: f64| {
        let rewards = |s, _, n| if (s, n) == (0, 1) { value } else { 0.0 };
        mdp.with_successor_rewards(rewards).map(|model| model.num_states())
    };
    for value in [f64::NAN, f64::INFINITY] {
        let error = spoiled(value).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("reward (state 0, action 0, next state 1) is {value}, expected a number below +inf")
        );
    }
    assert_eq!(spoiled(MINUS_INFINITY), Ok(2));
    // Further apart than numbers go, and together beyond the largest.
    let overflow = |table| Err(Error::Overflow { table, stage: 0, state: 0 });
    let apart = |s, _, n| if s == 0 { [1.7e308, -1.7e308][n] } else { 0.0 };
    assert_eq!(mdp.with_successor_rewards(apart).map(|_| ()), overflow(Table::SuccessorRewards));
    let large = mdp.with_rewards(array![[1e308], [0.0]]).unwrap();
    assert_eq!(large.with_successor_rewards(|_, _, _| 1e308).map(|_| ()), overflow(Table::Rewards));
}

#[test]
fn rewards_of_zero_on_full_rows_change_nothing() {
    let n = 40;
    let rows = DenseDynamics::from_fn(n, 2, |s, a| {
        let weight = |m: usize| (1 + (s * 7 + a * 3 + m * 5) % 11) as f64;
        let sum: f64 = (0..n).map(weight).sum();
        (0..n).map(|m| (m, weight(m) / sum)).collect::<Vec<_>>()
    });
    let mdp = Mdp::builder(rows.unwrap(), Array2::zeros((n, 2))).build().unwrap();
    let folded = mdp.with_successor_rewards(|_, _, _| 0.0).unwrap();
    let (plain, folded) = (soft_value_iteration(&mdp, 5), soft_value_iteration(&folded, 5));
    crate::common::assert_tables_close(
        &folded.unwrap().state_values(),
        &plain.unwrap().state_values(),
        1e-14,
        "V",
    );
}
