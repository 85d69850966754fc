//! Modified soft policy iteration: between two backups, the policy is evaluated by a number of cheaper sweeps.
//!
//! ```text
//! V ← B V + J δ + J² δ + … + J^m δ,   δ = B V − V,   J the derivative of B at V
//! ```
//!
//! For variational inference this is m + 1 sweeps of V ← r_π + τ H_π + γ P_π V, each of which reads one row a state where a
//! backup reads A. With m = 0 it is value iteration, with m → ∞ Newton's method.
//!
//! # How many sweeps
//!
//! Until J^i δ has shrunk to a tenth: what the policy of the next backup has to correct is of the size that is left. Its span counts
//! where (S2) holds, since a constant is corrected for nothing, and otherwise its norm. The first policies are worth few
//! sweeps, and what grows is not worth any: there may be no fixed point.
//!
//! # References
//!
//! Puterman and Shin, *Management Science* 24 (1978) 1127–1137.

use std::ops::ControlFlow;

use super::derivative::derivative;
use super::search::Search;
use crate::Status;
use crate::{Error, Model, Real, Table, arrays};

/// What is left of the differences when the next backup comes.
const SHARE: f64 = 0.1;

/// The most sweeps after the first backup, twice as many after the next, and so on: early policies are not worth more.
const FIRST_SWEEPS: usize = 16;

/// The most sweeps after any backup.
const MOST_SWEEPS: usize = 1024;

/// The same where there need not be a fixed point, of which backups have to find out.
const MOST_SWEEPS_IN_DOUBT: usize = 64;

/// Backs up and sweeps until the search ends.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
) -> Result<Status, Error> {
    let shape = (search.values.len(), search.operator.model().num_actions());
    let mut policy = arrays::filled(Table::Policy, shape, F::zero())?;
    let mut logs = arrays::filled(Table::Policy, shape, F::zero())?;
    let (policy, logs) = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
    let mut change = arrays::filled_vec(Table::StateValues, shape.0, F::zero())?;
    let mut next = change.clone();
    let mut most_sweeps = FIRST_SWEEPS;
    loop {
        let differences = match search.back_up(Some((&mut *policy, &mut *logs)))? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => differences,
        };
        if differences.is_open {
            search.advance(&differences);
            continue;
        }
        if let ControlFlow::Break(status) = search.ask()? {
            return Ok(status);
        }
        let alive = search.alive();
        let chain = derivative(&mut search.operator, &search.values, policy, &alive)?;
        for (state, change) in change.iter_mut().enumerate() {
            let (v, b) = (search.values[state], search.backed_up[state]);
            *change = if alive[state] { b - v } else { F::zero() };
        }
        search.advance(&differences);
        let is_shift_free = search.operator.contraction().is_known();
        let first = size(&change, &alive, is_shift_free);
        for _ in 0..most_sweeps {
            if let ControlFlow::Break(status) = search.ask()? {
                return Ok(status);
            }
            chain.multiply(&change, &mut next);
            search.operator.count(chain.work());
            std::mem::swap(&mut change, &mut next);
            for ((v, &change), &alive) in search.values.iter_mut().zip(&change).zip(&alive) {
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

/// Half the span of a change over the states that take part, or its norm.
fn size<F: Real>(change: &[F], alive: &[bool], is_shift_free: bool) -> f64 {
    let (mut lo, mut hi) = (F::infinity(), F::neg_infinity());
    for (&x, _) in change.iter().zip(alive).filter(|(_, alive)| **alive) {
        (lo, hi) = (lo.min(x), hi.max(x));
    }
    let (lo, hi) = (lo.into_f64(), hi.into_f64());
    if is_shift_free { (hi - lo) / 2.0 } else { hi.max(-lo) }
}
