//! Rows of the dynamics as logarithms, and lucky rows (D9).
//!
//! ```text
//! p(s'|s,a,e) = γ P(s'|s,a) exp(V(s')/τ) / ( γ Σ_x P(x|s,a) exp(V(x)/τ) + 1−γ )       (D9)
//! ```
//!
//! where V are the values of the next stage and 1−γ is the probability of moving to the absorbing
//! state †. Given observations, 1−γ has the factor exp(V(†)/τ).
//!
//! # Form computed
//!
//! Lucky rows are computed from logarithms relative to the largest value of the row. Relative to
//! the largest value of all states, the logarithms of a row would lose digits.

use super::{Dynamics, for_each_possible_successor};
use crate::Real;
use crate::kernels::{gap, log_add_exp};

/// Calls `visit(next_state, log P)` for each possible successor.
pub(crate) fn for_each_log_successor<D: Dynamics + ?Sized>(
    dynamics: &D,
    temperature: D::Scalar,
    pair: (usize, usize),
    mut visit: impl FnMut(usize, D::Scalar),
) {
    for_each_possible_successor(dynamics, pair, |next_state, p| visit(next_state, p.ln(temperature)));
}

/// log P(s'|s,a).
pub(crate) fn log_transition<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    dynamics: &D,
    temperature: F,
    pair: (usize, usize),
    next_state: usize,
) -> F {
    let mut log = F::neg_infinity();
    for_each_log_successor(dynamics, temperature, pair, |successor, log_p| {
        if successor == next_state {
            log = log_add_exp(log, log_p);
        }
    });
    log
}

/// Lucky rows (D9) of one stage, for τ > 0.
pub(crate) struct LuckyRows<'a, F> {
    discount: F,
    temperature: F,
    next_values: &'a [F],
    absorbed_value: F,
    row: Vec<(usize, F)>, // scratch: s' and log P, later s' and p(s'|s,a,e)
}

impl<'a, F: Real> LuckyRows<'a, F> {
    pub(crate) fn new(discount: F, temperature: F, next_values: &'a [F]) -> Self {
        Self { discount, temperature, next_values, absorbed_value: F::zero(), row: Vec::new() }
    }

    /// With another value of † than 0. −∞ excludes that the trajectory leaves.
    pub(crate) fn with_absorbed_value(self, absorbed_value: F) -> Self {
        Self { absorbed_value, ..self }
    }

    /// Calls `visit(next_state, probability)` for each possible successor whose value is not −∞.
    ///
    /// The probabilities sum to 1 minus the probability of leaving for †.
    pub(crate) fn for_each<D>(&mut self, dynamics: &D, pair: (usize, usize), mut visit: impl FnMut(usize, F))
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        self.row.clear();
        for_each_possible_successor(dynamics, pair, |next_state, p| {
            if self.next_values[next_state] > F::neg_infinity() {
                self.row.push((next_state, p.ln(self.temperature)));
            }
        });
        let values = self.row.iter().map(|&(next_state, _)| self.next_values[next_state]);
        let best = values.fold(F::neg_infinity(), F::max);
        if best == F::neg_infinity() {
            return; // no successor can succeed
        }
        self.weigh(best);
        self.row.iter().for_each(|&(next_state, p)| visit(next_state, p));
    }

    /// Turns log P into (D9).
    fn weigh(&mut self, best: F) {
        let (log_discount, log_leave) = (self.discount.ln(), (F::one() - self.discount).ln());
        // At γ = 1 leaving has probability 0, however small `best` is.
        let is_leaving = log_leave > F::neg_infinity();
        let absorbed = gap(self.absorbed_value, best, self.temperature);
        let log_leave = if is_leaving { log_leave + absorbed } else { log_leave };
        let mut max = log_leave;
        for (next_state, log) in &mut self.row {
            *log = log_discount + *log + gap(self.next_values[*next_state], best, self.temperature);
            max = max.max(*log);
        }
        if max.is_infinite() {
            return self.row.clear(); // leaving is better by more than the number type can hold
        }
        let mut sum = (log_leave - max).exp();
        self.row.iter().for_each(|&(_, log)| sum += (log - max).exp());
        self.row.iter_mut().for_each(|(_, log)| *log = (*log - max).exp() / sum);
    }
}
