//! Reads the files of a model.

use std::path::Path;

use super::ExplicitMdp;
use super::labels::{self, Labels};
use super::lines::read_text;
use super::rewards::{add_state_rewards, add_transition_rewards};
use super::transitions::Transitions;
use crate::arrays::{self, Note};
use crate::io::{Error, Place};
use crate::{Real, Table};

impl<F: Real> ExplicitMdp<F> {
    /// Reads the text of a `.tra` file.
    ///
    /// # Errors
    ///
    /// [`Reason::WrongKind`] for a file of another kind; [`Reason::FieldCount`],
    /// [`Reason::Unreadable`], [`Reason::OutOfRange`], [`Reason::CountMismatch`],
    /// [`Reason::UnnamedStates`], [`Reason::SkippedChoice`] or [`Reason::UnexpectedEnd`]. All name
    /// the line. [`build_with`](Self::build_with) checks that probabilities sum to 1.
    ///
    /// # Complexity
    ///
    /// For n lines, time O(n log n), memory O(n).
    ///
    /// # Example
    ///
    /// A Markov chain: Knuth and Yao make a die from tosses of a coin. State s < 7 tosses, and the
    /// states 7 to 12 are the faces.
    ///
    /// ```
    /// use softmdp::{Inference, SoftValueIteration, io::ExplicitMdp, ndarray::Array1};
    ///
    /// let die = ExplicitMdp::<f64>::parse(
    ///     "dtmc
    ///     0 1 1/2
    ///     0 2 1/2
    ///     1 3 1/2
    ///     1 4 1/2
    ///     2 5 1/2
    ///     2 6 1/2
    ///     3 1 1/2
    ///     3 7 1/2
    ///     4 8 1/2
    ///     4 9 1/2
    ///     5 10 1/2
    ///     5 11 1/2
    ///     6 2 1/2
    ///     6 12 1/2",
    /// )?;
    /// // The value of state 0 is the probability of a six, state 12.
    /// let six = Array1::from_shape_fn(13, |state| if state == 12 { 1.0 } else { 0.0 });
    /// let mdp = die.build_with(|builder| builder.terminal_states(7..13).terminal_values(six))?;
    /// let solver = SoftValueIteration::new(100).inference(Inference::Variational);
    /// let value = solver.solve_values(&mdp)?.state_values()[[0, 0]];
    /// assert!((value - 1.0 / 6.0).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Reason::WrongKind`]: crate::io::Reason::WrongKind
    /// [`Reason::FieldCount`]: crate::io::Reason::FieldCount
    /// [`Reason::Unreadable`]: crate::io::Reason::Unreadable
    /// [`Reason::OutOfRange`]: crate::io::Reason::OutOfRange
    /// [`Reason::CountMismatch`]: crate::io::Reason::CountMismatch
    /// [`Reason::UnnamedStates`]: crate::io::Reason::UnnamedStates
    /// [`Reason::SkippedChoice`]: crate::io::Reason::SkippedChoice
    /// [`Reason::UnexpectedEnd`]: crate::io::Reason::UnexpectedEnd
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            transitions: Transitions::parse(text)?,
            successor_rewards: None,
            state_rewards: None,
            labels: Labels::default(),
            path: Note(None),
        })
    }

    /// Adds the rewards of states from the text of a `.srew` or `.state.rew` file. States that are
    /// not listed have reward 0. The rewards of a second file are added to those of the first.
    ///
    /// The first line is a header if its first number is S. S is not the index of a state.
    ///
    /// # Errors
    ///
    /// [`Reason::FieldCount`], [`Reason::Unreadable`], [`Reason::OutOfRange`],
    /// [`Reason::CountMismatch`] or [`Reason::Repeated`], with the line.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ExplicitMdp;
    ///
    /// let model = ExplicitMdp::<f64>::parse("mdp\n0 0 0 1\n")?
    ///     .with_state_rewards("0 2.5\n")?
    ///     .with_state_rewards("0 1\n")?;
    /// assert_eq!(model.builder().build()?.rewards()[[0, 0]], 3.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Reason::FieldCount`]: crate::io::Reason::FieldCount
    /// [`Reason::Unreadable`]: crate::io::Reason::Unreadable
    /// [`Reason::OutOfRange`]: crate::io::Reason::OutOfRange
    /// [`Reason::CountMismatch`]: crate::io::Reason::CountMismatch
    /// [`Reason::Repeated`]: crate::io::Reason::Repeated
    pub fn with_state_rewards(mut self, text: &str) -> Result<Self, Error> {
        let mut rewards = total(self.state_rewards.take(), self.transitions.num_states)?;
        add_state_rewards(text, &mut rewards)?;
        Ok(Self { state_rewards: Some(rewards), ..self })
    }

    /// Adds the rewards of transitions from the text of a `.trew` or `.trans.rew` file. Transitions
    /// that are not listed have reward 0. The rewards of a second file are added to those of the
    /// first.
    ///
    /// # Errors
    ///
    /// Those of [`with_state_rewards`](Self::with_state_rewards), and
    /// [`Reason::NoSuchTransition`](crate::io::Reason::NoSuchTransition).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ExplicitMdp;
    ///
    /// // In state 0, choice 0 wins with probability 1/2, and then pays 4.
    /// let model = ExplicitMdp::<f64>::parse("mdp\n0 0 1 1/2\n0 0 0 1/2\n1 0 1 1\n")?
    ///     .with_transition_rewards("0 0 1 4\n")?;
    /// let mdp = model.build_with(|builder| builder)?.with_outcomes(model.outcomes())?;
    /// assert_eq!(mdp.successor_rewards(), [0.0, 4.0, 0.0]); // 0 → 0, 0 → 1 and 1 → 1
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_transition_rewards(mut self, text: &str) -> Result<Self, Error> {
        let mut rewards = total(self.successor_rewards.take(), self.transitions.entries.len())?;
        add_transition_rewards(text, &self.transitions, &mut rewards)?;
        Ok(Self { successor_rewards: Some(rewards), ..self })
    }

    /// Changes the sign of all rewards read so far, which turns costs into rewards.
    ///
    /// Model checkers minimise rewards that stand for costs, such as time or energy. This crate
    /// maximises rewards. If a model has both, read the costs first, then change their sign, and
    /// read the rewards last.
    ///
    /// A reward of −∞ becomes +∞, which [`build_with`](Self::build_with) refuses.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ExplicitMdp;
    ///
    /// let model = ExplicitMdp::<f64>::parse("mdp\n0 0 0 1\n")?
    ///     .with_state_rewards("0 3\n")? // a cost of 3
    ///     .negate_rewards();
    /// assert_eq!(model.builder().build()?.rewards()[[0, 0]], -3.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias("costs", "minimize"))]
    #[must_use]
    pub fn negate_rewards(mut self) -> Self {
        let rewards = self.state_rewards.iter_mut().chain(&mut self.successor_rewards).flatten();
        rewards.for_each(|reward| *reward = F::zero() - *reward); // 0, not −0
        self
    }

    /// Adds labels of states from the text of a `.lab` file. Labels of a second file are added to
    /// those of the first. A label in both files must have the same states.
    ///
    /// # Errors
    ///
    /// [`Reason::Unreadable`](crate::io::Reason::Unreadable),
    /// [`Reason::OutOfRange`](crate::io::Reason::OutOfRange),
    /// [`Reason::Repeated`](crate::io::Reason::Repeated) or
    /// [`Reason::UnexpectedEnd`](crate::io::Reason::UnexpectedEnd), with the line.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{io::ExplicitMdp, ndarray::array};
    ///
    /// let model = ExplicitMdp::<f64>::parse("dtmc\n0 1 1/2\n0 2 1/2\n")?
    ///     .with_labels("0=\"init\" 1=\"end\"\n0: 0\n1: 1\n2: 1\n")?;
    /// assert_eq!(model.labels().collect::<Vec<_>>(), ["init", "end"]);
    /// assert_eq!(model.states_labelled("end"), Some(&[1, 2][..]));
    /// assert_eq!(model.initial(), Some(array![1.0, 0.0, 0.0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_labels(mut self, text: &str) -> Result<Self, Error> {
        self.labels.add(labels::parse(text, self.transitions.num_states)?)?;
        Ok(self)
    }

    /// Reads a `.tra` file, as [`parse`](Self::parse) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `parse`, [`Reason::Io`](crate::io::Reason::Io) and
    /// [`Reason::NotUtf8`](crate::io::Reason::NotUtf8). All name the file.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::ExplicitMdp;
    /// use std::fs;
    ///
    /// let folder = std::env::temp_dir().join(format!("coin-{}", std::process::id()));
    /// fs::create_dir_all(&folder)?;
    /// fs::write(folder.join("coin.tra"), "dtmc\n0 0 1/2\n0 1 1/2\n1 1 1\n")?;
    /// fs::write(folder.join("coin.state.rew"), "0 -1\n")?;
    /// fs::write(folder.join("coin.trans.rew"), "0 1 6\n")?;
    /// fs::write(folder.join("coin.lab"), "#DECLARATION\ninit heads\n#END\n0 init\n1 heads\n")?;
    ///
    /// let model = ExplicitMdp::<f64>::read(folder.join("coin.tra"))?
    ///     .read_state_rewards(folder.join("coin.state.rew"))? // each toss costs 1
    ///     .read_transition_rewards(folder.join("coin.trans.rew"))? // heads pay 6
    ///     .read_labels(folder.join("coin.lab"))?;
    /// assert_eq!(model.states_labelled("heads"), Some(&[1][..]));
    /// assert_eq!(model.build_with(|builder| builder)?.rewards()[[0, 0]], -1.0);
    /// assert!(model.outcomes().any(|outcome| outcome == (0, 0, 1, 0.5, 6.0)));
    /// fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let model = read_text(path, Self::parse)?;
        Ok(Self { path: Note(Some(path.to_owned())), ..model })
    }

    /// Reads a file of state rewards, as [`with_state_rewards`](Self::with_state_rewards) reads its
    /// text.
    ///
    /// # Errors
    ///
    /// Those of `with_state_rewards`, [`Reason::Io`](crate::io::Reason::Io) and
    /// [`Reason::NotUtf8`](crate::io::Reason::NotUtf8). All name the file.
    pub fn read_state_rewards(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_state_rewards(text))
    }

    /// Reads a file of transition rewards, as
    /// [`with_transition_rewards`](Self::with_transition_rewards) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `with_transition_rewards`, [`Reason::Io`](crate::io::Reason::Io) and
    /// [`Reason::NotUtf8`](crate::io::Reason::NotUtf8). All name the file.
    pub fn read_transition_rewards(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_transition_rewards(text))
    }

    /// Reads a file of labels, as [`with_labels`](Self::with_labels) reads its text.
    ///
    /// # Errors
    ///
    /// Those of `with_labels`, [`Reason::Io`](crate::io::Reason::Io) and
    /// [`Reason::NotUtf8`](crate::io::Reason::NotUtf8). All name the file.
    pub fn read_labels(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        read_text(path.as_ref(), |text| self.with_labels(text))
    }
}

/// The rewards so far, or zeros.
fn total<F: Real>(rewards: Option<Vec<F>>, len: usize) -> Result<Vec<F>, Error> {
    match rewards {
        Some(rewards) => Ok(rewards),
        None => {
            arrays::filled_vec(Table::Rewards, len, F::zero()).map_err(|error| Error::new(Place::File, error))
        }
    }
}
