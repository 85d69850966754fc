//! Files of rewards, added to the rewards of earlier files.

use super::header::{Counts, Header};
use super::lines::lines;
use super::transitions::Transitions;
use crate::Real;
use crate::io::{Error, Reason};

/// Adds the rewards of states to `rewards`, `[s]`.
pub(super) fn add_state_rewards<F: Real>(text: &str, rewards: &mut [F]) -> Result<(), Error> {
    let num_states = rewards.len();
    let mut is_listed = vec![false; num_states];
    let (mut header, mut num_lines) = (None, 0);
    for (at, line) in lines(text).enumerate() {
        let [state, reward] = line.split(2, "2: `state reward`")?;
        if at == 0 && state.parse() == Ok(num_states) {
            header = Some((line, line.parse(reward, "a number of rewards")?));
            continue;
        }
        let state = line.index(state, "state", num_states)?;
        if std::mem::replace(&mut is_listed[state], true) {
            return Err(line.error(Reason::Repeated { what: "the reward of a state" }));
        }
        rewards[state] = line.add_reward(rewards[state], reward)?;
        num_lines += 1;
    }
    match header {
        Some((line, expected)) if num_lines != expected => {
            Err(line.error(Reason::CountMismatch { what: "rewards", found: num_lines, expected }))
        }
        _ => Ok(()),
    }
}

/// Adds the rewards of transitions to `rewards`, in the order of the transitions.
pub(super) fn add_transition_rewards<F: Real>(
    text: &str,
    transitions: &Transitions<F>,
    rewards: &mut [F],
) -> Result<(), Error> {
    let mut lines = lines(text).peekable();
    let Header { kind, counts } = Header::of_kind(&mut lines, transitions.kind)?;
    if let Some(counts) = counts {
        counts.agrees("states", transitions.num_states, counts.num_states)?;
    }
    if let Some(counts @ Counts { num_choices: Some(expected), .. }) = counts {
        counts.agrees("choices", transitions.num_choices, expected)?;
    }
    let mut is_listed = vec![false; rewards.len()];
    let mut num_lines = 0;
    for line in lines {
        let [state, choice, next_state, reward] = kind.split(
            line,
            [
                "3 or 4 of a Markov chain: `state next_state reward [action]`",
                "4 or 5 of a decision process: `state choice next_state reward [action]`",
            ],
        )?;
        let index = |field, what| line.index(field, what, usize::MAX);
        let triple = (index(state, "state")?, index(choice, "choice")?, index(next_state, "state")?);
        let Some(at) = transitions.find(triple) else {
            let (state, choice, next_state) = triple;
            return Err(line.error(Reason::NoSuchTransition { state, choice, next_state }));
        };
        if std::mem::replace(&mut is_listed[at], true) {
            return Err(line.error(Reason::Repeated { what: "the reward of a transition" }));
        }
        rewards[at] = line.add_reward(rewards[at], reward)?;
        num_lines += 1;
    }
    match counts {
        Some(counts) => counts.agrees("rewards", num_lines, counts.num_entries),
        None => Ok(()),
    }
}
