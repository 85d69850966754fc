//! Models: behind pointers, in wrappers, watched, and with rewards on the successor.

mod models;
mod rounded_rows;
mod successor_rewards;
