//! The pairs that may be chosen, and the sets of states in which choices can keep the agent.
//!
//! An *end component* is a set of states with some pairs (s,a) of these states. No transition of
//! the pairs leaves the set, and the pairs lead from every state to every other one. A maximal end
//! component is contained in no larger one. Maximal end components are disjoint. Whatever a policy
//! does, the trajectory finally stays in one of them, with probability 1.
//!
//! The answers depend on which probabilities are positive, not on their size, so they are exact.
//! No function calls itself, so large models do not exhaust the stack.
//!
//! # References
//!
//! de Alfaro, *Formal Verification of Probabilistic Systems*, PhD thesis, Stanford 1997, §3.3;
//! Baier and Katoen, *Principles of Model Checking* (2008), §10.6.3.

use super::Graph;
use crate::{Error, Table, arrays};

/// Calls `visit(s')` for each possible successor of a pair.
pub(crate) trait Successors: Fn(usize, &mut dyn FnMut(usize)) {}

impl<S: Fn(usize, &mut dyn FnMut(usize))> Successors for S {}

/// The pairs of a model that may be chosen. Pairs can be removed, never added.
///
/// A pair is the number s · A + a.
pub(crate) struct Choices<S> {
    num_actions: usize,
    successors: S,
    is_kept: Vec<bool>,       // [s, a]
    num_kept: Vec<usize>,     // [s]
    offsets_into: Vec<usize>, // [s], and one more
    pairs_into: Vec<usize>,   // kept at first, by successor
}

/// The maximal end components of a set of choices.
#[derive(Debug)]
pub(crate) struct EndComponents {
    component_of: Vec<Option<usize>>, // [s]
    stays: Vec<bool>,                 // [s, a]
    components: Vec<Vec<usize>>,
}

impl EndComponents {
    /// The states of each component, in increasing order. The components are sorted by their first
    /// states.
    pub(crate) fn components(&self) -> &[Vec<usize>] {
        &self.components
    }

    /// The index of the component that contains a state.
    pub(crate) fn of_state(&self, state: usize) -> Option<usize> {
        self.component_of[state]
    }

    /// Whether a pair belongs to the component of its state: it may be chosen, and no transition
    /// leaves the component.
    pub(crate) fn stays(&self, pair: usize) -> bool {
        self.stays[pair]
    }
}

impl<S: Successors> Choices<S> {
    /// Keeps the pairs that are `allowed` and have a successor, except those that cannot go on
    /// forever: pairs with a transition to a state that has no pair left.
    ///
    /// `successors(pair, visit)` calls `visit(s')` for each possible successor, repeats allowed.
    pub(crate) fn new(
        num_states: usize,
        num_actions: usize,
        allowed: impl Fn(usize) -> bool,
        successors: S,
    ) -> Result<Self, Error> {
        let too_large = |len| Error::TooLarge { table: Table::Transitions, shape: vec![len] };
        let num_pairs = num_states.checked_mul(num_actions).ok_or_else(|| too_large(num_states))?;
        let mut is_kept = arrays::filled_vec(Table::AvailableActions, num_pairs, false)?;
        let mut num_kept = arrays::filled_vec(Table::AvailableActions, num_states, 0)?;
        let mut offsets_into = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        for pair in (0..num_pairs).filter(|&pair| allowed(pair)) {
            successors(pair, &mut |next| {
                is_kept[pair] = true;
                offsets_into[next + 1] += 1;
            });
            num_kept[pair / num_actions] += usize::from(is_kept[pair]);
        }
        for state in 0..num_states {
            offsets_into[state + 1] += offsets_into[state];
        }
        let mut pairs_into = arrays::filled_vec(Table::Transitions, offsets_into[num_states], 0)?;
        let mut next_place = offsets_into.clone();
        for pair in (0..num_pairs).filter(|&pair| is_kept[pair]) {
            successors(pair, &mut |next| {
                pairs_into[next_place[next]] = pair;
                next_place[next] += 1;
            });
        }
        let mut choices = Self { num_actions, successors, is_kept, num_kept, offsets_into, pairs_into };
        let lost = (0..num_states).filter(|&state| choices.num_kept[state] == 0).collect();
        choices.spread(lost);
        Ok(choices)
    }

    fn num_states(&self) -> usize {
        self.num_kept.len()
    }

    /// Whether a state has a pair left.
    pub(crate) fn has_choice(&self, state: usize) -> bool {
        self.num_kept[state] > 0
    }

    /// Calls `visit(s')` for the successors of all pairs of a state that are left.
    fn for_each_step(&self, state: usize, visit: &mut dyn FnMut(usize)) {
        let pairs = state * self.num_actions..(state + 1) * self.num_actions;
        pairs.filter(|&pair| self.is_kept[pair]).for_each(|pair| (self.successors)(pair, visit));
    }

    /// Removes pairs, and then all pairs with a transition to a state that has no pair left.
    fn remove(&mut self, pairs: impl IntoIterator<Item = usize>) {
        let mut lost = Vec::new();
        pairs.into_iter().for_each(|pair| self.remove_one(pair, &mut lost));
        self.spread(lost);
    }

    /// Removes a pair, and adds its state to `lost` if that was its last pair.
    fn remove_one(&mut self, pair: usize, lost: &mut Vec<usize>) {
        if std::mem::replace(&mut self.is_kept[pair], false) {
            let state = pair / self.num_actions;
            self.num_kept[state] -= 1;
            if self.num_kept[state] == 0 {
                lost.push(state);
            }
        }
    }

    /// Removes all pairs with a transition to a lost state, and so on.
    fn spread(&mut self, mut lost: Vec<usize>) {
        while let Some(state) = lost.pop() {
            for place in self.offsets_into[state]..self.offsets_into[state + 1] {
                self.remove_one(self.pairs_into[place], &mut lost);
            }
        }
    }

    /// The states from which some policy reaches the goals with probability 1 and stays in them
    /// forever, goals included. Each goal needs a pair whose successors are all goals.
    ///
    /// In turn removes the states from which no path leads to a goal, and the pairs that risk a
    /// transition to them, until nothing changes.
    pub(crate) fn surely_leading_to(mut self, is_goal: impl Fn(usize) -> bool) -> Result<Vec<bool>, Error> {
        loop {
            let graph = Graph::new(self.num_states(), |state, visit| self.for_each_step(state, visit))?;
            let leads = graph.leading_to(&is_goal);
            let is_lost = |&state: &usize| self.num_kept[state] > 0 && !leads[state];
            let lost: Vec<usize> = (0..self.num_states()).filter(is_lost).collect();
            if lost.is_empty() {
                return Ok((0..self.num_states()).map(|state| self.has_choice(state)).collect());
            }
            let num_actions = self.num_actions;
            self.remove(lost.iter().flat_map(|&state| state * num_actions..(state + 1) * num_actions));
        }
    }

    /// The maximal end components.
    ///
    /// Splits a set of states into its strongly connected classes, and removes the pairs that leave
    /// their class. Continues with each class, until a set is one class.
    pub(crate) fn end_components(mut self) -> Result<EndComponents, Error> {
        let num_states = self.num_states();
        let mut place_in = arrays::filled_vec(Table::AvailableActions, num_states, 0_usize)?;
        let mut class_of = arrays::filled_vec(Table::AvailableActions, num_states, 0_usize)?;
        let mut num_classes = 0;
        let mut components = Vec::new();
        // No pair of an open set leaves the set, and each state of the set has a pair.
        let mut open: Vec<Vec<usize>> =
            vec![(0..num_states).filter(|&state| self.has_choice(state)).collect()];
        while let Some(states) = open.pop() {
            states.iter().enumerate().for_each(|(place, &state)| place_in[state] = place);
            let graph = Graph::new(states.len(), |place, visit| {
                self.for_each_step(states[place], &mut |next| visit(place_in[next]));
            })?;
            let classes = graph.classes();
            if classes.len() == 1 {
                components.push(states);
                continue;
            }
            for class in &classes {
                class.iter().for_each(|&place| class_of[states[place]] = num_classes);
                num_classes += 1;
            }
            let leaves = |&pair: &usize| {
                let mut leaves = false;
                let class = class_of[pair / self.num_actions];
                (self.successors)(pair, &mut |next| leaves |= class_of[next] != class);
                leaves
            };
            let pairs = states.iter().flat_map(|&s| s * self.num_actions..(s + 1) * self.num_actions);
            let leaving: Vec<usize> = pairs.filter(|&pair| self.is_kept[pair]).filter(leaves).collect();
            self.remove(leaving);
            for class in classes {
                let rest = class.into_iter().map(|place| states[place]);
                let rest: Vec<usize> = rest.filter(|&state| self.has_choice(state)).collect();
                if !rest.is_empty() {
                    open.push(rest);
                }
            }
        }
        components.sort_unstable_by_key(|states| states[0]);
        let mut component_of = arrays::filled_vec(Table::AvailableActions, num_states, None)?;
        for (index, states) in components.iter().enumerate() {
            states.iter().for_each(|&state| component_of[state] = Some(index));
        }
        Ok(EndComponents { component_of, stays: self.is_kept, components })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Successors of each pair, `[s, a]`; an empty list is not allowed.
    type Rows = Vec<Vec<Vec<usize>>>;

    fn choices(rows: &Rows) -> Choices<impl Successors + '_> {
        let width = rows[0].len();
        let row = move |pair: usize| &rows[pair / width][pair % width];
        Choices::new(
            rows.len(),
            width,
            move |pair| !row(pair).is_empty(),
            move |pair, visit: &mut dyn FnMut(usize)| row(pair).iter().copied().for_each(visit),
        )
        .unwrap()
    }

    fn random_rows(random: &mut impl FnMut() -> usize, most_states: usize) -> Rows {
        let (n, width) = (1 + random() % most_states, 1 + random() % 2);
        let mut row = || (0..random() % 3).map(|_| random() % n).collect::<Vec<_>>();
        (0..n).map(|_| (0..width).map(|_| row()).collect()).collect()
    }

    fn generator() -> impl FnMut() -> usize {
        let mut bits = 1_u64;
        move || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 33) as usize
        }
    }

    #[test]
    fn pairs_that_may_leave_belong_to_no_component() {
        // 0 stays or risks 1. 1 ⇄ 2, and 2 may go to 3 or stay. 3 only leads to 4, a dead end.
        let rows: Rows = vec![
            vec![vec![0], vec![0, 1]],
            vec![vec![2], vec![]],
            vec![vec![1, 2], vec![3, 1]],
            vec![vec![4], vec![]],
            vec![vec![], vec![]],
        ];
        let found = choices(&rows).end_components().unwrap();
        assert_eq!(found.components(), [vec![0], vec![1, 2]]);
        assert_eq!(
            (0..5).map(|s| found.of_state(s)).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(1), None, None]
        );
        let stays: Vec<usize> = (0..10).filter(|&pair| found.stays(pair)).collect();
        assert_eq!(stays, [0, 2, 4]);
        // The walk from 0 to 1 ends there with probability 1, and nothing leads back.
        assert_eq!(choices(&rows).surely_leading_to(|s| s == 2).unwrap(), [true, true, true, false, false]);
        assert_eq!(choices(&rows).surely_leading_to(|s| s == 0).unwrap(), [true, false, false, false, false]);
    }

    /// Against the definition: a set of states is an end component if the pairs that stay inside
    /// lead from every state of the set to every other one.
    #[test]
    fn components_are_the_largest_sets_of_the_definition() {
        let mut random = generator();
        let mut num_large = 0;
        for _ in 0..2000 {
            let rows = random_rows(&mut random, 6);
            let n = rows.len();
            let is_component = |set: usize| {
                let is_in = |s: usize| set >> s & 1 == 1;
                let stays = |row: &&Vec<usize>| !row.is_empty() && row.iter().all(|&next| is_in(next));
                let steps = |s: usize| rows[s].iter().filter(stays).flatten().copied().collect::<Vec<_>>();
                let graph = Graph::new(n, |s, visit| {
                    if is_in(s) {
                        steps(s).into_iter().for_each(visit);
                    }
                })
                .unwrap();
                (0..n).filter(|&s| is_in(s)).all(|s| {
                    let reached = graph.reached_from(|start| start == s);
                    !steps(s).is_empty() && (0..n).all(|other| !is_in(other) || reached[other])
                })
            };
            let sets: Vec<usize> = (1..1 << n).filter(|&set| is_component(set)).collect();
            let is_largest =
                |set: &&usize| sets.iter().all(|&other| other == **set || other & **set != **set);
            let mut expected: Vec<Vec<usize>> = sets
                .iter()
                .filter(is_largest)
                .map(|&set| (0..n).filter(|&s| set >> s & 1 == 1).collect())
                .collect();
            expected.sort();
            let found = choices(&rows).end_components().unwrap();
            assert_eq!(found.components(), expected, "{rows:?}");
            num_large += usize::from(expected.iter().any(|set| set.len() > 1));
            for (s, pairs) in rows.iter().enumerate() {
                for (a, row) in pairs.iter().enumerate() {
                    let inside = !row.is_empty()
                        && found.of_state(s).is_some()
                        && row.iter().all(|&next| found.of_state(next) == found.of_state(s));
                    assert_eq!(found.stays(s * pairs.len() + a), inside, "{rows:?}");
                }
            }
        }
        assert!(num_large > 300, "{num_large}");
    }

    /// Against all deterministic policies: the goals are reached with probability 1 if they can be
    /// reached from every state that the policy can reach.
    #[test]
    fn sure_ways_are_those_of_some_policy() {
        let mut random = generator();
        let (mut num_checked, mut num_unsure) = (0, 0);
        for _ in 0..2000 {
            let rows = random_rows(&mut random, 5);
            let (n, width) = (rows.len(), rows[0].len());
            let components = choices(&rows).end_components().unwrap();
            let Some(goals) = components.components().first() else { continue };
            let mut expected = vec![false; n];
            for policy in 0..width.pow(n as u32) {
                let steps = |s: usize| {
                    let stays = (0..width).map(|a| s * width + a).find(|&pair| components.stays(pair));
                    let pair = stays.filter(|_| goals.contains(&s));
                    &rows[s][pair.map_or(policy / width.pow(s as u32) % width, |pair| pair % width)]
                };
                let graph = Graph::new(n, |s, visit| steps(s).iter().copied().for_each(visit)).unwrap();
                let leads = graph.leading_to(|s| goals.contains(&s));
                for (s, expected) in expected.iter_mut().enumerate() {
                    let reached = graph.reached_from(|start| start == s);
                    *expected |= (0..n).all(|via| !reached[via] || leads[via]);
                }
            }
            let found = choices(&rows).surely_leading_to(|s| goals.contains(&s)).unwrap();
            assert_eq!(found, expected, "{rows:?} {goals:?}");
            num_checked += 1;
            let may = Graph::new(n, |s, visit| rows[s].iter().flatten().copied().for_each(visit)).unwrap();
            num_unsure += usize::from(may.leading_to(|s| goals.contains(&s)) != expected);
        }
        assert!(num_checked > 1000 && num_unsure > 50, "{num_checked} {num_unsure}");
    }

    #[test]
    fn long_chains_take_neither_stack_nor_time() {
        // A gambler's game: the states that may be ruined are lost one after the other.
        let n = 300_000;
        let step = |pair: usize, visit: &mut dyn FnMut(usize)| {
            visit((pair + 1).min(n - 1));
            visit(pair.saturating_sub(1));
        };
        let found = Choices::new(n, 1, |pair| pair > 0, step).unwrap().end_components().unwrap();
        assert!(found.components().is_empty());
        let found = Choices::new(n, 1, |_| true, step).unwrap().end_components().unwrap();
        assert_eq!(found.components().len(), 1);
    }
}
