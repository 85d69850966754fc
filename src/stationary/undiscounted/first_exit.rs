//! Searches where a fixed point may not exist or may not be unique: γ = 1, and direct inference.
//!
//! # Cases
//!
//! - *Every state can reach a terminal state.* The chosen method runs, and a
//!   [certificate](super::certificate) bounds the error.
//! - *Some states cannot.* [`traps`](super::traps) treats them first. If they lose reward on every
//!   path, their values fall without end and are set to −∞. The chosen method continues with the
//!   other states.
//! - *Values grow without end*, because rewards, or the entropy of a prior that sums to more than
//!   1, exceed the cost of steps. The status is `Diverging` once there is a
//!   [proof](super::growing).
//! - *None of these*, for example with loops that cost nothing. The fixed point is not unique. The
//!   answer is the limit of value iteration from the initial values, without a bound.
//!
//! - *Ends are very improbable.* Values are then too large for the bound that is asked for, or for
//!   any. [Differences](super::improbable) of values are not.
//!
//! At temperature 0 the optimal policy may take a loop that costs nothing even if it can reach a
//! terminal state; then there is no certificate. Whenever the chosen method ends without a
//! certificate, the search starts again with value iteration, so that the answer does not depend on
//! the method.

use std::convert::Infallible;

use super::traps;
use crate::stationary::halt::Halt;
use crate::stationary::iterate::Iterate;
use crate::stationary::methods::Method;
use crate::stationary::search::Search;
use crate::{Model, Real, Status};

/// Runs a method, and then value iteration if the method ended without a bound.
pub(crate) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    method: Method,
) -> Result<Infallible, Halt> {
    if !settle(&mut search.iterate)? {
        return Method::ValueIteration.run(search);
    }
    let initial = search.iterate.values.clone();
    let method = if method == Method::Automatic { Method::Newton } else { method };
    let Err(halt) = method.run(search);
    let Halt::Ended(status) = halt else { return Err(halt) };
    let is_settled = matches!(status, Status::Converged | Status::Stopped | Status::Diverging);
    let status = search.improve_at_end(status)?;
    if is_settled || method == Method::ValueIteration || search.answer.bound() < f64::INFINITY {
        return Err(Halt::Ended(status));
    }
    if search.iterate.operator.passes_left() == 0 {
        return Err(Halt::Ended(Status::IterationLimit));
    }
    search.iterate.values = initial;
    Method::ValueIteration.run(search)
}

/// Finds the states with value −∞. Returns whether the values of all other states may be unique.
fn settle<F: Real, M: Model<Scalar = F> + ?Sized>(iterate: &mut Iterate<'_, F, M>) -> Result<bool, Halt> {
    let is_undiscounted = iterate.operator.model().discount() == F::one();
    // With a discount, or with rows that sum to less than 1, every trajectory ends.
    if is_undiscounted && iterate.operator.keeps_shifts() {
        return traps::settle(iterate);
    }
    Ok(true)
}
