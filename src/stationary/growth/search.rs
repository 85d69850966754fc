//! The search for the class that grows fastest, and for the states that lead to it.
//!
//! The states of a strongly connected class share a rate. The search finds the rate of each class
//! by itself; the largest one is the rate of M. It then adds the states that lead to that class.
//! From all other states growth is slower, and V = −∞.

use crate::dynamics::successors::for_each_log_successor;
use crate::markov_chain::Graph;
use crate::mdp::{CheckedStage, is_possible};
use crate::stationary::climb::{Bounds, Climb, Found};
use crate::{Dynamics, Error, Model, Real};

/// Finds the fastest class, then the values of the states that lead to it.
pub(super) fn find<F, M, D>(
    mut search: Climb<'_, F, M>,
    tolerance: f64,
    stage: &CheckedStage<'_, F, D>,
    graph: &Graph,
    temperature: F,
) -> Result<Found<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let num_states = search.values().len();
    let mut fastest: Option<(Bounds, Vec<usize>, Option<Vec<F>>)> = None; // with values other than 0
    let mut rival: Option<(Bounds, usize)> = None;
    let mut classes = graph.classes();
    classes.retain(|class| class.len() > 1 || graph.successors(class[0]).any(|next| next == class[0]));
    // Classes of one state cost nothing, and may allow others to stop early.
    classes.sort_by_key(|class| (class.len() > 1, class[0]));
    for class in classes {
        let enough = fastest.as_ref().map_or(f64::NEG_INFINITY, |(bounds, ..)| bounds.lower);
        let (bounds, values) = if let [state] = class[..] {
            (rate_of_loop(stage, temperature, state), None)
        } else {
            let mut is_in = vec![false; num_states];
            class.iter().for_each(|&state| is_in[state] = true);
            search.start(&is_in, |_| F::zero());
            (search.climb(&is_in, tolerance, enough)?, Some(search.values().to_vec()))
        };
        match &mut fastest {
            Some((best, ..)) if bounds.upper < best.lower => {}
            Some((best, ..)) if best.upper >= bounds.lower => {
                rival = Some((bounds, class[0]));
                best.lower = best.lower.max(bounds.lower);
                best.upper = best.upper.max(bounds.upper);
            }
            _ => {
                rival = rival.filter(|(rival, _)| rival.upper >= bounds.lower);
                fastest = Some((bounds, class, values));
            }
        }
    }
    let Some((bounds, class, values)) = fastest else { return Err(Error::NoEndlessTrajectory) };
    if let Some((rival, second)) = rival.filter(|(rival, _)| rival.upper >= bounds.lower) {
        let rate = f64::midpoint(bounds.lower.max(rival.lower), bounds.upper.max(rival.upper));
        return Err(Error::TiedGrowth { first: class[0].min(second), second: class[0].max(second), rate });
    }
    let leads = graph.leading_to(|state| class.binary_search(&state).is_ok());
    search.start(&leads, |state| values.as_ref().map_or(F::zero(), |values| values[state]));
    let more = search.climb(&leads, tolerance, f64::NEG_INFINITY)?;
    let bounds = Bounds { lower: bounds.lower.max(more.lower), upper: bounds.upper.min(more.upper) };
    search.finish(&leads, bounds)
}

/// The rate of a class of one state: τ log Σ_a ρ exp(r/τ) P(s|s,a).
fn rate_of_loop<F, D>(stage: &CheckedStage<'_, F, D>, temperature: F, state: usize) -> Bounds
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let (rewards, prior) = stage.rows(state..state + 1);
    let mut terms = Vec::new();
    for action in (0..prior.len()).filter(|&a| is_possible(rewards[a], prior[a])) {
        let (weight, reward) = (prior[action].into_f64().ln(), rewards[action].into_f64());
        for_each_log_successor(stage.dynamics, temperature, (state, action), |next_state, log| {
            if next_state == state {
                terms.push((weight + log.into_f64(), reward));
            }
        });
    }
    Bounds::of_loop(temperature, &terms)
}
