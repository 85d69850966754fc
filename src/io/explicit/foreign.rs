//! Files of other kinds, so that an error names the kind.

use super::lines::Line;
use crate::io::{Error, Reason};

/// The models that can be read.
pub(super) const MODELS: &str = "a Markov chain or a Markov decision process, one transition per line";

/// Returns [`Reason::WrongKind`] if the first two lines of a file of transitions belong to a file
/// of another kind.
pub(super) fn refuse_foreign(first: Line<'_>, second: Option<Line<'_>>) -> Result<(), Error> {
    let found = match by_first_line(first) {
        Some(found) => Some((first, found)),
        None => by_two_lines(first, second),
    };
    match found {
        Some((line, found)) => Err(line.error(Reason::WrongKind { found, expected: MODELS })),
        None => Ok(()),
    }
}

fn by_first_line(first: Line<'_>) -> Option<&'static str> {
    let word = first.text.to_ascii_lowercase();
    Some(match word.as_str() {
        "ctmc" => "a Markov chain in continuous time",
        "ma" => "a Markov automaton",
        "pomdp" => POMDP,
        "smg" | "stpg" | "tpg" | "csg" => "a stochastic game",
        "idtmc" | "imdp" | "ipomdp" => "an interval model",
        "lts" => LTS,
        "pta" | "popta" => "a timed automaton",
        _ if word.starts_with("des ") || word.starts_with("des(") => LTS,
        _ if word.starts_with('@') || word.starts_with("//") => "a model in the format DRN",
        _ if word.starts_with("#declaration") || word.contains("=\"") => "a file of labels",
        _ if word.starts_with('(') => "a list of states",
        _ if is_row_form(first) => ROW_FORM,
        _ => return None,
    })
}

const POMDP: &str = "a partially observable model";
const LTS: &str = "a labelled transition system, which has no probabilities";
const ROW_FORM: &str = "the row form of PRISM";

fn by_two_lines<'a>(first: Line<'a>, second: Option<Line<'a>>) -> Option<(Line<'a>, &'static str)> {
    let second = second?;
    let is_header = first.fields().all(is_whole);
    let (width, second_width) = (first.width(), second.width());
    let last = first.fields().last().unwrap_or_default();
    // `states choices transitions observations`. As a transition, its last number would be a
    // probability, and the line behind it would have no fifth number.
    let has_observations = second.fields().nth(4).is_some_and(is_whole) || second.text.starts_with('-');
    let is_pomdp = is_header && width == 4 && (!matches!(last, "0" | "1") || has_observations);
    // `state choice next_state [action]` below `states choices transitions`.
    let is_lts = is_header
        && width == 3
        && !matches!(last, "0" | "1")
        && second.fields().take(3).all(is_whole)
        && match second_width {
            3 => true,
            4 => second.fields().nth(3).is_some_and(|field| field.starts_with(|c: char| c.is_alphabetic())),
            _ => false,
        };
    let is_program = !is_header && width == 1 && second.text.starts_with(|c: char| c.is_alphabetic());
    Some(if is_pomdp {
        (first, POMDP)
    } else if is_row_form(second) {
        (second, ROW_FORM)
    } else if is_lts {
        (second, LTS)
    } else if is_header && width == 2 && second_width == 2 {
        (second, "a file of state rewards")
    } else if is_program {
        (second, "a model in the language of PRISM")
    } else {
        return None;
    })
}

/// `state probability:next_state …`
fn is_row_form(line: Line<'_>) -> bool {
    line.fields().nth(1).is_some_and(|field| {
        field.split_once(':').is_some_and(|(p, next_state)| p.parse::<f64>().is_ok() && is_whole(next_state))
    })
}

fn is_whole(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}
