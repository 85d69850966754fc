//! The problem that is asked, and its description on the screen.

use std::error::Error;
use std::io;

use clap::error::ErrorKind;
use softmdp::io::StoredModel;
use softmdp::{ActionPrior, Inference, Model, Real};

use crate::answer::StateResults;
use crate::arguments::{Arguments, ProblemOptions, usage};
use crate::input::Input;
use crate::numbers::count;
use crate::screen::Screen;
use crate::{drawing, table};

/// What to compute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Problem {
    Finite { horizon: usize },
    Stationary,
    Average,
}

impl Problem {
    /// The problem of the command line. A model with a number of stages has a default.
    pub(crate) fn of<F: Real>(options: &ProblemOptions, input: &Input<F>) -> Result<Self, Box<dyn Error>> {
        if options.stationary {
            return Ok(Self::Stationary);
        }
        if options.average {
            return Ok(Self::Average);
        }
        let horizon = options.horizon.or(input.file.model().num_stages()).ok_or_else(|| {
            let message = "choose a problem:\n  \
                --horizon T    T stages\n  \
                --stationary   an infinite horizon, with one value for each state\n  \
                --average      the average reward of a stage in the long run";
            usage(ErrorKind::MissingRequiredArgument, message)
        })?;
        Ok(Self::Finite { horizon })
    }
}

/// A model, and how to solve it.
#[derive(Debug)]
pub(crate) struct Task<'a, F: Real> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) input: Input<F>,
    pub(crate) inference: Inference,
}

impl<F: Real> Task<'_, F> {
    pub(crate) fn model(&self) -> &StoredModel<F> {
        self.input.file.model()
    }

    /// Prints values and policies: a map if the model is one and it fits, and a table.
    pub(crate) fn show(
        &self,
        results: &StateResults<'_, F>,
        screen: &mut Screen,
    ) -> Result<(), Box<dyn Error>> {
        if let Some(grid) = self.input.names.grid() {
            drawing::print(grid, results, screen)?;
        }
        table::print(self.model(), &self.input.names, results, self.arguments.output.rows, screen)?;
        Ok(())
    }

    /// Prints what is solved, before it is solved.
    pub(crate) fn describe(&self, problem: Problem, screen: &mut Screen) -> io::Result<()> {
        let model = self.model();
        screen.line("model", self.arguments.path.display())?;
        for note in &self.input.notes {
            screen.line("", note)?;
        }
        let num_terminal = (0..model.num_states()).filter(|&state| model.is_terminal(state)).count();
        let terminal = match num_terminal {
            0 => "none is terminal".to_owned(),
            1 => "1 is terminal".to_owned(),
            n => format!("{n} are terminal"),
        };
        let (states, actions) = (count(model.num_states(), "state"), count(model.num_actions(), "action"));
        screen.line("size", format!("{states} ({terminal}), {actions}"))?;
        if let Some(stages) = num_reward_tables(model) {
            let repeats = if model.num_stages().is_none() { ", which repeat" } else { "" };
            screen.line("rewards", format!("differ by stage: {}{repeats}", count(stages, "stage")))?;
        }
        let problem = match problem {
            Problem::Finite { horizon } => format!("horizon of {}", count(horizon, "stage")),
            Problem::Stationary => "stationary".to_owned(),
            Problem::Average => "average reward".to_owned(),
        };
        let (discount, temperature) = (model.discount(), model.temperature());
        let prior = match action_prior(model) {
            Some(ActionPrior::Counting) => ", counting prior",
            Some(ActionPrior::Uniform) => ", uniform prior",
            _ => ", prior of weights",
        };
        // Hard maxima do not depend on the weights.
        let prior = if temperature > F::zero() { prior } else { "" };
        screen.line(
            "problem",
            format!("{problem}, {} inference, γ = {discount}, τ = {temperature}{prior}", self.inference),
        )
    }
}

/// Number of tables of rewards, if they differ by stage.
fn num_reward_tables<F: Real>(model: &StoredModel<F>) -> Option<usize> {
    match model {
        StoredModel::TimeVarying(model) => Some(model.stages().len()),
        StoredModel::TimeVaryingSuccessorRewards(model) => Some(model.stages().len()),
        _ => None,
    }
}

fn action_prior<F: Real>(model: &StoredModel<F>) -> Option<&ActionPrior<F>> {
    match model {
        StoredModel::Mdp(mdp) => Some(mdp.action_prior()),
        StoredModel::SuccessorRewards(model) => Some(model.mdp().action_prior()),
        StoredModel::TimeVarying(model) => Some(model.stages()[0].action_prior()),
        StoredModel::TimeVaryingSuccessorRewards(model) => Some(model.stages()[0].mdp().action_prior()),
        _ => None,
    }
}
