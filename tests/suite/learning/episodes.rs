//! Simulators do what their model says: frequencies, ends, limits, stages.

use std::ops::ControlFlow;

use approx::abs_diff_eq;
use ndarray::array;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{Environment, Error, Simulator, Step};
use softmdp::{
    Dynamics, Error as ModelError, Inference, Mdp, Model, Stage, TimeVaryingMdp, Watched, ndarray,
};

use super::worlds::{first_exit, stages};

const EPISODES: usize = 100_000;

/// Frequencies of starts and successors, each within five standard errors; rewards, stages and ends
/// as they stand in the model.
#[track_caller]
fn assert_simulates<M: Model<Scalar = f64>>(
    model: &M,
    initial: &ndarray::Array1<f64>,
    expected: impl Fn(usize, usize, usize) -> (Vec<f64>, f64),
    num_stages: usize,
) {
    let mut rng = StdRng::seed_from_u64(8);
    let mut world = Simulator::new(model, initial).unwrap();
    let (num_states, num_actions) = (model.num_states(), model.num_actions());
    let mut starts = vec![0_usize; num_states];
    let mut counts = vec![0_usize; num_stages * num_states * num_actions * num_states];
    for _ in 0..EPISODES {
        let mut state = world.reset(&mut rng).unwrap();
        starts[state] += 1;
        for stage in 0..num_stages {
            let action = loop {
                let action = rng.random_range(0..num_actions);
                match world.step(action, &mut rng) {
                    Err(Error::UnavailableAction { .. }) => {}
                    step => break step.map(|step| (action, step)),
                }
            };
            let (action, step) = action.unwrap();
            assert_eq!((step.stage, step.state, step.action), (stage, state, action));
            assert_eq!(step.reward, expected(stage, state, action).1);
            assert_eq!(step.terminated, model.is_terminal(step.next_state));
            let is_end = model.num_stages() == Some(stage + 1);
            assert_eq!(step.truncated, is_end && !step.terminated);
            counts[((stage * num_states + state) * num_actions + action) * num_states + step.next_state] += 1;
            state = step.next_state;
            assert_eq!(world.state(), (!step.is_last()).then_some(state));
            if step.is_last() {
                assert_eq!(world.step(0, &mut rng), Err(Error::NoEpisode));
                break;
            }
        }
    }
    let check = |counts: &[usize], p: &[f64]| {
        let n = counts.iter().sum::<usize>() as f64;
        for (&count, &p) in counts.iter().zip(p) {
            let error = (n * p * (1.0 - p)).sqrt();
            assert!(
                abs_diff_eq!(count as f64, n * p, epsilon = 5.0 * error + 1e-6),
                "{count} of {n} for {p}"
            );
        }
    };
    check(&starts, &initial.to_vec());
    for (row, counts) in counts.chunks(num_states).enumerate() {
        let (stage, pair) = (row / (num_states * num_actions), row % (num_states * num_actions));
        if counts.iter().sum::<usize>() > 0 {
            check(counts, &expected(stage, pair / num_actions, pair % num_actions).0);
        }
    }
}

#[test]
fn a_simulator_follows_its_model() {
    let (mdp, initial) = first_exit();
    let row = |mdp: &Mdp, s: usize, a: usize| {
        (mdp.dynamics().transitions().slice(ndarray::s![s, a, ..]).to_vec(), mdp.rewards()[[s, a]])
    };
    assert_simulates(&mdp, &initial, |_, s, a| row(&mdp, s, a), 6);
    let (model, initial) = stages();
    assert_simulates(&model, &initial, |t, s, a| row(&model.stages()[t], s, a), 3);
}

#[test]
fn a_time_limit_cuts_off_and_does_not_end() {
    let mdp = Mdp::new(array![[[1.0]]], array![[1.0]]).unwrap();
    let mut world = Simulator::new(&mdp, &array![1.0]).unwrap().with_time_limit(3).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..2 {
        world.reset(&mut rng).unwrap();
        let flags: Vec<bool> = (0..3)
            .map(|stage| {
                let step = world.step(0, &mut rng).unwrap();
                assert!(!step.terminated && step.stage == stage);
                step.truncated
            })
            .collect();
        assert_eq!(flags, [false, false, true]);
        assert_eq!(world.step(0, &mut rng), Err(Error::NoEpisode));
    }
    let refused = Simulator::new(&mdp, &array![1.0]).unwrap().with_time_limit(0);
    assert!(matches!(refused, Err(Error::Model(ModelError::InvalidSetting { setting: "time limit", .. }))));
}

/// An end at the limit is an end.
#[test]
fn what_ends_at_the_time_limit_has_ended() {
    let mdp = Mdp::builder(array![[[0.0, 1.0]], [[0.0, 1.0]]], array![[0.0], [0.0]])
        .terminal_states([1])
        .build()
        .unwrap();
    let mut world = Simulator::new(&mdp, &array![1.0, 0.0]).unwrap().with_time_limit(1).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    world.reset(&mut rng).unwrap();
    let step = world.step(0, &mut rng).unwrap();
    assert_eq!(step, Step { terminated: true, ..Step::new(0, 0, 0.0, 1) });
}

#[test]
fn a_dead_end_cuts_off() {
    let mdp = Mdp::builder(array![[[0.0, 1.0]], [[0.0, 1.0]]], array![[0.0], [0.0]])
        .available_actions(array![[true], [false]])
        .build()
        .unwrap();
    let mut world = Simulator::new(&mdp, &array![1.0, 0.0]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    world.reset(&mut rng).unwrap();
    let step = world.step(0, &mut rng).unwrap();
    assert!(step.truncated && !step.terminated);
    assert!(matches!(Simulator::new(&mdp, &array![0.5, 0.5]), Err(Error::NoStart { state: 1 })));
}

#[test]
fn episodes_do_not_start_where_there_is_nothing_to_do() {
    let (mdp, _) = first_exit();
    assert!(matches!(Simulator::new(&mdp, &array![0.9, 0.0, 0.0, 0.1]), Err(Error::NoStart { state: 3 })));
    assert!(matches!(
        Simulator::new(&mdp, &array![0.9, 0.0, 0.0, 0.0]),
        Err(Error::Model(ModelError::UnnormalizedInitial { .. }))
    ));
    assert!(matches!(
        Simulator::new(&mdp, &array![1.0]),
        Err(Error::Model(ModelError::ShapeMismatch { .. }))
    ));
}

#[test]
fn wrong_actions_leave_the_episode_where_it_was() {
    let (mdp, _) = first_exit();
    let mut world = Simulator::new(&mdp, &array![0.0, 1.0, 0.0, 0.0]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    assert_eq!(world.step(0, &mut rng), Err(Error::NoEpisode)); // not even begun
    world.reset(&mut rng).unwrap();
    assert_eq!(
        world.step(3, &mut rng),
        Err(Error::Model(ModelError::ActionOutOfRange { state: 1, action: 3, num_actions: 3 }))
    );
    assert_eq!(world.step(1, &mut rng), Err(Error::UnavailableAction { state: 1, action: 1 }));
    assert_eq!(world.state(), Some(1));
    assert_eq!(world.step(0, &mut rng).unwrap().stage, 0);
}

/// Dynamics that lose a hundredth of the mass.
#[derive(Debug)]
struct Leak;

impl Dynamics for Leak {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        1
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, _state: usize, _action: usize, visit: &mut dyn FnMut(usize, f64)) {
        visit(0, 0.99);
    }
}

/// A model of one's own, that nobody has checked.
#[derive(Debug)]
struct Unchecked(Mdp);

impl Model for Unchecked {
    type Scalar = f64;
    type Dynamics = Leak;

    fn num_states(&self) -> usize {
        1
    }

    fn num_actions(&self) -> usize {
        1
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

    fn terminal_values(&self) -> ndarray::ArrayView1<'_, f64> {
        self.0.terminal_values()
    }

    fn stage(&self, _t: usize, _inference: Inference) -> Result<Stage<'_, f64, Leak>, ModelError> {
        Ok(Stage { dynamics: &Leak, rewards: self.0.rewards(), action_prior: self.0.prior_weights() })
    }
}

#[test]
fn rows_of_a_model_of_ones_own_are_checked_when_they_are_drawn_from() {
    let model = Unchecked(Mdp::new(array![[[1.0]]], array![[1.0]]).unwrap());
    let mut world = Simulator::new(&model, &array![1.0]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    world.reset(&mut rng).unwrap();
    let found = world.step(0, &mut rng);
    assert!(
        matches!(found, Err(Error::Model(ModelError::UnnormalizedTransition { state: 0, action: 0, .. }))),
        "{found:?}"
    );
    assert_eq!(world.state(), Some(0));
}

/// What a step pays goes through every model that wraps one with rewards on the successor.
#[test]
fn wrapped_models_pay_what_came() {
    let (mdp, initial) = first_exit();
    let model = mdp.with_successor_rewards(|s, a, n| (100 * s + 10 * a + n) as f64).unwrap();
    #[track_caller]
    fn pays<M: Model<Scalar = f64>>(model: &M, mdp: &Mdp, initial: &ndarray::Array1<f64>) {
        let mut rng = StdRng::seed_from_u64(1);
        let mut world = Simulator::new(model, initial).unwrap().with_time_limit(2).unwrap();
        for _ in 0..100 {
            world.reset(&mut rng).unwrap();
            let &Step { state, action, reward, next_state, .. } = &world.step(0, &mut rng).unwrap();
            let came = (100 * state + 10 * action + next_state) as f64;
            assert_eq!(reward, mdp.rewards()[[state, action]] + came);
        }
    }
    pays(&model, &mdp, &initial);
    pays(&Watched::new(&model, |_| ControlFlow::Continue(())), &mdp, &initial);
    pays(&TimeVaryingMdp::new([model.clone(), model.clone()]).unwrap(), &mdp, &initial);
    #[cfg(feature = "npz")]
    pays(&softmdp::io::StoredModel::from(model), &mdp, &initial);
}
