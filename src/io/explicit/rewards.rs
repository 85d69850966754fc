//! Files of rewards, added to the rewards of earlier files.

use super::header::{Counts, Header};
use super::lines::lines;
use super::transitions::Transitions;
use crate::Real;
use crate::io::{Error, Place, Reason};

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
        rewards[state] = sum(line.number, rewards[state], line.reward(reward)?)?;
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
///
/// A transition that is listed several times may have as many rewards: the first one belongs to its
/// first line, and so on. If it has one reward, this reward belongs to all its lines.
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
    let mut listed: Vec<Option<(usize, F)>> = vec![None; rewards.len()]; // line and reward
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
        let same = &mut listed[transitions.find(triple)];
        if same.is_empty() {
            let (state, choice, next_state) = triple;
            return Err(line.error(Reason::NoSuchTransition { state, choice, next_state }));
        }
        let Some(free) = same.iter_mut().find(|place| place.is_none()) else {
            return Err(line.error(Reason::Repeated { what: "the reward of a transition" }));
        };
        *free = Some((line.number, line.reward(reward)?));
        num_lines += 1;
    }
    if let Some(counts) = counts {
        counts.agrees("rewards", num_lines, counts.num_entries)?;
    }
    let mut first = 0;
    for same in transitions.entries.chunk_by(|a, b| a.0 == b.0) {
        let places = first..first + same.len();
        first = places.end;
        let found = listed[places.clone()].iter().flatten().count();
        let Some((line, reward)) = listed[places.start] else { continue };
        if found > 1 && found < same.len() {
            let expected = same.len();
            return Err(Error::new(Place::Line(line), Reason::RewardCount { found, expected }));
        }
        for at in places {
            let (line, reward) = listed[at].unwrap_or((line, reward));
            rewards[at] = sum(line, rewards[at], reward)?;
        }
    }
    Ok(())
}

/// The sum of the rewards of two files. Finite numbers must not overflow to −∞, which forbids.
fn sum<F: Real>(line: usize, total: F, reward: F) -> Result<F, Error> {
    let sum = total + reward;
    if sum.is_infinite() && total.is_finite() && reward.is_finite() {
        let expected = "a reward whose sum with that of an earlier file is finite";
        let field = format!("{:e}", reward.into_f64());
        return Err(Error::new(Place::Line(line), Reason::Unreadable { field, expected }));
    }
    Ok(sum)
}
