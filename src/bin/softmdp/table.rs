//! The table of states: value, action, policy.

use std::io;

use softmdp::{Model, Real};

use crate::answer::StateResults;
use crate::names::Names;
use crate::numbers::number;
use crate::screen::Screen;

/// Longer names are cut.
const LONGEST_NAME: usize = 40;

/// A column: its title, and the text of a state.
struct Column<'a> {
    title: String,
    text: Box<dyn Fn(usize) -> String + 'a>,
}

/// Prints a row for each state, or for as many states as fit. Probabilities of all actions are
/// printed if they fit beside the others.
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
    let mut columns = vec![Column { title: "state".to_owned(), text: Box::new(|state| state.to_string()) }];
    if let Some(title) = names.title() {
        columns.push(Column { title: title.to_owned(), text: Box::new(|state| cut(names.of(state))) });
    }
    let value = |state: usize| number(results.values[state]);
    columns.push(Column { title: results.name.to_owned(), text: Box::new(value) });
    columns
        .push(Column { title: "action".to_owned(), text: Box::new(|state| action(model, results, state)) });
    let mut lines = lines(&columns, num_rows);
    if let Some(policy) = results.policy {
        let probability = |state: usize, action: usize| match model.is_terminal(state) {
            true => String::new(),
            false => format!("{:.4}", policy[[state, action]].into_f64()),
        };
        let all: Vec<Column<'_>> = (0..policy.ncols())
            .map(|action| Column {
                title: format!("π({action})"),
                text: Box::new(move |state| probability(state, action)),
            })
            .collect();
        // Every column is at least as wide as a probability and a gap.
        let is_narrow = 8 * policy.ncols() <= screen.width();
        let full = if is_narrow { join(&lines, &self::lines(&all, num_rows)) } else { Vec::new() };
        lines = if full.first().is_some_and(|line| line.chars().count() <= screen.width()) {
            full
        } else {
            let best =
                |state: usize| best(results, state).map_or_else(String::new, |(_, p)| format!("{p:.4}"));
            let best = |state: usize| if model.is_terminal(state) { String::new() } else { best(state) };
            let column = Column { title: "probability".to_owned(), text: Box::new(best) };
            join(&lines, &self::lines(&[column], num_rows))
        };
    }
    let mut text = format!("\n{}:\n", results.title);
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if num_rows < num_states {
        text.push_str(&format!(
            "… and {} more of {num_states} states; --rows sets the number of rows\n",
            num_states - num_rows
        ));
    }
    screen.print(&text)
}

/// The title and the rows of columns, each aligned on the right.
fn lines(columns: &[Column<'_>], num_rows: usize) -> Vec<String> {
    let mut lines = vec![String::new(); num_rows + 1];
    for column in columns {
        let cells = std::iter::once(column.title.clone()).chain((0..num_rows).map(&column.text));
        let cells: Vec<String> = cells.collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        for (line, cell) in lines.iter_mut().zip(cells) {
            let gap = if line.is_empty() { "" } else { "  " };
            line.push_str(&format!("{gap}{cell:>width$}"));
        }
    }
    lines
}

fn join(left: &[String], right: &[String]) -> Vec<String> {
    left.iter().zip(right).map(|(left, right)| format!("{left}  {right}")).collect()
}

/// The most probable action, the first one in a tie, and its probability; `None` in a dead end.
fn best<F: Real>(results: &StateResults<'_, F>, state: usize) -> Option<(usize, f64)> {
    let row = results.policy?.row(state).to_owned();
    let mut best = None;
    for (action, p) in row.into_iter().map(Real::into_f64).enumerate() {
        if p > best.map_or(0.0, |(_, most)| most) {
            best = Some((action, p));
        }
    }
    best
}

fn action<F: Real>(model: &impl Model<Scalar = F>, results: &StateResults<'_, F>, state: usize) -> String {
    if model.is_terminal(state) {
        return "end".to_owned();
    }
    best(results, state).map_or_else(|| "none".to_owned(), |(action, _)| action.to_string())
}

fn cut(name: String) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}
