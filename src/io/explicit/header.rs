//! First lines: the kind of model, and the numbers of items that follow.

use std::iter::Peekable;

use super::foreign::{MODELS, refuse_foreign};
use super::lines::Line;
use crate::io::{Error, Place, Reason};

/// The kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A Markov chain: one choice in each state, which its lines do not name.
    Chain,
    /// A Markov decision process.
    Process,
}

impl Kind {
    /// The kind that a word names, in any case.
    fn of_word(word: &str) -> Option<Self> {
        let is = |name| word.eq_ignore_ascii_case(name);
        (is("dtmc").then_some(Self::Chain)).or_else(|| is("mdp").then_some(Self::Process))
    }

    /// Number of fields of a header. Transitions have more.
    fn header_width(self) -> usize {
        match self {
            Self::Chain => 2,
            Self::Process => 3,
        }
    }

    /// State, choice, next state and number of a line. `expected` lists the fields, for a chain and
    /// for a process.
    pub(super) fn split<'a>(
        self,
        line: Line<'a>,
        expected: [&'static str; 2],
    ) -> Result<[&'a str; 4], Error> {
        match self {
            Self::Chain => {
                let [state, next_state, number] = line.split(4, expected[0])?;
                Ok([state, "0", next_state, number])
            }
            Self::Process => line.split(5, expected[1]),
        }
    }
}

/// The first lines of a file of transitions or of their rewards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) kind: Kind,
    pub(super) counts: Option<Counts<'a>>,
}

/// A line with numbers of items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts<'a> {
    pub(super) line: Line<'a>,
    pub(super) num_states: usize,
    pub(super) num_choices: Option<usize>, // of a process
    pub(super) num_entries: usize,
}

impl<'a> Counts<'a> {
    fn parse(line: Line<'a>, kind: Kind) -> Result<Self, Error> {
        let count = |field| line.parse(field, "a whole number >= 0");
        let expected = "`states transitions`, `states choices transitions`, `dtmc` or `mdp`";
        let [num_states, num_choices, num_entries] = match kind {
            Kind::Chain => line.split(2, expected).map(|[states, entries]| [states, "", entries])?,
            Kind::Process => line.split(3, expected)?,
        };
        Ok(Self {
            line,
            num_states: count(num_states)?,
            num_choices: if num_choices.is_empty() { None } else { Some(count(num_choices)?) },
            num_entries: count(num_entries)?,
        })
    }

    /// Returns [`Reason::CountMismatch`] unless a number in the header is the number found.
    pub(super) fn agrees(&self, what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
        if found == expected {
            return Ok(());
        }
        Err(self.line.error(Reason::CountMismatch { what, found, expected }))
    }
}

impl<'a> Header<'a> {
    /// Takes the header of a file of transitions from its lines.
    pub(super) fn of_transitions<L>(lines: &mut Peekable<L>) -> Result<Self, Error>
    where
        L: Iterator<Item = Line<'a>> + Clone,
    {
        let mut ahead = lines.clone();
        let expected = MODELS;
        let first = ahead.next();
        let first = first.ok_or_else(|| Error::new(Place::File, Reason::UnexpectedEnd { expected }))?;
        let second = ahead.next();
        refuse_foreign(first, second)?;
        if let Some(kind) = Kind::of_word(first.text) {
            return Self::of_kind(lines, kind);
        }
        if !first.text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(first.unreadable(first.text, "`dtmc`, `mdp`, a header of numbers or a transition"));
        }
        // A whole number other than 0 and 1 is no probability.
        let third = first.fields().nth(2).unwrap_or_default();
        let is_whole = third.bytes().all(|byte| byte.is_ascii_digit());
        let is_count = is_whole && third != "0" && third != "1";
        let kind = match first.width() {
            3 if is_count || is_whole && second.is_none_or(|second| second.width() > 3) => Kind::Process,
            4 if is_whole => Kind::Process,
            0..=4 => Kind::Chain,
            _ => Kind::Process,
        };
        Self::of_kind(lines, kind)
    }

    /// Takes the header of a file of a known kind from its lines: a word, numbers of items, or
    /// both.
    pub(super) fn of_kind<L>(lines: &mut Peekable<L>, kind: Kind) -> Result<Self, Error>
    where
        L: Iterator<Item = Line<'a>>,
    {
        lines.next_if(|line| Kind::of_word(line.text) == Some(kind));
        let counts = lines.next_if(|line| line.width() <= kind.header_width());
        let counts = counts.map(|line| Counts::parse(line, kind)).transpose()?;
        Ok(Self { kind, counts })
    }
}
