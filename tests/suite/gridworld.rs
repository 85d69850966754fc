//! Gridworlds: maps, moves, slip and wind against probabilities worked out by hand, and published
//! values.

#![allow(clippy::float_cmp, reason = "probabilities such as 0.25 are exact")]

mod maps;
mod trajectories;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use softmdp::gridworld::Error as MapError;
use softmdp::ndarray::{Array1, Array2, Array3, array};
use softmdp::{
    Cell, ColorChoice, Direction, Dynamics, Error, Gridworld, Inference, Moves, SoftValueIteration,
    soft_value_iteration, solve_stationary,
};

const UP: usize = 0;
const RIGHT: usize = 1;
const DOWN: usize = 2;

/// Successors of a pair as (row, column, probability).
fn successors(grid: &Gridworld, (row, column): (usize, usize), action: usize) -> Vec<(usize, usize, f64)> {
    let mdp = grid.mdp().unwrap();
    let mut found = Vec::new();
    let state = grid.state_at(row, column).unwrap();
    mdp.dynamics().for_each_successor(state, action, &mut |next_state, p| {
        let (row, column) = grid.position(next_state).unwrap();
        found.push((row, column, p));
    });
    found
}

#[test]
fn states_are_the_cells_that_are_not_walls_row_by_row() {
    let grid = Gridworld::parse("\n  S#.\n  .XG\n\n").unwrap();
    assert_eq!((grid.height(), grid.width(), grid.num_states()), (2, 3, 5));
    let states: Vec<_> = (0..2).flat_map(|row| (0..3).map(move |column| (row, column))).collect();
    let found: Vec<_> = states.iter().map(|&(row, column)| grid.state_at(row, column)).collect();
    assert_eq!(found, [Some(0), None, Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(grid.state_at(2, 0), None);
    assert_eq!(grid.state_at(0, 3), None);
    assert_eq!(grid.state_at(usize::MAX, 2), None);
    assert_eq!(grid.cell(usize::MAX, 0), None);
    assert_eq!((grid.position(2), grid.position(5)), (Some((1, 0)), None));
    assert_eq!(
        (grid.cell(0, 1), grid.cell(1, 1), grid.cell(0, 9)),
        (Some(Cell::Wall), Some(Cell::Trap(-10.0)), None)
    );
    assert_eq!(grid.render_map().to_string(), "S#.\n.XG\n");
}

#[test]
fn goals_and_traps_are_terminal_and_worth_what_the_options_say() {
    let grid = Gridworld::parse("SG7X").unwrap().goal_reward(2.5).trap_reward(-3.5).step_reward(-0.25);
    let mdp = grid.mdp().unwrap();
    assert_eq!(mdp.terminal_states().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(mdp.terminal_values(), array![0.0, 2.5, 7.0, -3.5]);
    assert!(mdp.rewards().iter().all(|&reward| reward == -0.25));
    assert_eq!(mdp.num_actions(), 4);
    // One step to the right is all it takes: −1/4 + 5/2.
    let hard = mdp.with_temperature(0.0).unwrap();
    let solution = SoftValueIteration::new(3).inference(Inference::Variational).solve(&hard).unwrap();
    assert_eq!(solution.state_values()[[0, 0]], 2.25);
    assert_eq!(solution.policy().greedy()[[0, 0]], RIGHT);
}

#[test]
fn starts_share_the_initial_distribution() {
    assert_eq!(Gridworld::parse("S.S#G").unwrap().initial(), array![0.5, 0.0, 0.5, 0.0]);
    // Without any start: all cells where a step can be taken.
    assert_eq!(Gridworld::parse("..G").unwrap().initial(), array![0.5, 0.5, 0.0]);
    assert_eq!(Gridworld::parse("GX").unwrap().initial(), array![0.5, 0.5]);
}

#[test]
fn a_slip_goes_a_quarter_turn_to_either_side() {
    let grid = Gridworld::parse("...\n.S.\n...").unwrap().slip(0.5);
    assert_eq!(successors(&grid, (1, 1), UP), [(0, 1, 0.5), (1, 0, 0.25), (1, 2, 0.25)]);
    assert_eq!(successors(&grid, (1, 1), RIGHT), [(0, 1, 0.25), (1, 2, 0.5), (2, 1, 0.25)]);
    // In a corner two of the three stay: up and left are off the map.
    assert_eq!(successors(&grid, (0, 0), UP), [(0, 0, 0.75), (0, 1, 0.25)]);
}

#[test]
fn eight_moves_slip_an_eighth_turn_and_pass_corners() {
    let grid = Gridworld::parse("..#\n.S.\n...").unwrap().moves(Moves::Eight).slip(0.5);
    assert_eq!(grid.directions()[1], Direction::UpRight);
    // Up-right is a wall: stay. Its neighbours are up and right.
    assert_eq!(successors(&grid, (1, 1), 1), [(0, 1, 0.25), (1, 1, 0.5), (1, 2, 0.25)]);
    let sure = grid.clone().slip(0.0);
    // Diagonally past the wall's corner.
    assert_eq!(successors(&sure, (0, 1), 3), [(1, 2, 1.0)]);
    for (action, direction) in sure.directions().iter().enumerate() {
        let (down, right) = direction.offset();
        let target = (1_usize.wrapping_add_signed(down), 1_usize.wrapping_add_signed(right));
        let expected = if target == (0, 2) { (1, 1) } else { target };
        assert_eq!(successors(&sure, (1, 1), action), [(expected.0, expected.1, 1.0)], "{direction:?}");
    }
}

#[test]
fn wind_carries_one_cell_further_but_not_out_of_a_goal() {
    let grid = Gridworld::parse("...\n...\nS.G").unwrap().wind(Direction::Up, 0.25);
    assert_eq!(successors(&grid, (2, 0), RIGHT), [(1, 1, 0.25), (2, 1, 0.75)]);
    assert_eq!(successors(&grid, (2, 1), RIGHT), [(2, 2, 1.0)]);
    assert_eq!(successors(&grid, (0, 0), DOWN), [(0, 0, 0.25), (1, 0, 0.75)]);
    // At the edge of the map wind has nowhere to blow.
    assert_eq!(successors(&grid, (1, 0), UP), [(0, 0, 1.0)]);
}

#[test]
fn a_steady_wind_is_that_of_the_column_where_the_move_starts() {
    let grid =
        Gridworld::parse("....\n.#..\n....\nS.G.").unwrap().wind_by_column(Direction::Up, [0, 1, 0, 2]);
    assert_eq!(successors(&grid, (3, 0), RIGHT), [(3, 1, 1.0)]);
    assert_eq!(successors(&grid, (3, 1), RIGHT), [(2, 2, 1.0)], "across the goal");
    assert_eq!(successors(&grid, (3, 1), DOWN), [(2, 1, 1.0)], "the edge comes before the wind");
    assert_eq!(successors(&grid, (2, 1), UP), [(2, 1, 1.0)], "the wall stops the move and the wind");
    assert_eq!(successors(&grid, (3, 1), UP), [(2, 1, 1.0)], "the wall stops the wind");
    assert_eq!(successors(&grid, (1, 3), UP), [(0, 3, 1.0)], "and so does the edge");
    assert_eq!(successors(&grid, (3, 3), 3), [(1, 2, 1.0)]);
    // A random wind follows the steady one, and a slip turns the move alone.
    let both = grid.clone().wind(Direction::Left, 0.25);
    assert_eq!(successors(&both, (3, 1), RIGHT), [(2, 1, 0.25), (2, 2, 0.75)]);
    assert_eq!(successors(&grid.clone().slip(0.5), (3, 1), RIGHT), [(2, 1, 0.5), (2, 2, 0.5)]);
    // A strength beyond every map costs no time.
    let storm = grid.clone().wind_by_column(Direction::Up, [usize::MAX; 4]);
    assert_eq!(successors(&storm, (3, 3), RIGHT), [(0, 3, 1.0)]);
    for columns in [0, 3, 5] {
        let error = grid.clone().wind_by_column(Direction::Up, vec![1; columns]).mdp().unwrap_err();
        assert_eq!(error.to_string(), format!("shape of wind of columns is [{columns}], expected [4]"));
    }
}

#[test]
fn staying_is_the_last_move_and_never_slips() {
    let grid = Gridworld::parse("...\n.S.\n...").unwrap().slip(0.5);
    for (moves, stay) in [(Moves::Five, 4), (Moves::Nine, 8)] {
        let grid = grid.clone().moves(moves);
        assert_eq!(grid.directions()[stay], Direction::Stay);
        assert_eq!(successors(&grid, (1, 1), stay), [(1, 1, 1.0)]);
        // The others slip as they do without it.
        let fewer = grid.clone().moves(if stay == 4 { Moves::Four } else { Moves::Eight });
        for action in 0..stay {
            assert_eq!(grid.directions()[action], fewer.directions()[action]);
            assert_eq!(successors(&grid, (1, 1), action), successors(&fewer, (1, 1), action));
        }
        let windy = grid.wind_by_column(Direction::Up, [0, 1, 0]);
        assert_eq!(successors(&windy, (1, 1), stay), [(0, 1, 1.0)]);
    }
}

#[test]
fn dense_and_sparse_models_are_the_same() {
    let grid = Gridworld::parse("S.#.\n..X.\n.#.G").unwrap().slip(0.3).wind(Direction::Left, 0.1);
    let (sparse, dense) = (grid.mdp().unwrap(), grid.dense_mdp().unwrap());
    let mut table = Array3::<f64>::zeros(dense.dynamics().transitions().dim());
    for state in 0..grid.num_states() {
        for action in 0..4 {
            sparse.dynamics().for_each_successor(state, action, &mut |next_state, p| {
                table[[state, action, next_state]] += p;
            });
        }
    }
    assert_eq!(dense.dynamics().transitions(), table);
    assert_eq!(dense.rewards(), sparse.rewards());
    assert_eq!(dense.terminal_values(), sparse.terminal_values());
    assert!(dense.terminal_states().eq(sparse.terminal_states()));
}

/// The optimal values of FrozenLake-v1 4×4, γ = 0.99, as value iteration on Gymnasium's table gives
/// them and as they stand in many a tutorial (V(0) = 0.5420). Without a discount its best policy
/// arrives with probability 14/17.
#[test]
fn frozen_lake_has_its_published_values() {
    let grid = Gridworld::parse("SFFF\nFHFH\nFFFH\nHFFG").unwrap();
    let grid = grid.slip(2.0 / 3.0).step_reward(0.0).goal_reward(1.0).trap_reward(0.0);
    let hard = grid.mdp().unwrap().with_temperature(0.0).unwrap();
    let value = |discount: f64| {
        let mdp = hard.with_discount(discount).unwrap();
        let solver = SoftValueIteration::new(5000).inference(Inference::Variational);
        solver.solve_values(&mdp).unwrap().state_values()[[0, 0]]
    };
    // Gymnasium pays the goal on the step into it; here it is the value of being there, one discount later.
    assert_abs_diff_eq!(value(0.99) / 0.99, 0.542_026, epsilon = 1e-6);
    assert_abs_diff_eq!(value(1.0), 14.0 / 17.0, epsilon = 1e-9);
}

#[test]
fn bad_maps_and_options_name_the_place_and_the_value() {
    assert_eq!(Gridworld::parse(""), Err(MapError::EmptyMap));
    assert_eq!(Gridworld::parse(" \n\n"), Err(MapError::EmptyMap));
    assert_eq!(Gridworld::parse("##\n##"), Err(MapError::EmptyMap));
    let ragged = |row, found| Err(MapError::RaggedMap { row, found, expected: 2 });
    assert_eq!(Gridworld::parse("S.\n..."), ragged(1, 3));
    assert_eq!(Gridworld::parse("S.\n\n.G"), ragged(1, 0));
    let unknown = MapError::UnknownCell { row: 1, column: 1, symbol: 'é' };
    assert_eq!(Gridworld::parse("S.\n.é"), Err(unknown.clone()));
    assert!(unknown.to_string().starts_with("map cell (row 1, column 1) is 'é'"));

    let grid = Gridworld::parse("S.G").unwrap();
    for value in [-0.1, 1.1, f64::INFINITY] {
        let error = Error::InvalidSetting { setting: "slip", value, expected: "a probability in [0, 1]" };
        assert_eq!(grid.clone().slip(value).mdp().unwrap_err(), error);
        assert_eq!(grid.clone().slip(value).dense_mdp().unwrap_err(), error);
        let error = Error::InvalidSetting { setting: "wind", value, expected: "a probability in [0, 1]" };
        assert_eq!(grid.clone().wind(Direction::Up, value).mdp().unwrap_err(), error);
    }
    let error = grid.clone().slip(f64::NAN).mdp().unwrap_err();
    assert!(matches!(error, Error::InvalidSetting { setting: "slip", value, .. } if value.is_nan()));
    let error = grid.clone().step_reward(f64::NAN).mdp().unwrap_err();
    assert!(matches!(error, Error::InvalidReward { state: 0, action: 0, .. }));
    let error = grid.clone().goal_reward(f64::INFINITY).mdp().unwrap_err();
    assert_eq!(error, Error::InvalidTerminalValue { state: 2, value: f64::INFINITY });
}

#[test]
fn renderings_refuse_tables_of_another_shape() {
    let grid = Gridworld::parse("S.G").unwrap();
    assert!(matches!(grid.render_values(&Array1::<f64>::zeros(2)), Err(Error::ShapeMismatch { .. })));
    assert!(matches!(grid.render_marginals(&Array1::<f64>::zeros(4)), Err(Error::ShapeMismatch { .. })));
    let error = grid.render_policy(&array![[1.0], [1.0], [1.0]]);
    assert!(matches!(error, Err(Error::ShapeMismatch { .. })));
}

#[test]
fn renderings_take_either_number_type() {
    let grid = Gridworld::parse("S#G").unwrap();
    let (values, policy) = (array![-2.5, 10.0], array![[0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]);
    assert_eq!(grid.render_values(&values.mapv(|v| v as f32)), grid.render_values(&values));
    assert_eq!(grid.render_policy(&policy.mapv(|p| p as f32)), grid.render_policy(&policy));
    let marginals = array![0.75, 0.25];
    assert_eq!(grid.render_marginals(&marginals.mapv(|p| p as f32)), grid.render_marginals(&marginals));
}

#[test]
fn renderings_line_up_and_draw_what_is_special() {
    let grid = Gridworld::parse("S.#\n.XG").unwrap();
    let values = array![-12.25, f64::NEG_INFINITY, 0.04, -10.0, 10.0];
    assert_eq!(grid.render_values(&values).unwrap().to_string(), "-12.2    -∞ #####\n  0.0 -10.0  10.0\n");
    let policy = array![
        [0.25, 0.25, 0.25, 0.25],
        [0.1, 0.6, 0.3, 0.0],
        [0.0, 0.0, 0.0, 0.0], // a dead end
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
    ];
    assert_eq!(grid.render_policy(&policy).unwrap().to_string(), "↑→↓← →↓   ####\n?    X    G\n");
    let eight = Gridworld::parse("S").unwrap().moves(Moves::Eight);
    assert_eq!(eight.render_policy(&Array2::from_elem((1, 8), 0.125)).unwrap().to_string(), "*\n");
    let marginals = array![0.5, 0.2, 0.05, 0.002, 0.0];
    assert_eq!(grid.render_marginals(&marginals).unwrap().to_string(), "██▒▒##\n░░ · G\n");
}

#[test]
fn a_world_without_chance_is_deterministic_and_says_so_where_it_is_not() {
    let grid = Gridworld::parse("S.#G\n..X.\n....").unwrap();
    let windy = grid.clone().wind(Direction::Down, 1.0);
    for grid in [grid.clone(), windy] {
        let (sparse, deterministic) = (grid.mdp().unwrap(), grid.deterministic_mdp().unwrap());
        let sparse = soft_value_iteration(&sparse, 7).unwrap();
        let deterministic = soft_value_iteration(&deterministic, 7).unwrap();
        for (a, b) in sparse.action_values().iter().zip(deterministic.action_values()) {
            assert_relative_eq!(a, b, epsilon = 1e-13, max_relative = 0.0);
        }
    }
    // Up from the start stays there, but for a slip to the right.
    let error = grid.slip(0.1).deterministic_mdp().unwrap_err();
    assert_eq!(error, Error::NotDeterministic { state: 0, action: 0 });
}

/// Text without what sets colours.
fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    for (index, piece) in text.split("\u{1b}[").enumerate() {
        plain.push_str(if index == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    plain
}

#[test]
fn colour_changes_no_letter() {
    let grid = Gridworld::parse("S.#G\n.X7.").unwrap();
    let values = array![1.0, -2.0, f64::NEG_INFINITY, 0.5, 3.0, 7.0, 1e300];
    let marginals = array![0.6, 0.2, 0.1, 0.0, 0.005, 0.0, 0.0];
    let policy = Array2::from_shape_fn((7, 4), |(state, action)| if action == state % 4 { 0.7 } else { 0.1 });
    let renderings = [
        grid.render_map(),
        grid.render_values(&values).unwrap(),
        grid.render_policy(&policy).unwrap(),
        grid.render_marginals(&marginals).unwrap(),
    ];
    for rendering in renderings {
        let plain = rendering.to_string();
        let [colored, uncolored] = [ColorChoice::Always, ColorChoice::Never]
            .map(|choice| rendering.clone().colored(choice).to_string());
        assert!(colored.contains("\u{1b}["));
        assert_eq!(uncolored, plain);
        let lines: Vec<String> =
            without_colors(&colored).lines().map(|line| line.trim_end().to_string()).collect();
        assert_eq!(lines, plain.lines().collect::<Vec<_>>());
    }
    let short = array![1.0];
    assert!(matches!(grid.render_values(&short), Err(Error::ShapeMismatch { .. })));
    let colored = grid.render_map().colored(ColorChoice::Always);
    assert_eq!(colored.colored(ColorChoice::Never), grid.render_map(), "the last choice counts");
}

#[test]
fn a_model_in_single_precision_has_the_same_values_to_rounding() {
    let grid = Gridworld::parse("...G\n.#.X\nS...").unwrap().slip(0.2).step_reward(-0.04);
    let double = grid.mdp().unwrap();
    let single = double.cast::<f32>().unwrap();
    let exact = solve_stationary(&double.with_discount(0.9).unwrap(), 1e-9).unwrap();
    let rounded = solve_stationary(&single.with_discount(0.9).unwrap(), 1e-3).unwrap();
    for (&exact, &rounded) in exact.state_values().iter().zip(rounded.state_values()) {
        assert!((exact - f64::from(rounded)).abs() < 1e-3, "{exact} {rounded}");
    }
}
