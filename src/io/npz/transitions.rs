//! Dynamics and rewards on the successor, written as arrays in the smallest of three layouts.

use std::io::Write;

use super::arrays::ArrayWriter;
use super::stored::{AnyDynamics, AnySuccessorRewardMdp};
use crate::io::Error;
use crate::{Dynamics, Real};

/// Transitions to be written, in rows: successors ascending, none of probability 0. A successor is
/// there once, or once for each of its rewards.
pub(super) struct Transitions<F> {
    shape: [usize; 2],
    offsets: Vec<usize>,
    next_states: Vec<usize>,
    probabilities: Vec<F>,
    rewards: Option<Vec<F>>,
    has_duplicates: bool,
}

impl<F: Real> Transitions<F> {
    /// Collects the rows, with the rewards on the successor of a model over these dynamics.
    pub(super) fn new(dynamics: &AnyDynamics<F>, rich: Option<&AnySuccessorRewardMdp<F>>) -> Self {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let mut transitions = Self {
            shape: [num_states, num_actions],
            offsets: vec![0],
            next_states: Vec::new(),
            probabilities: Vec::new(),
            rewards: rich.map(|_| Vec::new()),
            has_duplicates: false,
        };
        let mut row = Vec::new();
        for (state, action) in ndarray::indices((num_states, num_actions)) {
            row.clear();
            match rich {
                Some(model) => {
                    model.for_each_outcome(state, action, |next, p, reward| row.push((next, p, reward)));
                }
                None => dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    row.push((next_state, p, F::zero()));
                }),
            }
            row.retain(|&(_, p, _)| p > F::zero());
            // The sort is stable: probabilities of one successor are added in the order of visits.
            row.sort_by_key(|&(next_state, ..)| next_state);
            transitions.add(&row);
        }
        transitions
    }

    fn add(&mut self, row: &[(usize, F, F)]) {
        for (at, &(next_state, p, reward)) in row.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| row[at]).filter(|before| before.0 == next_state);
            match (before, self.probabilities.last_mut()) {
                (Some((.., same)), Some(sum)) if same == reward => *sum += p,
                _ => {
                    self.has_duplicates |= before.is_some();
                    self.next_states.push(next_state);
                    self.probabilities.push(p);
                    self.rewards.iter_mut().for_each(|rewards| rewards.push(reward));
                }
            }
        }
        self.offsets.push(self.next_states.len());
    }

    /// Writes the smallest of the three layouts that can hold the rewards.
    pub(super) fn encode<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let [num_states, num_actions] = self.shape;
        let num_entries = self.next_states.len();
        if self.has_duplicates {
            return self.encode_rows(writer);
        }
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
        self.encode_rows(writer)
    }

    /// Writes compressed rows.
    pub(super) fn encode_rows<W: Write>(&self, writer: &mut ArrayWriter<W>) -> Result<(), Error> {
        let num_entries = self.next_states.len();
        writer.indices("num_actions", &[], &[self.shape[1]])?;
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
