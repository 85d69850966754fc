//! Arrays of an archive by name, each error with its place.

use std::collections::HashSet;
use std::io::Write;

use ndarray::{Array, ArrayRef, Dimension};

use super::npy::{self, At, Npy};
use super::zip::Archive;
use super::zip_writer::ArchiveWriter;
use crate::io::{Error, Place, Reason};
use crate::{Inference, Real};

/// What a value looks like as arrays.
pub trait Codec: Sized {
    /// Reads a value from its arrays.
    fn decode(arrays: &Arrays<'_>) -> Result<Self, Error>;

    /// Writes the arrays of a value.
    fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error>;
}

/// The arrays of an archive.
#[derive(Debug)]
pub struct Arrays<'a> {
    archive: Archive<'a>,
}

impl<'a> Arrays<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { archive: Archive::new(bytes)? })
    }

    /// Numbers, if there is an array of this name. `axes` is the shape they should have, for messages.
    pub(super) fn numbers<F: Real, D: Dimension>(
        &self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<F, D>>, Error> {
        self.read(name, |array| array.numbers(axes))
    }

    pub(super) fn indices<D: Dimension>(
        &self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<usize, D>>, Error> {
        self.read(name, |array| array.indices(axes))
    }

    pub(super) fn flags<D: Dimension>(
        &self,
        name: &str,
        axes: &str,
    ) -> Result<Option<Array<bool, D>>, Error> {
        self.read(name, |array| array.flags(axes))
    }

    pub(super) fn number<F: Real>(&self, name: &str) -> Result<Option<F>, Error> {
        Ok(self.numbers(name, SCALAR)?.map(Array::into_scalar))
    }

    pub(super) fn index(&self, name: &str) -> Result<Option<usize>, Error> {
        Ok(self.indices(name, SCALAR)?.map(Array::into_scalar))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.flags(name, SCALAR)?.map(Array::into_scalar))
    }

    /// `inference`, 0 for direct and 1 for variational.
    pub(super) fn inference(&self) -> Result<Inference, Error> {
        match required("inference", self.index("inference")?)? {
            0 => Ok(Inference::Direct),
            1 => Ok(Inference::Variational),
            other => {
                let (value, expected) = (other as f64, "0 (direct) or 1 (variational)");
                Err(in_array("inference", Reason::Value { value, expected }))
            }
        }
    }

    /// Names of the arrays.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.archive.names().map(|name| name.strip_suffix(".npy").unwrap_or(name))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.has(&format!("{name}.npy"))
    }

    /// Shape, if there is an array of this name.
    pub(super) fn shape(&self, name: &str) -> Result<Option<Vec<usize>>, Error> {
        self.read(name, |array| Ok(array.shape.clone()))
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Npy<'_>) -> Result<T, At>) -> Result<Option<T>, Error> {
        let bytes = self.archive.read(&format!("{name}.npy")).map_err(|reason| in_array(name, reason))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let array = Npy::parse(&bytes).map_err(|reason| in_array(name, reason))?;
        let value = read(&array).map_err(|(index, reason)| match index {
            Some(index) => Error::new(Place::Entry { array: name.to_owned(), index }, reason),
            None => in_array(name, reason),
        })?;
        Ok(Some(value))
    }
}

/// Lengths that fit the 16-bit fields of an archive, `.npy` included.
const MOST_NAME: usize = 1 << 15;
const MOST_ARRAYS: usize = 1 << 15;

const SCALAR: &str = "[], a single number";

/// An array that has to be there.
pub(super) fn required<T>(name: &str, array: Option<T>) -> Result<T, Error> {
    array.ok_or_else(|| in_array(name, Reason::Missing { hint: "" }))
}

pub(super) fn in_array(name: &str, reason: impl Into<Reason>) -> Error {
    Error::new(Place::Array(name.to_owned()), reason)
}

/// An archive in the making.
#[derive(Debug)]
pub struct ArrayWriter<W> {
    archive: ArchiveWriter<W>,
    names: HashSet<String>,
}

impl<W: Write> ArrayWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { archive: ArchiveWriter::new(out), names: HashSet::new() }
    }

    pub(super) fn numbers<F: Real, D: Dimension>(
        &mut self,
        name: &str,
        array: &ArrayRef<F, D>,
    ) -> Result<(), Error> {
        self.add(name, &npy::write_numbers(array.shape(), array.iter().copied()))
    }

    /// A table as its entries in row-major order.
    pub(super) fn table<F: Real>(&mut self, name: &str, shape: &[usize], entries: &[F]) -> Result<(), Error> {
        self.add(name, &npy::write_numbers(shape, entries.iter().copied()))
    }

    pub(super) fn number<F: Real>(&mut self, name: &str, number: F) -> Result<(), Error> {
        self.add(name, &npy::write_numbers(&[], std::iter::once(number)))
    }

    pub(super) fn indices(&mut self, name: &str, shape: &[usize], indices: &[usize]) -> Result<(), Error> {
        self.add(name, &npy::write_indices(shape, indices.iter().copied()))
    }

    pub(super) fn flags<D: Dimension>(&mut self, name: &str, array: &ArrayRef<bool, D>) -> Result<(), Error> {
        self.add(name, &npy::write_flags(array.shape(), array.iter().copied()))
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) -> Result<(), Error> {
        self.add(name, &npy::write_flags(&[], std::iter::once(flag)))
    }

    pub(super) fn inference(&mut self, inference: Inference) -> Result<(), Error> {
        let number = match inference {
            Inference::Direct => 0,
            Inference::Variational => 1,
        };
        self.indices("inference", &[], &[number])
    }

    pub(super) fn finish(self) -> Result<W, Error> {
        self.archive.finish().map_err(|error| Error::new(Place::File, error))
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(in_array(name, Reason::Repeated { what: "the array" }));
        }
        if name.len() > MOST_NAME || self.names.len() > MOST_ARRAYS {
            return Err(in_array(name, Reason::NotStorable { what: "so many arrays, or so long a name" }));
        }
        self.archive.add(&format!("{name}.npy"), bytes).map_err(|error| in_array(name, error))
    }
}
