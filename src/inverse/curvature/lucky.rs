//! Features on the successor in direct inference: means and covariances over lucky rows.
//!
//! A step goes to s' or, with probability 1−γ, receives the reward of s' and moves to †:
//!
//! ```text
//! ∂Q(s,a) = Σ_s' p̃(s') (φ(s,a,s') + ∂V(s')) + (1 − Σ p̃) Σ_s' P̃(s'|s,a) φ(s,a,s')
//! ```
//!
//! where P̃ are the dynamics of the model, into which its rewards on the successor are folded.

use super::columns::SuccessorFeatures;
use super::moments::add_square;
use crate::dynamics::successors::LuckyRows;
use crate::{Dynamics, Real};

/// The lucky rows of a stage, with features on the successor.
pub(super) struct LuckyPairs<'a, F, D: ?Sized> {
    dynamics: &'a D,
    rows: LuckyRows<'a, F>,
    may_leave: bool,
    k: usize,
    features: &'a SuccessorFeatures<F>,
    outcomes: Vec<F>, // scratch: probability and k values of each outcome
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> LuckyPairs<'a, F, D> {
    pub(super) fn new(
        dynamics: &'a D,
        (discount, temperature): (F, F),
        next_values: &'a [F],
        (k, features): (usize, &'a SuccessorFeatures<F>),
    ) -> Self {
        let rows = LuckyRows::new(discount, temperature, next_values);
        Self { dynamics, rows, may_leave: discount < F::one(), k, features, outcomes: Vec::new() }
    }

    /// Writes ∂Q of a pair, and adds its covariance over outcomes with a weight. `next` is
    /// ∂V_{t+1}, `[s, k]`.
    pub(super) fn pair(
        &mut self,
        (state, action): (usize, usize),
        next: &[F],
        mean: &mut [F],
        weighted: (F, &mut [F]),
    ) {
        let (k, features, outcomes) = (self.k, self.features, &mut self.outcomes);
        outcomes.clear();
        let mut left = F::one();
        self.rows.for_each(self.dynamics, (state, action), |next_state, p| {
            left -= p;
            let values = outcome(outcomes, k, p);
            features(state, action, next_state, values);
            values.iter_mut().zip(&next[next_state * k..]).for_each(|(value, &v)| *value += v);
        });
        if self.may_leave {
            let left = left.max(F::zero());
            self.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                features(state, action, next_state, outcome(outcomes, k, left * p));
            });
        }
        self.moments(mean, weighted);
    }

    /// Writes Σ_s' P̃ φ of a pair, the expected features of a step to †, and adds their covariance
    /// with a weight.
    pub(super) fn leaving(
        &mut self,
        (state, action): (usize, usize),
        mean: &mut [F],
        weighted: (F, &mut [F]),
    ) {
        let (k, features, outcomes) = (self.k, self.features, &mut self.outcomes);
        outcomes.clear();
        self.dynamics.for_each_successor(state, action, &mut |next_state, p| {
            features(state, action, next_state, outcome(outcomes, k, p));
        });
        self.moments(mean, weighted);
    }

    /// Mean and covariance of the outcomes.
    fn moments(&mut self, mean: &mut [F], (weight, sums): (F, &mut [F])) {
        mean.fill(F::zero());
        for outcome in self.outcomes.chunks_exact(self.k + 1) {
            mean.iter_mut().zip(&outcome[1..]).for_each(|(mean, &value)| *mean += outcome[0] * value);
        }
        for outcome in self.outcomes.chunks_exact_mut(self.k + 1) {
            outcome[1..].iter_mut().zip(&*mean).for_each(|(value, &mean)| *value -= mean);
            add_square(sums, weight * outcome[0], &outcome[1..]);
        }
    }
}

/// Appends an outcome, and returns its k values to be written.
fn outcome<F: Real>(outcomes: &mut Vec<F>, k: usize, p: F) -> &mut [F] {
    outcomes.push(p);
    let first = outcomes.len();
    outcomes.resize(first + k, F::zero());
    &mut outcomes[first..]
}
