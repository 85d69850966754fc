//! Text maps of cells.

use super::{Folder, Run, assert_close, softmdp};

fn hard(map: &str, more: &[&str]) -> Run {
    softmdp(&[&[map, "--inference", "variational", "--temperature", "0"], more].concat())
}

/// V of each cell, by the name of the cell.
fn value(run: &Run, cell: &str) -> f64 {
    let rows = run.rows();
    let row =
        rows.iter().find(|row| row[1] == cell).unwrap_or_else(|| panic!("no cell {cell} in {}", run.out));
    row[2].parse().unwrap()
}

/// Russell and Norvig, *Artificial Intelligence*, the 4 × 3 world with ±100 and a living reward of
/// −3.
#[test]
fn the_world_of_russell_and_norvig() {
    let folder = Folder::new("world");
    let map = folder.write("world.txt", "...G\n.#.X\nS...\n");
    let rewards = ["--goal-reward", "100", "--trap-reward", "-100", "--step-reward", "-3", "--slip", "0.2"];
    let run = hard(&map, &[&rewards[..], &["--stationary"]].concat()).solved();
    let found: Vec<f64> = ["0,0", "0,1", "0,2", "1,0", "1,2", "2,0", "2,1", "2,2", "2,3"]
        .map(|cell| value(&run, cell))
        .to_vec();
    let expected = [
        85.181_934_932,
        89.400_684_932,
        93.150_684_932,
        81.431_934_932,
        68.356_164_384,
        77.213_184_932,
        73.463_184_932,
        69.562_404_871,
        47.388_804_329,
    ];
    assert_close(&found, &expected, 1e-6);
    assert!(run.out.contains("→ → → G\n↑ # ↑ X\n↑ ← ← ←\n"), "{}", run.out);
    assert_close(&[run.number("V(start)"), run.number("return")], &[77.213_184_932; 2], 1e-6);
}

/// Sutton and Barto, *Reinforcement Learning*, example 6.5: 15 steps against the wind.
#[test]
fn wind_by_column() {
    let folder = Folder::new("wind");
    let row = "..........\n";
    let map = format!("{}{}{}", row.repeat(3), "S......G..\n", row.repeat(3));
    let map = folder.write("wind.map", &map);
    let wind = ["--wind", "up:0,0,0,1,1,1,2,2,1,0", "--stationary", "--goal-reward", "0"];
    assert_close(&[hard(&map, &wind).solved().number("V(start)")], &[-15.0], 1e-6);
    for moves in ["8", "9"] {
        let run = hard(&map, &[&wind[..], &["--moves", moves]].concat()).solved();
        assert_close(&[run.number("V(start)")], &[-7.0], 1e-6);
    }
}

#[test]
fn a_legend_and_cells_as_ends() {
    let folder = Folder::new("legend");
    let map = folder.write("map.txt", "S~g\n...\n");
    let legend = ["--legend", "g=goal:10", "--legend", "~=reward:-5", "--stationary"];
    let run = hard(&map, &legend).solved();
    assert_close(&[run.number("V(start)")], &[6.0], 1e-6); // around the water: four steps
    let run = hard(&map, &[&legend[..], &["--terminal", "1,0=20", "--initial", "1,1"]].concat()).solved();
    assert_close(&[run.number("V(start)"), value(&run, "0,0")], &[19.0, 19.0], 1e-6);
    let run = hard(&map, &[&legend[..], &["--terminal", "2,0"]].concat());
    let expected =
        "error: --terminal 2,0: cell 2,0 is outside the map of 2 rows and 3 columns, counted from 0\n";
    assert_eq!((run.code, run.err.as_str()), (Some(1), expected));
    let run = hard(&map, &["--stationary"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.starts_with(&format!("error: {map}: map cell (row 0, column 1) is '~', ")),
        "{}",
        run.err
    );
}

/// Blanks are free cells.
#[test]
fn single_precision_and_pictures() {
    let folder = Folder::new("pictures");
    let map = folder.write("map.txt", "S .\n.#.\n..G\n");
    let plot = folder.path("plot");
    let run = |inference, problem: &[&str], precision| {
        let common = [map.as_str(), "--inference", inference, "--precision", precision, "--plot", &plot];
        softmdp(&[&common[..], &["--prior", "uniform", "--slip", "0.1"], problem].concat()).solved()
    };
    let double = run("direct", &["--horizon", "8"], "double");
    let single = run("direct", &["--horizon", "8"], "single");
    assert!((double.number("V(start)") - single.number("V(start)")).abs() < 1e-4);
    assert_eq!(
        single.line("pictures"),
        format!(
            "{plot}: values.svg, policy.svg, policy.png, trajectory.svg, posterior.svg, posterior.gif, \
             values_by_stage.svg"
        )
    );
    run("variational", &["--horizon", "8"], "single");
    run("variational", &["--stationary", "--discount", "0.9"], "double");
    for name in [
        "values.svg",
        "policy.png",
        "posterior.gif",
        "occupancy.svg",
        "values_by_stage.svg",
        "convergence.svg",
    ] {
        assert!(folder.has(&format!("plot/{name}")), "{name}");
    }
}
