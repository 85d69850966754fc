//! Exact tabular soft value iteration and control as inference for finite Markov decision processes.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare with values that are exact: ±∞, small integers, results that must agree to the bit.
#![cfg_attr(test, allow(clippy::float_cmp))]

pub use ndarray;

pub use dynamics::{DenseDynamics, DeterministicDynamics, Dynamics, IntoDynamics, SparseDynamics};
pub use error::{Error, Table};
pub use inference::Inference;
pub use kernels::{LogBlock, log_sum_exp};
pub use mdp::{ActionPrior, Mdp, MdpBuilder, Model, Stage};
pub use real::Real;

mod dynamics;
mod error;
mod inference;
mod kernels;
mod mdp;
mod real;
mod tables;
