//! Backward passes that keep one stage in memory.

use std::ops::ControlFlow;

use ndarray::{ArrayView1, ArrayView2, aview1};

use super::{Backup, SoftValueIteration, StageTables};
use crate::mdp::{begin_stage, check_team_options};
use crate::{Error, Model, Real, Table, Workspace, arrays};

impl SoftValueIteration {
    /// Solves one stage after the other, from the last to the first, and stores none of them. Use
    /// it for horizons that do not fit in memory.
    ///
    /// `visit` receives views of the values, action values and policy of each stage. If it returns
    /// `Break`, the pass stops and returns the break value.
    ///
    /// To stream again and again, use [`stream_with`](Self::stream_with).
    ///
    /// # Errors
    ///
    /// Those of [`soft_value_iteration`](crate::soft_value_iteration).
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory O(S·A).
    ///
    /// # Example
    ///
    /// At which stage does learning a skill stop paying off?
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use softmdp::{DeterministicDynamics, Mdp, SoftValueIteration, ndarray::array};
    ///
    /// // An unskilled worker (0) earns nothing, or learns at a cost of 5.
    /// // A skilled worker (1) earns 1 a stage.
    /// let dynamics = DeterministicDynamics::new(array![[0, 1], [1, 1]])?;
    /// let mdp = Mdp::builder(dynamics, array![[0.0, -5.0], [1.0, f64::NEG_INFINITY]]).build()?;
    /// let mut learns = 0.0;
    /// let last = SoftValueIteration::new(1_000_000).stream(&mdp, |stage| {
    ///     learns = stage.probabilities()[[0, 1]];
    ///     if learns > 0.5 { ControlFlow::Break(stage.stage()) } else { ControlFlow::Continue(()) }
    /// })?;
    /// assert_eq!(last, ControlFlow::Break(999_993)); // seven stages before the end
    /// assert!((learns - 0.5132_f64).abs() < 1e-4);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn stream<M: Model + ?Sized, B>(
        &self,
        mdp: &M,
        visit: impl FnMut(BackwardStage<'_, M::Scalar>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        self.stream_with(mdp, &mut Workspace::new(), visit)
    }

    /// [`stream`](Self::stream) in the memory of a workspace. From the second call on, for models
    /// of one size, this allocates nothing.
    ///
    /// # Errors
    ///
    /// Those of [`soft_value_iteration`](crate::soft_value_iteration).
    ///
    /// # Example
    ///
    /// A planner that has to answer within a deadline. It looks as far ahead as the time allows:
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::time::{Duration, Instant};
    /// use softmdp::{Mdp, SoftValueIteration, Workspace, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.2, 0.8]]], array![[1.0], [0.0]])?;
    /// let mut workspace = Workspace::new();
    /// let mut values = mdp.terminal_values().to_owned();
    /// for _request in 0..3 {
    ///     let deadline = Instant::now() + Duration::from_millis(2);
    ///     let solver = SoftValueIteration::new(1_000_000);
    ///     let end = solver.stream_with(&mdp, &mut workspace, |stage| {
    ///         if Instant::now() < deadline {
    ///             return ControlFlow::Continue(());
    ///         }
    ///         values.assign(&stage.state_values());
    ///         ControlFlow::Break(1_000_000 - stage.stage())
    ///     })?;
    ///     assert!(matches!(end, ControlFlow::Break(stages) if stages >= 1));
    ///     assert!(values[0] > values[1]);
    /// }
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn stream_with<M: Model + ?Sized, B>(
        &self,
        mdp: &M,
        workspace: &mut Workspace<M::Scalar>,
        visit: impl FnMut(BackwardStage<'_, M::Scalar>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        check_team_options(mdp, self.horizon, self.inference)?;
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let mut table = |table, width| workspace.take(table, (num_states, width));
        let mut tables = || {
            Ok(StreamTables {
                values: table(Table::StateValues, 1)?,
                next_values: table(Table::StateValues, 1)?,
                action_values: table(Table::ActionValues, num_actions)?,
                probabilities: table(Table::Policy, num_actions)?,
                log_probabilities: table(Table::Policy, num_actions)?,
            })
        };
        let mut tables = mdp.team().agree("stream", tables())?;
        let mut backup = Backup::within(workspace, mdp, self.inference);
        let result = self.run_stream(&mut backup, &mut tables, visit);
        backup.release(workspace);
        let StreamTables { values, next_values, action_values, probabilities, log_probabilities } = tables;
        for table in [values, next_values, action_values, probabilities, log_probabilities] {
            workspace.keep(table);
        }
        result
    }

    /// The loop over stages.
    fn run_stream<F: Real, M: Model<Scalar = F> + ?Sized, B>(
        &self,
        backup: &mut Backup<'_, F, M>,
        tables: &mut StreamTables<F>,
        mut visit: impl FnMut(BackwardStage<'_, F>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        let mdp = backup.model();
        let pairs = (mdp.num_states(), mdp.num_actions());
        let StreamTables { values, next_values, action_values, probabilities, log_probabilities } = tables;
        arrays::copy_to(mdp.terminal_values(), next_values);
        for t in (0..self.horizon).rev() {
            let stage = StageTables {
                values,
                action_values: Some(action_values),
                policy: Some((probabilities, log_probabilities)),
            };
            begin_stage(mdp, t)?;
            backup.stage(t, next_values, stage)?;
            let stage = BackwardStage {
                stage: t,
                state_values: aview1(values),
                next_state_values: aview1(next_values),
                action_values: arrays::view(action_values, pairs),
                probabilities: arrays::view(probabilities, pairs),
                log_probabilities: arrays::view(log_probabilities, pairs),
            };
            let visited = visit(stage);
            let goes_on = mdp.team().all("stream, visited", visited.is_continue())?;
            if let ControlFlow::Break(reason) = visited {
                return Ok(ControlFlow::Break(reason));
            }
            if !goes_on {
                return Err(Error::Stopped { stage: t }); // by another process
            }
            std::mem::swap(values, next_values);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The tables of one stage.
struct StreamTables<F> {
    values: Vec<F>,            // [s]
    next_values: Vec<F>,       // [s]
    action_values: Vec<F>,     // [s, a]
    probabilities: Vec<F>,     // [s, a]
    log_probabilities: Vec<F>, // [s, a]
}

/// One stage of [`SoftValueIteration::stream`].
#[derive(Debug, Clone, Copy)]
pub struct BackwardStage<'a, F = f64> {
    stage: usize,
    state_values: ArrayView1<'a, F>,
    next_state_values: ArrayView1<'a, F>,
    action_values: ArrayView2<'a, F>,
    probabilities: ArrayView2<'a, F>,
    log_probabilities: ArrayView2<'a, F>,
}

impl<'a, F: Real> BackwardStage<'a, F> {
    /// The stage t, from T−1 to 0.
    #[must_use]
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// V_t(s), `[s]`, in reward units.
    #[must_use]
    pub fn state_values(&self) -> ArrayView1<'a, F> {
        self.state_values
    }

    /// V_{t+1}(s), `[s]`, in reward units.
    #[must_use]
    pub fn next_state_values(&self) -> ArrayView1<'a, F> {
        self.next_state_values
    }

    /// Q_t(s,a), `[s, a]`, in reward units.
    #[must_use]
    pub fn action_values(&self) -> ArrayView2<'a, F> {
        self.action_values
    }

    /// π_t(a∣s), `[s, a]`.
    #[must_use]
    pub fn probabilities(&self) -> ArrayView2<'a, F> {
        self.probabilities
    }

    /// log π_t(a∣s), `[s, a]`, in nats.
    #[must_use]
    pub fn log_probabilities(&self) -> ArrayView2<'a, F> {
        self.log_probabilities
    }
}
