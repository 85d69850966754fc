//! Problems that are not discounted, or whose fixed point need not exist: γ = 1, and direct inference.
//!
//! # What may happen
//!
//! - *Every state can reach the end.* The chosen method, and a [certificate](super::certificate).
//! - *Some states cannot.* What becomes of them is [settled](super::traps) first. Where every way on loses, values fall
//!   without end: they are −∞, as in a state from which success is impossible, and the chosen method goes on with the rest.
//! - *Values grow without end*, since rewards, or the entropy of a prior that sums to more than 1, come in faster than steps
//!   cost. That is called diverging once there is a [proof](super::growing).
//! - *Neither*, as in loops that cost nothing: the fixed point is not unique. The answer is where value iteration ends from the
//!   initial values, and there is no bound.
//!
//! At temperature 0 a loop that costs nothing may be chosen even where the end can be reached; the certificate excludes that.
//! Whenever there is none, the search begins anew, by sweeps alone, so that the answer does not depend on the method.

use std::convert::Infallible;

use super::traps;
use crate::stationary::halt::Halt;
use crate::stationary::iterate::Iterate;
use crate::stationary::methods::Method;
use crate::stationary::search::Search;
use crate::{Model, Real, Status};

/// Searches by a method, and by sweeps if that has not settled it.
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
    if is_settled || method == Method::ValueIteration || search.answer.bound() < f64::INFINITY {
        return Err(halt);
    }
    if search.iterate.operator.passes_left() == 0 {
        return Err(Halt::Ended(Status::IterationLimit));
    }
    search.iterate.values = initial;
    Method::ValueIteration.run(search)
}

/// Settles what becomes of states that cannot reach the end, unless each may leave at any step; returns whether that is known.
fn settle<F: Real, M: Model<Scalar = F> + ?Sized>(iterate: &mut Iterate<'_, F, M>) -> Result<bool, Halt> {
    let is_undiscounted = iterate.operator.model().discount() == F::one();
    // Where rows lose something of each sum, nothing goes on without end.
    if is_undiscounted && iterate.operator.keeps_shifts() {
        return traps::settle(iterate);
    }
    Ok(true)
}
