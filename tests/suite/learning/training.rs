//! The loop that trains: what it reports, where it begins and stops, and what chance there is in
//! it.

use std::ops::ControlFlow;

use approx::abs_diff_eq;
use rand::{Rng, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Environment, Error, Learner, Simulator, SoftActorCritic, SoftPolicyGradient, SoftQLearning, Step, Task,
};

use super::worlds::{endless, first_exit, go_on};

/// An environment that notes its steps.
struct Noted<E> {
    world: E,
    steps: Vec<Step>,
}

impl<E: Environment<Scalar = f64>> Environment for Noted<E> {
    type Scalar = f64;

    fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error> {
        self.world.reset(rng)
    }

    fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step, Error> {
        let step = self.world.step(action, rng)?;
        self.steps.push(step);
        Ok(step)
    }
}

/// Training reports what happened, and stops where it is told to.
#[test]
fn training_counts_and_stops() {
    let (mdp, initial) = first_exit();
    let mut world = Simulator::new(&mdp, &initial).unwrap();
    let mut learner = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut seen = Vec::new();
    let progress = learner
        .train(&mut world, 1000, &mut rng, |learner, progress| {
            seen.push(progress.steps);
            assert_eq!(learner.visits().sum() as usize, progress.steps);
            if progress.episodes == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, (1..=progress.steps).collect::<Vec<_>>());
    assert!(progress.episodes == 5 && progress.last_return.is_some() && world.state().is_none());
    // A learner with a horizon starts over at its end, though the world has none.
    let mut staged = SoftQLearning::new(Task::of(&mdp).unwrap().within(2)).unwrap();
    let mut world = Simulator::new(&mdp, &initial).unwrap();
    let progress = staged.train(&mut world, 1000, &mut rng, go_on).unwrap();
    assert!(progress.episodes >= 500);
    let _ = world.reset(&mut rng).unwrap();
}

/// The return that is reported is that of the last whole episode, and of no other.
#[test]
fn training_reports_the_return_of_the_last_episode() {
    fn check<L: Learner<Scalar = f64>>(
        mut learner: L,
        world: impl Environment<Scalar = f64>,
        longest: usize,
        seed: u64,
    ) {
        let mut world = Noted { world, steps: Vec::new() };
        let mut reported = Vec::new();
        let rng = &mut StdRng::seed_from_u64(seed);
        let note = |_: &L, progress: &softmdp::learning::Progress| {
            reported.push((progress.episodes, progress.last_return));
            ControlFlow::Continue(())
        };
        learner.train(&mut world, 500, rng, note).unwrap();
        let (mut total, mut episodes, mut last_return) = (0.0, 0, None);
        for (step, reported) in world.steps.iter().zip(&reported) {
            total = if step.stage == 0 { step.reward } else { total + step.reward };
            if step.is_last() || step.stage + 1 == longest {
                (episodes, last_return) = (episodes + 1, Some(total));
            }
            assert_eq!(*reported, (episodes, last_return));
        }
        assert!(reported.len() == 500 && episodes > 20);
    }
    for seed in [1, 2, 3] {
        let (mdp, initial) = first_exit();
        let simulator = || Simulator::new(&mdp, &initial).unwrap();
        check(SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap(), simulator(), usize::MAX, seed);
        check(SoftQLearning::new(Task::of(&mdp).unwrap().within(3)).unwrap(), simulator(), 3, seed);
        let (mdp, initial) = endless();
        let world = Simulator::new(&mdp, &initial).unwrap().with_time_limit(7).unwrap();
        check(SoftPolicyGradient::new(Task::of(&mdp).unwrap()).unwrap(), world, usize::MAX, seed);
    }
}

/// Each call begins with an episode of its own: one that the call before left unfinished is
/// dropped, and teaches nothing to a learner from whole episodes.
#[test]
fn training_again_begins_a_new_episode() {
    let (mdp, initial) = first_exit();
    for seed in [1, 2, 3] {
        let simulator = Simulator::new(&mdp, &initial).unwrap().with_time_limit(10).unwrap();
        let mut world = Noted { world: simulator, steps: Vec::new() };
        let mut learner = SoftPolicyGradient::new(Task::of(&mdp).unwrap()).unwrap();
        let mut reference = learner.clone();
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut unfinished, mut finished) = (0, 0);
        for _ in 0..20 {
            world.steps.clear();
            learner.train(&mut world, 7, &mut rng, go_on).unwrap();
            assert!(world.steps.len() == 7 && world.steps[0].stage == 0);
            for episode in world.steps.split_inclusive(Step::is_last) {
                if episode.last().is_some_and(Step::is_last) {
                    finished += 1;
                    episode.iter().for_each(|step| reference.update(step).unwrap());
                } else {
                    unfinished += 1;
                }
            }
            assert_eq!(learner.preferences(), reference.preferences());
            assert_eq!(learner.state_values(), reference.state_values());
        }
        assert!(unfinished > 5 && finished > 5);
    }
}

/// What is remembered is drawn evenly, and what is oldest is forgotten.
#[test]
fn a_memory_is_drawn_from_evenly() {
    let mut buffer = softmdp::learning::ReplayBuffer::new(4).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    assert!(buffer.is_empty() && buffer.sample(&mut rng).is_none());
    (0..10).for_each(|state| buffer.push(Step::new(state, 0, 0.0, 0)));
    let mut counts = [0.0_f64; 10];
    (0..40_000).for_each(|_| counts[buffer.sample(&mut rng).unwrap().state] += 1.0);
    assert!(counts[..6].iter().all(|&count| count == 0.0));
    // Five standard errors.
    assert!(counts[6..].iter().all(|&count| abs_diff_eq!(
        count,
        10_000.0,
        epsilon = 5.0 * 7_500.0_f64.sqrt()
    )));
}

/// The generator is all the chance there is.
#[test]
fn a_seed_determines_what_is_learned() {
    let (mdp, initial) = first_exit();
    let run = |seed| {
        let mut world = Simulator::new(&mdp, &initial).unwrap();
        let mut learner = SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap().with_replay(50, 3).unwrap();
        learner.train(&mut world, 2000, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        learner
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).action_values(), run(2).action_values());
    assert_eq!(run(1).replay().map(|replay| (replay.len(), replay.capacity())), Some((50, 50)));
    // Each step that is taken is followed by three that are remembered.
    assert_eq!(run(1).visits().unwrap().sum(), 3 * 2000);
}
