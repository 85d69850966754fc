//! Code that the examples share: error messages, progress bars for solvers and learners, text
//! blocks side by side, a folder for pictures, and Rust's model of bus engines.

#![allow(dead_code, reason = "each example uses a part of this")]

pub(crate) mod bus;

use std::error::Error;
use std::ops::ControlFlow;
#[cfg(feature = "plot")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
#[cfg(feature = "plot")]
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Ends an example, and prints an error as its message.
pub(crate) fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder for pictures.
#[derive(Debug, clap::Args)]
pub(crate) struct Out {
    /// Write pictures to this folder, and create it if necessary (needs `--features plot`)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The options of an example that has no others.
#[derive(Debug, clap::Parser)]
pub(crate) struct OutOnly {
    #[command(flatten)]
    pub(crate) out: Out,
}

impl Out {
    /// Creates the folder before anything is computed.
    pub(crate) fn prepare(&self) -> Result<(), Box<dyn Error>> {
        match &self.out {
            Some(_) if cfg!(not(feature = "plot")) => {
                Err("--out needs pictures: run again with --features plot".into())
            }
            Some(folder) => std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()).into()),
            None => Ok(()),
        }
    }

    /// The folder, if the user set one.
    #[cfg(feature = "plot")]
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.out.as_deref()
    }
}

/// A progress bar with a number of units, such as stages, and the remaining time. Without a
/// terminal it draws nothing.
///
/// Call `finish_and_clear` before you print anything else.
pub(crate) fn progress_bar(len: usize, unit: &str, what: impl Into<String>) -> ProgressBar {
    let template = format!("{{msg}} [{{bar:40}}] {{human_pos}}/{{human_len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(len as u64).with_style(style).with_message(what.into())
}

/// A hook for [`softmdp::Watched`]. The bar counts the stages of each pass over the model.
///
/// Use `&Watched::new(&mdp, count_stages(&bar))` in place of `&mdp`.
pub(crate) fn count_stages(bar: &ProgressBar) -> impl FnMut(usize) -> ControlFlow<()> + Send {
    |_stage| {
        bar.inc(1);
        ControlFlow::Continue(())
    }
}

/// A hook for [`softmdp::learning::Learner::train`]. The bar counts the steps. Another hook may
/// call this one.
///
/// `learner.train(&mut world, num_steps, &mut rng, count_steps(&bar))`. One bar may count several
/// trainings in turn.
#[cfg(feature = "rand")]
pub(crate) fn count_steps<L>(
    bar: &ProgressBar,
) -> impl FnMut(&L, &softmdp::learning::Progress) -> ControlFlow<()> {
    // Reading the clock takes longer than a step.
    const AT_ONCE: usize = 1_000;
    |_learner, progress| {
        if progress.steps.is_multiple_of(AT_ONCE) {
            bar.inc(AT_ONCE as u64);
        }
        ControlFlow::Continue(())
    }
}

/// Shows the name of a long task without a count, such as writing an animation, and its elapsed
/// time.
#[cfg(feature = "plot")]
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what.into());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Arranges titled blocks of text side by side, aligned at the top, each at least `least_width`
/// wide.
pub(crate) fn side_by_side(least_width: usize, blocks: &[(String, String)]) -> String {
    let columns: Vec<(usize, Vec<&str>)> = blocks
        .iter()
        .map(|(title, block)| {
            let lines: Vec<&str> = std::iter::once(title.as_str()).chain(block.lines()).collect();
            (lines.iter().map(|line| printed_width(line)).fold(least_width, usize::max), lines)
        })
        .collect();
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let line: Vec<String> = columns
            .iter()
            .map(|(width, lines)| {
                let line = lines.get(row).unwrap_or(&"");
                format!("{line}{}", " ".repeat(width - printed_width(line)))
            })
            .collect();
        text.push_str(line.join("    ").trim_end());
        text.push('\n');
    }
    text
}

/// The number of visible characters of a line. Colour codes, from an escape to an `m`, are
/// invisible.
fn printed_width(line: &str) -> usize {
    let mut is_code = false;
    line.chars()
        .filter(|&letter| {
            let is_seen = !is_code && letter != '\u{1b}';
            is_code = (is_code || letter == '\u{1b}') && letter != 'm';
            is_seen
        })
        .count()
}
