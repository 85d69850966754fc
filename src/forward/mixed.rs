//! The forward pass through mixed rows, for homogeneous models.
//!
//! ```text
//! α_{t+1}(s') ∝ γ Σ_s M̂(s,s') exp(c(s)/τ) α_t(s)
//! ```
//!
//! with M̂ and c of the linear recursion (D11). A stage reads the entries of M̂ instead of those of
//! all pairs. Short rows are stored by successor, so that each sum belongs to one thread.

use crate::backward::mixed_model;
use crate::{Dynamics, Error, Inference, Model, Real, SparseDynamics, Table};

/// The average number of successors up to which rows are stored by successor. Long rows are pushed
/// as fast as they are read.
const FEW_SUCCESSORS: usize = 16;

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
        let num_states = mdp.num_states();
        let is_short = dynamics.work(0..num_states) <= num_states.saturating_mul(FEW_SUCCESSORS);
        let by_successor = if is_short { Some(SparseDynamics::transposed(&*dynamics)?) } else { None };
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
