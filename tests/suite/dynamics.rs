//! Sparse dynamics: ragged ones, and conversions to matrices of other crates.

mod ragged;
mod sprs;
