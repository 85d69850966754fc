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

use std::ops::Range;

use super::mixed::Mixed;
use crate::dynamics::blocks;
use crate::dynamics::successors::for_each_log_successor;
use crate::kernels::{LogMemo, exp_all, lifted_log, ln_all, log_add_exp, log_sum_exp, sum};
use crate::mdp::{CheckedStage, is_possible};
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Dynamics, Error, Inference, Model, Real, SparseDynamics, Table, Workspace};

/// A model and the memory for a stage of the forward pass.
pub(crate) struct ForwardPass<'m, F: Real, M: ?Sized> {
    mdp: &'m M,
    log_discount: F, // log γ
    log_leave: F,    // log(1−γ)
    mixed: Option<Mixed<F>>,
    flow: Flow<F>,
}

/// The weights that flow through the rows of a stage: x_t of the pairs, or of the states of mixed
/// rows.
struct Flow<F> {
    temperature: F,
    logs: Vec<F>,   // log x_t, [row]
    band: Vec<F>,   // one band of x_t, scaled, [row]
    pushed: Vec<F>, // [s']
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> ForwardPass<'m, F, M> {
    /// For a number of stages.
    pub(crate) fn new(workspace: &mut Workspace<F>, mdp: &'m M, horizon: usize) -> Result<Self, Error> {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let mixed = Mixed::new(mdp, horizon)?;
        let width = if mixed.is_some() { 1 } else { num_actions };
        let mut table = |shape: (usize, usize)| workspace.take(Table::ForwardMessages, shape);
        Ok(Self {
            mdp,
            log_discount: mdp.discount().ln(),
            log_leave: (F::one() - mdp.discount()).ln(),
            mixed,
            flow: Flow {
                temperature: mdp.temperature(),
                logs: table((num_states, width))?,
                band: table((num_states, width))?,
                pushed: table((num_states, 1))?,
            },
        })
    }

    /// Returns the memory to a workspace.
    pub(crate) fn release(self, workspace: &mut Workspace<F>) {
        let Flow { logs, band, pushed, .. } = self.flow;
        [logs, band, pushed].into_iter().for_each(|table| workspace.keep(table));
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
        let log_paid = if let Some(mixed) = &self.mixed {
            mixed.weigh(t, now, &mut self.flow.logs)?;
            self.flow.push(t, &*mixed.dynamics, mixed.by_successor.as_ref(), next)?
        } else {
            weigh_pairs(self.mdp, t, &stage, now, &mut self.flow.logs)?;
            self.flow.push(t, stage.dynamics, None, next)?
        };

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

    /// log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) ).
    pub(super) fn log_end(&mut self, last: &[F], absorbed: F) -> Result<F, Error> {
        let logs = &mut self.flow.pushed;
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

/// Writes log x_t(s,a) = log ρ + r/τ + log α_t(s).
fn weigh_pairs<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    t: usize,
    stage: &CheckedStage<'_, F, M::Dynamics>,
    now: &[F],
    logs: &mut [F],
) -> Result<(), Error> {
    let (width, temperature) = (mdp.num_actions(), mdp.temperature());
    blocks::for_each_block(stage.dynamics, RowsMut { data: logs, width }, &|states, pairs| {
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

impl<F: Real> Flow<F> {
    /// Writes log Σ_row P(s'∣row) x(row) to `next` and returns log Σ_row x(row). `by_successor` are
    /// the same rows, transposed.
    fn push<D: Dynamics<Scalar = F> + ?Sized>(
        &mut self,
        t: usize,
        dynamics: &D,
        by_successor: Option<&SparseDynamics<F>>,
        next: &mut [F],
    ) -> Result<F, Error> {
        next.fill(F::neg_infinity());
        let mut log_paid = F::neg_infinity();
        let largest = |rows: Range<usize>, ()| {
            self.logs[rows].iter().fold(F::neg_infinity(), |max, &log| if log > max { log } else { max })
        };
        let mut ceiling = fold_pieces(self.logs.len(), (), &largest, &F::max);
        // A band reads every weight but only its own rows: as many bands as a row has successors cost
        // as much as a second pass over the dynamics.
        let num_states = self.pushed.len();
        let most_bands = 2 + dynamics.work(0..num_states) / self.band.len();
        for _ in 0..most_bands {
            if ceiling == F::neg_infinity() {
                break;
            }
            let below = self.scale_band(ceiling);
            let band = &self.band;
            let outputs = RowsMut { data: &mut self.pushed[..], width: 1 };
            if let Some(rows) = by_successor {
                blocks::for_each_block(rows, outputs, &|next_states, pushed| {
                    rows.expectation(next_states, 1, band, pushed.data);
                    Ok(())
                })?;
            } else {
                blocks::for_each_part(dynamics, outputs, &|next_states, pushed| {
                    pushed.data.fill(F::zero());
                    dynamics.push_forward(0..num_states, next_states, 1, band, pushed.data);
                });
            }
            let outputs =
                (RowsMut { data: &mut *next, width: 1 }, RowsMut { data: &mut self.pushed[..], width: 1 });
            fold_pieces(
                num_states,
                outputs,
                &|_, (next, pushed)| add_logs(pushed.data, ceiling, next.data),
                &|(), ()| (),
            );
            log_paid = log_add_exp(log_paid, lifted_log(sum(&self.band)) + ceiling);
            ceiling = below;
        }
        if ceiling > F::neg_infinity() {
            log_paid = log_sum_exp(&self.logs);
        }
        if ceiling > F::neg_infinity() || dynamics.has_faint_successors() {
            self.scatter_rest(t, dynamics, ceiling, next)?;
        }
        Ok(log_paid)
    }

    /// Scales the weights of the band below `ceiling` to plain numbers. Returns the largest logarithm
    /// below the band.
    fn scale_band(&mut self, ceiling: F) -> F {
        let (logs, outputs) = (&self.logs, RowsMut { data: &mut self.band[..], width: 1 });
        let scale = |rows: Range<usize>, band: RowsMut<'_, F>| {
            let mut below = F::neg_infinity();
            for (weight, &log) in band.data.iter_mut().zip(&logs[rows]) {
                let gap = log - ceiling;
                let is_below = gap < -F::SPREAD;
                below = if is_below && log > below { log } else { below };
                *weight = if is_below || gap > F::zero() { F::neg_infinity() } else { gap };
            }
            exp_all(band.data);
            band.data.iter_mut().for_each(|weight| *weight *= F::LIFT);
            below
        };
        fold_pieces(logs.len(), outputs, &scale, &F::max)
    }

    /// Adds the contributions of all weights up to `ceiling`, and those of pairs above it to faint
    /// successors, one logarithm at a time. This is slower, but takes one pass for any spread.
    fn scatter_rest<D: Dynamics<Scalar = F> + ?Sized>(
        &mut self,
        t: usize,
        dynamics: &D,
        ceiling: F,
        next: &mut [F],
    ) -> Result<(), Error> {
        // A sum is the logarithm of its largest term so far, and a factor.
        for (factor, &log) in self.pushed.iter_mut().zip(next.iter()) {
            *factor = if log > F::neg_infinity() { F::one() } else { F::zero() };
        }
        let (logs_of_rows, num_actions, temperature) = (&self.logs, dynamics.num_actions(), self.temperature);
        let outputs =
            (RowsMut { data: &mut *next, width: 1 }, RowsMut { data: &mut self.pushed[..], width: 1 });
        blocks::for_each_part(dynamics, outputs, &|next_states, (logs, factors)| {
            for (row, &pair) in logs_of_rows.iter().enumerate() {
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
}

/// Adds plain sums of a band to logarithms. Overwrites the sums.
fn add_logs<F: Real>(sums: &mut [F], ceiling: F, logs: &mut [F]) {
    let least = F::min_positive_value() * F::LIFT;
    let is_normal = sums.iter().fold(true, |normal, &sum| normal & ((sum >= least) | (sum == F::zero())));
    if is_normal {
        sums.iter_mut().for_each(|sum| *sum *= F::UNLIFT);
        ln_all(sums);
    } else {
        let log = |sum: F| if sum > F::zero() { lifted_log(sum) } else { F::neg_infinity() };
        sums.iter_mut().for_each(|sum| *sum = log(*sum));
    }
    for (log, &own) in logs.iter_mut().zip(&*sums) {
        let term = own + ceiling;
        *log = if *log == F::neg_infinity() { term } else { log_add_exp(*log, term) };
    }
}
