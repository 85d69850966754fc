//! The sensitivities of stationary values: K systems with one matrix.
//!
//! ```text
//! (I − J) ∂V = Σ_a π ∂Q|V,   J(s,s') = Σ_a π(a|s) K(s,a,s')                                  (I10)
//! ```
//!
//! where ∂Q|V are the derivatives of Q at fixed V, and terminal rows hold φ^T.

use super::columns::Columns;
use super::events::Events;
use super::moments::Moments;
use super::stage::Stage;
use crate::backward::Backup;
use crate::inverse::Score;
use crate::inverse::likelihood::{StageMemory, ValueChain};
use crate::mdp::CheckedStage;
use crate::{Error, Inference, Model, Real, Table, arrays};

/// Adds the one stage to the scores, and returns its moments and ∂V, `[s, k]`. `sources` is b of
/// the joint likelihood, `[s]`.
pub(super) fn moments<F: Real, M: Model<Scalar = F> + ?Sized>(
    (mdp, inference): (&M, Inference),
    score: &Score<F>,
    sources: Option<&[F]>,
    columns: &Columns<F>,
    events: &mut Events<F>,
) -> Result<(Moments<F>, Vec<F>), Error> {
    let (num_states, num_pairs) = (mdp.num_states(), mdp.num_states() * mdp.num_actions());
    let k = columns.num_parameters();
    let table = |table, len| arrays::filled_vec(table, len, F::zero());
    let mut pairs = table(Table::ActionValues, num_pairs * k)?; // ∂Q
    let mut memory = StageMemory::new(mdp)?;
    let next_values = arrays::slice(&score.state_values);
    let visits = arrays::slice(&score.residual_visits);
    let mut flow = visits.to_vec();
    events.subtract_sources(0, &mut flow);
    if let Some(sources) = sources {
        flow.iter_mut().zip(sources).for_each(|(flow, &b)| *flow -= b);
    }
    let checked = CheckedStage::begin(mdp, 0, inference)?;
    Backup::new(mdp, inference).stage(0, next_values, memory.tables())?;
    let expected = columns.rewards.folded(inference, checked.dynamics);
    let at = (mdp, 0, inference);
    let stage = Stage::new(at, &checked, (&memory, next_values), (visits, &flow), (columns, &expected));
    let mut solution = stage.at_fixed_values();
    if mdp.discount() > F::zero() {
        let chain = ValueChain::new((mdp, inference), checked.dynamics, next_values, &memory.policy)?;
        chain.solve_columns(k, &mut solution, Table::StateValues)?;
    }
    let mut now = table(Table::StateValues, num_states * k)?;
    let centred = stage.centred(&mut solution);
    let mut moments = stage.run(&centred, &mut now, &mut pairs)?;
    events.apply(0, &stage, &centred, (&now, &pairs), &mut moments);
    Ok((moments, now))
}
