//! The operator B of a stationary problem, its contraction factor and rounding error, and its cost.
//!
//! ```text
//! (B V)(s) = τ log Σ_a ρ(a|s) exp( (r(s,a) + γ Σ_s' P(s'|s,a) V(s')) / τ )    (S1)
//! (B V)(s) = V_T(s)  if s is terminal
//! ```
//!
//! This is variational inference; direct inference replaces the expectation by the log-expectation
//! of (D1). One application is one stage of [`SoftValueIteration`](crate::SoftValueIteration) and
//! runs the same code, in parallel blocks.
//!
//! # Counting
//!
//! The unit of work is a pass: as many stored transitions as the model has. Products with the
//! dynamics of a policy count the transitions that they read.

use super::halt::Halt;
use super::interval::{Contraction, Rounding};
use super::row_sums::RowSums;
use crate::backward::{Backup, StageTables};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real, Status};

/// B of one model, with a count of the passes so far.
pub(super) struct Operator<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m M,
    inference: Inference,
    backup: Backup<'m, F, M>,
    is_fixed: Vec<bool>, // [s]: terminal
    contraction: Contraction,
    keeps_shifts: bool,
    row_error: f64,
    rounding: Rounding,
    max_passes: usize,
    work: usize,
    reads: usize,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Operator<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(super) fn new(model: &'m M, inference: Inference, max_passes: usize) -> Result<Self, Error> {
        let stage = CheckedStage::new(model, 0, inference)?;
        let is_fixed: Vec<bool> = (0..model.num_states()).map(|state| model.is_terminal(state)).collect();
        let discount = model.discount().into_f64();
        let rows = RowSums::of(&stage, &is_fixed, discount)?;
        let (contraction, keeps_shifts) = match inference {
            Inference::Variational => (Contraction::new(discount, &rows), rows.keep_shifts::<F>(discount)),
            // The soft maximum over successors preserves shifts; the exit to † does not.
            Inference::Direct => (Contraction::unknown(), true),
        };
        let row_error = if inference == Inference::Direct { 0.0 } else { rows.distance_from_one() };
        let rounding = Rounding::new(&stage, &is_fixed, inference, model.temperature(), discount, &rows)?;
        let work = stage.dynamics.work(0..model.num_states()).max(1);
        let backup = Backup::new(model, inference);
        Ok(Self {
            model,
            inference,
            backup,
            is_fixed,
            contraction,
            keeps_shifts,
            row_error,
            rounding,
            max_passes,
            work,
            reads: work,
        })
    }

    pub(super) fn model(&self) -> &'m M {
        self.model
    }

    pub(super) fn inference(&self) -> Inference {
        self.inference
    }

    /// Whether each state is terminal and so keeps its value, `[s]`.
    pub(super) fn is_fixed(&self) -> &[bool] {
        &self.is_fixed
    }

    pub(super) fn contraction(&self) -> Contraction {
        self.contraction
    }

    /// Whether B preserves shifts: a constant added to all finite nonterminal values is added to BV
    /// in each state that leads only to such states.
    pub(super) fn keeps_shifts(&self) -> bool {
        self.keeps_shifts
    }

    /// The largest distance of a row sum from 1, over the pairs that are available. Direct inference
    /// has its own weights, so there it is 0.
    pub(super) fn row_error(&self) -> f64 {
        self.row_error
    }

    pub(super) fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Passes so far, rounded up.
    pub(super) fn passes(&self) -> usize {
        self.reads.div_ceil(self.work)
    }

    /// Passes that may still be begun.
    pub(super) fn passes_left(&self) -> usize {
        self.max_passes.saturating_sub(self.passes())
    }

    /// Must be called before a pass: ends the search at the limit, or if the model's hook stops it.
    pub(super) fn ask(&self) -> Result<(), Halt> {
        let passes = self.passes();
        if passes >= self.max_passes {
            return Err(Halt::Ended(Status::IterationLimit));
        }
        self.tell(passes)
    }

    /// Reports the number of passes to the model's hook, which may stop the search.
    pub(super) fn tell(&self, passes: usize) -> Result<(), Halt> {
        match self.model.begin_stage(passes) {
            Ok(()) => Ok(()),
            Err(Error::Stopped { .. }) => Err(Halt::Ended(Status::Stopped)),
            Err(error) => Err(Halt::Failed(error)),
        }
    }

    /// Counts stored transitions that other code has read.
    pub(super) fn count(&mut self, transitions: usize) {
        self.reads = self.reads.saturating_add(transitions);
    }

    /// Counts passes that other code has made.
    pub(super) fn count_passes(&mut self, passes: usize) {
        self.count(self.work.saturating_mul(passes));
    }

    /// Stored transitions of the model.
    pub(super) fn work(&self) -> usize {
        self.work
    }

    /// Writes BV and, if asked, Q and the policy that goes with it: one pass.
    pub(super) fn apply(&mut self, values: &[F], outputs: StageTables<'_, F>) -> Result<(), Error> {
        self.count(self.work);
        self.backup.stage(0, values, outputs)
    }
}
