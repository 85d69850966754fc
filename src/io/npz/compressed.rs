//! Dynamics as compressed rows, with the names of this crate or with those of scipy.

use ndarray::Array1;

use super::arrays::{Arrays, required};
use super::place::place_of;
use super::rewards::{self, Entries, SuccessorRewards, beside, of_possible};
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

/// Reads the rows, whose entries may come in any order. A successor may be listed several times:
/// its probabilities are added, and each entry has a reward of its own.
pub(super) fn decode<F: Real>(arrays: &mut Arrays<'_>, names: &Names) -> Result<Read<F>, Error> {
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
    let rewards = beside(rewards, &[next_states.len()])?;
    let entries = Entries {
        num_actions,
        row_offsets: arrays::into_vec(row_offsets),
        next_states: arrays::into_vec(next_states),
        probabilities: arrays::into_vec(probabilities),
    };
    let num_states = num_rows / num_actions;
    let are_ascending = are_ascending(&entries);
    let rows =
        if are_ascending { take(num_states, entries, rewards) } else { sort(num_states, entries, rewards) };
    rows.map_err(|error| Error::new(place_of(&error, names.probabilities), error))
}

/// Checks the array `format` that scipy writes with a matrix, if there is one.
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
                let is_of_states = name == "rewards" && shape.len() == 1;
                let expected = if is_of_states { rewards::repeat("A") } else { axes.to_owned() };
                return Err(Error::in_array(name, Reason::Shape { found: shape, expected }));
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

/// Whether the next states of each row ascend strictly. Also true if the offsets are invalid, which
/// [`SparseDynamics::new`] reports.
fn are_ascending<F>(entries: &Entries<F>) -> bool {
    let Entries { row_offsets, next_states, probabilities, .. } = entries;
    let num_entries = next_states.len();
    let are_valid = probabilities.len() == num_entries
        && row_offsets.first() == Some(&0)
        && row_offsets.last() == Some(&num_entries)
        && row_offsets.is_sorted();
    let mut rows = row_offsets.windows(2).map(|bounds| bounds[0]..bounds[1]);
    !are_valid || rows.all(|row| next_states[row].is_sorted_by(|a, b| a < b))
}

type Read<F> = (SparseDynamics<F>, Option<SuccessorRewards<F>>);

/// Takes ascending rows as they are.
fn take<F: Real>(
    num_states: usize,
    entries: Entries<F>,
    rewards: Option<Vec<F>>,
) -> Result<Read<F>, crate::Error> {
    let Entries { num_actions, row_offsets, next_states, probabilities } = entries;
    let rewards = rewards.map(|rewards| of_possible(rewards, &probabilities));
    let dynamics = SparseDynamics::new(num_states, num_actions, row_offsets, next_states, probabilities)?;
    Ok((dynamics, rewards.map(SuccessorRewards::OfTransitions)))
}

/// Sorts rows with valid offsets and adds up duplicates.
fn sort<F: Real>(
    num_states: usize,
    entries: Entries<F>,
    rewards: Option<Vec<F>>,
) -> Result<Read<F>, crate::Error> {
    let transitions = entries
        .pairs()
        .map(|(at, state, action)| (state, action, entries.next_states[at], entries.probabilities[at]));
    let dynamics = SparseDynamics::from_triplets(num_states, entries.num_actions, transitions)?;
    Ok((dynamics, rewards.map(|rewards| SuccessorRewards::OfEntries(entries, rewards))))
}
