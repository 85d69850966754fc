//! Are the models of the literature what they should be, and do solvers find their values?
//!
//! Values come from three sides: other programs (`tests/data/stationary`), publications, and slow
//! programs in `tests/suite/worlds/reference.rs`.

mod models;
mod solver;
