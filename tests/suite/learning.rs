//! Learners land on the planner's exact answers, and do what the textbook says on the way.

#![cfg(feature = "rand")]
#![allow(clippy::float_cmp, reason = "what must be the same to the bit is compared so")]

mod actors;
mod convergence;
mod direct;
mod episodes;
mod extremes;
mod gradients;
mod range;
mod refused;
#[cfg(feature = "serde")]
mod saved;
mod training;
mod transcriptions;
mod worlds;
