//! Questions that do not fit the model or the solution they are put to; and the traits of the
//! public types.

use std::fmt::Debug;

use ndarray::{Array1, Array2, Array3, Axis, array};
use softmdp::dynamics::LogBlock;
use softmdp::{
    ActionPrior, AverageReward, Convergence, DenseDynamics, DeterministicDynamics, Dynamics, Error,
    ForwardMessages, Inference, LongRunGrowth, Mdp, MdpBuilder, Method, Policy, Posterior,
    SoftValueIteration, Solution, SparseDynamics, Stage, StateValues, StationaryPolicy, StationarySolution,
    StationarySolver, Status, Table, forward_messages, ndarray, posterior, soft_value_iteration,
};

use crate::errors::{NAN, NO_WEIGHT, builder, mdp, mismatch, refused, start, with};

/// A model with another number of states, or of actions.
fn others() -> [Mdp; 2] {
    [(4, 2), (3, 1)].map(|(states, actions)| {
        let dynamics = DenseDynamics::from_fn(states, actions, |state, _| [(state, 1.0)]).unwrap();
        Mdp::builder(dynamics, Array2::zeros((states, actions))).build().unwrap()
    })
}

#[test]
fn an_initial_distribution_that_is_none_is_refused_by_every_question() {
    let (mdp, horizon) = (mdp(), 3);
    let solution = soft_value_iteration(&mdp, horizon).unwrap();
    let policy = solution.policy();
    let all = |initial: &Array1<f64>, expected: &Error, parts: &[&str]| {
        refused(posterior(&mdp, initial, horizon), expected, parts);
        refused(solution.posterior(&mdp, initial), expected, parts);
        refused(forward_messages(&mdp, initial, horizon), expected, parts);
        refused(policy.state_occupancy(&mdp, initial), expected, parts);
        refused(policy.state_action_occupancy(&mdp, initial), expected, parts);
        refused(policy.elbo(&mdp, initial), expected, parts);
        refused(policy.expected_return(&mdp, initial), expected, parts);
    };
    for value in NO_WEIGHT {
        let expected = Error::InvalidInitial { state: 1, value };
        all(&with(&start(), 1, value), &expected, &["state 1", &format!("is {value},"), ">= 0"]);
    }
    let expected = Error::UnnormalizedInitial { sum: 0.75, tolerance: 1e-8 };
    all(&array![0.0, 0.75, 0.0], &expected, &["sums to 0.75", "1e-8"]);
    let parts = ["initial distribution", "[4]", "[3]"];
    all(&Array1::from_elem(4, 0.25), &mismatch(Table::Initial, &[4], &[3]), &parts);
}

#[test]
fn a_policy_table_that_is_no_policy_is_refused() {
    let valid = array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 0.0], [0.25, 0.75]]];
    assert!(Policy::new(valid.clone()).is_ok()); // a row of zeros is a dead end
    for value in NO_WEIGHT {
        let expected = Error::InvalidEntry { table: Table::Policy, index: vec![1, 0, 1], value };
        let parts = ["stage 1", "state 0", "action 1", &format!("is {value},"), ">= 0"];
        refused(Policy::new(with(&valid, [1, 0, 1], value)), &expected, &parts);
    }
    for (value, sum) in [(0.25, 0.5), (1e-300, 0.25)] {
        let expected =
            Error::UnnormalizedRow { table: Table::Policy, index: vec![1, 1], sum, tolerance: 1e-8 };
        let parts = ["stage 1", "state 1", &format!("sums to {sum}"), "all zeros"];
        refused(Policy::new(with(&valid, [1, 1, 1], value)), &expected, &parts);
    }
}

#[test]
fn a_stage_at_or_beyond_the_horizon_is_refused() {
    let mdp = mdp();
    let posterior = posterior(&mdp, &start(), 3).unwrap();
    let values = SoftValueIteration::new(3).solve_values(&mdp).unwrap();
    for stage in [3, 4, usize::MAX] {
        let expected = Error::StageOutOfRange { stage, horizon: 3 };
        let parts = [&*format!("stage {stage}"), "a stage below 3"];
        refused(posterior.solution().policy_at(stage), &expected, &parts);
        refused(values.policy_at(&mdp, stage), &expected, &parts);
        refused(posterior.policy().at(stage), &expected, &parts);
        refused(posterior.dynamics_at(&mdp, stage), &expected, &parts);
        refused(posterior.pairwise_marginals_at(&mdp, stage), &expected, &parts);
    }
    assert!(posterior.dynamics_at(&mdp, 2).is_ok() && values.policy_at(&mdp, 2).is_ok());
    let last = posterior.policy().probabilities().index_axis_move(Axis(0), 2);
    assert_eq!(posterior.policy().at(2), Ok(last));
}

#[test]
fn a_posterior_of_a_variational_solution_is_refused() {
    let mdp = mdp();
    let solution = SoftValueIteration::new(3).inference(Inference::Variational).solve(&mdp).unwrap();
    let (expected, found) = (Inference::Direct, Inference::Variational);
    let expected = Error::InferenceMismatch { expected, found };
    refused(solution.posterior(&mdp, &start()), &expected, &["direct", "variational"]);
}

#[test]
fn nothing_has_a_posterior_at_temperature_zero() {
    let mdp = mdp().with_temperature(0.0).unwrap();
    let expected = Error::ZeroTemperature { table: Table::ForwardMessages };
    let parts = ["forward messages", "temperature 0"];
    refused(forward_messages(&mdp, &start(), 2), &expected, &parts);
    refused(posterior(&mdp, &start(), 2), &expected, &parts);
    refused(soft_value_iteration(&mdp, 2).unwrap().posterior(&mdp, &start()), &expected, &parts);
}

#[test]
fn a_model_of_another_shape_than_the_one_solved_is_refused() {
    let mdp = mdp();
    let posterior = posterior(&mdp, &start(), 5).unwrap();
    let (solution, policy) = (posterior.solution(), posterior.policy());
    assert_eq!(solution.policy_at(4).unwrap(), policy.at(4).unwrap());
    let values = SoftValueIteration::new(5).solve_values(&mdp).unwrap();
    for other in others() {
        let (states, actions) = (other.num_states(), other.num_actions());
        let initial = Array1::from_elem(states, 1.0 / states as f64);
        let (found, expected) = ([5, 3, 2], [5, states, actions]);
        let of = |table| mismatch(table, &found, &expected);
        let parts = [&*format!("{found:?}"), &format!("{expected:?}")];
        let model = mismatch(Table::Model, &[states, actions], &[3, 2]);
        let model_parts = ["shape of model", &*format!("[{states}, {actions}]"), "[3, 2]"];
        refused(solution.posterior(&other, &initial), &model, &model_parts);
        refused(posterior.dynamics_at(&other, 0), &model, &model_parts);
        refused(posterior.pairwise_marginals_at(&other, 0), &model, &model_parts);
        refused(policy.state_occupancy(&other, &initial), &of(Table::Policy), &parts);
        refused(policy.state_action_occupancy(&other, &initial), &of(Table::Policy), &parts);
        refused(policy.evaluate(&other), &of(Table::Policy), &parts);
        refused(policy.elbo(&other, &initial), &of(Table::Policy), &parts);
        refused(policy.expected_return(&other, &initial), &of(Table::Policy), &parts);
        refused(values.policy_at(&other, 0), &model, &model_parts);
        let mut reused = solution.clone();
        let expected = of(Table::ActionValues);
        refused(SoftValueIteration::new(5).solve_into(&other, &mut reused), &expected, &parts);
    }
    let mut reused = solution.clone();
    let expected = mismatch(Table::ActionValues, &[5, 3, 2], &[4, 3, 2]);
    refused(SoftValueIteration::new(4).solve_into(&mdp, &mut reused), &expected, &["[4, 3, 2]"]);
    let shorter = Policy::new(policy.probabilities().slice_axis(Axis(0), (1..).into()).to_owned()).unwrap();
    let expected = mismatch(Table::Policy, &[4, 3, 2], &[5, 3, 2]);
    refused(policy.kl_divergence(&shorter), &expected, &["policy"]);
}

#[test]
fn what_has_no_answer_says_so_and_where() {
    let never = mdp().with_rewards(Array2::from_elem((3, 2), f64::NEG_INFINITY)).unwrap();
    let expected = Error::ImpossibleEvidence { stage: 0 };
    refused(posterior(&never, &start(), 2), &expected, &["impossible", "stage 0"]);
    let huge = mdp().with_terminal_values(array![1e308, 1e308, 1e308]).unwrap();
    let huge = huge.with_rewards(array![[1e308, 0.0], [0.0, 0.0], [0.0, 0.0]]).unwrap();
    let expected = Error::Overflow { table: Table::ActionValues, stage: 1, state: 0 };
    refused(soft_value_iteration(&huge, 2), &expected, &["action values", "stage 1", "state 0"]);
    let expected = Error::TotalOverflow { table: Table::ForwardMessages };
    let sharp = mdp().with_terminal_values(array![1e308, 1e308, 1e308]).unwrap();
    let sharp = sharp.with_temperature(0.1).unwrap();
    refused(forward_messages(&sharp, &start(), 0), &expected, &["forward messages", "sum"]);
}

#[test]
fn of_several_faults_the_documented_first_is_reported() {
    // The order of `MdpBuilder::build`, each builder spoiled in everything that comes later too.
    let fault = |builder: MdpBuilder<f64, DenseDynamics>| builder.build().unwrap_err();
    let mut spoiled = builder().action_prior(ActionPrior::Weights(Array2::zeros((3, 2))));
    assert_eq!(fault(spoiled.clone()), Error::EmptyPriorRow { state: 0 });
    spoiled = spoiled.terminal_states([3]);
    assert!(matches!(fault(spoiled.clone()), Error::StateOutOfRange { state: 3, .. }));
    spoiled = spoiled.terminal_values(array![0.0, 0.0, NAN]);
    assert!(matches!(fault(spoiled.clone()), Error::InvalidTerminalValue { state: 2, .. }));
    spoiled = spoiled.temperature(-1.0);
    assert_eq!(
        fault(spoiled.clone()),
        Error::InvalidSetting { setting: "temperature", value: -1.0, expected: "a finite number >= 0" }
    );
    spoiled = spoiled.discount(2.0);
    assert_eq!(
        fault(spoiled),
        Error::InvalidSetting { setting: "discount", value: 2.0, expected: "a number in [0, 1]" }
    );
}

/// Compiles only if every public type can be sent, shared, printed, cloned and compared.
#[test]
fn public_types_have_the_common_traits() {
    fn plain<T: Send + Sync + Debug>() {}
    fn value<T: Send + Sync + Debug + Clone + PartialEq>() {}
    fn for_each_number<F: softmdp::Real>() {
        value::<Mdp<F>>();
        value::<Mdp<F, SparseDynamics<F>>>();
        value::<Mdp<F, DeterministicDynamics<F>>>();
        value::<(DenseDynamics<F>, SparseDynamics<F>, DeterministicDynamics<F>)>();
        value::<(ActionPrior<F>, LogBlock<F>, Policy<F>)>();
        value::<(Solution<F>, StateValues<F>, ForwardMessages<F>, Posterior<F>)>();
        value::<(StationarySolver<F>, StationarySolution<F>, StationaryPolicy<F>)>();
        value::<(LongRunGrowth<F>, AverageReward<F>)>();
        value::<Convergence<F>>();
        use softmdp::inverse::{Demonstrations, Likelihood, Score};
        value::<(Demonstrations<F>, Likelihood<F>, Score<F>)>();
        plain::<MdpBuilder<F, DenseDynamics<F>>>();
        plain::<Stage<'_, F, DenseDynamics<F>>>();
        plain::<Mdp<F, Box<dyn Dynamics<Scalar = F>>>>();
    }
    for_each_number::<f64>();
    for_each_number::<f32>();
    value::<(Error, Table, Inference, SoftValueIteration, Method, Status)>();
    value::<(softmdp::Gridworld, softmdp::ColorChoice, softmdp::Rendering)>();
    #[cfg(feature = "plot")]
    {
        use softmdp::plot::{Animation, Curves, Figure, StateLayout, StateMap};
        value::<(Animation, Curves, Figure, StateLayout, StateMap)>();
    }
    fn error<E: std::error::Error + 'static>() {}
    error::<Error>();
    value::<(softmdp::learning::Error, softmdp::gridworld::Error)>();
    error::<softmdp::learning::Error>();
    error::<softmdp::gridworld::Error>();
    #[cfg(feature = "plot")]
    error::<softmdp::plot::Error>();
    // A clone of a model over dynamics that cannot be cloned.
    let dynamics: Box<dyn Dynamics<Scalar = f64>> =
        Box::new(DenseDynamics::new(Array3::ones((1, 1, 1))).unwrap());
    let boxed = Mdp::builder(dynamics, array![[1.0]]).build().unwrap();
    assert!(std::ptr::eq(&raw const **boxed.clone().dynamics(), &**boxed.dynamics()));
}
