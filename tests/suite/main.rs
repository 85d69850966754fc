//! The integration tests, as one program, so that generic code is compiled once for all of them.
//! A program for each file would take several times as long.
//!
//! Most modules are named after a folder of `src` and test it. `enumeration`, `identities`,
//! `precision`, `adversarial` and `errors` each test one property of the whole crate. `common` and
//! `worlds` hold models and helpers.
//!
//! To run the tests of one module: `cargo test --test suite backward::`. Two programs stand alone:
//! `tests/allocation.rs` counts what its process allocates, and `tests/architecture.rs` reads the
//! sources of the crate as text.

mod adversarial;
mod backward;
mod cases;
mod common;
mod dynamics;
mod enumeration;
mod errors;
mod forward;
mod gridworld;
mod identities;
mod inverse;
mod io;
mod learning;
mod mdp;
mod parallel;
mod plot;
mod policy;
mod posterior;
mod precision;
mod search_index;
mod serde;
mod stationary;
mod team;
mod trajectory;
mod worlds;
