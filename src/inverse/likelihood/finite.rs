//! Likelihoods with a horizon: one backward and one forward pass.
//!
//! # Form computed
//!
//! The backward pass keeps V_t of all stages, and Q_t and π_t too if they are small. Otherwise the
//! forward pass backs each stage up again. It moves the residual visits on. The memory of large
//! models is two tables `[t, s]`, the values and the visits, and a few tables `[s, a]`.

use std::ops::ControlFlow;

use ndarray::ArrayView2;

use super::derivative::Derivative;
use super::mixed::Mixed;
use super::observed::{Observed, impossible_action};
use super::score::Score;
use super::stage::{StageMemory, StageValues};
use super::starts::Starts;
use super::tally::Tally;
use super::{Kind, Likelihood};
use crate::backward::Backup;
use crate::inverse::{Demonstrations, Error};
use crate::mdp::{CheckedStage, run_pass};
use crate::{Model, Real, SoftValueIteration, Solution, Table, arrays};

/// Largest number of entries of Q of all stages that is kept: 32 MB. It saves a third of the passes
/// over large dense dynamics.
const MOST_KEPT: usize = 1 << 22;

/// The score of checked demonstrations. Calls `visit` with the gradient of each stage, if there is
/// one.
pub(super) fn evaluate<F: Real, M: Model<Scalar = F> + ?Sized, B: Send>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    demonstrations: (&Demonstrations<F>, &Observed<F>),
    horizon: usize,
    visit: Option<impl FnMut(usize, ArrayView2<'_, F>) -> ControlFlow<B> + Send>,
) -> Result<ControlFlow<B, Score<F>>, Error> {
    run_pass(mdp, horizon, likelihood.kind.inference(), || {
        Ok(passes(likelihood, mdp, demonstrations, horizon, visit))
    })?
}

fn passes<F: Real, M: Model<Scalar = F> + ?Sized, B>(
    likelihood: &Likelihood<F>,
    mdp: &M,
    (demonstrations, observed): (&Demonstrations<F>, &Observed<F>),
    horizon: usize,
    mut visit: Option<impl FnMut(usize, ArrayView2<'_, F>) -> ControlFlow<B>>,
) -> Result<ControlFlow<B, Score<F>>, Error> {
    let inference = likelihood.kind.inference();
    let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
    let size = num_states.saturating_mul(num_actions).saturating_mul(horizon);
    let solver = SoftValueIteration::new(horizon).inference(inference);
    let (mut source, values) = if size <= MOST_KEPT {
        let solution = solver.solve(mdp)?;
        let values = solution.state_values().to_owned();
        (Source::Kept(solution), values)
    } else {
        let values = solver.solve_values(mdp)?.into_table();
        (Source::Again(Backup::new(mdp, inference)), values)
    };
    let starts = Starts::new(likelihood, mdp, demonstrations, observed, values.view())?;

    let mut now = StageMemory::new(mdp)?;
    let mut visits = arrays::filled(Table::ResidualVisits, (horizon + 1, num_states), F::zero())?;
    let mixed = Mixed::new(mdp, inference, horizon)?;
    let mut tally = Tally::new(likelihood.kind, mdp)?;
    add_sources(likelihood.kind, &starts, observed, num_actions, 0, arrays::slice_mut(&mut visits));
    for t in 0..horizon {
        let stage = CheckedStage::begin(mdp, t, inference)?;
        let rows = &arrays::slice(&values)[(t + 1) * num_states..(t + 2) * num_states];
        match &mut source {
            Source::Kept(solution) => now.read(solution, t),
            Source::Again(backup) => backup.stage(t, rows, now.tables())?,
        }
        let mut tables = StageValues {
            values: &now.values,
            action_values: &now.action_values,
            policy: &mut now.policy,
            log_policy: &now.log_policy,
            next_values: rows,
        };
        let (x, next) = arrays::slice_mut(&mut visits)[t * num_states..].split_at_mut(num_states);
        let next = &mut next[..num_states];
        tally
            .add(&stage, &mut tables, x, observed.choices_at(t))
            .map_err(|choice| impossible_action(demonstrations, Some(horizon), num_actions, choice))?;
        let settings = (inference, mdp.discount(), mdp.temperature());
        let (rewards, _) = stage.rows(0..num_states);
        let derivative = Derivative::new(stage.dynamics, settings, rows, (rewards, tables.action_values));
        tally.successors.add((mdp, t), &stage, &tables, observed.moves_at(t))?;
        tally.flow(&derivative, (mixed.as_ref(), x, observed.choices_at(t)), &mut tables, next);
        add_sources(likelihood.kind, &starts, observed, num_actions, t + 1, next);
        if let Some(visit) = &mut visit {
            let shape = (num_states, num_actions);
            if let ControlFlow::Break(reason) =
                tally.end_stage(|gradient| visit(t, arrays::view(gradient, shape)))
            {
                return Ok(ControlFlow::Break(reason));
            }
        }
    }
    let score = Score::new(likelihood, mdp, observed, (&starts, tally), (values, visits), None)?;
    Ok(ControlFlow::Continue(score))
}

/// Where Q_t and π_t come from.
enum Source<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    Kept(Solution<F>),
    Again(Backup<'m, F, M>),
}

/// Adds b_t to a row: the sources, and for actions the observed visits.
fn add_sources<F: Real>(
    kind: Kind,
    starts: &Starts<F>,
    observed: &Observed<F>,
    num_actions: usize,
    stage: usize,
    row: &mut [F],
) {
    starts.add_to(stage, row);
    if let Kind::Actions(_) = kind {
        observed.choices_at(stage).iter().for_each(|choice| row[choice.pair / num_actions] += choice.weight);
    }
}
