//! Conversions between sparse dynamics and matrices of other crates.

mod sprs;
