//! Soft value iteration over a finite horizon: backward messages, values and policies of every stage.
//!
//! Answers, for each stage t and state s: how good is it to be there (V), how good is each action (Q), and how
//! probable is each action if things go well (π)? Two inferences give two answers, see [`Inference`].
//!
//! # Recursion
//!
//! ```text
//! V_T(s)    given
//! Q_t(s,a) = r(s,a) + τ log( γ Σ_s' P(s'|s,a) exp(V_{t+1}(s')/τ) + 1−γ )    direct        (D1)
//! Q_t(s,a) = r(s,a) + γ Σ_s' P(s'|s,a) V_{t+1}(s')                          variational   (V2)
//! V_t(s)   = τ log Σ_a ρ(a|s) exp(Q_t(s,a)/τ)                                             (D2, V3)
//! π_t(a|s) = ρ(a|s) exp((Q_t(s,a) − V_t(s))/τ)                                            (D3, V3)
//! ```
//!
//! with rewards r, prior weights ρ, temperature τ and discount γ of the model. In direct inference
//! V = τ log β is the backward message in reward units.
//!
//! # Form computed
//!
//! Every soft maximum and log-expectation has its maximum taken out first, and rows of the dynamics whose
//! successors lie too far below the maximum of all values are computed again from their own. The policy comes from
//! the exponentials of the soft maximum, over their sum, so that its rows sum to 1 to a few ulp.
//!
//! # Limits
//!
//! τ = 0 is the hard maximum; direct inference then takes the best successor that is possible at all, and
//! the policy is the prior restricted to the maximisers. γ = 0 makes Q = r. A state with V = −∞ cannot be part of a
//! trajectory that goes well: its policy row is the normalised prior, and never used.
//!
//! # References
//!
//! Levine, *Reinforcement Learning and Control as Probabilistic Inference*, arXiv:1805.00909 (2018), §2.3 (direct)
//! and §3 (variational); Ziebart, *Modeling Purposeful Adaptive Behavior*, PhD thesis, CMU (2010), ch. 5–6.

mod backup;
mod batch;
mod carried;
mod column;
mod columns;
mod linear;
mod solution;
mod stream;

use std::ops::Range;

use ndarray::Array2;

pub(crate) use backup::Backup;
pub(crate) use column::StageTables;
pub use solution::{Solution, SolutionParts, StateValues, StateValuesParts};
pub use stream::BackwardStage;

use crate::mdp::check_options;
use crate::mdp::run_pass;
use crate::{Error, Inference, Model, Real, Table, arrays};

/// Solves a finite horizon by direct inference, keeping values, action values and policy of every stage.
///
/// Direct inference is the exact posterior over trajectories given success; under stochastic dynamics its policy
/// counts on luck, and [`SoftValueIteration::new(horizon).inference(Inference::Variational)`](SoftValueIteration)
/// gives the policy to act by.
///
/// `mdp` is any [`Model`], such as [`Mdp`](crate::Mdp).
///
/// # Errors
///
/// [`Error::Overflow`] if a finite value leaves the range of the number type, [`Error::TooLarge`] if the tables do
/// not fit. A [`Model`] of your own may also be found wrong in any way that
/// [`MdpBuilder::build`](crate::MdpBuilder::build) names, have too few stages ([`Error::HorizonOutOfRange`]), or
/// return an error itself.
///
/// # Complexity
///
/// Time O(T · transitions), memory 3·T·S·A + T·S numbers; [`SoftValueIteration::solve_values`] keeps T·S.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, ndarray::array, soft_value_iteration};
///
/// // One state, two actions that pay log 1 and log 3: β = (1 + 3)^T.
/// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 3.0_f64.ln()]])?;
/// let solution = soft_value_iteration(&mdp, 5)?;
/// assert!((solution.state_values()[[0, 0]] - 5.0 * 4.0_f64.ln()).abs() < 1e-14);
/// assert!((solution.policy().probabilities()[[0, 0, 1]] - 0.75).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn soft_value_iteration<M: Model + ?Sized>(
    mdp: &M,
    horizon: usize,
) -> Result<Solution<M::Scalar>, Error> {
    SoftValueIteration::new(horizon).solve(mdp)
}

/// Options of soft value iteration over a finite horizon; those left out are those of
/// [`soft_value_iteration`].
///
/// # Example
///
/// ```
/// use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::array};
///
/// let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]])?;
/// let solver = SoftValueIteration::new(2).inference(Inference::Variational);
/// let values = solver.solve_values(&mdp)?;
/// assert_eq!(values.state_values(), array![[0.5, 2.0], [0.0, 1.0], [0.0, 0.0]]);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[must_use = "options do nothing until a model is solved with them"]
pub struct SoftValueIteration {
    horizon: usize,
    inference: Inference,
}

impl SoftValueIteration {
    /// Options for `horizon` decision stages; direct inference. Horizon 0 has values, V_T, and no decisions.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, inference: Inference::Direct }
    }

    /// Sets which problem is solved; [`Inference::Direct`] by default.
    pub fn inference(mut self, inference: Inference) -> Self {
        self.inference = inference;
        self
    }

    /// Solves for values, action values and policy of every stage.
    ///
    /// # Errors
    ///
    /// Those of [`soft_value_iteration`].
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory 3·T·S·A + T·S numbers.
    pub fn solve<M: Model + ?Sized>(&self, mdp: &M) -> Result<Solution<M::Scalar>, Error> {
        check_options(mdp, self.horizon)?;
        let shape = (self.horizon, mdp.num_states(), mdp.num_actions());
        let mut solution = Solution::with_shape(shape, self.inference)?;
        self.solve_into(mdp, &mut solution)?;
        Ok(solution)
    }

    /// Solves into a solution of the same shape, replacing what it held and allocating nothing from the second time on,
    /// provided that nothing else shares its tables (a clone, or a [`Posterior`](crate::Posterior) made of it). Direct
    /// inference in large models whose stages are alike does take memory, for M of (D11): S² numbers where rows are dense.
    ///
    /// After an error the solution holds stages of both problems and should be dropped.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the solution has another horizon, or the model another number of states or
    /// actions, and those of [`soft_value_iteration`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, SoftValueIteration, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 1.0]])?;
    /// let solver = SoftValueIteration::new(10);
    /// let mut solution = solver.solve(&mdp)?;
    /// for reward in [2.0, 3.0] {
    ///     solver.solve_into(&mdp.with_rewards(array![[0.0, reward]])?, &mut solution)?;
    ///     let one_stage = (1.0 + f64::exp(reward)).ln();
    ///     assert!((solution.state_values()[[0, 0]] - 10.0 * one_stage).abs() < 1e-13);
    /// }
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn solve_into<M: Model + ?Sized>(
        &self,
        mdp: &M,
        solution: &mut Solution<M::Scalar>,
    ) -> Result<(), Error> {
        check_options(mdp, self.horizon)?;
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let found = solution.action_values().dim();
        let expected = [self.horizon, num_states, num_actions];
        arrays::check_shape(Table::ActionValues, &[found.0, found.1, found.2], &expected)?;
        let block = solution.workspace_mut().take();
        let mut backup = Backup::with_block(mdp, self.inference, self.horizon, block);
        let (values, action_values, probabilities, logs) = solution.tables_mut(self.inference);
        let pairs = num_states * num_actions;
        self.for_each_stage(&mut backup, values, true, |backup, stages, next, values| {
            let rows = stages.start * pairs..stages.end * pairs;
            let tables = StageTables {
                values,
                action_values: Some(&mut action_values[rows.clone()]),
                policy: Some((&mut probabilities[rows.clone()], &mut logs[rows])),
            };
            backup.stages(stages, next, tables)
        })?;
        *solution.workspace_mut() = Some(backup.into_block());
        Ok(())
    }

    /// Solves for the state values alone; action values and policy of a stage then cost one backup, by
    /// [`StateValues::policy_at`].
    ///
    /// # Errors
    ///
    /// Those of [`soft_value_iteration`]. An action value that leaves the number type may go unnoticed where the state value
    /// does not.
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory T·S numbers; direct inference holds S·A more where stages are alike.
    pub fn solve_values<M: Model + ?Sized>(&self, mdp: &M) -> Result<StateValues<M::Scalar>, Error> {
        check_options(mdp, self.horizon)?;
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let shape = (self.horizon, num_states, num_actions);
        let mut values = StateValues::with_shape(shape, self.inference)?;
        let mut backup = Backup::new(mdp, self.inference, self.horizon);
        self.for_each_stage(&mut backup, values.table_mut(), false, |backup, stages, next, values| {
            backup.stages(stages, next, StageTables::values(values))
        })?;
        Ok(values)
    }

    /// Fills V_T and calls `run(backup, stages, V_end, values)` for all stages from the last to the first, several at once
    /// where that is allowed and worth it. `values` is `[t, s]`.
    fn for_each_stage<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        backup: &mut Backup<'_, F, M>,
        values: &mut [F],
        at_once: bool,
        mut run: impl FnMut(&mut Backup<'_, F, M>, Range<usize>, &[F], &mut [F]) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let (horizon, mdp) = (self.horizon, backup.model());
        let num_states = mdp.num_states();
        let last = &mut values[horizon * num_states..];
        last.iter_mut().zip(mdp.terminal_values()).for_each(|(v, &terminal)| *v = terminal);
        run_pass(mdp, horizon, self.inference, move || {
            let mut end = horizon;
            while end > 0 {
                let first = end - if at_once { backup.num_at_once(end)? } else { 1 };
                let (values, next) = values.split_at_mut(end * num_states);
                (first..end).rev().try_for_each(|t| mdp.begin_stage(t))?;
                run(backup, first..end, &next[..num_states], &mut values[first * num_states..])?;
                end = first;
            }
            Ok(())
        })
    }
}

/// The policy of one stage, `[s, a]`, by one backup of the values of the next.
///
/// Precondition: the model has passed `check_options`.
pub(crate) fn policy_from<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    inference: Inference,
    stage: usize,
    next_values: &[F],
) -> Result<Array2<F>, Error> {
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let table = |table| arrays::filled(table, (num_states, num_actions), F::zero());
    let (mut policy, mut logs) = (table(Table::Policy)?, table(Table::Policy)?);
    let mut values = arrays::filled(Table::StateValues, num_states, F::zero())?;
    let policy_rows = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let outputs =
        StageTables { policy: Some(policy_rows), ..StageTables::values(arrays::slice_mut(&mut values)) };
    mdp.begin_stage(stage)?;
    Backup::new(mdp, inference, 1).stage(stage, next_values, outputs)?;
    Ok(policy)
}
