//! Splitting the rows of a stage among threads, so that results do not depend on how many there are.
//!
//! Work is cut into blocks of neighbouring states, each with its own part of every output. Where blocks are cut
//! depends on the model alone, and what is computed for a state never on another block, so they may run anywhere and in any
//! order. Without the feature `rayon` they run one after the other; the blocks stay, since a block's rows are still in
//! cache when its soft maxima are taken.
//!
//! Blocks take microseconds, so they are called through `dyn`: what hands them to threads is compiled once for each kind of
//! outputs, instead of once for each algorithm, dynamics and number type, which took a quarter of the compile time of callers.

use std::ops::Range;

use crate::kernels::MANY;
use crate::{Dynamics, Error, Inference, Model};

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

/// Outputs that divide along the state axis.
pub(crate) trait Split: Send + Sized {
    /// The parts for the first `states` states and for the rest.
    fn split_at(self, states: usize) -> (Self, Self);
}

/// A table with `width` entries a state.
#[derive(Debug)]
pub(crate) struct Rows<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) width: usize,
}

impl<T> Rows<'_, T> {
    /// The same table for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Rows<'_, T> {
        Rows { data: self.data, width: self.width }
    }
}

impl<T: Send> Split for Rows<'_, T> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let (left, right) = self.data.split_at_mut(states * self.width);
        (Self { data: left, width: self.width }, Self { data: right, width: self.width })
    }
}

impl<A: Split, B: Split> Split for (A, B) {
    fn split_at(self, states: usize) -> (Self, Self) {
        let ((a, a_rest), (b, b_rest)) = (self.0.split_at(states), self.1.split_at(states));
        ((a, b), (a_rest, b_rest))
    }
}

impl<A: Split> Split for Option<A> {
    fn split_at(self, states: usize) -> (Self, Self) {
        match self.map(|part| part.split_at(states)) {
            Some((left, right)) => (Some(left), Some(right)),
            None => (None, None),
        }
    }
}

/// Nothing to be written.
impl Split for () {
    fn split_at(self, _states: usize) -> (Self, Self) {
        ((), ())
    }
}

/// Cost of the rows of some states.
fn cost<D: Dynamics + ?Sized>(dynamics: &D, states: Range<usize>) -> usize {
    let pairs = states.len().saturating_mul(dynamics.num_actions());
    dynamics.work(states).saturating_add(pairs.saturating_mul(PAIR_COST))
}

/// Whether a stage of these dynamics is worth more than one thread.
fn is_worthwhile<D: Dynamics + ?Sized>(dynamics: &D) -> bool {
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
    run(0..dynamics.num_states(), outputs, block, cut)
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
    run(states, outputs, block, Cut { is_small: &is_small, cost: &cost, parallel })
}

/// What is done with the states of a block and their part of the outputs.
type Block<'a, O> = dyn Fn(Range<usize>, O) -> Result<(), Error> + Sync + 'a;

/// How states are cut into blocks.
#[derive(Clone, Copy)]
struct Cut<'a> {
    is_small: &'a (dyn Fn(&Range<usize>) -> bool + Sync), // whether they are cut no further
    cost: &'a (dyn Fn(Range<usize>) -> usize + Sync),
    parallel: bool,
}

fn run<O: Split>(states: Range<usize>, outputs: O, block: &Block<'_, O>, cut: Cut<'_>) -> Result<(), Error> {
    if states.len() <= 1 || (cut.is_small)(&states) {
        return block(states, outputs);
    }
    let middle = balanced_middle(cut.cost, &states);
    let (left, right) = outputs.split_at(middle - states.start);
    let (low, high) = (states.start..middle, middle..states.end);
    let (low, high) = join(cut.parallel, || run(low, left, block, cut), || run(high, right, block, cut));
    low.and(high)
}

/// A state that about halves the cost of a range of two or more; never one of its ends.
fn balanced_middle(cost: &dyn Fn(Range<usize>) -> usize, states: &Range<usize>) -> usize {
    let half = cost(states.clone()) / 2;
    // Rows are mostly alike: looking for the very middle would miss the cache at every step.
    let middle = states.start + states.len() / 2;
    if cost(states.start..middle).abs_diff(half) <= half / 8 {
        return middle;
    }
    let (mut low, mut high) = (states.start + 1, states.end - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if cost(states.start..middle) < half {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Runs two tasks, at once if asked to.
fn join<A: Send, B: Send>(
    parallel: bool,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if !(cfg!(feature = "rayon") && parallel) {
        return (a(), b());
    }
    let (mut tasks, mut results) = ((Some(a), Some(b)), (None, None));
    both(&mut || results.0 = tasks.0.take().map(|a| a()), &mut || results.1 = tasks.1.take().map(|b| b()));
    match results {
        (Some(a), Some(b)) => (a, b),
        _ => unreachable!("both tasks have run, or one has panicked"),
    }
}

/// Runs two tasks at once, each of them once.
fn both(a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
    #[cfg(feature = "rayon")]
    rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    {
        a();
        b();
    }
}

/// Runs all stages of a pass inside the thread pool, if they are worth it: entering the pool once a pass instead
/// of once a stage saves the hand-over, and the memory that rayon takes for it.
pub(crate) fn run_pass<M, R>(
    model: &M,
    horizon: usize,
    inference: Inference,
    pass: impl FnOnce() -> Result<R, Error> + Send,
) -> Result<R, Error>
where
    M: Model + ?Sized,
    R: Send,
{
    #[cfg(feature = "rayon")]
    if horizon > 0
        && is_worthwhile(model.peek_stage(0, inference)?.dynamics)
        && rayon::current_thread_index().is_none()
    {
        let (mut pass, mut result) = (Some(pass), None);
        in_pool(&mut || result = pass.take().map(|pass| pass()));
        return result.unwrap_or_else(|| unreachable!("the pass has run, or has panicked"));
    }
    let _ = (model, horizon, inference);
    pass()
}

/// Runs a task inside the current pool.
#[cfg(feature = "rayon")]
fn in_pool(task: &mut (dyn FnMut() + Send)) {
    rayon::scope(|_| task());
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

fn run_parts<O: Split>(
    next_states: Range<usize>,
    outputs: O,
    part: &(dyn Fn(Range<usize>, O) + Sync),
    parts: usize,
) {
    if parts <= 1 || next_states.len() <= 1 {
        return part(next_states, outputs);
    }
    let share = (next_states.len() as u128 * (parts / 2) as u128 / parts as u128) as usize;
    let middle = next_states.start + share;
    let (left, right) = outputs.split_at(share);
    let (low, high) = (next_states.start..middle, middle..next_states.end);
    join(true, || run_parts(low, left, part, parts / 2), || run_parts(high, right, part, parts - parts / 2));
}

/// Entries of a piece of a vector: some of them stay in the first cache while they are worked on.
pub(crate) const PIECE: usize = 1 << 10;

/// Entries of a vector from which on it is worth more than one thread.
const PARALLEL_ENTRIES: usize = 1 << 15;

/// Runs `piece(entries, outputs)` for pieces that cover vectors of `len` entries, and joins what they return. Each piece but the
/// last has [`PIECE`] entries, and the order in which they are joined depends on the length alone.
pub(crate) fn fold_pieces<O, R, P, J>(len: usize, outputs: O, piece: &P, join: &J) -> R
where
    O: Split,
    R: Send,
    P: Fn(Range<usize>, O) -> R + Sync,
    J: Fn(R, R) -> R + Sync,
{
    fold(0..len, outputs, piece, join)
}

fn fold<O: Split, R: Send>(
    entries: Range<usize>,
    outputs: O,
    piece: &(dyn Fn(Range<usize>, O) -> R + Sync),
    joined: &(dyn Fn(R, R) -> R + Sync),
) -> R {
    if entries.len() <= PIECE {
        return piece(entries, outputs);
    }
    let parallel = cfg!(feature = "rayon") && entries.len() >= PARALLEL_ENTRIES;
    let half = entries.len().div_ceil(2 * PIECE) * PIECE;
    let (left, right) = outputs.split_at(half);
    let (low, high) = (entries.start..entries.start + half, entries.start + half..entries.end);
    let (low, high) = join(parallel, || fold(low, left, piece, joined), || fold(high, right, piece, joined));
    joined(low, high)
}
