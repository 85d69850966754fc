//! One stage of the forward pass.
//!
//! # Form computed
//!
//! All messages that are kept are logarithms, because later evidence can make a state of
//! probability e^−5000 certain. Where plain numbers hold them, `carried` takes them from stage to
//! stage. Elsewhere the pairs of a stage are pushed through the dynamics as plain numbers, in
//! bands. A band holds the pairs within a fixed distance of its largest, scaled so that no product
//! of a probability and a pair loses bits. The results of the bands are added as logarithms.
//!
//! There is nearly always one band. If more bands would cost more than the dynamics themselves, the
//! remaining pairs are added term by term.

use std::ops::Range;

use super::band;
use super::mixed::Mixed;
use crate::dynamics::successors::for_each_log_successor;
use crate::dynamics::{BySuccessor, blocks};
use crate::kernels::{LogMemo, lifted_log, log_add_exp, log_sum_exp, sum};
use crate::mdp::{CheckedStage, is_possible, terminal_states};
use crate::observation::{Observations, log_product};
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Dynamics, Error, Inference, Model, Real, Table, Workspace};

/// A model and the memory for a stage of the forward pass.
pub(crate) struct ForwardPass<'m, F: Real, M: ?Sized> {
    mdp: &'m M,
    log_discount: F, // log γ
    log_leave: F,    // log(1−γ)
    terminal: Vec<usize>,
    mixed: Option<Mixed<F>>,
    flow: Flow<F>,
    weighted: Vec<F>, // messages with the observations of their stage, [s]; empty without any
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
        let terminal = workspace.take_states(terminal_states(mdp));
        let mut table = |shape: (usize, usize)| workspace.take(Table::ForwardMessages, shape);
        Ok(Self {
            mdp,
            terminal,
            log_discount: mdp.discount().ln(),
            log_leave: (F::one() - mdp.discount()).ln(),
            mixed,
            weighted: Vec::new(),
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
        workspace.keep_states(self.terminal);
        let Flow { logs, band, pushed, .. } = self.flow;
        [logs, band, pushed].into_iter().for_each(|table| workspace.keep(table));
    }

    /// [`stage`](Self::stage), given the observations of stage `t` too.
    pub(crate) fn stage_given(
        &mut self,
        observations: &Observations<F>,
        t: usize,
        (now, absorbed): (&[F], F),
        next: &mut [F],
    ) -> Result<(F, F), Error> {
        let Some(absorbed) = self.observe(observations, t, (now, absorbed))? else {
            return self.stage(t, now, absorbed, next);
        };
        // What the last stage left for this one is no longer true.
        if let Some((_, carried)) = self.mixed.as_mut().and_then(|mixed| mixed.by_successor.as_mut()) {
            carried.forget();
        }
        let weighted = std::mem::take(&mut self.weighted);
        let result = self.stage(t, &weighted, absorbed, next);
        self.weighted = weighted;
        result
    }

    /// log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) ), given the observations of stage T too.
    pub(crate) fn log_end_given(
        &mut self,
        observations: &Observations<F>,
        horizon: usize,
        (last, absorbed): (&[F], F),
    ) -> Result<F, Error> {
        let Some(absorbed) = self.observe(observations, horizon, (last, absorbed))? else {
            return self.log_end(last, absorbed);
        };
        let weighted = std::mem::take(&mut self.weighted);
        self.log_end(&weighted, absorbed)
    }

    /// Writes the messages with the log-likelihoods of the observations of stage `t`, and returns
    /// that of †. `None` without observations of this stage.
    fn observe(
        &mut self,
        observations: &Observations<F>,
        t: usize,
        (messages, absorbed): (&[F], F),
    ) -> Result<Option<F>, Error> {
        let Some((_, log_absorbed)) = observations.at(t) else { return Ok(None) };
        self.weighted.clear();
        self.weighted.extend_from_slice(messages);
        observations.add_to(t, F::one(), Table::ForwardMessages, &mut self.weighted)?;
        let overflow = Error::TotalOverflow { table: Table::AbsorbedObservations };
        let absorbed = log_product(absorbed, log_absorbed).ok_or(overflow)?;
        if self.weighted.iter().chain([&absorbed]).all(|&log| log == F::neg_infinity()) {
            return Err(Error::ImpossibleObservations { stage: t });
        }
        Ok(Some(absorbed))
    }

    /// From log α_t and log α_t(†), writes log α_{t+1} and returns log Z_t and log α_{t+1}(†).
    ///
    /// Precondition: from the second call on, the messages are those that the last call has
    /// written, because the pass keeps them in another form too.
    pub(crate) fn stage(
        &mut self,
        t: usize,
        now: &[F],
        absorbed: F,
        next: &mut [F],
    ) -> Result<(F, F), Error> {
        let stage = CheckedStage::begin(self.mdp, t, Inference::Direct)?;
        if let Some(result) = self.carry(t, now, absorbed, next)? {
            return Ok(result);
        }
        let log_paid = if let Some(mixed) = &self.mixed {
            let ceiling = mixed.weigh(t, now, &mut self.flow.logs)?;
            let by_successor = mixed.by_successor.as_ref().map(|(rows, _)| rows);
            self.flow.push(t, &*mixed.dynamics, by_successor, ceiling, next)?
        } else {
            weigh_pairs(self.mdp, t, &stage, now, &mut self.flow.logs)?;
            let logs = &self.flow.logs;
            let ceiling = fold_pieces(logs.len(), (), &|rows, ()| band::largest(&logs[rows]), &F::max);
            self.flow.push(t, stage.dynamics, None, ceiling, next)?
        };

        if self.log_discount < F::zero() {
            next.iter_mut().for_each(|next| *next += self.log_discount);
        }
        for &state in &self.terminal {
            next[state] = log_add_exp(next[state], now[state]);
        }
        let log_normalizer = log_normalizer(&self.terminal, t, log_paid, now, absorbed)?;
        let divide = |_: Range<usize>, next: RowsMut<'_, F>| band::divide(next.data, log_normalizer);
        let outputs = RowsMut::column(&mut *next);
        if !fold_pieces(self.mdp.num_states(), outputs, &divide, &|a, b| a & b) {
            let state = next.iter().position(|log| log.is_nan()).unwrap_or(0);
            return Err(Error::Overflow { table: Table::ForwardMessages, stage: t + 1, state });
        }
        Ok((log_normalizer, self.log_absorbed(log_paid, log_normalizer, absorbed)))
    }

    /// [`stage`](Self::stage) by messages that are carried as plain numbers; `None` where these do
    /// not hold them.
    fn carry(&mut self, t: usize, now: &[F], absorbed: F, next: &mut [F]) -> Result<Option<(F, F)>, Error> {
        let Some((rows, carried)) = self.mixed.as_mut().and_then(|mixed| mixed.by_successor.as_mut()) else {
            return Ok(None);
        };
        let Flow { band: x, pushed, .. } = &mut self.flow;
        let Some(log_paid) = carried.hold(t, now, x) else { return Ok(None) };
        let log_normalizer = log_normalizer(&self.terminal, t, log_paid, now, absorbed)?;
        if !carried.push(t, rows, (x, self.log_discount - log_normalizer), pushed, next) {
            return Ok(None);
        }
        std::mem::swap(x, pushed);
        for &state in &self.terminal {
            next[state] = log_add_exp(next[state], now[state] - log_normalizer);
        }
        Ok(Some((log_normalizer, self.log_absorbed(log_paid, log_normalizer, absorbed))))
    }

    /// log α_{t+1}(†).
    fn log_absorbed(&self, log_paid: F, log_normalizer: F, absorbed: F) -> F {
        log_add_exp(absorbed, self.log_leave + log_paid) - log_normalizer
    }

    /// log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) ).
    fn log_end(&mut self, last: &[F], absorbed: F) -> Result<F, Error> {
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

/// log Z_t, from log Σ x_t.
fn log_normalizer<F: Real>(
    terminal: &[usize],
    t: usize,
    log_paid: F,
    now: &[F],
    absorbed: F,
) -> Result<F, Error> {
    let add = |total: F, &state: &usize| log_add_exp(total, now[state]);
    let total = terminal.iter().fold(log_add_exp(log_paid, absorbed), add);
    if total == F::neg_infinity() { Err(Error::ImpossibleEvidence { stage: t }) } else { Ok(total) }
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
    /// the same rows by successor; `ceiling` is the largest log x.
    fn push<D: Dynamics<Scalar = F> + ?Sized>(
        &mut self,
        t: usize,
        dynamics: &D,
        by_successor: Option<&BySuccessor<F>>,
        mut ceiling: F,
        next: &mut [F],
    ) -> Result<F, Error> {
        let (highest, mut log_paid) = (ceiling, F::neg_infinity());
        if ceiling == F::neg_infinity() {
            next.fill(F::neg_infinity());
        }
        // A band reads every weight but only its own rows: as many bands as a row has successors
        // cost as much as a second pass over the dynamics.
        let num_states = self.pushed.len();
        let most_bands = 2 + dynamics.work(0..num_states) / self.band.len();
        for _ in 0..most_bands {
            if ceiling == F::neg_infinity() {
                break;
            }
            let below = self.scale_band(ceiling);
            let band = &self.band;
            if let Some(rows) = by_successor {
                rows.push(band, &mut self.pushed);
            } else {
                let outputs = RowsMut::column(&mut self.pushed[..]);
                blocks::for_each_part(dynamics, outputs, &|next_states, pushed| {
                    pushed.data.fill(F::zero());
                    dynamics.push_forward(0..num_states, next_states, 1, band, pushed.data);
                });
            }
            let outputs = (RowsMut::column(&mut *next), RowsMut::column(&mut self.pushed[..]));
            let is_first = ceiling == highest;
            let add = |_: Range<usize>, (next, pushed): (RowsMut<'_, F>, RowsMut<'_, F>)| {
                band::add_logs(pushed.data, ceiling, is_first, next.data);
            };
            fold_pieces(num_states, outputs, &add, &|(), ()| ());
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

    /// Scales the weights of the band below `ceiling` to plain numbers. Returns the largest
    /// logarithm below the band.
    fn scale_band(&mut self, ceiling: F) -> F {
        let (logs, outputs) = (&self.logs, RowsMut::column(&mut self.band[..]));
        let scale = |rows: Range<usize>, band: RowsMut<'_, F>| band::scale(&logs[rows], ceiling, band.data);
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
        let outputs = (RowsMut::column(&mut *next), RowsMut::column(&mut self.pushed[..]));
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
