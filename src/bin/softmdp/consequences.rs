//! What follows from a solution and an initial distribution: a posterior, or the evaluation of a
//! policy.

use std::error::Error;

use softmdp::io::NpzWriter;
use softmdp::ndarray::{Array1, Array2, Array3, ArrayRef1, arr0};
use softmdp::{Inference, Model, Posterior, Real, Solution, Watched};

use crate::numbers::number;
use crate::problem::Task;
use crate::progress;
use crate::screen::Screen;

/// What follows from a solution and an initial distribution.
#[derive(Debug)]
pub(crate) enum Consequences<F> {
    /// Without an initial distribution, or in direct inference at temperature 0.
    None,
    Posterior(Box<Posterior<F>>),
    Policy(Acting<F>),
}

/// The evaluation of the policy under the true dynamics.
#[derive(Debug)]
pub(crate) struct Acting<F> {
    pub(crate) states: Array2<F>, // [t, s]
    pairs: Option<Array3<F>>,     // [t, s, a], for files
    elbo: F,
    expected_return: F,
}

/// Computes and prints what follows from an initial distribution.
pub(crate) fn follow<F: Real>(
    task: &Task<'_, F>,
    initial: &Array1<F>,
    solution: &Solution<F>,
    screen: &mut Screen,
) -> Result<Consequences<F>, Box<dyn Error>> {
    let (model, horizon) = (task.model(), solution.horizon());
    if task.inference == Inference::Variational {
        let has_out = task.arguments.output.out.is_some();
        let bar = progress::stages(if has_out { 5 * horizon } else { 3 * horizon }, "policy");
        let watched = Watched::new(model, progress::count_stages(&bar));
        let policy = solution.policy();
        let acting = Acting {
            elbo: policy.elbo(&watched, initial)?,
            expected_return: policy.expected_return(&watched, initial)?,
            states: policy.state_occupancy(&watched, initial)?,
            pairs: has_out.then(|| policy.state_action_occupancy(&watched, initial)).transpose()?,
        };
        bar.finish_and_clear();
        screen.line("return", format!("{}, expected under this policy", number(acting.expected_return)))?;
        if let Some(ended) = ended(model, &acting.states.row(horizon)) {
            screen.line("P(terminal)", format!("{}, at the last stage, under this policy", number(ended)))?;
        }
        return Ok(Consequences::Policy(acting));
    }
    if !(model.temperature() > F::zero()) {
        screen.line("", "no posterior, because the temperature is 0")?;
        return Ok(Consequences::None);
    }
    let bar = progress::stages(horizon, "forward pass");
    let posterior = solution.posterior(&Watched::new(model, progress::count_stages(&bar)), initial)?;
    bar.finish_and_clear();
    screen.line("evidence", format!("log p = {} nats", number(posterior.log_evidence())))?;
    if let Some(ended) = ended(model, &posterior.state_marginals().row(horizon)) {
        screen.line("P(terminal)", format!("{}, at the last stage, given success", number(ended)))?;
    }
    Ok(Consequences::Posterior(Box::new(posterior)))
}

/// Probability of terminal states, if there are any.
fn ended<F: Real>(model: &impl Model<Scalar = F>, states: &ArrayRef1<F>) -> Option<F> {
    let terminal = states.iter().enumerate().filter(|(state, _)| model.is_terminal(*state));
    terminal.map(|(_, &p)| p).reduce(|sum, p| sum + p)
}

impl<F: Real> Consequences<F> {
    /// Writes a solution and what follows from it.
    pub(crate) fn write(
        &self,
        writer: &mut NpzWriter,
        solution: &Solution<F>,
        initial: Option<&Array1<F>>,
    ) -> Result<(), softmdp::io::Error> {
        match self {
            Consequences::Posterior(posterior) => return writer.add(&**posterior), // has `initial`
            Consequences::None => writer.add(solution)?,
            Consequences::Policy(acting) => {
                writer.add(solution)?;
                writer.add_array("state_occupancy", &acting.states)?;
                if let Some(pairs) = &acting.pairs {
                    writer.add_array("state_action_occupancy", pairs)?;
                }
                writer.add_array("elbo", &arr0(acting.elbo))?;
                writer.add_array("expected_return", &arr0(acting.expected_return))?;
            }
        }
        match initial {
            Some(initial) => writer.add_array("initial", initial),
            None => Ok(()),
        }
    }
}
