//! The search for the long-run growth rate.
//!
//! # Form computed
//!
//! The states of a strongly connected class share a rate. The search finds the rate of each class
//! by itself; the largest one is the rate of M. It then adds the states that lead to that class.
//! From all other states growth is slower, and V = −∞.
//!
//! The basic step is V ← V + (B V − V)/2, less a constant. It is half a step, so that periodic
//! classes converge too. Where it is predicted to take longer, the search takes a step of Newton's
//! method, (I − κJ) x = B V − V − c, V ← V + x, with the derivative J of B. Rows of J sum to 1. A κ
//! just below 1 keeps the system regular, also for states that are almost disconnected. B is
//! convex, so a Newton step raises min (B V − V), up to the effect of κ and of an inexact solve. A
//! step that neither raises it nor narrows the bounds is undone.

use ndarray::{Array1, Array2};

use crate::backward::StageTables;
use crate::dynamics::successors::for_each_log_successor;
use crate::markov_chain::Graph;
use crate::mdp::CheckedStage;
use crate::stationary::derivative::{derivative, solve};
use crate::stationary::halt::Halt;
use crate::stationary::interval::round_up;
use crate::stationary::iterate::Iterate;
use crate::{Dynamics, Error, Model, Real, Status, Table, arrays, log_sum_exp};

/// Half steps before the first decision between half steps and Newton's method.
const NUM_SWEEPS: usize = 8;

/// The cost of a Newton step, in half steps.
const NEWTON_PRICE: f64 = 64.0;

/// The target residual of a Newton step, relative to the span of B V − V.
const NEWTON_SHARE: f64 = 1e-3;

/// Half steps without a narrower interval after which the search ends.
const MOST_IDLE_STEPS: usize = 1000;

/// The search ends once the span of B V − V is at most this share of its rounding error.
const ENOUGH_OF_ROUNDING: f64 = 1.0 / 8.0;

/// Bounds on the rate of a set of states.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    lower: f64,
    upper: f64,
}

/// The range of B V − V over a set of states, with its rounding error.
#[derive(Debug, Clone, Copy)]
struct Spread {
    lo: f64,
    hi: f64,
    rounding: f64,
}

impl Spread {
    fn span(&self) -> f64 {
        self.hi - self.lo
    }
}

/// The result of a search.
pub(super) struct Found<F> {
    pub(super) rate: F,
    pub(super) lower: F,
    pub(super) upper: F,
    pub(super) error_bound: F,
    pub(super) relative_values: Array1<F>,
    pub(super) policy: Array2<F>,
    pub(super) log_policy: Array2<F>,
    pub(super) iterations: usize,
}

/// A search for the rate.
pub(super) struct Growth<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    iterate: Iterate<'m, F, M>,
    tolerance: f64,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Growth<'m, F, M> {
    pub(super) fn new(iterate: Iterate<'m, F, M>, tolerance: f64) -> Self {
        Self { iterate, tolerance }
    }

    /// Finds the fastest class, then the values of the states that lead to it.
    pub(super) fn find<D>(mut self, stage: &CheckedStage<'_, F, D>, graph: &Graph) -> Result<Found<F>, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let temperature = self.iterate.operator.model().temperature();
        let num_states = self.iterate.values.len();
        let mut fastest: Option<(Bounds, Vec<usize>, Option<Vec<F>>)> = None; // with values other than 0
        let mut rival: Option<(Bounds, usize)> = None;
        let mut classes = graph.classes();
        classes.retain(|class| class.len() > 1 || graph.successors(class[0]).any(|next| next == class[0]));
        // Classes of one state cost nothing, and may allow others to stop early.
        classes.sort_by_key(|class| (class.len() > 1, class[0]));
        for class in classes {
            let enough = fastest.as_ref().map_or(f64::NEG_INFINITY, |(bounds, ..)| bounds.lower);
            let (bounds, values) = if let [state] = class[..] {
                (rate_of_loop(stage, temperature, state), None)
            } else {
                let mut is_in = vec![false; num_states];
                class.iter().for_each(|&state| is_in[state] = true);
                self.start(&is_in);
                (self.climb(&is_in, enough)?, Some(self.iterate.values.clone()))
            };
            match &mut fastest {
                Some((best, ..)) if bounds.upper < best.lower => {}
                Some((best, ..)) if best.upper >= bounds.lower => {
                    rival = Some((bounds, class[0]));
                    best.lower = best.lower.max(bounds.lower);
                    best.upper = best.upper.max(bounds.upper);
                }
                _ => {
                    rival = rival.filter(|(rival, _)| rival.upper >= bounds.lower);
                    fastest = Some((bounds, class, values));
                }
            }
        }
        let Some((bounds, class, values)) = fastest else { return Err(Error::NoEndlessTrajectory) };
        if let Some((rival, second)) = rival.filter(|(rival, _)| rival.upper >= bounds.lower) {
            let rate = f64::midpoint(bounds.lower.max(rival.lower), bounds.upper.max(rival.upper));
            return Err(Error::TiedGrowth {
                first: class[0].min(second),
                second: class[0].max(second),
                rate,
            });
        }
        let leads = graph.leading_to(|state| class.binary_search(&state).is_ok());
        self.start(&leads);
        let found = self.iterate.values.iter_mut().zip(values.iter().flatten());
        found.filter(|(_, value)| value.is_finite()).for_each(|(v, &value)| *v = value);
        let more = self.climb(&leads, f64::NEG_INFINITY)?;
        let bounds = Bounds { lower: bounds.lower.max(more.lower), upper: bounds.upper.min(more.upper) };
        self.finish(&leads, bounds)
    }

    /// Sets V to 0 on a set of states and to −∞ elsewhere.
    fn start(&mut self, is_in: &[bool]) {
        for (v, &is_in) in self.iterate.values.iter_mut().zip(is_in) {
            *v = if is_in { F::zero() } else { F::neg_infinity() };
        }
    }

    /// Searches until the rate of a set is known to the tolerance, or known to be below `enough`.
    fn climb(&mut self, is_in: &[bool], enough: f64) -> Result<Bounds, Error> {
        let mut bounds = Bounds { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        self.try_climb(is_in, enough, &mut bounds).map_err(|halt| self.not_converged(halt, bounds))?;
        Ok(bounds)
    }

    /// The error of a search that ended before the tolerance was met.
    fn not_converged(&self, halt: Halt, bounds: Bounds) -> Error {
        match halt {
            Halt::Failed(error) => error,
            Halt::Ended(status) => Error::NotConverged {
                status,
                iterations: self.iterate.operator.passes(),
                error_bound: (bounds.upper - bounds.lower) / 2.0,
            },
        }
    }

    fn try_climb(&mut self, is_in: &[bool], enough: f64, bounds: &mut Bounds) -> Result<(), Halt> {
        let mut num_sweeps = NUM_SWEEPS;
        let (mut narrowest, mut since) = (f64::INFINITY, 0);
        let mut spread = self.measure(is_in, bounds, None)?;
        loop {
            let before = spread;
            for _ in 0..num_sweeps {
                if spread.span() / 2.0 + spread.rounding <= self.tolerance || bounds.upper < enough {
                    return Ok(());
                }
                since += 1;
                if spread.span() < 0.99 * narrowest {
                    (narrowest, since) = (spread.span(), 0);
                }
                if spread.span() <= ENOUGH_OF_ROUNDING * spread.rounding || since > MOST_IDLE_STEPS {
                    return Err(Halt::Ended(Status::RoundingFloor));
                }
                self.half_step(is_in);
                spread = self.measure(is_in, bounds, None)?;
            }
            let logs = ((spread.span() / before.span()).ln(), (self.tolerance / spread.span()).ln());
            let left = logs.1 / (logs.0 / num_sweeps as f64);
            if logs.0 < 0.0 && left < NEWTON_PRICE {
                continue;
            }
            loop {
                let (is_taken, next) = self.newton(is_in, bounds, spread)?;
                let has_gained = is_taken && next.span() <= spread.span() / 2.0;
                spread = next;
                if !is_taken {
                    num_sweeps = num_sweeps.saturating_mul(2);
                }
                if !has_gained || spread.span() / 2.0 + spread.rounding <= self.tolerance {
                    break;
                }
            }
        }
    }

    /// Backs V up and improves the bounds on the rate.
    fn measure(
        &mut self,
        is_in: &[bool],
        bounds: &mut Bounds,
        policy: Option<(&mut [F], &mut [F])>,
    ) -> Result<Spread, Halt> {
        let Iterate { operator, values, backed_up } = &mut self.iterate;
        operator.ask()?;
        operator.apply(values, StageTables { policy, ..StageTables::values(backed_up) })?;
        let (mut lo, mut hi, mut largest) = (F::infinity(), F::neg_infinity(), (F::zero(), F::zero()));
        for ((&v, &b), _) in values.iter().zip(&*backed_up).zip(is_in).filter(|(_, is_in)| **is_in) {
            (lo, hi) = (lo.min(b - v), hi.max(b - v));
            largest = (largest.0.max(v.abs()), largest.1.max(b.abs()));
        }
        let rounding = operator.rounding().of((largest.0.into_f64(), largest.1.into_f64()));
        let spread = Spread { lo: lo.into_f64(), hi: hi.into_f64(), rounding };
        bounds.lower = bounds.lower.max(spread.lo - rounding);
        bounds.upper = bounds.upper.min(spread.hi + rounding);
        Ok(spread)
    }

    /// V ← V + (B V − V)/2, less the largest value.
    fn half_step(&mut self, is_in: &[bool]) {
        let Iterate { values, backed_up, .. } = &mut self.iterate;
        for ((v, &b), _) in values.iter_mut().zip(&*backed_up).zip(is_in).filter(|(_, is_in)| **is_in) {
            *v += (b - *v) * F::from_f64(0.5);
        }
        lower_to_zero(values);
    }

    /// Tries a Newton step from V, whose B V − V has the range `spread`.
    ///
    /// Returns whether V has changed, and the range for the V that results.
    fn newton(
        &mut self,
        is_in: &[bool],
        bounds: &mut Bounds,
        spread: Spread,
    ) -> Result<(bool, Spread), Halt> {
        let shape = (is_in.len(), self.iterate.operator.model().num_actions());
        let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
        let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
        let outputs = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
        self.measure(is_in, bounds, Some(outputs))?;
        let Iterate { operator, values, backed_up } = &mut self.iterate;
        let kappa = F::one() - F::epsilon().sqrt();
        let chain = derivative(operator, values, arrays::slice(&policy), is_in)?.scaled(kappa);
        let middle = F::from_f64(spread.lo / 2.0 + spread.hi / 2.0);
        let states = values.iter().zip(&*backed_up).zip(is_in);
        let b: Vec<F> =
            states.map(|((&v, &b), &is_in)| if is_in { b - v - middle } else { F::zero() }).collect();
        let mut x = vec![F::zero(); b.len()];
        let tolerance = F::from_f64(NEWTON_SHARE * spread.span());
        let outcome = solve(operator, &chain, &b, &mut x, tolerance)?;
        let is_solved = outcome.residual.into_f64() <= spread.span() / 8.0;
        if !is_solved || x.iter().any(|x| !x.is_finite()) {
            return Ok((false, spread));
        }
        let kept = values.clone();
        values.iter_mut().zip(&x).for_each(|(v, &x)| *v += x);
        lower_to_zero(values);
        let next = self.measure(is_in, bounds, None)?;
        if next.span() < spread.span() || next.lo > spread.lo + 0.01 * spread.span() {
            return Ok((true, next));
        }
        self.iterate.values = kept;
        Ok((false, self.measure(is_in, bounds, None)?))
    }

    /// Makes the result from V and its policy.
    fn finish(mut self, is_in: &[bool], mut bounds: Bounds) -> Result<Found<F>, Error> {
        let shape = (is_in.len(), self.iterate.operator.model().num_actions());
        let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
        let mut log_policy = arrays::filled(Table::Policy, shape, F::zero())?;
        let outputs = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut log_policy));
        self.measure(is_in, &mut bounds, Some(outputs)).map_err(|halt| self.not_converged(halt, bounds))?;
        let rate = F::from_f64(bounds.lower / 2.0 + bounds.upper / 2.0);
        let (lower, upper) = (-round_up::<F>(-bounds.lower), round_up::<F>(bounds.upper));
        let error_bound = round_up((bounds.upper - rate.into_f64()).max(rate.into_f64() - bounds.lower));
        let iterations = self.iterate.operator.passes();
        let relative_values = Array1::from_vec(self.iterate.values);
        Ok(Found { rate, lower, upper, error_bound, relative_values, policy, log_policy, iterations })
    }
}

/// The rate of a class of one state: τ log Σ_a ρ exp(r/τ) P(s|s,a).
fn rate_of_loop<F, D>(stage: &CheckedStage<'_, F, D>, temperature: F, state: usize) -> Bounds
where
    F: Real,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let (rewards, prior) = stage.rows(state..state + 1);
    let temperature_wide = temperature.into_f64();
    let (mut terms, mut largest) = (Vec::new(), 0.0_f64);
    for action in (0..prior.len()).filter(|&a| prior[a] > F::zero() && rewards[a] > F::neg_infinity()) {
        let (weight, reward) = (prior[action].into_f64().ln(), rewards[action].into_f64() / temperature_wide);
        for_each_log_successor(stage.dynamics, temperature, (state, action), |next_state, log| {
            if next_state == state {
                terms.push(weight + reward + log.into_f64());
                largest = largest.max(weight.abs() + reward.abs() + log.into_f64().abs());
            }
        });
    }
    let rate = temperature_wide * log_sum_exp(&terms);
    // Logarithms of probabilities are rounded in their own type.
    let units = (terms.len() as f64 + 8.0) * F::epsilon().into_f64();
    let slack = units * temperature_wide * (largest + 1.0);
    Bounds { lower: rate - slack, upper: rate + slack }
}

/// Subtracts the largest value from all values.
fn lower_to_zero<F: Real>(values: &mut [F]) {
    let largest = values.iter().fold(F::neg_infinity(), |largest, &v| largest.max(v));
    if largest.is_finite() {
        values.iter_mut().for_each(|v| *v -= largest);
    }
}
