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
    // A product that leaves the number type is marked by NaN.
    let add = |states: Range<usize>, logs: RowsMut<'_, F>| {
        let inputs = messages[states.clone()].iter().zip(&values[states]);
        logs.data.iter_mut().zip(inputs).fold((dead, true), |(max, is_right), (log, (&message, &value))| {
            let sum = message + value / temperature;
            let is_possible = (message > dead) & (value > dead);
            let is_right_here = !is_possible | sum.is_finite();
            *log = match (is_possible, is_right_here) {
                (_, false) => F::nan(),
                (true, true) => sum,
                (false, true) => dead,
            };
            (if *log > max { *log } else { max }, is_right & is_right_here)
        })
    };
    let join = |(a, is_right): (F, bool), (b, is_right_too): (F, bool)| (a.max(b), is_right & is_right_too);
    let (max, is_right) = fold_pieces(values.len(), RowsMut::column(marginals), &add, &join);
    if !is_right {
        let state = marginals.iter().position(|log| log.is_nan()).unwrap_or(0);
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
    let total = left + fold_pieces(values.len(), RowsMut::column(marginals), &exponentiate, &|a, b| a + b);
    let divide = |_: Range<usize>, weights: RowsMut<'_, F>| {
        weights.data.iter_mut().for_each(|weight| *weight /= total);
    };
    fold_pieces(values.len(), RowsMut::column(marginals), &divide, &|(), ()| ());
    Ok(left / total)
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
    let terminal: Vec<usize> = terminal_states(mdp).collect();
    let stages = marginals.outer_iter_mut().zip(state_marginals.rows());
    for (t, (mut pairs, masses)) in stages.enumerate() {
        let (masses, pairs) = (arrays::slice(&masses), arrays::slice_mut(&mut pairs));
        solution.policy().pair_masses(t, masses, &terminal, pairs);
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
