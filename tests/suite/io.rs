//! Models and results in files.

mod explicit;
mod npz;
