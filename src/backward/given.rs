//! The backward pass given observations.
//!
//! # Recursion
//!
//! ```text
//! V_t(†)   = τ Σ_{u≥t} o_u(†)
//! V_T(s)   = V_T(s) of the model + τ o_T(s)
//! Q_t(s,a) = r(s,a) + τ log( γ Σ_s' P(s'|s,a) exp(V_{t+1}(s')/τ)
//!                            + (1−γ) exp(V_{t+1}(†)/τ) )                                   (D13)
//! V_t(s)   = τ log Σ_a ρ(a|s) exp(Q_t(s,a)/τ) + τ o_t(s)
//! V_t(s)   = V_{t+1}(s) + τ o_t(s)                                          if s is terminal
//! ```
//!
//! where o_t are the log-likelihoods of the observations of stage t, 0 without any. The policy is
//! the softmax of Q_t, as in (D3), because o_t(s) is the same for every action.

use super::backup::Backup;
use super::{Solution, begin, soft_value_iteration};
use crate::mdp::{check_options, run_pass};
use crate::observation::Observations;
use crate::parallel::Split;
use crate::{Error, Inference, Model, Real, Table, Workspace};

/// Solves a finite horizon by direct inference, given observations.
///
/// Precondition: the observations are of this horizon and of states of this model.
pub(crate) fn solve_given<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    horizon: usize,
    observations: Observations<F>,
) -> Result<Solution<F>, Error> {
    if observations.is_empty() {
        return soft_value_iteration(mdp, horizon);
    }
    check_options(mdp, horizon)?;
    let shape = (horizon, mdp.num_states(), mdp.num_actions());
    let mut solution = Solution::with_shape(shape, Inference::Direct)?;
    let mut backup = Backup::within(&mut Workspace::new(), mdp, Inference::Direct);
    let (mut tables, last_values) = begin(solution.tables_mut(Inference::Direct), mdp, horizon);
    let (seen, temperature, table) = (&observations, mdp.temperature(), Table::StateValues);
    run_pass(mdp, horizon, Inference::Direct, move || {
        seen.add_to(horizon, temperature, table, last_values)?;
        let mut next_values = &*last_values;
        for t in (0..horizon).rev() {
            let (earlier, mut stage) = tables.split_at(t * mdp.num_states());
            mdp.begin_stage(t)?;
            backup.set_absorbed_value(seen.absorbed_value(t + 1, temperature)?);
            backup.stage(t, next_values, stage.reborrow())?;
            for (state, value) in stage.values.iter_mut().enumerate() {
                if mdp.is_terminal(state) {
                    *value = next_values[state];
                }
            }
            seen.add_to(t, temperature, table, stage.values)?;
            (tables, next_values) = (earlier, stage.values);
        }
        Ok(())
    })?;
    solution.set_observed(observations);
    Ok(solution)
}
