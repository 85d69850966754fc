//! Texts of maps: blanks, indentation, legends and what is refused.

use softmdp::gridworld::Error;
use softmdp::ndarray::array;
use softmdp::{Cell, Gridworld};

use crate::worlds::garnet::SplitMix;

/// The map as it was read, one string for each row.
fn rows(text: &str) -> Vec<String> {
    let grid = Gridworld::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let symbols = |row| (0..grid.width()).map(|column| grid.symbol(row, column).unwrap()).collect();
    (0..grid.height()).map(symbols).collect()
}

#[test]
fn blanks_are_free_cells_wherever_they_are() {
    assert_eq!(rows(" G\nS "), [".G", "S."]);
    assert_eq!(rows(" .."), ["..."]);
    assert_eq!(rows(".  "), ["..."]);
    assert_eq!(rows("S G"), ["S.G"]);
    assert_eq!(rows("   \n S \n   "), ["...", ".S.", "..."]);
    let blank = Gridworld::parse(" G\nS ").unwrap();
    assert_eq!(blank, Gridworld::parse(".G\nS.").unwrap());
    assert_eq!((blank.cell(0, 0), blank.state_at(1, 1)), (Some(Cell::Free), Some(3)));
}

#[test]
fn layout_around_a_map_is_no_cell() {
    for text in ["S G\n..#", "S G\n..#\n", "S G\n..#\n\n\n", "S G\r\n..#\r\n", "\u{feff}S G\n..#"] {
        assert_eq!(rows(text), ["S.G", "..#"], "{text:?}");
    }
    // A text that starts with a line break is indented with the code around it.
    for text in [
        "\n    S G\n    ..#\n",
        "\n    S G\n    ..#\n    ",
        "\n    S G\n    ..#\n  ",
        "\n\n    S G\n    ..#\n\n    \n",
        "\n\t\tS G\n\t\t..#\n\t",
        "\r\n    S G\r\n    ..#\r\n",
        "\u{feff}\n    S G\n    ..#\n",
        "\nS G\n..#",
    ] {
        assert_eq!(rows(text), ["S.G", "..#"], "{text:?}");
    }
    // Only what all rows share is indentation, and a row of blanks is a row.
    assert_eq!(rows("\n      G\n    S  \n       \n"), ["..G", "S..", "..."]);
    assert_eq!(rows("\n  .  \n  S G\n  "), ["...", "S.G"]);
}

#[test]
fn rows_of_other_lengths_are_named_with_a_way_out() {
    let ragged = |text: &str| Gridworld::parse(text).unwrap_err();
    // A blank at the end of row 0, which an editor has removed.
    assert_eq!(ragged("S\n..G"), Error::RaggedMap { row: 1, found: 3, expected: 1 });
    // A blank too many.
    assert_eq!(ragged("S.G\n... "), Error::RaggedMap { row: 1, found: 4, expected: 3 });
    assert_eq!(ragged("S.G\n...\n "), Error::RaggedMap { row: 2, found: 1, expected: 3 });
    assert_eq!(ragged("\n  S.\n\n  .G\n"), Error::RaggedMap { row: 1, found: 0, expected: 2 });
    // Indented, but for the first row.
    let error = ragged("S.G\n    ...");
    assert_eq!(error, Error::RaggedMap { row: 1, found: 7, expected: 3 });
    let message = error.to_string();
    assert!(message.contains("a blank is a cell") && message.contains("start an indented map"), "{message}");
}

#[test]
fn tabs_and_other_whitespace_are_no_cells() {
    let unknown = |text: &str| Gridworld::parse(text).unwrap_err();
    assert_eq!(unknown("S\tG"), Error::UnknownCell { row: 0, column: 1, symbol: '\t' });
    assert_eq!(unknown("\tSG"), Error::UnknownCell { row: 0, column: 0, symbol: '\t' });
    assert_eq!(unknown("\n  SG\n  .\t"), Error::UnknownCell { row: 1, column: 1, symbol: '\t' });
    assert_eq!(unknown("S\rG"), Error::UnknownCell { row: 0, column: 1, symbol: '\r' });
    assert_eq!(unknown("S\u{a0}G"), Error::UnknownCell { row: 0, column: 1, symbol: '\u{a0}' });
    assert_eq!(unknown("S\u{feff}"), Error::UnknownCell { row: 0, column: 1, symbol: '\u{feff}' });
    for text in ["", " ", "   \n   ", "\n\n", "\t\n", "\u{feff}", "##", "\n  ##\n  "] {
        assert_eq!(Gridworld::parse(text), Err(Error::EmptyMap), "{text:?}");
    }
}

#[test]
fn a_legend_comes_before_the_usual_meaning() {
    let legend = [
        ('g', Cell::Goal(12.5)),
        ('x', Cell::Trap(f64::NEG_INFINITY)),
        ('~', Cell::Reward(-4.0)),
        ('1', Cell::Goal(-1.0)),
        (' ', Cell::Wall),
        ('@', Cell::Start),
        ('#', Cell::Free),
        ('q', Cell::Free), // not in the map
    ];
    let grid = Gridworld::parse_with(".~g\n@ x\n#1G", &legend).unwrap().step_reward(-0.5);
    let mdp = grid.mdp().unwrap();
    assert_eq!((grid.num_states(), grid.state_at(1, 1)), (8, None));
    assert_eq!(grid.symbol(1, 1), Some(' '));
    assert_eq!(grid.initial(), array![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(mdp.terminal_states().collect::<Vec<_>>(), [2, 4, 6, 7]);
    assert_eq!(mdp.terminal_values(), array![0.0, 0.0, 12.5, 0.0, f64::NEG_INFINITY, 0.0, -1.0, 10.0]);
    for state in 0..8 {
        let expected = if state == 1 { -4.0 } else { -0.5 };
        assert!(mdp.rewards().row(state).iter().all(|&reward| reward == expected), "{state}");
    }
    assert_eq!(grid.render_map().to_string(), ".~g\n@ x\n#1G\n");
}

#[test]
fn values_of_goals_and_traps_are_those_set_last() {
    let legend = [('G', Cell::Goal(1.0)), ('H', Cell::Trap(-1.0)), ('g', Cell::Goal(3.0))];
    let grid = Gridworld::parse_with("GXHg", &legend).unwrap();
    assert_eq!(grid.mdp().unwrap().terminal_values(), array![1.0, -10.0, -1.0, 3.0]);
    let grid = grid.goal_reward(2.0).trap_reward(-2.0);
    assert_eq!(grid.mdp().unwrap().terminal_values(), array![2.0, -2.0, -2.0, 3.0]);
    // A symbol that the legend makes no goal is none.
    let grid = Gridworld::parse_with("SG", &[('G', Cell::Free)]).unwrap().goal_reward(2.0);
    assert_eq!(grid.cell(0, 1), Some(Cell::Free));
}

#[test]
fn a_goal_goes_into_a_cell_before_or_after_its_value() {
    let room = Gridworld::parse("S.#\n...").unwrap();
    let before = room.clone().goal_reward(4.0).goal_at(1, 2).unwrap();
    let after = room.clone().goal_at(1, 2).unwrap().goal_reward(4.0);
    assert_eq!(before, after);
    assert_eq!(before, Gridworld::parse("S.#\n..G").unwrap().goal_reward(4.0));
    for (row, column) in [(0, 2), (2, 0), (0, 3), (usize::MAX, 1)] {
        let error = room.clone().goal_at(row, column).unwrap_err();
        assert_eq!(error, Error::NoState { row, column });
    }
    // A legend that makes `G` a wall takes the state away.
    let walled = Gridworld::parse_with("S..", &[('G', Cell::Wall)]).unwrap().goal_at(0, 1).unwrap();
    assert_eq!((walled.num_states(), walled.position(1)), (2, Some((0, 2))));
    assert!(walled.mdp().is_ok());
    let nowhere = Gridworld::parse_with("S", &[('G', Cell::Wall)]).unwrap().goal_at(0, 0).unwrap();
    assert!(matches!(nowhere.mdp(), Err(softmdp::Error::EmptyModel { .. })));
    assert_eq!(nowhere.initial().len(), 0);
}

#[test]
fn invalid_entries_of_a_legend_are_named() {
    let refused = |entries: &[(char, Cell)]| Gridworld::parse_with("S.G", entries).unwrap_err();
    let twice = [('g', Cell::Free), ('h', Cell::Free), ('g', Cell::Free)];
    assert_eq!(refused(&twice), Error::RepeatedSymbol { symbol: 'g' });
    for symbol in ['\n', '\r', '\t', '\u{feff}'] {
        assert_eq!(refused(&[(symbol, Cell::Free)]), Error::InvalidSymbol { symbol });
    }
    let value = f64::INFINITY;
    for cell in [Cell::Goal(value), Cell::Trap(value), Cell::Reward(value)] {
        assert_eq!(refused(&[('g', cell)]), Error::InvalidWorth { symbol: 'g', value });
    }
    let error = refused(&[('g', Cell::Reward(f64::NAN))]);
    assert_eq!(error.to_string(), "value of legend symbol 'g' is NaN, expected a number below +inf");
}

#[test]
fn a_reward_of_minus_infinity_makes_a_cell_a_dead_end() {
    let grid = Gridworld::parse_with("S~G\n...", &[('~', Cell::Reward(f64::NEG_INFINITY))]).unwrap();
    let values = softmdp::soft_value_iteration(&grid.mdp().unwrap(), 5).unwrap().state_values().to_owned();
    assert_eq!(values[[0, 1]], f64::NEG_INFINITY);
    assert!(values[[0, 0]].is_finite(), "the way below is open");
}

/// Texts at random: an error, or a map that is drawn as it is read.
#[test]
fn what_is_drawn_is_read_again() {
    let symbols: Vec<char> = "  ...S#G\n\n\r\tFH5\u{feff}".chars().collect();
    let (mut random, mut num_maps) = (SplitMix::new(56), 0);
    for _ in 0..100_000 {
        let length = 1 + random.below(12);
        let text: String = (0..length).map(|_| symbols[random.below(symbols.len())]).collect();
        let Ok(grid) = Gridworld::parse(&text) else { continue };
        let drawn = grid.render_map().to_string();
        assert_eq!(Gridworld::parse(&drawn).as_ref(), Ok(&grid), "{text:?}, {drawn:?}");
        assert!(grid.num_states() > 0 && grid.mdp().is_ok(), "{text:?}");
        num_maps += 1;
    }
    assert!(num_maps > 10_000, "{num_maps} maps");
}
