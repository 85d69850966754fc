//! Models and dynamics for serde: each type as a struct of its parts.
//!
//! Writing borrows the tables. Reading passes the parts to the constructor that checks them, so
//! that every value that is read is valid. Tables are those of `ndarray`, in row-major order. Names
//! and order of the fields are part of the interface, since formats that do not describe themselves
//! rely on the order. Unknown fields are errors.
//!
//! Results derive their implementations where they are defined and are checked by the conversions
//! of [`parts`](crate::parts).

mod dynamics;
mod model;
