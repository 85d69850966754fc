//! Values and policies where ends are very improbable: policy iteration in differences.
//!
//! # Derivation
//!
//! If a policy ends once in 10¹⁵ steps, values have the size 10¹⁵. One backup in floating point
//! then has an error of the size of a reward. Then neither the best action nor a bound can be read
//! from values. Both follow from differences of values. Where rows sum to 1,
//!
//! ```text
//! (B V − V)(s) = τ log Σ_a ρ(a|s) exp(A(s,a)/τ),   A(s,a) = r(s,a) + Σ_s' P(s'|s,a) (V(s') − V(s))
//! ```
//!
//! Here staying in a state does not count. So the probability of staying may have fewer digits than
//! the probability of leaving. V^π comes from [elimination](crate::markov_chain), as
//! differences from a reference state of each class.
//!
//! # The bound
//!
//! Let c(s) > 0 be more than |B V − V| and its rounding error, and let (I − P_π) g = c. Suppose
//! that B(V + 2g) < V + 2g and B(V − 2g) > V − 2g in every state. The code checks this in
//! differences, with their rounding errors. Then |V* − V| ≤ 2g, since B is monotone. The policy is
//! the one that was evaluated, since a table of values cannot hold the differences that decide.
//!
//! [Components](super::quotient) that earn nothing count as ends of value 0 if the policy stays in
//! them. There the bound also needs that no action gains: Q(V + 2g) ≤ 0.
//!
//! V* is that of rows whose sum is 1: the stored probabilities of leaving a state count, and
//! the probability of staying is what is left of 1.

use crate::backward::StageTables;
use crate::kernels::{LogMemo, SoftRow, soft_maximum};
use crate::markov_chain::{Relative, Transient};
use crate::mdp::CheckedStage;
use crate::stationary::answer::Answer;
use crate::stationary::halt::Halt;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Dynamics, Error, Inference, Model, Real, Table};

/// The largest number of policies that are tried.
const MOST_POLICIES: usize = 30;

/// g counts this many times in the bounds.
const SAFETY: f64 = 2.0;

/// c is at least this many rounding errors of g.
const WIDENING: f64 = 16.0;

/// The number of times that c grows by the rounding error of g.
const WIDENINGS: usize = 2;

/// Offers values with a bound, and their policy, by policy iteration from the policy of V.
///
/// Starts from the action prior if the policy of V does not end. Does nothing if that does not end
/// either, if rows do not sum to 1 to within rounding, if the policy leaves a component that earns
/// nothing, or if the elimination of a policy takes more than `most_operations`.
///
/// Returns the smallest bound that backups can prove, if the best policy is found; otherwise 0.
pub(crate) fn improve<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
    answer: &mut Answer<F>,
    most_operations: usize,
) -> Result<f64, Halt> {
    let operator = &mut iterate.operator;
    let model = operator.model();
    if operator.inference() != Inference::Variational || model.discount() != F::one() {
        return Ok(0.0);
    }
    let mut policy = vec![F::zero(); iterate.values.len() * model.num_actions()];
    let mut logs = policy.clone();
    let rows = (&mut policy[..], &mut logs[..]);
    operator.ask()?;
    let outputs = StageTables { policy: Some(rows), ..StageTables::values(&mut iterate.backed_up) };
    operator.apply(&iterate.values, outputs)?;
    operator.take_best_exits();
    let (mut takes_part, mut values) = (iterate.takes_part(), iterate.values.clone());
    let operator = &mut iterate.operator;
    let Some(staying) = staying(operator) else { return Ok(0.0) };
    for &state in &staying {
        (takes_part[state], values[state]) = (false, F::zero());
    }
    let stage = CheckedStage::new(model, 0, Inference::Variational)?;
    let problem = Problem { model, stage: &stage, takes_part: &takes_part, values: &values, staying };
    let (mut least, mut is_first) = (f64::INFINITY, true);
    for _ in 0..MOST_POLICIES {
        operator.ask()?;
        // Advantages are computed three times, and the chain is read once.
        operator.count_passes(4);
        let system = Transient {
            dynamics: stage.dynamics,
            policy: &policy,
            takes_part: &takes_part,
            discount: F::one(),
            table: Table::StateValues,
        };
        let allowed = most_operations.min(operator.passes_left().saturating_mul(operator.work()));
        let mut left = allowed;
        let factors = system.factors(&mut left)?;
        operator.count(allowed - left);
        let Some(factors) = factors else {
            if std::mem::replace(&mut is_first, false) {
                problem.spread((&mut policy, &mut logs))?;
                continue;
            }
            break;
        };
        let values = factors.solve(&problem.earned(&policy, &logs)?);
        let evaluated = (policy.clone(), logs.clone());
        let Improved { mut rises, gains, is_changed } = problem.improve(&values, (&mut policy, &mut logs))?;
        let mut g = factors.solve(&rises);
        for _ in 0..WIDENINGS {
            problem.widen(&values, &g, &evaluated.0, &mut rises)?;
            g = factors.solve(&rises);
        }
        let bound = problem.bound(&values, &g)?;
        answer.offer_policy(&problem.rounded(&values), evaluated, bound);
        let falls = bound < least / 2.0;
        least = least.min(bound);
        if !is_changed || !(gains || falls) {
            let longest = factors.solve(&problem.ones()).largest();
            let largest = problem.states().fold(0.0, |most: f64, state| most.max(values.at(state).abs()));
            let one_backup = operator.rounding().of((largest, largest));
            let is_seen = longest * F::epsilon().into_f64() < 1.0;
            return Ok(if is_seen { one_backup * longest } else { f64::INFINITY });
        }
    }
    Ok(0.0)
}

/// The states of the components that earn nothing, if the policy stays in all of them.
fn staying<F: Real, M: Model<Scalar = F> + ?Sized>(operator: &Operator<'_, F, M>) -> Option<Vec<usize>> {
    let Some(quotient) = operator.quotient() else { return Some(Vec::new()) };
    let stays = (0..quotient.num_components()).all(|component| quotient.exit(component).is_none());
    stays.then(|| quotient.components().iter().flatten().copied().collect())
}

/// A problem whose values are judged by their differences.
struct Problem<'p, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m M,
    stage: &'p CheckedStage<'m, F, M::Dynamics>,
    takes_part: &'p [bool],
    values: &'p [F],     // V: −∞ where success is impossible
    staying: Vec<usize>, // states that earn nothing forever
}

/// What a step of policy iteration found.
struct Improved {
    rises: Vec<f64>, // [s]: more than |B V − V|, 0 in states that do not take part
    gains: bool,     // more than rounding, in some state
    is_changed: bool,
}

/// Advantages of the actions of a state, with their rounding errors.
#[derive(Default)]
struct Advantages {
    prior: Vec<f64>,
    found: Vec<f64>,
    errors: Vec<f64>,
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Problem<'_, '_, F, M> {
    fn states(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.takes_part.len()).filter(|&state| self.takes_part[state])
    }

    /// 1 for each step.
    fn ones(&self) -> Vec<f64> {
        self.takes_part.iter().map(|&takes_part| f64::from(u8::from(takes_part))).collect()
    }

    /// r_π, and terminal values in terminal states.
    fn earned(&self, policy: &[F], logs: &[F]) -> Result<Vec<f64>, Error> {
        let (width, temperature) = (self.model.num_actions(), self.model.temperature().into_f64());
        let mut log_prior = LogMemo::new();
        let mut earned = vec![0.0; self.takes_part.len()];
        for (state, earned) in earned.iter_mut().enumerate() {
            if self.model.is_terminal(state) && self.values[state].is_finite() {
                *earned = self.values[state].into_f64();
            }
            if !self.takes_part[state] {
                continue;
            }
            let (rewards, prior) = self.stage.row(state)?;
            for action in 0..width {
                let chance = policy[state * width + action].into_f64();
                if chance > 0.0 {
                    let log = logs[state * width + action] - log_prior.log(prior[action]);
                    *earned += chance * (rewards[action].into_f64() - temperature * log.into_f64());
                }
            }
        }
        Ok(earned)
    }

    /// Writes the action prior, without actions that cannot succeed.
    fn spread(&self, (policy, logs): (&mut [F], &mut [F])) -> Result<(), Error> {
        let (width, zero) = (self.model.num_actions(), Relative::zero(self.takes_part.len()));
        let mut advantages = Advantages::default();
        for state in self.states() {
            self.advantages(state, &zero, None, &mut advantages)?;
            let possible = advantages.found.iter_mut().filter(|found| **found > f64::NEG_INFINITY);
            possible.for_each(|found| *found = 0.0);
            let place = state * width..(state + 1) * width;
            advantages.write_policy(1.0, (&mut policy[place.clone()], &mut logs[place]));
        }
        Ok(())
    }

    /// Writes the policy of V, and measures B V − V.
    fn improve(&self, values: &Relative, (policy, logs): (&mut [F], &mut [F])) -> Result<Improved, Error> {
        let (width, temperature) = (self.model.num_actions(), self.model.temperature().into_f64());
        let mut improved =
            Improved { rises: vec![0.0; self.takes_part.len()], gains: false, is_changed: false };
        let mut advantages = Advantages::default();
        for state in self.states() {
            self.advantages(state, values, None, &mut advantages)?;
            let [lo, hi] = advantages.soft_maximum(temperature);
            improved.rises[state] = hi.max(-lo) + f64::MIN_POSITIVE;
            let (policy, logs) = (&mut policy[state * width..][..width], &mut logs[state * width..][..width]);
            let gains = lo > advantages.most_of_policy(temperature, (policy, logs));
            improved.gains |= gains;
            // At temperature 0, only a certain gain changes an action, so that rounding does not.
            if temperature == 0.0 && !gains {
                continue;
            }
            improved.is_changed |= advantages.write_policy(temperature, (policy, logs));
        }
        Ok(improved)
    }

    /// Widens c where the rounding error of g is not much smaller.
    fn widen(&self, values: &Relative, g: &Relative, policy: &[F], rises: &mut [f64]) -> Result<(), Error> {
        let mut advantages = Advantages::default();
        for state in self.states() {
            self.advantages(state, values, Some((g, SAFETY)), &mut advantages)?;
            let taken = policy[state * self.model.num_actions()..].iter().zip(&advantages.errors);
            let error = taken.filter(|(p, _)| **p > F::zero()).fold(0.0, |most: f64, (_, &e)| most.max(e));
            rises[state] = rises[state].max(WIDENING * error);
        }
        Ok(())
    }

    /// A bound on |V* − V| once it is rounded; +∞ if V ± 2g are no bounds.
    fn bound(&self, values: &Relative, g: &Relative) -> Result<f64, Error> {
        let temperature = self.model.temperature().into_f64();
        let mut advantages = Advantages::default();
        let (mut longest, mut largest, mut most_terms) = (0.0_f64, 0.0_f64, 0_usize);
        for state in self.states() {
            most_terms =
                most_terms.max(self.advantages(state, values, Some((g, SAFETY)), &mut advantages)?);
            let [_, above] = advantages.soft_maximum(temperature);
            self.advantages(state, values, Some((g, -SAFETY)), &mut advantages)?;
            let [below, _] = advantages.soft_maximum(temperature);
            if !(above < 0.0 && below > 0.0) {
                return Ok(f64::INFINITY);
            }
            (longest, largest) = (longest.max(g.at(state)), largest.max(values.at(state).abs()));
        }
        for &state in &self.staying {
            self.advantages(state, values, Some((g, SAFETY)), &mut advantages)?;
            if !advantages.shifted(1.0).iter().all(|&above| above <= 0.0) {
                return Ok(f64::INFINITY);
            }
        }
        // Backups that take rows as they are differ by what rows lack of 1.
        let rounding = (3.0 * most_terms as f64 + 16.0) * F::epsilon().into_f64();
        let bound = SAFETY * longest * (1.0 + 8.0 * f64::EPSILON) + rounding * largest;
        Ok(if bound.is_nan() { f64::INFINITY } else { bound })
    }

    /// V as a table.
    fn rounded(&self, values: &Relative) -> Vec<F> {
        let states = self.values.iter().enumerate();
        let value = |(state, &v)| if self.takes_part[state] { F::from_f64(values.at(state)) } else { v };
        states.map(value).collect()
    }

    /// A(s,a) of V, or of V plus a multiple of g; −∞ for actions that cannot succeed. Returns the
    /// largest number of terms.
    fn advantages(
        &self,
        state: usize,
        values: &Relative,
        shift: Option<(&Relative, f64)>,
        advantages: &mut Advantages,
    ) -> Result<usize, Error> {
        let (rewards, prior) = self.stage.row(state)?;
        let Advantages { prior: weights, found, errors } = advantages;
        weights.clear();
        weights.extend(prior.iter().map(|weight| weight.into_f64()));
        found.clear();
        errors.clear();
        let mut most_terms = 0;
        for (action, &weight) in weights.iter().enumerate() {
            let reward = if weight > 0.0 { rewards[action].into_f64() } else { f64::NEG_INFINITY };
            let (mut sum, mut size, mut terms) = (reward, reward.abs(), 0);
            if reward > f64::NEG_INFINITY {
                self.stage.dynamics.for_each_successor(state, action, &mut |next, p| {
                    if !(p > F::zero()) {
                        return;
                    }
                    terms += 1;
                    if next == state {
                        return;
                    }
                    let is_lost = !self.takes_part[next] && !(self.values[next] > F::neg_infinity());
                    let [mut change, mut part] = values.change(state, next);
                    if let Some((g, times)) = shift {
                        let [change_of_g, part_of_g] = g.change(state, next);
                        change += times * change_of_g;
                        part += SAFETY * part_of_g;
                    }
                    sum += if is_lost { f64::NEG_INFINITY } else { p.into_f64() * change };
                    size += p.into_f64() * part;
                });
            }
            most_terms = most_terms.max(terms);
            found.push(sum);
            errors.push(if sum.is_finite() { (terms as f64 + 8.0) * f64::EPSILON / 2.0 * size } else { 0.0 });
        }
        Ok(most_terms)
    }
}

impl Advantages {
    /// Writes the policy of a state. Returns whether it was another one.
    fn write_policy<F: Real>(&self, temperature: f64, (policy, logs): (&mut [F], &mut [F])) -> bool {
        let (mut chances, mut log_chances) = (vec![0.0; policy.len()], vec![0.0; policy.len()]);
        let row = SoftRow { probabilities: &mut chances, logs: &mut log_chances };
        // At temperature 0, an action of a certain gain is taken, and not one that rounding raises.
        let sign = if temperature == 0.0 { -1.0 } else { 0.0 };
        soft_maximum(&self.prior, &self.shifted(sign), temperature, &mut LogMemo::new(), Some(row));
        let is_changed = policy.iter().zip(&chances).any(|(&old, &new)| old != F::from_f64(new));
        policy.iter_mut().zip(&chances).for_each(|(p, &chance)| *p = F::from_f64(chance));
        logs.iter_mut().zip(&log_chances).for_each(|(p, &log)| *p = F::from_f64(log));
        is_changed
    }

    /// The most that a policy may gain in its state: of the worst action that it takes, or of its
    /// soft mean.
    fn most_of_policy<F: Real>(&self, temperature: f64, (policy, logs): (&[F], &[F])) -> f64 {
        let above = self.shifted(1.0);
        let taken = (0..policy.len()).filter(|&action| policy[action] > F::zero());
        if temperature == 0.0 {
            return taken.fold(f64::INFINITY, |least, action| least.min(above[action]));
        }
        taken.fold(0.0, |sum, action| {
            let cost = temperature * (logs[action].into_f64() - self.prior[action].ln());
            sum + policy[action].into_f64() * (above[action] - cost)
        })
    }

    /// Advantages plus a multiple of their errors.
    fn shifted(&self, sign: f64) -> Vec<f64> {
        self.found.iter().zip(&self.errors).map(|(&found, &error)| found + sign * error).collect()
    }

    /// Bounds on the soft maximum.
    fn soft_maximum(&self, temperature: f64) -> [f64; 2] {
        let weights = self.prior.iter().filter(|&&weight| weight > 0.0);
        let log = weights.fold(0.0_f64, |log, weight| log.max(weight.ln().abs()));
        let relative = (self.prior.len() as f64 + 32.0 + 8.0 * log) * f64::EPSILON;
        [-1.0, 1.0].map(|sign| {
            let value =
                soft_maximum(&self.prior, &self.shifted(sign), temperature, &mut LogMemo::new(), None);
            value + sign * (temperature * relative + value.abs() * 4.0 * f64::EPSILON)
        })
    }
}
