//! The best values that a search has found, with a bound on their error.

use std::ops::Range;

use super::StationarySolution;
use super::interval::{Contraction, Differences, Interval, round_up};
use super::iterate::Iterate;
use crate::backward::StageTables;
use crate::parallel::{RowsMut, fold_pieces};
use crate::team::Team;
use crate::{Convergence, Error, Model, Real, Status, Table, arrays};

/// The bound counts as pure rounding once its exact part is at most this share of its rounding
/// part.
const ALL_ROUNDING: f64 = 1.0 / 16.0;

/// Backups without improvement after which a search ends, if rounding is a large part of the bound.
const PATIENCE: usize = 64;

/// The least relative decrease of the bound that counts as an improvement.
const IMPROVEMENT: f64 = 0.01;

/// Values with a bound on their error.
pub(super) struct Answer<F> {
    tolerance: f64,
    values: Vec<F>,
    policy: Option<(Vec<F>, Vec<F>)>, // with logarithms, where it cannot be read from the values
    bound: f64,
    improved: (usize, f64), // backups since the last improvement, and the bound then
}

impl<F: Real> Answer<F> {
    /// An answer with bound +∞. `values` is memory for later values.
    pub(super) fn new(tolerance: f64, values: Vec<F>) -> Self {
        Self { tolerance, values, policy: None, bound: f64::INFINITY, improved: (0, f64::INFINITY) }
    }

    pub(super) fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// A bound on the error of the values; +∞ if none is known.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// The largest absolute finite value.
    pub(super) fn magnitude(&self) -> f64 {
        let piece = |states: Range<usize>, ()| {
            let finite = self.values[states].iter().filter(|value| value.is_finite());
            finite.fold(0.0, |most: f64, value| most.max(value.into_f64().abs()))
        };
        fold_pieces(self.values.len(), (), &piece, &f64::max)
    }

    /// The size of BV − V below which the tolerance is met; 0 if B is not known to be a
    /// contraction.
    pub(super) fn needed(&self, contraction: Contraction) -> f64 {
        if contraction.is_known() {
            self.tolerance * (1.0 - contraction.most) / contraction.most.max(f64::MIN_POSITIVE)
        } else {
            0.0
        }
    }

    /// Whether the backup of the values meets the tolerance, its rounding error included.
    pub(super) fn is_enough(&self, contraction: Contraction, rounding: f64) -> bool {
        self.bound * passed_on(contraction) + rounding <= self.tolerance
    }

    /// Takes `values`, whose error is at most `bound`, if that is the smallest bound so far.
    pub(super) fn offer(&mut self, values: &[F], bound: f64) {
        let is_below = |states: Range<usize>, ()| values[states].iter().all(|&v| v < F::infinity());
        if bound < self.bound && fold_pieces(values.len(), (), &is_below, &|a, b| a & b) {
            self.values.copy_from_slice(values);
            (self.bound, self.policy) = (bound, None);
        }
    }

    /// Takes `values` like [`offer`](Self::offer), with a policy that rounding hides in them.
    pub(super) fn offer_policy(&mut self, values: &[F], policy: (Vec<F>, Vec<F>), bound: f64) {
        let before = self.bound;
        self.offer(values, bound);
        if self.bound < before {
            self.policy = Some(policy);
        }
    }

    /// Takes `values` plus `shift` in nonterminal states, if `bound` is the smallest bound so far.
    /// Collective.
    pub(super) fn offer_shifted(
        &mut self,
        team: &dyn Team,
        (values, is_fixed): (&[F], &[bool]),
        shift: F,
        bound: f64,
    ) -> Result<(), Error> {
        if !(bound < self.bound) {
            return Ok(());
        }
        self.policy = None;
        let piece = |states: Range<usize>, best: RowsMut<'_, F>| {
            let entries = values[states.clone()].iter().zip(&is_fixed[states]);
            best.data.iter_mut().zip(entries).fold(true, |is_finite, (best, (&v, &is_fixed))| {
                *best = v + if is_fixed { F::zero() } else { shift };
                is_finite & (*best < F::infinity())
            })
        };
        let best = RowsMut::column(&mut self.values[..]);
        let is_finite = fold_pieces(values.len(), best, &piece, &|a, b| a & b);
        let is_finite = team.all("Answer::offer_shifted", is_finite)?;
        self.bound = if is_finite { bound } else { f64::INFINITY };
        Ok(())
    }

    /// Whether only rounding is left of the bound, or the bound has stopped improving.
    pub(super) fn has_stalled(
        &mut self,
        contraction: Contraction,
        differences: &Differences,
        rounding: f64,
    ) -> bool {
        self.improved.0 += 1;
        if self.bound < self.improved.1 * (1.0 - IMPROVEMENT) {
            self.improved = (0, self.bound);
        }
        let exact = Interval::new(differences, contraction, 0.0).width();
        let rounded = Interval::new(differences, contraction, rounding).width() - exact;
        let mut patience = PATIENCE as f64;
        if exact > 8.0 * rounded {
            patience += 8.0 / (1.0 - contraction.most);
        }
        // Unbounded rounding means that values are about to overflow: the next backup reports it.
        (rounded.is_finite() && exact <= ALL_ROUNDING * rounded) || self.improved.0 as f64 > patience
    }

    /// Makes the solution by one last backup: of the best values, or of V if no bound is known.
    pub(super) fn finish<M>(
        mut self,
        iterate: Iterate<'_, F, M>,
        status: Status,
    ) -> Result<StationarySolution<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let Iterate { mut operator, values, mut backed_up } = iterate;
        let shape = (values.len(), operator.model().num_actions());
        if self.bound == f64::INFINITY {
            self.values = values;
        }
        let table = |table| arrays::filled(table, shape, F::zero());
        let tables = table(Table::ActionValues)
            .and_then(|action_values| Ok((action_values, table(Table::Policy)?, table(Table::Policy)?)));
        let (mut action_values, mut policy, mut logs) =
            operator.model().team().agree("Answer::finish", tables)?;
        let outputs = StageTables {
            values: &mut backed_up,
            action_values: Some(arrays::slice_mut(&mut action_values)),
            policy: Some((arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs))),
        };
        operator.apply(&self.values, outputs)?;
        if let Some((probabilities, log_probabilities)) = &self.policy {
            arrays::slice_mut(&mut policy).copy_from_slice(probabilities);
            arrays::slice_mut(&mut logs).copy_from_slice(log_probabilities);
        }
        let rows = (arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs));
        operator.make_proper(&backed_up, arrays::slice(&action_values), rows)?;
        let team = operator.model().team();
        let differences = Differences::of_team(team, &self.values, &backed_up, operator.is_fixed())?;
        let rounding = operator.rounding().of(differences.magnitudes);
        let contraction = operator.contraction();
        let interval = Interval::new(&differences, contraction, rounding);
        let error = interval.error(0.0).min(self.bound * passed_on(contraction) + rounding);
        let error_bound = if error.is_nan() { F::infinity() } else { round_up(error) };
        let status = match status {
            Status::Diverging => status,
            _ if error_bound.into_f64() <= self.tolerance => Status::Converged,
            // The last backup has a larger rounding error than the search assumed.
            Status::Converged => Status::RoundingFloor,
            other => other,
        };
        Ok(StationarySolution::new(
            (backed_up, action_values, policy, logs),
            operator.inference(),
            Convergence { status, iterations: operator.passes(), error_bound },
        ))
    }
}

/// The factor by which a backup reduces an error, at most 1 even where it is unknown.
fn passed_on(contraction: Contraction) -> f64 {
    if contraction.most.is_finite() { contraction.most } else { 1.0 }
}
