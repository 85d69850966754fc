//! A log-likelihood with its gradients.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::Real;

/// A log-likelihood of demonstrations with its gradients in the tables of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Score<F = f64> {
    pub(super) value: F,
    pub(super) reward_gradient: Array2<F>,   // [s, a]
    pub(super) terminal_gradient: Array1<F>, // [s]
    pub(super) temperature_gradient: F,
    pub(super) discount_gradient: F,
    pub(super) residual_visits: Array2<F>, // [t, s]; a stationary one has one row
    pub(super) state_values: Array2<F>,    // V, [t, s]; a stationary one has one row
}

impl<F: Real> Score<F> {
    /// The log-likelihood, in nats.
    #[must_use]
    pub fn value(&self) -> F {
        self.value
    }

    /// The gradient in r(s,a), common to all stages, `[s, a]`, in nats per reward unit.
    #[must_use]
    pub fn reward_gradient(&self) -> ArrayView2<'_, F> {
        self.reward_gradient.view()
    }

    /// The gradient in V_T(s), `[s]`, in nats per reward unit.
    #[must_use]
    pub fn terminal_gradient(&self) -> ArrayView1<'_, F> {
        self.terminal_gradient.view()
    }

    /// The derivative in τ, in nats per reward unit.
    #[must_use]
    pub fn temperature_gradient(&self) -> F {
        self.temperature_gradient
    }

    /// The derivative in γ, in nats.
    #[must_use]
    pub fn discount_gradient(&self) -> F {
        self.discount_gradient
    }

    /// The residual visits x_t(s), `[t, s]`; one row without a horizon.
    #[must_use]
    pub fn residual_visits(&self) -> ArrayView2<'_, F> {
        self.residual_visits.view()
    }
}
