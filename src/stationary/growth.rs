//! The long-run growth rate of direct inference: how fast the evidence grows or shrinks if there is no end.
//!
//! At γ = 1 and without terminal states the backward messages of direct inference are powers of one matrix, β_t = M β_{t+1}, with
//!
//! ```text
//! M(s,s') = Σ_a ρ(a|s) exp(r(s,a)/τ) P(s'|s,a)                                                          (D11)
//! ```
//!
//! They grow without end, each stage by the largest eigenvalue λ of M in the long run. In logarithms, and in reward units, with
//! B V = τ log(M exp(V/τ)), the backup of (D1) and (D2), the rate g = τ log λ and the relative values V solve
//!
//! ```text
//! B V = V + g
//! ```
//!
//! and the policy of V is how those act who are still far from the end and will have done well.
//!
//! # Bounds
//!
//! For any V that is finite on a set of states and −∞ elsewhere, the rate that the set has by itself lies between min and
//! max of B V − V over it (Collatz and Wielandt). The rounding of one backup widens both. What is returned is the middle of the
//! best bounds seen.
//!
//! # Form computed
//!
//! States that lead to each other share their rate; it is sought for each such class by itself, and the largest is that of M. Then
//! come the states from which that class can be reached. From where it cannot, growth is slower, and V = −∞.
//!
//! The search goes by V ← V + (B V − V)/2, less a constant: half a step, so that it does not go around with a period. Where
//! that is predicted to take longer, it takes steps of Newton's method, (I − κJ) x = B V − V − c, V ← V + x, with the
//! derivative J of B. Rows of J sum to 1, and the κ just below 1 keeps the system solvable, also where states are all but cut off
//! from each other. B is convex, so a step raises min (B V − V), up to what κ and an inexact solve take. One that does neither
//! that nor narrow the bounds is taken back.
//!
//! # References
//!
//! Collatz, *Math. Z.* 48 (1942) 221–226; Wielandt, *Math. Z.* 52 (1950) 642–648; Todorov, *Linearly-solvable Markov decision
//! problems*, NIPS 2006.

use std::ops::ControlFlow;

use ndarray::{Array1, ArrayView1};

use super::derivative::derivative;
use super::operator::{Operator, Unwatched};
use super::search::{Limits, Search, Step};
use super::{Convergence, MAX_ITERATIONS, Status};
use crate::backward::StageTables;
use crate::chain::Graph;
use crate::dynamics::for_each_log_successor;
use crate::mdp::{CheckedStage, check_options};
use crate::{
    Dynamics, Error, Inference, Model, Real, StationaryPolicy, Table, log_sum_exp, parallel, tables,
};

/// Half steps at a time.
const NUM_SWEEPS: usize = 8;

/// Half steps that a step of Newton's method is worth; about the passes that one takes.
const NEWTON_PRICE: f64 = 64.0;

/// Share of the differences that a step of Newton's method may leave in its system.
const NEWTON_SHARE: f64 = 1e-3;

/// Half steps without a narrower interval after which a search ends.
const PATIENCE: usize = 1000;

/// Rounding counts as all that is left of an interval once the rest is this part of it.
const ALL_ROUNDING: f64 = 1.0 / 8.0;

/// The rate at which the evidence of direct inference grows, with the vector and the policy that go with it.
///
/// Made by [`long_run_growth`]. A clone copies the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct LongRunGrowth<F = f64> {
    rate: F,
    lower: F,
    upper: F,
    relative_values: Array1<F>,
    policy: StationaryPolicy<F>,
    convergence: Convergence<F>,
}

impl<F: Real> LongRunGrowth<F> {
    /// g = τ log λ, in reward units a stage: what V_t of direct inference grows by from one stage to the one before it, far
    /// from the end.
    #[must_use]
    pub fn rate(&self) -> F {
        self.rate
    }

    /// A number that the rate is not below.
    #[must_use]
    pub fn lower_bound(&self) -> F {
        self.lower
    }

    /// A number that the rate is not above.
    #[must_use]
    pub fn upper_bound(&self) -> F {
        self.upper
    }

    /// What a start in each state is worth beside the others, `[s]`, in reward units: τ log of the Perron vector of M.
    ///
    /// The largest is 0. −∞ where growth is slower, or where nothing can go on forever.
    #[must_use]
    pub fn relative_values(&self) -> ArrayView1<'_, F> {
        self.relative_values.view()
    }

    /// π(a∣s) of direct inference far from the end. Rows of states whose relative value is −∞ are the normalised prior.
    #[must_use]
    pub fn policy(&self) -> &StationaryPolicy<F> {
        &self.policy
    }

    /// How well the rate is known: its error bound is that of the rate, and the relative values satisfy B V = V + g as closely.
    #[must_use]
    pub fn convergence(&self) -> &Convergence<F> {
        &self.convergence
    }
}

/// Computes the rate at which the evidence of direct inference grows in the long run, to an error of at most `tolerance`.
///
/// For a model without discount and without terminal states, log p(e) over T stages grows by rate/τ a stage as T → ∞. With a
/// prior that sums to 1 and rewards ≤ 0 the rate is ≤ 0, and −rate/τ is the rate at which success becomes improbable; with a
/// counting prior the entropy of choice is in it.
///
/// Which trajectories set the rate depends on what leads where. It is that of the set of states, each leading to all others,
/// in which trajectories grow fastest; relative values are finite in all states that lead there. If two such sets cannot be
/// told apart to the tolerance, the rate is in the error, and which of them counts is for the start to decide.
///
/// # Errors
///
/// [`Error::NotConverged`] if the tolerance is not met; [`Error::Undiscounted`] unless γ = 1;
/// [`Error::EndsInTerminalState`] if there is a terminal state: ask [`StationarySolver`](crate::StationarySolver) for the value
/// until it is entered; [`Error::ZeroTemperature`]; [`Error::TiedGrowth`] as above; [`Error::ImpossibleEvidence`] if
/// no trajectory goes on forever; [`Error::InvalidTolerance`]; [`Error::NotHomogeneous`]; [`Error::Overflow`];
/// [`Error::TooLarge`]; what a [`Model`] of your own returns. A [`Watched`](crate::Watched) model is told of passes, and may
/// stop them, which leaves it not converged.
///
/// # Complexity
///
/// Time O(transitions) a pass, some tens of them, or hundreds where mixing is slow, for each set of states that lead to each
/// other. Memory that of the possible transitions.
///
/// # Example
///
/// ```
/// use softmdp::{ActionPrior, Mdp, long_run_growth, ndarray::array};
///
/// // A coin decides where it goes on; in state 1 a stage is survived with probability ½ only.
/// let transitions = array![[[0.5, 0.5]], [[0.5, 0.5]]];
/// let mdp = Mdp::new(transitions, array![[0.0], [0.5_f64.ln()]])?;
/// let growth = long_run_growth(&mdp, 1e-12)?;
/// assert!((growth.rate() - 0.75_f64.ln()).abs() < 1e-12); // three stages in four are survived
/// assert!((growth.relative_values()[1] - 0.5_f64.ln()).abs() < 1e-11);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn long_run_growth<M: Model + ?Sized>(
    mdp: &M,
    tolerance: M::Scalar,
) -> Result<LongRunGrowth<M::Scalar>, Error> {
    check_options(mdp, 1)?;
    if !(tolerance > num_traits::zero()) {
        return Err(Error::InvalidTolerance { value: tolerance.into_f64() });
    }
    if !mdp.is_homogeneous() {
        return Err(Error::NotHomogeneous);
    }
    if mdp.discount() < num_traits::one() {
        return Err(Error::Undiscounted { discount: mdp.discount().into_f64() });
    }
    if let Some(state) = (0..mdp.num_states()).find(|&state| mdp.is_terminal(state)) {
        return Err(Error::EndsInTerminalState { state });
    }
    if !(mdp.temperature() > num_traits::zero()) {
        return Err(Error::ZeroTemperature { table: Table::GrowthRates });
    }
    let model = Unwatched::new(mdp);
    parallel::run_pass(&model, 1, Inference::Direct, || {
        let stage = CheckedStage::new(&model, 0, Inference::Direct)?;
        let graph = steps(&stage)?;
        let operator = Operator::new(&model, Inference::Direct)?;
        let limits = Limits { tolerance: tolerance.into_f64(), max_passes: MAX_ITERATIONS };
        let values = tables::filled(Table::StateValues, mdp.num_states(), num_traits::zero())?;
        let search = Search::new(operator, mdp, limits, values.into_raw_vec_and_offset().0)?;
        Growth { search, tolerance: tolerance.into_f64() }.find(&stage, &graph)
    })
}

/// The steps that direct inference may take.
fn steps<F: Real, D: Dynamics<Scalar = F> + ?Sized>(stage: &CheckedStage<'_, F, D>) -> Result<Graph, Error> {
    let dynamics = stage.dynamics;
    (0..dynamics.num_states()).try_for_each(|state| stage.row(state).map(|_| ()))?;
    Graph::new(dynamics.num_states(), |state, visit| {
        let (rewards, prior) = stage.rows(state..state + 1);
        for action in (0..prior.len()).filter(|&a| prior[a] > F::zero() && rewards[a] > F::neg_infinity()) {
            for_each_log_successor(dynamics, F::one(), (state, action), &mut |next_state, _| {
                visit(next_state)
            });
        }
    })
}

/// What is known of the rate of a set of states.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    lower: f64,
    upper: f64,
}

/// B V − V over the states of a set, and how exactly it is known.
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

/// A search for the rate.
struct Growth<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    search: Search<'m, F, M>,
    tolerance: f64,
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Growth<'_, F, M> {
    fn find<D>(mut self, stage: &CheckedStage<'_, F, D>, graph: &Graph) -> Result<LongRunGrowth<F>, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let temperature = self.search.operator.model().temperature();
        let num_states = self.search.values.len();
        let mut fastest: Option<(Bounds, Vec<usize>, Vec<F>)> = None; // with its values
        let mut rival: Option<(Bounds, usize)> = None;
        let mut classes = graph.classes();
        classes.retain(|class| class.len() > 1 || graph.successors(class[0]).any(|next| next == class[0]));
        // Those of one state cost nothing, and may spare others.
        classes.sort_by_key(|class| (class.len() > 1, class[0]));
        for class in classes {
            let enough = fastest.as_ref().map_or(f64::NEG_INFINITY, |(bounds, ..)| bounds.lower);
            let mut is_in = vec![false; num_states];
            class.iter().for_each(|&state| is_in[state] = true);
            self.start(&is_in);
            let bounds = match class[..] {
                [state] => rate_of_loop(stage, temperature, state),
                _ => self.climb(&is_in, enough)?,
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
                    fastest = Some((bounds, class, self.search.values.clone()));
                }
            }
        }
        let Some((bounds, class, values)) = fastest else {
            return Err(Error::ImpossibleEvidence { stage: num_states - 1 });
        };
        if let Some((rival, second)) = rival.filter(|(rival, _)| rival.upper >= bounds.lower) {
            let rate = (bounds.lower.max(rival.lower) + bounds.upper.max(rival.upper)) / 2.0;
            return Err(Error::TiedGrowth {
                first: class[0].min(second),
                second: class[0].max(second),
                rate,
            });
        }
        let leads = graph.leading_to(|state| class.binary_search(&state).is_ok());
        self.start(&leads);
        let found = self.search.values.iter_mut().zip(&values).filter(|(_, value)| value.is_finite());
        found.for_each(|(v, &value)| *v = value);
        let more = self.climb(&leads, f64::NEG_INFINITY)?;
        let bounds = Bounds { lower: bounds.lower.max(more.lower), upper: bounds.upper.min(more.upper) };
        self.finish(&leads, bounds)
    }

    /// Starts anew on a set of states.
    fn start(&mut self, is_in: &[bool]) {
        for (v, &is_in) in self.search.values.iter_mut().zip(is_in) {
            *v = if is_in { F::zero() } else { F::neg_infinity() };
        }
    }

    /// Searches until the rate of a set is known to the tolerance, or to be below `enough`.
    fn climb(&mut self, is_in: &[bool], enough: f64) -> Result<Bounds, Error> {
        let mut bounds = Bounds { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        match self.try_climb(is_in, enough, &mut bounds)? {
            ControlFlow::Continue(()) => Ok(bounds),
            ControlFlow::Break(status) => {
                let error_bound = (bounds.upper - bounds.lower) / 2.0;
                Err(Error::NotConverged { status, iterations: self.search.operator.passes(), error_bound })
            }
        }
    }

    fn try_climb(&mut self, is_in: &[bool], enough: f64, bounds: &mut Bounds) -> Step<()> {
        let mut num_sweeps = NUM_SWEEPS;
        let (mut narrowest, mut since) = (f64::INFINITY, 0);
        let mut spread = match self.measure(is_in, bounds, None)? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(spread) => spread,
        };
        loop {
            let before = spread;
            for _ in 0..num_sweeps {
                if spread.span() / 2.0 + spread.rounding <= self.tolerance || bounds.upper < enough {
                    return Ok(ControlFlow::Continue(()));
                }
                since += 1;
                if spread.span() < 0.99 * narrowest {
                    (narrowest, since) = (spread.span(), 0);
                }
                if spread.span() <= ALL_ROUNDING * spread.rounding || since > PATIENCE {
                    return Ok(ControlFlow::Break(Status::IterationLimit));
                }
                self.half_step(is_in);
                spread = match self.measure(is_in, bounds, None)? {
                    ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
                    ControlFlow::Continue(spread) => spread,
                };
            }
            let logs = ((spread.span() / before.span()).ln(), (self.tolerance / spread.span()).ln());
            let left = logs.1 / (logs.0 / num_sweeps as f64);
            if logs.0 < 0.0 && left < NEWTON_PRICE {
                continue;
            }
            loop {
                let (is_taken, next) = match self.newton(is_in, bounds, spread)? {
                    ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
                    ControlFlow::Continue(next) => next,
                };
                let has_gained = next.span() <= spread.span() / 2.0;
                spread = next;
                if !is_taken {
                    num_sweeps *= 2;
                }
                if !has_gained || spread.span() / 2.0 + spread.rounding <= self.tolerance {
                    break;
                }
            }
        }
    }

    /// Backs V up and looks at what that says of the rate.
    fn measure(
        &mut self,
        is_in: &[bool],
        bounds: &mut Bounds,
        policy: Option<(&mut [F], &mut [F])>,
    ) -> Step<Spread> {
        if let ControlFlow::Break(status) = self.search.ask()? {
            return Ok(ControlFlow::Break(status));
        }
        let Search { operator, values, backed_up, .. } = &mut self.search;
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
        Ok(ControlFlow::Continue(spread))
    }

    /// V ← V + (B V − V)/2, less the largest.
    fn half_step(&mut self, is_in: &[bool]) {
        let Search { values, backed_up, .. } = &mut self.search;
        for ((v, &b), _) in values.iter_mut().zip(&*backed_up).zip(is_in).filter(|(_, is_in)| **is_in) {
            *v += (b - *v) * F::from_f64(0.5);
        }
        lower_to_zero(values);
    }

    /// One step of Newton's method from V, whose differences are `spread`. Returns whether it was taken, and the differences of
    /// what V is then.
    fn newton(&mut self, is_in: &[bool], bounds: &mut Bounds, spread: Spread) -> Step<(bool, Spread)> {
        let shape = (is_in.len(), self.search.operator.model().num_actions());
        let mut policy = tables::filled(Table::Policy, shape, F::zero())?;
        let mut logs = tables::filled(Table::Policy, shape, F::zero())?;
        let outputs = (tables::slice_mut(&mut policy), tables::slice_mut(&mut logs));
        if let ControlFlow::Break(status) = self.measure(is_in, bounds, Some(outputs))? {
            return Ok(ControlFlow::Break(status));
        }
        let kappa = F::one() - F::epsilon().sqrt();
        let chain =
            derivative(&mut self.search.operator, &self.search.values, tables::slice(&policy), is_in)?;
        let chain = chain.scaled(kappa);
        let middle = F::from_f64(spread.lo / 2.0 + spread.hi / 2.0);
        let states = self.search.values.iter().zip(&self.search.backed_up).zip(is_in);
        let b: Vec<F> =
            states.map(|((&v, &b), &is_in)| if is_in { b - v - middle } else { F::zero() }).collect();
        let mut x = vec![F::zero(); b.len()];
        let tolerance = F::from_f64(NEWTON_SHARE * spread.span());
        let outcome = match self.search.solve(&chain, &b, &mut x, tolerance)? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(outcome) => outcome,
        };
        let is_solved = outcome.residual.into_f64() <= spread.span() / 8.0;
        if !is_solved || x.iter().any(|x| !x.is_finite()) {
            return Ok(ControlFlow::Continue((false, spread)));
        }
        let kept = self.search.values.clone();
        self.search.values.iter_mut().zip(&x).for_each(|(v, &x)| *v += x);
        lower_to_zero(&mut self.search.values);
        let next = match self.measure(is_in, bounds, None)? {
            ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
            ControlFlow::Continue(next) => next,
        };
        if next.span() < spread.span() || next.lo > spread.lo + 0.01 * spread.span() {
            return Ok(ControlFlow::Continue((true, next)));
        }
        self.search.values = kept;
        Ok(match self.measure(is_in, bounds, None)? {
            ControlFlow::Break(status) => ControlFlow::Break(status),
            ControlFlow::Continue(spread) => ControlFlow::Continue((false, spread)),
        })
    }

    /// The answer: V as it is, and its policy.
    fn finish(mut self, is_in: &[bool], mut bounds: Bounds) -> Result<LongRunGrowth<F>, Error> {
        let shape = (is_in.len(), self.search.operator.model().num_actions());
        let mut policy = tables::filled(Table::Policy, shape, F::zero())?;
        let mut logs = tables::filled(Table::Policy, shape, F::zero())?;
        let outputs = (tables::slice_mut(&mut policy), tables::slice_mut(&mut logs));
        if let ControlFlow::Break(status) = self.measure(is_in, &mut bounds, Some(outputs))? {
            let error_bound = (bounds.upper - bounds.lower) / 2.0;
            let iterations = self.search.operator.passes();
            return Err(Error::NotConverged { status, iterations, error_bound });
        }
        let rate = F::from_f64(bounds.lower / 2.0 + bounds.upper / 2.0);
        let (lower, upper) = (-round_up::<F>(-bounds.lower), round_up::<F>(bounds.upper));
        let error_bound = round_up((bounds.upper - rate.into_f64()).max(rate.into_f64() - bounds.lower));
        let iterations = self.search.operator.passes();
        let convergence = Convergence { status: Status::Converged, iterations, error_bound };
        let relative_values = Array1::from_vec(self.search.values);
        let policy = StationaryPolicy::from_solver(policy, logs);
        Ok(LongRunGrowth { rate, lower, upper, relative_values, policy, convergence })
    }
}

/// The rate of a state that is a class by itself: τ log Σ_a ρ exp(r/τ) P(s|s,a).
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
        for_each_log_successor(stage.dynamics, temperature, (state, action), &mut |next_state, log| {
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

/// Takes the largest from all.
fn lower_to_zero<F: Real>(values: &mut [F]) {
    let largest = values.iter().fold(F::neg_infinity(), |largest, &v| largest.max(v));
    if largest.is_finite() {
        values.iter_mut().for_each(|v| *v -= largest);
    }
}

/// The least number of the type that is not below, or the one after it.
fn round_up<F: Real>(x: f64) -> F {
    let rounded = F::from_f64(x);
    if rounded.into_f64() >= x {
        rounded
    } else {
        rounded + rounded.abs() * F::epsilon() + F::min_positive_value()
    }
}
