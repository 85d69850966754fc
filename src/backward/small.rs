//! Small models in a layout of their own: action by action, with a lane for each state.
//!
//! A stage of such a model takes less time than the calls that split it into blocks. The tables of
//! a homogeneous model are copied once for all stages, and one loop computes a whole stage. In
//! direct inference, messages are carried from stage to stage as plain numbers, as long as these
//! hold them.
//!
//! # Measurements
//!
//! `solve_into` of S = 5, A = 3, T = 20, two cores of an Intel Xeon, 2026-11-28, in microseconds:
//!
//! | inference | in blocks | in this layout | ratio |
//! |---|---|---|---|
//! | direct, from values to values | 9.7 | 7.1 | 1.4 |
//! | direct, with messages carried | 9.7 | 4.8 | 2.0 |
//! | variational | 5.8 | 4.5 | 1.3 |

use super::stage::{Column, StageTables};
use crate::kernels::small_backup::{LANES, MOST_ENTRIES, WIDE};
use crate::kernels::small_messages::message_weights;
use crate::kernels::tables::{CarriedMessages, SmallTables};
use crate::{Dynamics, Inference, Model, Real, Table, Workspace};

/// The most entries of P in this layout: they fit in the first-level cache, and their product takes
/// no longer than one of sparse rows.
const MOST_PRODUCTS: usize = 3000;

/// Tables `[a, lane]`: rewards, ρ, log ρ, and the weights of messages with their logarithms.
const NUM_TABLES: usize = 5;

/// The tables of a model as `SmallTables` describes them, and carried messages.
#[derive(Debug)]
pub(super) struct Small<F> {
    num_states: usize,
    num_actions: usize,
    numbers: Vec<F>,         // one table after the other; any numbers until they are asked for
    is_usable: Option<bool>, // whether they were filled in, once they were asked for
    carries: bool,           // whether messages are carried: in direct inference, until one is lost
    held: Held<F>,
}

/// What the messages that are held belong to.
#[derive(Debug, Default)]
struct Held<F> {
    stage: Option<usize>,
    absorbed_value: F,
    absorbed: F,
    base: F,
}

impl<F: Real> Small<F> {
    /// Room for the tables of a model. `None` if it is large, or not one that this layout is for.
    pub(super) fn new<M>(workspace: &mut Workspace<F>, model: &M, inference: Inference) -> Option<Self>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (model.num_states(), model.num_actions());
        let fits = |num_lanes: usize| num_lanes.checked_mul(num_actions).is_some_and(|n| n <= MOST_ENTRIES);
        let is_small = num_states <= MOST_ENTRIES && fits(num_states.next_multiple_of(LANES));
        if !is_small
            || model.team().size() > 1
            || !model.is_homogeneous()
            || !(model.temperature() > F::zero())
        {
            return None;
        }
        let (carries, held) = (inference == Inference::Direct, Held::default());
        let mut small = Self { num_states, num_actions, numbers: Vec::new(), is_usable: None, carries, held };
        let [num_lanes, num_entries] = small.widths();
        if num_states * num_entries > MOST_PRODUCTS {
            return None;
        }
        let len = 3 * num_lanes + (NUM_TABLES + num_states) * num_entries;
        small.numbers = workspace.take(Table::Transitions, len).ok()?;
        Some(small)
    }

    /// Returns the memory to a workspace.
    pub(super) fn release(self, workspace: &mut Workspace<F>) {
        workspace.keep(self.numbers);
    }

    /// Lanes, and entries of a table of pairs.
    fn widths(&self) -> [usize; 2] {
        let num_lanes = self.num_states.next_multiple_of(LANES);
        [num_lanes, (self.num_actions * num_lanes).next_multiple_of(WIDE)]
    }

    /// Backs up all states. Returns whether this was possible; if not, the outputs are meaningless,
    /// and blocks are left to report invalid tables, or to compute what plain numbers do not hold.
    pub(super) fn stage<M>(&mut self, column: &Column<'_, F, M>, tables: &mut StageTables<'_, F>) -> bool
    where
        M: Model<Scalar = F> + ?Sized,
    {
        if self.is_usable.is_none() {
            let all = 0..self.num_states;
            let is_valid = column.terminal(&all).all(|(state, _)| column.stage.row(state).is_ok());
            let is_usable = is_valid && !column.stage.dynamics.has_faint_successors();
            if is_usable {
                self.fill(column);
            }
            self.is_usable = Some(is_usable);
        }
        if self.is_usable != Some(true) {
            return false;
        }
        self.carries = self.carries && self.carry(column, tables.reborrow());
        self.carries || {
            let (small, ..) = self.split();
            column.write_whole(tables.reborrow(), |outputs| column.rule.back_up_small(&small, outputs))
        }
    }

    /// Backs up all states by carried messages. Returns whether nothing was lost.
    fn carry<M>(&mut self, column: &Column<'_, F, M>, mut tables: StageTables<'_, F>) -> bool
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let num_states = self.num_states;
        let next_values = column.rule.next_values();
        let absorbed_value = column.rule.leaving_value();
        let Held { stage, absorbed_value: held_value, absorbed, base } = self.held;
        let (small, messages, values) = self.split();
        let mut carried = CarriedMessages { messages, absorbed, base };
        // Values may have been changed since they were written.
        let is_held = stage == Some(column.t + 1) && held_value == absorbed_value;
        if !(is_held && values[..num_states] == *next_values) {
            carried.start(next_values, absorbed_value, column.model.temperature());
        }
        let is_right = column
            .write_whole(tables.reborrow(), |outputs| column.rule.carry_small(&small, &mut carried, outputs));
        values[..num_states].copy_from_slice(tables.values);
        // Messages of terminal states stay what they are, whatever value has been written.
        column.terminal(&(0..num_states)).for_each(|(state, _)| values[state] = next_values[state]);
        let CarriedMessages { absorbed, base, .. } = carried;
        self.held = Held { stage: Some(column.t), absorbed_value, absorbed, base };
        is_right
    }

    fn fill<M>(&mut self, column: &Column<'_, F, M>)
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (self.num_states, self.num_actions);
        let [num_lanes, num_entries] = self.widths();
        self.numbers.fill(F::zero());
        let (tables, rest) = self.numbers.split_at_mut(NUM_TABLES * num_entries);
        let (rewards, rest_of_tables) = tables.split_at_mut(num_entries);
        let (prior, rest_of_tables) = rest_of_tables.split_at_mut(num_entries);
        let (log_prior, weights) = rest_of_tables.split_at_mut(num_entries);
        let (acts, rest) = rest.split_at_mut(num_lanes);
        let (rows, _) = rest.split_at_mut(num_states * num_entries);
        acts[..num_states].fill(F::one());
        column.terminal(&(0..num_states)).for_each(|(state, _)| acts[state] = F::zero());
        let (all_rewards, all_weights) = column.stage.rows(0..num_states);
        for state in (0..num_states).filter(|&state| acts[state] > F::zero()) {
            for action in 0..num_actions {
                let (pair, entry) = (state * num_actions + action, action * num_lanes + state);
                (rewards[entry], prior[entry]) = (all_rewards[pair], all_weights[pair]);
                let part = &mut rows[entry / WIDE * num_states * WIDE..][..num_states * WIDE];
                column.stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    part[next_state * WIDE + entry % WIDE] += p;
                });
            }
        }
        // Most priors give all actions the same weight.
        let (mut weight, mut log) = (F::one(), F::zero());
        for (log_prior, &prior) in log_prior.iter_mut().zip(&*prior) {
            if prior != weight {
                (weight, log) = (prior, if prior > F::zero() { prior.ln() } else { F::neg_infinity() });
            }
            *log_prior = log;
        }
        if self.carries {
            let temperature = column.model.temperature();
            self.carries = message_weights(
                temperature,
                (rewards, prior, log_prior),
                acts,
                weights.split_at_mut(num_entries),
            );
        }
    }

    /// The tables, the messages, and the values that they are of.
    fn split(&mut self) -> (SmallTables<'_, F>, &mut [F], &mut [F]) {
        let (num_states, num_actions) = (self.num_states, self.num_actions);
        let [num_lanes, num_entries] = self.widths();
        let (tables, rest) = self.numbers.split_at_mut(NUM_TABLES * num_entries);
        let (acts, rest) = rest.split_at_mut(num_lanes);
        let (rows, held) = rest.split_at_mut(num_states * num_entries);
        let (messages, values) = held.split_at_mut(num_lanes);
        let table = |index: usize| &tables[index * num_entries..(index + 1) * num_entries];
        let small = SmallTables {
            num_states,
            num_actions,
            num_lanes,
            rows,
            rewards: table(0),
            prior: table(1),
            log_prior: table(2),
            weights: table(3),
            log_weights: table(4),
            acts,
        };
        (small, messages, values)
    }
}
