//! Names of states: a label of a `.tra` file, a cell of a map, or the number.

use std::error::Error;

use softmdp::Gridworld;

/// How a file names its states.
#[derive(Debug)]
pub(crate) enum Names {
    Numbers,
    /// Each label and its states, in the order of the file.
    Labels(Vec<(String, Vec<usize>)>),
    Cells(Box<Gridworld>),
}

impl Names {
    /// The states of a name. A label counts before a number.
    pub(crate) fn find(&self, name: &str, num_states: usize) -> Result<Vec<usize>, Box<dyn Error>> {
        match self {
            Names::Labels(labels) => {
                if let Some((_, states)) = labels.iter().find(|(label, _)| label == name) {
                    return Ok(states.clone());
                }
            }
            Names::Cells(grid) => {
                if let Some((row, column)) = cell(name) {
                    let state = grid.state_at(row, column).ok_or_else(|| match grid.cell(row, column) {
                        Some(_) => format!("cell {name} is a wall, which is not a state"),
                        None => format!(
                            "cell {name} is outside the map of {} rows and {} columns, counted from 0",
                            grid.height(),
                            grid.width()
                        ),
                    })?;
                    return Ok(vec![state]);
                }
            }
            Names::Numbers => {}
        }
        match name.parse::<usize>() {
            Ok(state) if state < num_states => Ok(vec![state]),
            Ok(state) => {
                Err(format!("state {state} does not exist: the model has states 0 to {}", num_states - 1)
                    .into())
            }
            Err(_) => Err(format!("{name:?} is not {}", self.expected()).into()),
        }
    }

    /// What may stand for a state.
    fn expected(&self) -> String {
        match self {
            Names::Numbers => {
                "the number of a state; --labels, with a .tra model, gives names to states".into()
            }
            Names::Cells(_) => "a cell, such as 2,0 for row 2 and column 0, or the number of a state".into(),
            Names::Labels(labels) if labels.is_empty() => {
                "the number of a state; the file of labels is empty".into()
            }
            Names::Labels(labels) => {
                let names: Vec<&str> = labels.iter().map(|(label, _)| label.as_str()).collect();
                format!("the number of a state or one of the labels {}", names.join(", "))
            }
        }
    }

    /// The title of the column of names, if there is one.
    pub(crate) fn title(&self) -> Option<&'static str> {
        match self {
            Names::Numbers => None,
            Names::Labels(_) => Some("labels"),
            Names::Cells(_) => Some("cell"),
        }
    }

    /// The name of a state, in addition to its number.
    pub(crate) fn of(&self, state: usize) -> String {
        match self {
            Names::Numbers => String::new(),
            Names::Labels(labels) => {
                let has_state = |states: &[usize]| states.binary_search(&state).is_ok();
                let labels = labels.iter().filter(|(_, states)| has_state(states));
                labels.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(" ")
            }
            Names::Cells(grid) => {
                grid.position(state).map_or_else(String::new, |(row, column)| format!("{row},{column}"))
            }
        }
    }

    /// The map, if the model is one.
    pub(crate) fn grid(&self) -> Option<&Gridworld> {
        match self {
            Names::Cells(grid) => Some(grid),
            Names::Numbers | Names::Labels(_) => None,
        }
    }
}

/// Row and column of a text such as `2,0`.
fn cell(name: &str) -> Option<(usize, usize)> {
    let (row, column) = name.split_once(',')?;
    Some((row.trim().parse().ok()?, column.trim().parse().ok()?))
}
