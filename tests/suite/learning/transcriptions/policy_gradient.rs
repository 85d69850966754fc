//! The sampled policy gradient, by the definition of the score-function estimate.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use ndarray::{Array2, Array3};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use softmdp::learning::{Horizon, Learner, SoftPolicyGradient, Step, StepSize, Task};
use softmdp::ndarray;

use super::{SEEDS, Told, softmax};

/// Σ_t γ^t (G_t − b) ∂ log π, each return summed from its own step on.
fn estimate(
    told: &Told,
    episode: &[Step],
    theta: &Array3<f64>,
    (baseline, end): (&Array2<f64>, f64),
) -> Array3<f64> {
    let mut gradient = told.zeros();
    for (t, step) in episode.iter().enumerate() {
        let total = return_of(told, &episode[t..], theta, end);
        let stage = told.stage(step);
        let weight = told.discount.powi(i32::try_from(t).unwrap()) * (total - baseline[[stage, step.state]]);
        for (a, p) in softmax(told, (stage, step.state), theta).into_iter().enumerate() {
            let score = if a == step.action { 1.0 - p } else { -p };
            gradient[[stage, step.state, a]] += weight * score;
        }
    }
    gradient
}

/// G of the first step of what is left of an episode.
fn return_of(told: &Told, episode: &[Step], theta: &Array3<f64>, end: f64) -> f64 {
    let discount = |k: usize| told.discount.powi(i32::try_from(k).unwrap());
    let earned = episode.iter().enumerate().map(|(k, step)| {
        let stage = told.stage(step);
        let ratio = softmax(told, (stage, step.state), theta)[step.action]
            / told.prior[[stage, step.state, step.action]];
        discount(k) * (step.reward - told.temperature * ratio.ln())
    });
    earned.sum::<f64>() + discount(episode.len()) * end
}

/// An episode of any possible steps that ends in a terminal state or with the horizon, or is cut
/// off.
fn any_episode(told: &Told, is_cut: bool, rng: &mut StdRng) -> Vec<Step> {
    let (stages, states, actions) = told.shape();
    let longest = if told.is_finite { stages } else { 5 };
    let len = rng.random_range(1..=longest);
    let possible = told.possible();
    let mut draw = |count: usize, is_right: &dyn Fn(usize) -> bool| loop {
        let drawn = rng.random_range(0..count);
        if is_right(drawn) {
            break drawn;
        }
    };
    let mut state = draw(states, &|s| !told.is_terminal[s]);
    let mut episode = Vec::new();
    for stage in 0..len {
        let action = draw(actions, &|a| possible(stage, state, a));
        let is_last = stage + 1 == len;
        let is_horizon = told.is_finite && stage + 1 == stages;
        let ends = is_last && !is_cut;
        let next_state = draw(states, &|s| is_horizon || told.is_terminal[s] == ends);
        let reward = 0.01 * draw(200, &|_| true) as f64 - 1.0;
        let truncated = is_last && is_cut;
        episode.push(Step { stage, truncated, ..Step::new(state, action, reward, next_state) });
        state = next_state;
    }
    episode
}

fn check_policy_gradient<H: Horizon>(told: &Told, task: Task<f64, H>, has_baseline: bool, seed: u64) {
    let (stages, states, _) = told.shape();
    let mut rng = StdRng::seed_from_u64(seed);
    let schedule = StepSize::Hyperbolic { half: 30.0 };
    let mut learner = SoftPolicyGradient::new(task).unwrap().with_rate(0.05, schedule).unwrap();
    if !has_baseline {
        learner = learner.with_baseline(None).unwrap();
    }
    let mut theta = told.zeros();
    let mut baseline = Array2::<f64>::zeros((stages, states));
    let mut visits = baseline.clone();
    let mut bootstrapped = 0;
    for number in 0..60 {
        let episode = any_episode(told, number % 3 == 0, &mut rng);
        let last = episode.last().unwrap();
        let end = match told.place(last).1 {
            Some(next) => baseline[[next, last.next_state]],
            None => told.terminal_values[last.next_state],
        };
        bootstrapped += usize::from(told.place(last).1.is_some() && end != 0.0);
        let expected = estimate(told, &episode, &theta, (&baseline, end));
        let found = learner.estimate(&episode).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
        }
        let before = theta.clone();
        theta.scaled_add(0.05 * 30.0 / (30.0 + f64::from(number)), &expected);
        // The baseline is the mean of all returns, in the order from the last step to the first.
        for t in (0..episode.len()).rev().filter(|_| has_baseline) {
            let at = [told.stage(&episode[t]), episode[t].state];
            visits[at] += 1.0;
            baseline[at] += (return_of(told, &episode[t..], &before, end) - baseline[at]) / visits[at];
        }
        episode.iter().for_each(|step| learner.update(step).unwrap());
        told.assert_close(learner.preferences(), &theta);
        for (((_, s), &expected), &found) in baseline
            .indexed_iter()
            .zip(&learner.state_values().unwrap())
            .filter(|(((_, s), _), _)| !told.is_terminal[*s])
        {
            assert!(abs_diff_eq!(found, expected, epsilon = 1e-12), "{s}: {found} {expected}");
        }
    }
    assert_eq!(bootstrapped > 5, has_baseline, "{bootstrapped} episodes were cut off before a known value");
    // Taken away, what a baseline has learned counts no more, neither for a step nor after the last one.
    let learner = learner.with_baseline(None).unwrap();
    for is_cut in [true, false] {
        let episode = any_episode(told, is_cut, &mut rng);
        let last = episode.last().unwrap();
        let end = told.place(last).1.map_or_else(|| told.terminal_values[last.next_state], |_| 0.0);
        let nothing = Array2::zeros((stages, states));
        let expected = estimate(told, &episode, &theta, (&nothing, end));
        for (found, expected) in learner.estimate(&episode).unwrap().iter().zip(&expected) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
        }
    }
}

#[test]
fn policy_gradient_is_its_rule() {
    for seed in SEEDS {
        for has_baseline in [true, false] {
            let (told, task) = Told::of_first_exit();
            check_policy_gradient(&told, task, has_baseline, seed);
            let (told, task) = Told::of_stages();
            check_policy_gradient(&told, task, has_baseline, seed);
        }
    }
}
