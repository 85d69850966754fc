//! Where trajectories start: the sources of values.

use ndarray::{Array1, ArrayView1, ArrayView2};

use super::Likelihood;
use super::observed::{Observed, Source};
use crate::inverse::{Demonstrations, Error};
use crate::kernels::{gap, log_sum_exp};
use crate::{Model, Real};

/// The sources of a likelihood. If it is joint with the start, starts are replaced by their
/// posterior.
#[derive(Debug)]
pub(super) struct Starts<F> {
    pub(super) sources: Vec<Source<F>>, // by stage
    /// The value less that of the sources: 0, or Σ w log p₀(s₀) − W log p(e) + Σ b V/τ.
    pub(super) correction: F,
}

impl<F: Real> Starts<F> {
    /// Checks that success is possible from all sources. `state_values` are `[t, s]`.
    ///
    /// Joint with the start, Σ_s p(s|e) V_0(s)/τ stands in place of log p(e) in all derivatives.
    pub(super) fn new<M: Model<Scalar = F> + ?Sized>(
        likelihood: &Likelihood<F>,
        mdp: &M,
        demonstrations: &Demonstrations<F>,
        observed: &Observed<F>,
        state_values: ArrayView2<'_, F>,
    ) -> Result<Self, Error> {
        for source in &observed.sources {
            let &Source { stage, state, weight, trajectory } = source;
            if state_values[[stage, state]] == F::neg_infinity() {
                debug_assert!(trajectory < demonstrations.num_trajectories());
                return Err(if weight < F::zero() {
                    Error::ImpossibleEnd { trajectory, state }
                } else {
                    Error::ImpossibleStart { trajectory, state }
                });
            }
        }
        let Some(initial) = &likelihood.initial else {
            return Ok(Self { sources: observed.sources.clone(), correction: F::zero() });
        };
        let logs = log_starts(mdp.temperature(), initial, state_values.row(0));
        let (mut total, mut correction) = (F::zero(), F::zero());
        for source in observed.sources.iter().filter(|source| source.weight > F::zero()) {
            total += source.weight;
            correction += source.weight * initial[source.state].ln();
        }
        let mut sources = Vec::new();
        for (state, (&log, p)) in logs.iter().zip(initial).enumerate().filter(|(_, (log, _))| log.is_finite())
        {
            let weight = total * log.exp();
            sources.push(Source { stage: 0, state, weight, trajectory: usize::MAX });
            correction += weight * (log - p.ln()); // V_0/τ − log p(e)
        }
        sources.extend(observed.sources.iter().filter(|source| source.weight < F::zero()));
        Ok(Self { sources, correction })
    }

    /// b of stage t, `[s]`, added to `row`.
    pub(super) fn add_to(&self, stage: usize, row: &mut [F]) {
        let first = self.sources.partition_point(|source| source.stage < stage);
        for source in self.sources[first..].iter().take_while(|source| source.stage == stage) {
            row[source.state] += source.weight;
        }
    }
}

/// log p(s_0|e) = log p₀(s_0) + V_0(s_0)/τ − log p(e), `[s]` (D6). All are −∞ if success is
/// impossible from every start.
pub(in crate::inverse) fn log_starts<F: Real>(
    temperature: F,
    initial: &Array1<F>,
    values: ArrayView1<'_, F>,
) -> Vec<F> {
    let is_possible = |p: F, value: F| p > F::zero() && value > F::neg_infinity();
    let possible = initial.iter().zip(values).filter(|(p, value)| is_possible(**p, **value));
    let max = possible.fold(F::neg_infinity(), |max, (_, &value)| max.max(value));
    let log = |(&p, &value): (&F, &F)| {
        if is_possible(p, value) { p.ln() + gap(value, max, temperature) } else { F::neg_infinity() }
    };
    let mut logs: Vec<F> = initial.iter().zip(values).map(log).collect();
    let sum = log_sum_exp(&logs);
    if sum > F::neg_infinity() {
        logs.iter_mut().for_each(|log| *log -= sum);
    }
    logs
}
