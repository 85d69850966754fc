//! Direct inference as the linear recursion that it is.
//!
//! ```text
//! β_t = M β_{t+1},   M(s,s') = Σ_a ρ(a|s) exp(r(s,a)/τ) P(s'|s,a)          (γ = 1)                       (D11)
//! ```
//!
//! Where stages are alike, M is made once, and a stage reads S² numbers instead of S²A, or as many as a sparse M has.
//!
//! # Form computed
//!
//! Each row of M is divided by its sum, which leaves a distribution over successors: that of the policy w that looks one
//! reward ahead, with the soft maximum c of the rewards.
//!
//! ```text
//! c(s)    = τ log Σ_a ρ(a|s) exp(r(s,a)/τ),   w(a|s) = ρ(a|s) exp((r(s,a) − c(s))/τ)
//! M̂(s,s') = Σ_a w(a|s) P(s'|s,a)
//! V_t(s)  = c(s) + τ log( γ Σ_s' M̂(s,s') exp(V_{t+1}(s')/τ) + 1−γ )
//! ```
//!
//! This is (D1) for a model with one action, rewards c and dynamics M̂, so whatever keeps (D1) exact keeps this exact. What
//! M̂ itself may lose, by a weight that is next to nothing or a product below the normal numbers, is excluded when it is
//! made: states with such weights are left to the ordinary backup.
//!
//! # References
//!
//! Todorov, *Linearly-solvable Markov decision problems*, NIPS 2006.

use std::ops::Range;

use super::column::{Column, with_scratch};
use crate::bellman::BellmanRule;
use crate::dynamics::blocks;
use crate::kernels::{LogBlock, gap};
use crate::mdp::CheckedStage;
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

/// A model of one action whose values are those of a direct problem.
pub(super) struct Linear<F: Real> {
    pub(super) dynamics: Box<dyn Dynamics<Scalar = F>>, // M̂
    rewards: Vec<F>,                                    // c, [s]
    ones: Vec<F>,     // as a prior of one action, for as many states as a block may have
    left: Vec<usize>, // states of the ordinary backup, ascending
}

impl<F: Real> Linear<F> {
    /// `None` where the dynamics cannot be mixed without loss, too many states would be left, or a value of `num_stages` stages
    /// may come near the end of the number type: which action value leaves it first is for the ordinary backup to find, as is
    /// what else is wrong with the model.
    ///
    /// Precondition: the temperature is above 0.
    pub(super) fn new<M>(model: &M, t: usize, num_stages: usize) -> Result<Option<Self>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, width) = (model.num_states(), model.num_actions());
        let stage = CheckedStage::new(model, t, Inference::Direct)?;
        if !stays_in_range(model, &stage, num_stages) {
            return Ok(None);
        }
        // (D1) where nothing comes after the reward.
        let rule = BellmanRule::new(Inference::Direct, F::one(), model.temperature(), &[]);
        let column = Column::new(model, rule, t, stage);
        let table = |width| {
            let table = arrays::filled(Table::ActionPrior, (num_states, width), F::zero())?;
            Ok::<_, Error>(table.into_raw_vec_and_offset().0)
        };
        let (mut rewards, mut weights, mut is_left) = (table(1)?, table(width)?, vec![false; num_states]);
        let outputs = (
            (RowsMut { data: &mut rewards[..], width: 1 }, RowsMut { data: &mut is_left[..], width: 1 }),
            RowsMut { data: &mut weights[..], width },
        );
        let result = blocks::for_each_block(column.stage.dynamics, outputs, &|states, outputs| {
            let ((mut values, is_left), weights) = outputs;
            with_scratch(weights.data.len(), |logs| {
                let policy = (RowsMut { data: &mut *weights.data, width }, RowsMut { data: logs, width });
                column.states(states.clone(), ((values.reborrow(), None), Some(policy)), &|expectations| {
                    expectations.fill(F::zero());
                })
            })?;
            let rows = weights.data.chunks_exact_mut(width).zip(is_left.data);
            for ((state, (weights, is_left)), value) in states.zip(rows).zip(values.data) {
                let (rewards, prior) = column.stage.row(state)?;
                let taken = || (0..width).filter(|&a| prior[a] > F::zero() && rewards[a] > F::neg_infinity());
                let best = taken().map(|a| rewards[a]).fold(F::neg_infinity(), F::max);
                // The weights are quotients. What they were divided by may be small: their own digits have to be there.
                *is_left = taken().any(|a| {
                    let is_digitless =
                        gap(rewards[a], best, model.temperature()) < F::SPREAD * F::from_f64(-0.5);
                    is_digitless || prior[a] < least_weight() || weights[a] < least_weight()
                });
                // Nothing comes of these here.
                if *is_left || model.is_terminal(state) {
                    weights.fill(F::zero());
                    *value = F::neg_infinity();
                }
            }
            Ok(())
        });
        let left: Vec<usize> = (0..num_states).filter(|&state| is_left[state]).collect();
        if result.is_err() || left.len() > num_states / 8 {
            return Ok(None);
        }
        let dynamics = column.stage.dynamics.mix_actions(&weights);
        let ones = vec![F::one(); num_states.min(blocks::MOST_PAIRS)];
        Ok(dynamics.map(|dynamics| Self { dynamics, rewards, ones, left }))
    }

    /// Writes V of some states, from the values of the next stage as `block` holds them. Returns whether nothing was out of
    /// the ordinary; if not, the values mean nothing.
    pub(super) fn states<M>(
        &self,
        column: &Column<'_, F, M>,
        block: &LogBlock<F>,
        states: Range<usize>,
        values: &mut [F],
    ) -> bool
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.dynamics.log_expectation(states.clone(), block, values);
        let is_regular = if column.rule.is_plain() {
            column.rule.action_values(&self.rewards[states.clone()], &self.ones[..states.len()], values)
        } else {
            states.clone().zip(values.iter_mut()).all(|(state, value)| {
                let (terms, pair) = ((self.rewards[state], F::one()), (state, 0));
                let result = column.rule.action_value(terms, *value, &*self.dynamics, pair);
                *value = result.unwrap_or(F::nan());
                result.is_some()
            })
        };
        for (state, value) in states.zip(values) {
            *value = column.terminal_value(state).unwrap_or(*value);
        }
        is_regular
    }

    /// c, `[s]`; −∞ in terminal states.
    pub(super) fn rewards(&self) -> &[F] {
        &self.rewards
    }

    /// Whether every state follows it.
    pub(super) fn is_whole(&self) -> bool {
        self.left.is_empty()
    }

    /// Those of some states that are left to the ordinary backup.
    pub(super) fn left(&self, states: Range<usize>) -> &[usize] {
        let first = self.left.partition_point(|&state| state < states.start);
        let end = self.left.partition_point(|&state| state < states.end);
        &self.left[first..end]
    }
}

/// Whether no value of a number of stages, from V_T on, comes near the end of the number type.
fn stays_in_range<F: Real, M>(model: &M, stage: &CheckedStage<'_, F, M::Dynamics>, num_stages: usize) -> bool
where
    M: Model<Scalar = F> + ?Sized,
{
    let largest = |values: &mut dyn Iterator<Item = F>| {
        values.filter(|v| v.is_finite()).fold(F::zero(), |largest, v| largest.max(v.abs()))
    };
    let (rewards, _) = stage.rows(0..model.num_states());
    // Weights and probabilities add at most some 750 τ each.
    let a_stage = largest(&mut rewards.iter().copied()) + model.temperature() * F::from_f64(2000.0);
    let ends = largest(&mut model.terminal_values().iter().copied());
    ends + a_stage * F::from_f64(num_stages as f64) < F::max_value() * F::from_f64(0.25)
}

/// The least weight that leaves room for a probability: their product is a normal number unless the other is as small.
fn least_weight<F: Real>() -> F {
    F::min_positive_value().sqrt()
}
