//! Models and results for serde: each type as a struct of its parts.
//!
//! Writing borrows the tables; reading hands them to the constructor that checks them, so that a value that was read holds
//! every promise of its type. Tables are those of `ndarray`, in row-major order. Names and order of the fields are part
//! of the interface: formats that do not describe themselves go by the order. A field of another name is refused.
//!
//! Types without a promise to keep (`ActionPrior`, `Inference`, …) derive their implementations where they are. That of
//! `Gridworld` is beside it.

mod dynamics;
mod model;
mod results;
mod stationary;
