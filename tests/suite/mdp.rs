//! Models: behind pointers, in wrappers, watched, in both number types, and with rewards on the
//! successor.

mod models;
mod number_types;
mod outcomes;
mod rounded_rows;
mod successor_rewards;
