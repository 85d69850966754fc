//! Problems in which B is not known to be a contraction: γ = 1, and direct inference at any
//! discount.

pub(super) mod certificate;
pub(super) mod first_exit;
pub(super) mod growing;
pub(super) mod improbable;
mod traps;
