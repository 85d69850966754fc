//! Runs a pass over all stages of a model.

use super::Model;
use crate::dynamics::blocks;
use crate::{Error, Inference, parallel};

/// Tells the model that a pass begins a stage. An error of one process of a team is one of all.
pub(crate) fn begin_stage<M: Model + ?Sized>(model: &M, t: usize) -> Result<(), Error> {
    model.team().agree("begin_stage", model.begin_stage(t))
}

/// Runs a pass inside the thread pool if its stages are large enough for several threads.
///
/// The pass of a team stays on the caller's thread, because it waits for other processes, and only
/// its blocks run in the pool.
pub(crate) fn run_pass<M, R>(
    model: &M,
    horizon: usize,
    inference: Inference,
    pass: impl FnOnce() -> Result<R, Error> + Send,
) -> Result<R, Error>
where
    M: Model + ?Sized,
    R: Send,
{
    if horizon > 0 && model.team().size() == 1 && blocks::is_worthwhile(model.stage(0, inference)?.dynamics) {
        return parallel::in_pool(pass);
    }
    pass()
}
