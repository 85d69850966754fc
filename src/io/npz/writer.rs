//! Archives of several results and of further tables.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use ndarray::{ArrayRef, Dimension};

use super::Npz;
use super::arrays::ArrayWriter;
use crate::Real;
use crate::io::{Error, Place};

/// Writes several models, results and tables of your own to one `.npz` archive.
///
/// The file is complete when [`finish`](Self::finish) has returned. If the writer is dropped
/// earlier, the file holds the arrays added so far.
///
/// # Example
///
/// ```
/// use softmdp::io::{Npz, NpzWriter};
/// use softmdp::{Mdp, Solution, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.0, 1.0]]], array![[1.0], [0.0]])?;
/// let solution = soft_value_iteration(&mdp, 3)?;
/// let occupancy = solution.policy().state_occupancy(&mdp, &array![1.0, 0.0])?;
///
/// let path = std::env::temp_dir().join(format!("softmdp-writer-{}.npz", std::process::id()));
/// let mut writer = NpzWriter::create(&path)?;
/// writer.add(&solution)?;
/// writer.add_array("state_occupancy", &occupancy)?;
/// writer.finish()?;
/// assert_eq!(Solution::read_npz(&path)?, solution); // other arrays are ignored
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NpzWriter {
    path: PathBuf,
    arrays: ArrayWriter<BufWriter<File>>,
}

impl NpzWriter {
    /// Creates a file, and overwrites an existing one.
    ///
    /// # Errors
    ///
    /// [`Reason::Io`](crate::io::Reason::Io).
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        match File::create(&path) {
            Ok(file) => Ok(Self { path, arrays: ArrayWriter::new(BufWriter::new(file)) }),
            Err(error) => Err(Error::new(Place::File, error).in_file(&path)),
        }
    }

    /// Adds the arrays of a model or result.
    ///
    /// # Errors
    ///
    /// [`Reason::Repeated`](crate::io::Reason::Repeated) if the file has an array of the same name,
    /// [`Reason::NotStorable`](crate::io::Reason::NotStorable),
    /// [`Reason::Io`](crate::io::Reason::Io).
    pub fn add(&mut self, value: &impl Npz) -> Result<(), Error> {
        value.encode(&mut self.arrays).map_err(|error| error.in_file(&self.path))
    }

    /// Adds a table of your own.
    ///
    /// # Errors
    ///
    /// [`Reason::Repeated`](crate::io::Reason::Repeated) if the file has an array of the same name,
    /// [`Reason::NotStorable`](crate::io::Reason::NotStorable) for a name of more than 2¹⁵ bytes,
    /// [`Reason::Io`](crate::io::Reason::Io).
    pub fn add_array<F: Real, D: Dimension>(
        &mut self,
        name: &str,
        array: &ArrayRef<F, D>,
    ) -> Result<(), Error> {
        self.arrays.numbers(name, array).map_err(|error| error.in_file(&self.path))
    }

    /// Completes the file.
    ///
    /// # Errors
    ///
    /// [`Reason::Io`](crate::io::Reason::Io).
    pub fn finish(self) -> Result<(), Error> {
        self.arrays.finish().map(drop).map_err(|error| error.in_file(&self.path))
    }
}
