//! The parts that all answers have in common.

use softmdp::ndarray::{ArrayRef1, ArrayView1, ArrayView2};
use softmdp::{Inference, Model, Real, Status, log_sum_exp};

use crate::arguments::SearchOptions;

/// Whether the tolerance is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Met,
    NotMet,
}

/// Values and policy of each state, for the table and the pictures.
#[derive(Debug)]
pub(crate) struct StateResults<'a, F> {
    /// Name of the values.
    pub(crate) name: &'static str,
    /// A description of the values, as a line above the table.
    pub(crate) title: &'static str,
    pub(crate) values: ArrayView1<'a, F>,
    /// π(a∣s), `[s, a]`; none without stages.
    pub(crate) policy: Option<ArrayView2<'a, F>>,
}

/// The value of an initial distribution: the mean of V, or τ log E exp(V/τ) for direct inference,
/// which is a maximum at τ = 0.
pub(crate) fn value_at_start<F: Real>(
    model: &impl Model<Scalar = F>,
    initial: &ArrayRef1<F>,
    values: &ArrayRef1<F>,
    inference: Inference,
) -> F {
    let starts = || initial.iter().zip(values).filter(|(p, _)| **p > F::zero()).map(|(&p, &v)| (p, v));
    let tau = model.temperature();
    match inference {
        Inference::Variational => starts().fold(F::zero(), |sum, (p, v)| sum + p * v),
        Inference::Direct if tau > F::zero() => {
            let weights: Vec<F> = starts().map(|(p, v)| p.ln() + v / tau).collect();
            tau * log_sum_exp(weights.as_slice())
        }
        Inference::Direct => starts().fold(F::neg_infinity(), |most, (_, v)| most.max(v)),
    }
}

/// The tolerance of the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tolerance<F> {
    pub(crate) value: F,
    /// Whether a bound is accepted that rounding keeps above the tolerance: only if the user sets
    /// no tolerance.
    pub(crate) allows_rounding: bool,
}

impl<F: Real> Tolerance<F> {
    pub(crate) fn of(options: &SearchOptions) -> Self {
        let default = if F::epsilon().into_f64() < 1e-12 { 1e-8 } else { 1e-3 };
        let value = F::from_f64(options.tolerance.unwrap_or(default));
        Self { value, allows_rounding: options.tolerance.is_none() }
    }

    /// Whether a search with this status and error bound answers the question.
    pub(crate) fn is_met_by(self, status: Status, error_bound: f64) -> bool {
        let is_rounding = status == Status::RoundingFloor && error_bound < f64::INFINITY;
        status == Status::Converged || is_rounding && self.allows_rounding
    }
}
