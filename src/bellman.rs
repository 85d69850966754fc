//! The Bellman rule: from rewards and expectations over successors to action values and soft
//! maxima.
//!
//! One pair, the pairs of one state, or a block of many states in vector arithmetic.

use std::sync::OnceLock;

use crate::dynamics::{Probability, for_each_possible_successor};
use crate::kernels::{
    Aligned, CHUNK, LogMemo, SoftRow, for_each_lane, gap, is_safe, log_add_exp, most_value, most_weight,
    soft_maximum, vectorised,
};
use crate::{Dynamics, Error, Inference, Real, Table};

/// (D1) or (V2) for one stage, with its constants.
#[derive(Debug)]
pub(crate) struct BellmanRule<'a, F> {
    inference: Inference,
    discount: F,
    temperature: F,
    next_values: &'a [F],
    absorbed_value: F,
    near_limit: OnceLock<bool>,
}

impl<'a, F: Real> BellmanRule<'a, F> {
    /// The rule for backing up `next_values`.
    pub(crate) fn new(inference: Inference, discount: F, temperature: F, next_values: &'a [F]) -> Self {
        let (absorbed_value, near_limit) = (F::zero(), OnceLock::new());
        Self { inference, discount, temperature, next_values, absorbed_value, near_limit }
    }

    /// With another value of † than 0. −∞ excludes that the trajectory leaves.
    pub(crate) fn with_absorbed_value(self, absorbed_value: F) -> Self {
        Self { absorbed_value, ..self }
    }

    /// Whether values are so large that an expectation may be −∞ because it left the number type.
    /// Reads all values on the first call.
    fn near_limit(&self) -> bool {
        *self.near_limit.get_or_init(|| {
            let finite = self.next_values.iter().filter(|v| v.is_finite());
            let largest = finite.fold(F::zero(), |largest, v| largest.max(v.abs()));
            // A log-expectation lies at most about 1000 τ below the values that it is taken over.
            let reach = largest + self.temperature * F::from_f64(1000.0);
            !(reach < F::max_value() * F::from_f64(0.25))
        })
    }

    /// Whether Q depends on successors: γ > 0. With γ = 0, Q = r + V(†), also where a successor is
    /// −∞.
    pub(crate) fn continues(&self) -> bool {
        self.discount > F::zero()
    }

    pub(crate) fn temperature(&self) -> F {
        self.temperature
    }

    /// The values that are backed up, V_{t+1}.
    pub(crate) fn next_values(&self) -> &'a [F] {
        self.next_values
    }

    /// Turns the expectations (or log-expectations) of all pairs of a state into action values.
    ///
    /// An overflow is reported with the stage and the state.
    pub(crate) fn action_values_of_state<D: Dynamics<Scalar = F> + ?Sized>(
        &self,
        (rewards, prior): (&[F], &[F]),
        dynamics: &D,
        (stage, state): (usize, usize),
        expectations: &mut [F],
    ) -> Result<(), Error> {
        for (action, q) in expectations.iter_mut().enumerate() {
            let terms = (rewards[action], prior[action]);
            let value = self.action_value(terms, *q, dynamics, (state, action));
            *q = value.ok_or(Error::Overflow { table: Table::ActionValues, stage, state })?;
        }
        Ok(())
    }

    /// Computes V(s) from Q(s,·), and π(·∣s) if asked (D2, D3, V3).
    pub(crate) fn state_value(
        &self,
        prior: &[F],
        action_values: &[F],
        (stage, state): (usize, usize),
        log_prior: &mut LogMemo<F>,
        policy: Option<SoftRow<'_, F>>,
    ) -> Result<F, Error> {
        let value = soft_maximum(prior, action_values, self.temperature, log_prior, policy);
        let is_possible = action_values.iter().any(|&q| q > F::neg_infinity());
        if is_possible && !value.is_finite() {
            return Err(Error::Overflow { table: Table::StateValues, stage, state });
        }
        Ok(value)
    }

    /// Q(s,a) from r(s,a), ρ(a∣s) and the expectation (or log-expectation) over successors; `None`
    /// if a finite result leaves the number type.
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
            let value = reward + self.absorbed_value;
            return (value.is_finite() || self.absorbed_value == F::neg_infinity()).then_some(value);
        }
        // −∞ is right where no successor is alive. If values are large, it may also come from the
        // end of the number range, and the successors tell.
        let dead = expectation == F::neg_infinity();
        if dead && self.near_limit() && !self.is_dead(dynamics, state, action) {
            return None;
        }
        let value = reward + self.continuation(expectation);
        if value.is_finite() {
            return Some(value);
        }
        (dead && !self.leaves()).then(F::neg_infinity)
    }

    /// Whether the trajectory may leave for the absorbing state †.
    fn leaves(&self) -> bool {
        self.is_direct_with_discount() && self.absorbed_value > F::neg_infinity()
    }

    fn is_direct_with_discount(&self) -> bool {
        self.inference == Inference::Direct && self.discount < F::one()
    }

    /// Whether [`action_values`](Self::action_values) applies to this rule.
    pub(crate) fn is_plain(&self) -> bool {
        self.continues() && !(self.leaves() && self.temperature == F::zero())
    }

    /// Turns the expectations of many pairs into action values, as
    /// [`action_value`](Self::action_value) does for one.
    ///
    /// Returns whether all rewards and weights were valid and nothing left the number type; if not,
    /// the results are meaningless. Precondition: the rule is plain.
    pub(crate) fn action_values(&self, rewards: &[F], prior: &[F], expectations: &mut [F]) -> bool {
        let (discount, temperature) = (self.discount, self.temperature);
        let found = if self.leaves() {
            let mut sums = Aligned::zeros();
            vectorised!(add_rewards_or_leave(
                (discount, temperature, self.absorbed_value),
                rewards,
                prior,
                expectations,
                &mut sums.0
            ))
        } else if self.is_direct_with_discount() {
            let log_discount = temperature * discount.ln();
            expectations.iter_mut().for_each(|y| *y += log_discount);
            vectorised!(add_rewards(F::one(), rewards, prior, expectations))
        } else {
            vectorised!(add_rewards(discount, rewards, prior, expectations))
        };
        found == 0 || (found == DEAD && !self.near_limit())
    }

    /// What comes after the reward: γ y (V2), or τ log(γ exp(y/τ) + (1 − γ) exp(V(†)/τ)) (D1).
    #[inline]
    fn continuation(&self, expectation: F) -> F {
        let (discount, temperature) = (self.discount, self.temperature);
        if discount == F::one() {
            return expectation;
        }
        if self.inference == Inference::Variational {
            return discount * expectation;
        }
        // The maximum of y and V(†) is taken out. The product τ log γ is never formed alone, since
        // it may leave the number type where the sum does not.
        let max = expectation.max(self.absorbed_value);
        if temperature == F::zero() || max == F::neg_infinity() {
            return max;
        }
        let (stay, leave) = (gap(expectation, max, temperature), gap(self.absorbed_value, max, temperature));
        let sum = discount * stay.exp() + (F::one() - discount) * leave.exp();
        if is_safe(sum, F::one()) {
            return max + temperature * sum.ln();
        }
        max + temperature * log_add_exp(discount.ln() + stay, (-discount).ln_1p() + leave)
    }

    /// Whether the successors of a pair make its expectation −∞.
    fn is_dead<D: Dynamics<Scalar = F> + ?Sized>(&self, dynamics: &D, state: usize, action: usize) -> bool {
        let next_values = self.next_values;
        let (mut any_dead, mut any_alive) = (false, false);
        for_each_possible_successor(dynamics, (state, action), |next_state, p| {
            let alive = next_values[next_state] > F::neg_infinity();
            any_alive |= alive;
            any_dead |= !alive && matches!(p, Probability::Plain(_));
        });
        match self.inference {
            Inference::Direct => !any_alive,
            Inference::Variational => any_dead,
        }
    }
}

/// A flag of [`add_rewards`]: an input is out of range, or a sum is too large for `soft_maxima`.
const IRREGULAR: u64 = 1;

/// A flag of [`add_rewards`]: a pair with positive weight has the expectation −∞.
const DEAD: u64 = 2;

/// Writes q = r + γ y where ρ > 0, and −∞ elsewhere. Returns flags.
#[inline(always)]
fn add_rewards<const FUSED: bool, F: Real>(discount: F, rewards: &[F], prior: &[F], values: &mut [F]) -> u64 {
    let dead = F::neg_infinity();
    // As wide as the numbers, so that the loop is vectorised.
    let mut found = 0_u64;
    for ((value, &reward), &weight) in values.iter_mut().zip(rewards).zip(prior) {
        let expectation = *value;
        let is_taken = (weight > F::zero()) & (reward != dead);
        let sum = reward + discount * expectation;
        let is_dead = expectation == dead;
        let is_held = !is_taken | is_dead | (sum.abs() <= most_value());
        found |= if is_valid(reward, weight) & is_held { 0 } else { IRREGULAR };
        found |= if is_taken & is_dead { DEAD } else { 0 };
        *value = if is_taken { sum } else { dead };
    }
    found
}

/// Writes q = r + τ log(γ exp(y/τ) + (1 − γ) exp(V(†)/τ)) where ρ > 0, and −∞ elsewhere, for a
/// finite V(†). Returns flags. `sums` is scratch memory.
#[inline(always)]
fn add_rewards_or_leave<const FUSED: bool, F: Real>(
    (discount, temperature, absorbed_value): (F, F, F),
    rewards: &[F],
    prior: &[F],
    values: &mut [F],
    sums: &mut [F; CHUNK],
) -> u64 {
    let (zero, dead) = (F::zero(), F::neg_infinity());
    let leaving = F::one() - discount;
    let mut found = 0_u64;
    let inputs = rewards.chunks(CHUNK).zip(prior.chunks(CHUNK));
    for (values, (rewards, prior)) in values.chunks_mut(CHUNK).zip(inputs) {
        let sums = &mut sums[..values.len()];
        // The maximum of y and V(†) is taken out; its own exponential is 1.
        for (sum, &y) in sums.iter_mut().zip(values.iter()) {
            *sum = -(y - absorbed_value).abs() / temperature;
        }
        for_each_lane(sums, |sum| *sum = sum.exp_lane::<FUSED>());
        for (sum, &y) in sums.iter_mut().zip(values.iter()) {
            let (larger, smaller) =
                if y > absorbed_value { (discount, leaving) } else { (leaving, discount) };
            *sum = larger + smaller * *sum;
            found |= if is_safe(*sum, F::one()) { 0 } else { IRREGULAR };
        }
        for_each_lane(sums, |sum| *sum = sum.ln_lane::<FUSED>());
        for (((value, &log), &reward), &weight) in values.iter_mut().zip(sums.iter()).zip(rewards).zip(prior)
        {
            let expectation = *value;
            let is_taken = (weight > zero) & (reward != dead);
            let max = if expectation > absorbed_value { expectation } else { absorbed_value };
            let sum = reward + (max + temperature * log);
            let is_held = !is_taken | (sum.abs() <= most_value());
            found |= if is_valid(reward, weight) & is_held { 0 } else { IRREGULAR };
            found |= if is_taken & (expectation == dead) { DEAD } else { 0 };
            *value = if is_taken { sum } else { dead };
        }
    }
    found
}

/// Whether a reward and a prior weight are valid, and the weight is not too large for
/// `soft_maxima`. Comparisons are false for NaN.
#[inline(always)]
fn is_valid<F: Real>(reward: F, weight: F) -> bool {
    (reward < F::infinity()) & (weight >= F::zero()) & (weight <= most_weight())
}

#[cfg(test)]
mod tests {
    use approx::relative_eq;

    use super::*;
    use crate::DeterministicDynamics;

    #[test]
    fn many_action_values_at_once_are_what_they_are_one_by_one() {
        let dynamics = DeterministicDynamics::<f64>::from_fn(1, 1, |_, _| 0).unwrap();
        let rewards = [0.0, -1.0, f64::NEG_INFINITY, 3.0, -1e5, 700.0];
        let weights = [1.0, 0.0, 0.5, 1e10];
        let expectations = [0.0, -0.5, 2.0, -740.0, 740.0, f64::NEG_INFINITY, 1e-300, -1e300];
        let all = || (0..1000).map(|i| (rewards[i % 6], weights[i % 4], expectations[(5 * i + i / 24) % 8]));
        let (direct, variational) = (Inference::Direct, Inference::Variational);
        let absorbed = [(direct, 0.0), (direct, -2.5), (direct, 3.0), (direct, f64::NEG_INFINITY)];
        for (inference, absorbed_value) in absorbed.into_iter().chain([(variational, 0.0)]) {
            for (discount, temperature) in [(1.0, 1.0), (0.9, 1.0), (0.5, 1e-3), (1e-12, 300.0), (0.9, 0.0)] {
                let rule = BellmanRule::new(inference, discount, temperature, &[0.0]);
                let rule = rule.with_absorbed_value(absorbed_value);
                if !rule.is_plain() {
                    assert!(inference == Inference::Direct && temperature == 0.0);
                    continue;
                }
                let (rewards, prior): (Vec<_>, Vec<_>) = all().map(|(r, weight, _)| (r, weight)).unzip();
                let mut found: Vec<f64> = all().map(|(_, _, y)| y).collect();
                assert!(rule.action_values(&rewards, &prior, &mut found));
                for ((r, weight, y), found) in all().zip(found) {
                    let expected = rule.action_value((r, weight), y, &dynamics, (0, 0)).unwrap();
                    let scale = r.abs().max(y.max(0.0)).max(temperature);
                    let close = relative_eq!(found, expected, epsilon = 1e-15 * scale, max_relative = 0.0);
                    assert!(close, "{r} {weight} {y}: {found} and {expected}");
                }
            }
        }
    }

    #[test]
    fn what_plain_numbers_do_not_hold_is_not_decided_at_once() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (discount, reward, weight, y) in [
            (0.9, inf, 1.0, 0.0),
            (0.9, nan, 1.0, 0.0),
            (0.9, 0.0, -1.0, 0.0),
            (0.9, 0.0, nan, 0.0),
            (0.9, 1e308, 1.0, 1e308),
            (1.0, 1e308, 1.0, 1e308),
            (1e-300, 0.0, 1.0, 1e5), // γ exp(y/τ) is no longer held beside its logarithm
        ] {
            let rule = BellmanRule::new(Inference::Direct, discount, 1.0, &[0.0]);
            assert!(rule.is_plain() && !rule.action_values(&[reward], &[weight], &mut [y]));
        }
    }
}
