//! Finite horizons: several models in one pass, and stages that are shown one at a time.

mod batch;
mod stream;
