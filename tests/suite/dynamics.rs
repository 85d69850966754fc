//! Dynamics from other crates.

mod sprs;
