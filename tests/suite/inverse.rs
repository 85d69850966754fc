//! Rewards, temperature and goals from behaviour.

#![allow(clippy::unreadable_literal, reason = "digits are those that the independent program printed")]
#![allow(clippy::float_cmp, reason = "what must be the same to the bit is compared so")]

mod bus;
mod composition;
mod enumeration;
mod expansion;
mod expected_scores;
mod fit;
mod formula;
mod goals;
mod gradients;
mod invariants;
mod maxima;
mod mixed;
mod observer;
mod random_invariants;
mod refused;
mod saved;
mod simulation;
mod threads;
mod values;
mod worlds;
