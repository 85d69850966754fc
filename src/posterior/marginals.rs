//! Evidence and marginals, from forward messages and values (D6, D7, D8).

use std::ops::Range;

use ndarray::{Array1, Array2, Array3, ArrayRef1};

use crate::kernels::{exp_all, log_sum_exp, sum};
use crate::mdp::terminal_states;
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Error, ForwardMessages, Model, Real, Solution, Table, arrays};

/// log Σ_s p₀(s) exp(V_0(s)/τ), or [`Error::ImpossibleEvidence`] if it is −∞. `logs` is room for a
/// number for each state.
pub(super) fn log_evidence<F: Real>(
    temperature: F,
    initial: &ArrayRef1<F>,
    first_values: &[F],
    horizon: usize,
    logs: &mut Vec<F>,
) -> Result<F, Error> {
    logs.clear();
    let possible = initial.iter().zip(first_values);
    let possible = possible.filter(|(p, value)| **p > F::zero() && **value > F::neg_infinity());
    logs.extend(possible.map(|(&p, &value)| p.ln() + value / temperature));
    if logs.is_empty() {
        return Err(Error::ImpossibleEvidence { stage: horizon });
    }
    let total = log_sum_exp(logs);
    if !total.is_finite() {
        return Err(Error::TotalOverflow { table: Table::StateValues });
    }
    Ok(total)
}

/// Writes p(s_t∣e) of a stage (D7) and returns the probability of †. The messages are log α_t(s),
/// and log α_t(†) β_t(†).
pub(super) fn marginals_of_stage<F: Real>(
    t: usize,
    temperature: F,
    (messages, absorbed): (&[F], F),
    values: &[F],
    marginals: &mut [F],
) -> Result<F, Error> {
    let dead = F::neg_infinity();
    let add = |states: Range<usize>, logs: RowsMut<'_, F>| {
        let inputs = messages[states.clone()].iter().zip(&values[states]);
        let start = (dead, true);
        logs.data.iter_mut().zip(inputs).fold(start, |(max, is_right), (log, (&message, &value))| {
            let sum = message + value / temperature;
            let is_possible = (message > dead) & (value > dead);
            *log = if is_possible { sum } else { dead };
            (if *log > max { *log } else { max }, is_right & (!is_possible | sum.is_finite()))
        })
    };
    let join = |(a, is_right): (F, bool), (b, is_right_too): (F, bool)| (a.max(b), is_right & is_right_too);
    let (max, is_right) = fold_pieces(values.len(), column(marginals), &add, &join);
    if !is_right {
        let is_wrong = |&state: &usize| {
            let is_possible = messages[state] > dead && values[state] > dead;
            is_possible && !(messages[state] + values[state] / temperature).is_finite()
        };
        let state = (0..values.len()).find(is_wrong).unwrap_or(0);
        return Err(Error::Overflow { table: Table::StateMarginals, stage: t, state });
    }
    let max = max.max(absorbed);
    if max == dead {
        return Err(Error::ImpossibleEvidence { stage: t });
    }
    let exponentiate = |_: Range<usize>, weights: RowsMut<'_, F>| {
        weights.data.iter_mut().for_each(|weight| *weight -= max);
        exp_all(weights.data);
        sum(weights.data)
    };
    let left = (absorbed - max).exp();
    let total = left + fold_pieces(values.len(), column(marginals), &exponentiate, &|a, b| a + b);
    let divide = |_: Range<usize>, weights: RowsMut<'_, F>| {
        weights.data.iter_mut().for_each(|weight| *weight /= total);
    };
    fold_pieces(values.len(), column(marginals), &divide, &|(), ()| ());
    Ok(left / total)
}

/// A number for each state, to be written.
fn column<F>(numbers: &mut [F]) -> RowsMut<'_, F> {
    RowsMut { data: numbers, width: 1 }
}

/// Writes (D7) of every stage, for states and for †.
pub(super) fn state_marginals<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    forward: &ForwardMessages<F>,
    solution: &Solution<F>,
    (marginals, absorbed): (&mut Array2<F>, &mut Array1<F>),
) -> Result<(), Error> {
    let (values, messages) = (solution.state_values(), forward.log_forward());
    let rows = values.rows().into_iter().zip(messages.rows()).zip(marginals.rows_mut());
    for (t, ((values, messages), mut row)) in rows.enumerate() {
        let later = solution.observed().absorbed_from(t);
        let messages = (arrays::slice(&messages), forward.log_absorbed()[t] + later);
        let row = arrays::slice_mut(&mut row);
        absorbed[t] = marginals_of_stage(t, mdp.temperature(), messages, arrays::slice(&values), row)?;
    }
    Ok(())
}

/// Writes (D8) of every stage.
pub(super) fn state_action_marginals<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    state_marginals: &Array2<F>,
    solution: &Solution<F>,
    marginals: &mut Array3<F>,
) {
    let (num_states, width) = (mdp.num_states(), mdp.num_actions());
    let terminal: Vec<usize> = terminal_states(mdp).collect();
    let stages = marginals.outer_iter_mut().zip(solution.policy().probabilities().into_outer_iter());
    for ((mut pairs, policy), masses) in stages.zip(state_marginals.rows()) {
        let (pairs, masses) = (arrays::slice_mut(&mut pairs), arrays::slice(&masses));
        let policy = arrays::slice(&policy);
        let multiply = |states: Range<usize>, pairs: RowsMut<'_, F>| {
            let policy = policy[states.start * width..states.end * width].chunks_exact(width);
            let rows = pairs.data.chunks_exact_mut(width).zip(policy).zip(&masses[states]);
            for ((pairs, policy), &mass) in rows {
                pairs.iter_mut().zip(policy).for_each(|(pair, &p)| *pair = mass * p);
            }
        };
        fold_pieces(num_states, RowsMut { data: &mut *pairs, width }, &multiply, &|(), ()| ());
        terminal.iter().for_each(|state| pairs[state * width..][..width].fill(F::zero()));
    }
}

/// Checks that each row of marginals, together with †, is a distribution, and that no pair is more
/// probable than its state.
pub(super) fn check_marginals<F: Real>(
    state_marginals: &Array2<F>,
    absorbed_marginals: &Array1<F>,
    state_action_marginals: &Array3<F>,
) -> Result<(), Error> {
    // The solver normalises in the number type itself, with an error of up to one ulp per term.
    let terms = state_marginals.ncols() as f64;
    let tolerance = F::ROW_SUM_TOLERANCE.max(terms * F::epsilon().into_f64());
    let is_probability = |p: F| p >= F::zero() && p.into_f64() <= 1.0 + tolerance;
    arrays::check_entries(Table::StateMarginals, state_marginals, is_probability)?;
    arrays::check_entries(Table::AbsorbedMarginals, absorbed_marginals, is_probability)?;
    arrays::check_entries(Table::StateActionMarginals, state_action_marginals, is_probability)?;
    for (stage, (row, absorbed)) in state_marginals.outer_iter().zip(absorbed_marginals).enumerate() {
        let sum = row.iter().chain([absorbed]).map(|p| p.into_f64()).sum::<f64>();
        if !((sum - 1.0).abs() <= tolerance) {
            let (table, index) = (Table::StateMarginals, vec![stage]);
            return Err(Error::UnnormalizedRow { table, index, sum, tolerance });
        }
    }
    for ((stage, state, action), p) in state_action_marginals.indexed_iter() {
        let (value, most) = (p.into_f64(), state_marginals[[stage, state]].into_f64());
        if !(value <= most * (1.0 + tolerance)) {
            let (table, index) = (Table::StateActionMarginals, vec![stage, state, action]);
            return Err(Error::InvalidEntry { table, index, value });
        }
    }
    Ok(())
}
