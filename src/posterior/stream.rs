//! Posterior marginals for horizons that do not fit in memory.
//!
//! # Form computed
//!
//! A backward pass keeps the values of every ⌈√T⌉-th stage. The forward pass then processes one
//! segment after the other. It backs up the values of the segment again from its end, and computes
//! the messages of the segment. Memory is about three times √T·S numbers. Every stage is backed up
//! twice.
//!
//! # References
//!
//! Grice, Hughey, Speck, *Reduced space sequence alignment*, CABIOS 13 (1997): checkpoints for
//! forward–backward.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayRef1, ArrayView1, aview1};

use super::marginals::{evidence_of_values, marginals_of_stage};
use crate::backward::{Backup, StageTables, back_up_stage};
use crate::forward::ForwardPass;
use crate::{Error, Inference, Model, Real, Table, Workspace, forward};

/// Computes the posterior over trajectories stage by stage, in memory proportional to the square
/// root of the horizon.
///
/// Calls `visit` for stages 0, 1, …, T in order. `visit` may return `Break` to stop. The numbers
/// are those of [`posterior`](crate::posterior()), to within rounding.
///
/// Returns the log-evidence, in nats, or the break value of `visit`.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1.
///
/// # Errors
///
/// Those of [`posterior`](crate::posterior()). The backward pass detects impossible evidence before
/// the first visit; the stage of the error is then the horizon.
///
/// # Complexity
///
/// Time O(T · transitions), for two backward passes and one forward pass; memory O(√T·S + S·A).
///
/// # Example
///
/// A million stages of a machine that works (0) or is broken (1):
///
/// ```
/// use std::ops::ControlFlow;
/// use softmdp::{Mdp, ndarray::array, stream_posterior};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.5, 0.5]]], array![[0.0], [-1.0]])?;
/// let mut broken = 0.0;
/// let log_evidence = stream_posterior(&mdp, &array![1.0, 0.0], 1_000_000, |stage| {
///     broken += stage.state_marginals()[1];
///     ControlFlow::<()>::Continue(())
/// })?;
/// // Without the evidence, the machine would be broken in one stage of six.
/// assert!((broken / 1e6 - 0.0324_f64).abs() < 1e-4);
/// assert!(matches!(log_evidence, ControlFlow::Continue(log) if (log + 78_148.6).abs() < 1.0));
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn stream_posterior<F: Real, M: Model<Scalar = F> + ?Sized, B>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
    visit: impl FnMut(PosteriorStage<'_, M>) -> ControlFlow<B>,
) -> Result<ControlFlow<B, F>, Error> {
    stream_posterior_with(mdp, initial, horizon, &mut Workspace::new(), visit)
}

/// [`stream_posterior`] in the memory of a workspace. From the second call on, for models and
/// horizons of one size, this allocates no table except M of (D11).
///
/// # Errors
///
/// Those of [`posterior`](crate::posterior()).
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
/// use softmdp::{Mdp, Workspace, ndarray::array, stream_posterior_with};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.5, 0.5]]], array![[0.0], [-1.0]])?;
/// let mut workspace = Workspace::new();
/// let mut broken = [0.0; 2]; // expected number of stages in state 1
/// for (start, broken) in broken.iter_mut().enumerate() {
///     let mut initial = array![0.0, 0.0];
///     initial[start] = 1.0;
///     let _ = stream_posterior_with(&mdp, &initial, 100, &mut workspace, |stage| {
///         *broken += stage.state_marginals()[1];
///         ControlFlow::<()>::Continue(())
///     })?;
/// }
/// assert!(broken[1] > broken[0] + 1.0);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn stream_posterior_with<F: Real, M: Model<Scalar = F> + ?Sized, B>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
    workspace: &mut Workspace<F>,
    visit: impl FnMut(PosteriorStage<'_, M>) -> ControlFlow<B>,
) -> Result<ControlFlow<B, F>, Error> {
    forward::check(mdp, initial, horizon)?;
    let num_states = mdp.num_states();
    let stride = (horizon as f64).sqrt().ceil().max(1.0) as usize;
    let mut table = |table, rows| workspace.take(table, (rows, num_states));
    let mut tables = StreamTables {
        checkpoints: table(Table::StateValues, horizon.div_ceil(stride) + 1)?,
        segment: table(Table::StateValues, stride + 1)?,
        now: table(Table::ForwardMessages, 1)?,
        next: table(Table::ForwardMessages, 1)?,
        marginals: table(Table::StateMarginals, 1)?,
    };
    let mut backup = Backup::for_values(workspace, mdp, Inference::Direct, horizon)?;
    let mut forward = ForwardPass::new(workspace, mdp, horizon)?;
    let pass = Pass { horizon, stride, backup: &mut backup, forward: &mut forward };
    let result = pass.run(mdp, initial, &mut tables, visit);
    backup.release(workspace);
    forward.release(workspace);
    let StreamTables { checkpoints, segment, now, next, marginals } = tables;
    [checkpoints, segment, now, next, marginals].into_iter().for_each(|table| workspace.keep(table));
    result
}

/// The tables of a streamed posterior.
struct StreamTables<F> {
    checkpoints: Vec<F>, // V of stages 0, stride, 2·stride, … and T, one row each
    segment: Vec<F>,     // V of the stages of a segment and of the one after it
    now: Vec<F>,         // log α_t, [s]
    next: Vec<F>,        // log α_{t+1}, [s]
    marginals: Vec<F>,   // [s]
}

/// The two passes over the stages of a model.
struct Pass<'p, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    horizon: usize,
    stride: usize,
    backup: &'p mut Backup<'m, F, M>,
    forward: &'p mut ForwardPass<'m, F, M>,
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Pass<'_, '_, F, M> {
    /// Visits all stages, from the first to the last.
    fn run<B>(
        self,
        mdp: &M,
        initial: &ArrayRef1<F>,
        tables: &mut StreamTables<F>,
        mut visit: impl FnMut(PosteriorStage<'_, M>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B, F>, Error> {
        let (horizon, stride, num_states) = (self.horizon, self.stride, mdp.num_states());
        let temperature = mdp.temperature();
        checkpoints(mdp, self.backup, horizon, stride, tables)?;
        let StreamTables { checkpoints, segment, now, next, marginals } = tables;
        let log_evidence =
            evidence_of_values(temperature, initial, &checkpoints[..num_states], horizon, marginals);
        marginals.resize(num_states, F::zero());
        let log_evidence = log_evidence?;

        let mut absorbed = F::neg_infinity();
        now.iter_mut().zip(initial).for_each(|(log, &p)| *log = p.ln());
        for first in (0..=horizon).step_by(stride) {
            let end = horizon.min(first + stride);
            let last_row = (end - first) * num_states..(end - first + 1) * num_states;
            segment[last_row].copy_from_slice(row_of(checkpoints, end.div_ceil(stride), num_states));
            for t in (first..end).rev() {
                let (values, next) = segment.split_at_mut((t - first + 1) * num_states);
                let values = &mut values[(t - first) * num_states..];
                mdp.begin_stage(t)?;
                self.backup.stage(t, &next[..num_states], StageTables::values(values))?;
            }
            // Stage T has no decision. It has a segment of its own only if the stride divides T.
            let last = if end == horizon { horizon } else { end - 1 };
            for t in first..=last {
                let values = row_of(segment, t - first, num_states);
                let left = marginals_of_stage(t, temperature, (now, absorbed), values, marginals)?;
                let stage = PosteriorStage {
                    mdp,
                    stage: t,
                    log_forward: now,
                    state_values: values,
                    next_values: (t < horizon).then(|| row_of(segment, t - first + 1, num_states)),
                    state_marginals: marginals,
                    absorbed_marginal: left,
                };
                if let ControlFlow::Break(reason) = visit(stage) {
                    return Ok(ControlFlow::Break(reason));
                }
                if t < horizon {
                    (_, absorbed) = self.forward.stage(t, now, absorbed, next)?;
                    std::mem::swap(now, next);
                }
            }
            if end == horizon {
                break;
            }
        }
        Ok(ControlFlow::Continue(log_evidence))
    }
}

/// A row of a table with `num_states` columns.
fn row_of<F>(table: &[F], row: usize, num_states: usize) -> &[F] {
    &table[row * num_states..(row + 1) * num_states]
}

/// Writes V of stages 0, stride, 2·stride, … and T, one row each. V of the other stages go through
/// the rows of messages, which are not in use yet.
fn checkpoints<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    backup: &mut Backup<'_, F, M>,
    horizon: usize,
    stride: usize,
    tables: &mut StreamTables<F>,
) -> Result<(), Error> {
    let num_states = mdp.num_states();
    let StreamTables { checkpoints, now: values, next, .. } = tables;
    let last = horizon.div_ceil(stride) * num_states;
    crate::arrays::copy_to(mdp.terminal_values(), next);
    checkpoints[last..].copy_from_slice(next);
    for t in (0..horizon).rev() {
        mdp.begin_stage(t)?;
        backup.stage(t, next, StageTables::values(values))?;
        if t % stride == 0 {
            let row = t / stride * num_states;
            checkpoints[row..row + num_states].copy_from_slice(values);
        }
        std::mem::swap(values, next);
    }
    Ok(())
}

/// The posterior of one stage, from [`stream_posterior`].
#[derive(Debug)]
pub struct PosteriorStage<'a, M: Model + ?Sized> {
    mdp: &'a M,
    stage: usize,
    log_forward: &'a [M::Scalar],
    state_values: &'a [M::Scalar],
    next_values: Option<&'a [M::Scalar]>, // none at the horizon
    state_marginals: &'a [M::Scalar],
    absorbed_marginal: M::Scalar,
}

impl<M: Model + ?Sized> PosteriorStage<'_, M> {
    /// The stage t, from 0 to T.
    #[must_use]
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// p(s_t = s ∣ e), `[s]` (D7).
    #[must_use]
    pub fn state_marginals(&self) -> ArrayView1<'_, M::Scalar> {
        aview1(self.state_marginals)
    }

    /// p(s_t = † ∣ e): the posterior probability of being in † at this stage; 0 at γ = 1.
    #[must_use]
    pub fn absorbed_marginal(&self) -> M::Scalar {
        self.absorbed_marginal
    }

    /// V_t(s), `[s]`, in reward units: τ log β_t(s).
    #[must_use]
    pub fn state_values(&self) -> ArrayView1<'_, M::Scalar> {
        aview1(self.state_values)
    }

    /// log α_t(s), `[s]`, in nats.
    #[must_use]
    pub fn log_forward(&self) -> ArrayView1<'_, M::Scalar> {
        aview1(self.log_forward)
    }

    /// π_t(a∣s) of this stage, `[s, a]`, by one backup.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] at stage T, which has no decision.
    pub fn policy(&self) -> Result<Array2<M::Scalar>, Error> {
        let (stage, horizon) = (self.stage, self.stage);
        let next_values = self.next_values.ok_or(Error::StageOutOfRange { stage, horizon })?;
        Ok(back_up_stage(self.mdp, next_values, stage, Inference::Direct)?.into_probabilities())
    }

    /// p(s_t = s, a_t = a ∣ e), `[s, a]` (D8), by one backup; 0 in terminal states.
    ///
    /// # Errors
    ///
    /// [`Error::StageOutOfRange`] at stage T, which has no decision.
    pub fn state_action_marginals(&self) -> Result<Array2<M::Scalar>, Error> {
        let mut pairs = self.policy()?;
        for (state, mut row) in pairs.outer_iter_mut().enumerate() {
            let mass =
                if self.mdp.is_terminal(state) { M::Scalar::default() } else { self.state_marginals[state] };
            row.mapv_inplace(|p| mass * p);
        }
        Ok(pairs)
    }
}
