//! Several processes that hold the states of one model, as a team of threads.

mod faults;
mod kinds;
mod same;
