//! Explicit models of the model checkers PRISM and Storm: text with one line per transition.

mod header;
mod labels;
mod lines;

use std::path::Path;

use ndarray::{Array1, Array2};

use super::{Error, Place, Reason};
use crate::{MdpBuilder, Real, SparseDynamics, Table, arrays};
use header::{Header, header_agrees};
use labels::Labels;
use lines::{lines, read_text};

/// A Markov decision process in the explicit formats of PRISM and Storm.
///
/// The choices of a state become its actions 0, 1, …. A is the largest number of choices of a
/// state; states with fewer choices have unavailable actions. The formats have no discount,
/// temperature or terminal states: set them on the [`builder`](Self::builder), which makes an
/// [`Mdp`](crate::Mdp).
///
/// # Formats
///
/// Fields are separated by blanks. Indices count from 0. Numbers are decimal (`0.5`, `5e-1`). Blank
/// lines and lines that begin with `#` are skipped. Lines may be in any order.
///
/// | file | header | lines |
/// |---|---|---|
/// | `.tra` of PRISM | `states choices transitions` | `state choice next_state probability [action]` |
/// | `.tra` of Storm | `mdp`, or none | `state choice next_state probability` |
/// | `.srew` of PRISM | `states rewards` | `state reward` |
/// | `.state.rew` of Storm | none | `state reward` |
/// | `.trew` of PRISM | `states choices rewards` | `state choice next_state reward [action]` |
/// | `.trans.rew` of Storm | `mdp`, or none | `state choice next_state reward` |
/// | `.lab` of PRISM | `0="init" 1="deadlock" …` | `state: label label …`, by index |
/// | `.lab` of Storm | `#DECLARATION`, names, `#END` | `state label label …`, by name |
///
/// - Probabilities of a transition that is listed twice are added. A reward that is listed twice is
///   an error.
/// - The reader ignores names of actions. The numbers of a header must agree with the lines.
/// - A state without choices is a dead end (V = −∞ before the last stage), unless the builder makes
///   it terminal. Model checkers add a loop instead.
/// - Each action pays the reward of its state at each stage, as in PRISM. Terminal states pay no
///   reward.
///
/// Not supported: Markov chains (`.tra` with a header of two numbers), the row form of PRISM, and
/// exact fractions.
///
/// # Example
///
/// ```
/// use softmdp::{Inference, SoftValueIteration, io::ExplicitMdp};
///
/// // In state 0, choice 0 tosses a coin and choice 1 stays. Tails (state 2) ends the episode.
/// let model = ExplicitMdp::<f64>::parse("3 4 5\n0 0 1 .5 toss\n0 0 2 .5 toss\n0 1 0 1\n1 0 0 1\n2 0 2 1\n")?
///     .with_state_rewards("3 1\n1 10\n")? // leaving heads (state 1) pays 10
///     .with_labels("0=\"init\" 1=\"tails\"\n0: 0\n2: 1\n")?;
///
/// let tails = model.states_labelled("tails").unwrap_or_default();
/// let mdp = model.builder().temperature(0.0).terminal_states(tails.iter().copied()).build()?;
/// assert!(!mdp.is_available(1, 1));
///
/// let solution = SoftValueIteration::new(4).inference(Inference::Variational).solve_values(&mdp)?;
/// assert_eq!(solution.state_values()[[0, 0]], 7.5); // toss at once: 1/2 · 10 + 1/2 · 1/2 · 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExplicitMdp<F = f64> {
    num_states: usize,
    num_actions: usize,
    num_choices: usize,
    transitions: Vec<(Triple, F)>,     // ascending, each once
    successor_rewards: Option<Vec<F>>, // beside transitions
    state_rewards: Option<Vec<F>>,     // [s]
    labels: Labels,
}

/// State, action, next state.
type Triple = (usize, usize, usize);

impl<F: Real> ExplicitMdp<F> {
    /// Reads the text of a `.tra` file.
    ///
    /// # Errors
    ///
    /// [`Reason::FieldCount`], [`Reason::Unreadable`], [`Reason::OutOfRange`],
    /// [`Reason::CountMismatch`], [`Reason::UnnamedStates`], [`Reason::SkippedChoice`] or
    /// [`Reason::UnexpectedEnd`], with the line. [`build`](MdpBuilder::build) checks that
    /// probabilities sum to 1.
    ///
    /// # Complexity
    ///
    /// For n lines, time O(n log n), memory O(n).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = lines(text).peekable();
        let expected = "`states choices transitions`, or `mdp`";
        let &first =
            lines.peek().ok_or_else(|| Error::new(Place::File, Reason::UnexpectedEnd { expected }))?;
        let header = Header::parse(first, expected)?;
        if !matches!(header, Header::None) {
            lines.next();
        }
        let announced = match header {
            Header::Counts { num_states, .. } => Some(num_states),
            Header::None | Header::Hint => None,
        };
        // Indices stay below usize::MAX, so that the number of states does not overflow.
        let bound = announced.unwrap_or(usize::MAX);
        let (mut num_states, mut largest_at) = (announced.unwrap_or(0), first);
        let mut entries = Vec::new();
        for line in lines {
            let [state, choice, next_state, p] =
                line.split(5, "4 or 5: `state choice next_state probability [action]`")?;
            let state = line.index(state, "state", bound)?;
            let choice = line.index(choice, "choice", usize::MAX)?;
            let next_state = line.index(next_state, "state", bound)?;
            if state.max(next_state) >= num_states {
                (num_states, largest_at) = (state.max(next_state) + 1, line);
            }
            entries.push(((state, choice, next_state), line.probability(p)?, line.number));
        }
        let num_lines = entries.len();
        if let Header::Counts { num_transitions, .. } = header {
            header_agrees(first, "transitions", num_lines, num_transitions)?;
        }
        if num_states > num_lines.saturating_mul(2) {
            return Err(largest_at.error(Reason::UnnamedStates { num_states, num_lines }));
        }
        // The line comes last, so that equal transitions are added in the order of their lines.
        entries.sort_unstable_by_key(|&(triple, _, line)| (triple, line));
        let (num_choices, num_actions) = count_choices(&entries)?;
        if let Header::Counts { num_choices: expected, .. } = header {
            header_agrees(first, "choices", num_choices, expected)?;
        }
        let mut transitions: Vec<(Triple, F)> = Vec::with_capacity(num_lines);
        for (triple, p, _) in entries {
            match transitions.last_mut() {
                Some((last, sum)) if *last == triple => *sum += p,
                _ => transitions.push((triple, p)),
            }
        }
        Ok(Self {
            num_states,
            num_actions,
            num_choices,
            transitions,
            successor_rewards: None,
            state_rewards: None,
            labels: Labels::default(),
        })
    }

    /// Adds the rewards of states from the text of a `.srew` or `.state.rew` file. States that are
    /// not listed have reward 0.
    ///
    /// The first line is a header if its first number is S. S is not the index of a state.
    ///
    /// # Errors
    ///
    /// [`Reason::FieldCount`], [`Reason::Unreadable`], [`Reason::OutOfRange`],
    /// [`Reason::CountMismatch`] or [`Reason::Repeated`], with the line.
    pub fn with_state_rewards(mut self, text: &str) -> Result<Self, Error> {
        let mut rewards = vec![F::zero(); self.num_states];
        let mut is_listed = vec![false; self.num_states];
        let (mut header, mut num_lines) = (None, 0);
        for (at, line) in lines(text).enumerate() {
            let [state, reward] = line.split(2, "2: `state reward`")?;
            if at == 0 && state.parse() == Ok(self.num_states) {
                header = Some((line, line.parse(reward, "a number of rewards")?));
                continue;
            }
            let state = line.index(state, "state", self.num_states)?;
            if std::mem::replace(&mut is_listed[state], true) {
                return Err(line.error(Reason::Repeated { what: "the reward of a state" }));
            }
            rewards[state] = line.reward(reward)?;
            num_lines += 1;
        }
        if let Some((line, expected)) = header {
            header_agrees(line, "rewards", num_lines, expected)?;
        }
        self.state_rewards = Some(rewards);
        Ok(self)
    }

    /// Adds the rewards of transitions from the text of a `.trew` or `.trans.rew` file. Transitions
    /// that are not listed have reward 0.
    ///
    /// # Errors
    ///
    /// Those of [`with_state_rewards`](Self::with_state_rewards), and
    /// [`Reason::NoSuchTransition`].
    pub fn with_transition_rewards(mut self, text: &str) -> Result<Self, Error> {
        let mut lines = lines(text).peekable();
        let mut header = None;
        if let Some(&first) = lines.peek() {
            match Header::parse(first, "`states choices rewards`, or `mdp`")? {
                Header::None => {}
                Header::Hint => drop(lines.next()),
                Header::Counts { num_states, num_choices, num_transitions } => {
                    header_agrees(first, "states", self.num_states, num_states)?;
                    header_agrees(first, "choices", self.num_choices, num_choices)?;
                    header = Some((first, num_transitions));
                    lines.next();
                }
            }
        }
        let mut rewards = vec![F::zero(); self.transitions.len()];
        let mut is_listed = vec![false; self.transitions.len()];
        let mut num_lines = 0;
        for line in lines {
            let [state, choice, next_state, reward] =
                line.split(5, "4 or 5: `state choice next_state reward [action]`")?;
            let index = |field, what| line.index(field, what, usize::MAX);
            let triple = (index(state, "state")?, index(choice, "choice")?, index(next_state, "state")?);
            let Some(at) = self.find(triple) else {
                let (state, choice, next_state) = triple;
                return Err(line.error(Reason::NoSuchTransition { state, choice, next_state }));
            };
            if std::mem::replace(&mut is_listed[at], true) {
                return Err(line.error(Reason::Repeated { what: "the reward of a transition" }));
            }
            rewards[at] = line.reward(reward)?;
            num_lines += 1;
        }
        if let Some((line, expected)) = header {
            header_agrees(line, "rewards", num_lines, expected)?;
        }
        self.successor_rewards = Some(rewards);
        Ok(self)
    }

    /// Adds labels of states from the text of a `.lab` file.
    ///
    /// # Errors
    ///
    /// [`Reason::Unreadable`], [`Reason::OutOfRange`], [`Reason::Repeated`] or
    /// [`Reason::UnexpectedEnd`], with the line.
    pub fn with_labels(mut self, text: &str) -> Result<Self, Error> {
        self.labels = labels::parse(text, self.num_states)?;
        Ok(self)
    }

    /// Reads a `.tra` file, as [`parse`](Self::parse) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `parse`, [`Reason::Io`] and [`Reason::NotUtf8`]. All name the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), Self::parse)
    }

    /// Reads a file of state rewards, as [`with_state_rewards`](Self::with_state_rewards) reads its
    /// text.
    ///
    /// # Errors
    ///
    /// Those of `with_state_rewards`, [`Reason::Io`] and [`Reason::NotUtf8`]. All name the file.
    pub fn read_state_rewards(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_state_rewards(text))
    }

    /// Reads a file of transition rewards, as
    /// [`with_transition_rewards`](Self::with_transition_rewards) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `with_transition_rewards`, [`Reason::Io`] and [`Reason::NotUtf8`]. All name the
    /// file.
    pub fn read_transition_rewards(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_transition_rewards(text))
    }

    /// Reads a file of labels, as [`with_labels`](Self::with_labels) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `with_labels`, [`Reason::Io`] and [`Reason::NotUtf8`]. All name the file.
    pub fn read_labels(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_labels(text))
    }

    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.num_states
    }

    /// Number A of actions: the largest number of choices of a state.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.num_actions
    }

    /// The names of all labels, in the order of the file.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.names.iter().map(String::as_str)
    }

    /// The states with a label, ascending, or `None` if the label was not declared.
    #[must_use]
    pub fn states_labelled(&self, label: &str) -> Option<&[usize]> {
        let at = self.labels.names.iter().position(|name| name == label)?;
        Some(&self.labels.states[at])
    }

    /// p₀, `[s]`: 1 for the state labelled `init`, or `None` unless exactly one state has that
    /// label.
    #[must_use]
    pub fn initial(&self) -> Option<Array1<F>> {
        let &[state] = self.states_labelled("init")? else { return None };
        let mut initial = Array1::from_elem(self.num_states, F::zero());
        initial[state] = F::one();
        Some(initial)
    }

    /// The reward of a transition in reward units, in addition to that of its state. It is 0 if the
    /// transition is not listed, and `None` if no transition rewards were read.
    #[must_use]
    pub fn successor_reward(&self, state: usize, action: usize, next_state: usize) -> Option<F> {
        let rewards = self.successor_rewards.as_ref()?;
        Some(self.find((state, action, next_state)).map_or(F::zero(), |at| rewards[at]))
    }

    /// Starts an [`Mdp`](crate::Mdp) with the transitions, the rewards of states and the available
    /// actions.
    ///
    /// The builder does not include rewards of transitions. Add them to the model with
    /// [`Mdp::with_successor_rewards`](crate::Mdp::with_successor_rewards).
    ///
    /// # Complexity
    ///
    /// Memory O(S·A + transitions). If one state has very many choices, this is much more than the
    /// size of the file.
    #[must_use]
    pub fn builder(&self) -> MdpBuilder<F, SparseDynamics<F>> {
        match self.tables() {
            Ok((dynamics, rewards, available)) => {
                MdpBuilder::new(Ok(dynamics), rewards).available_actions(available)
            }
            Err(error) => MdpBuilder::new(Err(error), Array2::from_elem((0, 0), F::zero())),
        }
    }

    /// Dynamics, rewards and available actions.
    #[allow(clippy::type_complexity, reason = "taken apart at once")]
    fn tables(&self) -> Result<(SparseDynamics<F>, Array2<F>, Array2<bool>), crate::Error> {
        let (num_states, num_actions) = (self.num_states, self.num_actions);
        let entries =
            self.transitions.iter().map(|&((state, action, next_state), p)| (state, action, next_state, p));
        let dynamics = SparseDynamics::from_triplets(num_states, num_actions, entries)?;
        let mut available = arrays::filled(Table::AvailableActions, (num_states, num_actions), false)?;
        for &((state, action, _), _) in &self.transitions {
            available[[state, action]] = true;
        }
        let mut rewards = arrays::filled(Table::Rewards, (num_states, num_actions), F::zero())?;
        for (mut row, &reward) in rewards.rows_mut().into_iter().zip(self.state_rewards.iter().flatten()) {
            row.fill(reward);
        }
        Ok((dynamics, rewards, available))
    }

    fn find(&self, triple: Triple) -> Option<usize> {
        self.transitions.binary_search_by_key(&triple, |&(triple, _)| triple).ok()
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
