//! Arrays of an archive by name, read and written, with the place in each error.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use ndarray::{Array, ArrayRef, Dimension, aview0};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::archive::{Archive, Entry, Source, entry_reason, file_name};
use super::npy::{self, At, Npy};
use crate::io::{Error, Place, Reason};
use crate::{Inference, Real};

/// A value that can be stored as named arrays.
pub trait Codec: Sized {
    /// Reads a value from its arrays.
    fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error>;

    /// Writes the arrays of a value.
    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error>;
}

/// The arrays of an archive.
#[derive(Debug)]
pub struct Arrays<'a> {
    archive: Archive<'a>,
}

impl<'a> Arrays<'a> {
    pub(super) fn new(source: impl Source + 'a) -> Result<Self, Error> {
        Ok(Self { archive: Archive::new(source)? })
    }

    /// Reads numbers, if an array has this name. `axes` is the expected shape, for messages.
    pub(super) fn numbers<F: Real, D: Dimension>(
        &mut self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<F, D>>, Error> {
        self.read(name, |array| array.numbers(axes))
    }

    /// Reads numbers from an array that must exist.
    pub(super) fn needed<F: Real, D: Dimension>(
        &mut self,
        name: &str,
        axes: &str,
    ) -> Result<Array<F, D>, Error> {
        required(name, self.numbers(name, axes)?)
    }

    pub(super) fn indices<D: Dimension>(
        &mut self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<usize, D>>, Error> {
        self.read(name, |array| array.indices(axes))
    }

    pub(super) fn flags<D: Dimension>(
        &mut self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<bool, D>>, Error> {
        self.read(name, |array| array.flags(axes))
    }

    pub(super) fn number<F: Real>(&mut self, name: &str) -> Result<Option<F>, Error> {
        Ok(self.numbers(name, SCALAR)?.map(Array::into_scalar))
    }

    pub(super) fn index(&mut self, name: &str) -> Result<Option<usize>, Error> {
        Ok(self.indices(name, SCALAR)?.map(Array::into_scalar))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.flags(name, SCALAR)?.map(Array::into_scalar))
    }

    /// Reads a short text, as numpy stores a Python string or bytes.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        #[allow(clippy::redundant_closure_for_method_calls, reason = "the method has one lifetime only")]
        self.read(name, |array| array.text())
    }

    /// Reads `inference`: 0 for direct, 1 for variational.
    pub(super) fn inference(&mut self) -> Result<Inference, Error> {
        match required("inference", self.index("inference")?)? {
            0 => Ok(Inference::Direct),
            1 => Ok(Inference::Variational),
            other => {
                let (value, expected) = (other as f64, "0 (direct) or 1 (variational)");
                Err(Error::in_array("inference", Reason::Value { value, expected }))
            }
        }
    }

    /// Names of the arrays.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.archive.names()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.has(name)
    }

    /// The shape, if an array has this name.
    pub(super) fn shape(&mut self, name: &str) -> Result<Option<Vec<usize>>, Error> {
        self.read(name, |array| Ok(array.shape.clone()))
    }

    /// Whether an array has this name and holds truth values.
    pub(super) fn is_bool(&mut self, name: &str) -> Result<bool, Error> {
        Ok(self.read(name, |array| Ok(array.is_bool()))? == Some(true))
    }

    fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Npy<&mut Entry<'_, 'a>>) -> Result<T, At>,
    ) -> Result<Option<T>, Error> {
        let entry = self.archive.open(name).map_err(|reason| Error::in_array(name, reason))?;
        let Some(mut entry) = entry else { return Ok(None) };
        let size = entry.size();
        let value = Npy::parse(&mut entry, size).map_err(|reason| (None, reason));
        value.and_then(|mut array| read(&mut array)).map(Some).map_err(|(index, reason)| {
            // The cause may be damage. Only the checksum tells, when the entry has been read.
            if let Err(error) = io::copy(&mut entry, &mut io::sink()) {
                return Error::in_array(name, entry_reason(error));
            }
            match index {
                Some(index) => Error::new(Place::Entry { array: name.to_owned(), index }, reason),
                None => Error::in_array(name, reason),
            }
        })
    }
}

/// Longest name in bytes: it has to fit a header of 2¹⁶ bytes.
const MOST_NAME: usize = 1 << 15;

const SCALAR: &str = "[], a single number";

/// The array, or an error if there is none.
pub(super) fn required<T>(name: &str, array: Option<T>) -> Result<T, Error> {
    array.ok_or_else(|| Error::in_array(name, Reason::missing("")))
}

/// Writes an archive. The same arrays always make the same bytes.
#[derive(Debug)]
pub struct ArrayWriter<W: Write> {
    archive: ZipWriter<StreamWriter<Output<W>>>,
    names: HashSet<String>,
}

impl<W: Write> ArrayWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { archive: ZipWriter::new_stream(Output { out, has_failed: false }), names: HashSet::new() }
    }

    pub(super) fn numbers<F: Real, D: Dimension>(
        &mut self,
        name: &str,
        array: &ArrayRef<F, D>,
    ) -> Result<(), Error> {
        self.add(name, array.len(), |out| npy::write_numbers(out, array.shape(), array.iter().copied()))
    }

    /// Writes a table from its elements in row-major order.
    pub(super) fn table<F: Real>(&mut self, name: &str, shape: &[usize], entries: &[F]) -> Result<(), Error> {
        self.add(name, entries.len(), |out| npy::write_numbers(out, shape, entries.iter().copied()))
    }

    pub(super) fn number<F: Real>(&mut self, name: &str, number: F) -> Result<(), Error> {
        self.table(name, &[], &[number])
    }

    pub(super) fn indices(&mut self, name: &str, shape: &[usize], indices: &[usize]) -> Result<(), Error> {
        self.add(name, indices.len(), |out| npy::write_indices(out, shape, indices.iter().copied()))
    }

    pub(super) fn flags<D: Dimension>(&mut self, name: &str, array: &ArrayRef<bool, D>) -> Result<(), Error> {
        self.add(name, array.len(), |out| npy::write_flags(out, array.shape(), array.iter().copied()))
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) -> Result<(), Error> {
        self.flags(name, &aview0(&flag))
    }

    pub(super) fn inference(&mut self, inference: Inference) -> Result<(), Error> {
        let number = match inference {
            Inference::Direct => 0,
            Inference::Variational => 1,
        };
        self.indices("inference", &[], &[number])
    }

    pub(super) fn finish(self) -> Result<W, Error> {
        let out = self.archive.finish().map_err(io::Error::from).map(StreamWriter::into_inner);
        let flushed = out.and_then(|mut output| output.flush().map(|()| output.out));
        flushed.map_err(|error| Error::new(Place::File, error))
    }

    /// Adds an array of `len` elements. `write` writes the file in `.npy` format.
    fn add(
        &mut self,
        name: &str,
        len: usize,
        write: impl FnOnce(&mut BufWriter<&mut ZipWriter<StreamWriter<Output<W>>>>) -> io::Result<()>,
    ) -> Result<(), Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(Error::in_array(name, Reason::Repeated { what: "the array" }));
        }
        if name.len() > MOST_NAME {
            return Err(Error::in_array(name, Reason::NotStorable { what: "a name of this length" }));
        }
        // Rows of a sparse model shrink to a quarter. The best compression takes seven times as
        // long and saves another twentieth. Sizes of 2³² bytes have to be announced in advance.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .last_modified_time(DateTime::default())
            .large_file(len > 1 << 28);
        let start = self.archive.start_file(file_name(name), options).map_err(io::Error::from);
        start
            .and_then(|()| {
                let mut out = BufWriter::new(&mut self.archive);
                write(&mut out)?;
                out.flush()
            })
            .map_err(|error| Error::in_array(name, error))
    }
}

/// A writer that ignores everything after its first error. `zip` completes the archive when it is
/// dropped, and would report the same error once more on the standard error stream.
#[derive(Debug)]
struct Output<W> {
    out: W,
    has_failed: bool,
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.has_failed = written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
