//! Streams give stage by stage what the solvers keep, and whatever is long can be watched and
//! stopped.

#![allow(clippy::float_cmp, reason = "the same numbers, to the bit")]

use std::ops::ControlFlow;

use crate::common::{SMALL, TimeVarying, assert_close, cases, tables};
use approx::assert_abs_diff_eq;
use ndarray::{Array2, array};
use proptest::prelude::*;
use softmdp::{
    Error, Inference, Mdp, Model, SoftValueIteration, Watched, check_model, forward_messages, ndarray,
    posterior, soft_value_iteration, stream_posterior,
};

fn check_backward(model: &impl Model<Scalar = f64>, horizon: usize, inference: Inference) {
    let solver = SoftValueIteration::new(horizon).inference(inference);
    let solution = solver.solve(model).unwrap();
    let mut stages = Vec::new();
    let finished = solver.stream(model, |stage| {
        let t = stage.stage();
        assert_eq!(stage.state_values(), solution.state_values().row(t));
        assert_eq!(stage.next_state_values(), solution.state_values().row(t + 1));
        let at = |table: ndarray::ArrayView3<'_, f64>| table.index_axis(ndarray::Axis(0), t).to_owned();
        assert_eq!(stage.action_values(), at(solution.action_values()));
        assert_eq!(stage.probabilities(), at(solution.policy().probabilities()));
        assert_eq!(stage.log_probabilities(), at(solution.policy().log_probabilities()));
        stages.push(t);
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(finished, Ok(ControlFlow::Continue(())));
    assert_eq!(stages, (0..horizon).rev().collect::<Vec<_>>());
}

fn check_posterior(model: &impl Model<Scalar = f64>, initial: &ndarray::Array1<f64>, horizon: usize) {
    let mut stages = Vec::new();
    let whole = posterior(model, initial, horizon);
    let streamed = stream_posterior(model, initial, horizon, |stage| {
        let (t, whole) = (stage.stage(), whole.as_ref().unwrap());
        assert_eq!(stage.state_marginals(), whole.state_marginals().row(t));
        assert_eq!(stage.absorbed_marginal(), whole.absorbed_marginals()[t]);
        assert_eq!(stage.state_values(), whole.solution().state_values().row(t));
        let forward = forward_messages(model, initial, horizon).unwrap();
        assert_eq!(stage.log_forward(), forward.log_forward().row(t));
        if t < horizon {
            assert_eq!(stage.policy().unwrap(), whole.policy().at(t).unwrap());
            let pairs = whole.state_action_marginals().index_axis_move(ndarray::Axis(0), t);
            assert_eq!(stage.state_action_marginals().unwrap(), pairs);
        } else {
            assert_eq!(stage.policy(), Err(Error::StageOutOfRange { stage: t, horizon }));
        }
        stages.push(t);
        ControlFlow::<()>::Continue(())
    });
    match whole {
        Ok(whole) => {
            assert_eq!(streamed, Ok(ControlFlow::Continue(whole.log_evidence())));
            assert_eq!(stages, (0..=horizon).collect::<Vec<_>>());
        }
        Err(error) => assert!(matches!(
            (error, streamed),
            (Error::ImpossibleEvidence { .. }, Err(Error::ImpossibleEvidence { .. }))
        )),
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn streams_equal_what_is_kept_to_the_bit(tables in tables(crate::common::Sizes { horizon: 11, ..SMALL })) {
        let (initial, horizon) = (tables.initial.clone(), tables.horizon());
        let model = TimeVarying::new(tables.with_varying_priors());
        check_backward(&model, horizon, Inference::Direct);
        check_backward(&model, horizon, Inference::Variational);
        // Every remainder of the horizon by the distance of checkpoints.
        for horizon in 0..=horizon {
            check_posterior(&model, &initial, horizon);
        }
    }
}

fn drifting() -> Mdp {
    Mdp::new(array![[[0.9, 0.1]], [[0.5, 0.5]]], array![[0.0], [-1.0]]).unwrap()
}

#[test]
fn a_million_stages_sum_to_one_and_end_with_the_evidence() {
    let (mdp, horizon) = (drifting(), 1_000_000);
    let initial = array![1.0, 0.0];
    let streamed = stream_posterior(&mdp, &initial, horizon, |stage| {
        assert_abs_diff_eq!(stage.state_marginals().sum(), 1.0, epsilon = 1e-15);
        ControlFlow::<()>::Continue(())
    });
    let values = SoftValueIteration::new(horizon).solve_values(&mdp).unwrap();
    assert_eq!(streamed, Ok(ControlFlow::Continue(values.state_values()[[0, 0]])));
}

#[test]
fn the_memory_of_a_posterior_grows_with_the_root_of_the_horizon() {
    let (mdp, initial) = (drifting(), array![1.0, 0.0]);
    let peak = |horizon: usize| {
        let info = allocation_counter::measure(|| {
            let end = stream_posterior(&mdp, &initial, horizon, |_| ControlFlow::<()>::Continue(()));
            assert!(end.is_ok());
        });
        info.bytes_max
    };
    // Values of √T checkpoints and of √T stages between two of them, two states each.
    let horizon = 40_000;
    assert!(peak(horizon) < 2 * 2 * 8 * (200 + 2) + 4096, "{}", peak(horizon));
    assert!(peak(4 * horizon) < 2 * peak(horizon));
    let stream = allocation_counter::measure(|| {
        let end = SoftValueIteration::new(horizon).stream(&mdp, |_| ControlFlow::<()>::Continue(()));
        assert!(end.is_ok());
    });
    assert!(stream.bytes_max < 2048, "{}", stream.bytes_max);
}

#[test]
fn a_stream_stops_where_it_is_told() {
    let mdp = drifting();
    let mut seen = 0;
    let stopped = SoftValueIteration::new(100).stream(&mdp, |stage| {
        seen += 1;
        if stage.stage() == 90 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped, seen), (Ok(ControlFlow::Break("enough")), 10));
    let stopped = stream_posterior(&mdp, &array![1.0, 0.0], 100, |stage| {
        if stage.stage() == 7 {
            ControlFlow::Break(stage.state_values()[0])
        } else {
            ControlFlow::Continue(())
        }
    });
    let values = soft_value_iteration(&mdp, 100).unwrap().state_values()[[7, 0]];
    assert_eq!(stopped, Ok(ControlFlow::Break(values)));
}

/// Runs a computation over a watched model; returns the stages that the hook was told of.
fn watch<R>(
    mdp: &Mdp,
    run: impl FnOnce(&dyn Model<Scalar = f64, Dynamics = softmdp::DenseDynamics>) -> R,
) -> (R, Vec<usize>) {
    let mut stages = Vec::new();
    let watched = Watched::new(mdp, |stage| {
        stages.push(stage);
        ControlFlow::Continue(())
    });
    (run(&watched), stages)
}

#[test]
fn every_long_call_can_be_watched_and_its_result_does_not_change() {
    // Large enough for threads.
    let n = 200;
    let rows = ndarray::Array3::from_elem((n, 4, n), 1.0 / n as f64);
    let mdp = Mdp::new(rows, Array2::from_shape_fn((n, 4), |(s, a)| ((s + 3 * a) % 5) as f64)).unwrap();
    let initial = ndarray::Array1::from_elem(n, 1.0 / n as f64);
    let (backward, forward): (Vec<usize>, Vec<usize>) = ((0..3).rev().collect(), (0..3).collect());
    let solver = SoftValueIteration::new(3).inference(Inference::Variational);

    let (solution, stages) = watch(&mdp, |mdp| solver.solve(mdp).unwrap());
    assert_eq!((&solution, stages), (&solver.solve(&mdp).unwrap(), backward.clone()));
    let (values, stages) = watch(&mdp, |mdp| solver.solve_values(mdp).unwrap());
    assert_eq!((values, stages), (solver.solve_values(&mdp).unwrap(), backward.clone()));
    let (messages, stages) = watch(&mdp, |mdp| forward_messages(mdp, &initial, 3).unwrap());
    assert_eq!((messages, stages), (forward_messages(&mdp, &initial, 3).unwrap(), forward.clone()));
    let (found, stages) = watch(&mdp, |mdp| posterior(mdp, &initial, 3).unwrap());
    assert_eq!(
        (&found, stages),
        (&posterior(&mdp, &initial, 3).unwrap(), [backward.clone(), forward.clone()].concat())
    );
    let (best, stages) = watch(&mdp, |mdp| found.most_likely(mdp).unwrap());
    assert_eq!(
        (best, stages),
        (found.most_likely(&mdp).unwrap(), [backward.clone(), forward.clone()].concat())
    );
    let policy = solution.policy();
    let (values, stages) = watch(&mdp, |mdp| policy.evaluate(mdp).unwrap());
    assert_eq!((values, stages), (policy.evaluate(&mdp).unwrap(), backward.clone()));
    let (elbo, stages) = watch(&mdp, |mdp| policy.elbo(mdp, &initial).unwrap());
    assert_close(elbo, policy.elbo(&mdp, &initial).unwrap(), 0.0, "ELBO");
    assert_eq!(stages, backward);
    let (occupancy, stages) = watch(&mdp, |mdp| policy.state_occupancy(mdp, &initial).unwrap());
    assert_eq!((occupancy, stages), (policy.state_occupancy(&mdp, &initial).unwrap(), forward));
}

#[test]
fn every_long_call_can_be_stopped() {
    let (mdp, initial) = (drifting(), array![1.0, 0.0]);
    let whole = posterior(&mdp, &initial, 10).unwrap();
    let stop_at = |last: usize| {
        Watched::new(
            &mdp,
            move |stage| {
                if stage == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
    };
    let stopped = Err(Error::Stopped { stage: 4 });
    let solver = SoftValueIteration::new(10);
    assert_eq!(solver.solve(&stop_at(4)).map(|_| ()), stopped);
    assert_eq!(solver.solve_values(&stop_at(4)).map(|_| ()), stopped);
    assert_eq!(solver.stream(&stop_at(4), |_| ControlFlow::<()>::Continue(())).map(|_| ()), stopped);
    assert_eq!(forward_messages(&stop_at(4), &initial, 10).map(|_| ()), stopped);
    assert_eq!(posterior(&stop_at(4), &initial, 10).map(|_| ()), stopped);
    let visit = |_: softmdp::PosteriorStage<'_, _>| ControlFlow::<()>::Continue(());
    assert_eq!(stream_posterior(&stop_at(4), &initial, 10, visit).map(|_| ()), stopped);
    assert_eq!(whole.policy().evaluate(&stop_at(4)).map(|_| ()), stopped);
    assert_eq!(whole.policy().state_occupancy(&stop_at(4), &initial).map(|_| ()), stopped);
    assert_eq!(whole.most_likely(&stop_at(4)).map(|_| ()), stopped);
    assert_eq!(check_model(&stop_at(4), 10), stopped);
}
