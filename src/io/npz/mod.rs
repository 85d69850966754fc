//! Models and results as `.npz` archives, which numpy reads and writes.
//!
//! The crate `zip` reads and writes archives; `npy` reads and writes the arrays in them.

mod archive;
mod arrays;
mod changes;
mod compressed;
mod dynamics;
mod model;
mod normalized;
mod npy;
mod place;
mod results;
mod rewards;
mod stationary;
mod stored;
mod transitions;
mod writer;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use super::{Error, Place};
use crate::{
    AverageReward, ForwardMessages, LongRunGrowth, Policy, Posterior, Real, Solution, SparseDynamics,
    StateValues, StationaryPolicy, StationarySolution,
};
use arrays::{ArrayWriter, Arrays, Codec};

pub use stored::{ModelFile, StoredModel};
pub use writer::NpzWriter;

/// A value that can be stored as an `.npz` archive: a model or a result.
///
/// The documentation of the [module](super) lists the arrays of each type. Writing and reading a
/// value returns the same bits. A reader ignores arrays that do not belong to the type. For
/// example, it reads a [`Solution`](crate::Solution) from the archive of a
/// [`Posterior`](crate::Posterior).
///
/// The trait is sealed.
///
/// # Example
///
/// ```
/// use softmdp::io::Npz;
/// use softmdp::{Mdp, Solution, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.0, 1.0]]], array![[1.0], [f64::NEG_INFINITY]])?;
/// let solution = soft_value_iteration(&mdp, 3)?;
///
/// let path = std::env::temp_dir().join(format!("softmdp-doc-{}.npz", std::process::id()));
/// solution.write_npz(&path)?; // in Python: np.load(path)["state_values"]
/// assert_eq!(Solution::read_npz(&path)?, solution);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Npz: Codec {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Reason::Io`](super::Reason::Io) if the file cannot be read, and
    /// [`Reason::Model`](super::Reason::Model) if its tables are not a valid model or result. Other
    /// reasons are an archive or an array that is damaged or not supported, a missing array, and
    /// elements of the wrong type or shape. The error names the file and the array.
    ///
    /// # Complexity
    ///
    /// Arrays are read one at a time. Memory: at most three times that of the returned value, and
    /// some 190 bytes for each entry of the archive.
    fn read_npz(path: impl AsRef<Path>) -> Result<Self, Error> {
        read_file(path.as_ref(), Self::decode)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// Those of [`read_npz`](Self::read_npz), without the name of a file.
    fn from_npz(bytes: &[u8]) -> Result<Self, Error> {
        read_arrays(Arrays::new(Cursor::new(bytes))?, Self::decode)
    }

    /// Writes a file. This overwrites an existing file, even if writing fails.
    ///
    /// # Errors
    ///
    /// [`Reason::Io`](super::Reason::Io), and [`Reason::NotStorable`](super::Reason::NotStorable)
    /// for a model that the format cannot hold.
    fn write_npz(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut writer = NpzWriter::create(path)?;
        writer.add(self)?;
        writer.finish()
    }

    /// Returns the bytes of a file. The same value always makes the same bytes.
    ///
    /// # Errors
    ///
    /// [`Reason::NotStorable`](super::Reason::NotStorable) for a model that the format cannot hold.
    fn to_npz(&self) -> Result<Vec<u8>, Error> {
        let mut writer = ArrayWriter::new(Vec::new());
        self.encode(&mut writer)?;
        writer.finish()
    }
}

/// Opens a file and decodes its arrays. Errors name the file.
fn read_file<T>(path: &Path, decode: impl FnOnce(&mut Arrays<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let file = File::open(path).map_err(|error| Error::new(Place::File, error));
    let arrays = file.and_then(|file| Arrays::new(BufReader::new(file)));
    arrays.and_then(|arrays| read_arrays(arrays, decode)).map_err(|error| error.in_file(path))
}

/// Decodes the arrays. The error for a missing array lists the arrays that are there.
fn read_arrays<T>(
    mut arrays: Arrays<'_>,
    decode: impl FnOnce(&mut Arrays<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    decode(&mut arrays).map_err(|error| error.listing(arrays.names()))
}

impl<F: Real> Npz for ModelFile<F> {}
impl<F: Real> Npz for Solution<F> {}
impl<F: Real> Npz for StateValues<F> {}
impl<F: Real> Npz for Policy<F> {}
impl<F: Real> Npz for ForwardMessages<F> {}
impl<F: Real> Npz for Posterior<F> {}
impl<F: Real> Npz for StationarySolution<F> {}
impl<F: Real> Npz for StationaryPolicy<F> {}
impl<F: Real> Npz for LongRunGrowth<F> {}
impl<F: Real> Npz for AverageReward<F> {}
impl<F: Real> Npz for SparseDynamics<F> {}
