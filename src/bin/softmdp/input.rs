//! Reads a model from the file of the command line.

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;

use clap::error::ErrorKind;
use softmdp::io::{ExplicitMdp, ModelFile, Npz, Reason};
use softmdp::{Cell, Gridworld, Real, RescaledRows};

use crate::arguments::{Arguments, ExplicitOptions, MapOptions, ModelOptions, usage};
use crate::names::Names;
use crate::numbers::{bound, count};
use crate::values::{Symbol, Wind};

/// A model, and the names of states in its file.
#[derive(Debug)]
pub(crate) struct Input<F: Real> {
    pub(crate) file: ModelFile<F>,
    pub(crate) names: Names,
    /// Lines for the screen: what the reader changed or ignored.
    pub(crate) notes: Vec<String>,
}

/// Reads a file of the kind that its extension names.
pub(crate) fn read<F: Real>(arguments: &Arguments) -> Result<Input<F>, Box<dyn Error>> {
    let path = &arguments.path;
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let kind = match extension.as_deref() {
        Some("npz") => ".npz",
        Some("tra") => ".tra",
        Some("txt" | "map") => "a map",
        _ => {
            let message = format!(
                "{}: expected an .npz file, a .tra file, or a .txt file with a map of cells",
                path.display()
            );
            return Err(message.into());
        }
    };
    if kind != ".tra" && arguments.explicit.is_used() {
        let message = format!(
            "--labels, --state-rewards and --transition-rewards need a .tra model, but {} is {kind}",
            path.display()
        );
        return Err(usage(ErrorKind::ArgumentConflict, message).into());
    }
    if kind != "a map" && arguments.map.is_used() {
        let message = format!(
            "options of maps, such as --slip and --legend, need a .txt map, but {} is {kind}",
            path.display()
        );
        return Err(usage(ErrorKind::ArgumentConflict, message).into());
    }
    match kind {
        ".npz" => archive(path, &arguments.model),
        ".tra" => explicit(path, &arguments.explicit, arguments.model.normalize),
        _ => map(path, &arguments.map, arguments.model.normalize.is_some()),
    }
}

fn archive<F: Real>(path: &Path, options: &ModelOptions) -> Result<Input<F>, Box<dyn Error>> {
    let file = match options.normalize {
        Some(distance) => ModelFile::read_npz_normalized(path, distance),
        None => ModelFile::read_npz(path),
    };
    let file = file.map_err(|error| match error.reason() {
        Reason::Value { value: f64::INFINITY, .. } if options.costs => {
            format!("{error}; mark actions that are not allowed in the array `available_actions`").into()
        }
        _ => Box::<dyn Error>::from(error),
    })?;
    let mut notes = Vec::new();
    if options.normalize.is_some() {
        notes.push(rescaled(file.rescaled_rows()));
    }
    if let Some(distance) = file.rescaled_initial() {
        notes.push(format!("rescaled `initial`, whose sum differed from 1 by {}", bound(distance)));
    }
    if !file.ignored_arrays().is_empty() {
        notes.push(format!("ignored arrays: {}", file.ignored_arrays().join(", ")));
    }
    Ok(Input { file, names: Names::Numbers, notes })
}

fn explicit<F: Real>(
    path: &Path,
    options: &ExplicitOptions,
    normalize: Option<f64>,
) -> Result<Input<F>, Box<dyn Error>> {
    let mut explicit = ExplicitMdp::read(path)?;
    for path in &options.state_rewards {
        explicit = explicit.read_state_rewards(path)?;
    }
    for path in &options.transition_rewards {
        explicit = explicit.read_transition_rewards(path)?;
    }
    if let Some(path) = &options.labels {
        explicit = explicit.read_labels(path)?;
    }
    let mdp = explicit.build_with(|builder| match normalize {
        Some(distance) => builder.normalize_rows(distance),
        None => builder,
    })?;
    let notes = if normalize.is_some() { vec![rescaled(mdp.rescaled_rows())] } else { Vec::new() };
    let mut file = if options.transition_rewards.is_empty() {
        ModelFile::new(mdp)
    } else {
        ModelFile::new(mdp.with_outcomes(explicit.outcomes())?)
    };
    if let Some(initial) = explicit.initial() {
        file = file.with_initial(initial)?;
    }
    let names = if options.labels.is_some() {
        let states = |label| explicit.states_labelled(label).unwrap_or_default().to_vec();
        Names::Labels(explicit.labels().map(|label| (label.to_owned(), states(label))).collect())
    } else {
        Names::Numbers
    };
    Ok(Input { file, names, notes })
}

/// How many rows were rescaled, and by how much at most.
fn rescaled(rows: RescaledRows) -> String {
    let largest = rows.largest_distance();
    match rows.count() {
        0 => "no row needed rescaling".to_owned(),
        number => {
            let (rows, largest) = (count(number, "row"), bound(largest));
            format!("rescaled {rows}, whose sums differed from 1 by at most {largest}")
        }
    }
}

fn map<F: Real>(path: &Path, options: &MapOptions, normalize: bool) -> Result<Input<F>, Box<dyn Error>> {
    let in_file = |error: &dyn Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| in_file(&error))?;
    let legend: Vec<(char, Cell)> =
        options.legend.iter().map(|&Symbol(symbol, cell)| (symbol, cell)).collect();
    let mut grid = Gridworld::parse_with(&text, &legend).map_err(|error| in_file(&error))?;
    if let Some(reward) = options.goal_reward {
        grid = grid.goal_reward(reward);
    }
    if let Some(reward) = options.trap_reward {
        grid = grid.trap_reward(reward);
    }
    if let Some(reward) = options.step_reward {
        grid = grid.step_reward(reward);
    }
    if let Some(slip) = options.slip {
        grid = grid.slip(slip);
    }
    if let Some(moves) = options.moves {
        grid = grid.moves(moves.into());
    }
    for wind in &options.wind {
        grid = match wind {
            &Wind::Random(direction, probability) => grid.wind(direction, probability),
            Wind::ByColumn(direction, cells) => grid.wind_by_column(*direction, cells.clone()),
        };
    }
    let file = ModelFile::new(grid.mdp()?.cast::<F>()?).with_initial(grid.initial().mapv(F::from_f64))?;
    // Rows of a map sum to 1.
    let notes = if normalize { vec![rescaled(RescaledRows::default())] } else { Vec::new() };
    Ok(Input { file, names: Names::Cells(Box::new(grid)), notes })
}
