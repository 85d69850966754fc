//! Exact tabular soft value iteration and control as inference for finite Markov decision processes.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare with values that are exact: ±∞, small integers, results that must agree to the bit.
#![cfg_attr(test, allow(clippy::float_cmp))]

pub use ndarray;

pub use backward::{SoftValueIteration, Solution, StateValues, soft_value_iteration};
pub use dynamics::{DenseDynamics, DeterministicDynamics, Dynamics, IntoDynamics, SparseDynamics};
pub use error::{Error, Table};
pub use forward::{ForwardMessages, forward_messages};
pub use gridworld::{Cell, Direction, Gridworld, Moves};
pub use inference::Inference;
pub use kernels::{LogBlock, log_sum_exp};
pub use mdp::{ActionPrior, Mdp, MdpBuilder, Model, Stage};
pub use policy::Policy;
pub use posterior::{Posterior, posterior};
pub use real::Real;

mod backward;
mod dynamics;
mod error;
mod forward;
mod gridworld;
mod inference;
mod initial;
mod kernels;
mod mdp;
mod parallel;
mod policy;
mod posterior;
mod real;
mod tables;
