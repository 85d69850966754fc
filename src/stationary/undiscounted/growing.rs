//! Proofs that values grow without end.
//!
//! # Derivation
//!
//! Let B₀ be B with all terminal values replaced by −∞. Let V be finite on a set of states and −∞
//! elsewhere. If B₀ V ≥ V + c on the set, with c > 0 beyond rounding, and B₀ preserves shifts, then
//! B^n V ≥ B₀^n V ≥ V + n c. Divergence is only reported with such a V, which comes from damped
//! sweeps of B₀.
//!
//! Direct inference preserves shifts. With a discount and without †, it equals the undiscounted
//! problem with the cost τ log 1/γ added to every step. Variational inference scales shifts by γ
//! times the row sums, so a proof needs γ = 1 and rows that sum to 1 to within rounding, in the
//! states of the set. Rows that sum to 1 − 10⁻⁹, which validation accepts, let values grow up to
//! 10⁹ c only. The proof leaves their states out.

use super::duration::OptimalActions;
use crate::backward::{Backup, StageTables};
use crate::stationary::halt::Halt;
use crate::stationary::interval::{Differences, FEW_ROUNDINGS, MANY_ROUNDINGS};
use crate::stationary::iterate::Iterate;
use crate::stationary::operator::Operator;
use crate::{Inference, Model, Real, Status};

/// Passes before the first attempt at a proof. The number of passes doubles between attempts, and
/// an attempt is skipped if BV − V has halved since the last.
pub(crate) const FIRST_LOOK: usize = 16;

/// An attempt takes at most one sweep for this many passes so far.
const LOOK_SHARE: usize = 4;

/// Sweeps between two attempts with a part of the states.
const PERIOD: usize = 8;

/// Schedules attempts to prove divergence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookout {
    passes: usize, // of the next attempt
    norm: f64,     // of BV − V at the last attempt
}

impl Lookout {
    pub(crate) fn new() -> Self {
        Self { passes: FIRST_LOOK, norm: f64::INFINITY }
    }

    /// Attempts a proof from V, if values rise and enough passes went by without progress.
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
        look(&mut iterate.operator, iterate.values.clone())?;
        if iterate.operator.is_hard() { look_for_cancelling(iterate) } else { Ok(()) }
    }
}

/// Ends the search if rewards cancel on an endless loop, which damped sweeps show in a share of the
/// passes so far. Undamped sweeps may oscillate forever there.
fn look_for_cancelling<F: Real, M: Model<Scalar = F> + ?Sized>(
    iterate: &mut Iterate<'_, F, M>,
) -> Result<(), Halt> {
    let is_alive = iterate.takes_part();
    let Iterate { operator, values, .. } = iterate;
    let sweeps = (operator.passes() / LOOK_SHARE).max(FIRST_LOOK);
    let (mut values, mut backed_up) = (values.clone(), values.clone());
    let half = F::from_f64(0.5);
    for _ in 0..sweeps {
        operator.ask()?;
        operator.apply(&values, StageTables::values(&mut backed_up))?;
        let differences = Differences::of(&values, &backed_up, operator.is_fixed());
        let rounding = FEW_ROUNDINGS * operator.rounding().of(differences.magnitudes);
        if differences.is_open {
            return Ok(());
        }
        if differences.norm() <= rounding {
            let slack = MANY_ROUNDINGS * rounding;
            let optimal = OptimalActions::at(operator, &values, &is_alive, slack)?;
            let endless = optimal.endless_state(operator)?;
            return endless.map_or(Ok(()), |state| Err(Halt::Ended(Status::SeveralFixedPoints { state })));
        }
        for ((v, &b), _) in values.iter_mut().zip(&backed_up).zip(&is_alive).filter(|(_, alive)| **alive) {
            *v += half * (b - *v);
        }
    }
    Ok(())
}

/// Ends the search if a proof of divergence is found from `start`, in a share of the passes so far.
pub(crate) fn look<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    start: Vec<F>,
) -> Result<(), Halt> {
    if is_diverging(operator, start)? { Err(Halt::Ended(Status::Diverging)) } else { Ok(()) }
}

/// Whether a proof of divergence is found from `values`.
fn is_diverging<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    mut values: Vec<F>,
) -> Result<bool, Halt> {
    let sweeps = (operator.passes() / LOOK_SHARE).max(FIRST_LOOK);
    let inference = operator.inference();
    let (discount, temperature) = (operator.model().discount(), operator.model().temperature());
    let is_left = inference == Inference::Direct && discount < F::one();
    if is_left && discount == F::zero() {
        return Ok(false);
    }
    let loss = if is_left { -(temperature * discount.ln()).into_f64() } else { 0.0 };
    let discount = if is_left { F::one() } else { discount };
    let backup = Backup::new(operator.model(), inference).with_discount(discount);
    for (state, v) in values.iter_mut().enumerate() {
        if operator.is_fixed()[state] || !operator.keeps_shifts()[state] {
            *v = F::neg_infinity();
        }
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
            // Damped, because undamped sweeps may be periodic.
            *v = if b > F::neg_infinity() { *v + half * (b - *v) } else { b };
        }
    }
    Ok(false)
}

/// B₀: the problem without terminal states.
struct Endless<'o, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    backup: Backup<'m, F, M>,
    operator: &'o mut Operator<'m, F, M>,
    loss: f64, // extra cost of each step
}

/// Where B₀ V > V beyond rounding, among the states with finite V.
enum Rise {
    Nowhere,
    Everywhere,
    /// In some states, by at most this.
    Somewhere(f64),
    /// Not known, because B₀ V is −∞ in some of these states.
    Unknown,
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Endless<'_, '_, F, M> {
    /// Writes B₀ V where V is finite, and −∞ elsewhere.
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

    /// Whether the states that rise at least half as fast as the fastest rise without the other
    /// states.
    ///
    /// States that rise more slowly are removed until the set rises, stops rising or stops
    /// shrinking.
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
