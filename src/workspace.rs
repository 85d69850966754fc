//! Memory that one call leaves for the next.

use ndarray::{Dimension, IntoDimension};

use crate::arrays::Scratch;
use crate::kernels::LogBlock;
use crate::{Error, Real, Table, arrays};

/// Memory for calls that are repeated, such as
/// [`stream_with`](crate::SoftValueIteration::stream_with) and
/// [`stream_posterior_with`](crate::stream_posterior_with).
///
/// The first call allocates its tables here, and later calls use them again. For large models this
/// matters: a third of the time of a first stage may be spent on fresh pages.
///
/// One workspace serves all calls, models and horizons in turn. It keeps the largest tables so far
/// until it is dropped. A clone starts empty, and two workspaces are always equal.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
/// use softmdp::{Mdp, SoftValueIteration, Workspace, ndarray::array};
///
/// let mut mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
/// let mut workspace = Workspace::new();
/// for reward in [1.0, 2.0, 3.0] {
///     mdp.swap_rewards(&mut array![[reward, 0.0]])?;
///     let mut first = 0.0; // P(action 0) at stage 0
///     let _ = SoftValueIteration::new(5).stream_with(&mdp, &mut workspace, |stage| {
///         first = stage.probabilities()[[0, 0]];
///         ControlFlow::<()>::Continue(())
///     })?;
///     assert!((first - 1.0 / (1.0 + f64::exp(-reward))).abs() < 1e-15);
/// }
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace<F = f64>(Scratch<Kept<F>>);

/// Tables that are not in use.
struct Kept<F> {
    tables: Vec<Vec<F>>,
    states: Vec<Vec<usize>>,
    block: Option<LogBlock<F>>,
}

impl<F> Default for Kept<F> {
    fn default() -> Self {
        Self { tables: Vec::new(), states: Vec::new(), block: None }
    }
}

impl<F> Default for Workspace<F> {
    fn default() -> Self {
        Self(Scratch::default())
    }
}

impl<F: Real> Workspace<F> {
    /// Returns a workspace that holds no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A table of a shape. Its entries are any numbers, to be overwritten.
    pub(crate) fn take(&mut self, table: Table, shape: impl IntoDimension) -> Result<Vec<F>, Error> {
        let shape = shape.into_dimension();
        let too_large = || Error::TooLarge { table, shape: shape.slice().to_vec() };
        let len = shape.size_checked().ok_or_else(too_large)?;
        let tables = &mut self.0.0.tables;
        let fitting = (0..tables.len()).filter(|&at| tables[at].capacity() >= len);
        if let Some(at) = fitting.min_by_key(|&at| tables[at].capacity()) {
            let mut kept = tables.swap_remove(at);
            kept.resize(len, F::zero());
            return Ok(kept);
        }
        // The largest is too small: it makes room for its successor.
        let largest = (0..tables.len()).max_by_key(|&at| tables[at].capacity());
        drop(largest.map(|at| tables.swap_remove(at)));
        arrays::filled_vec(table, shape, F::zero())
    }

    /// Keeps a table for the next [`take`](Self::take).
    pub(crate) fn keep(&mut self, table: Vec<F>) {
        self.0.0.tables.push(table);
    }

    /// A list of states.
    pub(crate) fn take_states(&mut self, states: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut kept = self.0.0.states.pop().unwrap_or_default();
        kept.clear();
        kept.extend(states);
        kept
    }

    /// Keeps a list for the next [`take_states`](Self::take_states).
    pub(crate) fn keep_states(&mut self, states: Vec<usize>) {
        self.0.0.states.push(states);
    }

    /// A block with one column of `num_states` values, to be filled.
    pub(crate) fn take_block(&mut self, num_states: usize, temperature: F) -> LogBlock<F> {
        match self.0.0.block.take() {
            Some(block) => block.for_states(num_states, temperature),
            None => LogBlock::with_shape(num_states, &[temperature]),
        }
    }

    /// Keeps a block for the next [`take_block`](Self::take_block).
    pub(crate) fn keep_block(&mut self, block: LogBlock<F>) {
        self.0.0.block = Some(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_used_again_and_the_smallest_that_fits_first() {
        let mut workspace = Workspace::<f64>::new();
        let take = |workspace: &mut Workspace, len| workspace.take(Table::StateValues, len).unwrap();
        let (large, small) = (take(&mut workspace, 100), take(&mut workspace, 10));
        let places = [large.as_ptr(), small.as_ptr()];
        workspace.keep(large);
        workspace.keep(small);
        let small = take(&mut workspace, 7);
        let large = take(&mut workspace, 11);
        assert_eq!([large.as_ptr(), small.as_ptr()], places);
        assert_eq!((large.len(), small.len()), (11, 7));
        workspace.keep(large);
        workspace.keep(small);
        // Too large for either: the number of tables does not grow.
        let larger = take(&mut workspace, 1000);
        workspace.keep(larger);
        assert_eq!(workspace.0.0.tables.len(), 2);
        let shape = (usize::MAX, 2);
        let error = workspace.take(Table::StateValues, shape).unwrap_err();
        assert_eq!(error, Error::TooLarge { table: Table::StateValues, shape: vec![usize::MAX, 2] });
    }
}
