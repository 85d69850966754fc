//! Small homogeneous models are solved in a layout of their own. The results are those of blocks.

use proptest::prelude::*;
use softmdp::{
    DenseDynamics, Error, Inference, Mdp, Model, SoftValueIteration, SparseDynamics, Stage, TimeVaryingMdp,
    ndarray,
};

use ndarray::{Array1, Array2, Array3, ArrayView1, array};

use crate::common::{Sizes, TimeVarying, assert_tables_close, cases, tables};

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

/// A model of one's own, not checked when it was made, whose only invalid number belongs to a terminal
/// state.
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
