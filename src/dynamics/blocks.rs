//! Splits the rows of a stage among threads by their cost.

use std::ops::Range;

use super::Dynamics;
use crate::Error;
use crate::kernels::MANY;
use crate::parallel::{Cut, Split, num_threads, run_blocks, run_parts};

/// Largest cost of a block, in transitions: about ten microseconds of work. Blocks of half this
/// size slow two threads down by 10 %.
const BLOCK_COST: usize = 1 << 16;

/// Smallest cost of a stage that runs on several threads.
///
/// Measured speed-up of two threads over one, on two cores: 1.0 for stages of 8 µs; 1.3 to 1.5 for
/// stages of 13 µs (150 states and 4 actions, dense: 109,000; a grid of 25 × 25: 88,000); at least
/// 1.8 from 40 µs on. Stages in single precision take half as long and are not slower on two
/// threads either.
const PARALLEL_COST: usize = 3 << 15;

/// Cost of the exponentials and logarithms of one pair, in transitions of a dense row: 3 to 8 ns
/// against 0.13 ns.
const PAIR_COST: usize = 32;

/// Largest number of pairs in a block of more than one state.
pub(crate) const MOST_PAIRS: usize = BLOCK_COST / PAIR_COST;

/// Largest number of results in a block of several columns, so that they stay in cache until they
/// are read again.
const WIDE_ENTRIES: usize = 1 << 15;

/// Largest number of products in a block of many columns: a few milliseconds of work. Each block
/// rearranges the columns, and large blocks make that worthwhile.
const WIDE_WORK: usize = 1 << 25;

/// Largest number of products in a block of few columns, which are not rearranged.
const NARROW_WORK: usize = 1 << 21;

/// Successors of a pair from which on rows count as full.
pub(super) const MANY_SUCCESSORS: usize = 16;

/// The size of dynamics.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) work: usize, // stored transitions
    pub(crate) num_states: usize,
    pub(crate) num_actions: usize,
}

impl Size {
    /// That of the rows of this process.
    pub(crate) fn of<D: Dynamics + ?Sized>(dynamics: &D) -> Self {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        Self { work: dynamics.work(0..num_states), num_states, num_actions }
    }

    /// That of the rows of all processes that share the states. Collective.
    pub(crate) fn of_all<D: Dynamics + ?Sized>(dynamics: &D) -> Result<Self, Error> {
        let own = Self::of(dynamics);
        let Some(share) = dynamics.share() else { return Ok(own) };
        let mine = Ok([own.work as f64, own.num_states as f64]);
        let [work, num_states] =
            share.team().join("the size of dynamics", mine, |a, b| [a[0] + b[0], a[1] + b[1]])?;
        Ok(Self { work: work as usize, num_states: num_states as usize, num_actions: own.num_actions })
    }

    /// The average number of successors of a pair. It is 1 for dynamics that do not report it.
    pub(crate) fn successors_of_a_pair(self) -> usize {
        self.work / self.num_states / self.num_actions
    }

    /// Whether pairs have many successors.
    pub(crate) fn has_full_rows(self) -> bool {
        self.successors_of_a_pair() >= MANY_SUCCESSORS
    }
}

/// Cost of the rows of `states`.
fn cost<D: Dynamics + ?Sized>(dynamics: &D, states: Range<usize>) -> usize {
    let pairs = states.len().saturating_mul(dynamics.num_actions());
    dynamics.work(states).saturating_add(pairs.saturating_mul(PAIR_COST))
}

/// Whether a stage of these dynamics is large enough for several threads.
pub(crate) fn is_worthwhile<D: Dynamics + ?Sized>(dynamics: &D) -> bool {
    cfg!(feature = "rayon") && cost(dynamics, 0..dynamics.num_states()) >= PARALLEL_COST
}

/// Runs `block(states, outputs)` for blocks that cover all states of the dynamics.
///
/// If several blocks fail, the error of the lowest states is returned.
pub(crate) fn for_each_block<D, O, B>(dynamics: &D, outputs: O, block: &B) -> Result<(), Error>
where
    D: Dynamics + ?Sized,
    O: Split,
    B: Fn(Range<usize>, O) -> Result<(), Error> + Sync,
{
    let is_small = |states: &Range<usize>| cost(dynamics, states.clone()) <= BLOCK_COST;
    let cost = |states: Range<usize>| cost(dynamics, states);
    let cut = Cut { is_small: &is_small, cost: &cost, parallel: is_worthwhile(dynamics) };
    run_blocks(0..dynamics.num_states(), outputs, block, cut)
}

/// [`for_each_block`] for passes over `num_columns` columns at once. Blocks are larger, because a
/// product of matrices first rearranges the columns.
pub(crate) fn for_each_wide_block<D, O, B>(
    dynamics: &D,
    num_columns: usize,
    outputs: O,
    block: &B,
) -> Result<(), Error>
where
    D: Dynamics + ?Sized,
    O: Split,
    B: Fn(Range<usize>, O) -> Result<(), Error> + Sync,
{
    let most_work = if num_columns < MANY { NARROW_WORK } else { WIDE_WORK };
    let is_small = |states: &Range<usize>| {
        let entries = states.len().saturating_mul(dynamics.num_actions()).saturating_mul(num_columns);
        let work = dynamics.work(states.clone()).saturating_mul(num_columns);
        entries <= WIDE_ENTRIES && work <= most_work
    };
    let states = 0..dynamics.num_states();
    let parallel = cfg!(feature = "rayon")
        && cost(dynamics, states.clone()).saturating_mul(num_columns) >= PARALLEL_COST;
    let cost = |states: Range<usize>| cost(dynamics, states);
    run_blocks(states, outputs, block, Cut { is_small: &is_small, cost: &cost, parallel })
}

/// Runs `part(next_states, outputs)` for one part of the next states per thread.
///
/// Unlike in [`for_each_block`], every part reads all rows, so the number of parts is the number of
/// threads.
pub(crate) fn for_each_part<D, O, B>(dynamics: &D, outputs: O, part: &B)
where
    D: Dynamics + ?Sized,
    O: Split,
    B: Fn(Range<usize>, O) + Sync,
{
    let parts = if is_worthwhile(dynamics) { num_threads() } else { 1 };
    run_parts(0..dynamics.num_states(), outputs, part, parts);
}
