//! Conversion of single numbers between the number types, with the losses that are errors.

use crate::{Error, Real, Table};

/// Rounds a probability, a weight or a temperature to `G`.
///
/// Returns [`Error::NotRepresentable`] if the number type has no number with as many digits: if the
/// result is infinite, or if it is below the smallest normal number and not exact.
#[allow(clippy::float_cmp, reason = "exact, or not")]
pub(crate) fn cast_positive<G: Real>(table: Table, index: &[usize], value: f64) -> Result<G, Error> {
    let rounded = G::from_f64(value);
    let has_all_digits = rounded >= G::min_positive_value() || rounded.into_f64() == value;
    check(has_all_digits && rounded.is_finite(), (table, index), value, rounded)
}

/// Rounds a reward or a value to `G`. −∞ stays −∞.
///
/// Returns [`Error::NotRepresentable`] if a finite number becomes infinite. A number may become 0,
/// because rewards add up, and only their differences matter.
pub(crate) fn cast_reward<G: Real>(table: Table, index: &[usize], value: f64) -> Result<G, Error> {
    let rounded = G::from_f64(value);
    check(rounded.is_finite() || value.is_infinite(), (table, index), value, rounded)
}

fn check<G: Real>(
    is_held: bool,
    (table, index): (Table, &[usize]),
    value: f64,
    rounded: G,
) -> Result<G, Error> {
    if is_held {
        return Ok(rounded);
    }
    let number_type = std::any::type_name::<G>();
    Err(Error::NotRepresentable {
        table,
        index: index.to_vec(),
        value,
        rounded: rounded.into_f64(),
        number_type,
    })
}
