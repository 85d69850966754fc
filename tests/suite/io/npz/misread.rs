//! Archives that could be read as another model: refused with both readings, and read under the
//! name or type that has only one.

use softmdp::io::{ModelFile, Npz, Place, Reason, StoredModel};
use softmdp::{Error as E, Inference, Model, SoftValueIteration};

use crate::io::npz::archive::{f8, i8, npy, zip};
use crate::io::npz::sound::{Arrays, array, assert_error, dense, entry, model, sound, with, without};

/// Uniform transitions and no rewards.
fn uniform(num_states: usize, num_actions: usize) -> Arrays {
    let len = num_states * num_actions * num_states;
    let shape = format!("({num_states}, {num_actions}, {num_states})");
    vec![("transitions", f8(&shape, &vec![1.0 / num_states as f64; len]))]
}

/// 0, 1, 2, … in a shape of rank 3.
fn counted(shape: [usize; 3]) -> Vec<u8> {
    let numbers: Vec<f64> = (0..shape.iter().product()).map(|number: usize| number as f64).collect();
    f8(&format!("({}, {}, {})", shape[0], shape[1], shape[2]), &numbers)
}

fn with_rewards(num_states: usize, num_actions: usize, name: &'static str, shape: [usize; 3]) -> Arrays {
    with(uniform(num_states, num_actions), name, counted(shape))
}

#[test]
fn rewards_by_stage_or_on_the_successor() {
    // T = S: with S = A, [s, a, s'] and [a, s, s'] look alike, and otherwise [s, s', a].
    for (num_states, num_actions) in [(2, 2), (3, 3), (3, 2), (2, 5), (1, 1)] {
        let stages = [num_states, num_states, num_actions];
        let refused = model(&with_rewards(num_states, num_actions, "rewards", stages));
        let error = assert_error!(refused, array("rewards"), Reason::Ambiguous { .. });
        assert_eq!(
            error.to_string(),
            "array `rewards`: this can be rewards by stage, or rewards on the successor: name the array \
             `stage_rewards` for [t, s, a], or `successor_rewards` for [s, a, s']"
        );
        let file = model(&with_rewards(num_states, num_actions, "stage_rewards", stages)).unwrap();
        assert!(matches!(file.model(), StoredModel::TimeVarying(_)));
        assert_eq!(file.model().num_stages(), Some(num_states));
        assert!(!file.model().is_homogeneous());
        // What is written has one reading.
        let again = ModelFile::<f64>::from_npz(&file.to_npz().unwrap()).unwrap();
        assert_eq!(again.to_npz().unwrap(), file.to_npz().unwrap());
    }
    // The values of the two readings differ.
    let value = |name| {
        let file = model(&with_rewards(2, 2, name, [2, 2, 2])).unwrap().with_temperature(0.0).unwrap();
        let solver = SoftValueIteration::new(1).inference(Inference::Variational);
        solver.solve_values(file.model()).unwrap().state_values()[[0, 1]]
    };
    assert_eq!(value("stage_rewards"), 3.0); // the larger of 2 and 3, at stage 0
    assert_eq!(value("successor_rewards"), 6.5); // the larger of the means of 4, 5 and of 6, 7
}

#[test]
fn rewards_by_stage_of_any_other_number_of_stages_keep_their_name() {
    for (num_states, num_actions, num_stages) in [(3, 2, 2), (2, 2, 3), (2, 3, 3), (3, 3, 1)] {
        let shape = [num_stages, num_states, num_actions];
        for name in ["rewards", "stage_rewards"] {
            let file = model(&with_rewards(num_states, num_actions, name, shape)).unwrap();
            assert_eq!(file.model().num_stages(), Some(num_stages));
        }
    }
    let shape = model(&with(sound(), "rewards", f8("(3, 2, 1)", &[0.0; 6]))).unwrap();
    assert_eq!(shape.model().num_stages(), Some(3), "compressed rows too");
}

#[test]
fn rewards_on_the_successor_under_the_name_of_others() {
    for shape in [[3, 2, 3], [2, 3, 3]] {
        let refused = model(&with_rewards(3, 2, "rewards", shape));
        let error = assert_error!(refused, array("rewards"), Reason::Shape { .. });
        assert!(error.to_string().ends_with("name rewards on the successor `successor_rewards`, [s, a, s']"));
    }
    assert!(model(&with_rewards(3, 2, "successor_rewards", [3, 2, 3])).is_ok());
    let both = with(with_rewards(3, 2, "rewards", [2, 3, 2]), "stage_rewards", counted([2, 3, 2]));
    assert_error!(model(&both), array("stage_rewards"), Reason::Conflict { other: "rewards" });
    let flat = with(uniform(3, 2), "stage_rewards", f8("(3, 2)", &[0.0; 6]));
    assert_error!(model(&flat), array("stage_rewards"), Reason::Shape { .. });
    let none = with(uniform(3, 2), "stage_rewards", f8("(0, 3, 2)", &[]));
    assert_error!(model(&none), array("stage_rewards"), Reason::Model(E::NoStages));
    let other = with(uniform(3, 2), "stage_rewards", counted([2, 3, 3]));
    assert_error!(model(&other), array("stage_rewards"), Reason::Model(E::ShapeMismatch { .. }));
}

#[test]
fn axes_in_the_order_of_other_libraries() {
    let thirds = |shape| with(dense_alone(), "transitions", f8(shape, &[1.0 / 3.0; 18]));
    for (shape, found, order, axes) in [
        ("(2, 3, 3)", "[2, 3, 3]", "[a, s, s']", "1, 0, 2"),
        ("(3, 3, 2)", "[3, 3, 2]", "[s, s', a]", "0, 2, 1"),
    ] {
        let error = assert_error!(model(&thirds(shape)), array("transitions"), Reason::Shape { .. });
        assert_eq!(
            error.to_string(),
            format!(
                "array `transitions`: shape is {found}, expected [s, a, s']: it looks like {order}, so save \
                 P.transpose({axes})"
            )
        );
    }
    assert!(model(&with(thirds("(3, 2, 3)"), "rewards", f8("(3, 2)", &[0.0; 6]))).is_ok());
}

#[test]
fn rewards_of_states_and_transposed_rewards() {
    let rewards = |shape, numbers: &[f64]| {
        model(&with(uniform(3, 2), "rewards", f8(shape, numbers))).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        rewards("(3,)", &[0.0; 3]),
        "array `rewards`: shape is [3], expected [s, a] or [t, s, a]: repeat rewards of states for each action, \
         np.repeat(R[:, None], 2, axis=1)"
    );
    assert_eq!(
        rewards("(2, 3)", &[0.0; 6]),
        "array `rewards`: shape is [2, 3], expected [s, a] or [t, s, a]: it looks like [a, s], so save R.T"
    );
    let other = rewards("(4,)", &[0.0; 4]);
    assert_eq!(other, "array `rewards`: shape is [4], expected [s, a] or [t, s, a]");
}

#[test]
fn types_that_are_read_are_named() {
    let half = with(uniform(3, 2), "rewards", npy("<f2", "(3, 2)", &[0; 12]));
    assert_eq!(
        model(&half).map(drop).unwrap_err().to_string(),
        "array `rewards`: elements are of type \"<f2\", expected float64, float32, integers or bool"
    );
    assert_eq!(
        ends("<f8", "(4,)", &[0; 32]).unwrap_err().to_string(),
        "array `terminal_states`: elements are of type \"<f8\", expected integers that are indices, or a mask of \
         bool"
    );
}

fn dense_alone() -> Arrays {
    vec![("rewards", f8("(3, 2)", &[0.0; 6]))]
}

/// Four states of which `terminal` are terminal.
fn ends(name: &str, shape: &str, bytes: &[u8]) -> Result<Vec<usize>, softmdp::io::Error> {
    let arrays = with(uniform(4, 1), "rewards", f8("(4, 1)", &[0.0; 4]));
    let file = model(&with(arrays, "terminal_states", npy(name, shape, bytes)))?;
    Ok((0..4).filter(|&state| file.model().is_terminal(state)).collect())
}

#[test]
fn terminal_states_as_indices_or_as_a_mask() {
    assert_eq!(ends("|u1", "(2,)", &[3, 0]).unwrap(), [0, 3]);
    assert_eq!(ends("|u1", "(4,)", &[3, 1, 0, 2]).unwrap(), [0, 1, 2, 3]);
    assert_eq!(ends("|b1", "(4,)", &[0, 1, 0, 1]).unwrap(), [1, 3]);
    assert_eq!(ends("|b1", "(4,)", &[0; 4]).unwrap(), [0; 0]);
    for mask in [[0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]] {
        let error =
            assert_error!(ends("|u1", "(4,)", &mask), array("terminal_states"), Reason::Ambiguous { .. });
        assert_eq!(
            error.to_string(),
            "array `terminal_states`: this can be indices of states, or a mask of 0 and 1: save a mask as bool, \
             with one flag for each state"
        );
    }
    let twice = assert_error!(
        ends("|u1", "(3,)", &[2, 1, 2]),
        entry("terminal_states", &[2]),
        Reason::Repeated { .. }
    );
    assert_eq!(twice.to_string(), "array `terminal_states`, entry [2]: the state is listed a second time");
    for (shape, len) in [("(3,)", 3), ("(5,)", 5)] {
        let mask = ends("|b1", shape, &vec![1; len]);
        assert_error!(mask, array("terminal_states"), Reason::Shape { .. });
    }
    assert_error!(ends("|b1", "(2, 2)", &[1; 4]), array("terminal_states"), Reason::Shape { .. });
    // Two states: [0, 1] names both, or masks the first.
    let two = |bytes: Vec<u8>| model(&with(sound(), "terminal_states", bytes));
    for list in [[0, 1], [1, 0]] {
        assert_error!(two(i8("(2,)", &list)), array("terminal_states"), Reason::Ambiguous { .. });
    }
    let both = two(npy("|b1", "(2,)", &[1, 1])).unwrap();
    assert!(both.model().is_terminal(0) && both.model().is_terminal(1));
    let again = ModelFile::<f64>::from_npz(&both.to_npz().unwrap()).unwrap();
    assert!(again.model().is_terminal(0) && again.model().is_terminal(1));
}

#[test]
fn empty_arrays_of_any_type() {
    // numpy makes floats of `np.array([])`, and objects of some lists.
    for name in ["<f8", "<i8", "|b1", "|O", "<U1"] {
        assert_eq!(ends(name, "(0,)", &[]).unwrap(), [0; 0], "{name}");
    }
    assert_error!(ends("<f8", "(1,)", &[0; 8]), array("terminal_states"), Reason::ElementType { .. });
    assert_error!(ends("|O", "(0,)", &[0]), array("terminal_states"), Reason::Length { .. });
}

#[test]
fn what_is_missing_is_named_beside_what_is_there() {
    let error = assert_error!(
        model(&vec![("P", f8("()", &[0.0])), ("R", f8("()", &[0.0]))]),
        array("transitions"),
        Reason::Missing { .. }
    );
    let expected = "expected transitions, row_offsets with next_states and probabilities, or successors";
    assert_eq!(error.to_string(), format!("array `transitions`: missing: {expected}; the archive has P, R"));
    let error =
        assert_error!(model(&without(sound(), "next_states")), array("next_states"), Reason::Missing { .. });
    assert_eq!(
        error.to_string(),
        "array `next_states`: missing; the archive has row_offsets, probabilities, rewards"
    );
    let error = assert_error!(model(&Vec::new()), array("transitions"), Reason::Missing { .. });
    assert!(!error.to_string().contains("the archive has"), "{error}");
    // A long list is cut.
    let many: Vec<(String, Vec<u8>)> = (0..25).map(|at| (format!("array{at}"), f8("()", &[0.0]))).collect();
    let many: Vec<(&str, Vec<u8>)> = many.iter().map(|(name, bytes)| (&name[..], bytes.clone())).collect();
    let error = ModelFile::<f64>::from_npz(&zip(&many)).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("array18, array19 and 5 more"), "{error}");
    assert!(matches!(error.reason(), Reason::Missing { found, .. } if found.len() == 25));
    assert_eq!(*error.place(), Place::Array("transitions".to_owned()));
}

#[test]
fn types_by_their_long_names() {
    let rewards = |name: &str, bytes: &[u8]| {
        let file = model(&with(dense(), "rewards", npy(name, "(2, 1)", bytes))).unwrap();
        let StoredModel::SuccessorRewards(model) = file.model() else { panic!("rewards on the successor") };
        model.mdp().rewards().iter().copied().collect::<Vec<_>>()
    };
    let wide = [0.5_f64.to_le_bytes(), 2_f64.to_le_bytes()].concat();
    let narrow = [0.5_f32.to_le_bytes(), 2_f32.to_le_bytes()].concat();
    for name in ["float64", "d", "<d", "=f8"] {
        assert_eq!(rewards(name, &wide), [0.5, 2.0], "{name}");
    }
    for name in ["float32", "f"] {
        assert_eq!(rewards(name, &narrow), [0.5, 2.0], "{name}");
    }
    for (name, size) in
        [("int64", 8), ("q", 8), ("int32", 4), ("i", 4), ("int16", 2), ("h", 2), ("int8", 1), ("b", 1)]
    {
        let bytes: Vec<u8> =
            (0..2 * size).map(|at| if at < size { 0xff } else { u8::from(at == size) }).collect();
        assert_eq!(rewards(name, &bytes), [-1.0, 1.0], "{name}");
    }
    for (name, size) in
        [("uint64", 8), ("Q", 8), ("uint32", 4), ("I", 4), ("uint16", 2), ("H", 2), ("uint8", 1), ("B", 1)]
    {
        let bytes: Vec<u8> = (0..2 * size).map(|at| if at % size == 0 { 200 } else { 0 }).collect();
        assert_eq!(rewards(name, &bytes), [200.0, 200.0], "{name}");
    }
    assert_eq!(rewards("bool", &[0, 1]), [0.0, 1.0]);
}
