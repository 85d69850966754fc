//! One stage of the recursion: from V_{t+1} to V_t, Q_t and π_t.
//!
//! A [`Column`] is one stage of one model together with the values that it is backed up from.
//! [`back_up`] takes k ≥ 1 columns that share their dynamics: a single stage, several models, or
//! several stages of one model. All columns share one pass over the transitions, which is what
//! large models wait for.
//!
//! # Form computed
//!
//! States are cut into blocks, which run on several threads. For each block, the dynamics write the
//! expectations y `[s, a]`, and the column turns them into Q, V and π while they are in cache. A
//! single column writes them directly into the table of Q.
//!
//! A block is computed in vector arithmetic first. If anything in it is out of the ordinary, such
//! as an invalid reward or a number that leaves the number type, its states are computed again one
//! by one, which finds the place of the error.

use std::ops::Range;

use ndarray::ArrayView1;

use crate::bellman::BellmanRule;
use crate::dynamics::blocks;
use crate::kernels::tables::{Pairs, SmallOutputs};
use crate::kernels::{
    CHUNK, FEW, LogBlock, LogMemo, SoftRow, SoftRows, extremes, normalized_prior, vectorised,
};
use crate::mdp::CheckedStage;
use crate::parallel::{RowsMut, Split, for_each_piece};
use crate::{Dynamics, Error, Inference, Model, Real};

/// The tables of a stage, to be written. Tables of several stages stand one after the other.
#[derive(Debug)]
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

    /// Whether V_t is all that is wanted.
    pub(super) fn is_values_alone(&self) -> bool {
        self.action_values.is_none() && self.policy.is_none()
    }

    /// The same tables for a shorter time.
    pub(super) fn reborrow(&mut self) -> StageTables<'_, F> {
        StageTables {
            values: self.values,
            action_values: self.action_values.as_deref_mut(),
            policy: self.policy.as_mut().map(|(probabilities, logs)| (&mut **probabilities, &mut **logs)),
        }
    }
}

impl<F: Send> Split for StageTables<'_, F> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let num_states = self.values.len();
        let pairs = |table: &[F]| states * (table.len() / num_states.max(1));
        let (values, values_rest) = self.values.split_at_mut(states);
        let (action_values, action_values_rest) =
            self.action_values.map(|table| table.split_at_mut(pairs(table))).unzip();
        let policy = self.policy.map(|(probabilities, logs)| {
            let at = pairs(probabilities);
            let ((p, p_rest), (logs, logs_rest)) = (probabilities.split_at_mut(at), logs.split_at_mut(at));
            ((p, logs), (p_rest, logs_rest))
        });
        let (policy, policy_rest) = policy.unzip();
        let rest = Self { values: values_rest, action_values: action_values_rest, policy: policy_rest };
        (Self { values, action_values, policy }, rest)
    }
}

/// A stage of a model, to be backed up from the values of the next stage.
pub(super) struct Column<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) model: &'a M,
    pub(super) t: usize,
    pub(super) stage: &'a CheckedStage<'a, F, M::Dynamics>,
    pub(super) rule: BellmanRule<'a, F>,
    terminal: &'a [usize],
    terminal_values: ArrayView1<'a, F>,
}

impl<'a, F: Real, M: Model<Scalar = F> + ?Sized> Column<'a, F, M> {
    /// Stage `t`, which `rule` backs up. `terminal` are the terminal states, ascending.
    pub(super) fn new(
        (model, terminal): (&'a M, &'a [usize]),
        t: usize,
        stage: &'a CheckedStage<'a, F, M::Dynamics>,
        rule: BellmanRule<'a, F>,
    ) -> Self {
        Self { model, t, stage, rule, terminal, terminal_values: model.terminal_values() }
    }

    /// Backs up a range of states. `expectations` writes the expectations or log-expectations of
    /// their pairs, `[s, a]`; it may be called twice.
    pub(super) fn states(
        &self,
        states: Range<usize>,
        tables: StageTables<'_, F>,
        expectations: &dyn Fn(&mut [F]),
    ) -> Result<(), Error> {
        let StageTables { values, action_values, policy } = tables;
        let mut policy = policy.map(|(probabilities, logs)| SoftRows { probabilities, logs });
        let num_pairs = states.len() * self.model.num_actions();
        let mut run = |action_values: &mut [F]| {
            // At γ = 0 the rule does not read the expectations.
            if self.rule.continues() {
                expectations(action_values);
            }
            if self.rule.is_plain() {
                if self.at_once(&states, values, action_values, policy.as_mut()) {
                    return Ok(());
                }
                expectations(action_values);
            }
            self.one_by_one(&states, values, action_values, policy.as_mut())
        };
        match action_values {
            Some(rows) => run(rows),
            None => with_scratch(num_pairs, run),
        }
    }

    /// The terminal states of a range with their values.
    pub(super) fn terminal(&self, states: &Range<usize>) -> impl Iterator<Item = (usize, F)> {
        let first = self.terminal.partition_point(|&state| state < states.start);
        let here = self.terminal[first..].iter().take_while(|state| states.contains(state));
        here.map(|&state| (state, self.terminal_values[state]))
    }

    /// Backs up all states of a block in vector arithmetic. Returns whether nothing was out of the
    /// ordinary; if not, the outputs are meaningless.
    fn at_once(
        &self,
        states: &Range<usize>,
        values: &mut [F],
        action_values: &mut [F],
        mut policy: Option<&mut SoftRows<'_, F>>,
    ) -> bool {
        let width = self.model.num_actions();
        let (rewards, prior) = self.stage.rows(states.clone());
        let rows = policy.as_deref_mut().map(SoftRows::reborrow);
        if !self.rule.back_up(width, Pairs { rewards, prior }, action_values, values, rows) {
            return false;
        }
        self.end(states, values, Some(action_values), policy);
        true
    }

    /// Writes all states by `back_up`, which returns whether it could, and the terminal states as
    /// they are. If it could not, the outputs are meaningless.
    pub(super) fn write_whole(
        &self,
        tables: StageTables<'_, F>,
        back_up: impl FnOnce(SmallOutputs<'_, F>) -> bool,
    ) -> bool {
        let StageTables { values, mut action_values, policy } = tables;
        let mut policy = policy.map(|(probabilities, logs)| SoftRows { probabilities, logs });
        let rows = policy.as_mut().map(SoftRows::reborrow);
        let is_possible = back_up((&mut *values, action_values.as_deref_mut(), rows));
        if is_possible {
            self.end(&(0..values.len()), values, action_values, policy.as_mut());
        }
        is_possible
    }

    /// Writes the terminal states of a range.
    fn end(
        &self,
        states: &Range<usize>,
        values: &mut [F],
        mut action_values: Option<&mut [F]>,
        mut policy: Option<&mut SoftRows<'_, F>>,
    ) {
        let width = self.model.num_actions();
        for (state, terminal_value) in self.terminal(states) {
            let row = state - states.start;
            let pairs = row * width..(row + 1) * width;
            let (_, prior) = self.stage.rows(state..state + 1);
            let policy = policy.as_deref_mut().map(|rows| rows.row(pairs.clone()));
            values[row] = terminal_value;
            write_terminal(prior, action_values.as_deref_mut().map(|table| &mut table[pairs]), policy);
        }
    }

    /// Backs up the states of a block one after the other. Handles every input and reports errors
    /// with their place.
    fn one_by_one(
        &self,
        states: &Range<usize>,
        values: &mut [F],
        action_values: &mut [F],
        mut policy: Option<&mut SoftRows<'_, F>>,
    ) -> Result<(), Error> {
        let width = self.model.num_actions();
        let mut log_prior = LogMemo::new();
        let rows = values.iter_mut().zip(action_values.chunks_exact_mut(width));
        for (row, (state, (value, action_values))) in states.clone().zip(rows).enumerate() {
            let (rewards, prior) = self.stage.row(state)?;
            let policy = policy.as_deref_mut().map(|rows| rows.row(row * width..(row + 1) * width));
            if self.model.is_terminal(state) {
                *value = self.terminal_values[state];
                write_terminal(prior, Some(action_values), policy);
                continue;
            }
            let at = (self.t, state);
            self.rule.action_values_of_state((rewards, prior), self.stage.dynamics, at, action_values)?;
            *value = self.rule.state_value(prior, action_values, at, &mut log_prior, policy)?;
        }
        Ok(())
    }
}

/// Writes Q and π of a terminal state: no action is worth anything there, and the policy is the
/// normalised prior.
fn write_terminal<F: Real>(prior: &[F], action_values: Option<&mut [F]>, policy: Option<SoftRow<'_, F>>) {
    if let Some(action_values) = action_values {
        action_values.fill(F::neg_infinity());
    }
    if let Some(policy) = policy {
        normalized_prior(prior, policy, |_| true);
    }
}

/// Runs with room for the action values of a block, on the stack except for single states with very
/// many actions.
pub(super) fn with_scratch<F: Real, R>(num_pairs: usize, run: impl FnOnce(&mut [F]) -> R) -> R {
    if num_pairs <= FEW {
        run(&mut [F::zero(); FEW][..num_pairs])
    } else if num_pairs <= CHUNK {
        run(&mut [F::zero(); CHUNK][..num_pairs])
    } else if num_pairs <= blocks::MOST_PAIRS {
        run(&mut [F::zero(); blocks::MOST_PAIRS][..num_pairs])
    } else {
        run(&mut vec![F::zero(); num_pairs])
    }
}

/// The values V_{t+1} of k columns, in the form that expectations are taken from.
#[derive(Debug)]
pub(super) enum NextValues<F> {
    /// With their exponentials.
    Direct(LogBlock<F>),
    /// `[s', k]` for several columns. Empty for a single column, whose values are read where they
    /// are.
    Variational(Vec<F>),
}

impl<F: Real> NextValues<F> {
    /// Room for one column for each temperature.
    pub(super) fn new(inference: Inference, num_states: usize, temperatures: &[F]) -> Self {
        match (inference, temperatures.len()) {
            (Inference::Direct, _) => Self::Direct(LogBlock::with_shape(num_states, temperatures)),
            (Inference::Variational, 1) => Self::Variational(Vec::new()),
            (Inference::Variational, k) => Self::Variational(vec![F::zero(); num_states * k]),
        }
    }

    /// Takes V_{t+1} of all columns.
    fn fill<M>(&mut self, columns: &[Column<'_, F, M>]) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let column = |index: usize| columns[index].rule.next_values();
        match self {
            Self::Direct(block) => fill_block(block, columns[0].stage.dynamics, column)?,
            Self::Variational(_) if columns.len() == 1 => {}
            Self::Variational(values) => {
                for index in 0..columns.len() {
                    let rows = values.chunks_exact_mut(columns.len()).zip(column(index));
                    rows.for_each(|(row, &v)| row[index] = v);
                }
            }
        }
        Ok(())
    }

    /// Writes the expectations or log-expectations of some states, `[s, a, k]`.
    fn expectations<M>(&self, columns: &[Column<'_, F, M>], states: Range<usize>, y: &mut [F])
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let dynamics = columns[0].stage.dynamics;
        match (self, columns) {
            (Self::Direct(block), _) => dynamics.log_expectation(states, block, y),
            (Self::Variational(_), [column]) => {
                dynamics.expectation(states, 1, column.rule.next_values(), y);
            }
            (Self::Variational(values), _) => dynamics.expectation(states, columns.len(), values, y),
        }
    }
}

/// Fills a block with the values of its columns, with as many threads as a stage of the dynamics is
/// worth. With a share, the columns are those of all places, and their extremes those of all
/// states, whatever their process.
pub(super) fn fill_block<'v, F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    block: &mut LogBlock<F>,
    dynamics: &D,
    column: impl Fn(usize) -> &'v [F] + Sync,
) -> Result<(), Error> {
    let width = block.num_columns();
    let own = |index: usize| vectorised!(extremes(column(index)));
    let Some(share) = dynamics.share() else {
        block.assign_by(own, &column, |fill, values, exponentials| {
            let outputs = (RowsMut { data: values, width }, RowsMut { data: exponentials, width });
            let filled = blocks::for_each_block(dynamics, outputs, &|states, (values, exponentials)| {
                fill(states, values.data, exponentials.data);
                Ok(())
            });
            debug_assert!(filled.is_ok());
        });
        return Ok(());
    };
    let join = |a: [f64; 2], b: [f64; 2]| [a[0].min(b[0]), a[1].max(b[1])];
    let of_all = |index: usize| {
        let (least, largest) = own(index);
        let mine = Ok([least.into_f64(), largest.into_f64()]);
        let [least, largest] = share.team().join("the extremes of values", mine, join)?;
        Ok((F::from_f64(least), F::from_f64(largest)))
    };
    let joined = (0..width).map(of_all).collect::<Result<Vec<_>, Error>>()?;
    block.resize(share.num_places());
    block.assign_by(
        |index| joined[index],
        &column,
        |fill, values, exponentials| {
            let outputs = (RowsMut { data: values, width }, RowsMut { data: exponentials, width });
            for_each_piece(share.num_places(), outputs, &|places, (values, exponentials): Rows<'_, F>| {
                fill(places, values.data, exponentials.data);
            });
        },
    );
    Ok(())
}

/// The rows of two tables.
type Rows<'a, F> = (RowsMut<'a, F>, RowsMut<'a, F>);

/// Backs up all states of k columns, whose stages have the same dynamics. `tables` are those of
/// each column: an array for one column, which allocates nothing, or a `Vec`.
///
/// Of several errors, that of the lowest block of states is returned, and within it that of the
/// last column.
pub(super) fn back_up<'a, F, M, T>(
    columns: &[Column<'_, F, M>],
    next_values: &mut NextValues<F>,
    tables: T,
) -> Result<(), Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
    T: Split + AsMut<[StageTables<'a, F>]>,
{
    let (dynamics, k) = (columns[0].stage.dynamics, columns.len());
    if columns.iter().any(|column| column.rule.continues()) {
        next_values.fill(columns)?;
    }
    let next_values = &*next_values;
    let block = |states: Range<usize>, mut tables: T| {
        if let ([column], [tables]) = (columns, tables.as_mut()) {
            let expectations = |y: &mut [F]| next_values.expectations(columns, states.clone(), y);
            return column.states(states.clone(), tables.reborrow(), &expectations);
        }
        let mut all = vec![F::zero(); states.len() * dynamics.num_actions() * k]; // [s, a, k]
        next_values.expectations(columns, states.clone(), &mut all);
        for (index, (column, tables)) in columns.iter().zip(tables.as_mut()).enumerate().rev() {
            let own = all.iter().skip(index).step_by(k);
            column.states(states.clone(), tables.reborrow(), &|y| {
                y.iter_mut().zip(own.clone()).for_each(|(y, &expectation)| *y = expectation);
            })?;
        }
        Ok(())
    };
    if k == 1 {
        blocks::for_each_block(dynamics, tables, &block)
    } else {
        blocks::for_each_wide_block(dynamics, k, tables, &block)
    }
}

impl<T: Split> Split for [T; 1] {
    fn split_at(self, states: usize) -> (Self, Self) {
        let [table] = self;
        let (first, rest) = table.split_at(states);
        ([first], [rest])
    }
}

impl<T: Split> Split for Vec<T> {
    fn split_at(self, states: usize) -> (Self, Self) {
        self.into_iter().map(|tables| tables.split_at(states)).unzip()
    }
}
