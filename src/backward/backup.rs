//! One soft Bellman backup: from the values of the next stage to those of this one.

use std::ops::Range;

use num_traits::Zero;

use super::carried::Carried;
use super::column::{Column, Outputs, StageTables};
use super::columns::{StageOutputs, Values, back_up};
use super::linear::Linear;
use crate::bellman::BellmanRule;
use crate::dynamics::blocks;
use crate::kernels::LogBlock;
use crate::mdp::CheckedStage;
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

/// Work of a stage, in transitions, below which M of (D11) is not worth making.
const LINEAR_WORK: usize = 1 << 12;

/// Stages from which on it is: making it costs as much as about one of full rows, or six of short ones.
const LINEAR_STAGES: (usize, usize) = (2, 8);

/// Successors of a pair from which on rows count as full. Then it is also worth holding the values of many stages twice, to
/// take action values at once.
const MANY_SUCCESSORS: usize = 16;

/// The most stages whose action values are taken at once.
const MOST_STAGES: usize = 128;

/// A model and an inference, with the memory that a stage needs.
pub(crate) struct Backup<'m, F: Real, M: ?Sized> {
    model: &'m M,
    inference: Inference,
    discount: F,
    num_stages: usize, // that are expected
    block: LogBlock<F>,
    linear: Option<Option<Linear<F>>>, // once it has been asked for
    carried: Option<Carried<F>>,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Backup<'m, F, M> {
    /// For about `num_stages` stages. Precondition: the model has passed `check_options`.
    pub(crate) fn new(model: &'m M, inference: Inference, num_stages: usize) -> Self {
        Self::with_block(model, inference, num_stages, None)
    }

    /// The same with the memory of an earlier one.
    pub(crate) fn with_block(
        model: &'m M,
        inference: Inference,
        num_stages: usize,
        block: Option<LogBlock<F>>,
    ) -> Self {
        let (num_states, temperature) = (model.num_states(), model.temperature());
        let block = match block {
            Some(block) => block.for_states(num_states, temperature),
            None => LogBlock::with_shape(num_states, &[temperature]),
        };
        let discount = model.discount();
        Self { model, inference, discount, num_stages, block, linear: None, carried: None }
    }

    /// With another discount than the model's, for single stages.
    pub(crate) fn with_discount(self, discount: F) -> Self {
        Self { discount, num_stages: 1, ..self }
    }

    pub(crate) fn model(&self) -> &'m M {
        self.model
    }

    /// The memory, for another.
    pub(crate) fn into_block(self) -> LogBlock<F> {
        self.block
    }

    /// Backs `next_values` = V_{t+1} up to stage t. Allocates nothing, but for what [`Linear`] takes once.
    pub(crate) fn stage(
        &mut self,
        t: usize,
        next_values: &[F],
        tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let stage = CheckedStage::new(self.model, t, self.inference)?;
        let column = Column::new(self.model, self.rule(next_values), t, stage);
        let is_values_alone = tables.action_values.is_none() && tables.policy.is_none();
        if is_values_alone {
            self.prepare(t)?;
        }
        let fill = |block: &mut LogBlock<F>| fill_block(block, column.stage.dynamics, |_| next_values);
        let mut is_filled = false;
        if let (true, Some(Some(linear)), Some(carried)) = (is_values_alone, &self.linear, &mut self.carried)
        {
            is_filled = !carried.holds(t + 1);
            if is_filled {
                fill(&mut self.block);
            }
            if carried.stage(linear, &column, &mut self.block, tables.values) {
                return Ok(());
            }
        }
        if self.inference == Inference::Direct && column.rule.continues() && !is_filled {
            fill(&mut self.block);
        }
        if let (true, Some(Some(linear))) = (is_values_alone, &self.linear) {
            return self.linear_stage(linear, &column, next_values, tables.values);
        }
        let outputs = tables.rows(self.model.num_actions());
        blocks::for_each_block(column.stage.dynamics, outputs, &|states, outputs| {
            self.states(&column, next_values, states, outputs)
        })
    }

    /// How many stages before `end` to back up at once by [`stages`](Self::stages).
    pub(crate) fn num_at_once(&mut self, end: usize) -> Result<usize, Error> {
        self.prepare(end - 1)?;
        if !matches!(self.linear, Some(Some(_)))
            || !has_full_rows(self.model.stage(end - 1, self.inference)?.dynamics)
        {
            return Ok(1);
        }
        Ok(end.div_ceil(end.div_ceil(MOST_STAGES)))
    }

    /// Backs `next_values` = V_end up to all of `stages`, for which `tables` have room.
    ///
    /// The values come from the linear recursion, one stage after the other; from those, action values and policies of all
    /// stages come at once, by products of matrices.
    pub(crate) fn stages(
        &mut self,
        stages: Range<usize>,
        next_values: &[F],
        mut tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        if stages.len() > 1 {
            match self.stages_at_once(stages.clone(), next_values, tables.reborrow()) {
                // Where and what is for the ordinary backup to say: it sees action values at once.
                Err(Error::Overflow { .. }) => {}
                result => return result,
            }
        }
        let (num_states, num_pairs) =
            (self.model.num_states(), self.model.num_states() * self.model.num_actions());
        let StageTables { values, mut action_values, mut policy } = tables;
        for (index, t) in stages.enumerate().rev() {
            let (values, next) = values.split_at_mut((index + 1) * num_states);
            let pairs = index * num_pairs..(index + 1) * num_pairs;
            let tables = StageTables {
                values: &mut values[index * num_states..],
                action_values: action_values.as_mut().map(|table| &mut table[pairs.clone()]),
                policy: policy.as_mut().map(|(p, logs)| (&mut p[pairs.clone()], &mut logs[pairs.clone()])),
            };
            let next = if next.is_empty() { next_values } else { &next[..num_states] };
            self.stage(t, next, tables)?;
        }
        Ok(())
    }

    fn stages_at_once(
        &mut self,
        stages: Range<usize>,
        next_values: &[F],
        tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let (model, num_states) = (self.model, self.model.num_states());
        // V of the stages that are read: each is one later than the one that is written.
        let mut read = arrays::filled(Table::StateValues, (stages.len(), num_states), F::zero())?;
        let read = arrays::slice_mut(&mut read);
        read[(stages.len() - 1) * num_states..].copy_from_slice(next_values);
        for (index, t) in stages.clone().enumerate().skip(1).rev() {
            let (values, next) = read.split_at_mut(index * num_states);
            let values = &mut values[(index - 1) * num_states..];
            self.stage(t, &next[..num_states], StageTables::values(values))?;
        }
        let row = |index: usize| &read[index * num_states..(index + 1) * num_states];
        let columns: Vec<_> = (stages.clone().enumerate())
            .map(|(index, t)| {
                let stage = CheckedStage::new(model, t, self.inference)?;
                Ok(Column::new(model, self.rule(row(index)), t, stage))
            })
            .collect::<Result<_, Error>>()?;
        let mut values = Values::new(self.inference, num_states, &vec![model.temperature(); columns.len()]);
        let outputs = StageOutputs::new((stages.len(), num_states, model.num_actions()), tables);
        back_up(&columns, &mut values, row, outputs)
    }

    /// The rule for backing up `next_values`.
    fn rule<'v>(&self, next_values: &'v [F]) -> BellmanRule<'v, F> {
        BellmanRule::new(self.inference, self.discount, self.model.temperature(), next_values)
    }

    /// Makes the linear recursion where it is worth it.
    fn prepare(&mut self, t: usize) -> Result<(), Error> {
        if self.linear.is_none() {
            let dynamics = self.model.stage(t, self.inference)?.dynamics;
            let is_linear = is_linear(self.model, self.inference, self.num_stages, dynamics);
            let linear = if is_linear { Linear::new(self.model, t, self.num_stages)? } else { None };
            let whole = linear.as_ref().filter(|linear| linear.is_whole());
            self.carried = whole.map(|linear| Carried::new(self.model, linear.rewards()));
            self.linear = Some(linear);
        }
        Ok(())
    }

    /// Backs up all states by the linear recursion.
    fn linear_stage(
        &self,
        linear: &Linear<F>,
        column: &Column<'_, F, M>,
        next_values: &[F],
        values: &mut [F],
    ) -> Result<(), Error> {
        let outputs = RowsMut { data: values, width: 1 };
        blocks::for_each_block(&linear.dynamics, outputs, &|states, values| {
            let values = values.data;
            let ordinary = |states: Range<usize>, values: &mut [F]| {
                let outputs = StageTables::values(values).rows(self.model.num_actions());
                self.states(column, next_values, states, outputs)
            };
            if !linear.states(column, &self.block, states.clone(), values) {
                return ordinary(states, values);
            }
            for &state in linear.left(states.clone()) {
                let at = state - states.start;
                ordinary(state..state + 1, &mut values[at..=at])?;
            }
            Ok(())
        })
    }

    /// Backs up a block of states.
    fn states(
        &self,
        column: &Column<'_, F, M>,
        next_values: &[F],
        states: Range<usize>,
        outputs: Outputs<'_, F>,
    ) -> Result<(), Error> {
        let dynamics = column.stage.dynamics;
        column.states(states.clone(), outputs, &|expectations| match self.inference {
            Inference::Direct => dynamics.log_expectation(states.clone(), &self.block, expectations),
            Inference::Variational => dynamics.expectation(states.clone(), 1, next_values, expectations),
        })
    }
}

/// Whether to try the linear recursion for a number of stages, which all have these dynamics if the model is homogeneous.
pub(super) fn is_linear<M: Model + ?Sized>(
    model: &M,
    inference: Inference,
    num_stages: usize,
    dynamics: &M::Dynamics,
) -> bool {
    let least_stages = if has_full_rows(dynamics) { LINEAR_STAGES.0 } else { LINEAR_STAGES.1 };
    inference == Inference::Direct
        && model.is_homogeneous()
        && model.temperature() > M::Scalar::zero()
        && model.discount() > M::Scalar::zero()
        && num_stages >= least_stages
        && dynamics.work(0..dynamics.num_states()) >= LINEAR_WORK
}

/// Whether pairs have many successors.
pub(super) fn has_full_rows<D: Dynamics + ?Sized>(dynamics: &D) -> bool {
    dynamics.work(0..dynamics.num_states()) / dynamics.num_states() / dynamics.num_actions()
        >= MANY_SUCCESSORS
}

/// Fills a block with the values of its columns, with as many threads as a stage of the dynamics is worth.
pub(super) fn fill_block<'v, F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    block: &mut LogBlock<F>,
    dynamics: &D,
    column: impl Fn(usize) -> &'v [F] + Sync,
) {
    let width = block.num_columns();
    block.assign_by(column, |fill, values, exponentials| {
        let outputs = (RowsMut { data: values, width }, RowsMut { data: exponentials, width });
        let filled = blocks::for_each_block(dynamics, outputs, &|states, (values, exponentials)| {
            fill(states, values.data, exponentials.data);
            Ok(())
        });
        debug_assert!(filled.is_ok());
    });
}
