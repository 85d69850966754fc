//! Random models with everything that a bound may get wrong.

use ndarray::{Array1, Array2, Array3};
use softmdp::{ActionPrior, Mdp, Real, ndarray};

use crate::common::random::Random;

/// A model of at most six states and four actions: zeros among the probabilities, rewards of −∞ and
/// 10^5, weights of any size and 0, actions that do not exist, terminal states worth −∞, rows that
/// sum to 1 only as closely as they must.
pub(crate) fn random<F: Real>(seed: u64, discounts: &[f64], temperatures: &[f64]) -> Mdp<F> {
    let mut random = Random(seed);
    let (num_states, num_actions) = (1 + random.below(6), 1 + random.below(4));
    let temperature = F::from_f64(random.pick(temperatures));
    let discount = F::from_f64(random.pick(discounts));
    let (has_ends, has_dead, is_sloppy) = (random.chance(0.5), random.chance(0.3), random.chance(0.3));
    let scale = random.pick(&[1.0, 1.0, 1e-3, 1e5]);
    let slop = if is_sloppy { 0.9 * F::ROW_SUM_TOLERANCE } else { 0.0 };
    let mut transitions = Array3::zeros((num_states, num_actions, num_states));
    for mut row in transitions.rows_mut() {
        row.iter_mut().for_each(|p| *p = if random.chance(0.5) { random.uniform() } else { 0.0 });
        row[random.below(num_states)] += 0.1;
        let sum = row.sum() / (1.0 + slop * (2.0 * random.uniform() - 1.0));
        row.iter_mut().for_each(|p| *p /= sum);
    }
    let rewards = Array2::from_shape_fn((num_states, num_actions), |_| {
        if has_dead && random.chance(0.3) {
            f64::NEG_INFINITY
        } else {
            scale * (4.0 * random.uniform() - 2.0)
        }
    });
    let is_terminal = Array1::from_shape_fn(num_states, |_| has_ends && random.chance(0.3));
    let terminal_values = Array1::from_shape_fn(num_states, |_| {
        if has_dead && random.chance(0.3) {
            f64::NEG_INFINITY
        } else {
            scale * (4.0 * random.uniform() - 2.0)
        }
    });
    let mut available = Array2::from_shape_fn((num_states, num_actions), |_| random.chance(0.8));
    let mut weights =
        Array2::from_shape_fn((num_states, num_actions), |_| random.pick(&[0.0, 0.5, 1.0, 1.0, 3.0, 1e-9]));
    for state in 0..num_states {
        // A state may be a dead end, but not for want of weights.
        if has_dead && random.chance(0.1) {
            available.row_mut(state).fill(false);
        } else {
            let action = random.below(num_actions);
            (available[[state, action]], weights[[state, action]]) = (true, 0.7);
        }
    }
    let prior = match random.below(3) {
        0 => ActionPrior::Counting,
        1 => ActionPrior::Uniform,
        _ => ActionPrior::Weights(weights.mapv(F::from_f64)),
    };
    let real = |x: f64| F::from_f64(x);
    Mdp::builder(transitions.mapv(real), rewards.mapv(real))
        .discount(discount)
        .temperature(temperature)
        .action_prior(prior)
        .available_actions(available)
        .terminal_values(terminal_values.mapv(real))
        .terminal_states((0..num_states).filter(|&state| is_terminal[state]))
        .build()
        .unwrap()
}
