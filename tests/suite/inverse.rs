//! Rewards, temperature and goals from behaviour.

mod bus;
mod expansion;
mod formula;
mod values;
