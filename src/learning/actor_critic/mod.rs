//! Soft actor-critic, tabular.
//!
//! ```text
//! critic (A1):  Q(s,a) += η ( r + γ Σ_a' π(a'|s') ( Q(s',a') − τ log(π/ρ)(a'|s') ) − Q(s,a) )
//! actor:        π ∝ ρ exp(Q/τ), or by gradient steps
//!               θ(s,a) += κ π(a|s) ( Q(s,a) − τ log(π/ρ)(a|s) − Σ_b π(b|s) (…) )
//! temperature:  log τ −= κ_τ ( H_π(s) − target ),   H_π = −Σ π log(π/ρ)
//! ```
//!
//! With two critics, actor and targets use the smaller of the two values. This removes the
//! overestimation that a maximum over noisy values causes. Each step updates one critic, the one
//! with fewer updates of the pair. Updates of both would make the critics equal. With one critic,
//! the exact actor and a fixed temperature, this is soft Q-learning (Q1).
//!
//! # References
//!
//! Haarnoja et al., *Soft Actor-Critic Algorithms and Applications*, arXiv:1812.05905, 2018: §4
//! (critics and actor), §5 (temperature).

mod actor;
mod learn;
mod temperature;

use ndarray::{Array, ArrayRef, ArrayView};

pub use actor::Actor;

use super::error::Error;
use super::horizon::{Horizon, Stationary};
use super::replay::ReplayBuffer;
use super::schedule::{StepSize, default_step_size};
use super::settings::{check_chance, check_num_steps, check_rate};
use super::task::Task;
use crate::arrays::Scratch;
use crate::{Real, Table};
use actor::ActorRow;
use temperature::TargetEntropy;

/// Learns action values, a policy and, optionally, a temperature from steps, off-policy (A1).
///
/// [`update`](super::Learner::update) learns from one step. [`learn`](super::Learner::learn), which
/// [`train`](super::Learner::train) calls, adds the step to a replay buffer and updates from a
/// batch drawn from the buffer. Without a buffer ([`with_replay`](Self::with_replay)), `learn` is
/// one update.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "rand")] {
/// use std::ops::ControlFlow;
///
/// use rand::{SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Learner, Simulator, SoftActorCritic, Task};
/// use softmdp::{Mdp, ndarray::array};
///
/// // Finds the temperature at which a choice between rewards 0 and 2 has an entropy of 0.5 nats.
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 2.0]])?.with_discount(0.0)?;
/// let learner = SoftActorCritic::new(Task::of(&mdp)?)?;
/// let mut learner = learner.with_target_entropy(0.5, 0.01)?.with_replay(100, 4)?;
/// let mut world = Simulator::new(&mdp, &array![1.0])?;
/// let mut rng = StdRng::seed_from_u64(1);
/// learner.train(&mut world, 5_000, &mut rng, |_, _| ControlFlow::Continue(()))?;
/// assert!((learner.policy()?.entropy()[0] - 0.5_f64).abs() < 1e-6);
/// # }
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct SoftActorCritic<F = f64, H = Stationary> {
    #[cfg_attr(
        feature = "serde",
        serde(bound(
            serialize = "F: serde::Serialize, H: serde::Serialize",
            deserialize = "F: Real + serde::Deserialize<'de>, H: Horizon + serde::Deserialize<'de>"
        ))
    )]
    task: Task<F, H>,
    step_size: StepSize<F>,
    critics: Vec<Critic<F>>, // one or two
    actor: Actor<F>,
    preferences: Vec<F>, // θ of a gradient actor, [t, s, a]; of an exact one there are none
    temperature: F,
    target_entropy: Option<TargetEntropy<F>>,
    exploration: F,
    replay: Option<Replay<F>>,
    #[cfg_attr(feature = "serde", serde(skip))]
    scratch: Scratch<RowScratch<F>>,
}

/// Rows that an update writes before it reads them, `[a]` each: action values, probabilities and
/// log-probabilities.
type RowScratch<F> = [Vec<F>; 3];

/// One table of action values.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Critic<F> {
    action_values: Vec<F>, // [t, s, a]
    visits: Vec<u32>,      // [t, s, a]
}

/// A replay buffer, and the number of updates for each step that is taken.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Replay<F> {
    #[cfg_attr(
        feature = "serde",
        serde(bound(serialize = "F: serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>"))
    )]
    buffer: ReplayBuffer<F>,
    batch: usize,
}

impl<F: Real, H: Horizon> SoftActorCritic<F, H> {
    /// Returns a learner whose action values are all 0. It has one critic, the exact actor, the
    /// temperature of the task, an exploration of 0.1 and no replay buffer. The step sizes are
    /// those of [`SoftQLearning`](super::SoftQLearning).
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) at temperature 0. For
    /// temperature 0, use [`SoftQLearning`](super::SoftQLearning).
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(task: Task<F, H>) -> Result<Self, Error> {
        check_rate(task.temperature(), "temperature of an actor")?;
        Ok(Self {
            step_size: default_step_size(task.discount()),
            critics: vec![Critic::new(&task)?],
            actor: Actor::Exact,
            preferences: Vec::new(),
            temperature: task.temperature(),
            target_entropy: None,
            exploration: F::from_f64(0.1),
            replay: None,
            scratch: Scratch(std::array::from_fn(|_| vec![F::zero(); task.num_actions()])),
            task,
        })
    }

    /// Uses two critics and the smaller of their values.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn with_two_critics(mut self) -> Result<Self, Error> {
        if self.critics.len() == 1 {
            let mut second = Critic::new(&self.task)?;
            second.action_values.copy_from_slice(&self.critics[0].action_values);
            second.visits.copy_from_slice(&self.critics[0].visits);
            self.critics.push(second);
        }
        Ok(self)
    }

    /// Sets the step sizes of the critics, by the number of updates of a pair.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_step_size(self, step_size: StepSize<F>) -> Result<Self, Error> {
        step_size.check()?;
        Ok(Self { step_size, ..self })
    }

    /// Sets the actor. A gradient actor starts with equal preferences.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting);
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn with_actor(self, actor: Actor<F>) -> Result<Self, Error> {
        actor.check()?;
        let preferences = match actor {
            Actor::Exact => Vec::new(),
            Actor::Gradient(_) => self.task.action_values(Table::Preferences, F::zero())?,
        };
        Ok(Self { actor, preferences, ..self })
    }

    /// Adapts the temperature until the policy has the entropy `target`, in nats and relative to
    /// the prior.
    ///
    /// Each update adds to log τ `rate` times the difference between the target and the entropy −Σ
    /// π log(π/ρ) in the state of the step. Relative to a counting prior the entropy is at most log
    /// A. Relative to a uniform prior it is at most 0. The policy meets the target on average over
    /// the steps of the updates. If no policy meets the target, the temperature goes to a limit of
    /// its range. The range is 1/√m to √m for the largest number m: about 10⁻¹⁵⁴ to 10¹⁵⁴ for
    /// `f64`.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) unless the target is finite
    /// and the rate is finite and above 0.
    pub fn with_target_entropy(self, target: F, rate: F) -> Result<Self, Error> {
        Ok(Self { target_entropy: Some(TargetEntropy::new(target, rate)?), ..self })
    }

    /// Sets the probability, in [0, 1], that [`act`](super::Learner::act) takes a uniformly drawn
    /// action instead of the actor's; 0.1 by default. Learning is off-policy, so exploration does
    /// not change the result. Without it, an actor of low entropy may stop trying good actions. At
    /// 0, all actions come from the actor, as in the literature.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn with_exploration(self, chance: F) -> Result<Self, Error> {
        check_chance(chance)?;
        Ok(Self { exploration: chance, ..self })
    }

    /// Adds a replay buffer of `capacity` steps, with `batch` updates per step.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) if `capacity` or `batch` is
    /// 0; [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn with_replay(self, capacity: usize, batch: usize) -> Result<Self, Error> {
        check_num_steps(batch, "batch")?;
        Ok(Self { replay: Some(Replay { buffer: ReplayBuffer::new(capacity)?, batch }), ..self })
    }

    /// Sets the initial action values of all critics and resets their counts. Entries of
    /// unavailable actions and of terminal states become −∞.
    ///
    /// # Shapes
    ///
    /// `action_values` `[s, a]`, or `[t, s, a]` with a finite horizon.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch);
    /// [`softmdp::Error::InvalidEntry`](crate::Error::InvalidEntry) for NaN and +∞.
    pub fn with_action_values(mut self, action_values: &ArrayRef<F, H::Pairs>) -> Result<Self, Error> {
        let values = self.task.take_table(Table::ActionValues, action_values)?;
        for critic in &mut self.critics {
            critic.action_values.copy_from_slice(&values);
            critic.visits.fill(0);
        }
        Ok(self)
    }

    /// The current temperature τ, in reward units per nat.
    #[must_use]
    pub fn temperature(&self) -> F {
        self.temperature
    }

    /// The replay buffer, if there is one.
    #[must_use]
    pub fn replay(&self) -> Option<&ReplayBuffer<F>> {
        self.replay.as_ref().map(|replay| &replay.buffer)
    }

    /// Q(s,a) of each critic, `[s, a]`, or `[t, s, a]` with a finite horizon, in reward units. It
    /// is −∞ for unavailable actions and in terminal states.
    pub fn critics(&self) -> impl Iterator<Item = ArrayView<'_, F, H::Pairs>> + '_ {
        self.critics.iter().map(|critic| self.task.view(&critic.action_values))
    }

    /// Q(s,a), the smaller of the critics' values, `[s, a]`, or `[t, s, a]` with a finite horizon,
    /// in reward units.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn action_values(&self) -> Result<Array<F, H::Pairs>, Error> {
        let mut values = self.task.filled(Table::ActionValues, F::zero())?;
        for (row, values) in values.chunks_exact_mut(self.task.num_actions()).enumerate() {
            self.copy_row(row, values);
        }
        Ok(self.task.view(&values).to_owned())
    }

    /// Number of updates of each pair by any critic, `[s, a]`, or `[t, s, a]` with a finite
    /// horizon.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn visits(&self) -> Result<Array<u32, H::Pairs>, Error> {
        let mut visits = self.task.filled(Table::Visits, 0_u32)?;
        for critic in &self.critics {
            visits.iter_mut().zip(&critic.visits).for_each(|(sum, &n)| *sum = sum.saturating_add(n));
        }
        Ok(self.task.view(&visits).to_owned())
    }

    /// The smaller of the critics' values of a pair.
    fn value(&self, pair: usize) -> F {
        self.critics.iter().fold(F::infinity(), |least, critic| least.min(critic.action_values[pair]))
    }

    fn copy_row(&self, row: usize, out: &mut [F]) {
        self.task.pairs(row).zip(out).for_each(|(pair, value)| *value = self.value(pair));
    }

    /// The actor in the state of a row.
    fn actor_row(&self, row: usize) -> ActorRow<'_, F> {
        let preferences = match self.actor {
            Actor::Exact => None,
            Actor::Gradient(_) => Some(&self.preferences[self.task.pairs(row)]),
        };
        ActorRow { prior: self.task.prior_row(row), preferences, temperature: self.temperature }
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), Error> {
        use super::serde_impls::{check_len, check_table};
        self.step_size.check()?;
        check_chance(self.exploration)?;
        check_rate(self.temperature, "temperature of an actor")?;
        let len = self.task.num_rows() * self.task.num_actions();
        if !(1..=2).contains(&self.critics.len()) {
            let found = vec![self.critics.len()];
            let (table, expected) = (Table::ActionValues, vec![2]);
            return Err(crate::Error::ShapeMismatch { table, found, expected }.into());
        }
        for critic in &self.critics {
            check_len(Table::Visits, &critic.visits, len)?;
            check_table(Table::ActionValues, &critic.action_values, len, true)?;
            self.task.check_forbidden(Table::ActionValues, &critic.action_values)?;
        }
        self.actor.check()?;
        match self.actor {
            Actor::Exact => check_len(Table::Preferences, &self.preferences, 0)?,
            Actor::Gradient(_) => {
                check_table(Table::Preferences, &self.preferences, len, true)?;
                self.task.check_forbidden(Table::Preferences, &self.preferences)?;
                let allowed = self.task.action_values(Table::Preferences, F::zero())?;
                let mut pairs = self.preferences.iter().zip(&allowed);
                if let Some(at) = pairs.position(|(found, allowed)| allowed.is_finite() && !found.is_finite())
                {
                    let value = self.preferences[at].into_f64();
                    let (table, index) = (Table::Preferences, vec![at]);
                    return Err(crate::Error::InvalidEntry { table, index, value }.into());
                }
            }
        }
        if let Some(target_entropy) = &self.target_entropy {
            target_entropy.check()?;
        }
        if let Some(replay) = &self.replay {
            check_num_steps(replay.batch, "batch")?;
            replay.buffer.iter().try_for_each(|step| self.task.locate(step).map(drop))?;
        }
        Ok(())
    }
}

impl<F: Real> Critic<F> {
    fn new<H: Horizon>(task: &Task<F, H>) -> Result<Self, Error> {
        let action_values = task.action_values(Table::ActionValues, F::zero())?;
        Ok(Self { action_values, visits: task.filled(Table::Visits, 0)? })
    }
}

#[cfg(feature = "serde")]
super::serde_impls::checked!(SoftActorCritic<F, H>);
