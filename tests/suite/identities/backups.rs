//! Backups, whichever way they are computed: many states at once, by the linear recursion, from
//! maxima of their own.

use approx::{abs_diff_eq, relative_eq};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use softmdp::{
    ActionPrior, DenseDynamics, Dynamics, Inference, Mdp, Real, SoftValueIteration, SparseDynamics,
    log_sum_exp, ndarray,
};

use crate::common::{
    Heavy, MINUS_INFINITY, Plain, Sizes, Tables, assert_close, assert_tables_close, cases, tables,
};
use crate::identities::{BOTH, certain, models};

/// What comes after the reward of a pair, by the formula.
fn continuation(
    dynamics: &dyn Dynamics<Scalar = f64>,
    (state, action): (usize, usize),
    next: &[f64],
    tables: &Tables,
    inference: Inference,
) -> f64 {
    let (discount, tau) = (tables.discount, tables.temperature);
    let (mut logs, mut mean) = (vec![(1.0 - discount).ln()], 0.0);
    dynamics.for_each_successor(state, action, &mut |next_state, p| {
        if p > 0.0 {
            logs.push(discount.ln() + p.ln() + next[next_state] / tau);
            mean += p * next[next_state];
        }
    });
    match inference {
        _ if discount == 0.0 => 0.0,
        Inference::Direct => tau * log_sum_exp(&logs),
        Inference::Variational => discount * mean,
    }
}

/// V alone and with action values, of one model at a time.
fn both_ways<F: Real>(mdp: &Mdp<F>, horizon: usize) -> (Vec<f64>, Vec<f64>) {
    let solver = SoftValueIteration::new(horizon);
    let values = |table: ndarray::ArrayView2<'_, F>| table.iter().map(|v| v.into_f64()).collect();
    let (whole, alone) = (solver.solve(mdp).unwrap(), solver.solve_values(mdp).unwrap());
    (values(whole.state_values()), values(alone.state_values()))
}

/// Where the scales of the linear recursion end: it must leave such models to the ordinary backup.
fn at_the_ends_of_the_scales<F: Real>() {
    let of = F::from_f64;
    let tiny = F::min_positive_value().into_f64();
    for discount in [1.0, 0.5, 1e-3, 1e-9, 1e-12, 1e-20, 1e-30, 1e-38, tiny] {
        for weights in [[1.0, 1.0], [tiny, 0.5 / tiny], [0.5 / tiny, tiny], [tiny, tiny], [1e18, 1e-18]] {
            for (reward, end) in [(0.0, 0.0), (-5.0, 50.0), (-5.0, 150.0), (-90.0, -60.0), (-740.0, 300.0)] {
                let rows = ndarray::Array3::from_elem((1, 2, 1), F::one());
                let mdp = Mdp::builder(rows, array![[F::zero(), of(reward)]])
                    .discount(of(discount))
                    .action_prior(ActionPrior::Weights(array![[of(weights[0]), of(weights[1])]]))
                    .terminal_values(array![of(end)])
                    .build()
                    .unwrap();
                let (whole, alone) = both_ways(&mdp, 5);
                let scale = whole.iter().fold(750.0, |scale: f64, v| scale.max(v.abs()));
                for (whole, alone) in whole.iter().zip(&alone) {
                    let close = abs_diff_eq!(whole, alone, epsilon = 8.0 * F::epsilon().into_f64() * scale);
                    assert!(close, "γ = {discount:e}, ρ = {weights:?}, r = {reward}: {whole} and {alone}");
                }
            }
        }
    }
}

#[test]
fn a_tiny_discount_or_weight_does_not_make_values_alone_differ() {
    at_the_ends_of_the_scales::<f64>();
    at_the_ends_of_the_scales::<f32>();
}

/// A way that is next to impossible to a good end, and a sure one to an end that lies too far below
/// to be held beside it.
#[test]
fn what_was_dropped_beside_a_tiny_probability_is_found_again() {
    let row = [0.0, 1e-280, 1.0];
    let rows = ndarray::Array3::from_shape_fn((3, 1, 3), |(_, _, next_state)| row[next_state]);
    for low in [-500.0, -601.0, -641.0, -650.0, -700.0, -745.0] {
        let mdp = Mdp::builder(rows.clone(), ndarray::Array2::zeros((3, 1)))
            .terminal_states([1, 2])
            .terminal_values(array![-1.0, 0.0, low])
            .build()
            .unwrap();
        let expected = log_sum_exp(&[1e-280_f64.ln(), low]);
        let (whole, alone) = both_ways(&mdp, 4);
        for t in 0..4 {
            assert_close(whole[3 * t], expected, 1e-15, "with action values");
            assert_close(alone[3 * t], expected, 1e-15, "alone");
        }
    }
}

/// Forty states in a ring, one of which goes on only by an action that is 2000 τ worse than the
/// other, which is fatal.
#[test]
fn the_only_way_is_found_however_bad_it_looks_from_its_state() {
    let n = 40;
    let row = |s: usize, a: usize| {
        if s == 5 && a == 1 { vec![(0, 1.0)] } else { vec![((s + 1) % n, 0.5), (s, 0.5)] }
    };
    let rewards =
        Array2::from_shape_fn((n, 2), |(s, a)| if (s, a) == (5, 0) { -2000.0 } else { -0.25 * a as f64 });
    let mut ends = Array1::from_elem(n, MINUS_INFINITY);
    ends[9] = 0.0;
    let sparse = SparseDynamics::from_fn(n, 2, row).unwrap();
    let dense = DenseDynamics::from_dynamics(&sparse).unwrap();
    let dynamics: [(&str, Box<dyn Dynamics<Scalar = f64>>); 3] = [
        ("defaults of the trait", Box::new(Plain(dense.clone()))),
        ("dense", Box::new(Heavy(dense))),
        ("sparse", Box::new(Heavy(sparse))),
    ];
    let [plain, others @ ..] = dynamics.map(|(kind, dynamics)| {
        let mdp =
            Mdp::builder(dynamics, rewards.clone()).terminal_states([0, 9]).terminal_values(ends.clone());
        let mdp = mdp.build().unwrap();
        (
            kind,
            SoftValueIteration::new(30).solve(&mdp).unwrap(),
            SoftValueIteration::new(30).solve_values(&mdp).unwrap(),
        )
    });
    assert!(plain.1.state_values()[[0, 5]] < -1900.0 && plain.1.state_values()[[0, 3]] < -1900.0);
    for (kind, whole, values) in others {
        for (table, expected) in
            [(values.state_values(), plain.2.state_values()), (whole.state_values(), plain.1.state_values())]
        {
            assert_tables_close(&table, &expected, 1e-13, kind);
        }
        assert_tables_close(&whole.action_values(), &plain.1.action_values(), 1e-13, kind);
        assert_tables_close(&whole.policy().probabilities(), &plain.1.policy().probabilities(), 1e-12, kind);
    }
}

/// The best reward has next to no weight, so that the weights of the other action, once divided by
/// it, look larger than the digits they have.
#[test]
fn a_weight_that_has_lost_its_digits_is_not_trusted() {
    for reward in [-100.0, -600.0, -715.0, -735.0, -740.0, -744.0] {
        let rows = array![
            [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        ];
        let build = |dynamics: Box<dyn Dynamics<Scalar = f64>>| {
            Mdp::builder(dynamics, array![[0.0, reward], [0.0, 0.0], [0.0, 0.0]])
                .action_prior(ActionPrior::Weights(array![[1e-200, 1.0], [1.0, 1.0], [1.0, 1.0]]))
                .terminal_states([1, 2])
                .terminal_values(array![0.0, 0.0, 600.0])
                .build()
                .unwrap()
        };
        let dense = DenseDynamics::new(rows).unwrap();
        let expected = log_sum_exp(&[1e-200_f64.ln(), reward + 600.0]);
        for mdp in [build(Box::new(dense.clone())), build(Box::new(Heavy(dense)))] {
            let values = SoftValueIteration::new(4).solve_values(&mdp).unwrap();
            assert_close(values.state_values()[[0, 0]], expected, 1e-13, "a weight without digits");
        }
    }
}

/// An action value that leaves the number type is an error, also where the state value does not
/// notice and nobody asks for action values.
#[test]
fn overflow_is_found_on_every_path() {
    let rows = array![
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
    ];
    let dense = DenseDynamics::new(rows).unwrap();
    let mdp = Mdp::builder(Heavy(dense), array![[0.0, -2e307], [0.0, 0.0], [0.0, 0.0]])
        .temperature(1e307)
        .terminal_states([1, 2])
        .terminal_values(array![0.0, 0.0, -1.7e308])
        .build()
        .unwrap();
    let solver = SoftValueIteration::new(4);
    assert_eq!(solver.solve_values(&mdp).unwrap_err(), solver.solve(&mdp).unwrap_err());
}

/// +1 and −1 in turn: values stay within one reward of 0, however much the best reward would have
/// added up to meanwhile.
#[test]
fn values_are_right_that_stay_far_below_what_the_best_reward_would_bring() {
    let transitions = array![[[0.0, 1.0]], [[1.0, 0.0]]];
    let dense = DenseDynamics::new(transitions).unwrap();
    let mdp = Mdp::builder(Heavy(dense), array![[1.0], [-1.0]]).build().unwrap();
    let values = SoftValueIteration::new(100).solve_values(&mdp).unwrap();
    for (t, row) in values.state_values().outer_iter().enumerate() {
        let expected: [f64; 2] = if t % 2 == 0 { [0.0, 0.0] } else { [1.0, -1.0] };
        for (&found, expected) in row.iter().zip(expected) {
            assert!(
                abs_diff_eq!(found, expected, epsilon = 4.0 * f64::EPSILON),
                "stage {t}: {found} for {expected}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Models with enough states for vector arithmetic, against the recursion as it stands, a state
    /// at a time.
    #[test]
    fn many_states_at_once_follow_the_recursion(
        tables in tables(Sizes { states: 70, actions: 9, horizon: 3 }), spread in prop_oneof![Just(1.0), Just(400.0)]
    ) {
        let mut tables = tables.homogeneous();
        tables.terminal_values.mapv_inplace(|value| value * spread);
        let tau = tables.temperature;
        for (kind, mdp) in tables.kinds() {
            for inference in BOTH {
                let solution = SoftValueIteration::new(tables.horizon()).inference(inference).solve(&mdp).unwrap();
                let policy = solution.policy();
                for (t, state) in ndarray::indices((tables.horizon(), tables.num_states())) {
                    let next = solution.state_values().row(t + 1).to_vec();
                    let value = solution.state_values()[[t, state]];
                    let mut logs = Vec::new();
                    for action in 0..tables.num_actions() {
                        let prior = mdp.prior_weights()[[state, action]];
                        let q = solution.action_values()[[t, state, action]];
                        if prior == 0.0 || tables.is_terminal[state] {
                            prop_assert_eq!(q, MINUS_INFINITY);
                            continue;
                        }
                        let expected = mdp.rewards()[[state, action]]
                            + continuation(mdp.dynamics(), (state, action), &next, &tables, inference);
                        assert_close(q, expected, 1e-13 * spread, kind);
                        logs.push(prior.ln() + q / tau);
                    }
                    if tables.is_terminal[state] {
                        prop_assert_eq!(value, tables.terminal_values[state]);
                        continue;
                    }
                    assert_close(value, tau * log_sum_exp(&logs), 1e-13, kind);
                    for action in 0..tables.num_actions() {
                        if value > MINUS_INFINITY {
                            let q = solution.action_values()[[t, state, action]];
                            let log = mdp.prior_weights()[[state, action]].ln() + (q - value) / tau;
                            assert_close(policy.log_probabilities()[[t, state, action]], log, 1e-12 * spread, kind);
                            assert_close(policy.probabilities()[[t, state, action]], log.exp(), 1e-12 * spread, kind);
                        }
                    }
                }
            }
        }
    }

    /// Whichever way values go, they are those that belong to the action values.
    #[test]
    fn values_alone_are_those_that_go_with_action_values(
        tables in prop_oneof![models(), models().prop_map(certain), tables(Sizes { states: 70, actions: 9, horizon: 5 })],
        scale in prop_oneof![Just(1.0), Just(300.0), Just(1e5), Just(1e300)],
        temperature in prop_oneof![Just(1.0), Just(0.02), Just(50.0)],
    ) {
        let mut tables = Tables { temperature, ..tables.homogeneous() };
        tables.terminal_values.mapv_inplace(|value| value * scale);
        tables.stages.iter_mut().for_each(|stage| stage.rewards.mapv_inplace(|reward| reward * scale));
        for (kind, mdp) in tables.kinds() {
            for inference in BOTH {
                let solver = SoftValueIteration::new(tables.horizon()).inference(inference);
                let (whole, alone) = (solver.solve(&mdp).unwrap(), solver.solve_values(&mdp).unwrap());
                // Relative to the largest of its stage: rewards and values may cancel.
                for (whole, alone) in whole.state_values().rows().into_iter().zip(alone.state_values().rows()) {
                    let finite = whole.iter().filter(|v| v.is_finite()).map(|v| v.abs());
                    let scale = finite.fold(temperature.max(3.0 * scale), f64::max);
                    for (&whole, &alone) in whole.iter().zip(alone) {
                        let close = relative_eq!(whole, alone, epsilon = 2e-14 * scale, max_relative = 0.0);
                        prop_assert!(close, "{kind}, {inference}: {whole:e} and {alone:e}");
                    }
                }
            }
        }
    }
}
