//! Direct inference where the reward depends on the successor: outcomes of a pair given success.
//!
//! A step has an outcome (s', r) and goes on from s' or, with probability 1−γ, receives r and moves
//! to †. Given success,
//!
//! ```text
//! stay(s',r)  ∝ p(s',r|s,a) exp(r/τ) γ exp(V_{t+1}(s')/τ),    leave(s',r) ∝ p(s',r|s,a) exp(r/τ) (1−γ)
//! ∂Q(s,a) = Σ stay (φ(s,a,s') + ∂V_{t+1}(s')) + Σ leave φ(s,a,s')
//! ```
//!
//! and the covariance of the step is that over both. The derivative of ∂Q in γ is, with
//! a = stay/γ, b = leave/(1−γ) and e = ∂Q/∂γ = τ Σ (a − b),
//!
//! ```text
//! C = Σ a (φ + ∂V_{t+1}) − Σ b φ − ∂Q e/τ
//! ```

use super::columns::{Columns, RewardColumns};
use super::moments::{Moments, add_square};
use crate::kernels::gap;
use crate::{Dynamics, Inference, Model, Real};

/// Whether derivatives of rewards differ between the outcomes of a pair, in direct inference.
/// Variational inference takes expectations over outcomes first.
pub(super) fn is_needed<F: Real, M: Model<Scalar = F> + ?Sized>(
    (mdp, t, inference): (&M, usize, Inference),
    columns: &Columns<F>,
) -> bool {
    let has_outcomes = || {
        let (mut found, width) = (false, mdp.num_actions());
        (0..mdp.num_states() * width).any(|pair| {
            mdp.for_each_stage_outcome(t, pair / width, pair % width, &mut |_, _, _| found = true);
            found
        })
    };
    let is_on_successors = matches!(columns.rewards, RewardColumns::Successors(..));
    inference == Inference::Direct && (is_on_successors || (columns.with_temperature && has_outcomes()))
}

/// The outcomes of the pairs of a stage.
pub(super) struct LuckyPairs<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    mdp: &'a M,
    t: usize,
    dynamics: &'a M::Dynamics,
    rewards: &'a [F],     // [s, a]
    next_values: &'a [F], // V_{t+1}
    columns: &'a Columns<F>,
    outcomes: Vec<(usize, F, F)>, // scratch: s', p(s',r|s,a), r
    parts: Vec<F>,                // scratch: a probability and k values of each part
}

impl<'a, F: Real, M: Model<Scalar = F> + ?Sized> LuckyPairs<'a, F, M> {
    pub(super) fn new(
        (mdp, t): (&'a M, usize),
        dynamics: &'a M::Dynamics,
        rewards: &'a [F],
        next_values: &'a [F],
        columns: &'a Columns<F>,
    ) -> Self {
        let (outcomes, parts) = (Vec::new(), Vec::new());
        Self { mdp, t, dynamics, rewards, next_values, columns, outcomes, parts }
    }

    /// Writes ∂Q of a pair at fixed γ, and adds its covariance and C with a weight. `next` is
    /// ∂V_{t+1}, `[s, k]`; without it, ∂V_{t+1} is 0.
    pub(super) fn pair(
        &mut self,
        pair: usize,
        next: Option<&[F]>,
        mean: &mut [F],
        (weight, moments): (F, &mut Moments<F>),
    ) {
        let (k, discount, temperature) =
            (self.columns.num_parameters(), self.mdp.discount(), self.mdp.temperature());
        self.read(pair);
        let leaving = F::one() - discount;
        let may_leave = leaving > F::zero();
        let mut best = F::neg_infinity();
        for &(next_state, _, reward) in &self.outcomes {
            best = best.max(reward + self.next_values[next_state]);
            best = if may_leave { best.max(reward) } else { best };
        }
        self.parts.clear();
        let (mut sum, mut slope) = (F::zero(), F::zero());
        for index in 0..self.outcomes.len() {
            let (next_state, p, reward) = self.outcomes[index];
            let value = reward + self.next_values[next_state];
            let weight = |value: F| {
                if p > F::zero() && value > F::neg_infinity() {
                    p * gap(value, best, temperature).exp()
                } else {
                    F::zero()
                }
            };
            let (stay, leave) = (weight(value), weight(reward));
            sum += discount * stay + leaving * leave;
            slope += stay - leave;
            let first = self.part(pair, (next_state, reward), stay);
            if let Some(next) = next {
                let values = self.parts[first..].iter_mut();
                values.zip(&next[next_state * k..]).for_each(|(value, &v)| *value += v);
            }
            if may_leave || self.columns.with_discount {
                self.part(pair, (next_state, reward), -leave);
            }
        }
        // Parts hold stay/γ and −leave/(1−γ), times `sum`.
        mean.fill(F::zero());
        let probability =
            |part: F| if part >= F::zero() { discount * part / sum } else { -leaving * part / sum };
        for part in self.parts.chunks_exact(k + 1) {
            let share = probability(part[0]);
            mean.iter_mut().zip(&part[1..]).for_each(|(mean, &value)| *mean += share * value);
        }
        if self.columns.with_discount {
            let slope = slope / sum; // e/τ
            for part in self.parts.chunks_exact(k + 1) {
                let share = weight * part[0] / sum;
                moments.mixed.iter_mut().zip(&part[1..]).for_each(|(sum, &value)| *sum += share * value);
            }
            moments.mixed.iter_mut().zip(&*mean).for_each(|(sum, &mean)| *sum -= weight * slope * mean);
            moments.mixed[k - 1] -= weight * slope * slope * temperature / F::from_f64(2.0);
        }
        for part in self.parts.chunks_exact_mut(k + 1) {
            let share = probability(part[0]);
            part[1..].iter_mut().zip(&*mean).for_each(|(value, &mean)| *value -= mean);
            add_square(&mut moments.covariance, weight * share, &part[1..]);
        }
    }

    /// Writes the expected φ of a step that was seen to lead to a state, or to † if there is none,
    /// and adds the covariance with a weight: rewards are not seen.
    pub(super) fn observed(
        &mut self,
        pair: usize,
        next_state: Option<usize>,
        mean: &mut [F],
        (weight, sums): (F, &mut [F]),
    ) {
        let (k, temperature) = (self.columns.num_parameters(), self.mdp.temperature());
        self.read(pair);
        self.outcomes.retain(|&(state, p, reward)| {
            next_state.is_none_or(|next_state| next_state == state)
                && p > F::zero()
                && reward > F::neg_infinity()
        });
        let best = self.outcomes.iter().fold(F::neg_infinity(), |best, &(_, _, reward)| best.max(reward));
        self.parts.clear();
        let mut sum = F::zero();
        for index in 0..self.outcomes.len() {
            let (next_state, p, reward) = self.outcomes[index];
            let share = p * gap(reward, best, temperature).exp();
            sum += share;
            self.part(pair, (next_state, reward), share);
        }
        mean.fill(F::zero());
        for part in self.parts.chunks_exact(k + 1) {
            mean.iter_mut().zip(&part[1..]).for_each(|(mean, &value)| *mean += part[0] / sum * value);
        }
        for part in self.parts.chunks_exact_mut(k + 1) {
            part[1..].iter_mut().zip(&*mean).for_each(|(value, &mean)| *value -= mean);
            add_square(sums, weight * part[0] / sum, &part[1..]);
        }
    }

    /// Reads the outcomes of a pair. Without rewards on successors, all pay r(s,a).
    fn read(&mut self, pair: usize) {
        let width = self.mdp.num_actions();
        let (state, action, outcomes) = (pair / width, pair % width, &mut self.outcomes);
        outcomes.clear();
        self.mdp.for_each_stage_outcome(self.t, state, action, &mut |next_state, p, reward| {
            outcomes.push((next_state, p, reward));
        });
        if outcomes.is_empty() {
            let reward = self.rewards[pair];
            self.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                outcomes.push((next_state, p, reward));
            });
        }
    }

    /// Appends a part with the derivatives of its reward, and returns the place of its values.
    fn part(&mut self, pair: usize, (next_state, reward): (usize, F), share: F) -> usize {
        let (k, num_features) = (self.columns.num_parameters(), self.columns.num_features());
        let width = self.mdp.num_actions();
        self.parts.push(share);
        let first = self.parts.len();
        self.parts.resize(first + k, F::zero());
        let values = &mut self.parts[first..];
        match self.columns.on_pair(pair, width) {
            Some(features) => values[..num_features].copy_from_slice(features),
            None => {
                if let RewardColumns::Successors(_, features) = &self.columns.rewards {
                    features(pair / width, pair % width, next_state, &mut values[..num_features]);
                }
            }
        }
        if self.columns.with_temperature && reward > F::neg_infinity() {
            values[num_features] = reward;
        }
        first
    }
}
