//! The dynamics as they look to those who succeeded, one row at a time (D9).

use crate::dynamics::for_each_log_successor;
use crate::kernels::gap;
use crate::{Dynamics, Real};

/// Rows of (D9) for one stage.
pub(crate) struct Luck<'a, F> {
    temperature: F,
    log_discount: F, // log γ
    log_leave: F,    // log(1−γ)
    next_values: &'a [F],
}

impl<'a, F: Real> Luck<'a, F> {
    pub(crate) fn new(discount: F, temperature: F, next_values: &'a [F]) -> Self {
        let (log_discount, log_leave) = (discount.ln(), (F::one() - discount).ln());
        Self { temperature, log_discount, log_leave, next_values }
    }

    /// log( γ P exp((V − best)/τ) ) of one successor.
    fn log_weight(&self, next_state: usize, log_p: F, best: F) -> F {
        let value = self.next_values[next_state];
        if value == F::neg_infinity() {
            return value;
        }
        self.log_discount + log_p + gap(value, best, self.temperature)
    }

    /// Calls `visit(next_state, probability)` for the successors of a possible pair; what is missing from 1 leaves.
    pub(crate) fn for_each_successor<D>(
        &self,
        dynamics: &D,
        pair: (usize, usize),
        mut visit: impl FnMut(usize, F),
    ) where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let successors = |visit: &mut dyn FnMut(usize, F)| {
            for_each_log_successor(dynamics, self.temperature, pair, visit);
        };
        // Relative to the best of this row: beside a far better one elsewhere its own would lose digits.
        let mut best = F::neg_infinity();
        successors(&mut |next_state, _| best = best.max(self.next_values[next_state]));
        if best == F::neg_infinity() {
            return; // leaving is all that is left
        }
        // At γ = 1 nothing leaves, however little there is to stay for.
        let is_leaving = self.log_leave > F::neg_infinity();
        let log_leave = if is_leaving { self.log_leave - best / self.temperature } else { self.log_leave };
        let mut max = log_leave;
        successors(&mut |next_state, log_p| max = max.max(self.log_weight(next_state, log_p, best)));
        if max.is_infinite() {
            return; // leaving is better by more than can be counted
        }
        let mut sum = (log_leave - max).exp();
        successors(&mut |next_state, log_p| sum += (self.log_weight(next_state, log_p, best) - max).exp());
        successors(&mut |next_state, log_p| {
            visit(next_state, (self.log_weight(next_state, log_p, best) - max).exp() / sum);
        });
    }
}
