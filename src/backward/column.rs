//! One stage of one model: what it makes of expectations over successors.

use std::ops::Range;

use ndarray::ArrayView1;

use crate::bellman::BellmanRule;
use crate::dynamics::blocks;
use crate::kernels::{FEW, LogMemo, SoftRow, SoftRows, normalized_prior, soft_maxima, soft_maximum};
use crate::mdp::CheckedStage;
use crate::parallel::RowsMut;
use crate::{Error, Model, Real, Table};

/// A stage of a model, to be backed up from the values of the next. Where several models, or several stages, share a pass
/// over the dynamics, each is a column of it.
pub(super) struct Column<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) model: &'a M,
    pub(super) t: usize,
    pub(super) stage: CheckedStage<'a, F, M::Dynamics>,
    pub(super) rule: BellmanRule<'a, F>,
    terminal_values: ArrayView1<'a, F>,
}

/// Where the results of a stage go, or of consecutive stages, one after the other.
pub(crate) struct StageTables<'a, F> {
    /// V_t, `[s]`.
    pub(crate) values: &'a mut [F],
    /// Q_t, `[s, a]`, if wanted.
    pub(crate) action_values: Option<&'a mut [F]>,
    /// π_t and log π_t, `[s, a]` each, if wanted.
    pub(crate) policy: Option<(&'a mut [F], &'a mut [F])>,
}

impl<'a, F> StageTables<'a, F> {
    /// V_t alone.
    pub(crate) fn values(values: &'a mut [F]) -> Self {
        Self { values, action_values: None, policy: None }
    }

    /// Of the tables of all stages, V_{t+1} and those of stage `t`.
    pub(super) fn stage(&mut self, t: usize, num_states: usize, width: usize) -> (&[F], StageTables<'_, F>) {
        let (values, next_values) = self.values.split_at_mut((t + 1) * num_states);
        let pairs = t * num_states * width..(t + 1) * num_states * width;
        let policy = self.policy.as_mut();
        let tables = StageTables {
            values: &mut values[t * num_states..],
            action_values: self.action_values.as_mut().map(|table| &mut table[pairs.clone()]),
            policy: policy.map(|(p, logs)| (&mut p[pairs.clone()], &mut logs[pairs.clone()])),
        };
        (&next_values[..num_states], tables)
    }

    /// The same tables for a shorter time.
    pub(super) fn reborrow(&mut self) -> StageTables<'_, F> {
        StageTables {
            values: self.values,
            action_values: self.action_values.as_deref_mut(),
            policy: self.policy.as_mut().map(|(probabilities, logs)| (&mut **probabilities, &mut **logs)),
        }
    }

    /// The tables, to be divided among blocks of states.
    pub(super) fn rows(self, width: usize) -> Outputs<'a, F> {
        let rows = |data| RowsMut { data, width };
        let policy = self.policy.map(|(probabilities, logs)| (rows(probabilities), rows(logs)));
        ((RowsMut { data: self.values, width: 1 }, self.action_values.map(rows)), policy)
    }
}

/// The parts of [`StageTables`] that belong to a block of states.
pub(super) type Outputs<'a, F> =
    ((RowsMut<'a, F>, Option<RowsMut<'a, F>>), Option<(RowsMut<'a, F>, RowsMut<'a, F>)>);

impl<'a, F: Real, M: Model<Scalar = F> + ?Sized> Column<'a, F, M> {
    /// A stage backed up by a rule.
    pub(super) fn new(
        model: &'a M,
        rule: BellmanRule<'a, F>,
        t: usize,
        stage: CheckedStage<'a, F, M::Dynamics>,
    ) -> Self {
        Self { model, t, stage, rule, terminal_values: model.terminal_values() }
    }

    /// Backs up some states. `expectations` writes the expectations or log-expectations of their pairs, `[s, a]`; it may be
    /// asked for them twice.
    pub(super) fn states(
        &self,
        states: Range<usize>,
        ((values, action_values), mut policy): Outputs<'_, F>,
        expectations: &dyn Fn(&mut [F]),
    ) -> Result<(), Error> {
        let values = values.data;
        let num_pairs = states.len() * self.model.num_actions();
        let mut run = |action_values: &mut [F]| {
            // Without successors that matter, they hold anything.
            if self.rule.continues() {
                expectations(action_values);
            }
            if self.rule.is_plain() {
                if self.at_once(&states, values, action_values, &mut policy) {
                    return Ok(());
                }
                // Something is wrong, or beyond plain numbers: a state at a time finds out what and where.
                expectations(action_values);
            }
            self.one_by_one(&states, values, action_values, &mut policy)
        };
        match action_values {
            Some(rows) => run(rows.data),
            None => with_scratch(num_pairs, run),
        }
    }

    /// The value of a terminal state.
    pub(super) fn terminal_value(&self, state: usize) -> Option<F> {
        self.model.is_terminal(state).then(|| self.terminal_values[state])
    }

    /// Backs up some states at once. Returns whether nothing was out of the ordinary; if not, the outputs mean nothing.
    fn at_once(
        &self,
        states: &Range<usize>,
        values: &mut [F],
        action_values: &mut [F],
        policy: &mut Option<(RowsMut<'_, F>, RowsMut<'_, F>)>,
    ) -> bool {
        let (rewards, prior) = self.stage.rows(states.clone());
        if !self.rule.action_values(rewards, prior, action_values) {
            return false;
        }
        let width = self.model.num_actions();
        let rows = policy.as_mut().map(|(probabilities, logs)| SoftRows {
            probabilities: &mut *probabilities.data,
            logs: &mut *logs.data,
        });
        soft_maxima(width, prior, action_values, self.rule.temperature(), values, rows);
        let mut is_regular = true;
        for (row, (state, value)) in states.clone().zip(values.iter_mut()).enumerate() {
            let pairs = row * width..(row + 1) * width;
            if let Some(terminal_value) = self.terminal_value(state) {
                *value = terminal_value;
                action_values[pairs.clone()].fill(F::neg_infinity());
                if let Some(policy) = soft_row(policy, pairs.clone()) {
                    normalized_prior(&prior[pairs], policy, |_| true);
                }
            } else if value.is_infinite() {
                let is_possible = action_values[pairs].iter().any(|&q| q > F::neg_infinity());
                is_regular &= !is_possible;
            }
        }
        is_regular
    }

    /// Backs up some states one after the other: whatever there is, and with the place of what is wrong.
    fn one_by_one(
        &self,
        states: &Range<usize>,
        values: &mut [F],
        action_values: &mut [F],
        policy: &mut Option<(RowsMut<'_, F>, RowsMut<'_, F>)>,
    ) -> Result<(), Error> {
        let (stage, dynamics, width) = (self.t, self.stage.dynamics, self.model.num_actions());
        let mut log_prior = LogMemo::new();
        let rows = values.iter_mut().zip(action_values.chunks_exact_mut(width));
        for (row, (state, (value, action_values))) in states.clone().zip(rows).enumerate() {
            let (rewards, prior) = self.stage.row(state)?;
            let policy = soft_row(policy, row * width..(row + 1) * width);
            if let Some(terminal_value) = self.terminal_value(state) {
                *value = terminal_value;
                action_values.fill(F::neg_infinity());
                if let Some(policy) = policy {
                    normalized_prior(prior, policy, |_| true);
                }
                continue;
            }
            for (action, q) in action_values.iter_mut().enumerate() {
                let terms = (rewards[action], prior[action]);
                *q = self.rule.action_value(terms, *q, dynamics, (state, action)).ok_or(Error::Overflow {
                    table: Table::ActionValues,
                    stage,
                    state,
                })?;
            }
            *value = soft_maximum(prior, action_values, self.rule.temperature(), &mut log_prior, policy);
            let is_possible = action_values.iter().any(|&q| q > F::neg_infinity());
            if is_possible && !value.is_finite() {
                return Err(Error::Overflow { table: Table::StateValues, stage, state });
            }
        }
        Ok(())
    }
}

/// Runs with room for the action values of a block, which nobody wants to keep: near the processor but for the few blocks
/// that are larger, single states with very many actions.
pub(super) fn with_scratch<F: Real, R>(num_pairs: usize, run: impl FnOnce(&mut [F]) -> R) -> R {
    if num_pairs <= FEW {
        run(&mut [F::zero(); FEW][..num_pairs])
    } else if num_pairs <= blocks::MOST_PAIRS {
        run(&mut [F::zero(); blocks::MOST_PAIRS][..num_pairs])
    } else {
        run(&mut vec![F::zero(); num_pairs])
    }
}

/// The part of a policy that belongs to one state.
fn soft_row<'a, F>(
    policy: &'a mut Option<(RowsMut<'_, F>, RowsMut<'_, F>)>,
    pairs: Range<usize>,
) -> Option<SoftRow<'a, F>> {
    policy.as_mut().map(|(probabilities, logs)| SoftRow {
        probabilities: &mut probabilities.data[pairs.clone()],
        logs: &mut logs.data[pairs],
    })
}
