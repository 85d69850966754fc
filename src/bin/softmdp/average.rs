//! The average reward of a stage in the long run, and its counterpart in direct inference: the
//! growth of the evidence.

use std::error::Error;

use softmdp::io::Npz;
use softmdp::ndarray::ArrayView1;
use softmdp::{Convergence, Inference, Real, StationaryPolicy, Watched, average_reward, long_run_growth};

use crate::answer::{Outcome, StateResults, tolerance};
use crate::messages::message;
use crate::numbers::number;
use crate::problem::Task;
use crate::screen::Screen;
use crate::{output, pictures, progress, stationary};

pub(crate) fn solve<F: Real>(task: &Task<'_, F>, screen: &mut Screen) -> Result<Outcome, Box<dyn Error>> {
    let tolerance = tolerance(&task.arguments.search);
    let bar = progress::passes("searching");
    let watched = Watched::new(task.model(), progress::count_passes(&bar));
    match task.inference {
        Inference::Variational => {
            let result = average_reward(&watched, tolerance);
            bar.finish_and_clear();
            let Some(found) = or_unmet(result)? else { return Ok(Outcome::NotMet) };
            let rate = Rate {
                name: "gain",
                value: found.gain(),
                bounds: (found.lower_bound(), found.upper_bound()),
                relative_values: found.relative_values(),
                policy: found.policy(),
                convergence: found.convergence(),
            };
            rate.report(task, &found, screen)
        }
        Inference::Direct => {
            let result = long_run_growth(&watched, tolerance);
            bar.finish_and_clear();
            let Some(found) = or_unmet(result)? else { return Ok(Outcome::NotMet) };
            let rate = Rate {
                name: "growth",
                value: found.rate(),
                bounds: (found.lower_bound(), found.upper_bound()),
                relative_values: found.relative_values(),
                policy: found.policy(),
                convergence: found.convergence(),
            };
            rate.report(task, &found, screen)
        }
    }
}

/// A result, or none if the tolerance was not met.
fn or_unmet<T>(result: Result<T, softmdp::Error>) -> Result<Option<T>, softmdp::Error> {
    match result {
        Err(error @ softmdp::Error::NotConverged { .. }) => {
            eprintln!("error: {}", message(&error));
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Reward units per stage, with relative values and policy.
struct Rate<'a, F> {
    name: &'static str,
    value: F,
    bounds: (F, F),
    relative_values: ArrayView1<'a, F>,
    policy: &'a StationaryPolicy<F>,
    convergence: &'a Convergence<F>,
}

impl<F: Real> Rate<'_, F> {
    fn report(
        &self,
        task: &Task<'_, F>,
        result: &impl Npz,
        screen: &mut Screen,
    ) -> Result<Outcome, Box<dyn Error>> {
        let outcome = stationary::report(self.convergence, &format!("the {} is not off", self.name), screen)?;
        let (lower, upper) = (number(self.bounds.0), number(self.bounds.1));
        screen.line(
            self.name,
            format!("{} reward units per stage, between {lower} and {upper}", number(self.value)),
        )?;
        output::write(task.arguments, screen, |writer| writer.add(result))?;
        let results = StateResults {
            name: "relative V",
            title: "Relative values and policy of all stages",
            values: self.relative_values,
            policy: Some(self.policy.probabilities()),
        };
        pictures::of_average(task, &results, screen)?;
        task.show(&results, screen)?;
        Ok(outcome)
    }
}
