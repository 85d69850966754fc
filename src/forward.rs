//! Forward messages: where the past leads, given that it went well.
//!
//! # Recursion
//!
//! ```text
//! x_t(s,a)     = ρ(a|s) exp(r(s,a)/τ) α_t(s),                                    α_0 = p₀, α_0(†) = 0
//! Z_t          = Σ_{s,a} x_t(s,a) + Σ_{s terminal} α_t(s) + α_t(†)                              (D4)
//! α_{t+1}(s')  = ( γ Σ_{s,a} P(s'|s,a) x_t(s,a)  + α_t(s') if s' is terminal ) / Z_t            (D5)
//! α_{t+1}(†)   = ( (1−γ) Σ_{s,a} x_t(s,a) + α_t(†) ) / Z_t
//! log p(e)     = Σ_t log Z_t + log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) )                         (D6)
//! ```
//!
//! where † is the absorbing state that a discount γ < 1 leads to.
//!
//! # Form computed
//!
//! Everything is a logarithm: a state of filtered probability e^−5000 is still a state that later evidence
//! may demand. The pairs of a stage are pushed through the dynamics as plain numbers, in bands: each band holds
//! the pairs within a fixed distance of its highest, scaled so that no product of a probability and a pair can
//! lose bits, and the bands are added up as logarithms. Nearly always there is one band; where there are so many
//! that they would cost more than the dynamics themselves, the rest is added up term by term.
//!
//! # References
//!
//! Levine (2018), §2.3; Rabiner, *A tutorial on hidden Markov models*, Proc. IEEE 77 (1989), for the scaled pass.

#[cfg(any(feature = "npz", feature = "serde"))]
use ndarray::aview0;
use ndarray::{Array1, Array2, ArrayRef1, ArrayView1, ArrayView2};

use crate::dynamics::blocks;
use crate::dynamics::for_each_log_successor;
use crate::initial::check_initial;
use crate::kernels::{LogMemo, lifted_log, log_add_exp, log_sum_exp, sum};
use crate::mdp::run_pass;
use crate::mdp::{CheckedStage, check_options};
use crate::parallel::RowsMut;
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

/// Computes the forward messages α_t(s) = p(s_t = s ∣ e_0 … e_{t−1}) of direct inference.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1: `&Array1`, a view `&v.view()`, or a slice as `&aview1(..)`.
///
/// # Errors
///
/// [`Error::ImpossibleEvidence`] if no trajectory survives a stage; [`Error::ZeroTemperature`];
/// [`Error::InvalidInitial`], [`Error::UnnormalizedInitial`], [`Error::ShapeMismatch`];
/// [`Error::Overflow`] or [`Error::TotalOverflow`] if a finite logarithm leaves the number type;
/// [`Error::TooLarge`]; what a [`Model`] of your own returns.
///
/// # Complexity
///
/// Time O(T · transitions), memory T·S + 2·S·A numbers.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, forward_messages, ndarray::array};
///
/// // A coin is tossed once and then stays; tails (state 1) has success probability 1/3 a stage.
/// let mdp = Mdp::new(array![[[1.0, 0.0]], [[0.0, 1.0]]], array![[0.0], [-(3.0_f64.ln())]])?;
/// let messages = forward_messages(&mdp, &array![0.5, 0.5], 1)?;
/// assert!((messages.log_forward()[[1, 1]].exp() - 0.25).abs() < 1e-15);
/// assert!((messages.log_evidence().exp() - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn forward_messages<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
) -> Result<ForwardMessages<F>, Error> {
    check_options(mdp, horizon)?;
    let num_states = mdp.num_states();
    check_initial(initial, num_states)?;
    let table = Table::ForwardMessages;
    if mdp.temperature() == F::zero() {
        return Err(Error::ZeroTemperature { table });
    }
    let rows = horizon.saturating_add(1);
    let mut log_forward = arrays::filled(table, (rows, num_states), F::neg_infinity())?;
    let mut log_normalizers = arrays::filled(table, horizon, F::zero())?;
    let mut log_absorbed = arrays::filled(table, rows, F::neg_infinity())?;
    log_forward.row_mut(0).zip_mut_with(initial, |log, &p| *log = p.ln());

    let mut pass = ForwardPass::new(mdp)?;
    let messages = arrays::slice_mut(&mut log_forward);
    run_pass(mdp, horizon, Inference::Direct, || {
        for t in 0..horizon {
            let (now, next) = messages[t * num_states..].split_at_mut(num_states);
            (log_normalizers[t], log_absorbed[t + 1]) =
                pass.stage(t, now, log_absorbed[t], &mut next[..num_states])?;
        }
        Ok(())
    })?;
    let log_end = pass.log_end(&messages[horizon * num_states..], log_absorbed[horizon]);
    let log_end = log_end?;
    let log_evidence = sum(arrays::slice(&log_normalizers)) + log_end;
    let log_evidence = if log_end == F::neg_infinity() { log_end } else { log_evidence };
    if log_end > F::neg_infinity() && !log_evidence.is_finite() {
        return Err(Error::TotalOverflow { table });
    }
    Ok(ForwardMessages { log_forward, log_normalizers, log_absorbed, log_evidence })
}

/// The forward messages of a finite horizon, as logarithms.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, forward_messages, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.3, 0.7]]], array![[-1.0], [-2.0]])?.with_discount(0.9)?;
/// let initial = array![1.0, 0.0];
/// let messages = forward_messages(&mdp, &initial, 4)?;
/// // At γ < 1 some of the mass has left by stage 1: what is left sums to less than 1.
/// let in_play: f64 = messages.log_forward().row(1).mapv(f64::exp).sum();
/// assert!((in_play + messages.log_absorbed()[1].exp() - 1.0).abs() < 1e-15);
/// // The evidence, forwards and backwards (D6).
/// let backwards = soft_value_iteration(&mdp, 4)?.state_values()[[0, 0]];
/// assert!((messages.log_evidence() - backwards).abs() < 1e-14);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ForwardMessages<F = f64> {
    log_forward: Array2<F>,
    log_normalizers: Array1<F>,
    log_absorbed: Array1<F>,
    log_evidence: F,
}

impl<F: Real> ForwardMessages<F> {
    /// Messages from their tables, as they were stored.
    #[cfg(any(feature = "npz", feature = "serde"))]
    pub(crate) fn from_tables(
        log_forward: Array2<F>,
        log_normalizers: Array1<F>,
        log_absorbed: Array1<F>,
        log_evidence: F,
    ) -> Result<Self, Error> {
        let (num_rows, num_states) = (log_normalizers.len().saturating_add(1), log_forward.ncols());
        arrays::check_shape(Table::ForwardMessages, log_forward.shape(), &[num_rows, num_states.max(1)])?;
        arrays::check_shape(Table::LogAbsorbed, log_absorbed.shape(), &[num_rows])?;
        let is_log = |log: F| log < F::infinity();
        arrays::check_entries(Table::ForwardMessages, &log_forward, is_log)?;
        arrays::check_entries(Table::LogNormalizers, &log_normalizers, is_log)?;
        arrays::check_entries(Table::LogAbsorbed, &log_absorbed, is_log)?;
        arrays::check_entries(Table::LogEvidence, &aview0(&log_evidence), is_log)?;
        if let Some(stage) = log_normalizers.iter().position(|&log| log == F::neg_infinity()) {
            return Err(Error::ImpossibleEvidence { stage });
        }
        let log_forward = arrays::standard_layout(log_forward);
        Ok(Self { log_forward, log_normalizers, log_absorbed, log_evidence })
    }

    /// log α_t(s) = log p(s_t = s ∣ e_0 … e_{t−1}), `[t, s]` with T+1 rows, in nats; −∞ for states that cannot have
    /// been reached.
    #[must_use]
    pub fn log_forward(&self) -> ArrayView2<'_, F> {
        self.log_forward.view()
    }

    /// log Z_t, `[t]` with T entries, in nats: log p(e_t ∣ e_0 … e_{t−1}) if the prior is normalised
    /// and rewards are at most 0.
    #[must_use]
    pub fn log_normalizers(&self) -> ArrayView1<'_, F> {
        self.log_normalizers.view()
    }

    /// log α_t(†), `[t]` with T+1 entries, in nats: the mass that has left at γ < 1. −∞ throughout at γ = 1.
    #[must_use]
    pub fn log_absorbed(&self) -> ArrayView1<'_, F> {
        self.log_absorbed.view()
    }

    /// log p(e), in nats, from this pass alone (D6). −∞ if the terminal values rule out every trajectory.
    #[must_use]
    pub fn log_evidence(&self) -> F {
        self.log_evidence
    }

    /// Number T of decision stages.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.log_normalizers.len()
    }
}

/// A model and the memory that a stage of the forward pass needs.
pub(crate) struct ForwardPass<'m, F, M: ?Sized> {
    mdp: &'m M,
    log_discount: F,   // log γ
    log_leave: F,      // log(1−γ)
    log_pairs: Vec<F>, // log x_t, [s, a]
    pairs: Vec<F>,     // one band of x_t, scaled, [s, a]
    pushed: Vec<F>,    // [s']
}

impl<'m, F: Real, M: Model<Scalar = F> + ?Sized> ForwardPass<'m, F, M> {
    pub(crate) fn new(mdp: &'m M) -> Result<Self, Error> {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let table = |shape: (usize, usize)| arrays::filled_vec(Table::ForwardMessages, shape, F::zero());
        Ok(Self {
            mdp,
            log_discount: mdp.discount().ln(),
            log_leave: (F::one() - mdp.discount()).ln(),
            log_pairs: table((num_states, num_actions))?,
            pairs: table((num_states, num_actions))?,
            pushed: table((num_states, 1))?,
        })
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
                    if prior[action] > F::zero() && rewards[action] > F::neg_infinity() {
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
        // A band looks at every pair, but reads only the rows of its own: as many as a row has successors cost no
        // more than a second pass over the dynamics.
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

    /// Scales the pairs of the band below `ceiling` to plain numbers, and returns the largest logarithm below it.
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

    /// Adds what all pairs up to `ceiling` push, and what those above it push to faint successors, one logarithm at a
    /// time: slower, but one pass however far they spread.
    fn scatter_rest(
        &mut self,
        t: usize,
        dynamics: &M::Dynamics,
        ceiling: F,
        next: &mut [F],
    ) -> Result<(), Error> {
        // Each sum is kept as a logarithm, the largest of its terms so far, and a factor to it.
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
                            // It does not fit; that matters, and is reported below, if nothing else leads here.
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
    fn log_end(&mut self, last: &[F], absorbed: F) -> Result<F, Error> {
        let mut logs = std::mem::take(&mut self.pushed);
        for ((log, &message), &value) in logs.iter_mut().zip(last).zip(self.mdp.terminal_values()) {
            *log = F::neg_infinity();
            if message > F::neg_infinity() && value > F::neg_infinity() {
                *log = message + value / self.mdp.temperature();
                if !log.is_finite() {
                    return Err(Error::TotalOverflow { table: Table::ForwardMessages });
                }
            }
        }
        Ok(log_add_exp(log_sum_exp(&logs), absorbed))
    }
}
