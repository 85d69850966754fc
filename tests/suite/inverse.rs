//! Rewards, temperature and goals from behaviour.

mod bus;
mod composition;
mod formula;
mod goals;
mod invariants;
mod observer;
mod values;
