//! Soft value iteration over a finite horizon: values, action values and policy of every stage.
//!
//! For each stage and state, the pass computes the state value V, the action values Q and the
//! policy π. The two kinds of [`Inference`] have different results.
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
//! The loop over t is `SoftValueIteration::run` below. The module `stage` computes one stage. Two
//! special cases are faster: `linear` for the values of models whose stages are equal, and `batch`
//! for several models, or many stages, in one pass over the dynamics.
//!
//! # Form computed
//!
//! Every soft maximum and log-expectation subtracts the maximum of its exponents first. If the
//! successors of a row lie too far below the maximum of all values, the row is computed again from
//! its own maximum. The policy is the exponentials of the soft maximum divided by their sum. So its
//! rows sum to 1 to a few ulp.
//!
//! # Limits
//!
//! τ = 0 is the hard maximum: direct inference takes the best possible successor, and the policy is
//! the prior restricted to the maximisers. γ = 0 makes Q = r. A state with V = −∞ cannot be part of
//! a successful trajectory; its policy row is the normalised prior.
//!
//! # References
//!
//! Levine, *Reinforcement Learning and Control as Probabilistic Inference*, arXiv:1805.00909
//! (2018), §2.3 (direct) and §3 (variational); Ziebart, *Modeling Purposeful Adaptive Behavior*,
//! PhD thesis, CMU (2010), ch. 5–6.

mod backup;
mod batch;
mod given;
mod linear;
mod messages;
mod small;
mod solution;
mod stage;
mod stream;

pub(crate) use backup::{Backup, back_up_stage};
pub use backup::{SoftBellmanBackup, soft_bellman_backup};
pub(crate) use given::solve_given;
pub(crate) use linear::{MixedModel, mixed_model};
pub use solution::{Solution, SolutionParts, StateValues, StateValuesParts};
pub(crate) use stage::StageTables;
pub use stream::BackwardStage;

use crate::mdp::{begin_stage, check_team_options, run_pass};
use crate::parallel::Split;
use crate::{Error, Inference, Model, Real, Table, Workspace, arrays};

/// Solves a finite horizon by direct inference: values, action values and policy of every stage.
///
/// Direct inference is the exact posterior over trajectories given success. Under stochastic
/// dynamics its policy relies on luck. To compute a policy for acting, use
/// [`SoftValueIteration::new(horizon).inference(Inference::Variational)`](SoftValueIteration).
///
/// `mdp` is any [`Model`], such as [`Mdp`](crate::Mdp).
///
/// # Errors
///
/// [`Error::Overflow`] if a finite value leaves the range of the number type, [`Error::TooLarge`]
/// if the tables do not fit in memory. With a [`Model`] of your own also the errors of
/// [`MdpBuilder::build`](crate::MdpBuilder::build), [`Error::HorizonOutOfRange`] if it has too few
/// stages, and its own errors.
///
/// # Complexity
///
/// Time O(T · transitions), memory 3·T·S·A + T·S numbers; [`SoftValueIteration::solve_values`]
/// keeps T·S.
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

/// Options of soft value iteration over a finite horizon. The defaults are those of
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
    /// Returns options for `horizon` decision stages and direct inference. At horizon 0, the values
    /// are V_T, and there are no decisions.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, inference: Inference::Direct }
    }

    /// Sets the inference, [`Inference::Direct`] by default.
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
        check_team_options(mdp, self.horizon, self.inference)?;
        let shape = (self.horizon, mdp.num_states(), mdp.num_actions());
        let solution = Solution::with_shape(shape, self.inference);
        let mut solution = mdp.team().agree("solve", solution)?;
        self.solve_into(mdp, &mut solution)?;
        Ok(solution)
    }

    /// Solves a model and writes the result into a solution of the same shape.
    ///
    /// From the second call on this allocates nothing, with two exceptions. A clone or a
    /// [`Posterior`](crate::Posterior) may share the tables. Direct inference in large dense models
    /// whose stages are equal takes S² numbers for M of (D11).
    ///
    /// After an error the solution holds stages of both models. Do not use it.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the solution has another horizon, or the model another number of
    /// states or actions, and those of [`soft_value_iteration`].
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
        check_team_options(mdp, self.horizon, self.inference)?;
        let found = solution.action_values().dim();
        let expected = [self.horizon, mdp.num_states(), mdp.num_actions()];
        let checked = arrays::check_shape(Table::ActionValues, &[found.0, found.1, found.2], &expected);
        mdp.team().agree("solve_into", checked)?;
        let mut workspace = std::mem::take(solution.workspace_mut());
        let mut backup = Backup::within(&mut workspace, mdp, self.inference);
        let tables = solution.tables_mut(self.inference);
        if self.takes_stages_at_once(mdp)? {
            backup = backup.with_linear(&mut workspace, self.horizon)?;
        }
        let result = if backup.is_linear() {
            self.run_at_once(&mut backup, tables)
        } else {
            self.run(&mut backup, tables)
        };
        backup.release(&mut workspace);
        *solution.workspace_mut() = workspace;
        result
    }

    /// Computes only the state values. [`StateValues::policy_at`] computes the policy of a stage by
    /// one backup.
    ///
    /// # Errors
    ///
    /// Those of [`soft_value_iteration`]. If an action value overflows but the state value does
    /// not, the call returns no error.
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory T·S numbers. If all stages are equal, direct inference takes
    /// another S·A numbers, and S² in dense models.
    pub fn solve_values<M: Model + ?Sized>(&self, mdp: &M) -> Result<StateValues<M::Scalar>, Error> {
        check_team_options(mdp, self.horizon, self.inference)?;
        let shape = (self.horizon, mdp.num_states(), mdp.num_actions());
        let values = StateValues::with_shape(shape, self.inference);
        let mut values = mdp.team().agree("solve_values", values)?;
        self.solve_values_into(mdp, &mut values)?;
        *values.workspace_mut() = Workspace::new(); // kept only by values that are solved again
        Ok(values)
    }

    /// Computes only the state values of a model, and writes them into values of the same shape.
    ///
    /// From the second call on this allocates no table, with two exceptions. A clone may share the
    /// values. Direct inference by a linear recursion (see [`solve_values`](Self::solve_values))
    /// makes M of (D11) anew.
    ///
    /// After an error, do not use the values: some stages may be of the earlier model.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the values have another horizon or another number of states, and
    /// those of [`solve_values`](Self::solve_values).
    ///
    /// # Example
    ///
    /// A planner that solves again whenever rewards change:
    ///
    /// ```
    /// use softmdp::{Mdp, SoftValueIteration, ndarray::{Array2, array}};
    ///
    /// let mut mdp = Mdp::new(array![[[1.0], [1.0]]], array![[0.0, 0.0]])?;
    /// let solver = SoftValueIteration::new(10);
    /// let mut values = solver.solve_values(&mdp)?;
    /// let mut rewards = Array2::zeros((1, 2));
    /// for reward in [2.0, 3.0] {
    ///     rewards[[0, 1]] = reward;
    ///     rewards[[0, 0]] = 0.0;
    ///     mdp.swap_rewards(&mut rewards)?; // `rewards` now holds the old ones
    ///     solver.solve_values_into(&mdp, &mut values)?;
    ///     let one_stage = (1.0 + f64::exp(reward)).ln();
    ///     assert!((values.state_values()[[0, 0]] - 10.0 * one_stage).abs() < 1e-13);
    /// }
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn solve_values_into<M: Model + ?Sized>(
        &self,
        mdp: &M,
        values: &mut StateValues<M::Scalar>,
    ) -> Result<(), Error> {
        check_team_options(mdp, self.horizon, self.inference)?;
        let expected = [self.horizon.saturating_add(1), mdp.num_states()];
        let checked = arrays::check_shape(Table::StateValues, values.state_values().shape(), &expected);
        mdp.team().agree("solve_values_into", checked)?;
        let mut workspace = std::mem::take(values.workspace_mut());
        let mut backup = Backup::for_values(&mut workspace, mdp, self.inference, self.horizon)?;
        let table = values.table_mut(mdp.num_actions(), self.inference);
        let result = self.run(&mut backup, StageTables::values(table));
        backup.release(&mut workspace);
        *values.workspace_mut() = workspace;
        result
    }

    /// The recursion: backs V_T up to V_t, Q_t and π_t for t = T−1, …, 0. `tables` hold all stages,
    /// and V of stage T.
    fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        backup: &mut Backup<'_, F, M>,
        tables: StageTables<'_, F>,
    ) -> Result<(), Error> {
        let mdp = backup.model();
        let (mut tables, next_values) = begin(tables, mdp, self.horizon);
        let mut next_values = &*next_values;
        run_pass(mdp, self.horizon, self.inference, move || {
            for t in (0..self.horizon).rev() {
                let (earlier, mut stage) = tables.split_at(t * mdp.num_states());
                begin_stage(mdp, t)?;
                backup.stage(t, next_values, stage.reborrow())?;
                (tables, next_values) = (earlier, stage.values);
            }
            Ok(())
        })
    }
}

/// Writes V_T into the last row of the values. Returns the tables of all stages, and V_T.
fn begin<'a, F: Real, M: Model<Scalar = F> + ?Sized>(
    tables: StageTables<'a, F>,
    mdp: &M,
    horizon: usize,
) -> (StageTables<'a, F>, &'a mut [F]) {
    let (values, last_values) = tables.values.split_at_mut(horizon * mdp.num_states());
    arrays::copy_to(mdp.terminal_values(), last_values);
    (StageTables { values, ..tables }, last_values)
}
