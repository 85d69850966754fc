//! Explicit models of the model checkers PRISM and Storm: text with one line per transition.

mod build;
mod foreign;
mod header;
mod labels;
mod lines;
mod read;
mod rewards;
mod transitions;

use std::path::PathBuf;

use ndarray::Array1;

use crate::Real;
use crate::arrays::Note;
use labels::Labels;
use transitions::Transitions;

/// A Markov decision process or a Markov chain in the explicit formats of PRISM and Storm.
///
/// The choices of a state become its actions 0, 1, …. A is the largest number of choices of a
/// state; states with fewer choices have unavailable actions. A Markov chain has one action. The
/// formats have no discount, temperature or terminal states: set them in
/// [`build_with`](Self::build_with), which makes an [`Mdp`](crate::Mdp).
///
/// # Formats
///
/// Fields are separated by blanks. Indices count from 0. Numbers are decimal (`0.5`, `5e-1`) or
/// fractions (`2/5`). Blank lines and lines that begin with `#` are skipped. Lines may be in any
/// order.
///
/// | file | header | lines |
/// |---|---|---|
/// | `.tra` of PRISM | `states choices transitions` | `state choice next_state probability [action]` |
/// | `.tra` of Storm | `mdp`, or none | `state choice next_state probability` |
/// | `.tra` of PRISM, chain | `states transitions` | `state next_state probability [action]` |
/// | `.tra` of Storm, chain | `dtmc`, or none | `state next_state probability` |
/// | `.srew` of PRISM | `states rewards` | `state reward` |
/// | `.state.rew` of Storm | none | `state reward` |
/// | `.trew` of PRISM | as in `.tra`, with the number of rewards | as in `.tra`, with a reward |
/// | `.trans.rew` of Storm | as in `.tra` | as in `.tra`, with a reward |
/// | `.lab` of PRISM | `0="init" 1="deadlock" …` | `state: label label …`, by index |
/// | `.lab` of Storm | `#DECLARATION`, names, `#END` | `state label label …`, by name |
///
/// - Probabilities of a transition that is listed several times are added. Its rewards may be
///   listed as often, in the same order: then the transition has several rewards, which
///   [`outcomes`](Self::outcomes) returns. Otherwise, a reward that is listed twice in one file is
///   an error. Rewards of several files are added.
/// - The reader ignores names of actions. The numbers of a header must agree with the lines. The
///   words `mdp` and `dtmc` may have any case.
/// - A state without choices is a dead end (V = −∞ before the last stage), unless the builder makes
///   it terminal. Model checkers add a loop instead.
/// - Each action pays the reward of its state at each stage, as in PRISM. Terminal states pay no
///   reward. Rewards of model checkers are often costs: see
///   [`negate_rewards`](Self::negate_rewards).
/// - Rows must sum to 1 within [`Real::ROW_SUM_TOLERANCE`]. PRISM prints six digits unless
///   `-exportmodelprecision` asks for more: pass 1e-5 to
///   [`normalize_rows`](crate::MdpBuilder::normalize_rows).
///
/// Models of other kinds are [`Reason::WrongKind`](super::Reason::WrongKind): partially observable,
/// interval and continuous-time models, labelled transition systems, the row form of PRISM, and the
/// format DRN of Storm.
///
/// # Memory
///
/// Memory is proportional to the size of the files.
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
/// let mdp = model.build_with(|builder| {
///     builder.temperature(0.0).terminal_states(tails.iter().copied())
/// })?;
/// assert!(!mdp.is_available(1, 1));
///
/// let solution = SoftValueIteration::new(4).inference(Inference::Variational).solve_values(&mdp)?;
/// assert_eq!(solution.state_values()[[0, 0]], 7.5); // toss at once: 1/2 · 10 + 1/2 · 1/2 · 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ExplicitMdp<F = f64> {
    transitions: Transitions<F>,
    successor_rewards: Option<Vec<F>>, // beside the entries of transitions
    state_rewards: Option<Vec<F>>,     // [s]
    labels: Labels,
    path: Note<Option<PathBuf>>, // of the transitions
}

impl<F: Real> ExplicitMdp<F> {
    /// Number S of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.transitions.num_states
    }

    /// Number A of actions: the largest number of choices of a state.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.transitions.num_actions
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
        let mut initial = Array1::from_elem(self.transitions.num_states, F::zero());
        initial[state] = F::one();
        Some(initial)
    }
}
