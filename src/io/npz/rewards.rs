//! Rewards as arrays.

use ndarray::{Array, Array2, Array3, ArrayRef, Dimension};

use super::arrays::Arrays;
use super::stored::{AnyMdp, AnySuccessorRewardMdp};
use crate::io::{Error, Place, Reason};
use crate::{Real, arrays};

/// Rewards that do not depend on the successor.
pub(super) enum Rewards<F> {
    /// `[s, a]`.
    OfPairs(Array2<F>),
    /// The name of the array, and `[t, s, a]`.
    OfStages(&'static str, Array3<F>),
}

/// The shapes of `rewards`.
const PAIRS_OR_STAGES: &str = "[s, a] or [t, s, a]";

/// Reads `rewards` or `stage_rewards` of a model of S states and A actions.
///
/// `rewards` `[t, s, a]` with T = S is an error: `[s, a, s']` and `[a, s, s']` with S = A, and
/// `[s, s', a]`, have the same shape.
pub(super) fn decode<F: Real>(
    arrays: &mut Arrays<'_>,
    (num_states, num_actions): (usize, usize),
) -> Result<Option<Rewards<F>>, Error> {
    let (name, other) = ("rewards", "stage_rewards");
    if arrays.has(other) {
        if arrays.has(name) {
            return Err(Error::in_array(other, Reason::Conflict { other: name }));
        }
        return stages(arrays, other).map(Some);
    }
    let Some(found) = arrays.shape(name)? else { return Ok(None) };
    if let Some(expected) = other_order(&found, num_states, num_actions) {
        return Err(Error::in_array(name, Reason::Shape { found, expected }));
    }
    if found.len() != 3 {
        let rewards = arrays.needed(name, PAIRS_OR_STAGES)?;
        check_rewards(name, &rewards)?;
        return Ok(Some(Rewards::OfPairs(rewards)));
    }
    if found == [num_states, num_states, num_actions] {
        let readings = "rewards by stage, or rewards on the successor";
        let remedy = "name the array `stage_rewards` for [t, s, a], or `successor_rewards` for [s, a, s']";
        return Err(Error::in_array(name, Reason::Ambiguous { readings, remedy }));
    }
    if found == [num_states, num_actions, num_states] || found == [num_actions, num_states, num_states] {
        let expected = "[s, a] or [t, s, a]: name rewards on the successor `successor_rewards`, [s, a, s']";
        return Err(Error::in_array(name, Reason::Shape { found, expected: expected.to_owned() }));
    }
    stages(arrays, name).map(Some)
}

/// What to do about rewards of states, and about a table with its axes in the other order.
fn other_order(found: &[usize], num_states: usize, num_actions: usize) -> Option<String> {
    match *found {
        [length] if length == num_states => Some(repeat(&num_actions.to_string())),
        [first, second] if first != second && (second, first) == (num_states, num_actions) => {
            Some(format!("{PAIRS_OR_STAGES}: it looks like [a, s], so save R.T"))
        }
        _ => None,
    }
}

/// The expected shape, and what to do about rewards of states.
pub(super) fn repeat(num_actions: &str) -> String {
    format!(
        "{PAIRS_OR_STAGES}: repeat rewards of states for each action, np.repeat(R[:, None], {num_actions}, axis=1)"
    )
}

fn stages<F: Real>(arrays: &mut Arrays<'_>, name: &'static str) -> Result<Rewards<F>, Error> {
    let rewards = arrays.needed(name, "[t, s, a]")?;
    check_rewards(name, &rewards)?;
    Ok(Rewards::OfStages(name, rewards))
}

/// Rewards on the successor.
pub(super) enum SuccessorRewards<F> {
    /// One for each transition, in the order of the dynamics.
    OfTransitions(Vec<F>),
    /// One for each entry of compressed rows, if a transition may have several.
    OfEntries(Entries<F>, Vec<F>),
}

/// The entries of compressed rows, in any order within a row.
pub(super) struct Entries<F> {
    pub(super) num_actions: usize,
    pub(super) row_offsets: Vec<usize>,
    pub(super) next_states: Vec<usize>,
    pub(super) probabilities: Vec<F>,
}

impl<F: Real> Entries<F> {
    /// Position, state and action of each entry. Precondition: the offsets are valid.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.row_offsets.windows(2).enumerate().flat_map(|(row, bounds)| {
            let (state, action) = (row / self.num_actions, row % self.num_actions);
            (bounds[0]..bounds[1]).map(move |at| (at, state, action))
        })
    }
}

impl<F: Real> SuccessorRewards<F> {
    pub(super) fn add_to(self, mdp: &AnyMdp<F>) -> Result<AnySuccessorRewardMdp<F>, crate::Error> {
        match self {
            Self::OfTransitions(rewards) => {
                let mut rewards = rewards.into_iter();
                mdp.with_successor_rewards(|_, _, _| rewards.next().unwrap_or_else(F::neg_infinity))
            }
            Self::OfEntries(entries, rewards) => {
                mdp.with_outcomes(entries.pairs().map(|(at, state, action)| {
                    (state, action, entries.next_states[at], entries.probabilities[at], rewards[at])
                }))
            }
        }
    }
}

/// Checks rewards on the successor against the shape of the transitions; returns them in row-major
/// order.
pub(super) fn beside<F: Real, D: Dimension>(
    rewards: Option<Array<F, D>>,
    shape: &[usize],
) -> Result<Option<Vec<F>>, Error> {
    let Some(rewards) = rewards else { return Ok(None) };
    if rewards.shape() != shape {
        let (found, expected) = (rewards.shape().to_vec(), format!("{shape:?}, as the transitions have"));
        return Err(Error::in_array("successor_rewards", Reason::Shape { found, expected }));
    }
    check_rewards("successor_rewards", &rewards)?;
    Ok(Some(arrays::into_vec(rewards)))
}

/// Rewards of the transitions with p > 0, which are the ones that dynamics visit.
pub(super) fn of_possible<'a, F: Real>(
    rewards: Vec<F>,
    probabilities: impl IntoIterator<Item = &'a F>,
) -> Vec<F> {
    let entries = rewards.into_iter().zip(probabilities);
    entries.filter(|(_, p)| **p > F::zero()).map(|(reward, _)| reward).collect()
}

/// Checks that rewards are below +∞. The model checks the same, but without the index in the file.
fn check_rewards<F: Real, D: Dimension>(name: &str, rewards: &ArrayRef<F, D>) -> Result<(), Error> {
    match rewards.iter().enumerate().find(|(_, reward)| !(**reward < F::infinity())) {
        None => Ok(()),
        Some((at, &reward)) => {
            let place = Place::Entry { array: name.to_owned(), index: arrays::index_of(rewards.shape(), at) };
            let (value, expected) = (reward.into_f64(), "a number below +inf");
            Err(Error::new(place, Reason::Value { value, expected }))
        }
    }
}
