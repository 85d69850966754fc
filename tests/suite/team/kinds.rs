//! Kinds of models that a team solves, beside those of `same`.

use softmdp::ndarray::{Array2, ArrayView1};
use softmdp::team::{Alone, LocalTeam, Numbers, NumbersMut, Share, Team, divide};
use softmdp::{
    Dynamics, Error, Inference, Mdp, Model, Real, SparseDynamics, Stage, TimeVaryingMdp, soft_bellman_backup,
    soft_value_iteration,
};

const NUM_STATES: usize = 800;

fn successors<F: Real>(state: usize, action: usize) -> Vec<(usize, F)> {
    let next = |step: usize| (state * 3 + 7 * action + step * step) % NUM_STATES;
    vec![(next(1), F::from_f64(0.25)), (next(2), F::from_f64(0.5)), (next(5), F::from_f64(0.25))]
}

fn reward<F: Real>(state: usize, action: usize) -> F {
    F::from_f64(((state * 37 + action * 11) % 101) as f64 / -25.0)
}

/// The model of the states of a member, or of all.
fn model<F: Real>(dynamics: SparseDynamics<F>, first: usize) -> Result<Mdp<F, SparseDynamics<F>>, Error> {
    let shape = (dynamics.num_states(), 2);
    Mdp::builder(dynamics, Array2::from_shape_fn(shape, |(s, a)| reward(first + s, a))).build()
}

/// What `solve` finds in one process, and what four processes find together: numbers of states, in
/// order.
fn both<F: Real>(
    solve: impl Fn(&Mdp<F, SparseDynamics<F>>) -> Result<Vec<F>, Error> + Sync,
) -> (Vec<F>, Vec<F>) {
    let alone = model(SparseDynamics::from_fn(NUM_STATES, 2, successors).unwrap(), 0).unwrap();
    let parts = LocalTeam::run(4, |team| {
        let states = divide(NUM_STATES, 4, |states| states.end * states.end - states.start * states.start);
        let states = states[team.rank()].clone();
        let dynamics = SparseDynamics::shared_from_fn(team, NUM_STATES, 2, states.clone(), successors)?;
        solve(&model(dynamics, states.start)?)
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    (solve(&alone).unwrap(), parts.concat())
}

#[test]
fn single_precision() {
    let (alone, team) = both::<f32>(|mdp| Ok(soft_value_iteration(mdp, 40)?.state_values().row(0).to_vec()));
    assert_eq!(alone, team);
    assert!(alone.iter().any(|&v| (v - alone[0]).abs() > 0.01));
}

#[test]
fn stages_that_differ() {
    let (alone, team) = both::<f64>(|mdp| {
        let stages = (0..6).map(|t| mdp.with_rewards(mdp.rewards().mapv(|r| r * f64::from(t))));
        let stages = TimeVaryingMdp::new(stages.collect::<Result<Vec<_>, _>>()?)?;
        Ok(soft_value_iteration(&stages, 6)?.state_values().row(0).to_vec())
    });
    assert_eq!(alone, team);
}

#[test]
fn one_backup() {
    for inference in [Inference::Direct, Inference::Variational] {
        let (alone, team) = both::<f64>(|mdp| {
            let values = mdp.rewards().column(1).to_owned();
            Ok(soft_bellman_backup(mdp, &values, 0, inference)?.state_values().to_vec())
        });
        assert_eq!(alone, team);
    }
}

/// Only one process has rewards near the end of the number type, which rule out the linear
/// recursion: for all of them.
#[test]
fn rewards_near_the_end_of_the_number_type_in_one_process() {
    let far = |first: usize, mdp: &Mdp<f64, SparseDynamics>| {
        let rewards = Array2::from_shape_fn(mdp.rewards().dim(), |(s, a)| {
            if first + s == 13 { -1e307 } else { reward(first + s, a) }
        });
        let solution = soft_value_iteration(&mdp.with_rewards(rewards)?, 12)?;
        Ok::<_, Error>(solution.state_values().row(0).to_vec())
    };
    let alone = model(SparseDynamics::from_fn(NUM_STATES, 2, successors).unwrap(), 0).unwrap();
    let parts = LocalTeam::run(4, |team| {
        let states = 200 * team.rank()..200 * (team.rank() + 1);
        let dynamics = SparseDynamics::shared_from_fn(team, NUM_STATES, 2, states.clone(), successors)?;
        far(states.start, &model(dynamics, states.start)?)
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(far(0, &alone).unwrap(), parts.concat());
}

#[test]
fn a_wrapper_must_tell_its_team() {
    struct Silent(Mdp<f64, SparseDynamics>);

    impl Model for Silent {
        type Scalar = f64;
        type Dynamics = SparseDynamics;

        fn num_states(&self) -> usize {
            self.0.num_states()
        }
        fn num_actions(&self) -> usize {
            self.0.num_actions()
        }
        fn discount(&self) -> f64 {
            1.0
        }
        fn temperature(&self) -> f64 {
            1.0
        }
        fn is_terminal(&self, _state: usize) -> bool {
            false
        }
        fn terminal_values(&self) -> ArrayView1<'_, f64> {
            self.0.terminal_values()
        }
        fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, f64, SparseDynamics>, Error> {
            self.0.stage(t, inference)
        }
    }

    let refused = LocalTeam::run(2, |team| {
        let states = 400 * team.rank()..400 * (team.rank() + 1);
        let dynamics = SparseDynamics::shared_from_fn(team, NUM_STATES, 2, states.clone(), successors)?;
        soft_value_iteration(&Silent(model(dynamics, states.start)?), 3).map(|_| ())
    });
    for result in refused {
        assert!(matches!(&result, Err(Error::Team { message }) if message.contains("forward")), "{result:?}");
    }
}

#[test]
fn a_team_of_one_is_no_team() {
    let found = LocalTeam::run(1, |team| {
        let dynamics = SparseDynamics::shared_from_fn(team, NUM_STATES, 2, 0..NUM_STATES, successors::<f64>)?;
        Ok::<_, Error>(soft_value_iteration(&model(dynamics, 0)?, 9)?.state_values().to_owned())
    });
    let alone = model(SparseDynamics::from_fn(NUM_STATES, 2, successors::<f64>).unwrap(), 0).unwrap();
    assert_eq!(found[0].as_ref().unwrap(), &soft_value_iteration(&alone, 9).unwrap().state_values());
}

#[test]
fn places_are_the_states_that_are_named_or_all() {
    // The members name a third of the others' states, or all of them.
    for (step, is_all) in [(6, false), (1, true)] {
        let found = LocalTeam::run(3, |team| {
            let rank = team.rank();
            let named: Vec<usize> = (0..90).step_by(step).collect();
            let share = Share::new(team, 30 * rank..30 * (rank + 1), &named)?;
            let own: Vec<f64> = share.states().map(|state| state as f64).collect();
            let mut places = vec![0.0; share.num_places()];
            share.complete(&own, &mut places)?;
            let two: Vec<f64> = own.iter().flat_map(|&v| [v, -v]).collect();
            let mut pairs = vec![0.0; 2 * share.num_places()];
            share.complete_columns(2, &two, &mut pairs)?;
            Ok::<_, Error>((share, places, pairs))
        });
        for (rank, result) in found.into_iter().enumerate() {
            let (share, places, pairs) = result.unwrap();
            let expected: Vec<f64> = (0..90)
                .filter(|state| is_all || state % step == 0 || state / 30 == rank)
                .map(|state| state as f64)
                .collect();
            assert_eq!(places, expected);
            assert_eq!(pairs, expected.iter().flat_map(|&v| [v, -v]).collect::<Vec<_>>());
            assert_eq!(&places[share.own()], share.states().map(|state| state as f64).collect::<Vec<_>>());
            for state in 0..90 {
                let place = expected.iter().position(|&other| other as usize == state);
                assert_eq!(share.place(state), place);
            }
            assert_eq!(share.place(90), None);
        }
    }
}

#[test]
fn numbers_of_different_calls_are_not_mixed_up() {
    let found = LocalTeam::run(2, |team| {
        let (mut doubles, mut singles) = ([0.0_f64; 2], [0.0_f32; 2]);
        if team.rank() == 0 {
            team.all_gather(Numbers::F64(&[1.0]), NumbersMut::F64(&mut doubles), &[1, 1])
        } else {
            team.all_gather(Numbers::F32(&[1.0]), NumbersMut::F32(&mut singles), &[1, 1])
        }
    });
    assert!(found.iter().all(Result::is_err), "{found:?}");
    let found = LocalTeam::run(2, |team| {
        let mut all = [0.0; 2];
        if team.rank() == 0 {
            team.all_gather(Numbers::F64(&[1.0]), NumbersMut::F64(&mut all), &[1, 1])
        } else {
            team.exchange(Numbers::F64(&[1.0]), &[1, 0], NumbersMut::F64(&mut all), &[1, 1])
        }
    });
    assert!(found.iter().all(Result::is_err), "{found:?}");
    let mut all = [0.0];
    assert!(Alone.all_gather(Numbers::F32(&[1.0]), NumbersMut::F64(&mut all), &[1]).is_err());
}
