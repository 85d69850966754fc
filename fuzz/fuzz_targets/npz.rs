//! Archives in three ways, chosen by the first byte: any bytes as an archive; any bytes as arrays of a sound archive;
//! sound arrays of any numbers. What is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use softmdp::io::{ModelFile, Npz};
use softmdp::{
    ForwardMessages, LongRunGrowth, Model, Policy, Posterior, Solution, SparseDynamics, StateValues, StationaryPolicy,
    StationarySolution, soft_value_iteration,
};

const NAMES: [&str; 40] = [
    "rewards",
    "transitions",
    "row_offsets",
    "next_states",
    "probabilities",
    "successors",
    "successor_rewards",
    "num_actions",
    "discount",
    "temperature",
    "action_prior",
    "uniform_prior",
    "available_actions",
    "terminal_states",
    "terminal_values",
    "initial",
    "repeats",
    "state_values",
    "action_values",
    "policy",
    "log_policy",
    "inference",
    "log_forward",
    "log_normalizers",
    "log_absorbed",
    "log_evidence",
    "state_marginals",
    "stage_rewards",
    "indptr",
    "indices",
    "data",
    "shape",
    "format",
    "status",
    "iterations",
    "error_bound",
    "rate",
    "lower_bound",
    "upper_bound",
    "relative_values",
];

fuzz_target!(|data: &[u8]| {
    let Some((&way, rest)) = data.split_first() else { return };
    match way % 3 {
        0 => read(rest),
        1 => read(&zip(&any_arrays(rest))),
        _ => read(&zip(&sound_arrays(rest))),
    }
});

fn read(bytes: &[u8]) {
    if let Ok(file) = ModelFile::<f64>::from_npz(bytes) {
        let written = file.to_npz().expect("what was read has a place");
        let again = ModelFile::<f64>::from_npz(&written).expect("what was written is read");
        assert_eq!(again.to_npz().expect("as before"), written);
        let model = file.model();
        if model.num_states() * model.num_actions() <= 10_000
            && let Ok(solution) = soft_value_iteration(model, 1)
        {
            assert!(solution.state_values().iter().all(|value| !value.is_nan()));
        }
    }
    result::<Solution>(bytes);
    result::<StateValues>(bytes);
    result::<Policy>(bytes);
    result::<ForwardMessages>(bytes);
    result::<Posterior>(bytes);
    result::<StationarySolution>(bytes);
    result::<StationaryPolicy>(bytes);
    result::<LongRunGrowth>(bytes);
    result::<SparseDynamics>(bytes);
    let _ = ModelFile::<f32>::from_npz(bytes);
}

fn result<T: Npz + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = T::from_npz(bytes) {
        let written = value.to_npz().expect("written to memory");
        assert_eq!(T::from_npz(&written).expect("what was written is read"), value);
    }
}

/// Entries `[name] [length] bytes`.
fn any_arrays(mut data: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut arrays = Vec::new();
    while let [name, low, high, rest @ ..] = data {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        arrays.push((NAMES[usize::from(*name) % NAMES.len()], rest[..len].to_vec()));
        data = &rest[len..];
    }
    arrays
}

/// Arrays `[name] [type and rank] [axes…] elements`, of small shape.
fn sound_arrays(data: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let mut arrays: Vec<(&'static str, Vec<u8>)> = Vec::new();
    while let (Some(name), Some(kind)) = (next(), next()) {
        let shape: Vec<usize> = (0..kind % 4).filter_map(|_| next()).map(|axis| usize::from(axis) % 5).collect();
        let len = shape.iter().product();
        let order = if kind & 64 == 0 { "False" } else { "True" };
        let elements: Vec<u8> = (0..len).map_while(|_| next()).collect();
        let (type_name, elements): (_, Vec<u8>) = match kind / 4 % 4 {
            0 => ("<f8", elements.iter().flat_map(|&x| number(x).to_le_bytes()).collect()),
            1 => ("<i8", elements.iter().flat_map(|&x| i64::from(x as i8).to_le_bytes()).collect()),
            2 => ("|b1", elements.iter().map(|x| x % 2).collect()),
            _ => ("|u1", elements),
        };
        let axes: String = shape.iter().map(|axis| format!("{axis},")).collect();
        let header = format!("{{'descr': '{type_name}', 'fortran_order': {order}, 'shape': ({axes})}}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(elements);
        let name = NAMES[usize::from(name) % NAMES.len()];
        if arrays.iter().all(|(known, _)| *known != name) {
            arrays.push((name, file));
        }
    }
    arrays
}

/// Numbers that models are made of, and some that they are not.
fn number(byte: u8) -> f64 {
    match byte {
        255 => f64::NAN,
        254 => f64::INFINITY,
        253 => f64::NEG_INFINITY,
        252 => f64::MAX,
        251 => f64::MIN_POSITIVE,
        250 => -0.0,
        _ => f64::from(byte as i8) / 4.0,
    }
}

/// A sound archive of stored entries.
fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let at = (file.len() as u32).to_le_bytes();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // version, flags, stored, time
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16 + 4).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(b".npy");
        file.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at);
        directory.extend(name.as_bytes());
        directory.extend(b".npy");
    }
    let start = (file.len() as u32).to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start);
    file.extend([0, 0]);
    file
}
