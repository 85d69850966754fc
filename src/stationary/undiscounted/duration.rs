//! The expected duration until the end: the function h from which certificates are made.
//!
//! ```text
//! h ≥ (1 − ρ) + J h
//! ```
//!
//! in all nonterminal states with finite V, where J is the derivative of B at V.
//!
//! # Ties
//!
//! At temperature 0, B is not smooth. Its derivative is the matrix of one optimal policy, and
//! another one may take longer. So h has to hold for all actions that are optimal to within
//! rounding: it is the longest expected duration over these actions, by policy iteration. If an
//! action that is nearly optimal breaks a certificate, it joins the set.

use super::quotient::Quotient;
use crate::backward::StageTables;
use crate::markov_chain::{Chain, Choices, Sections};
use crate::mdp::CheckedStage;
use crate::stationary::derivative::{derivative, solve};
use crate::stationary::halt::Halt;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Dynamics, Error, Model, Real, Table, arrays};

/// The target residual ρ of a linear solve for h, and the largest gain in steps that policy
/// iteration leaves.
const RESIDUAL: f64 = 0.1;

/// The largest number of policies that are tried for the longest duration.
const MOST_POLICIES: usize = 64;

/// h, with its largest entry and its residual ρ.
pub(super) struct Duration<F> {
    pub(super) steps: Vec<F>,
    pub(super) longest: f64,
    pub(super) residual: f64,
}

/// The duration under the policy of V.
pub(super) fn of_policy<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
    is_alive: &[bool],
) -> Result<Option<Duration<F>>, Halt> {
    let Iterate { operator, values, .. } = iterate;
    let mut room = values.clone();
    let shape = (values.len(), operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = policy.clone();
    let rows = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    operator.ask()?;
    operator.apply(values, StageTables { policy: Some(rows), ..StageTables::values(&mut room) })?;
    drop((logs, room));
    operator.ask()?;
    let chain = derivative(operator, values, arrays::slice(&policy), is_alive)?;
    drop(policy);
    duration(operator, &chain, is_alive)
}

/// Solves (I − J) h = 1 for one chain. `None` if the chain may never end.
fn duration<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    chain: &Chain<'_, F>,
    is_alive: &[bool],
) -> Result<Option<Duration<F>>, Halt> {
    let ones: Vec<F> = is_alive.iter().map(|&alive| if alive { F::one() } else { F::zero() }).collect();
    let mut steps = ones.clone();
    let outcome = solve(operator, chain, &ones, &mut steps, F::from_f64(RESIDUAL))?;
    let residual = outcome.residual.into_f64();
    if !(residual <= 2.0 * RESIDUAL) || !steps.iter().all(|&h| h >= F::zero() && h.is_finite()) {
        return Ok(None);
    }
    let longest = steps.iter().fold(F::zero(), |max, &h| max.max(h)).into_f64();
    Ok(Some(Duration { steps, longest, residual }))
}

/// The actions that are optimal at V to within rounding, at temperature 0.
pub(super) struct OptimalActions {
    is_optimal: Vec<bool>, // [s, a]; not the pairs inside of collapsed components
    num_actions: usize,
}

impl OptimalActions {
    /// The actions whose value at V is at most `slack` below the best.
    pub(super) fn at<F: Real, M: Model<Scalar = F> + ?Sized>(
        operator: &mut Operator<'_, F, M>,
        values: &[F],
        is_alive: &[bool],
        slack: f64,
    ) -> Result<Self, Halt> {
        let num_actions = operator.model().num_actions();
        let is_optimal = arrays::filled_vec(Table::ActionValues, (values.len(), num_actions), false)?;
        let mut found = Self { is_optimal, num_actions };
        let mut backed_up = values.to_vec();
        let mut action_values =
            arrays::filled_vec(Table::ActionValues, (values.len(), num_actions), F::zero())?;
        operator.ask()?;
        let tables =
            StageTables { action_values: Some(&mut action_values), ..StageTables::values(&mut backed_up) };
        operator.apply(values, tables)?;
        found.include(operator, is_alive, &action_values, |state| backed_up[state].into_f64() - slack);
        Ok(found)
    }

    /// Includes the actions whose value at `values` is above `least(s)`. Returns whether there is a
    /// new one.
    fn include<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        operator: &Operator<'_, F, M>,
        is_alive: &[bool],
        action_values: &[F],
        least: impl Fn(usize) -> f64,
    ) -> bool {
        let mut is_new = false;
        for (pair, q) in action_values.iter().map(|q| q.into_f64()).enumerate() {
            let state = pair / self.num_actions;
            let is_inside = operator.quotient().is_some_and(|quotient| quotient.is_inside(pair));
            if is_alive[state]
                && !is_inside
                && !self.is_optimal[pair]
                && q > f64::NEG_INFINITY
                && q >= least(state)
            {
                (self.is_optimal[pair], is_new) = (true, true);
            }
        }
        is_new
    }

    /// Includes the actions that break B u ≤ u − e at u = `bound`. Returns whether there is a new
    /// one.
    pub(super) fn include_violations<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        operator: &mut Operator<'_, F, M>,
        is_alive: &[bool],
        bound: &[F],
        rounding: f64,
    ) -> Result<bool, Halt> {
        let mut backed_up = bound.to_vec();
        let mut action_values = arrays::filled_vec(Table::ActionValues, self.is_optimal.len(), F::zero())?;
        operator.ask()?;
        let tables =
            StageTables { action_values: Some(&mut action_values), ..StageTables::values(&mut backed_up) };
        operator.apply(bound, tables)?;
        Ok(self.include(operator, is_alive, &action_values, |state| bound[state].into_f64() - rounding))
    }

    /// The longest expected duration over policies of these actions. `None` if one of them may
    /// never end.
    pub(super) fn longest_duration<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        operator: &mut Operator<'_, F, M>,
        is_alive: &[bool],
    ) -> Result<Option<Duration<F>>, Halt> {
        let num_states = is_alive.len();
        let stage = CheckedStage::new(operator.model(), 0, operator.inference())?;
        let dynamics = stage.dynamics;
        let mut ahead = arrays::filled_vec(Table::ActionValues, self.is_optimal.len(), F::zero())?;
        let mut choice = self.best_pairs(operator, &ahead);
        for _ in 0..MOST_POLICIES {
            operator.ask()?;
            let chain = Chain::from_rows(Sections::of(dynamics), |state, add| {
                let Some(pair) = choice[state].filter(|_| is_alive[state]) else { return };
                dynamics.for_each_successor(
                    pair / self.num_actions,
                    pair % self.num_actions,
                    &mut |next, p| {
                        add(next, p);
                    },
                );
            })?;
            operator.count(chain.work());
            let Some(found) = duration(operator, &chain, is_alive)? else { return Ok(None) };
            operator.ask()?;
            operator.count_passes(1);
            dynamics.expectation(0..num_states, 1, &found.steps, &mut ahead);
            let better = self.best_pairs(operator, &ahead);
            let gain = |state: usize| match (choice[state], better[state]) {
                (Some(old), Some(new)) => (ahead[new] - ahead[old]).into_f64(),
                _ => 0.0,
            };
            if (0..num_states).all(|state| gain(state) <= RESIDUAL) {
                let residual = found.residual + RESIDUAL;
                return Ok(Some(Duration { residual, ..found }));
            }
            choice = better;
        }
        Ok(None)
    }

    /// For each state, the first pair of these with the largest entry of `table`, `[s, a]`. The
    /// states of a component share one exit.
    fn best_pairs<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        operator: &Operator<'_, F, M>,
        table: &[F],
    ) -> Vec<Option<usize>> {
        let best = |pairs: &mut dyn Iterator<Item = usize>| {
            pairs.filter(|&pair| self.is_optimal[pair]).fold(None, |best: Option<usize>, pair| match best {
                Some(best) if !(table[pair] > table[best]) => Some(best),
                _ => Some(pair),
            })
        };
        let pairs = |state: usize| state * self.num_actions..(state + 1) * self.num_actions;
        let num_states = self.is_optimal.len() / self.num_actions;
        let mut found: Vec<Option<usize>> = (0..num_states).map(|state| best(&mut pairs(state))).collect();
        for members in operator.quotient().into_iter().flat_map(Quotient::components) {
            let shared = best(&mut members.iter().filter_map(|&state| found[state]));
            members.iter().for_each(|&state| found[state] = shared);
        }
        found
    }

    /// A state in which policies of these actions may go on forever without a loss. Its value is
    /// not unique.
    pub(super) fn endless_state<F: Real, M: Model<Scalar = F> + ?Sized>(
        &self,
        operator: &Operator<'_, F, M>,
    ) -> Result<Option<usize>, Error> {
        let width = self.num_actions;
        let stage = CheckedStage::new(operator.model(), 0, operator.inference())?;
        let is_inside = |pair: usize| operator.quotient().is_some_and(|quotient| quotient.is_inside(pair));
        let is_allowed = |pair: usize| self.is_optimal[pair] || is_inside(pair);
        let successors = |pair: usize, visit: &mut dyn FnMut(usize)| stage.for_each_next_state(pair, visit);
        let choices = Choices::new(operator.is_fixed().len(), width, is_allowed, successors)?;
        let components = choices.end_components()?;
        let mut pairs = 0..self.is_optimal.len();
        Ok(pairs.find(|&pair| components.stays(pair) && !is_inside(pair)).map(|pair| pair / width))
    }
}
