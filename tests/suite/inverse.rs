//! Rewards, temperature and goals from behaviour.

mod composition;
mod goals;
mod observer;
