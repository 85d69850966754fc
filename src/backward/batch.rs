//! Several models over the same dynamics, in one pass over those.

use super::backup::{Backup, has_full_rows, is_linear};
use super::column::{Column, Outputs, StageTables};
use super::columns::{Values, back_up};
use super::{SoftValueIteration, Solution, StateValues};
use crate::bellman::BellmanRule;
use crate::mdp::run_pass;
use crate::mdp::{CheckedStage, check_options};
use crate::{Error, Model, Real};

/// Models from which on a pass for all of them is cheaper than a linear recursion for each, where rows are full.
const MANY_MODELS: usize = 4;

impl SoftValueIteration {
    /// Solves several models whose stages share their dynamics, as those that [`with_rewards`](crate::Mdp::with_rewards),
    /// [`with_temperature`](crate::Mdp::with_temperature) and the like make of one do: goals to tell apart, rewards to fit,
    /// temperatures to sweep. The results are those of [`solve`](Self::solve), to rounding.
    ///
    /// One pass over the dynamics serves all models of a stage. Where the dynamics of their stages are not one and the same
    /// object, or the models differ in size, each is solved by itself.
    ///
    /// # Errors
    ///
    /// That of [`solve`](Self::solve) for the first model that has one.
    ///
    /// # Complexity
    ///
    /// Time O(T · k · transitions) for k models, of which reading the transitions, what large models wait for, takes its
    /// time but once. Memory k times that of [`solve`](Self::solve), and 2·k·S numbers.
    ///
    /// # Example
    ///
    /// Which of two goals explains a first step to the right?
    ///
    /// ```
    /// use softmdp::{DeterministicDynamics, Mdp, SoftValueIteration, ndarray::array};
    ///
    /// // Three cells in a row; the actions are left and right.
    /// let dynamics = DeterministicDynamics::<f64>::new(array![[0, 1], [0, 2], [1, 2]])?;
    /// let mdp = Mdp::builder(dynamics, array![[-1.0, -1.0], [-1.0, -1.0], [-1.0, -1.0]]).build()?;
    /// let goals = [0, 2].map(|goal| {
    ///     let mut rewards = mdp.rewards().to_owned();
    ///     rewards.row_mut(goal).fill(0.0);
    ///     mdp.with_rewards(rewards)
    /// });
    /// let goals = goals.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let right: Vec<f64> = (SoftValueIteration::new(4).solve_batch(&goals)?.iter())
    ///     .map(|solution| solution.policy().probabilities()[[0, 1, 1]])
    ///     .collect();
    /// assert!(right[1] / (right[0] + right[1]) > 0.8);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn solve_batch<M: Model>(&self, mdps: &[M]) -> Result<Vec<Solution<M::Scalar>>, Error> {
        let by_themselves = || mdps.iter().map(|mdp| self.solve(mdp)).collect();
        if !self.is_batch(mdps)? {
            return by_themselves();
        }
        let mut solutions = Vec::with_capacity(mdps.len());
        for mdp in mdps {
            let shape = (self.horizon, mdp.num_states(), mdp.num_actions());
            solutions.push(Solution::with_shape(shape, self.inference)?);
        }
        let tables = solutions.iter_mut().map(|solution| {
            let (values, action_values, probabilities, logs) = solution.tables_mut(self.inference);
            StageTables { values, action_values: Some(action_values), policy: Some((probabilities, logs)) }
        });
        match self.fill_batch(mdps, tables.collect()) {
            Ok(()) => Ok(solutions),
            Err(Error::Stopped { stage }) => Err(Error::Stopped { stage }),
            Err(_) => by_themselves(),
        }
    }

    /// [`solve_batch`](Self::solve_batch) for the state values alone, as [`solve_values`](Self::solve_values) gives them.
    ///
    /// # Errors
    ///
    /// That of [`solve_values`](Self::solve_values) for the first model that has one.
    ///
    /// # Complexity
    ///
    /// Time as for [`solve_batch`](Self::solve_batch), memory k·T·S numbers.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, SoftValueIteration, ndarray::array};
    ///
    /// // τ log(1 + 1) for each stage, at two temperatures.
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
    /// let sweep = [mdp.with_temperature(1.0)?, mdp.with_temperature(10.0)?];
    /// let values = SoftValueIteration::new(3).solve_values_batch(&sweep)?;
    /// assert!((values[0].state_values()[[0, 0]] - 3.0 * 2.0_f64.ln()).abs() < 1e-15);
    /// assert!((values[1].state_values()[[0, 0]] - 30.0 * 2.0_f64.ln()).abs() < 1e-14);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn solve_values_batch<M: Model>(&self, mdps: &[M]) -> Result<Vec<StateValues<M::Scalar>>, Error> {
        let by_themselves = || mdps.iter().map(|mdp| self.solve_values(mdp)).collect();
        if !self.is_batch(mdps)? {
            return by_themselves();
        }
        let mut all_values = Vec::with_capacity(mdps.len());
        for mdp in mdps {
            let shape = (self.horizon, mdp.num_states(), mdp.num_actions());
            all_values.push(StateValues::with_shape(shape, self.inference)?);
        }
        let tables = all_values.iter_mut().map(|values| StageTables::values(values.table_mut()));
        match self.fill_batch(mdps, tables.collect()) {
            Ok(()) => Ok(all_values),
            Err(Error::Stopped { stage }) => Err(Error::Stopped { stage }),
            Err(_) => by_themselves(),
        }
    }

    /// Whether models are solved together: there are several, of one size, and it pays.
    fn is_batch<M: Model>(&self, mdps: &[M]) -> Result<bool, Error> {
        let [first, rest @ ..] = mdps else { return Ok(false) };
        let size = |mdp: &M| (mdp.num_states(), mdp.num_actions());
        if rest.is_empty() || self.horizon == 0 || rest.iter().any(|mdp| size(mdp) != size(first)) {
            return Ok(false);
        }
        for mdp in mdps {
            check_options(mdp, self.horizon)?;
        }
        let dynamics = first.stage(self.horizon - 1, self.inference)?.dynamics;
        let is_linear = mdps.iter().all(|mdp| is_linear(mdp, self.inference, self.horizon, dynamics));
        Ok(!is_linear || (has_full_rows(dynamics) && mdps.len() >= MANY_MODELS))
    }

    /// Solves models of one size. `tables` have room for all stages of each.
    fn fill_batch<F: Real, M: Model<Scalar = F>>(
        &self,
        mdps: &[M],
        mut tables: Vec<StageTables<'_, F>>,
    ) -> Result<(), Error> {
        let (num_states, width) = (mdps[0].num_states(), mdps[0].num_actions());
        for (mdp, tables) in mdps.iter().zip(&mut tables) {
            let last = &mut tables.values[self.horizon * num_states..];
            last.iter_mut().zip(mdp.terminal_values()).for_each(|(v, &terminal)| *v = terminal);
        }
        let temperatures: Vec<F> = mdps.iter().map(Model::temperature).collect();
        let mut values = Values::new(self.inference, num_states, &temperatures);
        run_pass(&mdps[0], self.horizon, self.inference, move || {
            for t in (0..self.horizon).rev() {
                let (next_values, outputs): (Vec<&[F]>, Vec<StageTables<'_, F>>) =
                    tables.iter_mut().map(|tables| tables.stage(t, num_states, width)).unzip();
                self.batch_stage(mdps, t, &mut values, &next_values, outputs)?;
            }
            Ok(())
        })
    }

    /// Backs up one stage of all models.
    fn batch_stage<F: Real, M: Model<Scalar = F>>(
        &self,
        mdps: &[M],
        t: usize,
        values: &mut Values<F>,
        next_values: &[&[F]],
        tables: Vec<StageTables<'_, F>>,
    ) -> Result<(), Error> {
        let mut shared = Vec::with_capacity(mdps.len());
        for mdp in mdps {
            mdp.begin_stage(t)?;
            shared.push(mdp.stage(t, self.inference)?.dynamics);
        }
        if !shared.iter().all(|dynamics| std::ptr::addr_eq(*dynamics, shared[0])) {
            for ((mdp, next_values), tables) in mdps.iter().zip(next_values).zip(tables) {
                Backup::new(mdp, self.inference, 1).stage(t, next_values, tables)?;
            }
            return Ok(());
        }
        let mut columns = Vec::with_capacity(mdps.len());
        for (mdp, next_values) in mdps.iter().zip(next_values) {
            let stage = CheckedStage::new(mdp, t, self.inference)?;
            let rule = BellmanRule::new(self.inference, mdp.discount(), mdp.temperature(), next_values);
            columns.push(Column::new(mdp, rule, t, stage));
        }
        let width = mdps[0].num_actions();
        let outputs: Vec<Outputs<'_, F>> = tables.into_iter().map(|tables| tables.rows(width)).collect();
        back_up(&columns, values, |index| next_values[index], outputs)
    }
}
