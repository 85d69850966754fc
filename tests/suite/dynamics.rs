//! Dynamics: maps that agree with the successors, ragged rows, and conversions to matrices of other
//! crates.

mod agreement;
mod ragged;
mod sprs;
