//! Prior weights of actions, and available actions.

use ndarray::{Array2, ArrayView2};

use super::checks::{check_prior_weight, check_row};
use crate::{Dynamics, Error, Real, Table, arrays};

/// Prior weights ρ(a∣s) of actions (D0).
///
/// If a prior sums to 1, it is a policy. In direct inference with rewards ≤ 0, V is then τ times
/// the log-probability of success under that policy. With the counting prior, V also contains τ
/// times the logarithm of the number of action sequences, τ log A per stage.
///
/// Both give the same policy if every state has the same number of actions, no state is terminal
/// and, in direct inference, γ = 1. Otherwise the counting prior favours states with more actions.
///
/// # Example
///
/// ```
/// use softmdp::{ActionPrior, Mdp, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
/// let value = |prior| {
///     let solution = soft_value_iteration(&mdp.with_action_prior(prior)?, 1)?;
///     Ok::<_, softmdp::Error>(solution.state_values()[[0, 0]])
/// };
///
/// assert_eq!(value(ActionPrior::Counting)?, 2.0_f64.ln());
/// assert_eq!(value(ActionPrior::Uniform)?, 0.0);
/// assert_eq!(value(ActionPrior::Weights(array![[3.0, 5.0]]))?, 8.0_f64.ln()); // not normalised
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ActionPrior<F = f64> {
    /// Weight 1 for each available action: the soft maximum is log Σ exp.
    #[default]
    Counting,
    /// Weight 1/n for each of the n available actions of a state. n includes actions of reward −∞.
    Uniform,
    /// Any finite weights ≥ 0, `[s, a]`. They are not normalised. Weight 0 removes the action.
    Weights(Array2<F>),
}

/// The prior of a model: as given, and as algorithms read it.
#[derive(Debug, PartialEq)]
pub(super) struct PriorTables<F> {
    pub(super) kind: ActionPrior<F>,
    pub(super) available: Option<Array2<bool>>, // [s, a]; all, if None
    pub(super) effective: Array2<F>,            // [s, a]; 0 where unavailable
}

impl<F: Real> PriorTables<F> {
    /// Combines prior and available actions, checking shapes and weights.
    pub(super) fn new(
        kind: ActionPrior<F>,
        available: Option<Array2<bool>>,
        (num_states, num_actions): (usize, usize),
    ) -> Result<Self, Error> {
        let expected = [num_states, num_actions];
        if let Some(available) = &available {
            arrays::check_shape(Table::AvailableActions, available.shape(), &expected)?;
        }
        if let ActionPrior::Weights(weights) = &kind {
            arrays::check_shape(Table::ActionPrior, weights.shape(), &expected)?;
            for ((state, action), &weight) in weights.indexed_iter() {
                check_prior_weight(state, action, weight)?;
            }
        }
        let mut effective = arrays::filled(Table::ActionPrior, (num_states, num_actions), F::zero())?;
        for (state, mut row) in effective.outer_iter_mut().enumerate() {
            let flags = available.as_ref().map(|available| available.row(state));
            let count = flags.map_or(num_actions, |flags| flags.iter().filter(|flag| **flag).count());
            // Exact, or correctly rounded, for any possible number of actions.
            let share = F::one() / F::from_f64(count as f64);
            for (action, weight) in row.iter_mut().enumerate() {
                // Only weights that are not 0 are written, so that the others take no memory.
                if flags.is_none_or(|flags| flags[action]) {
                    *weight = match &kind {
                        ActionPrior::Counting => F::one(),
                        ActionPrior::Uniform => share,
                        ActionPrior::Weights(weights) => weights[[state, action]],
                    };
                }
            }
        }
        Ok(Self { kind, available, effective })
    }

    /// Checks that every state that is not terminal has an action of positive weight. A state
    /// without available actions is a valid dead end.
    pub(super) fn check_weights(&self, is_terminal: &[bool]) -> Result<(), Error> {
        for (state, weights) in self.effective.outer_iter().enumerate() {
            let is_dead_end = || {
                let available = self.available.as_ref().map(|available| available.row(state));
                available.is_some_and(|available| !available.iter().any(|&is_available| is_available))
            };
            let is_empty = !weights.iter().any(|&weight| weight > F::zero());
            if is_empty && !is_terminal[state] && !is_dead_end() {
                return Err(Error::EmptyPriorRow { state });
            }
        }
        Ok(())
    }

    /// Checks that every row of the dynamics that can be used is a distribution.
    pub(super) fn check_used_rows<D>(&self, dynamics: &D, is_terminal: &[bool]) -> Result<(), Error>
    where
        D: Dynamics<Scalar = F>,
    {
        self.used_pairs(is_terminal).try_for_each(|(state, action)| check_row(dynamics, state, action))
    }

    /// The pairs whose rows of the dynamics can be used.
    pub(super) fn used_pairs(&self, is_terminal: &[bool]) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.effective.outer_iter().enumerate();
        rows.filter(|(state, _)| !is_terminal[*state]).flat_map(|(state, weights)| {
            let used = weights.into_iter().enumerate().filter(|(_, weight)| **weight > F::zero());
            used.map(move |(action, _)| (state, action))
        })
    }

    pub(super) fn view(&self) -> ArrayView2<'_, F> {
        self.effective.view()
    }
}
