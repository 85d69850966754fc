//! Learned values land on the planner's, from stochastic dynamics and noisy rewards, as closely as the step sizes promise.
//!
//! # The tolerance
//!
//! Let σ bound the standard deviation of a target at the fixed point. The error e of Q splits into N, which averages the noise of
//! each pair alone (N += η (ξ − N)), and a rest that is driven by what it bootstraps from. With step sizes that fall slowly, N has a standard
//! deviation of at most σ √(η/(2−η)) ≤ σ √η, η being that of half as many visits, since what was averaged before that is gone.
//! The derivative of the soft backup is γ P_π, so that to first order the standard deviation of e is at most u, where
//!
//! ```text
//! u(s,a) = σ √η(s,a) + γ Σ_s' P(s'|s,a) Σ_a' π(a'|s') u(s',a')
//! ```
//!
//! Each error is held to 5 u, and the root mean square of all e/u to 1. (Even-Dar and Mansour 2003; Wainwright 2019.)

use ndarray::{Array1, Array2};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Behaviour, Environment, Learner, Simulator, SoftActorCritic, SoftPolicyGradient, SoftQLearning,
    Step, StepSize, Task, ZLearning,
};
use softmdp::{
    DeterministicDynamics, Inference, Mdp, Model, SoftValueIteration, StationarySolution, StationarySolver,
    ndarray, solve_stationary,
};

use super::worlds::{DEAD, Noisy, dear_exit, endless, first_exit, go_on, stages};

const SEEDS: [u64; 3] = [11, 12, 13];
const STEPS: usize = 1_000_000;
const WIDTH: f64 = 0.5;

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

/// Asserts that the action values that were found are as close as the step sizes promise, after so many independent samples.
#[track_caller]
fn assert_lands(
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
    let (mut sum, mut count) = (0.0, 0.0);
    for ((at, &exact), found) in exact.action_values().indexed_iter().zip(found) {
        if exact == DEAD {
            assert_eq!(*found, DEAD);
            continue;
        }
        assert!(bound[at] < 0.4, "a bound of {} shows nothing", bound[at]);
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
                assert!((&values - &exact.state_values()).iter().all(|e| e.abs() < 0.15));
            }
        }
    }
}

/// Cold beside what there is to earn, a learner with nothing set goes on looking: it does not settle for what it tried first.
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

/// A finite horizon is no contraction, but there is nothing to forget either: errors add up over the stages.
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
        // What was never tried is as it was; the rest has the noise of at most three stages, of a deviation below 1 each.
        let visits = learner.visits().to_owned();
        for ((at, &found), exact) in learner.action_values().indexed_iter().zip(exact.action_values()) {
            if visits[at] > 0 {
                let bound = 3.0 * step_size.after(visits[at].min(20_000) / 2).sqrt();
                assert!(bound < 0.1 && (found - exact).abs() <= 5.0 * bound / 3.0, "{at:?}: {found} {exact}");
            }
        }
        let reached = |t: usize, s: usize| learner.visits().slice(ndarray::s![t, s, ..]).sum() > 0;
        let values = learner.state_values().unwrap();
        for ((t, s), value) in
            values.indexed_iter().filter(|((t, s), _)| *t == 3 || *s == 2 || reached(*t, *s))
        {
            assert!((value - exact.state_values()[[t, s]]).abs() < 0.05, "{t} {s}");
        }
    }
}

/// In a certain world with η = 1 every update is a backup: what is left is γ^n, and no noise hides a slip.
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
    for (found, exact) in soft.state_values().unwrap().iter().zip(exact.state_values()) {
        assert!((found - exact).abs() < 1e-11);
    }
    for (found, exact) in critic.action_values().unwrap().iter().zip(exact.action_values()) {
        assert!(found == exact || (found - exact).abs() < 1e-11);
    }
    let exact = SoftValueIteration::new(6).inference(Inference::Variational).solve(&mdp).unwrap();
    for (found, exact) in staged.state_values().unwrap().iter().zip(exact.state_values()) {
        assert!((found - exact).abs() < 1e-12);
    }
    let difference = &staged.policy().unwrap().probabilities() - &exact.policy().probabilities();
    assert!(difference.iter().all(|d| d.abs() < 1e-12));
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

/// Rewards that scatter evenly by ±w count in direct inference with the mean of exp(noise/τ) = sinh(w/τ)/(w/τ), not with their mean.
fn with_folded_noise(mdp: &Mdp, width: f64) -> Mdp {
    let x = width / mdp.temperature();
    let fold = mdp.temperature() * (x.sinh() / x).ln();
    mdp.with_rewards(mdp.rewards().mapv(|reward| reward + fold)).unwrap()
}

/// β is a mean of products along a trajectory: the tolerance is taken from the spread of the answers over the seeds, as is right for
/// a mean, with the t-quantile of ten seeds for one wrong rejection in 10⁵, and held to be small.
#[test]
fn z_learning_lands_on_direct_inference() {
    let (mdp, initial) = dear_exit();
    let exact = StationarySolver::new(1e-10)
        .inference(Inference::Direct)
        .solve(&with_folded_noise(&mdp, WIDTH))
        .unwrap();
    for behaviour in
        [Behaviour::Uniform, Behaviour::EpsilonGreedy(0.3), Behaviour::Soft, Behaviour::default()]
    {
        let answers: Vec<(Array1<f64>, Array2<f64>)> = (0..10)
            .map(|seed| {
                let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
                let mut learner = ZLearning::new(Task::of(&mdp).unwrap())
                    .unwrap()
                    .with_behaviour(behaviour)
                    .unwrap()
                    .with_step_size(StepSize::Hyperbolic { half: 10.0 })
                    .unwrap();
                learner.train(&mut world, STEPS / 4, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
                (learner.state_values().unwrap(), learner.action_values().to_owned())
            })
            .collect();
        let values = answers.iter().map(|(values, _)| values.to_vec()).collect::<Vec<_>>();
        let pairs = answers.iter().map(|(_, pairs)| pairs.iter().copied().collect()).collect::<Vec<_>>();
        assert_mean_is(&values, &exact.state_values().to_vec());
        assert_mean_is(&pairs, &exact.action_values().iter().copied().collect::<Vec<_>>());
    }
}

#[track_caller]
fn assert_mean_is(answers: &[Vec<f64>], exact: &[f64]) {
    let n = answers.len() as f64;
    for (at, &exact) in exact.iter().enumerate() {
        let found: Vec<f64> = answers.iter().map(|answer| answer[at]).collect();
        if exact == DEAD {
            assert!(found.iter().all(|&found| found == DEAD));
            continue;
        }
        let mean = found.iter().sum::<f64>() / n;
        let deviation = (found.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        // Student's t with nine degrees of freedom; the logarithm of a mean is off by half its variance.
        let bound = 7.5 * deviation / n.sqrt() + deviation * deviation + 1e-9;
        assert!(bound < 0.1, "a bound of {bound} shows nothing");
        assert!((mean - exact).abs() <= bound, "entry {at}: {mean} is not {exact} ± {bound}");
    }
}

#[test]
fn with_a_horizon_z_learning_lands_on_every_stage() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).solve(&model).unwrap();
    let answers: Vec<Vec<f64>> = (0..10)
        .map(|seed| {
            let mut world = Simulator::new(&model, &initial).unwrap();
            let mut learner = ZLearning::new(Task::of_stages(&model, 3).unwrap())
                .unwrap()
                .with_step_size(StepSize::Hyperbolic { half: 10.0 })
                .unwrap()
                .with_behaviour(Behaviour::EpsilonGreedy(0.5))
                .unwrap();
            learner.train(&mut world, 200_000, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
            learner.state_values().unwrap().iter().copied().collect()
        })
        .collect();
    assert_mean_is(&answers, &exact.state_values().iter().copied().collect::<Vec<_>>());
}

/// A sample pays what came. In direct inference that is not what was to be expected.
#[test]
fn rewards_on_the_successor_are_paid_as_they_come() {
    let (mdp, initial) = dear_exit();
    let model = mdp.with_successor_rewards(|s, a, n| 1.2 * ((s + 2 * a + n) % 3) as f64 - 1.2).unwrap();
    let exact = StationarySolver::new(1e-10).inference(Inference::Direct).solve(&model).unwrap();
    let expected = StationarySolver::new(1e-10)
        .inference(Inference::Direct)
        .solve(&mdp.with_rewards(model.folded_rewards(Inference::Variational).to_owned()).unwrap())
        .unwrap();
    let difference = &exact.state_values() - &expected.state_values();
    assert!(difference.iter().any(|d| d.abs() > 0.2), "the two can be told apart");
    let answers: Vec<Vec<f64>> = (0..10)
        .map(|seed| {
            let mut world = Simulator::new(&model, &initial).unwrap();
            let mut learner = ZLearning::new(Task::of(&model).unwrap()).unwrap();
            learner = learner.with_step_size(StepSize::Hyperbolic { half: 10.0 }).unwrap();
            learner.train(&mut world, STEPS / 4, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
            learner.state_values().unwrap().to_vec()
        })
        .collect();
    assert_mean_is(&answers, &exact.state_values().to_vec());
}

#[test]
fn actor_critic_lands_on_the_planner() {
    let (mdp, initial) = first_exit();
    let exact = solve_stationary(&mdp, 1e-10).unwrap();
    // Of the two critics' values the smaller is taken: below by up to the noise of either.
    for (actor, num_critics) in
        [(Actor::Exact, 1), (Actor::Exact, 2), (Actor::Gradient(0.3), 1), (Actor::Gradient(0.3), 2)]
    {
        for seed in SEEDS {
            let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
            let mut learner =
                SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap().with_actor(actor).unwrap();
            if num_critics == 2 {
                learner = learner.with_two_critics().unwrap();
            }
            learner = learner.with_replay(20_000, 2).unwrap();
            learner.train(&mut world, STEPS / 2, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
            // Steps that are drawn twice say nothing new, and each critic learns from its share of them.
            let samples = learner.visits().unwrap().mapv(|visits| visits / 2 / num_critics);
            let step_size = StepSize::Hyperbolic { half: 10.0 };
            assert_lands(&learner.action_values().unwrap(), (&mdp, &exact), (step_size, &samples));
            let difference = &learner.policy().unwrap().probabilities() - &exact.probabilities();
            assert!(difference.slice(ndarray::s![..3, ..]).iter().all(|d| d.abs() < 0.1));
        }
    }
}

/// At the temperature that it finds, a choice has the entropy that was asked for, relative to the prior.
#[test]
fn temperature_finds_its_target() {
    let choice = Mdp::new(ndarray::array![[[1.0], [1.0], [1.0]]], ndarray::array![[0.0, 1.0, 2.5]])
        .unwrap()
        .with_discount(0.0)
        .unwrap();
    let weights = softmdp::ActionPrior::Weights(ndarray::array![[0.2, 0.5, 0.3]]);
    let leaning = choice.with_action_prior(weights).unwrap();
    for (mdp, target) in [(&choice, 0.9), (&choice, 0.2), (&leaning, -0.1), (&leaning, -0.8)] {
        for actor in [Actor::Exact, Actor::Gradient(0.2)] {
            let mut world = Simulator::new(mdp, &ndarray::array![1.0]).unwrap();
            let mut learner = SoftActorCritic::new(Task::of(mdp).unwrap())
                .unwrap()
                .with_actor(actor)
                .unwrap()
                .with_target_entropy(target, 0.003)
                .unwrap();
            learner.train(&mut world, 60_000, &mut StdRng::seed_from_u64(1), go_on).unwrap();
            let policy = learner.policy().unwrap();
            let prior = mdp.prior_weights().to_owned();
            let ratio = |a: usize| -> f64 { policy.probabilities()[[0, a]] / prior[[0, a]] };
            let entropy: f64 = (0..3).map(|a| -policy.probabilities()[[0, a]] * ratio(a).ln()).sum();
            assert!((entropy - target).abs() < 1e-6, "{entropy} {target}");
            // And it is the policy of that temperature.
            let weight = |a: usize| prior[[0, a]] * (mdp.rewards()[[0, a]] / learner.temperature()).exp();
            let p = weight(0) / (weight(0) + weight(1) + weight(2));
            assert!((policy.probabilities()[[0, 0]] - p).abs() < 1e-6);
        }
    }
}

#[test]
fn sampled_policy_gradient_climbs_to_the_best_policy() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).inference(Inference::Variational).solve(&model).unwrap();
    let best = exact.policy().elbo(&model, &initial).unwrap();
    for seed in SEEDS {
        let mut learner = SoftPolicyGradient::new(Task::of_stages(&model, 3).unwrap())
            .unwrap()
            .with_rate(0.5, StepSize::Hyperbolic { half: 1000.0 })
            .unwrap();
        let start = learner.objective(&model, &initial).unwrap();
        let mut world = Noisy { world: Simulator::new(&model, &initial).unwrap(), width: WIDTH };
        learner.train(&mut world, 400_000, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
        let reached = learner.objective(&model, &initial).unwrap();
        // J is flat at the top: what is lost there is the square of the noise that is left.
        assert!(best - reached < 0.003 && best - start > 0.1, "{start} {reached} {best}");
    }
}

/// With a time limit the gradient bootstraps from its baseline: it climbs in a world without end.
#[test]
fn sampled_policy_gradient_climbs_in_a_world_without_end() {
    let (mdp, initial) = endless();
    let best = solve_stationary(&mdp, 1e-10).unwrap().state_values().mean().unwrap();
    let mut learner = SoftPolicyGradient::new(Task::of(&mdp).unwrap())
        .unwrap()
        .with_rate(0.3, StepSize::Hyperbolic { half: 2000.0 })
        .unwrap()
        .with_baseline(Some(StepSize::Constant(0.01)))
        .unwrap();
    let start = learner.objective(&mdp, &initial).unwrap();
    let mut world = Simulator::new(&mdp, &initial).unwrap().with_time_limit(10).unwrap();
    learner.train(&mut world, 400_000, &mut StdRng::seed_from_u64(3), go_on).unwrap();
    let reached = learner.objective(&mdp, &initial).unwrap();
    assert!(best - reached < 0.1 * (best - start), "{start} {reached} {best}");
}

/// Every learner works in single precision.
#[test]
fn single_precision_learns_too() {
    let mdp: Mdp<f32> = Mdp::new(
        ndarray::array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5]]],
        ndarray::array![[1.0, 0.0], [-1.0, -0.5]],
    )
    .unwrap()
    .with_discount(0.5)
    .unwrap();
    let exact = solve_stationary(&mdp, 1e-4).unwrap();
    let mut world = Simulator::new(&mdp, &ndarray::array![1.0, 0.0]).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut soft = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
    soft.train(&mut world, 100_000, &mut rng, go_on).unwrap();
    let mut critic = SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap();
    critic.train(&mut world, 100_000, &mut rng, go_on).unwrap();
    for values in [soft.state_values().unwrap(), critic.state_values().unwrap()] {
        assert!((&values - &exact.state_values()).iter().all(|d| d.abs() < 0.02));
    }
    assert!(mdp.num_stages().is_none());
}
