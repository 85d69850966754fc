//! The default: value iteration, until Newton's method is predicted to be cheaper.
//!
//! # The rule
//!
//! Let e be the number of times that B V − V, measured as (S2) does, still has to shrink by the
//! factor 1/e ≈ 0.37. Let n be the number of sweeps that one such factor takes, estimated from the
//! later half of the sweeps so far. The predicted costs, in sweeps, are
//!
//! ```text
//! value iteration      e · n
//! Newton's method      c (k (3 + 2p) + p e √n)
//! ```
//!
//! where
//!
//! - p is the cost of a product with P_π in passes, estimated by mixing the rows of a few states;
//! - k = 6 is the number of Newton steps, 12 at temperature 0; each step backs up, reads the rows
//!   twice to mix them, and copies the result;
//! - √n is the number of inner iterations for one factor, because a Krylov method needs about the
//!   square root of the number of sweeps;
//! - c = 2.5 for large models, whose sweeps run in parallel and in vector arithmetic while inner
//!   iterations do so in part, and 1.25 for small models.
//!
//! n is at most 1/(1 − κ), and there are at most √S inner iterations for one factor.
//!
//! The search changes to Newton's method once it is predicted to be cheaper and a sixteenth of its
//! predicted cost has been spent on sweeps. Earlier predictions have too few data. If Newton's
//! method was the better choice from the start, at most that sixteenth is lost.
//!
//! # Propagation of values
//!
//! Values first have to propagate from the rewards to all other states. Until then B V − V does not
//! shrink; afterwards it often shrinks at once. The mean of B V − V between its minimum and its
//! maximum shows this front. In two dimensions the mean moves with the square of time while the
//! front moves, and stands still once a single slow mode is left. If the front, at its speed over
//! the later half of the sweeps, will arrive within half the cost of Newton's method, or within
//! about half of the sweeps so far, the search waits for it.
//!
//! All this is a heuristic: the policies of later steps may mix more slowly. A wrong guess costs
//! time, and never invalidates the bound.

use std::convert::Infallible;

use super::newton;
use crate::mdp::CheckedStage;
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::operator::Operator;
use crate::stationary::search::Search;
use crate::{Dynamics, Error, Model, Real};

/// Sweeps before the first prediction.
const FIRST_SWEEPS: usize = 5;

/// The share of the predicted cost of Newton's method that is spent on sweeps first.
const SHARE: f64 = 0.0625;

/// Steps of Newton's method above temperature 0, and at temperature 0, where policies change
/// abruptly.
const STEPS: (f64, f64) = (6.0, 12.0);

/// Stored transitions from which sweeps run in parallel, approximately, where rows are short.
const LARGE: usize = 10_000;

/// The time of a pass of Newton's method, in sweeps, for small and for large models.
const PASS: (f64, f64) = (1.25, 2.5);

/// The longest wait for a front, relative to the cost of Newton's method.
const WAIT: f64 = 0.5;

/// The longest wait for a front, relative to the sweeps so far. A front that slows down as 1/t
/// always seems to arrive within t/2.
const LONGER: f64 = 0.45;

/// States sampled to estimate the cost of a product.
const SAMPLES: usize = 32;

/// Sweeps, and then takes Newton steps, until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let costs = Costs::of(&search.iterate.operator)?;
    let needed = search.answer.needed(search.iterate.operator.contraction());
    let mut seen = Vec::new();
    loop {
        let differences = search.back_up(None)?;
        let iterate = &mut search.iterate;
        let position = mean_position(&differences);
        iterate.advance(&differences);
        if differences.is_open {
            seen.clear();
            continue;
        }
        seen.push(Seen { size: iterate.size(&differences), position });
        if costs.is_newton_cheaper(&seen, needed) {
            return newton::run(search);
        }
    }
}

/// B V − V after a sweep.
#[derive(Debug, Clone, Copy)]
struct Seen {
    size: f64,     // of B V − V, as (S2) measures it
    position: f64, // of the mean of B V − V, between its least, 0, and its largest, 1
}

/// Predicted costs, in sweeps.
#[derive(Debug, Clone, Copy)]
struct Costs {
    most_sweeps: f64,   // for a factor of e, by the contraction
    most_products: f64, // of Newton's method for a factor of e
    steps: f64,         // of Newton's method, without products
    product: f64,
}

impl Costs {
    fn of<F: Real, M: Model<Scalar = F> + ?Sized>(operator: &Operator<'_, F, M>) -> Result<Self, Error> {
        let price = price(operator)?;
        let most_sweeps = 1.0 / (1.0 - operator.contraction().most);
        let pass = if operator.work() < LARGE { PASS.0 } else { PASS.1 };
        let num_steps = if operator.model().temperature() > F::zero() { STEPS.0 } else { STEPS.1 };
        Ok(Self {
            most_sweeps,
            most_products: (operator.model().num_states() as f64).min(most_sweeps).sqrt(),
            steps: pass * num_steps * (3.0 + 2.0 * price),
            product: pass * price,
        })
    }

    /// Whether Newton's method is predicted to be cheaper, given B V − V after each sweep.
    fn is_newton_cheaper(&self, seen: &[Seen], needed: f64) -> bool {
        let sweeps = seen.len();
        let (Some(&first), Some(&last)) = (seen.get(sweeps / 2), seen.last()) else { return false };
        if sweeps < FIRST_SWEEPS || !(last.size > needed) {
            return false;
        }
        let window = (sweeps - 1 - sweeps / 2) as f64;
        // Sweeps for a factor of e: the most that the contraction allows, if nothing shrinks.
        let sweeps_each = (window / (first.size / last.size).ln().max(1e-12)).clamp(0.0, self.most_sweeps);
        let times = (last.size / needed.max(last.size * f64::EPSILON)).ln();
        let by_sweeps = times * sweeps_each;
        let by_newton = self.steps + self.product * times * sweeps_each.sqrt().min(self.most_products);
        let patience = (WAIT * by_newton).max(LONGER * sweeps as f64);
        by_newton < by_sweeps
            && sweeps as f64 >= SHARE * by_newton
            && !(sweeps_until_arrival(first, last, window) < patience)
    }
}

/// Sweeps until the front arrives; NaN or ∞ if it stands still.
fn sweeps_until_arrival(first: Seen, last: Seen, window: f64) -> f64 {
    let rises = last.position > first.position;
    let front = |seen: Seen| (if rises { seen.position } else { 1.0 - seen.position }).sqrt();
    window * (1.0 - front(last)) / (front(last) - front(first))
}

/// The transitions of rows mixed over the actions, relative to those of the rows, in a few states.
fn price<F: Real, M: Model<Scalar = F> + ?Sized>(operator: &Operator<'_, F, M>) -> Result<f64, Error> {
    let model = operator.model();
    let stage = CheckedStage::new(model, 0, operator.inference())?;
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

/// The mean of B V − V, on a scale from 0 at its minimum to 1 at its maximum.
fn mean_position(differences: &Differences) -> f64 {
    let span = differences.hi - differences.lo;
    if span > 0.0 { ((differences.mean - differences.lo) / span).clamp(0.0, 1.0) } else { 0.0 }
}
