//! The exact gradient is that of the exact objective, and samples of it have it for their mean.

use approx::{abs_diff_eq, assert_abs_diff_eq, assert_relative_eq};
use ndarray::{Array, Array1, Array2, Array3, Dimension as _};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{
    Environment, Error, FiniteHorizon, Horizon, Learner, Simulator, SoftPolicyGradient, Stationary, StepSize,
    Task,
};
use softmdp::{Mdp, Model, SoftValueIteration, StationaryPolicy, ndarray, solve_stationary};

use super::worlds::{DEAD, endless, first_exit, stages};

/// A policy that nobody chose.
fn lopsided<H: Horizon>(task: Task<f64, H>, seed: u64) -> SoftPolicyGradient<f64, H> {
    let learner = SoftPolicyGradient::new(task).unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let theta = learner.preferences().mapv(|_| rng.random_range(-1.0..1.0));
    learner.with_preferences(&theta).unwrap()
}

/// Central differences of J for each preference that there is.
fn differences<H: Horizon>(
    learner: &SoftPolicyGradient<f64, H>,
    objective: impl Fn(&SoftPolicyGradient<f64, H>) -> f64,
) -> Array<f64, H::Pairs> {
    let step = 1e-4;
    let theta = learner.preferences().to_owned();
    let mut differences = Array::zeros(theta.raw_dim());
    for (at, difference) in differences.iter_mut().enumerate() {
        let moved = |by: f64| {
            let mut theta = theta.clone();
            *theta.iter_mut().nth(at).unwrap() += by;
            objective(&learner.clone().with_preferences(&theta).unwrap())
        };
        if theta.iter().nth(at).is_some_and(|&theta| theta > DEAD) {
            *difference = (moved(step) - moved(-step)) / (2.0 * step);
        }
    }
    differences
}

#[track_caller]
fn assert_is_gradient<H: Horizon, M: Model<Scalar = f64>>(
    learner: &SoftPolicyGradient<f64, H>,
    model: &M,
    initial: &Array1<f64>,
) {
    let gradient = learner.gradient(model, initial).unwrap();
    let differences = differences(learner, |learner| learner.objective(model, initial).unwrap());
    let largest = gradient.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
    assert!(largest > 0.01, "a gradient of nothing shows nothing");
    for (g, d) in gradient.iter().zip(&differences) {
        assert_abs_diff_eq!(g, d, epsilon = 1e-6);
    }
}

#[test]
fn exact_gradient_is_that_of_the_exact_objective() {
    for seed in [1, 2, 3] {
        for (mdp, initial) in [first_exit(), endless()] {
            assert_is_gradient(&lopsided(Task::of(&mdp).unwrap(), seed), &mdp, &initial);
            assert_is_gradient(&lopsided(Task::of(&mdp).unwrap().within(4), seed), &mdp, &initial);
            // Without entropy it is the gradient of the return.
            let hard = mdp.with_temperature(0.0).unwrap();
            assert_is_gradient(&lopsided(Task::of(&hard).unwrap(), seed), &hard, &initial);
        }
        // Without discount, until the end.
        let (mdp, initial) = first_exit();
        let mdp = mdp.with_discount(1.0).unwrap();
        assert_is_gradient(&lopsided(Task::of(&mdp).unwrap(), seed), &mdp, &initial);
        let (model, initial) = stages();
        assert_is_gradient(&lopsided(Task::of_stages(&model, 3).unwrap(), seed), &model, &initial);
    }
}

/// The objective that is differentiated is the one of the policy's own page.
#[test]
fn objective_is_the_elbo_of_the_policy() {
    let (mdp, initial) = first_exit();
    let learner = lopsided(Task::of(&mdp).unwrap(), 4);
    assert_eq!(
        learner.objective(&mdp, &initial).unwrap(),
        learner.policy().unwrap().elbo(&mdp, &initial).unwrap()
    );
    let (model, initial) = stages();
    let learner = lopsided(Task::of_stages(&model, 3).unwrap(), 4);
    assert_eq!(
        learner.objective(&model, &initial).unwrap(),
        learner.policy().unwrap().elbo(&model, &initial).unwrap()
    );
}

/// π^κ ∝ π^{1−ητ/(1−γ)} (ρ^τ exp Q)^{η/(1−γ)}, in plain powers.
fn natural(
    (policy, prior, q): (&Array2<f64>, &Array2<f64>, &Array2<f64>),
    (power, temperature): (f64, f64),
) -> Array2<f64> {
    let mut next = Array2::zeros(policy.dim());
    for ((s, a), p) in next.indexed_iter_mut() {
        if prior[[s, a]] > 0.0 {
            let step = (prior[[s, a]].powf(temperature) * q[[s, a]].exp()).powf(power);
            *p = policy[[s, a]].powf(1.0 - power * temperature) * step;
        }
    }
    for mut row in next.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
    }
    next
}

/// P(·|s,a).
fn row(mdp: &Mdp, s: usize, a: usize) -> Array1<f64> {
    mdp.dynamics().transitions().slice(ndarray::s![s, a, ..]).to_owned()
}

/// Q^π from the policy's own evaluation.
fn action_values(mdp: &Mdp, policy: &StationaryPolicy) -> Array2<f64> {
    let values = policy.evaluate(mdp).unwrap();
    let expected = |s: usize, a: usize| row(mdp, s, a).dot(&values);
    Array2::from_shape_fn(mdp.rewards().dim(), |(s, a)| {
        mdp.rewards()[[s, a]] + mdp.discount() * expected(s, a)
    })
}

/// Where γ = 1, 1 stands for 1−γ; at τ = 0 no step is the largest.
#[test]
fn natural_steps_are_their_rule_and_the_largest_is_soft_policy_iteration() {
    let (ends, goes_on) = (first_exit().0, endless().0);
    let undiscounted = ends.with_discount(1.0).unwrap();
    let cold = |mdp: &Mdp| mdp.with_temperature(0.0).unwrap();
    for (mdp, scale) in [
        (cold(&ends), 0.2),
        (cold(&goes_on), 0.25),
        (cold(&undiscounted), 1.0),
        (ends, 0.2),
        (goes_on, 0.25),
        (undiscounted, 1.0),
    ] {
        for seed in [1, 2, 3] {
            let learner = lopsided(Task::of(&mdp).unwrap(), seed);
            let policy = learner.policy().unwrap();
            let (q, prior) = (action_values(&mdp, &policy), mdp.prior_weights().to_owned());
            let largest = if mdp.temperature() > 0.0 { scale / mdp.temperature() } else { scale };
            for part in [0.1, 0.5, 1.0] {
                let mut learner = learner.clone();
                learner.natural_step(&mdp, part * largest).unwrap();
                let power = part * largest / scale;
                let pi = policy.probabilities().to_owned();
                let expected = natural((&pi, &prior, &q), (power, mdp.temperature()));
                let found = learner.policy().unwrap();
                for state in (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state)) {
                    for (found, expected) in found.probabilities().row(state).iter().zip(expected.row(state))
                    {
                        assert!(abs_diff_eq!(found, expected, epsilon = 1e-12), "{part}: {found} {expected}");
                    }
                }
            }
            // Anything beyond the largest step is refused, and nothing is too large where there is none.
            let too_large = learner.clone().natural_step(&mdp, 1.001 * largest);
            assert_eq!(too_large.is_err(), mdp.temperature() > 0.0);
        }
    }
}

#[test]
fn with_a_horizon_the_largest_natural_step_is_soft_policy_iteration_of_each_stage() {
    let (model, initial) = stages();
    let mut learner = lopsided(Task::of_stages(&model, 3).unwrap(), 1);
    let values = learner.policy().unwrap().evaluate(&model).unwrap();
    let before = learner.objective(&model, &initial).unwrap();
    learner.natural_step(&model, 1.0 / model.temperature()).unwrap();
    assert!(learner.objective(&model, &initial).unwrap() > before);
    let found = learner.policy().unwrap();
    for (t, stage) in model.stages().iter().enumerate() {
        for s in 0..2 {
            let q = |a: usize| {
                let next = row(stage, s, a).dot(&values.row(t + 1));
                stage.rewards()[[s, a]] + 0.9 * next
            };
            let weight = |a: usize| stage.prior_weights()[[s, a]] * (q(a) / 0.8).exp();
            for a in 0..2 {
                let expected = weight(a) / (weight(0) + weight(1));
                assert_abs_diff_eq!(found.probabilities()[[t, s, a]], expected, epsilon = 1e-12);
            }
        }
    }
    // Backward induction is done after as many steps as there are stages.
    (0..2).for_each(|_| learner.natural_step(&model, 1.0 / model.temperature()).unwrap());
    let solver = SoftValueIteration::new(3).inference(softmdp::Inference::Variational);
    let best = solver.solve(&model).unwrap();
    let (found, rows) = (learner.policy().unwrap(), ndarray::s![.., ..2, ..]);
    let (found, expected) = (found.probabilities(), best.policy().probabilities());
    assert_abs_diff_eq!(found.slice(rows), expected.slice(rows), epsilon = 1e-12);
}

#[test]
fn all_three_ways_of_climbing_reach_the_best_policy() {
    let (mdp, initial) = first_exit();
    let best = solve_stationary(&mdp, 1e-12).unwrap();
    let assert_reached = |learner: &SoftPolicyGradient, epsilon: f64| {
        let (found, rows) = (learner.policy().unwrap(), ndarray::s![..3, ..]);
        let (found, expected) = (found.probabilities(), best.probabilities());
        assert_abs_diff_eq!(found.slice(rows), expected.slice(rows), epsilon = epsilon);
    };
    let mut exact = lopsided(Task::of(&mdp).unwrap(), 1);
    // Linear, by a rate that depends on how often the rarest action is taken (M20).
    (0..3000).for_each(|_| exact.ascend(&mdp, &initial, 0.5).unwrap());
    assert_reached(&exact, 1e-9);
    // (C22), theorem 1: an error of γ^k or better at the largest step, quadratic at last.
    let mut natural = lopsided(Task::of(&mdp).unwrap(), 1);
    (0..8).for_each(|_| natural.natural_step(&mdp, 0.2 / 0.7).unwrap());
    assert_reached(&natural, 1e-12);
    // At the top its action values are the best ones, but for V, of which it has seen nothing: the baseline is 0.
    let values = natural.action_values().unwrap();
    for ((s, a), &exact) in best.action_values().indexed_iter() {
        let found: f64 = values[[s, a]] + if s == 3 { 0.0 } else { best.state_values()[s] };
        assert_relative_eq!(found, exact, epsilon = 1e-10, max_relative = 0.0);
    }
    // (C22), theorem 1: at half the largest step the error of τ log π falls by (1 − ητ) a step.
    let mut slower = lopsided(Task::of(&mdp).unwrap(), 1);
    (0..250).for_each(|_| slower.natural_step(&mdp, 0.1 / 0.7).unwrap());
    assert_reached(&slower, 1e-9);
}

const TRAJECTORIES: usize = 100_000;

/// Asserts that the mean of the estimates from `TRAJECTORIES` episodes is the exact gradient to
/// four standard errors in each entry, and that `wrong` is told apart from it.
#[track_caller]
fn assert_unbiased<H: Horizon, M: Model<Scalar = f64>>(
    learner: &SoftPolicyGradient<f64, H>,
    (model, initial): (&M, &Array1<f64>),
    wrong: &Array<f64, H::Pairs>,
    seed: u64,
) {
    let exact = learner.gradient(model, initial).unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = Simulator::new(model, initial).unwrap();
    let mut sum = Array::<f64, H::Pairs>::zeros(exact.raw_dim());
    let mut squares = sum.clone();
    let mut episode = Vec::new();
    for _ in 0..TRAJECTORIES {
        let mut state = world.reset(&mut rng).unwrap();
        episode.clear();
        loop {
            let action = learner.act_at(episode.len(), state, &mut rng).unwrap();
            let step = world.step(action, &mut rng).unwrap();
            episode.push(step);
            state = step.next_state;
            if step.is_last() {
                break;
            }
        }
        let estimate = learner.estimate(&episode).unwrap();
        sum += &estimate;
        squares += &estimate.mapv(|g| g * g);
    }
    let n = TRAJECTORIES as f64;
    let mut is_told_apart = false;
    for (((sum, squares), exact), wrong) in sum.iter().zip(&squares).zip(&exact).zip(wrong) {
        let mean = sum / n;
        let error = ((squares / n - mean * mean) / n).sqrt();
        assert!(abs_diff_eq!(mean, exact, epsilon = 4.0 * error + 1e-12), "{mean} ± {error}, exact {exact}");
        is_told_apart |= (mean - wrong).abs() > 4.0 * error;
    }
    assert!(is_told_apart, "the samples do not show the difference to a wrong gradient");
}

/// A baseline that is not 0, learned from other episodes.
fn with_learned_baseline<H: Horizon, M: Model<Scalar = f64>>(
    learner: SoftPolicyGradient<f64, H>,
    (model, initial): (&M, &Array1<f64>),
) -> SoftPolicyGradient<f64, H> {
    let mut learner = learner.with_rate(1e-9, StepSize::Constant(1.0)).unwrap();
    let mut world = Simulator::new(model, initial).unwrap();
    let mut rng = StdRng::seed_from_u64(99);
    learner.train(&mut world, 1000, &mut rng, |_, _| std::ops::ControlFlow::Continue(())).unwrap();
    learner.begin_episode();
    assert!(learner.state_values().unwrap().iter().any(|b| b.abs() > 0.1));
    learner
}

#[test]
fn sampled_gradient_is_unbiased() {
    let (mdp, initial) = first_exit();
    // Wrong ones: without the entropy, without the discount of later states, without what the end is worth.
    let hard = mdp.with_temperature(0.0).unwrap();
    let worthless = mdp.with_terminal_values(Array1::zeros(4)).unwrap();
    let learner = lopsided(Task::of(&mdp).unwrap(), 5);
    for (seed, wrong) in [(1, &hard), (2, &worthless)] {
        let wrong = learner.gradient(wrong, &initial).unwrap();
        assert_unbiased::<Stationary, _>(&learner, (&mdp, &initial), &wrong, seed);
    }
    let learner = with_learned_baseline(learner, (&mdp, &initial));
    let wrong = undiscounted(&learner, &mdp, &initial);
    assert_unbiased::<Stationary, _>(&learner, (&mdp, &initial), &wrong, 3);

    let (model, initial) = stages();
    let learner = with_learned_baseline(lopsided(Task::of_stages(&model, 3).unwrap(), 6), (&model, &initial));
    let shifted: Array3<f64> = {
        let gradient = learner.gradient(&model, &initial).unwrap();
        Array3::from_shape_fn(gradient.dim(), |(t, s, a)| gradient[[(t + 1) % 3, s, a]])
    };
    assert_unbiased::<FiniteHorizon, _>(&learner, (&model, &initial), &shifted, 4);
}

/// The gradient as it comes out if later states count as much as early ones, a common mistake: rows
/// scaled by visits without discount.
fn undiscounted(learner: &SoftPolicyGradient, mdp: &Mdp, initial: &Array1<f64>) -> Array2<f64> {
    let policy = learner.policy().unwrap();
    let visits = policy.expected_visits(mdp, initial).unwrap();
    let plain = policy.expected_visits(&mdp.with_discount(1.0).unwrap(), initial).unwrap();
    let mut gradient = learner.gradient(mdp, initial).unwrap();
    for (s, mut row) in gradient.rows_mut().into_iter().enumerate() {
        row.mapv_inplace(|g| g * plain[s] / visits[s]);
    }
    gradient
}

#[test]
fn what_is_forbidden_by_its_reward_has_no_gradient() {
    let (mdp, initial) = endless();
    let mut rewards = mdp.rewards().to_owned();
    rewards[[2, 1]] = DEAD;
    let forbidden = mdp.with_rewards(rewards).unwrap();
    let mut learner = lopsided(Task::of(&mdp).unwrap(), 1);
    let before = learner.clone();
    assert!(matches!(learner.gradient(&forbidden, &initial), Err(Error::NoGradient { stage: 0, .. })));
    assert!(matches!(learner.ascend(&forbidden, &initial, 0.1), Err(Error::NoGradient { .. })));
    assert!(matches!(learner.natural_step(&forbidden, 0.01), Err(Error::NoGradient { .. })));
    assert_eq!(learner, before);
    // Unavailable, it is no harm.
    let mut theta = learner.preferences().to_owned();
    theta[[2, 1]] = DEAD;
    let learner = learner.with_preferences(&theta).unwrap();
    let gradient = learner.gradient(&forbidden, &initial).unwrap();
    assert_eq!(gradient[[2, 1]], 0.0);
    assert!(gradient.iter().all(|g| g.is_finite()) && gradient.raw_dim().size() == 18);
}
