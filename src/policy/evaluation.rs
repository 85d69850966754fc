//! Values of a policy under the true dynamics, with and without its entropy.
//!
//! ```text
//! V^π_t(s) = Σ_a π_t(a|s) ( Q^π_t(s,a) − τ log(π_t(a|s)/ρ(a|s)) ),   Q^π = r + γ Σ_s' P V^π  (V6)
//! J(π)     = Σ_s p₀(s) V^π_0(s)                                                           (V1)
//! ```
//!
//! where 0 log 0 = 0. V^π is −∞ if the policy takes an action with ρ = 0 or Q^π = −∞, or if its row
//! is all zeros.

use std::ops::Range;

use ndarray::{Array2, ArrayRef1, Axis};

use super::Policy;
use crate::bellman::BellmanRule;
use crate::dynamics::blocks;
use crate::kernels::LogMemo;
use crate::mdp::CheckedStage;
use crate::mdp::run_pass;
use crate::mdp::{check_initial, initial_expectation};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

/// Whether the term −τ log(π/ρ) counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entropy {
    Counted,
    Ignored,
}

impl<F: Real> Policy<F> {
    /// Computes the soft value V^π_t(s) of this policy (V6): expected future rewards plus τ times
    /// the action entropy relative to the prior.
    ///
    /// It is the ELBO for an episode that starts in s at stage t. The policy of variational
    /// inference maximises it.
    ///
    /// # Shapes
    ///
    /// Returns `[t, s]` with T+1 rows, in reward units.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::Overflow`];
    /// [`Error::TooLarge`]; errors of your own [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory T·S + S·A numbers.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?;
    /// let even = Policy::new(array![[[0.5, 0.5]]])?;
    /// let value = even.evaluate(&mdp)?[[0, 0]];
    /// // Mean reward plus an entropy of log 2:
    /// assert!((value - (2.0 + 2.0_f64.ln())).abs() < 1e-15);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn evaluate<M: Model<Scalar = F> + ?Sized>(&self, mdp: &M) -> Result<Array2<F>, Error> {
        self.values(mdp, Entropy::Counted)
    }

    /// Computes J(π) = Σ_s p₀(s) V^π_0(s) (V1): the evidence lower bound, in reward units.
    ///
    /// Divide by τ to get nats, for comparison with a
    /// [`log_evidence`](crate::Posterior::log_evidence).
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`evaluate`](Self::evaluate); [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::TotalOverflow`] if the sum overflows.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Inference, Mdp, SoftValueIteration, ndarray::array, posterior};
    ///
    /// let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.0, 1.0]]], array![[0.0], [1.0]])?;
    /// let mdp = mdp.with_temperature(2.0)?;
    /// let solution = SoftValueIteration::new(2).inference(Inference::Variational).solve(&mdp)?;
    /// let initial = array![1.0, 0.0];
    /// let elbo = solution.policy().elbo(&mdp, &initial)?;
    /// assert_eq!(elbo, solution.state_values()[[0, 0]]); // (V4)
    /// assert!(elbo / 2.0 <= posterior(&mdp, &initial, 2)?.log_evidence()); // (V7)
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn elbo<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.initial_value(mdp, initial, Entropy::Counted)
    }

    /// Computes the expected return of this policy: rewards and terminal value, discounted as in
    /// (V1), without entropy.
    ///
    /// It is −∞ if the policy can take an action of prior weight 0 or an unavailable one, or can
    /// reach a dead end.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// Those of [`elbo`](Self::elbo).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[1.0], [1.0]]], array![[1.0, 3.0]])?;
    /// let even = Policy::new(array![[[0.5, 0.5]], [[0.5, 0.5]]])?;
    /// assert_eq!(even.expected_return(&mdp, &array![1.0])?, 4.0);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn expected_return<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.initial_value(mdp, initial, Entropy::Ignored)
    }

    fn initial_value<M>(&self, mdp: &M, initial: &ArrayRef1<F>, entropy: Entropy) -> Result<F, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        check_initial(initial, mdp.num_states())?;
        let values = self.values(mdp, entropy)?;
        initial_expectation(initial, &values.index_axis(Axis(0), 0))
    }

    /// V^π of every stage, `[t, s]`.
    fn values<M>(&self, mdp: &M, entropy: Entropy) -> Result<Array2<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        let (horizon, num_states, width) = (self.horizon(), mdp.num_states(), mdp.num_actions());
        let shape = (horizon.saturating_add(1), num_states);
        let mut values = arrays::filled(Table::StateValues, shape, F::zero())?;
        values.row_mut(horizon).assign(&mdp.terminal_values());
        let mut scratch = arrays::filled(Table::ActionValues, (num_states, width), F::zero())?;
        let (rows, scratch) = (arrays::slice_mut(&mut values), arrays::slice_mut(&mut scratch));
        run_pass(mdp, horizon, Inference::Variational, || {
            for t in (0..horizon).rev() {
                let (now, next) = rows[t * num_states..].split_at_mut(num_states);
                let next = &next[..num_states];
                let stage = CheckedStage::begin(mdp, t, Inference::Variational)?;
                let evaluation = Evaluation {
                    mdp,
                    t,
                    stage: &stage,
                    rule: BellmanRule::new(Inference::Variational, mdp.discount(), mdp.temperature(), next),
                    entropy,
                    policy: self.stage(t),
                    next_values: next,
                };
                let outputs = (RowsMut::column(now), RowsMut { data: &mut *scratch, width });
                blocks::for_each_block(stage.dynamics, outputs, &|states, (values, scratch)| {
                    evaluation.states(states, values.data, scratch.data)
                })?;
            }
            Ok(())
        })?;
        Ok(values)
    }
}

/// One stage of an evaluation.
struct Evaluation<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    mdp: &'a M,
    t: usize,
    stage: &'a CheckedStage<'a, F, M::Dynamics>,
    rule: BellmanRule<'a, F>,
    entropy: Entropy,
    policy: (&'a [F], &'a [F]), // π and log π, [s, a]
    next_values: &'a [F],
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Evaluation<'_, F, M> {
    /// Evaluates a block of states. `scratch` has an entry for each pair.
    fn states(&self, states: Range<usize>, values: &mut [F], scratch: &mut [F]) -> Result<(), Error> {
        let dynamics = self.stage.dynamics;
        if self.rule.continues() {
            dynamics.expectation(states.clone(), 1, self.next_values, scratch);
        }
        let width = self.mdp.num_actions();
        let mut log_prior = LogMemo::new();
        for ((state, value), expectations) in states.zip(values.iter_mut()).zip(scratch.chunks_exact(width)) {
            if self.mdp.is_terminal(state) {
                *value = self.mdp.terminal_values()[state];
                continue;
            }
            let (rewards, prior) = self.stage.row(state)?;
            let row = state * width..(state + 1) * width;
            let (policy, logs) = (&self.policy.0[row.clone()], &self.policy.1[row]);
            let (mut taken, mut fits) = (false, true);
            *value = F::zero();
            for action in (0..width).filter(|&action| policy[action] > F::zero()) {
                taken = true;
                let terms = (rewards[action], prior[action]);
                let q = self.rule.action_value(terms, expectations[action], dynamics, (state, action));
                if q == Some(F::neg_infinity()) {
                    // Other actions cannot change a value of −∞.
                    (*value, fits) = (F::neg_infinity(), true);
                    break;
                }
                fits &= q.is_some();
                *value += policy[action] * q.unwrap_or_default();
                if self.entropy == Entropy::Counted {
                    let cost = logs[action] - log_prior.log(prior[action]);
                    *value -= self.mdp.temperature() * (policy[action] * cost);
                }
                fits &= value.is_finite();
            }
            if !taken {
                *value = F::neg_infinity();
            }
            if !fits {
                return Err(Error::Overflow { table: Table::StateValues, stage: self.t, state });
            }
        }
        Ok(())
    }
}
