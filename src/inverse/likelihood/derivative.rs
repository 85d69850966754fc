//! The derivative of Q_t in V_{t+1}, as a linear map K from states to pairs.
//!
//! ```text
//! K(s,a,s') = γ P(s'|s,a)                    variational
//! K(s,a,s') = p(s'|s,a,e) of (D9)            direct
//! ```
//!
//! Sensitivities go backward by K and residual visits go forward by its transpose (I1, I6).
//!
//! # Form computed
//!
//! In direct inference, K is a product of factors, so that the maps of the dynamics apply:
//!
//! ```text
//! K(s,a,s') = scale(s,a) P(s'|s,a) factor(s')
//! factor(s') = exp((V(s') − max V)/τ),   scale(s,a) = γ exp((max V − (Q − r)(s,a))/τ)
//! ```
//!
//! With γ < 1, the maximum includes †, whose value is 0. A pair is *far* if its scale may
//! overflow, because all its successors are far below max V. Rows of far pairs are computed one by
//! one.

use std::ops::Range;

use crate::dynamics::blocks;
use crate::dynamics::successors::LuckyRows;
use crate::kernels::{dot_rows, exp_all, gap};
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Dynamics, Error, Inference, Real};

/// K of one stage.
pub(in crate::inverse) struct Derivative<'a, F, D: ?Sized> {
    dynamics: &'a D,
    discount: F,
    tilt: Option<Tilt<'a, F>>, // direct inference
}

/// The factors of K in direct inference.
struct Tilt<'a, F> {
    temperature: F,
    next_values: &'a [F], // V_{t+1}, [s]
    max: F,               // max V
    factors: Vec<F>,      // [s]
    scales: Vec<F>,       // [s, a]; 0 for impossible and for far pairs
    far: Vec<(usize, F)>, // pairs s · A + a, ascending, with (max V − (Q − r))/τ
}

impl<'a, F: Real, D: Dynamics<Scalar = F> + ?Sized> Derivative<'a, F, D> {
    /// K of a stage with these rewards and Q_t, `[s, a]` each, and V_{t+1}, `[s]`.
    ///
    /// Rows of pairs with Q = −∞ are zero in direct inference.
    pub(in crate::inverse) fn new(
        dynamics: &'a D,
        (inference, discount, temperature): (Inference, F, F),
        next_values: &'a [F],
        (rewards, action_values): (&[F], &[F]),
    ) -> Self {
        let tilt = (inference == Inference::Direct && discount > F::zero())
            .then(|| Tilt::new(dynamics, (discount, temperature), next_values, (rewards, action_values)));
        Self { dynamics, discount, tilt }
    }

    /// K = γ P of variational inference.
    pub(in crate::inverse) fn variational(dynamics: &'a D, discount: F) -> Self {
        Self { dynamics, discount, tilt: None }
    }

    /// y(s,a) = Σ_s' K(s,a,s') v(s') for k columns of finite numbers.
    ///
    /// # Shapes
    ///
    /// `v` `[s', k]`, `y` `[s, a, k]`, overwritten.
    pub(in crate::inverse) fn expectation(&self, k: usize, v: &[F], y: &mut [F]) -> Result<(), Error> {
        if self.discount == F::zero() {
            y.fill(F::zero());
            return Ok(());
        }
        let tilted: Vec<F>;
        let weighted = match &self.tilt {
            Some(tilt) => {
                let rows = v.chunks_exact(k).zip(&tilt.factors);
                tilted = rows.flat_map(|(row, &factor)| row.iter().map(move |&v| factor * v)).collect();
                &tilted
            }
            None => v,
        };
        let num_actions = self.dynamics.num_actions();
        let rows = RowsMut { data: &mut *y, width: num_actions * k };
        blocks::for_each_wide_block(self.dynamics, k, rows, &|states, y| {
            self.dynamics.expectation(states.clone(), k, weighted, y.data);
            match &self.tilt {
                Some(tilt) => {
                    let scales = &tilt.scales[states.start * num_actions..];
                    for (y, &scale) in y.data.chunks_exact_mut(k).zip(scales) {
                        y.iter_mut().for_each(|y| *y *= scale);
                    }
                }
                None => y.data.iter_mut().for_each(|y| *y *= self.discount),
            }
            Ok(())
        })?;
        self.for_each_far_row(|pair, next_state, p| {
            let y = &mut y[pair * k..(pair + 1) * k];
            y.iter_mut().zip(&v[next_state * k..]).for_each(|(y, &v)| *y += p * v);
        });
        Ok(())
    }

    /// w(s') += Σ_{s,a} y(s,a) K(s,a,s'), the transpose of [`expectation`](Self::expectation) for
    /// one column. Uses `y` as scratch memory.
    ///
    /// # Shapes
    ///
    /// `y` `[s, a]`, 0 in terminal states and for pairs with Q = −∞; `w` `[s']`, added to.
    pub(in crate::inverse) fn push_forward(&self, y: &mut [F], w: &mut [F]) {
        if self.discount == F::zero() {
            return;
        }
        self.for_each_far_row(|pair, next_state, p| w[next_state] += y[pair] * p);
        match &self.tilt {
            Some(tilt) => y.iter_mut().zip(&tilt.scales).for_each(|(y, &scale)| *y *= scale),
            None => y.iter_mut().for_each(|y| *y *= self.discount),
        }
        self.push_factored(self.dynamics, y, w);
    }

    /// w(s') += factor(s') Σ z P(s'), where z has one entry for each row of `dynamics`.
    pub(super) fn push_factored<E>(&self, dynamics: &E, z: &[F], w: &mut [F])
    where
        E: Dynamics<Scalar = F> + ?Sized,
    {
        blocks::for_each_part(dynamics, RowsMut::column(w), &|next_states, w| {
            let push = |w: &mut [F]| {
                dynamics.push_forward(0..dynamics.num_states(), next_states.clone(), 1, z, w);
            };
            let Some(tilt) = &self.tilt else { return push(w.data) };
            let mut sums = vec![F::zero(); w.data.len()];
            push(&mut sums);
            for ((w, sum), &factor) in w.data.iter_mut().zip(sums).zip(&tilt.factors[next_states.clone()]) {
                *w += factor * sum;
            }
        });
    }

    /// max V of the factors, in direct inference with γ > 0.
    pub(super) fn largest_value(&self) -> Option<F> {
        self.tilt.as_ref().map(|tilt| tilt.max)
    }

    /// Σ_{s,a} y(s,a) exp(−(Q − r)(s,a)/τ), for direct inference with γ > 0. It may overflow.
    pub(in crate::inverse) fn leaving_sum(&self, y: &[F]) -> F {
        let Some(tilt) = &self.tilt else { return F::zero() };
        let product = |pairs: Range<usize>, ()| {
            let mut product = [F::zero()];
            dot_rows(&y[pairs.clone()], &tilt.scales[pairs], &mut product);
            product[0]
        };
        let near = fold_pieces(y.len(), (), &product, &|a, b| a + b);
        let near = if near == F::zero() {
            near
        } else {
            near / self.discount * (-tilt.max / tilt.temperature).exp()
        };
        let far = tilt.far.iter().filter(|(pair, _)| y[*pair] != F::zero());
        far.fold(near, |sum, &(pair, exponent)| {
            sum + y[pair] * (exponent - tilt.max / tilt.temperature).exp()
        })
    }

    /// Calls `visit(pair, s', K(s,a,s'))` for the entries of far rows.
    fn for_each_far_row(&self, mut visit: impl FnMut(usize, usize, F)) {
        let Some(tilt) = &self.tilt else { return };
        let mut lucky = LuckyRows::new(self.discount, tilt.temperature, tilt.next_values);
        let num_actions = self.dynamics.num_actions();
        for &(pair, _) in &tilt.far {
            lucky.for_each(self.dynamics, (pair / num_actions, pair % num_actions), |next_state, p| {
                visit(pair, next_state, p);
            });
        }
    }
}

impl<'a, F: Real> Tilt<'a, F> {
    fn new<D: Dynamics<Scalar = F> + ?Sized>(
        dynamics: &D,
        (discount, temperature): (F, F),
        next_values: &'a [F],
        (rewards, action_values): (&[F], &[F]),
    ) -> Self {
        // † has value 0. Without it here, scales underflow where leaving is the only success.
        let least = if discount < F::one() { F::zero() } else { F::neg_infinity() };
        let max = next_values.iter().copied().fold(least, F::max);
        let log_factor = |&v: &F| if v < max { gap(v, max, temperature) } else { F::zero() };
        let mut factors: Vec<F> = next_values.iter().map(log_factor).collect();
        exp_all(&mut factors);
        let num_actions = dynamics.num_actions();
        let mut scales = vec![F::zero(); rewards.len()];
        let outputs = RowsMut { data: &mut scales, width: num_actions };
        let exponent = |pair: usize| {
            let q = action_values[pair];
            if q > F::neg_infinity() { gap(max, q - rewards[pair], temperature) } else { q }
        };
        let written = blocks::for_each_block(dynamics, outputs, &|states, scales| {
            let first = states.start * num_actions;
            scales.data.iter_mut().enumerate().for_each(|(at, scale)| *scale = exponent(first + at));
            exp_all(scales.data);
            scales.data.iter_mut().for_each(|scale| *scale *= discount);
            Ok(())
        });
        debug_assert!(written.is_ok());
        let mut far = Vec::new();
        let most = most_exponent::<F>().exp() * discount;
        for (pair, scale) in scales.iter_mut().enumerate().filter(|(_, scale)| **scale > most) {
            far.push((pair, exponent(pair)));
            *scale = F::zero();
        }
        Self { temperature, next_values, max, factors, scales, far }
    }
}

/// The largest exponent whose exponential is far from overflow.
pub(super) fn most_exponent<F: Real>() -> F {
    F::from_f64(0.8) * F::max_value().ln()
}
