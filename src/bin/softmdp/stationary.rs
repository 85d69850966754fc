//! Infinite horizons: one value for each state.

use std::error::Error;

use softmdp::ndarray::arr0;
use softmdp::{Convergence, Inference, Real, StationarySolver, Watched};

use crate::answer::{Outcome, StateResults, Tolerance, value_at_start};
use crate::messages::message;
use crate::numbers::{bound, count, number, range};
use crate::pictures;
use crate::problem::Task;
use crate::screen::Screen;
use crate::{output, progress};

pub(crate) fn solve<F: Real>(task: &Task<'_, F>, screen: &mut Screen) -> Result<Outcome, Box<dyn Error>> {
    let model = task.model();
    let solver = solver(task);
    let bar = progress::passes("searching");
    let solution = solver.solve(&Watched::new(model, progress::count_passes(&bar)))?;
    bar.finish_and_clear();
    let tolerance = Tolerance::of(&task.arguments.search);
    let outcome = report(solution.convergence(), tolerance, "every value is off", screen)?;
    let (least, most) = range(solution.state_values().iter().copied());
    screen.line("V", format!("{} to {}", number(least), number(most)))?;

    let initial = task.input.file.initial().map(|initial| initial.to_owned());
    let mut expected_return = None;
    if let Some(initial) = &initial {
        let value = value_at_start(model, initial, &solution.state_values(), task.inference);
        screen.line("V(start)", number(value))?;
        if task.inference == Inference::Variational && outcome == Outcome::Met {
            match solution.policy().expected_return(model, initial) {
                Ok(value) => {
                    screen.line("return", format!("{}, expected under this policy", number(value)))?;
                    expected_return = Some(value);
                }
                Err(error) => screen.line("return", format!("not computed: {error}"))?,
            }
        }
    }
    output::write(task.arguments, screen, |writer| {
        writer.add(&solution)?;
        if let Some(value) = expected_return {
            writer.add_array("expected_return", &arr0(value))?;
        }
        match &initial {
            Some(initial) => writer.add_array("initial", initial),
            None => Ok(()),
        }
    })?;
    pictures::of_stationary(task, &solver, &solution, screen)?;
    let (values, policy) = (solution.state_values(), Some(solution.probabilities()));
    task.show(&StateResults { name: "V", title: "Values and policy of all stages", values, policy }, screen)?;
    Ok(outcome)
}

fn solver<F: Real>(task: &Task<'_, F>) -> StationarySolver<F> {
    let options = &task.arguments.search;
    let mut solver = StationarySolver::new(Tolerance::of(options).value).inference(task.inference);
    if let Some(method) = options.method {
        solver = solver.method(method.into());
    }
    if let Some(max_iterations) = options.max_iterations {
        solver = solver.max_iterations(max_iterations);
    }
    solver
}

/// Prints how the search ended. What to do about a search that did not converge is a warning.
pub(crate) fn report<F: Real>(
    convergence: &Convergence<F>,
    tolerance: Tolerance<F>,
    what: &str,
    screen: &mut Screen,
) -> Result<Outcome, Box<dyn Error>> {
    let &Convergence { status, iterations, error_bound, .. } = convergence;
    let accuracy = if error_bound < F::infinity() {
        format!("{what} by at most {}", bound(error_bound.into_f64()))
    } else {
        "no bound on the error is known".to_owned()
    };
    let after = count(iterations, "pass");
    screen.line("search", format!("{status} after {after}, {accuracy}"))?;
    let error_bound = error_bound.into_f64();
    if tolerance.is_met_by(status, error_bound) {
        return Ok(Outcome::Met);
    }
    eprintln!("warning: {}", message(&softmdp::Error::NotConverged { status, iterations, error_bound }));
    Ok(Outcome::NotMet)
}
