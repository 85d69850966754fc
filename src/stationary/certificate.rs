//! Certificates for what is not a contraction: γ = 1, and direct inference at any discount.
//!
//! # Derivation
//!
//! Let J be the derivative of B at V, and h > 0 with (I − J) h ≥ 1 − ρ where V is neither fixed nor −∞: about the number of steps
//! until the end. B is convex, so l = V − d h has
//!
//! ```text
//! B l ≥ B V − d J h ≥ l + (B V − V) + d (1 − ρ),
//! ```
//!
//! which is at least l if d is at least max(V − BV)/(1 − ρ). From above the curvature of B adds a term of second order, so
//! u = V + d h is tried with a d somewhat larger than max(BV − V), doubled some times if need be. Neither is trusted: both
//! are backed up, and count only if
//!
//! ```text
//! B l ≥ l + e   and   B u ≤ u − e,   in every state, with more than the rounding e of a backup to spare.
//! ```
//!
//! Then l ≤ V* ≤ u since B is monotone; and the fixed point is unique, because under u every policy that stays away from the end
//! forever loses something on the way. What is offered as an answer is the middle, and half of what is between is its error.
//!
//! # When
//!
//! A certificate costs three backups and a solve. It is tried once B V − V is so small that it should do, judged by the
//! largest h seen so far, and where B V − V is nothing but rounding, so that waiting cannot help.

use std::ops::ControlFlow;

use super::derivative::derivative;
use super::interval::Differences;
use super::search::{Search, Step};
use crate::Status;
use crate::backward::StageTables;
use crate::{Model, Real, Table, arrays};

/// Residual of h that will do.
const RESIDUAL: f64 = 0.1;

/// How often d is doubled.
const MOST_DOUBLINGS: usize = 8;

/// Differences of less than so many times the rounding of a backup count as rounding.
const FEW_ROUNDINGS: f64 = 4.0;

/// By how much differences have to fall after a certificate that failed, before the next is tried.
const RETRY: f64 = 100.0;

/// What certificates so far have shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Certifier {
    longest: Option<f64>, // max h
    next: f64,            // differences for which to try again
}

impl Certifier {
    pub(super) fn new() -> Self {
        Self { longest: None, next: f64::INFINITY }
    }
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Search<'_, F, M> {
    /// Tries for a certificate at V, of which BV is known, if it is time.
    pub(super) fn certify(&mut self, differences: &Differences, rounding: f64) -> Step<()> {
        let (norm, tolerance) = (differences.norm(), self.tolerance());
        let is_rounding = norm <= FEW_ROUNDINGS * rounding;
        let is_due = match self.certifier.longest {
            Some(longest) => (2.2 * norm + 4.0 * rounding) * longest <= 0.9 * tolerance,
            None => norm <= tolerance / 4.0,
        };
        if differences.is_open || !(is_rounding || (is_due && norm <= self.certifier.next)) {
            return Ok(ControlFlow::Continue(()));
        }
        self.certifier.next = norm / RETRY;
        if let ControlFlow::Break(status) = self.try_certificate(differences, rounding)? {
            return Ok(ControlFlow::Break(status));
        }
        let magnitude = differences.magnitudes.0.max(differences.magnitudes.1);
        if self.reaches(self.bound(), self.operator.rounding().of((magnitude, magnitude))) {
            return Ok(ControlFlow::Break(Status::Converged));
        }
        Ok(if is_rounding { ControlFlow::Break(Status::IterationLimit) } else { ControlFlow::Continue(()) })
    }

    fn try_certificate(&mut self, differences: &Differences, rounding: f64) -> Step<()> {
        let (num_states, num_actions) = (self.values.len(), self.operator.model().num_actions());
        let mut policy = arrays::filled(Table::Policy, (num_states, num_actions), F::zero())?;
        let mut logs = policy.clone();
        let mut room = vec![F::zero(); num_states];
        let rows = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
        let outputs = StageTables { policy: Some(rows), ..StageTables::values(&mut room) };
        if let ControlFlow::Break(status) = self.ask()? {
            return Ok(ControlFlow::Break(status));
        }
        self.operator.apply(&self.values, outputs)?;
        drop(logs);
        if let ControlFlow::Break(status) = self.ask()? {
            return Ok(ControlFlow::Break(status));
        }
        let alive = self.alive();
        let chain = derivative(&mut self.operator, &self.values, arrays::slice(&policy), &alive)?;
        drop(policy);
        let ones: Vec<F> = alive.iter().map(|&alive| if alive { F::one() } else { F::zero() }).collect();
        let mut h = ones.clone();
        let outcome = match self.solve(&chain, &ones, &mut h, F::from_f64(RESIDUAL))? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(outcome) => outcome,
        };
        let residual = outcome.residual.into_f64();
        if !(residual <= 2.0 * RESIDUAL) || !h.iter().all(|&h| h >= F::zero() && h.is_finite()) {
            return Ok(ControlFlow::Continue(()));
        }
        let longest = h.iter().fold(F::zero(), |max, &h| max.max(h)).into_f64();
        self.certifier.longest = Some(longest);
        let enough = |difference: f64| (difference.max(0.0) + 3.0 * rounding) / (1.0 - residual);
        let below = match self.one_sided(&h, -1.0, enough(-differences.lo), &mut room)? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(None) => return Ok(ControlFlow::Continue(())),
            ControlFlow::Continue(Some(below)) => below,
        };
        let above = match self.one_sided(&h, 1.0, 1.1 * enough(differences.hi), &mut room)? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(None) => return Ok(ControlFlow::Continue(())),
            ControlFlow::Continue(Some(above)) => above,
        };
        let shift = F::from_f64((above - below) / 2.0);
        let middle = self.values.iter().zip(&h).map(|(&v, &h)| v + shift * h);
        for (room, middle) in room.iter_mut().zip(middle) {
            *room = middle;
        }
        // The middle is rounded, as l and u were.
        let error = (above + below) / 2.0 * longest * (1.0 + 8.0 * F::epsilon().into_f64()) + 2.0 * rounding;
        self.offer(&room, error);
        Ok(ControlFlow::Continue(()))
    }

    /// The least d tried for which V ± d h is a certificate, verified by a backup.
    fn one_sided(&mut self, h: &[F], sign: f64, first: f64, room: &mut [F]) -> Step<Option<f64>> {
        let mut d = first;
        for _ in 0..MOST_DOUBLINGS {
            let step = F::from_f64(sign * d);
            let bound: Vec<F> = self.values.iter().zip(h).map(|(&v, &h)| v + step * h).collect();
            if bound.iter().any(|v| v.is_nan() || *v == F::infinity()) {
                return Ok(ControlFlow::Continue(None));
            }
            if let ControlFlow::Break(status) = self.ask()? {
                return Ok(ControlFlow::Break(status));
            }
            self.operator.apply(&bound, StageTables::values(room))?;
            let differences = Differences::of(&bound, room, self.operator.is_fixed());
            let rounding = self.operator.rounding().of(differences.magnitudes);
            let is_certain = if sign < 0.0 { differences.lo > rounding } else { differences.hi < -rounding };
            if is_certain && !differences.is_open {
                return Ok(ControlFlow::Continue(Some(d)));
            }
            d *= 2.0;
        }
        Ok(ControlFlow::Continue(None))
    }
}
