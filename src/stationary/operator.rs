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
use super::interval::{Contraction, Differences, MANY_ROUNDINGS, Rounding};
use super::row_sums::RowSums;
use super::undiscounted::best_steps::BestSteps;
use super::undiscounted::exits::leave_rounded_loops;
use super::undiscounted::quotient::Quotient;
use crate::backward::{Backup, StageTables};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real, Status, Table, arrays};

/// B of one model, with a count of the passes so far.
pub(super) struct Operator<'m, F: Real, M: Model<Scalar = F> + ?Sized> {
    model: &'m M,
    inference: Inference,
    backup: Backup<'m, F, M>,
    is_fixed: Vec<bool>, // [s]: terminal
    contraction: Contraction,
    keeps_shifts: Vec<bool>, // [s]
    row_error: f64,
    rounding: Rounding,
    quotient: Option<(Quotient, Vec<F>)>, // with memory for action values, [s, a]
    max_passes: usize,
    work: usize,
    reads: usize,
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> Operator<'m, F, M> {
    /// Precondition: the model has passed `check_options`.
    pub(super) fn new(model: &'m M, inference: Inference, max_passes: usize) -> Result<Self, Error> {
        let team = model.team();
        let stage = team.agree("Operator::new", CheckedStage::new(model, 0, inference))?;
        let is_fixed: Vec<bool> = (0..model.num_states()).map(|state| model.is_terminal(state)).collect();
        let discount = model.discount().into_f64();
        let (rows, keeps_shifts) = RowSums::of(&stage, &is_fixed, discount)?;
        let (contraction, keeps_shifts) = match inference {
            Inference::Variational => (Contraction::new(discount, &rows), keeps_shifts),
            // The soft maximum over successors preserves shifts; the exit to † does not.
            Inference::Direct => (Contraction::unknown(), vec![true; is_fixed.len()]),
        };
        let row_error = if inference == Inference::Direct { 0.0 } else { rows.distance_from_one() };
        let rounding =
            Rounding::new(&stage, &is_fixed, inference, model.temperature(), discount, &rows, team)?;
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
            quotient: None,
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

    /// Whether B takes maxima, at temperature 0.
    pub(super) fn is_hard(&self) -> bool {
        self.model.temperature() == F::zero()
    }

    /// Whether each state is terminal and so keeps its value, `[s]`.
    pub(super) fn is_fixed(&self) -> &[bool] {
        &self.is_fixed
    }

    pub(super) fn contraction(&self) -> Contraction {
        self.contraction
    }

    /// Whether B preserves shifts in each state, `[s]`: a constant added to all finite nonterminal
    /// values is added to BV, if the state leads only to such states.
    pub(super) fn keeps_shifts(&self) -> &[bool] {
        &self.keeps_shifts
    }

    /// The largest distance of a row sum from 1, over the pairs that are available. Direct
    /// inference has its own weights, so there it is 0.
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
        let is_stopped = match self.model.begin_stage(passes) {
            Ok(()) => Ok([0.0]),
            Err(Error::Stopped { .. }) => Ok([1.0]),
            Err(error) => Err(error),
        };
        // A process that stops, stops all.
        let [is_stopped] = self.model.team().join("begin_stage", is_stopped, |a, b| [a[0].max(b[0])])?;
        if is_stopped > 0.0 { Err(Halt::Ended(Status::Stopped)) } else { Ok(()) }
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

    /// Collapses the end components that earn nothing among the states with finite values. From now
    /// on, B is the operator of the quotient.
    pub(super) fn collapse(&mut self, values: &[F]) -> Result<(), Error> {
        let (model, is_fixed) = (self.model, &self.is_fixed);
        let stage = CheckedStage::new(model, 0, self.inference)?;
        self.quotient = match Quotient::find(&stage, is_fixed, values, model.temperature())? {
            None => None,
            Some(quotient) => {
                let shape = (values.len(), model.num_actions());
                let memory = arrays::filled_vec(Table::ActionValues, shape, F::zero())?;
                self.count_passes(1);
                Some((quotient, memory))
            }
        };
        Ok(())
    }

    /// Whether there are states in which staying forever is worth 0.
    pub(super) fn can_stay(&mut self, values: &[F]) -> Result<bool, Error> {
        if self.is_hard() && self.inference == Inference::Direct {
            let stage = CheckedStage::new(self.model, 0, self.inference)?;
            let steps = BestSteps::new(&stage, &self.is_fixed, self.model.discount())?;
            return Ok((0..values.len()).any(|state| steps.is_on_cycle(state)));
        }
        self.collapse(values)?;
        Ok(self.quotient.is_some())
    }

    /// Whether values grow without end, because a set of states keeps all of its weight and gains
    /// more. Finds only sets that earn nothing; [`growing`](super::undiscounted::growing) finds
    /// others.
    pub(super) fn grows(&self, values: &[F]) -> Result<bool, Error> {
        let stage = CheckedStage::new(self.model, 0, self.inference)?;
        Ok(!self.is_hard() && Quotient::grows(&stage, &self.is_fixed, values, self.inference)?)
    }

    /// The end components that B collapses.
    pub(super) fn quotient(&self) -> Option<&Quotient> {
        self.quotient.as_ref().map(|(quotient, _)| quotient)
    }

    /// Records the exits of collapsed components in the last backup that wrote no Q, as those of
    /// the policy.
    pub(super) fn take_best_exits(&mut self) {
        if let Some((quotient, action_values)) = &mut self.quotient {
            quotient.take_best_exits(action_values);
        }
    }

    /// Records another exit of a collapsed component as that of the policy.
    pub(super) fn take_exit(&mut self, component: usize, pair: usize) {
        if let Some((quotient, _)) = &mut self.quotient {
            quotient.take_exit(component, pair);
        }
    }

    /// Q of one pair at `values`, for variational inference.
    pub(super) fn action_value(&self, values: &[F], pair: usize) -> Result<F, Error> {
        let (state, action) = (pair / self.model.num_actions(), pair % self.model.num_actions());
        let stage = CheckedStage::new(self.model, 0, self.inference)?;
        let mut ahead = F::zero();
        stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
            if p > F::zero() {
                ahead += p * values[next_state];
            }
        });
        Ok(stage.row(state)?.0[action] + self.model.discount() * ahead)
    }

    /// Restricts the policy of `values` at temperature 0 so that it attains them: it takes no step
    /// that earns nothing and leads nowhere. Takes the tables of the last backup, `[s, a]`.
    pub(super) fn make_proper(
        &self,
        values: &[F],
        action_values: &[F],
        policy: (&mut [F], &mut [F]),
    ) -> Result<(), Error> {
        let stage = CheckedStage::new(self.model, 0, self.inference)?;
        let (probabilities, logs) = policy;
        if let Some((quotient, _)) = &self.quotient {
            quotient.make_proper(&stage, action_values, (&mut *probabilities, &mut *logs))?;
        }
        let discount = self.model.discount();
        if self.is_hard() && self.inference == Inference::Direct {
            let steps = BestSteps::new(&stage, &self.is_fixed, discount)?;
            return steps.make_proper(values, action_values, (probabilities, logs));
        }
        if self.is_hard() && discount == F::one() {
            let magnitudes = Differences::of(values, values, &self.is_fixed).magnitudes;
            let slack = F::from_f64(MANY_ROUNDINGS * self.rounding.of(magnitudes));
            let tables = (values, action_values);
            return leave_rounded_loops(&stage, &self.is_fixed, tables, slack, (probabilities, logs));
        }
        Ok(())
    }

    /// Writes BV and, if asked, Q and the policy that goes with it: one pass.
    ///
    /// In collapsed components, Q and the policy are those of the ordinary backup.
    pub(super) fn apply(&mut self, values: &[F], outputs: StageTables<'_, F>) -> Result<(), Error> {
        self.count(self.work);
        let Some((quotient, memory)) = &mut self.quotient else {
            return self.backup.stage(0, values, outputs);
        };
        let StageTables { values: backed_up, action_values, policy } = outputs;
        let action_values = action_values.unwrap_or(memory);
        let tables =
            StageTables { values: &mut *backed_up, action_values: Some(&mut *action_values), policy };
        self.backup.stage(0, values, tables)?;
        quotient.collapse(action_values, backed_up);
        Ok(())
    }
}
