//! The tables of a stage.

use ndarray::{ArrayView2, Axis};

use crate::backward::StageTables;
use crate::{Error, Model, Real, Solution, Table, arrays};

/// The tables of a stage that the forward pass reads.
pub(super) struct StageValues<'a, F> {
    pub(super) values: &'a [F],        // V_t, [s]
    pub(super) action_values: &'a [F], // Q_t, [s, a]
    pub(super) policy: &'a mut [F],    // π_t, [s, a]; afterwards y_t
    pub(super) log_policy: &'a [F],    // [s, a]
    pub(super) next_values: &'a [F],   // V_{t+1}, [s]
}

/// Memory for V, Q and π of one stage after another.
pub(in crate::inverse) struct StageMemory<F> {
    pub(in crate::inverse) values: Vec<F>,        // [s]
    pub(in crate::inverse) action_values: Vec<F>, // [s, a]
    pub(in crate::inverse) policy: Vec<F>,        // [s, a]
    pub(super) log_policy: Vec<F>,                // [s, a]
}

impl<F: Real> StageMemory<F> {
    pub(in crate::inverse) fn new<M: Model<Scalar = F> + ?Sized>(mdp: &M) -> Result<Self, Error> {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let pairs = |table| arrays::filled_vec(table, (num_states, num_actions), F::zero());
        Ok(Self {
            values: arrays::filled_vec(Table::StateValues, num_states, F::zero())?,
            action_values: pairs(Table::ActionValues)?,
            policy: pairs(Table::Policy)?,
            log_policy: pairs(Table::LogPolicy)?,
        })
    }

    /// Copies a stage of a solution.
    pub(super) fn read(&mut self, solution: &Solution<F>, t: usize) {
        let row = |table: ArrayView2<'_, F>, to: &mut [F]| {
            to.iter_mut().zip(table).for_each(|(to, &entry)| *to = entry);
        };
        let policy = solution.policy();
        let values = solution.state_values();
        row(values.index_axis(Axis(0), t).insert_axis(Axis(0)), &mut self.values);
        row(solution.action_values().index_axis(Axis(0), t), &mut self.action_values);
        row(policy.probabilities().index_axis(Axis(0), t), &mut self.policy);
        row(policy.log_probabilities().index_axis(Axis(0), t), &mut self.log_policy);
    }

    /// The tables, to be written by a backup.
    pub(in crate::inverse) fn tables(&mut self) -> StageTables<'_, F> {
        StageTables {
            values: &mut self.values,
            action_values: Some(&mut self.action_values),
            policy: Some((&mut self.policy, &mut self.log_policy)),
        }
    }
}
