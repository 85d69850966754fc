//! The integration tests, as one program: generic code is then compiled once for all of them, which takes a fraction of
//! the time that a program for each file would.
//!
//! Modules are named after the folders of `src`. Beside them stand `enumeration`, `identities`, `precision`, `adversarial`
//! and `errors`, which ask one question of the whole crate, and `common` and `worlds`, which make the models.
//!
//! Tests of one module: `cargo test --test suite backward::`. Only `tests/allocation.rs` stands alone, since it counts
//! what its program allocates.

mod adversarial;
mod backward;
mod common;
mod dynamics;
mod enumeration;
mod errors;
mod forward;
mod gridworld;
mod identities;
mod io;
mod learning;
mod mdp;
mod parallel;
mod plot;
mod policy;
mod precision;
mod serde;
mod stationary;
mod trajectory;
mod worlds;
