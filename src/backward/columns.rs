//! Backups of several columns in one pass over the dynamics: the stages of one model, or several models.

use ndarray::{ArrayViewMut2, ArrayViewMut3, Axis};

use super::backup::fill_block;
use super::column::{Column, Outputs, StageTables};
use crate::dynamics::blocks;
use crate::kernels::LogBlock;
use crate::parallel::{RowsMut, Split};
use crate::{Dynamics, Error, Inference, Model, Real};

/// Tables of k columns, to be divided among blocks of states.
pub(super) trait ColumnOutputs<F>: Split {
    /// Those of one column.
    fn column(&mut self, index: usize) -> Outputs<'_, F>;
}

/// Tables of consecutive stages.
pub(super) struct StageOutputs<'a, F> {
    values: ArrayViewMut2<'a, F>,                                 // [t, s]
    action_values: Option<ArrayViewMut3<'a, F>>,                  // [t, s, a]
    policy: Option<(ArrayViewMut3<'a, F>, ArrayViewMut3<'a, F>)>, // [t, s, a]
}

impl<'a, F: Real> StageOutputs<'a, F> {
    /// Tables of stages, states and actions.
    pub(super) fn new(shape: (usize, usize, usize), tables: StageTables<'a, F>) -> Self {
        let table = |data| ArrayViewMut3::from_shape(shape, data).expect("a table of that shape");
        let values = ArrayViewMut2::from_shape((shape.0, shape.1), tables.values);
        Self {
            values: values.expect("a table of that shape"),
            action_values: tables.action_values.map(table),
            policy: tables.policy.map(|(probabilities, logs)| (table(probabilities), table(logs))),
        }
    }
}

impl<T: Send> Split for ArrayViewMut3<'_, T> {
    fn split_at(self, states: usize) -> (Self, Self) {
        self.split_at(Axis(1), states)
    }
}

impl<F: Real> Split for StageOutputs<'_, F> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let (values, values_rest) = self.values.split_at(Axis(1), states);
        let (action_values, action_values_rest) = Split::split_at(self.action_values, states);
        let (policy, policy_rest) = Split::split_at(self.policy, states);
        let rest = Self { values: values_rest, action_values: action_values_rest, policy: policy_rest };
        (Self { values, action_values, policy }, rest)
    }
}

impl<F: Real> ColumnOutputs<F> for StageOutputs<'_, F> {
    fn column(&mut self, index: usize) -> Outputs<'_, F> {
        fn rows<'a, F>(table: &'a mut ArrayViewMut3<'_, F>, index: usize) -> RowsMut<'a, F> {
            let width = table.dim().2;
            let rows = table.index_axis_mut(Axis(0), index).into_slice();
            RowsMut { data: rows.expect("consecutive rows"), width }
        }
        let values = self.values.index_axis_mut(Axis(0), index).into_slice().expect("consecutive values");
        let action_values = self.action_values.as_mut().map(|table| rows(table, index));
        let policy = self.policy.as_mut().map(|(p, logs)| (rows(p, index), rows(logs, index)));
        ((RowsMut { data: values, width: 1 }, action_values), policy)
    }
}

impl<O: Split> Split for Vec<O> {
    fn split_at(self, states: usize) -> (Self, Self) {
        self.into_iter().map(|outputs| outputs.split_at(states)).unzip()
    }
}

/// Those of several models.
impl<F: Real> ColumnOutputs<F> for Vec<Outputs<'_, F>> {
    fn column(&mut self, index: usize) -> Outputs<'_, F> {
        let ((values, action_values), policy) = &mut self[index];
        let policy = policy.as_mut().map(|(probabilities, logs)| (probabilities.reborrow(), logs.reborrow()));
        ((values.reborrow(), action_values.as_mut().map(RowsMut::reborrow)), policy)
    }
}

/// The values that k columns are backed up from.
pub(super) enum Values<F> {
    Direct(LogBlock<F>),
    Variational(Vec<F>), // [s', k]
}

impl<F: Real> Values<F> {
    /// Room for the values of k columns with their temperatures.
    pub(super) fn new(inference: Inference, num_states: usize, temperatures: &[F]) -> Self {
        match inference {
            Inference::Direct => Self::Direct(LogBlock::with_shape(num_states, temperatures)),
            Inference::Variational => Self::Variational(vec![F::zero(); num_states * temperatures.len()]),
        }
    }

    /// Takes the values of all columns, `[s']` each.
    fn assign<'v, D>(&mut self, dynamics: &D, num_columns: usize, column: impl Fn(usize) -> &'v [F] + Sync)
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        match self {
            Self::Direct(block) => fill_block(block, dynamics, column),
            Self::Variational(values) => {
                for index in 0..num_columns {
                    let rows = values.chunks_exact_mut(num_columns).zip(column(index));
                    rows.for_each(|(row, &v)| row[index] = v);
                }
            }
        }
    }
}

/// Backs up all states of k columns, the last one first. The columns share the dynamics of their stages; `next_values` are
/// those of each column, `[s']`.
pub(super) fn back_up<'v, F, M, O>(
    columns: &[Column<'_, F, M>],
    values: &mut Values<F>,
    next_values: impl Fn(usize) -> &'v [F] + Sync,
    outputs: O,
) -> Result<(), Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
    O: ColumnOutputs<F>,
{
    let (dynamics, k) = (columns[0].stage.dynamics, columns.len());
    values.assign(dynamics, k, next_values);
    let values = &*values;
    blocks::for_each_wide_block(dynamics, k, outputs, &|states, mut outputs: O| {
        let num_pairs = states.len() * dynamics.num_actions();
        let mut expectations = vec![F::zero(); num_pairs * k]; // [s, a, k]
        match values {
            Values::Direct(block) => dynamics.log_expectation(states.clone(), block, &mut expectations),
            Values::Variational(values) => {
                dynamics.expectation(states.clone(), k, values, &mut expectations);
            }
        }
        for (index, column) in columns.iter().enumerate().rev() {
            let pairs = expectations.iter().skip(index).step_by(k);
            column.states(states.clone(), outputs.column(index), &|expectations| {
                expectations.iter_mut().zip(pairs.clone()).for_each(|(y, &expectation)| *y = expectation);
            })?;
        }
        Ok(())
    })
}
