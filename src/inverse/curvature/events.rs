//! What each demonstration adds at its stages: to its score, and to the sources b.
//!
//! ```text
//! trajectories       τ s_i = Σ_t φ(s_t,a_t) + φ^T(s_end) + [cut off at u] ∂V_u(s_u) − ∂V_f(s_f)   (I3)
//! feature matching   the same with γ^t φ and γ^N φ^T, t counted from the start                   (I9)
//! actions            τ s_i = Σ_t ( ∂Q_t(s_t,a_t) − ∂V_t(s_t) )                                   (I2)
//! ```
//!
//! Joint with the start, −∂V_0(s_0) becomes −Σ_s p(s_0=s|e) ∂V_0(s).

use std::ops::Range;

use ndarray::Array2;

use super::columns::Columns;
use super::moments::Moments;
use super::stage::{Next, Stage, terminal};
use crate::inverse::demonstrations::{Demonstration, Demonstrations, Seen};
use crate::inverse::likelihood::{Kind, Likelihood};
use crate::{Error, Model, Real, Table, arrays};

/// One term of a score, at its stage.
#[derive(Debug, Clone, Copy)]
struct Event<F> {
    stage: usize,
    row: usize, // of the scores
    state: usize,
    term: Term<F>,
}

#[derive(Debug, Clone, Copy)]
enum Term<F> {
    /// c ∂V_t(s): c is −1 at a start, and 1 at a cut-off.
    Value(F),
    /// ∂Q_t(s,a) − ∂V_t(s).
    Choice(usize),
    /// c φ(s,a), or c φ(s,a,s') in direct inference. No s' is †.
    Reward(usize, F, Option<usize>),
}

/// The terms of all demonstrations, and their scores so far, times τ.
pub(super) struct Events<F> {
    all: Vec<Event<F>>,           // by stage
    pub(super) weights: Vec<F>,   // of the rows of `scores`
    pub(super) scores: Array2<F>, // [i, k]
    /// The second derivative of the probabilities of staying and of leaving for †, in the discount.
    pub(super) steps: F,
}

impl<F: Real> Events<F> {
    /// The terms of all stages; without a horizon, all are of stage 0.
    pub(super) fn new<M>(
        likelihood: &Likelihood<F>,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        columns: &Columns<F>,
    ) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let k = columns.num_parameters();
        let scores = |rows| arrays::filled(Table::Gradient, (rows, k), F::zero());
        match &demonstrations.seen {
            Seen::Counts(counts) => {
                let pairs = counts.indexed_iter().enumerate();
                let choice =
                    |(row, ((state, action), _))| Event { stage: 0, row, state, term: Term::Choice(action) };
                let all = pairs.map(choice).collect();
                let weights = counts.iter().copied().collect();
                Ok(Self { all, weights, scores: scores(counts.len())?, steps: F::zero() })
            }
            Seen::Trajectories(trajectories) => {
                let weights = trajectories.iter().map(|one| one.weight).collect();
                let scores = scores(trajectories.len())?;
                let mut events = Self { all: Vec::new(), weights, scores, steps: F::zero() };
                // Demonstrations of weight 0 are not checked against the model.
                let seen = trajectories.iter().enumerate().filter(|(_, one)| one.weight > F::zero());
                for (row, demonstration) in seen {
                    match likelihood.kind {
                        Kind::Actions(_) => events.add_choices(row, demonstration),
                        _ => events.add_history(row, demonstration, likelihood, mdp, columns),
                    }
                    if likelihood.kind == Kind::Trajectories && columns.with_discount {
                        events.add_steps(row, demonstration, (mdp.discount(), mdp.temperature()));
                    }
                }
                if likelihood.horizon.is_none() {
                    events.all.iter_mut().for_each(|event| event.stage = 0);
                }
                events.all.sort_by_key(|event| event.stage);
                Ok(events)
            }
        }
    }

    fn add_choices(&mut self, row: usize, demonstration: &Demonstration<F>) {
        let trajectory = &demonstration.trajectory;
        let steps = trajectory.states().iter().zip(trajectory.actions()).enumerate();
        self.all.extend(steps.map(|(step, (&state, &action))| Event {
            stage: demonstration.first_stage + step,
            row,
            state,
            term: Term::Choice(action),
        }));
    }

    fn add_history<M>(
        &mut self,
        row: usize,
        demonstration: &Demonstration<F>,
        likelihood: &Likelihood<F>,
        mdp: &M,
        columns: &Columns<F>,
    ) where
        M: Model<Scalar = F> + ?Sized,
    {
        let discount = match likelihood.kind {
            Kind::FeatureMatching => mdp.discount(),
            _ => F::one(),
        };
        let (trajectory, first) = (&demonstration.trajectory, demonstration.first_stage);
        let (states, actions) = (trajectory.states(), trajectory.actions());
        let mut event = |step, state, term| self.all.push(Event { stage: first + step, row, state, term });
        if likelihood.initial.is_none() {
            event(0, states[0], Term::Value(-F::one()));
        }
        let mut factor = F::one();
        for (step, (&state, &action)) in states.iter().zip(actions).enumerate() {
            event(step, state, Term::Reward(action, factor, states.get(step + 1).copied()));
            factor *= discount;
        }
        if let Some(&end) = states.get(actions.len()) {
            if demonstration.is_cut_off {
                event(actions.len(), end, Term::Value(F::one()));
            } else {
                let mut own = vec![F::zero(); columns.num_parameters()];
                terminal(mdp, columns, end, &mut own);
                let mut score = self.scores.row_mut(row);
                score.iter_mut().zip(own).for_each(|(score, own)| *score += factor * own);
            }
        }
    }

    /// The probability of a step is γ P, and that of leaving for † is 1−γ.
    fn add_steps(&mut self, row: usize, demonstration: &Demonstration<F>, (discount, temperature): (F, F)) {
        let trajectory = &demonstration.trajectory;
        let last = self.scores.ncols() - 1;
        let stays = F::from_f64((trajectory.states().len() - 1) as f64) / discount;
        let leaves = if trajectory.has_left() { F::one() / (F::one() - discount) } else { F::zero() };
        self.scores[[row, last]] += temperature * (stays - leaves);
        self.steps -= demonstration.weight * (stays / discount + leaves * leaves);
    }

    /// Subtracts b_t(s) of a stage, `[s]`, except the starts of the joint likelihood.
    pub(super) fn subtract_sources(&self, stage: usize, flow: &mut [F]) {
        for event in &self.all[of_stage(&self.all, stage)] {
            let weight = self.weights[event.row];
            match event.term {
                Term::Value(factor) => flow[event.state] += factor * weight,
                Term::Choice(_) => flow[event.state] -= weight,
                Term::Reward(..) => {}
            }
        }
    }

    /// Adds c ∂V_t(s) of a stage without a decision: the horizon.
    pub(super) fn apply_values(&mut self, stage: usize, values: &[F]) {
        let k = self.scores.ncols();
        let scores = arrays::slice_mut(&mut self.scores);
        for event in &self.all[of_stage(&self.all, stage)] {
            if let Term::Value(factor) = event.term {
                add(&mut scores[event.row * k..(event.row + 1) * k], factor, &values[event.state * k..]);
            }
        }
    }

    /// Adds the terms of a stage to the scores, and those of observed pairs to the moments.
    pub(super) fn apply<M>(
        &mut self,
        t: usize,
        stage: &Stage<'_, F, M>,
        next: &Next<'_, F>,
        (values, action_values): (&[F], &[F]),
        moments: &mut Moments<F>,
    ) where
        M: Model<Scalar = F> + ?Sized,
    {
        let (k, width) = (self.scores.ncols(), stage.mdp.num_actions());
        let mut lucky = stage.lucky();
        let mut own = vec![F::zero(); k];
        for index in of_stage(&self.all, t) {
            let Event { row, state, term, .. } = self.all[index];
            let weight = self.weights[row];
            let score = arrays::slice_mut(&mut self.scores);
            let score = &mut score[row * k..(row + 1) * k];
            let value = &values[state * k..(state + 1) * k];
            match term {
                Term::Value(factor) => add(score, factor, value),
                Term::Choice(action) => {
                    let pair = state * width + action;
                    if stage.mdp.is_terminal(state) || stage.action_values[pair] == F::neg_infinity() {
                        continue; // an entry of counts that is 0
                    }
                    add(score, F::one(), &action_values[pair * k..(pair + 1) * k]);
                    add(score, -F::one(), value);
                    if weight > F::zero() {
                        stage.add_observed((pair, weight), next, action_values, moments);
                    }
                }
                Term::Reward(action, factor, next_state) => {
                    own.fill(F::zero());
                    let pair = state * width + action;
                    match &mut lucky {
                        Some(lucky) => {
                            let weighted = (-weight, &mut moments.covariance[..]);
                            lucky.observed(pair, next_state, &mut own, weighted);
                        }
                        None => stage.add_features(pair, &mut own),
                    }
                    add(score, factor, &own);
                }
            }
        }
    }
}

/// The events of a stage.
fn of_stage<F>(all: &[Event<F>], stage: usize) -> Range<usize> {
    let first = all.partition_point(|event| event.stage < stage);
    first..first + all[first..].partition_point(|event| event.stage == stage)
}

/// Adds c v.
fn add<F: Real>(sums: &mut [F], factor: F, v: &[F]) {
    sums.iter_mut().zip(v).for_each(|(sum, &v)| *sum += factor * v);
}
