//! Trajectories from cells.

use softmdp::gridworld::Error;
use softmdp::ndarray::Array3;
use softmdp::{Direction, Gridworld, Moves, Policy, Table, posterior};

#[test]
fn moves_lead_from_cell_to_cell() {
    let grid = Gridworld::parse("S.#\n..G").unwrap();
    let trajectory = grid.trajectory(&[(0, 0), (1, 0), (1, 0), (0, 0), (0, 1), (1, 1), (1, 2)]).unwrap();
    assert_eq!(trajectory.states(), [0, 2, 2, 0, 1, 3, 4]);
    // Down, against the lower edge (the first such move is down), up, right, down, right.
    assert_eq!(trajectory.actions(), [2, 2, 0, 1, 2, 1]);
    let eight = grid.clone().moves(Moves::Eight);
    assert_eq!(eight.trajectory(&[(0, 0), (1, 1), (0, 1)]).unwrap().actions(), [3, 0]);
    // Staying comes before a move against a wall.
    for (moves, stay) in [(Moves::Five, 4), (Moves::Nine, 8)] {
        let grid = grid.clone().moves(moves).slip(0.2);
        assert_eq!(grid.trajectory(&[(0, 0), (0, 0), (0, 1)]).unwrap().actions()[0], stay);
    }
    assert_eq!(grid.trajectory(&[(1, 2)]).unwrap().states(), [4]);
}

/// A slip goes astray more often than it goes where it should, but the move is still the one that
/// a person names.
#[test]
fn the_move_that_is_meant_comes_before_chance() {
    let lake = Gridworld::parse("...\n.S.\n...").unwrap().slip(0.9);
    let around = [(1, 1), (0, 1), (0, 2), (1, 2), (1, 1)];
    assert_eq!(lake.trajectory(&around).unwrap().actions(), [0, 1, 2, 3]);
    // No move means to go here: the wind does it. Right and then up is likelier than any slip.
    let windy = Gridworld::parse("...\n.S.\n...").unwrap().slip(0.2).wind(Direction::Up, 0.5);
    assert_eq!(windy.trajectory(&[(1, 1), (0, 2)]).unwrap().actions(), [1]);
    // Up by one is meant by up; up by two is only done by up and wind.
    assert_eq!(windy.trajectory(&[(2, 1), (0, 1)]).unwrap().actions(), [0]);
    // What never goes straight must slip: 1/2 to either side, and up is the first that slips right.
    let slippery = Gridworld::parse("...\n.S.\n...").unwrap().slip(1.0);
    assert_eq!(slippery.trajectory(&[(1, 1), (1, 2)]).unwrap().actions(), [0]);
}

#[test]
fn a_steady_wind_is_part_of_the_move() {
    let grid = Gridworld::parse("...\n...\nS..").unwrap().wind_by_column(Direction::Up, [1, 1, 0]);
    // Right, and one up; right, and one up.
    assert_eq!(grid.trajectory(&[(2, 0), (1, 1), (0, 2)]).unwrap().actions(), [1, 1]);
    assert_eq!(
        grid.trajectory(&[(2, 0), (2, 1)]).unwrap_err(),
        Error::NoStep { stage: 0, from: (2, 0), to: (2, 1) }
    );
}

/// Each step has a positive probability, by the score of the policy that takes all moves alike.
#[test]
fn trajectories_are_possible() {
    let grid = Gridworld::parse("S..\n.#.\n..G").unwrap().slip(0.3).moves(Moves::Nine);
    let mdp = grid.mdp().unwrap();
    let cells = [(0, 0), (0, 1), (0, 1), (1, 2), (2, 2)];
    let trajectory = grid.trajectory(&cells).unwrap();
    let policy = Policy::new(Array3::from_elem((4, 8, 9), 1.0 / 9.0)).unwrap();
    let log = policy.log_probability(&mdp, &grid.initial(), &trajectory).unwrap();
    // Right 0.7, stay 1, down-right 0.7, down 0.7.
    let expected = 4.0 * (1.0_f64 / 9.0).ln() + 3.0 * 0.7_f64.ln();
    assert!((log - expected).abs() < 1e-12, "{log}");
    let posterior = posterior(&mdp, &grid.initial(), 4).unwrap();
    assert!(posterior.log_probability(&mdp, &trajectory).unwrap() < 0.0);
}

#[test]
fn errors_name_the_step() {
    let grid = Gridworld::parse("S.#G\n....").unwrap();
    let refused = |cells: &[(usize, usize)]| grid.trajectory(cells).unwrap_err();
    assert_eq!(refused(&[(0, 0), (0, 1), (0, 2)]), Error::NoStateAtStage { stage: 2, row: 0, column: 2 });
    assert_eq!(refused(&[(2, 0)]), Error::NoStateAtStage { stage: 0, row: 2, column: 0 });
    let error = refused(&[(0, 0), (0, 1), (1, 0)]);
    assert_eq!(error, Error::NoStep { stage: 1, from: (0, 1), to: (1, 0) });
    assert_eq!(
        error.to_string(),
        "no action leads from cell (row 0, column 1) to cell (row 1, column 0) at stage 1 of the trajectory, \
         expected a possible move"
    );
    let after = refused(&[(1, 3), (0, 3), (1, 3)]);
    assert_eq!(after, softmdp::Error::ActionAfterEnd { stage: 1, state: 2 }.into());
    assert!(matches!(refused(&[]), Error::Model(softmdp::Error::ShapeMismatch { .. })));
    // Options are checked first.
    let error = grid.clone().wind_by_column(Direction::Up, [1]).trajectory(&[(0, 0)]).unwrap_err();
    assert!(
        matches!(error, Error::Model(softmdp::Error::ShapeMismatch { table: Table::Wind, .. })),
        "{error}"
    );
}
