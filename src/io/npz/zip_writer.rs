//! Writing zip archives: the same entries always make the same bytes.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::zip::{
    CENTRAL, DEFLATED, END, END_64, EXTENSION_64, IN_EXTENSION, LOCAL, LOCATOR_64, STORED, checksum,
};

/// Version of the format that an entry needs: 2.0, and 4.5 for the 64-bit extension.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// No time and the first of January 1980, the first date there is.
const DATE: u32 = 0x0021_0000;

/// An archive in the making.
#[derive(Debug)]
pub(super) struct ArchiveWriter<W> {
    out: W,
    written: u64,
    directory: Vec<u8>,
    count: u64,
    /// From this number on the 64-bit extension is used.
    large: u64,
}

impl<W: Write> ArchiveWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, written: 0, directory: Vec::new(), count: 0, large: IN_EXTENSION }
    }

    /// Adds an entry, deflated if that makes it smaller.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Rows of a sparse model shrink to a quarter; the best compression takes seven times as long for a twentieth more.
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes)?;
        let deflated = encoder.finish()?;
        let (method, packed) =
            if deflated.len() < bytes.len() { (DEFLATED, deflated.as_slice()) } else { (STORED, bytes) };

        let numbers = [bytes.len() as u64, packed.len() as u64, self.written]; // in the order of the extension
        let is_large = numbers.iter().any(|&number| number >= self.large);
        let version = if is_large { VERSION_64 } else { VERSION };
        let [size, packed_size, header_at] = numbers.map(|number| short(number, is_large));
        // Signature and sizes of names and extensions differ between the two headers, what they say does not.
        let mut common = Vec::new();
        common.extend(version.to_le_bytes());
        common.extend([0, 0]); // flags
        common.extend(method.to_le_bytes());
        common.extend(DATE.to_le_bytes());
        for number in [checksum(bytes), packed_size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes()); // our own names are short
        let extension = |numbers: &[u64]| {
            let mut extension = Vec::new();
            if is_large {
                extension.extend(EXTENSION_64.to_le_bytes());
                extension.extend((8 * numbers.len() as u16).to_le_bytes());
                numbers.iter().for_each(|number| extension.extend(number.to_le_bytes()));
            }
            extension
        };

        let local = extension(&numbers[..2]);
        let mut header = LOCAL.to_le_bytes().to_vec();
        header.extend(&common);
        header.extend((local.len() as u16).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(local);
        self.write(&header)?;
        self.write(packed)?;

        let central = extension(&numbers);
        self.directory.extend(CENTRAL.to_le_bytes());
        self.directory.extend(VERSION_64.to_le_bytes());
        self.directory.extend(common);
        self.directory.extend((central.len() as u16).to_le_bytes());
        self.directory.extend([0; 10]); // comment, disk, attributes
        self.directory.extend(header_at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.directory.extend(central);
        self.count += 1;
        Ok(())
    }

    /// Writes the table of contents and gives back what was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let start = self.written;
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        let (end, size) = (self.written, directory.len() as u64);
        let is_large = start.max(size) >= self.large;
        let mut tail = Vec::new();
        if is_large {
            tail.extend(END_64.to_le_bytes());
            tail.extend(44_u64.to_le_bytes()); // what follows of this record
            tail.extend(VERSION_64.to_le_bytes());
            tail.extend(VERSION_64.to_le_bytes());
            tail.extend([0; 8]); // disks
            for number in [self.count, self.count, size, start] {
                tail.extend(number.to_le_bytes());
            }
            tail.extend(LOCATOR_64.to_le_bytes());
            tail.extend([0; 4]); // disk
            tail.extend(end.to_le_bytes());
            tail.extend(1_u32.to_le_bytes()); // number of disks
        }
        tail.extend(END.to_le_bytes());
        tail.extend([0; 4]); // disks
        for _ in 0..2 {
            tail.extend((self.count as u16).to_le_bytes()); // a handful
        }
        tail.extend(short(size, is_large).to_le_bytes());
        tail.extend(short(start, is_large).to_le_bytes());
        tail.extend([0; 2]); // comment
        self.write(&tail)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// A number as its 32-bit field has it.
fn short(number: u64, is_large: bool) -> u32 {
    let number = if is_large { IN_EXTENSION } else { number };
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::zip::Archive;
    use super::*;

    #[test]
    fn what_is_written_is_read_with_and_without_the_64_bit_extension() {
        let zeros = [0; 1000];
        for large in [IN_EXTENSION, 500, 0] {
            let mut writer = ArchiveWriter { large, ..ArchiveWriter::new(Vec::new()) };
            writer.add("zeros.npy", &zeros).unwrap();
            writer.add("few.npy", b"abc").unwrap();
            writer.add("none.npy", b"").unwrap();
            let bytes = writer.finish().unwrap();
            let archive = Archive::new(&bytes).unwrap();
            assert_eq!(archive.read("zeros.npy").unwrap().unwrap(), zeros.as_slice());
            assert_eq!(archive.read("few.npy").unwrap().unwrap(), b"abc".as_slice());
            assert_eq!(archive.read("none.npy").unwrap().unwrap(), b"".as_slice());
            assert!(archive.read("more.npy").unwrap().is_none());
        }
    }
}
