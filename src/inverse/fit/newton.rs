//! Newton's method for a maximum, which leaves saddles and notices that there is no maximum.
//!
//! ```text
//! θ ← θ + t Σ_i u_i (u_iᵀ g) / |λ_i|,      −H = Σ_i λ_i u_i u_iᵀ
//! ```
//!
//! in scaled coordinates, where t is halved until the value grows enough. Along a direction in
//! which the value is convex, a step has at least the length of one standard error. So a saddle or
//! a minimum, where the gradient is zero, is no end.
//!
//! The search ends when ½ gᵀ(−H)⁻¹g nats are left, and then takes one more step. That step costs
//! little, and squares the error.
//!
//! # Form computed
//!
//! Without a maximum the value approaches a limit along some direction for ever. The predicted gain
//! goes to 0 there, as at a maximum. But at a maximum, a step of s standard errors loses s²/2 nats.
//! So before the search ends, it looks a few standard errors ahead along its last step. Feature
//! matching may even grow in proportion to a step. So the search looks far ahead along directions
//! without curvature.
//!
//! Where a state was never seen, whole surfaces of parameters explain the same. Near such a
//! surface, second derivatives along it are of the size of the gradient that is left. So the search
//! first settles on the surface, by steps across it, and it looks ahead across it alone.

use ndarray::Array1;

use super::information::{Information, Step};
use crate::Status;
use crate::inverse::Error;

/// The least share of the predicted gain that a step must have.
const LEAST_SHARE: f64 = 1e-4;

/// The share of the slope along a step that may be left after it, where values are rounding.
const LEAST_FALL: f64 = 0.9;

/// Attempts to shorten a step.
const MOST_ATTEMPTS: usize = 60;

/// How far the search looks ahead, in standard errors.
const AHEAD: [f64; 2] = [1.0, 4.0];

/// The share of the loss of a parabola that shows a maximum.
const LEAST_LOSS: f64 = 0.02;

/// The shortest look ahead, in standard errors. Below it, a small slope looks like no loss.
const SHORTEST_LOOK: f64 = 0.03;

/// How far a search follows a flat direction to see whether the value grows for ever, in steps.
const FAR: f64 = 1e6;

/// Relative eigenvalues up to which second derivatives may come from the gradient that is left, for
/// each step that settles. Each step squares the error.
const NEARLY_NULL: [f64; 6] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-6];

/// The share of the gradient that may be left after a step that settles.
const LEAST_SETTLING: f64 = 0.1;

/// The share of the largest entry of a direction below which an entry is rounding.
const LEAST_ENTRY: f64 = 1e-8;

/// A function to maximise.
pub(super) trait Objective {
    /// What an evaluation leaves for the second derivatives and for results.
    type Found;
    /// What second derivatives leave for results.
    type Curved;

    /// The value and the gradient.
    fn evaluate(&self, parameters: &Array1<f64>) -> Result<Point<Self::Found>, Error>;

    /// A = −H, split.
    fn information(&self, point: &Point<Self::Found>) -> Result<(Information, Self::Curved), Error>;

    /// Entries of the gradient up to which a point may be a maximum, `[k]`.
    fn small_gradient(&self, point: &Point<Self::Found>) -> Array1<f64>;

    /// Entries of the gradient that may be rounding, `[k]`.
    fn rounding_gradient(&self, point: &Point<Self::Found>) -> Array1<f64>;

    /// The largest share of a step that may be taken at once.
    fn reach(&self, direction: &Array1<f64>) -> f64 {
        let _ = direction;
        1.0
    }

    /// A change of the value that may be rounding, in nats.
    fn noise(&self, point: &Point<Self::Found>) -> f64;
}

/// An evaluation.
#[derive(Debug)]
pub(super) struct Point<T> {
    pub(super) parameters: Array1<f64>,
    pub(super) value: f64,
    pub(super) gradient: Array1<f64>,
    pub(super) found: T,
}

/// When a search ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// In nats.
    pub(super) tolerance: f64,
    pub(super) max_iterations: usize,
}

/// The end of a search.
#[derive(Debug)]
pub(super) struct Maximum<T, C> {
    pub(super) point: Point<T>,
    /// The second derivatives at the point, if the method has them.
    pub(super) curved: Option<(Information, C)>,
    pub(super) status: Status,
    pub(super) iterations: usize,
    /// Nats left.
    pub(super) gain: f64,
}

/// Searches for a maximum.
///
/// # Errors
///
/// [`Error::Diverging`]; those of the first evaluation, and of later ones if no step is possible.
pub(super) fn maximize<O: Objective>(
    objective: &O,
    start: &Array1<f64>,
    limits: Limits,
) -> Result<Maximum<O::Found, O::Curved>, Error> {
    let mut point = objective.evaluate(start)?;
    let (mut is_close, mut gain) = (false, f64::INFINITY);
    for iterations in 0.. {
        let curved = match objective.information(&point) {
            Ok(curved) => curved,
            Err(error) if is_stop(&error) => {
                return Ok(Maximum { point, curved: None, status: Status::Stopped, iterations, gain });
            }
            Err(error) => return Err(error),
        };
        let step = curved.0.step(&point.gradient, limits.tolerance);
        gain = step.gain;
        let was_close = std::mem::replace(&mut is_close, is_maximum(objective, &point, gain, limits));
        let mut status = if is_close { Status::Converged } else { Status::IterationLimit };
        if !(is_close && was_close) && iterations < limits.max_iterations {
            let mut ascent = ascend(objective, &point, &step)?;
            if matches!(ascent, Ascent::Nowhere) && gain == f64::INFINITY {
                // What looks convex may be rounding.
                ascent = ascend(objective, &point, &curved.0.concave_step(&point.gradient, 0.0))?;
            }
            match ascent {
                Ascent::To(next) => {
                    point = next;
                    if let Some(flat) = &step.flat {
                        check_flat(objective, &point, flat)?;
                    }
                    continue;
                }
                Ascent::Nowhere if is_close => {}
                Ascent::Nowhere => status = Status::RoundingFloor,
                Ascent::Stopped => status = Status::Stopped,
            }
        }
        if !matches!(status, Status::Converged | Status::RoundingFloor) {
            return Ok(Maximum { point, curved: Some(curved), status, iterations, gain });
        }
        let (point, curved) = settle(objective, point, curved);
        gain = curved.0.step(&point.gradient, limits.tolerance).gain;
        if is_maximum(objective, &point, gain, limits) {
            status = Status::Converged;
        }
        // What is left along the surface is rounding, unless the whole gradient is not.
        let step = if is_rounding(objective, &point) {
            curved.0.concave_step(&point.gradient, NEARLY_NULL[5])
        } else {
            curved.0.step(&point.gradient, limits.tolerance)
        };
        status = check_bounded(objective, &point, &step, status)?;
        return Ok(Maximum { point, curved: Some(curved), status, iterations, gain });
    }
    unreachable!("the loop ends by `return`");
}

/// Makes the gradient as small as rounding allows, by steps across directions that are nearly null.
/// Second derivatives along these directions are then rounding too.
pub(super) fn settle<O: Objective>(
    objective: &O,
    mut point: Point<O::Found>,
    mut curved: (Information, O::Curved),
) -> (Point<O::Found>, (Information, O::Curved)) {
    for least in NEARLY_NULL {
        if !curved.0.is_nearly_flat(least) || is_rounding(objective, &point) {
            continue;
        }
        let step = curved.0.concave_step(&point.gradient, least);
        let Ok(next) = objective.evaluate(&(&point.parameters + &step.direction)) else { continue };
        // Where there is no maximum, the gradient falls more slowly.
        let is_closer = curved.0.length(&next.gradient) <= LEAST_SETTLING * curved.0.length(&point.gradient);
        if !is_closer || next.value < point.value - objective.noise(&point) {
            continue;
        }
        let Ok(next_curved) = objective.information(&next) else { break };
        (point, curved) = (next, next_curved);
    }
    (point, curved)
}

/// Whether an error says that the caller's hook asked to stop.
pub(super) fn is_stop(error: &Error) -> bool {
    use crate::Error::{NotConverged, Stopped};
    matches!(error, Error::Model(Stopped { .. } | NotConverged { status: Status::Stopped, .. }))
}

/// Whether little is left to gain, and the gradient is small.
pub(super) fn is_maximum<O: Objective>(
    objective: &O,
    point: &Point<O::Found>,
    gain: f64,
    limits: Limits,
) -> bool {
    let mut entries = point.gradient.iter().zip(objective.small_gradient(point));
    gain <= limits.tolerance && entries.all(|(entry, small)| entry.abs() <= small)
}

/// Whether the gradient is rounding.
fn is_rounding<O: Objective>(objective: &O, point: &Point<O::Found>) -> bool {
    let mut entries = point.gradient.iter().zip(objective.rounding_gradient(point));
    entries.all(|(entry, rounding)| entry.abs() <= rounding)
}

/// Where a step led.
pub(super) enum Ascent<T> {
    To(Point<T>),
    /// No shorter step gains anything beyond rounding.
    Nowhere,
    Stopped,
}

/// Shortens a step until the value grows enough.
pub(super) fn ascend<O: Objective>(
    objective: &O,
    from: &Point<O::Found>,
    step: &Step,
) -> Result<Ascent<O::Found>, Error> {
    let (mut t, mut failure) = (objective.reach(&step.direction), None);
    let noise = objective.noise(from);
    for _ in 0..MOST_ATTEMPTS {
        let predicted = t * step.slope + 0.5 * t * t * step.growth;
        match objective.evaluate(&(&from.parameters + &(t * &step.direction))) {
            Ok(point) if predicted <= noise => {
                // The value is rounding here, but the slope along the step still says more.
                let slope = point.gradient.dot(&step.direction);
                let is_closer = slope.abs() < LEAST_FALL * step.slope && point.value >= from.value - noise;
                return Ok(if is_closer { Ascent::To(point) } else { Ascent::Nowhere });
            }
            Ok(point) if point.value - from.value >= LEAST_SHARE * predicted => {
                return Ok(Ascent::To(point));
            }
            Ok(point) => {
                let lack = t * step.slope - (point.value - from.value);
                let best = if lack.is_finite() { 0.5 * t * t * step.slope / lack } else { 0.0 };
                t = best.clamp(0.1 * t, 0.5 * t);
                failure = None;
            }
            Err(error) if is_stop(&error) => return Ok(Ascent::Stopped),
            Err(error) => {
                t *= 0.25;
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(Ascent::Nowhere), Err)
}

/// Checks that the value falls a few standard errors ahead along a step that gains little. Returns
/// the status that the search has then.
///
/// # Errors
///
/// [`Error::Diverging`].
pub(super) fn check_bounded<O: Objective>(
    objective: &O,
    point: &Point<O::Found>,
    step: &Step,
    status: Status,
) -> Result<Status, Error> {
    let mut is_growing = false;
    let length = step.slope.sqrt(); // in standard errors
    for ahead in AHEAD {
        let mut t = ahead / length;
        // A step that is too far for the number type is shortened.
        while t.is_finite() && t * length >= SHORTEST_LOOK {
            let loss = 0.5 * t * t * step.slope;
            match objective.evaluate(&(&point.parameters + &(t * &step.direction))) {
                Ok(_) if loss <= objective.noise(point) => {}
                Ok(there) if point.value + t * step.slope - there.value <= LEAST_LOSS * loss => {
                    is_growing = true;
                }
                Ok(_) => return Ok(status),
                Err(error) if is_stop(&error) => return Ok(Status::Stopped),
                Err(_) => {
                    t *= 0.25;
                    continue;
                }
            }
            break;
        }
    }
    if is_growing { Err(diverging(&step.direction)) } else { Ok(status) }
}

/// Checks that the value does not grow for ever along a direction that may be without curvature.
///
/// # Errors
///
/// [`Error::Diverging`].
pub(super) fn check_flat<O: Objective>(
    objective: &O,
    point: &Point<O::Found>,
    flat: &Array1<f64>,
) -> Result<(), Error> {
    let gain = FAR * point.gradient.dot(flat);
    if gain <= objective.noise(point) {
        return Ok(());
    }
    match objective.evaluate(&(&point.parameters + &(FAR * flat))) {
        Ok(there) if there.value - point.value >= LEAST_FALL * gain => Err(diverging(flat)),
        _ => Ok(()),
    }
}

/// The error for a direction of any length.
pub(super) fn diverging(direction: &Array1<f64>) -> Error {
    let largest = direction.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
    let direction = direction.mapv(|entry| if entry.abs() < LEAST_ENTRY * largest { 0.0 } else { entry });
    let length = direction.dot(&direction).sqrt();
    // The fit knows the names.
    let direction = direction.iter().map(|entry| entry / length).collect();
    Error::Diverging { direction, names: Vec::new() }
}
