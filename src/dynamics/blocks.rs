//! Splitting the rows of a stage among threads, by what they cost.

use std::ops::Range;

use super::Dynamics;
use crate::Error;
use crate::kernels::MANY;
use crate::parallel::{Cut, Split, run_blocks, run_parts};

/// Cost of a block, in transitions, below which it is not cut further: some ten microseconds of work. Blocks of half the size cost
/// two threads a tenth of their time.
const BLOCK_COST: usize = 1 << 16;

/// Cost of a stage below which waking other threads may cost more than they save.
///
/// Measured on two cores, one thread beside two: stages of 8 µs are as fast on either, those of 13 µs (150 states and 4 actions,
/// dense: 109,000; a grid of 25 × 25: 88,000) 1.3 to 1.5 times as fast on two, and from 40 µs on it is 1.8 times and more. Single
/// precision takes half as long, and loses nothing either.
const PARALLEL_COST: usize = 3 << 15;

/// What the exponentials and logarithms of one pair cost, in transitions of a dense row: 3 to 8 ns beside 0.13 ns.
const PAIR_COST: usize = 32;

/// The most pairs in a block of more than one state.
pub(crate) const MOST_PAIRS: usize = BLOCK_COST / PAIR_COST;

/// The most results in a block of many columns: they are read again while they are in cache.
const WIDE_ENTRIES: usize = 1 << 15;

/// The most products in one, some milliseconds of work: columns are arranged anew for every block.
const WIDE_WORK: usize = 1 << 25;

/// The most in one of few columns, which are read as they are.
const NARROW_WORK: usize = 1 << 21;

/// Cost of the rows of some states.
fn cost<D: Dynamics + ?Sized>(dynamics: &D, states: Range<usize>) -> usize {
    let pairs = states.len().saturating_mul(dynamics.num_actions());
    dynamics.work(states).saturating_add(pairs.saturating_mul(PAIR_COST))
}

/// Whether a stage of these dynamics is worth more than one thread.
pub(crate) fn is_worthwhile<D: Dynamics + ?Sized>(dynamics: &D) -> bool {
    cfg!(feature = "rayon") && cost(dynamics, 0..dynamics.num_states()) >= PARALLEL_COST
}

/// Runs `block(states, outputs)` for blocks that cover all states of the dynamics.
///
/// Of several errors, that of the lowest states is returned.
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

/// [`for_each_block`] for passes over `num_columns` columns at once, whose blocks are larger: a product of matrices has to
/// earn what it costs to arrange them.
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

/// Runs `part(next_states, outputs)` for one part of the next states for each thread.
///
/// Unlike [`for_each_block`], every part reads all rows, so there are no more parts than threads.
pub(crate) fn for_each_part<D, O, B>(dynamics: &D, outputs: O, part: &B)
where
    D: Dynamics + ?Sized,
    O: Split,
    B: Fn(Range<usize>, O) + Sync,
{
    #[cfg(feature = "rayon")]
    let parts = if is_worthwhile(dynamics) { rayon::current_num_threads() } else { 1 };
    #[cfg(not(feature = "rayon"))]
    let parts = 1;
    run_parts(0..dynamics.num_states(), outputs, part, parts);
}
