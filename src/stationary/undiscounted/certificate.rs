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
//! point is unique, because below u every policy that never ends loses reward. The answer is the
//! middle of l and u, and its error is at most half their distance.
//!
//! # When
//!
//! A certificate costs three backups and a linear solve. It is tried once B V − V is small enough
//! for the tolerance, judged by the largest h of earlier attempts, or once B V − V is pure
//! rounding.

use crate::backward::StageTables;
use crate::stationary::answer::Answer;
use crate::stationary::derivative::{derivative, solve};
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Model, Real, Status, Table, arrays};

/// The target residual ρ of the linear solve for h.
const RESIDUAL: f64 = 0.1;

/// The number of values of d that are tried, each twice the last.
const MOST_DOUBLINGS: usize = 8;

/// B V − V counts as pure rounding below this many times the rounding error of a backup.
const FEW_ROUNDINGS: f64 = 4.0;

/// The factor by which B V − V has to fall after a failed attempt before the next attempt.
const RETRY: f64 = 100.0;

/// Schedules attempts at a certificate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certifier {
    longest: Option<f64>, // max h of the last attempt
    next: f64,            // max |B V − V| of the next attempt
}

impl Certifier {
    pub(crate) fn new() -> Self {
        Self { longest: None, next: f64::INFINITY }
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
        self.next = norm / RETRY;
        self.try_at(iterate, answer, differences, rounding)?;
        if answer.is_enough(iterate.operator.contraction(), rounding) {
            return Err(Halt::Ended(Status::Converged));
        }
        match is_rounding {
            false => Ok(()),
            true if answer.bound() < f64::INFINITY => Err(Halt::Ended(Status::RoundingFloor)),
            true => Err(Halt::Ended(Status::SeveralFixedPoints)),
        }
    }

    /// Offers the middle of l and u as an answer, if both are verified.
    fn try_at<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        iterate: &mut Iterate<'_, F, M>,
        answer: &mut Answer<F>,
        differences: &Differences,
        rounding: f64,
    ) -> Result<(), Halt> {
        let alive = iterate.takes_part();
        let Iterate { operator, values, .. } = iterate;
        let shape = (values.len(), operator.model().num_actions());
        let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
        let mut logs = policy.clone();
        let mut room = vec![F::zero(); values.len()];
        let rows = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
        operator.ask()?;
        operator.apply(values, StageTables { policy: Some(rows), ..StageTables::values(&mut room) })?;
        drop(logs);
        operator.ask()?;
        let chain = derivative(operator, values, arrays::slice(&policy), &alive)?;
        drop(policy);
        let ones: Vec<F> = alive.iter().map(|&alive| if alive { F::one() } else { F::zero() }).collect();
        let mut h = ones.clone();
        let outcome = solve(operator, &chain, &ones, &mut h, F::from_f64(RESIDUAL))?;
        let residual = outcome.residual.into_f64();
        if !(residual <= 2.0 * RESIDUAL) || !h.iter().all(|&h| h >= F::zero() && h.is_finite()) {
            return Ok(());
        }
        let longest = h.iter().fold(F::zero(), |max, &h| max.max(h)).into_f64();
        self.longest = Some(longest);
        let enough = |difference: f64| (difference.max(0.0) + 3.0 * rounding) / (1.0 - residual);
        let lower = (&h[..], -1.0, enough(-differences.lo));
        let Some(below) = one_sided(operator, values, lower, &mut room)? else { return Ok(()) };
        let upper = (&h[..], 1.0, 1.1 * enough(differences.hi));
        let Some(above) = one_sided(operator, values, upper, &mut room)? else { return Ok(()) };
        let shift = F::from_f64((above - below) / 2.0);
        let middle = values.iter().zip(&h).map(|(&v, &h)| v + shift * h);
        for (room, middle) in room.iter_mut().zip(middle) {
            *room = middle;
        }
        // The middle is rounded, as are l and u.
        let error =
            f64::midpoint(above, below) * longest * (1.0 + 8.0 * F::epsilon().into_f64()) + 2.0 * rounding;
        answer.offer(&room, error);
        Ok(())
    }
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
        let step = F::from_f64(sign * d);
        let bound: Vec<F> = values.iter().zip(h).map(|(&v, &h)| v + step * h).collect();
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
