//! Evidence and marginals, from forward messages and values (D6, D7, D8).

use ndarray::{Array1, Array2, Array3, ArrayRef1};

use crate::kernels::log_sum_exp;
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
    let mut max = absorbed;
    for (state, log) in marginals.iter_mut().enumerate() {
        let (message, value) = (messages[state], values[state]);
        *log = F::neg_infinity();
        if message > F::neg_infinity() && value > F::neg_infinity() {
            *log = message + value / temperature;
            if !log.is_finite() {
                return Err(Error::Overflow { table: Table::StateMarginals, stage: t, state });
            }
        }
        max = max.max(*log);
    }
    if max == F::neg_infinity() {
        return Err(Error::ImpossibleEvidence { stage: t });
    }
    let left = (absorbed - max).exp();
    let mut sum = left;
    for log in marginals.iter_mut() {
        *log = (*log - max).exp();
        sum += *log;
    }
    marginals.iter_mut().for_each(|weight| *weight /= sum);
    Ok(left / sum)
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
    let policy = solution.policy().probabilities();
    let rows = marginals.rows_mut().into_iter().zip(policy.rows()).zip(state_marginals);
    for (row, ((mut pairs, policy), &mass)) in rows.enumerate() {
        let mass = if mdp.is_terminal(row % mdp.num_states()) { F::zero() } else { mass };
        pairs.iter_mut().zip(policy).for_each(|(pair, &p)| *pair = mass * p);
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
