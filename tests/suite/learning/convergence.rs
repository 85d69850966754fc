//! Learned values land on the planner's, from stochastic dynamics and noisy rewards, as closely as
//! the step sizes promise.
//!
//! # The tolerance
//!
//! Let σ bound the standard deviation of a target at the fixed point. The error e of Q splits into
//! N, which averages the noise of each pair alone (N += η (ξ − N)), and a rest that is driven by
//! what it bootstraps from. With step sizes that fall slowly, N has a standard deviation of at most
//! σ √(η/(2−η)) ≤ σ √η, η being that of half as many visits, since what was averaged before that is
//! gone. The derivative of the soft backup is γ P_π, so that to first order the standard deviation
//! of e is at most u, where
//!
//! ```text
//! u(s,a) = σ √η(s,a) + γ Σ_s' P(s'|s,a) Σ_a' π(a'|s') u(s',a')
//! ```
//!
//! Each error is held to 5 u, and the root mean square of all e/u to 1. (Even-Dar and Mansour 2003;
//! Wainwright 2019.)

use approx::{abs_diff_eq, assert_abs_diff_eq, assert_relative_eq};
use ndarray::{Array1, Array2, ArrayView3};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Behaviour, FiniteHorizon, Learner, Simulator, SoftActorCritic, SoftQLearning, Step, StepSize, Task,
};
use softmdp::{
    DeterministicDynamics, Inference, Mdp, SoftValueIteration, Solution, StationarySolution, ndarray,
    solve_stationary,
};

use super::worlds::{DEAD, Noisy, endless, first_exit, go_on, stages};

pub(super) const SEEDS: [u64; 3] = [11, 12, 13];
pub(super) const STEPS: usize = 300_000;
pub(super) const WIDTH: f64 = 0.5;

/// σ of a target: noise of the reward, and that of the value of the successor.
fn deviation(mdp: &Mdp, values: &Array1<f64>) -> f64 {
    let mut largest = 0.0_f64;
    for (s, a) in ndarray::indices(mdp.rewards().dim()) {
        if mdp.is_terminal(s) || mdp.prior_weights()[[s, a]] == 0.0 {
            continue;
        }
        let row = mdp.dynamics().transitions();
        let row = row.slice(ndarray::s![s, a, ..]);
        let mean = row.dot(values);
        largest = largest.max(row.dot(&values.mapv(|v| (v - mean) * (v - mean))));
    }
    (WIDTH * WIDTH / 3.0 + mdp.discount() * mdp.discount() * largest).sqrt()
}

/// Asserts that the action values that were found are as close as the step sizes promise, after so
/// many independent samples.
#[track_caller]
pub(super) fn assert_lands(
    found: &Array2<f64>,
    (mdp, exact): (&Mdp, &StationarySolution),
    (step_size, samples): (StepSize, &Array2<u32>),
) {
    let sigma = deviation(mdp, &exact.state_values().to_owned());
    let noise = samples.mapv(|samples| sigma * step_size.after(samples / 2).sqrt());
    let mut bound = noise.clone();
    for _ in 0..300 {
        let values = (&bound * &exact.probabilities()).sum_axis(ndarray::Axis(1));
        bound = Array2::from_shape_fn(noise.dim(), |(s, a)| {
            let is_used = mdp.prior_weights()[[s, a]] > 0.0 && !mdp.is_terminal(s);
            let next = mdp.dynamics().transitions().slice(ndarray::s![s, a, ..]).to_owned().dot(&values);
            if is_used { noise[[s, a]] + mdp.discount() * next } else { 0.0 }
        });
    }
    let scale = exact.state_values().iter().fold(0.0_f64, |max, value| max.max(value.abs()));
    let (mut sum, mut count) = (0.0, 0.0);
    for ((at, &exact), found) in exact.action_values().indexed_iter().zip(found) {
        if exact == DEAD {
            assert_eq!(*found, DEAD);
            continue;
        }
        assert!(bound[at] < 0.4_f64.max(0.01 * scale), "a bound of {} shows nothing", bound[at]);
        let error = (found - exact) / bound[at];
        assert!(error.abs() <= 5.0, "{at:?}: {found} is not {exact} ± {}", bound[at]);
        (sum, count) = (sum + error * error, count + 1.0);
    }
    assert!(sum <= count, "{sum} {count}");
}

#[test]
fn soft_q_learning_lands_on_the_planner() {
    // The second world never ends: episodes are cut off after seven steps, which must not look like an end.
    for (world, limit) in [(first_exit(), None), (endless(), Some(7))] {
        let (mdp, initial) = world;
        let exact = solve_stationary(&mdp, 1e-10).unwrap();
        for behaviour in [Behaviour::Uniform, Behaviour::EpsilonGreedy(0.3), Behaviour::Soft] {
            for seed in SEEDS {
                let simulator = Simulator::new(&mdp, &initial).unwrap();
                let world = match limit {
                    Some(limit) => simulator.with_time_limit(limit).unwrap(),
                    None => simulator,
                };
                let mut world = Noisy { world, width: WIDTH };
                let step_size = StepSize::Hyperbolic { half: 2.0 / (1.0 - mdp.discount()) };
                let mut learner = SoftQLearning::new(Task::of(&mdp).unwrap())
                    .unwrap()
                    .with_behaviour(behaviour)
                    .unwrap()
                    .with_step_size(step_size)
                    .unwrap();
                let mut rng = StdRng::seed_from_u64(seed);
                let progress = learner.train(&mut world, STEPS, &mut rng, go_on).unwrap();
                assert_eq!(progress.steps, STEPS);
                assert_eq!(limit.map(|limit| STEPS / limit), limit.map(|_| progress.episodes));
                let found = learner.action_values().to_owned();
                let samples = learner.visits().to_owned();
                assert_lands(&found, (&mdp, &exact), (step_size, &samples));
                let values = learner.state_values().unwrap();
                assert_abs_diff_eq!(values, exact.state_values(), epsilon = 0.3);
            }
        }
    }
}

/// Cold beside what there is to earn, a learner with nothing set goes on looking: it does not
/// settle for what it tried first.
#[test]
fn a_cold_learner_lands_too() {
    let (mdp, initial) = endless();
    let mdp = mdp.with_rewards(mdp.rewards().mapv(|reward| reward + 5.0)).unwrap();
    let mdp = mdp.with_temperature(0.05).unwrap();
    let exact = solve_stationary(&mdp, 1e-10).unwrap();
    for seed in SEEDS {
        let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
        let mut soft = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
        soft.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        let (found, samples) = (soft.action_values().to_owned(), soft.visits().to_owned());
        let step_size = StepSize::Hyperbolic { half: 2.0 / (1.0 - mdp.discount()) };
        assert_lands(&found, (&mdp, &exact), (step_size, &samples));
        let critic = SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap();
        let mut critic = critic.with_exploration(0.2).unwrap();
        critic.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        let samples = critic.visits().unwrap();
        assert_lands(&critic.action_values().unwrap(), (&mdp, &exact), (step_size, &samples));
    }
}

/// A finite horizon is no contraction, but there is nothing to forget either: errors add up over
/// the stages.
#[test]
fn with_a_horizon_soft_q_learning_lands_on_every_stage() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).inference(Inference::Variational).solve(&model).unwrap();
    for seed in SEEDS {
        let mut world = Noisy { world: Simulator::new(&model, &initial).unwrap(), width: WIDTH };
        let step_size = StepSize::Hyperbolic { half: 10.0 };
        let mut learner = SoftQLearning::new(Task::of_stages(&model, 3).unwrap())
            .unwrap()
            .with_step_size(step_size)
            .unwrap()
            .with_behaviour(Behaviour::Uniform)
            .unwrap();
        learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        assert_lands_on_stages(&learner, (learner.action_values(), learner.visits()), &exact, step_size);
    }
}

/// What was never tried is as it was; the rest has the noise of at most three stages, of a
/// deviation below 1 each.
#[track_caller]
pub(super) fn assert_lands_on_stages<L: Learner<Scalar = f64, Horizon = FiniteHorizon>>(
    learner: &L,
    (found, samples): (ArrayView3<'_, f64>, ArrayView3<'_, u32>),
    exact: &Solution,
    step_size: StepSize,
) {
    for ((at, &found), exact) in found.indexed_iter().zip(exact.action_values()) {
        if samples[at] > 0 {
            let bound = 3.0 * step_size.after(samples[at].min(20_000) / 2).sqrt();
            assert!(
                bound < 0.3 && abs_diff_eq!(found, exact, epsilon = 5.0 * bound / 3.0),
                "{at:?}: {found} {exact}"
            );
        }
    }
    let reached = |t: usize, s: usize| samples.slice(ndarray::s![t, s, ..]).sum() > 0;
    let values = learner.state_values().unwrap();
    for ((t, s), value) in values.indexed_iter().filter(|((t, s), _)| *t == 3 || *s == 2 || reached(*t, *s)) {
        assert_abs_diff_eq!(*value, exact.state_values()[[t, s]], epsilon = 0.1);
    }
}

/// In a certain world with η = 1 every update is a backup: what is left is γ^n, and no noise hides
/// a slip.
#[test]
fn in_a_certain_world_learned_values_are_exact() {
    let dynamics = DeterministicDynamics::<f64>::from_fn(5, 2, |s, a| (2 * s + 3 * a + 1) % 5).unwrap();
    let rewards = Array2::from_shape_fn((5, 2), |(s, a)| (s as f64 - 2.0) * 0.3 + a as f64 * 0.5);
    let mdp = Mdp::builder(dynamics, rewards)
        .discount(0.7)
        .temperature(0.4)
        .terminal_states([3])
        .terminal_values(Array1::from_vec(vec![9.0, 9.0, 9.0, 4.0, 9.0]))
        .build()
        .unwrap();
    let exact = solve_stationary(&mdp, 1e-13).unwrap();
    let once = StepSize::Constant(1.0);
    let mut soft = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap().with_step_size(once).unwrap();
    let mut critic = SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap().with_step_size(once).unwrap();
    let finite = Task::of(&mdp).unwrap().within(6);
    let mut staged = SoftQLearning::new(finite).unwrap().with_step_size(once).unwrap();
    for _ in 0..120 {
        for (s, a) in ndarray::indices((5, 2)).into_iter().filter(|(s, _)| *s != 3) {
            let mut next = 0;
            softmdp::Dynamics::for_each_successor(mdp.dynamics(), s, a, &mut |n, _| next = n);
            // Not marked as terminated: that state 3 is the end is known.
            let step = Step::new(s, a, mdp.rewards()[[s, a]], next);
            soft.update(&step).unwrap();
            critic.update(&step).unwrap();
            (0..6).for_each(|stage| staged.update(&Step { stage, ..step }).unwrap());
        }
    }
    assert_abs_diff_eq!(soft.state_values().unwrap(), exact.state_values(), epsilon = 1e-11);
    for (found, exact) in critic.action_values().unwrap().iter().zip(exact.action_values()) {
        assert_relative_eq!(found, exact, epsilon = 1e-11, max_relative = 0.0);
    }
    let exact = SoftValueIteration::new(6).inference(Inference::Variational).solve(&mdp).unwrap();
    assert_abs_diff_eq!(staged.state_values().unwrap(), exact.state_values(), epsilon = 1e-12);
    let (found, expected) = (staged.policy().unwrap(), exact.policy());
    assert_abs_diff_eq!(found.probabilities(), expected.probabilities(), epsilon = 1e-12);
}

/// At τ = 0 it is Q-learning, and lands on classical dynamic programming.
#[test]
fn at_temperature_zero_it_is_q_learning() {
    let (mdp, initial) = endless();
    let mdp = mdp.with_temperature(0.0).unwrap();
    let exact = solve_stationary(&mdp, 1e-10).unwrap();
    for seed in SEEDS {
        let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
        let mut learner = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
        learner = learner.with_behaviour(Behaviour::EpsilonGreedy(0.5)).unwrap();
        learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        let (found, samples) = (learner.action_values().to_owned(), learner.visits().to_owned());
        assert_lands(&found, (&mdp, &exact), (StepSize::Hyperbolic { half: 8.0 }, &samples));
    }
}
