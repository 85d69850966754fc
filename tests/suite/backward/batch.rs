//! Models that are solved in one pass are solved as each by itself.

#![allow(clippy::float_cmp, reason = "infinities are equal or not")]

use std::ops::ControlFlow;
use std::sync::Mutex;

use crate::common::{AnyMdp, Sizes, Tables, assert_tables_close, cases, tables};
use ndarray::{Array1, Array2, Array3, array};
use proptest::prelude::*;
use softmdp::{
    DenseDynamics, Dynamics, Error, Inference, Mdp, SoftValueIteration, SparseDynamics, Table,
    TimeVaryingMdp, Watched, ndarray,
};

const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// Models that share the dynamics of the first and differ in everything that may differ.
fn variants(mdp: &AnyMdp, tables: &Tables, number: usize) -> Vec<AnyMdp> {
    let vary = |index: usize| {
        let factor = [1.0, -0.5, 30.0, 4000.0, 0.25][index % 5];
        let rewards = mdp.rewards().mapv(|r| if r > f64::NEG_INFINITY { r * factor } else { r });
        let mdp = mdp.with_rewards(rewards)?;
        match index {
            1 => mdp.with_temperature(0.0),
            2 => mdp.with_temperature(tables.temperature * 0.1)?.with_discount(0.75),
            3 => mdp.with_terminal_values(Array1::from_shape_fn(tables.num_states(), |s| -1.5 * s as f64)),
            _ => Ok(mdp),
        }
    };
    (0..number).map(|index| vary(index).unwrap()).collect()
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_batch_is_what_its_models_are_one_by_one(
        tables in prop_oneof![
            tables(Sizes { states: 4, actions: 3, horizon: 4 }),
            tables(Sizes { states: 40, actions: 7, horizon: 3 }),
        ],
        number in prop_oneof![Just(2_usize), Just(3), Just(5), Just(8), Just(33)],
    ) {
        let tables = tables.homogeneous();
        for (kind, mdp) in tables.kinds() {
            let models = variants(&mdp, &tables, number);
            for inference in BOTH {
                let solver = SoftValueIteration::new(tables.horizon()).inference(inference);
                let batch = solver.solve_batch(&models).unwrap();
                let values = solver.solve_values_batch(&models).unwrap();
                prop_assert_eq!((batch.len(), values.len()), (number, number));
                for (index, model) in models.iter().enumerate() {
                    let alone = solver.solve(model).unwrap();
                    let what = format!("{kind}, {inference}, model {index} of {number}");
                    prop_assert_eq!(batch[index].inference(), inference);
                    assert_tables_close(&batch[index].state_values(), &alone.state_values(), 1e-13, &what);
                    assert_tables_close(&values[index].state_values(), &alone.state_values(), 1e-13, &what);
                    assert_tables_close(&batch[index].action_values(), &alone.action_values(), 1e-13, &what);
                    // At temperature 0 a policy may hang on the last bit.
                    if model.temperature() > 0.0 {
                        let (found, expected) = (batch[index].policy(), alone.policy());
                        assert_tables_close(&found.probabilities(), &expected.probabilities(), 1e-9, &what);
                    }
                }
            }
        }
    }
}

/// A model with `num_states` states and three actions, of which the rewards are given by their
/// scale.
fn walk(num_states: usize, scale: f64) -> Mdp<f64, SparseDynamics> {
    let n = num_states;
    let dynamics = SparseDynamics::from_fn(n, 3, |s, a| [((s + a) % n, 0.5), ((s + 1) % n, 0.5)]).unwrap();
    Mdp::builder(dynamics, Array2::from_shape_fn((n, 3), |(s, a)| -scale * ((s + 2 * a) % 5) as f64))
        .build()
        .unwrap()
}

#[test]
fn models_that_share_nothing_are_solved_all_the_same() {
    let solver = SoftValueIteration::new(5);
    let expected = |models: &[Mdp<f64, SparseDynamics>]| -> Vec<_> {
        models.iter().map(|model| solver.solve(model).unwrap()).collect()
    };
    let apart = [walk(9, 1.0), walk(9, 2.0)];
    assert_eq!(solver.solve_batch(&apart).unwrap(), expected(&apart));
    let sizes = [walk(9, 1.0), walk(4, 2.0), walk(9, 0.5)];
    assert_eq!(solver.solve_batch(&sizes).unwrap(), expected(&sizes));
    assert_eq!(solver.solve_batch(&sizes[..1]).unwrap(), expected(&sizes[..1]));
    assert!(solver.solve_batch::<Mdp>(&[]).unwrap().is_empty());
    let values = SoftValueIteration::new(0).solve_values_batch(&apart).unwrap();
    assert_eq!(values[1].state_values(), Array2::<f64>::zeros((1, 9)));
}

#[test]
fn stages_of_models_that_change_with_time_share_a_pass_where_they_share_dynamics() {
    let (early, late) = (walk(9, 1.0), walk(9, 3.0));
    let other = walk(9, 2.0).with_rewards(early.rewards().mapv(|r| 0.5 * r)).unwrap();
    let models = [
        TimeVaryingMdp::new(vec![early.clone(), late.clone(), early.clone()]).unwrap(),
        TimeVaryingMdp::new(vec![late.clone(), late, other]).unwrap(),
    ];
    for inference in BOTH {
        let solver = SoftValueIteration::new(3).inference(inference);
        for (found, model) in solver.solve_batch(&models).unwrap().iter().zip(&models) {
            let expected = solver.solve(model).unwrap();
            assert_tables_close(&found.state_values(), &expected.state_values(), 1e-14, "V");
        }
    }
}

#[test]
fn the_error_is_that_of_the_first_model_that_has_one() {
    let mdp = walk(9, 1.0);
    let with_reward = |state: usize, reward: f64| {
        let mut rewards = mdp.rewards().to_owned();
        rewards.row_mut(state).fill(reward);
        mdp.with_rewards(rewards).unwrap()
    };
    let models = [mdp.clone(), with_reward(4, 1.5e308), with_reward(2, 1.7e308)];
    for inference in BOTH {
        let solver = SoftValueIteration::new(5).inference(inference);
        let expected = solver.solve(&models[1]).unwrap_err();
        assert!(matches!(expected, Error::Overflow { table: Table::ActionValues, .. }));
        assert_eq!(solver.solve_batch(&models).unwrap_err(), expected);
    }
    let late = TimeVaryingMdp::new(vec![mdp.clone(); 2]).unwrap();
    let error = SoftValueIteration::new(3).solve_batch(&[late.clone(), late]).unwrap_err();
    assert_eq!(error, Error::HorizonOutOfRange { horizon: 3, num_stages: 2 });
}

#[test]
fn a_batch_is_watched_and_stopped_as_its_models_are() {
    let mdp = walk(9, 1.0);
    let seen = std::sync::Mutex::new(Vec::new());
    let watch = |model: usize| {
        let seen = &seen;
        move |stage: usize| {
            seen.lock().unwrap().push((stage, model));
            if (stage, model) == (1, 1) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    let hooks: Vec<Box<dyn Fn(usize) -> ControlFlow<()> + Sync + '_>> =
        vec![Box::new(watch(0)), Box::new(watch(1))];
    let models: Vec<_> = hooks.iter().map(|hook| Watched::new(&mdp, hook)).collect();
    let error = SoftValueIteration::new(4).solve_batch(&models).unwrap_err();
    assert_eq!(error, Error::Stopped { stage: 1 });
    assert_eq!(*seen.lock().unwrap(), [(3, 0), (3, 1), (2, 0), (2, 1), (1, 0), (1, 1)]);
}

#[test]
fn models_that_stop_sharing_dynamics_are_solved_one_by_one() {
    let seen = std::sync::Mutex::new(Vec::new());
    let watch = |model: usize| {
        let seen = &seen;
        move |stage: usize| {
            seen.lock().unwrap().push((model, stage));
            ControlFlow::Continue(())
        }
    };
    type Hook<'a> = Box<dyn Fn(usize) -> ControlFlow<()> + Sync + 'a>;
    let hooks: Vec<Hook<'_>> = vec![Box::new(watch(0)), Box::new(watch(1))];
    let (mdp, other) = (walk(9, 1.0), walk(9, 2.0));
    let solver = SoftValueIteration::new(4);
    let ours = TimeVaryingMdp::new(vec![mdp.clone(); 4]).unwrap();
    let apart = [mdp.clone(), other, mdp.clone(), mdp.clone()];
    let apart = TimeVaryingMdp::new(apart.to_vec()).unwrap();
    let watched = [Watched::new(&ours, &hooks[0]), Watched::new(&apart, &hooks[1])];
    let batch = solver.solve_batch(&watched).unwrap();
    for (found, model) in batch.iter().zip([&ours, &apart]) {
        assert_eq!(*found, solver.solve(model).unwrap());
    }
    // Each model as a whole, and each stage once.
    let order = [(0, 3), (0, 2), (0, 1), (0, 0), (1, 3), (1, 2), (1, 1), (1, 0)];
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), order);
    // Together, the models alternate.
    let watched = [Watched::new(&ours, &hooks[0]), Watched::new(&ours, &hooks[1])];
    solver.solve_batch(&watched).unwrap();
    assert_eq!(seen.lock().unwrap()[..4], [(0, 3), (1, 3), (0, 2), (1, 2)]);
    assert_eq!(seen.lock().unwrap().len(), 8);
}

#[test]
fn the_error_of_a_batch_is_that_of_its_first_model() {
    let mdp = walk(9, 1.0);
    let huge = |reward: f64| mdp.with_rewards(Array2::from_elem((9, 3), reward)).unwrap();
    let models = [mdp.clone(), huge(0.7e308), huge(-0.9e308)];
    let solver = SoftValueIteration::new(4);
    assert_eq!(solver.solve_batch(&models).unwrap_err(), solver.solve(&models[1]).unwrap_err());
}

#[test]
fn temperature_zero_stands_beside_others() {
    let dynamics = DenseDynamics::new(array![[[0.25, 0.75], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5]]]).unwrap();
    let mdp = Mdp::builder(dynamics, array![[0.0, -1.0], [2.0, 1.0]]).build().unwrap();
    let models = [mdp.with_temperature(0.0).unwrap(), mdp.clone(), mdp.with_temperature(1e-9).unwrap()];
    for inference in BOTH {
        let batch = SoftValueIteration::new(4).inference(inference).solve_batch(&models).unwrap();
        let hard = SoftValueIteration::new(4).inference(inference).solve(&models[0]).unwrap();
        assert_eq!(batch[0], hard);
        assert_tables_close(&batch[2].state_values(), &hard.state_values(), 1e-7, "next to 0");
    }
}

/// The order in which the stages of two models begin: together, or one model after the other.
fn begins_together<D: Dynamics<Scalar = f64>>(
    dynamics: D,
    solver: &SoftValueIteration,
    models: usize,
) -> bool {
    let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
    let mdp = Mdp::builder(dynamics, Array2::zeros((num_states, num_actions))).build().unwrap();
    let order = Mutex::new(Vec::new());
    let watched: Vec<_> = (0..models)
        .map(|model| {
            let order = &order;
            Watched::new(&mdp, move |_| {
                order.lock().unwrap().push(model);
                ControlFlow::Continue(())
            })
        })
        .collect();
    solver.solve_values_batch(&watched).unwrap();
    drop(watched);
    let order = order.into_inner().unwrap();
    assert_eq!(order.len(), models * 12);
    !order.is_sorted()
}

#[test]
fn values_are_solved_together_only_where_that_is_faster() {
    let dense = |num_states| {
        let p = 1.0 / num_states as f64;
        DenseDynamics::new(Array3::from_elem((num_states, 4, num_states), p)).unwrap()
    };
    let sparse = |num_successors: usize| {
        let p = 1.0 / num_successors as f64;
        let row = move |state, action| (0..num_successors).map(move |i| ((state + action + i) % 64, p));
        SparseDynamics::from_fn(64, 4, row).unwrap()
    };
    let direct = SoftValueIteration::new(12);
    let variational = direct.clone().inference(Inference::Variational);
    // Full rows: a product of matrices, unless each model has a linear recursion.
    assert!(begins_together(dense(64), &variational, 4));
    assert!(begins_together(sparse(20), &variational, 4));
    assert!(!begins_together(dense(64), &direct, 4));
    assert!(!begins_together(dense(64), &direct, 8));
    // Small tables have no recursion.
    assert!(begins_together(dense(8), &variational, 4));
    assert!(begins_together(dense(8), &direct, 4));
    // Short rows gain nothing.
    for num_successors in [2, 5, 15] {
        assert!(!begins_together(sparse(num_successors), &variational, 8));
        assert!(!begins_together(sparse(num_successors), &direct, 8));
    }
    // Rows of one successor may be computed, and are then computed once for all models.
    assert!(begins_together(sparse(1), &variational, 8));
}
