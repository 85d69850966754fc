//! One stage of the forward pass.
//!
//! # Form computed
//!
//! All messages are logarithms, because later evidence can make a state of probability e^−5000
//! certain. The pairs of a stage are pushed through the dynamics as plain numbers, in bands. A band
//! holds the pairs within a fixed distance of its largest, scaled so that no product of a
//! probability and a pair loses bits. The results of the bands are added as logarithms.
//!
//! There is nearly always one band. If more bands would cost more than the dynamics themselves, the
//! remaining pairs are added term by term.

use crate::dynamics::blocks;
use crate::dynamics::successors::for_each_log_successor;
use crate::kernels::{LogMemo, lifted_log, log_add_exp, log_sum_exp, sum};
use crate::mdp::{CheckedStage, is_possible};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, Workspace};

/// A model and the memory for a stage of the forward pass.
pub(crate) struct ForwardPass<'m, F, M: ?Sized> {
    mdp: &'m M,
    log_discount: F,   // log γ
    log_leave: F,      // log(1−γ)
    log_pairs: Vec<F>, // log x_t, [s, a]
    pairs: Vec<F>,     // one band of x_t, scaled, [s, a]
    pushed: Vec<F>,    // [s']
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> ForwardPass<'m, F, M> {
    pub(crate) fn new(workspace: &mut Workspace<F>, mdp: &'m M) -> Result<Self, Error> {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let mut table = |shape: (usize, usize)| workspace.take(Table::ForwardMessages, shape);
        Ok(Self {
            mdp,
            log_discount: mdp.discount().ln(),
            log_leave: (F::one() - mdp.discount()).ln(),
            log_pairs: table((num_states, num_actions))?,
            pairs: table((num_states, num_actions))?,
            pushed: table((num_states, 1))?,
        })
    }

    /// Returns the memory to a workspace.
    pub(crate) fn release(self, workspace: &mut Workspace<F>) {
        [self.log_pairs, self.pairs, self.pushed].into_iter().for_each(|table| workspace.keep(table));
    }

    /// From log α_t and log α_t(†), writes log α_{t+1} and returns log Z_t and log α_{t+1}(†).
    pub(crate) fn stage(
        &mut self,
        t: usize,
        now: &[F],
        absorbed: F,
        next: &mut [F],
    ) -> Result<(F, F), Error> {
        let stage = CheckedStage::begin(self.mdp, t, Inference::Direct)?;
        self.weigh_pairs(t, &stage, now)?;
        let log_paid = self.push(t, stage.dynamics, next)?;

        let mut log_normalizer = log_add_exp(log_paid, absorbed);
        for (state, (next, &log)) in next.iter_mut().zip(now).enumerate() {
            *next += self.log_discount;
            if self.mdp.is_terminal(state) {
                *next = log_add_exp(*next, log);
                log_normalizer = log_add_exp(log_normalizer, log);
            }
        }
        if log_normalizer == F::neg_infinity() {
            return Err(Error::ImpossibleEvidence { stage: t });
        }
        for (state, log) in next.iter_mut().enumerate().filter(|(_, log)| **log > F::neg_infinity()) {
            *log -= log_normalizer;
            if !log.is_finite() {
                return Err(Error::Overflow { table: Table::ForwardMessages, stage: t + 1, state });
            }
        }
        let absorbed = log_add_exp(absorbed, self.log_leave + log_paid) - log_normalizer;
        Ok((log_normalizer, absorbed))
    }

    /// Writes log x_t(s,a) = log ρ + r/τ + log α_t(s).
    fn weigh_pairs(
        &mut self,
        t: usize,
        stage: &CheckedStage<'_, F, M::Dynamics>,
        now: &[F],
    ) -> Result<(), Error> {
        let (mdp, width) = (self.mdp, self.mdp.num_actions());
        let temperature = mdp.temperature();
        let outputs = RowsMut { data: &mut self.log_pairs[..], width };
        blocks::for_each_block(stage.dynamics, outputs, &|states, pairs| {
            let mut log_prior = LogMemo::new();
            for (state, pairs) in states.zip(pairs.data.chunks_exact_mut(width)) {
                pairs.fill(F::neg_infinity());
                if mdp.is_terminal(state) || now[state] == F::neg_infinity() {
                    continue;
                }
                let (rewards, prior) = stage.row(state)?;
                for (action, pair) in pairs.iter_mut().enumerate() {
                    if is_possible(rewards[action], prior[action]) {
                        *pair = now[state] + log_prior.log(prior[action]) + rewards[action] / temperature;
                        if !pair.is_finite() {
                            let table = Table::ForwardMessages;
                            return Err(Error::Overflow { table, stage: t, state });
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Writes log Σ_{s,a} P(s'∣s,a) x(s,a) to `next` and returns log Σ_{s,a} x(s,a).
    fn push(&mut self, t: usize, dynamics: &M::Dynamics, next: &mut [F]) -> Result<F, Error> {
        next.fill(F::neg_infinity());
        let mut log_paid = F::neg_infinity();
        let mut ceiling = self.log_pairs.iter().fold(F::neg_infinity(), |max, &log| max.max(log));
        // A band reads every pair but only its own rows: as many bands as a row has successors cost
        // as much as a second pass over the dynamics.
        let num_states = self.pushed.len();
        let most_bands = 2 + dynamics.work(0..num_states) / self.pairs.len();
        for _ in 0..most_bands {
            if ceiling == F::neg_infinity() {
                break;
            }
            let below = self.scale_band(ceiling);
            self.pushed.fill(F::zero());
            let pairs = &self.pairs;
            let outputs = RowsMut { data: &mut self.pushed[..], width: 1 };
            blocks::for_each_part(dynamics, outputs, &|next_states, pushed| {
                dynamics.push_forward(0..num_states, next_states, 1, pairs, pushed.data);
            });
            for (log, &pushed) in next.iter_mut().zip(&self.pushed) {
                if pushed > F::zero() {
                    *log = log_add_exp(*log, lifted_log(pushed) + ceiling);
                }
            }
            log_paid = log_add_exp(log_paid, lifted_log(sum(&self.pairs)) + ceiling);
            ceiling = below;
        }
        if ceiling > F::neg_infinity() {
            log_paid = log_sum_exp(&self.log_pairs);
        }
        if ceiling > F::neg_infinity() || dynamics.has_faint_successors() {
            self.scatter_rest(t, dynamics, ceiling, next)?;
        }
        Ok(log_paid)
    }

    /// Scales the pairs of the band below `ceiling` to plain numbers. Returns the largest logarithm
    /// below the band.
    fn scale_band(&mut self, ceiling: F) -> F {
        let mut below = F::neg_infinity();
        for (pair, &log) in self.pairs.iter_mut().zip(&self.log_pairs) {
            let gap = log - ceiling;
            *pair = F::zero();
            if gap < -F::SPREAD {
                below = below.max(log);
            } else if gap <= F::zero() {
                *pair = gap.exp() * F::LIFT;
            }
        }
        below
    }

    /// Adds the contributions of all pairs up to `ceiling`, and those of pairs above it to faint
    /// successors, one logarithm at a time. This is slower, but takes one pass for any spread.
    fn scatter_rest(
        &mut self,
        t: usize,
        dynamics: &M::Dynamics,
        ceiling: F,
        next: &mut [F],
    ) -> Result<(), Error> {
        // A sum is the logarithm of its largest term so far, and a factor.
        for (factor, &log) in self.pushed.iter_mut().zip(next.iter()) {
            *factor = if log > F::neg_infinity() { F::one() } else { F::zero() };
        }
        let (log_pairs, num_actions, temperature) =
            (&self.log_pairs, dynamics.num_actions(), self.mdp.temperature());
        let outputs =
            (RowsMut { data: &mut *next, width: 1 }, RowsMut { data: &mut self.pushed[..], width: 1 });
        blocks::for_each_part(dynamics, outputs, &|next_states, (logs, factors)| {
            for (row, &pair) in log_pairs.iter().enumerate() {
                if pair == F::neg_infinity() {
                    continue;
                }
                let mut add = |next_state: usize, log_p: F| {
                    if next_states.contains(&next_state) {
                        let at = next_state - next_states.start;
                        let (log, factor) = (&mut logs.data[at], &mut factors.data[at]);
                        let term = pair + log_p;
                        if term == F::neg_infinity() {
                            // The term underflows. That is an error, reported below, if no other
                            // term leads here.
                            *factor = factor.max(F::one());
                        } else if term <= *log {
                            *factor += (term - *log).exp();
                        } else {
                            *factor = *factor * (*log - term).exp() + F::one();
                            *log = term;
                        }
                    }
                };
                let (state, action) = (row / num_actions, row % num_actions);
                if pair <= ceiling {
                    for_each_log_successor(dynamics, temperature, (state, action), &mut add);
                } else {
                    dynamics.for_each_faint_successor(state, action, &mut |next_state, offset| {
                        add(next_state, offset / temperature);
                    });
                }
            }
        });
        for (state, (log, &factor)) in next.iter_mut().zip(&self.pushed).enumerate() {
            if factor > F::zero() {
                *log += factor.ln();
                if *log == F::neg_infinity() {
                    return Err(Error::Overflow { table: Table::ForwardMessages, stage: t + 1, state });
                }
            }
        }
        Ok(())
    }

    /// log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) ).
    pub(super) fn log_end(&mut self, last: &[F], absorbed: F) -> Result<F, Error> {
        let logs = &mut self.pushed;
        for ((log, &message), &value) in logs.iter_mut().zip(last).zip(self.mdp.terminal_values()) {
            *log = F::neg_infinity();
            if message > F::neg_infinity() && value > F::neg_infinity() {
                *log = message + value / self.mdp.temperature();
                if !log.is_finite() {
                    return Err(Error::TotalOverflow { table: Table::ForwardMessages });
                }
            }
        }
        Ok(log_add_exp(log_sum_exp(logs), absorbed))
    }
}
