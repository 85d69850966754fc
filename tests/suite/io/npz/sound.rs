//! Sound archives, to be spoiled one array at a time.

use softmdp::io::{Error, ModelFile, Npz, Place};

use crate::io::npz::archive::{f8, i8, zip};

pub type Arrays = Vec<(&'static str, Vec<u8>)>;

/// Two states and one action, in compressed rows.
pub fn sound() -> Arrays {
    vec![
        ("row_offsets", i8("(3,)", &[0, 2, 3])),
        ("next_states", i8("(3,)", &[0, 1, 1])),
        ("probabilities", f8("(3,)", &[0.5, 0.5, 1.0])),
        ("rewards", f8("(2, 1)", &[1.0, -1.0])),
    ]
}

pub fn dense() -> Arrays {
    vec![
        ("transitions", f8("(2, 1, 2)", &[0.5, 0.5, 0.0, 1.0])),
        ("rewards", f8("(2, 1)", &[1.0, -1.0])),
        ("successor_rewards", f8("(2, 1, 2)", &[1.0, 2.0, 3.0, 4.0])),
    ]
}

/// One stage, two states, one action.
pub fn solution() -> Arrays {
    vec![
        ("state_values", f8("(2, 2)", &[0.5, f64::NEG_INFINITY, 0.0, 0.0])),
        ("action_values", f8("(1, 2, 1)", &[0.5, f64::NEG_INFINITY])),
        ("policy", f8("(1, 2, 1)", &[1.0, 1.0])),
        ("log_policy", f8("(1, 2, 1)", &[0.0, 0.0])),
        ("inference", i8("()", &[0])),
    ]
}

pub fn with(mut arrays: Arrays, name: &'static str, bytes: Vec<u8>) -> Arrays {
    match arrays.iter_mut().find(|(known, _)| *known == name) {
        Some(array) => array.1 = bytes,
        None => arrays.push((name, bytes)),
    }
    arrays
}

pub fn without(mut arrays: Arrays, name: &str) -> Arrays {
    arrays.retain(|(known, _)| *known != name);
    arrays
}

pub fn model(arrays: &Arrays) -> Result<ModelFile, Error> {
    ModelFile::from_npz(&zip(arrays))
}

pub fn array(name: &str) -> Place {
    Place::Array(name.to_owned())
}

pub fn entry(name: &str, index: &[usize]) -> Place {
    Place::Entry { array: name.to_owned(), index: index.to_vec() }
}

macro_rules! assert_error {
    ($result:expr, $place:expr, $reason:pat $(if $guard:expr)?) => {{
        let error = $result.map(drop).expect_err("something is wrong with it");
        assert_eq!(*error.place(), $place, "{error}");
        assert!(matches!(error.reason(), $reason $(if $guard)?), "{error:?}");
        error
    }};
}

pub(crate) use assert_error;
