//! Runs a pass over all stages of a model.

use super::Model;
use crate::dynamics::blocks;
use crate::{Error, Inference, parallel};

/// Runs a pass inside the thread pool if its stages are large enough for several threads.
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
    if horizon > 0 && blocks::is_worthwhile(model.stage(0, inference)?.dynamics) {
        return parallel::in_pool(pass);
    }
    pass()
}
