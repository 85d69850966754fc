//! Newton's method on V = BV: soft policy iteration.
//!
//! ```text
//! (I − J) x = B V − V,   V ← V + x,   J the derivative of B at V
//! ```
//!
//! For variational inference J = γ P_π, so that V + x is the value of the soft policy π of V; at τ = 0 this is Howard's policy
//! iteration. It converges quadratically.
//!
//! # Form computed
//!
//! The system is solved by a Krylov method, from the constant that the middle of B V − V says: this takes the slowest mode
//! out for nothing. It is solved only as far as the next step can use: until the residual is the larger of what the tolerance
//! needs and of a share of the present one, which follows how fast that fell in the step before (Eisenstat and Walker). Where a
//! step has widened it, the share is one of the residual that the method began with: that is of the size of rewards, and a
//! residual acts as an error of the rewards would.
//!
//! # Safeguard
//!
//! B is convex, so a step with residual ρ has B V − V ≥ −max|ρ| afterwards: from the first step on, iterates rise but for that. With
//! exact solves they converge from anywhere. The interval around them may widen a hundredfold in the first steps, so it is no
//! measure of progress, and the best one is kept; but a residual that was left may be what widens it, a thousandfold
//! enlarged if γ is near 1. So whenever it has widened, solves are asked for ten times as much from there on. Where a
//! solve gains less than half, the method goes on by value iteration for a while, longer each time.
//!
//! # References
//!
//! Puterman and Brumelle, *Math. Oper. Res.* 4 (1979) 60–69; Eisenstat and Walker, *SIAM J. Sci. Comput.* 17 (1996) 16–32.

use std::convert::Infallible;

use crate::stationary::derivative::{derivative, solve};
use crate::stationary::halt::Halt;
use crate::stationary::interval::{Contraction, Differences};
use crate::stationary::search::Search;
use crate::{Model, Real, Status, Table, arrays};

/// The share of the residual at which a first solve ends, and the largest.
const LARGEST_SHARE: f64 = 0.1;

/// The smallest share that is asked for while all goes well.
const SMALLEST_SHARE: f64 = 1e-4;

/// The smallest share that is ever asked for: solves are exact then.
const LEAST_SHARE: f64 = 1e-9;

/// Sweeps of value iteration after the first solve that failed.
const FIRST_SWEEPS: usize = 10;

/// Steps after which it is given up where there need not be a fixed point.
const MOST_STEPS: usize = 64;

/// Steps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let shape = (search.iterate.values.len(), search.iterate.operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
    let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let is_contraction = search.iterate.operator.contraction().is_known();
    let mut steps = 0_usize;
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
        let has_gained = step(search, policy, &differences, share * size.min(first_size))?;
        steps += 1;
        if steps >= MOST_STEPS && !is_contraction {
            return Err(Halt::Ended(Status::RoundingFloor));
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

/// One step from a backup and its policy. Returns whether it was taken; if not, V is as it was.
fn step<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    policy: &[F],
    differences: &Differences,
    tolerance: f64,
) -> Result<bool, Halt> {
    if differences.is_open {
        return Ok(false);
    }
    let Search { iterate, answer, .. } = search;
    iterate.operator.ask()?;
    let alive = iterate.takes_part();
    let chain = derivative(&mut iterate.operator, &iterate.values, policy, &alive)?;
    let states = iterate.values.iter().zip(&iterate.backed_up).zip(&alive);
    let b: Vec<F> = states.map(|((&v, &b), &alive)| if alive { b - v } else { F::zero() }).collect();
    let contraction = iterate.operator.contraction();
    let start = F::from_f64(constant(contraction, differences));
    let mut x: Vec<F> = alive.iter().map(|&alive| if alive { start } else { F::zero() }).collect();
    let tolerance = F::from_f64(tolerance.max(answer.needed(contraction) / 4.0));
    let outcome = solve(&mut iterate.operator, &chain, &b, &mut x, tolerance)?;
    let is_finite = x.iter().zip(&iterate.values).all(|(&x, &v)| x.is_finite() && (v + x) < F::infinity());
    if !is_finite || !(outcome.residual.into_f64() <= iterate.size(differences) / 2.0) {
        return Ok(false);
    }
    for ((v, &x), &alive) in iterate.values.iter_mut().zip(&x).zip(&alive) {
        if alive {
            *v += x;
        }
    }
    Ok(true)
}

/// By how much V* lies above V, if all differences were their middle.
fn constant(contraction: Contraction, differences: &Differences) -> f64 {
    let constant = (differences.lo / 2.0 + differences.hi / 2.0) / (1.0 - contraction.most);
    if contraction.is_even() && constant.is_finite() { constant } else { 0.0 }
}
