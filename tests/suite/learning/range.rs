//! The ends of the number type, and what comes from outside: −∞ is a legal number, and no finite
//! one may pass for it.

use ndarray::{Array1, Array2, array};
use rand::{Rng, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, Environment, Error, Learner, SoftActorCritic, SoftPolicyGradient, SoftQLearning, Step,
    StepSize, Task, ZLearning,
};
use softmdp::{ActionPrior, Error as ModelError, Mdp, SoftValueIteration, Table, ndarray};

use std::ops::ControlFlow;

const INF: f64 = f64::INFINITY;

/// One state in which action a pays `rewards[a]`.
fn bandit(rewards: [f64; 2]) -> Mdp {
    let rewards = Array2::from_shape_fn((1, 2), |(_, a)| rewards[a]);
    Mdp::new(array![[[1.0], [1.0]]], rewards).unwrap()
}

fn end(action: usize, reward: f64) -> Step {
    Step { terminated: true, ..Step::new(0, action, reward, 0) }
}

#[test]
fn finite_rewards_do_not_add_up_to_impossible_ones() {
    let mdp = bandit([-1e308, -1e308]);
    assert!(matches!(SoftValueIteration::new(3).solve(&mdp), Err(ModelError::Overflow { .. })));
    for temperature in [1.0, 1e10] {
        let task = Task::of(&mdp.with_temperature(temperature).unwrap()).unwrap().within(3);
        let all = StepSize::Constant(1.0);
        let mut z = ZLearning::new(task.clone()).unwrap().with_step_size(all).unwrap();
        let mut q = SoftQLearning::new(task).unwrap().with_step_size(all).unwrap();
        for stage in (0..3).rev() {
            let step = |action| Step { stage, ..Step::new(0, action, -1e308, 0) };
            let (by_z, by_q) =
                ([0, 1].map(|a| z.update_from(&step(a), 0.5)), [0, 1].map(|a| q.update(&step(a))));
            // Two of them are more than there is; what was refused is not known a stage earlier.
            let is_refused =
                |result: &Result<(), Error>| matches!(result, Err(Error::Model(ModelError::Overflow { .. })));
            let expected = stage == 1;
            assert!(by_q.iter().all(|result| is_refused(result) == expected), "{stage} {by_q:?}");
            assert!(by_z.iter().all(|result| is_refused(result) == expected), "{stage} {by_z:?}");
        }
        assert!(z.action_values().iter().all(|value| value.is_finite()), "{}", z.action_values());
    }
}

#[test]
fn a_soft_value_that_underflows_is_no_dead_end() {
    // V = τ log ρ is about −7·10³⁰⁸.
    let mdp = Mdp::builder(array![[[1.0]]], array![[0.0]])
        .temperature(1e306)
        .action_prior(ActionPrior::Weights(array![[1e-300]]))
        .build()
        .unwrap();
    assert!(matches!(SoftValueIteration::new(2).solve(&mdp), Err(ModelError::Overflow { .. })));
    let task = Task::of(&mdp).unwrap().within(2);
    let mut learner = SoftQLearning::new(task.clone()).unwrap();
    let overflow = Error::Model(ModelError::Overflow { table: Table::StateValues, stage: 1, state: 0 });
    assert_eq!(learner.update(&Step::new(0, 0, 0.0, 0)), Err(overflow.clone()));
    assert!(matches!(
        learner.state_values(),
        Err(Error::Model(ModelError::Overflow { table: Table::StateValues, .. }))
    ));
    for actor in [Actor::Exact, Actor::Gradient(0.1)] {
        let mut learner = SoftActorCritic::new(task.clone()).unwrap().with_actor(actor).unwrap();
        assert_eq!(learner.update(&Step::new(0, 0, 0.0, 0)), Err(overflow.clone()));
        assert_eq!(learner.action_values().unwrap().as_slice(), Some(&[0.0, 0.0][..]));
    }
}

#[test]
fn no_action_is_given_up_for_a_number_that_does_not_fit() {
    // Almost all of the policy is on the better action: the other one's advantage times 1/τ is −6·10³⁰⁸.
    let mdp = bandit([-0.3e300, 0.3e300]).with_temperature(1e-9).unwrap();
    let task = Task::of(&mdp).unwrap().within(1);
    let mut learner =
        SoftPolicyGradient::new(task).unwrap().with_preferences(&array![[[-40.0, 0.0]]]).unwrap();
    let before = learner.clone();
    assert!(matches!(learner.natural_step(&mdp, 1e9), Err(Error::Model(ModelError::Overflow { .. }))));
    assert_eq!(learner, before);
    let mdp = bandit([-1.7e308, 1.7e308]);
    let mut learner = SoftPolicyGradient::new(Task::of(&mdp).unwrap().within(1)).unwrap();
    let before = learner.clone();
    assert!(matches!(
        learner.ascend(&mdp, &array![1.0], 10.0),
        Err(Error::Model(ModelError::Overflow { .. }))
    ));
    assert_eq!(learner, before);
}

#[test]
fn what_a_policy_gradient_says_is_a_number_or_an_error() {
    // An action that is not to be taken is worth −∞, at any temperature.
    for temperature in [0.0, 1.0] {
        let task = Task::new(1, 2).unwrap().with_temperature(temperature).unwrap();
        let learner = SoftPolicyGradient::new(task).unwrap().with_preferences(&array![[0.0, -INF]]).unwrap();
        assert_eq!(learner.action_values().unwrap(), array![[0.0, -INF]]);
    }
    let overflows =
        |result: Result<Array2<f64>, Error>| matches!(result, Err(Error::Model(ModelError::Overflow { .. })));
    let weights = ActionPrior::Weights(array![[1e-300, 1e300]]);
    let mdp = bandit([0.0, 0.0]).with_action_prior(weights).unwrap().with_temperature(1e308).unwrap();
    assert!(overflows(SoftPolicyGradient::new(Task::of(&mdp).unwrap()).unwrap().action_values()));
    let mdp = bandit([-1.7e308, 1.7e308]).with_discount(0.0).unwrap();
    let task = Task::of(&mdp.with_temperature(0.0).unwrap()).unwrap();
    let mut learner = SoftPolicyGradient::new(task).unwrap().with_preferences(&array![[0.0, -1.0]]).unwrap();
    assert!(overflows(learner.gradient(&mdp.with_temperature(0.0).unwrap(), &array![1.0])));
    learner = learner.with_rate(1e-300, StepSize::Constant(1.0)).unwrap();
    let (low, high) = (end(0, -1.7e308), end(1, 1.7e308));
    learner.update(&low).unwrap();
    assert!(overflows(learner.estimate(&[high])));
}

#[test]
fn without_a_future_the_end_does_not_matter() {
    let ends = |value| {
        let task = Task::<f64>::new(2, 2).unwrap().with_discount(0.0).unwrap();
        let task = task.with_terminal_states([1]).unwrap();
        task.with_terminal_values(array![0.0, value]).unwrap()
    };
    let step = Step { terminated: true, ..Step::new(0, 1, 2.0, 1) };
    let mut learner = SoftPolicyGradient::new(ends(-INF)).unwrap();
    let mut expected = SoftPolicyGradient::new(ends(0.0)).unwrap();
    assert_eq!(learner.estimate(&[step]), expected.estimate(&[step]));
    assert_eq!((learner.update(&step), expected.update(&step)), (Ok(()), Ok(())));
    assert_eq!(learner.preferences(), expected.preferences());
    let cold = |value| ZLearning::new(ends(value).with_temperature(1e-9).unwrap()).unwrap();
    let (mut learner, mut expected) = (cold(1e300), cold(0.0));
    assert_eq!((learner.update_from(&step, 0.5), expected.update_from(&step, 0.5)), (Ok(()), Ok(())));
    assert_eq!(learner.action_values(), expected.action_values());
}

/// An environment that has an idea of its own of where it was and what was done.
#[derive(Debug)]
struct Confused(Step);

impl Environment for Confused {
    type Scalar = f64;

    fn reset<R: Rng + ?Sized>(&mut self, _: &mut R) -> Result<usize, Error> {
        Ok(0)
    }

    fn step<R: Rng + ?Sized>(&mut self, action: usize, _: &mut R) -> Result<Step, Error> {
        Ok(Step { action: action.max(self.0.action), ..self.0 })
    }
}

#[test]
fn training_counts_stages_and_believes_no_other_step_than_the_one_asked_for() {
    let mut rng = StdRng::seed_from_u64(1);
    let task = Task::<f64>::new(3, 1).unwrap();
    let go_on = |_: &_, _: &_| ControlFlow::Continue(());
    // An environment need not count stages.
    let mut learner = SoftQLearning::new(task.clone().within(4)).unwrap();
    let progress = learner.train(&mut Confused(Step::new(0, 0, 1.0, 0)), 1000, &mut rng, go_on).unwrap();
    assert_eq!(progress.episodes, 250);
    let visits: Array1<u32> = learner.visits().slice(ndarray::s![.., 0, 0]).to_owned();
    assert_eq!(visits, array![250, 250, 250, 250]);
    for wrong in [Step::new(2, 0, 1.0, 0), Step::new(0, 1, 1.0, 0)] {
        let mut learner = SoftQLearning::new(Task::<f64>::new(3, 2).unwrap()).unwrap();
        learner = learner.with_behaviour(Behaviour::Uniform).unwrap();
        let before = learner.clone();
        let mut last = Ok(());
        for _ in 0..20 {
            let trained = learner.train(&mut Confused(wrong), 1, &mut rng, |_, _| ControlFlow::Continue(()));
            last = last.and(trained.map(drop));
        }
        assert_eq!(last, Err(Error::StepOutOfOrder { stage: 0, state: wrong.state }));
        if wrong.state != 0 {
            assert_eq!(learner, before);
        }
    }
}
