//! Backward passes that keep one stage in memory.

use std::ops::ControlFlow;

use ndarray::{ArrayView1, ArrayView2, aview1};

use super::{Backup, SoftValueIteration, StageTables};
use crate::mdp::check_options;
use crate::{Error, Model, Real, Table, arrays};

impl SoftValueIteration {
    /// Solves one stage after the other, from the last to the first, and stores none of them. Use
    /// it for horizons that do not fit in memory.
    ///
    /// `visit` receives views of the values, action values and policy of each stage. If it returns
    /// `Break`, the pass stops and returns the break value.
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
        mut visit: impl FnMut(BackwardStage<'_, M::Scalar>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        check_options(mdp, self.horizon)?;
        let shape = (mdp.num_states(), mdp.num_actions());
        let table = |table| arrays::filled(table, shape, M::Scalar::default());
        let (mut action_values, mut probabilities) = (table(Table::ActionValues)?, table(Table::Policy)?);
        let mut log_probabilities = table(Table::Policy)?;
        let mut next_values = mdp.terminal_values().to_vec();
        let mut values = next_values.clone();
        let mut backup = Backup::new(mdp, self.inference);
        for t in (0..self.horizon).rev() {
            let policy = (arrays::slice_mut(&mut probabilities), arrays::slice_mut(&mut log_probabilities));
            let stage = StageTables {
                values: &mut values,
                action_values: Some(arrays::slice_mut(&mut action_values)),
                policy: Some(policy),
            };
            mdp.begin_stage(t)?;
            backup.stage(t, &next_values, stage)?;
            let stage = BackwardStage {
                stage: t,
                state_values: aview1(&values),
                next_state_values: aview1(&next_values),
                action_values: action_values.view(),
                probabilities: probabilities.view(),
                log_probabilities: log_probabilities.view(),
            };
            if let ControlFlow::Break(reason) = visit(stage) {
                return Ok(ControlFlow::Break(reason));
            }
            std::mem::swap(&mut values, &mut next_values);
        }
        Ok(ControlFlow::Continue(()))
    }
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
