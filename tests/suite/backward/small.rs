//! Small homogeneous models are solved in a layout of their own. The results are those of blocks.

use proptest::prelude::*;
use softmdp::{
    ActionPrior, DenseDynamics, Error, Inference, Mdp, Model, Observation, SoftValueIteration,
    SparseDynamics, Stage, TimeVaryingMdp, ndarray, posterior_given, soft_value_iteration,
};

use ndarray::{Array1, Array2, Array3, ArrayView1, array};

use crate::common::{Sizes, TimeVarying, assert_close, assert_tables_close, cases, tables};

/// Compares all results of two models of the same problem.
fn assert_alike(small: &impl Model<Scalar = f64>, blocks: &impl Model<Scalar = f64>, horizon: usize) {
    for inference in [Inference::Direct, Inference::Variational] {
        let solver = SoftValueIteration::new(horizon).inference(inference);
        let (found, expected) = (solver.solve(small).unwrap(), solver.solve(blocks).unwrap());
        let what = format!("{inference}");
        assert_tables_close(&found.state_values(), &expected.state_values(), 1e-13, &what);
        assert_tables_close(&found.action_values(), &expected.action_values(), 1e-13, &what);
        let (found, expected) = (found.policy(), expected.policy());
        assert_tables_close(&found.probabilities(), &expected.probabilities(), 1e-13, &what);
        assert_tables_close(&found.log_probabilities(), &expected.log_probabilities(), 1e-12, &what);
    }
}

proptest! {
    #![proptest_config(cases(512))]

    /// Every number of lanes, with whatever a model may have.
    #[test]
    fn layouts_agree(tables in tables(Sizes { states: 40, actions: 5, horizon: 3 })) {
        let tables = tables.homogeneous();
        let sparse = SparseDynamics::from_dynamics(tables.mdp().dynamics()).unwrap();
        assert_alike(&tables.mdp_over(sparse), &TimeVarying::new(tables.clone()), tables.horizon());
    }
}

/// A model of one's own, whose prior was not checked when it was made.
struct Invalid(Mdp, Array2<f64>);

impl Model for Invalid {
    type Scalar = f64;
    type Dynamics = DenseDynamics;

    fn num_states(&self) -> usize {
        self.0.num_states()
    }

    fn num_actions(&self) -> usize {
        self.0.num_actions()
    }

    fn discount(&self) -> f64 {
        self.0.discount()
    }

    fn temperature(&self) -> f64 {
        self.0.temperature()
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.0.is_terminal(state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, f64> {
        self.0.terminal_values()
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, f64, DenseDynamics>, Error> {
        Ok(Stage { action_prior: self.1.view(), ..self.0.stage(t, inference)? })
    }
}

#[test]
fn invalid_numbers_of_terminal_states_are_errors_too() {
    let mdp = Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[1.0], [0.0]]).terminal_states([1]);
    let invalid = Invalid(mdp.build().unwrap(), array![[1.0], [f64::NAN]]);
    let error = SoftValueIteration::new(3).solve(&invalid).unwrap_err();
    assert!(matches!(error, Error::InvalidPriorWeight { state: 1, action: 0, .. }), "{error}");
}

#[test]
fn invalid_numbers_of_states_that_act_are_errors() {
    let rows = array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]];
    let mdp = Mdp::new(rows, array![[1.0, 0.0], [0.0, 1.0]]).unwrap();
    // The sum of the weights of state 1 is that of a valid row.
    for weight in [-0.1, f64::NAN, f64::INFINITY] {
        let invalid = Invalid(mdp.clone(), array![[1.0, 1.0], [1.0, weight]]);
        let error = SoftValueIteration::new(3).solve(&invalid).unwrap_err();
        assert!(matches!(error, Error::InvalidPriorWeight { state: 1, action: 1, .. }), "{error}");
    }
}

#[test]
fn values_that_plain_numbers_do_not_hold_are_left_to_blocks() {
    // A goal far away in reward, a dead end, and rewards further apart than exponentials reach.
    let transitions =
        Array3::from_shape_fn((6, 2, 6), |(s, a, n)| f64::from(u8::from(n == (s + 1 + 2 * a) % 6)));
    let rewards =
        Array2::from_shape_fn((6, 2), |(s, a)| if s == 3 && a == 1 { -2000.0 } else { -(s as f64) });
    let mut ends = Array1::from_elem(6, f64::NEG_INFINITY);
    (ends[0], ends[4]) = (0.0, -900.0);
    let mdp = Mdp::builder(transitions, rewards).terminal_values(ends).build().unwrap();
    assert_alike(&mdp, &TimeVaryingMdp::new(vec![mdp.clone(); 5]).unwrap(), 5);
}

/// A model of 5 states and 3 actions whose largest rewards are `pay`, with whatever carried
/// messages have to keep: an action without weight, one that is unavailable, and a state that ends.
fn lopsided(pay: f64, discount: f64, temperature: f64) -> Mdp {
    let transitions = Array3::from_shape_fn((5, 3, 5), |(s, a, n)| f64::from((s + 2 * a + 3 * n) as u8 % 4));
    let rows = transitions.sum_axis(ndarray::Axis(2)).insert_axis(ndarray::Axis(2));
    let mut rewards = Array2::from_shape_fn((5, 3), |(s, a)| pay * (1.0 - 0.1 * ((s + 2 * a) % 7) as f64));
    rewards[[2, 1]] = f64::NEG_INFINITY;
    let mut prior = Array2::from_shape_fn((5, 3), |(s, a)| f64::from(1 + (s + a) as u8 % 3));
    prior[[3, 0]] = 0.0;
    let builder = Mdp::builder(transitions / rows, rewards).action_prior(ActionPrior::Weights(prior));
    let builder = builder.terminal_values(array![0.5, -1.0, 0.0, 2.0, -3.0]).terminal_states([4]);
    builder.discount(discount).temperature(temperature).build().unwrap()
}

#[test]
fn messages_are_carried_through_many_stages() {
    // Messages grow or shrink by up to e^36 a stage; where rewards are larger, none are carried.
    for pay in [-60.0, -10.0, -0.7, 0.0, 0.02, 3.0, 30.0, 60.0] {
        for (discount, temperature) in [(1.0, 1.0), (0.9, 1.0), (0.999, 0.4), (1.0, 7.0)] {
            let mdp = lopsided(pay, discount, temperature);
            assert_alike(&mdp, &TimeVaryingMdp::new(vec![mdp.clone(); 120]).unwrap(), 120);
        }
    }
}

#[test]
fn messages_in_single_precision_are_those_in_double() {
    for pay in [-9.0, -0.7, 0.02, 9.0] {
        let mdp = lopsided(pay, 1.0, 1.0);
        let exact = soft_value_iteration(&mdp, 120).unwrap();
        let found = soft_value_iteration(&mdp.cast::<f32>().unwrap(), 120).unwrap();
        let double = |table: ndarray::ArrayView2<'_, f32>| table.mapv(f64::from);
        assert_tables_close(&double(found.state_values()), &exact.state_values(), 1e-5, "V");
        let (found, exact) = (found.policy().probabilities(), exact.policy().probabilities());
        assert_tables_close(&found.mapv(f64::from), &exact, 1e-4, "π");
    }
}

/// Compares the posteriors of a small model with those of blocks, given observations.
fn assert_posteriors_alike(mdp: &Mdp, horizon: usize, seen: &[Observation]) {
    let blocks = TimeVaryingMdp::new(vec![mdp.clone(); horizon]).unwrap();
    let initial = Array1::from_elem(mdp.num_states(), 1.0 / mdp.num_states() as f64);
    let found = posterior_given(mdp, &initial, horizon, seen.to_vec()).unwrap();
    let expected = posterior_given(&blocks, &initial, horizon, seen.to_vec()).unwrap();
    assert_tables_close(&found.state_marginals(), &expected.state_marginals(), 1e-13, "marginals");
    assert_close(found.log_evidence(), expected.log_evidence(), 1e-13, "evidence");
    let (found, expected) = (found.policy().log_probabilities(), expected.policy().log_probabilities());
    assert_tables_close(&found, &expected, 1e-12, "log π");
}

#[test]
fn values_that_were_changed_are_not_those_of_the_messages() {
    // An observation changes the values of stage 2 between two backups.
    for discount in [1.0, 0.95] {
        let seen = Observation::new(2, array![0.0, -1.0, -4.0, 0.0, -2.0]);
        assert_posteriors_alike(&lopsided(0.3, discount, 1.0), 4, &[seen]);
        // This one changes no value of a state, but that of † at γ < 1.
        let seen = Observation::new(2, Array1::zeros(5)).absorbed(-3.0);
        assert_posteriors_alike(&lopsided(0.3, discount, 1.0), 4, &[seen]);
    }
    // Two observations that cancel: the value of the terminal state at stage 1 is what it is
    // without them, and not that of the message of stage 2.
    let mdp = Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [0.0]]).terminal_states([1]);
    let seen = [Observation::new(2, array![0.0, -1.0]), Observation::new(1, array![0.0, 1.0])];
    assert_posteriors_alike(&mdp.build().unwrap(), 3, &seen);
    // Beside an alternative, what is very improbable is not impossible: 1e−302 at a discount of
    // 1e−300.
    let rows = array![[[1e-302, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
    let mdp = Mdp::builder(rows, Array2::zeros((2, 2))).discount(1e-300).terminal_states([1]);
    let mdp = mdp.terminal_values(array![0.0, f64::NEG_INFINITY]).build().unwrap();
    assert_posteriors_alike(&mdp, 1, &[Observation::new(1, Array1::zeros(2))]);
}

#[test]
fn a_reward_below_all_numbers_in_units_of_temperature_is_still_finite() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -1e308]]).unwrap();
    let solution = soft_value_iteration(&mdp.with_temperature(0.05).unwrap(), 1).unwrap();
    assert_close(solution.action_values()[[0, 0, 1]], -1e308, 1e-15, "Q");
}

/// The rounding of a stage is that of its values, not that of the million the messages started
/// from.
#[test]
fn values_far_below_those_of_the_last_stage_keep_their_digits() {
    let reward = -1.0 - std::f64::consts::LN_2; // of each of two actions: a stage costs 1
    let mdp = Mdp::builder(array![[[1.0], [1.0]]], array![[reward, reward]]);
    let mdp = mdp.terminal_values(array![1e6]).build().unwrap();
    let solution = soft_value_iteration(&mdp, 1_000_000).unwrap();
    let values = solution.state_values().column(0).to_vec();
    assert_close(values[0], 0.0, 1e-5, "all stages");
    for (t, pair) in values.windows(2).enumerate() {
        let rounding = 8.0 * f64::EPSILON * pair[1].abs().max(1.0);
        assert!((pair[0] - pair[1] + 1.0).abs() <= rounding, "stage {t}: {pair:?}");
    }
}
