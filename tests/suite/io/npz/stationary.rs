//! Stationary results: written and read again to the bit, and refused with the place of what is
//! wrong.

use proptest::prelude::*;
use softmdp::io::{Npz, NpzWriter, Reason};
use softmdp::ndarray::{Array2, array};
use softmdp::parts::StationarySolutionParts;
use softmdp::{
    AverageReward, Convergence, Error as E, Inference, LongRunGrowth, Mdp, Solution, StationaryPolicy,
    StationarySolution, StationarySolver, Status, Table, average_reward, long_run_growth, solve_stationary,
};

use crate::common::{SMALL, cases, tables};
use crate::io::npz::archive::{f8, i8, zip};
use crate::io::npz::sound::{Arrays, array, assert_error, entry, with, without};

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn solutions_and_policies(tables in tables(SMALL)) {
        let mdp = tables.mdp();
        for inference in [Inference::Direct, Inference::Variational] {
            let solver = StationarySolver::new(1e-6).max_iterations(50).inference(inference);
            let Ok(solution) = solver.solve(&mdp) else { continue };
            let bytes = solution.to_npz().unwrap();
            let again = StationarySolution::from_npz(&bytes).unwrap();
            prop_assert_eq!(&again, &solution);
            prop_assert_eq!(again.to_npz().unwrap(), bytes.clone());
            prop_assert_eq!(&StationaryPolicy::from_npz(&bytes).unwrap(), solution.policy());
            let policy = StationaryPolicy::from_npz(&solution.policy().to_npz().unwrap()).unwrap();
            prop_assert_eq!(&policy, solution.policy());
        }
    }
}

#[test]
fn every_status_comes_back() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -1.0]]).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    let mut seen = Vec::new();
    for status in [
        Status::Converged,
        Status::IterationLimit,
        Status::RoundingFloor,
        Status::SeveralFixedPoints { state: 0 },
        Status::Stopped,
        Status::Diverging,
    ] {
        let mut convergence: Convergence = *solution.convergence();
        (convergence.status, convergence.error_bound) = (status, f64::INFINITY);
        let parts = StationarySolutionParts {
            state_values: solution.state_values().to_owned(),
            action_values: solution.action_values().to_owned(),
            policy: solution.policy().clone(),
            inference: Inference::Variational,
            convergence,
        };
        let bytes = StationarySolution::try_from(parts).unwrap().to_npz().unwrap();
        let again = StationarySolution::<f64>::from_npz(&bytes).unwrap();
        assert_eq!(*again.convergence(), convergence);
        assert_eq!(again.inference(), Inference::Variational);
        seen.push(bytes);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}

#[test]
fn policies_whose_probabilities_underflow() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -2000.0]]).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    assert_eq!(solution.probabilities()[[0, 1]], 0.0);
    let again = StationaryPolicy::<f64>::from_npz(&solution.to_npz().unwrap()).unwrap();
    assert_eq!(again.log_probabilities()[[0, 1]], -2000.0);
}

#[test]
fn growth_rates_and_single_precision() {
    let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.5_f64.ln()]]).unwrap();
    let growth = long_run_growth(&mdp, 1e-12).unwrap();
    assert_eq!(LongRunGrowth::from_npz(&growth.to_npz().unwrap()).unwrap(), growth);
    let average = average_reward(&mdp, 1e-12).unwrap();
    assert_eq!(AverageReward::from_npz(&average.to_npz().unwrap()).unwrap(), average);
    assert!(LongRunGrowth::<f64>::from_npz(&average.to_npz().unwrap()).is_err(), "its number is no rate");
    let mdp = Mdp::new(array![[[1.0_f32], [1.0]]], array![[0.0, -1.0]]).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-3).unwrap();
    assert_eq!(StationarySolution::from_npz(&solution.to_npz().unwrap()).unwrap(), solution);
}

#[test]
fn a_solution_and_tables_of_ones_own_in_one_file() {
    let path = std::env::temp_dir().join(format!("softmdp-stationary-{}.npz", std::process::id()));
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -1.0]]).unwrap().with_discount(0.5).unwrap();
    let solution = solve_stationary(&mdp, 1e-9).unwrap();
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.add(&solution).unwrap();
    writer.add_array("advantages", &Array2::<f64>::zeros((1, 2))).unwrap();
    writer.finish().unwrap();
    let again = StationarySolution::read_npz(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again, solution);
}

/// Two states and one action.
fn sound() -> Arrays {
    vec![
        ("state_values", f8("(2,)", &[0.5, f64::NEG_INFINITY])),
        ("action_values", f8("(2, 1)", &[0.5, f64::NEG_INFINITY])),
        ("policy", f8("(2, 1)", &[1.0, 1.0])),
        ("log_policy", f8("(2, 1)", &[0.0, 0.0])),
        ("inference", i8("()", &[1])),
        ("status", i8("()", &[0])),
        ("iterations", i8("()", &[7])),
        ("error_bound", f8("()", &[1e-9])),
    ]
}

fn read(arrays: &Arrays) -> Result<StationarySolution, softmdp::io::Error> {
    StationarySolution::from_npz(&zip(arrays))
}

#[test]
fn solutions_that_are_none() {
    let convergence = *read(&sound()).unwrap().convergence();
    assert_eq!((convergence.iterations, convergence.error_bound), (7, 1e-9));
    assert!(read(&without(sound(), "log_policy")).is_ok());
    for (name, _) in sound().iter().filter(|(name, _)| *name != "log_policy") {
        assert_error!(read(&without(sound(), name)), array(name), Reason::Missing { .. });
    }
    let spoiled = |name, bytes| read(&with(sound(), name, bytes));
    assert_error!(spoiled("status", i8("()", &[6])), array("status"), Reason::Value { .. });
    assert_error!(
        spoiled("error_bound", f8("()", &[f64::NAN])),
        entry("error_bound", &[]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("state_values", f8("(2,)", &[0.0, f64::NAN])),
        entry("state_values", &[1]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("action_values", f8("(2, 1)", &[f64::INFINITY, 0.0])),
        entry("action_values", &[0, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    // Places are those of the array, which has no axis of stages.
    assert_error!(
        spoiled("policy", f8("(2, 1)", &[1.0, -1.0])),
        entry("policy", &[1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("log_policy", f8("(2, 1)", &[0.0, -1.0])),
        entry("log_policy", &[1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("policy", f8("(2, 1)", &[1.0, 0.5])),
        array("policy"),
        Reason::Model(E::UnnormalizedRow { table: Table::Policy, .. })
    );
    assert_error!(
        spoiled("state_values", f8("(3,)", &[0.0; 3])),
        array("state_values"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    let three = ("policy", f8("(3, 1)", &[1.0; 3]));
    let arrays = with(without(sound(), "log_policy"), three.0, three.1);
    assert_error!(read(&arrays), array("policy"), Reason::Model(E::ShapeMismatch { .. }));
}

#[test]
fn results_of_the_other_kind_of_horizon_are_refused() {
    let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, -1.0]]).unwrap().with_discount(0.5).unwrap();
    let stationary = solve_stationary(&mdp, 1e-9).unwrap().to_npz().unwrap();
    let finite = softmdp::soft_value_iteration(&mdp, 1).unwrap().to_npz().unwrap();
    let error =
        assert_error!(Solution::<f64>::from_npz(&stationary), array("state_values"), Reason::Shape { .. });
    assert_eq!(error.to_string(), "array `state_values`: shape is [1], expected [t, s]");
    assert_error!(StationarySolution::<f64>::from_npz(&finite), array("state_values"), Reason::Shape { .. });
    assert_error!(StationaryPolicy::<f64>::from_npz(&finite), array("policy"), Reason::Shape { .. });
}
