//! Headers: first lines with the numbers of items that follow.

use super::lines::Line;
use crate::io::{Error, Reason};

/// The first line of a file of transitions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Header {
    /// The line is a transition, not a header.
    None,
    /// The word `mdp`.
    Hint,
    Counts {
        num_states: usize,
        num_choices: usize,
        num_transitions: usize,
    },
}

impl Header {
    pub(super) fn parse(line: Line<'_>, expected: &'static str) -> Result<Self, Error> {
        if line.text == "mdp" {
            return Ok(Header::Hint);
        }
        if line.text.starts_with(|first: char| !first.is_ascii_digit()) {
            return Err(line.unreadable(line.text, expected));
        }
        if line.fields().count() > 3 {
            return Ok(Header::None);
        }
        let [num_states, num_choices, num_transitions] = line.split(3, expected)?;
        let count = |field| line.parse(field, "a whole number >= 0");
        Ok(Header::Counts {
            num_states: count(num_states)?,
            num_choices: count(num_choices)?,
            num_transitions: count(num_transitions)?,
        })
    }
}

/// Returns [`Reason::CountMismatch`] unless the number in a header is the number found.
pub(super) fn header_agrees(
    line: Line<'_>,
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(line.error(Reason::CountMismatch { what, found, expected }))
}
