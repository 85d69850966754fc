//! The result of a stationary solve.

use ndarray::{ArcArray1, ArcArray2, Array1, Array2, ArrayView1, ArrayView2, aview0};

use crate::{Convergence, Error, Inference, Real, StationaryPolicy, Table, arrays};

/// State values, action values and policy of a stationary problem, with an error bound.
///
/// Returned by [`solve_stationary`](crate::solve_stationary) and
/// [`StationarySolver::solve`](crate::StationarySolver::solve). The state values are the soft
/// maxima of the action values, and the policy is the softmax of the action values. The error bound
/// of [`convergence`](Self::convergence) holds for the state values. A clone shares the tables.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, solve_stationary};
///
/// // Two actions pay log 1 and log 3 at every stage: V = log 4 + γ V.
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]])?.with_discount(0.9)?;
/// let solution = solve_stationary(&mdp, 1e-9)?;
/// let value = solution.state_values()[0];
/// assert!((value - 10.0 * 4.0_f64.ln()).abs() <= solution.convergence().error_bound);
/// assert!((solution.probabilities()[[0, 1]] - 0.75).abs() < 1e-12);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        try_from = "StationarySolutionParts<F>",
        bound(serialize = "F: Real + serde::Serialize", deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct StationarySolution<F = f64> {
    state_values: ArcArray1<F>,
    action_values: ArcArray2<F>,
    policy: StationaryPolicy<F>,
    inference: Inference,
    convergence: Convergence<F>,
}

/// The tables of a [`StationarySolution`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename = "StationarySolution",
        deny_unknown_fields,
        bound(deserialize = "F: Real + serde::Deserialize<'de>")
    )
)]
pub struct StationarySolutionParts<F = f64> {
    /// V(s), `[s]`, below +∞.
    pub state_values: Array1<F>,
    /// Q(s,a), `[s, a]`, below +∞.
    pub action_values: Array2<F>,
    /// π(a∣s).
    pub policy: StationaryPolicy<F>,
    /// The problem that was solved.
    pub inference: Inference,
    /// How the search ended, with an error bound of at least 0.
    pub convergence: Convergence<F>,
}

/// Checks that shapes agree and that no value is NaN or +∞. Whether the tables solve a model is not
/// checked.
impl<F: Real> TryFrom<StationarySolutionParts<F>> for StationarySolution<F> {
    type Error = Error;

    fn try_from(parts: StationarySolutionParts<F>) -> Result<Self, Error> {
        let StationarySolutionParts { state_values, action_values, policy, inference, convergence } = parts;
        arrays::check_shape(Table::StateValues, state_values.shape(), &[action_values.nrows()])?;
        arrays::check_shape(Table::Policy, policy.probabilities().shape(), action_values.shape())?;
        arrays::check_entries(Table::StateValues, &state_values, |value| value < F::infinity())?;
        arrays::check_entries(Table::ActionValues, &action_values, |value| value < F::infinity())?;
        arrays::check_entries(Table::ErrorBound, &aview0(&convergence.error_bound), |e| e >= F::zero())?;
        let state_values = arrays::standard_layout(state_values).into_shared();
        let action_values = arrays::standard_layout(action_values).into_shared();
        Ok(Self { state_values, action_values, policy, inference, convergence })
    }
}

impl<F: Real> StationarySolution<F> {
    /// From state values, action values, policy and its logarithms.
    pub(super) fn new(
        (values, action_values, policy, logs): (Vec<F>, Array2<F>, Array2<F>, Array2<F>),
        inference: Inference,
        convergence: Convergence<F>,
    ) -> Self {
        Self {
            state_values: Array1::from_vec(values).into_shared(),
            action_values: action_values.into_shared(),
            policy: StationaryPolicy::from_solver(policy, logs),
            inference,
            convergence,
        }
    }

    /// V(s), `[s]`, in reward units; −∞ where success is impossible. Terminal states keep V_T.
    #[must_use]
    pub fn state_values(&self) -> ArrayView1<'_, F> {
        self.state_values.view()
    }

    /// Q(s,a), `[s, a]`, in reward units.
    ///
    /// −∞ for actions that are unavailable, have prior weight 0 or make success impossible, and in
    /// terminal states.
    #[must_use]
    pub fn action_values(&self) -> ArrayView2<'_, F> {
        self.action_values.view()
    }

    /// The policy π(a∣s) of the action values.
    #[must_use]
    pub fn policy(&self) -> &StationaryPolicy<F> {
        &self.policy
    }

    /// π(a∣s), `[s, a]`. Each row sums to 1, or is all zeros (a dead end).
    #[must_use]
    pub fn probabilities(&self) -> ArrayView2<'_, F> {
        self.policy.probabilities()
    }

    /// The status of the search, its number of passes, and the error bound of the state values.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<F> {
        &self.convergence
    }

    /// The inference that was solved.
    #[must_use]
    pub fn inference(&self) -> Inference {
        self.inference
    }
}
