//! Learners are saved in the middle of their work and go on as if nothing had been.

use std::fmt::Debug;
use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};
use serde::{Serialize, de::DeserializeOwned};
use softmdp::learning::{
    Actor, Behaviour, Learner, Simulator, SoftActorCritic, SoftPolicyGradient, SoftQLearning, StepSize, Task,
    ZLearning,
};

use super::worlds::{first_exit, stages};

/// Trains, saves and restores in both formats, and trains both on: they stay equal.
#[track_caller]
fn goes_on<L>(mut learner: L)
where
    L: Learner<Scalar = f64> + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let (mdp, initial) = first_exit();
    let mut rng = StdRng::seed_from_u64(3);
    let train = |learner: &mut L, seed: u64| {
        let mut world = Simulator::new(&mdp, &initial).unwrap().with_time_limit(4).unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        // To the end of an episode: a learner from whole ones goes on with another.
        let mut steps = 0;
        learner
            .train(&mut world, 10_000, &mut rng, |_, progress| {
                steps += 1;
                let is_over = progress.episodes >= 100;
                if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
    };
    train(&mut learner, 1);
    // In the middle of an episode, too.
    let action = learner.act_at(0, 0, &mut rng).unwrap();
    learner.update(&softmdp::learning::Step::new(0, action, 0.3, 2)).unwrap();
    let text = ron::to_string(&learner).unwrap();
    let mut from_text: L = ron::from_str(&text).unwrap();
    let bytes = postcard::to_allocvec(&learner).unwrap();
    let from_bytes: L = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(from_text, learner);
    assert_eq!(from_bytes, learner);
    let last =
        softmdp::learning::Step { stage: 1, truncated: true, ..softmdp::learning::Step::new(2, 0, 0.3, 0) };
    for learner in [&mut learner, &mut from_text] {
        learner.update(&last).unwrap();
        train(learner, 2);
    }
    assert_eq!(from_text, learner);
    assert_eq!(format!("{from_text:?}"), format!("{learner:?}"));
}

#[test]
fn a_learner_that_was_saved_goes_on_as_if_nothing_had_been() {
    let task = || Task::of(&first_exit().0).unwrap();
    let soft = SoftQLearning::new(task()).unwrap().with_behaviour(Behaviour::EpsilonGreedy(0.2)).unwrap();
    goes_on(soft.with_step_size(StepSize::Polynomial { exponent: 0.75 }).unwrap());
    goes_on(SoftQLearning::new(task().within(4)).unwrap());
    goes_on(ZLearning::new(task()).unwrap());
    goes_on(SoftPolicyGradient::new(task()).unwrap());
    goes_on(SoftPolicyGradient::new(task().within(4)).unwrap());
    goes_on(SoftActorCritic::new(task()).unwrap());
    let critic =
        SoftActorCritic::new(task()).unwrap().with_two_critics().unwrap().with_replay(100, 3).unwrap();
    goes_on(critic.with_actor(Actor::Gradient(0.1)).unwrap().with_target_entropy(0.1, 0.01).unwrap());
}

#[test]
fn tasks_of_stages_come_back() {
    let task = Task::of_stages(&stages().0, 3).unwrap();
    let text = ron::to_string(&task).unwrap();
    assert_eq!(ron::from_str::<Task<f64, softmdp::learning::FiniteHorizon>>(&text).unwrap(), task);
}

/// What no learner holds is refused: each text has one place spoiled.
#[track_caller]
fn is_refused<T: Serialize + DeserializeOwned + Debug>(value: &T, from: &str, to: &str, message: &str) {
    let text = ron::to_string(value).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    let error = ron::from_str::<T>(&text.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn what_breaks_a_promise_is_refused() {
    let task = Task::<f64>::new(2, 1).unwrap();
    is_refused(&task, "discount:1.0", "discount:1.5", "discount is 1.5");
    is_refused(&task, "prior:[1.0,1.0]", "prior:[1.0,-1.0]", "action prior (state 1, action 0)");
    is_refused(&task, "prior:[1.0,1.0]", "prior:[1.0,1.0,1.0]", "shape of action prior");
    is_refused(&task, "is_terminal:[false,false]", "is_terminal:[]", "at least one state");
    is_refused(&task, "num_actions:1", "num_actions:0", "at least one state and one action");
    let learner = SoftQLearning::new(task.clone()).unwrap();
    is_refused(&learner, "action_values:[0.0,0.0]", "action_values:[0.0,NaN]", "action values");
    is_refused(&learner, "action_values:[0.0,0.0]", "action_values:[0.0]", "shape of action values");
    is_refused(&learner, "visits:[0,0]", "visits:[0]", "shape of visits");
    is_refused(&learner, "half:20.0", "half:-1.0", "half-life of the step size");
    is_refused(&learner, "temperature:1.0", "temperature:-1.0", "temperature is -1");
    let terminal = SoftQLearning::new(task.clone().with_terminal_states([1]).unwrap()).unwrap();
    is_refused(&terminal, "action_values:[0.0,-inf]", "action_values:[0.0,1.0]", "action values");
    let z = ZLearning::new(task.clone()).unwrap();
    is_refused(&z, "log_backward:[0.0,0.0]", "log_backward:[0.0,inf]", "backward messages");
    is_refused(&z, "temperature:1.0", "temperature:0.0", "temperature 0");
    let gradient = SoftPolicyGradient::new(task.clone()).unwrap();
    is_refused(&gradient, "preferences:[0.0,0.0]", "preferences:[0.0,-inf]", "all preferences of state 1");
    is_refused(&gradient, "rate:0.1", "rate:0.0", "rate of the policy gradient");
    let climber = SoftActorCritic::new(task.clone()).unwrap().with_actor(Actor::Gradient(0.1)).unwrap();
    is_refused(&climber, "preferences:[0.0,0.0]", "preferences:[-inf,0.0]", "preferences");
    let critic = SoftActorCritic::new(task).unwrap().with_replay(2, 1).unwrap();
    is_refused(&critic, "batch:1", "batch:0", "batch");
    is_refused(&critic, "capacity:2", "capacity:0", "shape of replay buffer");
    is_refused(&critic, "oldest:0", "oldest:1", "shape of replay buffer");
    let buffer = softmdp::learning::ReplayBuffer::<f64>::new(2).unwrap();
    is_refused(&buffer, "capacity:2", "capacity:0", "shape of replay buffer");
    let text = ron::to_string(&buffer).unwrap();
    assert_eq!(ron::from_str::<softmdp::learning::ReplayBuffer>(&text).unwrap(), buffer);
}
