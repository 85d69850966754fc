//! Finite horizons.

use std::error::Error;

use softmdp::{Real, SoftValueIteration, Watched};

use crate::answer::{Outcome, StateResults, value_at_start};
use crate::consequences::{self, Consequences};
use crate::numbers::{number, range};
use crate::problem::Task;
use crate::screen::Screen;
use crate::{output, pictures, progress};

pub(crate) fn solve<F: Real>(
    task: &Task<'_, F>,
    horizon: usize,
    screen: &mut Screen,
) -> Result<Outcome, Box<dyn Error>> {
    let (model, inference) = (task.model(), task.inference);
    let bar = progress::stages(horizon, "backward pass");
    let watched = Watched::new(model, progress::count_stages(&bar));
    let solution = SoftValueIteration::new(horizon).inference(inference).solve(&watched)?;
    bar.finish_and_clear();
    let first = solution.state_values().row(0).to_owned();
    let (least, most) = range(first.iter().copied());
    screen.line("V", format!("{} to {}, at stage 0", number(least), number(most)))?;

    let initial = task.input.file.initial().map(|initial| initial.to_owned());
    let consequences = match &initial {
        None => {
            screen.line("", "no initial distribution: set --initial STATE for returns and probabilities")?;
            Consequences::None
        }
        Some(initial) => {
            let value = value_at_start(model, initial, &first, inference);
            screen.line("V(start)", number(value))?;
            consequences::follow(task, initial, &solution, screen)?
        }
    };
    output::write(task.arguments, screen, |writer| consequences.write(writer, &solution, initial.as_ref()))?;
    pictures::of_finite(task, &solution, &consequences, screen)?;
    let policy = if horizon > 0 { Some(solution.policy().at(0)?) } else { None };
    let results =
        StateResults { name: "V", title: "Values and policy at stage 0", values: first.view(), policy };
    task.show(&results, screen)?;
    Ok(Outcome::Met)
}
