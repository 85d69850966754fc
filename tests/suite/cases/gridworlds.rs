//! Gridworlds of books and courses.

use approx::assert_abs_diff_eq;
use softmdp::ndarray::Array2;
use softmdp::{
    ActionPrior, Cell, Gridworld, Inference, SoftValueIteration, StationaryPolicy, StationarySolver, Status,
    solve_stationary,
};

use super::check_stationary;

const UP: usize = 0;
const RIGHT: usize = 1;
const LEFT: usize = 3;

/// Checks the values of cells, `(row, column, value)`, of the hard problem.
fn check_hard(grid: &Gridworld, discount: f64, expected: &[(usize, usize, f64)], digits: f64) {
    let mdp = grid.builder().temperature(0.0).discount(discount).build().unwrap();
    let states = expected.iter().map(|&(row, column, value)| (grid.state_at(row, column).unwrap(), value));
    check_stationary(&mdp, &states.collect::<Vec<_>>(), digits);
}

/// The value and the best move of a cell at temperature 0.
fn best_move(grid: &Gridworld, discount: f64, (row, column): (usize, usize)) -> (f64, usize) {
    let mdp = grid.builder().temperature(0.0).discount(discount).build().unwrap();
    let solution = solve_stationary(&mdp, 1e-10).unwrap();
    let state = grid.state_at(row, column).unwrap();
    (solution.state_values()[state], solution.policy().greedy()[state])
}

/// The world of Russell and Norvig, *Artificial Intelligence: A Modern Approach*, with ends worth
/// 100 and −100, as a lecture of 2011 had it. The numbers of the lecture are those of a step of −3.
#[test]
fn four_by_three_world_with_ends_of_a_hundred() {
    let grid = Gridworld::parse("...G\n.#.X\nS...").unwrap();
    let grid = grid.slip(0.2).goal_reward(100.0).trap_reward(-100.0);
    let expected = [
        (0, 0, 85.181_934_932),
        (0, 1, 89.400_684_932),
        (0, 2, 93.150_684_932),
        (1, 0, 81.431_934_932),
        (1, 2, 68.356_164_384),
        (2, 0, 77.213_184_932),
        (2, 1, 73.463_184_932),
        (2, 2, 69.562_404_871),
        (2, 3, 47.388_804_329),
    ];
    check_hard(&grid.clone().step_reward(-3.0), 1.0, &expected, 1e-9);
    // Steps so dear that the nearest end is best, even the trap.
    let dear = grid.clone().step_reward(-200.0);
    check_hard(&dear, 1.0, &[(0, 0, -704.254_987_531), (2, 3, -377.493_765_586)], 1e-9);
    assert_eq!(best_move(&dear, 1.0, (2, 3)).1, UP, "into the trap");

    let soft = grid.step_reward(-3.0).builder().action_prior(ActionPrior::Uniform).build().unwrap();
    let expected = [
        (0, 79.706_392_173_821_43),
        (7, 68.128_174_326_956_92),
        (8, 62.682_319_299_749_46),
        (10, 36.288_548_492_464_39),
    ];
    check_stationary(&soft, &expected, 1e-9);
}

/// The layouts of the gridworld of the course CS 188 (Berkeley), with blanks for free cells, as
/// they are in its file. Ends pay when the agent leaves them, so that their values are terminal
/// values; a step pays nothing.
mod berkeley {
    use super::*;

    fn layout(map: &str, legend: &[(char, Cell)], noise: f64) -> Gridworld {
        Gridworld::parse_with(map, legend).unwrap().slip(noise).step_reward(0.0)
    }

    #[test]
    fn book_grid() {
        let legend = [('+', Cell::Goal(1.0)), ('-', Cell::Trap(-1.0))];
        let grid = layout("   +\n # -\nS   ", &legend, 0.2);
        let expected = [
            (0, 0, 0.644_969_237_624),
            (0, 1, 0.744_380_146_540),
            (0, 2, 0.847_766_278_003),
            (1, 0, 0.566_314_452_548),
            (1, 2, 0.571_859_033_146),
            (2, 0, 0.490_683_963_581),
            (2, 1, 0.430_844_455_827),
            (2, 2, 0.475_471_130_442),
            (2, 3, 0.277_295_839_470),
        ];
        check_hard(&grid, 0.9, &expected, 1e-11);
        let soft = grid.builder().discount(0.9).temperature(0.1).action_prior(ActionPrior::Uniform);
        let expected = [(0, 0.327_070_347_392), (10, -0.065_053_500_080)];
        check_stationary(&soft.build().unwrap(), &expected, 1e-11);
    }

    /// Nothing but noise decides whether to cross the bridge.
    #[test]
    fn bridge_grid() {
        let legend = [('*', Cell::Goal(10.0)), ('1', Cell::Goal(1.0)), ('-', Cell::Trap(-100.0))];
        let map = "#-----#\n1S    *\n#-----#";
        for (noise, value, turn) in [
            (0.0, 5.9049, RIGHT),
            (0.01, 1.995_272_733_809_609, RIGHT),
            (0.02, -0.918, LEFT),
            (0.2, -17.28, LEFT),
        ] {
            let (found, action) = best_move(&layout(map, &legend, noise), 0.9, (1, 1));
            assert_abs_diff_eq!(found, value, epsilon = 1e-3);
            assert_eq!(action, turn, "noise {noise}");
        }
        let sure = layout(map, &legend, 0.0);
        check_hard(&sure, 0.9, &[(1, 1, 10.0 * 0.9_f64.powi(5))], 1e-12);
        check_hard(&layout(map, &legend, 0.01), 0.9, &[(1, 1, 1.995_272_733_809_609)], 1e-12);
    }

    /// A near end of 1 and a far end of 10, along a cliff or around a wall.
    #[test]
    fn discount_grid() {
        let legend = [('*', Cell::Goal(10.0)), ('1', Cell::Goal(1.0)), ('-', Cell::Trap(-10.0))];
        let map = "     \n #   \n #1#*\nS    \n-----";
        for (discount, noise, living, value, action) in [
            (0.9, 0.2, 0.0, 2.928_910_230_007_847_6, UP),
            (0.1, 0.0, -1.0, -1.109, RIGHT),
            (0.9, 0.0, -1.0, 1.8098, RIGHT),
            (0.3, 0.2, 0.0, 3.766_150_758_131_368e-4, UP),
        ] {
            let grid = layout(map, &legend, noise).step_reward(living);
            let (found, best) = best_move(&grid, discount, (3, 0));
            assert_abs_diff_eq!(found, value, epsilon = 2e-10);
            assert_eq!(best, action, "γ = {discount}, noise {noise}");
        }
    }

    #[test]
    fn maze_grid() {
        let grid = layout("   1\n## #\n #  \n ## \nS   ", &[], 0.2);
        let mut map = String::new();
        (0..5).for_each(|row| map.extend((0..4).map(|column| grid.symbol(row, column).unwrap())));
        assert_eq!(map, "...1##.#.#...##.S...");
        check_hard(&grid, 0.9, &[(4, 0, 0.289_901_533_646_935_77)], 1e-9);
    }

    /// Blanks at both ends of rows.
    #[test]
    fn cliff_grid_2() {
        let legend = [('*', Cell::Goal(10.0)), ('-', Cell::Trap(-100.0))];
        let grid = layout("     \n8S  *\n-----", &legend, 0.0);
        assert_eq!((grid.height(), grid.width(), grid.num_states()), (3, 5, 15));
        // Along the cliff to 10, in three steps; the end of 8 is one step away.
        check_hard(&grid, 0.9, &[(1, 1, 7.29_f64.max(7.2))], 1e-12);
        assert_eq!(best_move(&grid, 0.9, (1, 1)).1, RIGHT);
    }
}

/// An exercise of Russell and Norvig: a reward r of one cell decides where the agent goes.
#[test]
fn three_by_three_world_with_a_reward_of_one_cell() {
    for (reward, value) in
        [(-100.0, -103.163_620_51), (-3.0, 4.719_048_31), (0.0, 8.208_144_93), (3.0, 251.362_484_57)]
    {
        let legend = [('r', Cell::Reward(reward))];
        let grid = Gridworld::parse_with("r.G\n...\n...", &legend).unwrap().slip(0.2);
        check_hard(&grid, 0.99, &[(0, 0, value)], 1e-8);
    }
}

/// Sutton and Barto, *Reinforcement Learning*, example 4.1: the policy that takes all moves alike.
#[test]
fn four_by_four_world_with_two_corners() {
    let grid = Gridworld::parse("G...\n....\n....\n...G").unwrap().goal_reward(0.0);
    let hard = grid.builder().temperature(0.0).build().unwrap();
    let even = StationaryPolicy::new(Array2::from_elem((16, 4), 0.25)).unwrap();
    let values = even.evaluate(&hard).unwrap();
    let expected = [0, 14, 20, 22, 14, 18, 20, 20, 20, 20, 18, 14, 22, 20, 14, 0];
    for (state, steps) in expected.into_iter().enumerate() {
        assert_abs_diff_eq!(values[state], -f64::from(steps), epsilon = 1e-11);
    }

    let soft = grid.builder().action_prior(ActionPrior::Uniform).build().unwrap();
    let expected = [
        (1, -2.258_578_147_634_758_6),
        (2, -4.470_950_573_864_806),
        (3, -5.960_830_699_509_544),
        (5, -3.897_375_344_494_729),
    ];
    check_stationary(&soft, &expected, 1e-12);
    // Moves are certain, so that both inferences agree.
    let direct = StationarySolver::new(1e-9).inference(Inference::Direct).solve(&soft).unwrap();
    for (state, value) in expected {
        assert_abs_diff_eq!(direct.state_values()[state], value, epsilon = 1e-9);
    }
    // A counting prior pays log 4 a step, more than the step costs: no end to the values.
    let counting = StationarySolver::new(1e-9).solve(&grid.mdp().unwrap()).unwrap();
    assert_eq!(counting.convergence().status, Status::Diverging);
}

/// A move that does not lead away costs 1: a reward on the successor, which must not be averaged
/// before direct inference.
#[test]
fn two_by_two_world_where_a_bump_costs() {
    let grid = Gridworld::parse("..\n..").unwrap().slip(0.6).step_reward(0.0);
    let mdp = grid.builder().temperature(0.5).action_prior(ActionPrior::Uniform).build().unwrap();
    let mdp = mdp.with_successor_rewards(|state, _, next| if state == next { -1.0 } else { 0.0 }).unwrap();
    for (inference, value, policy) in [
        (
            Inference::Variational,
            -1.383_069_771_918_275_1,
            [0.155_012_759_436_193_8, 0.344_987_240_563_806_25],
        ),
        (Inference::Direct, -0.849_328_754_275_459_2, [0.173_840_584_404_423_26, 0.326_159_415_595_576_54]),
    ] {
        let solution = SoftValueIteration::new(3).inference(inference).solve(&mdp).unwrap();
        assert_abs_diff_eq!(solution.state_values()[[0, 0]], value, epsilon = 1e-13);
        let found = solution.policy_at(0).unwrap();
        for (action, p) in policy.into_iter().enumerate() {
            assert_abs_diff_eq!(found[[0, action]], p, epsilon = 1e-13);
        }
    }
}
