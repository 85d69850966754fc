//! Dynamics as compressed rows, with the names of this crate or with those of scipy.

use std::ops::Range;

use ndarray::Array1;

use super::arrays::{Arrays, required};
use super::place::place_of;
use super::rewards::{SuccessorRewards, beside, of_possible};
use crate::io::{Error, Reason};
use crate::{Real, SparseDynamics, arrays};

/// The names of the three arrays.
pub(super) struct Names {
    pub(super) row_offsets: &'static str,
    next_states: &'static str,
    pub(super) probabilities: &'static str,
}

/// The names of this crate.
pub(super) const OWN: Names =
    Names { row_offsets: "row_offsets", next_states: "next_states", probabilities: "probabilities" };

/// The names of `scipy.sparse.save_npz`, for a matrix `[S · A, S]`.
pub(super) const SCIPY: Names =
    Names { row_offsets: "indptr", next_states: "indices", probabilities: "data" };

/// Reads the rows, whose entries may come in any order. A successor may be listed several times: its
/// probabilities are added, and each entry has a reward of its own.
pub(super) fn decode<F: Real>(
    arrays: &mut Arrays<'_>,
    names: &Names,
) -> Result<(SparseDynamics<F>, Option<SuccessorRewards<F>>), Error> {
    check_format(arrays)?;
    let (name, axes) = (names.row_offsets, "[S · A + 1]");
    let row_offsets: Array1<usize> = required(name, arrays.indices(name, axes)?)?;
    let next_states: Array1<usize> = required(names.next_states, arrays.indices(names.next_states, "[n]")?)?;
    let probabilities: Array1<F> = arrays.needed(names.probabilities, "[n]")?;
    let num_rows = row_offsets.len().saturating_sub(1);
    let num_actions = num_actions(arrays, num_rows)?;
    if num_actions == 0 || !num_rows.is_multiple_of(num_actions) || row_offsets.is_empty() {
        let expected = format!("[S · A + 1] with A = {num_actions}");
        return Err(Error::in_array(name, Reason::Shape { found: vec![row_offsets.len()], expected }));
    }
    let rewards: Option<Array1<F>> = arrays.numbers("successor_rewards", "[n]")?;
    let rows = Rows {
        num_states: num_rows / num_actions,
        num_actions,
        rewards: beside(rewards, &[next_states.len()])?,
        row_offsets: arrays::into_vec(row_offsets),
        next_states: arrays::into_vec(next_states),
        probabilities: arrays::into_vec(probabilities),
    };
    let dynamics = if rows.are_ascending() { rows.take() } else { rows.sort() };
    dynamics.map_err(|error| Error::new(place_of(&error, names.probabilities), error))
}

/// Checks the format that scipy writes beside a matrix, if it is there.
pub(super) fn check_format(arrays: &mut Arrays<'_>) -> Result<(), Error> {
    if !arrays.has(SCIPY.probabilities) {
        return Ok(());
    }
    match arrays.text("format")? {
        Some(field) if field != "csr" => {
            let expected = "\"csr\": convert the matrix by .tocsr()";
            Err(Error::in_array("format", Reason::Unreadable { field, expected }))
        }
        _ => Ok(()),
    }
}

/// Number of actions: from `num_actions`, from the shape of a table `[s, a]`, or from the shape
/// `[S · A, S]` of a matrix of scipy.
fn num_actions(arrays: &mut Arrays<'_>, num_rows: usize) -> Result<usize, Error> {
    if let Some(num_actions) = arrays.index("num_actions")? {
        return Ok(num_actions);
    }
    let tables = [
        ("rewards", "[s, a] or [t, s, a]", 2..=3),
        ("stage_rewards", "[t, s, a]", 3..=3),
        ("available_actions", "[s, a]", 2..=2),
        ("action_prior", "[s, a]", 2..=2),
    ];
    for (name, axes, ranks) in tables {
        let Some(shape) = arrays.shape(name)? else { continue };
        match shape.last() {
            Some(&num_actions) if ranks.contains(&shape.len()) => return Ok(num_actions),
            _ => {
                return Err(Error::in_array(name, Reason::Shape { found: shape, expected: axes.to_owned() }));
            }
        }
    }
    let matrix: Option<Array1<usize>> = arrays.indices("shape", "[2]")?;
    if let Some(matrix) = matrix {
        return match arrays::into_vec(matrix)[..] {
            [rows, num_states] if rows == num_rows && num_states > 0 && rows.is_multiple_of(num_states) => {
                Ok(rows / num_states)
            }
            ref found => {
                let expected = format!("[S · A, S] with S · A = {num_rows}");
                Err(Error::in_array("shape", Reason::Shape { found: found.to_vec(), expected }))
            }
        };
    }
    let hint = "row_offsets do not tell the number of actions";
    Err(Error::in_array("num_actions", Reason::missing(hint)))
}

/// The arrays of compressed rows.
struct Rows<F> {
    num_states: usize,
    num_actions: usize,
    row_offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
    rewards: Option<Vec<F>>, // of each entry
}

type Read<F> = (SparseDynamics<F>, Option<SuccessorRewards<F>>);

impl<F: Real> Rows<F> {
    /// Whether the next states of each row ascend, or whether that cannot be told from invalid
    /// offsets.
    fn are_ascending(&self) -> bool {
        let num_entries = self.next_states.len();
        let are_valid = self.probabilities.len() == num_entries
            && self.row_offsets.first() == Some(&0)
            && self.row_offsets.last() == Some(&num_entries)
            && self.row_offsets.is_sorted();
        !are_valid || self.rows().all(|(_, row)| self.next_states[row].is_sorted_by(|a, b| a < b))
    }

    /// The entries of each row.
    fn rows(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.row_offsets.windows(2).map(|bounds| bounds[0]..bounds[1]).enumerate()
    }

    /// Takes ascending rows as they are.
    fn take(self) -> Result<Read<F>, crate::Error> {
        let rewards = self.rewards.map(|rewards| of_possible(rewards, &self.probabilities));
        let (row_offsets, next_states) = (self.row_offsets, self.next_states);
        let dynamics = SparseDynamics::new(
            self.num_states,
            self.num_actions,
            row_offsets,
            next_states,
            self.probabilities,
        )?;
        Ok((dynamics, rewards.map(SuccessorRewards::OfTransitions)))
    }

    /// Sorts the entries of valid rows and adds up duplicates.
    fn sort(self) -> Result<Read<F>, crate::Error> {
        let num_actions = self.num_actions;
        let entries = || {
            self.rows()
                .flat_map(|(row, entries)| entries.map(move |at| (row / num_actions, row % num_actions, at)))
        };
        let transitions = entries()
            .map(|(state, action, at)| (state, action, self.next_states[at], self.probabilities[at]));
        let dynamics = SparseDynamics::from_triplets(self.num_states, num_actions, transitions)?;
        let outcomes = self.rewards.as_ref().map(|rewards| {
            let outcomes = entries().map(|(state, action, at)| {
                (state, action, self.next_states[at], self.probabilities[at], rewards[at])
            });
            SuccessorRewards::OfOutcomes(outcomes.collect())
        });
        Ok((dynamics, outcomes))
    }
}
