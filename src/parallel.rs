//! Splits work on slices among threads. Results do not depend on the number of threads.
//!
//! Work is cut into blocks of neighbouring states, each with its own part of every output. The cuts
//! depend on the model alone, and no block reads the output of another, so blocks can run on any
//! thread and in any order. Without the feature `rayon` they run one after the other. Blocks still
//! help then: the rows of a block stay in cache until its soft maxima are computed.
//!
//! Blocks take microseconds, so they are called through `dyn`. The code that hands them to threads
//! is then compiled once per type of outputs, instead of once per algorithm, dynamics and number
//! type, which took a quarter of the compile time of callers.

use std::ops::Range;

use crate::Error;

/// Outputs that split along the state axis.
pub(crate) trait Split: Send + Sized {
    /// Returns the parts for the first `states` states and for the rest.
    fn split_at(self, states: usize) -> (Self, Self);
}

/// A table with `width` entries per state.
#[derive(Debug)]
pub(crate) struct RowsMut<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) width: usize,
}

impl<'a, T> RowsMut<'a, T> {
    /// A table with one entry per state.
    pub(crate) fn column(data: &'a mut [T]) -> Self {
        Self { data, width: 1 }
    }
}

impl<T: Send> Split for RowsMut<'_, T> {
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

/// No output.
impl Split for () {
    fn split_at(self, _states: usize) -> (Self, Self) {
        ((), ())
    }
}

/// The work on a block: a function of its states and their part of the outputs.
pub(crate) type Block<'a, O> = dyn Fn(Range<usize>, O) -> Result<(), Error> + Sync + 'a;

/// How states are cut into blocks.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    /// Whether a range of states is cut no further.
    pub(crate) is_small: &'a (dyn Fn(&Range<usize>) -> bool + Sync),
    /// Cost of a range of states, in any unit.
    pub(crate) cost: &'a (dyn Fn(Range<usize>) -> usize + Sync),
    /// Whether blocks run on several threads.
    pub(crate) parallel: bool,
}

/// Runs `block(states, outputs)` for blocks that cover a range of states.
///
/// If several blocks fail, the error of the lowest states is returned.
pub(crate) fn run_blocks<O: Split>(
    states: Range<usize>,
    outputs: O,
    block: &Block<'_, O>,
    cut: Cut<'_>,
) -> Result<(), Error> {
    if states.len() <= 1 || (cut.is_small)(&states) {
        return block(states, outputs);
    }
    let middle = balanced_middle(cut.cost, &states);
    let (left, right) = outputs.split_at(middle - states.start);
    let (low, high) = (states.start..middle, middle..states.end);
    let (low, high) =
        join(cut.parallel, || run_blocks(low, left, block, cut), || run_blocks(high, right, block, cut));
    low.and(high)
}

/// A state that splits a range of at least two states into parts of about equal cost, neither of
/// them empty.
fn balanced_middle(cost: &dyn Fn(Range<usize>) -> usize, states: &Range<usize>) -> usize {
    let half = cost(states.clone()) / 2;
    // Rows mostly cost the same. A binary search would miss the cache at every step.
    let middle = states.start + states.len() / 2;
    if cost(states.start..middle).abs_diff(half) <= half / 8 {
        return middle;
    }
    first_end(states.start + 1..states.end - 1, |end| cost(states.start..end) < half)
}

/// The least of a range of ends that lacks nothing, by binary search; larger ends lack nothing
/// either. It is the end of the range if all others lack something.
pub(crate) fn first_end(ends: Range<usize>, lacks: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (ends.start, ends.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if lacks(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Runs two tasks, at the same time if `parallel`.
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

/// Runs two tasks at the same time.
fn both(a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
    #[cfg(feature = "rayon")]
    rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    {
        a();
        b();
    }
}

/// Runs a task inside the current thread pool. Entering the pool once per pass, not once per stage,
/// saves the hand-over and its memory.
pub(crate) fn in_pool<R: Send>(task: impl FnOnce() -> R + Send) -> R {
    #[cfg(feature = "rayon")]
    if rayon::current_thread_index().is_none() {
        let (mut task, mut result) = (Some(task), None);
        enter_pool(&mut || result = task.take().map(|task| task()));
        return result.unwrap_or_else(|| unreachable!("the task has run, or has panicked"));
    }
    task()
}

#[cfg(feature = "rayon")]
fn enter_pool(task: &mut (dyn FnMut() + Send)) {
    rayon::scope(|_| task());
}

/// Runs `part(entries, outputs)` for about equal parts of a range, each on its own thread.
pub(crate) fn run_parts<O: Split>(
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

/// Runs `range(states, outputs)` for the neighbouring ranges from `start` on that end at `ends`, on
/// several threads. Returns the results in the order of the states.
pub(crate) fn run_ranges<O: Split, R: Send>(
    start: usize,
    ends: &[usize],
    outputs: O,
    range: &(dyn Fn(Range<usize>, O) -> R + Sync),
) -> Vec<R> {
    if let &[end] = ends {
        return vec![range(start..end, outputs)];
    }
    let (low_ends, high_ends) = ends.split_at(ends.len() / 2);
    let middle = low_ends[low_ends.len() - 1];
    let (left, right) = outputs.split_at(middle - start);
    let (mut low, high) = join(
        true,
        || run_ranges(start, low_ends, left, range),
        || run_ranges(middle, high_ends, right, range),
    );
    low.extend(high);
    low
}

/// The number of threads that work is split among.
pub(crate) fn num_threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    return 1;
}

/// Entries per piece of a vector: a few pieces fit in the first-level cache.
pub(crate) const PIECE: usize = 1 << 10;

/// Smallest number of entries of a vector that is processed on several threads.
pub(crate) const PARALLEL_ENTRIES: usize = 1 << 15;

/// Runs `piece(entries, outputs)` for pieces that cover vectors of `len` entries.
pub(crate) fn for_each_piece<O: Split>(len: usize, outputs: O, piece: &(dyn Fn(Range<usize>, O) + Sync)) {
    fold(0..len, outputs, piece, &|(), ()| ());
}

/// Runs `piece(entries, outputs)` for pieces that cover vectors of `len` entries, and joins the
/// results. Each piece but the last has [`PIECE`] entries. The order of joining depends on the
/// length alone.
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
