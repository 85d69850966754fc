//! Finite horizons: batches of models, and streams of stages.

mod batch;
mod stream;
