//! Finite horizons: batches of models, and streams of stages.

mod backup;
mod batch;
mod stream;
