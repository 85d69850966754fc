//! The table of states: value, action, policy.

use std::io;

use softmdp::{Model, Real};

use crate::answer::StateResults;
use crate::names::Names;
use crate::numbers::number;
use crate::screen::Screen;

/// Longer names are cut.
const LONGEST_NAME: usize = 40;
/// Blanks between columns.
const GAP: usize = 2;
/// Width of a probability.
const PROBABILITY: usize = 6;

/// Prints a row for each state, or for as many states as fit. Probabilities of all actions are
/// printed if they fit next to the others.
pub(crate) fn print<F: Real>(
    model: &impl Model<Scalar = F>,
    names: &Names,
    results: &StateResults<'_, F>,
    max_rows: Option<usize>,
    screen: &mut Screen,
) -> io::Result<()> {
    let num_states = model.num_states();
    // Three lines above the rows, one line below.
    let num_rows = max_rows.unwrap_or_else(|| screen.rows_of(num_states, 4)).min(num_states);
    if num_rows == 0 {
        return Ok(());
    }
    let column = |title: &str, cell: &dyn Fn(usize) -> String| -> Vec<String> {
        std::iter::once(title.to_owned()).chain((0..num_rows).map(cell)).collect()
    };
    let mut columns = vec![column("state", &|state| state.to_string())];
    if let Some(title) = names.title() {
        columns.push(column(title, &|state| cut(names.of(state))));
    }
    columns.push(column(results.name, &|state| number(results.values[state])));
    columns.push(column("action", &|state| match best(results, state) {
        _ if model.is_terminal(state) => "end".to_owned(),
        Some((action, _)) => action.to_string(),
        None => "none".to_owned(),
    }));
    if let Some(policy) = results.policy {
        let probability =
            |state: usize, p: f64| if model.is_terminal(state) { String::new() } else { format!("{p:.4}") };
        let room = screen.width().saturating_sub(width(&columns));
        // Even the narrowest columns of many actions do not fit.
        let num_columns = if (GAP + PROBABILITY) * policy.ncols() <= room { policy.ncols() } else { 0 };
        let all: Vec<Vec<String>> = (0..num_columns)
            .map(|a| column(&format!("π({a})"), &|state| probability(state, policy[[state, a]].into_f64())))
            .collect();
        if num_columns > 0 && GAP + width(&all) <= room {
            columns.extend(all);
        } else {
            let most = |state| best(results, state).map_or(0.0, |(_, p)| p);
            columns.push(column("probability", &|state| probability(state, most(state))));
        }
    }
    let mut text = vec![String::new(), format!("{}:", results.title)];
    text.extend(lines(&columns));
    if num_rows < num_states {
        let left_out = num_states - num_rows;
        text.push(format!("… and {left_out} more of {num_states} states; --rows N prints N rows"));
    }
    text.push(String::new());
    screen.print(&text.join("\n"))
}

/// The rows of columns, each aligned on the right.
fn lines(columns: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = columns.iter().map(|column| width(std::slice::from_ref(column))).collect();
    let num_lines = columns.first().map_or(0, Vec::len);
    let line = |row: usize| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| format!("{:>width$}", column[row]));
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    (0..num_lines).map(line).collect()
}

/// Width of columns side by side.
fn width(columns: &[Vec<String>]) -> usize {
    let widest = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    columns.iter().map(widest).sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

/// The most probable action, the first one in a tie, and its probability; `None` in a dead end.
fn best<F: Real>(results: &StateResults<'_, F>, state: usize) -> Option<(usize, f64)> {
    let policy = results.policy.as_ref()?;
    let mut best = None;
    for (action, p) in policy.row(state).iter().map(|&p| p.into_f64()).enumerate() {
        if p > best.map_or(0.0, |(_, most)| most) {
            best = Some((action, p));
        }
    }
    best
}

fn cut(name: String) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}
