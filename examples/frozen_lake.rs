//! How likely is it to cross the frozen lake?
//!
//! The ice is slippery: one step in three goes where it should, and the others go to either side.
//! The goal pays 1. A hole ends the episode and pays nothing. So the expected return is the
//! probability of arriving. The problem is FrozenLake-v1 of Gymnasium, read from the bundled files
//! (`examples/models`).
//!
//! Variational inference plans with the true dynamics, and becomes classical planning as τ → 0.
//! Direct inference describes the agents that arrived. Its value is higher, but its policy arrives
//! less often.
//!
//! ```text
//! cargo run --release --features npz --example frozen_lake
//! cargo run --release --features npz,plot --example frozen_lake -- --out target/pictures
//! ```

mod support;

use std::error::Error;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::io::{ModelFile, Npz};
use softmdp::ndarray::ArrayView2;
use softmdp::{ActionPrior, Inference, Model, SoftValueIteration};
use support::side_by_side;

/// Gymnasium's order of moves.
const ARROWS: [char; 4] = ['←', '↓', '→', '↑'];

/// File, side of the map, number of steps, and probability of arriving under the best policy by
/// numpy.
const LAKES: [(&str, usize, usize, f64); 2] = [
    ("frozen_lake_4x4", 4, 100, 0.744_190_287_829_268_9),
    ("frozen_lake_8x8", 8, 200, 0.913_220_150_201_628_8),
];

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    for (name, side, horizon, best) in LAKES {
        let path = format!("{}/examples/models/{name}.npz", env!("CARGO_MANIFEST_DIR"));
        let lake = ModelFile::<f64>::read_npz(path)?.with_action_prior(&ActionPrior::Uniform)?;
        println!("FrozenLake {side}x{side}, {horizon} steps. Direct inference relies on luck.\n");
        println!("{:<12}{:>8}{:>12}{:>18}", "inference", "τ", "V(start)", "P(arrive)");
        let mut drawings = Vec::new();
        let mut show = |inference: Inference, temperature: f64| {
            let row = cross(&lake, inference, temperature, horizon)?;
            println!("{:<12}{temperature:>8}{:>12.4}{:>18.4}", inference.to_string(), row.value, row.success);
            drawings.push((
                format!("{inference}, τ = {temperature}"),
                draw(&row.policy.view(), lake.model(), side),
            ));
            Ok::<_, Box<dyn Error>>(row)
        };
        let classical = show(Inference::Variational, 0.0)?;
        let variational = show(Inference::Variational, 0.001)?;
        let direct = show(Inference::Direct, 0.001)?;
        println!("\nMost probable first moves; H hole, G goal:\n\n{}", side_by_side(12, &drawings));

        assert!((classical.success - best).abs() < 1e-12, "the classical optimum is that of numpy");
        assert!(
            (classical.value - best).abs() < 1e-12,
            "the return is 1 for arriving, so the value is the probability of arriving"
        );
        assert!(
            variational.success < best && best - variational.success < 0.1,
            "a little randomness costs little"
        );
        assert!(
            variational.value <= variational.success,
            "the prior is a distribution: deviating from it costs"
        );
        assert!(direct.value > variational.value, "direct inference is optimistic");
        assert!(direct.success < variational.success, "and its policy arrives less often");
        #[cfg(feature = "plot")]
        if let Some(folder) = options.out.folder() {
            picture(folder, name, side, lake.model(), &variational)?;
        }
    }
    Ok(())
}

struct Crossing {
    value: f64,
    success: f64,
    policy: softmdp::ndarray::Array2<f64>, // of stage 0, [s, a]
    #[cfg(feature = "plot")]
    values: softmdp::ndarray::Array1<f64>, // of stage 0, [s]
}

fn cross(
    lake: &ModelFile,
    inference: Inference,
    temperature: f64,
    horizon: usize,
) -> Result<Crossing, Box<dyn Error>> {
    let lake = lake.clone().with_temperature(temperature)?;
    let initial = lake.initial().ok_or("the lake has a start")?;
    let solution = SoftValueIteration::new(horizon).inference(inference).solve(lake.model())?;
    Ok(Crossing {
        value: initial.dot(&solution.state_values().row(0)),
        success: solution.policy().expected_return(lake.model(), &initial)?,
        policy: solution.policy_at(0)?,
        #[cfg(feature = "plot")]
        values: solution.state_values().row(0).to_owned(),
    })
}

/// The most probable move of each state. `H` is a hole and `G` the goal.
fn draw(policy: &ArrayView2<'_, f64>, lake: &impl Model<Scalar = f64>, side: usize) -> String {
    let symbol = |state: usize| {
        if lake.is_terminal(state) {
            return if state + 1 == side * side { 'G' } else { 'H' };
        }
        let best = policy.row(state).into_iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or('?', |(action, _)| ARROWS[action])
    };
    let rows = (0..side).map(|row| (0..side).map(|column| symbol(row * side + column)).collect::<String>());
    rows.collect::<Vec<_>>().join("\n")
}

/// A model from a file has no map. So the layout sets the place of each state and the directions of
/// moves.
#[cfg(feature = "plot")]
fn picture(
    folder: &Path,
    name: &str,
    side: usize,
    lake: &impl Model<Scalar = f64>,
    crossing: &Crossing,
) -> Result<(), Box<dyn Error>> {
    use softmdp::ndarray::{Array2, array};
    use softmdp::plot::{StateLayout, StateMap};

    let cells = Array2::from_shape_fn((lake.num_states(), 2), |(state, axis)| {
        let (row, column) = (state / side, state % side);
        [column as f64, -(row as f64)][axis]
    });
    let layout = StateLayout::points(&cells)?
        .axes("column", "row, upwards")
        .with_moves(&array![[-1.0, 0.0], [0.0, -1.0], [1.0, 0.0], [0.0, 1.0]])?
        .with_terminal_states((0..lake.num_states()).filter(|&state| lake.is_terminal(state)))?;
    StateMap::values(layout, &crossing.values, Inference::Variational)?
        .with_policy(&crossing.policy)?
        .save(folder.join(format!("{name}.svg")))?;
    println!("picture written to {}", folder.display());
    Ok(())
}
