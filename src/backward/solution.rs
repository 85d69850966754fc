//! The results of a backward pass.

use ndarray::{ArcArray2, ArcArray3, Array2, Array3, ArrayView2, ArrayView3, Axis};

use super::backup::back_up_stage;
use super::stage::StageTables;
use crate::mdp::check_options;
use crate::observation::{Observation, Observations};
use crate::{Error, Inference, Model, Policy, Real, Table, Workspace, arrays};

/// Values, action values and policy of every stage of a finite horizon.
///
/// Made by [`soft_value_iteration`](crate::soft_value_iteration) and
/// [`SoftValueIteration::solve`](crate::SoftValueIteration::solve). A clone shares the tables.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
///
/// // The second action pays 2 instead of 0.
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 2.0]])?;
/// let solution = soft_value_iteration(&mdp, 1)?;
/// assert_eq!(solution.action_values(), array![[[0.0, 2.0]]]);
/// let policy = solution.policy_at(0)?;
/// assert!((policy[[0, 1]] / policy[[0, 0]] - 2.0_f64.exp()).abs() < 1e-14);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "SolutionParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct Solution<F = f64> {
    state_values: ArcArray2<F>,
    action_values: ArcArray3<F>,
    policy: Policy<F>,
    inference: Inference,
    observations: Observations<F>,
    #[cfg_attr(feature = "serde", serde(skip))]
    workspace: Workspace<F>,
}

/// The tables of a [`Solution`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename = "Solution",
        deny_unknown_fields,
        bound(deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct SolutionParts<F = f64> {
    /// V_t(s), `[t, s]` with T+1 rows, below +∞.
    pub state_values: Array2<F>,
    /// Q_t(s,a), `[t, s, a]` with T rows, below +∞.
    pub action_values: Array3<F>,
    /// π_t(a∣s), for T stages.
    pub policy: Policy<F>,
    /// The problem that was solved.
    pub inference: Inference,
    /// The observations that the values include: none, unless the solution is that of
    /// [`posterior_given`](crate::posterior_given).
    #[cfg_attr(feature = "serde", serde(default = "Vec::new"))]
    pub observations: Vec<Observation<F>>,
}

/// Checks that shapes agree and that no value is NaN or +∞. Whether the tables solve a model is not
/// checked.
impl<F: Real> TryFrom<SolutionParts<F>> for Solution<F> {
    type Error = Error;

    fn try_from(parts: SolutionParts<F>) -> Result<Self, Error> {
        let SolutionParts { state_values, action_values, policy, inference, observations } = parts;
        let (horizon, num_states, num_actions) = action_values.dim();
        let values = StateValues::try_from(StateValuesParts { state_values, num_actions, inference })?;
        let shape = [horizon.saturating_add(1), num_states];
        arrays::check_shape(Table::StateValues, values.values.shape(), &shape)?;
        arrays::check_shape(Table::Policy, policy.probabilities().shape(), action_values.shape())?;
        arrays::check_entries(Table::ActionValues, &action_values, |value| value < F::infinity())?;
        let observations = Observations::new(observations, horizon, num_states)?;
        let (expected, found) = (Inference::Direct, inference);
        if found != expected && !observations.is_empty() {
            return Err(Error::InferenceMismatch { expected, found });
        }
        let action_values = arrays::standard_layout(action_values).into_shared();
        let (state_values, workspace) = (values.values, Workspace::default());
        Ok(Self { state_values, action_values, policy, inference, observations, workspace })
    }
}

impl<F: Real> Solution<F> {
    /// Room for a horizon, states and actions.
    pub(super) fn with_shape(
        (horizon, num_states, num_actions): (usize, usize, usize),
        inference: Inference,
    ) -> Result<Self, Error> {
        let shape = (horizon, num_states, num_actions);
        let values = StateValues::with_shape(shape, inference)?;
        Ok(Self {
            state_values: values.values,
            action_values: arrays::filled(Table::ActionValues, shape, F::zero())?.into_shared(),
            policy: Policy::with_shape(shape)?,
            inference,
            observations: Observations::none(),
            workspace: Workspace::default(),
        })
    }

    /// The memory of an earlier solve into this solution, for the next one.
    pub(super) fn workspace_mut(&mut self) -> &mut Workspace<F> {
        &mut self.workspace
    }

    /// The tables of all stages, and V of stage T, to be written for a model without observations.
    pub(super) fn tables_mut(&mut self, inference: Inference) -> StageTables<'_, F> {
        self.inference = inference;
        self.observations = Observations::none();
        StageTables {
            values: arrays::slice_mut(&mut self.state_values),
            action_values: Some(arrays::slice_mut(&mut self.action_values)),
            policy: Some(self.policy.tables_mut()),
        }
    }

    /// V_t(s), `[t, s]` with T+1 rows, in reward units; in direct inference τ log β_t(s). −∞ where
    /// success is impossible.
    ///
    /// Values of [`posterior_given`](crate::posterior_given) include the observations of stage t
    /// and later (D13), also in terminal states and at stage T. They are −∞ in states that an
    /// observation of stage t excludes.
    #[must_use]
    pub fn state_values(&self) -> ArrayView2<'_, F> {
        self.state_values.view()
    }

    /// Q_t(s,a), `[t, s, a]` with T rows, in reward units. −∞ for actions that are unavailable,
    /// have prior weight 0 or make success impossible, and in terminal states.
    #[must_use]
    pub fn action_values(&self) -> ArrayView3<'_, F> {
        self.action_values.view()
    }

    /// π_t(a∣s) of every stage.
    #[must_use]
    pub fn policy(&self) -> &Policy<F> {
        &self.policy
    }

    /// π_t(a∣s) of one stage, `[s, a]`, as a copy. [`Policy::at`] returns a view.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] if `stage` is not below the horizon.
    pub fn policy_at(&self, stage: usize) -> Result<Array2<F>, Error> {
        Ok(self.policy.at(stage)?.to_owned())
    }

    /// Number T of decision stages.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.action_values.len_of(Axis(0))
    }

    /// The inference that was used.
    #[must_use]
    pub fn inference(&self) -> Inference {
        self.inference
    }

    /// The observations that this solution is conditioned on, as a copy: one for each stage that
    /// has any, in order. The log-likelihoods of one stage are added up.
    ///
    /// There are none, unless this is the solution of [`posterior_given`](crate::posterior_given).
    #[must_use]
    pub fn observations(&self) -> Vec<Observation<F>> {
        self.observations.to_vec()
    }

    pub(crate) fn observed(&self) -> &Observations<F> {
        &self.observations
    }

    pub(super) fn set_observed(&mut self, observations: Observations<F>) {
        self.observations = observations;
    }

    /// [`Error::ShapeMismatch`] unless the model has the shape of the solved model.
    pub(crate) fn check_shape<M: Model + ?Sized>(&self, mdp: &M) -> Result<(), Error> {
        let (_, num_states, num_actions) = self.action_values.dim();
        let found = [mdp.num_states(), mdp.num_actions()];
        arrays::check_shape(Table::Model, &found, &[num_states, num_actions])
    }
}

/// State values of every stage of a finite horizon, without action values and policy.
///
/// Made by [`SoftValueIteration::solve_values`](crate::SoftValueIteration::solve_values). A clone
/// shares the table.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, SoftValueIteration, ndarray::array};
///
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]])?;
/// let values = SoftValueIteration::new(1000).solve_values(&mdp)?;
/// let policy = values.policy_at(&mdp, 500)?; // one backup
/// assert!((policy[[0, 1]] - 0.75).abs() < 1e-12);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "StateValuesParts<F>", bound(deserialize = "F: Real + serde::Deserialize<'de>"))
)]
pub struct StateValues<F = f64> {
    #[cfg_attr(feature = "serde", serde(rename = "state_values"))]
    values: ArcArray2<F>,
    num_actions: usize, // of the model solved
    inference: Inference,
    #[cfg_attr(feature = "serde", serde(skip))]
    workspace: Workspace<F>,
}

/// The table of [`StateValues`], with the number of actions and the inference.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename = "StateValues", deny_unknown_fields))]
pub struct StateValuesParts<F = f64> {
    /// V_t(s), `[t, s]` with T+1 rows, below +∞.
    pub state_values: Array2<F>,
    /// Number A of actions of the model that was solved.
    pub num_actions: usize,
    /// The problem that was solved.
    pub inference: Inference,
}

/// Checks that there is at least one state, one action and one row, and that no value is NaN or +∞.
impl<F: Real> TryFrom<StateValuesParts<F>> for StateValues<F> {
    type Error = Error;

    fn try_from(parts: StateValuesParts<F>) -> Result<Self, Error> {
        let StateValuesParts { state_values: values, num_actions, inference } = parts;
        let (num_rows, num_states) = values.dim();
        if num_states == 0 || num_actions == 0 {
            return Err(Error::EmptyModel { table: Table::Model, shape: vec![num_states, num_actions] });
        }
        // The last row is V_T, which is there also for horizon 0.
        arrays::check_shape(Table::StateValues, values.shape(), &[num_rows.max(1), num_states])?;
        arrays::check_entries(Table::StateValues, &values, |value| value < F::infinity())?;
        let (values, workspace) = (arrays::standard_layout(values).into_shared(), Workspace::new());
        Ok(Self { values, num_actions, inference, workspace })
    }
}

impl<F: Real> StateValues<F> {
    pub(super) fn with_shape(
        (horizon, num_states, num_actions): (usize, usize, usize),
        inference: Inference,
    ) -> Result<Self, Error> {
        let shape = (horizon.saturating_add(1), num_states);
        let values = arrays::filled(Table::StateValues, shape, F::zero())?.into_shared();
        Ok(Self { values, num_actions, inference, workspace: Workspace::new() })
    }

    /// Number A of actions of the model that was solved.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.num_actions
    }

    /// The values of all stages, to be written.
    pub(super) fn table_mut(&mut self, num_actions: usize, inference: Inference) -> &mut [F] {
        (self.num_actions, self.inference) = (num_actions, inference);
        arrays::slice_mut(&mut self.values)
    }

    /// The values of all stages, without a copy.
    pub(crate) fn into_table(self) -> Array2<F> {
        self.values.into_owned()
    }

    /// The memory of an earlier solve into these values, for the next one.
    pub(super) fn workspace_mut(&mut self) -> &mut Workspace<F> {
        &mut self.workspace
    }

    /// V_t(s), `[t, s]` with T+1 rows, in reward units; in direct inference τ log β_t(s).
    #[must_use]
    pub fn state_values(&self) -> ArrayView2<'_, F> {
        self.values.view()
    }

    /// π_t(a∣s) of one stage, `[s, a]`, by one backup.
    ///
    /// `mdp` must be the model that was solved. Only its shape is checked.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] if `stage` is not below the horizon, [`Error::ShapeMismatch`] if
    /// the model has another number of states or actions, and those of
    /// [`soft_value_iteration`](crate::soft_value_iteration).
    ///
    /// # Complexity
    ///
    /// One pass over the dynamics, memory O(S·A).
    pub fn policy_at<M>(&self, mdp: &M, stage: usize) -> Result<Array2<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let found = [mdp.num_states(), mdp.num_actions()];
        arrays::check_shape(Table::Model, &found, &[self.values.ncols(), self.num_actions])?;
        let horizon = self.horizon();
        if stage >= horizon {
            return Err(Error::StageOutOfRange { stage, horizon });
        }
        check_options(mdp, horizon)?;
        let next_values = self.values.index_axis(Axis(0), stage + 1);
        let backup = back_up_stage(mdp, arrays::slice(&next_values), stage, self.inference)?;
        Ok(backup.into_probabilities())
    }

    /// Number T of decision stages.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.values.nrows() - 1
    }

    /// The inference that was used.
    #[must_use]
    pub fn inference(&self) -> Inference {
        self.inference
    }
}
