//! Rewards r(s,a,s') on the successor: the derivative in each of them.
//!
//! ```text
//! variational   ∂L/∂r(s,a,s') = P(s'|s,a) ∂L/∂r(s,a)
//! direct        ∂L/∂r(s,a,s') = (1/τ) Σ_t [ n_t(s,a,s') − y_t(s,a) c_t(s') ]
//!               c_t(s') = P exp((r(s,a,s') − Q_t)/τ) (γ exp(V_{t+1}(s')/τ) + 1−γ)
//! ```
//!
//! where c is the probability of moving to s' given success, also if the agent leaves for †
//! afterwards, and n_t(s,a,s') are the weights of observed transitions. A step that was seen to
//! leave for † counts as a distribution over s', P exp(r(s,a,s')/τ) normalised. Actions have no
//! n(s,a,s'): their observations are part of y. A transition with several rewards has a term for
//! each, in proportion to p(s',r∣s,a).
//!
//! The fold r̃ of direct inference depends on τ. With R = r + r̃, this adds
//!
//! ```text
//! −(1/τ) Σ ∂L/∂r(s,a,s') (r(s,a,s') − R(s,a))
//! ```
//!
//! to ∂L/∂τ at fixed R.

use ndarray::Array1;

use super::observed::Move;
use super::stage::StageValues;
use crate::dynamics::blocks;
use crate::kernels::{exp_all, gap, log_add_exp};
use crate::mdp::CheckedStage;
use crate::parallel::Split;
use crate::{Error, Inference, Model, Real, Table, arrays};

/// Derivatives in the rewards on successors.
#[derive(Debug)]
pub(super) struct SuccessorTally<F> {
    inference: Inference,
    outcomes: Option<Outcomes<F>>,
    /// Σ_t [ n − y c ], outcome by outcome, of the stages since the last change of outcomes.
    gradient: Vec<F>,
    heat: F, // −Σ (r(s,a,s') − R)/τ times the gradients of earlier outcomes
}

/// The outcomes of all pairs of a stage, or none if rewards do not depend on the successor.
#[derive(Debug)]
struct Outcomes<F> {
    offsets: Vec<usize>, // [s · A + a + 1]
    next_states: Vec<usize>,
    logs: Vec<F>,     // log P + (r(s,a,s') − R)/τ in direct inference, P in variational
    excesses: Vec<F>, // (r(s,a,s') − R)/τ
}

impl<F: Real> SuccessorTally<F> {
    pub(super) fn new(inference: Inference) -> Self {
        Self { inference, outcomes: None, gradient: Vec::new(), heat: F::zero() }
    }

    /// Adds stage t, where `tables` hold y in place of the policy.
    pub(super) fn add<M>(
        &mut self,
        (mdp, t): (&M, usize),
        stage: &CheckedStage<'_, F, M::Dynamics>,
        tables: &StageValues<'_, F>,
        moves: &[Move<F>],
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (rewards, _) = stage.rows(0..mdp.num_states());
        if self.outcomes.is_none() || !mdp.is_homogeneous() {
            self.heat += self.heat_of_gradient();
            let outcomes = Outcomes::new((mdp, t), self.inference, rewards)?;
            self.gradient.clear();
            self.gradient.resize(outcomes.logs.len(), F::zero());
            self.outcomes = Some(outcomes);
        }
        let Some(outcomes) = self.outcomes.as_ref().filter(|outcomes| !outcomes.logs.is_empty()) else {
            return Ok(());
        };
        if self.inference == Inference::Variational {
            return Ok(()); // the gradient follows from that in r(s,a)
        }
        outcomes.take_expected(mdp, stage.dynamics, rewards, tables, &mut self.gradient);
        moves.iter().for_each(|step| outcomes.add_observed(step, &mut self.gradient));
        Ok(())
    }

    /// The part of τ ∂L/∂τ that is due to the fold, of the stages in the gradient.
    fn heat_of_gradient(&self) -> F {
        let Some(outcomes) = &self.outcomes else { return F::zero() };
        let terms = self.gradient.iter().zip(&outcomes.excesses).filter(|(g, _)| **g != F::zero());
        terms.fold(F::zero(), |sum, (&g, &excess)| sum - g * excess)
    }

    /// The gradient in the rewards of all outcomes, and what is added to ∂L/∂τ.
    ///
    /// The gradient is empty unless all stages have the same outcomes. `reward_gradient` is that in
    /// r(s,a), `[s, a]`.
    pub(super) fn finish<M>(self, mdp: &M, reward_gradient: &[F]) -> (Array1<F>, F)
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let temperature = mdp.temperature();
        let heat = (self.heat + self.heat_of_gradient()) / temperature;
        let Some(outcomes) = self.outcomes.filter(|_| mdp.is_homogeneous()) else {
            return (Array1::from_vec(Vec::new()), heat);
        };
        let mut gradient = self.gradient;
        if self.inference == Inference::Direct {
            gradient.iter_mut().for_each(|entry| *entry /= temperature);
            return (Array1::from_vec(gradient), heat);
        }
        for (pair, &entry) in reward_gradient.iter().enumerate().filter(|(_, entry)| **entry != F::zero()) {
            for at in outcomes.of(pair) {
                gradient[at] = entry * outcomes.logs[at];
            }
        }
        (Array1::from_vec(gradient), F::zero())
    }
}

impl<F: Real> Outcomes<F> {
    fn new<M>((mdp, t): (&M, usize), inference: Inference, rewards: &[F]) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (table, num_actions) = (Table::SuccessorRewards, mdp.num_actions());
        let mut outcomes = Self {
            offsets: arrays::filled_vec(table, rewards.len() + 1, 0)?,
            next_states: Vec::new(),
            logs: Vec::new(),
            excesses: Vec::new(),
        };
        for (pair, &folded) in rewards.iter().enumerate() {
            let mut result = Ok(());
            mdp.for_each_stage_outcome(
                t,
                pair / num_actions,
                pair % num_actions,
                &mut |next_state, p, reward| {
                    let excess = if reward < folded {
                        gap(reward, folded, mdp.temperature())
                    } else {
                        -gap(folded, reward, mdp.temperature())
                    };
                    let is_possible =
                        p > F::zero() && reward > F::neg_infinity() && folded > F::neg_infinity();
                    let (log, excess) = match (inference, is_possible) {
                        (Inference::Direct, true) => (p.ln() + excess, excess),
                        (Inference::Direct, false) => (F::neg_infinity(), F::zero()),
                        (Inference::Variational, _) => (p, F::zero()),
                    };
                    if result.is_ok() {
                        result = arrays::push(table, &mut outcomes.next_states, next_state)
                            .and_then(|()| arrays::push(table, &mut outcomes.logs, log))
                            .and_then(|()| arrays::push(table, &mut outcomes.excesses, excess));
                    }
                },
            );
            result?;
            outcomes.offsets[pair + 1] = outcomes.logs.len();
        }
        Ok(outcomes)
    }

    fn of(&self, pair: usize) -> std::ops::Range<usize> {
        self.offsets[pair]..self.offsets[pair + 1]
    }

    /// Takes y c from the gradient.
    fn take_expected<M>(
        &self,
        mdp: &M,
        dynamics: &M::Dynamics,
        rewards: &[F],
        tables: &StageValues<'_, F>,
        gradient: &mut [F],
    ) where
        M: Model<Scalar = F> + ?Sized,
    {
        let (temperature, width) = (mdp.temperature(), mdp.num_actions());
        let (log_discount, log_leave) = (mdp.discount().ln(), (F::one() - mdp.discount()).ln());
        // log(γ exp(V'/τ) + 1−γ), [s']
        let onward: Vec<F> = (tables.next_values.iter())
            .map(|&value| {
                let log_stay = if log_discount > F::neg_infinity() {
                    log_discount + value / temperature
                } else {
                    log_discount
                };
                log_add_exp(log_stay, log_leave)
            })
            .collect();
        let (y, action_values) = (&*tables.policy, tables.action_values);
        let rows = OutcomeRows { offsets: &self.offsets, width, data: gradient };
        let done = blocks::for_each_block(dynamics, rows, &|states, rows| {
            let first = self.offsets[states.start * width];
            let mut chances: Vec<F> = Vec::new();
            for pair in states.start * width..states.end * width {
                if y[pair] == F::zero() {
                    continue;
                }
                let continuation = (action_values[pair] - rewards[pair]) / temperature;
                let outcomes = self.of(pair);
                chances.clear();
                let logs = self.logs[outcomes.clone()].iter().zip(&self.next_states[outcomes.clone()]);
                chances.extend(logs.map(|(&log, &next_state)| log + (onward[next_state] - continuation)));
                exp_all(&mut chances);
                let entries = &mut rows.data[outcomes.start - first..outcomes.end - first];
                entries.iter_mut().zip(&chances).for_each(|(entry, &chance)| *entry -= y[pair] * chance);
            }
            Ok(())
        });
        debug_assert!(done.is_ok());
    }

    /// Adds n of a transition that was seen to the gradient.
    fn add_observed(&self, step: &Move<F>, gradient: &mut [F]) {
        let is_seen =
            |at: &usize| step.next_state.is_none_or(|next_state| self.next_states[*at] == next_state);
        let seen = || self.of(step.pair).filter(is_seen);
        let max = seen().fold(F::neg_infinity(), |max, at| max.max(self.logs[at]));
        let share = |at: usize| (self.logs[at] - max).exp();
        let sum = seen().fold(F::zero(), |sum, at| sum + share(at));
        seen().for_each(|at| gradient[at] += step.weight * share(at) / sum);
    }
}

/// The entries of outcomes, state by state.
struct OutcomeRows<'a, F> {
    offsets: &'a [usize], // from the pairs of its first state on
    width: usize,
    data: &'a mut [F],
}

impl<F: Send> Split for OutcomeRows<'_, F> {
    fn split_at(self, states: usize) -> (Self, Self) {
        let Self { offsets, width, data } = self;
        let (left, right) = data.split_at_mut(offsets[states * width] - offsets[0]);
        let rest = &offsets[states * width..];
        (Self { offsets, width, data: left }, Self { offsets: rest, width, data: right })
    }
}
