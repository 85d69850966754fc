//! Direct inference as the linear recursion that it is, for values alone.
//!
//! ```text
//! β_t(s) = Σ_a W(s,a) ( γ Σ_s' P(s'|s,a) β_{t+1}(s') + 1−γ ),   W(s,a) = ρ(a|s) exp(r(s,a)/τ)            (D11)
//! ```
//!
//! Where no action values are wanted, a stage then takes one exponential and one logarithm a state, instead of one of each
//! a pair. W is the same at every stage of a homogeneous model and is made once.
//!
//! # Form computed
//!
//! W is kept relative to the best reward of its state, and β to the largest of its stage. A state in which that may have
//! lost anything is not decided here but by the ordinary backup: see [`Linear::values`].
//!
//! # References
//!
//! Todorov, *Linearly-solvable Markov decision problems*, NIPS 2006.

use crate::kernels::{for_each_lane, gap, most_weight, vectorised};
use crate::mdp::CheckedStage;
use crate::parallel::{self, Rows};
use crate::{Error, Model, Real, Table, tables};

/// W of every pair, relative to the best reward of its state.
pub(super) struct Linear<F> {
    weights: Vec<F>, // ρ exp((r − best)/τ), [s, a]
    best: Vec<F>,    // the largest reward of an action with ρ > 0, [s]
    totals: Vec<F>,  // Σ_a of the weights, [s]; +∞ for states that are left to the ordinary backup
}

/// The constants of a stage: β = exp(base/τ) ( going · Σ W y + leaving · Σ W ), y as scaled by `LogBlock`.
#[derive(Clone, Copy)]
pub(super) struct Scales<F> {
    base: F,
    going: F,
    leaving: F,
    temperature: F,
}

impl<F: Real> Scales<F> {
    /// From the largest value of the next stage, which is finite.
    pub(super) fn new(discount: F, temperature: F, max: F) -> Self {
        // The value of † is 0: relative to the larger of the two, neither overflows.
        let leaves = discount < F::one();
        let base = if leaves { max.max(F::zero()) } else { max };
        let going = discount * gap(max, base, temperature).exp() * F::UNLIFT;
        let leaving = (F::one() - discount) * gap(F::zero(), base.max(F::zero()), temperature).exp();
        Self { base, going, leaving: if leaves { leaving } else { F::zero() }, temperature }
    }
}

impl<F: Real> Linear<F> {
    /// Precondition: the temperature is above 0.
    pub(super) fn new<M>(model: &M, stage: &CheckedStage<'_, F, M::Dynamics>) -> Result<Self, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let (num_states, width) = (model.num_states(), model.num_actions());
        let column = |width| {
            let table = tables::filled(Table::StateValues, (num_states, width), F::zero())?;
            Ok::<_, Error>(table.into_raw_vec_and_offset().0)
        };
        let mut linear = Self { weights: column(width)?, best: column(1)?, totals: column(1)? };
        let outputs = (
            Rows { data: &mut linear.weights[..], width },
            (Rows { data: &mut linear.best[..], width: 1 }, Rows { data: &mut linear.totals[..], width: 1 }),
        );
        parallel::for_each_block(stage.dynamics, outputs, &|states, (weights, (best, totals))| {
            let rows = weights.data.chunks_exact_mut(width).zip(best.data).zip(totals.data);
            for (state, ((weights, best), total)) in states.zip(rows) {
                let (rewards, prior) = stage.row(state)?;
                let taken = || (0..width).filter(|&action| prior[action] > F::zero());
                *best = taken().map(|action| rewards[action]).fold(F::neg_infinity(), F::max);
                for action in taken().filter(|&action| rewards[action] > F::neg_infinity()) {
                    weights[action] = prior[action] * gap(rewards[action], *best, model.temperature()).exp();
                    *total += weights[action];
                }
                // What a weight may have lost must not show.
                let most = most_weight::<F>();
                let is_ordinary = *total >= F::one() / most && taken().all(|action| prior[action] <= most);
                if model.is_terminal(state) || !is_ordinary {
                    *total = F::infinity();
                }
            }
            Ok(())
        })?;
        Ok(linear)
    }

    /// Writes V of the states from `first` on, from the sums y = Σ P exp(V/τ) of their pairs, and NaN where the ordinary
    /// backup has to decide.
    ///
    /// A sum Σ W y of at least `TRUSTED_SUM` times Σ W is right to rounding for the reason that a sum Σ P y of at least
    /// `TRUSTED_SUM` is (see `kernels::log_expectation`): it is a mean of such sums.
    pub(super) fn values(&self, first: usize, scales: Scales<F>, expectations: &[F], values: &mut [F]) {
        let width = self.weights.len() / self.best.len();
        let states = first..first + values.len();
        let input = Input {
            weights: &self.weights[states.start * width..states.end * width],
            best: &self.best[states.clone()],
            totals: &self.totals[states],
            expectations,
        };
        match width {
            2 => vectorised!(run::<2>(2, input, scales, values)),
            3 => vectorised!(run::<3>(3, input, scales, values)),
            4 => vectorised!(run::<4>(4, input, scales, values)),
            5 => vectorised!(run::<5>(5, input, scales, values)),
            6 => vectorised!(run::<6>(6, input, scales, values)),
            8 => vectorised!(run::<8>(8, input, scales, values)),
            _ => vectorised!(run::<0>(width, input, scales, values)),
        }
    }
}

/// Some states.
#[derive(Clone, Copy)]
struct Input<'a, F> {
    weights: &'a [F],
    best: &'a [F],
    totals: &'a [F],
    expectations: &'a [F],
}

/// [`Linear::values`] for a `WIDTH` that is a constant, or 0.
#[inline(always)]
fn run<const FUSED: bool, F: Real, const WIDTH: usize>(
    width: usize,
    Input { weights, best, totals, expectations }: Input<'_, F>,
    Scales { base, going, leaving, temperature }: Scales<F>,
    values: &mut [F],
) {
    let width = if WIDTH > 0 { WIDTH } else { width };
    let least = F::min_positive_value() / F::epsilon();
    let rows = weights.chunks_exact(width).zip(expectations.chunks_exact(width));
    for ((value, (weights, y)), &total) in values.iter_mut().zip(rows).zip(totals) {
        let sum = weights.iter().zip(y).fold(F::zero(), |sum, (&w, &y)| sum + w * y);
        let beta = going * sum + leaving * total;
        let is_trusted = (sum >= F::TRUSTED_SUM * total) & (beta >= least) & (beta < F::infinity());
        *value = if is_trusted { beta } else { F::nan() };
    }
    for_each_lane(values, |value| *value = value.ln_lane::<FUSED>());
    for (value, &best) in values.iter_mut().zip(best) {
        *value = best + base + temperature * *value;
        *value = if value.is_finite() { *value } else { F::nan() };
    }
}
