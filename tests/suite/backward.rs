//! Finite horizons: batches of models, streams of stages, and models that are solved again.

mod backup;
mod batch;
mod replanning;
mod small;
mod stream;
