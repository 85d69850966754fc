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
fn invalid_numbers_are_errors_of_terminal_states_too() {
    let mdp = Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[1.0], [0.0]]).terminal_states([1]);
    let invalid = Invalid(mdp.build().unwrap(), array![[1.0], [f64::NAN]]);
    let error = SoftValueIteration::new(3).solve(&invalid).unwrap_err();
    assert!(matches!(error, Error::InvalidPriorWeight { state: 1, action: 0, .. }), "{error}");
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[1.0], [0.0]]).unwrap();
        let error = SoftValueIteration::new(3).solve(&Invalid(mdp, array![[1.0], [weight]])).unwrap_err();
        assert!(matches!(error, Error::InvalidPriorWeight { state: 1, action: 0, .. }), "{error}");
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

/// A model of 5 states and 3 actions whose largest rewards are `pay`, with whatever carried messages
/// have to keep: an action without weight, one that is unavailable, and a state that ends.
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

#[test]
fn values_that_were_changed_are_not_those_of_the_messages() {
    // An observation changes the values of stage 2 between two backups.
    for discount in [1.0, 0.95] {
        let mdp = lopsided(0.3, discount, 1.0);
        let blocks = TimeVaryingMdp::new(vec![mdp.clone(); 4]).unwrap();
        let seen = || [Observation::new(2, array![0.0, -1.0, -4.0, 0.0, -2.0])];
        let initial = array![0.2, 0.2, 0.2, 0.2, 0.2];
        let found = posterior_given(&mdp, &initial, 4, seen()).unwrap();
        let expected = posterior_given(&blocks, &initial, 4, seen()).unwrap();
        assert_tables_close(&found.state_marginals(), &expected.state_marginals(), 1e-13, "marginals");
        assert_close(found.log_evidence(), expected.log_evidence(), 1e-13, "evidence");
    }
}
