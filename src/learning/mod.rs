//! Learners: the results of a planner from samples, without a model.
//!
//! A learner processes one [`Step`] at a time and has a policy after each step. It knows its
//! [`Task`] (discount, temperature, prior, terminal states), but neither dynamics nor rewards. Each
//! learner converges to the exact result of a planner.
//!
//! | learner | learns | inference | from |
//! |---|---|---|---|
//! | [`SoftQLearning`] | Q (Q1) | variational | any behaviour that tries every action |
//! | [`ZLearning`] | β (Q2) | direct | any such behaviour with known probabilities |
//! | [`SoftPolicyGradient`] | θ of a softmax (G1, G2) | variational | its own episodes, or a model |
//! | [`SoftActorCritic`] | Q, π, a temperature (A1) | variational | any steps, from a replay buffer |
//!
//! Each learner has one table for all stages ([`Stationary`]), or one for each stage of a finite
//! horizon ([`FiniteHorizon`], by [`Task::within`]).
//!
#![cfg_attr(
    feature = "rand",
    doc = "Steps come from an [`Environment`]: a [`Simulator`] of a model, or your own. [`Learner::train`] is the usual loop."
)]
#![cfg_attr(
    not(feature = "rand"),
    doc = "Steps come from environments of your own. The feature `rand` adds simulators and a training loop."
)]
//! All random numbers come from the caller's generator.
//!
//! ```
//! # #[cfg(feature = "rand")] {
//! use std::ops::ControlFlow;
//!
//! use rand::{SeedableRng, rngs::StdRng};
//! use softmdp::learning::{Learner, Simulator, SoftQLearning, Task};
//! use softmdp::{Mdp, ndarray::array, solve_stationary};
//!
//! // A machine works (0) or is broken (1). Action 0 runs it, action 1 repairs it.
//! let transitions = array![[[0.9, 0.1], [1.0, 0.0]], [[0.0, 1.0], [0.8, 0.2]]]; // [s, a, s']
//! let mdp = Mdp::new(transitions, array![[1.0, -1.0], [0.0, -1.0]])?.with_discount(0.8)?;
//!
//! let mut learner = SoftQLearning::new(Task::of(&mdp)?)?;
//! let mut world = Simulator::new(&mdp, &array![1.0, 0.0])?;
//! let mut rng = StdRng::seed_from_u64(1);
//! learner.train(&mut world, 100_000, &mut rng, |_, _| ControlFlow::Continue(()))?;
//!
//! let exact = solve_stationary(&mdp, 1e-6)?;
//! let repairs: f64 = learner.policy()?.probabilities()[[1, 1]];
//! assert!((repairs - exact.probabilities()[[1, 1]]).abs() < 0.02);
//! # }
//! # Ok::<(), softmdp::learning::Error>(())
//! ```

// Without the feature `rand`, links to environments and training have no target.
#![cfg_attr(not(feature = "rand"), allow(rustdoc::broken_intra_doc_links))]

mod actor_critic;
mod behaviour;
#[cfg(feature = "rand")]
mod environment;
mod error;
mod horizon;
mod learner;
mod policy_gradient;
mod replay;
mod schedule;
#[cfg(feature = "serde")]
mod serde_impls;
mod settings;
#[cfg(feature = "rand")]
mod simulator;
mod soft_q;
mod step;
mod task;
mod z_learning;

pub use actor_critic::Actor;
#[doc(alias("sac"))]
pub use actor_critic::SoftActorCritic;
pub use behaviour::Behaviour;
#[cfg(feature = "rand")]
pub use environment::Environment;
pub use error::Error;
pub use horizon::{FiniteHorizon, Horizon, Stationary};
pub use learner::Learner;
#[cfg(feature = "rand")]
pub use learner::Progress;
#[doc(alias("reinforce"))]
pub use policy_gradient::SoftPolicyGradient;
pub use replay::ReplayBuffer;
pub use schedule::StepSize;
#[cfg(feature = "rand")]
pub use simulator::Simulator;
#[doc(alias("q_learning"))]
pub use soft_q::SoftQLearning;
pub use step::Step;
pub use task::Task;
pub use z_learning::ZLearning;
