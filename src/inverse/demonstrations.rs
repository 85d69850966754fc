//! What was seen: trajectories with their weights, or counts of actions.

use ndarray::Array2;

use super::Error;
use crate::{Model, Real, Table, Trajectory, arrays};

/// Demonstrations of an agent: trajectories with their weights, or counts of its actions.
///
/// Trajectories may have any lengths, and end in different states. A trajectory is *whole* if it
/// ends at the horizon, in a terminal state or in †. Other trajectories were *cut off*: the agent
/// went on unseen. They must be marked with [`with_cut_off`](Self::with_cut_off), because their
/// likelihood is another one. Marks have no effect on
/// [`Likelihood::actions`](super::Likelihood::actions).
///
/// For likelihoods and estimates, a weight of n has the effect of n equal demonstrations. In the
/// covariances of scores, it is one demonstration whose score counts n times. A demonstration of
/// weight 0 is not read.
/// A clone copies all trajectories.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Trajectory, inverse::Demonstrations, ndarray::array};
///
/// let transitions = array![[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
/// let rewards = array![[0.0, 0.0], [0.0, 0.0]];
/// let mdp = Mdp::builder(transitions, rewards).terminal_states([1]).build()?;
/// let short = Trajectory::new(vec![0, 1], vec![0])?;
/// let long = Trajectory::new(vec![0, 0, 0, 1], vec![1, 0, 0])?;
/// let demonstrations = Demonstrations::new([short, long]).with_weights([3.0, 1.0])?;
/// assert_eq!(demonstrations.total_weight(), 4.0);
/// assert_eq!(demonstrations.counts(&mdp)?, array![[5.0, 1.0], [0.0, 0.0]]);
/// # Ok::<(), softmdp::inverse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "DemonstrationsParts<F>",
        bound(serialize = "F: serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct Demonstrations<F = f64> {
    pub(super) seen: Seen<F>,
}

/// The kinds of demonstrations.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Seen<F> {
    Trajectories(Vec<Demonstration<F>>),
    /// n(s,a), `[s, a]`.
    Counts(Array2<F>),
}

/// A trajectory, and how it counts.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Demonstration<F> {
    pub(super) trajectory: Trajectory,
    pub(super) weight: F,
    /// The stage of its first state.
    pub(super) first_stage: usize,
    /// Whether it was cut off: it went on after its last state, unseen.
    pub(super) is_cut_off: bool,
}

#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(
    rename = "Demonstrations",
    deny_unknown_fields,
    bound(deserialize = "F: Real + serde::Deserialize<'de>")
)]
struct DemonstrationsParts<F> {
    seen: Seen<F>,
}

#[cfg(feature = "serde")]
impl<F: Real> TryFrom<DemonstrationsParts<F>> for Demonstrations<F> {
    type Error = Error;

    fn try_from(parts: DemonstrationsParts<F>) -> Result<Self, Error> {
        let all = match parts.seen {
            Seen::Counts(counts) => return Self::from_counts(counts),
            Seen::Trajectories(all) => all,
        };
        let weights: Vec<F> = all.iter().map(|one| one.weight).collect();
        let cut_off: Vec<bool> = all.iter().map(|one| one.is_cut_off).collect();
        Self { seen: Seen::Trajectories(all) }.with_weights(weights)?.with_cut_off(cut_off)
    }
}

impl<F: Real> Demonstrations<F> {
    /// Takes trajectories of any lengths.
    ///
    /// Each is whole, has weight 1 and starts at stage 0. They are checked against a model when
    /// they are used.
    pub fn new(trajectories: impl IntoIterator<Item = Trajectory>) -> Self {
        let demonstration =
            |trajectory| Demonstration { trajectory, weight: F::one(), first_stage: 0, is_cut_off: false };
        Self { seen: Seen::Trajectories(trajectories.into_iter().map(demonstration).collect()) }
    }

    /// Takes the numbers of times that each action was chosen in each state.
    ///
    /// Counts are what a stationary [`Likelihood::actions`](super::Likelihood::actions) needs of a
    /// panel. They need not be whole numbers.
    ///
    /// # Shapes
    ///
    /// `counts` n(s,a), `[s, a]`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCount`] for a count that is negative, NaN or infinite.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Inference, Mdp, ndarray::array};
    ///
    /// // One state, two actions: the choices of 10 days.
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?.with_discount(0.9)?;
    /// let counts = Demonstrations::from_counts(array![[7.0, 3.0]])?;
    /// let score = Likelihood::actions(Inference::Variational).evaluate(&mdp, &counts)?;
    /// assert!((score.value() - 10.0 * 0.5_f64.ln()).abs() < 1e-13);
    /// // The gradient is observed less expected choices.
    /// assert!((score.reward_gradient()[[0, 0]] - (7.0 - 5.0)).abs() < 1e-12);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_counts(counts: Array2<F>) -> Result<Self, Error> {
        for ((state, action), &count) in counts.indexed_iter() {
            if !(count >= F::zero() && count < F::infinity()) {
                return Err(Error::InvalidCount { state, action, value: count.into_f64() });
            }
        }
        Ok(Self { seen: Seen::Counts(arrays::standard_layout(counts)) })
    }

    /// Returns these trajectories with other weights, one for each.
    ///
    /// # Errors
    ///
    /// [`Error::NotTrajectories`] for counts; [`Error::NumberMismatch`] for another number of
    /// weights; [`Error::InvalidWeight`] for one that is negative, NaN or infinite.
    pub fn with_weights(self, weights: impl IntoIterator<Item = F>) -> Result<Self, Error> {
        self.with_each(weights, |index, one, weight| {
            if !(weight >= F::zero() && weight < F::infinity()) {
                return Err(Error::InvalidWeight { demonstration: index, value: weight.into_f64() });
            }
            one.weight = weight;
            Ok(())
        })
    }

    /// Returns these trajectories with other first stages, one for each.
    ///
    /// A first stage is the stage of the model at which the first state was seen. Without a
    /// horizon, first stages have no effect.
    ///
    /// # Errors
    ///
    /// [`Error::NotTrajectories`] for counts; [`Error::NumberMismatch`] for another number of
    /// stages.
    ///
    /// # Example
    ///
    /// Trajectories that end at the same time but start at different times:
    ///
    /// ```
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Mdp, Trajectory, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 1.0]])?;
    /// let [whole, rest] = [vec![1, 0, 1], vec![1, 1]];
    /// let whole = Trajectory::new(vec![0; 4], whole)?;
    /// let rest = Trajectory::new(vec![0; 3], rest)?;
    /// let demonstrations = Demonstrations::new([whole, rest]).with_first_stages([0, 1])?;
    /// let score = Likelihood::trajectories().horizon(3).evaluate(&mdp, &demonstrations)?;
    /// let log_sum = (1.0 + 1.0_f64.exp()).ln();
    /// assert!((score.value() - (4.0 - 5.0 * log_sum)).abs() < 1e-13);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_first_stages(self, first_stages: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        self.with_each(first_stages, |_, one, first_stage| {
            one.first_stage = first_stage;
            Ok(())
        })
    }

    /// Returns these trajectories marked as cut off (`true`) or whole (`false`), one mark for each.
    ///
    /// The agent of a trajectory that was cut off went on after its last state. Use it where the
    /// observation stopped, but not the agent.
    ///
    /// # Errors
    ///
    /// [`Error::NotTrajectories`] for counts; [`Error::NumberMismatch`] for another number of
    /// marks; [`Error::CutOffAfterEnd`] for a trajectory without a last state.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::inverse::{Demonstrations, Error, Likelihood};
    /// use softmdp::{Mdp, Trajectory, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 1.0]])?;
    /// let seen = Demonstrations::new([Trajectory::new(vec![0; 3], vec![1, 1])?]);
    /// let likelihood = Likelihood::trajectories().horizon(5);
    /// // Two of five stages were seen.
    /// let error = likelihood.evaluate(&mdp, &seen).unwrap_err();
    /// assert!(matches!(error, Error::Unended { trajectory: 0, .. }));
    /// let seen = seen.with_cut_off([true])?;
    /// let log_p = 1.0 - (1.0 + 1.0_f64.exp()).ln(); // of action 1
    /// assert!((likelihood.evaluate(&mdp, &seen)?.value() - 2.0 * log_p).abs() < 1e-13);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_cut_off(self, cut_off: impl IntoIterator<Item = bool>) -> Result<Self, Error> {
        self.with_each(cut_off, |index, one, is_cut_off| {
            if is_cut_off && one.trajectory.has_left() {
                return Err(Error::CutOffAfterEnd { trajectory: index });
            }
            one.is_cut_off = is_cut_off;
            Ok(())
        })
    }

    /// Calls `set(index, demonstration, entry)` for each trajectory.
    fn with_each<T>(
        mut self,
        entries: impl IntoIterator<Item = T>,
        set: impl Fn(usize, &mut Demonstration<F>, T) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let Seen::Trajectories(all) = &mut self.seen else { return Err(Error::NotTrajectories) };
        let entries: Vec<T> = entries.into_iter().collect();
        if entries.len() != all.len() {
            return Err(Error::NumberMismatch { found: entries.len(), expected: all.len() });
        }
        let demonstrations = all.iter_mut().zip(entries).enumerate();
        for (index, (demonstration, entry)) in demonstrations {
            set(index, demonstration, entry)?;
        }
        Ok(self)
    }

    /// The trajectories with their weights, in the given order; none for counts.
    pub fn trajectories(&self) -> impl Iterator<Item = (&Trajectory, F)> {
        self.all().iter().map(|one| (&one.trajectory, one.weight))
    }

    /// Number of trajectories; 0 for counts.
    #[must_use]
    pub fn num_trajectories(&self) -> usize {
        self.all().len()
    }

    /// Σ of the weights of all trajectories, or of all counts.
    #[must_use]
    pub fn total_weight(&self) -> F {
        match &self.seen {
            Seen::Trajectories(all) => all.iter().fold(F::zero(), |sum, one| sum + one.weight),
            Seen::Counts(counts) => counts.iter().fold(F::zero(), |sum, &count| sum + count),
        }
    }

    /// Computes n(s,a), the weighted number of times that each pair was seen, over all stages.
    ///
    /// # Shapes
    ///
    /// Returns `[s, a]`.
    ///
    /// # Errors
    ///
    /// [`Error::StateOutOfRange`] and [`Error::ActionOutOfRange`]; an
    /// [`Error::Model`] if counts have another shape than the model.
    pub fn counts<M: Model + ?Sized>(&self, mdp: &M) -> Result<Array2<F>, Error> {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        if let Seen::Counts(counts) = &self.seen {
            arrays::check_shape(Table::Counts, counts.shape(), &[num_states, num_actions])?;
            return Ok(counts.clone());
        }
        let mut counts = arrays::filled(Table::Counts, (num_states, num_actions), F::zero())?;
        for (index, one) in self.all().iter().enumerate() {
            check_range(index, &one.trajectory, num_states, num_actions)?;
            let pairs = one.trajectory.states().iter().zip(one.trajectory.actions());
            pairs.for_each(|(&state, &action)| counts[[state, action]] += one.weight);
        }
        Ok(counts)
    }

    /// The trajectories; none for counts.
    pub(super) fn all(&self) -> &[Demonstration<F>] {
        match &self.seen {
            Seen::Trajectories(all) => all,
            Seen::Counts(_) => &[],
        }
    }
}

/// Checks that a model has the states and actions of a trajectory.
pub(super) fn check_range(
    index: usize,
    trajectory: &Trajectory,
    num_states: usize,
    num_actions: usize,
) -> Result<(), Error> {
    let find = |entries: &[usize], len| entries.iter().position(|&entry| entry >= len);
    let state = find(trajectory.states(), num_states);
    let action = find(trajectory.actions(), num_actions);
    match (state, action) {
        (Some(stage), action) if action.is_none_or(|action| stage <= action) => {
            let state = trajectory.states()[stage];
            Err(Error::StateOutOfRange { trajectory: index, stage, state, num_states })
        }
        (_, Some(stage)) => {
            let action = trajectory.actions()[stage];
            Err(Error::ActionOutOfRange { trajectory: index, stage, action, num_actions })
        }
        _ => Ok(()),
    }
}
