//! Initial distributions.

use ndarray::ArrayRef1;

use super::checks::is_normalized;
use crate::{Error, Real, Table, arrays};

/// Checks that p₀ is a distribution over the states of a model.
///
/// Every function that takes an initial distribution makes this check. The entries are never
/// rescaled.
///
/// # Shapes
///
/// `initial` p₀, `[s]`.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] unless there are `num_states` entries, [`Error::InvalidInitial`] for
/// one that is negative, NaN or infinite, [`Error::UnnormalizedInitial`] unless they sum to 1
/// within [`Real::ROW_SUM_TOLERANCE`].
///
/// # Example
///
/// ```
/// use softmdp::{Error, check_initial, ndarray::array};
///
/// check_initial(&array![0.25, 0.75], 2)?;
/// assert!(matches!(check_initial(&array![0.5, 0.75], 2), Err(Error::UnnormalizedInitial { .. })));
/// # Ok::<(), Error>(())
/// ```
pub fn check_initial<F: Real>(initial: &ArrayRef1<F>, num_states: usize) -> Result<(), Error> {
    arrays::check_shape(Table::Initial, initial.shape(), &[num_states])?;
    let mut sum = 0.0;
    for (state, &p) in initial.iter().enumerate() {
        if !(p >= F::zero() && p < F::infinity()) {
            return Err(Error::InvalidInitial { state, value: p.into_f64() });
        }
        sum += p.into_f64();
    }
    if is_normalized::<F>(sum) {
        return Ok(());
    }
    Err(Error::UnnormalizedInitial { sum, tolerance: F::ROW_SUM_TOLERANCE })
}

/// Σ p₀ V with 0 · (−∞) = 0, or [`Error::TotalOverflow`] if finite terms leave the number type.
pub(crate) fn initial_expectation<F: Real>(
    initial: &ArrayRef1<F>,
    values: &ArrayRef1<F>,
) -> Result<F, Error> {
    let mut total = F::zero();
    for (&p, &value) in initial.iter().zip(values).filter(|(p, _)| **p > F::zero()) {
        if value == F::neg_infinity() {
            return Ok(value);
        }
        total += p * value;
    }
    if total.is_finite() { Ok(total) } else { Err(Error::TotalOverflow { table: Table::StateValues }) }
}
