//! Searches where a fixed point may not exist or may not be unique: γ = 1, and direct inference.
//!
//! # Cases
//!
//! - *Direct inference at temperature 0* looks for [longest paths](super::longest_paths).
//! - *Every state can reach a terminal state.* The chosen method runs, and a
//!   [certificate](super::certificate) bounds the error.
//! - *Some actions earn nothing and lead nowhere.* Their end components are
//!   [collapsed](super::quotient) first: staying there is worth 0.
//! - *Some states cannot end.* [`traps`](super::traps) treats them first. If they lose reward on
//!   every path, their values fall without end and are set to −∞. The chosen method continues with
//!   the other states.
//! - *Values grow without end*, because rewards, or the entropy of a prior that sums to more than
//!   1, exceed the cost of steps. The status is `Diverging` once there is a
//!   [proof](super::growing).
//! - *Rewards cancel on a loop.* A gain here and an equal loss there leave the total of an endless
//!   loop undefined, and the fixed point is not unique. The answer is a limit of value iteration
//!   from the initial values, without a bound.
//! - *Ends are very improbable.* Values are then too large for the bound that is asked for, or for
//!   any. [Differences](super::improbable) of values are not.
//!
//! If the chosen method gives up or ends without a bound, Newton's method follows. Without a bound,
//! damped value iteration is the last: it converges where value iteration oscillates.

use std::convert::Infallible;

use super::{longest_paths, traps};
use crate::stationary::halt::Halt;
use crate::stationary::methods::Method;
use crate::stationary::search::Search;
use crate::{Inference, Model, Real, Status};

/// Runs a method, and others if it ended without a bound.
pub(crate) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    method: Method,
) -> Result<Infallible, Halt> {
    let operator = &search.iterate.operator;
    if operator.is_hard() && operator.inference() == Inference::Direct {
        return longest_paths::run(search);
    }
    // With a discount, every trajectory ends.
    if operator.model().discount() == F::one() {
        if let Some(state) = traps::settle(&mut search.iterate)? {
            search.certifier.give_up(state);
            return damped(search);
        }
        if search.iterate.operator.grows(&search.iterate.values)? {
            return Err(Halt::Ended(Status::Diverging));
        }
    }
    let initial = search.iterate.values.clone();
    let mut methods = vec![if method == Method::Automatic { Method::Newton } else { method }];
    if matches!(method, Method::GaussSeidel | Method::ModifiedPolicyIteration) {
        methods.push(Method::Newton);
    }
    for &tried in &methods {
        let Err(halt) = tried.run(search);
        let Halt::Ended(status) = halt else { return Err(halt) };
        let is_settled = matches!(status, Status::Converged | Status::Stopped | Status::Diverging);
        let status = search.improve_at_end(status)?;
        // A method that gave up before the limit may have a bound, but another may have a better one.
        let is_last = tried == Method::Newton || status != Status::IterationLimit;
        let has_bound = search.answer.bound() < f64::INFINITY;
        if is_settled || tried == Method::ValueIteration || (is_last && has_bound) {
            return Err(Halt::Ended(status));
        }
        if search.iterate.operator.passes_left() == 0 {
            return Err(Halt::Ended(Status::IterationLimit));
        }
        search.iterate.values.clone_from(&initial);
    }
    damped(search)
}

/// V ← (V + BV)/2 until the search ends.
fn damped<F: Real, M: Model<Scalar = F> + ?Sized>(search: &mut Search<'_, F, M>) -> Result<Infallible, Halt> {
    let half = F::from_f64(0.5);
    loop {
        search.back_up(None)?;
        let states = search.iterate.values.iter_mut().zip(&search.iterate.backed_up);
        for (v, &b) in states {
            *v = if v.is_finite() && b.is_finite() { *v + half * (b - *v) } else { b };
        }
    }
}
