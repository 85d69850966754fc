//! Checks of tables before they are drawn.

use std::ops::RangeInclusive;

use ndarray::{ArrayRef, Dimension};

use crate::{Error, Real, Table, arrays};

/// A probability, with the rounding errors of single precision.
pub(super) const PROBABILITY: RangeInclusive<f64> = 0.0..=1.0 + 1e-3;
/// A value in reward units, or −∞.
pub(super) const VALUE: RangeInclusive<f64> = f64::NEG_INFINITY..=f64::MAX;
pub(super) const FREQUENCY: RangeInclusive<f64> = 0.0..=f64::MAX;
pub(super) const FINITE: RangeInclusive<f64> = -f64::MAX..=f64::MAX;

/// The numbers of a table in double precision, in row-major order.
///
/// [`Error::ShapeMismatch`] for another shape, [`Error::InvalidEntry`] for the first invalid
/// number.
pub(super) fn numbers<F: Real, D: Dimension>(
    table: Table,
    array: &ArrayRef<F, D>,
    shape: &[usize],
    valid: RangeInclusive<f64>,
) -> Result<Vec<f64>, Error> {
    arrays::check_shape(table, array.shape(), shape)?;
    arrays::check_entries(table, array, |number| valid.contains(&number.into_f64()))?;
    Ok(array.iter().map(|&number| number.into_f64()).collect())
}
