//! Rescaling of rows whose sum differs from 1 by rounding.

use super::checks::check_entries;
use super::prior::PriorTables;
use crate::{Dynamics, Error, Real};

/// How many rows [`MdpBuilder::normalize_rows`](crate::MdpBuilder::normalize_rows) rescaled, and by
/// how much at most.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array};
///
/// // Printed with six digits: row (0, 0) sums to 0.999999.
/// let printed = array![[[0.333333, 0.666666]], [[0.0, 1.0]]];
/// let mdp = Mdp::builder(printed, array![[0.0], [0.0]]).normalize_rows(1e-5).build()?;
/// assert_eq!(mdp.rescaled_rows().count(), 1);
/// assert!((mdp.rescaled_rows().largest_distance() - 1e-6).abs() < 1e-15);
/// assert_eq!(mdp.dynamics().transitions().sum(), 2.0);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RescaledRows {
    count: usize,
    largest_distance: f64,
}

impl RescaledRows {
    /// Number of rows that were rescaled.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Largest distance from 1 of the sum of a rescaled row, as it was given; 0 if there is none.
    #[must_use]
    pub fn largest_distance(&self) -> f64 {
        self.largest_distance
    }

    pub(crate) fn add(&mut self, sum: f64) {
        self.count += 1;
        self.largest_distance = self.largest_distance.max((sum - 1.0).abs());
    }
}

/// Rescales every row that the model uses and whose sum is within `distance` of 1. Rows whose sum
/// is 1 to rounding keep their bits.
pub(super) fn normalize_used_rows<F, D>(
    prior: &PriorTables<F>,
    dynamics: &mut D,
    is_terminal: &[bool],
    distance: f64,
) -> Result<RescaledRows, Error>
where
    F: Real,
    D: Dynamics<Scalar = F>,
{
    let mut rescaled = RescaledRows::default();
    for (state, action) in prior.used_pairs(is_terminal) {
        let row = check_entries(dynamics, state, action)?;
        if row.is_rounded_one::<F>() {
            continue;
        }
        let sum = row.sum;
        if !((sum - 1.0).abs() <= distance) {
            return Err(Error::UnnormalizedTransition { state, action, sum, tolerance: distance });
        }
        if !dynamics.divide_row(state, action, sum) {
            return Err(Error::CannotRescale { state, action, sum });
        }
        rescaled.add(sum);
    }
    Ok(rescaled)
}
