//! Serde for learners: every field is stored, and everything that is read is checked.
//!
//! The derived implementations are inherent functions (`remote = "Self"`), which the trait
//! implementations call.

use crate::{Error, Real, Table, arrays};

/// Implements the serde traits for a type over a number type, and over a horizon if there is one. A
/// method `check` checks what was read.
///
/// Fields that follow from others need not be stored: `$restore` then checks and computes them.
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

        /// Everything that is read is checked; invalid data is refused with the message of the
        /// error.
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

/// Checks the length of a table and its entries: none is NaN or +∞, and −∞ only if `may_be_dead`.
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
