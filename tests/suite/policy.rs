//! Stationary policies. `enumeration.rs` and `identities/policies.rs` test policies of a finite
//! horizon.

pub(crate) mod stationary;
