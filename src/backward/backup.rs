//! One soft Bellman backup of a model: as the loops over stages take it, and as a public function.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayRef1, ArrayView1, ArrayView2};
use num_traits::Float;

use super::linear::Linear;
use super::small::Small;
use super::stage::{Column, NextValues, StageTables, back_up};
use crate::bellman::BellmanRule;
use crate::mdp::{CheckedStage, begin_stage, check_team_options, terminal_states};
use crate::{Dynamics, Error, Inference, Model, Real, Table, Workspace, arrays};

/// Computes one soft Bellman backup: from the values V_{t+1} of the next stage to V_t, Q_t and π_t.
///
/// The equations are (D1)–(D3) for direct inference, and (V2) and (V3) for variational inference.
/// This is one step of [`SoftValueIteration`](crate::SoftValueIteration), for algorithms of your
/// own. `mdp` is any [`Model`]. If all its stages are equal, as in an [`Mdp`](crate::Mdp), every
/// `stage` is valid.
///
/// # Shapes
///
/// `next_values` `[s]`, in reward units; −∞ marks a state from which success is impossible.
///
/// # Errors
///
/// [`Error::StageOutOfRange`] if the model has no such stage, [`Error::ShapeMismatch`] unless
/// `next_values` has one entry for each state, [`Error::InvalidEntry`] if an entry is NaN or +∞,
/// [`Error::Overflow`] if a finite value leaves the range of the number type. A [`Model`] of your
/// own may return the errors of [`soft_value_iteration`](crate::soft_value_iteration).
///
/// # Complexity
///
/// Time O(transitions), memory 3·S·A + S numbers.
///
/// # Example
///
/// Soft value iteration as a loop over backups:
///
/// ```
/// use softmdp::{Inference, Mdp, ndarray::array, soft_bellman_backup, soft_value_iteration};
///
/// let transitions = array![[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.0, 1.0]]];
/// let mdp = Mdp::new(transitions, array![[0.0, -1.0], [1.0, 0.5]])?;
/// let mut values = mdp.terminal_values().to_owned();
/// for stage in (0..10).rev() {
///     let backup = soft_bellman_backup(&mdp, &values, stage, Inference::Direct)?;
///     values = backup.state_values().to_owned();
/// }
/// let solution = soft_value_iteration(&mdp, 10)?;
/// let difference = values - solution.state_values().row(0);
/// assert!(difference.iter().all(|difference| f64::abs(*difference) < 1e-13));
/// # Ok::<(), softmdp::Error>(())
/// ```
///
/// [`soft_value_iteration`](crate::soft_value_iteration) uses another order of operations if all
/// stages are equal. The results then agree only to within rounding.
pub fn soft_bellman_backup<M: Model + ?Sized>(
    mdp: &M,
    next_values: &ArrayRef1<M::Scalar>,
    stage: usize,
    inference: Inference,
) -> Result<SoftBellmanBackup<M::Scalar>, Error> {
    let has_stage = match mdp.num_stages() {
        Some(horizon) if stage >= horizon => Err(Error::StageOutOfRange { stage, horizon }),
        _ => Ok(()),
    };
    mdp.team().agree("soft_bellman_backup, stage", has_stage)?;
    check_team_options(mdp, stage, inference)?;
    let table = Table::StateValues;
    let checked = arrays::check_shape(table, next_values.shape(), &[mdp.num_states()])
        .and_then(|()| arrays::check_entries(table, next_values, |value| value < M::Scalar::infinity()));
    mdp.team().agree("soft_bellman_backup", checked)?;
    let next_values = next_values.as_slice().map_or_else(|| Cow::Owned(next_values.to_vec()), Cow::Borrowed);
    back_up_stage(mdp, &next_values, stage, inference)
}

/// [`soft_bellman_backup`] without the checks.
///
/// Precondition: the model has passed `check_options` and has this stage.
pub(crate) fn back_up_stage<M: Model + ?Sized>(
    mdp: &M,
    next_values: &[M::Scalar],
    stage: usize,
    inference: Inference,
) -> Result<SoftBellmanBackup<M::Scalar>, Error> {
    let (zero, shape) = (M::Scalar::default(), (mdp.num_states(), mdp.num_actions()));
    let backup = || {
        Ok(SoftBellmanBackup {
            state_values: arrays::filled(Table::StateValues, shape.0, zero)?,
            action_values: arrays::filled(Table::ActionValues, shape, zero)?,
            probabilities: arrays::filled(Table::Policy, shape, zero)?,
            log_probabilities: arrays::filled(Table::Policy, shape, zero)?,
        })
    };
    let mut backup = mdp.team().agree("back_up_stage", backup())?;
    begin_stage(mdp, stage)?;
    Backup::new(mdp, inference).stage(stage, next_values, backup.tables_mut())?;
    Ok(backup)
}

/// V, Q and π of one stage, made by [`soft_bellman_backup`].
#[derive(Debug, Clone, PartialEq)]
pub struct SoftBellmanBackup<F = f64> {
    state_values: Array1<F>,
    action_values: Array2<F>,
    probabilities: Array2<F>,
    log_probabilities: Array2<F>,
}

impl<F: Real> SoftBellmanBackup<F> {
    /// V_t(s), `[s]`, in reward units. It is −∞ where success is impossible, and the terminal value
    /// in terminal states.
    #[must_use]
    pub fn state_values(&self) -> ArrayView1<'_, F> {
        self.state_values.view()
    }

    /// Q_t(s,a), `[s, a]`, in reward units. −∞ for actions that are unavailable, have prior weight
    /// 0 or make success impossible, and in terminal states.
    #[must_use]
    pub fn action_values(&self) -> ArrayView2<'_, F> {
        self.action_values.view()
    }

    /// π_t(a∣s), `[s, a]`; each row sums to 1. Rows of terminal states and of states with V_t = −∞
    /// are the normalised prior.
    #[must_use]
    pub fn probabilities(&self) -> ArrayView2<'_, F> {
        self.probabilities.view()
    }

    /// log π_t(a∣s), `[s, a]`, in nats. An entry stays finite if the probability is too small for
    /// the number type.
    #[must_use]
    pub fn log_probabilities(&self) -> ArrayView2<'_, F> {
        self.log_probabilities.view()
    }

    /// π_t(a∣s) without a copy.
    pub(crate) fn into_probabilities(self) -> Array2<F> {
        self.probabilities
    }

    fn tables_mut(&mut self) -> StageTables<'_, F> {
        let (probabilities, logs) = (&mut self.probabilities, &mut self.log_probabilities);
        StageTables {
            values: arrays::slice_mut(&mut self.state_values),
            action_values: Some(arrays::slice_mut(&mut self.action_values)),
            policy: Some((arrays::slice_mut(probabilities), arrays::slice_mut(logs))),
        }
    }
}

/// A model and an inference, with the memory that a stage needs.
pub(crate) struct Backup<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m M,
    stage: Option<CheckedStage<'m, F, M::Dynamics>>, // the only one of a homogeneous model, once fetched
    terminal: Vec<usize>,                            // terminal states, ascending
    inference: Inference,
    discount: F,
    absorbed_value: F,
    next_values: NextValues<F>,
    places: Vec<F>, // V_{t+1} of all places, if processes share the states
    linear: Option<Linear<F>>,
    small: Option<Small<F>>,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Backup<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(crate) fn new(model: &'m M, inference: Inference) -> Self {
        Self::within(&mut Workspace::new(), model, inference)
    }

    /// [`new`](Self::new) in the memory of a workspace.
    pub(super) fn within(workspace: &mut Workspace<F>, model: &'m M, inference: Inference) -> Self {
        let next_values = match inference {
            Inference::Direct => {
                NextValues::Direct(workspace.take_block(model.num_states(), model.temperature()))
            }
            Inference::Variational => NextValues::Variational(Vec::new()),
        };
        let terminal = workspace.take_states(terminal_states(model));
        let (discount, absorbed_value) = (model.discount(), F::zero());
        let (stage, linear, small) = (None, None, Small::new(workspace, model, inference));
        let places = Vec::new();
        Self {
            model,
            stage,
            terminal,
            inference,
            discount,
            absorbed_value,
            next_values,
            places,
            linear,
            small,
        }
    }

    /// For the values of all stages of a horizon, by the linear recursion where it pays.
    pub(crate) fn for_values(
        workspace: &mut Workspace<F>,
        model: &'m M,
        inference: Inference,
        horizon: usize,
    ) -> Result<Self, Error> {
        Self::within(workspace, model, inference).with_linear(workspace, horizon)
    }

    /// With a linear recursion for the values of `num_stages` stages, where it pays.
    pub(super) fn with_linear(self, workspace: &mut Workspace<F>, num_stages: usize) -> Result<Self, Error> {
        let model = (self.model, &self.terminal[..]);
        Ok(Self { linear: Linear::new(workspace, model, self.inference, num_stages)?, ..self })
    }

    /// With another discount than that of the model.
    pub(crate) fn with_discount(self, discount: F) -> Self {
        Self { discount, ..self }
    }

    /// Sets the value of † at the next stage, 0 by default. Not for the linear recursion.
    pub(super) fn set_absorbed_value(&mut self, absorbed_value: F) {
        debug_assert!(self.linear.is_none());
        self.absorbed_value = absorbed_value;
    }

    pub(super) fn model(&self) -> &'m M {
        self.model
    }

    /// Whether values alone come from a linear recursion.
    pub(super) fn is_linear(&self) -> bool {
        self.linear.is_some()
    }

    /// Returns the memory to a workspace.
    pub(crate) fn release(self, workspace: &mut Workspace<F>) {
        workspace.keep_states(self.terminal);
        if let Some(small) = self.small {
            small.release(workspace);
        }
        if let NextValues::Direct(block) = self.next_values {
            workspace.keep_block(block);
        }
        if let Some(linear) = self.linear {
            linear.release(workspace);
        }
    }

    /// Backs `next_values` = V_{t+1} up to stage t. Allocates nothing, unless a state has thousands
    /// of actions, a model gives tables in another layout, or processes share the states. Then the
    /// call is collective, and an error of one process is one of all.
    pub(crate) fn stage(
        &mut self,
        t: usize,
        next_values: &[F],
        mut tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let (mut own, team) = (None, self.model.team());
        let Self { model, inference, next_values: room, places, linear, small, .. } = self;
        let stage = team.agree("a stage", fetch(*model, t, *inference, &mut self.stage, &mut own))?;
        let next_values = match stage.dynamics.share() {
            None => next_values,
            Some(share) => {
                places.resize(share.num_places(), F::zero());
                share.complete(next_values, places)?;
                &places[..]
            }
        };
        let rule = rule(*model, (*inference, self.discount, self.absorbed_value), next_values);
        let column = Column::new((*model, &self.terminal[..]), t, stage, rule);
        if small.as_mut().is_some_and(|small| small.stage(&column, &mut tables)) {
            return Ok(());
        }
        let result = match (linear, room) {
            (Some(linear), NextValues::Direct(block)) if tables.is_values_alone() => {
                linear.stage(&column, block, tables.values)
            }
            (_, room) => back_up(&[column], room, [tables]),
        };
        team.agree("the end of a stage", result)
    }

    /// Stages of a homogeneous model, each with the values V_{t+1} that it is to be backed up from.
    pub(super) fn columns<'v>(
        &'v mut self,
        stages: impl Iterator<Item = (usize, &'v [F])>,
    ) -> Result<Vec<Column<'v, F, M>>, Error> {
        debug_assert!(self.model.is_homogeneous());
        fetch(self.model, 0, self.inference, &mut self.stage, &mut None)?;
        let (backup, stage) = (&*self, self.stage.as_ref());
        let column = |(t, next_values)| {
            let options = (backup.inference, backup.discount, backup.absorbed_value);
            let (rule, model) =
                (rule(backup.model, options, next_values), (backup.model, &backup.terminal[..]));
            stage.map(|stage| Column::new(model, t, stage, rule))
        };
        Ok(stages.filter_map(column).collect())
    }
}

/// The rule for backing up `next_values`, given the inference, the discount and the value of †.
fn rule<'v, F: Real, M: Model<Scalar = F> + ?Sized>(
    model: &M,
    (inference, discount, absorbed_value): (Inference, F, F),
    next_values: &'v [F],
) -> BellmanRule<'v, F> {
    let rule = BellmanRule::new(inference, discount, model.temperature(), next_values);
    rule.with_absorbed_value(absorbed_value)
}

/// Stage `t` of a model: `kept`, if all stages are alike, or else one that is put into `own`.
fn fetch<'s, 'm, F: Real, M: Model<Scalar = F> + ?Sized>(
    model: &'m M,
    t: usize,
    inference: Inference,
    kept: &'s mut Option<CheckedStage<'m, F, M::Dynamics>>,
    own: &'s mut Option<CheckedStage<'m, F, M::Dynamics>>,
) -> Result<&'s CheckedStage<'m, F, M::Dynamics>, Error> {
    let place = if model.is_homogeneous() { kept } else { own };
    let stage = match place.take() {
        Some(stage) => stage,
        None => CheckedStage::new(model, t, inference)?,
    };
    Ok(place.insert(stage))
}
