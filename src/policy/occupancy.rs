//! Distributions of states and pairs under a policy and the true dynamics.
//!
//! ```text
//! d_0 = p₀,   d_{t+1}(s') = Σ_{s,a} d_t(s) π_t(a|s) P(s'|s,a)  ( + d_t(s') if s' is terminal ) (V5)
//! H_t = −Σ_{s not terminal} d_t(s) Σ_a π_t(a|s) log π_t(a|s)                                  (V9)
//! ```

use ndarray::{Array1, Array2, Array3, ArrayRef1};

use super::Policy;
use crate::dynamics::{BySuccessor, blocks};
use crate::mdp::{CheckedStage, check_initial, run_pass, terminal_states};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

impl<F: Real> Policy<F> {
    /// Computes the distribution d_t(s) of states under this policy (V5), without discount.
    ///
    /// Mass that enters a terminal state stays there. Mass that enters a dead end is lost at the
    /// next stage. Your own policy may take actions of prior weight 0 if their rows of the dynamics
    /// are distributions.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[t, s]` with T+1 rows.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the policy does not fit the model; [`Error::InvalidInitial`],
    /// [`Error::UnnormalizedInitial`]; [`Error::UnnormalizedTransition`] for the row of an action
    /// that the policy takes but the model excludes; [`Error::TooLarge`]; errors of your own
    /// [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory T·S + S·A numbers. If all stages are equal and rows are short,
    /// a copy of the rows takes 12 bytes a transition.
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, ndarray::array};
    ///
    /// let mdp = Mdp::new(array![[[0.75, 0.25]], [[0.0, 1.0]]], array![[0.0], [0.0]])?;
    /// let policy = Policy::new(array![[[1.0], [1.0]], [[1.0], [1.0]]])?;
    /// let occupancy = policy.state_occupancy(&mdp, &array![1.0, 0.0])?;
    /// assert_eq!(occupancy, array![[1.0, 0.0], [0.75, 0.25], [0.5625, 0.4375]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn state_occupancy<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array2<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        let (horizon, num_states) = (self.horizon(), mdp.num_states());
        check_initial(initial, num_states)?;
        let shape = (horizon.saturating_add(1), num_states);
        let mut occupancy = arrays::filled(Table::StateOccupancy, shape, F::zero())?;
        occupancy.row_mut(0).assign(initial);
        let pairs_shape = (num_states, mdp.num_actions());
        let mut pairs = arrays::filled(Table::StateActionOccupancy, pairs_shape, F::zero())?;
        let (rows, pairs) = (arrays::slice_mut(&mut occupancy), arrays::slice_mut(&mut pairs));
        let terminal: Vec<usize> = terminal_states(mdp).collect();
        run_pass(mdp, horizon, Inference::Variational, || {
            let mut by_successor = None;
            for t in 0..horizon {
                let (now, next) = rows[t * num_states..].split_at_mut(num_states);
                let stage = CheckedStage::begin(mdp, t, Inference::Variational)?;
                if t == 0 && mdp.is_homogeneous() {
                    by_successor = BySuccessor::new(stage.dynamics, horizon);
                }
                self.pair_occupancy(t, &stage, (now, &terminal), pairs)?;
                let next = &mut next[..num_states];
                if let Some(rows) = &by_successor {
                    rows.push(pairs, next);
                } else {
                    let (dynamics, pairs) = (stage.dynamics, &*pairs);
                    let next = RowsMut::column(&mut *next);
                    blocks::for_each_part(dynamics, next, &|next_states, next| {
                        next.data.fill(F::zero());
                        dynamics.push_forward(0..num_states, next_states, 1, pairs, next.data);
                    });
                }
                terminal.iter().for_each(|&state| next[state] += now[state]);
            }
            Ok(())
        })?;
        Ok(occupancy)
    }

    /// Computes the distribution d_t(s) π_t(a∣s) of state–action pairs under this policy.
    ///
    /// It is 0 in terminal states, because the agent takes no action there.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[t, s, a]`.
    ///
    /// # Errors
    ///
    /// Those of [`state_occupancy`](Self::state_occupancy).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, ndarray::{Array2, array}};
    ///
    /// let transitions = array![[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]];
    /// let mdp = Mdp::new(transitions, Array2::zeros((2, 2)))?;
    /// let policy = Policy::new(array![[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]])?;
    /// let occupancy = policy.state_action_occupancy(&mdp, &array![1.0, 0.0])?;
    /// assert_eq!(occupancy, array![[[0.5, 0.5], [0.0, 0.0]], [[0.25, 0.25], [0.0, 0.5]]]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[doc(alias("occupancy_measure"))]
    pub fn state_action_occupancy<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array3<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let states = self.state_occupancy(mdp, initial)?;
        let shape = self.probabilities.dim();
        let mut occupancy = arrays::filled(Table::StateActionOccupancy, shape, F::zero())?;
        let pairs = (self.num_states() * self.num_actions()).max(1);
        let terminal: Vec<usize> = terminal_states(mdp).collect();
        let stages = arrays::slice_mut(&mut occupancy).chunks_exact_mut(pairs);
        for ((t, stage), states) in stages.enumerate().zip(states.rows()) {
            let tables = CheckedStage::begin(mdp, t, Inference::Variational)?;
            self.pair_occupancy(t, &tables, (arrays::slice(&states), &terminal), stage)?;
        }
        Ok(occupancy)
    }

    /// Computes the expected entropy of the choice at each stage (V9), `[t]`, in nats.
    ///
    /// States are weighted by d_t under the true dynamics. An agent that has ended in a terminal
    /// state or a dead end takes no action, and contributes 0. So an entry is the expectation of
    /// −log π_t(a_t∣s_t) over all agents. For the mean over agents that still act, divide it by the
    /// sum of stage t of [`state_action_occupancy`](Self::state_action_occupancy).
    ///
    /// The sum of the entries is the causal entropy of the policy. Times τ at γ = 1, it is the
    /// entropy that the ELBO (V1) adds to rewards under the counting prior.
    ///
    /// # Shapes
    ///
    /// `initial` p₀, `[s]`, sums to 1; returns `[t]` with T entries.
    ///
    /// # Errors
    ///
    /// Those of [`state_occupancy`](Self::state_occupancy).
    ///
    /// # Complexity
    ///
    /// That of [`state_occupancy`](Self::state_occupancy).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, Policy, ndarray::{Array2, array}};
    ///
    /// // Action 1 ends the episode in state 1. Half of the agents are left after each stage.
    /// let transitions = array![[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]];
    /// let mdp = Mdp::builder(transitions, Array2::zeros((2, 2))).terminal_states([1]).build()?;
    /// let policy = Policy::new(array![[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]])?;
    /// let entropy = policy.expected_entropy(&mdp, &array![1.0, 0.0])?;
    /// assert_eq!(entropy, array![2.0_f64.ln(), 0.5 * 2.0_f64.ln()]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[doc(alias("causal_entropy"))]
    pub fn expected_entropy<M>(&self, mdp: &M, initial: &ArrayRef1<F>) -> Result<Array1<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let occupancy = self.state_occupancy(mdp, initial)?;
        let rows = self.entropy();
        let mut expected = arrays::filled(Table::Policy, self.horizon(), F::zero())?;
        for (expected, (entropy, mass)) in
            expected.iter_mut().zip(rows.outer_iter().zip(occupancy.outer_iter()))
        {
            for (state, (&entropy, &mass)) in entropy.iter().zip(mass).enumerate() {
                if !mdp.is_terminal(state) {
                    *expected += mass * entropy;
                }
            }
        }
        Ok(expected)
    }

    /// Writes d(s) π_t(a∣s), `[s, a]`, 0 in terminal states. Checks the tables of the stage, and the
    /// rows that only this policy takes.
    fn pair_occupancy<D>(
        &self,
        t: usize,
        stage: &CheckedStage<'_, F, D>,
        (states, terminal): (&[F], &[usize]),
        pairs: &mut [F],
    ) -> Result<(), Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        self.pair_masses(t, states, terminal, pairs);
        let (width, pairs) = (self.num_actions(), &*pairs);
        blocks::for_each_block(stage.dynamics, (), &|here, ()| {
            let (rewards, prior) = stage.rows(here.clone());
            // Whether there is anything to check state by state.
            let mut are_plain = true;
            let rows = pairs[here.start * width..here.end * width].iter().zip(rewards).zip(prior);
            for ((&pair, &reward), &weight) in rows {
                let is_taken_without_weight = (pair > F::zero()) & (weight == F::zero());
                let is_valid = (reward < F::infinity()) & (weight >= F::zero()) & (weight < F::infinity());
                are_plain &= is_valid & !is_taken_without_weight;
            }
            if are_plain {
                return Ok(());
            }
            for state in here {
                let (_, prior) = stage.row(state)?;
                let is_taken = |&action: &usize| pairs[state * width + action] > F::zero();
                for action in (0..width).filter(is_taken).filter(|&action| prior[action] == F::zero()) {
                    stage.check_taken(state, action)?;
                }
            }
            Ok(())
        })
    }
}
