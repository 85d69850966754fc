//! The search for the long-run rate of a set of states: the constant g in B V = V + g.
//!
//! Growth of the evidence and average reward are both such a rate, of direct and of variational
//! inference. Each of them chooses the sets of states in its own file.
//!
//! # Form computed
//!
//! Let V be finite on the set and −∞ elsewhere. If the states of the set share one rate, it lies
//! between the minimum and the maximum of B V − V over the set. The code widens both by the
//! rounding of one backup. For variational inference, it also widens them by the distance of row
//! sums from 1. The bounds then hold for rows that are rescaled to 1.
//!
//! The basic step is V ← V + (B V − V)/2, less a constant. It is half a step, so that periodic sets
//! converge too. Where it is predicted to take longer, the search runs Newton's method on
//!
//! ```text
//! B(W + κ y) = W + y + c,      (I − κJ) x = B(W + κ y) − W − y − c,      y ← y + x
//! ```
//!
//! with the derivative J of B at W + κ y. Rows of J sum to 1. A κ just below 1 keeps the system
//! regular, also for policies with several recurrent classes. The equation is that of a discounted
//! problem, and B is convex, so the method converges from any V. At temperature 0 it is Howard's
//! policy iteration. A constant in y is the same as a change of c by 1 − κ times the constant. So
//! the code keeps the maximum of y at 0. At the solution, B V − V = c + (1−κ) y for V = W + κ y.
//! The next anchor is W = V, which leaves a much smaller y. If it does not, a change between
//! classes of the policy costs more than 1/(1−κ) stages gain, and κ moves closer to 1. The search
//! keeps the V with the narrowest range of B V − V.
//!
//! If the iterative solver fails, Newton steps eliminate states without subtractions, which keeps
//! its digits for any κ.

use ndarray::{Array1, Array2, aview0};

use super::derivative::{derivative, solve};
use super::halt::Halt;
use super::interval::round_up;
use super::iterate::Iterate;
use super::operator::Operator;
use crate::backward::StageTables;
use crate::markov_chain::Chain;
use crate::mdp::{check_options, check_tolerance};
use crate::{Convergence, Error, Inference, Model, Real, StationaryPolicy, Status, Table, arrays};

/// The limit of passes.
const MAX_PASSES: usize = 1_000_000;

/// Half steps before the first decision between half steps and Newton's method.
const NUM_SWEEPS: usize = 8;

/// The cost of a Newton step, in half steps.
const NEWTON_PRICE: f64 = 64.0;

/// The target residual of a Newton step, relative to its right-hand side.
const NEWTON_SHARE: f64 = 1e-3;

/// The most operations of an elimination: a second, approximately.
const MOST_OPERATIONS: usize = 1_000_000_000;

/// The least 1 − κ, in machine epsilons.
const LEAST_GAP: f64 = 1e3;

/// Newton steps in a row, of which policy iteration may need many.
const MOST_STEPS: usize = 64;

/// Half steps without a narrower range after which the search ends, if the range is near rounding.
const MOST_IDLE_STEPS: usize = 1000;

/// A range of at most this many rounding errors is near rounding.
const NEAR_ROUNDING: f64 = 1e4;

/// The search ends once the range of B V − V is at most this share of its rounding error.
const ENOUGH_OF_ROUNDING: f64 = 1.0 / 8.0;

/// Bounds on the rate of a set of states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Bounds {
    /// No bounds.
    const EVERYTHING: Self = Self { lower: f64::NEG_INFINITY, upper: f64::INFINITY };

    /// Half the width.
    pub(super) fn radius(&self) -> f64 {
        (self.upper - self.lower) / 2.0
    }

    /// The rate of a state that stays where it is: τ log Σ w exp(r/τ), from the pairs of log w and
    /// r of its actions.
    pub(super) fn of_loop<F: Real>(temperature: F, terms: &[(f64, f64)]) -> Self {
        let temperature = temperature.into_f64();
        let (mut top, mut largest) = (f64::NEG_INFINITY, temperature);
        for &(log_weight, reward) in terms {
            top = top.max(temperature * log_weight + reward);
            largest = largest.max((temperature * log_weight).abs() + reward.abs() + temperature);
        }
        let mut rate = top;
        if temperature > 0.0 {
            let exponents =
                terms.iter().map(|(log_weight, reward)| log_weight + (reward - top) / temperature);
            rate += temperature * exponents.map(f64::exp).sum::<f64>().ln();
        }
        // Logarithms of probabilities are rounded in the number type.
        let slack = (terms.len() as f64 + 8.0) * F::epsilon().into_f64() * largest;
        Self { lower: rate - slack, upper: rate + slack }
    }
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

    fn meets(&self, tolerance: f64) -> bool {
        self.span() / 2.0 + self.rounding <= tolerance
    }

    fn is_rounding(&self) -> bool {
        self.span() <= ENOUGH_OF_ROUNDING * self.rounding
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

/// A search for rates.
pub(super) struct Climb<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    iterate: Iterate<'m, F, M>,
    eliminates: bool, // Newton steps, because the iterative solver has failed
}

impl<F: Real> Found<F> {
    /// How the search ended.
    pub(super) fn convergence(&self) -> Convergence<F> {
        let &Self { iterations, error_bound, .. } = self;
        Convergence { status: Status::Converged, iterations, error_bound }
    }
}

/// Checks a question about an endless process, except its discount: the options of the model, the
/// tolerance, and that all stages are equal.
pub(super) fn check_question<M: Model + ?Sized>(mdp: &M, tolerance: M::Scalar) -> Result<(), Error> {
    check_options(mdp, 1)?;
    check_tolerance(tolerance)?;
    if mdp.is_homogeneous() { Ok(()) } else { Err(Error::NotHomogeneous) }
}

/// Checks that no state is terminal.
pub(super) fn check_endless<M: Model + ?Sized>(mdp: &M) -> Result<(), Error> {
    let terminal = (0..mdp.num_states()).find(|&state| mdp.is_terminal(state));
    terminal.map_or(Ok(()), |state| Err(Error::EndsInTerminalState { state }))
}

/// Checks a stored rate, that its bounds enclose it, and its relative values.
pub(super) fn check_stored<F: Real>(
    (table, rate): (Table, F),
    (lower, upper): (F, F),
    relative_values: &Array1<F>,
    policy: &StationaryPolicy<F>,
    convergence: &Convergence<F>,
) -> Result<(), Error> {
    let is_between = |rate: F| rate.is_finite() && lower <= rate && rate <= upper;
    arrays::check_entries(table, &aview0(&rate), is_between)?;
    arrays::check_entries(Table::ErrorBound, &aview0(&convergence.error_bound), |e| e >= F::zero())?;
    arrays::check_shape(Table::StateValues, relative_values.shape(), &[policy.num_states()])?;
    arrays::check_entries(Table::RelativeValues, relative_values, |value| value <= F::zero())
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Climb<'m, F, M> {
    /// A search of the rates of `inference`, from V = 0.
    pub(super) fn new(model: &'m M, inference: Inference) -> Result<Self, Error> {
        let operator = Operator::new(model, inference, MAX_PASSES)?;
        let values = arrays::filled_vec(Table::StateValues, model.num_states(), F::zero())?;
        Ok(Self { iterate: Iterate::new(operator, values)?, eliminates: false })
    }

    /// V of the last search.
    pub(super) fn values(&self) -> &[F] {
        &self.iterate.values
    }

    /// Sets V to `start` on a set of states, or to 0 where that is not finite, and to −∞ elsewhere.
    pub(super) fn start(&mut self, is_in: &[bool], start: impl Fn(usize) -> F) {
        self.eliminates = false;
        for (state, (v, &is_in)) in self.iterate.values.iter_mut().zip(is_in).enumerate() {
            let value = start(state);
            *v = match is_in {
                true if value.is_finite() => value,
                true => F::zero(),
                false => F::neg_infinity(),
            };
        }
    }

    /// Searches until the rate of a set is known to the tolerance, or known to be below `enough`.
    pub(super) fn climb(&mut self, is_in: &[bool], tolerance: f64, enough: f64) -> Result<Bounds, Error> {
        self.climb_if_possible(is_in, (tolerance, tolerance), enough)
    }

    /// Searches like [`climb`](Self::climb). If rounding prevents the first tolerance, bounds that
    /// meet the second are enough.
    pub(super) fn climb_if_possible(
        &mut self,
        is_in: &[bool],
        (tolerance, most): (f64, f64),
        enough: f64,
    ) -> Result<Bounds, Error> {
        let mut bounds = Bounds::EVERYTHING;
        match self.try_climb(is_in, (tolerance, enough), &mut bounds) {
            Err(Halt::Ended(Status::RoundingFloor)) if bounds.radius() <= most => Ok(bounds),
            Err(halt) => Err(self.not_converged(halt, bounds)),
            Ok(()) => Ok(bounds),
        }
    }

    /// The error of a search that ended before the tolerance was met.
    fn not_converged(&self, halt: Halt, bounds: Bounds) -> Error {
        match halt {
            Halt::Failed(error) => error,
            Halt::Ended(status) => Error::NotConverged {
                status,
                iterations: self.iterate.operator.passes(),
                error_bound: bounds.radius(),
            },
        }
    }

    fn try_climb(
        &mut self,
        is_in: &[bool],
        (tolerance, enough): (f64, f64),
        bounds: &mut Bounds,
    ) -> Result<(), Halt> {
        let mut num_sweeps = NUM_SWEEPS;
        let (mut narrowest, mut since) = (f64::INFINITY, 0);
        let mut spread = self.measure(is_in, bounds, None)?;
        loop {
            let before = spread;
            for _ in 0..num_sweeps {
                if spread.meets(tolerance) || bounds.upper < enough {
                    return Ok(());
                }
                since += 1;
                if spread.span() < 0.99 * narrowest {
                    (narrowest, since) = (spread.span(), 0);
                }
                let is_idle = since > MOST_IDLE_STEPS && spread.span() <= NEAR_ROUNDING * spread.rounding;
                if spread.is_rounding() || is_idle {
                    return Err(Halt::Ended(Status::RoundingFloor));
                }
                self.half_step(is_in);
                spread = self.measure(is_in, bounds, None)?;
            }
            let logs = ((spread.span() / before.span()).ln(), (tolerance / spread.span()).ln());
            let left = logs.1 / (logs.0 / num_sweeps as f64);
            if logs.0 < 0.0 && left < NEWTON_PRICE {
                continue;
            }
            let next = self.newton(is_in, tolerance, bounds, spread)?;
            if next.span() > spread.span() / 2.0 {
                num_sweeps = num_sweeps.saturating_mul(2);
            }
            spread = next;
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
        let largest = (largest.0.into_f64(), largest.1.into_f64());
        let rounding = operator.rounding().of(largest) + operator.row_error() * largest.0;
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

    /// Takes Newton steps from V, whose B V − V has the range `spread`, until the tolerance is met
    /// or the method stops improving.
    ///
    /// Leaves the V with the narrowest range that was found, and returns that range.
    fn newton(
        &mut self,
        is_in: &[bool],
        tolerance: f64,
        bounds: &mut Bounds,
        spread: Spread,
    ) -> Result<Spread, Halt> {
        let shape = (is_in.len(), self.iterate.operator.model().num_actions());
        let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
        let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
        let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
        let mut gap = F::epsilon().sqrt(); // 1 − κ
        let mut last = f64::INFINITY; // range at the last anchor
        let mut best = (self.iterate.values.clone(), spread);
        let mut anchor = self.iterate.values.clone(); // W
        let mut offset = vec![F::zero(); is_in.len()]; // y
        let mut level = F::zero(); // c
        for step in 0..MOST_STEPS {
            let now = self.measure(is_in, bounds, Some((&mut *policy, &mut *logs)))?;
            if now.span() < best.1.span() {
                best = (self.iterate.values.clone(), now);
            }
            if now.meets(tolerance) || now.is_rounding() {
                break;
            }
            let Iterate { operator, values, backed_up } = &mut self.iterate;
            let mut b = vec![F::zero(); is_in.len()];
            residual(&mut b, backed_up, is_in, |state| anchor[state] + offset[state] + level);
            let (mut size, mut middle) = range(&b, is_in);
            if step == 0 || size <= now.span() / 2.0 {
                // y is found: start again from here. If that no longer helps, the policy may have
                // classes that are worth a change only in the longer run of a smaller gap.
                if now.span() > last / 2.0 && gap > F::epsilon() * F::from_f64(LEAST_GAP) {
                    gap = (gap * F::from_f64(0.01)).max(F::epsilon() * F::from_f64(LEAST_GAP));
                    self.eliminates = true;
                }
                last = now.span();
                anchor.copy_from_slice(values);
                offset.fill(F::zero());
                level = F::zero();
                residual(&mut b, backed_up, is_in, |state| anchor[state]);
                (size, middle) = range(&b, is_in);
            }
            level += middle;
            b.iter_mut().zip(is_in).filter(|(_, is_in)| **is_in).for_each(|(b, _)| *b -= middle);
            let kappa = F::one() - gap;
            let chain = derivative(operator, values, policy, is_in)?.scaled(kappa);
            let Some(x) =
                correction(operator, &chain, is_in, &b, (size, tolerance, gap), &mut self.eliminates)?
            else {
                break;
            };
            let states = || (0..is_in.len()).filter(|&state| is_in[state]);
            states().for_each(|state| offset[state] += x[state]);
            let top = states().fold(F::neg_infinity(), |top, state| top.max(offset[state]));
            level += gap * top;
            states().for_each(|state| offset[state] -= top);
            let value = |state: usize| anchor[state] + kappa * offset[state];
            let top = states().fold(F::neg_infinity(), |top, state| top.max(value(state)));
            for state in states() {
                anchor[state] -= top;
                values[state] = anchor[state] + kappa * offset[state];
            }
        }
        let (values, _) = best;
        self.iterate.values = values;
        self.measure(is_in, bounds, None)
    }

    /// Makes the result from V and its policy.
    pub(super) fn finish(mut self, is_in: &[bool], mut bounds: Bounds) -> Result<Found<F>, Error> {
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

/// x with (I − J) x = b, to a share of the range `size` of b, in the rows of a set. Rows of J sum
/// to 1 − `gap`. Returns `None` if neither the iterative solver nor elimination succeeds.
///
/// Sets `eliminates` if the iterative solver fails, and does not use it from then on.
fn correction<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    chain: &Chain<'_, F>,
    is_in: &[bool],
    b: &[F],
    (size, tolerance, gap): (f64, f64, F),
    eliminates: &mut bool,
) -> Result<Option<Vec<F>>, Halt> {
    let mut x = vec![F::zero(); b.len()];
    if !*eliminates {
        let target = (NEWTON_SHARE * size).max(tolerance / 8.0);
        let outcome = solve(operator, chain, b, &mut x, F::from_f64(target))?;
        *eliminates = !(outcome.residual.into_f64() <= size / 8.0);
    }
    if *eliminates {
        operator.count_passes(1);
        let Some(found) = chain.eliminate(is_in, gap.into_f64(), b, MOST_OPERATIONS) else {
            *eliminates = false;
            return Ok(None);
        };
        x = found;
    }
    Ok(x.iter().all(|x| x.is_finite()).then_some(x))
}

/// b = B V − `less` on a set of states.
fn residual<F: Real>(b: &mut [F], backed_up: &[F], is_in: &[bool], less: impl Fn(usize) -> F) {
    for (state, b) in b.iter_mut().enumerate().filter(|&(state, _)| is_in[state]) {
        *b = backed_up[state] - less(state);
    }
}

/// The length and the middle of the range of b over a set of states.
fn range<F: Real>(b: &[F], is_in: &[bool]) -> (f64, F) {
    let (mut lo, mut hi) = (F::infinity(), F::neg_infinity());
    for (&b, _) in b.iter().zip(is_in).filter(|(_, is_in)| **is_in) {
        (lo, hi) = (lo.min(b), hi.max(b));
    }
    let half = F::from_f64(0.5);
    ((hi - lo).into_f64(), lo * half + hi * half)
}

/// Subtracts the largest value from all values.
fn lower_to_zero<F: Real>(values: &mut [F]) {
    let largest = values.iter().fold(F::neg_infinity(), |largest, &v| largest.max(v));
    if largest.is_finite() {
        values.iter_mut().for_each(|v| *v -= largest);
    }
}
