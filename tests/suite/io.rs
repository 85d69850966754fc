//! Models and results in files.

mod added_rewards;
mod chains;
mod explicit;
mod exports;
mod npz;
mod other_files;
mod ragged;
mod rounded_files;
