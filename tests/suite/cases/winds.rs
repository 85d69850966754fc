//! The windy gridworld of Sutton and Barto, *Reinforcement Learning*, example 6.5 and exercise 6.9.

use softmdp::{Direction, Gridworld, Moves, solve_stationary};

use super::check_stationary;

const WIND: [usize; 10] = [0, 0, 0, 1, 1, 1, 2, 2, 1, 0];
const MAP: &str = "
    ..........
    ..........
    ..........
    S......G..
    ..........
    ..........
    ..........
";

#[test]
fn the_shortest_paths_have_the_published_lengths() {
    for (moves, steps) in [(Moves::Four, 15.0), (Moves::Eight, 7.0), (Moves::Nine, 7.0)] {
        let grid =
            Gridworld::parse(MAP).unwrap().goal_reward(0.0).moves(moves).wind_by_column(Direction::Up, WIND);
        let mdp = grid.builder().temperature(0.0).build().unwrap();
        let start = grid.state_at(3, 0).unwrap();
        check_stationary(&mdp, &[(start, -steps)], 0.0);
        // The greedy policy goes there in as many steps.
        let greedy = solve_stationary(&mdp, 1e-9).unwrap().policy().greedy();
        let successors = grid.deterministic_mdp().unwrap();
        let (mut state, mut taken) = (start, 0.0);
        while !mdp.is_terminal(state) && taken < 100.0 {
            state = successors.dynamics().successors()[[state, greedy[state]]];
            taken += 1.0;
        }
        assert_eq!(taken, steps, "{moves:?}");
    }
}

/// From the right of the goal, a move to the left ends above the goal.
#[test]
fn the_wind_is_that_of_the_cell_which_the_agent_leaves() {
    let grid = Gridworld::parse(MAP).unwrap().wind_by_column(Direction::Up, WIND);
    assert_eq!(grid.trajectory(&[(3, 8), (2, 7)]).unwrap().actions(), [3]);
    assert!(grid.trajectory(&[(3, 8), (3, 7)]).is_err());
}
