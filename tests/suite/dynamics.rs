//! Dynamics: ragged ones, maps that agree with the successors, and conversions to matrices of other
//! crates.

mod agreement;
mod ragged;
mod sprs;
