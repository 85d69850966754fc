//! Certified error bounds where B is not known to be a contraction: γ = 1, and direct inference.
//!
//! # Derivation
//!
//! Let J be the derivative of B at V, and let h > 0 satisfy (I − J) h ≥ 1 − ρ in the nonterminal
//! states with finite V. h is about the number of steps until the end. B is convex, so l = V − d h
//! satisfies
//!
//! ```text
//! B l ≥ B V − d J h ≥ l + (B V − V) + d (1 − ρ),
//! ```
//!
//! which is at least l if d ≥ max(V − BV)/(1 − ρ). From above, the curvature of B adds a term of
//! second order. So u = V + d h starts with a d somewhat larger than max(BV − V)/(1 − ρ), and d
//! doubles a few times if necessary. l and u are verified by one backup each:
//!
//! ```text
//! B l ≥ l + e   and   B u ≤ u − e   in every state,
//! ```
//!
//! where e exceeds the rounding error of a backup. Then l ≤ V* ≤ u, since B is monotone. The fixed
//! point is unique, because below u every policy that never ends loses reward. The answer is V, and
//! not the middle of l and u, so that exact values and exact ties stay exact.
//!
//! # When
//!
//! A certificate costs three backups and a linear solve. It is tried once B V − V is small enough
//! for the tolerance, judged by the largest h of earlier attempts, or once B V − V is pure
//! rounding.

use super::duration::{Duration, OptimalActions, of_policy as duration_of_policy};
use crate::backward::StageTables;
use crate::stationary::answer::Answer;
use crate::stationary::halt::Halt;
use crate::stationary::interval::{Differences, FEW_ROUNDINGS, MANY_ROUNDINGS};
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Model, Real, Status};

/// The number of values of d that are tried, each twice the last.
const MOST_DOUBLINGS: usize = 8;

/// The number of times that actions join the optimal ones.
const MOST_EXTENSIONS: usize = 8;

/// The factor by which B V − V has to fall after a failed attempt before the next attempt.
const RETRY: f64 = 100.0;

/// Schedules attempts at a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certifier {
    longest: Option<f64>,   // max h of the last attempt
    next: f64,              // max |B V − V| of the next attempt
    endless: Option<usize>, // a state whose value is known not to be unique
}

impl Certifier {
    pub(crate) fn new() -> Self {
        Self { longest: None, next: f64::INFINITY, endless: None }
    }

    /// Attempts nothing more, because the value of `state` is not unique.
    pub(crate) fn give_up(&mut self, state: usize) {
        self.endless = Some(state);
    }

    /// Attempts a certificate at V and its backup BV, if one is due.
    ///
    /// Ends the search if the answer meets the tolerance, or if B V − V is pure rounding.
    pub(crate) fn certify<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        iterate: &mut Iterate<'_, F, M>,
        answer: &mut Answer<F>,
        differences: &Differences,
        rounding: f64,
    ) -> Result<(), Halt> {
        let (norm, tolerance) = (differences.norm(), answer.tolerance());
        let is_rounding = norm <= FEW_ROUNDINGS * rounding;
        let is_due = match self.longest {
            Some(longest) => (2.2 * norm + 4.0 * rounding) * longest <= 0.9 * tolerance,
            None => norm <= tolerance / 4.0,
        };
        if differences.is_open || !(is_rounding || (is_due && norm <= self.next)) {
            return Ok(());
        }
        if let Some(state) = self.endless {
            return if is_rounding { Err(Halt::Ended(Status::SeveralFixedPoints { state })) } else { Ok(()) };
        }
        self.next = norm / RETRY;
        let attempt = Attempt { is_alive: iterate.takes_part(), differences, rounding };
        let endless = if iterate.operator.is_hard() {
            let slack = FEW_ROUNDINGS * rounding;
            let Iterate { operator, values, .. } = iterate;
            let optimal = OptimalActions::at(operator, values, &attempt.is_alive, slack)?;
            self.try_hard(&attempt, iterate, answer, optimal)?
        } else {
            let duration = duration_of_policy(iterate, &attempt.is_alive)?;
            if let Some(duration) = duration {
                self.offer(&attempt, iterate, answer, &duration)?;
            }
            None
        };
        if answer.is_enough(iterate.operator.contraction(), rounding) {
            return Err(Halt::Ended(Status::Converged));
        }
        match (is_rounding, endless) {
            (false, _) => Ok(()),
            (true, Some(state)) if answer.bound() == f64::INFINITY => {
                Err(Halt::Ended(Status::SeveralFixedPoints { state }))
            }
            (true, _) => Err(Halt::Ended(Status::RoundingFloor)),
        }
    }

    /// Offers V with a bound at temperature 0, where all optimal policies have to end. Returns a
    /// state in which one of them may not.
    fn try_hard<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        attempt: &Attempt<'_>,
        iterate: &mut Iterate<'_, F, M>,
        answer: &mut Answer<F>,
        mut optimal: OptimalActions,
    ) -> Result<Option<usize>, Halt> {
        for _ in 0..MOST_EXTENSIONS {
            let Iterate { operator, values, .. } = iterate;
            let Some(duration) = optimal.longest_duration(operator, &attempt.is_alive)? else { break };
            let d = attempt.first_above(&duration);
            let bound = shifted(values, &duration.steps, d);
            let is_wider =
                optimal.include_violations(operator, &attempt.is_alive, &bound, attempt.rounding)?;
            if !is_wider {
                self.offer(attempt, iterate, answer, &duration)?;
                return Ok(None);
            }
        }
        let Iterate { operator, values, .. } = iterate;
        let slack = MANY_ROUNDINGS * attempt.rounding;
        Ok(OptimalActions::at(operator, values, &attempt.is_alive, slack)?.endless_state(operator)?)
    }

    /// Offers V as an answer, if l and u are both verified.
    fn offer<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        attempt: &Attempt<'_>,
        iterate: &mut Iterate<'_, F, M>,
        answer: &mut Answer<F>,
        duration: &Duration<F>,
    ) -> Result<(), Halt> {
        let Iterate { operator, values, .. } = iterate;
        let mut room = values.clone();
        self.longest = Some(duration.longest);
        let lower = (&duration.steps[..], -1.0, attempt.first_below(duration));
        let Some(below) = one_sided(operator, values, lower, &mut room)? else { return Ok(()) };
        let upper = (&duration.steps[..], 1.0, attempt.first_above(duration));
        let Some(above) = one_sided(operator, values, upper, &mut room)? else { return Ok(()) };
        // l and u are rounded.
        let error = above.max(below) * duration.longest * (1.0 + 8.0 * F::epsilon().into_f64());
        answer.offer(values, error + 2.0 * attempt.rounding);
        Ok(())
    }
}

/// V and B V, as an attempt at a certificate needs them.
struct Attempt<'d> {
    is_alive: Vec<bool>, // [s]: nonterminal, with finite value
    differences: &'d Differences,
    rounding: f64,
}

impl Attempt<'_> {
    /// The first d for l.
    fn first_below<F>(&self, duration: &Duration<F>) -> f64 {
        self.enough(-self.differences.lo, duration)
    }

    /// The first d for u.
    fn first_above<F>(&self, duration: &Duration<F>) -> f64 {
        1.1 * self.enough(self.differences.hi, duration)
    }

    fn enough<F>(&self, difference: f64, duration: &Duration<F>) -> f64 {
        (difference.max(0.0) + 3.0 * self.rounding) / (1.0 - duration.residual)
    }
}

/// V + d h.
fn shifted<F: Real>(values: &[F], steps: &[F], d: f64) -> Vec<F> {
    let d = F::from_f64(d);
    values.iter().zip(steps).map(|(&v, &h)| v + d * h).collect()
}

/// The first d, of a doubling sequence, for which a backup verifies V ± d h.
fn one_sided<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    values: &[F],
    (h, sign, first): (&[F], f64, f64),
    room: &mut [F],
) -> Result<Option<f64>, Halt> {
    let mut d = first;
    for _ in 0..MOST_DOUBLINGS {
        let bound = shifted(values, h, sign * d);
        if bound.iter().any(|v| v.is_nan() || *v == F::infinity()) {
            return Ok(None);
        }
        operator.ask()?;
        operator.apply(&bound, StageTables::values(room))?;
        let differences = Differences::of(&bound, room, operator.is_fixed());
        let rounding = operator.rounding().of(differences.magnitudes);
        let is_certain = if sign < 0.0 { differences.lo > rounding } else { differences.hi < -rounding };
        if is_certain && !differences.is_open {
            return Ok(Some(d));
        }
        d *= 2.0;
    }
    Ok(None)
}
