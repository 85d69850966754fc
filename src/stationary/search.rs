//! The step that every method is made of: one backup, and the bound on V* that it gives.

use super::answer::Answer;
use super::halt::Halt;
use super::interval::{Differences, Interval};
use super::iterate::Iterate;
use super::undiscounted::certificate::Certifier;
use super::undiscounted::growing::Lookout;
use super::undiscounted::improbable::improve;
use crate::markov_chain::MOST_OPERATIONS;
use crate::{Model, Real, Status};

/// Passes after which differences of values are tried, once. An elimination needs fewer operations
/// than these passes.
const MANY_PASSES: usize = 4096;

/// Operations of an elimination that are always worth it at the end of a search: a tenth of a
/// second.
const FEW_OPERATIONS: usize = 100_000_000;

/// A search for the fixed point.
///
/// `certifier` and `lookout` are used where B is not known to be a contraction: the first bounds
/// the error, the second detects divergence.
pub(super) struct Search<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) iterate: Iterate<'m, F, M>,
    pub(super) answer: Answer<F>,
    pub(super) certifier: Certifier,
    lookout: Lookout,
    floor: Option<f64>, // of bounds by backups, once differences are tried; 0 if it is not known
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Search<'m, F, M> {
    pub(super) fn new(iterate: Iterate<'m, F, M>, tolerance: f64) -> Self {
        let answer = Answer::new(tolerance, iterate.values.clone());
        Self { iterate, answer, certifier: Certifier::new(), lookout: Lookout::new(), floor: None }
    }

    /// Backs up V, writes the policy of V if asked, and updates the answer with the bound.
    ///
    /// Ends the search if the answer meets the tolerance or the bound cannot improve.
    pub(super) fn back_up(&mut self, policy: Option<(&mut [F], &mut [F])>) -> Result<Differences, Halt> {
        let Self { iterate, answer, certifier, lookout, floor } = self;
        let differences = iterate.back_up(policy)?;
        let contraction = iterate.operator.contraction();
        // The answer is the backup of the middle, so rounding is taken at the middle.
        let middle = Interval::new(&differences, contraction, 0.0).middle();
        let (largest, largest_backed_up) = differences.magnitudes;
        let magnitude = largest.max(largest_backed_up + middle.abs());
        let rounding = iterate.operator.rounding().of((magnitude, magnitude));
        let interval = Interval::new(&differences, contraction, rounding);
        let middle = interval.middle();
        let (shift, is_fixed) = (F::from_f64(middle), iterate.operator.is_fixed());
        let team = iterate.operator.model().team();
        answer.offer_shifted(team, (&iterate.backed_up, is_fixed), shift, interval.error(middle))?;
        if answer.is_enough(contraction, rounding) {
            return Err(Halt::Ended(Status::Converged));
        }
        if !contraction.is_known() {
            certifier.certify(iterate, answer, &differences, rounding)?;
            lookout.look_if_due(iterate, &differences, rounding)?;
        } else if !differences.is_open && answer.has_stalled(contraction, &differences, rounding) {
            return Err(Halt::Ended(Status::RoundingFloor));
        }
        let passes = iterate.operator.passes();
        // A team does not solve for differences.
        if passes >= MANY_PASSES && floor.is_none() && team.size() == 1 {
            let least = improve(iterate, answer, passes.saturating_mul(iterate.operator.work()))?;
            *floor = Some(least);
            let magnitude = answer.magnitude();
            if answer.is_enough(contraction, iterate.operator.rounding().of((magnitude, magnitude))) {
                return Err(Halt::Ended(Status::Converged));
            }
            // A certificate of backups would not be better.
            if least > answer.tolerance() && answer.bound() <= least {
                return Err(Halt::Ended(Status::RoundingFloor));
            }
        }
        Ok(differences)
    }

    /// Improves the answer of a search that ended without meeting its tolerance, if differences of
    /// values tell more than values. Returns the status.
    pub(super) fn improve_at_end(&mut self, status: Status) -> Result<Status, Halt> {
        let is_settled = matches!(status, Status::Converged | Status::Stopped | Status::Diverging);
        let has_best_policy = self.floor.is_some_and(|floor| floor > 0.0);
        let is_shared = self.iterate.operator.model().team().size() > 1;
        if is_settled || is_shared || has_best_policy || self.iterate.operator.passes_left() == 0 {
            return Ok(status);
        }
        let operator = &self.iterate.operator;
        let spent = operator.passes().saturating_mul(operator.work());
        let most_operations = spent.saturating_mul(16).clamp(FEW_OPERATIONS, MOST_OPERATIONS);
        let bound = self.answer.bound();
        improve(&mut self.iterate, &mut self.answer, most_operations)?;
        Ok(if self.answer.bound() < bound { Status::RoundingFloor } else { status })
    }
}
