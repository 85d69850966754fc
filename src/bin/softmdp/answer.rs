//! What an answer has in common with the others.

use softmdp::ndarray::{ArrayRef1, ArrayView1, ArrayView2};
use softmdp::{Inference, Model, Real, log_sum_exp};

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
    /// What they are, as a line above the table.
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

/// The tolerance of the command line. The default is one that the number type can meet for values
/// of up to some thousands.
pub(crate) fn tolerance<F: Real>(options: &SearchOptions) -> F {
    let default = if F::epsilon().into_f64() < 1e-12 { 1e-6 } else { 1e-3 };
    F::from_f64(options.tolerance.unwrap_or(default))
}
