//! Direct inference at temperature 0: the best path to the end.
//!
//! # Derivation
//!
//! V(s) is the largest reward of a path from s to an end, where each step earns its reward
//! ([`best_steps`](super::best_steps)). The ends are terminal states, † if γ < 1, and free cycles:
//! staying there is worth 0.
//!
//! The search starts from V_T in terminal states, 0 on free cycles, and −∞ elsewhere, and raises
//! values until none rises. Classes of states that lead to each other come after all that they lead
//! to. Within a class, a state is looked at again when one of its successors has risen, in rounds.
//! After n rounds a state has the best of all paths of at most n steps in the class. If no cycle
//! gains, some best path has fewer steps than the class has states. If values rise in later rounds,
//! a cycle gains.
//!
//! States that keep −∞ cannot end. Raised from 0, their values show whether a cycle gains there,
//! and steps that cannot be raised show whether rewards cancel on one. If all cycles lose, V = −∞.
//!
//! # The bound
//!
//! Let e bound the rounding error of a step. A backup without a change proves that no path is
//! better by more than e a step. All paths that may be best consist of steps that are optimal to
//! within 2 S e. If these steps form only free cycles, they form paths of at most L steps. The
//! error is then at most L e. Otherwise a cycle of these steps may gain, within rounding, and no
//! bound exists.

use std::convert::Infallible;

use super::best_steps::BestSteps;
use super::growing::{FIRST_LOOK, look};
use crate::backward::StageTables;
use crate::markov_chain::Graph;
use crate::mdp::CheckedStage;
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::stationary::search::Search;
use crate::{Dynamics, Error, Model, Real, Status};

/// Raises values from below until none rises, and offers them with their bound.
pub(crate) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let Search { iterate, answer, .. } = search;
    let Iterate { operator, values, backed_up } = iterate;
    let is_fixed = operator.is_fixed().to_vec();
    let stage = CheckedStage::new(operator.model(), 0, operator.inference())?;
    operator.ask()?;
    let steps = BestSteps::new(&stage, &is_fixed, operator.model().discount())?;
    operator.count_passes(2);
    for (state, v) in values.iter_mut().enumerate().filter(|&(state, _)| !is_fixed[state]) {
        *v = if steps.is_on_cycle(state) { F::zero() } else { F::neg_infinity() };
    }
    let graph = steps.graph(|_, _, _| true)?;
    let (classes, reversed) = (graph.classes(), graph.reversed()?);
    let mut raise = Raise { steps: &steps, reversed: &reversed, is_queued: vec![false; is_fixed.len()] };
    for class in &classes {
        raise.class(operator, class, values)?;
    }
    let endless: Vec<bool> =
        (0..is_fixed.len()).map(|s| !is_fixed[s] && values[s] == F::neg_infinity()).collect();
    if endless.contains(&true) {
        let mut potentials = values.clone();
        potentials
            .iter_mut()
            .zip(&endless)
            .filter(|(_, endless)| **endless)
            .for_each(|(v, _)| *v = F::zero());
        for class in classes.iter().filter(|class| endless[class[0]]) {
            raise.class(operator, class, &mut potentials)?;
        }
        let rounding =
            operator.rounding().of(Differences::of(&potentials, &potentials, &is_fixed).magnitudes);
        let only_endless = |state: usize, next_state: usize| endless[state] && endless[next_state];
        if let Err(state) = longest(&steps, &potentials, rounding, only_endless)? {
            *values = potentials;
            return Err(Halt::Ended(Status::SeveralFixedPoints { state }));
        }
    }
    loop {
        operator.ask()?;
        operator.apply(values, StageTables::values(backed_up))?;
        if values.iter().zip(&*backed_up).all(|(v, b)| !(b > v)) {
            break;
        }
        std::mem::swap(values, backed_up);
    }
    operator.ask()?;
    operator.count_passes(2);
    let differences = Differences::of(values, backed_up, &is_fixed);
    let rounding = operator.rounding().of(differences.magnitudes);
    match longest(&steps, values, rounding, |_, next_state| values[next_state] > F::neg_infinity())? {
        Ok(length) => answer.offer(values, (length as f64 + 1.0) * rounding),
        Err(state) => return Err(Halt::Ended(Status::SeveralFixedPoints { state })),
    }
    Err(Halt::Ended(Status::RoundingFloor))
}

/// Raises values to those of the best steps.
struct Raise<'s, 'a, F: Real, D: ?Sized> {
    steps: &'s BestSteps<'s, 'a, F, D>,
    reversed: &'s Graph,
    is_queued: Vec<bool>, // [s]
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> Raise<'_, '_, F, D> {
    /// Raises the values of a class, after those of all classes that it leads to. Ends the search
    /// if a cycle gains.
    fn class<M: Model<Scalar = F> + ?Sized>(
        &mut self,
        operator: &mut Operator<'_, F, M>,
        class: &[usize],
        values: &mut [F],
    ) -> Result<(), Halt> {
        let (mut round, mut next_round) = (class.to_vec(), Vec::new());
        let mut reads = 0;
        let mut late = None; // a state that rose late, and its value then
        for number in 1_usize.. {
            for state in std::mem::take(&mut round) {
                self.is_queued[state] = false;
                reads += self.reversed.successors(state).len() + 1;
                let best = self.steps.best(state, values);
                if !(best > values[state]) {
                    continue;
                }
                values[state] = best;
                if number > class.len() {
                    let &mut (risen, before) = late.get_or_insert((state, best));
                    let scale = best.abs().max(before.abs()).into_f64();
                    let rounding = operator.rounding().of((scale, scale));
                    if risen == state && (best - before).into_f64() > 4.0 * class.len() as f64 * rounding {
                        return Err(Halt::Ended(Status::Diverging));
                    }
                    if number > 3 * class.len() {
                        return Err(Halt::Ended(Status::SeveralFixedPoints { state }));
                    }
                }
                for source in self.reversed.successors(state).filter(|s| class.binary_search(s).is_ok()) {
                    if !std::mem::replace(&mut self.is_queued[source], true) {
                        next_round.push(source);
                    }
                }
            }
            if next_round.is_empty() {
                operator.count(reads);
                return Ok(());
            }
            std::mem::swap(&mut round, &mut next_round);
            if reads >= operator.work() {
                operator.count(std::mem::take(&mut reads));
                operator.ask()?;
            }
            if number.is_power_of_two() && number >= FIRST_LOOK {
                operator.ask()?;
                look(operator, values.to_vec())?;
            }
        }
        Ok(())
    }
}

/// The largest number of steps of a path that may be best, or a state on a cycle of such steps.
/// Only steps (s, s') that `counts` take part.
fn longest<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    steps: &BestSteps<'_, '_, F, D>,
    values: &[F],
    rounding: f64,
    counts: impl Fn(usize, usize) -> bool,
) -> Result<Result<usize, usize>, Error> {
    let slack = F::from_f64(2.0 * (values.len() as f64 + 1.0) * rounding);
    let may_be_best = |state: usize, next_state: usize, reward: F| {
        counts(state, next_state) && reward + values[next_state] >= values[state] - slack
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
