//! Forward messages that spread over any number of nats are exact, and cost no more than a few
//! passes.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use approx::abs_diff_eq;
use softmdp::ndarray::{Array1, Array2};
use softmdp::{Dynamics, Mdp, forward_messages};

/// Two neighbours on a ring, nearly always the first; counts how often it is pushed through.
#[derive(Debug)]
struct Ring {
    num_states: usize,
    pushes: AtomicUsize,
    visits: AtomicUsize,
}

impl Dynamics for Ring {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        self.num_states
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.visits.fetch_add(1, Ordering::Relaxed);
        visit(state, 0.75);
        visit((state + 1) % self.num_states, 0.25);
    }

    fn push_forward(&self, states: Range<usize>, next: Range<usize>, k: usize, x: &[f64], w: &mut [f64]) {
        self.pushes.fetch_add(1, Ordering::Relaxed);
        for (state, x) in states.zip(x.chunks_exact(k)) {
            for (next_state, p) in [(state, 0.75), ((state + 1) % self.num_states, 0.25)] {
                if next.contains(&next_state) {
                    w[next_state - next.start] += p * x[0];
                }
            }
        }
    }

    fn work(&self, states: Range<usize>) -> usize {
        2 * states.len()
    }
}

#[test]
fn messages_that_spread_over_millions_of_nats_are_exact_and_cost_a_few_passes() {
    let (num_states, horizon, temperature) = (1500, 6, 1e-3);
    let reward = |state: usize| -((state * 7919 % num_states) as f64);
    let rewards = Array2::from_shape_fn((num_states, 1), |(state, _)| reward(state));
    let ring = Ring { num_states, pushes: AtomicUsize::new(0), visits: AtomicUsize::new(0) };
    let mdp = Mdp::builder(ring, rewards).temperature(temperature).build().unwrap();
    mdp.dynamics().visits.store(0, Ordering::Relaxed);
    let initial = Array1::from_elem(num_states, 1.0 / num_states as f64);
    let messages = forward_messages(&mdp, &initial, horizon).unwrap();

    // The recursion in logarithms, term by term: exact, and slow for anything but two predecessors.
    let mut logs = initial.mapv(f64::ln);
    for t in 0..horizon {
        let weight = |state: usize| logs[state] + reward(state) / temperature;
        let next = Array1::from_shape_fn(num_states, |state| {
            let before = (state + num_states - 1) % num_states;
            let (a, b) = (weight(state) + 0.75_f64.ln(), weight(before) + 0.25_f64.ln());
            a.max(b) + (-(a - b).abs()).exp().ln_1p()
        });
        let normalizer = softmdp::log_sum_exp(&(0..num_states).map(weight).collect::<Vec<_>>());
        logs = next - normalizer;
        for (found, expected) in messages.log_forward().row(t + 1).iter().zip(&logs) {
            let epsilon = 4.0 * f64::EPSILON * (t + 1) as f64 * expected.abs().max(1.5e6);
            assert!(abs_diff_eq!(found, expected, epsilon = epsilon), "stage {}", t + 1);
        }
    }
    let spread = messages.log_forward().row(horizon).iter().fold(0.0_f64, |least, &log| least.min(log));
    assert!(spread < -1e6, "the messages must be wide: {spread}");

    // Four bands of 600 nats at most, for every one of the 2500 there are; what is left visits each row once.
    let (pushes, visits) = (&mdp.dynamics().pushes, &mdp.dynamics().visits);
    assert!(pushes.load(Ordering::Relaxed) <= 4 * horizon);
    assert!(visits.load(Ordering::Relaxed) <= num_states * horizon);
}
