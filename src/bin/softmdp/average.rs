//! The average reward of a stage in the long run.

use std::error::Error;

use softmdp::{Inference, Real, Watched, long_run_growth};

use crate::answer::{Outcome, StateResults, tolerance};
use crate::numbers::number;
use crate::problem::Task;
use crate::screen::Screen;
use crate::{output, progress, stationary};

pub(crate) fn solve<F: Real>(task: &Task<'_, F>, screen: &mut Screen) -> Result<Outcome, Box<dyn Error>> {
    match task.inference {
        Inference::Direct => growth(task, screen),
        Inference::Variational => Err("average".into()),
    }
}

/// The counterpart in direct inference: the growth of the evidence.
fn growth<F: Real>(task: &Task<'_, F>, screen: &mut Screen) -> Result<Outcome, Box<dyn Error>> {
    let bar = progress::passes("searching");
    let watched = Watched::new(task.model(), progress::count_passes(&bar));
    let growth = long_run_growth(&watched, tolerance(&task.arguments.search))?;
    bar.finish_and_clear();
    let outcome = stationary::report(growth.convergence(), screen)?;
    screen.line("growth", format!("{} reward units per stage", number(growth.rate())))?;
    output::write(task.arguments, screen, |writer| writer.add(&growth))?;
    let results = StateResults {
        name: "relative V",
        title: "Relative values and policy",
        values: growth.relative_values(),
        policy: Some(growth.policy().probabilities()),
    };
    task.show(&results, screen)?;
    Ok(outcome)
}
