//! Archives whose rows were rounded, to `float32` or to printed digits.

use softmdp::io::{ModelFile, Npz, Reason};
use softmdp::{Error as E, Model};

use crate::io::npz::archive::{f8, i8, npy, zip};
use crate::io::npz::sound::{Arrays, array, assert_error, dense, sound, with};

/// Two states, one action. Row (0, 0) is 1/3 and 2/3 with six digits, short by 1e-6.
fn rounded() -> [(Arrays, &'static str); 2] {
    let (p, q) = (0.333_333, 0.666_666);
    [
        (with(sound(), "probabilities", f8("(3,)", &[p, q, 1.0])), "probabilities"),
        (with(dense(), "transitions", f8("(2, 1, 2)", &[p, q, 0.0, 1.0])), "transitions"),
    ]
}

fn normalized(arrays: &Arrays, distance: f64) -> Result<ModelFile, softmdp::io::Error> {
    ModelFile::from_npz_normalized(&zip(arrays), distance)
}

#[test]
fn rounded_rows_are_named_with_the_remedy_and_rescaled_on_request() {
    for (arrays, name) in rounded() {
        let error = assert_error!(
            ModelFile::<f64>::from_npz(&zip(&arrays)),
            array(name),
            Reason::Model(E::UnnormalizedTransition { state: 0, action: 0, .. })
        );
        assert!(error.to_string().contains("`normalize_rows`"), "{error}");

        let file = normalized(&arrays, 1e-5).unwrap();
        assert_eq!(file.rescaled_rows().count(), 1);
        assert!((file.rescaled_rows().largest_distance() - 1e-6).abs() < 1e-15);
        assert_eq!(file.rescaled_initial(), None);
        let stage = file.model().stage(0, softmdp::Inference::Variational).unwrap();
        let mut row = Vec::new();
        stage.dynamics.for_each_successor(0, 0, &mut |next_state, p| row.push((next_state, p)));
        assert_eq!(row, [(0, 0.333_333 / 0.999_999), (1, 0.666_666 / 0.999_999)]);
        // What is written again passes the strict reader.
        let again = ModelFile::<f64>::from_npz(&file.to_npz().unwrap()).unwrap();
        assert_eq!(again.rescaled_rows().count(), 0);

        assert_error!(
            normalized(&arrays, 1e-7),
            array(name),
            Reason::Model(E::UnnormalizedTransition { tolerance: 1e-7, .. })
        );
        assert_error!(
            normalized(&arrays, f64::NAN),
            softmdp::io::Place::File,
            Reason::Model(E::InvalidSetting { .. })
        );
    }
}

#[test]
fn float32_tables_are_read_as_doubles() {
    let third = 1.0_f32 / 3.0;
    let bytes: Vec<u8> = [third, third, third].iter().flat_map(|p| p.to_le_bytes()).collect();
    let of = |bytes: Vec<u8>, type_name: &str| {
        vec![
            ("row_offsets", i8("(4,)", &[0, 3, 3, 3])),
            ("next_states", i8("(3,)", &[0, 1, 2])),
            ("probabilities", npy(type_name, "(3,)", &bytes)),
            ("rewards", f8("(3, 1)", &[1.0, 0.0, 0.0])),
            ("terminal_states", i8("(2,)", &[1, 2])),
            ("initial", npy(type_name, "(3,)", &bytes)),
        ]
    };
    let wide: Vec<u8> = [third; 3].iter().flat_map(|&p| f64::from(p).to_le_bytes()).collect();
    for arrays in [of(bytes, "<f4"), of(wide, "<f8")] {
        assert!(ModelFile::<f64>::from_npz(&zip(&arrays)).is_err(), "the sum is 1 + 3e-8");
        let file = normalized(&arrays, 1e-6).unwrap();
        assert_eq!(file.rescaled_rows().count(), 1);
        assert_eq!(file.rescaled_initial(), Some(3.0 * f64::from(third) - 1.0));
        assert_eq!(file.initial().unwrap().sum(), 1.0);
        // In single precision the row sums to 1 as it is.
        let single = ModelFile::<f32>::from_npz_normalized(&zip(&arrays), 1e-6).unwrap();
        assert_eq!((single.rescaled_rows().count(), single.rescaled_initial()), (0, None));
    }
}

#[test]
fn stages_and_rewards_on_the_successor_share_the_rescaled_rows() {
    for (arrays, _) in rounded() {
        let stages = with(arrays, "rewards", f8("(3, 2, 1)", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(normalized(&stages, 1e-5).unwrap().rescaled_rows().count(), 1);
    }
}
