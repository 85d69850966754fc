//! Kinds of cells of a map.

use softmdp::ndarray::{Array1, Array2};
use softmdp::plot::StateMap;
use softmdp::{Cell, Gridworld, Inference};

use crate::plot::svg::texts;

#[test]
fn cells_with_a_reward_of_their_own_show_their_symbol() {
    let legend = [('~', Cell::Reward(-3.0)), ('<', Cell::Reward(-1.0)), ('g', Cell::Goal(2.0))];
    let grid = Gridworld::parse_with("S~<\n ~g", &legend).unwrap();
    let policy = Array2::from_elem((6, 4), 0.25);
    let svg = StateMap::policy_of(&grid, &policy, Inference::Variational).unwrap().figure().to_svg();
    let written = texts(&svg);
    let count = |symbol: &str| written.iter().filter(|text| text.trim() == symbol).count();
    assert_eq!((count("~"), count("&lt;") + count("<"), count("g"), count("S")), (2, 1, 1, 0), "{written:?}");
    // Cells that are too small have none.
    let row = Gridworld::parse_with(&"~".repeat(60), &legend).unwrap();
    let values = StateMap::values(&row, &Array1::<f64>::zeros(60), Inference::Variational).unwrap();
    assert!(!texts(&values.figure().to_svg()).iter().any(|text| text.trim() == "~"));
}
