//! The backward pass over the stages of a finite horizon.

use super::columns::Columns;
use super::events::Events;
use super::moments::Moments;
use super::stage::{Stage, terminal};
use crate::backward::Backup;
use crate::inverse::Score;
use crate::inverse::likelihood::StageMemory;
use crate::mdp::CheckedStage;
use crate::{Error, Inference, Model, Real, Table, arrays};

/// Adds all stages to the scores, and returns the moments and ∂V_0, `[s, k]`.
pub(super) fn moments<F: Real, M: Model<Scalar = F> + ?Sized>(
    (mdp, horizon, inference): (&M, usize, Inference),
    score: &Score<F>,
    columns: &Columns<F>,
    events: &mut Events<F>,
) -> Result<(Moments<F>, Vec<F>), Error> {
    let (num_states, num_pairs) = (mdp.num_states(), mdp.num_states() * mdp.num_actions());
    let k = columns.num_parameters();
    let table = |table, len| arrays::filled_vec(table, len, F::zero());
    let mut next = table(Table::StateValues, num_states * k)?; // ∂V_{t+1}
    let mut now = table(Table::StateValues, num_states * k)?;
    let mut pairs = table(Table::ActionValues, num_pairs * k)?; // ∂Q_t
    let (mut memory, mut flow, mut expected) = (StageMemory::new(mdp)?, Vec::new(), Vec::new());
    let row = |t: usize| t * num_states..(t + 1) * num_states;
    for (state, next) in next.chunks_exact_mut(k).enumerate() {
        terminal(mdp, columns, state, next);
    }
    events.apply_values(horizon, &next);
    let mut moments = Moments::new(k);
    let mut backup = Backup::new(mdp, inference);
    for t in (0..horizon).rev() {
        let next_values = &arrays::slice(&score.state_values)[row(t + 1)];
        let visits = arrays::slice(&score.residual_visits);
        flow.clear();
        flow.extend_from_slice(&visits[row(t + 1)]);
        events.subtract_sources(t + 1, &mut flow);
        let checked = CheckedStage::begin(mdp, t, inference)?;
        backup.stage(t, next_values, memory.tables())?;
        if expected.is_empty() || !mdp.is_homogeneous() {
            expected = columns.rewards.folded(inference, checked.dynamics);
        }
        let at = (mdp, t, inference);
        let stage =
            Stage::new(at, &checked, (&memory, next_values), (&visits[row(t)], &flow), (columns, &expected));
        let centred = stage.centred(&mut next);
        let of_stage = stage.run(&centred, &mut now, &mut pairs)?;
        moments = moments.plus(of_stage);
        events.apply(t, &stage, &centred, (&now, &pairs), &mut moments);
        std::mem::swap(&mut now, &mut next);
    }
    Ok((moments, next))
}
