//! Observations of the state at some stages, which a posterior is conditioned on.
//!
//! ```text
//! p(s₀,a₀,…,s_T | e, o) ∝ p(s₀,a₀,…,s_T | e) Π_t exp(o_t(s_t))                         (D12)
//! ```
//!
//! where o_t(s) is the sum of the log-likelihoods of all observations of stage t. A trajectory that
//! has ended stays in its terminal state s, or in †. It has the factor exp(o_t(s)) or exp(o_t(†))
//! at every later stage.

use std::sync::Arc;

use ndarray::Array1;

use crate::{Error, Real, Table, arrays};

/// An observation of the state at one stage: a log-likelihood for each state.
///
/// Pass observations to [`posterior_given`](crate::posterior_given). An agent that has ended in a
/// terminal state is still in that state, so the observation counts its log-likelihood there.
///
/// At a discount γ < 1, the agent may have left for †, where it is in no state. By default, an
/// observation excludes †: it was made of an agent that has not left. If it is also possible after
/// leaving, set its log-likelihood there by [`absorbed`](Self::absorbed).
///
/// # Example
///
/// ```
/// use softmdp::{Observation, ndarray::{Array1, array}};
///
/// let seen: Observation = Observation::at(5, 2); // certain: state 2 at stage 5
/// assert_eq!(seen.log_likelihood(2), Some(0.0));
/// assert_eq!(seen.log_likelihood(0), Some(f64::NEG_INFINITY));
///
/// // A sensor that reports light: it is right in 9 of 10 cases. State 1 is the only dark one.
/// let (right, wrong) = (0.9_f64.ln(), 0.1_f64.ln());
/// let light = Observation::new(3, array![right, wrong, right]);
/// assert_eq!(light.log_likelihood(1), Some(wrong));
///
/// // At stage 7, the agent has left (γ < 1).
/// let gone = Observation::new(7, Array1::from_elem(3, f64::NEG_INFINITY)).absorbed(0.0);
/// assert_eq!(gone.log_likelihood_absorbed(), 0.0);
/// # Ok::<(), softmdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Observation<F = f64> {
    stage: usize,
    seen: Seen<F>,
    absorbed: F,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Seen<F> {
    State(usize),
    LogLikelihood(Array1<F>),
}

impl<F: Real> Observation<F> {
    /// The agent was in `state` at `stage`, for certain.
    #[must_use]
    pub fn at(stage: usize, state: usize) -> Self {
        Self { stage, seen: Seen::State(state), absorbed: F::neg_infinity() }
    }

    /// Something was observed at `stage`, with these log-likelihoods, `[s]`, in nats.
    ///
    /// The entries are logarithms: for a probability p, pass `p.ln()`.
    /// −∞ excludes a state. Log densities are allowed, so entries may be positive. At γ = 1, a
    /// constant that is added to all entries changes only the log-evidence.
    #[must_use]
    pub fn new(stage: usize, log_likelihood: Array1<F>) -> Self {
        Self { stage, seen: Seen::LogLikelihood(log_likelihood), absorbed: F::neg_infinity() }
    }

    /// Sets the log-likelihood of the observation if the agent has left for †, in nats. The default
    /// is −∞. At γ = 1 it has no effect.
    #[must_use]
    pub fn absorbed(mut self, log_likelihood: F) -> Self {
        self.absorbed = log_likelihood;
        self
    }

    /// The stage t, from 0 to T.
    #[must_use]
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// The log-likelihood if the agent is in `state`, in nats. `None` if the log-likelihoods were
    /// given as an array that has no such state.
    #[must_use]
    pub fn log_likelihood(&self, state: usize) -> Option<F> {
        match &self.seen {
            Seen::State(seen) => Some(if state == *seen { F::zero() } else { F::neg_infinity() }),
            Seen::LogLikelihood(logs) => logs.get(state).copied(),
        }
    }

    /// The log-likelihood if the agent has left for †, in nats.
    #[must_use]
    pub fn log_likelihood_absorbed(&self) -> F {
        self.absorbed
    }

    /// Checks the observation, and adds its log-likelihoods to those of its stage.
    fn add_to(&self, horizon: usize, logs: &mut [F], absorbed: &mut F) -> Result<(), Error> {
        let (stage, table, num_states) = (self.stage, Table::Observations, logs.len());
        if stage > horizon {
            return Err(Error::ObservationOutOfRange { stage, horizon });
        }
        match &self.seen {
            Seen::State(state) if *state >= num_states => {
                return Err(Error::StateOutOfRange { table, state: *state, num_states });
            }
            Seen::State(_) => {}
            Seen::LogLikelihood(own) => arrays::check_shape(table, own.shape(), &[num_states])?,
        }
        for (state, log) in logs.iter_mut().enumerate() {
            let own = self.log_likelihood(state).unwrap_or(F::neg_infinity());
            if !(own < F::infinity()) {
                let (index, value) = (vec![stage, state], own.into_f64());
                return Err(Error::InvalidEntry { table, index, value });
            }
            *log = log_product(*log, own).ok_or(Error::Overflow { table, stage, state })?;
        }
        let table = Table::AbsorbedObservations;
        if !(self.absorbed < F::infinity()) {
            let (index, value) = (vec![stage], self.absorbed.into_f64());
            return Err(Error::InvalidEntry { table, index, value });
        }
        *absorbed = log_product(*absorbed, self.absorbed).ok_or(Error::TotalOverflow { table })?;
        Ok(())
    }
}

/// The sum of two logarithms below +∞: −∞ if one of them is. `None` if finite ones leave the number
/// type.
pub(crate) fn log_product<F: Real>(a: F, b: F) -> Option<F> {
    let dead = F::neg_infinity();
    if a == dead || b == dead {
        return Some(dead);
    }
    Some(a + b).filter(|sum| sum.is_finite())
}

/// The observations of all stages. A clone shares them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observations<F>(Option<Arc<[Row<F>]>>); // ascending stages

/// The sum of all observations of one stage.
#[derive(Debug, PartialEq)]
struct Row<F> {
    stage: usize,
    logs: Array1<F>,  // o_t(s), [s]
    absorbed: F,      // o_t(†)
    absorbed_from: F, // Σ_{u≥t} o_u(†)
}

impl<F: Real> Observations<F> {
    /// No observations. Allocates nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Checks observations in any order, and adds up those of each stage.
    pub(crate) fn new(
        observations: impl IntoIterator<Item = Observation<F>>,
        horizon: usize,
        num_states: usize,
    ) -> Result<Self, Error> {
        let (table, zero) = (Table::Observations, F::zero());
        let mut observations: Vec<_> = observations.into_iter().collect();
        observations.sort_by_key(Observation::stage);
        let mut rows: Vec<Row<F>> = Vec::new();
        for observation in observations {
            let mut row = match rows.pop_if(|row| row.stage == observation.stage) {
                Some(row) => row,
                None => Row {
                    stage: observation.stage,
                    logs: arrays::filled(table, num_states, zero)?,
                    absorbed: zero,
                    absorbed_from: zero,
                },
            };
            observation.add_to(horizon, arrays::slice_mut(&mut row.logs), &mut row.absorbed)?;
            rows.push(row);
        }
        let mut later = zero;
        for row in rows.iter_mut().rev() {
            let overflow = Error::TotalOverflow { table: Table::AbsorbedObservations };
            later = log_product(row.absorbed, later).ok_or(overflow)?;
            row.absorbed_from = later;
        }
        Ok(if rows.is_empty() { Self::none() } else { Self(Some(rows.into())) })
    }

    fn rows(&self) -> &[Row<F>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The rows of stages ≥ t.
    fn rows_from(&self, t: usize) -> &[Row<F>] {
        &self.rows()[self.rows().partition_point(|row| row.stage < t)..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// o_t(s), `[s]`, and o_t(†), if anything was observed at stage `t`.
    pub(crate) fn at(&self, t: usize) -> Option<(&[F], F)> {
        let row = self.rows_from(t).first().filter(|row| row.stage == t)?;
        Some((arrays::slice(&row.logs), row.absorbed))
    }

    /// Adds c o_t(s) to the numbers of stage `t`, `[s]`. Errors name the table.
    pub(crate) fn add_to(&self, t: usize, factor: F, table: Table, numbers: &mut [F]) -> Result<(), Error> {
        let Some((logs, _)) = self.at(t) else { return Ok(()) };
        for (state, (number, &log)) in numbers.iter_mut().zip(logs).enumerate() {
            let scaled = factor * log;
            let is_held = scaled.is_finite() || log == F::neg_infinity();
            let sum = if is_held { log_product(*number, scaled) } else { None };
            *number = sum.ok_or(Error::Overflow { table, stage: t, state })?;
        }
        Ok(())
    }

    /// Σ_{u≥t} o_u(†).
    pub(crate) fn absorbed_from(&self, t: usize) -> F {
        self.rows_from(t).first().map_or(F::zero(), |row| row.absorbed_from)
    }

    /// τ Σ_{u≥t} o_u(†): the value of † at stage `t`.
    pub(crate) fn absorbed_value(&self, t: usize, temperature: F) -> Result<F, Error> {
        let log = self.absorbed_from(t);
        let value = temperature * log;
        if value.is_infinite() && log > F::neg_infinity() {
            return Err(Error::TotalOverflow { table: Table::AbsorbedObservations });
        }
        Ok(value)
    }

    /// o_u(state) of each stage u ≥ t that has an observation.
    pub(crate) fn of_state_from(&self, t: usize, state: usize) -> impl Iterator<Item = F> + '_ {
        self.rows_from(t).iter().map(move |row| row.logs[state])
    }

    /// One observation for each stage that has any.
    pub(crate) fn to_vec(&self) -> Vec<Observation<F>> {
        let observation = |row: &Row<F>| Observation::new(row.stage, row.logs.clone()).absorbed(row.absorbed);
        self.rows().iter().map(observation).collect()
    }
}

#[cfg(feature = "serde")]
impl<F: Real + serde::Serialize> serde::Serialize for Observations<F> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_vec().serialize(serializer)
    }
}
