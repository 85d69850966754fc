//! Models as algorithms see them: behind pointers, inside wrappers, watched; and variants with
//! other terminal states.

#![allow(clippy::float_cmp, reason = "the same numbers, to the bit")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::assert_tables_close;
use ndarray::{Array1, Array2, ArrayView1, array};
use softmdp::{
    ActionPrior, DenseDynamics, Error, Inference, Mdp, Model, SoftValueIteration, Stage, StationaryPolicy,
    Table, TimeVaryingMdp, Watched, forward_messages, ndarray, posterior, solve_stationary, stream_posterior,
};

const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// Three states, two actions, state 2 terminal.
fn mdp() -> Mdp {
    let transitions = array![
        [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        [[0.75, 0.0, 0.25], [0.1, 0.1, 0.8]],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    ];
    Mdp::builder(transitions, array![[-1.0, -2.0], [0.5, -3.0], [0.0, 0.0]])
        .discount(0.9)
        .temperature(0.5)
        .terminal_values(array![0.0, -1.0, 2.0])
        .terminal_states([2])
        .build()
        .unwrap()
}

fn start() -> Array1<f64> {
    array![0.5, 0.5, 0.0]
}

/// What algorithms compute for a model, as one list of numbers.
fn answers<M: Model<Scalar = f64> + ?Sized>(model: &M, horizon: usize) -> Array1<f64> {
    let initial = start();
    let mut numbers = Vec::new();
    for inference in BOTH {
        let solver = SoftValueIteration::new(horizon).inference(inference);
        let solution = solver.solve(model).unwrap();
        numbers.extend(solution.state_values().iter().chain(&solution.policy().probabilities()));
        numbers.extend(solver.solve_values(model).unwrap().state_values());
        numbers.extend(solution.policy().state_occupancy(model, &initial).unwrap());
        numbers.extend(solution.policy().evaluate(model).unwrap());
        let streamed = solver.stream(model, |stage| {
            numbers.extend(stage.action_values());
            ControlFlow::<()>::Continue(())
        });
        assert!(streamed.unwrap().is_continue());
    }
    numbers.extend(forward_messages(model, &initial, horizon).unwrap().log_forward());
    let posterior = posterior(model, &initial, horizon).unwrap();
    numbers.extend(posterior.state_action_marginals());
    numbers.extend(posterior.dynamics_at(model, 0).unwrap());
    let best = posterior.most_likely(model).unwrap();
    numbers.push(posterior.log_probability(model, &best).unwrap());
    let streamed = stream_posterior(model, &initial, horizon, |stage| {
        numbers.extend(stage.state_marginals());
        ControlFlow::<()>::Continue(())
    });
    assert!(streamed.unwrap().is_continue());
    numbers.retain(|number| number.is_finite());
    numbers.into()
}

type AnyModel<'a> = dyn Model<Scalar = f64, Dynamics = DenseDynamics> + Send + 'a;

#[test]
fn models_behind_pointers_give_the_answers_of_the_models() {
    let mdp = mdp();
    let expected = answers(&mdp, 5);
    assert_eq!(answers(&&mdp, 5), expected);
    assert_eq!(answers(&&&mdp, 5), expected);
    let boxed: Box<AnyModel<'_>> = Box::new(mdp.clone());
    assert_eq!(answers(&boxed, 5), expected);
    assert_eq!(answers(&*boxed, 5), expected);
    assert_eq!(answers(&Arc::new(mdp.clone()), 5), expected);
    let shared: Arc<AnyModel<'_>> = Arc::new(mdp.clone());
    assert_eq!(answers(&shared, 5), expected);
    // What only some models have is forwarded too: one stage for all, bounded stages, folds by inference, rewards of
    // transitions.
    let values = |model: &dyn Model<Scalar = f64, Dynamics = DenseDynamics>| {
        solve_stationary(model, 1e-9).map(|solution| solution.state_values().to_owned())
    };
    assert_eq!(values(&boxed), values(&mdp));
    assert_eq!(
        StationaryPolicy::new(Array2::from_elem((3, 2), 0.5)).unwrap().evaluate(&boxed).map(|_| ()),
        Ok(())
    );
    let two: Box<AnyModel<'_>> = Box::new(TimeVaryingMdp::new([mdp.clone(), mdp.clone()]).unwrap());
    let error = Error::HorizonOutOfRange { horizon: 3, num_stages: 2 };
    assert_eq!(SoftValueIteration::new(3).solve(&Arc::new(two)).map(|_| ()), Err(error));
    let folded =
        mdp.with_successor_rewards(|_, _, next_state| if next_state == 1 { -1.5 } else { 0.25 }).unwrap();
    assert_eq!(answers(&Arc::new(folded.clone()), 4), answers(&folded, 4));
    let mut rewards = Vec::new();
    Model::for_each_transition_reward(&Box::new(folded), 0, 0, 0, 1, &mut |_, reward| rewards.push(reward));
    assert_eq!(rewards, [-1.0 - 1.5]);
}

#[test]
fn pointers_forward_the_beginning_of_a_stage() {
    let mdp = mdp();
    let told = AtomicUsize::new(0);
    let hook = |_: usize| {
        told.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let solver = SoftValueIteration::new(7);
    solver.solve(&&Watched::new(&mdp, hook)).unwrap();
    solver.solve(&Box::new(Watched::new(&mdp, hook))).unwrap();
    solver.solve(&Arc::new(Watched::new(&mdp, hook))).unwrap();
    solver.solve(&Watched::new(&Box::new(Watched::new(&mdp, hook)), hook)).unwrap();
    assert_eq!(told.into_inner(), 5 * 7);
}

/// A wrapper as a user would write it, of the methods that have no default alone.
struct Bare<M>(M);

impl<M: Model> Model for Bare<M> {
    type Scalar = M::Scalar;
    type Dynamics = M::Dynamics;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn discount(&self) -> M::Scalar {
        self.0.discount()
    }

    fn temperature(&self) -> M::Scalar {
        self.0.temperature()
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.0.is_terminal(state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, M::Scalar> {
        self.0.terminal_values()
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, M::Scalar, M::Dynamics>, Error> {
        self.0.stage(t, inference)
    }
}

#[test]
fn a_wrapper_of_the_required_methods_gives_the_answers_of_its_model() {
    let mdp = mdp();
    let check = |found: Array1<f64>, expected: Array1<f64>| {
        assert_tables_close(&found, &expected, 1e-13, "wrapped");
    };
    // The model is not known to be homogeneous any more: another path may round in another way.
    check(answers(&Bare(&mdp), 6), answers(&mdp, 6));
    let other = mdp.with_rewards(array![[0.0, -0.5], [-0.5, 1.0], [0.0, 0.0]]).unwrap();
    let varying = TimeVaryingMdp::new([mdp.clone(), other.clone(), mdp.clone(), other]).unwrap();
    check(answers(&Bare(&varying), 4), answers(&varying, 4));
    let folded =
        mdp.with_successor_rewards(|state, _, next_state| (state + next_state) as f64 / -4.0).unwrap();
    check(answers(&Bare(&folded), 5), answers(&folded, 5));
    // Progress is lost, and nothing else.
    let watched = Watched::new(&mdp, |_| panic!("nobody forwards the beginning of a stage"));
    check(answers(&Bare(&watched), 3), answers(&mdp, 3));
}

#[test]
fn a_hook_is_told_of_each_stage_once_a_pass() {
    let mdp = mdp();
    let initial = start();
    // Counts how often a call over `num_models` watched models tells of each stage.
    let check = |horizon: usize, num_models: usize, passes: usize, run: &dyn Fn(&[&AnyModel<'_>])| {
        let told: Vec<AtomicUsize> = (0..horizon).map(|_| AtomicUsize::new(0)).collect();
        let hook = |t: usize| {
            told[t].fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let watched: Vec<_> = (0..num_models).map(|_| Watched::new(&mdp, hook)).collect();
        run(&watched.iter().map(|watched| watched as &AnyModel<'_>).collect::<Vec<_>>());
        told.iter().for_each(|told| assert_eq!(told.load(Ordering::Relaxed), passes * num_models));
    };
    for horizon in [1, 2, 9, 30] {
        for inference in BOTH {
            let solver = SoftValueIteration::new(horizon).inference(inference);
            check(horizon, 1, 1, &|models| drop(solver.solve(models[0]).unwrap()));
            check(horizon, 1, 1, &|models| drop(solver.solve_values(models[0]).unwrap()));
            check(horizon, 3, 1, &|models| drop(solver.solve_batch(models).unwrap()));
            check(horizon, 1, 1, &|models| {
                let stream = solver.stream(models[0], |_| ControlFlow::<()>::Continue(()));
                assert!(stream.unwrap().is_continue());
            });
            let solution = solver.solve(&mdp).unwrap();
            check(horizon, 1, 1, &|models| solver.solve_into(models[0], &mut solution.clone()).unwrap());
            check(horizon, 1, 1, &|models| drop(solution.policy().evaluate(models[0]).unwrap()));
            check(horizon, 1, 1, &|models| {
                drop(solution.policy().state_occupancy(models[0], &initial).unwrap());
            });
            check(horizon, 1, 2, &|models| {
                drop(solution.policy().state_action_occupancy(models[0], &initial).unwrap());
            });
        }
        check(horizon, 1, 1, &|models| drop(forward_messages(models[0], &initial, horizon).unwrap()));
        check(horizon, 1, 2, &|models| drop(posterior(models[0], &initial, horizon).unwrap()));
        check(horizon, 1, 3, &|models| {
            let stream = stream_posterior(models[0], &initial, horizon, |_| ControlFlow::<()>::Continue(()));
            assert!(stream.unwrap().is_continue());
        });
    }
}

#[test]
fn terminal_states_are_replaced_as_the_builder_would_have_set_them() {
    let transitions = || array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]];
    let build = |states: &[usize]| {
        Mdp::builder(transitions(), array![[1.0, -1.0], [-2.0, 0.5]])
            .discount(0.8)
            .temperature(0.3)
            .action_prior(ActionPrior::Weights(array![[1.0, 2.0], [3.0, 0.5]]))
            .available_actions(array![[true, true], [false, true]])
            .terminal_values(array![4.0, -7.0])
            .terminal_states(states.iter().copied())
            .build()
            .unwrap()
    };
    let sets: [&[usize]; 5] = [&[], &[0], &[1], &[0, 1], &[1, 1]];
    for (from, to) in sets.iter().flat_map(|from| sets.iter().map(move |to| (from, to))) {
        let variant = build(from).with_terminal_states(to.iter().copied()).unwrap();
        assert_eq!(variant, build(to));
    }
    let mdp = build(&[0]);
    assert!(std::ptr::eq(mdp.with_terminal_states([1]).unwrap().dynamics(), mdp.dynamics()));
    // With rewards on the successor, which are folded for the pairs of states that are not terminal.
    let reward = |state: usize, action: usize, next: usize| (state * 2 + action) as f64 - next as f64 * 0.5;
    let folded = |states| build(states).with_successor_rewards(reward).unwrap();
    for (from, to) in sets.iter().flat_map(|from| sets.iter().map(move |to| (from, to))) {
        let (variant, expected) =
            (folded(from).with_terminal_states(to.iter().copied()).unwrap(), folded(to));
        assert_eq!(variant, expected);
        for inference in BOTH {
            assert_eq!(variant.folded_rewards(inference), expected.folded_rewards(inference));
            let solver = SoftValueIteration::new(3).inference(inference);
            assert_eq!(solver.solve(&variant).unwrap(), solver.solve(&expected).unwrap());
        }
    }
    let other = |_: usize, _: usize, next: usize| next as f64;
    let replaced = folded(&[0]).with_successor_rewards(other).unwrap();
    assert_eq!(replaced, build(&[0]).with_successor_rewards(other).unwrap());
}

#[test]
fn what_other_terminal_states_make_invalid_is_refused() {
    let mdp = mdp();
    let out_of_range = Error::StateOutOfRange { table: Table::TerminalStates, state: 3, num_states: 3 };
    assert_eq!(mdp.with_terminal_states([0, 3]), Err(out_of_range.clone()));
    // The rows of state 2 are no distributions: nobody uses them as long as it is terminal.
    let error = mdp.with_terminal_states([1]).unwrap_err();
    let tolerance = <f64 as softmdp::Real>::ROW_SUM_TOLERANCE;
    assert_eq!(error, Error::UnnormalizedTransition { state: 2, action: 0, sum: 0.0, tolerance });
    let weights = ActionPrior::Weights(array![[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]);
    let mdp = mdp.with_action_prior(weights).unwrap();
    assert_eq!(mdp.with_terminal_states([]), Err(Error::EmptyPriorRow { state: 2 }));
    assert!(mdp.with_terminal_states([2, 0]).is_ok());
    let folded = mdp.with_successor_rewards(|_, _, _| 1.0).unwrap();
    assert_eq!(folded.with_terminal_states([3]).map(|_| ()), Err(out_of_range));
    assert_eq!(folded.with_terminal_states([]).map(|_| ()), Err(Error::EmptyPriorRow { state: 2 }));
    // A dead end is no error.
    let dead =
        Mdp::builder(array![[[1.0]]], array![[0.0]]).available_actions(array![[false]]).terminal_states([0]);
    assert!(dead.build().unwrap().with_terminal_states([]).is_ok());
}
