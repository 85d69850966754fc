//! Modified soft policy iteration: cheap sweeps evaluate the policy between two backups.
//!
//! ```text
//! V ← B V + J δ + J² δ + … + J^m δ,   δ = B V − V,   J the derivative of B at V
//! ```
//!
//! For variational inference these are m + 1 sweeps of V ← r_π + τ H_π + γ P_π V. A sweep reads one
//! row a state, a backup reads A rows. m = 0 is value iteration, m → ∞ is Newton's method.
//!
//! # Number of sweeps
//!
//! Sweeps stop once J^i δ has shrunk to a tenth, because the policy of the next backup changes V by
//! about that much. The size of J^i δ is its span where (S2) holds, since a constant is corrected
//! at no cost, and its norm otherwise. Early policies get few sweeps. Sweeps stop if J^i δ grows,
//! since a fixed point may not exist.
//!
//! # References
//!
//! Puterman and Shin, *Management Science* 24 (1978) 1127–1137.

use std::convert::Infallible;

use crate::stationary::derivative::derivative;
use crate::stationary::halt::Halt;
use crate::stationary::search::Search;
use crate::{Model, Real, Status, Table, arrays};

/// Sweeps stop once the change has shrunk to this share.
const SHARE: f64 = 0.1;

/// The most sweeps after the first backup; the limit doubles with each backup.
const FIRST_SWEEPS: usize = 16;

/// The largest limit of sweeps after a backup.
const MOST_SWEEPS: usize = 1024;

/// The largest limit where a fixed point may not exist: only backups detect that.
const MOST_SWEEPS_IN_DOUBT: usize = 64;

/// Backups without a halving of BV − V after which the method gives up, where a fixed point may not
/// exist. There, from values above the fixed point, policies and values may cycle.
const PATIENCE: usize = 256;

/// Alternates a backup and sweeps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Infallible, Halt> {
    let shape = (search.iterate.values.len(), search.iterate.operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
    let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let mut change = arrays::filled_vec(Table::StateValues, shape.0, F::zero())?;
    let mut next = change.clone();
    let is_shift_free = search.iterate.operator.contraction().is_known();
    let mut most_sweeps = FIRST_SWEEPS;
    let (mut best, mut waiting) = (f64::INFINITY, 0);
    loop {
        let differences = search.back_up(Some((&mut *policy, &mut *logs)))?;
        let iterate = &mut search.iterate;
        if differences.is_open {
            iterate.advance(&differences);
            continue;
        }
        iterate.operator.ask()?;
        let alive = iterate.takes_part();
        let chain = derivative(&mut iterate.operator, &iterate.values, policy, &alive)?;
        for (state, change) in change.iter_mut().enumerate() {
            let (v, b) = (iterate.values[state], iterate.backed_up[state]);
            *change = if alive[state] { b - v } else { F::zero() };
        }
        iterate.advance(&differences);
        let first = size(&change, &alive, is_shift_free);
        (best, waiting) = if first <= best / 2.0 { (first, 0) } else { (best, waiting + 1) };
        if !is_shift_free && waiting > PATIENCE {
            return Err(Halt::Ended(Status::IterationLimit));
        }
        for _ in 0..most_sweeps {
            iterate.operator.ask()?;
            chain.multiply(&change, &mut next);
            iterate.operator.count(chain.work());
            std::mem::swap(&mut change, &mut next);
            for ((v, &change), &alive) in iterate.values.iter_mut().zip(&change).zip(&alive) {
                if alive {
                    *v += change;
                }
            }
            let left = size(&change, &alive, is_shift_free);
            if !(left > SHARE * first && left <= 2.0 * first) {
                break;
            }
        }
        let most = if is_shift_free { MOST_SWEEPS } else { MOST_SWEEPS_IN_DOUBT };
        most_sweeps = (2 * most_sweeps).min(most);
    }
}

/// Half the span of a change over the states that take part, or its norm if `is_shift_free` is
/// false.
fn size<F: Real>(change: &[F], alive: &[bool], is_shift_free: bool) -> f64 {
    let (mut lo, mut hi) = (F::infinity(), F::neg_infinity());
    for (&x, _) in change.iter().zip(alive).filter(|(_, alive)| **alive) {
        (lo, hi) = (lo.min(x), hi.max(x));
    }
    let (lo, hi) = (lo.into_f64(), hi.into_f64());
    if is_shift_free { (hi - lo) / 2.0 } else { hi.max(-lo) }
}
