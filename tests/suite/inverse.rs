//! Rewards, temperature and goals from behaviour.

mod bus;
mod enumeration;
mod formula;
mod gradients;
mod invariants;
mod values;
mod worlds;
