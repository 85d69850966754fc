//! What the examples share: errors as messages, a progress bar, blocks of text side by side.

#![allow(dead_code, reason = "each example uses a part of this")]

use std::error::Error;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

/// Ends an example: an error is printed as its message.
pub(crate) fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A bar for so many stages, with the time that is left. It draws nothing where there is no terminal.
pub(crate) fn progress_bar(num_stages: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} stages, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(num_stages as u64).with_style(style).with_message(what)
}

/// Puts titled blocks of text beside each other, lines aligned at the top, each at least `least_width` wide.
pub(crate) fn side_by_side(least_width: usize, blocks: &[(String, String)]) -> String {
    let columns: Vec<(usize, Vec<&str>)> = blocks
        .iter()
        .map(|(title, block)| {
            let lines: Vec<&str> = std::iter::once(title.as_str()).chain(block.lines()).collect();
            (lines.iter().map(|line| line.chars().count()).fold(least_width, usize::max), lines)
        })
        .collect();
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let line: Vec<String> = columns
            .iter()
            .map(|(width, lines)| format!("{:<width$}", lines.get(row).unwrap_or(&"")))
            .collect();
        text.push_str(line.join("    ").trim_end());
        text.push('\n');
    }
    text
}
