//! Rewards, temperature and goals from behaviour.

mod bus;
mod composition;
mod formula;
mod goals;
mod expected_scores;
mod observer;
mod values;
