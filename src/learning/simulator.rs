//! Models as environments.

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

/// An environment that does what a model says: successors are drawn from the dynamics, rewards are paid as they stand.
///
/// An episode is over (`terminated`) in a terminal state. It is cut off (`truncated`) at a time limit, where a model of stages
/// has no more of them, and in a dead end: a state without an action, which learners know to be worth −∞.
/// In a model with rewards on the successor ([`SuccessorRewardMdp`](crate::SuccessorRewardMdp)), what is paid is that of the
/// successor that came: right for either inference, each of which takes its own mean.
///
/// The rows of the dynamics that are drawn from are checked then, so that a model of your own may be one that nobody has looked at.
///
/// # Example
///
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Environment, Error, Simulator, Step};
/// use softmdp::{Mdp, ndarray::array};
///
/// // A step gets to the end half of the time.
/// let mdp = Mdp::builder(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[-1.0], [0.0]]).terminal_states([1]).build()?;
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
    /// An environment whose episodes begin in a state drawn from p₀.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidInitial`](crate::Error::InvalidInitial), [`softmdp::Error::UnnormalizedInitial`](crate::Error::UnnormalizedInitial), [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch); [`Error::NoStart`] if a
    /// state of positive probability is terminal or a dead end; what a [`Model`] of your own returns.
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

    /// Cuts episodes off after so many steps.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) for 0.
    pub fn with_time_limit(self, num_steps: usize) -> Result<Self, Error> {
        check_num_steps(num_steps, "time limit")?;
        Ok(Self { time_limit: Some(num_steps), ..self })
    }

    /// The model that is simulated.
    #[must_use]
    pub fn model(&self) -> &'m M {
        self.model
    }

    /// The state that the episode is in; `None` if there is no episode, or it is over.
    #[must_use]
    pub fn state(&self) -> Option<usize> {
        self.at.map(|(_, state)| state)
    }

    /// Whether an episode cannot go on to a stage, in a state.
    fn is_cut_off(&self, stage: usize, state: usize) -> Result<bool, Error> {
        let is_at = |limit: Option<usize>| limit.is_some_and(|limit| stage >= limit);
        if is_at(self.time_limit) || is_at(self.model.num_stages()) {
            return Ok(true);
        }
        is_dead_end(&CheckedStage::new(self.model, stage, Inference::Variational)?, state)
    }
}

/// Whether there is no action in a state.
fn is_dead_end<F: Real, D>(stage: &CheckedStage<'_, F, D>, state: usize) -> Result<bool, Error>
where
    D: Dynamics<Scalar = F> + ?Sized,
{
    Ok(stage.row(state)?.1.iter().all(|&weight| weight == F::zero()))
}

/// A step returns [`Error::NoEpisode`] before a reset and after an end; [`softmdp::Error::ActionOutOfRange`](crate::Error::ActionOutOfRange) and
/// [`Error::UnavailableAction`]; [`softmdp::Error::UnnormalizedTransition`](crate::Error::UnnormalizedTransition) and others of [`check_model`](crate::check_model) for what is
/// wrong in a model of your own, and what that returns. Any of them leaves the episode where it was.
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
        // Nobody has looked at the rows of a model of the caller's.
        check_row(tables.dynamics, state, action)?;
        let mut successors = Draw::new(rng);
        tables.dynamics.for_each_successor(state, action, &mut |next_state, p| {
            successors.offer(next_state, p);
        });
        let next_state = successors.choice(false).unwrap_or(state);
        let reward =
            self.model.transition_reward(stage, state, action, next_state).unwrap_or(rewards[action]);
        check_reward(state, action, reward)?;
        let terminated = self.model.is_terminal(next_state);
        let truncated = !terminated && self.is_cut_off(stage + 1, next_state)?;
        self.at = (!terminated && !truncated).then_some((stage + 1, next_state));
        Ok(Step { stage, state, action, reward, next_state, terminated, truncated })
    }
}
