//! Reports the progress of long computations, and stops them on request.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use ndarray::ArrayView1;

use super::{Model, Stage, forward_model};
use crate::{Error, Inference};

/// A model that calls a hook before an algorithm works on a stage. The hook can stop the algorithm.
///
/// Pass the watched model in place of the model. Backward passes call the hook from the last stage
/// to the first, forward passes from the first to the last. The hook does not change results.
/// Building models and reading files do not call the hook.
///
/// The hook receives the stage t. If it returns `Break`, the algorithm returns [`Error::Stopped`].
/// The number of calls is:
///
/// | function | calls |
/// |---|---|
/// | `solve`, `solve_values`, `stream`, `forward_messages`, `check_model` | T |
/// | `solve_batch`, `solve_values_batch` | T for each model |
/// | `policy_at`, [`soft_bellman_backup`](crate::soft_bellman_backup), a step of a simulator | 1 |
/// | `evaluate`, `elbo`, `state_occupancy`, `sample` | T |
/// | [`posterior`](crate::posterior()), `state_action_occupancy` | 2 T |
/// | [`Likelihood::evaluate`](crate::inverse::Likelihood::evaluate) with a horizon | 2 T |
/// | [`stream_posterior`](crate::stream_posterior) | 3 T |
/// | [`most_likely`](crate::Posterior::most_likely) | T, and one per action of the result |
///
/// A form that ends in `_into` or `_with` makes the calls of the function without it.
///
/// [`StationarySolver::solve`](crate::StationarySolver::solve),
/// [`average_reward`](crate::average_reward) and [`long_run_growth`](crate::long_run_growth) have
/// no stages. They call the hook with the number of passes over the dynamics so far, at least once
/// a pass.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
/// use softmdp::{Error, Mdp, Watched, ndarray::array, posterior};
///
/// let mdp = Mdp::new(array![[[1.0]]], array![[0.0]])?;
///
/// // Progress: a posterior over 10 stages takes a backward and a forward pass.
/// let mut done = 0;
/// let watched = Watched::new(&mdp, |_stage| {
///     done += 1;
///     ControlFlow::Continue(())
/// });
/// posterior(&watched, &array![1.0], 10)?;
/// drop(watched);
/// assert_eq!(done, 20);
///
/// // Stops before stage 2.
/// let watched = Watched::new(&mdp, |stage| match stage {
///     2 => ControlFlow::Break(()),
///     _ => ControlFlow::Continue(()),
/// });
/// assert_eq!(posterior(&watched, &array![1.0], 10), Err(Error::Stopped { stage: 2 }));
/// # Ok::<(), Error>(())
/// ```
pub struct Watched<'m, M: ?Sized, H> {
    model: &'m M,
    hook: Mutex<H>,
}

impl<'m, M, H> Watched<'m, M, H>
where
    M: Model + ?Sized,
    H: FnMut(usize) -> ControlFlow<()> + Send,
{
    /// Wraps a model.
    pub fn new(model: &'m M, hook: H) -> Self {
        Self { model, hook: Mutex::new(hook) }
    }

    /// The model without the hook.
    pub(crate) fn model(&self) -> &'m M {
        self.model
    }
}

impl<M: fmt::Debug + ?Sized, H> fmt::Debug for Watched<'_, M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("model", &self.model).finish_non_exhaustive()
    }
}

impl<M, H> Model for Watched<'_, M, H>
where
    M: Model + ?Sized,
    H: FnMut(usize) -> ControlFlow<()> + Send,
{
    type Scalar = M::Scalar;
    type Dynamics = M::Dynamics;

    forward_model!(self => self.model);

    fn begin_stage(&self, t: usize) -> Result<(), Error> {
        // A panic of the hook has already ended the call that it belonged to.
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        match hook(t) {
            ControlFlow::Continue(()) => self.model.begin_stage(t),
            ControlFlow::Break(()) => Err(Error::Stopped { stage: t }),
        }
    }
}
