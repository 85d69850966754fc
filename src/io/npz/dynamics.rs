//! Dynamics and rewards on the successor as arrays.
//!
//! Three layouts are read: dense, compressed rows, and deterministic. The smallest one is written.

use std::io::Write;
use std::sync::Arc;

use ndarray::{Array, Array1, Array2, Array3, ArrayRef, Dimension};

use super::arrays::{ArrayWriter, Arrays, required};
use super::place::place_of;
use crate::io::{Error, Place, Reason};
use crate::{DenseDynamics, DeterministicDynamics, Dynamics, Real, SparseDynamics, arrays};

/// Dynamics whose type is chosen at run time.
pub(super) type AnyDynamics<F> = Arc<dyn Dynamics<Scalar = F>>;

/// The dynamics of a file, and the rewards on the successor in the order of the dynamics.
pub(super) struct Layout<F> {
    pub(super) dynamics: AnyDynamics<F>,
    /// Name of the array of probabilities, for errors.
    pub(super) probabilities: &'static str,
    pub(super) successor_rewards: Option<Vec<F>>,
}

impl<F: Real> Layout<F> {
    pub(super) fn decode(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        const KINDS: [&str; 3] = ["transitions", "row_offsets", "successors"];
        let mut there = KINDS.into_iter().filter(|name| arrays.has(name));
        let first = there.next();
        if let (Some(first), Some(second)) = (first, there.next()) {
            return Err(Error::in_array(second, Reason::Conflict { other: first }));
        }
        match first {
            Some("transitions") => Self::dense(arrays),
            Some("row_offsets") => Self::compressed(arrays),
            Some(_) => Self::deterministic(arrays),
            None => {
                let hint =
                    "expected transitions, row_offsets with next_states and probabilities, or successors";
                Err(Error::in_array("transitions", Reason::Missing { hint }))
            }
        }
    }

    fn dense(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "transitions";
        let transitions: Array3<F> = arrays.needed(probabilities, "[s, a, s']")?;
        let shape = transitions.shape().to_vec();
        let dynamics = DenseDynamics::new(transitions)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array3<F>> = arrays.numbers("successor_rewards", "[s, a, s']")?;
        let successor_rewards =
            beside(rewards, &shape)?.map(|rewards| of_possible(rewards, dynamics.transitions()));
        Ok(Self { dynamics: Arc::new(dynamics), probabilities, successor_rewards })
    }

    fn compressed(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let (name, axes) = ("row_offsets", "[S · A + 1]");
        let row_offsets: Array1<usize> = required(name, arrays.indices(name, axes)?)?;
        let next_states: Array1<usize> = required("next_states", arrays.indices("next_states", "[n]")?)?;
        let probabilities: Array1<F> = arrays.needed("probabilities", "[n]")?;
        let num_actions = num_actions(arrays)?;
        let num_rows = row_offsets.len().saturating_sub(1);
        if num_actions == 0 || !num_rows.is_multiple_of(num_actions) || row_offsets.is_empty() {
            let expected = format!("[S · A + 1] with A = {num_actions}");
            return Err(Error::in_array(name, Reason::Shape { found: vec![row_offsets.len()], expected }));
        }
        let rewards: Option<Array1<F>> = arrays.numbers("successor_rewards", "[n]")?;
        let rewards = beside(rewards, &[next_states.len()])?;
        let successor_rewards = rewards.map(|rewards| of_possible(rewards, &probabilities));
        let dynamics = SparseDynamics::new(
            num_rows / num_actions,
            num_actions,
            arrays::into_vec(row_offsets),
            arrays::into_vec(next_states),
            arrays::into_vec(probabilities),
        )
        .map_err(|error| Error::new(place_of(&error, "probabilities"), error))?;
        Ok(Self { dynamics: Arc::new(dynamics), probabilities: "probabilities", successor_rewards })
    }

    fn deterministic(arrays: &mut Arrays<'_>) -> Result<Self, Error> {
        let probabilities = "successors";
        let successors: Array2<usize> = required(probabilities, arrays.indices(probabilities, "[s, a]")?)?;
        let shape = successors.shape().to_vec();
        let dynamics = DeterministicDynamics::new(successors)
            .map_err(|error| Error::new(place_of(&error, probabilities), error))?;
        let rewards: Option<Array2<F>> = arrays.numbers("successor_rewards", "[s, a]")?;
        let successor_rewards = beside(rewards, &shape)?;
        Ok(Self { dynamics: Arc::new(dynamics), probabilities, successor_rewards })
    }
}

/// Number of actions for compressed rows: from `num_actions`, or from the shape of a table
/// `[s, a]`.
fn num_actions(arrays: &mut Arrays<'_>) -> Result<usize, Error> {
    if let Some(num_actions) = arrays.index("num_actions")? {
        return Ok(num_actions);
    }
    let tables = [
        ("rewards", "[s, a] or [t, s, a]", 2..=3),
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
    let hint = "row_offsets do not tell the number of actions";
    Err(Error::in_array("num_actions", Reason::Missing { hint }))
}

/// Checks rewards on the successor against the shape of the transitions; returns them in row-major
/// order.
fn beside<F: Real, D: Dimension>(
    rewards: Option<Array<F, D>>,
    shape: &[usize],
) -> Result<Option<Vec<F>>, Error> {
    let Some(rewards) = rewards else { return Ok(None) };
    if rewards.shape() != shape {
        let (found, expected) = (rewards.shape().to_vec(), format!("{shape:?}, as the transitions have"));
        return Err(Error::in_array("successor_rewards", Reason::Shape { found, expected }));
    }
    check_rewards("successor_rewards", Some(&rewards))?;
    Ok(Some(arrays::into_vec(rewards)))
}

/// Rewards of the transitions with p > 0, which are the ones that dynamics visit.
fn of_possible<'a, F: Real>(rewards: Vec<F>, probabilities: impl IntoIterator<Item = &'a F>) -> Vec<F> {
    let entries = rewards.into_iter().zip(probabilities);
    entries.filter(|(_, p)| **p > F::zero()).map(|(reward, _)| reward).collect()
}

/// Checks that rewards are below +∞. The model checks the same, but without the index in the file.
pub(super) fn check_rewards<F: Real, D: Dimension>(
    name: &str,
    rewards: Option<&ArrayRef<F, D>>,
) -> Result<(), Error> {
    let Some(rewards) = rewards else { return Ok(()) };
    match rewards.iter().enumerate().find(|(_, reward)| !(**reward < F::infinity())) {
        None => Ok(()),
        Some((at, &reward)) => {
            let place = Place::Entry { array: name.to_owned(), index: arrays::index_of(rewards.shape(), at) };
            let (value, expected) = (reward.into_f64(), "a number below +inf");
            Err(Error::new(place, Reason::Value { value, expected }))
        }
    }
}

/// Transitions to be written, in rows: successors ascending, each once, none of probability 0.
pub(super) struct Transitions<F> {
    shape: [usize; 2],
    offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
    rewards: Option<Vec<F>>,
}

impl<F: Real> Transitions<F> {
    /// Collects the rows. `successor_rewards` are in the order of the dynamics.
    pub(super) fn new(dynamics: &AnyDynamics<F>, successor_rewards: Option<&[F]>) -> Self {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let mut transitions = Self {
            shape: [num_states, num_actions],
            offsets: vec![0],
            next_states: Vec::new(),
            probabilities: Vec::new(),
            rewards: successor_rewards.map(|_| Vec::new()),
        };
        let mut rewards = successor_rewards.into_iter().flatten().copied();
        let mut row = Vec::new();
        for (state, action) in ndarray::indices((num_states, num_actions)) {
            row.clear();
            dynamics.for_each_successor(state, action, &mut |next_state, p| {
                let reward = rewards.next().unwrap_or_else(F::zero);
                if p > F::zero() {
                    row.push((next_state, p, reward));
                }
            });
            // The sort is stable: probabilities of one successor are added in the order of visits.
            row.sort_by_key(|&(next_state, ..)| next_state);
            transitions.add(&row);
        }
        transitions
    }

    fn add(&mut self, row: &[(usize, F, F)]) {
        let first = self.next_states.len();
        for &(next_state, p, reward) in row {
            match self.probabilities.last_mut() {
                Some(sum) if self.next_states[first..].last() == Some(&next_state) => *sum += p,
                _ => {
                    self.next_states.push(next_state);
                    self.probabilities.push(p);
                    self.rewards.iter_mut().for_each(|rewards| rewards.push(reward));
                }
            }
        }
        self.offsets.push(self.next_states.len());
    }

    /// Writes the smallest of the three layouts.
    pub(super) fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let [num_states, num_actions] = self.shape;
        let num_entries = self.next_states.len();
        let is_certain = self.offsets.iter().enumerate().all(|(row, &offset)| offset == row)
            && self.probabilities.iter().all(|&p| p == F::one());
        if is_certain {
            writer.indices("successors", &self.shape, &self.next_states)?;
            return match &self.rewards {
                Some(rewards) => writer.table("successor_rewards", &self.shape, rewards),
                None => Ok(()),
            };
        }
        let table_len = (num_states.checked_mul(num_states)).and_then(|len| len.checked_mul(num_actions));
        if let Some(table_len) = table_len.filter(|&len| len <= 2 * num_entries + self.offsets.len()) {
            let shape = [num_states, num_actions, num_states];
            writer.table("transitions", &shape, &self.spread(table_len, &self.probabilities))?;
            return match &self.rewards {
                Some(rewards) => writer.table("successor_rewards", &shape, &self.spread(table_len, rewards)),
                None => Ok(()),
            };
        }
        writer.indices("num_actions", &[], &[num_actions])?;
        writer.indices("row_offsets", &[self.offsets.len()], &self.offsets)?;
        writer.indices("next_states", &[num_entries], &self.next_states)?;
        writer.table("probabilities", &[num_entries], &self.probabilities)?;
        match &self.rewards {
            Some(rewards) => writer.table("successor_rewards", &[num_entries], rewards),
            None => Ok(()),
        }
    }

    /// Expands entries to a table `[s, a, s']` of the given length, with 0 elsewhere.
    fn spread(&self, len: usize, entries: &[F]) -> Vec<F> {
        let mut table = vec![F::zero(); len];
        for (row, bounds) in self.offsets.windows(2).enumerate() {
            for at in bounds[0]..bounds[1] {
                table[row * self.shape[0] + self.next_states[at]] = entries[at];
            }
        }
        table
    }
}
