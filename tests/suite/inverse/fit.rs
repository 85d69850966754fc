//! Fits of linear rewards.

mod bus;
mod errors;
mod estimates;
mod extremes;
mod identification;
mod invariance;
mod inversion;
mod policy_iterations;
mod settings;
mod standard_errors;
mod unbounded;
mod unseen;
