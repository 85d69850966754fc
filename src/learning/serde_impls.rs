//! Learners for serde: every field, and whatever is read is checked as if it were made anew.
//!
//! The derived implementations are functions of the type itself (`remote = "Self"`), of which the traits' make use.

use crate::{Error, Real, Table, arrays};

/// The traits for a type over a number type, and a horizon if there is one, with a method `check` for what was read.
///
/// What follows from other fields need not be stored: then `restore` checks, and makes it again.
macro_rules! checked {
    ($type:ident<F $(, $horizon:ident)?>) => {
        crate::learning::serde_impls::checked!($type<F $(, $horizon)?>, |read: Self| read.check().map(|()| read));
    };
    ($type:ident<F $(, $horizon:ident)?>, $restore:expr) => {
        impl<F $(, $horizon)?> serde::Serialize for $type<F $(, $horizon)?>
        where
            F: serde::Serialize,
            $($horizon: serde::Serialize,)?
        {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        /// What is read is checked: what no learner holds is refused, with the message of [`Error`](crate::Error).
        impl<'de, F $(, $horizon)?> serde::Deserialize<'de> for $type<F $(, $horizon)?>
        where
            F: crate::Real + serde::Deserialize<'de>,
            $($horizon: crate::learning::Horizon + serde::Deserialize<'de>,)?
        {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let restore: fn(Self) -> Result<Self, crate::learning::Error> = $restore;
                restore(Self::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use checked;

/// Checks the length of a table.
pub(super) fn check_len<T>(table: Table, found: &[T], expected: usize) -> Result<(), Error> {
    arrays::check_shape(table, &[found.len()], &[expected])
}

/// Checks the length of a table, and that no entry is NaN or +∞, and none −∞ unless that `may` be.
pub(super) fn check_table<F: Real>(
    table: Table,
    found: &[F],
    expected: usize,
    may_be_dead: bool,
) -> Result<(), Error> {
    check_len(table, found, expected)?;
    let is_valid = |value: F| value.is_finite() || (may_be_dead && value == F::neg_infinity());
    arrays::check_entries(table, &ndarray::aview1(found), is_valid)
}
