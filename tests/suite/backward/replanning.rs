//! Models that are solved again, in the memory of the call before: the results are those of a fresh
//! call, whatever the memory was used for.

#![allow(clippy::float_cmp, reason = "the same numbers, to the bit")]

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use softmdp::{
    Error, Inference, Mdp, Model, Posterior, SoftValueIteration, SparseDynamics, Table, TimeVaryingMdp,
    Workspace, ndarray, posterior, posterior_into, soft_value_iteration, stream_posterior,
    stream_posterior_with,
};

use crate::common::{AnyMdp, SMALL, Tables, cases, tables};

const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// All numbers that a streamed pass shows.
fn streamed<M: Model<Scalar = f64> + ?Sized>(
    mdp: &M,
    solver: &SoftValueIteration,
    workspace: Option<&mut Workspace>,
) -> Vec<f64> {
    let mut numbers = Vec::new();
    let visit = |stage: softmdp::BackwardStage<'_>| {
        numbers.extend(stage.state_values());
        numbers.extend(stage.next_state_values());
        numbers.extend(stage.action_values().iter().chain(stage.probabilities()));
        numbers.extend(stage.log_probabilities());
        ControlFlow::<()>::Continue(())
    };
    let result = match workspace {
        Some(workspace) => solver.stream_with(mdp, workspace, visit),
        None => solver.stream(mdp, visit),
    };
    assert_eq!(result, Ok(ControlFlow::Continue(())));
    numbers
}

/// All numbers that a streamed posterior shows, or its error.
fn streamed_posterior<M: Model<Scalar = f64> + ?Sized>(
    mdp: &M,
    initial: &Array1<f64>,
    horizon: usize,
    workspace: Option<&mut Workspace>,
) -> Result<Vec<f64>, Error> {
    let mut numbers = Vec::new();
    let visit = |stage: softmdp::PosteriorStage<'_, M>| {
        numbers.extend(stage.state_marginals().iter().chain(stage.state_values()));
        numbers.extend(stage.log_forward());
        numbers.push(stage.absorbed_marginal());
        numbers.extend(stage.policy().into_iter().flatten());
        ControlFlow::<()>::Continue(())
    };
    let result = match workspace {
        Some(workspace) => stream_posterior_with(mdp, initial, horizon, workspace, visit),
        None => stream_posterior(mdp, initial, horizon, visit),
    };
    let ControlFlow::Continue(log_evidence) = result? else { unreachable!("nothing breaks") };
    numbers.push(log_evidence);
    Ok(numbers)
}

/// A model of the tables whose rewards are scaled.
fn scaled(mdp: &AnyMdp, factor: f64) -> AnyMdp {
    let rewards = mdp.rewards().mapv(|r| if r > f64::NEG_INFINITY { r * factor } else { r });
    mdp.with_rewards(rewards).unwrap()
}

fn check_again(tables: &Tables, workspace: &mut Workspace) {
    let horizon = tables.horizon();
    for (kind, mdp) in tables.kinds() {
        let again = scaled(&mdp, -0.5);
        for inference in BOTH {
            let solver = SoftValueIteration::new(horizon).inference(inference);
            let mut values = solver.solve_values(&mdp).unwrap();
            for model in [&again, &mdp] {
                solver.solve_values_into(model, &mut values).unwrap();
                assert_eq!(values, solver.solve_values(model).unwrap(), "{kind}, {inference}");
                let (fresh, used) =
                    (streamed(model, &solver, None), streamed(model, &solver, Some(workspace)));
                assert_eq!(used, fresh, "{kind}, {inference}");
            }
        }
        for model in [&mdp, &again] {
            let fresh = streamed_posterior(model, &tables.initial, horizon, None);
            let used = streamed_posterior(model, &tables.initial, horizon, Some(workspace));
            assert_eq!(used, fresh, "{kind}");
        }
        let Ok(mut result) = posterior(&mdp, &tables.initial, horizon) else { continue };
        for model in [&again, &mdp, &again] {
            match posterior(model, &tables.initial, horizon) {
                Ok(fresh) => {
                    posterior_into(model, &tables.initial, &mut result).unwrap();
                    assert_eq!(result, fresh, "{kind}");
                }
                Err(error) => {
                    let again = posterior_into(model, &tables.initial, &mut result);
                    assert_eq!(again.unwrap_err(), error, "{kind}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// One workspace serves models of several sizes, one after the other.
    #[test]
    fn results_in_used_memory_are_those_of_fresh_memory(
        tables in proptest::collection::vec(tables(SMALL), 3),
    ) {
        let mut workspace = Workspace::new();
        tables.iter().for_each(|tables| check_again(tables, &mut workspace));
    }
}

/// A walk over a ring that is large enough for a linear recursion.
fn ring(num_states: usize) -> Mdp<f64, SparseDynamics> {
    let dynamics = SparseDynamics::from_fn(num_states, 2, |state, action| {
        [((state + 1 + action) % num_states, 0.75), (state, 0.25)]
    });
    let rewards = Array2::from_shape_fn((num_states, 2), |(s, a)| -((3 * s + a) as f64 % 7.0) / 7.0);
    let builder = Mdp::builder(dynamics.unwrap(), rewards).terminal_states([0, num_states / 2]);
    builder.terminal_values(Array1::from_shape_fn(num_states, |s| -((s % 3) as f64))).build().unwrap()
}

#[test]
fn linear_recursions_in_used_memory_are_those_in_fresh_memory() {
    let mut workspace = Workspace::new();
    for num_states in [3000, 1500, 3000] {
        let mdp = ring(num_states);
        let initial = Array1::from_elem(num_states, 1.0 / num_states as f64);
        let other = mdp.with_rewards(mdp.rewards().mapv(|r| 2.0 * r - 0.125)).unwrap();
        let (solver, horizon) = (SoftValueIteration::new(40), 40);
        let mut values = solver.solve_values(&mdp).unwrap();
        let mut belief: Posterior = posterior(&mdp, &initial, horizon).unwrap();
        for model in [&other, &mdp] {
            solver.solve_values_into(model, &mut values).unwrap();
            assert_eq!(values, solver.solve_values(model).unwrap());
            posterior_into(model, &initial, &mut belief).unwrap();
            assert_eq!(belief, posterior(model, &initial, horizon).unwrap());
            let used = streamed_posterior(model, &initial, horizon, Some(&mut workspace));
            assert_eq!(used, streamed_posterior(model, &initial, horizon, None));
        }
    }
}

#[test]
fn values_take_the_inference_and_the_number_of_actions_of_the_last_model() {
    let one = Mdp::new(array![[[1.0]]], array![[1.0]]).unwrap();
    let two = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 0.0]]).unwrap();
    let mut values = SoftValueIteration::new(3).solve_values(&one).unwrap();
    let variational = SoftValueIteration::new(3).inference(Inference::Variational);
    variational.solve_values_into(&two, &mut values).unwrap();
    assert_eq!((values.num_actions(), values.inference()), (2, Inference::Variational));
    assert_eq!(values.policy_at(&two, 0).unwrap().dim(), (1, 2));
}

#[test]
fn values_and_posteriors_of_another_shape_are_refused() {
    let mdp = Mdp::new(array![[[1.0]]], array![[1.0]]).unwrap();
    let wide = Mdp::new(array![[[0.0, 1.0]], [[0.5, 0.5]]], array![[1.0], [0.0]]).unwrap();
    let mut values = SoftValueIteration::new(3).solve_values(&mdp).unwrap();
    let refused = |found: Result<(), Error>, table, found_shape: &[usize], expected: &[usize]| {
        let (found_shape, expected) = (found_shape.to_vec(), expected.to_vec());
        assert_eq!(found, Err(Error::ShapeMismatch { table, found: found_shape, expected }));
    };
    let table = Table::StateValues;
    refused(SoftValueIteration::new(4).solve_values_into(&mdp, &mut values), table, &[4, 1], &[5, 1]);
    refused(SoftValueIteration::new(3).solve_values_into(&wide, &mut values), table, &[4, 1], &[4, 2]);
    let mut belief = posterior(&mdp, &array![1.0], 3).unwrap();
    refused(posterior_into(&wide, &array![0.5, 0.5], &mut belief), Table::Model, &[2, 1], &[1, 1]);
}

#[test]
fn memory_can_be_used_after_an_error_and_after_a_break() {
    let mdp = ring(50);
    let huge = mdp.with_rewards(Array2::from_elem((50, 2), 1.5e308)).unwrap();
    let solver = SoftValueIteration::new(6);
    let mut workspace = Workspace::new();
    let continues = |_: softmdp::BackwardStage<'_>| ControlFlow::<()>::Continue(());
    for _ in 0..2 {
        assert!(solver.stream_with(&huge, &mut workspace, continues).is_err());
        let end = solver.stream_with(&mdp, &mut workspace, |stage| match stage.stage() {
            3 => ControlFlow::Break(stage.state_values().to_owned()),
            _ => ControlFlow::Continue(()),
        });
        // V of the stages done: those of a problem with three stages.
        let three = SoftValueIteration::new(3).solve(&mdp).unwrap();
        assert_eq!(end, Ok(ControlFlow::Break(three.state_values().row(0).to_owned())));
        assert_eq!(streamed(&mdp, &solver, Some(&mut workspace)), streamed(&mdp, &solver, None));
    }
    let mut values = solver.solve_values(&mdp).unwrap();
    solver.solve_values_into(&huge, &mut values).unwrap_err();
    solver.solve_values_into(&mdp, &mut values).unwrap();
    assert_eq!(values, solver.solve_values(&mdp).unwrap());
    let initial = Array1::from_elem(50, 0.02);
    let mut belief = posterior(&mdp, &initial, 6).unwrap();
    posterior_into(&huge, &initial, &mut belief).unwrap_err();
    posterior_into(&mdp, &initial, &mut belief).unwrap();
    assert_eq!(belief, posterior(&mdp, &initial, 6).unwrap());
}

#[test]
fn a_clone_keeps_its_numbers_when_the_original_is_solved_again() {
    let mdp = ring(20);
    let solver = SoftValueIteration::new(4);
    let mut values = solver.solve_values(&mdp).unwrap();
    let before = values.clone();
    solver.solve_values_into(&mdp.with_discount(0.5).unwrap(), &mut values).unwrap();
    assert_eq!(before, solver.solve_values(&mdp).unwrap());
    assert!(values != before);
}

#[test]
fn rewards_that_are_swapped_in_are_checked_and_the_old_ones_come_back() {
    let mut mdp = ring(20);
    let old = mdp.rewards().to_owned();
    let new = old.mapv(|r| r + 1.0);
    let mut table = new.clone();
    mdp.swap_rewards(&mut table).unwrap();
    assert_eq!((mdp.rewards(), &table), (new.view(), &old));
    assert_eq!(mdp, ring(20).with_rewards(new.clone()).unwrap());
    // Refused: neither the model nor the table changes.
    for value in [f64::NAN, f64::INFINITY] {
        let mut spoiled = old.clone();
        spoiled[[7, 1]] = value;
        let error = mdp.swap_rewards(&mut spoiled).unwrap_err();
        assert!(matches!(error, Error::InvalidReward { state: 7, action: 1, .. }), "{error}");
        assert_eq!((mdp.rewards(), spoiled.dim()), (new.view(), (20, 2)));
    }
    let mut narrow = Array2::zeros((20, 1));
    let (found, expected) = (vec![20, 1], vec![20, 2]);
    let error = Error::ShapeMismatch { table: Table::Rewards, found, expected };
    assert_eq!(mdp.swap_rewards(&mut narrow), Err(error));
    // A model that shares the rewards keeps them.
    let clone = mdp.clone();
    mdp.swap_rewards(&mut table).unwrap();
    assert_eq!((clone.rewards(), mdp.rewards(), &table), (new.view(), old.view(), &new));
    // So does a stage of a table for all stages.
    let stages = ndarray::stack![ndarray::Axis(0), old, new];
    let mut stage = TimeVaryingMdp::from_rewards(&ring(20), stages).unwrap().stages()[1].clone();
    let mut table = old.clone();
    stage.swap_rewards(&mut table).unwrap();
    assert_eq!((stage.rewards(), &table), (old.view(), &new));
    // Columns first: another layout, the same numbers.
    let mut columns = new.t().as_standard_layout().into_owned().reversed_axes();
    stage.swap_rewards(&mut columns).unwrap();
    assert_eq!(soft_value_iteration(&stage, 5), soft_value_iteration(&clone, 5));
}
