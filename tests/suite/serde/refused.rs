//! Each promise broken once: the error carries the message of the crate's own.
//!
//! Tables are written through structs of the same fields that promise nothing, with one field
//! spoiled.

use ndarray::{Array1, Array2, Array3, array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use softmdp::gridworld::Error as MapError;
use softmdp::{
    ActionPrior, Cell, DenseDynamics, DeterministicDynamics, Error, ForwardMessages, Gridworld, Inference,
    Mdp, Observation, Policy, Posterior, SoftValueIteration, Solution, SparseDynamics, StateValues,
    SuccessorRewardMdp, Table, TimeVaryingMdp, Trajectory, forward_messages, ndarray, posterior,
};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Reads what was written as another type; the message, where that is refused.
fn read<T: DeserializeOwned>(raw: &impl Serialize) -> Result<T, String> {
    let text = ron::to_string(raw).unwrap();
    ron::from_str(&text).map_err(|error| error.to_string())
}

#[track_caller]
fn refuses<T: DeserializeOwned>(raw: &impl Serialize, expected: &impl std::fmt::Display) {
    let message = read::<T>(raw).err().expect("an error");
    assert!(message.contains(&expected.to_string()), "{message}\nexpected {expected}");
    // The other format keeps no message.
    assert!(postcard::from_bytes::<T>(&postcard::to_allocvec(raw).unwrap()).is_err());
}

fn mismatch(table: Table, found: &[usize], expected: &[usize]) -> Error {
    Error::ShapeMismatch { table, found: found.to_vec(), expected: expected.to_vec() }
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

#[derive(Serialize)]
struct RawDense {
    transitions: Array3<f64>,
}

#[derive(Serialize, Clone)]
struct RawSparse {
    num_states: usize,
    num_actions: usize,
    row_offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<f64>,
}

#[derive(Serialize)]
struct RawDeterministic {
    successors: Array2<usize>,
}

#[test]
fn transitions_that_are_none() {
    let value = -0.5;
    let refused =
        |transitions, expected: &Error| refuses::<DenseDynamics>(&RawDense { transitions }, expected);
    refused(
        array![[[1.5, value]], [[0.0, 1.0]]],
        &Error::InvalidTransition { state: 0, action: 0, next_state: 1, value },
    );
    refused(Array3::zeros((2, 1, 3)), &mismatch(Table::Transitions, &[2, 1, 3], &[2, 1, 2]));
    let shape = vec![0, 1, 0];
    refused(Array3::zeros((0, 1, 0)), &Error::EmptyModel { table: Table::Transitions, shape });
    refuses::<DeterministicDynamics>(
        &RawDeterministic { successors: array![[0], [2]] },
        &Error::SuccessorOutOfRange { state: 1, action: 0, next_state: 2, num_states: 2 },
    );
}

#[test]
fn rows_that_are_not_compressed_rows() {
    let valid = RawSparse {
        num_states: 2,
        num_actions: 1,
        row_offsets: vec![0, 2, 3],
        next_states: vec![0, 1, 1],
        probabilities: vec![0.5, 0.5, 1.0],
    };
    assert!(read::<SparseDynamics>(&valid).is_ok());
    let refused = |raw: RawSparse, expected: &Error| refuses::<SparseDynamics>(&raw, expected);
    refused(
        RawSparse { row_offsets: vec![0, 4, 3], ..valid.clone() },
        &Error::InvalidRowOffset { index: 1, value: 4, least: 0, most: 3 },
    );
    refused(RawSparse { row_offsets: vec![0, 3], ..valid.clone() }, &mismatch(Table::RowOffsets, &[2], &[3]));
    refused(
        RawSparse { next_states: vec![1, 1, 1], ..valid.clone() },
        &Error::UnsortedSuccessors { state: 0, action: 0, next_state: 1 },
    );
    refused(
        RawSparse { next_states: vec![0, 2, 1], ..valid.clone() },
        &Error::SuccessorOutOfRange { state: 0, action: 0, next_state: 2, num_states: 2 },
    );
    refused(
        RawSparse { probabilities: vec![0.5, 0.5, INF], ..valid.clone() },
        &Error::InvalidTransition { state: 1, action: 0, next_state: 1, value: INF },
    );
    let shape = vec![usize::MAX, 2];
    refused(
        RawSparse { num_states: usize::MAX, num_actions: 2, ..valid },
        &Error::TooLarge { table: Table::Transitions, shape },
    );
}

#[derive(Serialize, Clone)]
struct RawMdp {
    dynamics: DenseDynamics,
    rewards: Array2<f64>,
    discount: f64,
    temperature: f64,
    action_prior: ActionPrior,
    available_actions: Option<Array2<bool>>,
    terminal_states: Vec<usize>,
    terminal_values: Array1<f64>,
}

#[test]
fn models_that_break_a_promise() {
    let valid = RawMdp {
        dynamics: DenseDynamics::new(array![[[0.5, 0.5], [2.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]]).unwrap(),
        rewards: array![[0.0, 1.0], [-1.0, -INF]],
        discount: 0.9,
        temperature: 0.5,
        action_prior: ActionPrior::Counting,
        available_actions: Some(array![[true, false], [true, true]]),
        terminal_states: vec![1],
        terminal_values: array![0.0, -INF],
    };
    assert!(read::<Mdp>(&valid).is_ok());
    let refused = |raw: RawMdp, expected: &Error| refuses::<Mdp>(&raw, expected);
    refused(
        RawMdp { rewards: array![[0.0, INF], [0.0, 0.0]], ..valid.clone() },
        &Error::InvalidReward { state: 0, action: 1, value: INF },
    );
    refused(
        RawMdp { rewards: array![[0.0, 0.0]], ..valid.clone() },
        &mismatch(Table::Rewards, &[1, 2], &[2, 2]),
    );
    refused(
        RawMdp { discount: 1.5, ..valid.clone() },
        &Error::InvalidSetting { setting: "discount", value: 1.5, expected: "a number in [0, 1]" },
    );
    refused(
        RawMdp { temperature: NAN, ..valid.clone() },
        &Error::InvalidSetting { setting: "temperature", value: NAN, expected: "a finite number >= 0" },
    );
    refused(
        RawMdp { action_prior: ActionPrior::Weights(array![[-1.0, 1.0], [1.0, 1.0]]), ..valid.clone() },
        &Error::InvalidPriorWeight { state: 0, action: 0, value: -1.0 },
    );
    refused(
        RawMdp { action_prior: ActionPrior::Weights(array![[0.0, 1.0], [1.0, 1.0]]), ..valid.clone() },
        &Error::EmptyPriorRow { state: 0 },
    );
    refused(
        RawMdp { available_actions: None, ..valid.clone() },
        &Error::UnnormalizedTransition { state: 0, action: 1, sum: 2.0, tolerance: 1e-8 },
    );
    refused(
        RawMdp { available_actions: Some(array![[true, false]]), ..valid.clone() },
        &mismatch(Table::AvailableActions, &[1, 2], &[2, 2]),
    );
    let table = Table::TerminalStates;
    refused(
        RawMdp { terminal_states: vec![1, 2], ..valid.clone() },
        &Error::StateOutOfRange { table, state: 2, num_states: 2 },
    );
    refused(
        RawMdp { terminal_values: array![NAN, 0.0], ..valid },
        &Error::InvalidTerminalValue { state: 0, value: NAN },
    );
}

#[derive(Serialize)]
struct RawSuccessorRewards {
    mdp: Mdp,
    successor_rewards: RawRewards,
}

#[derive(Serialize)]
enum RawRewards {
    OfTransitions(Vec<f64>),
    OfOutcomes(Vec<(usize, usize, usize, f64, f64)>),
}

#[test]
fn rewards_on_the_successor_that_fit_no_transition() {
    // Three transitions: two from state 0, one from state 1. A probability of 0 is none.
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let valid =
        mdp.with_successor_rewards(|_, _, next_state| if next_state == 1 { 2.0 } else { -INF }).unwrap();
    let raw = |successor_rewards: &[f64]| RawSuccessorRewards {
        mdp: mdp.clone(),
        successor_rewards: RawRewards::OfTransitions(successor_rewards.to_vec()),
    };
    assert_eq!(read::<SuccessorRewardMdp>(&raw(&[-INF, 2.0, 2.0])).unwrap(), valid);
    let refused = |rewards: &[f64], expected: &Error| refuses::<SuccessorRewardMdp>(&raw(rewards), expected);
    for rewards in [&[][..], &[0.0; 2], &[0.0; 4]] {
        refused(rewards, &mismatch(Table::SuccessorRewards, &[rewards.len()], &[3]));
    }
    for value in [NAN, INF] {
        let error = Error::InvalidSuccessorReward { state: 0, action: 0, next_state: 1, value };
        refused(&[0.0, value, 0.0], &error);
    }
    let lost = Error::Overflow { table: Table::SuccessorRewards, stage: 0, state: 0 };
    refused(&[-f64::MAX, f64::MAX, 0.0], &lost);
}

#[test]
fn outcomes_that_fit_no_transition() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let valid = [(0, 0, 0, 0.5, 1.0), (0, 0, 1, 0.25, 2.0), (0, 0, 1, 0.25, -INF), (1, 0, 1, 1.0, 0.0)];
    let raw = |outcomes: &[_]| RawSuccessorRewards {
        mdp: mdp.clone(),
        successor_rewards: RawRewards::OfOutcomes(outcomes.to_vec()),
    };
    let model = read::<SuccessorRewardMdp>(&raw(&valid)).unwrap();
    assert_eq!(model, mdp.with_outcomes(valid).unwrap());
    assert_eq!(read::<SuccessorRewardMdp>(&model).unwrap(), model);
    let refused = |at: usize, outcome, expected: &Error| {
        let mut outcomes = valid;
        outcomes[at] = outcome;
        refuses::<SuccessorRewardMdp>(&raw(&outcomes), expected);
    };
    refused(0, (1, 0, 1, 0.5, 1.0), &Error::MissingOutcome { state: 0, action: 0, next_state: 0 });
    refused(1, (1, 0, 0, 0.5, 1.0), &Error::ImpossibleOutcome { state: 1, action: 0, next_state: 0 });
    refused(
        1,
        (0, 0, 1, 0.25, NAN),
        &Error::InvalidSuccessorReward { state: 0, action: 0, next_state: 1, value: NAN },
    );
    refused(
        1,
        (0, 0, 1, -0.25, 2.0),
        &Error::InvalidTransition { state: 0, action: 0, next_state: 1, value: -0.25 },
    );
}

#[derive(Serialize)]
struct RawStages {
    stages: Vec<Mdp>,
    repeats: bool,
}

#[test]
fn stages_that_are_no_model() {
    let refused = |stages: &[Mdp], expected: &Error| {
        refuses::<TimeVaryingMdp>(&RawStages { stages: stages.to_vec(), repeats: true }, expected);
    };
    let one = Mdp::new(array![[[1.0]]], array![[0.0]]).unwrap();
    assert!(read::<TimeVaryingMdp>(&RawStages { stages: vec![one.clone(); 2], repeats: false }).is_ok());
    refused(&[], &Error::NoStages);
    refused(&[one.clone(), mdp()], &mismatch(Table::Model, &[2, 2], &[1, 1]));
    refused(
        &[one.clone(), one.with_discount(0.5).unwrap()],
        &Error::StageMismatch { stage: 1, property: "discount" },
    );
    refused(
        &[one.clone(), one.clone(), one.with_terminal_values(array![1.0]).unwrap()],
        &Error::StageMismatch { stage: 2, property: "terminal values" },
    );
}

#[derive(Serialize, Clone)]
struct RawPolicy {
    probabilities: Array3<f64>,
    log_probabilities: Array3<f64>,
}

fn policy() -> RawPolicy {
    let probabilities = array![[[0.25, 0.75], [0.0, 0.0]], [[1.0, 0.0], [0.5, 0.5]]];
    RawPolicy { log_probabilities: with(&probabilities.mapv(f64::ln), [1, 0, 1], -800.0), probabilities }
}

#[test]
fn policies_whose_tables_are_none_or_do_not_agree() {
    let valid = policy();
    assert!(read::<Policy>(&valid).is_ok());
    let probabilities = |index: [usize; 3], value, expected: &Error| {
        let probabilities = with(&valid.probabilities, index, value);
        refuses::<Policy>(&RawPolicy { probabilities, ..valid.clone() }, expected);
    };
    probabilities(
        [0, 0, 1],
        NAN,
        &Error::InvalidEntry { table: Table::Policy, index: vec![0, 0, 1], value: NAN },
    );
    let tolerance = 1e-8;
    probabilities(
        [1, 1, 0],
        0.25,
        &Error::UnnormalizedRow { table: Table::Policy, index: vec![1, 1], sum: 0.75, tolerance },
    );
    let logs = |index: [usize; 3], value: f64| {
        let log_probabilities = with(&valid.log_probabilities, index, value);
        let expected = Error::InvalidEntry { table: Table::LogPolicy, index: index.to_vec(), value };
        refuses::<Policy>(&RawPolicy { log_probabilities, ..valid.clone() }, &expected);
    };
    logs([0, 0, 0], NAN);
    logs([0, 0, 1], INF);
    logs([0, 0, 1], -INF);
    logs([0, 1, 0], 0.0);
    logs([1, 1, 1], 0.5);
    let log_probabilities = Array3::zeros((2, 2, 1));
    refuses::<Policy>(
        &RawPolicy { log_probabilities, ..valid.clone() },
        &mismatch(Table::LogPolicy, &[2, 2, 1], &[2, 2, 2]),
    );
    // A probability however small has a logarithm.
    for p in [1e-300, 5e-324] {
        let tiny = RawPolicy { probabilities: array![[[1.0, p]]], log_probabilities: array![[[0.0, -INF]]] };
        let (table, index, value) = (Table::LogPolicy, vec![0, 0, 1], -INF);
        refuses::<Policy>(&tiny, &Error::InvalidEntry { table, index, value });
    }
}

/// Two states and two actions; state 1 is terminal.
fn mdp() -> Mdp {
    Mdp::builder(array![[[0.5, 0.5], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], Array2::zeros((2, 2)))
        .terminal_states([1])
        .discount(0.9)
        .build()
        .unwrap()
}

#[derive(Serialize)]
struct RawStateValues {
    state_values: Array2<f64>,
    num_actions: usize,
    inference: Inference,
}

#[test]
fn state_values_of_no_model() {
    let refused = |state_values: Array2<f64>, num_actions, expected: &Error| {
        let raw = RawStateValues { state_values, num_actions, inference: Inference::Direct };
        refuses::<StateValues>(&raw, expected);
    };
    refused(Array2::zeros((0, 3)), 1, &mismatch(Table::StateValues, &[0, 3], &[1, 3]));
    refused(Array2::zeros((2, 3)), 0, &Error::EmptyModel { table: Table::Model, shape: vec![3, 0] });
    refused(Array2::zeros((2, 0)), 1, &Error::EmptyModel { table: Table::Model, shape: vec![0, 1] });
    let (table, index, value) = (Table::StateValues, vec![1, 2], NAN);
    let spoiled = with(&Array2::from_elem((2, 3), -INF), [1, 2], NAN);
    refused(spoiled, 1, &Error::InvalidEntry { table, index, value });
}

#[derive(Serialize, Clone)]
struct RawSolution {
    state_values: Array2<f64>,
    action_values: Array3<f64>,
    policy: Policy,
    inference: Inference,
    observations: Vec<Observation>,
}

#[test]
fn solutions_whose_tables_do_not_fit() {
    let solution = SoftValueIteration::new(2).solve(&mdp()).unwrap();
    let valid = RawSolution {
        state_values: solution.state_values().to_owned(),
        action_values: solution.action_values().to_owned(),
        policy: solution.policy().clone(),
        inference: solution.inference(),
        observations: vec![],
    };
    assert_eq!(read::<Solution>(&valid).unwrap(), solution);
    let refused = |raw: RawSolution, expected: &Error| refuses::<Solution>(&raw, expected);
    refused(
        RawSolution { state_values: Array2::zeros((2, 2)), ..valid.clone() },
        &mismatch(Table::StateValues, &[2, 2], &[3, 2]),
    );
    refused(
        RawSolution { policy: Policy::new(array![[[1.0], [1.0]]]).unwrap(), ..valid.clone() },
        &mismatch(Table::Policy, &[1, 2, 1], &[2, 2, 2]),
    );
    let (table, index, value) = (Table::StateValues, vec![2, 1], INF);
    refused(
        RawSolution { state_values: with(&valid.state_values, [2, 1], INF), ..valid.clone() },
        &Error::InvalidEntry { table, index, value },
    );
    let (table, index, value) = (Table::ActionValues, vec![1, 0, 1], NAN);
    refused(
        RawSolution { action_values: with(&valid.action_values, [1, 0, 1], NAN), ..valid.clone() },
        &Error::InvalidEntry { table, index, value },
    );
    let beyond = vec![Observation::at(3, 0)];
    refused(
        RawSolution { observations: beyond, ..valid },
        &Error::ObservationOutOfRange { stage: 3, horizon: 2 },
    );
}

#[derive(Serialize, Clone)]
struct RawMessages {
    log_forward: Array2<f64>,
    log_normalizers: Array1<f64>,
    log_absorbed: Array1<f64>,
    log_evidence: f64,
}

#[test]
fn forward_messages_whose_tables_do_not_fit() {
    let messages = forward_messages(&mdp(), &array![1.0, 0.0], 2).unwrap();
    let valid = RawMessages {
        log_forward: messages.log_forward().to_owned(),
        log_normalizers: messages.log_normalizers().to_owned(),
        log_absorbed: messages.log_absorbed().to_owned(),
        log_evidence: messages.log_evidence(),
    };
    assert_eq!(read::<ForwardMessages>(&valid).unwrap(), messages);
    let refused = |raw: RawMessages, expected: &Error| refuses::<ForwardMessages>(&raw, expected);
    refused(
        RawMessages { log_forward: Array2::zeros((2, 2)), ..valid.clone() },
        &mismatch(Table::ForwardMessages, &[2, 2], &[3, 2]),
    );
    refused(
        RawMessages { log_absorbed: Array1::zeros(2), ..valid.clone() },
        &mismatch(Table::LogAbsorbed, &[2], &[3]),
    );
    let entry = |table, index: &[usize], value| Error::InvalidEntry { table, index: index.to_vec(), value };
    refused(
        RawMessages { log_forward: with(&valid.log_forward, [1, 1], NAN), ..valid.clone() },
        &entry(Table::ForwardMessages, &[1, 1], NAN),
    );
    refused(
        RawMessages { log_normalizers: with(&valid.log_normalizers, 1, NAN), ..valid.clone() },
        &entry(Table::LogNormalizers, &[1], NAN),
    );
    refused(
        RawMessages { log_normalizers: with(&valid.log_normalizers, 1, -INF), ..valid.clone() },
        &Error::ImpossibleEvidence { stage: 1 },
    );
    refused(
        RawMessages { log_absorbed: with(&valid.log_absorbed, 2, INF), ..valid.clone() },
        &entry(Table::LogAbsorbed, &[2], INF),
    );
    refused(RawMessages { log_evidence: NAN, ..valid.clone() }, &entry(Table::LogEvidence, &[], NAN));
    assert!(read::<ForwardMessages>(&RawMessages { log_evidence: -INF, ..valid }).is_ok());
}

#[derive(Serialize, Clone)]
struct RawPosterior {
    solution: Solution,
    initial: Array1<f64>,
    log_evidence: f64,
    state_marginals: Array2<f64>,
    absorbed_marginals: Array1<f64>,
    state_action_marginals: Array3<f64>,
}

#[test]
fn posteriors_that_are_no_distributions() {
    let mdp = mdp();
    let posterior = posterior(&mdp, &array![1.0, 0.0], 2).unwrap();
    let valid = RawPosterior {
        solution: posterior.solution().clone(),
        initial: posterior.initial().to_owned(),
        log_evidence: posterior.log_evidence(),
        state_marginals: posterior.state_marginals().to_owned(),
        absorbed_marginals: posterior.absorbed_marginals().to_owned(),
        state_action_marginals: posterior.state_action_marginals().to_owned(),
    };
    assert_eq!(read::<Posterior>(&valid).unwrap(), posterior);
    let refused = |raw: RawPosterior, expected: &Error| refuses::<Posterior>(&raw, expected);
    let (expected, found) = (Inference::Direct, Inference::Variational);
    let solution = SoftValueIteration::new(2).inference(found).solve(&mdp).unwrap();
    refused(RawPosterior { solution, ..valid.clone() }, &Error::InferenceMismatch { expected, found });
    refused(RawPosterior { initial: array![1.0], ..valid.clone() }, &mismatch(Table::Initial, &[1], &[2]));
    refused(
        RawPosterior { initial: array![0.5, 0.0], ..valid.clone() },
        &Error::UnnormalizedInitial { sum: 0.5, tolerance: 1e-8 },
    );
    refused(
        RawPosterior { state_marginals: Array2::zeros((3, 1)), ..valid.clone() },
        &mismatch(Table::StateMarginals, &[3, 1], &[3, 2]),
    );
    refused(
        RawPosterior { absorbed_marginals: Array1::zeros(2), ..valid.clone() },
        &mismatch(Table::AbsorbedMarginals, &[2], &[3]),
    );
    refused(
        RawPosterior { state_action_marginals: Array3::zeros((3, 2, 2)), ..valid.clone() },
        &mismatch(Table::StateActionMarginals, &[3, 2, 2], &[2, 2, 2]),
    );
    let (table, index, value) = (Table::LogEvidence, vec![], NAN);
    refused(
        RawPosterior { log_evidence: NAN, ..valid.clone() },
        &Error::InvalidEntry { table, index, value },
    );
    refused(RawPosterior { log_evidence: -INF, ..valid.clone() }, &Error::ImpossibleEvidence { stage: 2 });

    let no_marginal =
        |table, index: &[usize], value: f64| Error::InvalidEntry { table, index: index.to_vec(), value };
    refused(
        RawPosterior { state_marginals: with(&valid.state_marginals, [1, 0], NAN), ..valid.clone() },
        &no_marginal(Table::StateMarginals, &[1, 0], NAN),
    );
    refused(
        RawPosterior { absorbed_marginals: with(&valid.absorbed_marginals, 1, -0.5), ..valid.clone() },
        &no_marginal(Table::AbsorbedMarginals, &[1], -0.5),
    );
    refused(
        RawPosterior {
            state_action_marginals: with(&valid.state_action_marginals, [0, 0, 1], 1.5),
            ..valid.clone()
        },
        &no_marginal(Table::StateActionMarginals, &[0, 0, 1], 1.5),
    );
    // A probability, but more than that of its state.
    refused(
        RawPosterior {
            state_action_marginals: with(&valid.state_action_marginals, [0, 1, 0], 0.5),
            ..valid.clone()
        },
        &no_marginal(Table::StateActionMarginals, &[0, 1, 0], 0.5),
    );
    let tolerance = 1e-8;
    refused(
        RawPosterior { state_marginals: with(&valid.state_marginals, [0, 1], 0.5), ..valid },
        &Error::UnnormalizedRow { table: Table::StateMarginals, index: vec![0], sum: 1.5, tolerance },
    );
}

#[derive(Serialize)]
struct RawTrajectory {
    states: Vec<usize>,
    actions: Vec<usize>,
}

#[test]
fn trajectories_that_are_none() {
    let refused = |states: &[usize], actions: &[usize], expected: &Error| {
        let raw = RawTrajectory { states: states.to_vec(), actions: actions.to_vec() };
        refuses::<Trajectory>(&raw, expected);
    };
    refused(&[0, 1, 2], &[0], &mismatch(Table::Trajectory, &[3], &[2]));
    refused(&[], &[], &mismatch(Table::Trajectory, &[0], &[1]));
}

#[derive(Serialize)]
struct RawGridworld {
    map: &'static str,
    legend: Vec<(char, Cell)>,
    moves: softmdp::Moves,
    step_reward: f64,
    slip: f64,
    wind: Option<(softmdp::Direction, f64)>,
    wind_by_column: Option<(softmdp::Direction, Vec<usize>)>,
}

#[test]
fn maps_that_are_none() {
    let refused = |map, legend: &[(char, Cell)], expected: &MapError| {
        let raw = RawGridworld {
            map,
            legend: legend.to_vec(),
            moves: softmdp::Moves::Four,
            step_reward: 0.0,
            slip: 0.0,
            wind: None,
            wind_by_column: None,
        };
        refuses::<Gridworld>(&raw, expected);
    };
    refused("S?", &[], &MapError::UnknownCell { row: 0, column: 1, symbol: '?' });
    refused("S.\nG", &[], &MapError::RaggedMap { row: 1, found: 1, expected: 2 });
    refused("##", &[], &MapError::EmptyMap);
    let twice = [('g', Cell::Free), ('g', Cell::Start)];
    refused("S.", &twice, &MapError::RepeatedSymbol { symbol: 'g' });
}

#[test]
fn tables_and_fields_that_are_not_there() {
    let text = |fields: &str| ron::from_str::<DenseDynamics>(fields).map_err(|error| error.to_string());
    assert!(text("(transitions: (v: 1, dim: (1, 1, 1), data: [1]))").is_ok());
    assert!(text("(transitions: (v: 1, dim: (1, 1, 1), data: [1, 0]))").unwrap_err().contains("dimension"));
    assert!(
        text("(transitions: (v: 1, dim: (1, 1, 1), data: [1]), extra: 1)").unwrap_err().contains("extra")
    );
    assert!(text("()").unwrap_err().contains("transitions"));
    let huge = usize::MAX;
    assert!(text(&format!("(transitions: (v: 1, dim: ({huge}, {huge}, 0), data: []))")).is_err());
}
