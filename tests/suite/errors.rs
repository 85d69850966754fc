//! Everything a user can get wrong is refused with the exact variant, place and value, and a
//! message that names them; what may look wrong but is legal is accepted.
//!
//! Each test takes one valid model and spoils one field. Questions asked of a valid model are in
//! `errors/questions.rs`, models and dynamics of a user's own in `errors/own.rs`.

#![allow(clippy::float_cmp, reason = "values in errors are those that were given")]

use std::fmt::Debug;

use ndarray::{Array1, Array2, Array3, arr3, array};
use softmdp::dynamics::LogBlock;
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, Error, Inference, Mdp, MdpBuilder, Policy,
    SoftValueIteration, SparseDynamics, Table, ndarray, posterior,
};

mod own;
mod questions;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
/// Numbers that no probability, weight or temperature may be.
const NO_WEIGHT: [f64; 4] = [NAN, INF, -INF, -0.25];

/// Three states, two actions; state 2 is terminal, action 1 of state 1 does not exist.
fn transitions() -> Array3<f64> {
    array![
        [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        [[0.0, 0.5, 0.5], [9.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
    ]
}

fn rewards() -> Array2<f64> {
    array![[0.0, 1.0], [-1.0, f64::NEG_INFINITY], [0.0, 0.5]]
}

fn builder() -> MdpBuilder<f64, DenseDynamics> {
    Mdp::builder(transitions(), rewards()).terminal_states([2]).available_actions(array![
        [true, true],
        [true, false],
        [true, true]
    ])
}

fn mdp() -> Mdp {
    builder().build().unwrap()
}

fn start() -> Array1<f64> {
    array![0.25, 0.75, 0.0]
}

/// A copy with one entry replaced.
fn with<T: Clone, D: ndarray::Dimension, I: ndarray::NdIndex<D>>(
    table: &ndarray::Array<T, D>,
    index: I,
    value: T,
) -> ndarray::Array<T, D> {
    let mut table = table.clone();
    table[index] = value;
    table
}

/// Asserts variant, place and value, NaN included, and the form of the message, which must contain
/// `parts`.
#[track_caller]
fn refused<T: Debug>(result: Result<T, Error>, expected: &Error, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(format!("{error:?}"), format!("{expected:?}"));
    let message = error.to_string();
    assert!(message.starts_with(|first: char| first.is_lowercase()), "{message}");
    assert!(!message.ends_with('.') && !message.contains('\n'), "{message}");
    parts.iter().for_each(|part| assert!(message.contains(part), "no {part:?} in {message:?}"));
}

fn mismatch(table: Table, found: &[usize], expected: &[usize]) -> Error {
    Error::ShapeMismatch { table, found: found.to_vec(), expected: expected.to_vec() }
}

#[test]
fn the_model_that_is_spoiled_below_is_valid() {
    let mdp = mdp();
    assert!(posterior(&mdp, &start(), 3).is_ok());
    assert!(SoftValueIteration::new(3).inference(Inference::Variational).solve(&mdp).is_ok());
}

// --- dynamics -------------------------------------------------------------------------------------------

#[test]
fn more_states_than_32_bits_can_name_are_too_many_for_sparse_dynamics() {
    let Ok(num_states) = usize::try_from(1_u64 << 32) else { return };
    for num_states in [num_states, num_states + 1] {
        let expected = Error::TooLarge { table: Table::Transitions, shape: vec![num_states, 1] };
        let parts = ["transitions", "4294967"];
        refused(SparseDynamics::from_triplets(num_states, 1, [(0, 0, 0, 1.0)]), &expected, &parts);
        refused(SparseDynamics::<f64>::new(num_states, 1, vec![0], vec![], vec![]), &expected, &parts);
        refused(SparseDynamics::from_fn(num_states, 1, |state, _| [(state, 1.0)]), &expected, &parts);
    }
}

#[test]
fn a_transition_that_is_no_probability_is_refused_by_every_constructor() {
    for value in NO_WEIGHT {
        let expected = Error::InvalidTransition { state: 1, action: 0, next_state: 2, value };
        let parts = ["state 1", "action 0", "next state 2", &format!("is {value},"), ">= 0"];
        let spoiled = with(&transitions(), [1, 0, 2], value);
        refused(DenseDynamics::new(spoiled.clone()), &expected, &parts);
        // Through the builder; and in Fortran order, where the place in memory is another.
        refused(Mdp::new(spoiled.clone(), rewards()), &expected, &parts);
        let fortran = spoiled.clone().permuted_axes([2, 1, 0]).as_standard_layout().into_owned();
        refused(DenseDynamics::new(fortran.permuted_axes([2, 1, 0])), &expected, &parts);
        let triplet = [(1, 0, 2, value)];
        refused(SparseDynamics::from_triplets(3, 2, triplet), &expected, &parts);
        let parts_of_rows = (vec![0, 0, 0, 2, 2, 2, 2], vec![1, 2], vec![0.5, value]);
        let (offsets, next, p) = parts_of_rows;
        refused(SparseDynamics::new(3, 2, offsets, next, p), &expected, &parts);
        let row = |state, action| if (state, action) == (1, 0) { [(2, value)] } else { [(0, 1.0)] };
        refused(SparseDynamics::from_fn(3, 2, row), &expected, &parts);
        refused(DenseDynamics::from_fn(3, 2, row), &expected, &parts);
    }
}

#[test]
fn a_row_in_use_that_does_not_sum_to_one_is_refused_and_any_other_accepted() {
    let unnormalized = |sum| Error::UnnormalizedTransition { state: 0, action: 0, sum, tolerance: 1e-8 };
    let parts = ["state 0", "action 0", "sums to 0.75", "expected 1 within 1e-8"];
    let spoiled = with(&transitions(), [0, 0, 1], 0.0);
    refused(Mdp::new(spoiled.clone(), rewards()), &unnormalized(0.75), &parts);
    let sparse = SparseDynamics::from_dynamics(&DenseDynamics::new(spoiled.clone()).unwrap()).unwrap();
    refused(Mdp::builder(sparse, rewards()).build(), &unnormalized(0.75), &parts);
    refused(
        Mdp::<f64>::new(Array3::zeros((1, 1, 1)), Array2::zeros((1, 1))),
        &unnormalized(0.0),
        &["sums to 0,"],
    );

    // Rows that are never used: of unavailable actions and terminal states (see `transitions`), of prior weight 0.
    let free = ActionPrior::Weights(array![[0.0, 1.0], [1.0, 7.0], [0.0, 0.0]]);
    let build = |prior| {
        Mdp::builder(spoiled.clone(), rewards())
            .terminal_states([2])
            .available_actions(array![[true, true], [true, false], [true, true]])
            .action_prior(prior)
            .build()
    };
    refused(build(ActionPrior::Uniform), &unnormalized(0.75), &parts);
    let mdp = build(free).unwrap();
    assert!(posterior(&mdp, &start(), 3).is_ok());
    refused(mdp.with_action_prior(ActionPrior::Counting), &unnormalized(0.75), &parts);
    // A policy of one's own that takes such an action brings its row into use, where it has mass.
    let row = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    let policy = Policy::new(arr3(&[row, row])).unwrap();
    refused(policy.state_occupancy(&mdp, &start()), &unnormalized(0.75), &parts);
    refused(policy.state_action_occupancy(&mdp, &start()), &unnormalized(0.75), &parts);
    assert!(policy.state_occupancy(&mdp, &array![0.0, 1.0, 0.0]).is_ok());
}

#[test]
fn indices_that_are_out_of_range_are_refused() {
    let successor = Error::SuccessorOutOfRange { state: 1, action: 0, next_state: 3, num_states: 3 };
    let parts = ["state 1", "action 0", "is 3", "below 3"];
    refused(DeterministicDynamics::<f64>::new(array![[0, 0], [3, 0], [0, 0]]), &successor, &parts);
    refused(DeterministicDynamics::<f64>::from_fn(3, 2, |s, a| s * 3 * (1 - a)), &successor, &parts);
    refused(SparseDynamics::from_triplets(3, 2, [(1, 0, 3, 1.0)]), &successor, &parts);
    refused(SparseDynamics::new(3, 2, vec![0, 0, 0, 1, 1, 1, 1], vec![3], vec![1.0]), &successor, &parts);
    let row = |state, action| [(if (state, action) == (1, 0) { 3 } else { 0 }, 1.0)];
    refused(SparseDynamics::from_fn(3, 2, row), &successor, &parts);
    refused(DenseDynamics::from_fn(3, 2, row), &successor, &parts);

    let state = |table, state| Error::StateOutOfRange { table, state, num_states: 3 };
    let triplets = SparseDynamics::from_triplets(3, 2, [(3, 0, 0, 1.0)]);
    refused(triplets, &state(Table::Transitions, 3), &["transitions", "state 3", "below 3"]);
    let expected = state(Table::TerminalStates, 7);
    refused(builder().terminal_states([2, 7]).build(), &expected, &["terminal states", "state 7"]);
    let expected = Error::ActionOutOfRange { state: 1, action: 2, num_actions: 2 };
    let triplets = SparseDynamics::from_triplets(3, 2, [(1, 2, 0, 1.0)]);
    refused(triplets, &expected, &["action 2", "state 1", "below 2"]);
}

#[test]
fn compressed_rows_are_refused_for_each_way_in_which_they_can_be_malformed() {
    let new = |offsets: &[usize], next: &[usize], p: &[f64]| {
        SparseDynamics::new(3, 1, offsets.to_vec(), next.to_vec(), p.to_vec())
    };
    let (next, p) = ([0, 1, 2, 2], [0.5, 0.5, 1.0, 1.0]);
    assert!(new(&[0, 2, 3, 4], &next, &p).is_ok());
    refused(new(&[0, 2, 4], &next, &p), &mismatch(Table::RowOffsets, &[3], &[4]), &["row offsets"]);
    refused(new(&[0, 2, 3, 4, 4], &next, &p), &mismatch(Table::RowOffsets, &[5], &[4]), &["[5]", "[4]"]);
    let expected = mismatch(Table::Transitions, &[3], &[4]);
    refused(new(&[0, 2, 3, 4], &next, &p[..3]), &expected, &["transitions", "[3]", "[4]"]);
    let offset = |index, value, least, most| Error::InvalidRowOffset { index, value, least, most };
    let parts = ["row offset 0 is 1", "at least 0", "at most 0"];
    refused(new(&[1, 2, 3, 4], &next, &p), &offset(0, 1, 0, 0), &parts);
    refused(new(&[0, 3, 2, 4], &next, &p), &offset(2, 2, 3, 4), &["row offset 2 is 2", "at least 3"]);
    refused(new(&[0, 5, 3, 4], &next, &p), &offset(1, 5, 0, 4), &["row offset 1 is 5", "at most 4"]);
    refused(new(&[0, 2, 3, 3], &next, &p), &offset(3, 3, 4, 4), &["row offset 3 is 3"]);
    refused(new(&[0, 2, 3, 5], &next, &p), &offset(3, 5, 4, 4), &["row offset 3 is 5"]);
    let unsorted = |next_state| Error::UnsortedSuccessors { state: 0, action: 0, next_state };
    refused(new(&[0, 2, 3, 4], &[1, 0, 2, 2], &p), &unsorted(0), &["state 0", "action 0", "next state 0"]);
    refused(new(&[0, 2, 3, 4], &[1, 1, 2, 2], &p), &unsorted(1), &["next state 1"]);
}

#[test]
fn a_model_of_nothing_is_refused() {
    let empty = |shape: &[usize]| Error::EmptyModel { table: Table::Transitions, shape: shape.to_vec() };
    let parts = ["transitions", "at least one state and one action"];
    for (states, actions) in [(0, 2), (2, 0), (0, 0)] {
        let dense = DenseDynamics::<f64>::new(Array3::zeros((states, actions, states)));
        refused(dense, &empty(&[states, actions, states]), &parts);
        let new = Mdp::<f64>::new(Array3::zeros((states, actions, states)), Array2::zeros((states, actions)));
        refused(new, &empty(&[states, actions, states]), &parts);
        let expected = empty(&[states, actions]);
        refused(DeterministicDynamics::<f64>::new(Array2::zeros((states, actions))), &expected, &parts);
        refused(SparseDynamics::<f64>::from_triplets(states, actions, []), &expected, &parts);
        let rows = vec![0; states * actions + 1];
        refused(SparseDynamics::<f64>::new(states, actions, rows, vec![], vec![]), &expected, &parts);
    }
}

#[test]
fn tables_beyond_memory_are_refused() {
    let expected = Error::TooLarge { table: Table::Transitions, shape: vec![usize::MAX, 2] };
    let parts = ["transitions", "cannot allocate", &usize::MAX.to_string()];
    refused(SparseDynamics::<f64>::from_triplets(usize::MAX, 2, []), &expected, &parts);
    refused(SparseDynamics::<f64>::new(usize::MAX, 2, vec![0], vec![], vec![]), &expected, &parts);
    refused(DeterministicDynamics::<f64>::from_fn(usize::MAX, 2, |_, _| 0), &expected, &parts);
    let expected = Error::TooLarge { table: Table::Transitions, shape: vec![1 << 32, 2, 1 << 32] };
    refused(DenseDynamics::from_fn(1 << 32, 2, |_, _| [(0, 1.0)]), &expected, &["4294967296"]);
}

// --- model ----------------------------------------------------------------------------------------------

#[test]
fn a_table_of_another_shape_is_refused() {
    let square = DenseDynamics::<f64>::new(Array3::zeros((3, 2, 4)));
    let expected = mismatch(Table::Transitions, &[3, 2, 4], &[3, 2, 3]);
    refused(square, &expected, &["shape of transitions is [3, 2, 4], expected [3, 2, 3]"]);
    for shape in [(2, 3), (3, 1), (4, 2)] {
        let (found, expected) = ([shape.0, shape.1], [3, 2]);
        let rewards = Array2::zeros(shape);
        refused(
            Mdp::new(transitions(), rewards.clone()),
            &mismatch(Table::Rewards, &found, &expected),
            &["rewards"],
        );
        let expected_rewards = mismatch(Table::Rewards, &found, &expected);
        refused(mdp().with_rewards(rewards), &expected_rewards, &["rewards"]);
        let weights = ActionPrior::Weights(Array2::ones(shape));
        let expected_prior = mismatch(Table::ActionPrior, &found, &expected);
        refused(builder().action_prior(weights.clone()).build(), &expected_prior, &["action prior"]);
        refused(mdp().with_action_prior(weights), &expected_prior, &["action prior"]);
        let available = builder().available_actions(Array2::from_elem(shape, true)).build();
        refused(available, &mismatch(Table::AvailableActions, &found, &expected), &["available actions"]);
    }
    let expected = mismatch(Table::TerminalValues, &[2], &[3]);
    refused(builder().terminal_values(Array1::zeros(2)).build(), &expected, &["terminal values"]);
    refused(mdp().with_terminal_values(Array1::zeros(2)), &expected, &["terminal values"]);
    let expected = mismatch(Table::StateValues, &[5], &[2, 2]);
    refused(LogBlock::new(&[0.0; 5], &[1.0; 2]), &expected, &["state values"]);
}

#[test]
fn numbers_that_a_model_cannot_hold_are_refused_by_the_builder_and_by_its_variants() {
    for value in [NAN, INF] {
        let expected = Error::InvalidReward { state: 2, action: 1, value };
        let parts = ["state 2", "action 1", &format!("is {value},"), "below +inf"];
        let spoiled = with(&rewards(), [2, 1], value);
        refused(Mdp::new(transitions(), spoiled.clone()), &expected, &parts);
        refused(mdp().with_rewards(spoiled), &expected, &parts);
        let expected = Error::InvalidTerminalValue { state: 1, value };
        let parts = ["terminal value of state 1", &format!("is {value},")];
        refused(builder().terminal_values(array![0.0, value, 0.0]).build(), &expected, &parts);
        refused(mdp().with_terminal_values(array![0.0, value, 0.0]), &expected, &parts);
    }
    for value in NO_WEIGHT {
        let expected =
            Error::InvalidSetting { setting: "temperature", value, expected: "a finite number >= 0" };
        let parts = [&*format!("temperature is {value},"), ">= 0"];
        refused(builder().temperature(value).build(), &expected, &parts);
        refused(mdp().with_temperature(value), &expected, &parts);
        // Also where the action does not exist, and where the state is terminal.
        for (state, action) in [(0, 1), (1, 1), (2, 0)] {
            let expected = Error::InvalidPriorWeight { state, action, value };
            let prior = ActionPrior::Weights(with(&Array2::ones((3, 2)), [state, action], value));
            let parts = [&*format!("(state {state}, action {action}) is {value},"), ">= 0"];
            refused(builder().action_prior(prior.clone()).build(), &expected, &parts);
            refused(mdp().with_action_prior(prior), &expected, &parts);
        }
    }
    for value in [NAN, INF, -INF, -1e-300, 1.0 + f64::EPSILON] {
        let expected = Error::InvalidSetting { setting: "discount", value, expected: "a number in [0, 1]" };
        let parts = ["discount is", "[0, 1]"];
        refused(builder().discount(value).build(), &expected, &parts);
        refused(mdp().with_discount(value), &expected, &parts);
    }
    let limits = |discount, temperature| builder().discount(discount).temperature(temperature).build();
    assert!(limits(0.0, 0.0).is_ok() && limits(1.0, f64::MAX).is_ok() && limits(-0.0, -0.0).is_ok());
    let never = Array1::from_elem(3, -INF);
    assert!(mdp().with_terminal_values(never).is_ok() && mdp().with_rewards(rewards() - INF).is_ok());
}

#[test]
fn a_prior_without_weight_on_an_available_action_is_refused_where_a_choice_is_made() {
    let empty = |state| Error::EmptyPriorRow { state };
    let parts = ["state 1", "no positive weight"];
    // Action 1 of state 1 does not exist: its weight does not count.
    let weights = |row: [f64; 2]| ActionPrior::Weights(array![[1.0, 0.0], row, [0.0, 0.0]]);
    refused(builder().action_prior(weights([0.0, 1.0])).build(), &empty(1), &parts);
    refused(mdp().with_action_prior(weights([0.0, 1.0])), &empty(1), &parts);
    assert!(builder().action_prior(weights([1e-320, 0.0])).build().is_ok());
    refused(builder().terminal_states([]).action_prior(weights([1.0, 0.0])).build(), &empty(2), &["state 2"]);
    // Nothing to choose from: a dead end, whatever the weights.
    let available = array![[true, true], [false, false], [true, true]];
    assert!(builder().available_actions(available).action_prior(weights([0.0, 1.0])).build().is_ok());
}

#[test]
fn variants_replace_one_table_and_share_the_dynamics() {
    let mdp = mdp();
    let rewards = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
    let prior = ActionPrior::Weights(array![[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]);
    let variants = [
        mdp.with_rewards(rewards.clone()).unwrap(),
        mdp.with_temperature(0.5).unwrap(),
        mdp.with_discount(0.5).unwrap(),
        mdp.with_terminal_values(array![1.0, 2.0, 3.0]).unwrap(),
        mdp.with_action_prior(prior.clone()).unwrap(),
        mdp.clone(),
    ];
    for (changed, variant) in variants.iter().enumerate() {
        assert!(std::ptr::eq(mdp.dynamics(), variant.dynamics()));
        let same = [
            mdp.rewards() == variant.rewards(),
            mdp.temperature() == variant.temperature(),
            mdp.discount() == variant.discount(),
            mdp.terminal_values() == variant.terminal_values(),
            mdp.action_prior() == variant.action_prior() && mdp.prior_weights() == variant.prior_weights(),
        ];
        same.iter().enumerate().for_each(|(table, &same)| assert_eq!(same, table != changed, "{changed}"));
        assert!(variant.terminal_states().eq([2]) && !variant.is_available(1, 1));
    }
    assert_eq!(variants[0].rewards(), rewards);
    assert_eq!((variants[1].temperature(), variants[2].discount()), (0.5, 0.5));
    assert_eq!(variants[3].terminal_values(), array![1.0, 2.0, 3.0]);
    assert_eq!(variants[4].action_prior(), &prior);
    assert_eq!(variants[4].prior_weights(), array![[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]);
    assert_eq!(variants[5], mdp);
}

#[test]
fn a_transition_that_adds_up_to_more_than_fits_is_refused() {
    let expected = Error::InvalidTransition { state: 1, action: 0, next_state: 1, value: f64::INFINITY };
    let row = |state: usize| [(state, 1e308), (state, 1e308 * state as f64)];
    assert_eq!(DenseDynamics::from_fn(2, 1, |state, _| row(state)).unwrap_err(), expected);
    assert_eq!(SparseDynamics::from_fn(2, 1, |state, _| row(state)).unwrap_err(), expected);
    let triplets = [(1, 0, 1, 1e308), (0, 0, 0, 1.0), (1, 0, 0, 0.5), (1, 0, 1, 1e308)];
    assert_eq!(SparseDynamics::from_triplets(2, 1, triplets).unwrap_err(), expected);
}
