//! Compressed rows in any order, with successors listed several times, and with the names of scipy.

use proptest::prelude::*;
use softmdp::io::{ModelFile, Npz, Reason, StoredModel};
use softmdp::ndarray::{Array1, Array2, array as table};
use softmdp::{
    Dynamics, Error as E, Inference, Mdp, SoftValueIteration, SparseDynamics, SuccessorRewardMdp,
    TimeVaryingMdp,
};

use crate::common::random::Random;
use crate::common::{MINUS_INFINITY, SMALL, cases, tables};
use crate::io::npz::archive::{f8, i8, npy, zip};
use crate::io::npz::sound::{Arrays, array, assert_error, entry, model, sound, with, without};

type Rows = SuccessorRewardMdp<f64, std::sync::Arc<dyn Dynamics<Scalar = f64>>>;

fn rich(arrays: &Arrays) -> Rows {
    match model(arrays).unwrap().model() {
        StoredModel::SuccessorRewards(model) => model.clone(),
        _ => panic!("rewards on the successor"),
    }
}

fn outcomes(model: &Rows, state: usize, action: usize) -> Vec<(usize, f64, f64)> {
    let mut outcomes = Vec::new();
    model.for_each_outcome(state, action, |next_state, p, reward| outcomes.push((next_state, p, reward)));
    outcomes
}

/// Two states and one action. State 0 moves to 1 for a reward of 5 or of −1, or stays for 2.
fn slot_machine() -> Arrays {
    vec![
        ("num_actions", i8("()", &[1])),
        ("row_offsets", i8("(3,)", &[0, 3, 4])),
        ("next_states", i8("(4,)", &[1, 0, 1, 1])),
        ("probabilities", f8("(4,)", &[0.25, 0.5, 0.25, 1.0])),
        ("successor_rewards", f8("(4,)", &[5.0, 2.0, -1.0, 0.0])),
    ]
}

#[test]
fn a_successor_may_be_listed_with_several_rewards() {
    let machine = rich(&slot_machine());
    assert_eq!(outcomes(&machine, 0, 0), [(0, 0.5, 2.0), (1, 0.25, -1.0), (1, 0.25, 5.0)]);
    let value = |inference| {
        let solver = SoftValueIteration::new(1).inference(inference);
        solver.solve_values(&machine).unwrap().state_values()[[0, 0]]
    };
    let direct = (0.5 * 2.0_f64.exp() + 0.25 * 5.0_f64.exp() + 0.25 * (-1.0_f64).exp()).ln();
    assert!((value(Inference::Direct) - direct).abs() < 1e-15);
    assert!((value(Inference::Variational) - 2.0).abs() < 1e-15);
}

#[test]
fn rows_in_any_order_are_the_sorted_rows() {
    let sorted = model(&sound()).unwrap().to_npz().unwrap();
    let turned = with(sound(), "next_states", i8("(3,)", &[1, 0, 1]));
    assert_eq!(model(&turned).unwrap().to_npz().unwrap(), sorted);
    let listed_twice = vec![
        ("row_offsets", i8("(3,)", &[0, 3, 4])),
        ("next_states", i8("(4,)", &[1, 0, 1, 1])),
        ("probabilities", f8("(4,)", &[0.25, 0.5, 0.25, 1.0])),
        ("rewards", f8("(2, 1)", &[1.0, -1.0])),
    ];
    assert_eq!(model(&listed_twice).unwrap().to_npz().unwrap(), sorted);
    // Invalid offsets are an error in any order.
    for offsets in [[1, 2, 3], [0, 4, 3], [0, 2, 2]] {
        let error = model(&with(turned.clone(), "row_offsets", i8("(3,)", &offsets))).map(drop).unwrap_err();
        assert!(matches!(error.reason(), Reason::Model(E::InvalidRowOffset { .. })), "{error}");
    }
    let short = with(turned, "probabilities", f8("(2,)", &[0.5, 0.5]));
    assert_error!(model(&short), array("probabilities"), Reason::Model(E::ShapeMismatch { .. }));
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn several_rewards_come_back_to_the_bit(tables in tables(SMALL), seed in any::<u64>()) {
        let mut random = Random(seed);
        let mut list = Vec::new();
        for ((state, action, next_state), &p) in tables.stages[0].transitions.indexed_iter() {
            for share in [0.3, 0.2, 0.5] {
                let reward = random.pick(&[MINUS_INFINITY, -1.5, 0.0, 2.0]);
                list.push((state, action, next_state, p * share, reward));
            }
        }
        let rich = tables.mdp().with_outcomes(list).unwrap();
        let file = ModelFile::new(rich.clone());
        let bytes = file.to_npz().unwrap();
        let again = ModelFile::<f64>::from_npz(&bytes).unwrap();
        prop_assert_eq!(again.to_npz().unwrap(), bytes);
        let StoredModel::SuccessorRewards(again) = again.model() else { panic!("another kind of model") };
        prop_assert_eq!(again.has_several_rewards(), rich.has_several_rewards());
        prop_assert_eq!(again.successor_rewards(), rich.successor_rewards());
        for inference in [Inference::Direct, Inference::Variational] {
            let (found, expected) = (again.folded_rewards(inference), rich.folded_rewards(inference));
            crate::common::assert_tables_close(&found, &expected.to_owned(), 1e-13, "folded rewards");
        }
        // Stages that differ in rewards on the pair keep the rewards on the successor.
        let raised = rich.with_rewards(rich.mdp().rewards().mapv(|reward| reward + 1.0)).unwrap();
        let varying = ModelFile::new(TimeVaryingMdp::new([rich, raised]).unwrap());
        let bytes = varying.to_npz().unwrap();
        prop_assert_eq!(ModelFile::<f64>::from_npz(&bytes).unwrap().to_npz().unwrap(), bytes);
    }
}

#[test]
fn stages_with_other_distributions_of_rewards_have_no_place() {
    let mdp = Mdp::new(table![[[1.0]]], table![[0.0]]).unwrap().into_dyn();
    let stage = |p| mdp.with_outcomes([(0, 0, 0, p, 1.0), (0, 0, 0, 1.0 - p, -1.0)]).unwrap();
    let same = TimeVaryingMdp::new([stage(0.25), stage(0.25)]).unwrap();
    assert!(ModelFile::new(same).to_npz().is_ok());
    let other = TimeVaryingMdp::new([stage(0.25), stage(0.5)]).unwrap();
    assert_error!(ModelFile::new(other).to_npz(), softmdp::io::Place::File, Reason::NotStorable { .. });
}

/// What `scipy.sparse.save_npz` writes of a matrix `[S · A, S]` with S = 2 and A = 2. Row 1 lists
/// state 1 before state 0, and row 2 lists state 0 twice.
fn scipy() -> Arrays {
    vec![
        ("indices", npy("<i4", "(6,)", &[0_i32, 1, 0, 0, 0, 1].map(i32::to_le_bytes).concat())),
        ("indptr", npy("<i4", "(5,)", &[0_i32, 1, 3, 5, 6].map(i32::to_le_bytes).concat())),
        ("format", npy("|S3", "()", b"csr")),
        ("shape", i8("(2,)", &[4, 2])),
        ("data", f8("(6,)", &[1.0, 0.75, 0.25, 0.5, 0.5, 1.0])),
        ("_is_array", npy("|b1", "()", &[1])),
    ]
}

fn expected() -> SparseDynamics {
    let triplets = [(0, 0, 0, 1.0), (0, 1, 0, 0.25), (0, 1, 1, 0.75), (1, 0, 0, 1.0), (1, 1, 1, 1.0)];
    SparseDynamics::from_triplets(2, 2, triplets).unwrap()
}

#[test]
fn matrices_of_scipy_are_dynamics() {
    let dynamics = SparseDynamics::<f64>::from_npz(&zip(&scipy())).unwrap();
    assert_eq!(dynamics, expected());
    // With rewards beside it, the matrix makes a model. No array is unknown.
    let file = model(&with(scipy(), "rewards", f8("(2, 2)", &[0.0, 1.0, 2.0, 3.0]))).unwrap();
    let StoredModel::Mdp(mdp) = file.model() else { panic!("a plain model") };
    assert_eq!(SparseDynamics::from_dynamics(mdp.dynamics()).unwrap(), expected());
    assert_eq!(mdp.rewards(), table![[0.0, 1.0], [2.0, 3.0]]);
    assert!(file.ignored_arrays().is_empty(), "{:?}", file.ignored_arrays());
    // Each stored entry may have a reward.
    let rewards = f8("(6,)", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let model = rich(&with(scipy(), "successor_rewards", rewards));
    assert_eq!(outcomes(&model, 0, 1), [(0, 0.25, 2.0), (1, 0.75, 1.0)]);
    assert_eq!(outcomes(&model, 1, 0), [(0, 0.5, 3.0), (0, 0.5, 4.0)]);
    // Without `shape`, as `np.savez` writes the three arrays, the rewards tell A.
    let bare = without(without(with(scipy(), "rewards", f8("(2, 2)", &[0.0; 4])), "shape"), "format");
    assert!(matches!(crate::io::npz::sound::model(&bare).unwrap().model(), StoredModel::Mdp(_)));
}

#[test]
fn matrices_of_scipy_that_are_no_dynamics() {
    let read = |arrays: &Arrays| SparseDynamics::<f64>::from_npz(&zip(arrays));
    let spoiled = |name, bytes| read(&with(scipy(), name, bytes));
    for format in ["csc", "bsr"] {
        let format = npy("|S3", "()", format.as_bytes());
        assert_error!(spoiled("format", format), array("format"), Reason::Unreadable { .. });
    }
    // Formats without row offsets.
    let coo = vec![
        ("row", i8("(1,)", &[0])),
        ("col", i8("(1,)", &[0])),
        ("format", npy("|S3", "()", b"coo")),
        ("shape", i8("(2,)", &[1, 1])),
        ("data", f8("(1,)", &[1.0])),
    ];
    let error = assert_error!(read(&coo), array("format"), Reason::Unreadable { .. });
    assert_eq!(error.to_string(), "array `format`: \"coo\" is not \"csr\": convert the matrix by .tocsr()");
    let shape = assert_error!(spoiled("shape", i8("(2,)", &[4, 3])), array("shape"), Reason::Shape { .. });
    assert_eq!(shape.to_string(), "array `shape`: shape is [4, 3], expected [S · A, S] with S · A = 4");
    assert_error!(spoiled("shape", i8("(2,)", &[5, 1])), array("shape"), Reason::Shape { .. });
    assert_error!(spoiled("shape", i8("(2,)", &[4, 0])), array("shape"), Reason::Shape { .. });
    // Places have the names of scipy.
    let indices = npy("<i4", "(6,)", &[0_i32, 1, 0, 0, 0, 2].map(i32::to_le_bytes).concat());
    assert_error!(
        spoiled("indices", indices),
        array("indices"),
        Reason::Model(E::SuccessorOutOfRange { .. })
    );
    let indptr = npy("<i4", "(5,)", &[0_i32, 3, 1, 5, 6].map(i32::to_le_bytes).concat());
    assert_error!(
        spoiled("indptr", indptr),
        entry("indptr", &[2]),
        Reason::Model(E::InvalidRowOffset { .. })
    );
    let data = f8("(6,)", &[1.0, 0.75, -0.25, 0.5, 0.5, 1.0]);
    assert_error!(spoiled("data", data), array("data"), Reason::Model(E::InvalidTransition { .. }));
    assert_error!(read(&without(scipy(), "indices")), array("indices"), Reason::Missing { .. });
    // A matrix alone is no model.
    let error = assert_error!(model(&scipy()), array("rewards"), Reason::Missing { .. });
    assert!(error.to_string().contains("the archive has indices, indptr, format, shape, data"), "{error}");
    let both = with(scipy(), "row_offsets", i8("(5,)", &[0, 1, 3, 5, 6]));
    assert_error!(read(&both), array("indptr"), Reason::Conflict { other: "row_offsets" });
}

#[test]
fn dynamics_alone_come_back() {
    let dynamics = expected();
    let bytes = dynamics.to_npz().unwrap();
    assert_eq!(SparseDynamics::<f64>::from_npz(&bytes).unwrap(), dynamics);
    // From a model of any layout.
    let mdp = Mdp::builder(dynamics.clone(), Array2::zeros((2, 2))).build().unwrap();
    let model = ModelFile::new(mdp).to_npz().unwrap();
    assert_eq!(SparseDynamics::<f64>::from_npz(&model).unwrap(), dynamics);
    let ring = vec![("successors", i8("(2, 1)", &[1, 0]))];
    let ring = SparseDynamics::<f64>::from_npz(&zip(&ring)).unwrap();
    assert_eq!(ring, SparseDynamics::from_fn(2, 1, |state, _| [(1 - state, 1.0)]).unwrap());
    let single = SparseDynamics::from_fn(3, 1, |state, _| [(state, 1.0_f32)]).unwrap();
    assert_eq!(SparseDynamics::<f32>::from_npz(&single.to_npz().unwrap()).unwrap(), single);
}

#[test]
fn rewards_of_rows_that_are_rescaled() {
    // Six digits: the row sums to 0.999999, and each reward keeps its share.
    let rounded = with(slot_machine(), "probabilities", f8("(4,)", &[0.166_666, 0.5, 0.333_333, 1.0]));
    assert!(model(&rounded).is_err());
    let file = ModelFile::<f64>::from_npz_normalized(&zip(&rounded), 1e-5).unwrap();
    let StoredModel::SuccessorRewards(machine) = file.model() else { panic!("rewards on the successor") };
    let found = outcomes(machine, 0, 0);
    let probabilities: Array1<f64> = found.iter().map(|outcome| outcome.1).collect();
    assert!((probabilities.sum() - 1.0).abs() < 1e-15);
    assert!((probabilities[2] / probabilities[1] - 0.166_666 / 0.333_333).abs() < 1e-15);
    // What is written again passes the strict reader.
    assert!(ModelFile::<f64>::from_npz(&file.to_npz().unwrap()).is_ok());
}
