//! Rewards, temperature and goals from behaviour.

#![allow(clippy::unreadable_literal, reason = "digits are those that the independent program printed")]
#![allow(clippy::float_cmp, reason = "what must be the same to the bit is compared so")]

mod bus;
mod composition;
mod formula;
mod goals;
mod observer;
mod values;
