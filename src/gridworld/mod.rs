//! Gridworlds: small models from text maps.

mod error;
mod map;
mod moves;
mod render;
mod rendering;
#[cfg(feature = "serde")]
mod serde_impls;

use ndarray::{Array1, Array2};

pub use error::Error;
pub use map::Cell;
pub use moves::{Direction, Moves};
pub use rendering::{ColorChoice, Rendering};

use crate::{DenseDynamics, DeterministicDynamics, Dynamics, Mdp, MdpBuilder, SparseDynamics};

/// A map of cells in which an agent moves, read from text.
///
/// | symbol | cell |
/// |---|---|
/// | `#` | wall |
/// | `.` or `F` | free |
/// | `S` | start; the initial distribution is uniform over all starts |
/// | `G` | goal, with value [`goal_reward`](Self::goal_reward) |
/// | `1` … `9` | goal, with a value of 1 to 9 reward units |
/// | `X` or `H` | trap, with value [`trap_reward`](Self::trap_reward) |
///
/// (`F` and `H` are the letters of FrozenLake maps.) States are the cells that are not walls,
/// counted row by row. Goals and traps are terminal states, and their value is a terminal value.
/// Each step from another state pays [`step_reward`](Self::step_reward). If a move leads into a
/// wall or off the map, the agent stays in its cell.
///
/// Actions are the directions of [`Moves`], clockwise from up.
///
/// The setters take plain values and cannot fail; [`mdp`](Self::mdp) and [`builder`](Self::builder)
/// check them.
///
/// # Example
///
/// ```
/// use softmdp::{ActionPrior, Gridworld, posterior};
///
/// let grid = Gridworld::parse(
///     "S.#G
///      ....",
/// )?;
/// let mdp = grid.mdp()?.with_action_prior(ActionPrior::Uniform)?;
/// let posterior = posterior(&mdp, &grid.initial(), 6)?;
/// println!("{}", grid.render_policy(&posterior.policy().at(0)?)?);
///
/// // A successful agent is below the wall at stage 3 with a probability above 1/2.
/// let below = grid.state_at(1, 2).unwrap();
/// assert!(posterior.state_marginals()[[3, below]] > 0.5);
/// assert_eq!(grid.state_at(0, 2), None); // the wall
/// # Ok::<(), softmdp::gridworld::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gridworld {
    cells: Vec<Cell>, // row by row
    width: usize,
    states: Vec<Option<usize>>,     // of each cell
    positions: Vec<(usize, usize)>, // [s]
    moves: Moves,
    goal_reward: f64,
    trap_reward: f64,
    step_reward: f64,
    slip: f64,
    wind: Option<(Direction, f64)>,
}

impl Gridworld {
    /// Reads a map, one line for each row. All rows have the same width. Blanks around a row and
    /// blank lines around the map are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyMap`] if every cell is a wall; [`Error::UnknownCell`]; [`Error::RaggedMap`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::gridworld::{Error, Gridworld};
    ///
    /// assert_eq!(Gridworld::parse("S.G")?.num_states(), 3);
    /// let error = Gridworld::parse("S?G").unwrap_err();
    /// assert_eq!(error, Error::UnknownCell { row: 0, column: 1, symbol: '?' });
    /// # Ok::<(), Error>(())
    /// ```
    pub fn parse(map: &str) -> Result<Self, Error> {
        let (cells, width) = map::parse(map)?;
        let mut positions = Vec::new();
        let mut states = vec![None; cells.len()];
        for (index, &cell) in cells.iter().enumerate() {
            if cell != Cell::Wall {
                states[index] = Some(positions.len());
                positions.push((index / width, index % width));
            }
        }
        Ok(Self {
            cells,
            width,
            states,
            positions,
            moves: Moves::Four,
            goal_reward: 10.0,
            trap_reward: -10.0,
            step_reward: -1.0,
            slip: 0.0,
            wind: None,
        })
    }

    /// Sets the moves that are actions; [`Moves::Four`] by default. A diagonal move may pass
    /// between two walls: only its target must not be a wall.
    #[must_use]
    pub fn moves(mut self, moves: Moves) -> Self {
        self.moves = moves;
        self
    }

    /// Sets the value of a `G`, in reward units; 10 by default.
    #[must_use]
    pub fn goal_reward(mut self, goal_reward: f64) -> Self {
        self.goal_reward = goal_reward;
        self
    }

    /// Sets the value of a trap, in reward units; −10 by default. With −∞, success excludes traps.
    #[must_use]
    pub fn trap_reward(mut self, trap_reward: f64) -> Self {
        self.trap_reward = trap_reward;
        self
    }

    /// Sets the reward of each step, in reward units; −1 by default.
    #[must_use]
    pub fn step_reward(mut self, step_reward: f64) -> Self {
        self.step_reward = step_reward;
        self
    }

    /// Sets the probability that a move slips to a neighbouring direction; 0 by default. Each side
    /// has half of this probability.
    ///
    /// FrozenLake has 2/3 with four moves.
    #[must_use]
    pub fn slip(mut self, slip: f64) -> Self {
        self.slip = slip;
        self
    }

    /// Sets a wind; none by default. After each move, the wind moves the agent by one cell with
    /// this probability. It does not move the agent into walls, or out of goals and traps.
    #[must_use]
    pub fn wind(mut self, direction: Direction, probability: f64) -> Self {
        self.wind = Some((direction, probability));
        self
    }

    /// Number of states: the cells that are not walls.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.positions.len()
    }

    /// Number of rows of the map.
    #[must_use]
    pub fn height(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Number of columns of the map.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The directions of the actions: action a moves in `directions()[a]`.
    #[must_use]
    pub fn directions(&self) -> &'static [Direction] {
        self.moves.directions()
    }

    /// The cell in a row and column; `None` outside the map.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<Cell> {
        self.index(row, column).map(|index| self.cells[index])
    }

    /// The state in a row and column; `None` for walls and outside the map.
    #[must_use]
    pub fn state_at(&self, row: usize, column: usize) -> Option<usize> {
        self.index(row, column).and_then(|index| self.states[index])
    }

    /// Row and column of a state; `None` if the state does not exist.
    #[must_use]
    pub fn position(&self, state: usize) -> Option<(usize, usize)> {
        self.positions.get(state).copied()
    }

    /// p₀, `[s]`: uniform over all `S`; without any `S`, over all cells that are not terminal.
    #[must_use]
    pub fn initial(&self) -> Array1<f64> {
        let share_of = |wanted: &dyn Fn(Cell) -> bool| {
            let weight = |state| f64::from(u8::from(wanted(self.cell_of(state))));
            let weights = Array1::from_shape_fn(self.num_states(), weight);
            let total = weights.sum();
            (total > 0.0).then(|| weights / total)
        };
        share_of(&|cell| cell == Cell::Start)
            .or_else(|| share_of(&|cell| !cell.is_terminal()))
            .or_else(|| share_of(&|_| true))
            .unwrap_or_default()
    }

    /// Builds the model with sparse dynamics. Options that a map does not set have their defaults.
    ///
    /// The default action prior counts actions. So each step adds an entropy of up to τ log 4 to
    /// the value, or τ log 8 with eight moves. This entropy delays the arrival at a goal. To avoid
    /// this, use `grid.mdp()?.with_action_prior(ActionPrior::Uniform)`.
    ///
    /// # Errors
    ///
    /// [`softmdp::Error::InvalidSetting`](crate::Error::InvalidSetting) if the probability of a
    /// slip or of wind is not in [0, 1];
    /// [`softmdp::Error::InvalidReward`](crate::Error::InvalidReward) and
    /// [`softmdp::Error::InvalidTerminalValue`](crate::Error::InvalidTerminalValue) for rewards
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
        let rewards = Array2::from_elem((self.num_states(), self.directions().len()), self.step_reward);
        let cells = || (0..self.num_states()).map(|state| self.cell_of(state));
        let terminal_values = cells().map(|cell| match cell {
            Cell::Goal => self.goal_reward,
            Cell::Prize(value) => f64::from(value),
            Cell::Trap => self.trap_reward,
            Cell::Wall | Cell::Free | Cell::Start => 0.0,
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

    fn check_options(&self) -> Result<(), crate::Error> {
        let wind_probability = self.wind.map_or(0.0, |(_, probability)| probability);
        for (setting, value) in [("slip", self.slip), ("wind", wind_probability)] {
            if !(0.0..=1.0).contains(&value) {
                let expected = "a probability in [0, 1]";
                return Err(crate::Error::InvalidSetting { setting, value, expected });
            }
        }
        Ok(())
    }

    /// The successors of a move and their probabilities; a cell may occur more than once.
    fn outcomes(&self, state: usize, action: usize) -> Vec<(usize, f64)> {
        let directions = self.directions();
        let turns = directions.len();
        let mut outcomes = Vec::with_capacity(6);
        let astray = 0.5 * self.slip;
        for (turn, p) in [(0, 1.0 - self.slip), (1, astray), (turns - 1, astray)] {
            let moved = self.neighbour(state, directions[(action + turn) % turns]);
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

    /// Index of a cell of the map.
    fn index(&self, row: usize, column: usize) -> Option<usize> {
        (row < self.height() && column < self.width).then(|| row * self.width + column)
    }

    pub(super) fn cell_of(&self, state: usize) -> Cell {
        let (row, column) = self.positions[state];
        self.cells[row * self.width + column]
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
