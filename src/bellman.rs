//! The Bellman rule: from rewards and expectations over successors to action values and soft
//! maxima.
//!
//! One pair, the pairs of one state, or a block of many states in vector arithmetic.

use std::sync::OnceLock;

use crate::dynamics::{Probability, for_each_possible_successor};
use crate::kernels::block_backup::{DEAD, IRREGULAR, LEFT, add_rewards, back_up_block};
use crate::kernels::small_backup::back_up_small;
use crate::kernels::small_messages::carry_small;
use crate::kernels::tables::{
    BlockRule, CarriedMessages, Continuation, MessageRule, Pairs, SmallOutputs, SmallRule, SmallTables,
};
use crate::kernels::{LogMemo, SoftRow, SoftRows, gap, is_safe, log_add_exp, soft_maximum};
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

    /// The values that are backed up, V_{t+1}.
    pub(crate) fn next_values(&self) -> &'a [F] {
        self.next_values
    }

    /// V(†) of the next stage, or −∞ if the trajectory cannot leave for it.
    pub(crate) fn leaving_value(&self) -> F {
        if self.leaves() { self.absorbed_value } else { F::neg_infinity() }
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

    /// What comes after the reward, for vector arithmetic. Precondition: the rule is plain.
    fn plain_continuation(&self) -> Continuation<F> {
        let Self { discount, temperature, absorbed_value, .. } = *self;
        if self.leaves() {
            Continuation::Leaving { discount, temperature, absorbed_value }
        } else if self.is_direct_with_discount() {
            Continuation::Linear { factor: F::one(), constant: temperature * discount.ln() }
        } else {
            Continuation::Linear { factor: discount, constant: F::zero() }
        }
    }

    /// Turns the expectations of many pairs into action values, as
    /// [`action_value`](Self::action_value) does for one.
    ///
    /// Returns whether all rewards and weights were valid and nothing left the number type; if not,
    /// the results are meaningless. Precondition: the rule is plain.
    pub(crate) fn action_values(&self, pairs: Pairs<'_, F>, expectations: &mut [F]) -> bool {
        self.is_regular(add_rewards(self.plain_continuation(), pairs, expectations))
    }

    /// [`action_values`](Self::action_values), and then V and, if asked, π of every state. Values
    /// that plain numbers do not hold are computed one by one.
    ///
    /// Returns whether all inputs were valid and nothing left the number type; if not, the results
    /// are meaningless. Precondition: the rule is plain.
    pub(crate) fn back_up(
        &self,
        width: usize,
        pairs: Pairs<'_, F>,
        action_values: &mut [F],
        values: &mut [F],
        mut policy: Option<SoftRows<'_, F>>,
    ) -> bool {
        let temperature = self.temperature;
        let rule = BlockRule { width, temperature, continuation: self.plain_continuation() };
        let rows = policy.as_mut().map(SoftRows::reborrow);
        let found = back_up_block(rule, pairs, (action_values, values, rows));
        if !self.is_regular(found) {
            return false;
        }
        if found & LEFT == 0 {
            return true;
        }
        let (mut log_prior, mut is_regular) = (LogMemo::new(), true);
        for (row, value) in values.iter_mut().enumerate().filter(|(_, value)| value.is_nan()) {
            let here = row * width..(row + 1) * width;
            let policy = policy.as_mut().map(|policy| policy.row(here.clone()));
            let (prior, action_values) = (&pairs.prior[here.clone()], &action_values[here]);
            *value = soft_maximum(prior, action_values, temperature, &mut log_prior, policy);
            is_regular &= value.is_finite() || action_values.iter().all(|&q| q == F::neg_infinity());
        }
        is_regular
    }

    /// A backup of a whole small model. Returns whether this was possible; if not, the results are
    /// meaningless.
    pub(crate) fn back_up_small(&self, tables: &SmallTables<'_, F>, outputs: SmallOutputs<'_, F>) -> bool {
        if !self.is_plain() {
            return false;
        }
        let rule = SmallRule {
            is_direct: self.inference == Inference::Direct,
            temperature: self.temperature,
            continuation: self.plain_continuation(),
        };
        let found = back_up_small(tables, rule, self.next_values, outputs);
        found & LEFT == 0 && self.is_regular(found)
    }

    /// A backup of a whole small model from the messages of V_{t+1}, which are replaced by those of
    /// V_t. Returns whether this was possible; if not, results and messages are meaningless.
    ///
    /// Precondition: direct inference.
    pub(crate) fn carry_small(
        &self,
        tables: &SmallTables<'_, F>,
        carried: &mut CarriedMessages<'_, F>,
        outputs: SmallOutputs<'_, F>,
    ) -> bool {
        debug_assert!(self.inference == Inference::Direct);
        let Self { temperature, discount, .. } = *self;
        let rule = MessageRule { temperature, discount, leaves: self.leaves() };
        self.is_plain() && carry_small(tables, rule, carried, outputs)
    }

    /// Whether the flags of a block say that its results hold.
    fn is_regular(&self, found: u64) -> bool {
        found & IRREGULAR == 0 && (found & DEAD == 0 || !self.near_limit())
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
                assert!(rule.action_values(Pairs { rewards: &rewards, prior: &prior }, &mut found));
                for ((r, weight, y), found) in all().zip(found) {
                    let expected = rule.action_value((r, weight), y, &dynamics, (0, 0)).unwrap();
                    let scale = r.abs().max(y.max(0.0)).max(temperature);
                    let close = relative_eq!(found, expected, epsilon = 1e-15 * scale, max_relative = 0.0);
                    assert!(close, "{r} {weight} {y}: {found} and {expected}");
                }
            }
        }
    }

    /// States with everything that may go wrong, of every width up to 10.
    #[test]
    fn many_states_at_once_are_what_they_are_one_by_one() {
        let inf = f64::INFINITY;
        let odd = [0.0, -1.0, -inf, 3.5, -740.0, 1e5, -1e300, 2.0, -inf, 4e307, -4e307, 0.25];
        let weights = [1.0, 0.0, 2.5, 1e-300, 1.0, 1e30, 0.5, 1.0, 1.0];
        for width in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 600] {
            for temperature in [1.0, 0.3, 1e-9, 1e308, 0.0] {
                // One chunk of each size, and several.
                for rows in [1, 32 / width + 1, 128 / width + 1, 1200 / width + 1] {
                    let rule = BellmanRule::new(Inference::Variational, 1.0, temperature, &[]);
                    rule.near_limit.set(false).expect("nothing has asked");
                    let prior: Vec<f64> = (0..rows * width).map(|i| weights[i * 7 % 9]).collect();
                    let value = |i: usize| if i % 5 == 4 { odd[i * 5 % 12] } else { (i * i % 17) as f64 };
                    let q: Vec<f64> =
                        (0..rows * width).map(|i| if prior[i] > 0.0 { value(i) } else { -inf }).collect();
                    let pairs = Pairs { rewards: &vec![0.0; rows * width], prior: &prior };
                    let (mut values, mut p, mut l) =
                        (vec![0.0; rows], vec![0.0; rows * width], vec![0.0; rows * width]);
                    let policy = SoftRows { probabilities: &mut p, logs: &mut l };
                    let (mut found, mut alone) = (q.clone(), vec![0.0; rows]);
                    let is_regular = rule.back_up(width, pairs, &mut found, &mut values, Some(policy));
                    assert_eq!(found, q);
                    assert_eq!(is_regular, rule.back_up(width, pairs, &mut found, &mut alone, None));
                    assert_eq!(is_regular, values.iter().all(|&value| value < inf));
                    for row in 0..rows {
                        let pairs = row * width..(row + 1) * width;
                        let (mut one_p, mut one_l) = (vec![0.0; width], vec![0.0; width]);
                        let one = SoftRow { probabilities: &mut one_p, logs: &mut one_l };
                        let (prior, q) = (&prior[pairs.clone()], &q[pairs.clone()]);
                        let expected = soft_maximum(prior, q, temperature, &mut LogMemo::new(), Some(one));
                        let close =
                            |a: f64, b: f64| relative_eq!(a, b, epsilon = 1e-14, max_relative = 1e-14);
                        assert!(close(values[row], expected), "{q:?} {prior:?}: {} {expected}", values[row]);
                        assert!(close(alone[row], expected), "{q:?} {prior:?}: {} {expected}", alone[row]);
                        for (i, pair) in pairs.enumerate() {
                            assert!(close(p[pair], one_p[i]) && close(l[pair], one_l[i]), "{q:?} {prior:?}");
                        }
                    }
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
            let pairs = Pairs { rewards: &[reward], prior: &[weight] };
            assert!(rule.is_plain() && !rule.action_values(pairs, &mut [y]));
        }
    }
}
