//! Numerical kernels: exponentials, logarithms, sums and products of slices and single rows.
//!
//! Nothing here knows of models. All kernels treat −∞, the logarithm of an impossible event, as a
//! number like any other, and take the maximum out before they exponentiate.
//!
//! | files | contents |
//! |---|---|
//! | `real` | the number types `f32` and `f64`, and their constants |
//! | `cast` | conversion between the number types |
//! | `transcendental`, `double`, `single` | exp and log without branches, in vector arithmetic |
//! | `compiled` | large loops that are compiled with this crate instead of its callers |
//! | `compensated` | sums of plain numbers, exact to rounding |
//! | `dot`, `products` | products of dense rows with one column, and with several |
//! | `dot_sparse` | products of sparse rows with one column |
//! | `log_sum_exp`, `log_memo` | log Σ exp, differences and sums near the end of the number type |
//! | `log_block`, `log_expectation`, `row_batch` | τ log Σ P exp(v/τ), fast and for any input |
//! | `soft_maximum`, `soft_maxima` | V and π of one state, and of many |
//! | `block_backup` | Q, V and π of a block of states, from expectations |
//! | `small_backup`, `small_messages` | Q, V and π of a whole small model |
//! | `tables` | what these take and return |
//! | `softmax` | probabilities of log-weights that are asked for one by one |
//! | `sampling` | draws from distributions |

pub(crate) mod block_backup;
mod cast;
mod compensated;
mod compiled;
mod dot;
mod dot_sparse;
mod double;
mod log_block;
mod log_expectation;
mod log_memo;
mod log_sum_exp;
mod numbers;
mod products;
mod real;
mod row_batch;
#[cfg(feature = "rand")]
mod sampling;
mod single;
pub(crate) mod small_backup;
pub(crate) mod small_messages;
mod soft_maxima;
mod soft_maximum;
mod softmax;
pub(crate) mod tables;
mod transcendental;

pub(crate) use cast::{cast_positive, cast_reward};
pub(crate) use compensated::CompensatedSum;
pub(crate) use dot::{add_scaled, add_scaled_rows, dot_rows, guarded_dot_rows, sum};
pub(crate) use dot_sparse::dot_sparse_rows;
pub use log_block::LogBlock;
pub(crate) use log_block::extremes;
pub(crate) use log_expectation::{is_safe, least_lifted, least_lowered, lifted_log, row_log_expectation};
pub(crate) use log_memo::LogMemo;
pub use log_sum_exp::log_sum_exp;
pub(crate) use log_sum_exp::{gap, log_add_exp, offset};
pub use numbers::{Numbers, NumbersMut};
pub(crate) use products::{MANY, guarded_multiply, multiply};
pub use real::Real;
pub(crate) use row_batch::RowBatch;
#[cfg(feature = "rand")]
pub(crate) use sampling::{Draw, draw};
pub(crate) use soft_maxima::{CHUNK, FEW};
pub(crate) use soft_maximum::{normalized_prior, soft_maximum, softmax};
pub(crate) use softmax::Softmax;
pub(crate) use tables::{SoftRow, SoftRows};
pub(crate) use transcendental::Aligned;
#[cfg(feature = "simd")]
pub(crate) use transcendental::Inlined;
pub(crate) use transcendental::{exp_all, for_each_lane, ln_all, num_lanes, vectorised};
