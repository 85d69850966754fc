//! The flow of residual visits through mixed rows, for models whose stages are alike.
//!
//! In direct inference, the flow from a state over all its actions needs no rows of pairs:
//!
//! ```text
//! Σ_a π_t(a|s) K_t(s,a,s') = γ exp((c(s) + max V − V_t(s))/τ) M̂(s,s') factor_t(s')
//! ```
//!
//! with M̂ and c of the linear recursion (D11) and the factors of the [derivative]. M̂ is made
//! once. A stage then reads S² numbers instead of S²A, or the entries of a sparse M̂.
//!
//! # Form computed
//!
//! A stage in which the exponential of a state may overflow takes the general form.
//!
//! # Measurements
//!
//! A score in solves of the same model, one thread of an Intel Xeon, 2026-11-28, T = 100:
//!
//! | dense, S = 1000, A = 4 | pair by pair | mixed rows |
//! |---|---|---|
//! | trajectories | 3.2 | 1.8 |
//! | actions, direct inference | 3.3 | 1.9 |
//!
//! [derivative]: super::derivative

use super::derivative::{Derivative, most_exponent};
use crate::backward::{MixedModel, mixed_model};
use crate::kernels::exp_all;
use crate::{Dynamics, Error, Inference, Model, Real};

/// M̂ and c.
#[derive(Debug)]
pub(super) struct Mixed<F> {
    model: MixedModel<F>,
    discount: F,
    temperature: F,
}

impl<F: Real> Mixed<F> {
    /// `None` where the linear recursion does not pay, or does not stand for all states.
    pub(super) fn new<M>(mdp: &M, inference: Inference, horizon: usize) -> Result<Option<Self>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let model = mixed_model(mdp, inference, horizon)?;
        let (discount, temperature) = (mdp.discount(), mdp.temperature());
        Ok(model.map(|model| Self { model, discount, temperature }))
    }

    /// w(s') += Σ_{s,a} x(s) π(a|s) K(s,a,s'). Returns false, and adds nothing, if an exponential
    /// may overflow.
    ///
    /// # Shapes
    ///
    /// `x`, V_t and `w` are `[s]`.
    pub(super) fn push_forward<D>(
        &self,
        derivative: &Derivative<'_, F, D>,
        (x, values): (&[F], &[F]),
        w: &mut [F],
    ) -> bool
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let Some(max) = derivative.largest_value() else { return false };
        let (dynamics, rewards) = &self.model;
        let exponent = |((&x, &value), &reward): ((&F, &F), &F)| {
            let moves = x != F::zero() && value > F::neg_infinity() && reward > F::neg_infinity();
            if moves { (reward + (max - value)) / self.temperature } else { F::neg_infinity() }
        };
        let mut z: Vec<F> = x.iter().zip(values).zip(rewards).map(exponent).collect();
        if !z.iter().all(|&exponent| exponent <= most_exponent()) {
            return false;
        }
        exp_all(&mut z);
        z.iter_mut().zip(x).for_each(|(z, &x)| *z *= self.discount * x);
        derivative.push_factored(&**dynamics, &z, w);
        true
    }
}
