//! The most likely trajectory of the posterior.
//!
//! # Recursion
//!
//! ```text
//! W_T(s) = V_T(s)/τ
//! W_t(s) = max_a log ρ(a|s) + r(s,a)/τ
//!                + max( max_s' log γ + log P(s'|s,a) + W_{t+1}(s'), log(1−γ) )
//! ```
//!
//! This is (D1, D2) with maxima in place of sums (Viterbi 1967). The term log(1−γ) is the step to
//! †. A forward pass then follows the maximisers. The backward pass stores only W, so the forward
//! pass computes the maximisers again.
//!
//! Given observations (D12), W_t(s) has the additional term o_t(s), and the step to † has the sum
//! of o_u(†) over the stages u > t.

use ndarray::Array2;

use super::Trajectory;
use crate::dynamics::blocks;
use crate::dynamics::successors::for_each_log_successor;
use crate::kernels::{LogMemo, log_add_exp};
use crate::mdp::CheckedStage;
use crate::mdp::run_pass;
use crate::observation::Observations;
use crate::parallel::RowsMut;
use crate::{Error, Inference, Model, Posterior, Real, Table, arrays};

impl<F: Real> Posterior<F> {
    /// Computes the trajectory with the largest p(trajectory ∣ e) (D0), or with the largest (D12)
    /// given observations.
    ///
    /// In a tie, it compares trajectories at the first stage where they differ, and returns the one
    /// with the lowest action, then the lowest successor. The most likely trajectory may be
    /// untypical: if the posterior covers many trajectories, each of them is improbable.
    /// [`log_probability`](Self::log_probability) returns its log-probability.
    ///
    /// For a hidden Markov model, this is the Viterbi path if the last emission is the terminal
    /// value: see [the guide](crate::guide::hidden_markov). If all emissions are rewards of stages,
    /// the trajectory is one transition longer, and its first states may differ from those of the
    /// Viterbi path.
    ///
    /// `mdp` must be the model that was solved; only its shape can be checked.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], [`Error::HorizonOutOfRange`], [`Error::ZeroTemperature`];
    /// [`Error::Overflow`] if a logarithm overflows; [`Error::TooLarge`]; errors of your own
    /// [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(T · transitions), memory O(T·S).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, ndarray::array, posterior};
    ///
    /// // State 0 lasts, state 1 does not. Two equal emissions do not tell the states apart.
    /// let transitions = array![[[0.9, 0.1]], [[0.5, 0.5]]];
    /// let log = 0.5_f64.ln();
    /// let mdp = Mdp::builder(transitions, array![[log], [log]]).terminal_values(array![log, log]);
    /// let mdp = mdp.build()?;
    /// let posterior = posterior(&mdp, &array![0.6, 0.4], 1)?;
    /// assert_eq!(posterior.most_likely(&mdp)?.states(), [0, 0]); // 0.54, before 0.2, 0.2 and 0.06
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    #[doc(alias("viterbi"))]
    pub fn most_likely<M>(&self, mdp: &M) -> Result<Trajectory, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        self.check_model(mdp)?;
        let horizon = self.horizon();
        let observations = self.solution().observed();
        let weights = best_weights(mdp, horizon, observations)?;
        let mut best = (F::neg_infinity(), 0);
        for (state, (&p, &weight)) in self.initial().iter().zip(weights.row(0)).enumerate() {
            let log = p.ln() + weight;
            if log > best.0 {
                best = (log, state);
            }
        }
        let (mut states, mut actions) = (vec![best.1], Vec::new());
        let (mut state, mut row) = (best.1, Vec::new());
        for t in 0..horizon {
            if mdp.is_terminal(state) {
                break;
            }
            let stage = CheckedStage::begin(mdp, t, Inference::Direct)?;
            let next = weights.row(t + 1);
            let maximizer = Maximizer::new(mdp, &stage, t, observations, arrays::slice(&next));
            let Best { action, next_state, .. } = maximizer.state(state, &mut LogMemo::new(), &mut row)?;
            actions.push(action);
            let Some(next_state) = next_state else { break };
            states.push(next_state);
            state = next_state;
        }
        Trajectory::new(states, actions)
    }
}

/// W, `[t, s]` with T+1 rows, in nats.
fn best_weights<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    horizon: usize,
    observations: &Observations<F>,
) -> Result<Array2<F>, Error> {
    let num_states = mdp.num_states();
    let shape = (horizon.saturating_add(1), num_states);
    let mut weights = arrays::filled(Table::Trajectory, shape, F::neg_infinity())?;
    let mut last = weights.row_mut(horizon);
    for (state, (weight, &value)) in last.iter_mut().zip(mdp.terminal_values()).enumerate() {
        *weight = value / mdp.temperature();
        if weight.is_infinite() && value > F::neg_infinity() {
            return Err(Error::Overflow { table: Table::Trajectory, stage: horizon, state });
        }
    }
    let rows = arrays::slice_mut(&mut weights);
    let (one, table) = (F::one(), Table::Trajectory);
    observations.add_to(horizon, one, table, &mut rows[horizon * num_states..])?;
    run_pass(mdp, horizon, Inference::Direct, || {
        for t in (0..horizon).rev() {
            let (now, next) = rows[t * num_states..].split_at_mut(num_states);
            let stage = CheckedStage::begin(mdp, t, Inference::Direct)?;
            let maximizer = Maximizer::new(mdp, &stage, t, observations, &next[..num_states]);
            blocks::for_each_block(stage.dynamics, RowsMut::column(now), &|states, now| {
                let (mut log_prior, mut row) = (LogMemo::new(), Vec::new());
                for (state, weight) in states.zip(now.data.iter_mut()) {
                    *weight = if mdp.is_terminal(state) {
                        next[state]
                    } else {
                        maximizer.state(state, &mut log_prior, &mut row)?.weight
                    };
                }
                Ok(())
            })?;
            observations.add_to(t, one, table, now)?;
        }
        Ok(())
    })?;
    Ok(weights)
}

/// W of a state and its maximisers.
struct Best<F> {
    weight: F,
    action: usize,
    next_state: Option<usize>, // none: †
}

/// One stage of the recursion.
struct Maximizer<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    mdp: &'a M,
    stage: &'a CheckedStage<'a, F, M::Dynamics>,
    t: usize,
    log_discount: F,
    log_leave: F,
    next: &'a [F],
}

impl<'a, F: Real, M: Model<Scalar = F> + ?Sized> Maximizer<'a, F, M> {
    fn new(
        mdp: &'a M,
        stage: &'a CheckedStage<'a, F, M::Dynamics>,
        t: usize,
        observations: &Observations<F>,
        next: &'a [F],
    ) -> Self {
        let (log_discount, log_leave) = (mdp.discount().ln(), (F::one() - mdp.discount()).ln());
        let log_leave = log_leave + observations.absorbed_from(t + 1);
        Self { mdp, stage, t, log_discount, log_leave, next }
    }

    /// The maximum of a state that is not terminal; `row` is scratch.
    fn state(
        &self,
        state: usize,
        log_prior: &mut LogMemo<F>,
        row: &mut Vec<(usize, F)>,
    ) -> Result<Best<F>, Error> {
        let mut best = Best { weight: F::neg_infinity(), action: 0, next_state: None };
        let (rewards, prior) = self.stage.row(state)?;
        for (action, (&reward, &weight)) in rewards.iter().zip(prior).enumerate() {
            if weight == F::zero() || reward == F::neg_infinity() {
                continue;
            }
            let paid = log_prior.log(weight) + reward / self.mdp.temperature();
            if !paid.is_finite() {
                return Err(Error::Overflow { table: Table::Trajectory, stage: self.t, state });
            }
            self.collect(state, action, row);
            let successors =
                row.iter().map(|&(s, log_p)| (self.log_discount + log_p + self.next[s], Some(s)));
            for (log, next_state) in successors.chain([(self.log_leave, None)]) {
                if paid + log > best.weight {
                    best = Best { weight: paid + log, action, next_state };
                }
            }
        }
        Ok(best)
    }

    /// Writes log P of all successors of a pair to `row`, in ascending order and without
    /// duplicates.
    fn collect(&self, state: usize, action: usize, row: &mut Vec<(usize, F)>) {
        row.clear();
        let temperature = self.mdp.temperature();
        for_each_log_successor(self.stage.dynamics, temperature, (state, action), |next_state, log_p| {
            row.push((next_state, log_p));
        });
        if !row.is_sorted_by(|a, b| a.0 < b.0) {
            row.sort_by_key(|&(next_state, _)| next_state);
            row.dedup_by(|later, first| {
                let is_same = later.0 == first.0;
                if is_same {
                    first.1 = log_add_exp(first.1, later.1);
                }
                is_same
            });
        }
    }
}
