//! Taxi-v3 of Gymnasium 1.2.3, built from its description: T. G. Dietterich, *Hierarchical
//! Reinforcement Learning with the MAXQ Value Function Decomposition*, J. Artif. Intell. Res. 13
//! (2000), 227–303.

use super::World;

/// Walls between a cell and the one to its right, by row and column.
const WALLS: [(usize, usize); 6] = [(0, 1), (1, 1), (3, 0), (4, 0), (3, 2), (4, 2)];
/// Where passengers wait and want to go.
const STANDS: [(usize, usize); 4] = [(0, 0), (0, 4), (4, 0), (4, 3)];
const IN_TAXI: usize = 4;

/// A taxi on 5 × 5 cells: it moves down, up, right or left (0 to 3), takes its passenger up (4) and
/// sets him down (5).
///
/// A step costs 1, taking up or setting down at the wrong place 10; setting down at the destination
/// pays 20 and ends the episode. States are ((row · 5 + column) · 5 + passenger) · 4 + destination,
/// and after those 500 the four ends, by destination.
pub fn taxi(discount: f64) -> World {
    World::new("Taxi", (504, 6), 500..504, discount, |state, action| {
        let (destination, passenger) = (state % 4, state / 4 % 5);
        let (row, column) = (state / 100, state / 20 % 5);
        let at = |row: usize, column: usize, passenger: usize| {
            ((row * 5 + column) * 5 + passenger) * 4 + destination
        };
        let here = STANDS.iter().position(|&stand| stand == (row, column));
        let walled = |column: usize| WALLS.contains(&(row, column));
        let (next_state, reward) = match action {
            0 => (at((row + 1).min(4), column, passenger), -1.0),
            1 => (at(row.saturating_sub(1), column, passenger), -1.0),
            2 if column < 4 && !walled(column) => (at(row, column + 1, passenger), -1.0),
            3 if column > 0 && !walled(column - 1) => (at(row, column - 1, passenger), -1.0),
            2 | 3 => (state, -1.0),
            4 if here == Some(passenger) => (at(row, column, IN_TAXI), -1.0),
            5 if passenger == IN_TAXI && here == Some(destination) => (500 + destination, 20.0),
            // At another stand the passenger gets out, and waits there.
            5 if passenger == IN_TAXI && here.is_some() => (at(row, column, here.unwrap_or(0)), -1.0),
            _ => (state, -10.0),
        };
        [(next_state, 1.0, reward)]
    })
}
