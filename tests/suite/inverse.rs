//! Rewards, temperature and goals from behaviour.

mod bus;
mod enumeration;
mod fit;
mod formula;
mod gradients;
mod invariants;
mod refused;
mod values;
mod worlds;
