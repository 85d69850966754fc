//! One soft Bellman backup: from the values of the next stage to those of this one.

use std::ops::Range;

use ndarray::ArrayView1;

use crate::bellman::BellmanRule;
use crate::kernels::{LogMemo, SoftRow, normalized_prior, soft_maximum};
use crate::mdp::CheckedStage;
use crate::parallel::{self, Rows};
use crate::{Dynamics, Error, Inference, LogBlock, Model, Real, Table};

/// A model and an inference, with the memory that a stage needs.
pub(crate) struct Backup<'m, F, M: ?Sized> {
    model: &'m M,
    inference: Inference,
    terminal_values: ArrayView1<'m, F>,
    block: LogBlock<F>,
}

/// Where the results of a stage go.
pub(crate) struct StageTables<'a, F> {
    /// V_t, `[s]`.
    pub(crate) values: &'a mut [F],
    /// Q_t, `[s, a]`.
    pub(crate) action_values: &'a mut [F],
    /// π_t and log π_t, `[s, a]` each, if wanted.
    pub(crate) policy: Option<(&'a mut [F], &'a mut [F])>,
}

/// The parts of [`StageTables`] that belong to a block of states.
type Outputs<'a, F> = ((Rows<'a, F>, Rows<'a, F>), Option<(Rows<'a, F>, Rows<'a, F>)>);

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Backup<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(crate) fn new(model: &'m M, inference: Inference) -> Self {
        Self {
            model,
            inference,
            terminal_values: model.terminal_values(),
            block: LogBlock::with_shape(model.num_states(), &[model.temperature()]),
        }
    }

    /// Backs `next_values` = V_{t+1} up to stage t. Allocates nothing.
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
            self.block.assign(next_values);
        }
        let width = self.model.num_actions();
        let StageTables { values, action_values, policy } = tables;
        let values = Rows { data: values, width: 1 };
        let action_values = Rows { data: action_values, width };
        let policy = policy
            .map(|(probabilities, logs)| (Rows { data: probabilities, width }, Rows { data: logs, width }));
        let outputs = ((values, action_values), policy);
        parallel::for_each_block(stage.dynamics, outputs, &|states, outputs| {
            self.states(t, &stage, &rule, next_values, states, outputs)
        })
    }

    /// Backs up a block of states.
    fn states(
        &self,
        t: usize,
        stage: &CheckedStage<'_, F, M::Dynamics>,
        rule: &BellmanRule<F>,
        next_values: &[F],
        states: Range<usize>,
        ((values, action_values), mut policy): Outputs<'_, F>,
    ) -> Result<(), Error> {
        let (dynamics, width) = (stage.dynamics, action_values.width);
        if rule.continues() {
            // Q holds the expectations until the rule has been applied to them.
            let expectations = &mut *action_values.data;
            match self.inference {
                Inference::Direct => {
                    dynamics.log_expectation(states.clone(), &self.block, expectations);
                }
                Inference::Variational => {
                    dynamics.expectation(states.clone(), 1, next_values, expectations);
                }
            }
        }
        let mut log_prior = LogMemo::new();
        let rows = values.data.iter_mut().zip(action_values.data.chunks_exact_mut(width));
        for (row, (state, (value, action_values))) in states.zip(rows).enumerate() {
            let (rewards, prior) = stage.row(state)?;
            let policy = policy.as_mut().map(|(probabilities, logs)| SoftRow {
                probabilities: &mut probabilities.data[row * width..(row + 1) * width],
                logs: &mut logs.data[row * width..(row + 1) * width],
            });
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
                *q = rule
                    .action_value(terms, *q, (dynamics, next_values), (state, action))
                    .ok_or(Error::Overflow { table: Table::ActionValues, stage: t, state })?;
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
