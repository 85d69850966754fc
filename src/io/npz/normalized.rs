//! Models whose rows are rescaled on reading.

use std::io::Cursor;
use std::path::Path;

use super::arrays::Arrays;
use super::{ModelFile, read_file};
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
    /// // A row that does not sum to 1 passes in the state 1, because this state is terminal.
    /// let table = array![[[0.5, 0.5]], [[0.333333, 0.666666]]];
    /// let mdp = Mdp::builder(table, array![[0.0], [0.0]]).terminal_states([1]).build()?;
    /// let bytes = ModelFile::new(mdp).to_npz()?;
    /// assert_eq!(ModelFile::<f64>::from_npz_normalized(&bytes, 1e-5)?.rescaled_rows().count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_npz_normalized(bytes: &[u8], distance: f64) -> Result<Self, Error> {
        Self::decode_model(&mut Arrays::new(Cursor::new(bytes))?, Some(distance))
    }
}
