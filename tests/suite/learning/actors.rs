//! Actors land where the planner is: actor-critic by the noise of its critics, policy gradients by
//! that of their estimates.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::Array1;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Actor, Environment, Horizon, Learner, Simulator, SoftActorCritic, SoftPolicyGradient, SoftQLearning,
    Step, StepSize, Task,
};
use softmdp::{Inference, Mdp, Model, SoftValueIteration, ndarray, solve_stationary};

use super::convergence::{SEEDS, STEPS, WIDTH, assert_lands, assert_lands_on_stages};
use super::worlds::{Noisy, endless, first_exit, go_on, stages};

#[test]
fn actor_critic_lands_on_the_planner() {
    let either = [Actor::Exact, Actor::Gradient(0.3)];
    for ((mdp, initial), actor) in
        [first_exit(), endless()].into_iter().flat_map(|w| either.map(|a| (w.clone(), a)))
    {
        let exact = solve_stationary(&mdp, 1e-10).unwrap();
        // Of the two critics' values the smaller is taken: below by up to the noise of either.
        for num_critics in [1, 2] {
            for seed in SEEDS {
                let mut world = Noisy { world: Simulator::new(&mdp, &initial).unwrap(), width: WIDTH };
                let mut learner =
                    SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap().with_actor(actor).unwrap();
                if num_critics == 2 {
                    learner = learner.with_two_critics().unwrap();
                }
                learner = learner.with_replay(20_000, 2).unwrap();
                learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
                // Steps that are drawn twice say nothing new, and each critic learns from its share of them.
                let samples = learner.visits().unwrap().mapv(|visits| visits / 2 / num_critics);
                let step_size = StepSize::Hyperbolic { half: 2.0 / (1.0 - mdp.discount()) };
                assert_lands(&learner.action_values().unwrap(), (&mdp, &exact), (step_size, &samples));
                let (found, rows) = (learner.policy().unwrap(), ndarray::s![..3, ..]);
                let (found, expected) = (found.probabilities(), exact.probabilities());
                assert_abs_diff_eq!(found.slice(rows), expected.slice(rows), epsilon = 0.1);
            }
        }
    }
}

/// With a horizon, from a memory as well as without.
#[test]
fn with_a_horizon_actor_critic_lands_on_every_stage() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).inference(Inference::Variational).solve(&model).unwrap();
    let step_size = StepSize::Hyperbolic { half: 10.0 };
    for actor in [Actor::Exact, Actor::Gradient(0.3)] {
        for (seed, has_memory) in SEEDS.into_iter().flat_map(|seed| [(seed, true), (seed, false)]) {
            let mut world = Noisy { world: Simulator::new(&model, &initial).unwrap(), width: WIDTH };
            let mut learner = SoftActorCritic::new(Task::of_stages(&model, 3).unwrap()).unwrap();
            learner = learner.with_actor(actor).unwrap().with_step_size(step_size).unwrap();
            learner = learner.with_exploration(0.5).unwrap();
            if has_memory {
                learner = learner.with_replay(20_000, 2).unwrap();
            }
            learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
            let samples =
                learner.visits().unwrap().mapv(|visits| if has_memory { visits / 2 } else { visits });
            let values = learner.action_values().unwrap();
            assert_lands_on_stages(&learner, (values.view(), samples.view()), &exact, step_size);
        }
    }
}

/// At the temperature that it finds, a choice has the entropy that was asked for, relative to the
/// prior.
///
/// Rewards and successors are certain and γ = 0, so that each action value is exact from its first
/// sample on, and chance only says when. From then on log τ −= κ (H − target), where dH/d log τ =
/// Var_π(Q)/τ²: the error falls by 1 − κ Var/τ² a step. Half of that rate is asked for, which
/// leaves the other half to the way there, along which Var/τ² is another.
#[test]
fn temperature_finds_its_target() {
    const RATE: f64 = 0.003;
    const NUM_STEPS: usize = 60_000;
    let choice = Mdp::new(ndarray::array![[[1.0], [1.0], [1.0]]], ndarray::array![[0.0, 1.0, 2.5]])
        .unwrap()
        .with_discount(0.0)
        .unwrap();
    let weights = softmdp::ActionPrior::Weights(ndarray::array![[0.2, 0.5, 0.3]]);
    let leaning = choice.with_action_prior(weights).unwrap();
    for (mdp, target) in [(&choice, 0.9), (&choice, 0.2), (&leaning, -0.1), (&leaning, -0.8)] {
        for actor in [Actor::Exact, Actor::Gradient(0.2)] {
            for seed in SEEDS {
                let mut world = Simulator::new(mdp, &ndarray::array![1.0]).unwrap();
                let mut learner = SoftActorCritic::new(Task::of(mdp).unwrap())
                    .unwrap()
                    .with_actor(actor)
                    .unwrap()
                    .with_target_entropy(target, RATE)
                    .unwrap();
                learner.train(&mut world, NUM_STEPS, &mut StdRng::seed_from_u64(seed), go_on).unwrap();
                let policy = learner.policy().unwrap();
                let prior = mdp.prior_weights().to_owned();
                let ratio = |a: usize| -> f64 { policy.probabilities()[[0, a]] / prior[[0, a]] };
                let entropy: f64 = (0..3).map(|a| -policy.probabilities()[[0, a]] * ratio(a).ln()).sum();
                let mean = |power: i32| -> f64 {
                    (0..3).map(|a| policy.probabilities()[[0, a]] * mdp.rewards()[[0, a]].powi(power)).sum()
                };
                let variance = mean(2) - mean(1).powi(2);
                let bound =
                    (-0.5 * RATE * NUM_STEPS as f64 * variance / learner.temperature().powi(2)).exp() + 1e-12;
                assert!(bound < 1e-6, "a bound of {bound} shows nothing");
                assert!(abs_diff_eq!(entropy, target, epsilon = bound), "{entropy} {target} {bound}");
                // And it is the policy of that temperature.
                let weight = |a: usize| prior[[0, a]] * (mdp.rewards()[[0, a]] / learner.temperature()).exp();
                let p = weight(0) / (weight(0) + weight(1) + weight(2));
                assert_abs_diff_eq!(policy.probabilities()[[0, 0]], p, epsilon = 1e-6);
            }
        }
    }
}

/// Asserts that what the policy gradient has lost at the top, in the mean over ten seeds, is what
/// its last steps make of the noise of its estimates, and that little is left of what there was to
/// win.
///
/// Near the top J falls off by the curvature H. Steps α (g − H θ), with noise of covariance C,
/// leave θ with a covariance Σ for which HΣ + ΣH = α C, so that the loss ½ tr HΣ is α/4 tr C
/// whatever H is; twice that if α falls like c/n and c times the curvature is at least 1. The mean
/// over ten seeds of a square of normal numbers is above 4.2 times its expectation once in 10⁵
/// times, at worst.
fn assert_climbs<H: Horizon, M: Model<Scalar = f64>>(
    fresh: &SoftPolicyGradient<f64, H>,
    (model, initial, best): (&M, &Array1<f64>, f64),
    (rate, schedule): (f64, StepSize),
    mut world: impl Environment<Scalar = f64>,
) {
    let start = fresh.objective(model, initial).unwrap();
    let (mut lost, mut bound) = (0.0, 0.0);
    for seed in 0..10 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut learner = fresh.clone().with_rate(rate, schedule).unwrap();
        let progress = learner.train(&mut world, 150_000, &mut rng, go_on).unwrap();
        lost += 0.1 * (best - learner.objective(model, initial).unwrap());
        let mut noise = 0.0;
        for _ in 0..500 {
            let mut state = world.reset(&mut rng).unwrap();
            let mut episode: Vec<Step> = Vec::new();
            while !episode.last().is_some_and(Step::is_last) {
                let action = learner.act_at(episode.len(), state, &mut rng).unwrap();
                episode.push(world.step(action, &mut rng).unwrap());
                state = episode[episode.len() - 1].next_state;
            }
            noise += learner.estimate(&episode).unwrap().iter().map(|g| g * g).sum::<f64>() / 500.0;
        }
        bound += 0.1 * 4.2 * 0.5 * rate * schedule.after(u32::try_from(progress.episodes).unwrap()) * noise;
    }
    assert!(bound < 0.1 * (best - start), "a bound of {bound} shows nothing beside {best} − {start}");
    assert!(lost <= bound, "{lost} is lost, not {bound}");
}

#[test]
fn sampled_policy_gradient_climbs_to_the_best_policy() {
    let (model, initial) = stages();
    let exact = SoftValueIteration::new(3).inference(Inference::Variational).solve(&model).unwrap();
    let best = exact.policy().elbo(&model, &initial).unwrap();
    let learner = SoftPolicyGradient::new(Task::of_stages(&model, 3).unwrap()).unwrap();
    let world = Noisy { world: Simulator::new(&model, &initial).unwrap(), width: WIDTH };
    let steps = (0.5, StepSize::Hyperbolic { half: 1000.0 });
    assert_climbs(&learner, (&model, &initial, best), steps, world);
}

/// With a time limit the gradient bootstraps from its baseline: it climbs in a world without end.
#[test]
fn sampled_policy_gradient_climbs_in_a_world_without_end() {
    let (mdp, initial) = endless();
    let best = solve_stationary(&mdp, 1e-10).unwrap().state_values().mean().unwrap();
    let learner = SoftPolicyGradient::new(Task::of(&mdp).unwrap()).unwrap();
    let learner = learner.with_baseline(Some(StepSize::Constant(0.01))).unwrap();
    let world = Simulator::new(&mdp, &initial).unwrap().with_time_limit(10).unwrap();
    let steps = (0.3, StepSize::Hyperbolic { half: 2000.0 });
    assert_climbs(&learner, (&mdp, &initial, best), steps, world);
}

/// Learners of action values work in single precision: what rounding leaves, ε |Q| a step, is far
/// below the noise.
#[test]
fn single_precision_learns_too() {
    let mdp: Mdp<f32> = Mdp::new(
        ndarray::array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5]]],
        ndarray::array![[1.0, 0.0], [-1.0, -0.5]],
    )
    .unwrap()
    .with_discount(0.5)
    .unwrap();
    let double =
        Mdp::new(mdp.dynamics().transitions().mapv(f64::from), mdp.rewards().mapv(f64::from)).unwrap();
    let double = double.with_discount(0.5).unwrap();
    let exact = solve_stationary(&double, 1e-10).unwrap();
    let step_size = StepSize::Hyperbolic { half: 4.0 };
    for seed in SEEDS {
        let mut world = Simulator::new(&mdp, &ndarray::array![1.0, 0.0]).unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut soft = SoftQLearning::new(Task::of(&mdp).unwrap()).unwrap();
        soft.train(&mut world, 100_000, &mut rng, go_on).unwrap();
        let (found, samples) = (soft.action_values().mapv(f64::from), soft.visits().to_owned());
        assert_lands(&found, (&double, &exact), (step_size, &samples));
        let mut critic = SoftActorCritic::new(Task::of(&mdp).unwrap()).unwrap();
        critic.train(&mut world, 100_000, &mut rng, go_on).unwrap();
        let (found, samples) = (critic.action_values().unwrap().mapv(f64::from), critic.visits().unwrap());
        assert_lands(&found, (&double, &exact), (step_size, &samples));
    }
}
