//! Small models in a layout of their own: action by action, with a lane for each state.
//!
//! A stage of such a model takes less time than the calls that split it into blocks. The tables of a
//! homogeneous model are copied once for all stages, and one loop computes a whole stage.
//!
//! # Measurements
//!
//! `solve_into` of S = 5, A = 3, T = 20, two cores of an Intel Xeon, 2026-11-28, in microseconds:
//!
//! | inference | in blocks | in this layout | ratio |
//! |---|---|---|---|
//! | direct | 9.7 | 7.1 | 1.37 |
//! | variational | 5.8 | 4.4 | 1.32 |

use crate::kernels::small_backup::{LANES, MOST_ENTRIES, WIDE};
use crate::kernels::tables::SmallTables;
use crate::mdp::CheckedStage;
use crate::{Dynamics, Model, Real, Table, Workspace};

/// The most entries of P in this layout: they fit in the first-level cache, and their product takes
/// no longer than one of sparse rows.
const MOST_PRODUCTS: usize = 3000;

/// The tables of a model as `SmallTables` describes them, one after the other.
#[derive(Debug)]
pub(super) struct Small<F> {
    num_states: usize,
    num_actions: usize,
    numbers: Vec<F>, // rewards, ρ, log ρ, whether a state acts, and P; any numbers until they are asked for
    is_usable: Option<bool>, // whether they were filled in, once they were asked for
}

impl<F: Real> Small<F> {
    /// Room for the tables of a model. `None` if it is large, or not one that this layout is for.
    pub(super) fn new<M>(workspace: &mut Workspace<F>, model: &M) -> Option<Self>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (model.num_states(), model.num_actions());
        let fits = |num_lanes: usize| num_lanes.checked_mul(num_actions).is_some_and(|n| n <= MOST_ENTRIES);
        let is_small = num_states <= MOST_ENTRIES && fits(num_states.next_multiple_of(LANES));
        if !is_small || !model.is_homogeneous() || !(model.temperature() > F::zero()) {
            return None;
        }
        let mut small = Self { num_states, num_actions, numbers: Vec::new(), is_usable: None };
        let [num_lanes, num_entries] = small.widths();
        if num_states * num_entries > MOST_PRODUCTS {
            return None;
        }
        let len = num_lanes + (3 + num_states) * num_entries;
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

    /// The tables of the stage, copied by the first call. `None` where blocks are left to report
    /// invalid tables, or to compute successors of no plain probability.
    pub(super) fn tables<D>(
        &mut self,
        stage: &CheckedStage<'_, F, D>,
        terminal: &[usize],
    ) -> Option<SmallTables<'_, F>>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        if self.is_usable.is_none() {
            let is_valid = terminal.iter().all(|&state| stage.row(state).is_ok());
            let is_usable = is_valid && !stage.dynamics.has_faint_successors();
            if is_usable {
                self.fill(stage, terminal);
            }
            self.is_usable = Some(is_usable);
        }
        (self.is_usable == Some(true)).then(|| self.filled())
    }

    fn fill<D>(&mut self, stage: &CheckedStage<'_, F, D>, terminal: &[usize])
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions, [num_lanes, num_entries]) =
            (self.num_states, self.num_actions, self.widths());
        self.numbers.fill(F::zero());
        let (rewards, rest) = self.numbers.split_at_mut(num_entries);
        let (prior, rest) = rest.split_at_mut(num_entries);
        let (log_prior, rest) = rest.split_at_mut(num_entries);
        let (acts, rows) = rest.split_at_mut(num_lanes);
        acts[..num_states].fill(F::one());
        terminal.iter().for_each(|&state| acts[state] = F::zero());
        let (all_rewards, all_weights) = stage.rows(0..num_states);
        for state in (0..num_states).filter(|&state| acts[state] > F::zero()) {
            for action in 0..num_actions {
                let (pair, entry) = (state * num_actions + action, action * num_lanes + state);
                (rewards[entry], prior[entry]) = (all_rewards[pair], all_weights[pair]);
                let part = &mut rows[entry / WIDE * num_states * WIDE..][..num_states * WIDE];
                stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    part[next_state * WIDE + entry % WIDE] += p;
                });
            }
        }
        // Most priors give all actions the same weight.
        let (mut weight, mut log) = (F::one(), F::zero());
        for (log_prior, &prior) in log_prior.iter_mut().zip(&*prior) {
            if prior != weight {
                (weight, log) = (prior, prior.ln());
            }
            *log_prior = log;
        }
    }

    /// The numbers, as tables.
    fn filled(&self) -> SmallTables<'_, F> {
        let [num_lanes, num_entries] = self.widths();
        let (rewards, rest) = self.numbers.split_at(num_entries);
        let (prior, rest) = rest.split_at(num_entries);
        let (log_prior, rest) = rest.split_at(num_entries);
        let (acts, rows) = rest.split_at(num_lanes);
        let (num_states, num_actions) = (self.num_states, self.num_actions);
        SmallTables { num_states, num_actions, num_lanes, rows, rewards, prior, log_prior, acts }
    }
}
