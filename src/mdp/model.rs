//! The trait through which algorithms read a model, one stage at a time.

use ndarray::{ArrayView1, ArrayView2};

use crate::team::{Alone, Team};
use crate::{Dynamics, Error, Inference, Real};

/// A Markov decision process, read one decision stage at a time.
///
/// [`Mdp`](crate::Mdp) is the same at every stage; [`TimeVaryingMdp`](crate::TimeVaryingMdp) is a
/// list of stages. Implement this trait for models whose stages are computed on demand. Every
/// algorithm of the crate runs over it.
///
/// If `M` is a model, so are `&M`, `Box<M>` and `Arc<M>`. `M` may be a trait object.
///
/// Algorithms check rewards, prior weights, terminal values, discount and temperature whenever they
/// read them. They do not check the dynamics, because a check takes as long as the stage itself.
/// Dynamics that violate the requirements of [`Dynamics`] may cause panics. Call
/// [`check_model`](crate::check_model) once to check them.
///
/// # Example
///
/// A reward at one stage only:
///
/// ```
/// use softmdp::ndarray::{Array2, ArrayView1, array};
/// use softmdp::{DenseDynamics, Error, Inference, Mdp, Model, Stage, soft_value_iteration};
///
/// #[derive(Debug)]
/// struct Deadline {
///     base: Mdp,
///     due: usize,
///     nothing: Array2<f64>,
/// }
///
/// impl Model for Deadline {
///     type Scalar = f64;
///     type Dynamics = DenseDynamics;
///
///     fn num_states(&self) -> usize {
///         self.base.num_states()
///     }
///     fn num_actions(&self) -> usize {
///         self.base.num_actions()
///     }
///     fn discount(&self) -> f64 {
///         self.base.discount()
///     }
///     fn temperature(&self) -> f64 {
///         self.base.temperature()
///     }
///     fn is_terminal(&self, state: usize) -> bool {
///         self.base.is_terminal(state)
///     }
///     fn terminal_values(&self) -> ArrayView1<'_, f64> {
///         self.base.terminal_values()
///     }
///     fn stage(
///         &self,
///         t: usize,
///         inference: Inference,
///     ) -> Result<Stage<'_, f64, DenseDynamics>, Error> {
///         let mut stage = self.base.stage(t, inference)?;
///         if t != self.due {
///             stage.rewards = self.nothing.view();
///         }
///         Ok(stage)
///     }
/// }
///
/// let base = Mdp::new(array![[[1.0]]], array![[5.0]])?;
/// let model = Deadline { base, due: 2, nothing: array![[0.0]] };
/// let solution = soft_value_iteration(&model, 4)?;
/// assert_eq!(solution.state_values(), array![[5.0], [5.0], [5.0], [0.0], [0.0]]);
/// # Ok::<(), Error>(())
/// ```
pub trait Model: Sync {
    /// The number type of all tables.
    type Scalar: Real;
    /// The dynamics of a stage.
    type Dynamics: Dynamics<Scalar = Self::Scalar> + ?Sized;

    /// Number S of states.
    fn num_states(&self) -> usize;

    /// Number A of actions.
    fn num_actions(&self) -> usize;

    /// γ in [0, 1].
    fn discount(&self) -> Self::Scalar;

    /// τ ≥ 0, in reward units per nat.
    fn temperature(&self) -> Self::Scalar;

    /// Whether the episode ends in this state.
    fn is_terminal(&self, state: usize) -> bool;

    /// V_T, `[s]`, in reward units; −∞ forbids ending in the state.
    fn terminal_values(&self) -> ArrayView1<'_, Self::Scalar>;

    /// Number of stages, or `None` if there is no limit. `None` by default.
    fn num_stages(&self) -> Option<usize> {
        None
    }

    /// Whether every stage has the same dynamics, rewards and prior. The default, `false`, is
    /// correct for every model.
    fn is_homogeneous(&self) -> bool {
        false
    }

    /// The team whose processes hold the states. The default is [`Alone`]. A model whose dynamics
    /// have a [share](Dynamics::share) must return the team of the share, and a model that wraps
    /// another one must forward this call.
    fn team(&self) -> &dyn Team {
        &Alone
    }

    /// The dynamics, rewards and prior of stage `t`. A pass may read the same stage several times.
    ///
    /// The inference matters only to models whose rewards depend on the successor, because the two
    /// inferences fold them differently.
    ///
    /// # Errors
    ///
    /// Any error that makes the stage unavailable; algorithms return it unchanged.
    fn stage(&self, t: usize, inference: Inference)
    -> Result<Stage<'_, Self::Scalar, Self::Dynamics>, Error>;

    /// Calls `visit(weight, reward)` for each reward r(s,a,s') of a transition of stage `t`, if
    /// rewards depend on the successor. They include the reward on the pair.
    ///
    /// A transition with several rewards has each of them with a probability that is proportional
    /// to the weight. The default visits the outcomes that
    /// [`for_each_stage_outcome`](Self::for_each_stage_outcome) lists for this next state. If there
    /// are none, the reward is r(s,a) of the stage.
    ///
    /// [`learning::Simulator`](crate::learning) uses it: a sampled transition pays a reward of its
    /// own, not the expectation.
    fn for_each_transition_reward(
        &self,
        t: usize,
        state: usize,
        action: usize,
        next_state: usize,
        visit: &mut dyn FnMut(Self::Scalar, Self::Scalar),
    ) {
        self.for_each_stage_outcome(t, state, action, &mut |successor, p, reward| {
            if successor == next_state {
                visit(p, reward);
            }
        });
    }

    /// Calls `visit(next_state, p(s',r∣s,a), r)` for each outcome of a pair at stage `t`, if
    /// rewards depend on the successor. r includes the reward on the pair.
    ///
    /// The probabilities are those of the true dynamics. The default visits nothing, which means
    /// that the reward is r(s,a) of the stage.
    ///
    /// [`inverse`](crate::inverse) uses it for the derivatives in rewards on the successor.
    fn for_each_stage_outcome(
        &self,
        t: usize,
        state: usize,
        action: usize,
        visit: &mut dyn FnMut(usize, Self::Scalar, Self::Scalar),
    ) {
        let _ = (t, state, action, visit);
    }

    /// Each pass calls this once before it works on stage `t`. The default does nothing.
    ///
    /// [`Watched`](crate::Watched) reports progress here. A model that wraps another one should
    /// forward this call. Searches without a horizon pass the number of passes so far as `t`, and
    /// call it at least once a pass; do not use `t` as an index.
    ///
    /// # Errors
    ///
    /// If this returns an error, the pass ends and returns the error unchanged. Return
    /// [`Error::Stopped`] to stop.
    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        let _ = t;
        Ok(())
    }
}

/// The tables of one decision stage.
#[derive(Debug)]
pub struct Stage<'a, F, D: ?Sized> {
    /// P(s'∣s,a).
    pub dynamics: &'a D,
    /// r(s,a), `[s, a]`, in reward units; −∞ forbids the pair.
    pub rewards: ArrayView2<'a, F>,
    /// ρ(a∣s), `[s, a]`; 0 removes the action.
    pub action_prior: ArrayView2<'a, F>,
}
