//! Zip archives, read by the crate `zip`: one entry at a time, from a file or from memory.
//!
//! # Memory
//!
//! `zip` 9.8 allocates some 190 bytes for each entry that the end of the archive claims to have,
//! before it reads their headers. It accepts a claim up to the length of the file in bytes and up
//! to 65535 entries, which take 12 MB. With 64-bit fields it accepts one entry for each 46 bytes of
//! the file. The content of an entry is expanded piece by piece.

use std::fmt::Debug;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zip::read::{ZipArchiveMetadata, ZipFile};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use crate::io::{Error, Place, Reason};

/// A file, or its bytes in memory.
pub(super) trait Source: Read + Seek + Debug {}

impl<T: Read + Seek + Debug> Source for T {}

/// An entry, expanded as it is read.
pub(super) type Entry<'a, 's> = ZipFile<'a, Box<dyn Source + 's>>;

/// An archive and its table of contents.
#[derive(Debug)]
pub(super) struct Archive<'s> {
    source: Box<dyn Source + 's>,
    contents: Arc<ZipArchiveMetadata>,
}

impl<'s> Archive<'s> {
    pub(super) fn new(source: impl Source + 's) -> Result<Self, Error> {
        let fail = |reason| Error::new(Place::File, reason);
        let archive = ZipArchive::new(Box::new(source) as Box<dyn Source + 's>);
        let archive = archive.map_err(|error| fail(zip_reason(error)))?;
        let (start, contents) = (archive.central_directory_start(), archive.metadata());
        let mut source = archive.into_inner();

        let mut listed = listed_names(&mut source, start).map_err(|error| fail(error.into()))?;
        let (found, expected) = (listed.len(), contents.len());
        listed.sort_unstable();
        if let Some(twice) = listed.windows(2).find(|names| names[0] == names[1]).map(|names| &names[0]) {
            let name = String::from_utf8_lossy(twice);
            return Err(Error::in_array(without_extension(&name), Reason::Repeated { what: "the array" }));
        }
        if found != expected {
            return Err(fail(Reason::EntryCount { found, expected }));
        }
        Ok(Self { source, contents })
    }

    /// Names of the arrays. A name that is not UTF-8 is read in code page 437, as numpy does.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let entries = (0..self.contents.len()).filter_map(|index| self.contents.entry(index).ok());
        entries.filter_map(|entry| Some(without_extension(&entry.name().ok()?).to_owned()))
    }

    pub(super) fn has(&self, array: &str) -> bool {
        self.index_of(array).is_some()
    }

    fn index_of(&self, array: &str) -> Option<usize> {
        let name = file_name(array);
        let is_named = |index: &usize| {
            self.contents.entry(*index).is_ok_and(|entry| entry.name_raw() == name.as_bytes())
        };
        (0..self.contents.len()).find(is_named)
    }

    /// The entry of an array, or `None` if no entry has its name.
    pub(super) fn open(&mut self, array: &str) -> Result<Option<Entry<'_, 's>>, Reason> {
        let Some(index) = self.index_of(array) else { return Ok(None) };
        let entry = self.contents.entry(index).map_err(zip_reason)?;
        if entry.encrypted() {
            return Err(Reason::Unsupported { what: "encryption" });
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(Reason::Unsupported { what: "this method of compression" });
        }
        entry.with_reader(&mut self.source, ZipReadOptions::new()).map(Some).map_err(zip_reason)
    }
}

/// Names of all entries in the table of contents.
///
/// `zip` reads as many entries as the end of the archive counts, and keeps one entry of each name.
/// It reports neither entries beyond that count nor names that occur twice.
fn listed_names(source: &mut impl Source, start: u64) -> io::Result<Vec<Vec<u8>>> {
    const ENTRY: &[u8] = b"PK\x01\x02";
    let mut names = Vec::new();
    let mut header = [0; 46];
    source.seek(SeekFrom::Start(start))?;
    loop {
        match source.read_exact(&mut header) {
            Ok(()) if header.starts_with(ENTRY) => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => return Ok(names),
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| u16::from_le_bytes([header[at], header[at + 1]]));
        let mut bytes = vec![0; name.into()];
        source.read_exact(&mut bytes)?;
        names.push(bytes);
        source.seek_relative(i64::from(extra) + i64::from(comment))?;
    }
}

/// Name of the entry that holds an array.
pub(super) fn file_name(array: &str) -> String {
    format!("{array}.npy")
}

fn without_extension(file_name: &str) -> &str {
    file_name.strip_suffix(".npy").unwrap_or(file_name)
}

/// The reason for an error of `zip`.
pub(super) fn zip_reason(error: ZipError) -> Reason {
    let detail = match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => return error.into(),
        ZipError::Io(_) => "it ends too early".to_owned(),
        ZipError::InvalidArchive(detail) => detail.into_owned(),
        other => other.to_string(),
    };
    Reason::NotAnArchive { detail }
}

/// The reason for an error while an entry is expanded.
pub(super) fn entry_reason(error: io::Error) -> Reason {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput => Reason::Damaged { detail: error.to_string() },
        UnexpectedEof => Reason::Damaged { detail: "it ends too early".to_owned() },
        _ => error.into(),
    }
}
