//! One sound archive, one spoiled array a test: the exact place and reason.

use softmdp::io::{ModelFile, Npz, Place, Reason};
use softmdp::{Model, Solution};

use crate::io::npz::archive::{f8, i8, npy, with_header, zip};
use crate::io::npz::sound::{array, assert_error, dense, entry, model, solution, sound, with, without};

#[test]
fn sound_archives_are_read() {
    assert!(model(&sound()).is_ok());
    assert!(model(&dense()).is_ok());
    assert!(Solution::<f64>::from_npz(&zip(&solution())).is_ok());
}

#[test]
fn what_is_no_archive() {
    for bytes in [&b""[..], b"hello", &[0; 100], b"PK\x05\x06"] {
        assert_error!(ModelFile::<f64>::from_npz(bytes), Place::File, Reason::NotAnArchive { .. });
    }
    let whole = zip(&sound());
    for len in [10, whole.len() / 2, whole.len() - 1] {
        assert_error!(ModelFile::<f64>::from_npz(&whole[..len]), Place::File, Reason::NotAnArchive { .. });
    }
    // The table of contents is there, but not all of what it names.
    let behind = [&[0; 7][..], &whole[40..]].concat();
    assert!(ModelFile::<f64>::from_npz(&behind).is_err());
}

#[test]
fn archives_of_other_kinds() {
    let whole = zip(&[("successors", i8("(1, 1)", &[0]))]);
    let contents = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    for (at, value, what) in
        [(contents + 8, 1, "encryption"), (contents + 10, 9, "this method of compression")]
    {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let error = assert_error!(
            ModelFile::<f64>::from_npz(&bytes),
            array("successors"),
            Reason::Unsupported { .. }
        );
        assert_eq!(error.to_string(), format!("array `successors`: {what} is not supported"));
    }
}

#[test]
fn damaged_bytes() {
    let mut bytes = zip(&sound());
    let at = bytes.windows(8).position(|window| window == (-1.0_f64).to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    let error = assert_error!(ModelFile::<f64>::from_npz(&bytes), array("rewards"), Reason::Damaged { .. });
    assert_eq!(error.to_string(), "array `rewards`: the file is damaged: Invalid checksum");
    // A number that cannot be is damage as long as the checksum says so.
    let mut bytes = zip(&sound());
    let at = bytes.windows(8).position(|window| window == 2_i64.to_le_bytes()).unwrap();
    bytes[at + 7] = 0xff;
    assert_error!(ModelFile::<f64>::from_npz(&bytes), array("row_offsets"), Reason::Damaged { .. });
}

#[test]
fn arrays_that_are_listed_twice() {
    let mut arrays = sound();
    arrays.push(("rewards", f8("(2, 1)", &[0.0, 0.0])));
    assert_error!(model(&arrays), array("rewards"), Reason::Repeated { .. });
}

#[test]
fn a_number_of_entries_that_is_wrong_cuts_nothing_short() {
    let whole = zip(&with(sound(), "discount", f8("()", &[0.5])));
    assert_eq!(ModelFile::<f64>::from_npz(&whole).unwrap().model().discount(), 0.5);
    // Both numbers at the end: one entry less is a model without its discount.
    let counting = |num_entries| {
        let mut bytes = whole.clone();
        let end = bytes.len() - 22;
        (bytes[end + 8], bytes[end + 10]) = (num_entries, num_entries);
        ModelFile::<f64>::from_npz(&bytes)
    };
    for num_entries in [1, 4] {
        let error = assert_error!(counting(num_entries), Place::File, Reason::EntryCount { found: 5, .. });
        assert!(error.to_string().contains(&num_entries.to_string()), "{error}");
    }
    assert_error!(counting(6), Place::File, Reason::NotAnArchive { .. });
    assert_error!(counting(0), array("transitions"), Reason::Missing { .. });
}

#[test]
fn headers_that_cannot_be_read() {
    let header = |header: &str| model(&with(sound(), "rewards", with_header(header, &[0; 16])));
    for (text, expected) in [
        ("", "a dictionary as header"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)", "a dictionary as header"),
        ("{'descr': '<f8', 'shape': (2, 1)}", "a header of type, order and shape"),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)} more",
            "a header of type, order and shape",
        ),
        ("{'descr': '<f8', 'descr': '<f8', 'shape': (2, 1)}", "a header of type, order and shape"),
        ("{'descr': '<f8', 'fortran_order': 0, 'shape': (2, 1)}", "True or False in the header"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, -1)}", "a shape in the header"),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "a shape in the header",
        ),
        ("{'descr': 8, 'fortran_order': False, 'shape': (2, 1)}", "a quoted word in the header"),
    ] {
        let error = assert_error!(header(text), array("rewards"), Reason::NotAnArray { .. });
        assert_eq!(
            error.to_string(),
            format!("array `rewards`: not an array in npy format: {expected} is missing")
        );
    }
    assert!(header("{\"shape\":(2,1),\"fortran_order\":True,\"descr\":\">f8\"}").is_ok());
    for (bytes, expected) in [
        (&b"hello"[..], "the signature"),
        (b"\x93NUMPY\x04\x00", "a known version"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "the end of the header"),
        (b"\x93NUMPY\x01\x00\x01\x00\xff", "a readable header"),
    ] {
        let error = assert_error!(
            model(&with(sound(), "rewards", bytes.to_vec())),
            array("rewards"),
            Reason::NotAnArray { .. }
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn shapes_beyond_the_bytes() {
    let shape = |shape| model(&with(sound(), "rewards", npy("<f8", shape, &[0; 16])));
    assert_error!(
        shape("(1000000000000,)"),
        array("rewards"),
        Reason::Length { found: 16, expected: 8_000_000_000_000 }
    );
    assert_error!(
        shape("(4294967296, 4294967296)"),
        array("rewards"),
        Reason::Length { expected: u64::MAX, .. }
    );
    assert_error!(shape("(0, 4)"), array("rewards"), Reason::Length { found: 16, expected: 0 });
    assert_error!(shape("(2,)"), array("rewards"), Reason::Shape { .. });
    let turned = f8("(1, 2)", &[0.0, 0.0]);
    assert_error!(model(&with(dense(), "rewards", turned)), array("rewards"), Reason::Shape { .. });
}

#[test]
fn elements_of_other_types() {
    for name in ["<f2", "<c16", "<U5", "|O", "<M8[s]", ">i3", "b9"] {
        let rewards = npy(name, "(2, 1)", &[0; 16]);
        let error = assert_error!(
            model(&with(sound(), "rewards", rewards)),
            array("rewards"),
            Reason::ElementType { .. }
        );
        assert!(error.to_string().contains(name));
    }
    let record = with_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 1)}", &[0; 16]);
    assert_error!(model(&with(sound(), "rewards", record)), array("rewards"), Reason::ElementType { .. });
    let places = f8("(3,)", &[0.0, 1.0, 1.0]);
    assert_error!(
        model(&with(sound(), "next_states", places)),
        array("next_states"),
        Reason::ElementType { .. }
    );
    let flags = f8("(2, 1)", &[1.0, 1.0]);
    assert_error!(
        model(&with(sound(), "available_actions", flags)),
        array("available_actions"),
        Reason::ElementType { .. }
    );
}

#[test]
fn elements_out_of_place() {
    let places = i8("(3,)", &[0, -1, 1]);
    let error = assert_error!(
        model(&with(sound(), "next_states", places)),
        entry("next_states", &[1]),
        Reason::Value { .. }
    );
    assert_eq!(error.to_string(), "array `next_states`, entry [1]: -1 is not an index >= 0");
    assert_error!(
        model(&with(sound(), "available_actions", npy("|u1", "(2, 1)", &[1, 2]))),
        entry("available_actions", &[1, 0]),
        Reason::Value { .. }
    );
    let huge = f8("(2, 1)", &[0.0, -1e300]);
    assert_error!(
        ModelFile::<f32>::from_npz(&zip(&with(sound(), "rewards", huge))),
        entry("rewards", &[1, 0]),
        Reason::Value { .. }
    );
    for bad in [f64::NAN, f64::INFINITY] {
        assert_error!(
            model(&with(sound(), "rewards", f8("(2, 1)", &[0.0, bad]))),
            entry("rewards", &[1, 0]),
            Reason::Value { .. }
        );
        assert_error!(
            model(&with(dense(), "successor_rewards", f8("(2, 1, 2)", &[0.0, 0.0, bad, 0.0]))),
            entry("successor_rewards", &[1, 0, 0]),
            Reason::Value { .. }
        );
        assert_error!(
            model(&with(
                without(sound(), "rewards"),
                "stage_rewards",
                f8("(2, 2, 1)", &[0.0, 0.0, 0.0, bad])
            )),
            entry("stage_rewards", &[1, 1, 0]),
            Reason::Value { .. }
        );
    }
    // In Fortran order, elements stand elsewhere, and their places are named as they are.
    let header = "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 2)}";
    let arrays =
        vec![("successors", with_header(header, &[0, 1, 0xff, 1])), ("rewards", f8("(2, 2)", &[0.0; 4]))];
    assert_error!(model(&arrays), entry("successors", &[0, 1]), Reason::Value { .. });
}

#[test]
fn arrays_that_are_missing_or_too_many() {
    let error =
        assert_error!(model(&without(sound(), "row_offsets")), array("transitions"), Reason::Missing { .. });
    assert_eq!(
        error.to_string(),
        "array `transitions`: missing: expected transitions, row_offsets with next_states and probabilities, or \
         successors; the archive has next_states, probabilities, rewards"
    );
    assert_error!(model(&without(sound(), "next_states")), array("next_states"), Reason::Missing { .. });
    let no_rewards = with(without(sound(), "rewards"), "num_actions", i8("()", &[1]));
    assert_error!(model(&no_rewards), array("rewards"), Reason::Missing { .. });
    let no_actions = with(without(sound(), "rewards"), "successor_rewards", f8("(3,)", &[0.0; 3]));
    assert_error!(model(&no_actions), array("num_actions"), Reason::Missing { .. });
    assert!(model(&with(no_actions, "num_actions", i8("()", &[1]))).is_ok());
    assert_error!(
        model(&with(dense(), "successors", i8("(2, 1)", &[0, 1]))),
        array("successors"),
        Reason::Conflict { other: "transitions" }
    );
    let priors = with(sound(), "action_prior", f8("(2, 1)", &[1.0, 1.0]));
    assert!(model(&priors).is_ok());
    assert_error!(
        model(&with(priors, "uniform_prior", npy("|b1", "()", &[1]))),
        array("uniform_prior"),
        Reason::Conflict { other: "action_prior" }
    );
    assert_error!(
        Solution::<f64>::from_npz(&zip(&without(solution(), "action_values"))),
        array("action_values"),
        Reason::Missing { .. }
    );
}

#[test]
fn an_array_is_written_once() {
    let path = std::env::temp_dir().join(format!("softmdp-twice-{}.npz", std::process::id()));
    let solution = Solution::<f64>::from_npz(&zip(&solution())).unwrap();
    let mut writer = softmdp::io::NpzWriter::create(&path).unwrap();
    writer.add(&solution).unwrap();
    let error = assert_error!(writer.add(solution.policy()), array("policy"), Reason::Repeated { .. });
    drop(writer);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.path(), Some(path.as_path()));
}

#[test]
fn files_are_named() {
    let path = std::env::temp_dir().join("softmdp-no-such-folder").join("model.npz");
    let error = assert_error!(ModelFile::<f64>::read_npz(&path), Place::File, Reason::Io(_));
    assert_eq!(error.path(), Some(path.as_path()));
    assert!(error.to_string().starts_with(&format!("{}: ", path.display())));
    let file = model(&sound()).unwrap();
    assert_error!(file.write_npz(&path), Place::File, Reason::Io(_));

    let path = std::env::temp_dir().join(format!("softmdp-errors-{}.npz", std::process::id()));
    std::fs::write(&path, zip(&with(sound(), "rewards", f8("(2,)", &[0.0, 0.0])))).unwrap();
    let error = ModelFile::<f64>::read_npz(&path).map(drop).expect_err("the shape is wrong");
    std::fs::remove_file(&path).unwrap();
    let expected = "array `rewards`: shape is [2], expected [s, a] or [t, s, a]: repeat rewards of states for each \
                    action, np.repeat(R[:, None], A, axis=1)";
    assert_eq!(error.to_string(), format!("{}: {expected}", path.display()));
}

#[test]
fn every_kind_of_element_is_read() {
    let bytes = |name: &str, elements: &[u8]| npy(name, "(2, 1)", elements);
    for (rewards, expected) in [
        (bytes("|b1", &[1, 0]), [1.0, 0.0]),
        (bytes("|i1", &[0xff, 1]), [-1.0, 1.0]),
        (bytes("|u1", &[0xff, 1]), [255.0, 1.0]),
        (bytes("<i2", &[0xfe, 0xff, 1, 0]), [-2.0, 1.0]),
        (bytes(">i2", &[0xff, 0xfe, 0, 1]), [-2.0, 1.0]),
        (bytes("<u4", &[0, 0, 0, 0x80, 1, 0, 0, 0]), [2_147_483_648.0, 1.0]),
        (bytes("<u8", &[u64::MAX.to_le_bytes(), 1_u64.to_le_bytes()].concat()), [u64::MAX as f64, 1.0]),
        (bytes(">i8", &[(-7_i64).to_be_bytes(), 1_i64.to_be_bytes()].concat()), [-7.0, 1.0]),
        (bytes("<f4", &[0.1_f32.to_le_bytes(), 1_f32.to_le_bytes()].concat()), [f64::from(0.1_f32), 1.0]),
        (bytes(">f4", &[0.1_f32.to_be_bytes(), 1_f32.to_be_bytes()].concat()), [f64::from(0.1_f32), 1.0]),
        (
            bytes(">f8", &[f64::NEG_INFINITY.to_be_bytes(), 1_f64.to_be_bytes()].concat()),
            [f64::NEG_INFINITY, 1.0],
        ),
    ] {
        let file = model(&with(sound(), "rewards", rewards)).unwrap();
        let softmdp::io::StoredModel::Mdp(mdp) = file.model() else { panic!("a plain model") };
        assert_eq!(mdp.rewards().iter().copied().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn arrays_that_mean_nothing_are_named() {
    let arrays = with(with(sound(), "dicount", f8("()", &[0.5])), "provenance", f8("()", &[0.0]));
    let file = model(&arrays).unwrap();
    assert_eq!(file.ignored_arrays(), ["dicount"]);
    assert_eq!(file.clone().with_temperature(2.0).unwrap().ignored_arrays(), ["dicount"]);
    assert!(model(&sound()).unwrap().ignored_arrays().is_empty());
}

#[test]
fn entries_whose_names_are_not_utf8_are_named_too() {
    // As numpy names them: in code page 437.
    let mut bytes = zip(&with(sound(), "caf~", f8("()", &[0.5])));
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"caf~.npy")).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|at| bytes[at + 3] = 0x82);
    let file = ModelFile::<f64>::from_npz(&bytes).unwrap();
    assert_eq!(file.ignored_arrays(), ["caf\u{e9}"]);
}
