//! Damaged archives: never a panic, and no more memory than a small multiple of the file.

use allocation_counter::measure;
use proptest::prelude::*;
use softmdp::io::{ModelFile, Npz};
use softmdp::ndarray::array;
use softmdp::{
    ForwardMessages, LongRunGrowth, Mdp, Policy, Posterior, Solution, SparseDynamics, StateValues,
    StationarySolution, forward_messages, posterior,
};

use crate::common::cases;
use crate::common::damage::{damages, harmed};
use crate::io::npz::archive::{f8, i8, npy, zip};

/// Reads as everything, and measures. `expanded` is what sound compressed bytes come to.
#[track_caller]
fn read(bytes: &[u8], expanded: usize) {
    let used = measure(|| {
        drop(ModelFile::<f64>::from_npz(bytes));
        drop(ModelFile::<f32>::from_npz(bytes));
        drop(Solution::<f64>::from_npz(bytes));
        drop(StateValues::<f64>::from_npz(bytes));
        drop(Policy::<f64>::from_npz(bytes));
        drop(ForwardMessages::<f64>::from_npz(bytes));
        drop(Posterior::<f64>::from_npz(bytes));
        drop(StationarySolution::<f64>::from_npz(bytes));
        drop(LongRunGrowth::<f64>::from_npz(bytes));
        drop(SparseDynamics::<f64>::from_npz(bytes));
    });
    // What a decoder of compressed bytes takes, whatever it decodes, and some for messages.
    let most = 16 * (bytes.len() + expanded) as u64 + (128 << 10);
    assert!(used.bytes_max <= most, "{} bytes of memory for a file of {}", used.bytes_max, bytes.len());
}

/// Files as the crate writes them, and what they expand to at most.
fn written() -> Vec<(Vec<u8>, usize)> {
    let n = 30;
    let slip = SparseDynamics::from_fn(n, 2, |s, a| [((s + a) % n, 0.5), ((s + 7) % n, 0.5)]).unwrap();
    let rewards = softmdp::ndarray::Array2::from_shape_fn((n, 2), |(s, a)| (s * a) as f64);
    let slip = Mdp::builder(slip, rewards).terminal_states([3]).build().unwrap();
    let rich = slip.with_successor_rewards(|s, _, n| s as f64 - n as f64).unwrap();
    let small = Mdp::new(array![[[0.9, 0.1]], [[0.0, 1.0]]], array![[1.0], [-2.0]]).unwrap();
    let initial = array![1.0, 0.0];
    let messages = forward_messages(&small, &initial, 5).unwrap();
    let bundled = include_bytes!("../../../../examples/models/frozen_lake_4x4.npz");
    vec![
        (ModelFile::new(slip).to_npz().unwrap(), 8192),
        (ModelFile::new(rich).to_npz().unwrap(), 8192),
        (ModelFile::new(small.clone()).with_initial(initial.clone()).unwrap().to_npz().unwrap(), 2048),
        (posterior(&small, &initial, 5).unwrap().to_npz().unwrap(), 4096),
        (messages.to_npz().unwrap(), 2048),
        (bundled.to_vec(), 8192),
    ]
}

type Arrays = Vec<(&'static str, Vec<u8>)>;

fn arrays() -> Vec<Arrays> {
    vec![
        vec![
            ("row_offsets", i8("(3,)", &[0, 2, 3])),
            ("next_states", npy("<u2", "(3,)", &[0, 0, 1, 0, 1, 0])),
            ("probabilities", f8("(3,)", &[0.5, 0.5, 1.0])),
            ("successor_rewards", f8("(3,)", &[1.0, 2.0, 3.0])),
            ("num_actions", i8("()", &[1])),
            ("initial", f8("(2,)", &[1.0, 0.0])),
        ],
        vec![
            ("transitions", f8("(2, 1, 2)", &[0.5, 0.5, 0.0, 1.0])),
            ("rewards", f8("(3, 2, 1)", &[1.0, -1.0, 0.0, 0.0, 2.0, 3.0])),
            ("available_actions", npy("|b1", "(2, 1)", &[1, 1])),
            ("discount", f8("()", &[0.9])),
        ],
        vec![
            ("successors", i8("(2, 1)", &[1, 1])),
            ("rewards", f8("(2, 1)", &[1.0, -1.0])),
            ("terminal_states", i8("(1,)", &[1])),
            ("uniform_prior", npy("|b1", "()", &[1])),
        ],
        vec![
            ("state_values", f8("(2, 2)", &[0.5, f64::NEG_INFINITY, 0.0, 0.0])),
            ("action_values", f8("(1, 2, 1)", &[0.5, f64::NEG_INFINITY])),
            ("policy", f8("(1, 2, 1)", &[1.0, 1.0])),
            ("log_policy", f8("(1, 2, 1)", &[0.0, 0.0])),
            ("inference", i8("()", &[0])),
        ],
        // A successor with several rewards, in small elements.
        vec![
            ("row_offsets", npy("|u1", "(3,)", &[0, 40, 41])),
            ("next_states", npy("|u1", "(41,)", &[1; 41])),
            ("probabilities", npy("|u1", "(41,)", &[1; 41])),
            ("successor_rewards", npy("|u1", "(41,)", &std::array::from_fn::<u8, 41, _>(|at| at as u8))),
            ("num_actions", i8("()", &[1])),
            ("terminal_states", npy("|b1", "(2,)", &[1, 0])),
        ],
        vec![
            ("indices", npy("<i4", "(3,)", &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])),
            ("indptr", npy("<i4", "(3,)", &[0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])),
            ("data", f8("(3,)", &[0.5, 0.5, 1.0])),
            ("shape", i8("(2,)", &[2, 2])),
            ("format", npy("|S3", "()", b"csr")),
            ("successor_rewards", f8("(3,)", &[1.0, 2.0, 3.0])),
        ],
        vec![
            ("state_values", f8("(2,)", &[0.5, f64::NEG_INFINITY])),
            ("action_values", f8("(2, 1)", &[0.5, f64::NEG_INFINITY])),
            ("policy", f8("(2, 1)", &[1.0, 1.0])),
            ("inference", i8("()", &[1])),
            ("status", i8("()", &[0])),
            ("iterations", i8("()", &[7])),
            ("error_bound", f8("()", &[1e-9])),
        ],
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn damaged_archives(damages in damages()) {
        for (bytes, expanded) in written() {
            read(&harmed(&bytes, &damages), expanded);
        }
        for arrays in arrays() {
            read(&harmed(&zip(&arrays), &damages), 0);
        }
    }

    /// Behind a checksum that is right again, so that the harm reaches headers and numbers.
    #[test]
    fn damaged_arrays(which in any::<prop::sample::Index>(), damages in damages()) {
        for mut arrays in arrays() {
            let which = which.index(arrays.len());
            arrays[which].1 = harmed(&arrays[which].1, &damages);
            read(&zip(&arrays), 0);
        }
    }
}

/// What the strategies above are not likely to find: numbers that announce more than there is.
#[test]
fn announcements_take_no_memory() {
    for shape in ["(1000000000000,)", "(1000000, 1000000)", "(4611686018427387904,)", "(0, 1000000000000)"] {
        for name in ["rewards", "transitions", "state_values", "policy"] {
            let mut all = arrays();
            for arrays in &mut all {
                arrays.retain(|(known, _)| *known != name);
                arrays.push((name, npy("<f8", shape, &[0; 8])));
                read(&zip(arrays), 0);
            }
        }
    }
    let sound = zip(&arrays()[0]);
    let contents = sound.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    // Packed and expanded sizes of the first entry, and the number of entries.
    for (at, len) in [(contents + 20, 4), (contents + 24, 4), (contents + 20, 8), (sound.len() - 14, 4)] {
        let mut bytes = sound.clone();
        bytes[at..at + len].fill(0xff);
        read(&bytes, 0);
        bytes[contents + 10] = 8; // as if it were compressed
        read(&bytes, 0);
    }
    // A number of actions far beyond the rows.
    let mut many = arrays().remove(0);
    many[4].1 = i8("()", &[i64::MAX]);
    read(&zip(&many), 0);
}
