//! One soft Bellman backup: from the values of the next stage to those of this one.

use std::ops::Range;

use ndarray::ArrayView1;

use super::linear::{Linear, Scales};
use crate::bellman::BellmanRule;
use crate::kernels::{LogMemo, SoftRow, SoftRows, normalized_prior, soft_maxima, soft_maximum};
use crate::mdp::CheckedStage;
use crate::parallel::{self, MOST_PAIRS, Rows};
use crate::{Dynamics, Error, Inference, LogBlock, Model, Real, Table};

/// A model and an inference, with the memory that a stage needs.
pub(crate) struct Backup<'m, F, M: ?Sized> {
    model: &'m M,
    inference: Inference,
    terminal_values: ArrayView1<'m, F>,
    block: LogBlock<F>,
    linear: Option<Linear<F>>,
    num_value_stages: usize, // worked on so far
}

/// Where the results of a stage go.
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

    /// The tables, to be divided among blocks of states.
    fn rows(self, width: usize) -> Outputs<'a, F> {
        let rows = |data| Rows { data, width };
        let policy = self.policy.map(|(probabilities, logs)| (rows(probabilities), rows(logs)));
        ((Rows { data: self.values, width: 1 }, self.action_values.map(rows)), policy)
    }
}

/// The parts of [`StageTables`] that belong to a block of states.
type Outputs<'a, F> = ((Rows<'a, F>, Option<Rows<'a, F>>), Option<(Rows<'a, F>, Rows<'a, F>)>);

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Backup<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(crate) fn new(model: &'m M, inference: Inference) -> Self {
        Self {
            model,
            inference,
            terminal_values: model.terminal_values(),
            block: LogBlock::with_shape(model.num_states(), &[model.temperature()]),
            linear: None,
            num_value_stages: 0,
        }
    }

    /// Makes the weights of the linear recursion, where that will be worth it: from the second stage on, if values alone
    /// are wanted and stages are alike.
    fn prepare(&mut self, stage: &CheckedStage<'_, F, M::Dynamics>) -> Result<(), Error> {
        let is_linear = self.inference == Inference::Direct
            && self.model.is_homogeneous()
            && self.model.temperature() > F::zero()
            // A smaller one would not leave the scales of a stage enough room.
            && self.model.discount() >= F::epsilon();
        self.num_value_stages += 1;
        if is_linear && self.num_value_stages == 2 {
            self.linear = Some(Linear::new(self.model, stage)?);
        }
        Ok(())
    }

    /// Backs `next_values` = V_{t+1} up to stage t. Allocates nothing, once `prepare` has.
    pub(crate) fn stage(
        &mut self,
        t: usize,
        next_values: &[F],
        tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let stage = CheckedStage::new(self.model, t, self.inference)?;
        let (discount, temperature) = (self.model.discount(), self.model.temperature());
        let rule = BellmanRule::new(self.inference, discount, temperature, next_values);
        if self.inference == Inference::Direct && rule.continues() {
            self.block.assign_by(next_values, |fill, copy, exponentials| {
                let outputs = (Rows { data: copy, width: 1 }, Rows { data: exponentials, width: 1 });
                let filled =
                    parallel::for_each_block(stage.dynamics, outputs, &|states, (copy, exponentials)| {
                        fill(&next_values[states], copy.data, exponentials.data);
                        Ok(())
                    });
                debug_assert!(filled.is_ok());
            });
        }
        let width = self.model.num_actions();
        let is_values_alone = tables.action_values.is_none() && tables.policy.is_none();
        if is_values_alone {
            self.prepare(&stage)?;
        }
        let linear = self.linear.as_ref().filter(|_| is_values_alone && self.block.max() > F::neg_infinity());
        let linear = linear.map(|linear| (linear, Scales::new(discount, temperature, self.block.max())));
        let outputs = tables.rows(width);
        parallel::for_each_block(stage.dynamics, outputs, &|states, outputs| {
            let block = Block { t, stage: &stage, rule: &rule, next_values, states };
            match linear {
                Some((linear, scales)) => self.linear_states(linear, scales, &block, outputs.0.0.data),
                None => self.states(&block, outputs),
            }
        })
    }

    /// Backs up a block of states by the linear recursion; states that it cannot decide in the ordinary way.
    fn linear_states(
        &self,
        linear: &Linear<F>,
        scales: Scales<F>,
        block: &Block<'_, F, M::Dynamics>,
        values: &mut [F],
    ) -> Result<(), Error> {
        // Nothing was dropped, and nobody leaves: then a sum of 0 is one over nothing.
        let is_zero_dead = self.block.is_lossless()
            && self.model.discount() == F::one()
            && !block.stage.dynamics.has_faint_successors();
        let states = block.states.clone();
        with_scratch(states.len() * self.model.num_actions(), |sums| {
            block.stage.dynamics.expectation(states.clone(), 1, self.block.exponentials(), sums);
            linear.values(states.start, scales, sums, values);
            for (row, (state, value)) in states.clone().zip(values.iter_mut()).enumerate() {
                let width = self.model.num_actions();
                let is_dead = || sums[row * width..(row + 1) * width].iter().all(|&sum| sum == F::zero());
                if self.model.is_terminal(state) {
                    *value = self.terminal_values[state];
                } else if value.is_nan() && is_zero_dead && is_dead() {
                    *value = F::neg_infinity();
                }
            }
        });
        let is_undecided = |value: &F| value.is_nan();
        // A state at a time costs more than all at once.
        if values.iter().filter(|value| is_undecided(value)).count() > values.len() / 8 {
            return self.states(block, StageTables::values(values).rows(self.model.num_actions()));
        }
        for (state, value) in states.zip(values).filter(|(_, value)| is_undecided(value)) {
            let block = Block { states: state..state + 1, ..*block };
            let value = std::slice::from_mut(value);
            self.states(&block, StageTables::values(value).rows(self.model.num_actions()))?;
        }
        Ok(())
    }

    /// Backs up a block of states.
    fn states(
        &self,
        block: &Block<'_, F, M::Dynamics>,
        ((values, action_values), mut policy): Outputs<'_, F>,
    ) -> Result<(), Error> {
        let values = values.data;
        let mut run = |action_values: &mut [F]| {
            self.expectations(block, action_values);
            if block.rule.is_plain() {
                if self.at_once(block, values, action_values, &mut policy) {
                    return Ok(());
                }
                // Something is wrong, or beyond plain numbers: a state at a time finds out what and where.
                self.expectations(block, action_values);
            }
            self.one_by_one(block, values, action_values, &mut policy)
        };
        match action_values {
            Some(rows) => run(rows.data),
            None => with_scratch(block.states.len() * self.model.num_actions(), run),
        }
    }

    /// Writes the expectations or log-expectations of a block to its action values, which hold them until the rule has
    /// been applied.
    fn expectations(&self, block: &Block<'_, F, M::Dynamics>, action_values: &mut [F]) {
        if !block.rule.continues() {
            return;
        }
        let (dynamics, states) = (block.stage.dynamics, block.states.clone());
        match self.inference {
            Inference::Direct => dynamics.log_expectation(states, &self.block, action_values),
            Inference::Variational => dynamics.expectation(states, 1, block.next_values, action_values),
        }
    }

    /// Backs up all states of a block at once. Returns whether nothing was out of the ordinary; if not, the outputs mean
    /// nothing.
    fn at_once(
        &self,
        block: &Block<'_, F, M::Dynamics>,
        values: &mut [F],
        action_values: &mut [F],
        policy: &mut Option<(Rows<'_, F>, Rows<'_, F>)>,
    ) -> bool {
        let (rewards, prior) = block.stage.rows(block.states.clone());
        if !block.rule.action_values(rewards, prior, action_values) {
            return false;
        }
        let width = self.model.num_actions();
        let rows = policy.as_mut().map(|(probabilities, logs)| SoftRows {
            probabilities: &mut *probabilities.data,
            logs: &mut *logs.data,
        });
        soft_maxima(width, prior, action_values, block.rule.temperature(), values, rows);
        let mut is_regular = true;
        for (row, (state, value)) in block.states.clone().zip(values.iter_mut()).enumerate() {
            let pairs = row * width..(row + 1) * width;
            if self.model.is_terminal(state) {
                *value = self.terminal_values[state];
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

    /// Backs up the states of a block one after the other: whatever there is, and with the place of what is wrong.
    fn one_by_one(
        &self,
        block: &Block<'_, F, M::Dynamics>,
        values: &mut [F],
        action_values: &mut [F],
        policy: &mut Option<(Rows<'_, F>, Rows<'_, F>)>,
    ) -> Result<(), Error> {
        let Block { t, stage, rule, .. } = *block;
        let (dynamics, width) = (stage.dynamics, self.model.num_actions());
        let mut log_prior = LogMemo::new();
        let rows = values.iter_mut().zip(action_values.chunks_exact_mut(width));
        for (row, (state, (value, action_values))) in block.states.clone().zip(rows).enumerate() {
            let (rewards, prior) = stage.row(state)?;
            let policy = soft_row(policy, row * width..(row + 1) * width);
            if self.model.is_terminal(state) {
                *value = self.terminal_values[state];
                action_values.fill(F::neg_infinity());
                if let Some(policy) = policy {
                    normalized_prior(prior, policy, |_| true);
                }
                continue;
            }
            for (action, q) in action_values.iter_mut().enumerate() {
                let terms = (rewards[action], prior[action]);
                *q = rule.action_value(terms, *q, dynamics, (state, action)).ok_or(Error::Overflow {
                    table: Table::ActionValues,
                    stage: t,
                    state,
                })?;
            }
            *value = soft_maximum(prior, action_values, rule.temperature(), &mut log_prior, policy);
            let is_possible = action_values.iter().any(|&q| q > F::neg_infinity());
            if is_possible && !value.is_finite() {
                return Err(Error::Overflow { table: Table::StateValues, stage: t, state });
            }
        }
        Ok(())
    }
}

/// What is the same for all states of a block.
struct Block<'a, F: Real, D: ?Sized> {
    t: usize,
    stage: &'a CheckedStage<'a, F, D>,
    rule: &'a BellmanRule<'a, F>,
    next_values: &'a [F],
    states: Range<usize>,
}

/// Runs with room for the action values of a block, which nobody wants to keep: near the processor but for the few blocks
/// that are larger, single states with very many actions.
fn with_scratch<F: Real, R>(num_pairs: usize, run: impl FnOnce(&mut [F]) -> R) -> R {
    if num_pairs <= MOST_PAIRS {
        return run(&mut [F::zero(); MOST_PAIRS][..num_pairs]);
    }
    run(&mut vec![F::zero(); num_pairs])
}

/// The part of a policy that belongs to one state.
fn soft_row<'a, F>(
    policy: &'a mut Option<(Rows<'_, F>, Rows<'_, F>)>,
    pairs: Range<usize>,
) -> Option<SoftRow<'a, F>> {
    policy.as_mut().map(|(probabilities, logs)| SoftRow {
        probabilities: &mut probabilities.data[pairs.clone()],
        logs: &mut logs.data[pairs],
    })
}
