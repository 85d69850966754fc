//! The log-likelihood of one step under one goal.
//!
//! ```text
//! actions        log π_t(a|s)
//! trajectories   log π_t(a|s) + log p(s'|s,a,e)
//!                = log ρ(a|s) + log γP(s'|s,a) + (r(s,a) + V_{t+1}(s') − V_t(s))/τ        (I14)
//! ```
//!
//! The last form needs values alone. For a step to †, log γP is log(1−γ) and V_{t+1} is 0. If the
//! likelihood is joint with the start, an episode adds log p₀(s) + V_0(s)/τ − log p(e) (D6).
//!
//! # Form computed
//!
//! A step is impossible, −∞, under a goal whose model is at its end, excludes the action, or never
//! moves from s to s' by it. The last holds for actions too, whose logarithms would not show it.

use ndarray::{Array2, ArrayView1, Axis};

use super::super::likelihood::{Kind, log_starts, solve_stationary_values};
use super::super::{Error, Likelihood};
use crate::dynamics::successors::log_transition;
use crate::mdp::{CheckedStage, check_initial, is_possible};
use crate::{
    Error as ModelError, Inference, Model, Policy, Real, SoftValueIteration, StationaryPolicy,
    StationarySolution, Table,
};

/// One step of the agent that is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) stage: usize,
    pub(super) state: usize,
    pub(super) action: usize,
    /// `None`: †.
    pub(super) next_state: Option<usize>,
}

impl Step {
    /// The error for this step, the one of index `step`, if every goal excludes it.
    pub(super) fn impossible(self, step: usize) -> Error {
        let Self { state, action, next_state, .. } = self;
        Error::ImpossibleStep { step, state, action, next_state }
    }
}

/// A goal of an agent, as the probabilities of its steps.
pub(super) trait Goal<F>: Send + Sync {
    /// Numbers of states and actions.
    fn shape(&self) -> (usize, usize);

    /// The number of stages of an episode, if it is limited.
    fn horizon(&self) -> Option<usize>;

    /// The log-likelihood of a step whose states and actions exist, before the horizon. The first
    /// step of an episode includes its start.
    fn log_likelihood(&self, step: &Step) -> Result<F, ModelError>;
}

/// log π_t(a|s) of a policy of either kind.
pub(super) enum Acts<F> {
    Always(StationaryPolicy<F>),
    Stages(Policy<F>),
}

impl<F: Real> Goal<F> for Acts<F> {
    fn shape(&self) -> (usize, usize) {
        match self {
            Acts::Always(policy) => (policy.num_states(), policy.num_actions()),
            Acts::Stages(policy) => (policy.num_states(), policy.num_actions()),
        }
    }

    fn horizon(&self) -> Option<usize> {
        match self {
            Acts::Always(_) => None,
            Acts::Stages(policy) => Some(policy.horizon()),
        }
    }

    fn log_likelihood(&self, &Step { stage, state, action, .. }: &Step) -> Result<F, ModelError> {
        Ok(match self {
            Acts::Always(policy) => policy.log_probabilities()[[state, action]],
            Acts::Stages(policy) => policy.log_probabilities()[[stage, state, action]],
        })
    }
}

/// An agent that solves a model.
pub(super) struct Solved<M, F> {
    model: M,
    answer: Answer<F>,
}

/// What the likelihood reads of a solution.
enum Answer<F> {
    Policy(Inference, Acts<F>),
    Values {
        values: Array2<F>, // [t, s]; a stationary one has one row
        horizon: Option<usize>,
        /// log p(s_0|e), `[s]`, if the likelihood is joint with the start.
        log_start: Option<Vec<F>>,
    },
}

/// Solves all models.
pub(super) fn solve<F: Real, M: Model<Scalar = F>>(
    models: Vec<M>,
    likelihood: &Likelihood<F>,
) -> Result<Vec<Solved<M, F>>, Error> {
    let answers = match likelihood.kind {
        Kind::FeatureMatching => return Err(Error::NoStepProbability),
        Kind::Actions(_) if likelihood.initial.is_some() => return Err(Error::UnusedInitial),
        Kind::Actions(inference) => {
            let acts = policies(&models, likelihood, inference)?;
            acts.into_iter().map(|acts| Answer::Policy(inference, acts)).collect()
        }
        Kind::Trajectories => values(&models, likelihood)?,
    };
    Ok(models.into_iter().zip(answers).map(|(model, answer)| Solved { model, answer }).collect())
}

fn policies<F: Real, M: Model<Scalar = F>>(
    models: &[M],
    likelihood: &Likelihood<F>,
    inference: Inference,
) -> Result<Vec<Acts<F>>, Error> {
    let Some(horizon) = likelihood.horizon else {
        let solved = models.iter().enumerate().map(|goal| stationary_solution(goal, likelihood));
        return solved.map(|solution| Ok(Acts::Always(solution?.policy().clone()))).collect();
    };
    let solutions = SoftValueIteration::new(horizon).inference(inference).solve_batch(models)?;
    Ok(solutions.iter().map(|solution| Acts::Stages(solution.policy().clone())).collect())
}

/// Solves the model of a goal. An error says which goal.
fn stationary_solution<F: Real, M: Model<Scalar = F>>(
    (goal, model): (usize, &M),
    likelihood: &Likelihood<F>,
) -> Result<StationarySolution<F>, Error> {
    solve_stationary_values(likelihood, model, None).map_err(|error| match error {
        Error::Model(error @ ModelError::NotConverged { .. }) => Error::UnsolvedGoal { goal, error },
        error => error,
    })
}

fn values<F: Real, M: Model<Scalar = F>>(
    models: &[M],
    likelihood: &Likelihood<F>,
) -> Result<Vec<Answer<F>>, Error> {
    if models.iter().any(|model| model.temperature() == F::zero()) {
        return Err(ModelError::ZeroTemperature { table: Table::LogEvidence }.into());
    }
    let horizon = likelihood.horizon;
    let tables: Vec<Array2<F>> = match horizon {
        None => {
            let solved = models.iter().enumerate().map(|goal| stationary_solution(goal, likelihood));
            let row = |values: ArrayView1<'_, F>| values.to_owned().insert_axis(Axis(0));
            solved.map(|solution| Ok(row(solution?.state_values()))).collect::<Result<_, Error>>()?
        }
        Some(horizon) => {
            let solved = SoftValueIteration::new(horizon).solve_values_batch(models)?;
            solved.iter().map(|values| values.state_values().to_owned()).collect()
        }
    };
    let answer = |(model, values): (&M, Array2<F>)| {
        let log_start = match &likelihood.initial {
            Some(initial) => {
                check_initial(initial, model.num_states())?;
                Some(log_starts(model.temperature(), initial, values.row(0)))
            }
            None => None,
        };
        Ok(Answer::Values { values, horizon, log_start })
    };
    models.iter().zip(tables).map(answer).collect()
}

impl<F: Real, M: Model<Scalar = F> + Send> Goal<F> for Solved<M, F> {
    fn shape(&self) -> (usize, usize) {
        (self.model.num_states(), self.model.num_actions())
    }

    fn horizon(&self) -> Option<usize> {
        match &self.answer {
            Answer::Policy(_, acts) => acts.horizon(),
            Answer::Values { horizon, .. } => *horizon,
        }
    }

    fn log_likelihood(&self, step: &Step) -> Result<F, ModelError> {
        let (model, impossible) = (&self.model, F::neg_infinity());
        let &Step { stage, state, action, next_state } = step;
        let horizon = self.horizon();
        let inference = match &self.answer {
            Answer::Policy(inference, _) => *inference,
            Answer::Values { .. } => Inference::Direct,
        };
        if model.is_terminal(state) {
            return Ok(impossible);
        }
        let checked = CheckedStage::new(model, horizon.map_or(0, |_| stage), inference)?;
        let (rewards, prior) = checked.row(state)?;
        let log_move = match (next_state, inference) {
            (Some(next_state), _) => {
                let dynamics = checked.dynamics;
                log_transition(dynamics, model.temperature(), (state, action), next_state)
            }
            (None, Inference::Direct) => (F::one() - model.discount()).ln(),
            (None, Inference::Variational) => impossible,
        };
        if !is_possible(rewards[action], prior[action]) || log_move == impossible {
            return Ok(impossible);
        }
        let (values, log_start) = match &self.answer {
            Answer::Policy(_, acts) => return acts.log_likelihood(step),
            Answer::Values { values, log_start, .. } => (values, log_start),
        };
        let (row, next_row) = if horizon.is_some() { (stage, stage + 1) } else { (0, 0) };
        let (log_discount, next_value) = match next_state {
            Some(next_state) => (model.discount().ln(), values[[next_row, next_state]]),
            None => (F::zero(), F::zero()),
        };
        let value = values[[row, state]];
        let start = match log_start {
            Some(log_start) if stage == 0 => log_start[state],
            _ => F::zero(),
        };
        if [log_discount, next_value, value, start].contains(&impossible) {
            return Ok(impossible);
        }
        let advantage = (rewards[action] + (next_value - value)) / model.temperature();
        let log = start + prior[action].ln() + (log_discount + log_move) + advantage;
        if log.is_finite() { Ok(log) } else { Err(ModelError::TotalOverflow { table: Table::Trajectory }) }
    }
}
