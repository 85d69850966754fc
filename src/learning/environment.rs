//! Environments in which a learner acts.

use rand::Rng;

use super::error::Error;
use super::step::Step;
use crate::Real;

/// An environment in which a learner acts, one episode after another.
///
/// [`Simulator`](super::Simulator) makes one from a model. Implement this trait for your own
/// environment, or for a wrapper around another one. All random numbers come from the caller's
/// generator, so that a generator in the same state gives the same episode.
///
/// # Example
///
/// A wrapper that adds noise to the rewards of any environment:
///
/// ```
/// use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
/// use softmdp::learning::{Environment, Error, Simulator, Step};
/// use softmdp::{Mdp, ndarray::array};
///
/// #[derive(Debug)]
/// struct Noisy<E>(E);
///
/// impl<E: Environment<Scalar = f64>> Environment for Noisy<E> {
///     type Scalar = f64;
///
///     fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error> {
///         self.0.reset(rng)
///     }
///
///     fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step, Error> {
///         let step = self.0.step(action, rng)?;
///         Ok(Step { reward: step.reward + rng.random_range(-1.0..=1.0), ..step })
///     }
/// }
///
/// let mdp = Mdp::new(array![[[1.0]]], array![[5.0]])?;
/// let mut world = Noisy(Simulator::new(&mdp, &array![1.0])?);
/// let mut rng = StdRng::seed_from_u64(1);
/// assert_eq!(world.reset(&mut rng)?, 0);
/// assert!((world.step(0, &mut rng)?.reward - 5.0).abs() <= 1.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Environment {
    /// The number type of rewards.
    type Scalar: Real;

    /// Starts an episode and returns its first state.
    ///
    /// # Errors
    ///
    /// Any error that prevents the start of an episode.
    fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error>;

    /// Takes an action in the current state of the episode.
    ///
    /// # Errors
    ///
    /// [`Error::NoEpisode`] before the first [`reset`](Self::reset) and after the end of an
    /// episode. An invalid action is an error that leaves the episode unchanged.
    fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step<Self::Scalar>, Error>;
}
