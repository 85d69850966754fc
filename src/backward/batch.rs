//! Several columns in one pass over the dynamics: several models, or several stages of one model.

use super::linear::{may_be_linear, pays};
use super::stage::{Column, NextValues, StageTables, back_up};
use super::{Backup, SoftValueIteration, Solution, StateValues, begin};
use crate::bellman::BellmanRule;
use crate::dynamics::blocks::Size;
use crate::mdp::{CheckedStage, begin_stage, check_options, run_pass, terminal_states};
use crate::parallel::Split;
use crate::{Dynamics, Error, Model, Real, Table, arrays};

/// Models from which on one pass for all of them is cheaper than a linear recursion for each, where
/// rows are full.
const MANY_MODELS: usize = 4;

/// Bytes of M up to which it stays in cache from stage to stage.
const CACHED: usize = 16 << 20;

/// The time to read an entry of M and use it, in halves of the time of a product in a batch:
/// measured 0.12 to 0.25 ns from cache and 0.6 ns from memory, against 0.15 ns.
const READ_FROM_CACHE: usize = 3;
const READ_FROM_MEMORY: usize = 8;

/// The most stages whose action values are computed at once.
const MOST_STAGES: usize = 128;

impl SoftValueIteration {
    /// Solves several models that share their dynamics. [`with_rewards`](crate::Mdp::with_rewards)
    /// and [`with_temperature`](crate::Mdp::with_temperature) make such models: to compare goals,
    /// to fit rewards, to sweep temperatures. The results are those of [`solve`](Self::solve), to
    /// within rounding.
    ///
    /// One pass over the dynamics of a stage serves all models. Models of different sizes are
    /// solved one by one. So are models with a stage whose dynamics are not the same object for all
    /// of them.
    ///
    /// # Errors
    ///
    /// The error of [`solve`](Self::solve) for the first model that has one.
    ///
    /// # Complexity
    ///
    /// Time O(T · k · transitions) for k models. The transitions are read once for all models.
    /// Reading them limits the speed of large models. Memory k times that of
    /// [`solve`](Self::solve), and 2·k·S numbers.
    ///
    /// # Example
    ///
    /// An agent first steps to the right. Which of two goals does it pursue?
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
        let one_by_one = || mdps.iter().map(|mdp| self.solve(mdp)).collect();
        if !self.is_batch(mdps, false) {
            return one_by_one();
        }
        let shape = |mdp: &M| (self.horizon, mdp.num_states(), mdp.num_actions());
        let solutions = mdps.iter().map(|mdp| Solution::with_shape(shape(mdp), self.inference));
        let mut solutions = solutions.collect::<Result<Vec<_>, _>>()?;
        let tables = solutions.iter_mut().map(|solution| solution.tables_mut(self.inference));
        match self.run_batch(mdps, tables.collect()) {
            Ok(()) => Ok(solutions),
            Err(Error::Stopped { stage }) => Err(Error::Stopped { stage }),
            Err(_) => one_by_one(), // finds the error of the first model
        }
    }

    /// Computes only the state values of several models: [`solve_values`](Self::solve_values) for
    /// each model of a [`solve_batch`](Self::solve_batch).
    ///
    /// # Errors
    ///
    /// The error of [`solve_values`](Self::solve_values) for the first model that has one.
    ///
    /// # Complexity
    ///
    /// Time O(T · k · transitions), memory k·T·S numbers.
    ///
    /// One pass for all models pays for dense tables in variational inference: it is two to eight
    /// times as fast, and the more so the larger the table. In direct inference it pays for short
    /// horizons and for tables that are larger than the cache. Elsewhere the models are solved one
    /// by one: direct inference then has the linear recursion (D11) for each model, and sparse rows
    /// of fewer than 16 successors are as fast alone.
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
        let one_by_one = || mdps.iter().map(|mdp| self.solve_values(mdp)).collect();
        if !self.is_batch(mdps, true) {
            return one_by_one();
        }
        let shape = |mdp: &M| (self.horizon, mdp.num_states(), mdp.num_actions());
        let all_values = mdps.iter().map(|mdp| StateValues::with_shape(shape(mdp), self.inference));
        let mut all_values = all_values.collect::<Result<Vec<_>, _>>()?;
        let tables = all_values
            .iter_mut()
            .map(|values| StageTables::values(values.table_mut(mdps[0].num_actions(), self.inference)));
        match self.run_batch(mdps, tables.collect()) {
            Ok(()) => Ok(all_values),
            Err(Error::Stopped { stage }) => Err(Error::Stopped { stage }),
            Err(_) => one_by_one(), // finds the error of the first model
        }
    }

    /// Whether models are solved together: there are several valid models of one size that share
    /// the dynamics of every stage, and it pays.
    fn is_batch<M: Model>(&self, mdps: &[M], values_alone: bool) -> bool {
        let Some(last) = self.horizon.checked_sub(1).filter(|_| mdps.len() > 1) else { return false };
        let is_alike = |mdp: &M| {
            (mdp.num_states(), mdp.num_actions()) == (mdps[0].num_states(), mdps[0].num_actions())
                && check_options(mdp, self.horizon).is_ok()
        };
        if !mdps.iter().all(is_alike) {
            return false;
        }
        let Ok(dynamics) = mdps[0].stage(last, self.inference).map(|stage| stage.dynamics) else {
            return false;
        };
        let is_linear = mdps.iter().all(|mdp| pays(mdp, self.inference, self.horizon, Size::of(dynamics)));
        if is_linear && !(Size::of(dynamics).has_full_rows() && mdps.len() >= MANY_MODELS) {
            return false;
        }
        if values_alone && !self.pays_for_values::<M>(dynamics, is_linear) {
            return false;
        }
        let first = if mdps.iter().all(Model::is_homogeneous) { last } else { 0 };
        (first..self.horizon).all(|t| self.shares_dynamics(mdps, t))
    }

    /// Whether one pass for all models computes their values faster than a pass for each. With
    /// action values and policies, the time of the logarithms hides the difference.
    fn pays_for_values<M: Model>(&self, dynamics: &M::Dynamics, is_linear: bool) -> bool {
        let successors = Size::of(dynamics).successors_of_a_pair();
        if !Size::of(dynamics).has_full_rows() && successors < dynamics.num_states() {
            // Sparse rows gain nothing. Rows of one successor may be computed, which is shared.
            return successors == 1;
        }
        if !is_linear {
            return true;
        }
        // The recursion of a model reads all transitions once, and then M at each of T stages: A +
        // T times the entries of M. A batch multiplies A times as many at each stage.
        let (num_actions, horizon) = (dynamics.num_actions(), self.horizon);
        let matrix = successors * dynamics.num_states() * size_of::<M::Scalar>();
        let read = if matrix <= CACHED { READ_FROM_CACHE } else { READ_FROM_MEMORY };
        num_actions.saturating_mul(horizon) < num_actions.saturating_add(horizon).saturating_mul(read) / 2
    }

    /// Whether the stages t of all models have the same dynamics.
    fn shares_dynamics<M: Model>(&self, mdps: &[M], t: usize) -> bool {
        let mut stages = mdps.iter().map(|mdp| mdp.stage(t, self.inference).map(|stage| stage.dynamics));
        let Some(Ok(first)) = stages.next() else { return false };
        stages.all(|dynamics| dynamics.is_ok_and(|dynamics| std::ptr::addr_eq(dynamics, first)))
    }

    /// Solves all stages of models that share the dynamics of every stage. `tables` hold all stages
    /// of each model, and V of stage T.
    fn run_batch<F: Real, M: Model<Scalar = F>>(
        &self,
        mdps: &[M],
        tables: Vec<StageTables<'_, F>>,
    ) -> Result<(), Error> {
        let num_states = mdps[0].num_states();
        let temperatures: Vec<F> = mdps.iter().map(Model::temperature).collect();
        let terminal: Vec<Vec<usize>> = mdps.iter().map(|mdp| terminal_states(mdp).collect()).collect();
        let mut room = NextValues::new(self.inference, num_states, &temperatures);
        let begun = tables.into_iter().zip(mdps).map(|(tables, mdp)| begin(tables, mdp, self.horizon));
        let (mut tables, mut next_values): (Vec<_>, Vec<&[F]>) =
            begun.map(|(tables, last_values)| (tables, &*last_values)).unzip();
        run_pass(&mdps[0], self.horizon, self.inference, move || {
            for t in (0..self.horizon).rev() {
                mdps.iter().try_for_each(|mdp| mdp.begin_stage(t))?;
                let checked = mdps.iter().map(|mdp| CheckedStage::new(mdp, t, self.inference));
                let checked = checked.collect::<Result<Vec<_>, _>>()?;
                let models = mdps.iter().zip(&terminal).zip(&checked).zip(&next_values);
                let columns = models.map(|(((mdp, terminal), stage), next_values)| {
                    let rule =
                        BellmanRule::new(self.inference, mdp.discount(), mdp.temperature(), next_values);
                    Column::new((mdp, &terminal[..]), t, stage, rule)
                });
                let columns: Vec<_> = columns.collect();
                let (earlier, mut stage) = tables.split_at(t * num_states);
                back_up(
                    &columns,
                    &mut room,
                    stage.iter_mut().map(StageTables::reborrow).collect::<Vec<_>>(),
                )?;
                tables = earlier;
                next_values = stage.into_iter().map(|stage| &*stage.values).collect();
            }
            Ok(())
        })
    }

    /// Whether values, action values and policy of a model are solved by
    /// [`run_at_once`](Self::run_at_once).
    pub(super) fn takes_stages_at_once<M: Model + ?Sized>(&self, mdp: &M) -> Result<bool, Error> {
        let Some(last) = self.horizon.checked_sub(1).filter(|_| may_be_linear(mdp, self.inference)) else {
            return Ok(false);
        };
        let team = mdp.team();
        let stage = team.agree("takes_stages_at_once", mdp.stage(last, self.inference))?;
        Ok(Size::of_all(stage.dynamics)?.has_full_rows())
    }

    /// Solves all stages of a model with dense rows and a linear recursion. V of many stages comes
    /// first, one stage after the other; from those, Q and π of all these stages come at once, by a
    /// product of matrices.
    pub(super) fn run_at_once<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        backup: &mut Backup<'_, F, M>,
        tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let mdp = backup.model();
        let num_states = mdp.num_states();
        let (mut tables, next_values) = begin(tables, mdp, self.horizon);
        let mut next_values = &*next_values;
        run_pass(mdp, self.horizon, self.inference, move || {
            let mut end = self.horizon;
            while end > 0 {
                let num_stages = end.div_ceil(end.div_ceil(MOST_STAGES));
                let first = end - num_stages;
                // V_{t+1} for each stage t from `first` to `end` − 1.
                let read = arrays::filled_vec(Table::StateValues, (num_stages, num_states), F::zero());
                let mut read = mdp.team().agree("run_at_once", read)?;
                read[(num_stages - 1) * num_states..].copy_from_slice(next_values);
                for t in (first..end).rev() {
                    begin_stage(mdp, t)?;
                    if t > first {
                        let (now, next) = read.split_at_mut((t - first) * num_states);
                        let now = &mut now[(t - first - 1) * num_states..];
                        backup.stage(t, &next[..num_states], StageTables::values(now))?;
                    }
                }
                if let Some(share) = mdp.stage(first, self.inference)?.dynamics.share() {
                    let stages = read.chunks_exact(num_states).map(|values| share.completed(values));
                    read = stages.collect::<Result<Vec<_>, _>>()?.concat();
                }
                let read = read.chunks_exact(read.len() / num_stages);
                let columns = backup.columns((first..end).zip(read))?;
                let temperatures = vec![mdp.temperature(); num_stages];
                let mut room = NextValues::new(self.inference, num_states, &temperatures);
                let (earlier, mut stages) = tables.split_at(first * num_states);
                let result = back_up(&columns, &mut room, by_stage(stages.reborrow(), num_states));
                mdp.team().agree("the end of many stages", result)?;
                (tables, next_values, end) = (earlier, &stages.values[..num_states], first);
            }
            Ok(())
        })
    }
}

/// The tables of several stages, divided by stage.
fn by_stage<F: Real>(mut tables: StageTables<'_, F>, num_states: usize) -> Vec<StageTables<'_, F>> {
    let mut stages = Vec::with_capacity(tables.values.len() / num_states);
    while tables.values.len() > num_states {
        let (stage, later) = tables.split_at(num_states);
        stages.push(stage);
        tables = later;
    }
    stages.push(tables);
    stages
}
