//! The forward pass through mixed rows, for homogeneous models.
//!
//! ```text
//! α_{t+1}(s') ∝ γ Σ_s M̂(s,s') exp(c(s)/τ) α_t(s)
//! ```
//!
//! with M̂ and c of the linear recursion (D11). A stage reads the entries of M̂ instead of those of
//! all pairs. Short rows are stored by successor, so that each sum belongs to one thread.
//!
//! # Measurements
//!
//! `forward_messages` of a slippery grid of 300 × 300 cells, T = 100, two cores of an Intel Xeon,
//! 2026-11-28, in milliseconds (the least and the largest of three runs):
//!
//! | start | pair by pair, scalar | mixed rows | mixed rows by successor |
//! |---|---|---|---|
//! | uniform | 880–994 | 216–324 | 162–187 |
//! | one cell | 356–373 | 210–266 | 214–232 |

use crate::backward::{has_full_rows, mixed_model};
use crate::{Dynamics, Error, Inference, Model, Real, SparseDynamics, Table};

/// M̂ and c/τ.
pub(super) struct Mixed<F: Real> {
    pub(super) dynamics: Box<dyn Dynamics<Scalar = F>>,
    pub(super) by_successor: Option<SparseDynamics<F>>,
    log_weights: Vec<F>, // [s]; −∞ in terminal states
}

impl<F: Real> Mixed<F> {
    /// `None` where the linear recursion does not pay, or does not stand for all states.
    pub(super) fn new<M>(mdp: &M, horizon: usize) -> Result<Option<Self>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let Some((dynamics, rewards)) = mixed_model(mdp, Inference::Direct, horizon)? else {
            return Ok(None);
        };
        let log_weights: Vec<F> = rewards.iter().map(|&reward| reward / mdp.temperature()).collect();
        // Pair by pair, the place of an overflow is found.
        if rewards.iter().zip(&log_weights).any(|(reward, log)| reward.is_finite() && !log.is_finite()) {
            return Ok(None);
        }
        let by_successor =
            if has_full_rows(&*dynamics) { None } else { Some(SparseDynamics::transposed(&*dynamics)?) };
        Ok(Some(Self { dynamics, by_successor, log_weights }))
    }

    /// Writes log x_t(s) = c(s)/τ + log α_t(s).
    pub(super) fn weigh(&self, t: usize, now: &[F], logs: &mut [F]) -> Result<(), Error> {
        let is_possible =
            |state: usize| now[state] > F::neg_infinity() && self.log_weights[state] > F::neg_infinity();
        let states = now.iter().zip(&self.log_weights);
        logs.iter_mut().zip(states).for_each(|(log, (&message, &weight))| *log = message + weight);
        match (0..logs.len()).find(|&state| !logs[state].is_finite() && is_possible(state)) {
            Some(state) => Err(Error::Overflow { table: Table::ForwardMessages, stage: t, state }),
            None => Ok(()),
        }
    }
}
