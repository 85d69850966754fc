//! Messages of the library, with the options of the command in place of calls.

use std::fmt::Display;

/// Phrases of the library, and their replacements for the command line.
const WORDS: [(&str, &str); 8] = [
    ("call `average_reward` for the best mean reward", "use --inference variational"),
    ("call `average_reward`", "use --average"),
    ("call `long_run_growth`", "use --average"),
    ("call `solve_stationary`", "use --stationary"),
    ("use `StationarySolver`", "use --stationary"),
    ("`ActionPrior::Uniform`", "--prior uniform"),
    ("pass a larger distance to `normalize_rows` of `Mdp::builder`", "use --normalize=DISTANCE"),
    ("the distance of normalize_rows", "--normalize"),
];

/// The message of an error.
pub(crate) fn message(error: &(impl Display + ?Sized)) -> String {
    let message = error.to_string();
    WORDS.iter().fold(message, |message, (library, option)| message.replace(library, option))
}
