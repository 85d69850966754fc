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

use crate::backward::{Backup, StageTables};
use crate::stationary::halt::Halt;
use crate::stationary::interval::Differences;
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Inference, Model, Real, Status};

/// Passes before values are first asked whether they grow without end; then each time there are twice as many, unless
/// differences have halved meanwhile.
pub(crate) const FIRST_LOOK: usize = 16;

/// Sweeps that this may take: one for so many passes so far.
const LOOK_SHARE: usize = 4;

/// Sweeps between two looks at a part of the states.
const PERIOD: usize = 8;

/// When to look for a proof.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookout {
    passes: usize, // of the next look
    norm: f64,     // of the differences at the look before
}

impl Lookout {
    pub(crate) fn new() -> Self {
        Self { passes: FIRST_LOOK, norm: f64::INFINITY }
    }

    /// Looks for a proof from V on, if values rise and enough passes went by without progress.
    pub(crate) fn look_if_due<F: Real, M: Model<Scalar = F> + ?Sized>(
        &mut self,
        iterate: &mut Iterate<'_, F, M>,
        differences: &Differences,
        rounding: f64,
    ) -> Result<(), Halt> {
        let passes = iterate.operator.passes();
        if !(differences.hi > rounding) || passes < self.passes {
            return Ok(());
        }
        let (norm, before) = (differences.norm(), self.norm);
        *self = Self { passes: 2 * passes, norm };
        if norm <= before / 2.0 {
            return Ok(());
        }
        look(&mut iterate.operator, iterate.values.clone())
    }
}

/// Ends the search if values can be proved to grow without end; this takes a part of the passes so far, from `start` on.
pub(crate) fn look<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    start: Vec<F>,
) -> Result<(), Halt> {
    if is_diverging(operator, start)? { Err(Halt::Ended(Status::Diverging)) } else { Ok(()) }
}

/// Whether there is a proof, as far as it is looked for.
fn is_diverging<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    mut values: Vec<F>,
) -> Result<bool, Halt> {
    let sweeps = (operator.passes() / LOOK_SHARE).max(FIRST_LOOK);
    let inference = operator.inference();
    let (discount, temperature) = (operator.model().discount(), operator.model().temperature());
    let is_left = inference == Inference::Direct && discount < F::one();
    if !operator.keeps_shifts() || (is_left && discount == F::zero()) {
        return Ok(false);
    }
    let loss = if is_left { -(temperature * discount.ln()).into_f64() } else { 0.0 };
    let discount = if is_left { F::one() } else { discount };
    let backup = Backup::new(operator.model(), inference, 1).with_discount(discount);
    for (v, _) in values.iter_mut().zip(operator.is_fixed()).filter(|(_, fixed)| **fixed) {
        *v = F::neg_infinity();
    }
    let mut backed_up = values.clone();
    let mut endless = Endless { backup, operator, loss };
    for sweep in 1..=sweeps {
        match endless.apply(&values, &mut backed_up)? {
            Rise::Nowhere => return Ok(false),
            Rise::Everywhere => return Ok(true),
            Rise::Somewhere(most) if sweep % PERIOD == 0 => {
                if endless.part_rises(&values, &backed_up, most)? {
                    return Ok(true);
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
    Ok(false)
}

/// B₀: what goes on forever.
struct Endless<'o, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    backup: Backup<'m, F, M>,
    operator: &'o mut Operator<'m, F, M>,
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
    fn apply(&mut self, values: &[F], backed_up: &mut [F]) -> Result<Rise, Halt> {
        self.operator.ask()?;
        self.operator.count_passes(1);
        self.backup.stage(0, values, StageTables::values(backed_up))?;
        for (b, &v) in backed_up.iter_mut().zip(values) {
            if v == F::neg_infinity() {
                *b = v;
            }
        }
        let differences = Differences::of(values, backed_up, self.operator.is_fixed());
        let rounding = self.operator.rounding().of(differences.magnitudes) + self.loss * (1.0 + 1e-6);
        Ok(if differences.is_open {
            Rise::Unknown
        } else if differences.is_exact || !(differences.hi > rounding) {
            Rise::Nowhere
        } else if differences.lo > rounding {
            Rise::Everywhere
        } else {
            Rise::Somewhere(differences.hi)
        })
    }

    /// Whether the states alone that rise by half as much as the fastest, or what is left of them, rise for themselves.
    fn part_rises(&mut self, values: &[F], backed_up: &[F], most: f64) -> Result<bool, Halt> {
        let (mut part, mut rises) = (values.to_vec(), backed_up.to_vec());
        loop {
            let mut is_smaller = false;
            for (v, &b) in part.iter_mut().zip(&rises) {
                if *v > F::neg_infinity() && !((b - *v).into_f64() >= most / 2.0) {
                    (*v, is_smaller) = (F::neg_infinity(), true);
                }
            }
            match self.apply(&part, &mut rises)? {
                Rise::Everywhere => return Ok(true),
                Rise::Nowhere => return Ok(false),
                Rise::Somewhere(_) | Rise::Unknown if !is_smaller => return Ok(false),
                Rise::Somewhere(_) | Rise::Unknown => {}
            }
        }
    }
}
