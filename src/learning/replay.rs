//! A replay buffer.

use super::error::Error;
use super::settings::check_num_steps;
use super::step::Step;
use crate::{Real, Table};

/// Keeps the latest steps, so that a learner can use each of them more than once.
///
/// When the buffer is full, a new step replaces the oldest one. [`new`](Self::new) allocates all
/// memory. A cloned or deserialized buffer allocates memory as it fills.
///
/// # Example
///
/// ```
/// use softmdp::learning::{ReplayBuffer, Step};
///
/// let mut buffer = ReplayBuffer::new(2)?;
/// for state in 0..3 {
///     buffer.push(Step::new(state, 0, 0.0, state + 1));
/// }
/// let mut states: Vec<usize> = buffer.iter().map(|step| step.state).collect();
/// states.sort();
/// assert_eq!(states, [1, 2]);
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields))]
pub struct ReplayBuffer<F = f64> {
    capacity: usize,
    oldest: usize, // where the next step goes, once it is full
    steps: Vec<Step<F>>,
}

impl<F: Real> ReplayBuffer<F> {
    /// Returns an empty buffer for `capacity` steps.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) if the capacity is 0;
    /// [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn new(capacity: usize) -> Result<Self, Error> {
        check_num_steps(capacity, "capacity of the replay buffer")?;
        let mut steps = Vec::new();
        let too_large = |_| crate::Error::TooLarge { table: Table::ReplayBuffer, shape: vec![capacity] };
        steps.try_reserve_exact(capacity).map_err(too_large)?;
        Ok(Self { capacity, oldest: 0, steps })
    }

    /// Adds a step; if the buffer is full, the step replaces the oldest one.
    pub fn push(&mut self, step: Step<F>) {
        if self.steps.len() < self.capacity {
            self.steps.push(step);
        } else {
            self.steps[self.oldest] = step;
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    /// Draws one of the steps uniformly; `None` if the buffer is empty.
    #[cfg(feature = "rand")]
    pub fn sample<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> Option<&Step<F>> {
        use rand::RngExt;
        if self.steps.is_empty() {
            return None;
        }
        self.steps.get(rng.random_range(0..self.steps.len()))
    }

    /// Number of steps in the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether the buffer holds no step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Largest number of steps.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The steps, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Step<F>> + '_ {
        self.steps.iter()
    }

    #[cfg(feature = "serde")]
    fn check(&self) -> Result<(), Error> {
        let is_full = self.steps.len() == self.capacity;
        let is_right = self.capacity > 0
            && self.steps.len() <= self.capacity
            && (self.oldest == 0 || (is_full && self.oldest < self.capacity));
        if is_right {
            return Ok(());
        }
        let (found, expected) = (vec![self.steps.len(), self.oldest], vec![self.capacity, 0]);
        Err(crate::Error::ShapeMismatch { table: Table::ReplayBuffer, found, expected }.into())
    }
}

#[cfg(feature = "serde")]
super::serde_impls::checked!(ReplayBuffer<F>);
