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
use crate::backward::{Backup, StageTables};
use crate::mdp::CheckedStage;
use crate::parallel::{self, Rows};
use crate::{Dynamics, Error, Inference, Model, Real, Stage};
use ndarray::ArrayView1;

/// A model whose hook is told of nothing: the solver tells it of passes itself.
#[derive(Debug)]
pub(super) struct Unwatched<'m, M: Model + ?Sized> {
    model: &'m M,
    discount: M::Scalar,
}

impl<'m, M: Model + ?Sized> Unwatched<'m, M> {
    pub(super) fn new(model: &'m M) -> Self {
        Self { model, discount: model.discount() }
    }

    /// With another discount.
    pub(super) fn with_discount(model: &'m M, discount: M::Scalar) -> Self {
        Self { model, discount }
    }
}

impl<M: Model + ?Sized> Model for Unwatched<'_, M> {
    type Scalar = M::Scalar;
    type Dynamics = M::Dynamics;

    fn num_states(&self) -> usize {
        self.model.num_states()
    }

    fn num_actions(&self) -> usize {
        self.model.num_actions()
    }

    fn discount(&self) -> M::Scalar {
        self.discount
    }

    fn temperature(&self) -> M::Scalar {
        self.model.temperature()
    }

    fn is_terminal(&self, state: usize) -> bool {
        self.model.is_terminal(state)
    }

    fn terminal_values(&self) -> ArrayView1<'_, M::Scalar> {
        self.model.terminal_values()
    }

    fn num_stages(&self) -> Option<usize> {
        self.model.num_stages()
    }

    fn is_homogeneous(&self) -> bool {
        self.model.is_homogeneous()
    }

    fn stage(&self, t: usize, inference: Inference) -> Result<Stage<'_, M::Scalar, M::Dynamics>, Error> {
        self.model.peek_stage(t, inference)
    }
}

/// B of one model, and the passes that it has taken.
pub(super) struct Operator<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m Unwatched<'m, M>,
    inference: Inference,
    backup: Backup<'m, F, Unwatched<'m, M>>,
    is_fixed: Vec<bool>, // [s]: terminal
    contraction: Contraction,
    rounding: Rounding,
    work: usize,
    reads: usize,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Operator<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(super) fn new(model: &'m Unwatched<'m, M>, inference: Inference) -> Result<Self, Error> {
        let stage = CheckedStage::new(model, 0, inference)?;
        let is_fixed: Vec<bool> = (0..model.num_states()).map(|state| model.is_terminal(state)).collect();
        let rows = RowSums::of(&stage, &is_fixed)?;
        let discount = model.discount().into_f64();
        let contraction = match inference {
            Inference::Variational => Contraction::new(discount, &rows, F::epsilon().into_f64()),
            // Shifts are not passed on by the exit to †, nor by the soft maximum over successors.
            Inference::Direct => Contraction::unknown(),
        };
        let rounding = Rounding::new(&stage, &is_fixed, inference, model.temperature(), discount, &rows)?;
        let work = stage.dynamics.work(0..model.num_states()).max(1);
        let backup = Backup::new(model, inference, 1);
        Ok(Self { model, inference, backup, is_fixed, contraction, rounding, work, reads: work })
    }

    pub(super) fn model(&self) -> &'m Unwatched<'m, M> {
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

/// What the rows of the dynamics that are used sum to, over successors that are not terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowSums {
    pub(super) least: f64,
    pub(super) most: f64,
    /// The most terms in a sum, of any successors.
    pub(super) most_terms: usize,
}

impl RowSums {
    fn of<F, D>(stage: &CheckedStage<'_, F, D>, is_fixed: &[bool]) -> Result<Self, Error>
    where
        F: Real,
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (dynamics, num_states) = (stage.dynamics, is_fixed.len());
        let width = dynamics.num_actions();
        let work = dynamics.work(0..num_states);
        // Rows that are full are summed by a product, which is faster than to visit what they hold.
        let is_full = work / num_states.max(1) / width.max(1) >= num_states.div_ceil(2) && num_states > 8;
        let inside: Vec<F> = is_fixed.iter().map(|&fixed| if fixed { F::zero() } else { F::one() }).collect();
        let empty = Self { least: f64::INFINITY, most: 0.0, most_terms: 0 };
        let mut rows = vec![empty; num_states];
        parallel::for_each_block(dynamics, Rows { data: &mut rows[..], width: 1 }, &|states, rows| {
            let mut sums = vec![F::zero(); if is_full { states.len() * width } else { 0 }];
            if is_full {
                dynamics.expectation(states.clone(), 1, &inside, &mut sums);
            }
            for (index, (state, row)) in states.zip(rows.data).enumerate() {
                let (rewards, prior) = stage.row(state)?;
                for action in 0..width {
                    let is_used = prior[action] > F::zero() && rewards[action] > F::neg_infinity();
                    if is_fixed[state] || !is_used {
                        continue;
                    }
                    let (mut sum, mut terms) = (0.0, 0);
                    if is_full {
                        (sum, terms) = (sums[index * width + action].into_f64(), num_states);
                    } else {
                        dynamics.for_each_successor(state, action, &mut |next_state, p| {
                            terms += usize::from(p > F::zero());
                            if !is_fixed[next_state] {
                                sum += p.into_f64();
                            }
                        });
                        dynamics.for_each_faint_successor(state, action, &mut |_, _| terms += 1);
                    }
                    row.include(Self { least: sum, most: sum, most_terms: terms });
                }
            }
            Ok(())
        })?;
        let mut all = empty;
        rows.into_iter().for_each(|row| all.include(row));
        if all.least > all.most {
            all.least = 0.0; // nothing is used
        }
        Ok(all)
    }

    fn include(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.most_terms = self.most_terms.max(other.most_terms);
    }
}
