//! Learners at the ends of what they are given: one state, one action, no future, no end, huge and
//! tiny numbers, no way on.

use approx::assert_abs_diff_eq;
use ndarray::{Array2, array};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, Error, FiniteHorizon, Learner, Simulator, SoftActorCritic, SoftPolicyGradient,
    SoftQLearning, Step, StepSize, Task, ZLearning,
};
use softmdp::{Error as ModelError, Inference, Mdp, SoftValueIteration, Table, ndarray, solve_stationary};

use super::convergence::{SEEDS, assert_lands};
use super::worlds::{DEAD, go_on};

fn once() -> StepSize {
    StepSize::Constant(1.0)
}

/// The step that ends everything.
fn last(state: usize, action: usize, reward: f64) -> Step {
    Step { terminated: true, ..Step::new(state, action, reward, state) }
}

#[test]
fn one_state_and_one_action_are_enough() {
    let mdp = Mdp::new(array![[[1.0]]], array![[2.0]]).unwrap().with_discount(0.5).unwrap();
    let task = || Task::of(&mdp).unwrap();
    let step = Step::new(0, 0, 2.0, 0);
    let mut soft = SoftQLearning::new(task()).unwrap().with_step_size(once()).unwrap();
    let mut critic = SoftActorCritic::new(task()).unwrap().with_two_critics().unwrap();
    critic = critic.with_actor(Actor::Gradient(1.0)).unwrap().with_step_size(once()).unwrap();
    for _ in 0..120 {
        soft.update(&step).unwrap();
        critic.update(&step).unwrap();
    }
    assert_abs_diff_eq!(soft.state_values().unwrap()[0], 4.0_f64, epsilon = 1e-12);
    assert_abs_diff_eq!(critic.state_values().unwrap()[0], 4.0_f64, epsilon = 1e-12);
    // There is nothing to choose: no gradient, whatever it pays.
    let mut gradient = SoftPolicyGradient::new(task()).unwrap();
    assert_eq!(gradient.gradient(&mdp, &array![1.0]).unwrap(), array![[0.0]]);
    gradient.update(&Step { truncated: true, ..step }).unwrap();
    assert_eq!(gradient.policy().unwrap().probabilities(), array![[1.0]]);
    // β = e² (β/2 + 1/2) has no fixed point above 0, and over two stages it is what it is.
    let mut z = ZLearning::new(task().within(2)).unwrap().with_step_size(once()).unwrap();
    for stage in [1, 0] {
        z.update(&Step { stage, ..step }).unwrap();
    }
    let exact = SoftValueIteration::new(2).solve(&mdp).unwrap();
    assert_abs_diff_eq!(z.state_values().unwrap(), exact.state_values(), epsilon = 1e-14);
}

#[test]
fn without_a_future_values_are_rewards() {
    let task = || Task::new(2, 2).unwrap().with_discount(0.0).unwrap();
    let step = Step::new(0, 1, -3.0, 1);
    // What comes next is worth −∞, and does not matter.
    let bad_end = task().with_terminal_states([1]).unwrap().with_terminal_values(array![0.0, DEAD]).unwrap();
    let mut soft = SoftQLearning::new(bad_end.clone()).unwrap();
    soft.update(&step).unwrap();
    let mut z = ZLearning::new(bad_end.clone()).unwrap();
    z.update(&step).unwrap();
    let mut critic = SoftActorCritic::new(bad_end).unwrap();
    critic.update(&step).unwrap();
    assert_eq!((soft.action_values()[[0, 1]], z.action_values()[[0, 1]]), (-3.0, -3.0));
    assert_eq!(critic.action_values().unwrap()[[0, 1]], -3.0);
}

/// Without a discount, until the end: first exit on a corridor with a cost.
#[test]
fn without_a_discount_values_are_those_of_first_exit() {
    let mdp = Mdp::builder(
        array![[[0.7, 0.3], [0.2, 0.8]], [[0.0, 1.0], [0.0, 1.0]]],
        array![[-2.0, -2.5], [0.0, 0.0]],
    )
    .terminal_states([1])
    .terminal_values(array![0.0, 3.0])
    .build()
    .unwrap();
    let exact = solve_stationary(&mdp, 1e-10).unwrap();
    let mut world = Simulator::new(&mdp, &array![1.0, 0.0]).unwrap();
    for seed in [1, 2, 3] {
        let mut learner = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
        let rng = &mut StdRng::seed_from_u64(seed);
        learner.train(&mut world, 200_000, rng, |_, _| std::ops::ControlFlow::Continue(())).unwrap();
        let found = learner.state_values().unwrap()[0];
        assert_abs_diff_eq!(found, exact.state_values()[0], epsilon = 0.03);
    }
}

/// Rewards near the end of the number type are learned, or refused and leave no trace; nothing is
/// ever NaN or +∞.
#[test]
fn huge_rewards_are_learned_or_refused() {
    let task = |temperature: f64| {
        Task::new(2, 2).unwrap().with_discount(0.9).unwrap().with_temperature(temperature).unwrap()
    };
    fn hold<L: Learner<Scalar = f64> + Clone + PartialEq + std::fmt::Debug>(mut learner: L) {
        for at in 0..400 {
            let reward = [1e300, -1e300, 1.7e308, -1.7e308, f64::MIN_POSITIVE, DEAD][at % 6];
            let truncated = at % 3 == 2;
            let step =
                Step { stage: at % 3, truncated, ..Step::new(at % 2, at / 2 % 2, reward, (at + 1) % 2) };
            let before = learner.clone();
            if learner.update(&step).is_err() {
                assert_eq!(learner, before);
            }
            let is_right = |v: &f64| *v < f64::INFINITY;
            match learner.state_values() {
                Ok(values) => assert!(values.iter().all(is_right)),
                Err(error) => assert!(matches!(error, Error::Model(ModelError::Overflow { .. }))),
            }
            assert!(!format!("{:?}", learner.policy().unwrap()).contains("NaN"));
        }
    }
    for temperature in [1e-300, 1.0, 1e300] {
        hold(SoftQLearning::new(task(temperature)).unwrap());
        hold(ZLearning::new(task(temperature)).unwrap());
        hold(SoftActorCritic::new(task(temperature)).unwrap().with_target_entropy(0.3, 1e3).unwrap());
        let critic = SoftActorCritic::new(task(temperature)).unwrap().with_two_critics().unwrap();
        hold(critic.with_actor(Actor::Gradient(0.1)).unwrap());
        hold(SoftPolicyGradient::new(task(temperature)).unwrap());
    }
    hold(SoftQLearning::new(task(0.0)).unwrap());
    hold(SoftPolicyGradient::new(task(0.0)).unwrap());
}

/// A finite reward that is no number in units of τ is not taken for an impossible one.
#[test]
fn z_learning_does_not_take_the_unlikely_for_impossible() {
    let task = Task::new(1, 1).unwrap().with_temperature(1e-10).unwrap();
    let mut learner = ZLearning::new(task).unwrap();
    let before = learner.clone();
    let found = learner.update(&last(0, 0, -1e300));
    assert_eq!(
        found,
        Err(Error::Model(ModelError::Overflow { table: Table::BackwardMessages, stage: 0, state: 0 }))
    );
    assert_eq!(learner, before);
    learner.update(&last(0, 0, -1e290)).unwrap();
    assert_abs_diff_eq!(learner.state_values().unwrap()[0] / -1e290, 1.0_f64, epsilon = 1e-15);
}

/// A soft maximum may leave the number type where no action value does.
#[test]
fn state_values_beyond_the_number_type_are_an_error() {
    let task = Task::new(1, 2).unwrap().with_temperature(1e308).unwrap();
    let values = Array2::from_elem((1, 2), 1.75e308);
    let learner = SoftQLearning::new(task).unwrap().with_action_values(&values).unwrap();
    assert_eq!(
        learner.state_values(),
        Err(Error::Model(ModelError::Overflow { table: Table::StateValues, stage: 0, state: 0 }))
    );
    assert_eq!(learner.policy().unwrap().probabilities(), array![[0.5, 0.5]]);
}

/// In direct inference an action that failed once is not impossible: it is tried again, and gets
/// its due.
#[test]
fn z_learning_gives_up_no_action_that_failed_once() {
    let task = Task::new(1, 2).unwrap();
    let mut learner = ZLearning::new(task).unwrap();
    assert_eq!(learner.behaviour(), Behaviour::EpsilonSoft(0.1));
    learner.update(&last(0, 0, DEAD)).unwrap();
    learner.update(&last(0, 1, 0.0)).unwrap();
    assert_eq!(learner.action_values()[[0, 0]], DEAD);
    let mut rng = StdRng::seed_from_u64(1);
    let tries = (0..10_000).filter(|_| learner.act(0, &mut rng).unwrap() == 0).count();
    assert!((400..600).contains(&tries), "{tries} is not a twentieth");
    // Half of the time it pays log 4: β = 2 + 1.
    let tenths = StepSize::Hyperbolic { half: 10.0 };
    for seed in [1, 2, 3] {
        let mut learner = learner.clone().with_step_size(tenths).unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..100_000 {
            let action = learner.act(0, &mut rng).unwrap();
            let is_lucky: bool = rand::RngExt::random(&mut rng);
            let reward = if action == 1 {
                0.0
            } else if is_lucky {
                4.0_f64.ln()
            } else {
                DEAD
            };
            learner.update(&last(0, action, reward)).unwrap();
        }
        let beta = learner.state_values().unwrap()[0].exp();
        assert_abs_diff_eq!(beta, 3.0, epsilon = 0.3);
        assert_abs_diff_eq!(learner.policy().unwrap().probabilities()[[0, 0]], 2.0 / 3.0, epsilon = 0.05);
    }
}

/// What a critic knows to be forbidden is not taken by an actor, and does not spoil what led there.
#[test]
fn a_gradient_actor_leaves_out_what_is_forbidden() {
    let task = Task::new(2, 2).unwrap().with_discount(0.5).unwrap();
    let known = array![[0.0, 0.0], [DEAD, 1.0]];
    let critic = SoftActorCritic::new(task).unwrap().with_action_values(&known).unwrap();
    let mut critic = critic.with_actor(Actor::Gradient(0.1)).unwrap().with_two_critics().unwrap();
    critic = critic.with_exploration(0.0).unwrap();
    assert!(critic.critics().all(|values| values == known), "the second starts where the first is");
    assert_eq!(critic.policy().unwrap().probabilities().row(1), array![0.0, 1.0]);
    critic.update(&Step::new(0, 0, 2.0, 1)).unwrap();
    let first = critic.critics().next().map(|values| values[[0, 0]]);
    assert_eq!(first, Some(2.5));
    // Nor does it need to have been told: learned a moment ago, it counts at once.
    critic.update(&Step::new(0, 1, DEAD, 1)).unwrap();
    critic.update(&Step::new(1, 1, 0.0, 0)).unwrap();
    assert!(critic.action_values().unwrap()[[1, 1]].is_finite());
    assert_eq!(critic.policy().unwrap().probabilities().row(0), array![1.0, 0.0]);
    let mut rng = StdRng::seed_from_u64(1);
    assert!((0..100).all(|_| critic.act(0, &mut rng).unwrap() == 0));
}

/// Exploring takes any action there is, so often, and leaves the policy as it is.
#[test]
fn an_actor_explores_as_often_as_it_is_told() {
    let task = Task::new(1, 3).unwrap().with_prior_weights(array![[2.0, 0.0, 1.0]]).unwrap();
    let critic = SoftActorCritic::new(task).unwrap().with_action_values(&array![[0.0, 0.0, 1000.0]]).unwrap();
    let critic = critic.with_exploration(0.4).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut counts = [0; 3];
    (0..10_000).for_each(|_| counts[critic.act(0, &mut rng).unwrap()] += 1);
    assert!(counts[1] == 0 && (1800..2200).contains(&counts[0]), "{counts:?}");
    assert_eq!(critic.policy().unwrap().probabilities(), array![[0.0, 0.0, 1.0]]);
}

/// What is worth −∞ has no gradient, also if it is a state where an episode was only cut off.
#[test]
fn a_dead_end_is_worth_nothing_to_a_policy_gradient() {
    let task = Task::new(2, 1).unwrap().with_prior_weights(array![[1.0], [0.0]]).unwrap();
    let mut learner = SoftPolicyGradient::new(task).unwrap();
    let before = learner.clone();
    for truncated in [true, false] {
        let step = Step { truncated, ..Step::new(0, 0, 1.0, 1) };
        assert_eq!(learner.update(&step), Err(Error::NoGradient { stage: 0, state: 0 }));
    }
    assert_eq!(learner, before);
}

/// A policy gradient learns from its own actions: what it never does is not one.
#[test]
fn actions_that_the_policy_never_takes_are_refused_at_once() {
    let task = || Task::new(2, 2).unwrap().within(2);
    let preferences = array![[[0.0, DEAD], [0.0, 1e4]], [[0.0, 0.0], [0.0, 0.0]]];
    let mut learner: SoftPolicyGradient<f64, FiniteHorizon> =
        SoftPolicyGradient::new(task()).unwrap().with_preferences(&preferences).unwrap();
    let before = learner.clone();
    let refused = |state, action| Err(Error::InvalidBehaviour { state, action, value: 0.0 });
    assert_eq!(learner.update(&Step::new(0, 1, 0.0, 1)), refused(0, 1));
    assert_eq!(learner.update(&Step::new(1, 0, 0.0, 1)), refused(1, 0));
    assert_eq!(learner, before);
    let nothing = array![[[0.0, 0.0], [DEAD, DEAD]], [[0.0, 0.0], [0.0, 0.0]]];
    let found = SoftPolicyGradient::new(task()).unwrap().with_preferences(&nothing);
    assert_eq!(found, Err(Error::NoPreference { stage: 0, state: 1 }));
}

/// A task without stages has nothing to act in, and its end is worth V_T.
#[test]
fn a_horizon_of_nothing_is_an_end() {
    let task = || Task::new(2, 1).unwrap().with_terminal_values(array![1.0, 2.0]).unwrap().within(0);
    let mut soft = SoftQLearning::new(task()).unwrap();
    let none = Error::Model(ModelError::StageOutOfRange { stage: 0, horizon: 0 });
    assert_eq!(soft.update(&Step::new(0, 0, 0.0, 1)), Err(none));
    assert_eq!(soft.state_values().unwrap(), array![[1.0, 2.0]]);
    assert_eq!(SoftPolicyGradient::new(task()).unwrap().policy().unwrap().horizon(), 0);
    let too_long = SoftQLearning::new(Task::<f64>::new(2, 1).unwrap().within(usize::MAX));
    assert!(matches!(too_long, Err(Error::Model(ModelError::TooLarge { .. }))));
}

/// A prior that forbids everything but one action leaves nothing to learn but its value.
#[test]
fn a_prior_that_leaves_one_action_fixes_the_policy() {
    let mdp = Mdp::builder(
        array![[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]],
        array![[1.0, 9.0], [0.5, 9.0]],
    )
    .action_prior(softmdp::ActionPrior::Weights(array![[1e-300, 0.0], [1e300, 0.0]]))
    .discount(0.5)
    .build()
    .unwrap();
    let exact = solve_stationary(&mdp, 1e-6).unwrap();
    // Values are in the hundreds: τ log ρ is paid, or earned, at each step.
    assert!(exact.state_values()[0] < -800.0 && exact.state_values()[1] > 200.0);
    for seed in SEEDS {
        let mut learner = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
        let mut world = Simulator::new(&mdp, &array![1.0, 0.0]).unwrap();
        learner.train(&mut world, 300_000, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        let (found, samples) = (learner.action_values().to_owned(), learner.visits().to_owned());
        assert_lands(&found, (&mdp, &exact), (StepSize::Hyperbolic { half: 4.0 }, &samples));
        assert_eq!(learner.policy().unwrap().probabilities(), array![[1.0, 0.0], [1.0, 0.0]]);
    }
    let finite = SoftValueIteration::new(2).inference(Inference::Variational).solve(&mdp).unwrap();
    let mut staged = SoftQLearning::new(Task::of(&mdp).unwrap().within(2)).unwrap();
    staged = staged.with_step_size(once()).unwrap();
    for stage in [1, 0] {
        staged.update(&Step { stage, ..Step::new(1, 0, 0.5, 0) }).unwrap();
    }
    let (found, exact) = (staged.action_values()[[1, 1, 0]], finite.action_values()[[1, 1, 0]]);
    assert_eq!(found, exact);
}
