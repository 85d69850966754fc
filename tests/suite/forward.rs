//! Forward messages that spread over any number of nats are exact, and cost no more than a few
//! passes.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use approx::abs_diff_eq;
use softmdp::ndarray::{Array1, Array2};
use softmdp::{
    Dynamics, Mdp, Observation, SparseDynamics, TimeVaryingMdp, forward_messages, forward_messages_given,
    posterior,
};

use crate::common::{assert_close, assert_tables_close};

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

    // Four bands of 600 nats at most, for every one of the 2500 there are; what is left visits each
    // row once.
    let (pushes, visits) = (&mdp.dynamics().pushes, &mdp.dynamics().visits);
    assert!(pushes.load(Ordering::Relaxed) <= 4 * horizon);
    assert!(visits.load(Ordering::Relaxed) <= num_states * horizon);
}

/// 900 states on a ring, of which some end and one action is unavailable in some; rewards within
/// `pay` of 0.
fn loops(pay: f64, discount: f64) -> Mdp<f64, SparseDynamics> {
    let row = |s: usize, a: usize| {
        let (near, far) = ((s + a) % 900, (s * (a + 2) + 7) % 900);
        if near == far { vec![(near, 1.0)] } else { vec![(near, 0.75), (far, 0.25)] }
    };
    let dynamics = SparseDynamics::from_fn(900, 3, row).unwrap();
    let mut rewards = Array2::from_shape_fn((900, 3), |(s, a)| pay * ((s * 31 + a * 17) % 13) as f64 / 12.0);
    (0..900).step_by(11).for_each(|s| rewards[[s, 1]] = f64::NEG_INFINITY);
    let builder = Mdp::builder(dynamics, rewards).terminal_states((0..900).step_by(50));
    builder.discount(discount).build().unwrap()
}

/// Ends in some states, and steps of probability `rare` to a neighbour in the others: messages
/// beyond what plain numbers hold.
fn rare_steps(rare: f64, reward: f64) -> Mdp<f64, SparseDynamics> {
    let row = |s: usize, a: usize| [(s, 1.0), ((s + 1 + a) % 900, rare)];
    let dynamics = SparseDynamics::from_fn(900, 3, row).unwrap();
    let builder = Mdp::builder(dynamics, Array2::from_elem((900, 3), reward));
    builder.terminal_states((0..900).step_by(50)).build().unwrap()
}

/// Homogeneous models carry messages as plain numbers; the same stages as a model that may vary go
/// from logarithm to logarithm.
#[test]
fn carried_messages_are_those_of_logarithms() {
    let horizon = 24;
    let uniform = Array1::from_elem(900, 1.0 / 900.0);
    let certain = Array1::from_shape_fn(900, |state| f64::from(u8::from(state == 123)));
    let seen = |stage| Observation::new(stage, Array1::from_shape_fn(900, |s| -((s % 7) as f64)));
    // From rewards as they usually are to some that leave nearly all mass to terminal states. Where
    // those of a state lie as far apart as the last two, rows are not mixed.
    let pays = [(-1.0, 1.0), (2.0, 0.9), (-300.0, 1.0), (-5000.0, 0.99), (5000.0, 1.0)];
    let models = pays.map(|(pay, discount)| loops(pay, discount)).into_iter();
    // The last step is right, and the next is not; the messages of other states are not right
    // already.
    let models = models.chain([rare_steps(4e-307, 0.0), rare_steps(1e-200, -400.0)]);
    for (index, mdp) in models.enumerate() {
        let varying = TimeVaryingMdp::new(vec![mdp.clone(); horizon]).unwrap();
        for initial in [&uniform, &certain] {
            for observations in [vec![], vec![seen(5), seen(13), seen(13)]] {
                let found = forward_messages_given(&mdp, initial, horizon, observations.clone()).unwrap();
                let expected = forward_messages_given(&varying, initial, horizon, observations).unwrap();
                let what = format!("model {index}");
                assert_tables_close(&found.log_forward(), &expected.log_forward(), 1e-13, &what);
                assert_tables_close(&found.log_normalizers(), &expected.log_normalizers(), 1e-13, &what);
                assert_tables_close(&found.log_absorbed(), &expected.log_absorbed(), 1e-13, &what);
                assert_close(found.log_evidence(), expected.log_evidence(), 1e-13, &what);
            }
        }
    }
}

/// Both actions of state 1 cost more than plain numbers span.
#[test]
fn mass_is_not_lost_where_a_state_costs_more_than_plain_numbers_span() {
    let row = |s: usize, _: usize| [(s, 0.5), ((s + 1) % 2048, 0.5)];
    let dynamics = SparseDynamics::from_fn(2048, 2, row).unwrap();
    let costs = |cost: f64| Array2::from_shape_fn((2048, 2), |(s, _)| if s == 1 { -cost } else { 0.0 });
    let start_in = |state| Array1::from_shape_fn(2048, |s| f64::from(u8::from(s == state)));
    for (cost, start) in [(1000.0, 0), (1000.0, 1), (650.0, 0), (650.0, 1)] {
        let mdp = Mdp::builder(dynamics.clone(), costs(cost)).build().unwrap();
        let varying = TimeVaryingMdp::new(vec![mdp.clone(); 10]).unwrap();
        let found = forward_messages(&mdp, &start_in(start), 10).unwrap();
        let expected = forward_messages(&varying, &start_in(start), 10).unwrap();
        let what = format!("{cost} from {start}");
        assert_tables_close(&found.log_forward(), &expected.log_forward(), 1e-13, &what);
        assert_close(found.log_evidence(), expected.log_evidence(), 1e-13, &what);
        // Through state 1 in one step, of all the ways to state 2.
        let way = posterior(&mdp, &start_in(start), 10).unwrap();
        let expected = posterior(&varying, &start_in(start), 10).unwrap();
        assert_tables_close(&way.state_marginals(), &expected.state_marginals(), 1e-12, &what);
    }
    let mdp = Mdp::builder(dynamics, costs(200.0)).build().unwrap().cast::<f32>().unwrap();
    let found = forward_messages(&mdp, &start_in(0).mapv(|p| p as f32), 10).unwrap();
    // e^−200 / 4 of a total of 1/2.
    assert!((found.log_forward()[[2, 2]] + 200.0 + 2.0_f32.ln()).abs() < 1e-3);
}

/// Log-likelihoods are known up to a constant, which may be larger than plain numbers hold.
#[test]
fn a_constant_of_all_likelihoods_changes_the_evidence_alone() {
    let (mdp, initial) = (loops(-1.0, 1.0), Array1::from_elem(900, 1.0 / 900.0));
    let given = |mdp: &Mdp<f64, SparseDynamics>, constant| {
        let seen = Observation::new(13, Array1::from_elem(900, constant));
        forward_messages_given(mdp, &initial, 24, [seen]).unwrap()
    };
    let plain = given(&mdp, 0.0);
    for constant in [77.0, 80.0, 800.0] {
        let raised = given(&mdp, constant);
        assert_tables_close(&raised.log_forward(), &plain.log_forward(), 1e-12, "messages");
        assert_close(raised.log_evidence(), plain.log_evidence() + constant, 1e-13, "evidence");
    }
    let seen = Observation::new(13, Array1::from_elem(900, 25.0_f32));
    let (mdp, initial) = (mdp.cast::<f32>().unwrap(), initial.mapv(|p: f64| p as f32));
    let raised = forward_messages_given(&mdp, &initial, 24, [seen]).unwrap();
    assert!((f64::from(raised.log_evidence()) - plain.log_evidence() - 25.0).abs() < 1e-3);
}

#[test]
fn carried_messages_in_single_precision_are_those_in_double() {
    for (pay, discount) in [(-1.0, 1.0), (-40.0, 0.9)] {
        let (mdp, initial) = (loops(pay, discount), Array1::from_elem(900, 1.0 / 900.0));
        let expected = forward_messages(&mdp, &initial, 24).unwrap();
        let found =
            forward_messages(&mdp.cast::<f32>().unwrap(), &initial.mapv(|p: f64| p as f32), 24).unwrap();
        let found = found.log_forward().mapv(f64::from);
        assert_tables_close(&found, &expected.log_forward(), 1e-5, &format!("rewards up to {pay}"));
    }
}
