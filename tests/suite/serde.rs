//! What serde writes is read back bit for bit, and what breaks a promise is refused with the
//! message of the crate.
//!
//! One format in bytes that does not describe itself, and one that people read; both carry
//! infinities.

#![cfg(feature = "serde")]
#![allow(clippy::float_cmp, reason = "what was read is what was written")]

mod refused;

use std::fmt::Debug;

use ndarray::{Array1, Array2, Array3, array};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use softmdp::{
    ActionPrior, AverageReward, Cell, DenseDynamics, DeterministicDynamics, Direction, Dynamics, Gridworld,
    Inference, LongRunGrowth, Mdp, Method, Model, Moves, Policy, Real, SoftValueIteration, SparseDynamics,
    StationaryPolicy, StationarySolution, StationarySolver, Status, TimeVaryingMdp, average_reward,
    forward_messages, long_run_growth, ndarray, solve_stationary,
};

use crate::common::{MINUS_INFINITY, SMALL, Tables, cases, tables, tables_with_successor_rewards};

/// Writes and reads a value in both formats: it comes back equal, and to the same bytes.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = postcard::to_allocvec(value).unwrap();
    let from_bytes: T = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(&from_bytes, value);
    let text = ron::to_string(value).unwrap();
    let from_text: T = ron::from_str(&text).unwrap();
    assert_eq!(&from_text, value);
    // Equality does not tell −0 from 0.
    assert_eq!(postcard::to_allocvec(&from_bytes).unwrap(), bytes);
    assert_eq!(postcard::to_allocvec(&from_text).unwrap(), bytes);
}

/// A model over given dynamics and everything that can be asked of it come back.
fn model_comes_back<F, D>(mdp: &Mdp<F, D>, initial: &Array1<F>, horizon: usize)
where
    F: Real + Serialize + DeserializeOwned,
    D: Dynamics<Scalar = F> + Serialize + DeserializeOwned + PartialEq,
{
    comes_back(mdp.dynamics());
    comes_back(mdp);
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(horizon).inference(inference);
        comes_back(&solver);
        let solution = solver.solve(mdp).unwrap();
        comes_back(solution.policy());
        comes_back(&solution);
        comes_back(&solver.solve_values(mdp).unwrap());
        if let Ok(posterior) = solution.posterior(mdp, initial) {
            comes_back(&posterior);
            comes_back(&posterior.most_likely(mdp).unwrap());
        }
    }
    if let Ok(messages) = forward_messages(mdp, initial, horizon) {
        comes_back(&messages);
    }
    let solver = StationarySolver::new(F::one()).max_iterations(5);
    comes_back(&solver);
    comes_back(&solver.initial_values(initial.clone()).method(Method::Newton));
    if let Ok(solution) = StationarySolver::new(F::one()).max_iterations(5).solve(mdp) {
        comes_back(&solution);
    }
}

/// The tables in single precision, as a model.
fn in_f32(tables: &Tables) -> (Mdp<f32, SparseDynamics<f32>>, Array1<f32>) {
    let narrow = |x: &f64| *x as f32;
    let stage = &tables.stages[0];
    let dense = DenseDynamics::new(stage.transitions.map(narrow)).unwrap();
    let prior = match &tables.kind {
        ActionPrior::Weights(weights) => ActionPrior::Weights(weights.map(narrow)),
        ActionPrior::Uniform => ActionPrior::Uniform,
        _ => ActionPrior::Counting,
    };
    let mdp = Mdp::builder(SparseDynamics::from_dynamics(&dense).unwrap(), stage.rewards.map(narrow))
        .discount(narrow(&tables.discount))
        .temperature(narrow(&tables.temperature))
        .action_prior(prior)
        .available_actions(tables.available.clone())
        .terminal_states((0..tables.num_states()).filter(|&state| tables.is_terminal[state]))
        .terminal_values(tables.terminal_values.map(narrow))
        .build()
        .unwrap();
    (mdp, tables.initial.map(narrow))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn models_and_results_come_back_bit_for_bit(tables in tables(SMALL)) {
        let (mdp, horizon) = (tables.mdp(), tables.horizon());
        model_comes_back(&mdp, &tables.initial, horizon);
        let sparse = tables.mdp_over(SparseDynamics::from_dynamics(mdp.dynamics()).unwrap());
        model_comes_back(&sparse, &tables.initial, horizon);
        let (mdp, initial) = in_f32(&tables);
        model_comes_back(&mdp, &initial, horizon);
    }
}

/// A model that carries its own stages or rewards on the successor comes back, and is solved as
/// before.
fn composite_comes_back<M>(model: &M, horizon: usize)
where
    M: Model<Scalar = f64> + Serialize + DeserializeOwned + PartialEq + Debug,
{
    comes_back(model);
    let read: M = postcard::from_bytes(&postcard::to_allocvec(model).unwrap()).unwrap();
    assert_eq!(read.num_stages(), model.num_stages());
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(horizon).inference(inference);
        assert_eq!(solver.solve(&read).unwrap(), solver.solve(model).unwrap());
    }
}

fn varying<M: Model>(stages: impl Iterator<Item = M>, repeats: bool) -> TimeVaryingMdp<M> {
    let model = TimeVaryingMdp::new(stages).unwrap();
    if repeats { model.repeating() } else { model }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn models_of_successor_rewards_and_of_stages_come_back(
        tables in tables_with_successor_rewards(SMALL),
        repeats: bool,
    ) {
        let horizon = tables.horizon();
        let rewards = |t: usize| {
            let rewards = &tables.stages[t].successor_rewards;
            move |s, a, n| rewards[[s, a, n]]
        };
        let dense = tables.mdp().with_successor_rewards(rewards(0)).unwrap();
        composite_comes_back(&dense, horizon);
        let sparse = SparseDynamics::from_dynamics(tables.mdp().dynamics()).unwrap();
        composite_comes_back(&tables.mdp_over(sparse).with_successor_rewards(rewards(0)).unwrap(), horizon);

        let stage = |t| tables.mdp_of_stage(t);
        composite_comes_back(&varying((0..horizon).map(stage), repeats), horizon);
        let stage = |t| stage(t).with_successor_rewards(rewards(t)).unwrap();
        composite_comes_back(&varying((0..horizon).map(stage), repeats), horizon);
    }
}

#[test]
fn every_default_comes_back_as_it_was() {
    let dynamics = DeterministicDynamics::new(array![[0, 1], [1, 0]]).unwrap();
    let mdp: Mdp<f64, _> =
        Mdp::builder(dynamics, array![[-0.0, 1.0], [MINUS_INFINITY, 0.5]]).build().unwrap();
    assert_eq!(mdp.available_actions(), None);
    model_comes_back(&mdp, &array![0.5, 0.5], 3);
    model_comes_back(&mdp, &array![0.5, 0.5], 0); // values, and no decisions
    // That every action exists is not the same as not having said so.
    let said =
        Mdp::builder(array![[[1.0], [1.0]]], array![[0.0, 0.0]]).available_actions(array![[true, true]]);
    let said = said.build().unwrap();
    assert!(said.available_actions().is_some());
    comes_back(&said);
}

/// Policies of one state whose prior weights and rewards are as far apart as the number type
/// allows.
fn extremes_come_back<F: Real + Serialize + DeserializeOwned>(tiny: F, rewards: [F; 4], temperatures: &[F]) {
    let weights = [tiny, F::min_positive_value(), F::one(), F::from_f64(1e3), F::max_value()];
    for &temperature in temperatures {
        for shift in 0..weights.len() {
            let prior =
                Array2::from_shape_fn((1, 4), |(_, action)| weights[(action + shift) % weights.len()]);
            for rotation in 0..4 {
                let rewards = Array2::from_shape_fn((1, 4), |(_, action)| rewards[(action + rotation) % 4]);
                let mdp = Mdp::builder(Array3::from_elem((1, 4, 1), F::one()), rewards)
                    .action_prior(ActionPrior::Weights(prior.clone()))
                    .temperature(temperature)
                    .build()
                    .unwrap();
                model_comes_back(&mdp, &array![F::one()], 2);
            }
        }
    }
}

#[test]
fn policies_of_extreme_models_come_back() {
    let least = MINUS_INFINITY;
    extremes_come_back(1e-45, [0.0, -87.0, -170.0, f32::NEG_INFINITY], &[0.0, 0.5, 1.0, 1e30]);
    extremes_come_back(1e-45, [0.0, -100.0, -1e8, f32::NEG_INFINITY], &[0.0, 1e-30, 1.0, 1e30]);
    extremes_come_back(5e-324, [0.0, -708.0, -1400.0, least], &[0.0, 0.5, 1.0, 1e300]);
    extremes_come_back(5e-324, [0.0, -740.0, -1e8, least], &[0.0, 1e-300, 1.0, 1e300]);
}

#[test]
fn log_probabilities_come_back_where_probabilities_underflow() {
    let mdp = Mdp::new(array![[[1.0], [1.0], [1.0]]], array![[0.0, -740.0, -5000.0]]).unwrap();
    let solution = SoftValueIteration::new(1).solve(&mdp).unwrap();
    let policy = solution.policy();
    assert_eq!(policy.probabilities()[[0, 0, 2]], 0.0);
    comes_back(policy);
    let read: Policy = ron::from_str(&ron::to_string(policy).unwrap()).unwrap();
    assert_eq!(read.log_probabilities()[[0, 0, 2]], -5000.0);
}

#[test]
fn stationary_policies_come_back() {
    let policy = StationaryPolicy::new(array![[0.25, 0.75, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]).unwrap();
    comes_back(&policy);
    // Where probabilities underflow, logarithms go on.
    let written = ron::to_string(&policy).unwrap();
    let faint = written.replacen("-inf", "-5000.0", 1);
    let read: StationaryPolicy = ron::from_str(&faint).unwrap();
    assert_eq!((read.probabilities()[[0, 2]], read.log_probabilities()[[0, 2]]), (0.0, -5000.0));
    comes_back(&read);
    // Each check of a policy is one of a stationary one.
    assert!(ron::from_str::<StationaryPolicy>(&written.replacen("0.25", "0.5", 1)).is_err());
    assert!(ron::from_str::<StationaryPolicy>(&written.replacen("-inf", "0.0", 1)).is_err());
}

#[test]
fn a_layout_of_columns_is_written_in_rows() {
    let transposed = array![[[0.25, 0.5], [0.75, 0.5]], [[1.0, 0.0], [0.0, 1.0]]].reversed_axes();
    let rows = transposed.as_standard_layout().into_owned();
    assert_eq!(
        ron::to_string(&DenseDynamics::new(transposed).unwrap()).unwrap(),
        ron::to_string(&DenseDynamics::new(rows).unwrap()).unwrap()
    );
}

#[test]
fn gridworlds_come_back_with_every_option() {
    let map = "S.#G\n.X.7\nFH..";
    let plain = Gridworld::parse(map).unwrap();
    comes_back(&plain);
    let world = plain
        .moves(Moves::Eight)
        .goal_reward(3.0)
        .trap_reward(MINUS_INFINITY)
        .step_reward(-0.25)
        .slip(0.1)
        .wind(Direction::DownLeft, 0.3)
        .wind_by_column(Direction::Up, [0, 2, 1, 0]);
    comes_back(&world);
    comes_back(&world.mdp().unwrap());
    for row in 0..3 {
        (0..4).for_each(|column| comes_back(&world.cell(row, column)));
    }
    // Symbols of a legend, blanks at the ends of rows, and walls that are drawn as blanks.
    let legend = [('~', Cell::Reward(-2.5)), ('x', Cell::Trap(MINUS_INFINITY)), ('é', Cell::Goal(0.1))];
    comes_back(&Gridworld::parse_with(" ~é\nS x\n.. ", &legend).unwrap().moves(Moves::Nine));
    let legend = [(' ', Cell::Wall), ('G', Cell::Goal(2.0)), ('.', Cell::Reward(1.0))];
    comes_back(&Gridworld::parse_with(" .G\n.. ", &legend).unwrap());
}

#[test]
fn the_text_form_is_what_a_person_would_write() {
    let mdp: Mdp = ron::from_str(
        "(
            dynamics: (transitions: (v: 1, dim: (1, 2, 1), data: [1, 1])),
            rewards: (v: 1, dim: (1, 2), data: [0, -inf]),
            discount: 0.5,
            temperature: 1,
            action_prior: Uniform,
            available_actions: None,
            terminal_states: [],
            terminal_values: (v: 1, dim: (1,), data: [0]),
        )",
    )
    .unwrap();
    assert_eq!(mdp.rewards(), array![[0.0, MINUS_INFINITY]]);
    assert_eq!(mdp.action_prior(), &ActionPrior::Uniform);
    let world: Gridworld = ron::from_str(
        r#"(
            map: "S.G", legend: [('G', Goal(1))], moves: Four, step_reward: 0, slip: 0.5, wind: None,
            wind_by_column: None,
        )"#,
    )
    .unwrap();
    assert_eq!(world.cell(0, 2), Some(Cell::Goal(1.0)));
}

#[test]
fn long_run_growth_comes_back_and_is_checked() {
    // State 0 is left for good: its relative value is finite, that of the slower state 2 is −∞.
    let transitions = array![[[0.0, 0.5, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    let mdp = Mdp::new(transitions, array![[0.0], [-1.0], [-2.0]]).unwrap();
    let growth = long_run_growth(&mdp, 1e-9).unwrap();
    assert_eq!(growth.relative_values()[2], MINUS_INFINITY);
    comes_back(&growth);
    let written = ron::to_string(&growth).unwrap();
    let rate = ron::to_string(&growth.rate()).unwrap();
    assert!(written.contains(&format!("rate:{rate}")), "{written}");
    for wrong in ["0.5", "-3.0", "NaN"] {
        let spoiled = written.replacen(&format!("rate:{rate}"), &format!("rate:{wrong}"), 1);
        assert!(ron::from_str::<LongRunGrowth>(&spoiled).is_err(), "{wrong}");
    }
    let above = written.replacen("-inf", "0.5", 1);
    assert_ne!(above, written);
    assert!(ron::from_str::<LongRunGrowth>(&above).is_err());
}

#[test]
fn average_reward_comes_back_and_is_checked() {
    // State 1 has no way on, so that state 0 avoids it.
    let transitions = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]];
    let rewards = array![[-1.0, 5.0], [MINUS_INFINITY, MINUS_INFINITY]];
    let average = average_reward(&Mdp::new(transitions, rewards).unwrap(), 1e-9).unwrap();
    assert_eq!(average.relative_values(), array![0.0, MINUS_INFINITY]);
    comes_back(&average);
    let written = ron::to_string(&average).unwrap();
    let gain = ron::to_string(&average.gain()).unwrap();
    assert!(written.contains(&format!("gain:{gain}")), "{written}");
    for wrong in ["0.5", "-3.0", "NaN"] {
        let spoiled = written.replacen(&format!("gain:{gain}"), &format!("gain:{wrong}"), 1);
        assert!(ron::from_str::<AverageReward>(&spoiled).is_err(), "{wrong}");
    }
    let above = written.replacen("-inf", "0.5", 1);
    assert_ne!(above, written);
    assert!(ron::from_str::<AverageReward>(&above).is_err());
}

#[test]
fn what_no_stationary_search_leaves_behind_is_refused() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 1.0]]).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-6).unwrap();
    let written = ron::to_string(&solution).unwrap();
    assert_eq!(
        ron::from_str::<StationarySolution>(&written).unwrap().convergence().status,
        Status::Converged
    );
    let bound = ron::to_string(&solution.convergence().error_bound).unwrap();
    let value = ron::to_string(&solution.state_values()[0]).unwrap();
    for (right, wrong) in
        [(&bound, "-1.0"), (&bound, "NaN"), (&value, "NaN"), (&value, "inf"), (&value, "1.0,2.0")]
    {
        let spoiled = written.replacen(right.as_str(), wrong, 1);
        assert_ne!(spoiled, written);
        assert!(ron::from_str::<StationarySolution>(&spoiled).is_err(), "{wrong} for {right}");
    }
}
