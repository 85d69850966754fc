//! Models and results as `.npz` archives, which numpy reads and writes.
//!
//! The formats are read here, by `zip` and `npy`, with nothing but the compression from elsewhere: the crates there are
//! for arrays in archives take as much memory as a header asks for before they look at what follows it, and bind to
//! versions of an archive crate that are old or need a newer compiler than this crate.

mod archive;
mod arrays;
mod dynamics;
mod model;
mod npy;
mod place;
mod results;
mod stored;
mod writer;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use super::{Error, Place};
use crate::{ForwardMessages, Policy, Posterior, Real, Solution, StateValues};
use arrays::{ArrayWriter, Arrays, Codec};

pub use stored::{ModelFile, StoredModel};
pub use writer::NpzWriter;

/// What can be kept as an `.npz` archive: models and results. See the [module](super) for the arrays of each.
///
/// A value that is written and read again is the same to the bit. Other arrays in an archive are not looked at, so an
/// archive of a [`Posterior`](crate::Posterior) is one of its [`Solution`](crate::Solution) too.
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
    /// With the file and the array: [`Reason::Io`](super::Reason::Io), an archive or an array that is damaged or of a
    /// kind that is not read, a missing array, elements of another type, another shape, or
    /// [`Reason::Model`](super::Reason::Model) for tables that are no such model or result.
    ///
    /// # Complexity
    ///
    /// Memory of the file, of its largest array expanded, and of what is returned.
    fn read_npz(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::new(Place::File, error));
        let arrays = file.and_then(|file| Arrays::new(BufReader::new(file)));
        arrays.and_then(|mut arrays| Self::decode(&mut arrays)).map_err(|error| error.in_file(path))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// Those of [`read_npz`](Self::read_npz), without the file.
    fn from_npz(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(&mut Arrays::new(Cursor::new(bytes))?)
    }

    /// Writes a file, over one that is there; that one is lost, also if writing fails.
    ///
    /// # Errors
    ///
    /// [`Reason::Io`](super::Reason::Io), and [`Reason::NotStorable`](super::Reason::NotStorable) for a model that the
    /// layout has no place for.
    fn write_npz(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut writer = NpzWriter::create(path)?;
        writer.add(self)?;
        writer.finish()
    }

    /// The bytes of a file. The same value always makes the same bytes.
    ///
    /// # Errors
    ///
    /// [`Reason::NotStorable`](super::Reason::NotStorable) for a model that the layout has no place for.
    fn to_npz(&self) -> Result<Vec<u8>, Error> {
        let mut writer = ArrayWriter::new(Vec::new());
        self.encode(&mut writer)?;
        writer.finish()
    }
}

impl<F: Real> Npz for ModelFile<F> {}
impl<F: Real> Npz for Solution<F> {}
impl<F: Real> Npz for StateValues<F> {}
impl<F: Real> Npz for Policy<F> {}
impl<F: Real> Npz for ForwardMessages<F> {}
impl<F: Real> Npz for Posterior<F> {}
