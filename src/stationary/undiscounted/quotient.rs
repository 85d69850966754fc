//! The quotient of an undiscounted problem: end components that earn nothing become one state each.
//!
//! # Derivation
//!
//! An end component is a set of states with some of their actions. No action leads out of the set,
//! and the agent can reach each state of the set from each other one. If all rewards of the
//! component are 0, the agent moves about in it for free, and may stay forever, which is worth 0.
//! So its states share one value. At temperature 0,
//!
//! ```text
//! V(C) = max( 0, max Q(s,a) over the exits of C )    (S4)
//! ```
//!
//! where the exits are all other possible actions of the states of C. Without this step, every
//! value that is at least that of the best exit would be a fixed point in C. In the quotient, no
//! end component earns nothing. If none has a mean reward of 0 or more, the fixed point is unique.
//!
//! Above temperature 0, the soft policy takes every possible action. Then only sets that no action
//! leaves matter, and only if the prior adds no entropy. Their value is 0. If the actions of
//! another set keep all of its weight, values grow without end.
//!
//! # Policy
//!
//! Where an exit is right, all actions inside C have the value of the exit too, and a policy that
//! takes them may never arrive. So it takes only actions that [lead on](super::exits).
//!
//! # References
//!
//! de Alfaro, *Formal Verification of Probabilistic Systems*, PhD thesis, Stanford, 1997; Haddad
//! and Monmege, *Theor. Comput. Sci.* 735 (2018) 111–131, who collapse end components to bound
//! reachability; Bertsekas and Tsitsiklis, *Math. Oper. Res.* 16 (1991) 580–595.

use std::ops::Range;

use super::exits::leave;
use crate::dynamics::{Probability, for_each_possible_successor};
use crate::kernels::{SoftRow, normalized_prior};
use crate::markov_chain::{Choices, EndComponents};
use crate::mdp::{CheckedStage, is_possible};
use crate::{Dynamics, Error, Inference, Real, Table, arrays};

/// The end components that earn nothing.
pub(crate) struct Quotient {
    components: EndComponents,
    num_actions: usize,
    taken: Vec<Option<usize>>, // [component]: the exit of the policy, a pair; `None`: it stays
}

impl Quotient {
    /// Finds the end components that earn nothing among the states with finite values. `None` if
    /// there is none.
    pub(crate) fn find<F, D>(
        stage: &CheckedStage<'_, F, D>,
        is_fixed: &[bool],
        values: &[F],
        temperature: F,
    ) -> Result<Option<Self>, Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (is_fixed.len(), stage.dynamics.num_actions());
        let is_soft = temperature > F::zero();
        let mut is_free = arrays::filled_vec(Table::ActionValues, (num_states, num_actions), false)?;
        for state in (0..num_states).filter(|&s| !is_fixed[s] && values[s] > F::neg_infinity()) {
            let row = &mut is_free[state * num_actions..(state + 1) * num_actions];
            mark_free(stage, state, values, row)?;
            if is_soft && !is_all_free(stage, state, row)? {
                row.fill(false);
            }
        }
        if !is_free.contains(&true) {
            return Ok(None);
        }
        let mut components = find_components(stage, num_states, &is_free)?;
        if is_soft {
            let is_left = |pair: usize| is_free[pair] && !components.stays(pair);
            let pairs = |state: usize| state * num_actions..(state + 1) * num_actions;
            let is_open = |members: &&Vec<usize>| members.iter().any(|&state| pairs(state).any(is_left));
            let open = components.components().iter().filter(is_open);
            let left: Vec<usize> = open.flatten().flat_map(|&state| pairs(state)).collect();
            left.into_iter().for_each(|pair| is_free[pair] = false);
            components = find_components(stage, num_states, &is_free)?;
        }
        let taken = vec![None; components.components().len()];
        Ok((!taken.is_empty()).then_some(Self { components, num_actions, taken }))
    }

    /// Whether values grow without end above temperature 0, because a component that earns nothing
    /// keeps its whole weight and gains more from another action.
    ///
    /// Let the actions of the component have rewards of 0 and prior weights of at least 1. Then
    /// V(s) is at least the expectation of V after each of them, and greater in a state with
    /// another possible action. No table of finite numbers on the component has this property.
    pub(crate) fn grows<F, D>(
        stage: &CheckedStage<'_, F, D>,
        is_fixed: &[bool],
        values: &[F],
        inference: Inference,
    ) -> Result<bool, Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions) = (is_fixed.len(), stage.dynamics.num_actions());
        let mut is_whole = arrays::filled_vec(Table::ActionValues, (num_states, num_actions), false)?;
        for state in (0..num_states).filter(|&s| !is_fixed[s] && values[s] > F::neg_infinity()) {
            let row = &mut is_whole[state * num_actions..(state + 1) * num_actions];
            mark_free(stage, state, values, row)?;
            let (_, prior) = stage.row(state)?;
            row.iter_mut().zip(prior).for_each(|(is_whole, &weight)| *is_whole &= weight >= F::one());
        }
        if !is_whole.contains(&true) {
            return Ok(false);
        }
        for &state in find_components(stage, num_states, &is_whole)?.components().iter().flatten() {
            let (rewards, prior) = stage.row(state)?;
            let succeeds = |&action: &usize| {
                let (mut any, mut all) = (false, true);
                for_each_possible_successor(stage.dynamics, (state, action), |next_state, _| {
                    let is_alive = values[next_state] > F::neg_infinity();
                    (any, all) = (any | is_alive, all & is_alive);
                });
                let has_value = if inference == Inference::Direct { any } else { any && all };
                is_possible(rewards[action], prior[action]) && has_value
            };
            if (0..num_actions).filter(succeeds).count() > 1 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The component of a state, if it has one.
    pub(crate) fn component_of(&self, state: usize) -> Option<usize> {
        self.components.of_state(state)
    }

    /// Whether an action of a state stays in the component of the state and earns nothing.
    pub(crate) fn is_inside(&self, pair: usize) -> bool {
        self.components.stays(pair)
    }

    /// The exit of a component that the policy takes; `None` if it stays.
    pub(crate) fn exit(&self, component: usize) -> Option<usize> {
        self.taken[component]
    }

    /// The states of each component.
    pub(crate) fn components(&self) -> &[Vec<usize>] {
        self.components.components()
    }

    pub(crate) fn num_components(&self) -> usize {
        self.components().len()
    }

    /// The pairs of a member that leave its component, or earn something.
    pub(crate) fn exits(&self, state: usize) -> impl Iterator<Item = usize> + '_ {
        self.pairs(state).filter(|&pair| !self.components.stays(pair))
    }

    fn pairs(&self, state: usize) -> Range<usize> {
        state * self.num_actions..(state + 1) * self.num_actions
    }

    /// Gives the states of each component their value (S4), from the action values of all pairs.
    pub(crate) fn collapse<F: Real>(&self, action_values: &[F], values: &mut [F]) {
        for (members, exit) in self.components().iter().zip(self.best_exits(action_values)) {
            let value = exit.map_or(F::zero(), |pair| action_values[pair]);
            members.iter().for_each(|&state| values[state] = value);
        }
    }

    /// The best exit of each component; `None` if staying is at least as good.
    fn best_exits<F: Real>(&self, action_values: &[F]) -> Vec<Option<usize>> {
        let best_exit = |members: &Vec<usize>| {
            let exits = members.iter().flat_map(|&state| self.exits(state));
            let value = |exit: Option<usize>| exit.map_or(F::zero(), |pair| action_values[pair]);
            exits.fold(None, |best, pair| if action_values[pair] > value(best) { Some(pair) } else { best })
        };
        self.components().iter().map(best_exit).collect()
    }

    /// Records the best exits as those of the policy.
    pub(crate) fn take_best_exits<F: Real>(&mut self, action_values: &[F]) {
        self.taken = self.best_exits(action_values);
    }

    /// Records another exit of a component as that of the policy.
    pub(crate) fn take_exit(&mut self, component: usize, pair: usize) {
        self.taken[component] = Some(pair);
    }

    /// Replaces the rows of the policy in the components, so that the policy attains the values.
    ///
    /// # Shapes
    ///
    /// `action_values`, and the policy and its logarithms, `[s, a]`, of the last backup.
    pub(crate) fn make_proper<F, D>(
        &self,
        stage: &CheckedStage<'_, F, D>,
        action_values: &[F],
        (policy, logs): (&mut [F], &mut [F]),
    ) -> Result<(), Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let width = self.num_actions;
        let exits = self.best_exits(action_values);
        let is_best_exit = |pair: usize| {
            let exit = self.component_of(pair / width).and_then(|component| exits[component]);
            exit.is_some_and(|exit| !self.is_inside(pair) && action_values[pair] == action_values[exit])
        };
        for (members, _) in self.components().iter().zip(&exits).filter(|(_, exit)| exit.is_none()) {
            for &state in members {
                let (_, prior) = stage.row(state)?;
                let (probabilities, logs) = (&mut policy[self.pairs(state)], &mut logs[self.pairs(state)]);
                let stays = |action: usize| self.is_inside(state * width + action);
                normalized_prior(prior, SoftRow { probabilities, logs }, stays);
            }
        }
        leave(stage, |pair| self.is_inside(pair), is_best_exit, (policy, logs))
    }
}

/// The maximal end components of pairs that are `allowed`, `[s, a]`.
fn find_components<F, D>(
    stage: &CheckedStage<'_, F, D>,
    num_states: usize,
    allowed: &[bool],
) -> Result<EndComponents, Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let num_actions = stage.dynamics.num_actions();
    let successors = |pair: usize, visit: &mut dyn FnMut(usize)| stage.for_each_next_state(pair, visit);
    Choices::new(num_states, num_actions, |pair| allowed[pair], successors)?.end_components()
}

/// Marks the actions of a state that are possible, earn nothing, lose no probability and risk no
/// state of value −∞.
fn mark_free<F, D>(
    stage: &CheckedStage<'_, F, D>,
    state: usize,
    values: &[F],
    is_free: &mut [bool],
) -> Result<(), Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let (rewards, prior) = stage.row(state)?;
    for (action, is_free) in is_free.iter_mut().enumerate() {
        if rewards[action] == F::zero() && prior[action] > F::zero() {
            let (mut is_safe, mut sum, mut terms) = (true, F::zero(), F::from_f64(4.0));
            for_each_possible_successor(stage.dynamics, (state, action), |next_state, p| {
                is_safe &= values[next_state] > F::neg_infinity();
                if let Probability::Plain(p) = p {
                    (sum, terms) = (sum + p, terms + F::one());
                }
            });
            // A row that sums to less loses a share of later values.
            *is_free = is_safe && (sum - F::one()).abs() <= terms * F::epsilon();
        }
    }
    Ok(())
}

/// Whether a soft policy in a state earns nothing: all possible actions are free, and their prior
/// weights sum to 1, to within rounding.
fn is_all_free<F, D>(stage: &CheckedStage<'_, F, D>, state: usize, is_free: &[bool]) -> Result<bool, Error>
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let (rewards, prior) = stage.row(state)?;
    let actions = (0..is_free.len()).filter(|&action| is_possible(rewards[action], prior[action]));
    let sum = actions.clone().fold(F::zero(), |sum, action| sum + prior[action]);
    let rounding = F::epsilon() * F::from_f64(is_free.len() as f64);
    Ok(actions.clone().all(|action| is_free[action]) && (sum - F::one()).abs() <= rounding)
}
