//! Simulators: models as environments.

use ndarray::{Array1, ArrayRef1};
use num_traits::Zero;
use rand::Rng;

use super::environment::Environment;
use super::error::Error;
use super::settings::check_num_steps;
use super::step::Step;
use crate::kernels::{Draw, draw};
use crate::mdp::{CheckedStage, check_initial, check_options, check_reward, check_row};
use crate::{Dynamics, Inference, Model, Real};

/// An environment that samples a model: it draws successors from the dynamics and returns the
/// rewards of the model.
///
/// A step into a terminal state is `terminated`. A step is `truncated` at a time limit, at the last
/// stage of a time-varying model, and into a dead end (a state without available actions).
/// Learners know that the value of a dead end is −∞. With rewards on the successor
/// ([`SuccessorRewardMdp`](crate::SuccessorRewardMdp)), a step pays the reward of the sampled
/// successor, or one drawn from its rewards. This is correct for both inferences, because each
/// averages these rewards in its own way.
///
/// The simulator checks each row of the dynamics before it samples from the row. So a [`Model`] of
/// your own needs no call of [`check_model`](crate::check_model).
///
/// # Example
///
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Environment, Error, Simulator, Step};
/// use softmdp::{Mdp, ndarray::array};
///
/// // Each step reaches the terminal state with probability 1/2.
/// let transitions = array![[[0.5, 0.5]], [[0.0, 1.0]]];
/// let mdp = Mdp::builder(transitions, array![[-1.0], [0.0]]).terminal_states([1]).build()?;
/// let mut world = Simulator::new(&mdp, &array![1.0, 0.0])?.with_time_limit(3)?;
/// let mut rng = StdRng::seed_from_u64(7);
/// assert_eq!(world.reset(&mut rng)?, 0);
/// let last = loop {
///     let step = world.step(0, &mut rng)?;
///     if step.is_last() {
///         break step;
///     }
/// };
/// assert_eq!(last.terminated, last.next_state == 1);
/// assert_eq!(last.truncated, last.next_state == 0 && last.stage == 2);
/// assert_eq!(world.step(0, &mut rng), Err(Error::NoEpisode)); // reset first
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Simulator<'m, M: Model + ?Sized> {
    model: &'m M,
    initial: Array1<M::Scalar>,
    time_limit: Option<usize>,
    at: Option<(usize, usize)>, // stage and state of the episode
}

impl<'m, M: Model + ?Sized> Simulator<'m, M> {
    /// Returns an environment whose episodes start in a state drawn from p₀.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidInitial`](crate::Error::InvalidInitial);
    /// [`softmdp::Error::UnnormalizedInitial`](crate::Error::UnnormalizedInitial);
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch); [`Error::NoStart`] if a
    /// state of positive probability is terminal or a dead end; the errors of a [`Model`] of your
    /// own.
    pub fn new(model: &'m M, initial: &ArrayRef1<M::Scalar>) -> Result<Self, Error> {
        check_options(model, 1)?;
        check_initial(initial, model.num_states())?;
        let stage = CheckedStage::new(model, 0, Inference::Variational)?;
        for (state, _) in initial.iter().enumerate().filter(|(_, p)| **p > M::Scalar::zero()) {
            if model.is_terminal(state) || is_dead_end(&stage, state)? {
                return Err(Error::NoStart { state });
            }
        }
        Ok(Self { model, initial: initial.to_owned(), time_limit: None, at: None })
    }

    /// Truncates episodes after `num_steps` steps.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) if `num_steps` is 0.
    pub fn with_time_limit(self, num_steps: usize) -> Result<Self, Error> {
        check_num_steps(num_steps, "time limit")?;
        Ok(Self { time_limit: Some(num_steps), ..self })
    }

    /// The simulated model.
    #[must_use]
    pub fn model(&self) -> &'m M {
        self.model
    }

    /// The current state of the episode; `None` before the first reset and after the end of an
    /// episode.
    #[must_use]
    pub fn state(&self) -> Option<usize> {
        self.at.map(|(_, state)| state)
    }

    /// Whether the episode is truncated on entering a state at a stage.
    fn is_cut_off(&self, stage: usize, state: usize) -> Result<bool, Error> {
        let is_at = |limit: Option<usize>| limit.is_some_and(|limit| stage >= limit);
        if is_at(self.time_limit) || is_at(self.model.num_stages()) {
            return Ok(true);
        }
        is_dead_end(&CheckedStage::new(self.model, stage, Inference::Variational)?, state)
    }
}

/// Draws a reward of a transition; `None` if the model has none on the successor. A single reward
/// takes no random number.
fn draw_reward<M: Model + ?Sized, R: Rng + ?Sized>(
    model: &M,
    (stage, state, action, next_state): (usize, usize, usize, usize),
    rng: &mut R,
) -> Option<M::Scalar> {
    let (mut num_rewards, mut sum, mut reward) = (0, M::Scalar::zero(), None);
    let for_each = |visit: &mut dyn FnMut(M::Scalar, M::Scalar)| {
        model.for_each_transition_reward(stage, state, action, next_state, visit);
    };
    for_each(&mut |weight, value| {
        num_rewards += 1;
        sum += weight;
        reward = Some(value);
    });
    if num_rewards > 1 {
        let (mut draw, mut index) = (Draw::new(rng), 0);
        for_each(&mut |weight, _| {
            draw.offer(index, weight / sum);
            index += 1;
        });
        let (chosen, mut index) = (draw.choice(false), 0);
        for_each(&mut |_, value| {
            if chosen == Some(index) {
                reward = Some(value);
            }
            index += 1;
        });
    }
    reward
}

/// Whether a state has no available action.
fn is_dead_end<F: Real, D>(stage: &CheckedStage<'_, F, D>, state: usize) -> Result<bool, Error>
where
    D: Dynamics<Scalar = F> + ?Sized,
{
    Ok(stage.row(state)?.1.iter().all(|&weight| weight == F::zero()))
}

/// [`step`](Environment::step) returns [`Error::NoEpisode`] before a reset and after an end;
/// [`softmdp::Error::ActionOutOfRange`](crate::Error::ActionOutOfRange);
/// [`Error::UnavailableAction`]; for a [`Model`] of your own also its errors and those of
/// [`check_model`](crate::check_model), such as
/// [`softmdp::Error::UnnormalizedTransition`](crate::Error::UnnormalizedTransition). An error
/// leaves the episode unchanged.
impl<M: Model + ?Sized> Environment for Simulator<'_, M> {
    type Scalar = M::Scalar;

    fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error> {
        let state = draw(rng, self.initial.iter().copied().enumerate()).unwrap_or(0);
        self.at = Some((0, state));
        Ok(state)
    }

    fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step<M::Scalar>, Error> {
        let (stage, state) = self.at.ok_or(Error::NoEpisode)?;
        let num_actions = self.model.num_actions();
        if action >= num_actions {
            return Err(crate::Error::ActionOutOfRange { state, action, num_actions }.into());
        }
        let tables = CheckedStage::begin(self.model, stage, Inference::Variational)?;
        let (rewards, prior) = tables.row(state)?;
        if prior[action] == M::Scalar::zero() {
            return Err(Error::UnavailableAction { state, action });
        }
        // Rows of a model of the caller's have not been checked before.
        check_row(tables.dynamics, state, action)?;
        let mut successors = Draw::new(rng);
        tables.dynamics.for_each_successor(state, action, &mut |next_state, p| {
            successors.offer(next_state, p);
        });
        let next_state = successors.choice(false).unwrap_or(state);
        let reward =
            draw_reward(self.model, (stage, state, action, next_state), rng).unwrap_or(rewards[action]);
        check_reward(state, action, reward)?;
        let terminated = self.model.is_terminal(next_state);
        let truncated = !terminated && self.is_cut_off(stage + 1, next_state)?;
        self.at = (!terminated && !truncated).then_some((stage + 1, next_state));
        Ok(Step { stage, state, action, reward, next_state, terminated, truncated })
    }
}
