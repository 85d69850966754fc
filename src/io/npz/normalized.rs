//! Models whose rows are rescaled on reading.

use std::io::Cursor;
use std::path::Path;

use super::arrays::Arrays;
use super::{ModelFile, read_arrays, read_file};
use crate::Real;
use crate::io::Error;

impl<F: Real> ModelFile<F> {
    /// Reads a file as [`read_npz`](super::Npz::read_npz) does, but rescales rows of the dynamics
    /// whose sum is within `distance` of 1, and p₀ likewise.
    ///
    /// [`MdpBuilder::normalize_rows`](crate::MdpBuilder::normalize_rows) defines the rescaling, and
    /// lists distances for tables of several origins. [`rescaled_rows`](Self::rescaled_rows) and
    /// [`rescaled_initial`](Self::rescaled_initial) tell what was rescaled.
    ///
    /// # Errors
    ///
    /// Those of `read_npz`; [`Error::InvalidSetting`](crate::Error::InvalidSetting) for a distance
    /// outside [0, 1).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::{ModelFile, Npz};
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// // Probabilities of 1/3 in single precision, read in double precision.
    /// let third = 1.0_f32 / 3.0;
    /// let door = array![[[third, third, third]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    /// let path = std::env::temp_dir().join(format!("door-{}.npz", std::process::id()));
    /// ModelFile::new(Mdp::new(door, array![[1.0], [0.0], [0.0]])?).write_npz(&path)?;
    ///
    /// let file = ModelFile::<f64>::read_npz_normalized(&path, 1e-6)?;
    /// assert_eq!(file.rescaled_rows().count(), 1);
    /// assert!(file.rescaled_rows().largest_distance() < 1e-7);
    /// std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_npz_normalized(path: impl AsRef<Path>, distance: f64) -> Result<Self, Error> {
        read_file(path.as_ref(), |arrays| Self::decode_model(arrays, Some(distance)))
    }

    /// Reads the bytes of a file as [`read_npz_normalized`](Self::read_npz_normalized) does.
    ///
    /// # Errors
    ///
    /// Those of `read_npz_normalized`, without the name of a file.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::{ModelFile, Npz};
    /// use softmdp::{Mdp, ndarray::array};
    ///
    /// let third = 1.0_f32 / 3.0; // three of them sum to 1 + 3e-8
    /// let dice = array![[[third, third, third]], [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]];
    /// let bytes = ModelFile::new(Mdp::new(dice, array![[1.0], [0.0], [0.0]])?).to_npz()?;
    ///
    /// assert!(ModelFile::<f64>::from_npz(&bytes).is_err()); // doubles are checked to 1e-8
    /// let file = ModelFile::<f64>::from_npz_normalized(&bytes, 1e-6)?;
    /// assert_eq!(file.rescaled_rows().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_npz_normalized(bytes: &[u8], distance: f64) -> Result<Self, Error> {
        let arrays = Arrays::new(Cursor::new(bytes))?;
        read_arrays(arrays, |arrays| Self::decode_model(arrays, Some(distance)))
    }
}
