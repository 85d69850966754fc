//! Problems that are not discounted, or whose fixed point need not exist: γ = 1, and direct inference.
//!
//! # What may happen
//!
//! - *Every state can reach the end.* Newton's method, and a [certificate](super::certificate).
//! - *Values grow without end*, since rewards, or the entropy of a prior that sums to more than 1, come in faster than steps cost.
//!   Let B₀ be B with the end worth −∞. If some V, finite on a set of states and −∞ elsewhere, has
//!   B₀ V ≥ V + c on that set with c > 0 beyond rounding, then B^n V ≥ B₀^n V ≥ V + n c: that is the proof that is asked for
//!   before anything is called diverging. V comes from damped sweeps of B₀. For variational inference the proof takes rows
//!   to sum to 1: those that were accepted although they sum to 1 − 10⁻⁹ let values grow to 10⁹ c and no further, which a
//!   certificate may find first.
//! - *Some states cannot reach the end.* If every step there loses, their values fall without end: they are −∞, as in a
//!   state from which success is impossible. If it gains, values grow without end. If neither, as in loops that cost
//!   nothing, the fixed point is not unique: the answer is where value iteration ends from the initial values, and there is no
//!   bound.
//!
//! At temperature 0 a loop that costs nothing may be chosen even where the end can be reached; the certificate excludes that.
//! Whenever there is none, the search begins anew, by sweeps alone, so that the answer does not depend on the method.

use std::ops::ControlFlow;

use super::interval::Differences;
use super::operator::{Operator, Unwatched};
use super::search::Search;
use super::{Method, Status, gauss_seidel, modified, newton};
use crate::backward::{Backup, StageTables};
use crate::chain::Graph;
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real};

/// Backups before values are first asked whether they grow without end; then twice as many each time.
pub(super) const FIRST_LOOK: usize = 16;

/// Sweeps that this may take: one for so many passes so far.
const LOOK_SHARE: usize = 4;

/// Searches by a method, and by sweeps if that has not settled it.
pub(super) fn run<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    method: Method,
) -> Result<Status, Error> {
    let trapped = trapped(&search.operator)?;
    let initial = search.values.clone();
    if !trapped.contains(&true) {
        let status = match method {
            Method::Automatic | Method::Newton => newton::run(search)?,
            Method::ModifiedPolicyIteration => modified::run(search)?,
            Method::GaussSeidel => gauss_seidel::run(search)?,
            Method::ValueIteration => return sweep(search, &trapped),
        };
        let is_settled = status != Status::IterationLimit || search.bound() < f64::INFINITY;
        if is_settled || search.passes_left() == 0 {
            return Ok(status);
        }
        search.values = initial;
    }
    sweep(search, &trapped)
}

/// Value iteration, with an eye on values that grow or fall without end.
fn sweep<F: Real, M: Model<Scalar = F> + ?Sized>(
    search: &mut Search<'_, F, M>,
    trapped: &[bool],
) -> Result<Status, Error> {
    loop {
        let differences = match search.back_up(None)? {
            ControlFlow::Break(status) => return Ok(status),
            ControlFlow::Continue(differences) => differences,
        };
        let falls = trapped.contains(&true) && search.all_fall(trapped);
        search.advance(&differences);
        if falls {
            let states = search.values.iter_mut().zip(trapped);
            states.filter(|(_, trapped)| **trapped).for_each(|(v, _)| *v = F::neg_infinity());
        }
    }
}

/// The states from which no end can be reached: neither a terminal state nor †.
fn trapped<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &Operator<'_, F, M>,
) -> Result<Vec<bool>, Error> {
    let (model, is_fixed) = (operator.model(), operator.is_fixed());
    if model.discount() < F::one() {
        return Ok(vec![false; is_fixed.len()]);
    }
    let stage = CheckedStage::new(model, 0, operator.inference())?;
    let mut is_dead_end = vec![false; is_fixed.len()];
    for (state, is_dead_end) in is_dead_end.iter_mut().enumerate() {
        let (rewards, prior) = stage.row(state)?;
        let mut pairs = rewards.iter().zip(prior);
        *is_dead_end = !pairs.any(|(&r, &weight)| weight > F::zero() && r > F::neg_infinity());
    }
    let graph = Graph::new(is_fixed.len(), |state, visit| {
        let Ok((rewards, prior)) = stage.row(state) else { return };
        for action in 0..prior.len() {
            if is_fixed[state] || !(prior[action] > F::zero() && rewards[action] > F::neg_infinity()) {
                continue;
            }
            stage.dynamics.for_each_successor(state, action, &mut |next, p| {
                if p > F::zero() {
                    visit(next);
                }
            });
            stage.dynamics.for_each_faint_successor(state, action, &mut |next, _| visit(next));
        }
    })?;
    // Dead ends are −∞ at once, and trap nobody.
    let leads = graph.leading_to(|state| is_fixed[state] || is_dead_end[state]);
    Ok(leads.into_iter().map(|leads| !leads).collect())
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Search<'_, F, M> {
    /// Whether BV < V, beyond rounding, in all of some states that nothing leads out of.
    fn all_fall(&self, states: &[bool]) -> bool {
        let is_left: Vec<bool> = states.iter().map(|&is_in| !is_in).collect();
        let differences = Differences::of(&self.values, &self.backed_up, &is_left);
        differences.hi < -self.operator.rounding().of(differences.magnitudes)
    }

    /// Whether it can be proved that values grow without end; this takes a part of the passes so far.
    pub(super) fn is_diverging(&mut self) -> Result<bool, Error> {
        let sweeps = (self.operator.passes() / LOOK_SHARE).max(FIRST_LOOK);
        // Without †, direct inference is the undiscounted one, less τ log 1/γ a step.
        let inference = self.operator.inference();
        let (discount, temperature) = (self.operator.model().discount(), self.operator.model().temperature());
        let is_left = inference == Inference::Direct && discount < F::one();
        let loss = if is_left { -(temperature * discount.ln()).into_f64() } else { 0.0 };
        if is_left && discount == F::zero() {
            return Ok(false);
        }
        let model = Unwatched::with_discount(self.watched, if is_left { F::one() } else { discount });
        let mut endless = Endless { backup: Backup::new(&model, inference, 1), search: self, loss };
        let mut values = endless.search.values.clone();
        let mut backed_up = values.clone();
        for (v, _) in values.iter_mut().zip(endless.search.operator.is_fixed()).filter(|(_, fixed)| **fixed) {
            *v = F::neg_infinity();
        }
        for sweep in 1..=sweeps {
            let rise = endless.apply(&values, &mut backed_up)?;
            match rise {
                Rise::Nowhere => return Ok(false),
                Rise::Everywhere => return Ok(true),
                Rise::Somewhere(most)
                    if sweep % 8 == 0 && endless.part_rises(&values, &backed_up, most)? =>
                {
                    return Ok(true);
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
}

/// B₀: what goes on forever.
struct Endless<'b, 's, 'm, F: Real, M: Model<Scalar = F> + ?Sized> {
    backup: Backup<'b, F, Unwatched<'b, M>>,
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

impl<F: Real, M: Model<Scalar = F> + ?Sized> Endless<'_, '_, '_, F, M> {
    /// Writes B₀ V where V is finite. States at −∞ stay there: what they could rise to is no part of the proof.
    fn apply(&mut self, values: &[F], backed_up: &mut [F]) -> Result<Rise, Error> {
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
    fn part_rises(&mut self, values: &[F], backed_up: &[F], most: f64) -> Result<bool, Error> {
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
