//! The average reward of a stage in the long run, and its counterpart in direct inference: the
//! growth of the evidence.

use std::error::Error;

use softmdp::io::Npz;
use softmdp::ndarray::ArrayView1;
use softmdp::{Convergence, Inference, Real, StationaryPolicy, Watched, average_reward, long_run_growth};

use crate::answer::{Outcome, StateResults, Tolerance};
use crate::messages::message;
use crate::numbers::number;
use crate::problem::Task;
use crate::screen::Screen;
use crate::{output, pictures, progress, stationary};

pub(crate) fn solve<F: Real>(task: &Task<'_, F>, screen: &mut Screen) -> Result<Outcome, Box<dyn Error>> {
    let tolerance = Tolerance::of(&task.arguments.search);
    let bar = progress::passes("searching");
    let watched = Watched::new(task.model(), progress::count_passes(&bar));
    match task.inference {
        Inference::Variational => {
            let result = search(tolerance, |tolerance| average_reward(&watched, tolerance));
            bar.finish_and_clear();
            let Some(found) = result? else { return Ok(Outcome::NotMet) };
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
            let result = search(tolerance, |tolerance| long_run_growth(&watched, tolerance));
            bar.finish_and_clear();
            let Some(found) = result? else { return Ok(Outcome::NotMet) };
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

/// A result, or none if the tolerance was not met. If rounding was in the way, and the user set no
/// tolerance, it searches again with the bound that rounding allows.
fn search<F: Real, T>(
    tolerance: Tolerance<F>,
    find: impl Fn(F) -> Result<T, softmdp::Error>,
) -> Result<Option<T>, softmdp::Error> {
    let result = match find(tolerance.value) {
        Err(softmdp::Error::NotConverged { status, error_bound, .. })
            if tolerance.is_met_by(status, error_bound) =>
        {
            find(F::from_f64(2.0 * error_bound))
        }
        result => result,
    };
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
        let outcome = stationary::report(
            self.convergence,
            Tolerance::of(&task.arguments.search),
            &format!("the {} is off", self.name),
            screen,
        )?;
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
