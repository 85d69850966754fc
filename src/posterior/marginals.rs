//! Evidence and marginals, from forward messages and values (D6, D7, D8).

use std::ops::Range;

use ndarray::{Array1, Array2, Array3, ArrayRef1, Axis};

use crate::forward::ForwardPass;
use crate::kernels::{exp_all, log_sum_exp, sum};
use crate::mdp::{run_pass, terminal_states};
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Error, Inference, Model, Real, Solution, Table, Workspace, arrays};

/// log Σ_s p₀(s) exp(V_0(s)/τ), or [`Error::ImpossibleEvidence`] if it is −∞. `logs` is room for a
/// number for each state.
pub(super) fn evidence_of_values<F: Real>(
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

/// The marginals of all stages, to be written.
pub(super) struct MarginalTables<'a, F> {
    pub(super) states: &'a mut Array2<F>,
    pub(super) absorbed: &'a mut Array1<F>,
    pub(super) pairs: &'a mut Array3<F>,
}

/// Writes (D7) and (D8) of every stage, while the forward messages of the stage are there: those of
/// two stages are kept at a time. Returns the log-evidence.
pub(super) fn fill<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    solution: &Solution<F>,
    tables: MarginalTables<'_, F>,
    workspace: &mut Workspace<F>,
) -> Result<F, Error> {
    let horizon = solution.horizon();
    let terminal = workspace.take_states(terminal_states(mdp));
    let mut table = || workspace.take(Table::ForwardMessages, mdp.num_states());
    let (mut now, mut next) = (table()?, table()?);
    let mut pass = ForwardPass::new(workspace, mdp, horizon)?;
    let result = run_pass(mdp, horizon, Inference::Direct, || {
        let first_values = solution.state_values().index_axis_move(Axis(0), 0);
        let first_values = arrays::slice(&first_values);
        let log_evidence = evidence_of_values(mdp.temperature(), initial, first_values, horizon, &mut next);
        next.resize(mdp.num_states(), F::zero());
        let mut absorbed = F::neg_infinity();
        now.iter_mut().zip(initial).for_each(|(log, &p)| *log = p.ln());
        for t in 0..=horizon {
            let after = if t < horizon {
                pass.stage_given(solution.observed(), t, (&now, absorbed), &mut next)?.1
            } else {
                pass.log_end_given(solution.observed(), t, (&now, absorbed))?;
                absorbed
            };
            // Without evidence, the forward pass names the stage that excludes it.
            if log_evidence.is_ok() {
                let mut row = tables.states.row_mut(t);
                let (values, later) = (solution.state_values(), solution.observed().absorbed_from(t));
                let (values, messages) = (values.row(t), (&now[..], absorbed + later));
                let (row, values) = (arrays::slice_mut(&mut row), arrays::slice(&values));
                tables.absorbed[t] = marginals_of_stage(t, mdp.temperature(), messages, values, row)?;
                if t < horizon {
                    let mut pairs = tables.pairs.index_axis_mut(Axis(0), t);
                    solution.policy().pair_masses(t, row, &terminal, arrays::slice_mut(&mut pairs));
                }
            }
            absorbed = after;
            std::mem::swap(&mut now, &mut next);
        }
        log_evidence
    });
    pass.release(workspace);
    workspace.keep_states(terminal);
    [now, next].into_iter().for_each(|table| workspace.keep(table));
    result
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
