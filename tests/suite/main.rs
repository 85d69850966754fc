//! The integration tests, as one program: generic code is then compiled once for all of them, which takes a fraction of
//! the time that a program for each file would.
//!
//! Tests of one file: `cargo test --test suite enumeration::`. Only `tests/allocation.rs` stands alone, since it counts
//! what its program allocates.

mod adversarial;
mod backup;
mod batch;
mod common;
mod enumeration;
mod errors;
mod explicit;
mod files;
mod gridworld;
mod growth;
mod identities;
mod learning;
mod plot;
mod precision;
mod sampling;
mod serde;
mod sprs;
mod stationary;
mod stationary_policy;
mod stationary_worlds;
mod streams;
mod successor_rewards;
mod threads;
mod trajectories;
mod wide_messages;
mod worlds;
