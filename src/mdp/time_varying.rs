//! Models that vary by stage.

use std::sync::Arc;

use ndarray::{Array3, ArrayView1, Axis};

use super::{Mdp, Model, Stage, SuccessorRewardMdp, forward_description};
use crate::{Dynamics, Error, Inference, Table, arrays};

/// A model that consists of one model per stage.
///
/// Stages made by [`Mdp::with_rewards`], [`Mdp::with_action_prior`] or [`Mdp::with_dynamics`] from
/// one [`Mdp`] share all tables except the replaced one. Discount, temperature, terminal states and
/// terminal values must be the same at every stage. For dynamics of several types, call
/// [`Mdp::into_dyn`] for every stage.
///
/// # Example
///
/// A shop that is open in two of every three stages:
///
/// ```
/// use softmdp::{Mdp, TimeVaryingMdp, ndarray::array, soft_value_iteration};
///
/// let open = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 2.0]])?; // wait, or shop
/// let closed = open.with_rewards(array![[0.0, f64::NEG_INFINITY]])?;
/// let week = TimeVaryingMdp::new([open.clone(), open, closed])?.repeating();
/// let policy = soft_value_iteration(&week, 6)?.policy().clone();
/// let shops: Vec<bool> = (0..6).map(|t| policy.probabilities()[[t, 0, 1]] > 0.5).collect();
/// assert_eq!(shops, [true, true, false, true, true, false]);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimeVaryingMdp<M = Mdp> {
    stages: Vec<M>, // at least one
    repeats: bool,
}

impl<M: Model> TimeVaryingMdp<M> {
    /// Takes the models of stages 0, 1, 2, …. Their number is the longest possible horizon.
    ///
    /// # Errors
    ///
    /// [`Error::NoStages`]; [`Error::ShapeMismatch`] if a stage differs from stage 0 in its number
    /// of states or actions; [`Error::StageMismatch`] if it differs in discount, temperature,
    /// terminal states or terminal values.
    pub fn new(stages: impl IntoIterator<Item = M>) -> Result<Self, Error> {
        let stages: Vec<M> = stages.into_iter().collect();
        let (first, rest) = stages.split_first().ok_or(Error::NoStages)?;
        for (stage, model) in (1..).zip(rest) {
            let shape = |model: &M| [model.num_states(), model.num_actions()];
            arrays::check_shape(Table::Model, &shape(model), &shape(first))?;
            let is_terminal = |state| model.is_terminal(state) == first.is_terminal(state);
            let properties = [
                ("discount", model.discount() == first.discount()),
                ("temperature", model.temperature() == first.temperature()),
                ("terminal values", model.terminal_values() == first.terminal_values()),
                ("terminal states", (0..first.num_states()).all(is_terminal)),
            ];
            if let Some((property, _)) = properties.into_iter().find(|(_, agrees)| !agrees) {
                return Err(Error::StageMismatch { stage, property });
            }
        }
        Ok(Self { stages, repeats: false })
    }

    /// Repeats the n stages without end: stage t is the model at index t modulo n.
    #[must_use]
    pub fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// The same schedule with a changed copy of each model.
    pub(crate) fn map_stages<N: Model>(
        &self,
        change: impl FnMut(&M) -> Result<N, Error>,
    ) -> Result<TimeVaryingMdp<N>, Error> {
        let stages = TimeVaryingMdp::new(self.stages.iter().map(change).collect::<Result<Vec<_>, _>>()?)?;
        Ok(TimeVaryingMdp { repeats: self.repeats, ..stages })
    }

    /// The models of the stages, in order.
    #[must_use]
    pub fn stages(&self) -> &[M] {
        &self.stages
    }
}

impl<F: crate::Real, D: Dynamics<Scalar = F>> TimeVaryingMdp<SuccessorRewardMdp<F, D>> {
    /// Erases the type of the dynamics, as [`Mdp::into_dyn`] does.
    #[must_use]
    pub fn into_dyn(self) -> TimeVaryingMdp<SuccessorRewardMdp<F, Arc<dyn Dynamics<Scalar = F>>>>
    where
        D: 'static,
    {
        let stages = self.stages.into_iter().map(SuccessorRewardMdp::into_dyn).collect();
        TimeVaryingMdp { stages, repeats: self.repeats }
    }
}

impl<F: crate::Real, D: Dynamics<Scalar = F>> TimeVaryingMdp<Mdp<F, D>> {
    /// Erases the type of the dynamics, as [`Mdp::into_dyn`] does.
    #[must_use]
    pub fn into_dyn(self) -> TimeVaryingMdp<Mdp<F, Arc<dyn Dynamics<Scalar = F>>>>
    where
        D: 'static,
    {
        let stages = self.stages.into_iter().map(Mdp::into_dyn).collect();
        TimeVaryingMdp { stages, repeats: self.repeats }
    }

    /// Makes a model with rewards for each stage, `[t, s, a]`. It shares all other tables with
    /// `mdp`.
    ///
    /// Rewards of −∞ in all other states do not condition on being in a state at a stage:
    /// trajectories that have ended take no action, so the rewards do not exclude them. To
    /// condition on a state or on a sensor, use [`posterior_given`](crate::posterior_given).
    ///
    /// # Errors
    ///
    /// [`Error::NoStages`]; [`Error::ShapeMismatch`], [`Error::InvalidReward`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, TimeVaryingMdp, ndarray::array, soft_value_iteration};
    ///
    /// let mdp = Mdp::new(array![[[1.0]]], array![[0.0]])?;
    /// let model = TimeVaryingMdp::from_rewards(&mdp, array![[[1.0]], [[10.0]]])?;
    /// assert_eq!(soft_value_iteration(&model, 2)?.state_values(), array![[11.0], [10.0], [0.0]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn from_rewards(mdp: &Mdp<F, D>, rewards: Array3<F>) -> Result<Self, Error> {
        let expected = [rewards.len_of(Axis(0)), mdp.num_states(), mdp.num_actions()];
        arrays::check_shape(Table::Rewards, rewards.shape(), &expected)?;
        let rewards = arrays::standard_layout(rewards).into_shared();
        let stages = (0..rewards.len_of(Axis(0)))
            .map(|t| mdp.with_shared_rewards(rewards.clone().index_axis_move(Axis(0), t)));
        Self::new(stages.collect::<Result<Vec<_>, _>>()?)
    }
}

impl<M: Model> Model for TimeVaryingMdp<M> {
    type Scalar = M::Scalar;
    type Dynamics = M::Dynamics;

    forward_description!(self => self.stages[0]);

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        self.stages[t % self.stages.len()].begin_stage(t)
    }

    fn num_stages(&self) -> Option<usize> {
        (!self.repeats).then_some(self.stages.len())
    }

    fn for_each_transition_reward(
        &self,
        t: usize,
        state: usize,
        action: usize,
        next_state: usize,
        visit: &mut dyn FnMut(M::Scalar, M::Scalar),
    ) {
        let stage = &self.stages[t % self.stages.len()];
        stage.for_each_transition_reward(t, state, action, next_state, visit);
    }

    fn for_each_stage_outcome(
        &self,
        t: usize,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, M::Scalar, M::Scalar),
    ) {
        self.stages[t % self.stages.len()].for_each_stage_outcome(t, state, action, visit);
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, M::Scalar, M::Dynamics>, Error> {
        let num_stages = self.stages.len();
        if !self.repeats && t >= num_stages {
            return Err(Error::HorizonOutOfRange { horizon: t.saturating_add(1), num_stages });
        }
        self.stages[t % num_stages].stage(t, inference)
    }
}
