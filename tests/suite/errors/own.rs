//! Models and dynamics of a user's own: checked as they are read, in whatever layout, their errors
//! passed on.

use ndarray::{Array1, Array2, ArrayView1, array};
use softmdp::{
    DenseDynamics, Dynamics, Error, Inference, Mdp, Model, Policy, SoftValueIteration, Stage, Table,
    check_model, forward_messages, ndarray, posterior, soft_value_iteration,
};

use crate::errors::{INF, NAN, mdp, mismatch, refused, rewards, start, transitions, with};

/// A model whose every part can be spoiled on its own; the spoiled stage is stage 1 of 3.
#[derive(Debug, Clone)]
struct Own {
    base: Mdp,
    rewards: Array2<f64>,
    prior: Array2<f64>,
    dynamics: DenseDynamics,
    ends: Array1<f64>,
    discount: f64,
    temperature: f64,
    states: usize,
    fails: Option<Error>,
}

fn own() -> Own {
    let base = mdp();
    Own {
        rewards: base.rewards().to_owned(),
        prior: base.prior_weights().to_owned(),
        dynamics: base.dynamics().clone(),
        ends: array![0.5, 0.0, -1.0],
        discount: 0.75,
        temperature: 2.0,
        states: 3,
        fails: None,
        base,
    }
}

impl Model for Own {
    type Scalar = f64;
    type Dynamics = DenseDynamics;

    fn num_states(&self) -> usize {
        self.states
    }

    fn num_actions(&self) -> usize {
        2
    }

    fn discount(&self) -> f64 {
        self.discount
    }

    fn temperature(&self) -> f64 {
        self.temperature
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.base.is_terminal(state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, f64> {
        self.ends.view()
    }

    fn num_stages(&self) -> Option<usize> {
        Some(3)
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, f64, DenseDynamics>, Error> {
        match (t, &self.fails) {
            (1, Some(error)) => Err(error.clone()),
            (1, None) => {
                let (rewards, action_prior) = (self.rewards.view(), self.prior.view());
                Ok(Stage { dynamics: &self.dynamics, rewards, action_prior })
            }
            _ => self.base.stage(t, inference),
        }
    }
}

/// Asserts that every pass over the model is refused with this error.
#[track_caller]
fn every_pass_refuses(model: &Own, expected: &Error, parts: &[&str]) {
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(3).inference(inference);
        refused(solver.solve(model), expected, parts);
        refused(solver.solve_values(model), expected, parts);
        let mut solution = solver.solve(&own()).unwrap();
        refused(solver.solve_into(model, &mut solution), expected, parts);
        let values = solver.solve_values(&own()).unwrap();
        refused(values.policy_at(model, 1), expected, parts);
    }
    refused(check_model(model, 3), expected, parts);
    refused(forward_messages(model, &start(), 3), expected, parts);
    refused(posterior(model, &start(), 3), expected, parts);
    let policy = soft_value_iteration(&own(), 3).unwrap().policy().clone();
    refused(policy.evaluate(model), expected, parts);
    refused(policy.elbo(model, &start()), expected, parts);
    refused(policy.state_occupancy(model, &start()), expected, parts);
    refused(policy.state_action_occupancy(model, &start()), expected, parts);
}

#[test]
fn numbers_that_a_stage_hands_out_are_checked_as_they_are_read() {
    for value in [NAN, INF] {
        let model = Own { rewards: with(&rewards(), [1, 0], value), ..own() };
        let parts = ["state 1", "action 0", &format!("is {value},")];
        every_pass_refuses(&model, &Error::InvalidReward { state: 1, action: 0, value }, &parts);
    }
    for value in [NAN, INF, -0.5] {
        let model = Own { prior: with(&own().prior, [0, 1], value), ..own() };
        let parts = ["state 0", "action 1", &format!("is {value},")];
        every_pass_refuses(&model, &Error::InvalidPriorWeight { state: 0, action: 1, value }, &parts);
    }
}

#[test]
fn numbers_of_the_whole_model_are_checked_before_any_stage() {
    for value in [NAN, INF] {
        let model = Own { ends: array![0.0, 0.0, value], ..own() };
        every_pass_refuses(&model, &Error::InvalidTerminalValue { state: 2, value }, &["state 2"]);
    }
    for value in [NAN, INF, -1.0] {
        let model = Own { temperature: value, ..own() };
        every_pass_refuses(
            &model,
            &Error::InvalidSetting { setting: "temperature", value, expected: "a finite number >= 0" },
            &["temperature is"],
        );
    }
    for value in [NAN, 1.5, -1.0] {
        let model = Own { discount: value, ..own() };
        every_pass_refuses(
            &model,
            &Error::InvalidSetting { setting: "discount", value, expected: "a number in [0, 1]" },
            &["discount is"],
        );
    }
    let model = Own { ends: Array1::zeros(2), ..own() };
    every_pass_refuses(&model, &mismatch(Table::TerminalValues, &[2], &[3]), &["terminal values"]);
    let empty = Own { states: 0, ..own() };
    let expected = Error::EmptyModel { table: Table::Rewards, shape: vec![0, 2] };
    refused(soft_value_iteration(&empty, 3), &expected, &["at least one state"]);
    refused(SoftValueIteration::new(3).solve_values(&empty), &expected, &["at least one state"]);
}

#[test]
fn tables_of_a_stage_that_have_another_shape_are_refused() {
    let model = Own { rewards: Array2::zeros((2, 3)), ..own() };
    every_pass_refuses(&model, &mismatch(Table::Rewards, &[2, 3], &[3, 2]), &["rewards"]);
    let model = Own { prior: Array2::ones((3, 3)), ..own() };
    every_pass_refuses(&model, &mismatch(Table::ActionPrior, &[3, 3], &[3, 2]), &["action prior"]);
    let dynamics = DenseDynamics::from_fn(4, 2, |state, _| [(state, 1.0)]).unwrap();
    let model = Own { dynamics, ..own() };
    every_pass_refuses(&model, &mismatch(Table::Transitions, &[4, 2], &[3, 2]), &["transitions"]);
}

#[test]
fn rows_of_a_stage_are_looked_at_where_they_are_used_and_only_when_asked_to() {
    assert_eq!(check_model(&own(), 3), Ok(()));
    let of = |transitions| Own { dynamics: DenseDynamics::new(transitions).unwrap(), ..own() };
    let model = of(with(&transitions(), [1, 0, 2], 0.25));
    let expected = Error::UnnormalizedTransition { state: 1, action: 0, sum: 0.75, tolerance: 1e-8 };
    refused(check_model(&model, 3), &expected, &["state 1", "action 0", "sums to 0.75"]);
    // The spoiled stage is stage 1: a horizon of one stage does not reach it.
    assert_eq!(check_model(&model, 1), Ok(()));
    assert!(soft_value_iteration(&model, 3).is_ok());
    // Rows of unavailable actions and of terminal states may hold what they like.
    assert_eq!(check_model(&of(with(&transitions(), [1, 1, 0], 5.0)), 3), Ok(()));
    assert_eq!(check_model(&of(with(&transitions(), [2, 0, 1], 5.0)), 3), Ok(()));
}

#[test]
fn an_error_of_the_model_comes_back_unchanged() {
    let error = Error::InvalidSetting { setting: "wind", value: 7.5, expected: "a probability" };
    every_pass_refuses(&Own { fails: Some(error.clone()), ..own() }, &error, &["wind is 7.5"]);
}

#[test]
fn a_horizon_beyond_the_stages_of_a_model_is_refused() {
    let model = own();
    for horizon in [4, usize::MAX] {
        let expected = Error::HorizonOutOfRange { horizon, num_stages: 3 };
        let parts = [&*format!("horizon {horizon}"), "3 stages"];
        refused(check_model(&model, horizon), &expected, &parts);
        refused(soft_value_iteration(&model, horizon), &expected, &parts);
        refused(SoftValueIteration::new(horizon).solve_values(&model), &expected, &parts);
        refused(forward_messages(&model, &start(), horizon), &expected, &parts);
        refused(posterior(&model, &start(), horizon), &expected, &parts);
    }
    let expected = Error::HorizonOutOfRange { horizon: 4, num_stages: 3 };
    let unbounded = posterior(&mdp(), &start(), 4).unwrap();
    refused(unbounded.solution().posterior(&model, &start()), &expected, &[]);
    refused(unbounded.policy().evaluate(&model), &expected, &[]);
    refused(unbounded.policy().state_occupancy(&model, &start()), &expected, &[]);
    let values = SoftValueIteration::new(4).solve_values(&mdp()).unwrap();
    refused(values.policy_at(&model, 0), &expected, &[]);
    assert!(soft_value_iteration(&model, 3).is_ok());
}

#[test]
fn tables_in_any_memory_layout_give_the_same_results() {
    let rows = own();
    let columns = |table: &Array2<f64>| table.t().as_standard_layout().into_owned().reversed_axes();
    let turned = Own { rewards: columns(&rows.rewards), prior: columns(&rows.prior), ..rows.clone() };
    assert!(!turned.rewards.is_standard_layout() && turned.rewards == rows.rewards);
    // Every second entry of a longer table, and a table that runs backwards.
    let mut ends = Array1::from_elem(6, NAN);
    ends.slice_mut(ndarray::s![..;2]).assign(&rows.ends.slice(ndarray::s![..;-1]));
    ends.slice_collapse(ndarray::s![..;2]);
    ends.invert_axis(ndarray::Axis(0));
    let turned = Own { ends, ..turned };
    assert_eq!(turned.ends, rows.ends);
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(3).inference(inference);
        let solution = solver.solve(&rows).unwrap();
        assert_eq!(solver.solve(&turned).unwrap(), solution);
        assert_eq!(solver.solve_values(&turned), solver.solve_values(&rows));
        assert_eq!(solution.policy().elbo(&turned, &start()), solution.policy().elbo(&rows, &start()));
        let occupancy = |model| solution.policy().state_occupancy(model, &start());
        assert_eq!(occupancy(&turned), occupancy(&rows));
    }
    assert_eq!(posterior(&turned, &start(), 3), posterior(&rows, &start(), 3));
    // Tables that are handed over once: rewards, dynamics, and the policy of a user.
    let dynamics = transitions().permuted_axes([2, 1, 0]).as_standard_layout().into_owned();
    let built = Mdp::builder(dynamics.permuted_axes([2, 1, 0]), columns(&rewards())).terminal_states([2]);
    let built = built.available_actions(array![[true, true], [true, false], [true, true]]).build().unwrap();
    assert_eq!(built, mdp());
    let policy = soft_value_iteration(&mdp(), 3).unwrap().policy().probabilities().to_owned();
    let turned = policy.view().permuted_axes([2, 0, 1]).as_standard_layout().into_owned();
    let turned = Policy::new(turned.permuted_axes([1, 2, 0])).unwrap();
    assert_eq!(turned.evaluate(&mdp()), Policy::new(policy).unwrap().evaluate(&mdp()));
}

/// Dynamics with one successor of a given probability for every pair.
#[derive(Debug)]
struct Wild {
    next_state: usize,
    p: f64,
}

impl Dynamics for Wild {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        2
    }

    fn num_actions(&self) -> usize {
        1
    }

    fn for_each_successor(&self, state: usize, _: usize, visit: &mut dyn FnMut(usize, f64)) {
        match state {
            0 => visit(0, 1.0),
            _ => visit(self.next_state, self.p),
        }
    }
}

#[test]
fn dynamics_of_a_users_own_are_checked_row_by_row() {
    let build = |next_state, p| {
        Mdp::builder(Wild { next_state, p }, Array2::zeros((2, 1))).build().map(|mdp| mdp.num_states())
    };
    assert_eq!(build(1, 1.0), Ok(2));
    let expected = Error::SuccessorOutOfRange { state: 1, action: 0, next_state: 2, num_states: 2 };
    refused(build(2, 1.0), &expected, &["state 1", "action 0", "is 2", "below 2"]);
    for value in [NAN, INF, -1.0] {
        let expected = Error::InvalidTransition { state: 1, action: 0, next_state: 0, value };
        refused(build(0, value), &expected, &["state 1", "next state 0", &format!("is {value},")]);
    }
    let expected = Error::UnnormalizedTransition { state: 1, action: 0, sum: 0.5, tolerance: 1e-8 };
    refused(build(0, 0.5), &expected, &["sums to 0.5"]);
    // Copies into the other kinds are checked too.
    let wild = || Wild { next_state: 5, p: 1.0 };
    let expected = Error::SuccessorOutOfRange { state: 1, action: 0, next_state: 5, num_states: 2 };
    refused(DenseDynamics::from_dynamics(&wild()), &expected, &["is 5"]);
    refused(softmdp::SparseDynamics::from_dynamics(&wild()), &expected, &["is 5"]);
}
