//! Forward messages: the distribution of the state given the evidence so far.
//!
//! # Recursion
//!
//! ```text
//! x_t(s,a)     = ρ(a|s) exp(r(s,a)/τ) α_t(s),               α_0 = p₀, α_0(†) = 0
//! Z_t          = Σ_{s,a} x_t(s,a) + Σ_{s terminal} α_t(s) + α_t(†)                     (D4)
//! α_{t+1}(s')  = ( γ Σ_{s,a} P(s'|s,a) x_t(s,a)  + α_t(s') if s' is terminal ) / Z_t   (D5)
//! α_{t+1}(†)   = ( (1−γ) Σ_{s,a} x_t(s,a) + α_t(†) ) / Z_t
//! log p(e)     = Σ_t log Z_t + log( Σ_s α_T(s) exp(V_T(s)/τ) + α_T(†) )                (D6)
//! ```
//!
//! where † is the absorbing state to which the trajectory moves with probability 1 − γ.
//!
//! # References
//!
//! Levine (2018), §2.3; Rabiner, *A tutorial on hidden Markov models*, Proc. IEEE 77 (1989), for
//! the scaled pass.

mod band;
mod carried;
mod mixed;
mod pass;

use ndarray::{Array1, Array2, ArrayRef1, ArrayView1, ArrayView2, aview0};

pub(crate) use pass::ForwardPass;

use crate::kernels::sum;
use crate::mdp::check_initial;
use crate::mdp::{check_options, run_pass};
use crate::observation::{Observation, Observations};
use crate::{Error, Inference, Model, Real, Table, Workspace, arrays};

/// Computes the forward messages α_t(s) = p(s_t = s ∣ e_0 … e_{t−1}) of direct inference.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1. Pass `&Array1`, a view as `&v.view()`, or a slice as
/// `&aview1(..)`.
///
/// # Errors
///
/// [`Error::ImpossibleEvidence`] if every trajectory has probability 0 at some stage;
/// [`Error::ZeroTemperature`]; [`Error::InvalidInitial`], [`Error::UnnormalizedInitial`],
/// [`Error::ShapeMismatch`]; [`Error::Overflow`] or [`Error::TotalOverflow`] if a finite logarithm
/// overflows; [`Error::TooLarge`]; errors of your own [`Model`].
///
/// # Complexity
///
/// Time O(T · transitions), memory T·S + 2·S·A numbers. For many stages of a homogeneous model, the
/// actions of each state are first mixed into one row. These rows are stored twice: by state and,
/// if they are short, by successor.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, forward_messages, ndarray::array};
///
/// // One toss of a coin. In state 1 (tails), each stage succeeds with probability 1/3.
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
    forward_messages_given(mdp, initial, horizon, [])
}

/// Computes the forward messages given observations: α_t(s) is the probability of s_t = s given
/// success and the observations of stages 0 … t−1 (D12).
///
/// For the distribution given also the observations of stage t itself, add their log-likelihoods to
/// [`ForwardMessages::log_forward`], and normalise. The log-evidence includes all observations.
///
/// # Shapes
///
/// `initial` p₀, `[s]`, sums to 1. Observations are in any order, and several may be of one stage.
///
/// # Errors
///
/// The errors of observations of [`posterior_given`](crate::posterior_given);
/// [`Error::ImpossibleObservations`] also for those of the last stage; those of
/// [`forward_messages`].
///
/// # Complexity
///
/// That of [`forward_messages`], and S numbers for each stage with an observation.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, Observation, forward_messages_given, ndarray::array};
///
/// // A walk between two states. At stage 1 it was seen in state 1.
/// let mdp = Mdp::new(array![[[0.5, 0.5]], [[0.25, 0.75]]], array![[0.0], [0.0]])?;
/// let seen = [Observation::at(1, 1)];
/// let messages = forward_messages_given(&mdp, &array![1.0, 0.0], 2, seen)?;
/// let log_forward = messages.log_forward();
/// assert!((f64::exp(log_forward[[1, 1]]) - 0.5).abs() < 1e-15); // not yet seen
/// assert!((f64::exp(log_forward[[2, 1]]) - 0.75).abs() < 1e-15);
/// assert!((messages.log_evidence() - 0.5_f64.ln()).abs() < 1e-15);
/// # Ok::<(), softmdp::Error>(())
/// ```
pub fn forward_messages_given<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
    observations: impl IntoIterator<Item = Observation<F>>,
) -> Result<ForwardMessages<F>, Error> {
    check(mdp, initial, horizon)?;
    let observations = Observations::new(observations, horizon, mdp.num_states())?;
    let mut messages = ForwardMessages::with_shape(horizon, mdp.num_states())?;
    messages.fill(mdp, initial, &observations)?;
    Ok(messages)
}

/// Checks everything about a forward pass except the stages.
pub(crate) fn check<F: Real, M: Model<Scalar = F> + ?Sized>(
    mdp: &M,
    initial: &ArrayRef1<F>,
    horizon: usize,
) -> Result<(), Error> {
    check_options(mdp, horizon)?;
    check_initial(initial, mdp.num_states())?;
    if mdp.temperature() == F::zero() {
        return Err(Error::ZeroTemperature { table: Table::ForwardMessages });
    }
    Ok(())
}

/// The forward messages of a finite horizon, as logarithms.
///
/// # Example
///
/// ```
/// use softmdp::{Mdp, forward_messages, ndarray::array, soft_value_iteration};
///
/// let mdp = Mdp::new(array![[[0.9, 0.1]], [[0.3, 0.7]]], array![[-1.0], [-2.0]])?;
/// let mdp = mdp.with_discount(0.9)?;
/// let initial = array![1.0, 0.0];
/// let messages = forward_messages(&mdp, &initial, 4)?;
/// // At γ < 1 some of the mass is in † at stage 1: the rest sums to less than 1.
/// let in_play: f64 = messages.log_forward().row(1).mapv(f64::exp).sum();
/// assert!((in_play + messages.log_absorbed()[1].exp() - 1.0).abs() < 1e-15);
/// // The evidence, from the forward and from the backward pass (D6).
/// let backwards = soft_value_iteration(&mdp, 4)?.state_values()[[0, 0]];
/// assert!((messages.log_evidence() - backwards).abs() < 1e-14);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "ForwardMessagesParts<F>", bound(deserialize = "F: Real + serde::Deserialize<'de>"))
)]
pub struct ForwardMessages<F = f64> {
    log_forward: Array2<F>,
    log_normalizers: Array1<F>,
    log_absorbed: Array1<F>,
    log_evidence: F,
}

/// The tables of [`ForwardMessages`], all of them logarithms below +∞.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename = "ForwardMessages", deny_unknown_fields))]
pub struct ForwardMessagesParts<F = f64> {
    /// log α_t(s), `[t, s]` with T+1 rows.
    pub log_forward: Array2<F>,
    /// log Z_t, `[t]` with T entries above −∞.
    pub log_normalizers: Array1<F>,
    /// log α_t(†), `[t]` with T+1 entries.
    pub log_absorbed: Array1<F>,
    /// log p(e).
    pub log_evidence: F,
}

/// Checks that shapes agree and that every entry is a logarithm.
impl<F: Real> TryFrom<ForwardMessagesParts<F>> for ForwardMessages<F> {
    type Error = Error;

    fn try_from(parts: ForwardMessagesParts<F>) -> Result<Self, Error> {
        let ForwardMessagesParts { log_forward, log_normalizers, log_absorbed, log_evidence } = parts;
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
}

impl<F: Real> ForwardMessages<F> {
    /// Room for a horizon and states. Zeros, unlike other numbers, take no time to write.
    fn with_shape(horizon: usize, num_states: usize) -> Result<Self, Error> {
        let (table, rows) = (Table::ForwardMessages, horizon.saturating_add(1));
        Ok(Self {
            log_forward: arrays::filled(table, (rows, num_states), F::zero())?,
            log_normalizers: arrays::filled(table, horizon, F::zero())?,
            log_absorbed: arrays::filled(table, rows, F::neg_infinity())?,
            log_evidence: F::neg_infinity(),
        })
    }

    /// Writes the messages of a model of this shape. α_t is given the observations before stage t.
    ///
    /// Precondition: [`check`] has passed.
    fn fill<M: Model<Scalar = F> + ?Sized>(
        &mut self,
        mdp: &M,
        initial: &ArrayRef1<F>,
        observations: &Observations<F>,
    ) -> Result<(), Error> {
        let mut pass = ForwardPass::new(&mut Workspace::new(), mdp, self.horizon())?;
        let (horizon, num_states) = (self.horizon(), mdp.num_states());
        let Self { log_forward, log_normalizers, log_absorbed, log_evidence } = self;
        log_forward.row_mut(0).zip_mut_with(initial, |log, &p| *log = p.ln());
        log_absorbed[0] = F::neg_infinity();
        let messages = arrays::slice_mut(log_forward);
        run_pass(mdp, horizon, Inference::Direct, || {
            for t in 0..horizon {
                let (now, next) = messages[t * num_states..].split_at_mut(num_states);
                let next = &mut next[..num_states];
                (log_normalizers[t], log_absorbed[t + 1]) =
                    pass.stage_given(observations, t, (now, log_absorbed[t]), next)?;
            }
            Ok(())
        })?;
        let last = (&messages[horizon * num_states..], log_absorbed[horizon]);
        let log_end = pass.log_end_given(observations, horizon, last)?;
        let total = sum(arrays::slice(log_normalizers)) + log_end;
        *log_evidence = if log_end == F::neg_infinity() { log_end } else { total };
        if log_end > F::neg_infinity() && !total.is_finite() {
            return Err(Error::TotalOverflow { table: Table::ForwardMessages });
        }
        Ok(())
    }

    /// log α_t(s) = log p(s_t = s ∣ e_0 … e_{t−1}), `[t, s]` with T+1 rows, in nats; −∞ for states
    /// that cannot be reached.
    #[must_use]
    pub fn log_forward(&self) -> ArrayView2<'_, F> {
        self.log_forward.view()
    }

    /// log Z_t, `[t]` with T entries, in nats. This is log p(e_t ∣ e_0 … e_{t−1}) if the prior is
    /// normalised and rewards are at most 0. Given observations, it includes those of stage t.
    #[must_use]
    pub fn log_normalizers(&self) -> ArrayView1<'_, F> {
        self.log_normalizers.view()
    }

    /// log α_t(†), `[t]` with T+1 entries, in nats: the log-probability of being in † at stage t.
    /// All entries are −∞ at γ = 1.
    #[must_use]
    pub fn log_absorbed(&self) -> ArrayView1<'_, F> {
        self.log_absorbed.view()
    }

    /// log p(e), in nats, from the forward pass (D6). It is −∞ if the terminal values exclude every
    /// trajectory.
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
