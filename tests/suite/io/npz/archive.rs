//! Archives made by hand, so that tests do not read with what they wrote.

/// An array as its file has it: type, shape as Python prints it, elements.
pub fn npy(type_name: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    with_header(&format!("{{'descr': '{type_name}', 'fortran_order': False, 'shape': {shape}, }}"), bytes)
}

/// An array with a header of one's own.
pub fn with_header(header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len() + 1).expect("a short header").to_le_bytes());
    file.extend(header.as_bytes());
    file.push(b'\n');
    file.extend(bytes);
    file
}

pub fn f8(shape: &str, numbers: &[f64]) -> Vec<u8> {
    npy("<f8", shape, &numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
}

pub fn i8(shape: &str, numbers: &[i64]) -> Vec<u8> {
    npy("<i8", shape, &numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
}

/// A zip archive of stored entries.
pub fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let at = u32::try_from(file.len()).expect("a small archive");
        let size = u32::try_from(bytes.len()).expect("a small array").to_le_bytes();
        let name_len = u16::try_from(name.len() + 4).expect("a short name").to_le_bytes();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // version, flags, stored, time
        common.extend(crc32(bytes).to_le_bytes());
        common.extend([size, size].concat());
        common.extend(name_len);
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(b".npy");
        file.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(b".npy");
    }
    let start = u32::try_from(file.len()).expect("a small archive");
    let count = u16::try_from(entries.len()).expect("a few entries").to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend(u32::try_from(directory.len()).expect("a small archive").to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
