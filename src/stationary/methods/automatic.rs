//! The default: value iteration, until Newton's method is predicted to be cheaper.
//!
//! # The rule
//!
//! Let e be the number of times that what the interval minds of B V − V still has to shrink by the factor 1/e = 0.37, and n the
//! number of sweeps that shrink it once, as seen over the later half of the sweeps so far. Then
//!
//! ```text
//! value iteration still needs      e · n                                  sweeps,
//! Newton's method from here        c (k (3 + 2p) + p e √n)                sweeps' time
//! ```
//!
//! where p is the price of a product with P_π in passes: what rows cost that are mixed over the actions, seen on a few states. The
//! parts: k = 6 steps, or 12 at temperature 0, each of which backs up, reads the rows twice to mix them, and copies the result; inner
//! iterations, which for a Krylov method go with the square root of the number of sweeps; and c = 2.5 for large models, whose sweeps run
//! in parallel and in vector arithmetic as inner ones do not, 1.25 for small ones. n is at most 1/(1 − κ), and there are no more inner
//! iterations than √S for each factor.
//!
//! Newton's method is taken once it is predicted to be cheaper, and a sixteenth of what it is predicted to cost has been spent on
//! looking: before, too little has been seen, and if it is right all along, no more than that is lost.
//!
//! # Values that travel
//!
//! Values first have to travel from where rewards are to all other states. Until they have, nothing shrinks, and then often all at once.
//! It shows in the mean of B V − V: between its least and its largest it moves as fast as the front does, in two dimensions with the
//! square of time, whereas it stands still where one slow mode is left. So if the front, at the speed of the later half of the
//! sweeps, arrives within half the cost of Newton's method, or within about half of the sweeps so far, it is waited for.
//!
//! It is all a guess: policies of later steps may mix slower than what was seen. It costs time, never truth.

use std::convert::Infallible;

use super::newton;
use crate::mdp::CheckedStage;
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::stationary::search::Search;
use crate::{Dynamics, Error, Model, Real};

/// Sweeps before anything is predicted.
const FIRST_SWEEPS: usize = 5;

/// What of a predicted cost is spent on looking.
const SHARE: f64 = 0.0625;

/// Steps of Newton's method above temperature 0, and at it, where policies change by leaps.
const STEPS: (f64, f64) = (6.0, 12.0);

/// Stored transitions from which on a sweep runs in parallel, about.
const LARGE: usize = 30_000;

/// The time of a pass of Newton's method, in sweeps, of small and of large models.
const PASS: (f64, f64) = (1.25, 2.5);

/// What is waited for a front, over the cost of Newton's method.
const WAIT: f64 = 0.5;

/// What is waited for a front, over the sweeps so far. What slows down as 1/t always seems to arrive within half of t.
const LONGER: f64 = 0.45;

/// States that are looked at for the price of a product.
const SAMPLES: usize = 32;

/// Sweeps, and then steps, until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let costs = Costs::of(&search.iterate.operator)?;
    let needed = search.answer.needed(search.iterate.operator.contraction());
    let mut seen = Vec::new();
    loop {
        let differences = search.back_up(None)?;
        let iterate = &mut search.iterate;
        let position = mean_position(iterate, &differences);
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

/// What a sweep has left.
#[derive(Debug, Clone, Copy)]
struct Seen {
    size: f64,     // what the interval minds of B V − V
    position: f64, // of the mean of B V − V, between its least, 0, and its largest, 1
}

/// What things cost, in sweeps.
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

    /// Whether to change over, after sweeps that have left this.
    fn is_newton_cheaper(&self, seen: &[Seen], needed: f64) -> bool {
        let sweeps = seen.len();
        let (Some(&first), Some(&last)) = (seen.get(sweeps / 2), seen.last()) else { return false };
        if sweeps < FIRST_SWEEPS || !(last.size > needed) {
            return false;
        }
        let window = (sweeps - 1 - sweeps / 2) as f64;
        // Sweeps for a factor of e: as many as there may be where nothing shrinks.
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

/// When the front arrives that the mean shows; NaN or ∞ if it stands still.
fn sweeps_until_arrival(first: Seen, last: Seen, window: f64) -> f64 {
    let rises = last.position > first.position;
    let front = |seen: Seen| (if rises { seen.position } else { 1.0 - seen.position }).sqrt();
    window * (1.0 - front(last)) / (front(last) - front(first))
}

/// Transitions in rows that are mixed over the actions, over those of the rows themselves, on a few states.
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

/// The mean of B V − V over the states that count, where 0 is the least and 1 the largest.
fn mean_position<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &Iterate<'_, F, M>,
    differences: &Differences,
) -> f64 {
    let span = differences.hi - differences.lo;
    let states = iterate.values.iter().zip(&iterate.backed_up).zip(iterate.operator.is_fixed());
    let counted = states.filter(|((v, b), fixed)| !**fixed && v.is_finite() && b.is_finite());
    let (mut sum, mut number) = (0.0, 0.0);
    for ((&v, &b), _) in counted {
        sum += (b - v).into_f64() - differences.lo;
        number += 1.0;
    }
    if span > 0.0 && number > 0.0 { sum / (number * span) } else { 0.0 }
}
