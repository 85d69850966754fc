//! Stages whose tables are checked when they are read, and checks of whole models.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::ArrayView2;
use num_traits::{Float, Zero};

use super::checks::{
    check_discount, check_prior_weight, check_reward, check_row, check_temperature, check_terminal_values,
};
use super::{Model, Stage};
use crate::{Dynamics, Error, Inference, Real, Table, arrays};

/// A stage with tables in row-major layout that are checked when they are read.
pub(crate) struct CheckedStage<'a, F: Real, D: ?Sized> {
    pub(crate) dynamics: &'a D,
    num_actions: usize,
    rewards: Cow<'a, [F]>,      // [s, a]
    action_prior: Cow<'a, [F]>, // [s, a]
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> CheckedStage<'a, F, D> {
    /// Tells the model that a pass begins a stage, and fetches the stage.
    pub(crate) fn begin<M>(model: &'a M, stage: usize, inference: Inference) -> Result<Self, Error>
    where
        M: Model<Scalar = F, Dynamics = D> + ?Sized,
    {
        model.begin_stage(stage)?;
        Self::new(model, stage, inference)
    }

    /// Fetches a stage and checks its shapes. Allocates only for tables that are not in row-major
    /// layout.
    pub(crate) fn new<M>(model: &'a M, stage: usize, inference: Inference) -> Result<Self, Error>
    where
        M: Model<Scalar = F, Dynamics = D> + ?Sized,
    {
        let Stage { dynamics, rewards, action_prior } = model.stage(stage, inference)?;
        let expected = (model.num_states(), model.num_actions());
        let check = |table, found: (usize, usize)| {
            arrays::check_shape(table, &[found.0, found.1], &[expected.0, expected.1])
        };
        check(Table::Transitions, (dynamics.num_states(), dynamics.num_actions()))?;
        check(Table::Rewards, rewards.dim())?;
        check(Table::ActionPrior, action_prior.dim())?;
        let in_rows = |table: ArrayView2<'a, F>| match table.to_slice() {
            Some(rows) => Cow::Borrowed(rows),
            None => Cow::Owned(table.iter().copied().collect()),
        };
        let (rewards, action_prior) = (in_rows(rewards), in_rows(action_prior));
        Ok(Self { dynamics, num_actions: expected.1, rewards, action_prior })
    }

    /// Rewards and prior weights of some states, `[s, a]` each, unchecked.
    #[inline]
    pub(crate) fn rows(&self, states: Range<usize>) -> (&[F], &[F]) {
        let rows = states.start * self.num_actions..states.end * self.num_actions;
        (&self.rewards[rows.clone()], &self.action_prior[rows])
    }

    /// Checks the row of a pair that a policy takes, if the model never uses the row and so has not
    /// checked it.
    pub(crate) fn check_taken(&self, state: usize, action: usize) -> Result<(), Error> {
        let (_, prior) = self.row(state)?;
        if prior[action] > F::zero() { Ok(()) } else { check_row(self.dynamics, state, action) }
    }

    /// Rewards and prior weights of a state, `[a]` each.
    #[inline]
    pub(crate) fn row(&self, state: usize) -> Result<(&[F], &[F]), Error> {
        let row = state * self.num_actions..(state + 1) * self.num_actions;
        let (rewards, prior) = (&self.rewards[row.clone()], &self.action_prior[row]);
        for (action, (&reward, &weight)) in rewards.iter().zip(prior).enumerate() {
            check_reward(state, action, reward)?;
            check_prior_weight(state, action, weight)?;
        }
        Ok((rewards, prior))
    }
}

/// Checks every stage of your own model up to a horizon against the requirements of [`Model`] and
/// [`Dynamics`].
///
/// An [`Mdp`](crate::Mdp) passed these checks when it was built.
///
/// # Errors
///
/// Those of [`MdpBuilder::build`](crate::MdpBuilder::build), for the first invalid stage and state,
/// except [`Error::EmptyPriorRow`]: here a row of zeros is a dead end.
/// [`Error::HorizonOutOfRange`]; errors of the model itself.
///
/// # Complexity
///
/// Time O(T · transitions).
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, check_model, ndarray::array};
///
/// let mdp = Mdp::new(array![[[1.0]]], array![[0.0]])?;
/// check_model(&mdp, 100)?;
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn check_model<M: Model + ?Sized>(model: &M, horizon: usize) -> Result<(), Error> {
    check_options(model, horizon)?;
    for t in 0..horizon {
        model.begin_stage(t)?;
        for inference in [Inference::Direct, Inference::Variational] {
            let stage = CheckedStage::new(model, t, inference)?;
            for state in 0..model.num_states() {
                let (rewards, prior) = stage.row(state)?;
                if model.is_terminal(state) {
                    continue;
                }
                // Tilted dynamics have no successors where the rewards forbid all of them.
                let is_used =
                    |action: &usize| prior[*action] > M::Scalar::zero() && rewards[*action].is_finite();
                for action in (0..prior.len()).filter(is_used) {
                    check_row(stage.dynamics, state, action)?;
                }
            }
        }
    }
    Ok(())
}

/// Checks everything about a model except its stages.
pub(crate) fn check_options<M: Model + ?Sized>(model: &M, horizon: usize) -> Result<(), Error> {
    if let Some(num_stages) = model.num_stages().filter(|&num_stages| num_stages < horizon) {
        return Err(Error::HorizonOutOfRange { horizon, num_stages });
    }
    if model.num_states() == 0 || model.num_actions() == 0 {
        let shape = vec![model.num_states(), model.num_actions()];
        return Err(Error::EmptyModel { table: Table::Rewards, shape });
    }
    check_discount(model.discount())?;
    check_temperature(model.temperature())?;
    check_terminal_values(model.terminal_values(), model.num_states())
}
