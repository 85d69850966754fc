//! Sound arrays that are no model or result: the exact place and reason.

use softmdp::io::{ModelFile, Npz, Place, Reason};
use softmdp::{Error as E, ForwardMessages, Policy, Posterior, Solution, StateValues};

use crate::io::npz::archive::{f8, i8, zip};
use crate::io::npz::sound::{array, assert_error, dense, entry, model, solution, sound, with};

#[test]
fn models_that_are_none() {
    let spoiled = |name, bytes| model(&with(sound(), name, bytes));
    let probabilities = f8("(3,)", &[0.5, 0.4, 1.0]);
    let error = assert_error!(
        spoiled("probabilities", probabilities),
        array("probabilities"),
        Reason::Model(E::UnnormalizedTransition { state: 0, action: 0, .. })
    );
    assert!(
        error
            .to_string()
            .starts_with("array `probabilities`: transition row (state 0, action 0) sums to 0.9")
    );
    assert_error!(
        model(&with(dense(), "transitions", f8("(2, 1, 2)", &[1.5, -0.5, 0.0, 1.0]))),
        entry("transitions", &[0, 0, 1]),
        Reason::Model(E::InvalidTransition { .. })
    );
    assert_error!(
        spoiled("row_offsets", i8("(3,)", &[0, 4, 3])),
        entry("row_offsets", &[1]),
        Reason::Model(E::InvalidRowOffset { .. })
    );
    assert_error!(
        spoiled("next_states", i8("(3,)", &[0, 2, 1])),
        array("next_states"),
        Reason::Model(E::SuccessorOutOfRange { .. })
    );
    assert_error!(
        spoiled("terminal_states", i8("(1,)", &[2])),
        array("terminal_states"),
        Reason::Model(E::StateOutOfRange { state: 2, .. })
    );
    assert_error!(
        spoiled("terminal_values", f8("(2,)", &[0.0, f64::INFINITY])),
        entry("terminal_values", &[1]),
        Reason::Model(E::InvalidTerminalValue { state: 1, .. })
    );
    assert_error!(
        spoiled("discount", f8("()", &[1.5])),
        array("discount"),
        Reason::Model(E::InvalidSetting { setting: "discount", .. })
    );
    assert_error!(
        spoiled("temperature", f8("()", &[-1.0])),
        array("temperature"),
        Reason::Model(E::InvalidSetting { setting: "temperature", .. })
    );
    assert_error!(
        spoiled("initial", f8("(2,)", &[1.0, 1.0])),
        array("initial"),
        Reason::Model(E::UnnormalizedInitial { .. })
    );
    assert_error!(
        spoiled("action_prior", f8("(2, 1)", &[1.0, -1.0])),
        entry("action_prior", &[1, 0]),
        Reason::Model(E::InvalidPriorWeight { .. })
    );
    assert_error!(spoiled("rewards", f8("(0, 2, 1)", &[])), array("rewards"), Reason::Model(E::NoStages));
    assert_error!(spoiled("num_actions", i8("()", &[0])), array("row_offsets"), Reason::Shape { .. });
    assert_error!(
        spoiled("successor_rewards", f8("(2,)", &[0.0, 0.0])),
        array("successor_rewards"),
        Reason::Shape { .. }
    );
    let successors = vec![("successors", i8("(2, 1)", &[0, 2])), ("rewards", f8("(2, 1)", &[0.0, 0.0]))];
    assert_error!(
        model(&successors),
        entry("successors", &[1, 0]),
        Reason::Model(E::SuccessorOutOfRange { .. })
    );
}

#[test]
fn results_that_are_none() {
    let spoiled = |name, bytes| Solution::<f64>::from_npz(&zip(&with(solution(), name, bytes)));
    assert_error!(spoiled("inference", i8("()", &[2])), array("inference"), Reason::Value { .. });
    assert_error!(
        spoiled("state_values", f8("(2, 2)", &[0.0, 0.0, f64::NAN, 0.0])),
        entry("state_values", &[1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("state_values", f8("(3, 2)", &[0.0; 6])),
        array("state_values"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    assert_error!(
        spoiled("action_values", f8("(1, 2, 1)", &[0.0, f64::INFINITY])),
        entry("action_values", &[0, 1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("policy", f8("(1, 2, 1)", &[1.0, 0.5])),
        array("policy"),
        Reason::Model(E::UnnormalizedRow { table: softmdp::Table::Policy, .. })
    );
    assert_error!(
        spoiled("log_policy", f8("(1, 2, 1)", &[0.0, -1.0])),
        entry("log_policy", &[0, 1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("policy", f8("(1, 1, 1)", &[1.0])),
        array("log_policy"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    // A policy of one's own has no logarithms, and gets them.
    let own = Policy::<f64>::from_npz(&zip(&[("policy", f8("(1, 1, 2)", &[0.25, 0.75]))])).unwrap();
    assert_eq!(own.log_probabilities()[[0, 0, 0]], 0.25_f64.ln());
    let values =
        [("state_values", f8("(0, 2)", &[])), ("num_actions", i8("()", &[1])), ("inference", i8("()", &[1]))];
    assert_error!(
        StateValues::<f64>::from_npz(&zip(&values)),
        array("state_values"),
        Reason::Model(E::ShapeMismatch { .. })
    );
}

#[test]
fn posteriors_that_are_none() {
    let mut sound = solution();
    sound.extend([
        ("initial", f8("(2,)", &[1.0, 0.0])),
        ("log_evidence", f8("()", &[0.5])),
        ("state_marginals", f8("(2, 2)", &[1.0, 0.0, 0.5, 0.5])),
        ("absorbed_marginals", f8("(2,)", &[0.0, 0.0])),
        ("state_action_marginals", f8("(1, 2, 1)", &[1.0, 0.0])),
    ]);
    let spoiled = |name, bytes| Posterior::<f64>::from_npz(&zip(&with(sound.clone(), name, bytes)));
    assert!(spoiled("inference", i8("()", &[0])).is_ok());
    assert_error!(
        spoiled("inference", i8("()", &[1])),
        array("inference"),
        Reason::Model(E::InferenceMismatch { .. })
    );
    assert_error!(
        spoiled("log_evidence", f8("()", &[f64::NEG_INFINITY])),
        entry("log_evidence", &[]),
        Reason::Model(E::ImpossibleEvidence { stage: 1 })
    );
    assert_error!(
        spoiled("log_evidence", f8("()", &[f64::NAN])),
        entry("log_evidence", &[]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("absorbed_marginals", f8("(2,)", &[0.0, 0.1])),
        array("state_marginals"),
        Reason::Model(E::UnnormalizedRow { table: softmdp::Table::StateMarginals, .. })
    );
    assert_error!(
        spoiled("state_action_marginals", f8("(1, 2, 1)", &[1.0, -0.1])),
        entry("state_action_marginals", &[0, 1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    let observed = |stages, logs, absorbed| {
        let arrays =
            [("observation_stages", stages), ("observations", logs), ("absorbed_observations", absorbed)];
        Posterior::<f64>::from_npz(&zip(&[&sound[..], &arrays[..]].concat()))
    };
    let logs = || f8("(1, 2)", &[0.0, -1.0]);
    assert!(observed(i8("(1,)", &[1]), logs(), f8("(1,)", &[0.0])).is_ok());
    assert_error!(
        observed(i8("(1,)", &[2]), logs(), f8("(1,)", &[0.0])),
        array("observation_stages"),
        Reason::Model(E::ObservationOutOfRange { stage: 2, horizon: 1 })
    );
    assert_error!(
        observed(i8("(2,)", &[0, 1]), logs(), f8("(2,)", &[0.0, 0.0])),
        array("observations"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    assert_error!(
        observed(i8("(1,)", &[1]), f8("(1, 3)", &[0.0; 3]), f8("(1,)", &[0.0])),
        array("observations"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    assert_error!(
        observed(i8("(1,)", &[1]), logs(), f8("(2,)", &[0.0, 0.0])),
        array("absorbed_observations"),
        Reason::Model(E::ShapeMismatch { .. })
    );
    assert_error!(
        observed(i8("(1,)", &[1]), f8("(1, 2)", &[0.0, f64::NAN]), f8("(1,)", &[0.0])),
        array("observations"),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        observed(i8("(1,)", &[1]), logs(), f8("(1,)", &[f64::INFINITY])),
        array("absorbed_observations"),
        Reason::Model(E::InvalidEntry { .. })
    );
    // A probability, but more than that of its state.
    assert_error!(
        spoiled("state_action_marginals", f8("(1, 2, 1)", &[1.0, 0.1])),
        entry("state_action_marginals", &[0, 1, 0]),
        Reason::Model(E::InvalidEntry { .. })
    );
}

#[test]
fn messages_that_are_none() {
    let sound = [
        ("log_forward", f8("(2, 1)", &[0.0, 0.0])),
        ("log_normalizers", f8("(1,)", &[-0.5])),
        ("log_absorbed", f8("(2,)", &[f64::NEG_INFINITY; 2])),
        ("log_evidence", f8("()", &[f64::NEG_INFINITY])), // the terminal values may say so
    ];
    let spoiled = |name, bytes| ForwardMessages::<f64>::from_npz(&zip(&with(sound.to_vec(), name, bytes)));
    assert!(spoiled("log_absorbed", f8("(2,)", &[f64::NEG_INFINITY, -3.0])).is_ok());
    assert_error!(
        spoiled("log_normalizers", f8("(1,)", &[f64::NEG_INFINITY])),
        entry("log_normalizers", &[0]),
        Reason::Model(E::ImpossibleEvidence { stage: 0 })
    );
    assert_error!(
        spoiled("log_normalizers", f8("(1,)", &[f64::NAN])),
        entry("log_normalizers", &[0]),
        Reason::Model(E::InvalidEntry { .. })
    );
    assert_error!(
        spoiled("log_evidence", f8("()", &[f64::INFINITY])),
        entry("log_evidence", &[]),
        Reason::Model(E::InvalidEntry { .. })
    );
}

#[test]
fn models_that_the_layout_has_no_place_for() {
    use softmdp::{Mdp, TimeVaryingMdp, ndarray::array};
    let stage = |p: f64| Mdp::new(array![[[p, 1.0 - p]], [[0.0, 1.0]]], array![[0.0], [0.0]]).unwrap();
    let varying = TimeVaryingMdp::new([stage(0.5), stage(0.6)]).unwrap();
    let error = assert_error!(ModelFile::new(varying).to_npz(), Place::File, Reason::NotStorable { .. });
    assert_eq!(error.to_string(), "an .npz file cannot hold stages that differ in more than rewards [s, a]");
}
