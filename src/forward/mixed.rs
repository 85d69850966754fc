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
//! | start | pair by pair, scalar | mixed rows | by successor | in vector arithmetic | carried |
//! |---|---|---|---|---|---|
//! | uniform | 880–994 | 216–324 | 162–187 | 99–140 | 64–80 |
//! | one cell | 356–373 | 210–266 | 214–232 | 118–149 | 62–80 |

use std::ops::Range;

use super::band;
use super::carried::Carried;
use crate::backward::mixed_model;
use crate::dynamics::BySuccessor;
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Dynamics, Error, Inference, Model, Real, Table};

/// M̂ and c/τ.
pub(super) struct Mixed<F: Real> {
    pub(super) dynamics: Box<dyn Dynamics<Scalar = F>>,
    pub(super) by_successor: Option<(BySuccessor<F>, Carried<F>)>,
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
        let by_successor = BySuccessor::new(&*dynamics, horizon);
        let by_successor = by_successor.map(|rows| (rows, Carried::new(&log_weights)));
        Ok(Some(Self { dynamics, by_successor, log_weights }))
    }

    /// Writes log x_t(s) = c(s)/τ + log α_t(s), and returns the largest.
    pub(super) fn weigh(&self, t: usize, now: &[F], logs: &mut [F]) -> Result<F, Error> {
        let add = |states: Range<usize>, logs: RowsMut<'_, F>| {
            band::add(&now[states.clone()], &self.log_weights[states], logs.data)
        };
        let join =
            |(a, is_right): (F, bool), (b, is_right_too): (F, bool)| (a.max(b), is_right & is_right_too);
        let (largest, is_right) = fold_pieces(now.len(), RowsMut::column(&mut *logs), &add, &join);
        if is_right {
            return Ok(largest);
        }
        let state = logs.iter().position(|log| log.is_nan()).unwrap_or(0);
        Err(Error::Overflow { table: Table::ForwardMessages, stage: t, state })
    }
}
