//! The chain of a stationary policy through which values flow, and linear systems in it.
//!
//! ```text
//! J(s,s') = Σ_a π(a|s) K(s,a,s') in states with choices, 0 in all others
//! ```
//!
//! with the K of [`derivative`](super::derivative): γ P in variational inference, and the lucky
//! dynamics (D9) in direct inference.

use crate::dynamics::successors::LuckyRows;
use crate::markov_chain::Transient;
use crate::{Dynamics, Error, Inference, Model, Real, SparseDynamics, Table};

/// I − J.
pub(in crate::inverse) struct ValueChain<'a, F: Real, D: ?Sized> {
    dynamics: &'a D,
    policy: &'a [F],       // [s, a]
    takes_part: Vec<bool>, // [s]
    discount: F,
    lucky: Option<(SparseDynamics<F>, Vec<F>)>, // direct inference: J, and a policy of one action
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> ValueChain<'a, F, D> {
    /// The chain of a policy, `[s, a]`, and of its values V, `[s]`.
    pub(in crate::inverse) fn new<M>(
        (mdp, inference): (&M, Inference),
        dynamics: &'a D,
        values: &[F],
        policy: &'a [F],
    ) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, num_actions, discount) = (mdp.num_states(), mdp.num_actions(), mdp.discount());
        let is_alive = |state: usize| !mdp.is_terminal(state) && values[state] > F::neg_infinity();
        let takes_part: Vec<bool> = (0..num_states).map(is_alive).collect();
        let mut chain = Self { dynamics, policy, takes_part, discount, lucky: None };
        if inference == Inference::Direct {
            let mut lucky = LuckyRows::new(discount, mdp.temperature(), values);
            let rows = SparseDynamics::from_fn(num_states, 1, |state, _| {
                let mut row = Vec::new();
                for action in (0..num_actions).filter(|_| chain.takes_part[state] && discount > F::zero()) {
                    let share = policy[state * num_actions + action];
                    if share > F::zero() {
                        lucky.for_each(dynamics, (state, action), |next, p| row.push((next, share * p)));
                    }
                }
                row
            })?;
            chain.lucky = Some((rows, vec![F::one(); num_states]));
        }
        Ok(chain)
    }

    /// x = (I − J)⁻¹ b for k columns: `x`, `[s, k]`, holds b, and then x. Errors name the table.
    pub(in crate::inverse) fn solve_columns(&self, k: usize, x: &mut [F], table: Table) -> Result<(), Error> {
        match &self.lucky {
            Some((rows, policy)) => self.transient(rows, policy, F::one(), table).solve_columns(k, x),
            None => self.transient(self.dynamics, self.policy, self.discount, table).solve_columns(k, x),
        }
    }

    /// x = (I − J)⁻ᵀ b.
    pub(in crate::inverse) fn solve_transposed(&self, b: &[F], table: Table) -> Result<Vec<F>, Error> {
        match &self.lucky {
            Some((rows, policy)) => self.transient(rows, policy, F::one(), table).solve_transposed(b),
            None => self.transient(self.dynamics, self.policy, self.discount, table).solve_transposed(b),
        }
    }

    fn transient<'t, E: ?Sized>(
        &'t self,
        dynamics: &'t E,
        policy: &'t [F],
        discount: F,
        table: Table,
    ) -> Transient<'t, F, E> {
        Transient { dynamics, policy, takes_part: &self.takes_part, discount, table }
    }
}
