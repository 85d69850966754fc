//! Watching a long computation, and stopping it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use ndarray::ArrayView1;

use super::{Model, Stage, forward_model};
use crate::{Error, Inference};

/// A model that tells a hook of each stage that an algorithm is about to work on, and stops if the hook says so.
///
/// Every pass asks its model for one stage after the other: a backward pass from the last to the first, a forward pass
/// from the first to the last. So every pass over a watched model can be watched and stopped, with no word about it in the
/// call; making models and reading files asks for no stages, and is not seen. The results are those of the model itself.
///
/// The hook gets the stage t. To stop, it breaks: the call then ends with [`Error::Stopped`]. How often it is called in all:
///
/// | call | stages |
/// |---|---|
/// | `solve`, `solve_values`, `stream`, `forward_messages`, `evaluate`, `elbo`, `state_occupancy`, `sample` | T |
/// | [`posterior`](crate::posterior()), `state_action_occupancy` | 2 T |
/// | [`stream_posterior`](crate::stream_posterior) | 3 T |
/// | [`most_likely`](crate::Posterior::most_likely) | T, and one for each action of what is found |
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
/// // Patience for all stages but the last three.
/// let watched = Watched::new(&mdp, |stage| if stage < 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
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
    /// Watches a model.
    pub fn new(model: &'m M, hook: H) -> Self {
        Self { model, hook: Mutex::new(hook) }
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
        // A hook that panicked has already ended the call that it belonged to.
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        match hook(t) {
            ControlFlow::Continue(()) => self.model.begin_stage(t),
            ControlFlow::Break(()) => Err(Error::Stopped { stage: t }),
        }
    }
}
