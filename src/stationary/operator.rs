//! The operator B of a stationary problem, with what a bound has to know of it.
//!
//! ```text
//! (B V)(s) = τ log Σ_a ρ(a|s) exp( (r(s,a) + γ Σ_s' P(s'|s,a) V(s')) / τ ),   V_T(s) if s is terminal          (S1)
//! ```
//!
//! for variational inference; for direct inference the expectation is the log-expectation of (D1). One application is one
//! stage of [`SoftValueIteration`](crate::SoftValueIteration), computed by the same code, in parallel blocks.
//!
//! # What is counted
//!
//! The unit of work is a pass: as many stored transitions as the model has. Products with the dynamics of a policy cost
//! what they read of it.

use super::interval::{Contraction, Rounding};
use super::row_sums::RowSums;
use crate::backward::{Backup, StageTables};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real};

/// B of one model, and the passes that it has taken.
pub(super) struct Operator<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m M,
    inference: Inference,
    backup: Backup<'m, F, M>,
    is_fixed: Vec<bool>, // [s]: terminal
    contraction: Contraction,
    keeps_shifts: bool,
    rounding: Rounding,
    work: usize,
    reads: usize,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Operator<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(super) fn new(model: &'m M, inference: Inference) -> Result<Self, Error> {
        let stage = CheckedStage::new(model, 0, inference)?;
        let is_fixed: Vec<bool> = (0..model.num_states()).map(|state| model.is_terminal(state)).collect();
        let discount = model.discount().into_f64();
        let rows = RowSums::of(&stage, &is_fixed, discount)?;
        let (contraction, keeps_shifts) = match inference {
            Inference::Variational => (Contraction::new(discount, &rows), rows.keep_shifts::<F>(discount)),
            // Shifts are not passed on by the exit to †; by the soft maximum over successors, as they are.
            Inference::Direct => (Contraction::unknown(), true),
        };
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
            rounding,
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

    /// Which states keep their value, `[s]`.
    pub(super) fn is_fixed(&self) -> &[bool] {
        &self.is_fixed
    }

    pub(super) fn contraction(&self) -> Contraction {
        self.contraction
    }

    /// Whether a change by a constant of all values but those of terminal states, of † and of −∞ is passed on undiminished by rows
    /// that lead to none of these.
    pub(super) fn keeps_shifts(&self) -> bool {
        self.keeps_shifts
    }

    pub(super) fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Passes so far, rounded up.
    pub(super) fn passes(&self) -> usize {
        self.reads.div_ceil(self.work)
    }

    /// Counts stored transitions that were read elsewhere.
    pub(super) fn count(&mut self, transitions: usize) {
        self.reads = self.reads.saturating_add(transitions);
    }

    /// Counts visits of all stored transitions.
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
