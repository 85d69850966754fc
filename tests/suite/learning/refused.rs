//! Bad steps and settings are errors, and leave a learner as it was.

use std::fmt::Debug;

use approx::assert_abs_diff_eq;
use ndarray::{Array2, array};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, Error, FiniteHorizon, Learner, ReplayBuffer, SoftActorCritic, SoftPolicyGradient,
    SoftQLearning, Step, StepSize, Task, ZLearning,
};
use softmdp::{Error as ModelError, Mdp, Table, ndarray};

use super::worlds::{DEAD, first_exit, stages};

/// One good step, to be spoiled.
const GOOD: Step =
    Step { stage: 0, state: 0, action: 1, reward: 0.5, next_state: 2, terminated: false, truncated: false };

/// Refuses each spoiled step with the error that names it, and is unchanged, bit for bit.
#[track_caller]
fn refuses<L: Learner<Scalar = f64> + Clone + PartialEq + Debug>(mut learner: L) {
    learner.update(&GOOD).unwrap();
    let before = learner.clone();
    let written = format!("{before:?}");
    let num_states = 4;
    let out = |state| Error::Model(ModelError::StateOutOfRange { table: Table::Step, state, num_states });
    let spoiled = [
        (Step { state: 4, ..GOOD }, out(4)),
        (Step { next_state: 9, ..GOOD }, out(9)),
        (
            Step { action: 3, ..GOOD },
            Error::Model(ModelError::ActionOutOfRange { state: 0, action: 3, num_actions: 3 }),
        ),
        (Step { state: 1, ..GOOD }, Error::UnavailableAction { state: 1, action: 1 }),
        (
            Step { stage: 1, state: 3, ..GOOD },
            Error::Model(ModelError::ActionAfterEnd { stage: 1, state: 3 }),
        ),
    ];
    for (step, error) in spoiled {
        assert_eq!(learner.update(&step), Err(error));
    }
    for reward in [f64::NAN, f64::INFINITY] {
        let found = learner.update(&Step { reward, ..GOOD });
        assert!(matches!(found, Err(Error::Model(ModelError::InvalidReward { state: 0, action: 1, .. }))));
    }
    assert_eq!(learner, before);
    assert_eq!(format!("{learner:?}"), written); // what equality leaves out
    let mut rng = StdRng::seed_from_u64(1);
    assert!(matches!(
        learner.act_at(0, 4, &mut rng),
        Err(Error::Model(ModelError::StateOutOfRange { state: 4, .. }))
    ));
    assert!(matches!(
        learner.act_at(0, 3, &mut rng),
        Err(Error::Model(ModelError::ActionAfterEnd { state: 3, .. }))
    ));
    // By way of a memory or a loop it is the same.
    assert!(learner.learn(&Step { reward: f64::NAN, ..GOOD }, &mut rng).is_err());
    assert_eq!(format!("{learner:?}"), written);
}

#[test]
fn bad_steps_are_refused_and_leave_no_trace() {
    let task = || Task::of(&first_exit().0).unwrap();
    refuses(SoftQLearning::new(task()).unwrap());
    refuses(ZLearning::new(task()).unwrap());
    refuses(SoftPolicyGradient::new(task()).unwrap());
    refuses(SoftActorCritic::new(task()).unwrap());
    refuses(SoftActorCritic::new(task()).unwrap().with_actor(Actor::Gradient(0.1)).unwrap());
    let replay =
        SoftActorCritic::new(task()).unwrap().with_two_critics().unwrap().with_replay(10, 2).unwrap();
    refuses(replay.with_target_entropy(0.1, 0.1).unwrap());
    refuses(SoftQLearning::new(task().within(5)).unwrap());
    refuses(ZLearning::new(task().within(5)).unwrap());
    refuses(SoftPolicyGradient::new(task().within(5)).unwrap());
    refuses(SoftActorCritic::new(task().within(5)).unwrap());
}

#[test]
fn stages_beyond_the_horizon_are_refused() {
    let (model, _) = stages();
    let task = || Task::of_stages(&model, 3).unwrap();
    let late = Step { stage: 3, ..Step::new(0, 0, 0.0, 1) };
    let error = Err(Error::Model(ModelError::StageOutOfRange { stage: 3, horizon: 3 }));
    assert_eq!(SoftQLearning::new(task()).unwrap().update(&late), error);
    assert_eq!(ZLearning::new(task()).unwrap().update(&late), error);
    assert_eq!(SoftPolicyGradient::new(task()).unwrap().update(&late), error);
    assert_eq!(SoftActorCritic::new(task()).unwrap().update(&late), error);
    let mut rng = StdRng::seed_from_u64(1);
    let found = SoftQLearning::new(task()).unwrap().act_at(3, 0, &mut rng);
    assert_eq!(found, Err(Error::Model(ModelError::StageOutOfRange { stage: 3, horizon: 3 })));
    assert!(matches!(Task::of_stages(&model, 4), Err(Error::Model(ModelError::HorizonOutOfRange { .. }))));
    assert_eq!(Task::of(&model), Err(Error::Model(ModelError::NotHomogeneous)));
}

/// Finite numbers that leave the number type are an error, whatever had been computed by then.
#[test]
fn overflow_is_an_error_and_leaves_no_trace() {
    let task = Task::new(2, 2).unwrap();
    let large = Step::new(0, 0, 1.7e308, 0);
    let check = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Model(ModelError::Overflow { .. }))), "{result:?}");
    };

    let mut learner = SoftQLearning::new(task.clone()).unwrap();
    learner.update(&large).unwrap();
    let before = learner.clone();
    check(learner.update(&large));
    assert_eq!(learner, before);

    let mut critic = SoftActorCritic::new(task.clone()).unwrap().with_actor(Actor::Gradient(1e10)).unwrap();
    let before = critic.clone();
    check(critic.update(&large)); // the critic could, the actor cannot
    assert_eq!(critic, before);

    let mut gradient =
        SoftPolicyGradient::new(task.clone()).unwrap().with_rate(10.0, StepSize::Constant(1.0)).unwrap();
    let before = gradient.clone();
    check(gradient.update(&Step { terminated: true, ..large }));
    assert_eq!(gradient, before);
    gradient.update(&Step::new(0, 0, 1.0, 1)).unwrap();
    let before = gradient.clone();
    check(gradient.update(&Step { stage: 1, terminated: true, ..Step::new(1, 0, 1.7e308, 0) }));
    assert_eq!(gradient, before);

    // Z-learning takes the same in its stride, until τ log β leaves the number type.
    let mut z = ZLearning::new(task.with_temperature(1e-3).unwrap()).unwrap();
    let before = z.clone();
    check(z.update_from(&large, 0.5));
    assert_eq!(z, before);
    z.update_from(&Step { reward: 1e5, ..large }, 0.5).unwrap();
    assert_abs_diff_eq!(z.action_values()[[0, 0]], 1e5_f64, epsilon = 1e-9);
}

/// Messages go on where plain numbers end: rewards of thousands of τ, up and down.
#[test]
fn z_learning_spans_any_range() {
    let task = Task::new(3, 1).unwrap().with_terminal_states([2]).unwrap();
    let mean = StepSize::Polynomial { exponent: 1.0 };
    let mut learner = ZLearning::new(task).unwrap().with_step_size(mean).unwrap();
    let end = |reward| Step { terminated: true, ..Step::new(0, 0, reward, 2) };
    learner.update_from(&end(-5000.0), 1.0).unwrap();
    learner.update_from(&end(-5000.0), 1.0).unwrap();
    assert_abs_diff_eq!(learner.state_values().unwrap()[0], -5000.0, epsilon = 1e-9);
    learner.update_from(&end(5000.0), 1.0).unwrap(); // a mean of exponentials
    assert_abs_diff_eq!(learner.state_values().unwrap()[0], 5000.0 - 3.0_f64.ln(), epsilon = 1e-9);
    learner.update_from(&end(DEAD), 1.0).unwrap(); // adds nothing
    assert_abs_diff_eq!(learner.state_values().unwrap()[0], 5000.0 - 4.0_f64.ln(), epsilon = 1e-9);
    learner.update_from(&Step::new(1, 0, DEAD, 0), 1.0).unwrap();
    assert_eq!(learner.state_values().unwrap()[1], DEAD);
}

/// −∞ is a number: what may lead to nowhere is worth −∞, and is not tried again by a soft
/// behaviour.
#[test]
fn the_forbidden_is_worth_minus_infinity() {
    let task = Task::new(2, 2).unwrap().with_discount(0.9).unwrap();
    let mut learner = SoftQLearning::new(task.clone()).unwrap().with_behaviour(Behaviour::Soft).unwrap();
    learner.update(&Step::new(0, 0, DEAD, 1)).unwrap();
    learner.update(&Step::new(0, 0, 5.0, 1)).unwrap();
    learner.update(&Step::new(0, 1, 1.0, 1)).unwrap();
    assert_eq!(learner.action_values()[[0, 0]], DEAD);
    assert!(learner.action_values()[[0, 1]].is_finite());
    let mut rng = StdRng::seed_from_u64(1);
    assert!((0..100).all(|_| learner.act(0, &mut rng).unwrap() == 1));
    assert_eq!(learner.policy().unwrap().probabilities().row(0), array![0.0, 1.0]);
    // A dead end is worth −∞ from the start, and γ = 0 does not mind.
    let dead_end = |task: Task| task.with_prior_weights(array![[1.0, 1.0], [0.0, 0.0]]).unwrap();
    let mut learner = SoftQLearning::new(dead_end(task.clone())).unwrap();
    learner.update(&Step::new(0, 0, 1.0, 1)).unwrap();
    assert_eq!(learner.action_values()[[0, 0]], DEAD);
    assert_eq!(learner.act(1, &mut rng), Err(Error::DeadEnd { stage: 0, state: 1 }));
    let mut learner = SoftQLearning::new(dead_end(task.with_discount(0.0).unwrap())).unwrap();
    learner.update(&Step::new(0, 0, 1.0, 1)).unwrap();
    assert_eq!(learner.action_values()[[0, 0]], 1.0);
    // An actor gives it up.
    let task = Task::new(1, 2).unwrap().with_discount(0.0).unwrap();
    let mut critic = SoftActorCritic::new(task).unwrap().with_actor(Actor::Gradient(0.1)).unwrap();
    critic = critic.with_exploration(0.0).unwrap();
    critic.update(&Step::new(0, 0, DEAD, 0)).unwrap();
    assert_eq!(critic.policy().unwrap().probabilities().row(0), array![0.0, 1.0]);
    assert_eq!(critic.act(0, &mut rng), Ok(1));
}

#[test]
fn settings_out_of_range_are_refused() {
    let task = || Task::<f64>::new(2, 2).unwrap();
    #[track_caller]
    fn refused<T: Debug>(result: Result<T, Error>, name: &str) {
        match result {
            Err(Error::Model(ModelError::InvalidSetting { setting, .. })) => assert_eq!(setting, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let soft = || SoftQLearning::new(task()).unwrap();
    for size in [0.0, -0.1, 1.5, f64::NAN] {
        refused(soft().with_step_size(StepSize::Constant(size)), "step size");
    }
    for exponent in [0.5, 1.1, f64::NAN] {
        refused(soft().with_step_size(StepSize::Polynomial { exponent }), "exponent of the step size");
    }
    for half in [0.0, f64::INFINITY, f64::NAN] {
        refused(soft().with_step_size(StepSize::Hyperbolic { half }), "half-life of the step size");
    }
    for epsilon in [-0.1, 1.1, f64::NAN] {
        refused(soft().with_behaviour(Behaviour::EpsilonGreedy(epsilon)), "chance of a random action");
    }
    for temperature in [-1.0, f64::INFINITY, f64::NAN] {
        refused(soft().with_behaviour(Behaviour::Boltzmann(temperature)), "temperature of the behaviour");
    }
    let z = || ZLearning::new(task()).unwrap();
    refused(z().with_behaviour(Behaviour::EpsilonGreedy(0.0)), "chance of a random action");
    refused(z().with_behaviour(Behaviour::Boltzmann(0.0)), "temperature of the behaviour");
    for b in [0.0, 1.5, -1.0, f64::NAN] {
        let found = z().update_from(&Step::new(0, 0, 0.0, 1), b);
        assert!(matches!(found, Err(Error::InvalidBehaviour { state: 0, action: 0, .. })));
    }
    let cold = || task().with_temperature(0.0).unwrap();
    assert_eq!(
        ZLearning::new(cold()),
        Err(Error::Model(ModelError::ZeroTemperature { table: Table::BackwardMessages }))
    );
    refused(SoftActorCritic::new(cold()), "temperature of an actor");
    let critic = || SoftActorCritic::new(task()).unwrap();
    refused(critic().with_actor(Actor::Gradient(0.0)), "step size of the actor");
    refused(critic().with_exploration(1.5), "chance of a random action");
    refused(soft().with_behaviour(Behaviour::EpsilonSoft(-0.1)), "chance of a random action");
    refused(critic().with_target_entropy(f64::NAN, 0.1), "target entropy");
    refused(critic().with_target_entropy(0.1, 0.0), "step size of the temperature");
    refused(critic().with_replay(0, 1), "capacity of the replay buffer");
    refused(critic().with_replay(1, 0), "batch");
    let gradient = || SoftPolicyGradient::new(task()).unwrap();
    refused(gradient().with_rate(0.0, StepSize::Constant(1.0)), "rate of the policy gradient");
    refused(gradient().with_baseline(Some(StepSize::Constant(2.0))), "step size");
    let (mdp, initial) = first_exit();
    let mut gradient = SoftPolicyGradient::new(Task::of(&mdp).unwrap()).unwrap();
    refused(gradient.ascend(&mdp, &initial, f64::NAN), "step size of the gradient");
    for step in [0.0, -0.1, 1.001 * 0.2 / 0.7, f64::NAN] {
        refused(gradient.natural_step(&mdp, step), "step size of the natural gradient");
    }
    assert!(gradient.natural_step(&mdp, (1.0 - 0.8) / 0.7).is_ok());
    assert!(matches!(ReplayBuffer::<f64>::new(usize::MAX), Err(Error::Model(ModelError::TooLarge { .. }))));
    assert!(matches!(Task::<f64>::new(0, 1), Err(Error::Model(ModelError::EmptyModel { .. }))));
    assert!(matches!(Task::<f64>::new(usize::MAX, 2), Err(Error::Model(ModelError::TooLarge { .. }))));
    assert!(matches!(
        task().with_discount(1.1),
        Err(Error::Model(ModelError::InvalidSetting { setting: "discount", .. }))
    ));
    assert!(matches!(
        task().with_temperature(f64::NAN),
        Err(Error::Model(ModelError::InvalidSetting { setting: "temperature", .. }))
    ));
    assert!(matches!(
        task().with_terminal_states([2]),
        Err(Error::Model(ModelError::StateOutOfRange { state: 2, .. }))
    ));
    let values = array![0.0, f64::NAN];
    assert!(matches!(
        task().with_terminal_values(values),
        Err(Error::Model(ModelError::InvalidTerminalValue { state: 1, .. }))
    ));
    let weights = array![[1.0, -1.0], [1.0, 1.0]];
    assert!(matches!(
        task().with_prior_weights(weights),
        Err(Error::Model(ModelError::InvalidPriorWeight { action: 1, .. }))
    ));
}

#[test]
fn tables_of_the_callers_are_checked() {
    let (mdp, _) = first_exit();
    let task = || Task::of(&mdp).unwrap();
    let mut table = Array2::from_elem((4, 3), 2.0);
    let learner = SoftQLearning::new(task()).unwrap().with_action_values(&table).unwrap();
    assert_eq!(learner.action_values()[[0, 0]], 2.0);
    assert_eq!((learner.action_values()[[1, 1]], learner.action_values()[[3, 0]]), (DEAD, DEAD));
    table[[2, 1]] = f64::NAN;
    let found = SoftQLearning::new(task()).unwrap().with_action_values(&table);
    assert!(matches!(found, Err(Error::Model(ModelError::InvalidEntry { table: Table::ActionValues, .. }))));
    let found = SoftPolicyGradient::new(task()).unwrap().with_preferences(&Array2::zeros((3, 3)));
    assert!(matches!(found, Err(Error::Model(ModelError::ShapeMismatch { table: Table::Preferences, .. }))));
    let critic = SoftActorCritic::new(task()).unwrap().with_action_values(&Array2::zeros((4, 3))).unwrap();
    assert_eq!(critic.action_values().unwrap()[[3, 0]], DEAD);
}

/// Learners from whole episodes do not take pieces.
#[test]
fn steps_of_an_episode_have_to_follow_each_other() {
    let task: Task<f64, FiniteHorizon> = Task::new(3, 1).unwrap().within(4);
    let mut learner = SoftPolicyGradient::new(task).unwrap();
    let at = |stage, state, next_state| Step { stage, ..Step::new(state, 0, 1.0, next_state) };
    let out = |stage, state| Err(Error::StepOutOfOrder { stage, state });
    assert_eq!(learner.update(&at(1, 0, 1)), out(1, 0)); // begins late
    learner.update(&at(0, 0, 1)).unwrap();
    let before = learner.clone();
    assert_eq!(learner.update(&at(0, 0, 1)), out(0, 0)); // begins again
    assert_eq!(learner.update(&at(1, 2, 1)), out(1, 2)); // is somewhere else
    assert_eq!(learner.update(&at(2, 1, 1)), out(2, 1)); // leaves one out
    assert_eq!(
        learner.update(&Step { reward: DEAD, ..at(1, 1, 2) }),
        Err(Error::NoGradient { stage: 1, state: 1 })
    );
    assert_eq!(learner, before);
    learner.begin_episode();
    learner.update(&at(0, 2, 1)).unwrap();
    // An estimate is of a whole one.
    assert_eq!(learner.estimate(&[at(0, 0, 1)]).map(drop), out(0, 0));
    assert!(learner.estimate(&[at(0, 0, 1), Step { terminated: true, ..at(1, 1, 2) }]).is_ok());
    let goes_on = [Step { terminated: true, ..at(0, 0, 1) }, at(1, 1, 2)];
    assert_eq!(learner.estimate(&goes_on).map(drop), out(0, 0));
    assert!(learner.estimate(&[]).unwrap().iter().all(|&g| g == 0.0));
}

#[test]
fn a_model_of_another_shape_is_refused() {
    let (mdp, _) = first_exit();
    let learner = SoftPolicyGradient::new(Task::<f64>::new(2, 2).unwrap()).unwrap();
    let found = learner.gradient(&mdp, &array![1.0, 0.0, 0.0, 0.0]);
    assert!(matches!(found, Err(Error::Model(ModelError::ShapeMismatch { table: Table::Policy, .. }))));
    let small = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).unwrap();
    assert!(learner.objective(&small, &array![1.0]).is_err());
}
