//! Grids where moves go astray, with a corner that ends the walk or keeps it.

use softmdp::{Dynamics, Gridworld};

use super::World;

/// What happens in the corner, where nothing is paid any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// The walk is over. With a counting prior an agent of temperature 1 gains more by the entropy
    /// of its steps, log 4, than they cost, so that it stays away, and nothing but the discount
    /// ends the sum: the hardest case for value iteration.
    Terminal,
    /// Every move stays there, with its entropy. All values follow that of the corner, and soon
    /// differ from it by what they always will: an easy case for bounds by the span.
    Looping,
}

/// A square where a step costs 1 and goes astray to either side with probability 0.1 each; the
/// corner is state 0.
pub fn slippery(size: usize, corner: Corner, discount: f64) -> World {
    let mut map = format!("{}\n", ".".repeat(size)).repeat(size);
    map.replace_range(0..1, "G");
    let grid = Gridworld::parse(&map).expect("a map").slip(0.2).goal_reward(0.0);
    let walk = grid.mdp().expect("a valid model");
    let (shape, terminal) = ((walk.num_states(), walk.num_actions()), corner == Corner::Terminal);
    let kind = if terminal { "terminal" } else { "looping" };
    let name = format!("slippery {size}x{size}, {kind} corner");
    World::new(name, shape, terminal.then_some(0), discount, |state, action| {
        if state == 0 {
            return vec![(0, 1.0, 0.0)];
        }
        let mut row = vec![];
        walk.dynamics()
            .for_each_successor(state, action, &mut |next_state, p| row.push((next_state, p, -1.0)));
        row
    })
}
