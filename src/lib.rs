//! Exact tabular soft value iteration and control as inference, for finite Markov decision processes.
//!
//! Given a model and a horizon, which behaviour is *probable* if the agent acts well, and not only which is optimal?
//!
//! ```
//! use softmdp::{Mdp, ndarray::array, posterior, soft_value_iteration};
//!
//! // A machine works (0) or is broken (1). Action 0 runs it, action 1 repairs it.
//! let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]]; // [s, a, s']
//! let rewards = array![[1.0, -1.0], [0.0, -1.0]]; // [s, a]
//! let mdp = Mdp::new(transitions, rewards)?;
//!
//! let solution = soft_value_iteration(&mdp, 10)?;
//! let repairs = solution.policy().probabilities()[[0, 1, 1]]; // [t, s, a]
//! assert!((repairs - 0.6501_f64).abs() < 1e-4); // a good operator mostly repairs a broken machine
//!
//! let posterior = posterior(&mdp, &array![1.0, 0.0], 10)?;
//! let broken = posterior.state_marginals()[[5, 1]]; // [t, s]
//! assert!((broken - 0.0250_f64).abs() < 1e-4); // and it was hardly ever broken, if things went well
//! # Ok::<(), softmdp::Error>(())
//! ```
//!
//! **Mind which inference you ask.** [`soft_value_iteration`] is direct inference: it conditions on success, and under
//! stochastic dynamics its policy is *optimistic*, since those who succeeded were also lucky. To act, or to plan, ask
//! for variational inference, which keeps the true dynamics. See [`Inference`] for the table of the two.
//!
//! ```
//! # use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::array};
//! # let mdp = Mdp::new(array![[[1.0]]], array![[0.0]])?;
//! let solution = SoftValueIteration::new(10).inference(Inference::Variational).solve(&mdp)?;
//! # Ok::<(), softmdp::Error>(())
//! ```
//!
//! # Should I use this?
//!
//! Yes, for exact answers on models that fit in tables: up to a few thousand states dense, up to millions sparse, with
//! unavailable actions, terminal states, −∞ rewards and stages that differ. No, for continuous states, function
//! approximation or partial observability.
//!
//! # Overview
//!
//! - [`Mdp`]: a validated model over [`DenseDynamics`], [`SparseDynamics`], [`DeterministicDynamics`] or your own
//!   [`Dynamics`]; [`SuccessorRewardMdp`] for rewards on (s,a,s'), [`TimeVaryingMdp`] for stages that differ, [`Model`]
//!   for what is neither, and [`check_model`] for yours.
//! - [`soft_value_iteration`], [`SoftValueIteration`] → [`Solution`]: backward messages as values V and Q, and the policy.
//! - [`solve_stationary`], [`StationarySolver`] → [`StationarySolution`]: the same without a horizon, with a bound on the error.
//!   It is variational by default: the direct fixed point need not exist.
//! - [`forward_messages`] → [`ForwardMessages`] and [`posterior`](fn@posterior) → [`Posterior`]: evidence, marginals, lucky dynamics.
//! - [`Policy`]: occupancy, soft evaluation, ELBO, return, entropy and divergence, of a solver's policy or your own.
//! - [`StationaryPolicy`]: the same for one policy over all time, and where it is in the long run.
//! - [`long_run_growth`] → [`LongRunGrowth`]: how fast the evidence of direct inference grows if there is no end.
//! - [`Trajectory`]: scored, sampled and sought, given that it went well ([`Posterior`]) or acting by a [`Policy`].
//! - [`SoftValueIteration::solve_batch`]: several models in one pass over the dynamics that they share.
//! - [`SoftValueIteration::stream`] and [`stream_posterior`]: horizons that do not fit in memory; [`Watched`]: progress of
//!   whatever takes long, and a way to stop it.
//! - [`learning`]: the same answers from samples, without the model: soft Q-learning, Z-learning, policy gradients, soft
//!   actor-critic.
//! - [`Gridworld`]: small worlds from text maps, to see it all on.
//! - `plot`: values, policies, marginals over time, trajectories and curves as SVG, PNG and GIF, with the feature `plot`.
//! - [`io`]: models from files of numpy, PRISM and Storm; results to files of numpy.
//!
//! New to this? The [`guide`] goes from the idea to a model of your own. Every equation is in [`formulas`], under the numbers that
//! the documentation cites.
//!
//! # Notation
//!
//! | term | in code | symbol | shape, unit |
//! |---|---|---|---|
//! | dynamics | `transitions` | P(s'∣s,a) | `[s, a, s']`, rows sum to 1 |
//! | rewards, terminal values | `rewards`, `terminal_values` | r, V_T | `[s, a]`, `[s]`, reward units; −∞ forbids |
//! | rewards on the successor | `successor_rewards` | r(s,a,s') | beside the transitions, reward units |
//! | discount | `discount` | γ | in [0, 1] |
//! | temperature | `temperature` | τ ≥ 0 | reward units per nat |
//! | prior | `action_prior` | ρ(a∣s) | `[s, a]` weights; 0 removes the action |
//! | initial distribution | `initial` | p₀ | `[s]` |
//! | state value | `state_values` | V_t(s), direct: τ log β_t | `[t, s]`, T+1 rows, reward units |
//! | action value | `action_values` | Q_t(s,a) | `[t, s, a]`, T rows, reward units |
//! | policy | `policy` | π_t(a∣s) | `[t, s, a]`, probability |
//! | forward message | `log_forward` | log α_t(s) | `[t, s]`, nats |
//! | posterior marginals | `state_marginals`, `state_action_marginals` | p(s_t∣e) | `[t, s]`, `[t, s, a]` |
//! | occupancy | `state_occupancy`, `state_action_occupancy` | d_t | `[t, s]`, `[t, s, a]` |
//! | evidence | `log_evidence` | log p(e) | nats |
//!
//! # Two inferences
//!
//! *Direct* inference answers how it went, given that it went well: the exact posterior over trajectories. There γ < 1 is a
//! chance 1 − γ, after each step, of leaving for a state where nothing more is earned. *Variational* inference answers how
//! to act under the true dynamics: maximum-entropy control. There γ is a factor on what comes later. They agree on
//! deterministic dynamics at γ = 1. Messages, marginals and evidence belong to the first; occupancy and ELBO belong to
//! any policy under the true dynamics.
//!
//! # Numerical contract
//!
//! - −∞ is the logarithm of an impossible event and a legal number; +∞ and NaN are refused at the door, and no result
//!   is NaN. A finite result that leaves the number type is [`Error::Overflow`].
//! - Zeros are exact: no floor stands in for them. A successor of probability 0 never counts, whatever its value.
//! - V/τ and log-policies are right to a few units in the last place of the largest of 1, |r|/τ and |V|/τ (and |log π|
//!   itself) a stage, for any spread of values. Rows of policies and marginals sum to 1 to a few ulp.
//! - Sums run in the number type itself, in a fixed order: where n terms meet in one number, the error grows with n ulp at
//!   worst. That is nothing in `f64`; in `f32`, mass from 10⁶ states that flows into one is off by a percent.
//! - The same input gives the same bits, for any number of threads, with the feature `rayon` or without; on one kind of
//!   processor, since the feature `simd` multiplies and adds in one rounding where there is an instruction for it.
//!
//! # Crate features
//!
//! | feature | default | adds | costs |
//! |---|---|---|---|
//! | `npz` | no | models and results as `.npz` archives of numpy, in [`io`] | the crate `flate2`, in pure Rust |
//! | `plot` | no | pictures as SVG, PNG and GIF | three crates of plotters, `ab_glyph`, `png`, `gif`, a font of 34 kB; all in Rust |
//! | `rand` | yes | samples of trajectories, and environments to learn from, with any generator of the crate `rand` | the crate `rand`, without its generators |
//! | `rayon` | yes | passes over large models on all cores, with the same results | the crate `rayon` |
//! | `serde` | no | `Serialize` and `Deserialize` for models, options and results | the crate `serde`, with its derive macros |
//! | `simd` | yes | exponentials, logarithms and dense products in the widest vectors of the processor at hand | the crate `pulp` |
//! | `sprs` | no | [`SparseDynamics`] from sparse matrices, and to them | the crate `sprs` |
//!
//! With `serde`, whatever is read passes the checks of the constructors: bad data is an error with the message of
//! [`Error`], never an invalid value. Choose a format that carries infinities, since −∞ is everywhere in these tables:
//! RON, and binary ones such as postcard, CBOR or MessagePack. JSON writes null and cannot read it back.
//!
//! `ndarray` is part of the interface and re-exported as [`ndarray`], and so is `sprs` 0.11 with its feature. Raising a 0.x
//! version of theirs is a breaking change here.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests compare with values that are exact: ±∞, small integers, results that must agree to the bit.
#![cfg_attr(test, allow(clippy::float_cmp))]

pub mod guide;
pub mod io;
pub mod learning;
#[cfg(feature = "plot")]
#[cfg_attr(docsrs, doc(cfg(feature = "plot")))]
pub mod plot;

pub use ndarray;
#[cfg(feature = "sprs")]
pub use sprs;

pub use backward::{
    BackwardStage, SoftBellmanBackup, SoftValueIteration, Solution, StateValues, soft_bellman_backup,
    soft_value_iteration,
};
pub use convergence::{Convergence, Status};
pub use dynamics::{
    DenseDynamics, DeterministicDynamics, Dynamics, FoldedDynamics, IntoDynamics, SparseDynamics,
};
pub use error::Error;
pub use forward::{ForwardMessages, forward_messages};
pub use gridworld::{Cell, ColorChoice, ColoredGridworld, Direction, Gridworld, Moves};
pub use inference::Inference;
pub use kernels::{LogBlock, Real, log_sum_exp};
pub use mdp::{
    ActionPrior, Mdp, MdpBuilder, Model, Stage, SuccessorRewardMdp, TimeVaryingMdp, Watched, check_model,
};
pub use policy::{Policy, StationaryPolicy};
pub use posterior::{Posterior, PosteriorStage, posterior, stream_posterior};
pub use stationary::{
    LongRunGrowth, Method, StationarySolution, StationarySolver, long_run_growth, solve_stationary,
};
pub use table::Table;
pub use trajectory::Trajectory;

mod arrays;
mod backward;
mod bellman;
mod color;
mod convergence;
mod dynamics;
mod error;
mod forward;
mod gridworld;
mod inference;
mod initial;
mod kernels;
mod markov_chain;
mod mdp;
mod parallel;
mod policy;
mod posterior;
#[cfg(feature = "rand")]
mod sampling;
#[cfg(feature = "serde")]
mod serde_impls;
mod stationary;
mod table;
mod trajectory;

#[doc = include_str!("../docs/formulas.md")]
pub mod formulas {}

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
