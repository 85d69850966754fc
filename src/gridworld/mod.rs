//! Gridworlds: small models from text maps.

mod cell;
mod error;
mod map;
mod model;
mod moves;
mod render;
mod rendering;
#[cfg(feature = "serde")]
mod serde_impls;
mod trajectory;

use ndarray::Array1;

pub use cell::Cell;
pub use error::Error;
pub use moves::{Direction, Moves};
pub use rendering::{ColorChoice, Rendering};

use map::Map;

/// A map of cells in which an agent moves, read from text.
///
/// | symbol | cell |
/// |---|---|
/// | `#` | wall |
/// | `.`, `F` or a blank | free |
/// | `S` | start; the initial distribution is uniform over all starts |
/// | `G` | goal, with value [`goal_reward`](Self::goal_reward) |
/// | `1` … `9` | goal, with a value of 1 to 9 reward units |
/// | `X` or `H` | trap, with value [`trap_reward`](Self::trap_reward) |
///
/// (`F` and `H` are the letters of FrozenLake maps.) For other symbols, values and rewards, pass a
/// legend to [`parse_with`](Self::parse_with).
///
/// States are the cells that are not walls, counted row by row. Goals and traps are terminal
/// states, and their value is a terminal value. Each step from another state pays
/// [`step_reward`](Self::step_reward), or the reward of the cell where it starts. If a move leads
/// into a wall or off the map, the agent stays in its cell.
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
///     "
///     S.#G
///     ....
///     ",
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
    map: Map,
    states: Vec<Option<usize>>,     // of each cell, row by row
    positions: Vec<(usize, usize)>, // [s]
    moves: Moves,
    step_reward: f64,
    slip: f64,
    wind: Option<(Direction, f64)>,
    column_wind: Option<(Direction, Vec<usize>)>, // cells, of each column
}

impl Gridworld {
    /// Reads a map, one line for each row. All rows have the same width.
    ///
    /// A blank is a free cell, also at the start and at the end of a row, and a line of blanks is a
    /// row. A tab is an error. Empty lines before and after the map are ignored, and so is a
    /// byte-order mark. Editors may remove blanks at the ends of lines: write `.` there.
    ///
    /// If the text starts with a line break, it is an indented string literal: the blanks and tabs
    /// that start all of its rows are ignored. To keep a free first column in such a text, write
    /// `.` for one of its cells.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyMap`] if every cell is a wall, or the text has only blanks;
    /// [`Error::UnknownCell`]; [`Error::RaggedMap`].
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::gridworld::{Error, Gridworld};
    ///
    /// assert_eq!(Gridworld::parse("S.G")?.num_states(), 3);
    /// assert_eq!(Gridworld::parse(" G\nS ")?.num_states(), 4);
    /// let indented = "
    ///     .G
    ///     S.
    /// ";
    /// assert_eq!(Gridworld::parse(indented)?, Gridworld::parse(" G\nS ")?);
    ///
    /// let error = Gridworld::parse("S?G").unwrap_err();
    /// assert_eq!(error, Error::UnknownCell { row: 0, column: 1, symbol: '?' });
    /// # Ok::<(), Error>(())
    /// ```
    pub fn parse(map: &str) -> Result<Self, Error> {
        Self::parse_with(map, &[])
    }

    /// Reads a map with a legend, which gives a kind of cell to any symbol.
    ///
    /// The legend comes first. Symbols that it does not name keep the meaning that they have for
    /// [`parse`](Self::parse), which also describes the treatment of blanks.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse); [`Error::InvalidSymbol`], [`Error::RepeatedSymbol`] and
    /// [`Error::InvalidWorth`] for an entry of the legend.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Cell, Gridworld};
    ///
    /// let legend = [('g', Cell::Goal(10.0)), ('x', Cell::Trap(-100.0)), ('~', Cell::Reward(-3.0))];
    /// let map = "
    ///     .~~g
    ///     S..x
    /// ";
    /// let grid = Gridworld::parse_with(map, &legend)?;
    /// let mdp = grid.mdp()?;
    /// let water = grid.state_at(0, 1).unwrap();
    /// assert_eq!(mdp.rewards()[[water, 0]], -3.0); // a step from here
    /// assert_eq!(mdp.terminal_values()[grid.state_at(1, 3).unwrap()], -100.0);
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    pub fn parse_with(map: &str, legend: &[(char, Cell)]) -> Result<Self, Error> {
        let map = Map::parse(map, legend)?;
        let (states, positions) = number_states(&map);
        Ok(Self {
            map,
            states,
            positions,
            moves: Moves::Four,
            step_reward: -1.0,
            slip: 0.0,
            wind: None,
            column_wind: None,
        })
    }

    /// Writes a goal `G` into a cell. Other goals stay, and states keep their numbers.
    ///
    /// # Errors
    ///
    /// [`Error::NoState`] for a wall or a place outside the map.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::Gridworld;
    ///
    /// let room = Gridworld::parse("S..\n...")?;
    /// let grid = room.clone().goal_at(1, 2)?.goal_reward(5.0);
    /// assert_eq!(grid.mdp()?.terminal_values()[5], 5.0);
    /// assert!(room.goal_at(2, 1).is_err()); // row 2 does not exist
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    pub fn goal_at(mut self, row: usize, column: usize) -> Result<Self, Error> {
        let state = self.state_at(row, column).ok_or(Error::NoState { row, column })?;
        self.map.write(self.index_of(state), 'G');
        // A legend can make `G` a wall.
        (self.states, self.positions) = number_states(&self.map);
        Ok(self)
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
        self.map.set_worth('G', goal_reward);
        self
    }

    /// Sets the value of `X` and `H`, in reward units; −10 by default. With −∞, success excludes
    /// traps.
    #[must_use]
    pub fn trap_reward(mut self, trap_reward: f64) -> Self {
        self.map.set_worth('X', trap_reward);
        self.map.set_worth('H', trap_reward);
        self
    }

    /// Sets the reward of each step, in reward units; −1 by default. Cells of the kind
    /// [`Cell::Reward`] have their own.
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

    /// Sets a random wind; none by default. After each move, the wind moves the agent by one cell
    /// with this probability. It does not move the agent into walls, or out of goals and traps.
    #[must_use]
    pub fn wind(mut self, direction: Direction, probability: f64) -> Self {
        self.wind = Some((direction, probability));
        self
    }

    /// Sets a steady wind, as a number of cells for each column; none by default. `cells` has one
    /// number for each column of the map.
    ///
    /// After each move, the wind moves the agent by the number of the column where the move
    /// started. It stops at walls and at the edge of the map, and carries the agent across goals
    /// and traps. This is the windy gridworld of Sutton and Barto, *Reinforcement Learning*,
    /// example 6.5. The random wind of [`wind`](Self::wind) follows after the steady one.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Direction, Gridworld};
    ///
    /// let grid = Gridworld::parse("...\n...\nS.G")?.wind_by_column(Direction::Up, [0, 2, 0]);
    /// let mdp = grid.deterministic_mdp()?;
    /// // To the right from row 2, column 1: the wind of column 1 carries the agent to row 0.
    /// let (from, right) = (grid.state_at(2, 1).unwrap(), 1);
    /// let next_state = mdp.dynamics().successors()[[from, right]];
    /// assert_eq!(grid.position(next_state), Some((0, 2)));
    /// # Ok::<(), softmdp::gridworld::Error>(())
    /// ```
    #[must_use]
    pub fn wind_by_column(mut self, direction: Direction, cells: impl Into<Vec<usize>>) -> Self {
        self.column_wind = Some((direction, cells.into()));
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
        self.map.height()
    }

    /// Number of columns of the map.
    #[must_use]
    pub fn width(&self) -> usize {
        self.map.width()
    }

    /// The directions of the actions: action a moves in `directions()[a]`.
    #[must_use]
    pub fn directions(&self) -> &'static [Direction] {
        self.moves.directions()
    }

    /// The cell in a row and column; `None` outside the map.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<Cell> {
        self.map.index(row, column).map(|index| self.map.cell(index))
    }

    /// The symbol in a row and column; `None` outside the map. Free blanks are `.`.
    #[must_use]
    pub fn symbol(&self, row: usize, column: usize) -> Option<char> {
        self.map.index(row, column).map(|index| self.map.symbol(index))
    }

    /// The state in a row and column; `None` for walls and outside the map.
    #[must_use]
    pub fn state_at(&self, row: usize, column: usize) -> Option<usize> {
        self.map.index(row, column).and_then(|index| self.states[index])
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

    /// The place of a state in the map.
    fn index_of(&self, state: usize) -> usize {
        let (row, column) = self.positions[state];
        row * self.width() + column
    }

    fn cell_of(&self, state: usize) -> Cell {
        self.map.cell(self.index_of(state))
    }
}

/// The state of each cell, row by row, and row and column of each state.
fn number_states(map: &Map) -> (Vec<Option<usize>>, Vec<(usize, usize)>) {
    let (mut states, mut positions) = (Vec::new(), Vec::new());
    for (index, cell) in map.cells().enumerate() {
        states.push((cell != Cell::Wall).then_some(positions.len()));
        if cell != Cell::Wall {
            positions.push((index / map.width(), index % map.width()));
        }
    }
    (states, positions)
}
