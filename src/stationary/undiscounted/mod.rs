//! Problems in which B is not known to be a contraction: γ = 1, and direct inference at any
//! discount.

pub(super) mod best_steps;
pub(super) mod certificate;
mod duration;
pub(super) mod exits;
pub(super) mod first_exit;
pub(super) mod growing;
pub(super) mod improbable;
mod longest_paths;
pub(super) mod proper;
pub(super) mod quotient;
mod traps;
