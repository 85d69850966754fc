//! What the examples share: errors as messages, progress bars and how they are hooked to a solver or a learner, blocks of text
//! side by side, a folder for pictures.

#![allow(dead_code, reason = "each example uses a part of this")]

use std::error::Error;
use std::ops::ControlFlow;
#[cfg(feature = "plot")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
#[cfg(feature = "plot")]
use std::time::Duration;

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

/// Where pictures go.
#[derive(Debug, clap::Args)]
pub(crate) struct Out {
    /// Folder to write pictures to, made if it is not there (needs `--features plot`)
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
    /// Makes the folder, before anything is computed.
    pub(crate) fn prepare(&self) -> Result<(), Box<dyn Error>> {
        match &self.out {
            Some(_) if cfg!(not(feature = "plot")) => {
                Err("this was built without pictures: run it with --features plot".into())
            }
            Some(folder) => std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()).into()),
            None => Ok(()),
        }
    }

    /// The folder, if pictures are wanted.
    #[cfg(feature = "plot")]
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.out.as_deref()
    }
}

/// A bar for so much of something, such as stages, with the time that is left. It draws nothing where there is no terminal.
///
/// Clear it (`finish_and_clear`) before something else is printed.
pub(crate) fn progress_bar(len: usize, unit: &str, what: impl Into<String>) -> ProgressBar {
    let template = format!("{{msg}} [{{bar:40}}] {{human_pos}}/{{human_len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(len as u64).with_style(style).with_message(what.into())
}

/// A hook for [`softmdp::Watched`]: the bar counts each stage that a pass over the model works on.
///
/// `Watched::new(&mdp, count_stages(&bar))`, in the place of `&mdp`, is all there is to it.
pub(crate) fn count_stages(bar: &ProgressBar) -> impl FnMut(usize) -> ControlFlow<()> + Send {
    |_stage| {
        bar.inc(1);
        ControlFlow::Continue(())
    }
}

/// A hook for [`softmdp::learning::Learner::train`], or a part of one that does more: the bar counts the steps that are taken.
///
/// `learner.train(&mut world, num_steps, &mut rng, count_steps(&bar))`. One bar may count several trainings, one after the other.
#[cfg(feature = "rand")]
pub(crate) fn count_steps<L>(
    bar: &ProgressBar,
) -> impl FnMut(&L, &softmdp::learning::Progress) -> ControlFlow<()> {
    // A step takes less time than a look at the clock.
    const AT_ONCE: usize = 1_000;
    |_learner, progress| {
        if progress.steps.is_multiple_of(AT_ONCE) {
            bar.inc(AT_ONCE as u64);
        }
        ControlFlow::Continue(())
    }
}

/// What goes on for a while and cannot be counted, such as writing an animation: its name, and how long it has taken.
#[cfg(feature = "plot")]
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what.into());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Puts titled blocks of text beside each other, lines aligned at the top, each at least `least_width` wide.
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

/// How many letters of a line are seen: what sets colours, from an escape to an `m`, is not.
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
