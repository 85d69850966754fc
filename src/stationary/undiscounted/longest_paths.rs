//! Direct inference at temperature 0: the best path to the end.
//!
//! # Derivation
//!
//! V(s) is the largest reward of a path from s to an end, where each step earns its reward
//! ([`best_steps`](super::best_steps)). The ends are terminal states, † if γ < 1, and free cycles:
//! staying there is worth 0.
//!
//! Value iteration from below finds these values. It starts from V_T in terminal states, 0 on free
//! cycles, and −∞ elsewhere. After n sweeps it has the best of all paths of at most n steps. If no
//! cycle gains, some best path has at most S steps. So the search ends after at most S + 1 sweeps,
//! for every method. If values still rise, a cycle gains.
//!
//! # The bound
//!
//! Let e bound the rounding error of a step. A sweep without a change proves that no path is better
//! by more than e a step. All paths that may be best consist of steps that are optimal to within
//! 2 S e. If these steps form only free cycles, they form paths of at most L steps. The error is
//! then at most L e. Otherwise a cycle of these steps may gain, within rounding, and no bound
//! exists.

use std::convert::Infallible;

use super::best_steps::BestSteps;
use super::growing::{FIRST_LOOK, look};
use crate::backward::StageTables;
use crate::mdp::CheckedStage;
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::search::Search;
use crate::{Dynamics, Error, Model, Real, Status};

/// Sweeps from below until nothing changes, and offers the values with their bound.
pub(crate) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let Search { iterate, answer, .. } = search;
    let is_fixed = iterate.operator.is_fixed().to_vec();
    let stage = CheckedStage::new(iterate.operator.model(), 0, iterate.operator.inference())?;
    iterate.operator.ask()?;
    let steps = BestSteps::new(&stage, &is_fixed)?;
    iterate.operator.count_passes(1);
    for (state, v) in iterate.values.iter_mut().enumerate().filter(|&(state, _)| !is_fixed[state]) {
        *v = if steps.is_on_cycle(state) { F::zero() } else { F::neg_infinity() };
    }
    for sweep in 1_usize.. {
        iterate.operator.ask()?;
        iterate.operator.apply(&iterate.values, StageTables::values(&mut iterate.backed_up))?;
        let rises = iterate.values.iter().zip(&iterate.backed_up).position(|(v, b)| b > v);
        let Some(rising) = rises else { break };
        let differences = Differences::of(&iterate.values, &iterate.backed_up, &is_fixed);
        if sweep > is_fixed.len() {
            let rounding = iterate.operator.rounding().of(differences.magnitudes);
            // A path without its cycles has at most S steps.
            let is_gain = differences.hi > 2.0 * (sweep as f64) * rounding;
            let status =
                if is_gain { Status::Diverging } else { Status::SeveralFixedPoints { state: rising } };
            return Err(Halt::Ended(status));
        }
        std::mem::swap(&mut iterate.values, &mut iterate.backed_up);
        if sweep.is_power_of_two() && sweep >= FIRST_LOOK {
            look(&mut iterate.operator, iterate.values.clone())?;
        }
    }
    iterate.operator.ask()?;
    iterate.operator.count_passes(1);
    let differences = Differences::of(&iterate.values, &iterate.backed_up, &is_fixed);
    let rounding = iterate.operator.rounding().of(differences.magnitudes);
    let length = match longest(&steps, &iterate.values, rounding)? {
        Ok(length) => length as f64,
        Err(state) => return Err(Halt::Ended(Status::SeveralFixedPoints { state })),
    };
    answer.offer(&iterate.values, (length + 1.0) * rounding);
    Err(Halt::Ended(Status::RoundingFloor))
}

/// The largest number of steps of a path that may be best, or a state on a cycle of such steps.
fn longest<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    steps: &BestSteps<'_, '_, F, D>,
    values: &[F],
    rounding: f64,
) -> Result<Result<usize, usize>, Error> {
    let slack = F::from_f64(2.0 * (values.len() as f64 + 1.0) * rounding);
    let may_be_best = |state: usize, next_state: usize, reward: F| {
        values[next_state] > F::neg_infinity() && reward + values[next_state] >= values[state] - slack
    };
    let costly = steps.graph(|state, next_state, reward| {
        may_be_best(state, next_state, reward) && !steps.is_free(state, next_state, reward)
    })?;
    let graph = steps.graph(may_be_best)?;
    let mut class_of = vec![0; values.len()];
    let mut lengths = Vec::new();
    for (number, class) in graph.classes().iter().enumerate() {
        class.iter().for_each(|&state| class_of[state] = number);
        let cycle = class
            .iter()
            .find(|&&state| costly.successors(state).any(|next| class.binary_search(&next).is_ok()));
        if let Some(&state) = cycle {
            return Ok(Err(state));
        }
        // Classes come after all that they lead to.
        let next =
            class.iter().flat_map(|&state| costly.successors(state)).map(|next| lengths[class_of[next]]);
        lengths.push(class.len() + next.max().unwrap_or(0));
    }
    Ok(Ok(lengths.into_iter().max().unwrap_or(0)))
}
