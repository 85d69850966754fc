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
//! By default, values are as exact as rounding allows: a rough solve finds their size, and from
//! that the tolerance that rounding leaves within reach.

use ndarray::{Array1, Axis};

use super::chain::ValueChain;
use super::derivative::Derivative;
use super::observed::{Observed, impossible_action};
use super::score::Score;
use super::stage::StageValues;
use super::starts::Starts;
use super::tally::Tally;
use super::{Kind, Likelihood};
use crate::inverse::{Demonstrations, Error};
use crate::mdp::CheckedStage;
use crate::{Inference, Method, Model, Real, StationarySolution, StationarySolver, Status, Table, arrays};

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
    let (action_values, log_policy) = (solution.action_values(), solution.policy().log_probabilities());
    let (action_values, log_policy) = (arrays::slice(&action_values), arrays::slice(&log_policy));
    let is_impossible = |pair: usize| action_values[pair] == F::neg_infinity();
    if let Some(choice) = observed.choices.iter().find(|choice| is_impossible(choice.pair)) {
        return Err(impossible_action(demonstrations, None, num_actions, choice));
    }

    let stage = CheckedStage::new(mdp, 0, inference)?;
    let (rewards, _) = stage.rows(0..num_states);
    let values = arrays::slice(&state_values);
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
    let chain = ValueChain::new((mdp, inference), stage.dynamics, values, policy)?;
    let visits = chain.solve_transposed(&sources, Table::ResidualVisits)?;

    let mut tally = Tally::new(likelihood.kind, mdp)?;
    let mut tables = StageValues { values, action_values, policy, log_policy, next_values: values };
    tally
        .add(&stage, &mut tables, &visits, &observed.choices)
        .map_err(|choice| impossible_action(demonstrations, None, num_actions, choice))?;
    tally.successors.add((mdp, 0), &stage, &tables, &observed.moves)?;
    sources.fill(F::zero());
    tally.flow(&derivative, (None, &visits, &observed.choices), &mut tables, &mut sources);
    let visits = arrays::from_vec(visits, (1, num_states));
    let convergence = Some(*solution.convergence());
    let parts = (&starts, tally);
    Score::new(likelihood, mdp, observed, parts, (state_values, visits), convergence)
}

/// The largest factor by which a stationary problem is taken to amplify rounding.
const MOST_AMPLIFICATION: f64 = 1e6;

/// The factor where the discount does not tell: at γ = 1, and in direct inference.
const USUAL_AMPLIFICATION: f64 = 32.0;

/// Units in the last place of a backup that no search for a fixed point gets below.
const UNITS: f64 = 16.0;

/// The stationary solution, as exact as asked.
pub(in crate::inverse) fn solve<F: Real, M: Model<Scalar = F> + ?Sized>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    initial_values: Option<&Array1<F>>,
) -> Result<StationarySolution<F>, Error> {
    if let Some(tolerance) = likelihood.tolerance {
        return solve_to(likelihood, mdp, tolerance, initial_values);
    }
    // Hard maxima have no temperature as a scale. Any tolerance shows how large the values are.
    let scale = if mdp.temperature() > F::zero() { mdp.temperature() } else { F::one() };
    let rough = solve_to(likelihood, mdp, scale, initial_values)?;
    let finite = rough.state_values().into_iter().copied().filter(|value| value.is_finite());
    let largest = finite.fold(scale, |largest, value| largest.max(value.abs()));
    let most_steps = F::one() / (F::one() - mdp.discount());
    let amplification = match likelihood.kind.inference() {
        Inference::Variational if most_steps.is_finite() => most_steps.min(F::from_f64(MOST_AMPLIFICATION)),
        _ => F::from_f64(USUAL_AMPLIFICATION),
    };
    let tolerance = F::from_f64(UNITS) * F::epsilon() * largest * amplification;
    solve_to(likelihood, mdp, tolerance, Some(&rough.state_values().to_owned()))
}

/// A stationary solution to a tolerance. Unless the caller chose it, rounding may prevent that.
fn solve_to<F: Real, M: Model<Scalar = F> + ?Sized>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    tolerance: F,
    initial_values: Option<&Array1<F>>,
) -> Result<StationarySolution<F>, Error> {
    let mut solver = StationarySolver::new(tolerance).inference(likelihood.kind.inference());
    if let Some(values) = initial_values {
        // Near a solution, Newton's method needs few steps, and no sweeps to tell how many. A fit of
        // the bus engines takes two thirds of the instructions.
        solver = solver.initial_values(values.clone()).method(Method::Newton);
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
