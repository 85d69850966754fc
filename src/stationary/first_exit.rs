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

use std::ops::ControlFlow;

use super::search::{Search, Step};
use super::{Method, gauss_seidel, modified, newton, traps, value_iteration};
use crate::Status;
use crate::{Error, Model, Real};

/// Searches by a method, and by sweeps if that has not settled it.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    method: Method,
) -> Result<Status, Error> {
    let is_settled = match settle(search)? {
        ControlFlow::Break(status) => return Ok(status),
        ControlFlow::Continue(is_settled) => is_settled,
    };
    if !is_settled {
        return value_iteration::run(search);
    }
    let initial = search.values.clone();
    let status = match method {
        Method::Automatic | Method::Newton => newton::run(search)?,
        Method::ModifiedPolicyIteration => modified::run(search)?,
        Method::GaussSeidel => gauss_seidel::run(search)?,
        Method::ValueIteration => return value_iteration::run(search),
    };
    let is_found = status != Status::IterationLimit || search.bound() < f64::INFINITY;
    if is_found || search.passes_left() == 0 {
        return Ok(status);
    }
    search.values = initial;
    value_iteration::run(search)
}

/// Settles what becomes of states that cannot reach the end, unless each may leave at any step; returns whether that is known.
fn settle<F: Real, M: Model<Scalar = F> + ?Sized>(search: &mut Search<'_, F, M>) -> Step<bool> {
    let is_undiscounted = search.operator.model().discount() == F::one();
    // Where rows lose something of each sum, nothing goes on without end.
    if is_undiscounted && search.operator.keeps_shifts() {
        return traps::settle(search);
    }
    Ok(ControlFlow::Continue(true))
}
