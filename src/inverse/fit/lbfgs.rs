//! The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, for many parameters.
//!
//! The method knows second derivatives from the last [`PAIRS`] changes of the gradient only. So a
//! step costs one evaluation and O(K) numbers for each pair. What is left is ½ gᵀ B g nats, where B
//! is its approximation of (−H)⁻¹.
//!
//! # References
//!
//! J. Nocedal, *Updating quasi-Newton matrices with limited storage*, Math. Comp. 35, 1980.

use std::collections::VecDeque;

use ndarray::Array1;

use super::information::Step;
use super::newton::{
    Ascent, Limits, Maximum, Objective, Point, ascend, check_bounded, check_flat, diverging, is_maximum,
};
use crate::Status;
use crate::inverse::Error;

/// Changes of the gradient that are remembered.
const PAIRS: usize = 10;

/// Consecutive steps that must find little left: the approximation B may be wrong once.
const MOST_CLOSE: usize = 3;

/// Factors of all parameters at which the value of a maximum is lower, or equal to rounding.
const FACTORS: [f64; 3] = [1.5, 3.0, 10.0];

/// Growth that is more than rounding, in units in the last place of the value.
const LEAST_GROWTH: f64 = 1e3;

/// Searches for a maximum. `natural` is a scale of −H for each parameter, `[k]`. `is_last` says
/// that no other search follows, which could look ahead with second derivatives.
///
/// # Errors
///
/// As [`maximize`](super::newton::maximize).
pub(super) fn maximize<O: Objective>(
    objective: &O,
    start: &Array1<f64>,
    natural: impl Fn(&Point<O::Found>) -> Array1<f64>,
    limits: Limits,
    is_last: bool,
) -> Result<Maximum<O::Found, O::Curved>, Error> {
    let mut point = objective.evaluate(start)?;
    let diagonal = natural(&point).mapv(|scale| if scale > 0.0 { scale.recip() } else { 1.0 });
    let mut memory = Memory { diagonal, pairs: VecDeque::new() };
    let mut close = 0;
    for iterations in 0.. {
        let direction = memory.times(&point.gradient);
        let slope = point.gradient.dot(&direction);
        let gain = 0.5 * slope;
        let is_close = is_maximum(objective, &point, gain, limits);
        close = if is_close { close + 1 } else { 0 };
        let mut status = if is_close { Status::Converged } else { Status::IterationLimit };
        let step = Step { direction, slope, growth: 0.0, gain, flat: None };
        if close < MOST_CLOSE && iterations < limits.max_iterations {
            match ascend(objective, &point, &step)? {
                Ascent::To(next) => {
                    memory.learn(&point, &next);
                    point = next;
                    continue;
                }
                Ascent::Nowhere if is_close => {}
                Ascent::Nowhere if !memory.pairs.is_empty() => {
                    memory.pairs.clear(); // start again along the gradient
                    continue;
                }
                Ascent::Nowhere => status = Status::RoundingFloor,
                Ascent::Stopped => status = Status::Stopped,
            }
        }
        if is_last && matches!(status, Status::Converged | Status::RoundingFloor) {
            status = check_bounded(objective, &point, &step, status)?;
            check_scale(objective, &point)?;
        } else if status == Status::IterationLimit {
            check_flat(objective, &point, &step.direction)?;
        }
        return Ok(Maximum { point, curved: None, status, iterations, gain });
    }
    unreachable!("the loop ends by `return`");
}

/// Checks that the value does not grow when all parameters grow in proportion. The last step says
/// little about the direction of growth if the likelihood has no maximum.
///
/// # Errors
///
/// [`Error::Diverging`].
fn check_scale<O: Objective>(objective: &O, point: &Point<O::Found>) -> Result<(), Error> {
    // The noise of the objective is the root of a unit.
    let growth = LEAST_GROWTH * objective.noise(point).powi(2) / (1.0 + point.value.abs());
    let mut highest = point.value;
    for factor in FACTORS {
        match objective.evaluate(&(&point.parameters * factor)) {
            Ok(there) if there.value > highest + growth => highest = there.value,
            _ => return Ok(()),
        }
    }
    Err(diverging(&point.parameters))
}

/// B, from recent steps.
struct Memory {
    diagonal: Array1<f64>,
    pairs: VecDeque<(Array1<f64>, Array1<f64>, f64)>, // step s, fall y of the gradient, sᵀy > 0
}

impl Memory {
    fn learn<T>(&mut self, from: &Point<T>, to: &Point<T>) {
        let (step, fall) = (&to.parameters - &from.parameters, &from.gradient - &to.gradient);
        let product = step.dot(&fall);
        if product > f64::EPSILON * (step.dot(&step) * fall.dot(&fall)).sqrt() {
            if self.pairs.len() == PAIRS {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, fall, product));
        }
    }

    /// B g.
    fn times(&self, gradient: &Array1<f64>) -> Array1<f64> {
        let mut result = gradient.clone();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for (step, fall, product) in self.pairs.iter().rev() {
            let share = step.dot(&result) / product;
            result.scaled_add(-share, fall);
            shares.push(share);
        }
        result *= &self.diagonal;
        if let Some((_, fall, product)) = self.pairs.back() {
            result *= product / fall.dot(&(fall * &self.diagonal));
        }
        for ((step, fall, product), share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let correction = share - fall.dot(&result) / product;
            result.scaled_add(correction, step);
        }
        result
    }
}
