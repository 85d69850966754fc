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

use std::ops::ControlFlow;

use super::derivative::derivative;
use super::interval::{Differences, Interval};
use super::search::{Search, Step};
use crate::Status;
use crate::{Error, Model, Real, Table, arrays};

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
) -> Result<Status, Error> {
    let shape = (search.values.len(), search.operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
    let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let mut steps = 0_usize;
    let mut first_size = f64::INFINITY;
    let (mut last_size, mut largest_share, mut sweeps) = (f64::INFINITY, LARGEST_SHARE, FIRST_SWEEPS);
    loop {
        let differences = match search.back_up(Some((&mut *policy, &mut *logs)))? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => differences,
        };
        let size = search.size(&differences);
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
        let has_gained = match step(search, policy, &differences, share * size.min(first_size))? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(has_gained) => has_gained,
        };
        steps += 1;
        if steps >= MOST_STEPS && !search.operator.contraction().is_known() {
            return Ok(Status::IterationLimit);
        }
        if has_gained {
            continue;
        }
        search.advance(&differences);
        for _ in 0..sweeps {
            match search.back_up(None)? {
                ControlFlow::Break(status) => return Ok(status),
                ControlFlow::Continue(differences) => search.advance(&differences),
            }
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
) -> Step<bool> {
    if differences.is_open {
        return Ok(ControlFlow::Continue(false));
    }
    if let ControlFlow::Break(status) = search.ask()? {
        return Ok(ControlFlow::Break(status));
    }
    let alive = search.alive();
    let chain = derivative(&mut search.operator, &search.values, policy, &alive)?;
    let states = search.values.iter().zip(&search.backed_up).zip(&alive);
    let b: Vec<F> = states.map(|((&v, &b), &alive)| if alive { b - v } else { F::zero() }).collect();
    let start = F::from_f64(search.constant(differences));
    let mut x: Vec<F> = alive.iter().map(|&alive| if alive { start } else { F::zero() }).collect();
    let size = search.size(differences);
    let tolerance = tolerance.max(search.needed() / 4.0);
    let outcome = match search.solve(&chain, &b, &mut x, F::from_f64(tolerance))? {
        ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
        ControlFlow::Continue(outcome) => outcome,
    };
    let is_finite = x.iter().zip(&search.values).all(|(&x, &v)| x.is_finite() && (v + x) < F::infinity());
    if !is_finite || !(outcome.residual.into_f64() <= size / 2.0) {
        return Ok(ControlFlow::Continue(false));
    }
    for ((v, &x), &alive) in search.values.iter_mut().zip(&x).zip(&alive) {
        if alive {
            *v += x;
        }
    }
    Ok(ControlFlow::Continue(true))
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Search<'_, F, M> {
    /// What a step has to bring down: differences, as far as the interval minds them.
    pub(super) fn size(&self, differences: &Differences) -> f64 {
        let contraction = self.operator.contraction();
        let half = Interval::new(differences, contraction, 0.0).width() / 2.0;
        let size = half * (1.0 - contraction.most) / contraction.most;
        if size.is_finite() { size.min(differences.norm()) } else { differences.norm() }
    }

    /// The size of differences that the tolerance needs.
    pub(super) fn needed(&self) -> f64 {
        let contraction = self.operator.contraction();
        if contraction.is_known() {
            self.tolerance() * (1.0 - contraction.most) / contraction.most.max(f64::MIN_POSITIVE)
        } else {
            0.0
        }
    }

    /// By how much V* lies above V, if all differences were their middle.
    fn constant(&self, differences: &Differences) -> f64 {
        let contraction = self.operator.contraction();
        let constant = (differences.lo / 2.0 + differences.hi / 2.0) / (1.0 - contraction.most);
        if contraction.is_even() && constant.is_finite() { constant } else { 0.0 }
    }
}
