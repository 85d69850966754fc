//! The model of a map: its dynamics, rewards and terminal states.

use ndarray::Array2;

use super::{Cell, Direction, Gridworld};
use crate::{DenseDynamics, DeterministicDynamics, Dynamics, Mdp, MdpBuilder, SparseDynamics, Table};

impl Gridworld {
    /// Builds the model with sparse dynamics. Options that a map does not set have their defaults.
    /// For a model in `f32`, [`cast`](Mdp::cast) it: `grid.mdp()?.cast::<f32>()?`.
    ///
    /// The default action prior counts actions. So each step adds an entropy of up to τ log A to
    /// the value: τ log 4 with four moves. This entropy delays the arrival at a goal. To avoid
    /// this, use `grid.mdp()?.with_action_prior(ActionPrior::Uniform)`.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) if the probability of a
    /// slip or of wind is not in [0, 1];
    /// [`softmdp::Error::ShapeMismatch`](crate::Error::ShapeMismatch) if the wind by column is for
    /// another number of columns; [`softmdp::Error::InvalidReward`](crate::Error::InvalidReward)
    /// and [`softmdp::Error::InvalidTerminalValue`](crate::Error::InvalidTerminalValue) for rewards
    /// that are NaN or +∞.
    pub fn mdp(&self) -> Result<Mdp<f64, SparseDynamics<f64>>, crate::Error> {
        self.builder().build()
    }

    /// Builds the model of [`mdp`](Self::mdp) with dense dynamics.
    ///
    /// # Errors
    ///
    /// Those of [`mdp`](Self::mdp); [`softmdp::Error::TooLarge`](crate::Error::TooLarge).
    pub fn dense_mdp(&self) -> Result<Mdp, crate::Error> {
        self.configure(self.dynamics().and_then(|sparse| DenseDynamics::from_dynamics(&sparse))).build()
    }

    /// Builds the model of [`mdp`](Self::mdp) with deterministic dynamics, in a fifth of the
    /// memory.
    ///
    /// # Errors
    ///
    /// Those of [`mdp`](Self::mdp);
    /// [`softmdp::Error::NotDeterministic`](crate::Error::NotDeterministic) for the first move with
    /// several successors, because of slip or wind.
    pub fn deterministic_mdp(&self) -> Result<Mdp<f64, DeterministicDynamics>, crate::Error> {
        let dynamics = self.check_options().and_then(|()| self.successors());
        self.configure(dynamics).build()
    }

    /// Returns a builder of the model of [`mdp`](Self::mdp), to set temperature, discount and
    /// prior.
    ///
    /// [`build`](MdpBuilder::build) returns the errors of [`mdp`](Self::mdp).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{ActionPrior, Gridworld};
    ///
    /// let mdp = Gridworld::parse("S..G")?
    ///     .slip(0.1)
    ///     .builder()
    ///     .action_prior(ActionPrior::Uniform)
    ///     .temperature(0.5)
    ///     .build()?;
    /// assert_eq!(mdp.num_actions(), 4);
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    #[must_use]
    pub fn builder(&self) -> MdpBuilder<f64, SparseDynamics<f64>> {
        self.configure(self.dynamics())
    }

    /// A builder with the rewards, terminal states and terminal values of the map.
    fn configure<D: Dynamics<Scalar = f64>>(&self, dynamics: Result<D, crate::Error>) -> MdpBuilder<f64, D> {
        let shape = (self.num_states(), self.directions().len());
        let rewards = Array2::from_shape_fn(shape, |(state, _)| match self.cell_of(state) {
            Cell::Reward(reward) => reward,
            _ => self.step_reward,
        });
        let cells = || (0..self.num_states()).map(|state| self.cell_of(state));
        let terminal_values = cells().map(|cell| match cell {
            Cell::Goal(value) | Cell::Trap(value) => value,
            Cell::Wall | Cell::Free | Cell::Start | Cell::Reward(_) => 0.0,
        });
        MdpBuilder::new(dynamics, rewards).terminal_values(terminal_values.collect()).terminal_states(
            cells().enumerate().filter(|(_, cell)| cell.is_terminal()).map(|(state, _)| state),
        )
    }

    /// P(s'∣s,a) of the map. Rows of terminal states are empty.
    fn dynamics(&self) -> Result<SparseDynamics<f64>, crate::Error> {
        self.check_options()?;
        SparseDynamics::from_fn(self.num_states(), self.directions().len(), |state, action| {
            if self.cell_of(state).is_terminal() { vec![] } else { self.outcomes(state, action) }
        })
    }

    /// The successor of each move. Terminal states have themselves as successors.
    fn successors(&self) -> Result<DeterministicDynamics, crate::Error> {
        let mut result = Ok(());
        let dynamics =
            DeterministicDynamics::from_fn(self.num_states(), self.directions().len(), |state, action| {
                if self.cell_of(state).is_terminal() {
                    return state;
                }
                let mut possible = self.outcomes(state, action).into_iter().filter(|(_, p)| *p > 0.0);
                let first = possible.next().map_or(state, |(next_state, _)| next_state);
                if possible.any(|(next_state, _)| next_state != first) && result.is_ok() {
                    result = Err(crate::Error::NotDeterministic { state, action });
                }
                first
            })?;
        result.map(|()| dynamics)
    }

    /// Checks slip and winds.
    pub(super) fn check_options(&self) -> Result<(), crate::Error> {
        let wind_probability = self.wind.map_or(0.0, |(_, probability)| probability);
        for (setting, value) in [("slip", self.slip), ("wind", wind_probability)] {
            if !(0.0..=1.0).contains(&value) {
                let expected = "a probability in [0, 1]";
                return Err(crate::Error::InvalidSetting { setting, value, expected });
            }
        }
        let columns = self.column_wind.as_ref().map_or(self.width(), |(_, cells)| cells.len());
        if columns != self.width() {
            let (found, expected) = (vec![columns], vec![self.width()]);
            return Err(crate::Error::ShapeMismatch { table: Table::Wind, found, expected });
        }
        Ok(())
    }

    /// The successors of a move and their probabilities; a cell may occur more than once.
    pub(super) fn outcomes(&self, state: usize, action: usize) -> Vec<(usize, f64)> {
        let (direction, turn) = (self.directions()[action], self.moves.turn());
        let mut outcomes = Vec::with_capacity(6);
        let astray = 0.5 * self.slip;
        for (eighths, p) in [(0, 1.0 - self.slip), (turn, astray), (8 - turn, astray)] {
            let moved = self.moved(state, direction.turned(eighths));
            match self.wind {
                Some((direction, wind)) if !self.cell_of(moved).is_terminal() => {
                    outcomes.push((moved, p * (1.0 - wind)));
                    outcomes.push((self.neighbour(moved, direction), p * wind));
                }
                _ => outcomes.push((moved, p)),
            }
        }
        outcomes
    }

    /// The state after a move and the steady wind.
    pub(super) fn moved(&self, state: usize, direction: Direction) -> usize {
        let moved = self.neighbour(state, direction);
        let Some((wind, cells)) = &self.column_wind else { return moved };
        let (_, column) = self.positions[state];
        let mut carried = moved;
        for _ in 0..cells[column] {
            let next = self.neighbour(carried, *wind);
            if next == carried {
                break; // a wall or the edge of the map
            }
            carried = next;
        }
        carried
    }

    /// The state after a step: the neighbour, or the same state at a wall or at the edge of the
    /// map.
    fn neighbour(&self, state: usize, direction: Direction) -> usize {
        let (row, column) = self.positions[state];
        let (down, right) = direction.offset();
        (row.checked_add_signed(down).zip(column.checked_add_signed(right)))
            .and_then(|(row, column)| self.state_at(row, column))
            .unwrap_or(state)
    }
}
