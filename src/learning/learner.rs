//! The interface of all learners, and the training loop.

#[cfg(feature = "rand")]
use std::ops::ControlFlow;

use ndarray::Array;
#[cfg(feature = "rand")]
use rand::Rng;

#[cfg(feature = "rand")]
use super::environment::Environment;
use super::error::Error;
use super::horizon::Horizon;
#[cfg(feature = "rand")]
use super::horizon::Stationary;
use super::step::Step;
use super::task::Task;
use crate::Real;

/// A learner, which learns from one step after another and has a policy after each step.
///
/// Call [`train`](Self::train), or write your own loop. To learn from logged steps, pass them to
/// [`update`](Self::update) one at a time; no simulator is needed.
///
/// # Example
///
/// A loop of your own:
///
/// ```
/// # #[cfg(feature = "rand")] {
/// use rand::{SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Environment, Learner, Simulator, SoftQLearning, StepSize, Task};
/// use softmdp::{Mdp, ndarray::array, solve_stationary};
///
/// let transitions = array![[[0.0, 1.0]], [[1.0, 0.0]]];
/// let mdp = Mdp::new(transitions, array![[1.0], [0.0]])?.with_discount(0.5)?;
/// let mut world = Simulator::new(&mdp, &array![1.0, 0.0])?;
/// let mut learner = SoftQLearning::new(Task::of(&mdp)?)?.with_step_size(StepSize::Constant(1.0))?;
///
/// let mut rng = StdRng::seed_from_u64(1);
/// let mut state = world.reset(&mut rng)?;
/// for _ in 0..100 {
///     let action = learner.act(state, &mut rng)?;
///     let step = world.step(action, &mut rng)?;
///     learner.update(&step)?;
///     state = step.next_state;
/// }
/// let exact = solve_stationary(&mdp, 1e-9)?;
/// let difference: f64 = learner.state_values()?[0] - exact.state_values()[0]; // from 1/(1 − ¼)
/// assert!(difference.abs() < 1e-9);
/// # }
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
pub trait Learner {
    /// The number type of all tables.
    type Scalar: Real;
    /// Whether there is one table for all stages, or one for each stage.
    type Horizon: Horizon;

    /// The task: the problem without dynamics and rewards.
    fn task(&self) -> &Task<Self::Scalar, Self::Horizon>;

    /// The policy learned so far.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    fn policy(&self) -> Result<<Self::Horizon as Horizon>::Policy<Self::Scalar>, Error>;

    /// The estimate of V(s), `[s]`, or `[t, s]` with T+1 rows, in reward units. Terminal states,
    /// and the last row, hold V_T.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge);
    /// [`softmdp::Error::Overflow`](crate::Error::Overflow) if the soft maximum of action values
    /// leaves the number type.
    fn state_values(&self) -> Result<Array<Self::Scalar, <Self::Horizon as Horizon>::States>, Error>;

    /// Starts an episode and drops an unfinished one. Only learners from whole episodes need this
    /// call. [`train`](Self::train) calls it after each reset.
    fn begin_episode(&mut self) {}

    /// Learns from one step.
    ///
    /// It allocates no memory, with two exceptions: the first step of a clone, and an episode that
    /// is longer than all earlier ones.
    ///
    /// # Errors
    ///
    /// An error leaves the learner unchanged.
    /// [`softmdp::Error::StateOutOfRange`](crate::Error::StateOutOfRange);
    /// [`softmdp::Error::ActionOutOfRange`](crate::Error::ActionOutOfRange);
    /// [`softmdp::Error::StageOutOfRange`](crate::Error::StageOutOfRange);
    /// [`softmdp::Error::InvalidReward`](crate::Error::InvalidReward) for NaN and +∞;
    /// [`softmdp::Error::ActionAfterEnd`](crate::Error::ActionAfterEnd) for a step from a terminal
    /// state; [`Error::UnavailableAction`]; [`softmdp::Error::Overflow`](crate::Error::Overflow) if
    /// a number leaves the number type. Some learners add errors of their own.
    fn update(&mut self, step: &Step<Self::Scalar>) -> Result<(), Error>;

    /// Chooses an action in a state. The stage matters only with a finite horizon.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::StateOutOfRange`](crate::Error::StateOutOfRange);
    /// [`softmdp::Error::StageOutOfRange`](crate::Error::StageOutOfRange);
    /// [`softmdp::Error::ActionAfterEnd`](crate::Error::ActionAfterEnd) in a terminal state;
    /// [`Error::DeadEnd`] if no action is available.
    #[cfg(feature = "rand")]
    fn act_at<R: Rng + ?Sized>(&self, stage: usize, state: usize, rng: &mut R) -> Result<usize, Error>;

    /// Chooses an action in a state, for tasks without a horizon.
    ///
    /// # Errors
    ///
    /// Those of [`act_at`](Self::act_at).
    #[cfg(feature = "rand")]
    fn act<R: Rng + ?Sized>(&self, state: usize, rng: &mut R) -> Result<usize, Error>
    where
        Self: Learner<Horizon = Stationary>,
    {
        self.act_at(0, state, rng)
    }

    /// Learns from the latest step. Learners with a replay buffer draw from the buffer with the
    /// generator.
    ///
    /// The default is one [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// Those of [`update`](Self::update).
    #[cfg(feature = "rand")]
    fn learn<R: Rng + ?Sized>(&mut self, step: &Step<Self::Scalar>, rng: &mut R) -> Result<(), Error> {
        let _ = rng;
        self.update(step)
    }

    /// Acts in an environment for `num_steps` steps and learns from each of them.
    ///
    /// Resets the environment before the first step and after the end of each episode. The last
    /// episode may stay unfinished. After each step, calls `hook(&learner, &progress)`. The hook
    /// may return `Break` to stop.
    ///
    /// # Errors
    ///
    /// Those of the environment, of [`act_at`](Self::act_at) and of [`learn`](Self::learn).
    /// [`Error::StepOutOfOrder`] if the environment returns a step with another state or action.
    /// After an error the learner keeps the results of earlier steps.
    ///
    /// # Example
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use rand::{SeedableRng, rngs::StdRng};
    /// use softmdp::learning::{Learner, Simulator, SoftQLearning, Task};
    /// use softmdp::{Gridworld, solve_stationary};
    ///
    /// let grid = Gridworld::parse("S..G")?.slip(0.1);
    /// let mdp = grid.mdp()?.with_discount(0.9)?;
    /// let exact = solve_stationary(&mdp, 1e-6)?.state_values().to_owned();
    ///
    /// let mut learner = SoftQLearning::new(Task::of(&mdp)?)?;
    /// let mut world = Simulator::new(&mdp, &grid.initial())?;
    /// let error = |learner: &SoftQLearning| {
    ///     let values = learner.state_values()?;
    ///     let errors = values.iter().zip(&exact).map(|(value, exact)| (value - exact).abs());
    ///     Ok::<_, softmdp::learning::Error>(errors.fold(0.0, f64::max))
    /// };
    /// let mut rng = StdRng::seed_from_u64(1);
    /// let progress = learner.train(&mut world, 100_000, &mut rng, |learner, progress| {
    ///     if progress.steps % 1000 == 0 && error(learner).is_ok_and(|error| error < 0.1) {
    ///         return ControlFlow::Break(());
    ///     }
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert!(error(&learner)? < 0.1 && progress.episodes > 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "rand")]
    fn train<E, R>(
        &mut self,
        environment: &mut E,
        num_steps: usize,
        rng: &mut R,
        mut hook: impl FnMut(&Self, &Progress<Self::Scalar>) -> ControlFlow<()>,
    ) -> Result<Progress<Self::Scalar>, Error>
    where
        E: Environment<Scalar = Self::Scalar> + ?Sized,
        R: Rng + ?Sized,
    {
        use num_traits::Zero;
        let mut progress = Progress::default();
        let mut at = None;
        let mut total = Self::Scalar::zero();
        while progress.steps < num_steps {
            let (stage, state) = if let Some(at) = at {
                at
            } else {
                total = Self::Scalar::zero();
                self.begin_episode();
                (0, environment.reset(rng)?)
            };
            let action = self.act_at(stage, state, rng)?;
            // An environment need not count stages.
            let step = Step { stage, ..environment.step(action, rng)? };
            if (step.state, step.action) != (state, action) {
                return Err(Error::StepOutOfOrder { stage, state: step.state });
            }
            self.learn(&step, rng)?;
            progress.steps += 1;
            total += step.reward;
            let horizon = self.task().horizon();
            if step.is_last() || horizon.table_after(horizon.table_of(step.stage)?).is_none() {
                progress.episodes += 1;
                progress.last_return = Some(total);
                at = None;
            } else {
                at = Some((step.stage + 1, step.next_state));
            }
            if hook(self, &progress).is_break() {
                break;
            }
        }
        Ok(progress)
    }
}

/// Progress of [`Learner::train`].
#[cfg(feature = "rand")]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Progress<F = f64> {
    /// Steps taken.
    pub steps: usize,
    /// Episodes that ended.
    pub episodes: usize,
    /// Sum of the rewards of the last episode that ended, without discount.
    pub last_return: Option<F>,
}
