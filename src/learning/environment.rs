//! What a learner acts in.

use rand::Rng;

use super::error::Error;
use super::step::Step;
use crate::Real;

/// A world that can be acted in, one episode after the other.
///
/// A [`Simulator`](super::Simulator) is one made of a model. Implement this for a world of your own, or around another
/// environment, for rewards that are noisy or drift. All chance comes from the caller's generator: the same one in the same
/// state gives the same episode.
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

    /// Begins an episode, and returns the state that it begins in.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from beginning.
    fn reset<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Result<usize, Error>;

    /// Takes an action in the state that the episode is in.
    ///
    /// # Errors
    ///
    /// [`Error::NoEpisode`] if there is no episode, or it is over; for an action that there is not, an error that leaves the
    /// episode where it was.
    fn step<R: Rng + ?Sized>(&mut self, action: usize, rng: &mut R) -> Result<Step<Self::Scalar>, Error>;
}
