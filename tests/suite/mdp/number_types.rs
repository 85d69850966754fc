//! Models converted between `f32` and `f64`: what is rounded, what stays, and what is refused.

#![allow(clippy::float_cmp, reason = "numbers that need no rounding stay the same")]

use ndarray::{Array1, Array2, Array3, array};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Dynamics, Error, Inference, Mdp, Model, Real,
    SoftValueIteration, SparseDynamics, Table, ndarray,
};

use crate::common::{SMALL, cases, tables, tables_with_successor_rewards};

const BOTH: [Inference; 2] = [Inference::Direct, Inference::Variational];

/// V of the first stages.
fn values<M: Model + ?Sized>(model: &M, inference: Inference) -> Array2<f64> {
    let solver = SoftValueIteration::new(4).inference(inference);
    solver.solve_values(model).unwrap().state_values().mapv(Real::into_f64)
}

/// Asserts that two models agree to the digits of `f32`.
#[track_caller]
fn assert_alike<A: Model + ?Sized, B: Model + ?Sized>(one: &A, other: &B, name: &str) {
    for inference in BOTH {
        let (one, other) = (values(one, inference), values(other, inference));
        for (a, b) in one.iter().zip(&other) {
            let is_alike = a == b || (a - b).abs() <= 2e-5 * (1.0 + a.abs());
            assert!(is_alike, "{name}, {inference}: {a} and {b}");
        }
    }
}

/// All rows of some dynamics, `[s, a, s']`.
fn rows<D: Dynamics + ?Sized>(dynamics: &D) -> Array3<f64> {
    let shape = (dynamics.num_states(), dynamics.num_actions(), dynamics.num_states());
    let mut rows = Array3::zeros(shape);
    for (s, a) in ndarray::indices((shape.0, shape.1)) {
        dynamics.for_each_successor(s, a, &mut |next, p| rows[[s, a, next]] += p.into_f64());
    }
    rows
}

#[test]
fn every_table_of_a_model_is_converted() {
    // Every number here is a fraction of 2, except one third.
    let transitions = array![
        [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        [[0.0, 0.5, 0.5], [9.0, 0.0, 0.0]], // action 1 is unavailable
        [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]], // terminal
    ];
    let mdp =
        Mdp::builder(transitions.clone(), array![[0.0, 1.5], [-1.0, 1.0 / 3.0], [0.0, f64::NEG_INFINITY]])
            .terminal_states([2])
            .terminal_values(array![0.25, f64::NEG_INFINITY, -3.0])
            .available_actions(array![[true, true], [true, false], [true, true]])
            .action_prior(ActionPrior::Weights(array![[3.0, 0.125], [1.0, 2.0], [0.0, 1.0]]))
            .discount(0.75)
            .temperature(0.5)
            .build()
            .unwrap();
    let single = mdp.cast::<f32>().unwrap();
    assert_eq!(single.dynamics(), &DenseDynamics::new(transitions.mapv(|p: f64| p as f32)).unwrap());
    assert_eq!(single.rewards(), mdp.rewards().mapv(|r| r as f32));
    assert_eq!(single.terminal_values(), array![0.25_f32, f32::NEG_INFINITY, -3.0]);
    assert_eq!(single.prior_weights(), mdp.prior_weights().mapv(|w| w as f32));
    assert_eq!(single.available_actions(), mdp.available_actions());
    assert_eq!((single.discount(), single.temperature()), (0.75, 0.5));
    assert_eq!(single.terminal_states().collect::<Vec<_>>(), [2]);
    // Back: all but the rounded reward.
    let mut expected = mdp.rewards().to_owned();
    expected[[1, 1]] = f64::from(1.0_f32 / 3.0);
    assert_eq!(single.cast::<f64>().unwrap(), mdp.with_rewards(expected).unwrap());
    // To the same type, nothing changes.
    assert_eq!(mdp.cast::<f64>().unwrap(), mdp);
}

#[test]
fn the_shares_of_a_uniform_prior_are_those_of_the_new_type() {
    let mdp = Mdp::new(array![[[1.0_f32], [1.0], [1.0]]], array![[0.0, 0.0, 0.0]]).unwrap();
    let uniform = mdp.with_action_prior(ActionPrior::Uniform).unwrap();
    assert_eq!(uniform.cast::<f64>().unwrap().prior_weights(), array![[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]]);
    assert_eq!(*mdp.cast::<f64>().unwrap().action_prior(), ActionPrior::Counting);
}

#[test]
fn each_kind_of_dynamics_keeps_its_kind_and_its_successors() {
    let mut runner = TestRunner::new(cases(1));
    for _ in 0..100 {
        let tables = tables(SMALL).new_tree(&mut runner).unwrap().current();
        let dense = tables.mdp();
        let expected = rows(dense.dynamics());
        let sparse = SparseDynamics::from_dynamics(dense.dynamics()).unwrap();
        let sparse = tables.mdp_over(sparse).cast::<f32>().unwrap();
        let table: &SparseDynamics<f32> = sparse.dynamics();
        for ((index, p), q) in expected.indexed_iter().zip(&rows(table)) {
            assert_eq!(*q, f64::from(*p as f32), "{index:?}");
        }
        let dense_single: Mdp<f32> = dense.cast().unwrap();
        assert_eq!(rows(dense_single.dynamics()), rows(table));
        assert_alike(&dense_single, &dense, "dense");
        assert_alike(&sparse, &dense, "sparse");
        for (name, mdp) in tables.kinds() {
            let single = mdp.cast::<f32>().unwrap();
            assert_alike(&single, &dense, name);
            // And back, where the thirds of f32 do not sum to 1.
            assert_alike(&single.cast::<f64>().unwrap(), &dense, name);
        }
    }
    let certain = DeterministicDynamics::<f64>::new(array![[1, 0], [1, 1]]).unwrap();
    let mdp = Mdp::builder(certain, Array2::zeros((2, 2))).build().unwrap();
    let single = mdp.cast::<f32>().unwrap();
    assert_eq!(*single.dynamics(), DeterministicDynamics::new(array![[1, 0], [1, 1]]).unwrap());
}

#[test]
fn erased_dynamics_become_the_smaller_table() {
    let full = Mdp::new(array![[[0.5, 0.5]], [[0.25, 0.75]]], Array2::zeros((2, 1))).unwrap().into_dyn();
    assert!(format!("{:?}", full.cast::<f32>().unwrap().dynamics()).starts_with("DenseDynamics"));
    let ring = SparseDynamics::from_fn(9, 1, |state, _| [((state + 1) % 9, 1.0)]).unwrap();
    let ring = Mdp::builder(ring, Array2::zeros((9, 1))).build().unwrap().into_dyn();
    assert!(format!("{:?}", ring.cast::<f32>().unwrap().dynamics()).starts_with("SparseDynamics"));
}

#[test]
fn rows_that_sum_to_1_only_in_f32_are_divided_by_their_sum() {
    // Thirds, printed digits, and a row of a terminal state that is no distribution.
    let third = 1.0_f32 / 3.0;
    let transitions = array![[[third, third, third]], [[0.33333, 0.33333, 0.33333]], [[5.0, 0.1, 0.0]],];
    let mdp = Mdp::builder(transitions.clone(), Array2::zeros((3, 1))).terminal_states([2]).build().unwrap();
    let double = mdp.cast::<f64>().unwrap();
    let table = rows(double.dynamics());
    for state in 0..2 {
        for p in table.index_axis(ndarray::Axis(0), state) {
            assert!((p - 1.0 / 3.0).abs() < 1e-16, "{p}");
        }
    }
    assert_eq!(table[[2, 0, 0]], 5.0);
    assert_eq!(table[[2, 0, 1]], f64::from(0.1_f32));
    // A row that f64 accepts keeps its numbers.
    let exact = Mdp::new(array![[[0.75_f32, 0.25]], [[0.0, 1.0]]], Array2::zeros((2, 1))).unwrap();
    assert_eq!(rows(exact.cast::<f64>().unwrap().dynamics()), rows(exact.dynamics()));
}

/// Two states; every test below spoils one number.
fn valid() -> Mdp {
    Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [-1.0]]).unwrap()
}

#[track_caller]
fn refused(model: &Mdp, table: Table, index: &[usize], value: f64, rounded: f64, place: &str) {
    let error = model.cast::<f32>().unwrap_err();
    let (index, number_type) = (index.to_vec(), "f32");
    assert_eq!(error, Error::NotRepresentable { table, index, value, rounded, number_type });
    let message = error.to_string();
    assert!(message.contains(place) && message.ends_with("in f32"), "{message}");
    // In their own type, these numbers are nothing special.
    assert_eq!(model.cast::<f64>().unwrap(), *model);
}

#[test]
fn a_number_that_f32_cannot_hold_is_refused_with_its_place() {
    let (zero, inf) = (0.0, f64::INFINITY);
    // 1e-60 would no longer be a successor; 1e-41 would keep four digits.
    for p in [1e-60, 1.234_567e-41] {
        let transitions = array![[[1.0, p]], [[0.0, 1.0]]];
        let rounded = f64::from(p as f32);
        let mdp = valid().with_dynamics(transitions).unwrap();
        let place = "transitions at state 0, action 0, next state 1: ";
        refused(&mdp, Table::Transitions, &[0, 0, 1], p, rounded, place);
        let sparse = SparseDynamics::from_dynamics(mdp.dynamics()).unwrap();
        let sparse = Mdp::builder(sparse, Array2::zeros((2, 1))).build().unwrap();
        assert_eq!(sparse.cast::<f32>().unwrap_err(), mdp.cast::<f32>().unwrap_err());
        assert_eq!(sparse.into_dyn().cast::<f32>().unwrap_err(), mdp.cast::<f32>().unwrap_err());
    }
    for (reward, rounded) in [(4e38, inf), (-4e38, -inf)] {
        let mdp = valid().with_rewards(array![[0.0], [reward]]).unwrap();
        refused(&mdp, Table::Rewards, &[1, 0], reward, rounded, "rewards at state 1, action 0: ");
        let mdp = valid().with_terminal_values(array![0.0, reward]).unwrap();
        refused(&mdp, Table::TerminalValues, &[1], reward, rounded, "terminal values at state 1: ");
    }
    for (weight, rounded) in [(1e-60, zero), (1e60, inf)] {
        let mdp = valid().with_action_prior(ActionPrior::Weights(array![[1.0], [weight]])).unwrap();
        refused(&mdp, Table::ActionPrior, &[1, 0], weight, rounded, "action prior at state 1, action 0: ");
    }
}

#[test]
fn settings_that_would_mean_something_else_are_refused() {
    for temperature in [1e-60, 1e-41, 1e60] {
        let error = valid().with_temperature(temperature).unwrap().cast::<f32>().unwrap_err();
        let Error::InvalidSetting { setting: "temperature", value, .. } = error else { panic!("{error}") };
        assert_eq!(value, temperature);
    }
    // A discount that becomes 1 would have no † and no fixed point any more.
    for discount in [1.0 - 1e-9, 1e-60] {
        let error = valid().with_discount(discount).unwrap().cast::<f32>().unwrap_err();
        let Error::InvalidSetting { setting: "discount", value, .. } = error else { panic!("{error}") };
        assert_eq!(value, discount);
    }
    for (discount, temperature) in [(0.0, 1.0), (1.0, 0.0), (0.999, 1e-30)] {
        let mdp = valid().with_discount(discount).unwrap().with_temperature(temperature).unwrap();
        let single = mdp.cast::<f32>().unwrap();
        assert_eq!((single.discount(), single.temperature()), (discount as f32, temperature as f32));
    }
}

#[test]
fn minus_infinity_and_tiny_rewards_are_legal() {
    let mdp = valid().with_rewards(array![[f64::NEG_INFINITY], [1e-60]]).unwrap();
    let mdp = mdp.with_terminal_values(array![-1e-60, f64::NEG_INFINITY]).unwrap();
    let single = mdp.cast::<f32>().unwrap();
    assert_eq!(single.rewards(), array![[f32::NEG_INFINITY], [0.0]]);
    assert_eq!(single.terminal_values(), Array1::from(vec![0.0, f32::NEG_INFINITY]));
}

#[test]
fn rewards_on_the_successor_are_converted_and_folded_again() {
    let mut runner = TestRunner::new(cases(1));
    for _ in 0..100 {
        let tables = tables_with_successor_rewards(SMALL).new_tree(&mut runner).unwrap().current();
        let reward = |s, a, n| tables.stages[0].successor_rewards[[s, a, n]];
        let expected = tables.mdp().with_successor_rewards(reward).unwrap();
        let single = expected.cast::<f32>().unwrap();
        assert_alike(&single, &expected, "dense");
        assert_eq!(single.successor_rewards().len(), expected.successor_rewards().len());
        for (name, mdp) in tables.kinds() {
            let single = mdp.with_successor_rewards(reward).unwrap().cast::<f32>().unwrap();
            assert_alike(&single, &expected, name);
            assert_alike(&single.cast::<f64>().unwrap(), &expected, name);
        }
    }
    let huge = valid().with_successor_rewards(|s, _, n| if (s, n) == (0, 1) { -1e39 } else { 0.0 }).unwrap();
    let (table, index, number_type) = (Table::SuccessorRewards, vec![0, 0, 1], "f32");
    let (value, rounded) = (-1e39, f64::NEG_INFINITY);
    let expected = Error::NotRepresentable { table, index, value, rounded, number_type };
    assert_eq!(huge.cast::<f32>().unwrap_err(), expected);
}

/// Two successors, the second one first; or one successor twice.
#[derive(Debug)]
struct Backwards([usize; 2]);

impl Dynamics for Backwards {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        2
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, _: usize, _: usize, visit: &mut dyn FnMut(usize, f64)) {
        visit(self.0[0], 0.75);
        visit(self.0[1], 0.25);
    }
}

#[test]
fn rewards_follow_their_successors_into_another_order() {
    let reward = |s: usize, _, n: usize| [[1.0, 2.0], [3.0, 4.0]][s][n];
    let of = |successors| {
        let mdp = Mdp::builder(Backwards(successors), Array2::zeros((2, 1))).build().unwrap().into_dyn();
        mdp.with_successor_rewards(reward).unwrap()
    };
    let backwards = of([1, 0]);
    assert_eq!(backwards.successor_rewards(), [2.0, 1.0, 4.0, 3.0]);
    let single = backwards.cast::<f32>().unwrap();
    assert_eq!(single.successor_rewards(), [1.0, 2.0, 3.0, 4.0]);
    assert_alike(&single, &backwards, "backwards");
    let twice = of([1, 1]);
    assert_eq!(twice.successor_rewards(), [2.0, 2.0, 4.0, 4.0]);
    let single = twice.cast::<f32>().unwrap();
    assert_eq!(single.successor_rewards(), [2.0, 4.0]);
    assert_alike(&single, &twice, "twice");
}

#[test]
fn several_rewards_of_a_transition_are_converted() {
    let outcomes = [(0, 0, 0, 0.25, 1.0), (0, 0, 1, 0.5, 0.1), (0, 0, 1, 0.25, -3.0), (1, 0, 1, 1.0, 0.0)];
    let mdp = Mdp::new(array![[[0.25, 0.75]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let model = mdp.with_outcomes(outcomes).unwrap();
    let single = model.cast::<f32>().unwrap();
    assert!(single.has_several_rewards());
    assert_eq!(single.successor_rewards(), [1.0, -3.0, 0.1, 0.0]);
    assert_alike(&single, &model, "single");
    assert_alike(&single.cast::<f64>().unwrap(), &model, "and back");
    // A reward whose probability is too small would be lost.
    let rare = mdp.with_outcomes(outcomes.into_iter().chain([(0, 0, 1, 1e-60, 1000.0)])).unwrap();
    assert!(matches!(rare.cast::<f32>(), Err(Error::NotRepresentable { table: Table::Transitions, .. })));
}
