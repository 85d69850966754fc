//! Every error of demonstrations, with its place.

use std::ops::ControlFlow;

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Error, Likelihood};
use softmdp::ndarray::{Array1, Array2, array};
use softmdp::{Mdp, MdpBuilder, Status, Table, TimeVaryingMdp, Watched};

use super::formula::trajectory;

const DEAD: f64 = f64::NEG_INFINITY;

/// From state 0, action 0 stays or goes on to state 1, and action 1 goes to state 2, which is
/// terminal. Action 1 of state 1 is forbidden, and action 0 leads to states 0 and 2.
fn builder() -> MdpBuilder<f64, softmdp::DenseDynamics> {
    let transitions = array![
        [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]],
        [[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    Mdp::builder(transitions, array![[0.0, 1.0], [-1.0, DEAD], [0.0, 0.0]]).terminal_states([2])
}

fn mdp() -> Mdp {
    builder().build().unwrap()
}

fn whole() -> softmdp::Trajectory {
    trajectory(&[0, 1, 2], &[0, 0])
}

/// The error for a trajectory, behind one that is possible.
fn refused(likelihood: &Likelihood, mdp: &Mdp, states: &[usize], actions: &[usize]) -> Error {
    let seen = Demonstrations::new([whole(), trajectory(states, actions)]);
    likelihood.evaluate(mdp, &seen).unwrap_err()
}

fn all() -> [Likelihood; 4] {
    let [direct, variational] = [Direct, Variational].map(Likelihood::actions);
    [Likelihood::trajectories(), direct, variational, Likelihood::feature_matching()]
}

/// Every likelihood, over three stages and until the end.
fn all_horizons() -> Vec<Likelihood> {
    all().into_iter().flat_map(|likelihood| [likelihood.clone().horizon(3), likelihood]).collect()
}

#[test]
fn the_valid_model_is_valid() {
    for likelihood in all_horizons() {
        likelihood.evaluate(&mdp(), &Demonstrations::new([whole()])).unwrap();
    }
}

#[test]
fn no_demonstrations() {
    for likelihood in all_horizons() {
        let none = [
            Demonstrations::new([]),
            Demonstrations::new([whole()]).with_weights([0.0]).unwrap(),
            Demonstrations::from_counts(Array2::zeros((3, 2))).unwrap(),
        ];
        for none in none {
            assert_eq!(likelihood.evaluate(&mdp(), &none), Err(Error::NoDemonstrations));
        }
    }
}

#[test]
fn weights_stages_and_marks_of_another_number_or_value() {
    let seen = || Demonstrations::<f64>::new([whole(), whole()]);
    let number = |found| Err(Error::NumberMismatch { found, expected: 2 });
    assert_eq!(seen().with_weights([1.0]), number(1));
    assert_eq!(seen().with_first_stages([0, 0, 0]), number(3));
    assert_eq!(seen().with_cut_off([]), number(0));
    for value in [-1.0, f64::INFINITY] {
        assert_eq!(seen().with_weights([1.0, value]), Err(Error::InvalidWeight { demonstration: 1, value }));
    }
    let nan = seen().with_weights([f64::NAN, 1.0]);
    assert!(matches!(nan, Err(Error::InvalidWeight { demonstration: 0, value }) if value.is_nan()));
    let left = Demonstrations::<f64>::new([whole(), trajectory(&[0], &[0])]);
    assert_eq!(left.with_cut_off([false, true]), Err(Error::CutOffAfterEnd { trajectory: 1 }));
}

#[test]
fn counts_that_are_no_counts_or_do_not_fit() {
    let invalid = Demonstrations::from_counts(array![[0.0, -2.0]]);
    assert_eq!(invalid, Err(Error::InvalidCount { state: 0, action: 1, value: -2.0 }));
    let counts = |table| Demonstrations::from_counts(table).unwrap();
    let actions = Likelihood::actions(Variational);
    let shape =
        softmdp::Error::ShapeMismatch { table: Table::Counts, found: vec![1, 2], expected: vec![3, 2] };
    assert_eq!(actions.evaluate(&mdp(), &counts(array![[1.0, 1.0]])), Err(Error::Model(shape.clone())));
    assert_eq!(counts(array![[1.0, 1.0]]).counts(&mdp()), Err(Error::Model(shape)));
    let terminal = counts(array![[1.0, 1.0], [1.0, 0.0], [0.0, 3.0]]);
    let error = actions.evaluate(&mdp(), &terminal);
    assert_eq!(error, Err(Error::ImpossibleCount { state: 2, action: 1 }));
    let forbidden = counts(array![[1.0, 1.0], [1.0, 2.0], [0.0, 0.0]]);
    let error = actions.evaluate(&mdp(), &forbidden);
    assert_eq!(error, Err(Error::ImpossibleCount { state: 1, action: 1 }));
    // Here a successor of the pair has the value −∞.
    let dead = builder().terminal_values(array![0.0, 0.0, DEAD]).discount(0.5).build().unwrap();
    let seen = counts(array![[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]);
    assert_eq!(actions.evaluate(&dead, &seen), Err(Error::ImpossibleCount { state: 0, action: 0 }));

    let seen = counts(array![[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]);
    let late = actions.horizon(4).evaluate(&mdp(), &seen);
    assert_eq!(late, Err(Error::CountsWithHorizon { horizon: 4 }));
    for likelihood in [Likelihood::trajectories(), Likelihood::feature_matching()] {
        assert_eq!(likelihood.evaluate(&mdp(), &seen), Err(Error::NotTrajectories));
    }
    assert_eq!(seen.clone().with_weights([]), Err(Error::NotTrajectories));
    assert_eq!(seen.clone().with_cut_off([]), Err(Error::NotTrajectories));
    assert_eq!(seen.with_first_stages([]), Err(Error::NotTrajectories));
}

#[test]
fn states_and_actions_out_of_range() {
    for likelihood in all_horizons() {
        let error = refused(&likelihood, &mdp(), &[0, 3, 9], &[0, 7]);
        assert_eq!(error, Error::StateOutOfRange { trajectory: 1, stage: 1, state: 3, num_states: 3 });
        let error = refused(&likelihood, &mdp(), &[0, 1, 3], &[0, 2]);
        assert_eq!(error, Error::ActionOutOfRange { trajectory: 1, stage: 1, action: 2, num_actions: 2 });
    }
    let seen = Demonstrations::<f64>::new([trajectory(&[0, 1], &[5])]);
    let error = seen.counts(&mdp());
    assert_eq!(error, Err(Error::ActionOutOfRange { trajectory: 0, stage: 0, action: 5, num_actions: 2 }));
}

#[test]
fn impossible_actions() {
    let no_prior = softmdp::ActionPrior::Weights(array![[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]);
    let removed = builder().action_prior(no_prior).build().unwrap();
    for likelihood in all_horizons() {
        let error = refused(&likelihood, &mdp(), &[0, 1, 0, 2], &[0, 1, 1]);
        assert_eq!(error, Error::ImpossibleAction { trajectory: 1, stage: 1, state: 1, action: 1 });
        let error = refused(&likelihood, &removed, &[0, 2], &[1]);
        assert_eq!(error, Error::ImpossibleAction { trajectory: 1, stage: 0, state: 0, action: 1 });
    }
    // State 1 is a dead end, so that action 0 of state 0 has the value −∞ in variational inference,
    // though the transition that was seen leads elsewhere.
    let dead = mdp().with_rewards(array![[0.0, 1.0], [DEAD, DEAD], [0.0, 0.0]]).unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 2], &[1]), trajectory(&[0, 0, 2], &[0, 1])]);
    for likelihood in [Likelihood::actions(Variational), Likelihood::feature_matching()] {
        for likelihood in [likelihood.clone().horizon(3), likelihood] {
            let error = likelihood.evaluate(&dead, &seen);
            assert_eq!(error, Err(Error::ImpossibleAction { trajectory: 1, stage: 0, state: 0, action: 0 }));
        }
    }
    Likelihood::trajectories().horizon(3).evaluate(&dead, &seen).unwrap();
    // The stage is that of the trajectory, also if it starts later.
    let late = Demonstrations::new([trajectory(&[0, 1, 0, 2], &[0, 1, 1])]).with_first_stages([4]).unwrap();
    let error = Likelihood::actions(Direct).horizon(9).evaluate(&mdp(), &late);
    assert_eq!(error, Err(Error::ImpossibleAction { trajectory: 0, stage: 1, state: 1, action: 1 }));
}

#[test]
fn impossible_transitions_also_for_actions() {
    for likelihood in all_horizons() {
        let error = refused(&likelihood, &mdp(), &[0, 0, 2], &[0, 0]);
        let expected =
            Error::ImpossibleTransition { trajectory: 1, stage: 1, state: 0, action: 0, next_state: 2 };
        assert_eq!(error, expected);
    }
    // The first of the first trajectory.
    let seen =
        Demonstrations::new([whole(), trajectory(&[1, 2, 2], &[0, 0]), trajectory(&[0, 0, 2], &[0, 0])]);
    let seen = seen.with_weights([1.0, 0.0, 1.0]).unwrap();
    for likelihood in all_horizons() {
        let error = likelihood.evaluate(&mdp(), &seen).unwrap_err();
        assert!(matches!(error, Error::ImpossibleTransition { trajectory: 2, stage: 1, .. }), "{error}");
    }
    let never = mdp().with_discount(0.0).unwrap();
    let error = Likelihood::trajectories().horizon(3).evaluate(&never, &Demonstrations::new([whole()]));
    let expected =
        Error::ImpossibleTransition { trajectory: 0, stage: 0, state: 0, action: 0, next_state: 1 };
    assert_eq!(error, Err(expected));
}

#[test]
fn starts_that_are_impossible() {
    let joint = Likelihood::trajectories().horizon(3).initial(array![0.0, 1.0, 0.0]);
    let seen = Demonstrations::new([trajectory(&[1, 2], &[0]), whole()]);
    assert_eq!(joint.evaluate(&mdp(), &seen), Err(Error::ImpossibleStart { trajectory: 1, state: 0 }));
    let late = Demonstrations::new([trajectory(&[1, 2], &[0])]).with_first_stages([1]).unwrap();
    assert_eq!(joint.evaluate(&mdp(), &late), Err(Error::LateStart { trajectory: 0, first_stage: 1 }));
    let unnormalized = Likelihood::trajectories().initial(array![0.5, 1.0, 0.0]).evaluate(&mdp(), &seen);
    let expected = softmdp::Error::UnnormalizedInitial { sum: 1.5, tolerance: 1e-8 };
    assert_eq!(unnormalized, Err(Error::Model(expected)));
    for likelihood in [Likelihood::actions(Direct), Likelihood::feature_matching()] {
        let likelihood = likelihood.initial(array![0.0, 1.0, 0.0]);
        assert_eq!(likelihood.evaluate(&mdp(), &seen), Err(Error::UnusedInitial));
    }
}

#[test]
fn ends_that_are_impossible() {
    let dead = builder().terminal_values(array![0.0, DEAD, DEAD]).discount(0.5).build().unwrap();
    for likelihood in [Likelihood::trajectories(), Likelihood::feature_matching()] {
        for likelihood in [likelihood.clone().horizon(3), likelihood] {
            let error = likelihood.evaluate(&dead, &Demonstrations::new([trajectory(&[0, 2], &[1])]));
            assert_eq!(error, Err(Error::ImpossibleEnd { trajectory: 0, state: 2 }));
        }
        let error = likelihood_at_horizon(&dead, &[0, 1], &[0], 1);
        assert_eq!(error, Err(Error::ImpossibleEnd { trajectory: 0, state: 1 }));
    }
    // A trajectory that was cut off where nothing can succeed any more.
    let dead = mdp().with_rewards(array![[0.0, 1.0], [DEAD, DEAD], [0.0, 0.0]]).unwrap();
    let seen = Demonstrations::new([trajectory(&[0, 1], &[0])]).with_cut_off([true]).unwrap();
    for likelihood in [Likelihood::trajectories(), Likelihood::trajectories().horizon(3)] {
        let error = likelihood.evaluate(&dead, &seen);
        assert_eq!(error, Err(Error::ImpossibleEnd { trajectory: 0, state: 1 }));
    }
    let nothing = Demonstrations::new([trajectory(&[1], &[])]).with_cut_off([true]).unwrap();
    let error = Likelihood::trajectories().horizon(3).evaluate(&dead, &nothing);
    assert_eq!(error, Err(Error::ImpossibleStart { trajectory: 0, state: 1 }));
}

fn likelihood_at_horizon(
    mdp: &Mdp,
    states: &[usize],
    actions: &[usize],
    horizon: usize,
) -> Result<softmdp::inverse::Score, Error> {
    let seen = Demonstrations::new([trajectory(states, actions)]);
    Likelihood::trajectories().horizon(horizon).evaluate(mdp, &seen)
}

#[test]
fn trajectories_that_do_not_end_where_they_may() {
    for likelihood in all_horizons() {
        let error = refused(&likelihood, &mdp(), &[0, 2, 2], &[1, 0]);
        assert_eq!(error, Error::ActionAfterEnd { trajectory: 1, stage: 1, state: 2 });
    }
    for likelihood in all() {
        let error = refused(&likelihood.clone().horizon(2), &mdp(), &[0, 0, 0, 2], &[0, 0, 1]);
        assert_eq!(error, Error::TooLong { trajectory: 1, first_stage: 0, num_actions: 3, horizon: 2 });
        for first_stage in [3, usize::MAX] {
            let late = Demonstrations::new([whole()]).with_first_stages([first_stage]).unwrap();
            let error = likelihood.clone().horizon(4).evaluate(&mdp(), &late);
            assert_eq!(error, Err(Error::TooLong { trajectory: 0, first_stage, num_actions: 2, horizon: 4 }));
        }
    }
    let unended = Error::Unended { trajectory: 1, num_actions: 1, state: 1 };
    for likelihood in [Likelihood::trajectories(), Likelihood::feature_matching()] {
        for likelihood in [likelihood.clone().horizon(3), likelihood] {
            assert_eq!(refused(&likelihood, &mdp(), &[0, 1], &[0]), unended);
        }
    }
    // The end of actions is no question.
    for inference in [Direct, Variational] {
        let seen = Demonstrations::new([trajectory(&[0, 1], &[0])]);
        Likelihood::actions(inference).evaluate(&mdp(), &seen).unwrap();
    }
    let cut_off =
        Demonstrations::new([whole(), trajectory(&[0, 1], &[0])]).with_cut_off([false, true]).unwrap();
    for likelihood in [Likelihood::feature_matching(), Likelihood::feature_matching().horizon(3)] {
        assert_eq!(likelihood.evaluate(&mdp(), &cut_off), Err(Error::CutOff { trajectory: 1 }));
    }
}

#[test]
fn steps_out_of_the_model() {
    let leaving = Error::ImpossibleLeaving { trajectory: 1, stage: 1 };
    assert_eq!(refused(&Likelihood::trajectories(), &mdp(), &[0, 0], &[0, 1]), leaving);
    let discounted = mdp().with_discount(0.5).unwrap();
    assert_eq!(refused(&Likelihood::feature_matching(), &discounted, &[0, 0], &[0, 1]), leaving);
    let left = Demonstrations::new([trajectory(&[0, 0], &[0, 1])]);
    Likelihood::trajectories().evaluate(&discounted, &left).unwrap();
    Likelihood::actions(Variational).evaluate(&discounted, &left).unwrap();
}

#[test]
fn settings_and_models() {
    let seen = Demonstrations::new([whole()]);
    let hard = mdp().with_temperature(0.0).unwrap();
    let error = Error::Model(softmdp::Error::ZeroTemperature { table: Table::LogLikelihood });
    for likelihood in all_horizons() {
        assert_eq!(likelihood.evaluate(&hard, &seen), Err(error.clone()));
    }
    for tolerance in [0.0, -1.0, f64::NAN] {
        let error = Likelihood::trajectories().tolerance(tolerance).evaluate(&mdp(), &seen).unwrap_err();
        assert!(matches!(error, Error::Model(softmdp::Error::InvalidSetting { setting: "tolerance", .. })));
    }
    // Values below rounding cannot be had.
    let error = Likelihood::actions(Variational).tolerance(1e-300).evaluate(&mdp(), &seen).unwrap_err();
    let Error::Model(softmdp::Error::NotConverged { status, .. }) = error else { panic!("{error}") };
    assert_eq!(status, Status::RoundingFloor);
    let rich = mdp().with_rewards(array![[3.0, 1.0], [3.0, DEAD], [0.0, 0.0]]).unwrap();
    let error = Likelihood::trajectories().evaluate(&rich, &seen).unwrap_err();
    let Error::Model(softmdp::Error::NotConverged { status, .. }) = error else { panic!("{error}") };
    assert_eq!(status, Status::Diverging);

    let varying = TimeVaryingMdp::new([mdp(), mdp()]).unwrap();
    let error = Likelihood::trajectories().evaluate(&varying, &seen);
    assert_eq!(error, Err(Error::Model(softmdp::Error::NotHomogeneous)));
    let error = Likelihood::trajectories().horizon(3).evaluate(&varying, &seen);
    let expected = softmdp::Error::HorizonOutOfRange { horizon: 3, num_stages: 2 };
    assert_eq!(error, Err(Error::Model(expected)));
    let visit = |_, _: softmdp::ndarray::ArrayView2<'_, f64>| ControlFlow::Continue::<()>(());
    let error = Likelihood::trajectories().stream_reward_gradient(&mdp(), &seen, visit);
    assert_eq!(error, Err(Error::NoHorizon));
}

#[test]
fn derivatives_that_leave_the_number_type_are_named() {
    // Going on costs 2000, so that leaving for † would be e²⁰⁰⁰ times as probable.
    let poor = mdp().with_terminal_values(Array1::from_elem(3, -2000.0)).unwrap();
    let score = Likelihood::trajectories().evaluate(&poor, &Demonstrations::new([whole()])).unwrap();
    assert!(score.value().is_finite() && score.temperature_gradient().is_finite());
    let overflow = Error::Model(softmdp::Error::TotalOverflow { table: Table::Gradient });
    assert_eq!(score.discount_gradient(), Err(overflow));
    let huge = Demonstrations::new([whole()]).with_weights([1e308]).unwrap();
    let error = Likelihood::trajectories().horizon(3).evaluate(&mdp(), &huge);
    let overflow = softmdp::Error::TotalOverflow { table: Table::LogLikelihood };
    assert_eq!(error, Err(Error::Model(overflow)));
}

#[test]
fn a_stop_is_passed_on_and_stages_are_counted() {
    let seen = Demonstrations::new([whole()]);
    for likelihood in all() {
        let likelihood = likelihood.horizon(7);
        let mut stages = Vec::new();
        let (model, mdp) = (mdp(), mdp());
        let watched = Watched::new(&model, |stage| {
            stages.push(stage);
            ControlFlow::Continue(())
        });
        let score = likelihood.evaluate(&watched, &seen).unwrap();
        assert_eq!(stages, (0..7).rev().chain(0..7).collect::<Vec<_>>());
        assert_eq!(score, likelihood.evaluate(&mdp, &seen).unwrap());
        for last in [3, 10] {
            let mut calls = 0;
            let watched = Watched::new(&model, |_| {
                calls += 1;
                if calls == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            let stage = if last == 3 { 4 } else { 2 };
            let error = likelihood.evaluate(&watched, &seen);
            assert_eq!(error, Err(Error::Model(softmdp::Error::Stopped { stage })));
        }
    }
    let (discounted, likelihood) = (mdp().with_discount(0.9).unwrap(), Likelihood::actions(Variational));
    let watched = Watched::new(&discounted, |_| ControlFlow::Break(()));
    let error = likelihood.evaluate(&watched, &seen).unwrap_err();
    assert!(
        matches!(error, Error::Model(softmdp::Error::NotConverged { status: Status::Stopped, .. })),
        "{error}"
    );
    let ended = Likelihood::trajectories().horizon(3).stream_reward_gradient(&mdp(), &seen, |t, _| {
        if t == 1 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
    });
    assert_eq!(ended, Ok(ControlFlow::Break("enough")));
}
