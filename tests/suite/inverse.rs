//! Rewards, temperature and goals from behaviour.

mod bus;
mod composition;
mod enumeration;
mod expansion;
mod expected_scores;
mod fit;
mod formula;
mod goals;
mod gradients;
mod invariants;
mod maxima;
mod mixed;
mod observer;
mod refused;
mod saved;
mod simulation;
mod threads;
mod values;
mod worlds;
