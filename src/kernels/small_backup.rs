//! One Bellman backup of a whole model that fits in the first-level cache, in vector arithmetic.
//!
//! # Form computed
//!
//! Tables are kept action by action, with a lane for each state, `[a, lane]`. Sums and maxima over
//! actions are then operations of whole vectors, and rows of the dynamics, stored successor by
//! successor, are multiplied without sums across a vector. The steps are those of `block_backup`;
//! whatever plain numbers do not hold is left to it.

use super::block_backup::{IRREGULAR, LEFT, continued};
use super::log_block::{extremes, gap_of};
use super::soft_maxima::is_exact;
use super::tables::{Pairs, SmallOutputs, SmallRule, SmallTables, SoftRows};
use super::{Aligned, for_each_lane, least_lowered, vectorised};
use crate::Real;

/// States are padded to a multiple of this, and pairs to a multiple of twice as many.
pub(crate) const LANES: usize = 8;

/// Entries of a product that are computed together.
pub(crate) const WIDE: usize = 2 * LANES;

/// The most numbers of a table `[a, lane]`.
pub(crate) const MOST_ENTRIES: usize = 128;

/// Backs up V_{t+1} and returns flags as `block_backup` has them. If there are any but `DEAD`, the
/// outputs are meaningless.
pub(crate) fn back_up_small<F: Real>(
    tables: &SmallTables<'_, F>,
    rule: SmallRule<F>,
    next_values: &[F],
    outputs: SmallOutputs<'_, F>,
) -> u64 {
    F::compiled_small(tables, rule, next_values, outputs)
}

/// Runs a loop in the widest vector arithmetic, with the number of vectors for each action and the
/// room for pairs as constants: so the compiler keeps vectors in registers, and clears no more
/// scratch memory than there is need of. The largest are `MOST_ENTRIES / LANES` and `MOST_ENTRIES`.
macro_rules! vectorised_for_size {
    ($tables:ident, $loop:ident($($argument:expr),*)) => {
        match ($tables.num_lanes / LANES, $tables.prior.len() <= 32) {
            (1, true) => vectorised!($loop::<1, 32>($($argument),*)),
            (1, false) => vectorised!($loop::<1, 128>($($argument),*)),
            (2, _) => vectorised!($loop::<2, 128>($($argument),*)),
            _ => vectorised!($loop::<16, 128>($($argument),*)),
        }
    };
}
pub(super) use vectorised_for_size;

const _: () = assert!(MOST_ENTRIES == 128 && MOST_ENTRIES / LANES == 16);

/// [`back_up_small`] in the widest vector arithmetic.
pub(super) fn at_once<F: Real>(
    tables: &SmallTables<'_, F>,
    rule: SmallRule<F>,
    next_values: &[F],
    mut outputs: SmallOutputs<'_, F>,
) -> u64 {
    vectorised_for_size!(tables, back_up(tables, rule, next_values, &mut outputs))
}

/// [`back_up_small`] in one vector arithmetic. `BLOCKS` is the number of vectors for each action,
/// or the most there may be if it is not known at compile time.
#[inline(always)]
fn back_up<const FUSED: bool, F: Real, const BLOCKS: usize, const ENTRIES: usize>(
    tables: &SmallTables<'_, F>,
    SmallRule { is_direct, temperature, continuation }: SmallRule<F>,
    next_values: &[F],
    (values, action_values, policy): &mut SmallOutputs<'_, F>,
) -> u64 {
    let SmallTables { num_states, num_actions, num_lanes, rewards, prior, log_prior, acts, .. } = *tables;
    let len = prior.len();
    let zeros = Aligned::<F, ENTRIES>::zeros;
    let (mut q, mut terms, mut gaps) = (zeros(), zeros(), zeros());
    let (q, terms, gaps) = (&mut q.0[..len], &mut terms.0[..len], &mut gaps.0[..len]);
    let is_right = if is_direct {
        log_expectations::<FUSED, F>(tables, temperature, next_values, terms, q)
    } else {
        // A product of 0 and −∞ would be NaN.
        let is_finite = next_values.iter().fold(true, |is_finite, &v| is_finite & (v > F::neg_infinity()));
        if is_finite {
            multiply::<FUSED, F>(tables, next_values, q);
        }
        is_finite
    };
    if !is_right {
        return LEFT;
    }
    let found = continued::<FUSED, F>(continuation, Pairs { rewards, prior }, q, terms);
    if found & IRREGULAR != 0 {
        return found;
    }

    // A vector holds one action of some states.
    let num_blocks = num_vectors::<BLOCKS>(num_lanes);
    let [mut maxima, mut sums] = [[[F::zero(); LANES]; BLOCKS]; 2];
    let (maxima, sums) = (&mut maxima[..num_blocks], &mut sums[..num_blocks]);
    let mut logs = [[[F::zero(); LANES]; 2]; BLOCKS];
    let logs = &mut logs.as_flattened_mut()[..num_blocks.next_multiple_of(2)];
    maxima.fill([F::neg_infinity(); LANES]);
    for q in vectors(q).chunks_exact(num_blocks).take(num_actions) {
        for (max, q) in maxima.iter_mut().zip(q) {
            *max = of_both(max, q, |max, q| if q > max { q } else { max });
        }
    }
    for max in maxima.as_flattened_mut() {
        *max = if *max > F::neg_infinity() { *max } else { F::zero() };
    }
    let rows = vectors(q).chunks_exact(num_blocks).zip(vectors_mut(terms).chunks_exact_mut(num_blocks));
    for (q, terms) in rows {
        for ((term, q), max) in terms.iter_mut().zip(q).zip(&*maxima) {
            *term = of_both(q, max, |q, max| q - max);
        }
    }
    if temperature != F::one() {
        terms.iter_mut().for_each(|term| *term /= temperature);
    }
    if policy.is_some() {
        gaps.copy_from_slice(terms);
    }
    for_each_lane(terms, |term| *term = term.exp_lane::<FUSED>());
    let rows = vectors_mut(terms).chunks_exact_mut(num_blocks).zip(vectors(prior).chunks_exact(num_blocks));
    for (terms, prior) in rows.take(num_actions) {
        for ((term, prior), sum) in terms.iter_mut().zip(prior).zip(sums.iter_mut()) {
            *term = of_both(term, prior, |term, prior| term * prior);
            *sum = of_both(sum, term, |sum, term| sum + term);
        }
    }
    logs[..num_blocks].copy_from_slice(sums);
    for_each_lane(logs.as_flattened_mut(), |log| *log = log.ln_lane::<FUSED>());

    let mut num_left = 0_u64;
    let blocks = maxima.iter_mut().zip(&*sums).zip(&*logs).zip(vectors(acts));
    for (((value, sum), log), acts) in blocks {
        for i in 0..LANES {
            let offset = value[i] + temperature * log[i];
            num_left |= u64::from(!is_exact(sum[i], offset) & (acts[i] > F::zero()));
            value[i] = offset;
        }
    }
    if num_left > 0 {
        return LEFT;
    }
    values.copy_from_slice(&maxima.as_flattened()[..num_states]);
    if let Some(SoftRows { probabilities, logs: log_probabilities }) = policy {
        let rows = vectors_mut(terms).chunks_exact_mut(num_blocks);
        let rows = rows.zip(vectors_mut(gaps).chunks_exact_mut(num_blocks));
        let rows = rows.zip(vectors(log_prior).chunks_exact(num_blocks));
        for ((terms, gaps), log_prior) in rows.take(num_actions) {
            for ((((term, gap), log_prior), sum), log) in
                terms.iter_mut().zip(gaps).zip(log_prior).zip(&*sums).zip(&*logs)
            {
                *term = of_both(term, sum, |term, sum| term / sum);
                *gap = of_both(gap, log_prior, |gap, log_prior| gap + log_prior);
                *gap = of_both(gap, log, |gap, log| gap - log);
            }
        }
        by_state(tables, num_blocks, terms, probabilities);
        by_state(tables, num_blocks, gaps, log_probabilities);
    }
    if let Some(action_values) = action_values {
        by_state(tables, num_blocks, q, action_values);
    }
    found
}

/// The number of vectors for each action: `BLOCKS`, if that is few, or else as the lanes have it.
#[inline(always)]
pub(super) fn num_vectors<const BLOCKS: usize>(num_lanes: usize) -> usize {
    if BLOCKS < MOST_ENTRIES / LANES { BLOCKS } else { num_lanes / LANES }
}

/// A function of two vectors, number by number.
#[inline(always)]
pub(super) fn of_both<F: Real>(a: &[F; LANES], b: &[F; LANES], of: impl Fn(F, F) -> F) -> [F; LANES] {
    std::array::from_fn(|i| of(a[i], b[i]))
}

/// A table in vectors.
#[inline(always)]
pub(super) fn vectors<F>(table: &[F]) -> &[[F; LANES]] {
    table.as_chunks().0
}

#[inline(always)]
pub(super) fn vectors_mut<F>(table: &mut [F]) -> &mut [[F; LANES]] {
    table.as_chunks_mut().0
}

/// Copies a table `[a, lane]` to one `[s, a]`.
#[inline(always)]
pub(super) fn by_state<F: Real>(
    SmallTables { num_actions, .. }: &SmallTables<'_, F>,
    num_blocks: usize,
    table: &[F],
    pairs: &mut [F],
) {
    let num_lanes = num_blocks * LANES;
    for (state, row) in pairs.chunks_exact_mut(*num_actions).enumerate() {
        for (a, pair) in row.iter_mut().enumerate() {
            *pair = table[a * num_lanes + state];
        }
    }
}

/// Writes y = P v, for finite v.
#[inline(always)]
pub(super) fn multiply<const FUSED: bool, F: Real>(tables: &SmallTables<'_, F>, v: &[F], y: &mut [F]) {
    let parts = tables.rows.chunks_exact(WIDE * v.len()).zip(y.as_chunks_mut::<WIDE>().0);
    for (rows, y) in parts {
        let mut sums = [F::zero(); WIDE];
        for (&v, row) in v.iter().zip(rows.as_chunks::<WIDE>().0) {
            for i in 0..WIDE {
                sums[i] = if FUSED { row[i].mul_add(v, sums[i]) } else { sums[i] + row[i] * v };
            }
        }
        *y = sums;
    }
}

/// Writes y = τ log Σ P exp(v/τ). Returns whether nothing was lost; if not, y is meaningless.
#[inline(always)]
fn log_expectations<const FUSED: bool, F: Real>(
    tables: &SmallTables<'_, F>,
    temperature: F,
    v: &[F],
    exponentials: &mut [F],
    y: &mut [F],
) -> bool {
    let (min, max) = extremes::<FUSED, F>(v);
    let is_lossless = max > F::neg_infinity() && min - max > F::neg_infinity();
    if !is_lossless || gap_of(min, max, temperature) < -F::SPREAD {
        return false;
    }
    // Behind the last state are numbers of any kind.
    let lanes = &mut exponentials[..tables.num_lanes.next_multiple_of(WIDE)];
    lanes[..v.len()].copy_from_slice(v);
    lanes.iter_mut().for_each(|e| *e -= max);
    if temperature != F::one() {
        lanes.iter_mut().for_each(|e| *e /= temperature);
    }
    for_each_lane(lanes, |e| *e = e.exp_lane::<FUSED>() * F::LIFT);
    multiply::<FUSED, F>(tables, &lanes[..v.len()], y);
    let trusted = least_lowered();
    let mut num_lost = 0_u64;
    for y in y.iter_mut() {
        num_lost |= u64::from(!((*y >= trusted) | (*y == F::zero())));
        *y *= F::UNLIFT;
    }
    for_each_lane(y, |y| *y = y.ln_lane::<FUSED>());
    for y in y.iter_mut() {
        *y = max + temperature * *y;
    }
    num_lost == 0
}
