//! FrozenLake-v1 and CliffWalking-v1 of Gymnasium 1.4.0, built from their descriptions.

use super::World;

pub const SMALL: [&str; 4] = ["SFFF", "FHFH", "FFFH", "HFFG"];
pub const LARGE: [&str; 8] =
    ["SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"];

/// A frozen lake: a step goes where it should one time in three, and to either side otherwise; the
/// goal pays 1 and ends the walk, as a hole does for nothing. Moves are left, down, right, up.
pub fn frozen_lake(size: usize, discount: f64) -> World {
    let map: &[&str] = if size == 4 { &SMALL } else { &LARGE };
    let cell = |state: usize| map[state / size].as_bytes()[state % size];
    let terminal = (0..size * size).filter(|&state| matches!(cell(state), b'H' | b'G'));
    let name = format!("FrozenLake {size}x{size}");
    World::new(name, (size * size, 4), terminal, discount, |state, action| {
        [action + 3, action, action + 1].map(|direction| {
            let next_state = step((size, size), state, direction % 4);
            (next_state, 1.0 / 3.0, f64::from(u8::from(cell(next_state) == b'G')))
        })
    })
}

/// A walk along a cliff of 4 × 12 cells, from the lower left corner to the lower right one, where
/// it ends. A step costs 1, one off the cliff between the corners 100, and leads back to the start.
/// Moves are up, right, down, left.
pub fn cliff_walking(discount: f64) -> World {
    World::new("CliffWalking", (48, 4), [CLIFF_GOAL], discount, |state, action| {
        let (next_state, reward) = along_the_cliff(state, [3, 2, 1, 0][action]);
        [(next_state, 1.0, reward)]
    })
}

/// The walk of [`cliff_walking`] on ice: a step goes where it should one time in three, and to
/// either side otherwise.
pub fn slippery_cliff_walking(discount: f64) -> World {
    World::new("slippery CliffWalking", (48, 4), [CLIFF_GOAL], discount, |state, action| {
        let direction = [3, 2, 1, 0][action];
        [direction + 3, direction, direction + 1].map(|direction| {
            let (next_state, reward) = along_the_cliff(state, direction % 4);
            (next_state, 1.0 / 3.0, reward)
        })
    })
}

const CLIFF_GOAL: usize = 47;

/// Successor and reward of a step along the cliff.
fn along_the_cliff(state: usize, direction: usize) -> (usize, f64) {
    const START: usize = 36;
    let next_state = step((4, 12), state, direction);
    if (START + 1..CLIFF_GOAL).contains(&next_state) { (START, -100.0) } else { (next_state, -1.0) }
}

/// Left, down, right or up, unless that leads off the map.
fn step((height, width): (usize, usize), state: usize, direction: usize) -> usize {
    let (row, column) = (state / width, state % width);
    let (row, column) = match direction {
        0 => (row, column.saturating_sub(1)),
        1 => ((row + 1).min(height - 1), column),
        2 => (row, (column + 1).min(width - 1)),
        _ => (row.saturating_sub(1), column),
    };
    row * width + column
}
