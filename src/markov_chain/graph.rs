//! Reachability between states: strongly connected and recurrent classes.
//!
//! Reachability depends on which entries are positive, not on their size, so these answers are
//! exact.

use crate::{Error, Table, arrays};

/// The graph of possible steps between states.
#[derive(Debug)]
pub(crate) struct Graph {
    offsets: Vec<usize>, // [s], and one more
    successors: Vec<u32>,
}

impl Graph {
    /// Makes the graph from `steps(s, visit)`, which calls `visit(s')` for each successor, repeats
    /// allowed.
    pub(crate) fn new(
        num_states: usize,
        mut steps: impl FnMut(usize, &mut dyn FnMut(usize)),
    ) -> Result<Self, Error> {
        let too_large = |len| Error::TooLarge { table: Table::Transitions, shape: vec![len] };
        if u32::try_from(num_states).is_err() {
            return Err(too_large(num_states));
        }
        let mut offsets = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0)?;
        let (mut successors, mut row) = (Vec::new(), Vec::new());
        for state in 0..num_states {
            // The number of states fits into 32 bits.
            #[allow(clippy::cast_possible_truncation)]
            steps(state, &mut |next_state| row.push(next_state as u32));
            row.sort_unstable();
            row.dedup();
            successors.try_reserve(row.len()).map_err(|_| too_large(successors.len()))?;
            successors.append(&mut row);
            offsets[state + 1] = successors.len();
        }
        Ok(Self { offsets, successors })
    }

    fn num_states(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn successors(&self, state: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.successors[self.offsets[state]..self.offsets[state + 1]].iter().map(|&next| next as usize)
    }

    /// The states from which a goal can be reached, goals included.
    pub(crate) fn leading_to(&self, is_goal: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut leads: Vec<bool> = (0..self.num_states()).map(is_goal).collect();
        for class in self.classes() {
            let found =
                class.iter().any(|&state| leads[state] || self.successors(state).any(|next| leads[next]));
            class.iter().for_each(|&state| leads[state] = found);
        }
        leads
    }

    /// The states that can be reached from a start, starts included.
    pub(crate) fn reached_from(&self, is_start: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut is_reached: Vec<bool> = (0..self.num_states()).map(is_start).collect();
        let mut open: Vec<usize> = (0..self.num_states()).filter(|&state| is_reached[state]).collect();
        while let Some(state) = open.pop() {
            for next in self.successors(state) {
                if !std::mem::replace(&mut is_reached[next], true) {
                    open.push(next);
                }
            }
        }
        is_reached
    }

    /// The graph with all steps in reverse.
    pub(crate) fn reversed(&self) -> Result<Self, Error> {
        let num_states = self.num_states();
        // Counts the steps into each state, then fills each row from its end.
        let mut offsets = arrays::filled_vec(Table::RowOffsets, num_states + 1, 0_usize)?;
        self.successors.iter().for_each(|&next| offsets[next as usize] += 1);
        (1..=num_states).for_each(|state| offsets[state] += offsets[state - 1]);
        let mut sources = arrays::filled_vec(Table::Transitions, self.successors.len(), 0_u32)?;
        for state in (0..num_states).rev() {
            for next in self.successors(state) {
                offsets[next] -= 1;
                // The number of states fits into 32 bits.
                sources[offsets[next]] = state as u32;
            }
        }
        Ok(Self { offsets, successors: sources })
    }

    /// For each state, the least number of steps to a goal; `usize::MAX` if none can be reached.
    pub(crate) fn distances_to(&self, is_goal: impl Fn(usize) -> bool) -> Result<Vec<usize>, Error> {
        let (num_states, reversed) = (self.num_states(), self.reversed()?);
        let mut distances: Vec<usize> =
            (0..num_states).map(|state| if is_goal(state) { 0 } else { usize::MAX }).collect();
        let mut reached: Vec<usize> = (0..num_states).filter(|&state| distances[state] == 0).collect();
        let mut first = 0;
        while let Some(&state) = reached.get(first) {
            first += 1;
            for source in reversed.successors(state) {
                if distances[source] == usize::MAX {
                    distances[source] = distances[state] + 1;
                    reached.push(source);
                }
            }
        }
        Ok(distances)
    }

    /// The recurrent classes: no step leaves the class, and each of its states has a step.
    pub(crate) fn recurrent_classes(&self) -> Vec<Vec<usize>> {
        let mut class_of = vec![usize::MAX; self.num_states()];
        let classes = self.classes();
        for (number, class) in classes.iter().enumerate() {
            class.iter().for_each(|&state| class_of[state] = number);
        }
        let is_recurrent = |class: &Vec<usize>| {
            let number = class_of[class[0]];
            class.iter().all(|&state| {
                self.successors(state).len() > 0
                    && self.successors(state).all(|next| class_of[next] == number)
            })
        };
        classes.into_iter().filter(is_recurrent).collect()
    }

    /// The strongly connected classes, each after all classes that it leads to (Tarjan, *SIAM J.
    /// Comput.* 1, 1972, without recursion).
    pub(crate) fn classes(&self) -> Vec<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let num_states = self.num_states();
        let mut seen_at = vec![UNSEEN; num_states];
        let mut least = vec![0; num_states]; // earliest state on the stack that is known to be reachable
        let mut is_open = vec![false; num_states];
        let (mut stack, mut path, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut clock = 0;
        for root in 0..num_states {
            if seen_at[root] != UNSEEN {
                continue;
            }
            path.push((root, self.offsets[root]));
            while let Some((state, next)) = path.last_mut() {
                let state = *state;
                if seen_at[state] == UNSEEN {
                    (seen_at[state], least[state], is_open[state]) = (clock, clock, true);
                    stack.push(state);
                    clock += 1;
                }
                if *next < self.offsets[state + 1] {
                    let successor = self.successors[*next] as usize;
                    if seen_at[successor] == UNSEEN {
                        // Repeats this step later, when the successor has been seen.
                        path.push((successor, self.offsets[successor]));
                        continue;
                    }
                    if is_open[successor] {
                        least[state] = least[state].min(least[successor]);
                    }
                    *next += 1;
                    continue;
                }
                path.pop();
                if least[state] == seen_at[state] {
                    let first = stack.iter().rposition(|&open| open == state).unwrap_or(0);
                    let mut class = stack.split_off(first);
                    class.iter().for_each(|&member| is_open[member] = false);
                    class.sort_unstable();
                    classes.push(class);
                }
            }
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(successors: &[&[usize]]) -> Graph {
        Graph::new(successors.len(), |state, visit| successors[state].iter().copied().for_each(visit))
            .unwrap()
    }

    #[test]
    fn classes_come_after_what_they_lead_to() {
        // 0 ⇄ 1 → 2 → 3 ⇄ 4, and 5 by itself, leading to 2; 6 stays; 7 has nowhere to go.
        let graph = graph(&[&[1], &[0, 2, 1], &[3], &[4], &[3], &[2, 7], &[6], &[]]);
        let classes = graph.classes();
        let sorted = |mut classes: Vec<Vec<usize>>| {
            classes.sort();
            classes
        };
        assert_eq!(
            sorted(classes.clone()),
            [vec![0, 1], vec![2], vec![3, 4], vec![5], vec![6], vec![7]].to_vec()
        );
        let place = |state: usize| classes.iter().position(|class| class.contains(&state)).unwrap();
        assert!(place(3) < place(2) && place(2) < place(0) && place(2) < place(5) && place(7) < place(5));
        assert_eq!(sorted(graph.recurrent_classes()), [vec![3, 4], vec![6]].to_vec());
        let leading: Vec<usize> = (0..8).filter(|&s| graph.leading_to(|s| s == 3)[s]).collect();
        assert_eq!(leading, [0, 1, 2, 3, 4, 5]);
        let reached: Vec<usize> = (0..8).filter(|&s| graph.reached_from(|s| s == 2 || s == 6)[s]).collect();
        assert_eq!(reached, [2, 3, 4, 6]);
    }

    /// Against the definition: two states are of one class if each reaches the other.
    #[test]
    fn classes_are_those_of_the_definition() {
        let mut bits = 1_u64;
        let mut random = || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 33) as usize
        };
        for _ in 0..200 {
            let n = 1 + random() % 12;
            let steps: Vec<Vec<usize>> =
                (0..n).map(|_| (0..random() % 3).map(|_| random() % n).collect()).collect();
            let graph = Graph::new(n, |s, visit| steps[s].iter().copied().for_each(visit)).unwrap();
            let reaches: Vec<Vec<bool>> = (0..n).map(|from| graph.reached_from(|s| s == from)).collect();
            let classes = graph.classes();
            assert_eq!(classes.iter().map(Vec::len).sum::<usize>(), n);
            for (class, (s, from)) in classes.iter().flat_map(|class| {
                let pairs = reaches.iter().enumerate();
                pairs.map(move |pair| (class, pair))
            }) {
                assert_eq!(class.contains(&s), reaches[class[0]][s] && from[class[0]]);
            }
            for (goal, _) in reaches.iter().enumerate() {
                let leads = graph.leading_to(|s| s == goal);
                assert!(leads.iter().zip(&reaches).all(|(&leads, from)| leads == from[goal]));
                let distances = graph.distances_to(|s| s == goal).unwrap();
                for s in 0..n {
                    let next = graph.successors(s).map(|next| distances[next]).min();
                    let nearest = next.map_or(usize::MAX, |d| d.saturating_add(1));
                    assert_eq!(distances[s], if s == goal { 0 } else { nearest });
                }
            }
        }
    }

    #[test]
    fn a_long_path_does_not_exhaust_the_stack() {
        let n = 300_000;
        let graph = Graph::new(n, |s, visit| visit((s + 1).min(n - 1))).unwrap();
        assert_eq!(graph.classes().len(), n);
        assert_eq!(graph.recurrent_classes(), [vec![n - 1]]);
    }
}
