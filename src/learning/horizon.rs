//! The horizon of a learner: one table for all stages, or one for each stage.

use std::fmt::Debug;

use ndarray::{Array, Array3, ArrayRef1, ArrayView, Dimension, Ix1, Ix2, Ix3};

use crate::parts::{PolicyParts, StationaryPolicyParts};
use crate::{Error, Model, Policy, Real, StationaryPolicy, arrays};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Stationary {}
    impl Sealed for super::FiniteHorizon {}
}

/// The kind of problem that a learner works on: [`Stationary`] or [`FiniteHorizon`].
///
/// It sets the axes of all tables and the type of the policy. This trait is sealed.
pub trait Horizon: sealed::Sealed + Debug + Copy + PartialEq + Send + Sync + 'static {
    /// Axes of a table of state values: `[s]`, or `[t, s]`.
    type States: Dimension;
    /// Axes of a table of state–action pairs: `[s, a]`, or `[t, s, a]`.
    type Pairs: Dimension;
    /// The type of a learned policy.
    type Policy<F: Real>: Debug + Clone + PartialEq;

    /// Whether the number of stages is finite.
    const IS_FINITE: bool;

    /// Number of stages that have their own table: 1, or T.
    fn num_stages(self) -> usize;

    /// The index of the table for a stage.
    #[doc(hidden)]
    fn table_of(self, stage: usize) -> Result<usize, Error>;

    /// The index of the table for the next stage; `None` at the end of the horizon.
    #[doc(hidden)]
    fn table_after(self, table: usize) -> Option<usize>;

    /// Number of rows of a table of state values: 1, or T+1.
    #[doc(hidden)]
    fn num_value_rows(self) -> usize;

    /// Shape of the table of state values.
    #[doc(hidden)]
    fn state_axes(self, num_states: usize) -> Self::States;

    /// Shape of a table of state–action pairs.
    #[doc(hidden)]
    fn pair_axes(self, num_states: usize, num_actions: usize) -> Self::Pairs;

    /// A policy from its probabilities and logarithms, `[t, s, a]` each.
    #[doc(hidden)]
    fn policy<F: Real>(
        probabilities: Array3<F>,
        log_probabilities: Array3<F>,
    ) -> Result<Self::Policy<F>, Error>;

    /// J = Σ_s p₀(s) V^π(s) (V1).
    #[doc(hidden)]
    fn elbo<M: Model + ?Sized>(
        policy: &Self::Policy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<M::Scalar, Error>;

    /// V^π, `[t, s]`, with as many rows as the table of state values.
    #[doc(hidden)]
    fn evaluate<M: Model + ?Sized>(
        policy: &Self::Policy<M::Scalar>,
        mdp: &M,
    ) -> Result<Vec<M::Scalar>, Error>;

    /// γ^t d_t(s), `[t, s]`, a row for each stage; summed over all stages without a horizon.
    #[doc(hidden)]
    fn visits<M: Model + ?Sized>(
        policy: &Self::Policy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<Vec<M::Scalar>, Error>;

    /// A view of a table of state–action pairs.
    #[doc(hidden)]
    fn view<F>(
        self,
        (num_states, num_actions): (usize, usize),
        table: &[F],
    ) -> ArrayView<'_, F, Self::Pairs> {
        let shape = self.pair_axes(num_states, num_actions);
        ArrayView::from_shape(shape, table).expect("tables are as long as their axes say")
    }

    /// A table of state values.
    #[doc(hidden)]
    fn states<F>(self, num_states: usize, table: Vec<F>) -> Array<F, Self::States> {
        Array::from_shape_vec(self.state_axes(num_states), table)
            .expect("tables are as long as their axes say")
    }
}

/// No horizon: one table for all stages, for tasks with a discount or with terminal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stationary;

/// A finite horizon: a table for each of T stages.
///
/// # Example
///
/// ```
/// use softmdp::learning::{FiniteHorizon, Learner, SoftQLearning, Step, StepSize, Task};
/// use softmdp::ndarray::array;
///
/// // Two stages, two actions that pay 0 and log 3, terminal value 1.
/// let task = Task::new(1, 2)?.with_terminal_values(array![1.0])?.within(2);
/// assert_eq!(task.horizon(), FiniteHorizon { horizon: 2 });
/// let mut learner = SoftQLearning::new(task)?.with_step_size(StepSize::Constant(1.0))?;
/// for stage in [1, 0] {
///     for (action, reward) in [(0, 0.0), (1, 3.0_f64.ln())] {
///         learner.update(&Step { stage, ..Step::new(0, action, reward, 0) })?;
///     }
/// }
/// let values = learner.state_values()?; // [t, s], and the end in the last row
/// assert_eq!(values.dim(), (3, 1));
/// assert!((values[[0, 0]] - (1.0 + 2.0 * 4.0_f64.ln())).abs() < 1e-14);
/// assert_eq!(learner.policy()?.probabilities().dim(), (2, 1, 2)); // [t, s, a]
/// # Ok::<(), softmdp::learning::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct FiniteHorizon {
    /// Number T of decision stages.
    pub horizon: usize,
}

impl Horizon for Stationary {
    type States = Ix1;
    type Pairs = Ix2;
    type Policy<F: Real> = StationaryPolicy<F>;
    const IS_FINITE: bool = false;

    fn num_stages(self) -> usize {
        1
    }

    fn table_of(self, _stage: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn table_after(self, _table: usize) -> Option<usize> {
        Some(0)
    }

    fn num_value_rows(self) -> usize {
        1
    }

    fn state_axes(self, num_states: usize) -> Ix1 {
        Ix1(num_states)
    }

    fn pair_axes(self, num_states: usize, num_actions: usize) -> Ix2 {
        Ix2(num_states, num_actions)
    }

    fn policy<F: Real>(
        probabilities: Array3<F>,
        log_probabilities: Array3<F>,
    ) -> Result<StationaryPolicy<F>, Error> {
        let only = |table: Array3<F>| table.index_axis_move(ndarray::Axis(0), 0);
        let (probabilities, log_probabilities) = (only(probabilities), only(log_probabilities));
        StationaryPolicyParts { probabilities, log_probabilities }.try_into()
    }

    fn elbo<M: Model + ?Sized>(
        policy: &StationaryPolicy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<M::Scalar, Error> {
        policy.elbo(mdp, initial)
    }

    fn evaluate<M: Model + ?Sized>(
        policy: &StationaryPolicy<M::Scalar>,
        mdp: &M,
    ) -> Result<Vec<M::Scalar>, Error> {
        Ok(policy.evaluate(mdp)?.to_vec())
    }

    fn visits<M: Model + ?Sized>(
        policy: &StationaryPolicy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<Vec<M::Scalar>, Error> {
        Ok(policy.expected_visits(mdp, initial)?.to_vec())
    }
}

impl Horizon for FiniteHorizon {
    type States = Ix2;
    type Pairs = Ix3;
    type Policy<F: Real> = Policy<F>;
    const IS_FINITE: bool = true;

    fn num_stages(self) -> usize {
        self.horizon
    }

    fn table_of(self, stage: usize) -> Result<usize, Error> {
        if stage < self.horizon {
            return Ok(stage);
        }
        Err(Error::StageOutOfRange { stage, horizon: self.horizon })
    }

    fn table_after(self, table: usize) -> Option<usize> {
        (table + 1 < self.horizon).then_some(table + 1)
    }

    fn num_value_rows(self) -> usize {
        self.horizon.saturating_add(1)
    }

    fn state_axes(self, num_states: usize) -> Ix2 {
        Ix2(self.num_value_rows(), num_states)
    }

    fn pair_axes(self, num_states: usize, num_actions: usize) -> Ix3 {
        Ix3(self.horizon, num_states, num_actions)
    }

    fn policy<F: Real>(probabilities: Array3<F>, log_probabilities: Array3<F>) -> Result<Policy<F>, Error> {
        PolicyParts { probabilities, log_probabilities }.try_into()
    }

    fn elbo<M: Model + ?Sized>(
        policy: &Policy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<M::Scalar, Error> {
        policy.elbo(mdp, initial)
    }

    fn evaluate<M: Model + ?Sized>(policy: &Policy<M::Scalar>, mdp: &M) -> Result<Vec<M::Scalar>, Error> {
        Ok(arrays::slice(&policy.evaluate(mdp)?).to_vec())
    }

    fn visits<M: Model + ?Sized>(
        policy: &Policy<M::Scalar>,
        mdp: &M,
        initial: &ArrayRef1<M::Scalar>,
    ) -> Result<Vec<M::Scalar>, Error> {
        use num_traits::One;
        let mut occupancy = policy.state_occupancy(mdp, initial)?;
        let mut weight = M::Scalar::one();
        for mut row in occupancy.outer_iter_mut() {
            row.mapv_inplace(|mass| weight * mass);
            weight *= mdp.discount();
        }
        Ok(arrays::slice(&occupancy).to_vec())
    }
}
