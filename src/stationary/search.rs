//! The state of a search that every method shares: values, their backup, the best answer so far, and when to end.

use std::ops::ControlFlow;

use super::StationarySolution;
use super::certificate::Certifier;
use super::interval::{Differences, Interval, round_up};
use super::operator::Operator;
use crate::Status;
use crate::backward::StageTables;
use crate::{Error, Model, Real, Table, arrays};

/// Passes before values are first asked whether they grow without end; then each time there are twice as many, unless
/// differences have halved meanwhile.
pub(super) const FIRST_LOOK: usize = 16;

/// Rounding counts as all that is left of the bound once the rest is this part of it.
const ALL_ROUNDING: f64 = 1.0 / 16.0;

/// Where rounding is a good part of the bound, a search ends that has not improved it for so many backups.
const PATIENCE: usize = 64;

/// By less than this part, a bound has not improved.
const IMPROVEMENT: f64 = 0.01;

/// Going on, or how it ended.
pub(super) type Step<T> = Result<ControlFlow<Status, T>, Error>;

/// When a search ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) tolerance: f64,
    pub(super) max_passes: usize,
}

/// A search for the fixed point.
pub(super) struct Search<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) operator: Operator<'m, F, M>,
    limits: Limits,
    /// V, finite wherever V* can be told from −∞ so far.
    pub(super) values: Vec<F>,
    /// BV of the last backup.
    pub(super) backed_up: Vec<F>,
    best: Vec<F>,           // the best answer so far,
    bound: f64,             // its error
    improved: (usize, f64), // backups ago, and what the bound was then
    pub(super) certifier: Certifier,
    next_look: (usize, f64), // passes, and what the differences were at the look before
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Search<'m, F, M> {
    pub(super) fn new(operator: Operator<'m, F, M>, limits: Limits, values: Vec<F>) -> Result<Self, Error> {
        let backed_up = arrays::filled_vec(Table::StateValues, values.len(), F::zero())?;
        let best = values.clone();
        let improved = (0, f64::INFINITY);
        Ok(Self {
            operator,
            limits,
            values,
            backed_up,
            best,
            bound: f64::INFINITY,
            improved,
            certifier: Certifier::new(),
            next_look: (FIRST_LOOK, f64::INFINITY),
        })
    }

    pub(super) fn tolerance(&self) -> f64 {
        self.limits.tolerance
    }

    /// Passes that may still be begun.
    pub(super) fn passes_left(&self) -> usize {
        self.limits.max_passes.saturating_sub(self.operator.passes())
    }

    /// Whether there is leave to go on: from the limit, and from the hook, which is told of the passes so far.
    pub(super) fn ask(&mut self) -> Step<()> {
        let passes = self.operator.passes();
        if passes >= self.limits.max_passes {
            return Ok(ControlFlow::Break(Status::IterationLimit));
        }
        match self.operator.model().begin_stage(passes) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(Error::Stopped { .. }) => Ok(ControlFlow::Break(Status::Stopped)),
            Err(error) => Err(error),
        }
    }

    /// Backs up V, with the policy of V if asked, and looks at what that says of V*.
    pub(super) fn back_up(&mut self, policy: Option<(&mut [F], &mut [F])>) -> Step<Differences> {
        if let ControlFlow::Break(status) = self.ask()? {
            return Ok(ControlFlow::Break(status));
        }
        let Self { operator, values, backed_up, .. } = self;
        operator.apply(values, StageTables { policy, ..StageTables::values(backed_up) })?;
        let differences = Differences::of(values, backed_up, operator.is_fixed());
        let contraction = operator.contraction();
        // Rounding is that at the middle, so that the answer, which is its backup, keeps the bound.
        let middle = Interval::new(&differences, contraction, 0.0).middle();
        let (largest, largest_backed_up) = differences.magnitudes;
        let magnitude = largest.max(largest_backed_up + middle.abs());
        let rounding = operator.rounding().of((magnitude, magnitude));
        let interval = Interval::new(&differences, contraction, rounding);
        let middle = interval.middle();
        self.offer_shifted(F::from_f64(middle), interval.error(middle));
        if self.reaches(self.bound, rounding) {
            return Ok(ControlFlow::Break(Status::Converged));
        }
        if !contraction.is_known() {
            if let ControlFlow::Break(status) = self.certify(&differences, rounding)? {
                return Ok(ControlFlow::Break(status));
            }
            if differences.hi > rounding && self.is_look_due(&differences) {
                let start = self.values.clone();
                if let ControlFlow::Break(status) = self.look(start)? {
                    return Ok(ControlFlow::Break(status));
                }
            }
        }
        if contraction.is_known() && !differences.is_open && self.has_stalled(&differences, rounding) {
            return Ok(ControlFlow::Break(Status::IterationLimit));
        }
        Ok(ControlFlow::Continue(differences))
    }

    /// Whether enough passes went by without progress that it is time to ask whether there is anything to find.
    fn is_look_due(&mut self, differences: &Differences) -> bool {
        let (passes, before) = self.next_look;
        if self.operator.passes() < passes {
            return false;
        }
        let norm = differences.norm();
        self.next_look = (2 * self.operator.passes(), norm);
        !(norm <= before / 2.0)
    }

    /// V ← BV, moved to the middle of the interval where all states pass shifts on alike: that takes nothing from
    /// the differences but the constant, which sweeps would take long to lose.
    pub(super) fn advance(&mut self, differences: &Differences) {
        std::mem::swap(&mut self.values, &mut self.backed_up);
        let contraction = self.operator.contraction();
        if !contraction.is_even() {
            return;
        }
        let middle = F::from_f64(Interval::new(differences, contraction, 0.0).middle());
        if !(middle.abs() < F::max_value() * F::from_f64(0.25)) {
            return;
        }
        let states = self.values.iter_mut().zip(self.operator.is_fixed());
        states.filter(|(_, fixed)| !**fixed).for_each(|(v, _)| *v += middle);
    }

    /// Whether the backup of values with this error is close enough to be the answer.
    pub(super) fn reaches(&self, bound: f64, rounding: f64) -> bool {
        bound * self.passed_on() + rounding <= self.limits.tolerance
    }

    /// How much of an error a backup passes on.
    fn passed_on(&self) -> f64 {
        let most = self.operator.contraction().most;
        if most.is_finite() { most } else { 1.0 }
    }

    /// Keeps BV + `shift`, whose error is at most `bound`, if that is the best so far.
    fn offer_shifted(&mut self, shift: F, bound: f64) {
        if !(bound < self.bound) {
            return;
        }
        let states = self.best.iter_mut().zip(&self.backed_up).zip(self.operator.is_fixed());
        for ((best, &v), &fixed) in states {
            *best = if fixed { v } else { v + shift };
        }
        self.bound = if self.best.iter().all(|&v| v < F::infinity()) { bound } else { f64::INFINITY };
    }

    /// Largest error of the best answer so far.
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// Keeps values whose error is at most `bound`, if they are the best so far.
    pub(super) fn offer(&mut self, values: &[F], bound: f64) {
        if bound < self.bound && values.iter().all(|&v| v < F::infinity()) {
            self.best.copy_from_slice(values);
            self.bound = bound;
        }
    }

    /// Whether nothing but rounding is left of the bound, or the bound does not improve any more.
    fn has_stalled(&mut self, differences: &Differences, rounding: f64) -> bool {
        self.improved.0 += 1;
        if self.bound < self.improved.1 * (1.0 - IMPROVEMENT) {
            self.improved = (0, self.bound);
        }
        let contraction = self.operator.contraction();
        let exact = Interval::new(differences, contraction, 0.0).width();
        let rounded = Interval::new(differences, contraction, rounding).width() - exact;
        let mut patience = PATIENCE as f64;
        if exact > 8.0 * rounded {
            patience += 8.0 / (1.0 - contraction.most);
        }
        // Where rounding is unbounded, values are about to leave the number type.
        (rounded.is_finite() && exact <= ALL_ROUNDING * rounded) || self.improved.0 as f64 > patience
    }

    /// Ends the search: the answer is the backup of the best values.
    pub(super) fn finish(mut self, status: Status) -> Result<StationarySolution<F>, Error> {
        let (num_states, num_actions) = (self.values.len(), self.operator.model().num_actions());
        if self.bound == f64::INFINITY {
            self.best.copy_from_slice(&self.values);
        }
        let mut action_values = arrays::filled(Table::ActionValues, (num_states, num_actions), F::zero())?;
        let mut policy = arrays::filled(Table::Policy, (num_states, num_actions), F::zero())?;
        let mut logs = arrays::filled(Table::Policy, (num_states, num_actions), F::zero())?;
        let outputs = StageTables {
            values: &mut self.backed_up,
            action_values: Some(arrays::slice_mut(&mut action_values)),
            policy: Some((arrays::slice_mut(&mut policy), arrays::slice_mut(&mut logs))),
        };
        self.operator.apply(&self.best, outputs)?;
        let differences = Differences::of(&self.best, &self.backed_up, self.operator.is_fixed());
        let rounding = self.operator.rounding().of(differences.magnitudes);
        let interval = Interval::new(&differences, self.operator.contraction(), rounding);
        let error = interval.error(0.0).min(self.bound * self.passed_on() + rounding);
        let error_bound = if error.is_nan() { F::infinity() } else { round_up(error) };
        let status = match status {
            Status::Diverging => status,
            _ if error_bound.into_f64() <= self.limits.tolerance => Status::Converged,
            Status::Converged => Status::IterationLimit,
            other => other,
        };
        Ok(StationarySolution::new(
            (self.backed_up, action_values, policy, logs),
            self.operator.inference(),
            super::Convergence { status, iterations: self.operator.passes(), error_bound },
        ))
    }
}
