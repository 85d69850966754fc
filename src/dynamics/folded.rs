//! Dynamics with a reward on the successor folded into them.

use std::ops::Range;
use std::sync::Arc;

use super::{Dynamics, SparseDynamics, resolve_faint_rows};
use crate::kernels::{LogBlock, gap, row_log_expectation};
use crate::team::Share;
use crate::{Error, Real, Table};

/// The dynamics of a [`SuccessorRewardMdp`](crate::SuccessorRewardMdp).
///
/// For variational inference these are the true dynamics P. For direct inference they are the
/// tilted dynamics P̃ ∝ P exp(r(s,a,s')/τ).
///
/// [`Model::stage`](crate::Model::stage) of such a model returns them.
///
/// # Example
///
/// ```
/// use softmdp::{Dynamics, Inference, Mdp, Model, ndarray::array};
///
/// // A fair coin. Heads (state 1) pays log 3.
/// let coin = Mdp::new(array![[[0.5, 0.5]], [[0.5, 0.5]]], array![[0.0], [0.0]])?;
/// let pays = |_, _, next_state| if next_state == 1 { 3.0_f64.ln() } else { 0.0 };
/// let coin = coin.with_successor_rewards(pays)?;
/// let heads = |inference| {
///     let mut heads = 0.0;
///     let dynamics = coin.stage(0, inference)?.dynamics;
///     dynamics.for_each_successor(0, 0, &mut |next_state, p| {
///         heads += if next_state == 1 { p } else { 0.0 };
///     });
///     Ok::<_, softmdp::Error>(heads)
/// };
/// assert_eq!(heads(Inference::Variational)?, 0.5);
/// assert!((heads(Inference::Direct)? - 0.75).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug)]
pub struct FoldedDynamics<F, D>(Kind<F, D>);

#[derive(Debug)]
enum Kind<F, D> {
    True(Arc<D>),
    Tilted { plain: Arc<dyn Dynamics<Scalar = F>>, faint: Arc<FaintRows<F>> },
}

/// Successors whose probability underflows: τ log P̃ of each. They are rare, so that only rows that
/// have some take memory.
#[derive(Debug)]
struct FaintRows<F> {
    entries: Vec<(usize, usize, F)>, // (s · A + a, s', τ log P̃), row after row
}

impl<F: Real> FaintRows<F> {
    fn row(&self, row: usize) -> &[(usize, usize, F)] {
        let first = self.entries.partition_point(|&(other, ..)| other < row);
        let rest = &self.entries[first..];
        &rest[..rest.partition_point(|&(other, ..)| other == row)]
    }
}

impl<F: Real, D: Dynamics<Scalar = F>> FoldedDynamics<F, D> {
    /// The dynamics P themselves.
    pub(crate) fn unfolded(dynamics: Arc<D>) -> Self {
        Self(Kind::True(dynamics))
    }

    /// Tilts the rows of all pairs in use and writes their rewards τ log Σ P exp(r/τ) to `folded`,
    /// `[s, a]`, which holds zeros.
    ///
    /// `rewards(row)` is the range of `values` with the rewards of the successors of a row, in the
    /// order of the visits by `dynamics`. Rows not in use get no successors.
    pub(crate) fn tilted(
        dynamics: &D,
        temperature: F,
        rewards: impl Fn(usize) -> Range<usize>,
        values: &[F],
        is_used: impl Fn(usize, usize) -> bool,
        folded: &mut [F],
    ) -> Result<Self, Error> {
        let (num_states, num_actions) = (dynamics.num_states(), dynamics.num_actions());
        let mut faint = FaintRows { entries: Vec::new() };
        let mut tilt = Tilt { temperature, entries: Vec::new() };
        let plain = SparseDynamics::from_fn(num_states, num_actions, |state, action| {
            let row = state * num_actions + action;
            tilt.entries.clear();
            let is_used = is_used(state, action);
            if is_used {
                let mut rewards = values[rewards(row)].iter();
                dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    let reward = rewards.next().copied().unwrap_or_else(F::neg_infinity);
                    if p > F::zero() && reward > F::neg_infinity() {
                        tilt.entries.push((next_state, p, reward));
                    }
                });
            }
            let (reward, plain) = tilt.row(row, &mut faint.entries);
            if is_used {
                folded[row] = reward;
            }
            plain
        })?;
        // Values are added to the offsets: half the range of the number type is left for them.
        let least = F::max_value() * F::from_f64(-0.5);
        if let Some((row, ..)) = faint.entries.iter().find(|&&(_, _, offset)| !(offset >= least)) {
            let (stage, state) = (0, row / num_actions);
            return Err(Error::Overflow { table: Table::SuccessorRewards, stage, state });
        }
        Ok(Self(Kind::Tilted { plain: plain.into_smaller()?, faint: Arc::new(faint) }))
    }

    /// The same dynamics over a copy of P that has another type.
    pub(crate) fn over<E>(&self, dynamics: &Arc<E>) -> FoldedDynamics<F, E> {
        FoldedDynamics(match &self.0 {
            Kind::True(_) => Kind::True(Arc::clone(dynamics)),
            Kind::Tilted { plain, faint } => {
                Kind::Tilted { plain: Arc::clone(plain), faint: Arc::clone(faint) }
            }
        })
    }
}

/// One row to be tilted: (s', P, r) of each possible successor.
struct Tilt<F> {
    temperature: F,
    entries: Vec<(usize, F, F)>,
}

impl<F: Real> Tilt<F> {
    /// Returns τ log Σ P exp(r/τ) and P̃. Successors whose probability underflows go to `faint`, as
    /// entries of `row`.
    ///
    /// At τ = 0 these are the limits: the largest reward, and P restricted to the successors with
    /// that reward.
    fn row(&self, row: usize, faint: &mut Vec<(usize, usize, F)>) -> (F, Vec<(usize, F)>) {
        let temperature = self.temperature;
        let folded = row_log_expectation(temperature, |visit| {
            self.entries.iter().for_each(|&(_, p, reward)| visit(p, reward));
        });
        let max = self.entries.iter().fold(F::neg_infinity(), |max, entry| max.max(entry.2));
        // log( P exp((r − max)/τ) ), then relative to the largest and normalised, so that rows sum
        // to 1 within a few ulp.
        let log_weights = self.entries.iter().map(|&(_, p, reward)| {
            p.ln() + if reward < max { gap(reward, max, temperature) } else { F::zero() }
        });
        let best = log_weights.clone().fold(F::neg_infinity(), F::max);
        let weights = log_weights.map(|log| (log - best).exp());
        let sum = weights.clone().fold(F::zero(), |sum, weight| sum + weight);
        let mut plain = Vec::with_capacity(self.entries.len());
        for (&(next_state, p, reward), weight) in self.entries.iter().zip(weights) {
            let tilted = weight / sum;
            if tilted >= F::min_positive_value() {
                plain.push((next_state, tilted));
            } else {
                let log_p = if temperature > F::zero() { temperature * p.ln() } else { F::zero() };
                faint.push((row, next_state, reward - folded + log_p));
            }
        }
        (folded, plain)
    }
}

/// Calls a method of P or of the part of P̃ that does not underflow.
macro_rules! plain {
    ($self:ident, $dynamics:ident => $call:expr) => {
        match &$self.0 {
            Kind::True($dynamics) => $call,
            Kind::Tilted { plain: $dynamics, .. } => $call,
        }
    };
}

impl<F: Real, D: Dynamics<Scalar = F>> Dynamics for FoldedDynamics<F, D> {
    type Scalar = F;

    fn num_states(&self) -> usize {
        plain!(self, dynamics => dynamics.num_states())
    }

    fn num_actions(&self) -> usize {
        plain!(self, dynamics => dynamics.num_actions())
    }

    fn share(&self) -> Option<&Share> {
        plain!(self, dynamics => dynamics.share())
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        plain!(self, dynamics => dynamics.for_each_successor(state, action, visit));
    }

    fn for_each_faint_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, F)) {
        match &self.0 {
            Kind::True(dynamics) => dynamics.for_each_faint_successor(state, action, visit),
            Kind::Tilted { plain, faint } => {
                let row = faint.row(state * plain.num_actions() + action);
                row.iter().for_each(|&(_, next_state, offset)| visit(next_state, offset));
            }
        }
    }

    fn has_faint_successors(&self) -> bool {
        match &self.0 {
            Kind::True(dynamics) => dynamics.has_faint_successors(),
            Kind::Tilted { faint, .. } => !faint.entries.is_empty(),
        }
    }

    fn expectation(&self, states: Range<usize>, k: usize, v: &[F], y: &mut [F]) {
        plain!(self, dynamics => dynamics.expectation(states, k, v, y));
    }

    fn log_expectation(&self, states: Range<usize>, v: &LogBlock<F>, y: &mut [F]) {
        if !self.has_faint_successors() {
            return plain!(self, dynamics => dynamics.log_expectation(states, v, y));
        }
        self.expectation(states.clone(), v.num_columns(), v.exponentials(), y);
        resolve_faint_rows(self, states, v, y);
    }

    fn push_forward(&self, states: Range<usize>, next_states: Range<usize>, k: usize, x: &[F], w: &mut [F]) {
        plain!(self, dynamics => dynamics.push_forward(states, next_states, k, x, w));
    }

    fn mix_actions(&self, weights: &[F]) -> Option<Box<dyn Dynamics<Scalar = F>>> {
        if self.has_faint_successors() {
            return None;
        }
        plain!(self, dynamics => dynamics.mix_actions(weights))
    }

    fn work(&self, states: Range<usize>) -> usize {
        plain!(self, dynamics => dynamics.work(states))
    }
}
