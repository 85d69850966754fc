//! One soft Bellman backup is one stage of soft value iteration.

#![allow(clippy::float_cmp, reason = "results are equal to the bit")]

use std::ops::ControlFlow;
use std::sync::Mutex;

use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis, array, s};
use proptest::prelude::*;
use softmdp::{
    DenseDynamics, Error, Inference, Mdp, Model, SoftValueIteration, Table, TimeVaryingMdp, Watched, ndarray,
    soft_bellman_backup,
};

use crate::common::{SMALL, TimeVarying, assert_tables_close, cases, tables};

const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// Every stage by hand, and all of them by `SoftValueIteration`: equal within a tolerance, 0 for
/// equal bits.
fn assert_stages_are_backups<M: Model<Scalar = f64>>(model: &M, horizon: usize, tolerance: f64) {
    for inference in BOTH {
        let solution = SoftValueIteration::new(horizon).inference(inference).solve(model).unwrap();
        let mut values = model.terminal_values().to_owned();
        for t in (0..horizon).rev() {
            let backup = soft_bellman_backup(model, &values, t, inference).unwrap();
            let (policy, what) = (solution.policy(), format!("{inference}, stage {t}"));
            let (probabilities, logs) = (policy.probabilities(), policy.log_probabilities());
            let [expected_values, expected_policy] = [solution.action_values(), probabilities];
            let close = |found: ArrayView2<'_, f64>, expected: ArrayView3<'_, f64>| {
                assert_tables_close(&found, &expected.index_axis(Axis(0), t), tolerance, &what);
            };
            assert_tables_close(&backup.state_values(), &solution.state_values().row(t), tolerance, &what);
            close(backup.action_values(), expected_values);
            close(backup.probabilities(), expected_policy);
            close(backup.log_probabilities(), logs);
            assert_eq!(solution.policy_at(t).unwrap(), expected_policy.index_axis(Axis(0), t));
            values = backup.state_values().to_owned();
        }
    }
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn backups_from_the_last_stage_to_the_first_are_the_solution(tables in tables(SMALL)) {
        let horizon = tables.horizon();
        assert_stages_are_backups(&TimeVarying::new(tables.clone()), horizon, 0.0);
        let tables = tables.homogeneous();
        // Stages that are alike carry messages on; some of these claim to be large, and are solved
        // in another order of operations.
        assert_stages_are_backups(&tables.mdp(), horizon, 1e-12);
        for (_, mdp) in tables.kinds() {
            assert_stages_are_backups(&mdp, horizon, 1e-9);
        }
    }
}

/// Three states, of which the last is terminal.
fn ending() -> Mdp {
    let rows = array![
        [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    ];
    let rewards = array![[-1.0, f64::NEG_INFINITY], [0.5, 2.0], [7.0, 7.0]];
    let builder = Mdp::builder(DenseDynamics::new(rows).unwrap(), rewards).terminal_states([2]);
    builder.terminal_values(array![0.0, f64::NEG_INFINITY, 3.0]).discount(0.9).build().unwrap()
}

#[test]
fn terminal_states_keep_their_value() {
    let mdp = ending();
    assert_stages_are_backups(&mdp, 6, 1e-13);
    for inference in BOTH {
        let backup = soft_bellman_backup(&mdp, &array![1.0, 2.0, 3.0], 0, inference).unwrap();
        assert_eq!(backup.state_values()[2], 3.0);
        assert_eq!(backup.action_values().row(2), array![f64::NEG_INFINITY, f64::NEG_INFINITY]);
        assert_eq!(backup.probabilities().row(2), array![0.5, 0.5]);
    }
    let late = mdp.with_rewards(Array2::from_elem((3, 2), -2.0)).unwrap();
    let varying = TimeVaryingMdp::new(vec![mdp.clone(), late, mdp]).unwrap();
    assert_stages_are_backups(&varying, 3, 0.0);
}

#[test]
fn values_that_are_not_side_by_side_are_read_as_any_others() {
    let mdp = ending();
    let wide = array![[1.0, 9.0], [-2.0, 9.0], [0.5, 9.0]];
    for inference in BOTH {
        let strided = soft_bellman_backup(&mdp, &wide.slice(s![.., 0]), 0, inference).unwrap();
        let plain = soft_bellman_backup(&mdp, &array![1.0, -2.0, 0.5], 0, inference).unwrap();
        assert_eq!(strided, plain);
    }
}

#[test]
fn a_backup_of_wrong_values_or_of_a_stage_beyond_the_last_is_an_error() {
    let mdp = ending();
    let of = |values: &Array1<f64>| soft_bellman_backup(&mdp, values, 0, Inference::Direct).unwrap_err();
    let shape = Error::ShapeMismatch { table: Table::StateValues, found: vec![2], expected: vec![3] };
    assert_eq!(of(&array![0.0, 0.0]), shape);
    let infinite = Error::InvalidEntry { table: Table::StateValues, index: vec![1], value: f64::INFINITY };
    assert_eq!(of(&array![0.0, f64::INFINITY, 0.0]), infinite);
    let error = of(&array![0.0, 0.0, f64::NAN]);
    assert!(matches!(error, Error::InvalidEntry { index, value, .. } if index == [2] && value.is_nan()));
    let huge = mdp.with_rewards(Array2::from_elem((3, 2), 1.7e308)).unwrap();
    for inference in BOTH {
        let error = soft_bellman_backup(&huge, &array![1.7e308, 1.7e308, 3.0], 0, inference).unwrap_err();
        assert_eq!(error, Error::Overflow { table: Table::ActionValues, stage: 0, state: 0 });
        let short = TimeVaryingMdp::new(vec![mdp.clone(); 2]).unwrap();
        let error = soft_bellman_backup(&short, &array![0.0, 0.0, 3.0], 2, inference).unwrap_err();
        assert_eq!(error, Error::StageOutOfRange { stage: 2, horizon: 2 });
    }
}

#[test]
fn a_backup_begins_its_stage_once() {
    let (mdp, seen) = (ending(), Mutex::new(Vec::new()));
    let watched = Watched::new(&mdp, |stage| {
        seen.lock().unwrap().push(stage);
        if stage == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let values = array![0.0, 0.0, 3.0];
    assert!(soft_bellman_backup(&watched, &values, 4, Inference::Direct).is_ok());
    let stopped = soft_bellman_backup(&watched, &values, 5, Inference::Variational);
    assert_eq!(stopped, Err(Error::Stopped { stage: 5 }));
    assert_eq!(*seen.lock().unwrap(), [4, 5]);
}
