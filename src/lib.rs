#![doc = include_str!("links.md")]
#![doc = include_str!("../docs/pictures/inline.md")]
#![doc = include_str!("../README.md")]
//!
//! ## Notation
//!
//! | term | in code | symbol | shape, unit |
//! |---|---|---|---|
//! | dynamics | `transitions` | P(s'∣s,a) | `[s, a, s']`, rows sum to 1 |
//! | rewards | `rewards` | r(s,a) | `[s, a]`, reward units; −∞ forbids the pair |
//! | terminal values | `terminal_values` | V_T(s) | `[s]`, reward units; −∞ forbids ending in s |
//! | rewards on the successor | `successor_rewards` | r(s,a,s') | one for each transition, reward units |
//! | discount | `discount` | γ | in [0, 1] |
//! | temperature | `temperature` | τ ≥ 0 | reward units per nat |
//! | prior | `action_prior` | ρ(a∣s) | `[s, a]` weights; 0 removes the action |
//! | initial distribution | `initial` | p₀ | `[s]`, sums to 1 |
//! | state value | `state_values` | V_t(s), direct: τ log β_t(s) | `[t, s]`, T+1 rows, reward units |
//! | action value | `action_values` | Q_t(s,a) | `[t, s, a]`, T rows, reward units |
//! | policy | `policy` | π_t(a∣s) | `[t, s, a]`, probability |
//! | forward message | `log_forward` | log α_t(s) | `[t, s]`, nats |
//! | posterior marginals | `state_marginals`, `state_action_marginals` | p(s_t∣e), p(s_t,a_t∣e) | `[t, s]`, `[t, s, a]` |
//! | occupancy | `state_occupancy`, `state_action_occupancy` | d_t(s), d_t(s) π_t(a∣s) | `[t, s]`, `[t, s, a]` |
//! | evidence | `log_evidence` | log p(e) | scalar, nats |
//!
//! ## Rules of the interface
//!
//! - A setter on options takes a plain value and cannot fail: [`Mdp::builder`],
//!   [`SoftValueIteration`], [`StationarySolver`]. The call that uses the options (`build`,
//!   `solve`, `new`) checks them.
//! - A method `with_…` returns a changed copy of a valid value, as a `Result`.
//! - [`soft_value_iteration`] is direct by default, because direct inference is the exact
//!   posterior. [`solve_stationary`] is variational by default, because the direct fixed point may
//!   not exist. So one is not the limit of the other.
//! - Readers of files and the feature `serde` check data as the constructors do. Invalid data is an
//!   error.
//!
//! ## In a larger program
//!
//! - Models, options and results are `Send` and `Sync`. A clone of an [`Mdp`] shares its dynamics.
//! - With the feature `rayon`, calls use the current thread pool. To choose another one, call
//!   `pool.install(|| solver.solve(&mdp))`.
//! - The crate needs `std`, and Rust 1.89 or later. It forbids `unsafe` in its own code.
//! - Arrays of `ndarray` 0.17 are part of the interface. Import them from
//!   [`softmdp::ndarray`](ndarray), or depend on the same version. Otherwise the compiler reports a
//!   mismatch of types and "multiple different versions of crate `ndarray`".
//! - With the feature `rand`, traits of `rand` 0.10 are part of the interface, re-exported as
//!   `softmdp::rand`. Generators such as `StdRng` come from your own dependency on `rand` 0.10.
//! - With the feature `sprs`, matrices of `sprs` 0.11 are part of the interface.
//! - A new 0.x version of one of these three crates is a breaking change of this crate.
//! - Results of hundreds of megabytes are up to twice as fast with huge pages. On Linux, set
//!   `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` in the environment.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare with values that are exact: ±∞, small integers, results that must agree to the bit.
#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod dynamics;
pub mod gridworld;
pub mod guide;
pub mod inverse;
pub mod io;
pub mod learning;
pub mod parts;
#[cfg(feature = "plot")]
#[cfg_attr(docsrs, doc(cfg(feature = "plot")))]
pub mod plot;
pub mod team;

pub use ndarray;
#[cfg(feature = "rand")]
pub use rand;
#[cfg(feature = "sprs")]
pub use sprs;

// Aliases for the search of the documentation stand here: on an item of a private module they are
// lost.
#[doc(alias("dynamic_programming", "finite_horizon"))]
pub use backward::SoftValueIteration;
#[doc(alias("value_function"))]
pub use backward::StateValues;
#[doc(alias("bellman_operator", "bellman_equation"))]
pub use backward::soft_bellman_backup;
#[doc(alias("backward_induction", "backward_messages"))]
pub use backward::soft_value_iteration;
pub use backward::{BackwardStage, SoftBellmanBackup, Solution};
pub use convergence::{Convergence, Status};
#[doc(inline, alias("csr", "compressed_sparse_row"))]
pub use dynamics::SparseDynamics;
#[doc(inline)]
pub use dynamics::{CastDynamics, DenseDynamics, DeterministicDynamics, Dynamics, IntoDynamics};
pub use error::Error;
pub use forward::ForwardMessages;
#[doc(alias("filtering"))]
pub use forward::forward_messages;
#[doc(alias("filtering", "observation", "partial_observation", "hidden_markov_model"))]
pub use forward::forward_messages_given;
#[doc(inline)]
pub use gridworld::{Cell, ColorChoice, Direction, Gridworld, Moves, Rendering};
#[doc(alias("control_as_inference"))]
pub use inference::Inference;
pub use kernels::{Real, log_sum_exp};
#[doc(alias("nonstationary", "time_inhomogeneous", "observation", "schedule"))]
pub use mdp::TimeVaryingMdp;
#[doc(alias("progress", "cancel", "deadline", "timeout", "interrupt"))]
pub use mdp::Watched;
pub use mdp::{
    ActionPrior, Mdp, MdpBuilder, Model, RescaledRows, Stage, SuccessorRewardMdp, check_initial, check_model,
};
#[doc(alias("evidence", "conditioning", "sensor", "emission"))]
pub use observation::Observation;
pub use policy::{Policy, StationaryPolicy};
#[doc(alias("smoothing", "forward_backward", "baum_welch", "hidden_markov_model", "hmm"))]
pub use posterior::posterior;
#[doc(alias(
    "observation",
    "evidence",
    "conditioning",
    "hidden_markov_model",
    "hmm",
    "partial_observation"
))]
pub use posterior::posterior_given;
pub use posterior::{Posterior, PosteriorStage, posterior_into, stream_posterior, stream_posterior_with};
#[doc(alias("policy_iteration"))]
pub use stationary::Method;
#[doc(alias("relative_value_iteration", "gain", "bias", "long_run_average", "undiscounted"))]
pub use stationary::average_reward;
#[doc(alias("infinite_horizon", "fixed_point"))]
pub use stationary::solve_stationary;
pub use stationary::{AverageReward, LongRunGrowth, StationarySolution, StationarySolver, long_run_growth};
pub use table::Table;
pub use trajectory::Trajectory;
#[doc(alias("buffer", "scratch", "memory"))]
pub use workspace::Workspace;

mod arrays;
mod backward;
mod bellman;
mod color;
mod convergence;
mod error;
mod forward;
mod inference;
mod kernels;
mod markov_chain;
mod mdp;
mod observation;
mod parallel;
mod patience;
mod policy;
mod posterior;
#[cfg(feature = "serde")]
mod serde_impls;
mod stationary;
mod table;
mod trajectory;
mod workspace;

#[doc = include_str!("../docs/formulas.md")]
pub mod formulas {}
