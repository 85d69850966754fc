//! Small homogeneous models are solved in a layout of their own. The results are those of blocks.

use proptest::prelude::*;
use softmdp::{Inference, Mdp, Model, SoftValueIteration, SparseDynamics, TimeVaryingMdp, ndarray};

use ndarray::{Array1, Array2, Array3};

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
