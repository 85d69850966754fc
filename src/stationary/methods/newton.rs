//! Newton's method on V = BV: soft policy iteration.
//!
//! ```text
//! (I − J) x = B V − V,   V ← V + x,   J the derivative of B at V
//! ```
//!
//! For variational inference J = γ P_π, so V + x is the value of the soft policy π of V. At τ = 0
//! this is Howard's policy iteration. The convergence is quadratic.
//!
//! # Form computed
//!
//! A Krylov method solves the system. It starts from the constant given by the middle of B V − V,
//! which removes the slowest mode at no cost. The solve is inexact. Its target residual is the
//! larger of the one that the tolerance needs and a share of the present residual (Eisenstat and
//! Walker); the share follows the decrease in the step before. If a step increased the residual,
//! the share refers to the residual of the first step. That one is of the size of rewards, and a
//! residual has the effect of an error in the rewards.
//!
//! # Safeguard
//!
//! B is convex, so B V − V ≥ −max|ρ| after a step whose linear residual is ρ. From the first step
//! on, iterates therefore rise, up to ρ. With exact solves they converge from any start. The
//! interval around V* may widen a hundredfold in the first steps, so its width does not measure
//! progress; the search keeps the best interval. A large ρ can also widen the interval, a
//! thousandfold if γ is near 1. So each time the interval has widened, all later solves are ten
//! times as exact. If a solve reduces the residual by less than half, the method falls back to
//! value iteration for some sweeps, twice as many each time.
//!
//! # References
//!
//! Puterman and Brumelle, *Math. Oper. Res.* 4 (1979) 60–69; Eisenstat and Walker, *SIAM J. Sci.
//! Comput.* 17 (1996) 16–32.

use std::convert::Infallible;
use std::ops::Range;

use crate::parallel::{RowsMut, fold_pieces, for_each_piece};
use crate::stationary::derivative::{derivative, solve};
use crate::stationary::halt::Halt;
use crate::stationary::interval::{Contraction, Differences};
use crate::stationary::search::Search;
use crate::stationary::undiscounted::proper::make_ending;
use crate::{Model, Real, Status, Table, arrays};

/// The share of the residual at which the first solve ends; later shares are at most as large.
const LARGEST_SHARE: f64 = 0.1;

/// The smallest share before any step has increased the residual.
const SMALLEST_SHARE: f64 = 1e-4;

/// The smallest share of all: such solves are practically exact.
const LEAST_SHARE: f64 = 1e-9;

/// Sweeps of value iteration after the first failed solve.
const FIRST_SWEEPS: usize = 10;

/// Steps after which the method gives up, where a fixed point may not exist.
const MOST_STEPS: usize = 64;

/// Takes Newton steps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let shape = (search.iterate.values.len(), search.iterate.operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
    let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let is_contraction = search.iterate.operator.contraction().is_known();
    let mut steps = 0_usize;
    // From a policy that ends, policy iteration keeps to such policies.
    let may_loop = !is_contraction && search.iterate.operator.is_hard();
    let mut is_ending = !may_loop;
    let mut first_size = f64::INFINITY;
    let (mut last_size, mut largest_share, mut sweeps) = (f64::INFINITY, LARGEST_SHARE, FIRST_SWEEPS);
    loop {
        let differences = search.back_up(Some((&mut *policy, &mut *logs)))?;
        let size = search.iterate.size(&differences);
        let ratio = size / last_size;
        if !first_size.is_finite() {
            first_size = size;
        }
        if ratio > 1.0 {
            largest_share = (largest_share / 10.0).max(LEAST_SHARE);
        }
        let follows = if last_size.is_finite() { 0.9 * ratio * ratio } else { 1.0 };
        let share = follows.max(SMALLEST_SHARE).min(largest_share);
        last_size = size;
        let has_gained = step(search, policy, &differences, share * size.min(first_size), is_ending)?;
        is_ending = has_gained || !may_loop;
        steps += 1;
        if steps >= MOST_STEPS && !is_contraction {
            return Err(Halt::Ended(Status::IterationLimit));
        }
        if has_gained {
            continue;
        }
        search.iterate.advance(&differences);
        for _ in 0..sweeps {
            let differences = search.back_up(None)?;
            search.iterate.advance(&differences);
        }
        sweeps = sweeps.saturating_mul(2);
    }
}

/// Tries one step from a backup and its policy, to a linear residual of `tolerance`. Unless the
/// policy `is_ending`, it is changed where it may never end. Returns whether the step changed V.
fn step<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    policy: &mut [F],
    differences: &Differences,
    tolerance: f64,
    is_ending: bool,
) -> Result<bool, Halt> {
    if differences.is_open {
        return Ok(false);
    }
    let Search { iterate, answer, .. } = search;
    iterate.operator.ask()?;
    let alive = iterate.takes_part();
    let mut b = vec![F::zero(); alive.len()];
    for_each_piece(alive.len(), RowsMut::column(&mut b[..]), &|states, b: RowsMut<'_, F>| {
        for (state, b) in states.zip(b.data).filter(|&(state, _)| alive[state]) {
            *b = iterate.backed_up[state] - iterate.values[state];
        }
    });
    if !is_ending {
        for (state, pair) in make_ending(&mut iterate.operator, &iterate.values, policy, &alive)? {
            b[state] = iterate.operator.action_value(&iterate.values, pair)? - iterate.values[state];
        }
        iterate.operator.ask()?;
    }
    let chain = derivative(&mut iterate.operator, &iterate.values, policy, &alive)?;
    let contraction = iterate.operator.contraction();
    let start = F::from_f64(constant(contraction, differences));
    let mut x = vec![F::zero(); alive.len()];
    for_each_piece(alive.len(), RowsMut::column(&mut x[..]), &|states, x: RowsMut<'_, F>| {
        x.data.iter_mut().zip(&alive[states]).for_each(|(x, &alive)| *x = if alive { start } else { *x });
    });
    let tolerance = F::from_f64(tolerance.max(answer.needed(contraction) / 4.0));
    let outcome = solve(&mut iterate.operator, &chain, &b, &mut x, tolerance)?;
    let values = &iterate.values;
    let is_finite = |states: Range<usize>, ()| {
        let mut states = x[states.clone()].iter().zip(&values[states]);
        states.all(|(&x, &v)| x.is_finite() && (v + x) < F::infinity())
    };
    let is_finite = fold_pieces(x.len(), (), &is_finite, &|a, b| a & b);
    if !is_finite || !(outcome.residual.into_f64() <= iterate.size(differences) / 2.0) {
        return Ok(false);
    }
    for_each_piece(x.len(), RowsMut::column(&mut iterate.values[..]), &|states, values: RowsMut<'_, F>| {
        for (state, v) in states.zip(values.data).filter(|&(state, _)| alive[state]) {
            *v += x[state];
        }
    });
    Ok(true)
}

/// V* − V, if B V − V were constant at its middle.
fn constant(contraction: Contraction, differences: &Differences) -> f64 {
    let constant = (differences.lo / 2.0 + differences.hi / 2.0) / (1.0 - contraction.most);
    if contraction.is_even() && constant.is_finite() { constant } else { 0.0 }
}
