//! The interval around the fixed point that one application of B gives.
//!
//! # Derivation
//!
//! Let N be the nonterminal states with finite value, δ = B V − V on N, lo = min δ and hi = max δ.
//! Adding c to V on N adds γ c Σ_{s' ∈ N} P(s'|s,a) to the action value of (s,a). The factor of c
//! lies between κ⁻ and κ⁺, which are γ times the least and the largest row sum over N. The soft
//! maximum takes a weighted mean of these changes. Hence
//!
//! ```text
//! B^{n+1} V − B^n V ≤ κ^n hi,   κ = κ⁺ if hi ≥ 0, else κ⁻
//! V* ≤ B V + κ/(1−κ) hi,        and in the same way from below    (S2)
//! ```
//!
//! If rows sum to 1 and there are no terminal states, κ = γ, and this is the bound of MacQueen and
//! Porteus. κ⁻ = 0 if all successors of some pair are terminal. Rows that sum to 1 + 10⁻⁹, which
//! validation accepts, count with their actual sum.
//!
//! # Rounding
//!
//! B V is computed with an error of at most e in each state. So lo − e and hi + e replace lo and
//! hi, and the interval widens by e. A sum of n terms p v has an error of at most n + 1 units of κ
//! max|v|. The soft maximum averages errors of action values. Its own exponentials and their sum
//! add a few τ for each action and, by the Gibbs inequality, twice the mean of the gaps, Σ π (max Q
//! − Q) ≤ τ log(Σ ρ / min ρ).
//!
//! # References
//!
//! Puterman, *Markov Decision Processes* (1994), §6.6; Higham, *Accuracy and Stability of Numerical
//! Algorithms* (2002), ch. 3.

use std::ops::Range;

use super::row_sums::RowSums;
use crate::kernels::vectorised;
use crate::mdp::CheckedStage;
use crate::parallel::fold_pieces;
use crate::team::Team;
use crate::{Dynamics, Error, Inference, Real};

/// B V − V counts as pure rounding below this many times the rounding error of a backup.
pub(super) const FEW_ROUNDINGS: f64 = 4.0;

/// The actions of a loop whose rewards cancel are optimal to within this many times the rounding
/// error of a backup.
pub(super) const MANY_ROUNDINGS: f64 = 64.0;

/// Bounds κ⁻ and κ⁺ on the factor by which B scales a shift of its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contraction {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Contraction {
    pub(super) fn new(discount: f64, rows: &RowSums) -> Self {
        // The row sums are rounded too.
        let slack = rows.slack + 4.0 * f64::EPSILON;
        Self {
            least: discount * rows.least * (1.0 - slack).max(0.0),
            most: discount * rows.most * (1.0 + slack),
        }
    }

    /// An operator that is not known to be a contraction.
    pub(super) fn unknown() -> Self {
        Self { least: 0.0, most: f64::INFINITY }
    }

    /// Whether B is known to be a contraction, so that (S2) holds.
    pub(super) fn is_known(self) -> bool {
        self.most < 1.0
    }

    /// Whether B scales shifts nearly alike in all states, so that adding the middle of an interval
    /// to V changes BV − V by little more than a constant.
    pub(super) fn is_even(self) -> bool {
        self.is_known() && self.most - self.least <= 0.01 * (1.0 - self.most)
    }

    /// κ/(1−κ) c with the κ of the upper end. For the lower end, pass −c.
    fn total(self, c: f64) -> f64 {
        let kappa = if c >= 0.0 { self.most } else { self.least };
        if c == 0.0 || kappa == 0.0 {
            return 0.0;
        }
        let total = kappa / (1.0 - kappa) * c;
        total + total.abs() * (4.0 * f64::EPSILON)
    }
}

/// δ = B V − V over the nonterminal states with finite V and B V.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Differences {
    pub(super) lo: f64,
    pub(super) hi: f64,
    /// Mean of δ.
    pub(super) mean: f64,
    /// Largest magnitudes of finite V and BV.
    pub(super) magnitudes: (f64, f64),
    /// Whether V or B V, but not both, is −∞ in some state. Then there is no bound yet.
    pub(super) is_open: bool,
    /// Whether all states are terminal or have V = B V = −∞: such values have no error.
    pub(super) is_exact: bool,
}

impl Differences {
    pub(super) fn of<F: Real>(values: &[F], backed_up: &[F], is_fixed: &[bool]) -> Self {
        Self::from_compared(&compare_all(values, backed_up, is_fixed))
    }

    /// [`of`](Self::of) all processes of a team. Collective.
    pub(super) fn of_team<F: Real>(
        team: &dyn Team,
        values: &[F],
        backed_up: &[F],
        is_fixed: &[bool],
    ) -> Result<Self, Error> {
        let own = compare_all(values, backed_up, is_fixed);
        if team.size() == 1 {
            return Ok(Self::from_compared(&own));
        }
        let numbers = [
            own.lo.into_f64(),
            own.hi.into_f64(),
            own.largest.into_f64(),
            own.largest_backed_up.into_f64(),
            f64::from(u8::from(own.is_open)),
            own.sum,
            own.number,
        ];
        let join = |a: [f64; 7], b: [f64; 7]| {
            let [lo, hi, largest, largest_backed_up, open] =
                [a[0].min(b[0]), a[1].max(b[1]), a[2].max(b[2]), a[3].max(b[3]), a[4].max(b[4])];
            [lo, hi, largest, largest_backed_up, open, a[5] + b[5], a[6] + b[6]]
        };
        let [lo, hi, largest, largest_backed_up, open, sum, number] =
            team.join("differences", Ok(numbers), join)?;
        let is_open = open > 0.0;
        let [lo, hi, largest, largest_backed_up] = [lo, hi, largest, largest_backed_up].map(F::from_f64);
        Ok(Self::from_compared(&Compared { lo, hi, largest, largest_backed_up, is_open, sum, number }))
    }

    fn from_compared<F: Real>(all: &Compared<F>) -> Self {
        let is_exact = all.lo > all.hi && !all.is_open;
        let (lo, hi) = if all.lo <= all.hi { (all.lo.into_f64(), all.hi.into_f64()) } else { (0.0, 0.0) };
        let magnitudes = (all.largest.into_f64(), all.largest_backed_up.into_f64());
        let mean = if all.number > 0.0 { all.sum / all.number } else { 0.0 };
        Self { lo, hi, mean, magnitudes, is_open: all.is_open, is_exact }
    }

    /// max |δ|.
    pub(super) fn norm(&self) -> f64 {
        self.hi.max(-self.lo).max(0.0)
    }
}

/// Compares V and B V of all own states.
fn compare_all<F: Real>(values: &[F], backed_up: &[F], is_fixed: &[bool]) -> Compared<F> {
    let piece = |entries: Range<usize>, ()| {
        let (values, backed_up) = (&values[entries.clone()], &backed_up[entries.clone()]);
        vectorised!(compare(values, backed_up, &is_fixed[entries.clone()]))
    };
    fold_pieces(values.len(), (), &piece, &Compared::join)
}

/// What is known of δ in some states.
struct Compared<F> {
    lo: F,
    hi: F,
    largest: F,
    largest_backed_up: F,
    is_open: bool,
    sum: f64,
    number: f64,
}

impl<F: Real> Compared<F> {
    fn join(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
            largest: self.largest.max(other.largest),
            largest_backed_up: self.largest_backed_up.max(other.largest_backed_up),
            is_open: self.is_open | other.is_open,
            sum: self.sum + other.sum,
            number: self.number + other.number,
        }
    }
}

/// Compares a piece of V and B V, with several running results side by side.
#[inline(always)]
fn compare<const FUSED: bool, F: Real>(values: &[F], backed_up: &[F], is_fixed: &[bool]) -> Compared<F> {
    const LANES: usize = 16;
    let (zero, dead) = (F::zero(), F::neg_infinity());
    let (mut lo, mut hi) = ([F::infinity(); LANES], [dead; LANES]);
    let (mut largest, mut largest_backed_up) = ([zero; LANES], [zero; LANES]);
    let (mut sum, mut number, mut open) = ([zero; LANES], [zero; LANES], [zero; LANES]);
    // Sums are relative to one of the differences, which may all be nearly alike.
    let first = backed_up.first().zip(values.first()).map_or(zero, |(&b, &v)| b - v);
    let base = if first.is_finite() { first } else { zero };
    let pieces = values.chunks(LANES).zip(backed_up.chunks(LANES)).zip(is_fixed.chunks(LANES));
    for ((values, backed_up), is_fixed) in pieces {
        let (mut v, mut b, mut takes_part) = ([dead; LANES], [dead; LANES], [false; LANES]);
        v[..values.len()].copy_from_slice(values);
        b[..values.len()].copy_from_slice(backed_up);
        takes_part.iter_mut().zip(is_fixed).for_each(|(takes_part, is_fixed)| *takes_part = !is_fixed);
        for i in 0..LANES {
            let (v, b) = (v[i], b[i]);
            let (magnitude, magnitude_backed_up) = (v.abs(), b.abs());
            let (has_value, has_backup) = (v > dead, b > dead);
            largest[i] = if has_value & (magnitude > largest[i]) { magnitude } else { largest[i] };
            largest_backed_up[i] = if has_backup & (magnitude_backed_up > largest_backed_up[i]) {
                magnitude_backed_up
            } else {
                largest_backed_up[i]
            };
            let (is_counted, difference) = (takes_part[i] & has_value & has_backup, b - v);
            lo[i] = if is_counted & (difference < lo[i]) { difference } else { lo[i] };
            hi[i] = if is_counted & (difference > hi[i]) { difference } else { hi[i] };
            sum[i] += if is_counted { difference - base } else { zero };
            number[i] += if is_counted { F::one() } else { zero };
            open[i] = if takes_part[i] & (has_value != has_backup) { F::one() } else { open[i] };
        }
    }
    let total = |lanes: &[F]| lanes.iter().fold(0.0, |sum, lane| sum + lane.into_f64());
    Compared {
        lo: lo.into_iter().fold(F::infinity(), F::min),
        hi: hi.into_iter().fold(dead, F::max),
        largest: largest.into_iter().fold(zero, F::max),
        largest_backed_up: largest_backed_up.into_iter().fold(zero, F::max),
        is_open: open.iter().any(|&open| open > zero),
        sum: total(&sum) + base.into_f64() * total(&number),
        number: total(&number),
    }
}

/// Bounds on V* − B V in nonterminal states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Interval {
    /// No bound.
    pub(super) const EVERYTHING: Self = Self { lower: f64::NEG_INFINITY, upper: f64::INFINITY };

    /// (S2), for a BV whose rounding error is at most `rounding`.
    pub(super) fn new(differences: &Differences, contraction: Contraction, rounding: f64) -> Self {
        if differences.is_exact {
            return Self { lower: 0.0, upper: 0.0 };
        }
        if !contraction.is_known() || differences.is_open {
            return Self::EVERYTHING;
        }
        let upper = contraction.total(differences.hi + rounding) + rounding;
        let lower = -contraction.total(rounding - differences.lo) - rounding;
        if upper >= lower { Self { lower, upper } } else { Self::EVERYTHING }
    }

    pub(super) fn width(&self) -> f64 {
        self.upper - self.lower
    }

    /// The shift of BV to the middle; 0 if no bound is known.
    pub(super) fn middle(&self) -> f64 {
        let middle = self.lower / 2.0 + self.upper / 2.0;
        if middle.is_finite() { middle } else { 0.0 }
    }

    /// Largest error of BV + `shift`.
    pub(super) fn error(&self, shift: f64) -> f64 {
        let error = (self.upper - shift).max(shift - self.lower);
        if error.is_nan() { f64::INFINITY } else { error * (1.0 + 4.0 * f64::EPSILON) }
    }
}

/// Bounds the error of one backup.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounding {
    unit: f64,      // unit roundoff
    per_value: f64, // units for each max|V|
    constant: f64,  // absolute
}

impl Rounding {
    pub(super) fn new<F, D>(
        stage: &CheckedStage<'_, F, D>,
        is_fixed: &[bool],
        inference: Inference,
        temperature: F,
        discount: f64,
        rows: &RowSums,
        team: &dyn Team,
    ) -> Result<Self, Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let unit = F::epsilon().into_f64() / 2.0;
        let (terms, width) = (rows.most_terms as f64, stage.dynamics.num_actions() as f64);
        let temperature = temperature.into_f64();
        let mut found = Ok([f64::INFINITY, 0.0_f64]); // least positive weight, largest row sum
        for state in (0..is_fixed.len()).filter(|&state| !is_fixed[state]) {
            found = found.and_then(|[mut least, most]| {
                let (_, prior) = stage.row(state)?;
                let mut sum = 0.0;
                for weight in prior.iter().map(|weight| weight.into_f64()).filter(|&weight| weight > 0.0) {
                    (least, sum) = (least.min(weight), sum + weight);
                }
                Ok([least, most.max(sum)])
            });
        }
        let [least, most] = team.join("Rounding::new", found, |a, b| [a[0].min(b[0]), a[1].max(b[1])])?;
        let (log_least, log_most) = if least <= most { (least.ln(), most.ln()) } else { (0.0, 0.0) };
        let mut exponentials =
            width + 16.0 + 4.0 * (log_most - log_least) + 4.0 * log_least.abs().max(log_most.abs());
        let mut per_value = discount * (terms + 4.0);
        if inference == Inference::Direct {
            // The terms of the expectation are exponentials too, with weights P of at least e^−745.
            exponentials += terms + 16.0 - 4.0 * F::min_positive_value().into_f64().ln();
            per_value = 8.0;
        }
        let least_number = F::min_positive_value().into_f64();
        let constant = unit * temperature * exponentials + least_number * (terms + width + 4.0);
        Ok(Self { unit, per_value, constant })
    }

    /// The largest rounding error of BV and of BV − V, given the largest magnitudes of V and BV.
    pub(super) fn of(&self, (largest, largest_backed_up): (f64, f64)) -> f64 {
        // Multiply by the unit first: values may be close to overflow.
        self.unit * (self.per_value + 1.0) * largest + 8.0 * self.unit * largest_backed_up + self.constant
    }
}

/// Rounds up to the number type, by at most two units in the last place.
pub(super) fn round_up<F: Real>(x: f64) -> F {
    let rounded = F::from_f64(x);
    if rounded.into_f64() >= x {
        rounded
    } else {
        rounded + rounded.abs() * F::epsilon() + F::min_positive_value()
    }
}
