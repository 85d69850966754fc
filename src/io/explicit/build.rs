//! Builds a model from the files that were read.

use ndarray::Array2;

use super::ExplicitMdp;
use crate::io::{Error, Place};
use crate::{Mdp, MdpBuilder, Real, SparseDynamics, Table, arrays};

impl<F: Real> ExplicitMdp<F> {
    /// Makes an [`Mdp`] with the transitions, the rewards of states and the available actions.
    /// `options` sets the other options of its builder.
    ///
    /// The model does not include rewards of transitions. Add them with
    /// [`Mdp::with_outcomes`] and [`outcomes`](Self::outcomes).
    ///
    /// # Errors
    ///
    /// Those of [`MdpBuilder::build`]. They name the file and, for a row that does not sum to 1,
    /// the line of its first transition.
    ///
    /// # Complexity
    ///
    /// Time O(S·A + transitions). Memory for transitions is proportional to the file, because only
    /// pairs that exist have a row. The tables of rewards, available actions and prior weights of
    /// an [`Mdp`] hold S·A entries of 17 bytes in total for `f64`. If one state has very many
    /// choices, this is much more than the size of the file. The result is
    /// [`Error::TooLarge`](crate::Error::TooLarge) if the tables do not fit.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::io::{ExplicitMdp, Place};
    ///
    /// // PRISM printed six digits.
    /// let text = "2 2 3\n0 0 0 0.333333\n0 0 1 0.666666\n1 0 1 1\n";
    /// let model = ExplicitMdp::<f64>::parse(text)?;
    /// let error = model.build_with(|builder| builder).unwrap_err();
    /// assert_eq!(*error.place(), Place::Line(2));
    /// let mdp = model.build_with(|builder| builder.normalize_rows(1e-5))?;
    /// assert_eq!(mdp.rescaled_rows().count(), 1);
    /// # Ok::<(), softmdp::io::Error>(())
    /// ```
    pub fn build_with(
        &self,
        options: impl FnOnce(MdpBuilder<F, SparseDynamics<F>>) -> MdpBuilder<F, SparseDynamics<F>>,
    ) -> Result<Mdp<F, SparseDynamics<F>>, Error> {
        options(self.builder()).build().map_err(|error| self.locate(error))
    }

    /// Starts the builder of [`build_with`](Self::build_with). Errors of this builder name states
    /// and actions, but neither file nor line.
    #[must_use]
    pub fn builder(&self) -> MdpBuilder<F, SparseDynamics<F>> {
        match self.tables() {
            Ok((dynamics, rewards, available)) => {
                MdpBuilder::new(Ok(dynamics), rewards).available_actions(available)
            }
            Err(error) => MdpBuilder::new(Err(error), Array2::from_elem((0, 0), F::zero())),
        }
    }

    /// Whether rewards of transitions were read.
    #[must_use]
    pub fn has_transition_rewards(&self) -> bool {
        self.successor_rewards.is_some()
    }

    /// The transitions with their rewards, as [`Mdp::with_outcomes`](crate::Mdp::with_outcomes)
    /// takes them: state, action, next state, probability and reward. Rewards are in reward units,
    /// in addition to those of states. They are 0 if they are not listed.
    ///
    /// A transition that the `.tra` file lists several times comes once for each line.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Inference, SoftValueIteration, io::ExplicitMdp};
    ///
    /// // State 0 comes back to itself, with a gain of 1 or a loss of 1.
    /// let model = ExplicitMdp::<f64>::parse("mdp\n0 0 0 1/2\n0 0 0 1/2\n")?
    ///     .with_transition_rewards("0 0 0 1\n0 0 0 -1\n")?;
    /// let mdp = model.build_with(|builder| builder)?.with_outcomes(model.outcomes())?;
    ///
    /// let solver = SoftValueIteration::new(1).inference(Inference::Direct);
    /// let value = solver.solve_values(&mdp)?.state_values()[[0, 0]];
    /// assert!((value - 1.0_f64.cosh().ln()).abs() < 1e-15); // log ½(e + 1/e)
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = (usize, usize, usize, F, F)> {
        let reward = |at| self.successor_rewards.as_ref().map_or(F::zero(), |rewards| rewards[at]);
        let entries = self.transitions.entries.iter().enumerate();
        entries.map(move |(at, &((state, action, next_state), p))| (state, action, next_state, p, reward(at)))
    }

    /// Dynamics, rewards and available actions. Rewards of unavailable actions are 0: writing them
    /// would touch the memory of the whole table.
    #[allow(clippy::type_complexity, reason = "taken apart at once")]
    fn tables(&self) -> Result<(SparseDynamics<F>, Array2<F>, Array2<bool>), crate::Error> {
        let shape = (self.transitions.num_states, self.transitions.num_actions);
        let entries = &self.transitions.entries;
        let triplets = entries.iter().map(|&((state, action, next_state), p)| (state, action, next_state, p));
        let dynamics = SparseDynamics::from_triplets(shape.0, shape.1, triplets)?;
        let mut available = arrays::filled(Table::AvailableActions, shape, false)?;
        let mut rewards = arrays::filled(Table::Rewards, shape, F::zero())?;
        for &((state, action, _), _) in entries {
            available[[state, action]] = true;
            if let Some(state_rewards) = &self.state_rewards {
                rewards[[state, action]] = state_rewards[state];
            }
        }
        Ok((dynamics, rewards, available))
    }

    /// Adds the file to an error of the builder, and the line of a row.
    fn locate(&self, error: crate::Error) -> Error {
        let line = match error {
            crate::Error::UnnormalizedTransition { state, action, .. }
            | crate::Error::InvalidTransition { state, action, .. } => {
                self.transitions.line_of(state, action)
            }
            _ => None,
        };
        let error = Error::new(line.map_or(Place::File, Place::Line), error);
        match &self.path.0 {
            Some(path) => error.in_file(path),
            None => error,
        }
    }
}
