//! Files of transitions.

use std::ops::Range;

use super::foreign::refuse_foreign;
use super::header::{Counts, Header, Kind};
use super::lines::{lines, numbered};
use crate::Real;
use crate::arrays::Note;
use crate::io::{Error, Place, Reason};

/// State, action, next state.
pub(super) type Triple = (usize, usize, usize);

/// All transitions of a model. Memory is proportional to the number of lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transitions<F> {
    pub(super) kind: Kind,
    pub(super) num_states: usize,
    pub(super) num_actions: usize,
    pub(super) num_choices: usize,
    pub(super) entries: Vec<(Triple, F)>, // ascending; equal ones in the order of their lines
    lines: Note<Vec<usize>>,              // beside entries
}

impl<F: Real> Transitions<F> {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        // The first line of labels of Storm looks like a comment.
        if let Some(first) = numbered(text).next().filter(|first| first.text.starts_with("#DECLARATION")) {
            refuse_foreign(first, None)?;
        }
        let mut lines = lines(text).peekable();
        let Header { kind, counts } = Header::of_transitions(&mut lines)?;
        let announced = counts.map(|counts| counts.num_states);
        // Indices stay below usize::MAX, so that the number of states does not overflow.
        let bound = announced.unwrap_or(usize::MAX);
        let mut num_states = announced.unwrap_or(0);
        let mut largest_at = counts.map_or(Place::File, |counts| Place::Line(counts.line.number));
        let mut entries = Vec::new();
        for line in lines {
            let [state, choice, next_state, p] = kind.split(
                line,
                [
                    "3 or 4 of a Markov chain: `state next_state probability [action]`",
                    "4 or 5 of a decision process: `state choice next_state probability [action]`",
                ],
            )?;
            let state = line.index(state, "state", bound)?;
            let choice = line.index(choice, "choice", usize::MAX)?;
            let next_state = line.index(next_state, "state", bound)?;
            if state.max(next_state) >= num_states {
                (num_states, largest_at) = (state.max(next_state) + 1, Place::Line(line.number));
            }
            entries.push(((state, choice, next_state), line.probability(p)?, line.number));
        }
        let num_lines = entries.len();
        if let Some(counts) = counts {
            counts.agrees("transitions", num_lines, counts.num_entries)?;
        }
        if num_states > num_lines.saturating_mul(2) {
            return Err(Error::new(largest_at, Reason::UnnamedStates { num_states, num_lines }));
        }
        // The line comes last, so that equal transitions keep the order of their lines.
        entries.sort_unstable_by_key(|&(triple, _, line)| (triple, line));
        let (num_choices, num_actions) = count_choices(&entries)?;
        if let Some(counts @ Counts { num_choices: Some(expected), .. }) = counts {
            counts.agrees("choices", num_choices, expected)?;
        }
        let lines = Note(entries.iter().map(|&(_, _, line)| line).collect());
        let entries = entries.into_iter().map(|(triple, p, _)| (triple, p)).collect();
        Ok(Self { kind, num_states, num_actions, num_choices, entries, lines })
    }

    /// The positions of a transition in `entries`; none if it is not listed.
    pub(super) fn find(&self, triple: Triple) -> Range<usize> {
        let first = self.entries.partition_point(|&(other, _)| other < triple);
        let len = self.entries[first..].iter().take_while(|&&(other, _)| other == triple).count();
        first..first + len
    }

    /// The line of the first transition of a pair, in the order of the states.
    pub(super) fn line_of(&self, state: usize, action: usize) -> Option<usize> {
        let at = self.entries.partition_point(|&((s, a, _), _)| (s, a) < (state, action));
        let is_there = self.entries.get(at).is_some_and(|&((s, a, _), _)| (s, a) == (state, action));
        is_there.then(|| self.lines.0[at])
    }
}

/// The number of choices of sorted entries, in total and of the state with the most choices.
fn count_choices<F>(entries: &[(Triple, F, usize)]) -> Result<(usize, usize), Error> {
    let (mut total, mut most) = (0, 0);
    let mut last = None;
    for &((state, choice, _), _, line) in entries {
        if last == Some((state, choice)) {
            continue;
        }
        let next = last.filter(|&(last, _)| last == state).map_or(0, |(_, choice)| choice + 1);
        if choice != next {
            return Err(Error::new(Place::Line(line), Reason::SkippedChoice { state, choice }));
        }
        last = Some((state, choice));
        total += 1;
        most = most.max(choice + 1);
    }
    Ok((total, most))
}
