//! Scores of models whose stages are alike equal those of the same stages given one by one, which
//! flow pair by pair.

use softmdp::Inference::Direct;
use softmdp::inverse::{Demonstrations, Likelihood, Score};
use softmdp::ndarray::{Array1, Array2, Array3};
use softmdp::{Mdp, Real, TimeVaryingMdp, Trajectory};

use crate::common::random::Random;

const NUM_STATES: usize = 48; // enough transitions for mixed rows
const NUM_ACTIONS: usize = 3;
const HORIZON: usize = 12;

/// What makes a model special.
#[derive(Debug, Clone, Copy)]
struct Settings {
    spread: f64, // of the rewards
    shift: f64,  // of all rewards
    end: f64,    // terminal values lie between 0 and this
    gap: f64,    // if not 0, the upper half is a world apart, whose terminal values are lower by this
    temperature: f64,
    discount: f64,
}

const PLAIN: Settings =
    Settings { spread: 2.0, shift: -0.5, end: 1.0, gap: 0.0, temperature: 1.0, discount: 1.0 };

/// Full rows, some impossible pairs, and two terminal states, of which one excludes success.
fn model(settings: Settings) -> Mdp {
    let random = &mut Random(77);
    let mut transitions = Array3::zeros((NUM_STATES, NUM_ACTIONS, NUM_STATES));
    let is_upper = |state: usize| state >= NUM_STATES / 2;
    for (pair, mut row) in transitions.rows_mut().into_iter().enumerate() {
        row.assign(&random.distribution(NUM_STATES, 0.9));
        if settings.gap != 0.0 {
            let is_far = |next: usize| is_upper(next) != is_upper(pair / NUM_ACTIONS);
            (0..NUM_STATES).filter(|&next| is_far(next)).for_each(|next| row[next] = 0.0);
            row /= row.sum();
        }
    }
    let shape = (NUM_STATES, NUM_ACTIONS);
    let mut rewards =
        Array2::from_shape_simple_fn(shape, || settings.spread * (random.uniform() - 0.5) + settings.shift);
    for state in (0..NUM_STATES).step_by(5) {
        rewards[[state, state % NUM_ACTIONS]] = f64::NEG_INFINITY;
    }
    let mut ends = Array1::from_shape_simple_fn(NUM_STATES, || settings.end * random.uniform());
    (0..NUM_STATES).filter(|&state| is_upper(state)).for_each(|state| ends[state] -= settings.gap);
    ends[NUM_STATES - 1] = f64::NEG_INFINITY;
    let mdp = Mdp::builder(transitions, rewards).terminal_states([NUM_STATES - 2, NUM_STATES - 1]);
    let mdp = mdp.terminal_values(ends).temperature(settings.temperature).discount(settings.discount);
    mdp.build().unwrap()
}

/// Walks of possible steps in both halves, of which half are cut off.
fn walks<F: Real>(mdp: &Mdp) -> Demonstrations<F> {
    let random = &mut Random(5);
    let walk = |(first, is_cut_off)| {
        let length = if is_cut_off { HORIZON / 2 } else { HORIZON };
        let (mut states, mut actions) = (vec![first], Vec::new());
        while actions.len() < length {
            let state = states[actions.len()];
            let action = random.below(NUM_ACTIONS);
            let next = random.below(NUM_STATES - 2);
            let is_possible = mdp.rewards()[[state, action]] > f64::NEG_INFINITY;
            if is_possible && mdp.dynamics().transitions()[[state, action, next]] > 0.0 {
                actions.push(action);
                states.push(next);
            }
        }
        Trajectory::new(states, actions).unwrap()
    };
    let kinds = [(3, false), (30, false), (11, true), (40, true)];
    Demonstrations::new(kinds.map(walk)).with_cut_off(kinds.map(|(_, is_cut_off)| is_cut_off)).unwrap()
}

fn numbers<F: Real>(score: &Score<F>) -> Vec<f64> {
    // At γ = 1, the derivative may leave the number type.
    let slope = score.discount_gradient().unwrap_or(F::from_f64(0.0));
    let sums = [score.value(), score.temperature_gradient(), slope];
    let tables = score.reward_gradient().into_iter().chain(score.terminal_gradient());
    let all = sums.iter().chain(tables).chain(score.residual_visits());
    all.map(|number| number.into_f64()).collect()
}

/// Compares all numbers of the two scores, relative to the larger of 1 and the number.
fn check<F: Real>(settings: Settings, tolerance: f64) {
    let mdp = model(settings);
    let likelihoods = [Likelihood::<F>::trajectories(), Likelihood::actions(Direct)];
    for likelihood in likelihoods.map(|likelihood| likelihood.horizon(HORIZON)) {
        let seen = walks::<F>(&mdp);
        let mdp = mdp.cast::<F>().unwrap();
        let rewards = mdp.rewards();
        let table = rewards.broadcast((HORIZON, NUM_STATES, NUM_ACTIONS)).unwrap().to_owned();
        let stages = TimeVaryingMdp::from_rewards(&mdp, table).unwrap();
        let found = numbers(&likelihood.evaluate(&mdp, &seen).unwrap());
        let expected = numbers(&likelihood.evaluate(&stages, &seen).unwrap());
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let is_near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
            assert!(is_near, "{likelihood:?} of {settings:?}, number {place}: {found}, {expected}");
        }
    }
}

#[test]
fn with_and_without_a_discount() {
    for discount in [1.0, 0.9, 1e-3] {
        check::<f64>(Settings { discount, ..PLAIN }, 1e-11);
        check::<f32>(Settings { discount, ..PLAIN }, 2e-3);
    }
}

#[test]
fn rewards_from_close_together_to_too_far_apart_for_mixed_rows() {
    // Beyond 300 nats, or 25 in single precision, rows are not mixed.
    for spread in [1e-6, 20.0, 60.0, 250.0, 500.0, 5000.0] {
        check::<f64>(Settings { spread, ..PLAIN }, 1e-9);
    }
    for spread in [1e-3, 10.0, 20.0, 40.0, 200.0] {
        check::<f32>(Settings { spread, ..PLAIN }, 0.02);
    }
}

#[test]
fn extreme_values_at_the_end() {
    // Flow from one terminal value alone; a horizon apart, values meet again.
    for end in [-1e4, -600.0, 600.0, 1e4] {
        for discount in [1.0, 0.9] {
            check::<f64>(Settings { end, discount, ..PLAIN }, 1e-8);
        }
    }
}

#[test]
fn leaving_is_far_better_than_going_on() {
    for shift in [-50.0, -500.0] {
        check::<f64>(Settings { shift, discount: 0.9, ..PLAIN }, 1e-8);
    }
}

#[test]
fn temperatures_far_from_1() {
    for temperature in [0.01, 30.0] {
        check::<f64>(Settings { temperature, ..PLAIN }, 1e-9);
    }
}

#[test]
fn worlds_whose_values_lie_too_far_apart_for_one_scale() {
    for gap in [100.0, 400.0, 700.0, 1e4] {
        for discount in [1.0, 0.9] {
            check::<f64>(Settings { gap, discount, ..PLAIN }, 1e-8);
        }
    }
    for gap in [20.0, 60.0, 80.0, 500.0] {
        check::<f32>(Settings { gap, ..PLAIN }, 0.02);
    }
}
