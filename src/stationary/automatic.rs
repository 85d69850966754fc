//! The default: value iteration, until Newton's method is predicted to be cheaper.
//!
//! # The rule
//!
//! Let e be the number of times that what the interval minds of B V − V still has to shrink by the factor 1/e = 0.37, and n the
//! number of sweeps that shrink it once, as seen over the later half of the sweeps so far. Then
//!
//! ```text
//! value iteration still needs      e · n                                  passes,
//! Newton's method from here        6 (3 + 2p) + 2 p e √n                  passes
//! ```
//!
//! where p is the price of a product with P_π in passes: what rows cost that are mixed over the actions, seen on a few states.
//! The parts: about six steps, each of which backs up, reads the rows twice to mix them, and copies the result; and inner iterations, which
//! for a Krylov method go with the square root of the number of sweeps. The 2 stands for two things of about the same
//! size, that inner sweeps run on one thread, and that steps are solved further than the next can use.
//!
//! Newton's method is taken once it is predicted to be cheaper, and a sixteenth of what it is predicted to cost has been spent on
//! looking: before, too little has been seen, and if it is right all along, no more than that is lost.
//!
//! It is a guess: values may first have to travel through the model, which looks slower than it is, and policies of later
//! steps may mix slower than what was seen. It costs time, never truth.

use std::ops::ControlFlow;

use super::search::Search;
use super::{Status, newton};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Model, Real};

/// Sweeps before anything is predicted.
const FIRST_SWEEPS: usize = 5;

/// What of a predicted cost is spent on looking.
const SHARE: f64 = 0.0625;

/// Steps of Newton's method.
const STEPS: f64 = 6.0;

/// What a Krylov iteration costs, over the square root of the sweeps that it saves.
const PENALTY: f64 = 2.0;

/// States that are looked at for the price of a product.
const SAMPLES: usize = 32;

/// Sweeps, and then steps, until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Status, Error> {
    let price = price(search)?;
    let mut sizes = Vec::new();
    loop {
        let differences = match search.back_up(None)? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => differences,
        };
        search.advance(&differences);
        if differences.is_open {
            sizes.clear();
            continue;
        }
        sizes.push(search.size(&differences));
        if is_newton_cheaper(&sizes, search.needed(), price) {
            return newton::run(search);
        }
    }
}

/// Whether to change over, after sweeps that have left these sizes.
fn is_newton_cheaper(sizes: &[f64], needed: f64, price: f64) -> bool {
    let sweeps = sizes.len();
    let (first, last) = (sizes[sweeps / 2], sizes[sweeps - 1]);
    if sweeps < FIRST_SWEEPS || !(last > needed) {
        return false;
    }
    let window = (sweeps - 1 - sweeps / 2) as f64;
    // Sweeps for a factor of e: without end where nothing shrinks.
    let sweeps_each = (window / (first / last).ln().max(1e-12)).max(0.0);
    let times = (last / needed.max(last * f64::EPSILON)).ln();
    let by_sweeps = times * sweeps_each;
    let by_newton = STEPS * (3.0 + 2.0 * price) + PENALTY * price * times * sweeps_each.sqrt().min(1e3);
    by_newton < by_sweeps && sweeps as f64 >= SHARE * by_newton
}

/// Transitions in rows that are mixed over the actions, over those of the rows themselves, on a few states.
fn price<F: Real, M: Model<Scalar = F> + ?Sized>(search: &Search<'_, F, M>) -> Result<f64, Error> {
    let model = search.operator.model();
    let stage = CheckedStage::new(model, 0, search.operator.inference())?;
    let (num_states, num_actions) = (model.num_states(), model.num_actions());
    let (mut mixed, mut stored) = (0, 0);
    let mut successors = Vec::new();
    for state in (0..num_states).step_by(num_states.div_ceil(SAMPLES)) {
        let (_, prior) = stage.row(state)?;
        successors.clear();
        for action in (0..num_actions).filter(|&action| prior[action] > F::zero()) {
            stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                if p > F::zero() {
                    successors.push(next_state);
                }
            });
        }
        stored += successors.len();
        successors.sort_unstable();
        successors.dedup();
        mixed += successors.len();
    }
    Ok(if stored > 0 { mixed as f64 / stored as f64 } else { 1.0 })
}
