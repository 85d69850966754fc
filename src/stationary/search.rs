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

/// Passes without a bound after which differences of values are tried, once. They need fewer
/// operations than these passes.
const MANY_PASSES: usize = 4096;

/// The search gives up if the end is this many times as far as the passes that are left.
const MANY_TIMES: f64 = 10.0;

/// A search for the fixed point.
///
/// `certifier` and `lookout` are used where B is not known to be a contraction: the first bounds
/// the error, the second detects divergence.
pub(super) struct Search<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) iterate: Iterate<'m, F, M>,
    pub(super) answer: Answer<F>,
    certifier: Certifier,
    lookout: Lookout,
    has_tried_differences: bool,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Search<'m, F, M> {
    pub(super) fn new(iterate: Iterate<'m, F, M>, tolerance: f64) -> Self {
        let answer = Answer::new(tolerance, iterate.values.clone());
        Self {
            iterate,
            answer,
            certifier: Certifier::new(),
            lookout: Lookout::new(),
            has_tried_differences: false,
        }
    }

    /// Backs up V, writes the policy of V if asked, and updates the answer with the bound.
    ///
    /// Ends the search if the answer meets the tolerance or the bound cannot improve.
    pub(super) fn back_up(&mut self, policy: Option<(&mut [F], &mut [F])>) -> Result<Differences, Halt> {
        let Self { iterate, answer, certifier, lookout, has_tried_differences } = self;
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
        answer.offer_shifted(&iterate.backed_up, is_fixed, shift, interval.error(middle));
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
        if passes >= MANY_PASSES && !std::mem::replace(has_tried_differences, true) {
            let bound = answer.bound();
            let longest = improve(iterate, answer, passes.saturating_mul(iterate.operator.work()))?;
            // A pass looks one step ahead, so the passes that are left would not show the end.
            let is_hopeless = longest > MANY_TIMES * iterate.operator.passes_left() as f64;
            if answer.bound() < bound / 2.0 || is_hopeless {
                return Err(Halt::Ended(Status::RoundingFloor));
            }
        }
        Ok(differences)
    }

    /// Improves the answer of a search that ended without meeting its tolerance, if differences of
    /// values tell more than values. Returns the status.
    pub(super) fn improve_at_end(&mut self, status: Status) -> Result<Status, Halt> {
        let is_settled = matches!(status, Status::Converged | Status::Stopped | Status::Diverging);
        if is_settled || self.iterate.operator.passes_left() == 0 {
            return Ok(status);
        }
        let bound = self.answer.bound();
        improve(&mut self.iterate, &mut self.answer, MOST_OPERATIONS)?;
        Ok(if self.answer.bound() < bound { Status::RoundingFloor } else { status })
    }
}
