//! Likelihoods without a horizon: one stationary solve, and one linear system.
//!
//! ```text
//! (I − J)ᵀ x = b − [actions: Kᵀ n],   J(s,s') = Σ_a π(a|s) K(s,a,s'), 0 for terminal s    (I10)
//! ```
//!
//! where n and b are summed over all stages. The gradients are those of one
//! [stage](super::tally).
//!
//! # Form computed
//!
//! By default, values are as exact as rounding allows.

use ndarray::{Array1, Axis};

use super::derivative::Derivative;
use super::likelihood::{Kind, Likelihood};
use super::observed::{Observed, impossible_action};
use super::score::Starts;
use super::tally::{StageValues, Tally};
use super::{Demonstrations, Error, Score};
use crate::dynamics::successors::LuckyRows;
use crate::markov_chain::Transient;
use crate::mdp::CheckedStage;
use crate::{
    Inference, Model, Real, SparseDynamics, StationarySolution, StationarySolver, Status, Table, arrays,
};

/// The score of checked demonstrations.
pub(super) fn evaluate<F: Real, M: Model<Scalar = F> + ?Sized>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    (demonstrations, observed): (&Demonstrations<F>, &Observed<F>),
    initial_values: Option<&Array1<F>>,
) -> Result<Score<F>, Error> {
    let inference = likelihood.kind.inference();
    let solution = solve(likelihood, mdp, initial_values)?;
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let state_values = solution.state_values().to_owned().insert_axis(Axis(0));
    let starts = Starts::new(likelihood, mdp, demonstrations, observed, state_values.view())?;
    let action_values = solution.action_values().to_owned();
    let is_impossible = |pair: usize| arrays::slice(&action_values)[pair] == F::neg_infinity();
    if let Some(choice) = observed.choices.iter().find(|choice| is_impossible(choice.pair)) {
        return Err(impossible_action(demonstrations, None, num_actions, choice));
    }

    let stage = CheckedStage::new(mdp, 0, inference)?;
    let (rewards, _) = stage.rows(0..num_states);
    let (values, action_values) = (arrays::slice(&state_values), arrays::slice(&action_values));
    let mut policy = solution.probabilities().to_owned();
    let policy = arrays::slice_mut(&mut policy);
    let settings = (inference, mdp.discount(), mdp.temperature());
    let derivative = Derivative::new(stage.dynamics, settings, values, (rewards, action_values));

    let mut sources = arrays::filled_vec(Table::ResidualVisits, num_states, F::zero())?;
    if let Kind::Actions(_) = likelihood.kind {
        let mut seen = arrays::filled_vec(Table::Counts, num_states * num_actions, F::zero())?;
        observed.choices.iter().for_each(|choice| seen[choice.pair] -= choice.weight);
        derivative.push_forward(&mut seen, &mut sources);
        observed.choices.iter().for_each(|choice| sources[choice.pair / num_actions] += choice.weight);
    }
    starts.add_to(0, &mut sources);
    let visits = residual_visits(mdp, &stage, (values, policy), &sources, inference)?;

    let mut tally = Tally::new(likelihood.kind, mdp)?;
    let log_policy = solution.policy().log_probabilities().to_owned();
    let log_policy = arrays::slice(&log_policy);
    let mut tables = StageValues { values, action_values, policy, log_policy, next_values: values };
    tally
        .add(&stage, &mut tables, &visits, &observed.choices)
        .map_err(|choice| impossible_action(demonstrations, None, num_actions, choice))?;
    tally.successors.add((mdp, 0), &stage, &tables, &observed.moves)?;
    sources.fill(F::zero());
    tally.flow(&derivative, &mut tables, &mut sources);
    let visits = arrays::from_vec(visits, (1, num_states));
    let convergence = Some(*solution.convergence());
    let parts = (&starts, tally);
    Score::new(likelihood, mdp, observed, parts, (state_values.clone(), visits), convergence)
}

/// The stationary solution, as exact as asked.
fn solve<F: Real, M: Model<Scalar = F> + ?Sized>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    initial_values: Option<&Array1<F>>,
) -> Result<StationarySolution<F>, Error> {
    let tolerance = likelihood.tolerance.unwrap_or(F::min_positive_value());
    let mut solver = StationarySolver::new(tolerance).inference(likelihood.kind.inference());
    if let Some(values) = initial_values {
        solver = solver.initial_values(values.clone());
    }
    let solution = solver.solve(mdp)?;
    let convergence = solution.convergence();
    let is_exact = match convergence.status {
        Status::Converged => true,
        Status::RoundingFloor => likelihood.tolerance.is_none() && convergence.error_bound.is_finite(),
        _ => false,
    };
    if is_exact {
        return Ok(solution);
    }
    let (status, iterations) = (convergence.status, convergence.iterations);
    let error_bound = convergence.error_bound.into_f64();
    Err(crate::Error::NotConverged { status, iterations, error_bound }.into())
}

/// x = (I − J)⁻ᵀ b.
fn residual_visits<F, M>(
    mdp: &M,
    stage: &CheckedStage<'_, F, M::Dynamics>,
    (values, policy): (&[F], &[F]),
    b: &[F],
    inference: Inference,
) -> Result<Vec<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
{
    let num_states = mdp.num_states();
    let takes_part: Vec<bool> =
        (0..num_states).map(|state| !mdp.is_terminal(state) && values[state] > F::neg_infinity()).collect();
    let (takes_part, table) = (&takes_part[..], Table::ResidualVisits);
    if inference == Inference::Variational {
        let discount = mdp.discount();
        return Ok(Transient { dynamics: stage.dynamics, policy, takes_part, discount, table }
            .solve_transposed(b)?);
    }
    let dynamics = lucky_chain(mdp, stage, (values, policy), takes_part)?;
    let policy = &vec![F::one(); num_states][..];
    Ok(Transient { dynamics: &dynamics, policy, takes_part, discount: F::one(), table }
        .solve_transposed(b)?)
}

/// The rows J(s,s') = Σ_a π(a|s) p(s'|s,a,e) of states that take part, as dynamics of one action.
fn lucky_chain<F, M>(
    mdp: &M,
    stage: &CheckedStage<'_, F, M::Dynamics>,
    (values, policy): (&[F], &[F]),
    takes_part: &[bool],
) -> Result<SparseDynamics<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
{
    let num_actions = mdp.num_actions();
    let mut lucky = LuckyRows::new(mdp.discount(), mdp.temperature(), values);
    let dynamics = SparseDynamics::from_fn(values.len(), 1, |state, _| {
        let mut row = Vec::new();
        for action in (0..num_actions).filter(|_| takes_part[state] && mdp.discount() > F::zero()) {
            let share = policy[state * num_actions + action];
            if share > F::zero() {
                lucky.for_each(stage.dynamics, (state, action), |next_state, p| {
                    row.push((next_state, share * p))
                });
            }
        }
        row
    });
    Ok(dynamics?)
}
