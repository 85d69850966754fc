//! Proofs that values grow without end.
//!
//! # Derivation
//!
//! Let B₀ be B with the end worth −∞. If some V, finite on a set of states and −∞ elsewhere, has B₀ V ≥ V + c on that set with
//! c > 0 beyond rounding, and B₀ passes shifts on undiminished, then B^n V ≥ B₀^n V ≥ V + n c: that is asked for before anything
//! is called diverging. V comes from damped sweeps of B₀.
//!
//! Direct inference passes shifts on as they are. Short of †, which its discount leads to, it is the undiscounted one with
//! τ log 1/γ less in every step. Variational inference passes on γ times what rows sum to, so there is a proof only where
//! γ = 1 and rows sum to 1 but for rounding: those that were accepted although they sum to 1 − 10⁻⁹ let values grow to 10⁹ c and
//! no further.

use std::ops::ControlFlow;

use super::interval::Differences;
use super::search::{FIRST_LOOK, Search, Step};
use crate::Status;
use crate::backward::{Backup, StageTables};
use crate::{Inference, Model, Real};

/// Sweeps that this may take: one for so many passes so far.
const LOOK_SHARE: usize = 4;

/// Sweeps between two looks at a part of the states.
const PERIOD: usize = 8;

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Search<'m, F, M> {
    /// Ends the search if values can be proved to grow without end; this takes a part of the passes so far, from `start` on.
    pub(super) fn look(&mut self, start: Vec<F>) -> Step<()> {
        Ok(match self.is_diverging(start)? {
            ControlFlow::Break(status) => ControlFlow::Break(status),
            ControlFlow::Continue(true) => ControlFlow::Break(Status::Diverging),
            ControlFlow::Continue(false) => ControlFlow::Continue(()),
        })
    }

    /// Whether there is a proof, as far as it is looked for.
    fn is_diverging(&mut self, mut values: Vec<F>) -> Step<bool> {
        let sweeps = (self.operator.passes() / LOOK_SHARE).max(FIRST_LOOK);
        let inference = self.operator.inference();
        let (discount, temperature) = (self.operator.model().discount(), self.operator.model().temperature());
        let is_left = inference == Inference::Direct && discount < F::one();
        if !self.operator.keeps_shifts() || (is_left && discount == F::zero()) {
            return Ok(ControlFlow::Continue(false));
        }
        let loss = if is_left { -(temperature * discount.ln()).into_f64() } else { 0.0 };
        let discount = if is_left { F::one() } else { discount };
        let backup = Backup::new(self.operator.model(), inference).with_discount(discount);
        for (v, _) in values.iter_mut().zip(self.operator.is_fixed()).filter(|(_, fixed)| **fixed) {
            *v = F::neg_infinity();
        }
        let mut backed_up = values.clone();
        let mut endless = Endless { backup, search: self, loss };
        for sweep in 1..=sweeps {
            let rise = match endless.apply(&values, &mut backed_up)? {
                ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
                ControlFlow::Continue(rise) => rise,
            };
            match rise {
                Rise::Nowhere => return Ok(ControlFlow::Continue(false)),
                Rise::Everywhere => return Ok(ControlFlow::Continue(true)),
                Rise::Somewhere(most) if sweep % PERIOD == 0 => {
                    match endless.part_rises(&values, &backed_up, most)? {
                        ControlFlow::Continue(false) => {}
                        found => return Ok(found),
                    }
                }
                Rise::Somewhere(_) | Rise::Unknown => {}
            }
            let half = F::from_f64(0.5);
            for (v, &b) in values.iter_mut().zip(&backed_up) {
                // Damped, since sweeps may go round in circles.
                *v = if b > F::neg_infinity() { *v + half * (b - *v) } else { b };
            }
        }
        Ok(ControlFlow::Continue(false))
    }
}

/// B₀: what goes on forever.
struct Endless<'s, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    backup: Backup<'m, F, M>,
    search: &'s mut Search<'m, F, M>,
    loss: f64, // of each step, besides
}

/// Where B₀ V > V, beyond rounding, among the states whose V is finite.
enum Rise {
    Nowhere,
    Everywhere,
    /// And by how much at most.
    Somewhere(f64),
    /// States have just fallen to −∞.
    Unknown,
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Endless<'_, '_, F, M> {
    /// Writes B₀ V where V is finite. States at −∞ stay there: what they could rise to is no part of the proof.
    fn apply(&mut self, values: &[F], backed_up: &mut [F]) -> Step<Rise> {
        if let ControlFlow::Break(status) = self.search.ask()? {
            return Ok(ControlFlow::Break(status));
        }
        self.search.operator.count_passes(1);
        self.backup.stage(0, values, StageTables::values(backed_up))?;
        for (b, &v) in backed_up.iter_mut().zip(values) {
            if v == F::neg_infinity() {
                *b = v;
            }
        }
        let operator = &self.search.operator;
        let differences = Differences::of(values, backed_up, operator.is_fixed());
        let rounding = operator.rounding().of(differences.magnitudes) + self.loss * (1.0 + 1e-6);
        Ok(ControlFlow::Continue(if differences.is_open {
            Rise::Unknown
        } else if differences.is_exact || !(differences.hi > rounding) {
            Rise::Nowhere
        } else if differences.lo > rounding {
            Rise::Everywhere
        } else {
            Rise::Somewhere(differences.hi)
        }))
    }

    /// Whether the states alone that rise by half as much as the fastest, or what is left of them, rise for themselves.
    fn part_rises(&mut self, values: &[F], backed_up: &[F], most: f64) -> Step<bool> {
        let (mut part, mut rises) = (values.to_vec(), backed_up.to_vec());
        loop {
            let mut is_smaller = false;
            for (v, &b) in part.iter_mut().zip(&rises) {
                if *v > F::neg_infinity() && !((b - *v).into_f64() >= most / 2.0) {
                    (*v, is_smaller) = (F::neg_infinity(), true);
                }
            }
            let rise = match self.apply(&part, &mut rises)? {
                ControlFlow::Break(status) => return Ok(ControlFlow::Break(status)),
                ControlFlow::Continue(rise) => rise,
            };
            match rise {
                Rise::Everywhere => return Ok(ControlFlow::Continue(true)),
                Rise::Nowhere => return Ok(ControlFlow::Continue(false)),
                Rise::Somewhere(_) | Rise::Unknown if !is_smaller => return Ok(ControlFlow::Continue(false)),
                Rise::Somewhere(_) | Rise::Unknown => {}
            }
        }
    }
}
