//! Layouts: the position of each state, and the direction of each action.

use ndarray::ArrayRef2;

use super::checks::{FINITE, numbers};
use super::error::Error;
use crate::{Cell, Dynamics, Gridworld, Real, Table, arrays};

/// The position of each state in a picture, and the direction of each action.
///
/// A [`Gridworld`] converts into its layout: cells with row 0 at the top, terminal cells and moves.
/// For any other model, [`StateLayout::points`] takes a point for each state, with y upwards.
///
/// # Example
///
/// ```
/// use softmdp::ndarray::array;
/// use softmdp::plot::{StateLayout, StateMap};
/// use softmdp::{Inference, Mdp, soft_value_iteration};
///
/// // Three stops on a ring road. The actions move in both directions.
/// let around = array![
///     [[0., 1., 0.], [0., 0., 1.]],
///     [[0., 0., 1.], [1., 0., 0.]],
///     [[1., 0., 0.], [0., 1., 0.]],
/// ];
/// let mdp = Mdp::new(around, array![[0., 0.], [0., 0.], [1., 1.]])?;
/// let stops = StateLayout::points(&array![[0.0, 0.0], [1.0, 0.0], [0.5, 0.8]])?
///     .with_moves_of(mdp.dynamics())?;
///
/// let solution = soft_value_iteration(&mdp, 5)?;
/// let figure = StateMap::values(stops, &solution.state_values().row(0), Inference::Direct)?
///     .with_policy(&solution.policy_at(0)?)?
///     .figure();
/// assert!(figure.to_svg().contains("<circle"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StateLayout {
    points: Vec<(f64, f64)>, // [s]; of a grid: column and row
    grid: Option<Grid>,
    terminal: Vec<bool>, // [s]
    moves: Moves,
    axes: (String, String),
}

/// The cells of a map and their symbols, walls included, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) cells: Vec<(Cell, char)>,
}

/// Directions on the page: right and down.
#[derive(Debug, Clone, PartialEq)]
enum Moves {
    Unknown,
    Actions(Vec<(f64, f64)>),      // [a]
    Pairs(usize, Vec<(f64, f64)>), // A, and [s, a]
}

impl From<&Gridworld> for StateLayout {
    fn from(grid: &Gridworld) -> Self {
        let positions = (0..grid.num_states()).filter_map(|state| grid.position(state));
        let points: Vec<(f64, f64)> = positions.map(|(row, column)| (column as f64, row as f64)).collect();
        let places = (0..grid.height() * grid.width()).map(|i| (i / grid.width(), i % grid.width()));
        let cells: Vec<(Cell, char)> =
            places.filter_map(|(row, column)| grid.cell(row, column).zip(grid.symbol(row, column))).collect();
        let states = cells.iter().filter(|(cell, _)| *cell != Cell::Wall);
        let terminal = states.map(|(cell, _)| cell.is_terminal()).collect();
        let moves = grid.directions().iter().map(|direction| {
            let (down, right) = direction.offset();
            unit((right as f64, down as f64))
        });
        Self {
            points,
            terminal,
            moves: Moves::Actions(moves.collect()),
            axes: ("column".to_string(), "row".to_string()),
            grid: Some(Grid { width: grid.width(), cells }),
        }
    }
}

impl StateLayout {
    /// Puts state s at the point (`coordinates[[s, 0]]`, `coordinates[[s, 1]]`), with y upwards.
    ///
    /// Both axes have the same scale, unless one side of the picture would be more than four times
    /// as long as the other.
    ///
    /// # Shapes
    ///
    /// `coordinates` `[s, 2]`.
    ///
    /// # Errors
    ///
    /// [`EmptyModel`](crate::Error::EmptyModel) without a state,
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch) unless there are two columns, and
    /// [`Error::InvalidCoordinate`] for NaN and ±∞.
    pub fn points<F: Real>(coordinates: &ArrayRef2<F>) -> Result<Self, Error> {
        let (num_states, columns) = coordinates.dim();
        let table = Table::Coordinates;
        if num_states == 0 {
            return Err(crate::Error::EmptyModel { table, shape: vec![num_states, columns] }.into());
        }
        arrays::check_shape(table, coordinates.shape(), &[num_states, 2])?;
        if let Some(((state, axis), value)) = coordinates.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            return Err(Error::InvalidCoordinate { state, axis, value: value.into_f64() });
        }
        let points = coordinates.rows().into_iter().map(|row| (row[0].into_f64(), row[1].into_f64()));
        Ok(Self {
            points: points.collect(),
            terminal: vec![false; num_states],
            moves: Moves::Unknown,
            axes: ("x".to_string(), "y".to_string()),
            grid: None,
        })
    }

    /// Names the axes. The default is `column` and `row` for a gridworld, `x` and `y` for points.
    #[must_use]
    pub fn axes(mut self, x: impl Into<String>, y: impl Into<String>) -> Self {
        self.axes = (x.into(), y.into());
        self
    }

    /// Marks states as terminal. The layout of a gridworld already marks its terminal cells.
    ///
    /// # Errors
    ///
    /// [`StateOutOfRange`](crate::Error::StateOutOfRange).
    pub fn with_terminal_states(mut self, states: impl IntoIterator<Item = usize>) -> Result<Self, Error> {
        let num_states = self.num_states();
        for state in states {
            let table = Table::TerminalStates;
            let terminal = self.terminal.get_mut(state);
            *terminal.ok_or(crate::Error::StateOutOfRange { table, state, num_states })? = true;
        }
        Ok(self)
    }

    /// Sets one direction for each action, the same in every state; (0, 0) stays.
    ///
    /// # Shapes
    ///
    /// `directions` `[a, 2]`, x and y. Only the direction counts, not the length.
    ///
    /// # Errors
    ///
    /// [`EmptyModel`](crate::Error::EmptyModel) without an action,
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch) unless there are two columns, and
    /// [`InvalidEntry`](crate::Error::InvalidEntry) for NaN and ±∞.
    pub fn with_moves<F: Real>(mut self, directions: &ArrayRef2<F>) -> Result<Self, Error> {
        let table = Table::Directions;
        if directions.nrows() == 0 {
            return Err(crate::Error::EmptyModel { table, shape: directions.shape().to_vec() }.into());
        }
        let directions = numbers(table, directions, &[directions.nrows(), 2], FINITE)?;
        let rows = directions.chunks(2).map(|row| unit((row[0], self.downwards(row[1]))));
        self.moves = Moves::Actions(rows.collect());
        Ok(self)
    }

    /// Sets the direction of each action of each state to that of its mean successor.
    ///
    /// # Errors
    ///
    /// [`ShapeMismatch`](crate::Error::ShapeMismatch) for dynamics with another number of states,
    /// and [`EmptyModel`](crate::Error::EmptyModel) without an action.
    ///
    /// # Complexity
    ///
    /// One pass over the dynamics, memory O(S·A).
    pub fn with_moves_of<D: Dynamics + ?Sized>(mut self, dynamics: &D) -> Result<Self, Error> {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        if num_actions == 0 {
            let shape = vec![num_states, num_actions, num_states];
            return Err(crate::Error::EmptyModel { table: Table::Transitions, shape }.into());
        }
        arrays::check_shape(Table::Coordinates, &[self.num_states(), 2], &[num_states, 2])?;
        if dynamics.share().is_some() {
            let message = "the moves of dynamics that a team of processes shares cannot be drawn: their successors \
                           are places of one process";
            return Err(crate::Error::Team { message: message.into() }.into());
        }
        let mut moves = Vec::with_capacity(num_states * num_actions);
        for (state, &(x, y)) in self.points.iter().enumerate() {
            for action in 0..num_actions {
                let (mut mean, mut way) = ((0.0, 0.0), 0.0_f64);
                dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    let (next_x, next_y) = self.points[next_state];
                    let (right, up) = (p.into_f64() * (next_x - x), p.into_f64() * (next_y - y));
                    mean = (mean.0 + right, mean.1 + up);
                    way += right.abs() + up.abs();
                });
                // A mean that is only rounding error is no direction.
                if mean.0.abs() + mean.1.abs() <= 1e-9 * way {
                    mean = (0.0, 0.0);
                }
                moves.push(unit((mean.0, self.downwards(mean.1))));
            }
        }
        self.moves = Moves::Pairs(num_actions, moves);
        Ok(self)
    }

    /// Number of states.
    #[must_use]
    pub fn num_states(&self) -> usize {
        self.points.len()
    }

    /// Converts a y to a distance downwards on the page. Rows count downwards already.
    fn downwards(&self, y: f64) -> f64 {
        if self.grid.is_some() { y } else { -y }
    }

    pub(super) fn positions(&self) -> &[(f64, f64)] {
        &self.points
    }

    pub(super) fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    pub(super) fn is_terminal(&self, state: usize) -> bool {
        self.terminal[state]
    }

    pub(super) fn axis_names(&self) -> (&str, &str) {
        (&self.axes.0, &self.axes.1)
    }

    /// Direction of an action on the page, right and down. Its length is 1, or 0 for an action that
    /// stays.
    pub(super) fn direction(&self, state: usize, action: usize) -> (f64, f64) {
        match &self.moves {
            Moves::Unknown => (0.0, 0.0),
            Moves::Actions(moves) => moves[action],
            Moves::Pairs(num_actions, moves) => moves[state * num_actions + action],
        }
    }

    /// Number of actions. [`Error::NoDirections`] if the layout has no directions.
    pub(super) fn num_actions(&self) -> Result<usize, Error> {
        match &self.moves {
            Moves::Unknown => Err(Error::NoDirections),
            Moves::Actions(moves) => Ok(moves.len()),
            Moves::Pairs(num_actions, _) => Ok(*num_actions),
        }
    }
}

/// A direction, scaled to length 1. (0, 0) stays (0, 0).
fn unit((x, y): (f64, f64)) -> (f64, f64) {
    // First division by the larger component, because squares can overflow or underflow.
    let largest = x.abs().max(y.abs());
    if !(largest > 0.0 && largest.is_finite()) {
        return (0.0, 0.0);
    }
    let (x, y) = (x / largest, y / largest);
    let length = x.hypot(y);
    (x / length, y / length)
}
