//! Changes a model by the options of the command line.

use std::error::Error;
use std::path::Path;

use softmdp::io::{ModelFile, Npz};
use softmdp::ndarray::{Array1, Array2};
use softmdp::{ActionPrior, Model, Real, StationaryPolicy};

use crate::arguments::ModelOptions;
use crate::input::Input;
use crate::names::Names;
use crate::numbers::count;
use crate::values::{Prior, Terminal};

/// Changes signs of costs first, so that values of `--terminal` are in reward units.
pub(crate) fn change<F: Real>(
    mut input: Input<F>,
    options: &ModelOptions,
) -> Result<Input<F>, Box<dyn Error>> {
    let mut file = input.file;
    if options.costs {
        file = file.with_negated_rewards().map_err(|error| format!("--costs changes signs: {error}"))?;
    }
    if let Some(discount) = options.discount {
        file = file.with_discount(F::from_f64(discount))?;
    }
    if let Some(temperature) = options.temperature {
        file = file.with_temperature(F::from_f64(temperature))?;
    }
    file = match &options.prior {
        None => file,
        Some(Prior::Counting) => file.with_action_prior(&ActionPrior::Counting)?,
        Some(Prior::Uniform) => file.with_action_prior(&ActionPrior::Uniform)?,
        Some(Prior::File(path)) => {
            let shape = (file.model().num_states(), file.model().num_actions());
            let weights = if path.extension().is_some_and(|extension| extension == "npz") {
                StationaryPolicy::read_npz(path)?.probabilities().to_owned()
            } else {
                read_table(path, shape)?
            };
            file.with_action_prior(&ActionPrior::Weights(weights))?
        }
    };
    if !options.terminal.is_empty() {
        file = end(file, &input.names, &options.terminal)?;
    }
    if let Some(value) = options.otherwise {
        let mut values = file.model().terminal_values().to_owned();
        for (state, v) in values.indexed_iter_mut() {
            if !file.model().is_terminal(state) {
                *v = F::from_f64(value);
            }
        }
        file = file.with_terminal_values(values)?;
    }
    if let Some(name) = &options.initial {
        let states = input
            .names
            .find(name, file.model().num_states())
            .map_err(|error| format!("--initial {name}: {error}"))?;
        let share = F::one() / F::from_f64(states.len() as f64);
        let mut initial = Array1::from_elem(file.model().num_states(), F::zero());
        for &state in &states {
            initial[state] = share;
        }
        let start = match states[..] {
            [state] => format!("state {state}"),
            _ => format!("the {} of {name}, with equal probability", count(states.len(), "state")),
        };
        input.notes.push(format!("episodes start in {start}"));
        file = file.with_initial(initial)?;
    }
    Ok(Input { file, ..input })
}

/// Adds terminal states and their values to those of the model.
fn end<F: Real>(
    file: ModelFile<F>,
    names: &Names,
    terminal: &[Terminal],
) -> Result<ModelFile<F>, Box<dyn Error>> {
    let num_states = file.model().num_states();
    let mut states: Vec<usize> = (0..num_states).filter(|&state| file.model().is_terminal(state)).collect();
    let mut values = file.model().terminal_values().to_owned();
    let mut given: Vec<Option<(F, &str)>> = vec![None; num_states];
    for Terminal { state: name, value } in terminal {
        let found = names.find(name, num_states).map_err(|error| format!("--terminal {name}: {error}"))?;
        for state in found {
            states.push(state);
            let Some(value) = value.map(F::from_f64) else { continue };
            values[state] = value;
            match given[state].replace((value, name)) {
                Some((other, other_name)) if other != value => {
                    let message = format!(
                        "--terminal gives state {state} two values: {other} as {other_name}, {value} as {name}"
                    );
                    return Err(message.into());
                }
                _ => {}
            }
        }
    }
    Ok(file.with_terminal_states(states)?.with_terminal_values(values)?)
}

/// Reads a table of numbers from a text: a line for each state, a number for each action, separated
/// by blanks or commas. Lines that begin with `#` are skipped.
fn read_table<F: Real>(path: &Path, (rows, columns): (usize, usize)) -> Result<Array2<F>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let mut numbers = Vec::new();
    let mut found = 0;
    for (index, line) in lines {
        let place = || format!("{}: line {}", path.display(), index + 1);
        let fields = line.split([',', ' ', '\t', ';']).filter(|field| !field.is_empty());
        let before = numbers.len();
        for field in fields {
            let number: f64 = field.parse().map_err(|_| format!("{}: {field:?} is not a number", place()))?;
            numbers.push(F::from_f64(number));
        }
        let width = numbers.len() - before;
        if width != columns {
            return Err(format!(
                "{}: {}, expected {columns}, one for each action",
                place(),
                count(width, "number")
            )
            .into());
        }
        found += 1;
    }
    if found != rows {
        let message =
            format!("{}: {}, expected {rows}, one for each state", path.display(), count(found, "line"));
        return Err(message.into());
    }
    Ok(Array2::from_shape_vec((rows, columns), numbers)?)
}
