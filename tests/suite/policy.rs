//! Policies that hold for all time. Policies of a finite horizon are in `identities/policies.rs` and `enumeration.rs`.

pub(crate) mod stationary;
