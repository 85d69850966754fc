//! Rewards, temperature and goals from behaviour.

mod bus;
mod composition;
mod expected_scores;
mod fit;
mod formula;
mod goals;
mod maxima;
mod observer;
mod simulation;
mod values;
