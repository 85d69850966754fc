//! Demonstrations that are checked against a model, and added up.
//!
//! Every likelihood is a function of the values V_t, linear in what was seen:
//!
//! ```text
//! trajectories      L = c + (1/τ)[ Σ n r + Σ_s e(s) V_T(s) − Σ_t Σ_s b_t(s) V_t(s) ]
//! feature matching  the same, with γ^t n and γ^N e
//! actions           L = Σ n (log ρ + (Q − V)/τ)
//! ```
//!
//! where n_t(s,a) are the weights of observed actions, e the weights of observed ends, and b_t the
//! *sources*: the weights of starts less those of cut-offs. For actions, b_t(s) = Σ_a n_t(s,a). c
//! holds the logarithms of ρ, P, γ and 1−γ.
//!
//! # Form computed
//!
//! Steps are sorted by stage, pair and next state, so that each row of the dynamics is read once.
//! Of several impossible steps, the first of the first trajectory is reported.

use super::{Kind, Likelihood};
use crate::dynamics::successors::for_each_log_successor;
use crate::inverse::demonstrations::{Demonstration, Seen, check_range};
use crate::inverse::{Demonstrations, Error};
use crate::kernels::log_add_exp;
use crate::mdp::{CheckedStage, is_possible};
use crate::{Model, Real, Table, arrays};

/// What a likelihood reads of the demonstrations.
///
/// Nothing here depends on rewards, except which are −∞. Under r(s,a,s'), P of direct inference
/// depends on them.
#[derive(Debug)]
pub(super) struct Observed<F> {
    /// n_t(s,a), by stage and pair.
    pub(super) choices: Vec<Choice<F>>,
    /// b_t(s) of starts and cut-offs, by stage; none for actions.
    pub(super) sources: Vec<Source<F>>,
    /// e(s).
    pub(super) ends: Vec<End<F>>,
    /// The transitions of trajectories, by stage and pair.
    pub(super) moves: Vec<Move<F>>,
    /// c, less the logarithms of discounts.
    pub(super) constant: F,
    /// The derivative of c in γ, for feature matching.
    pub(super) constant_slope: F,
    /// The weight of steps to states, and of steps to †.
    pub(super) num_steps: (F, F),
}

/// An action that was seen, with its weight. Without a horizon, the stage is 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<F> {
    pub(super) stage: usize,
    pub(super) pair: usize,
    pub(super) weight: F,
    /// The derivative of the weight in γ.
    pub(super) slope: F,
}

/// The start of a trajectory, or, with a negative weight, the state where it was cut off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<F> {
    pub(super) stage: usize,
    pub(super) state: usize,
    pub(super) weight: F,
    pub(super) trajectory: usize,
}

/// The end of a trajectory.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<F> {
    pub(super) state: usize,
    pub(super) weight: F,
    /// The derivative of the weight in γ.
    pub(super) slope: F,
}

/// A transition of a trajectory, with its weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move<F> {
    pub(super) stage: usize,
    pub(super) pair: usize,
    /// None for †.
    pub(super) next_state: Option<usize>,
    pub(super) weight: F,
}

/// A step of a trajectory.
struct Step<F> {
    place: (usize, usize), // trajectory, stage from its start
    stage: usize,          // of the model; 0 without a horizon
    pair: usize,
    next_state: Option<usize>,
    weight: F,
    choice: (F, F), // n and its derivative in γ
}

impl<F: Real> Observed<F> {
    /// Checks demonstrations against a model that has passed `check_options`.
    pub(super) fn new<M>(
        likelihood: &Likelihood<F>,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
    ) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        if !(demonstrations.total_weight() > F::zero()) {
            return Err(Error::NoDemonstrations);
        }
        if likelihood.initial.is_some() && likelihood.kind != Kind::Trajectories {
            return Err(Error::UnusedInitial);
        }
        let mut observed = Self {
            choices: Vec::new(),
            sources: Vec::new(),
            ends: Vec::new(),
            moves: Vec::new(),
            constant: F::zero(),
            constant_slope: F::zero(),
            num_steps: (F::zero(), F::zero()),
        };
        match &demonstrations.seen {
            Seen::Counts(_) => observed.add_counts(likelihood, mdp, demonstrations)?,
            Seen::Trajectories(all) => {
                let mut steps = Vec::new();
                for (index, one) in all.iter().enumerate().filter(|(_, one)| one.weight > F::zero()) {
                    observed.add_trajectory(likelihood, mdp, (index, one), &mut steps)?;
                }
                observed.add_steps(likelihood, mdp, steps)?;
            }
        }
        observed.sources.sort_by_key(|source| source.stage);
        Ok(observed)
    }

    /// n of a stage, by pair.
    pub(super) fn choices_at(&self, stage: usize) -> &[Choice<F>] {
        of_stage(&self.choices, stage, |choice| choice.stage)
    }

    /// The transitions of a stage, by pair.
    pub(super) fn moves_at(&self, stage: usize) -> &[Move<F>] {
        of_stage(&self.moves, stage, |step| step.stage)
    }

    fn add_counts<M>(
        &mut self,
        likelihood: &Likelihood<F>,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let Kind::Actions(inference) = likelihood.kind else { return Err(Error::NotTrajectories) };
        if let Some(horizon) = likelihood.horizon {
            return Err(Error::CountsWithHorizon { horizon });
        }
        let counts = demonstrations.counts(mdp)?;
        let stage = CheckedStage::new(mdp, 0, inference)?;
        for ((state, action), &weight) in counts.indexed_iter().filter(|(_, count)| **count > F::zero()) {
            let (rewards, prior) = stage.row(state)?;
            if mdp.is_terminal(state) || !is_possible(rewards[action], prior[action]) {
                return Err(Error::ImpossibleCount { state, action });
            }
            let pair = state * mdp.num_actions() + action;
            self.choices.push(Choice { stage: 0, pair, weight, slope: F::zero() });
        }
        Ok(())
    }

    /// Checks the states, actions and the end of a trajectory, and lists its steps.
    fn add_trajectory<M>(
        &mut self,
        likelihood: &Likelihood<F>,
        mdp: &M,
        (index, one): (usize, &Demonstration<F>),
        steps: &mut Vec<Step<F>>,
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let Demonstration { trajectory, weight, first_stage, is_cut_off } = one;
        let (weight, first_stage) = (*weight, *first_stage);
        let (states, actions) = (trajectory.states(), trajectory.actions());
        check_range(index, trajectory, mdp.num_states(), mdp.num_actions())?;
        let acting = &states[..actions.len()];
        if let Some(stage) = acting.iter().position(|&state| mdp.is_terminal(state)) {
            return Err(Error::ActionAfterEnd { trajectory: index, stage, state: states[stage] });
        }
        let is_too_long =
            |&horizon: &usize| first_stage.checked_add(actions.len()).is_none_or(|end| end > horizon);
        if let Some(horizon) = likelihood.horizon.filter(is_too_long) {
            let num_actions = actions.len();
            return Err(Error::TooLong { trajectory: index, first_stage, num_actions, horizon });
        }
        if likelihood.initial.is_some() && likelihood.horizon.is_some() && first_stage > 0 {
            return Err(Error::LateStart { trajectory: index, first_stage });
        }
        let stage_of = |t: usize| if likelihood.horizon.is_some() { first_stage + t } else { 0 };
        if !matches!(likelihood.kind, Kind::Actions(_)) {
            if likelihood.initial.as_ref().is_some_and(|initial| !(initial[states[0]] > F::zero())) {
                return Err(Error::ImpossibleStart { trajectory: index, state: states[0] });
            }
            self.sources.push(Source { stage: stage_of(0), state: states[0], weight, trajectory: index });
            let end = states.get(actions.len()).copied();
            let at_horizon = likelihood.horizon.is_some_and(|horizon| stage_of(actions.len()) == horizon);
            match end {
                _ if *is_cut_off && likelihood.kind == Kind::FeatureMatching => {
                    return Err(Error::CutOff { trajectory: index });
                }
                Some(state) if *is_cut_off => {
                    let stage = stage_of(actions.len());
                    self.sources.push(Source { stage, state, weight: -weight, trajectory: index });
                }
                Some(state) if at_horizon || mdp.is_terminal(state) => {
                    let (factor, slope) = likelihood.kind.factor(mdp.discount(), actions.len());
                    let value = mdp.terminal_values()[state];
                    if value == F::neg_infinity() && factor > F::zero() {
                        return Err(Error::ImpossibleEnd { trajectory: index, state });
                    }
                    self.ends.push(End { state, weight: weight * factor, slope: weight * slope });
                }
                Some(state) => {
                    return Err(Error::Unended { trajectory: index, num_actions: actions.len(), state });
                }
                None if likelihood.kind == Kind::FeatureMatching || mdp.discount() == F::one() => {
                    return Err(Error::ImpossibleLeaving { trajectory: index, stage: actions.len() - 1 });
                }
                None => {}
            }
        }
        for (t, (&state, &action)) in states.iter().zip(actions).enumerate() {
            let (factor, slope) = likelihood.kind.factor(mdp.discount(), t);
            steps.push(Step {
                place: (index, t),
                stage: stage_of(t),
                pair: state * mdp.num_actions() + action,
                next_state: states.get(t + 1).copied(),
                weight,
                choice: (weight * factor, weight * slope),
            });
        }
        Ok(())
    }

    /// Checks that steps are possible, and adds them up.
    fn add_steps<M>(
        &mut self,
        likelihood: &Likelihood<F>,
        mdp: &M,
        mut steps: Vec<Step<F>>,
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (kind, num_actions) = (likelihood.kind, mdp.num_actions());
        let stage_read = |stage: usize| if mdp.is_homogeneous() { 0 } else { stage };
        // Stable sorts keep the order of demonstrations, and so the order of sums.
        steps.sort_by_key(|step| (stage_read(step.stage), step.pair, step.next_state));
        let mut impossible: Option<((usize, usize), Error)> = None;
        let mut report = |place: (usize, usize), error: Error| {
            if impossible.as_ref().is_none_or(|(first, _)| place < *first) {
                impossible = Some((place, error));
            }
        };
        let is_direct = kind == Kind::Trajectories;
        let (mut next_states, mut logs): (Vec<usize>, Vec<F>) = (Vec::new(), Vec::new());
        let same_pair =
            |a: &Step<F>, b: &Step<F>| (stage_read(a.stage), a.pair) == (stage_read(b.stage), b.pair);
        for steps in steps.chunk_by(same_pair) {
            let (state, action) = (steps[0].pair / num_actions, steps[0].pair % num_actions);
            let stage = CheckedStage::new(mdp, stage_read(steps[0].stage), kind.inference())?;
            let (rewards, prior) = stage.row(state)?;
            if !is_possible(rewards[action], prior[action]) {
                for step in steps {
                    let (trajectory, stage) = step.place;
                    report(step.place, Error::ImpossibleAction { trajectory, stage, state, action });
                }
                continue;
            }
            next_states.clear();
            next_states.extend(steps.iter().filter_map(|step| step.next_state));
            next_states.dedup();
            logs.clear();
            logs.resize(next_states.len(), F::neg_infinity());
            for_each_log_successor(
                stage.dynamics,
                mdp.temperature(),
                (state, action),
                |next_state, log_p| {
                    if let Ok(at) = next_states.binary_search(&next_state) {
                        logs[at] = log_add_exp(logs[at], log_p);
                    }
                },
            );
            let log_prior = prior[action].ln();
            for step in steps {
                let at = step.next_state.map(|next_state| next_states.partition_point(|&s| s < next_state));
                let log_p = at.map_or(F::zero(), |at| logs[at]);
                let is_cut = is_direct && at.is_some() && mdp.discount() == F::zero();
                if let (Some(next_state), true) = (step.next_state, log_p == F::neg_infinity() || is_cut) {
                    let (trajectory, stage) = step.place;
                    let error = Error::ImpossibleTransition { trajectory, stage, state, action, next_state };
                    report(step.place, error);
                }
                match kind {
                    Kind::Trajectories => {
                        self.constant += step.weight * (log_prior + log_p);
                        let steps = if at.is_some() { &mut self.num_steps.0 } else { &mut self.num_steps.1 };
                        *steps += step.weight;
                    }
                    Kind::FeatureMatching => {
                        self.constant += step.choice.0 * log_prior;
                        self.constant_slope += step.choice.1 * log_prior;
                    }
                    Kind::Actions(_) => {}
                }
            }
        }
        if let Some((_, error)) = impossible {
            return Err(error);
        }
        steps.sort_by_key(|step| (step.stage, step.pair));
        self.collect(kind, &steps)
    }

    /// Adds the steps of each pair up, and of each transition.
    fn collect(&mut self, kind: Kind, steps: &[Step<F>]) -> Result<(), Error> {
        let sum = |steps: &[Step<F>], weight: &dyn Fn(&Step<F>) -> F| {
            steps.iter().fold(F::zero(), |sum, step| sum + weight(step))
        };
        for steps in steps.chunk_by(|a, b| (a.stage, a.pair) == (b.stage, b.pair)) {
            let (stage, pair) = (steps[0].stage, steps[0].pair);
            let (weight, slope) = (sum(steps, &|step| step.choice.0), sum(steps, &|step| step.choice.1));
            arrays::push(Table::Counts, &mut self.choices, Choice { stage, pair, weight, slope })?;
            if kind != Kind::Trajectories {
                continue;
            }
            // The first sort has put equal transitions side by side, and the second kept them so.
            for steps in steps.chunk_by(|a, b| a.next_state == b.next_state) {
                let (next_state, weight) = (steps[0].next_state, sum(steps, &|step| step.weight));
                arrays::push(Table::Counts, &mut self.moves, Move { stage, pair, next_state, weight })?;
            }
        }
        Ok(())
    }
}

/// The error for an action whose value is −∞.
pub(super) fn impossible_action<F: Real>(
    demonstrations: &Demonstrations<F>,
    horizon: Option<usize>,
    num_actions: usize,
    choice: &Choice<F>,
) -> Error {
    let (state, action) = (choice.pair / num_actions, choice.pair % num_actions);
    for (trajectory, one) in demonstrations.all().iter().enumerate() {
        let pairs = one.trajectory.states().iter().zip(one.trajectory.actions());
        for (stage, pair) in pairs.enumerate() {
            let is_seen = horizon.is_none() || one.first_stage + stage == choice.stage;
            if is_seen && one.weight > F::zero() && pair == (&state, &action) {
                return Error::ImpossibleAction { trajectory, stage, state, action };
            }
        }
    }
    Error::ImpossibleCount { state, action }
}

/// The entries of a stage, in a list sorted by stage.
fn of_stage<T>(entries: &[T], stage: usize, stage_of: impl Fn(&T) -> usize) -> &[T] {
    let first = entries.partition_point(|entry| stage_of(entry) < stage);
    let rest = &entries[first..];
    &rest[..rest.partition_point(|entry| stage_of(entry) == stage)]
}
