//! What is no contraction: γ = 1, and direct inference at any discount.

pub(super) mod certificate;
pub(super) mod first_exit;
pub(super) mod growing;
mod traps;
