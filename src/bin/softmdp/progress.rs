//! Progress on the standard error, if it is a terminal.

use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts the stages of passes over a finite horizon.
pub(crate) fn stages(num_stages: usize, what: &'static str) -> ProgressBar {
    let template = "{msg} [{bar:40}] {human_pos}/{human_len} stages, {eta} left";
    let bar = ProgressBar::new(num_stages as u64).with_message(what);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// A spinner that counts passes, whose number is unknown.
pub(crate) fn passes(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(200));
    match ProgressStyle::with_template("{spinner} {msg}, {human_pos} passes, {elapsed}") {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    }
}

/// A hook for [`softmdp::Watched`] that counts stages.
pub(crate) fn count_stages(bar: &ProgressBar) -> impl FnMut(usize) -> ControlFlow<()> + Send {
    |_stage| {
        bar.inc(1);
        ControlFlow::Continue(())
    }
}

/// A hook for [`softmdp::Watched`] that shows the number of passes.
pub(crate) fn count_passes(bar: &ProgressBar) -> impl FnMut(usize) -> ControlFlow<()> + Send {
    |passes| {
        bar.set_position(passes as u64);
        ControlFlow::Continue(())
    }
}
