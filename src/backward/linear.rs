//! Direct inference as a linear recursion, for models whose stages are alike.
//!
//! ```text
//! β_t = M β_{t+1},   M(s,s') = Σ_a ρ(a|s) exp(r(s,a)/τ) P(s'|s,a)      (γ = 1)   (D11)
//! ```
//!
//! M is made once. A stage then reads S² numbers instead of S²A, or the entries of a sparse M.
//!
//! # Form computed
//!
//! Each row of M is divided by its sum. The result is a distribution over successors: that of the
//! policy w that maximises the next reward alone, whose soft maximum is c.
//!
//! ```text
//! c(s)    = τ log Σ_a ρ(a|s) exp(r(s,a)/τ),   w(a|s) = ρ(a|s) exp((r(s,a) − c(s))/τ)
//! M̂(s,s') = Σ_a w(a|s) P(s'|s,a)
//! V_t(s)  = c(s) + τ log( γ Σ_s' M̂(s,s') exp(V_{t+1}(s')/τ) + 1−γ )
//! ```
//!
//! This is (D1) for a model with one action, rewards c and dynamics M̂, so it is computed as
//! exactly as (D1). M̂ itself could lose digits where a weight or a product of weight and
//! probability is tiny. States with such weights are left to the ordinary backup.
//!
//! # References
//!
//! Todorov, *Linearly-solvable Markov decision problems*, NIPS 2006.

use std::ops::Range;

use num_traits::Zero;

use super::messages::Messages;
use super::stage::{Column, StageTables, fill_block, with_scratch};
use crate::bellman::BellmanRule;
use crate::dynamics::blocks::{self, Size};
use crate::kernels::tables::Pairs;
use crate::kernels::{LogBlock, gap};
use crate::mdp::{CheckedStage, is_possible, terminal_states};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, Workspace};

/// Work of a stage, in transitions, below which making M does not pay.
const LINEAR_WORK: usize = 1 << 12;

/// Stages from which on making M pays, with full rows and with short ones: it costs about as much
/// as one stage, or six.
const LINEAR_STAGES: (usize, usize) = (2, 8);

/// Whether (D11) holds for a model: direct inference, stages that are alike, τ > 0 and γ > 0.
pub(super) fn may_be_linear<M: Model + ?Sized>(model: &M, inference: Inference) -> bool {
    let zero = M::Scalar::zero();
    let is_soft = model.temperature() > zero && model.discount() > zero;
    inference == Inference::Direct && model.is_homogeneous() && is_soft
}

/// Whether the linear recursion is worth making for a number of stages with these dynamics.
pub(super) fn pays<M: Model + ?Sized>(
    model: &M,
    inference: Inference,
    num_stages: usize,
    size: Size,
) -> bool {
    let least_stages = if size.has_full_rows() { LINEAR_STAGES.0 } else { LINEAR_STAGES.1 };
    may_be_linear(model, inference) && num_stages >= least_stages && size.work >= LINEAR_WORK
}

/// A model with one action that has the same values as the model it was made of.
pub(super) struct Linear<F: Real> {
    dynamics: Box<dyn Dynamics<Scalar = F>>, // M̂
    rewards: Vec<F>,                         // c, [s]; −∞ in terminal states
    ones: Vec<F>,                            // the prior of the one action, for the states of a block
    left: Vec<usize>,                        // states of the ordinary backup, ascending
    messages: Option<Messages<F>>,           // if no state is left
}

impl<F: Real> Linear<F> {
    /// For a number of stages of a model with these terminal states. `None` where it does not pay,
    /// the dynamics cannot be mixed without loss, too many states would be left to the ordinary
    /// backup, or a value may come near the end of the number type. The ordinary backup then finds
    /// the place of an overflow, and every other error of the model.
    pub(super) fn new<M>(
        workspace: &mut Workspace<F>,
        (model, terminal): (&M, &[usize]),
        inference: Inference,
        num_stages: usize,
    ) -> Result<Option<Self>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        // Any stage will do, since all are alike.
        let Some(t) = num_stages.checked_sub(1).filter(|_| may_be_linear(model, inference)) else {
            return Ok(None);
        };
        let team = model.team();
        let stage = team.agree("Linear::new", CheckedStage::new(model, t, inference))?;
        let size = Size::of_all(stage.dynamics)?;
        if !pays(model, inference, num_stages, size) {
            return Ok(None);
        }
        // (D1) where nothing comes after the reward.
        let rule = BellmanRule::new(Inference::Direct, F::one(), model.temperature(), &[]);
        let column = Column::new((model, terminal), t, &stage, rule);
        if !stays_in_range(model, &stage, num_stages)? {
            return Ok(None);
        }
        let (num_states, width) = (model.num_states(), model.num_actions());
        let mut table = |width| workspace.take(Table::ActionPrior, (num_states, width));
        let tables = table(1).and_then(|rewards| Ok((rewards, table(width)?)));
        let (mut rewards, mut weights) = team.agree("Linear::new, tables", tables)?;
        let mut is_left = vec![false; num_states];
        let outputs = (
            (RowsMut::column(&mut rewards[..]), RowsMut::column(&mut is_left[..])),
            RowsMut { data: &mut weights[..], width },
        );
        let result = blocks::for_each_block(column.stage.dynamics, outputs, &|states, outputs| {
            let ((values, is_left), weights) = outputs;
            with_scratch(weights.data.len(), |logs| {
                let policy = Some((&mut *weights.data, logs));
                let tables = StageTables { policy, ..StageTables::values(values.data) };
                column.states(states.clone(), tables, &|expectations| expectations.fill(F::zero()))
            })?;
            let rows = weights.data.chunks_exact_mut(width).zip(is_left.data);
            for ((state, (weights, is_left)), value) in states.zip(rows).zip(values.data.iter_mut()) {
                let (rewards, prior) = column.stage.row(state)?;
                let taken = || (0..width).filter(|&a| is_possible(rewards[a], prior[a]));
                let best = taken().map(|a| rewards[a]).fold(F::neg_infinity(), F::max);
                // A weight is a quotient of exponentials, which must not have lost digits
                // themselves.
                *is_left = taken().any(|a| {
                    let is_digitless =
                        gap(rewards[a], best, model.temperature()) < F::SPREAD * F::from_f64(-0.5);
                    is_digitless || prior[a] < least_weight() || weights[a] < least_weight()
                });
                // The ordinary backup, or the terminal value, overwrites these.
                if *is_left || model.is_terminal(state) {
                    weights.fill(F::zero());
                    *value = F::neg_infinity();
                }
            }
            Ok(())
        });
        let left: Vec<usize> = (0..num_states).filter(|&state| is_left[state]).collect();
        let may_mix = result.is_ok() && left.len() <= size.num_states / 8;
        let dynamics = if may_mix { column.stage.dynamics.mix_actions(&weights) } else { None };
        workspace.keep(weights);
        // All processes of a team follow the recursion, or none.
        let (num_left, is_lost) = (left.len() as f64, f64::from(u8::from(dynamics.is_none())));
        let [num_left, num_lost] =
            team.join("Linear::new, mixed", Ok([num_left, is_lost]), |a, b| [a[0] + b[0], a[1] + b[1]])?;
        let Some(dynamics) = dynamics.filter(|_| num_lost == 0.0 && num_left <= (size.num_states / 8) as f64)
        else {
            workspace.keep(rewards);
            return Ok(None);
        };
        let ones = vec![F::one(); num_states.min(blocks::MOST_PAIRS)];
        let messages = if num_left == 0.0 { Some(Messages::new(workspace, model, &rewards)?) } else { None };
        Ok(Some(Self { dynamics, rewards, ones, left, messages }))
    }

    /// Returns the memory to a workspace, except that of M̂.
    pub(super) fn release(self, workspace: &mut Workspace<F>) {
        workspace.keep(self.rewards);
        if let Some(messages) = self.messages {
            messages.release(workspace);
        }
    }

    /// Backs up V of a stage. `block` holds the exponentials, or scaled messages, and must be
    /// passed unchanged to the next call.
    pub(super) fn stage<M>(
        &mut self,
        column: &Column<'_, F, M>,
        block: &mut LogBlock<F>,
        values: &mut [F],
    ) -> Result<(), Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let mut is_filled = false;
        let mut fill = |block: &mut LogBlock<F>| {
            if !is_filled {
                fill_block(block, column.stage.dynamics, |_| column.rule.next_values())?;
            }
            is_filled = true;
            Ok::<(), Error>(())
        };
        if let Some(messages) = &mut self.messages {
            if !messages.are_of(column.t + 1) {
                fill(block)?;
            }
            if messages.stage((&*self.dynamics, &self.rewards), column, block, values)? {
                return Ok(());
            }
        }
        fill(block)?;
        let (linear, block) = (&*self, &*block);
        let dynamics = column.stage.dynamics;
        let ordinary = |states: Range<usize>, values: &mut [F]| {
            column.states(states.clone(), StageTables::values(values), &|expectations| {
                dynamics.log_expectation(states.clone(), block, expectations);
            })
        };
        let outputs = RowsMut::column(values);
        blocks::for_each_block(&linear.dynamics, outputs, &|states, values| {
            let values = values.data;
            if !linear.states(column, block, states.clone(), values) {
                return ordinary(states, values);
            }
            for &state in linear.left(states.clone()) {
                let at = state - states.start;
                ordinary(state..state + 1, &mut values[at..=at])?;
            }
            Ok(())
        })
    }

    /// Writes V of some states, from the values of the next stage as `block` holds them. Returns
    /// whether nothing was out of the ordinary; if not, the values are meaningless.
    fn states<M>(
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
            let (rewards, prior) = (&self.rewards[states.clone()], &self.ones[..states.len()]);
            column.rule.action_values(Pairs { rewards, prior }, values)
        } else {
            states.clone().zip(values.iter_mut()).all(|(state, value)| {
                let (terms, pair) = ((self.rewards[state], F::one()), (state, 0));
                let result = column.rule.action_value(terms, *value, &*self.dynamics, pair);
                *value = result.unwrap_or(F::nan());
                result.is_some()
            })
        };
        for (state, terminal_value) in column.terminal(&states) {
            values[state - states.start] = terminal_value;
        }
        is_regular
    }

    /// The states of a range that are left to the ordinary backup.
    fn left(&self, states: Range<usize>) -> &[usize] {
        let first = self.left.partition_point(|&state| state < states.start);
        let end = self.left.partition_point(|&state| state < states.end);
        &self.left[first..end]
    }
}

/// M̂ and c of a model, where the linear recursion stands for all states and pays for a number of
/// stages.
pub(crate) fn mixed_model<M: Model + ?Sized>(
    model: &M,
    inference: Inference,
    num_stages: usize,
) -> Result<Option<MixedModel<M::Scalar>>, Error> {
    let terminal: Vec<_> = terminal_states(model).collect();
    let linear = Linear::new(&mut Workspace::new(), (model, &terminal), inference, num_stages)?;
    Ok(linear.filter(|linear| linear.left.is_empty()).map(|linear| (linear.dynamics, linear.rewards)))
}

/// M̂ as dynamics of one action, and c, `[s]`, which is −∞ in terminal states.
pub(crate) type MixedModel<F> = (Box<dyn Dynamics<Scalar = F>>, Vec<F>);

/// Whether all values of a number of stages stay away from the end of the number type.
fn stays_in_range<F: Real, M>(
    model: &M,
    stage: &CheckedStage<'_, F, M::Dynamics>,
    num_stages: usize,
) -> Result<bool, Error>
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
    let mine = Ok([a_stage.into_f64(), ends.into_f64()]);
    let of_all = model.team().join("stays_in_range", mine, |a, b| [a[0].max(b[0]), a[1].max(b[1])])?;
    let [a_stage, ends] = of_all.map(F::from_f64);
    Ok(ends + a_stage * F::from_f64(num_stages as f64) < F::max_value() * F::from_f64(0.25))
}

/// The least weight of a state that follows the recursion. Its product with a probability is a
/// normal number, unless the probability is as small.
fn least_weight<F: Real>() -> F {
    F::min_positive_value().sqrt()
}
