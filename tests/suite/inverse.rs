//! Rewards, temperature and goals from behaviour.

mod bus;
mod formula;
mod values;
