//! The steps of direct inference at temperature 0, which takes the best possible successor.
//!
//! A step s → s' by action a earns r(s,a) + δ. δ ≤ 0 is the part of a reward r(s,a,s') that the
//! fold leaves on the successor; it is 0 for successors of the largest reward.
//!
//! A *free cycle* consists of steps that earn 0. Its states share one value, at least 0. If it is
//! above 0, a policy over all steps of the cycle may never leave. So the policy takes only steps
//! that lead nearer to the exits.

use crate::dynamics::{Probability, for_each_possible_successor};
use crate::kernels::{SoftRow, normalized_prior};
use crate::markov_chain::Graph;
use crate::mdp::{CheckedStage, is_possible};
use crate::{Dynamics, Error, Real};

/// The stage of a model, for direct inference at temperature 0.
pub(crate) struct BestSteps<'s, 'a, F: Real, D: ?Sized> {
    stage: &'s CheckedStage<'a, F, D>,
    is_fixed: &'s [bool],
    discount: F,
    cycle_of: Vec<Option<usize>>, // [s]: the free cycles of the state
}

impl<'s, 'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> BestSteps<'s, 'a, F, D> {
    /// Finds the free cycles.
    pub(crate) fn new(
        stage: &'s CheckedStage<'a, F, D>,
        is_fixed: &'s [bool],
        discount: F,
    ) -> Result<Self, Error> {
        let mut steps = Self { stage, is_fixed, discount, cycle_of: vec![None; is_fixed.len()] };
        let graph = steps.graph(|_, _, reward| reward == F::zero())?;
        for (cycle, class) in graph.classes().into_iter().enumerate() {
            let is_cycle = class.len() > 1 || graph.successors(class[0]).any(|next| next == class[0]);
            if is_cycle {
                class.iter().for_each(|&state| steps.cycle_of[state] = Some(cycle));
            }
        }
        Ok(steps)
    }

    /// Whether a state lies on a free cycle.
    pub(crate) fn is_on_cycle(&self, state: usize) -> bool {
        self.cycle_of[state].is_some()
    }

    /// Whether a step stays on free cycles.
    pub(crate) fn is_free(&self, state: usize, next_state: usize, reward: F) -> bool {
        reward == F::zero() && self.is_on_cycle(state) && self.cycle_of[state] == self.cycle_of[next_state]
    }

    /// The graph of the possible steps (s, s', reward) of nonterminal states that are `kept`.
    pub(crate) fn graph(&self, is_kept: impl Fn(usize, usize, F) -> bool) -> Result<Graph, Error> {
        Graph::new(self.is_fixed.len(), |state, visit| {
            for action in 0..self.stage.dynamics.num_actions() {
                self.for_each((state, action), |next_state, reward| {
                    if is_kept(state, next_state, reward) {
                        visit(next_state);
                    }
                });
            }
        })
    }

    /// V(s), if later values are `values`.
    pub(crate) fn best(&self, state: usize, values: &[F]) -> F {
        let mut best = F::neg_infinity();
        for action in 0..self.stage.dynamics.num_actions() {
            let Some(reward) = self.reward(state, action) else { continue };
            // † is worth 0.
            let mut ahead = if self.discount < F::one() { F::zero() } else { F::neg_infinity() };
            if self.discount > F::zero() {
                for_each_possible_successor(self.stage.dynamics, (state, action), |next_state, p| {
                    ahead = ahead.max(p.term(values[next_state]).1);
                });
            }
            best = best.max(reward + ahead);
        }
        best
    }

    /// r(s,a) of a possible action of a nonterminal state.
    fn reward(&self, state: usize, action: usize) -> Option<F> {
        // Invalid rows are errors of the backups.
        let (rewards, prior) = self.stage.row(state).ok()?;
        (is_possible(rewards[action], prior[action]) && !self.is_fixed[state]).then_some(rewards[action])
    }

    /// Calls `visit(s', reward)` for each possible step of a pair.
    fn for_each(&self, (state, action): (usize, usize), mut visit: impl FnMut(usize, F)) {
        let Some(reward) = self.reward(state, action) else { return };
        for_each_possible_successor(self.stage.dynamics, (state, action), |next_state, p| match p {
            Probability::Plain(_) => visit(next_state, reward),
            Probability::Faint(offset) => visit(next_state, reward + offset),
        });
    }

    /// Replaces the rows of the policy on free cycles, so that the policy attains `values`.
    ///
    /// # Shapes
    ///
    /// `values` `[s]`; `action_values`, and the policy and its logarithms, `[s, a]`.
    pub(crate) fn make_proper(
        &self,
        values: &[F],
        action_values: &[F],
        (policy, logs): (&mut [F], &mut [F]),
    ) -> Result<(), Error> {
        let width = self.stage.dynamics.num_actions();
        let is_held_up = |state: usize| self.is_on_cycle(state) && values[state] > F::zero();
        let leaves = |state: usize, action: usize| {
            // All that the action earns may also come from its own reward, before †.
            let (mut has_way_out, mut has_free_step) = (false, false);
            self.for_each((state, action), |next_state, reward| {
                let is_best = reward + values[next_state] == values[state];
                has_free_step |= self.is_free(state, next_state, reward);
                has_way_out |= is_best && !self.is_free(state, next_state, reward);
            });
            action_values[state * width + action] == values[state] && (has_way_out || !has_free_step)
        };
        let free = self.graph(|state, next_state, reward| self.is_free(state, next_state, reward))?;
        let distances =
            free.distances_to(|state| is_held_up(state) && (0..width).any(|action| leaves(state, action)))?;
        for state in (0..values.len()).filter(|&state| is_held_up(state)) {
            let is_taken = |action: usize| {
                let mut is_nearer = false;
                self.for_each((state, action), |next_state, reward| {
                    let is_free = self.is_free(state, next_state, reward);
                    is_nearer |= is_free && distances[next_state] < distances[state];
                });
                if distances[state] == 0 { leaves(state, action) } else { is_nearer }
            };
            let (_, prior) = self.stage.row(state)?;
            let row = state * width..(state + 1) * width;
            let (probabilities, logs) = (&mut policy[row.clone()], &mut logs[row]);
            normalized_prior(prior, SoftRow { probabilities, logs }, is_taken);
        }
        Ok(())
    }
}
