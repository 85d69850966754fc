//! What the searches of a fit share: checks before them, and steps after them.

use ndarray::Array1;

use super::lbfgs as quasi_newton;
use super::newton::{self, Limits, Maximum, Objective, diverging};
use super::objective::{Found, MOST_CURVED, Posterior};
use crate::inverse::likelihood::Kind;
use crate::inverse::{Error, RewardModel};
use crate::mdp::is_possible;
use crate::{Real, Status};

/// Removes what no demonstration sees from a maximum. Where the set of maxima is flat, the result
/// is its shortest point.
///
/// Where a state was never seen, the set is curved, and the straight way leads off it. A second
/// search leads back to it. If it does not, the first maximum stays.
///
/// Far out, where choices are certain to the last digit, no direction has curvature. If there is no
/// maximum, the second search says so.
pub(super) fn shortest<F, M>(
    posterior: &Posterior<'_, F, M>,
    found: Found<F, M>,
    limits: Limits,
) -> Result<Found<F, M>, Error>
where
    F: Real,
    M: RewardModel<Scalar = F> + ?Sized,
{
    let (Some(curved), Status::Converged | Status::RoundingFloor) = (&found.curved, found.status) else {
        return Ok(found);
    };
    let split = posterior.split(curved);
    let is_unidentified = split.is_unidentified();
    let num_features = posterior.features.num_parameters();
    if is_unidentified[num_features..].contains(&true) {
        return Ok(found); // an error of its own
    }
    let (null, numbers) = (split.null_basis(), &found.point.parameters);
    let mut unseen = null.t().dot(&null.dot(numbers));
    unseen.iter_mut().skip(num_features).for_each(|entry| *entry = 0.0);
    if unseen.dot(&unseen) <= f64::EPSILON * numbers.dot(numbers) {
        return Ok(found);
    }
    let point = posterior.evaluate(&(numbers - &unseen))?;
    let curved = posterior.information(&point)?;
    let (point, curved) = newton::settle(posterior, point, curved);
    let least = found.point.value - posterior.noise(&found.point);
    let gain = curved.0.step(&point.gradient, limits.tolerance).gain;
    let is_as_good =
        found.status == Status::RoundingFloor || newton::is_maximum(posterior, &point, gain, limits);
    if is_as_good && point.value >= least {
        return Ok(Maximum { point, curved: Some(curved), gain, ..found });
    }
    let again = newton::maximize(posterior, &point.parameters, limits)?;
    let is_end = matches!(again.status, Status::Converged | Status::RoundingFloor);
    Ok(if is_end && again.point.value >= least {
        Maximum { iterations: found.iterations + again.iterations, ..again }
    } else {
        found
    })
}

/// L-BFGS, and steps of Newton's method at the end if second derivatives are few.
pub(super) fn lbfgs<F, M>(
    posterior: &Posterior<'_, F, M>,
    start: &Array1<f64>,
    limits: Limits,
) -> Result<Found<F, M>, Error>
where
    F: Real,
    M: RewardModel<Scalar = F> + ?Sized,
{
    let is_last = start.len() > MOST_CURVED;
    let found = quasi_newton::maximize(posterior, start, |point| posterior.natural(point), limits, is_last)?;
    if is_last || matches!(found.status, Status::IterationLimit | Status::Stopped) {
        return Ok(found);
    }
    let left = Limits { max_iterations: limits.max_iterations - found.iterations, ..limits };
    let polished = newton::maximize(posterior, &found.point.parameters, left)?;
    Ok(Maximum { iterations: found.iterations + polished.iterations, ..polished })
}

/// Checks that a free table without a prior has a maximum. Its policies are all policies, so each
/// action of a state that was seen must have been seen.
pub(super) fn check_seen<F, M>(posterior: &Posterior<'_, F, M>, start: &Array1<f64>) -> Result<(), Error>
where
    F: Real,
    M: RewardModel<Scalar = F> + ?Sized,
{
    let (mdp, likelihood) = (posterior.mdp, posterior.likelihood);
    let is_free = posterior.features.is_table()
        && matches!(likelihood.kind, Kind::Actions(_))
        && likelihood.horizon.is_none()
        && posterior.prior.as_ref().is_none_or(|prior| prior.precision.iter().all(|&entry| entry == 0.0));
    if !is_free {
        return Ok(());
    }
    let counts = posterior.demonstrations.counts(mdp)?;
    let stage = mdp.stage(0, likelihood.kind.inference())?;
    let mut direction = Array1::zeros(counts.len());
    for (pair, ((state, action), &count)) in counts.indexed_iter().enumerate() {
        let place = [state, action];
        let is_seen = count > F::zero() || counts.row(state).iter().all(|&count| count == F::zero());
        if !is_seen && is_possible(stage.rewards[place], stage.action_prior[place]) {
            direction[pair] = -1.0;
        }
    }
    if direction.iter().all(|&entry| entry == 0.0) {
        return Ok(());
    }
    posterior.evaluate(start)?; // checks the demonstrations
    Err(diverging(&direction))
}
