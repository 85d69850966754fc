//! The maps of each kind of dynamics: alike for every kind, column by column and range by range,
//! and adjoint.

use std::ops::Range;

use ndarray::{Array1, Array2, array};
use proptest::collection::vec;
use proptest::prelude::*;
use softmdp::dynamics::LogBlock;
use softmdp::{
    DenseDynamics, Dynamics, Error, Mdp, SoftValueIteration, SparseDynamics, Table, forward_messages,
    log_sum_exp, ndarray, posterior,
};

use crate::common::{AnyMdp, MINUS_INFINITY, Tables, assert_close, assert_tables_close, cases};
use crate::identities::policies::own_policy;
use crate::identities::{BOTH, TOLERANCE, certain, models};

type Map<'a> = &'a dyn Dynamics<Scalar = f64>;

/// Random and certain dynamics, over every kind that can hold them.
fn any_tables() -> impl Strategy<Value = Tables> {
    let tables = prop_oneof![models(), models().prop_map(certain)];
    tables.prop_map(Tables::homogeneous)
}

/// Values with −∞, and spreads beyond what exponentials can hold.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![1 => Just(MINUS_INFINITY), 4 => -3.0..3.0, 1 => -3000.0..-500.0];
    vec(value, 12 * 3)
}

/// Weights of either sign, many of them 0.
fn weights() -> impl Strategy<Value = Vec<f64>> {
    vec(prop_oneof![1 => Just(0.0), 2 => -1.0..2.0], 12 * 4 * 3)
}

/// Column `column` of a row-major table of `k` columns.
fn column(table: &[f64], k: usize, column: usize) -> Vec<f64> {
    table.iter().skip(column).step_by(k).copied().collect()
}

fn assert_all_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    found.iter().zip(expected).for_each(|(&f, &e)| assert_close(f, e, 1e-13, what));
}

/// The three maps, as functions that return their result.
struct Maps<'a> {
    map: Map<'a>,
    states: usize,
    actions: usize,
}

impl<'a> Maps<'a> {
    fn new(mdp: &'a AnyMdp) -> Self {
        Self { map: &**mdp.dynamics(), states: mdp.num_states(), actions: mdp.num_actions() }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[f64]) -> Vec<f64> {
        let mut y = vec![f64::NAN; states.len() * self.actions * k];
        self.map.expectation(states, k, v, &mut y);
        y
    }

    fn log_expectation(&self, states: Range<usize>, v: &[f64], temperatures: &[f64]) -> Vec<f64> {
        let mut y = vec![f64::NAN; states.len() * self.actions * temperatures.len()];
        self.map.log_expectation(states, &LogBlock::new(v, temperatures).unwrap(), &mut y);
        y
    }

    /// Adds to 1, so that an implementation that overwrites is seen.
    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[f64]) -> Vec<f64> {
        let mut w = vec![1.0; next_states.len() * k];
        let rows = states.start * self.actions * k..states.end * self.actions * k;
        self.map.push_forward(states, next_states, k, &x[rows], &mut w);
        w
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn several_columns_are_as_many_single_ones(
        tables in any_tables(),
        k in 1_usize..=3,
        values in values(),
        weights in weights(),
    ) {
        let temperatures = &[0.5, 0.0, 30.0][..k];
        for (kind, mdp) in tables.kinds() {
            let maps = Maps::new(&mdp);
            let (all, pairs) = (0..maps.states, maps.states * maps.actions);
            let (v, x) = (&values[..maps.states * k], &weights[..pairs * k]);
            let expectation = maps.expectation(all.clone(), k, v);
            let log_expectation = maps.log_expectation(all.clone(), v, temperatures);
            let pushed = maps.push_forward(all.clone(), all.clone(), k, x);
            for c in 0..k {
                let (v, x) = (column(v, k, c), column(x, k, c));
                let single = maps.expectation(all.clone(), 1, &v);
                assert_all_close(&column(&expectation, k, c), &single, &format!("E, {kind}"));
                let single = maps.log_expectation(all.clone(), &v, &temperatures[c..=c]);
                assert_all_close(&column(&log_expectation, k, c), &single, &format!("log E, {kind}"));
                let single = maps.push_forward(all.clone(), all.clone(), 1, &x);
                assert_all_close(&column(&pushed, k, c), &single, &format!("push, {kind}"));
            }
        }
    }

    #[test]
    fn a_range_of_states_gives_the_same_bits_as_the_whole(
        tables in any_tables(),
        k in 1_usize..=3,
        values in values(),
        weights in weights(),
    ) {
        let temperatures = &[0.5, 0.0, 30.0][..k];
        for (kind, mdp) in tables.kinds() {
            let maps = Maps::new(&mdp);
            let (states, width) = (maps.states, maps.actions * k);
            let (v, x) = (&values[..states * k], &weights[..states * width]);
            let expectation = maps.expectation(0..states, k, v);
            let log_expectation = maps.log_expectation(0..states, v, temperatures);
            let pushed = maps.push_forward(0..states, 0..states, k, x);
            for (start, end) in (0..=states).flat_map(|end| (0..=end).map(move |start| (start, end))) {
                let rows = start * width..end * width;
                let part = maps.expectation(start..end, k, v);
                prop_assert_eq!(&part, &expectation[rows.clone()], "E, {}", kind);
                let part = maps.log_expectation(start..end, v, temperatures);
                prop_assert_eq!(&part, &log_expectation[rows], "log E, {}", kind);
                let part = maps.push_forward(0..states, start..end, k, x);
                prop_assert_eq!(&part, &pushed[start * k..end * k], "push, {}", kind);
            }
            // A sum over states may be cut anywhere, if its parts are added up.
            let parts = [0..states / 2, states / 2..states].map(|part| maps.push_forward(part, 0..states, k, x));
            let sum: Vec<f64> = parts[0].iter().zip(&parts[1]).map(|(a, b)| a + (b - 1.0)).collect();
            assert_all_close(&sum, &pushed, kind);
        }
    }

    #[test]
    fn pushing_forward_is_the_adjoint_of_expecting(
        tables in any_tables(),
        values in vec(-3.0..3.0, 12),
        weights in weights(),
    ) {
        for (kind, mdp) in tables.kinds() {
            let maps = Maps::new(&mdp);
            let (v, x) = (&values[..maps.states], &weights[..maps.states * maps.actions]);
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let expected = dot(x, &maps.expectation(0..maps.states, 1, v));
            let mut pushed = maps.push_forward(0..maps.states, 0..maps.states, 1, x);
            pushed.iter_mut().for_each(|w| *w -= 1.0);
            assert_close(dot(&pushed, v), expected, 1e-12, kind);
        }
    }

    #[test]
    fn the_log_expectation_is_that_of_its_formula(tables in any_tables(), values in values()) {
        for (kind, mdp) in tables.kinds() {
            let maps = Maps::new(&mdp);
            let v = &values[..maps.states];
            for temperature in [0.5, 30.0] {
                let found = maps.log_expectation(0..maps.states, v, &[temperature]);
                for (row, found) in found.into_iter().enumerate() {
                    let mut logs = vec![];
                    maps.map.for_each_successor(row / maps.actions, row % maps.actions, &mut |next, p| {
                        logs.push(p.ln() + v[next] / temperature);
                    });
                    assert_close(found, temperature * log_sum_exp(&logs), 1e-13, kind);
                }
            }
        }
    }

    #[test]
    fn every_kind_of_dynamics_gives_the_same_answers(tables in any_tables()) {
        let kinds = tables.kinds();
        let (horizon, initial) = (tables.horizon(), &tables.initial);
        let policy = own_policy(&tables);
        let dense = &kinds[1].1;
        for (kind, mdp) in &kinds {
            for inference in BOTH {
                let solve = |mdp: &AnyMdp| SoftValueIteration::new(horizon).inference(inference).solve(mdp).unwrap();
                let (found, expected) = (solve(mdp), solve(dense));
                assert_tables_close(&found.state_values(), &expected.state_values(), TOLERANCE, kind);
                assert_tables_close(&found.action_values(), &expected.action_values(), TOLERANCE, kind);
                let (found, expected) = (found.policy().probabilities(), expected.policy().probabilities());
                assert_tables_close(&found, &expected, TOLERANCE, kind);
            }
            let found = policy.evaluate(mdp).unwrap();
            assert_tables_close(&found, &policy.evaluate(dense).unwrap(), TOLERANCE, kind);
            let found = policy.state_occupancy(mdp, initial).unwrap();
            assert_tables_close(&found, &policy.state_occupancy(dense, initial).unwrap(), TOLERANCE, kind);
            match (posterior(mdp, initial, horizon), posterior(dense, initial, horizon)) {
                (Ok(found), Ok(expected)) => {
                    let (found, expected) = (found.state_action_marginals(), expected.state_action_marginals());
                    assert_tables_close(&found, &expected, TOLERANCE, kind);
                }
                (found, expected) => prop_assert_eq!(found, expected),
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Mixing the actions first, or the expectations after.
    #[test]
    fn dynamics_of_mixed_actions_expect_the_mean_of_what_actions_expect(tables in models()) {
        let (states, actions) = (tables.num_states(), tables.num_actions());
        let weights: Vec<f64> = (0..states * actions).map(|pair| (pair * 5 % 4) as f64 / 3.0).collect();
        let v: Vec<f64> = (0..states).map(|state| (state * 7 % 5) as f64 - 1.5).collect();
        for (kind, mdp) in tables.kinds() {
            let Some(mixed) = mdp.dynamics().mix_actions(&weights) else {
                prop_assert_eq!(kind, "defaults of the trait");
                continue;
            };
            prop_assert_eq!((mixed.num_states(), mixed.num_actions()), (states, 1));
            let (mut found, mut each) = (vec![f64::NAN; states], vec![f64::NAN; states * actions]);
            mixed.expectation(0..states, 1, &v, &mut found);
            mdp.dynamics().expectation(0..states, 1, &v, &mut each);
            for (state, &found) in found.iter().enumerate() {
                let pairs = state * actions..(state + 1) * actions;
                let expected = pairs.map(|pair| weights[pair] * each[pair]).sum::<f64>();
                assert_close(found, expected, 1e-13, kind);
            }
            let table = mdp.dynamics().mix_actions(&weights).unwrap().into_dense().unwrap();
            let rows = mixed.into_sparse().unwrap();
            for stored in [&table as &dyn Dynamics<Scalar = f64>, &rows] {
                prop_assert_eq!((stored.num_states(), stored.num_actions()), (states, 1));
                stored.expectation(0..states, 1, &v, &mut each[..states]);
                found.iter().zip(&each).for_each(|(&found, &other)| assert_close(found, other, 1e-13, kind));
            }
        }
    }
}

#[test]
fn actions_are_not_mixed_where_a_product_would_be_lost() {
    let rare = array![[[1.0, 1e-200], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]];
    let dense = DenseDynamics::new(rare).unwrap();
    let sparse = SparseDynamics::from_dynamics(&dense).unwrap();
    let mixed = |weights: &[f64]| [dense.mix_actions(weights), sparse.mix_actions(weights)];
    assert!(mixed(&[1e-100, 1.0, 1.0, 0.0]).iter().all(Option::is_some));
    assert!(mixed(&[1e-110, 1.0, 1.0, 0.0]).iter().all(Option::is_none));
    // What is left out is not there to be lost.
    assert!(mixed(&[0.0, 1e-300, 1.0, 1e-300]).iter().all(Option::is_some));
}

/// Dense rows that know no way to be mixed, so that every pass reads them. They may say that they
/// cost nothing: then no pass cuts them into blocks.
#[derive(Debug)]
struct Rows(DenseDynamics, bool);

impl Dynamics for Rows {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        self.0.for_each_successor(state, action, visit);
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[f64], y: &mut [f64]) {
        self.0.expectation(states, k, v, y);
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock, y: &mut [f64]) {
        self.0.log_expectation(states, v, y);
    }

    fn push_forward(&self, states: Range<usize>, next: Range<usize>, k: usize, x: &[f64], w: &mut [f64]) {
        self.0.push_forward(states, next, k, x, w);
    }

    fn work(&self, states: Range<usize>) -> usize {
        if self.1 { self.0.work(states) } else { 0 }
    }
}

/// A dense model that is large enough to be split among threads: 201 · 4 rows, no two alike.
fn large() -> (DenseDynamics, Array2<f64>) {
    let (states, actions) = (201, 4);
    let dynamics = DenseDynamics::from_fn(states, actions, |state, action| {
        let weight = move |next: usize| (1 + (7 * state + 5 * action + 3 * next) % 13) as f64;
        let sum: f64 = (0..states).map(weight).sum();
        (0..states).map(move |next| (next, weight(next) / sum))
    });
    let rewards =
        Array2::from_shape_fn((states, actions), |(s, a)| ((5 * s + 3 * a) % 17) as f64 / 4.0 - 2.0);
    (dynamics.unwrap(), rewards)
}

#[test]
fn splitting_a_model_among_threads_changes_no_bit() {
    let (dynamics, rewards) = large();
    let initial = Array1::from_shape_fn(201, |state| if state < 200 { 1.0 / 200.0 } else { 0.0 });
    let [whole, split] = [false, true].map(|is_split| {
        let rows = Rows(dynamics.clone(), is_split);
        Mdp::builder(rows, rewards.clone()).terminal_states([3]).discount(0.9).build().unwrap()
    });
    for inference in BOTH {
        let solver = SoftValueIteration::new(3).inference(inference);
        let (whole_solution, split_solution) = (solver.solve(&whole).unwrap(), solver.solve(&split).unwrap());
        assert_eq!(whole_solution, split_solution, "{inference}");
        assert_eq!(solver.solve_values(&whole), solver.solve_values(&split), "{inference}");
        let policy = whole_solution.policy();
        assert_eq!(policy.evaluate(&whole), policy.evaluate(&split), "{inference}");
        assert_eq!(policy.state_occupancy(&whole, &initial), policy.state_occupancy(&split, &initial));
    }
    assert_eq!(forward_messages(&whole, &initial, 3), forward_messages(&split, &initial, 3));
    assert_eq!(posterior(&whole, &initial, 3), posterior(&split, &initial, 3));
}

#[test]
fn of_several_threads_that_fail_the_lowest_state_is_reported() {
    let (dynamics, mut rewards) = large();
    rewards.slice_mut(ndarray::s![57.., ..]).fill(1.5e308);
    let ends = Array1::from_elem(201, 1e308);
    let mdp = Mdp::builder(dynamics, rewards).terminal_values(ends).build().unwrap();
    for inference in BOTH {
        let error = SoftValueIteration::new(2).inference(inference).solve(&mdp).unwrap_err();
        assert_eq!(error, Error::Overflow { table: Table::ActionValues, stage: 1, state: 57 });
    }
}
