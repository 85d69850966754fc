//! Labels of states.

use std::collections::HashMap;

use super::lines::{Line, lines, numbered};
use crate::io::{Error, Place, Reason};

/// The name of each label, and its states, ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Labels {
    pub(super) names: Vec<String>,
    pub(super) states: Vec<Vec<usize>>, // beside names
}

impl Labels {
    /// Adds the labels of another file. A label of both files must have the same states in both.
    pub(super) fn add(&mut self, other: Self) -> Result<(), Error> {
        for (name, states) in other.names.into_iter().zip(other.states) {
            match self.names.iter().position(|known| *known == name) {
                None => {
                    self.names.push(name);
                    self.states.push(states);
                }
                Some(at) if self.states[at] == states => {}
                Some(_) => {
                    let what = "a label that has other states in an earlier file";
                    return Err(Error::new(Place::File, Reason::Repeated { what }));
                }
            }
        }
        Ok(())
    }
}

/// Reads either format. PRISM declares `0="init" 1="goal"` and has lines `state: label label`, by
/// index. Storm declares names between `#DECLARATION` and `#END` and has lines `state label label`,
/// by name.
pub(super) fn parse(text: &str, num_states: usize) -> Result<Labels, Error> {
    let declaration = numbered(text).next();
    let mut labels = match declaration {
        Some(line) if line.text.starts_with("#DECLARATION") => by_name(text, num_states)?,
        _ => by_index(text, num_states)?,
    };
    for states in &mut labels.states {
        states.sort_unstable();
        states.dedup();
    }
    Ok(labels)
}

fn by_index(text: &str, num_states: usize) -> Result<Labels, Error> {
    let mut lines = lines(text);
    let expected = "labels: 0=\"init\" 1=…";
    let header = lines.next().ok_or_else(|| Error::new(Place::File, Reason::UnexpectedEnd { expected }))?;
    let mut declared = Declared::default();
    for field in header.fields() {
        let name = field
            .split_once('=')
            .filter(|(index, _)| index.parse() == Ok(declared.labels.names.len()))
            .and_then(|(_, name)| name.strip_prefix('"')?.strip_suffix('"'))
            .ok_or_else(|| header.unreadable(field, "the next label, as in 0=\"init\" 1=\"deadlock\""))?;
        declared.add(header, name)?;
    }
    let mut labels = declared.labels;
    for line in lines {
        let (state, indices) =
            line.text.split_once(':').ok_or_else(|| line.unreadable(line.text, "`state: label label …`"))?;
        let state = line.index(state.trim(), "state", num_states)?;
        for field in indices.split_ascii_whitespace() {
            let label = line.index(field, "label", labels.names.len())?;
            labels.states[label].push(state);
        }
    }
    Ok(labels)
}

fn by_name(text: &str, num_states: usize) -> Result<Labels, Error> {
    let mut declared = Declared::default();
    let mut is_declaring = true;
    for line in numbered(text) {
        let mut fields = line.fields();
        if is_declaring {
            for field in fields {
                match field {
                    "#DECLARATION" => {}
                    "#END" => is_declaring = false,
                    name => declared.add(line, name)?,
                }
            }
        } else if !line.text.starts_with('#') {
            let state = line.index(fields.next().unwrap_or_default(), "state", num_states)?;
            for field in fields {
                let &label = (declared.index.get(field))
                    .ok_or_else(|| line.unreadable(field, "a label that was declared"))?;
                declared.labels.states[label].push(state);
            }
        }
    }
    if is_declaring {
        return Err(Error::new(Place::File, Reason::UnexpectedEnd { expected: "#END" }));
    }
    Ok(declared.labels)
}

/// The labels declared so far, and the position of each name.
#[derive(Default)]
struct Declared<'a> {
    labels: Labels,
    index: HashMap<&'a str, usize>,
}

impl<'a> Declared<'a> {
    fn add(&mut self, line: Line<'_>, name: &'a str) -> Result<(), Error> {
        if self.index.insert(name, self.labels.names.len()).is_some() {
            return Err(line.error(Reason::Repeated { what: "a label" }));
        }
        self.labels.names.push(name.to_owned());
        self.labels.states.push(Vec::new());
        Ok(())
    }
}
