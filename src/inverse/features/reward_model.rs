//! Models whose rewards a fit can change.

use ndarray::{Array1, Array2, ArrayView1};

use crate::mdp::forward_model;
use crate::{
    Dynamics, Error, Inference, Mdp, Model, Real, Stage, SuccessorRewardMdp, Table, TimeVaryingMdp, Watched,
};

/// A model that can make changed copies of itself, as a fit of rewards needs.
///
/// [`Mdp`], [`SuccessorRewardMdp`], [`TimeVaryingMdp`] of either, and [`Watched`] models implement
/// it. Implement it for a model of your own to fit its rewards.
///
/// # Example
///
/// ```
/// use softmdp::inverse::RewardModel;
/// use softmdp::{Mdp, ndarray::array};
///
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, f64::NEG_INFINITY]])?;
/// let richer = mdp.with_added_rewards(array![[0.5, 0.5]], array![2.0])?;
/// assert_eq!(richer.rewards(), array![[1.5, f64::NEG_INFINITY]]); // what is forbidden stays so
/// assert_eq!(richer.terminal_values(), array![2.0]);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub trait RewardModel: Model {
    /// The type of the copies. They have no hook.
    type Fitted: RewardModel<Scalar = Self::Scalar, Fitted = Self::Fitted>;

    /// Returns a copy with finite numbers added to the rewards of every stage, `[s, a]`, and to the
    /// terminal values, `[s]`. −∞ stays −∞.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`]; [`Error::Overflow`] if a sum is too large for the number type.
    fn with_added_rewards(
        &self,
        rewards: Array2<Self::Scalar>,
        terminal_values: Array1<Self::Scalar>,
    ) -> Result<Self::Fitted, Error>;

    /// Returns a copy with `reward(s, a, s')` added to the reward of every transition, or `None` if
    /// the rewards of this kind of model do not depend on the successor. That is the default.
    ///
    /// # Errors
    ///
    /// Those of [`Mdp::with_successor_rewards`].
    fn with_added_successor_rewards(
        &self,
        reward: &mut dyn FnMut(usize, usize, usize) -> Self::Scalar,
    ) -> Result<Option<Self::Fitted>, Error> {
        let _ = reward;
        Ok(None)
    }

    /// Returns a copy at another temperature.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    fn with_temperature(&self, temperature: Self::Scalar) -> Result<Self::Fitted, Error>;

    /// Returns a copy with another discount.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`].
    fn with_discount(&self, discount: Self::Scalar) -> Result<Self::Fitted, Error>;
}

/// `known` + `added`, entry by entry; rows of `width` entries belong to a state.
fn add<'a, F: Real>(
    table: Table,
    known: impl Iterator<Item = &'a F>,
    added: &mut [F],
    width: usize,
) -> Result<(), Error> {
    for (at, (added, &known)) in added.iter_mut().zip(known).enumerate() {
        *added += known;
        if known > F::neg_infinity() && !added.is_finite() {
            return Err(Error::Overflow { table, stage: 0, state: at / width });
        }
    }
    Ok(())
}

impl<F: Real, D: Dynamics<Scalar = F>> RewardModel for Mdp<F, D> {
    type Fitted = Self;

    fn with_added_rewards(&self, rewards: Array2<F>, terminal_values: Array1<F>) -> Result<Self, Error> {
        let shape = [self.num_states(), self.num_actions()];
        crate::arrays::check_shape(Table::Rewards, rewards.shape(), &shape)?;
        crate::arrays::check_shape(Table::TerminalValues, terminal_values.shape(), &shape[..1])?;
        let mut rewards = crate::arrays::standard_layout(rewards);
        let mut terminal_values = crate::arrays::standard_layout(terminal_values);
        let added = crate::arrays::slice_mut(&mut rewards);
        add(Table::Rewards, self.rewards().iter(), added, shape[1])?;
        let added = crate::arrays::slice_mut(&mut terminal_values);
        add(Table::TerminalValues, self.terminal_values().iter(), added, 1)?;
        self.with_rewards(rewards)?.with_terminal_values(terminal_values)
    }

    fn with_temperature(&self, temperature: F) -> Result<Self, Error> {
        Mdp::with_temperature(self, temperature)
    }

    fn with_discount(&self, discount: F) -> Result<Self, Error> {
        Mdp::with_discount(self, discount)
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> RewardModel for SuccessorRewardMdp<F, D> {
    type Fitted = Self;

    fn with_added_rewards(&self, rewards: Array2<F>, terminal_values: Array1<F>) -> Result<Self, Error> {
        let changed = self.mdp().with_added_rewards(rewards, terminal_values)?;
        let (rewards, terminal_values) = (changed.rewards(), changed.terminal_values());
        self.with_rewards(rewards.to_owned())?.with_terminal_values(terminal_values.to_owned())
    }

    fn with_added_successor_rewards(
        &self,
        reward: &mut dyn FnMut(usize, usize, usize) -> F,
    ) -> Result<Option<Self>, Error> {
        if !self.has_several_rewards() {
            let mut known = self.successor_rewards().iter();
            let mut sum = |s, a, next| reward(s, a, next) + known.next().copied().unwrap_or_else(F::zero);
            return self.with_successor_rewards(&mut sum).map(Some);
        }
        let mut outcomes = Vec::new();
        for (s, a) in ndarray::indices((self.mdp().num_states(), self.mdp().num_actions())) {
            self.for_each_outcome(s, a, |next, p, known| {
                outcomes.push((s, a, next, p, known + reward(s, a, next)));
            });
        }
        self.with_outcomes(outcomes).map(Some)
    }

    fn with_temperature(&self, temperature: F) -> Result<Self, Error> {
        SuccessorRewardMdp::with_temperature(self, temperature)
    }

    fn with_discount(&self, discount: F) -> Result<Self, Error> {
        SuccessorRewardMdp::with_discount(self, discount)
    }
}

impl<M: RewardModel> RewardModel for TimeVaryingMdp<M> {
    type Fitted = TimeVaryingMdp<M::Fitted>;

    fn with_added_rewards(
        &self,
        rewards: Array2<M::Scalar>,
        terminal_values: Array1<M::Scalar>,
    ) -> Result<Self::Fitted, Error> {
        self.map_stages(|model| model.with_added_rewards(rewards.clone(), terminal_values.clone()))
    }

    fn with_added_successor_rewards(
        &self,
        reward: &mut dyn FnMut(usize, usize, usize) -> M::Scalar,
    ) -> Result<Option<Self::Fitted>, Error> {
        let mut is_possible = true;
        let changed = self.map_stages(|model| {
            let changed = model.with_added_successor_rewards(reward)?;
            is_possible &= changed.is_some();
            // A stage that cannot change makes the whole model `None`; its copy is not used.
            changed.map_or_else(|| model.with_discount(model.discount()), Ok)
        })?;
        Ok(is_possible.then_some(changed))
    }

    fn with_temperature(&self, temperature: M::Scalar) -> Result<Self::Fitted, Error> {
        self.map_stages(|model| model.with_temperature(temperature))
    }

    fn with_discount(&self, discount: M::Scalar) -> Result<Self::Fitted, Error> {
        self.map_stages(|model| model.with_discount(discount))
    }
}

impl<M, H> RewardModel for Watched<'_, M, H>
where
    M: RewardModel + ?Sized,
    H: FnMut(usize) -> std::ops::ControlFlow<()> + Send,
{
    type Fitted = M::Fitted;

    fn with_added_rewards(
        &self,
        rewards: Array2<M::Scalar>,
        terminal_values: Array1<M::Scalar>,
    ) -> Result<M::Fitted, Error> {
        self.model().with_added_rewards(rewards, terminal_values)
    }

    fn with_added_successor_rewards(
        &self,
        reward: &mut dyn FnMut(usize, usize, usize) -> M::Scalar,
    ) -> Result<Option<M::Fitted>, Error> {
        self.model().with_added_successor_rewards(reward)
    }

    fn with_temperature(&self, temperature: M::Scalar) -> Result<M::Fitted, Error> {
        self.model().with_temperature(temperature)
    }

    fn with_discount(&self, discount: M::Scalar) -> Result<M::Fitted, Error> {
        self.model().with_discount(discount)
    }
}

/// A changed copy of a model that reports to the hook of the original.
#[derive(Debug)]
pub(in crate::inverse) struct Reporting<'a, M: ?Sized, W: ?Sized> {
    pub(in crate::inverse) model: &'a M,
    pub(in crate::inverse) original: &'a W,
}

impl<M: Model + ?Sized, W: Model + ?Sized> Model for Reporting<'_, M, W> {
    type Scalar = M::Scalar;
    type Dynamics = M::Dynamics;

    forward_model!(self => self.model);

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        self.original.begin_stage(t)
    }
}
