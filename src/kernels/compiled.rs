//! Large loops, compiled with this crate.
//!
//! Generic code is compiled again in every crate that uses it, and a vector loop once for each
//! vector width. The loops in this file are compiled for `f32` and `f64` when this crate is, so
//! that callers only link them.

use super::real::sealed::Compiled;
use super::tables::{
    BlockRule, BlockTables, CarriedMessages, Continuation, MessageRule, Pairs, SmallOutputs, SmallRule,
    SmallTables,
};
use super::transcendental::{exp_loop, ln_loop, vectorised};
use super::{block_backup, dot, dot_sparse, small_backup, small_messages};

macro_rules! compile_for {
    ($($number:ty),*) => {$(
        impl Compiled for $number {
            fn compiled_exp(xs: &mut [Self]) {
                vectorised!(exp_loop(xs));
            }

            fn compiled_ln(xs: &mut [Self]) {
                vectorised!(ln_loop(xs));
            }

            fn compiled_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]) {
                use dot::plain_rows;
                vectorised!(plain_rows(rows, v, y));
            }

            fn compiled_guarded_dot_rows(rows: &[Self], v: &[Self], y: &mut [Self]) {
                use dot::guarded_rows;
                vectorised!(guarded_rows(rows, v, y));
            }

            fn compiled_dot_sparse_rows(
                offsets: &[usize],
                entries: (&[u32], &[Self]),
                v: &[Self],
                y: &mut [Self],
            ) {
                use dot_sparse::sparse_rows;
                vectorised!(sparse_rows(offsets, entries, v, y));
            }

            fn compiled_add_scaled_rows(rows: &[Self], columns: (usize, usize), x: &[Self], w: &mut [Self]) {
                use dot::add_rows;
                vectorised!(add_rows(rows, columns, x, w));
            }

            fn compiled_sum(xs: &[Self]) -> Self {
                use dot::sum_loop;
                vectorised!(sum_loop(xs))
            }

            fn compiled_add_rewards(
                continuation: Continuation<Self>,
                pairs: Pairs<'_, Self>,
                values: &mut [Self],
            ) -> u64 {
                use block_backup::all_continued;
                vectorised!(all_continued(continuation, pairs, values))
            }

            fn compiled_block(rule: BlockRule<Self>,
                pairs: Pairs<'_, Self>,
                tables: BlockTables<'_, Self>,
            ) -> u64 {
                block_backup::at_once(rule, pairs, tables)
            }

            fn compiled_small(
                tables: &SmallTables<'_, Self>,
                rule: SmallRule<Self>,
                next_values: &[Self],
                outputs: SmallOutputs<'_, Self>,
            ) -> u64 {
                small_backup::at_once(tables, rule, next_values, outputs)
            }

            fn compiled_carry_small(
                tables: &SmallTables<'_, Self>,
                rule: MessageRule<Self>,
                carried: &mut CarriedMessages<'_, Self>,
                outputs: SmallOutputs<'_, Self>,
            ) -> bool {
                small_messages::at_once(tables, rule, carried, outputs)
            }
        }
    )*};
}

compile_for!(f32, f64);
