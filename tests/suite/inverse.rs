//! Rewards, temperature and goals from behaviour.

mod bus;
mod enumeration;
mod expansion;
mod formula;
mod gradients;
mod invariants;
mod refused;
mod saved;
mod threads;
mod values;
mod worlds;
