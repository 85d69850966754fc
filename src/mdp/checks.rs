//! Checks of the parts of a model. Errors name the place and the value.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView1, ArrayView2};

use super::Model;
use crate::dynamics::{check_probability, check_successor};
use crate::parallel::fold_pieces;
use crate::{Dynamics, Error, Real, Table, arrays};

/// Returns [`Error::Team`] if processes share the states of a model, for `what` they cannot share.
pub(crate) fn check_not_shared<M: Model + ?Sized>(model: &M, what: &str) -> Result<(), Error> {
    if model.team().size() == 1 {
        return Ok(());
    }
    Err(Error::Team {
        message: format!(
            "a team of processes does not share {what}; it shares soft value iteration over a finite horizon (`solve`, \
             `solve_values`, `stream`, `soft_bellman_backup`), and variational stationary problems with a discount \
             below 1 by `Method::ValueIteration`: solve the model in one process"
        ),
    })
}

/// Returns [`Error::InvalidSetting`] unless a setting is valid.
pub(crate) fn check_setting<F: Real>(
    is_valid: bool,
    setting: &'static str,
    value: F,
    expected: &'static str,
) -> Result<(), Error> {
    if is_valid {
        return Ok(());
    }
    Err(Error::InvalidSetting { setting, value: value.into_f64(), expected })
}

pub(crate) fn check_discount<F: Real>(discount: F) -> Result<(), Error> {
    let is_valid = discount >= F::zero() && discount <= F::one();
    check_setting(is_valid, "discount", discount, "a number in [0, 1]")
}

pub(crate) fn check_temperature<F: Real>(temperature: F) -> Result<(), Error> {
    let is_valid = temperature >= F::zero() && temperature < F::infinity();
    check_setting(is_valid, "temperature", temperature, "a finite number >= 0")
}

pub(crate) fn check_tolerance<F: Real>(tolerance: F) -> Result<(), Error> {
    check_setting(tolerance > F::zero(), "tolerance", tolerance, "a number > 0")
}

pub(crate) fn check_terminal_values<F: Real>(
    values: ArrayView1<'_, F>,
    num_states: usize,
) -> Result<(), Error> {
    arrays::check_shape(Table::TerminalValues, values.shape(), &[num_states])?;
    let is_valid = |entries: Range<usize>, values: &[F]| {
        values[entries].iter().fold(true, |is_valid, &value| is_valid & (value < F::infinity()))
    };
    // In pieces first, without places.
    if let Some(values) = values.as_slice()
        && fold_pieces(values.len(), (), &|entries, ()| is_valid(entries, values), &|a, b| a & b)
    {
        return Ok(());
    }
    match values.iter().position(|&value| !(value < F::infinity())) {
        Some(state) => Err(Error::InvalidTerminalValue { state, value: values[state].into_f64() }),
        None => Ok(()),
    }
}

#[inline]
pub(crate) fn check_reward<F: Real>(state: usize, action: usize, reward: F) -> Result<(), Error> {
    if reward < F::infinity() {
        return Ok(());
    }
    Err(Error::InvalidReward { state, action, value: reward.into_f64() })
}

#[inline]
pub(crate) fn check_prior_weight<F: Real>(state: usize, action: usize, weight: F) -> Result<(), Error> {
    if weight >= F::zero() && weight < F::infinity() {
        return Ok(());
    }
    Err(Error::InvalidPriorWeight { state, action, value: weight.into_f64() })
}

pub(super) fn check_rewards<F: Real>(
    rewards: ArrayView2<'_, F>,
    num_states: usize,
    num_actions: usize,
) -> Result<(), Error> {
    arrays::check_shape(Table::Rewards, rewards.shape(), &[num_states, num_actions])?;
    // In vector arithmetic first, without places.
    if rewards.iter().fold(true, |is_valid, &reward| is_valid & (reward < F::infinity())) {
        return Ok(());
    }
    (rewards.indexed_iter()).try_for_each(|((state, action), &reward)| check_reward(state, action, reward))
}

/// Turns a list of terminal states into flags, `[s]`.
pub(super) fn terminal_flags(
    states: impl IntoIterator<Item = usize>,
    num_states: usize,
) -> Result<Arc<[bool]>, Error> {
    let mut is_terminal = arrays::filled_vec(Table::TerminalStates, num_states, false)?;
    for state in states {
        let table = Table::TerminalStates;
        *is_terminal.get_mut(state).ok_or(Error::StateOutOfRange { table, state, num_states })? = true;
    }
    Ok(is_terminal.into())
}

/// Checks that a row of the dynamics is a distribution over the states.
pub(crate) fn check_row<F, D>(dynamics: &D, state: usize, action: usize) -> Result<(), Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let sum = check_entries(dynamics, state, action)?.sum;
    if is_normalized::<F>(sum) {
        return Ok(());
    }
    Err(Error::UnnormalizedTransition { state, action, sum, tolerance: F::ROW_SUM_TOLERANCE })
}

/// The sum of a row, and its number of visits.
pub(super) struct RowSum {
    pub(super) sum: f64,
    count: usize,
}

impl RowSum {
    /// Whether the sum differs from 1 by no more than the rounding of entries of this number type
    /// and of their sum.
    pub(super) fn is_rounded_one<F: Real>(&self) -> bool {
        let rounding = F::epsilon().into_f64() + self.count as f64 * f64::EPSILON;
        (self.sum - 1.0).abs() <= rounding
    }
}

/// Checks that the entries of a row are probabilities of states.
pub(super) fn check_entries<F, D>(dynamics: &D, state: usize, action: usize) -> Result<RowSum, Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let num_states = dynamics.num_places();
    let (mut row, mut result) = (RowSum { sum: 0.0, count: 0 }, Ok(()));
    dynamics.for_each_successor(state, action, &mut |next_state, p| {
        if result.is_ok() {
            result = check_successor(state, action, next_state, num_states)
                .and_then(|()| check_probability(state, action, next_state, p));
        }
        row.sum += p.into_f64();
        row.count += 1;
    });
    dynamics.for_each_faint_successor(state, action, &mut |next_state, _| {
        if result.is_ok() {
            result = check_successor(state, action, next_state, num_states);
        }
    });
    result.map(|()| row)
}

/// Whether a sum of probabilities of this number type is 1 within the tolerance.
pub(crate) fn is_normalized<F: Real>(sum: f64) -> bool {
    (sum - 1.0).abs() <= F::ROW_SUM_TOLERANCE
}
