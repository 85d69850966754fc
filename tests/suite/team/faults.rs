//! What goes wrong in one process goes wrong in all, and none waits for ever.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use softmdp::ndarray::{Array1, Array2};
use softmdp::team::{LocalTeam, Team};
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Error, Inference, Mdp, Method, SoftValueIteration,
    SparseDynamics, StationarySolver, Status, Watched, average_reward, forward_messages, posterior,
    soft_value_iteration, solve_stationary,
};

const SIZE: usize = 3;
const EACH: usize = 40;

type Member = Result<Mdp<f64, SparseDynamics>, Error>;

/// Runs a member on three threads. A team that takes more than ten seconds waits for ever.
fn run<R: Send + 'static>(member: impl Fn(Arc<dyn Team>) -> R + Send + Sync + 'static) -> Vec<R> {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        let _ = sender.send(LocalTeam::run(SIZE, member));
    });
    match receiver.recv_timeout(Duration::from_secs(10)) {
        Ok(results) => results,
        Err(RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().unwrap_err()),
        Err(RecvTimeoutError::Timeout) => panic!("the team waits for ever"),
    }
}

/// A member's part of a ring of 120 states, with its own rewards.
fn ring(team: Arc<dyn Team>, reward: impl Fn(usize) -> f64) -> Member {
    let states = EACH * team.rank()..EACH * (team.rank() + 1);
    let successors =
        |state: usize, action: usize| [((state + 1 + action) % (SIZE * EACH), 0.9), (state, 0.1)];
    let rewards = Array2::from_shape_fn((EACH, 2), |(state, _)| reward(states.start + state));
    let dynamics = SparseDynamics::shared_from_fn(team, SIZE * EACH, 2, states, successors)?;
    Mdp::builder(dynamics, rewards).discount(0.9).build()
}

/// Whether the last member has an error of its own, and the others have that of the last.
fn assert_elsewhere<T: std::fmt::Debug>(results: &[Result<T, Error>], own: impl Fn(&Error) -> bool) {
    assert!(results[SIZE - 1].as_ref().is_err_and(own), "{results:?}");
    let message = results[SIZE - 1].as_ref().unwrap_err().to_string();
    for result in &results[..SIZE - 1] {
        let expected = Error::Elsewhere { rank: SIZE - 1, message: message.clone() };
        assert_eq!(result.as_ref().unwrap_err(), &expected);
    }
}

fn value_iteration() -> StationarySolver {
    StationarySolver::new(1e-6).method(Method::ValueIteration)
}

#[test]
fn invalid_tables_are_an_error_of_all() {
    let built = run(|team| ring(team, |state| if state == 100 { f64::NAN } else { 0.0 }));
    assert_elsewhere(&built, |error| matches!(error, Error::InvalidReward { state: 20, action: 0, .. }));
    let text = built[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("process 2") && text.contains("NaN") && text.contains("state 20"), "{text}");

    let rows = run(|team| {
        let states = EACH * team.rank()..EACH * (team.rank() + 1);
        let dynamics = SparseDynamics::shared_from_fn(team, SIZE * EACH, 1, states, |state, _| {
            [((state + 1) % (SIZE * EACH), if state == 119 { 0.5 } else { 1.0 })]
        });
        Mdp::builder(dynamics?, Array2::zeros((EACH, 1))).build()
    });
    assert_elsewhere(&rows, |error| matches!(error, Error::UnnormalizedTransition { state: 39, .. }));

    let successors = run(|team| {
        let states = EACH * team.rank()..EACH * (team.rank() + 1);
        SparseDynamics::shared_from_fn(team, SIZE * EACH, 1, states, |state, _| [(state + 1, 1.0)])
    });
    assert_elsewhere(&successors, |error| {
        matches!(error, Error::SuccessorOutOfRange { next_state: 120, .. })
    });
}

#[test]
fn overflow_is_an_error_of_all() {
    let reward = |state: usize| if state == 119 { 1.7e308 } else { 0.0 };
    for inference in [Inference::Direct, Inference::Variational] {
        let solved = run(move |team| {
            let mdp = ring(team, reward)?;
            SoftValueIteration::new(30).inference(inference).solve(&mdp).map(|_| ())
        });
        for result in &solved {
            assert!(matches!(result, Err(Error::Overflow { .. } | Error::Elsewhere { .. })), "{result:?}");
        }
        assert!(solved.iter().any(|result| matches!(result, Err(Error::Overflow { .. }))), "{solved:?}");
    }
}

#[test]
fn a_hook_of_one_process_stops_all() {
    let stop = |rank: usize| {
        move |t: usize| {
            if rank == SIZE - 1 && t == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    let finite = run(move |team| {
        let rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        soft_value_iteration(&Watched::new(&mdp, stop(rank)), 9)
    });
    assert_elsewhere(&finite, |error| *error == Error::Stopped { stage: 4 });
    let stationary = run(move |team| {
        let rank = team.rank();
        let mdp = ring(team, |state| state as f64)?;
        value_iteration().solve(&Watched::new(&mdp, stop(rank)))
    });
    let bounds: Vec<f64> = stationary
        .iter()
        .map(|solution| {
            let convergence = solution.as_ref().unwrap().convergence();
            assert_eq!(convergence.status, Status::Stopped);
            convergence.error_bound
        })
        .collect();
    assert!(bounds[0].is_finite() && bounds.iter().all(|bound| bound.to_bits() == bounds[0].to_bits()));
}

#[test]
fn a_visitor_of_one_process_ends_all_streams() {
    let streams = run(|team| {
        let rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        SoftValueIteration::new(9).stream(&mdp, |stage| {
            if rank == 1 && stage.stage() == 6 {
                ControlFlow::Break("enough")
            } else {
                ControlFlow::Continue(())
            }
        })
    });
    assert_eq!(streams[1], Ok(ControlFlow::Break("enough")));
    assert_eq!(streams[0], Err(Error::Stopped { stage: 6 }));
    assert_eq!(streams[2], Err(Error::Stopped { stage: 6 }));
}

#[test]
fn a_process_with_the_wrong_tables_is_told_by_all() {
    let solved = run(|team| {
        let rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        let solver = SoftValueIteration::new(5);
        let mut values = solver.solve_values(&mdp)?;
        if rank == SIZE - 1 {
            let alone =
                Mdp::builder(SparseDynamics::from_fn(3, 1, |s, _| [(s, 1.0)])?, Array2::zeros((3, 1)));
            values = solver.solve_values(&alone.build()?)?; // of another model
        }
        solver.solve_values_into(&mdp, &mut values)
    });
    assert_elsewhere(&solved, |error| matches!(error, Error::ShapeMismatch { .. }));
}

#[test]
fn a_process_that_leaves_is_not_waited_for() {
    let left = run(|team| {
        let rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        if rank == 1 {
            return Ok(()); // too early
        }
        soft_value_iteration(&mdp, 5).map(|_| ())
    });
    assert_eq!(left[1], Ok(()));
    for result in [&left[0], &left[2]] {
        assert!(
            matches!(result, Err(Error::Team { message }) if message.contains("process 1 has left")),
            "{left:?}"
        );
    }
    let panic = std::panic::catch_unwind(|| {
        run(|team| {
            let rank = team.rank();
            let mdp = ring(team, |_| 0.0)?;
            assert!(rank != 2, "a mistake of the caller");
            soft_value_iteration(&mdp, 5).map(|_| ())
        })
    });
    let panic = panic.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a mistake of the caller"));
}

#[test]
fn processes_that_do_not_agree_are_told_so() {
    let told = |results: &[Result<(), Error>], what: &str| {
        for result in results {
            let Err(Error::Team { message }) = result else { panic!("{what}: {results:?}") };
            assert!(message.contains("same"), "{what}: {message}");
        }
    };
    let horizons = run(|team| {
        let horizon = 5 + team.rank() / 2;
        let mdp = ring(team, |_| 0.0)?;
        soft_value_iteration(&mdp, horizon).map(|_| ())
    });
    told(&horizons, "horizons");
    let discounts = run(|team| {
        let discount = if team.rank() == 1 { 0.5 } else { 0.9 };
        let mdp = ring(team, |_| 0.0)?.with_discount(discount)?;
        soft_value_iteration(&mdp, 5).map(|_| ())
    });
    told(&discounts, "discounts");
    let inferences = run(|team| {
        let inference = if team.rank() == 1 { Inference::Direct } else { Inference::Variational };
        let mdp = ring(team, |_| 0.0)?;
        SoftValueIteration::new(5).inference(inference).solve(&mdp).map(|_| ())
    });
    told(&inferences, "inferences");
    let tolerances = run(|team| {
        let tolerance = if team.rank() == 1 { 1e-3 } else { 1e-6 };
        let mdp = ring(team, |_| 0.0)?;
        StationarySolver::new(tolerance).method(Method::ValueIteration).solve(&mdp).map(|_| ())
    });
    told(&tolerances, "tolerances");
    let methods = run(|team| {
        let rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        if rank == 1 {
            return soft_value_iteration(&mdp, 5).map(|_| ());
        }
        value_iteration().solve(&mdp).map(|_| ())
    });
    told(&methods, "calls");
}

#[test]
fn ranges_that_do_not_follow_each_other_are_refused() {
    for ranges in [
        [0..40, 41..80, 80..120],
        [0..40, 40..40, 40..120],
        [0..50, 40..80, 80..120],
        [1..40, 40..80, 80..120],
    ] {
        let shares = run(move |team| {
            let states = ranges[team.rank()].clone();
            SparseDynamics::shared_from_fn(team, 120, 1, states, |state, _| [(state, 1.0)]).map(|_| ())
        });
        for share in &shares {
            assert!(
                matches!(
                    share,
                    Err(Error::InvalidShare { .. } | Error::EmptyModel { .. } | Error::Elsewhere { .. })
                ),
                "{share:?}"
            );
        }
    }
    let short = run(|team| {
        let states = EACH * team.rank()..EACH * (team.rank() + 1);
        SparseDynamics::shared_from_fn(team, 121, 1, states, |state, _| [(state, 1.0)]).map(|_| ())
    });
    assert!(short.iter().all(|share| matches!(share, Err(Error::ShapeMismatch { .. }))), "{short:?}");
}

#[test]
fn what_is_not_shared_is_refused_by_name() {
    let refused = run(|team| {
        let team_rank = team.rank();
        let mdp = ring(team, |_| 0.0)?;
        let initial = Array1::from_elem(EACH, if team_rank == 0 { 1.0 / EACH as f64 } else { 0.0 });
        Ok::<_, Error>([
            forward_messages(&mdp, &initial, 5).map(|_| ()),
            posterior(&mdp, &initial, 5).map(|_| ()),
            average_reward(&mdp, 1e-3).map(|_| ()),
            solve_stationary(&mdp, 1e-6).map(|_| ()),
            value_iteration().inference(Inference::Direct).solve(&mdp).map(|_| ()),
            value_iteration().solve(&mdp.with_discount(1.0)?).map(|_| ()),
            mdp.with_successor_rewards(|_, _, _| 0.0).map(|_| ()),
            SparseDynamics::from_dynamics(mdp.dynamics()).map(|_| ()),
            DenseDynamics::from_dynamics(mdp.dynamics()).map(|_| ()),
            DeterministicDynamics::from_dynamics(mdp.dynamics()).map(|_| ()),
            mdp.cast::<f32>().map(|_| ()),
        ])
    });
    for results in &refused {
        for (index, result) in results.as_ref().unwrap().iter().enumerate() {
            let Err(Error::Team { message }) = result else { panic!("{index}: {result:?}") };
            let remedy = if index < 7 { "in one process" } else { "for each process" };
            assert!(message.contains("team") && message.contains(remedy), "{index}: {message}");
        }
    }
}

#[test]
fn priors_are_used_in_every_process() {
    let solved = run(|team| {
        let mdp = ring(team, |state| state as f64)?;
        let mdp = mdp.with_action_prior(ActionPrior::Weights(Array2::from_elem((EACH, 2), 0.5)))?;
        soft_value_iteration(&mdp, 5).map(|solution| solution.state_values()[[0, 0]])
    });
    assert!(solved.iter().all(Result::is_ok), "{solved:?}");
}
