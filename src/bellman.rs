//! The Bellman rule of one pair: what its reward and the expectation over its successors make of it.

use std::sync::OnceLock;

use crate::kernels::{gap, is_safe, log_add_exp, most_value, most_weight, vectorised};
use crate::{Dynamics, Inference, Real};

/// (D1) or (V2) for one stage, with what does not change from pair to pair worked out.
#[derive(Debug)]
pub(crate) struct BellmanRule<'a, F> {
    inference: Inference,
    discount: F,
    temperature: F,
    next_values: &'a [F],
    near_limit: OnceLock<bool>,
}

impl<'a, F: Real> BellmanRule<'a, F> {
    /// The rule for backing up `next_values`.
    pub(crate) fn new(inference: Inference, discount: F, temperature: F, next_values: &'a [F]) -> Self {
        Self { inference, discount, temperature, next_values, near_limit: OnceLock::new() }
    }

    /// Whether values are so large that an expectation of −∞ may be one that left the number type. It takes a look at all
    /// of them, when it is first asked.
    fn near_limit(&self) -> bool {
        *self.near_limit.get_or_init(|| {
            let finite = self.next_values.iter().filter(|v| v.is_finite());
            let largest = finite.fold(F::zero(), |largest, v| largest.max(v.abs()));
            // A log-expectation lies at most about 1000 τ below the values that it is taken over.
            let reach = largest + self.temperature * F::from_f64(1000.0);
            !(reach < F::max_value() * F::from_f64(0.25))
        })
    }

    /// Whether successors matter at all: γ > 0. With γ = 0, Q = r whatever comes next, also −∞.
    pub(crate) fn continues(&self) -> bool {
        self.discount > F::zero()
    }

    pub(crate) fn temperature(&self) -> F {
        self.temperature
    }

    /// Q(s,a) from r(s,a), ρ(a∣s) and the expectation (or log-expectation) over successors; `None` if a finite
    /// result leaves the number type.
    #[inline]
    pub(crate) fn action_value<D: Dynamics<Scalar = F> + ?Sized>(
        &self,
        (reward, weight): (F, F),
        expectation: F,
        dynamics: &D,
        (state, action): (usize, usize),
    ) -> Option<F> {
        if weight == F::zero() || reward == F::neg_infinity() {
            return Some(F::neg_infinity());
        }
        if !self.continues() {
            return Some(reward);
        }
        // −∞ is right where there is no way to go on. Whether that or the end of the number range made it takes a
        // look at the successors, and only if values are large enough for a doubt.
        let dead = expectation == F::neg_infinity();
        if dead && self.near_limit() && !self.is_dead(dynamics, state, action) {
            return None;
        }
        let value = reward + self.continuation(expectation);
        if value.is_finite() {
            return Some(value);
        }
        let leaves = self.inference == Inference::Direct && self.discount < F::one();
        (dead && !leaves).then(F::neg_infinity)
    }

    /// Whether [`action_values`](Self::action_values) can be tried: the rule is a sum.
    pub(crate) fn is_plain(&self) -> bool {
        let leaves = self.inference == Inference::Direct && self.discount < F::one();
        self.continues() && !leaves
    }

    /// Turns the expectations of many pairs into action values, as [`action_value`](Self::action_value) does for one.
    ///
    /// Returns whether all rewards and weights were valid and nothing left the number type; if not, the numbers mean
    /// nothing. Precondition: the rule is plain.
    pub(crate) fn action_values(&self, rewards: &[F], prior: &[F], expectations: &mut [F]) -> bool {
        let discount = self.discount;
        let found = vectorised!(add_rewards(discount, rewards, prior, expectations));
        found == 0 || (found == DEAD && !self.near_limit())
    }

    /// What comes after the reward: γ y (V2), or τ log(γ exp(y/τ) + 1 − γ) (D1).
    #[inline]
    fn continuation(&self, expectation: F) -> F {
        let (discount, temperature) = (self.discount, self.temperature);
        if discount == F::one() {
            return expectation;
        }
        if self.inference == Inference::Variational {
            return discount * expectation;
        }
        // The larger of y and 0, the value of †, is taken out. No product of τ and a logarithm of γ is formed by
        // itself: it may not fit where the sum does.
        let max = expectation.max(F::zero());
        if temperature == F::zero() {
            return max;
        }
        let (stay, leave) = (gap(expectation, max, temperature), gap(F::zero(), max, temperature));
        let sum = discount * stay.exp() + (F::one() - discount) * leave.exp();
        if is_safe(sum, F::one()) {
            return max + temperature * sum.ln();
        }
        max + temperature * log_add_exp(discount.ln() + stay, (-discount).ln_1p() + leave)
    }

    /// Whether the expectation over the successors of a pair is −∞ by right.
    fn is_dead<D: Dynamics<Scalar = F> + ?Sized>(&self, dynamics: &D, state: usize, action: usize) -> bool {
        let next_values = self.next_values;
        let (mut any_dead, mut any_alive) = (false, false);
        dynamics.for_each_successor(state, action, &mut |next_state, p| {
            if p > F::zero() {
                let alive = next_values[next_state] > F::neg_infinity();
                any_alive |= alive;
                any_dead |= !alive;
            }
        });
        dynamics.for_each_faint_successor(state, action, &mut |next_state, _| {
            any_alive |= next_values[next_state] > F::neg_infinity();
        });
        match self.inference {
            Inference::Direct => !any_alive,
            Inference::Variational => any_dead,
        }
    }
}

/// What [`add_rewards`] may find: an input out of range, or a sum beyond what `soft_maxima` takes.
const IRREGULAR: u64 = 1;

/// What [`add_rewards`] may find: an expectation of −∞ that matters.
const DEAD: u64 = 2;

/// q = r + γ y where ρ > 0, and −∞ elsewhere; says what it found on the way.
#[inline(always)]
fn add_rewards<const FUSED: bool, F: Real>(discount: F, rewards: &[F], prior: &[F], values: &mut [F]) -> u64 {
    let (zero, dead) = (F::zero(), F::neg_infinity());
    let (most_value, most_weight) = (most_value::<F>(), most_weight::<F>());
    // As wide as the numbers, for the sake of vectors.
    let mut found = 0_u64;
    for ((value, &reward), &weight) in values.iter_mut().zip(rewards).zip(prior) {
        let expectation = *value;
        let is_taken = (weight > zero) & (reward != dead);
        let sum = reward + discount * expectation;
        // Comparisons that are false for NaN.
        let is_valid = (reward < F::infinity()) & (weight >= zero) & (weight <= most_weight);
        let is_dead = expectation == dead;
        let is_regular = is_valid & (!is_taken | is_dead | (sum.abs() <= most_value));
        found |= if is_regular { 0 } else { IRREGULAR };
        found |= if is_taken & is_dead { DEAD } else { 0 };
        *value = if is_taken { sum } else { dead };
    }
    found
}
