//! The only place that exponentiates and takes logarithms of messages.
//!
//! Everything here works on slices and single rows, knows nothing of models, and keeps two promises: −∞ is a
//! number like any other, and no exponential is taken before its maximum is out.

mod compiled;
mod dot;
mod double;
mod log_block;
mod log_expectation;
mod log_memo;
mod log_sum_exp;
mod products;
mod real;
mod row_batch;
#[cfg(feature = "rand")]
mod sampling;
mod single;
mod soft_maxima;
mod soft_maximum;
mod softmax;
mod transcendental;

pub(crate) use dot::{add_scaled, dot_rows, guarded_dot_rows, sum};
pub use log_block::LogBlock;
pub(crate) use log_expectation::{is_safe, lifted_log, row_log_expectation};
pub(crate) use log_memo::LogMemo;
pub use log_sum_exp::log_sum_exp;
pub(crate) use log_sum_exp::{gap, log_add_exp, offset};
pub(crate) use products::{MANY, guarded_multiply, multiply};
pub use real::Real;
pub(crate) use row_batch::RowBatch;
#[cfg(feature = "rand")]
pub(crate) use sampling::{Draw, draw};
pub(crate) use soft_maxima::{CHUNK, FEW, SoftRows, most_value, most_weight, soft_maxima};
pub(crate) use soft_maximum::{SoftRow, normalized_prior, soft_maximum};
pub(crate) use softmax::{Softmax, softmax};
pub(crate) use transcendental::Aligned;
#[cfg(feature = "simd")]
pub(crate) use transcendental::Inlined;
pub(crate) use transcendental::{exp_all, for_each_lane, ln_all, num_lanes, vectorised};
