//! The derivative of B, as a chain.
//!
//! ```text
//! J(s,s') = γ Σ_a π(a|s) P(s'|s,a)                                    variational
//! J(s,s') = Σ_a π(a|s) p(s'|s,a,e),  the dynamics of (D9)              direct
//! ```
//!
//! with π the policy of V. Rows of terminal states and of value −∞ are zero. B is convex, so B(V + x) ≥ B V + J x.

use std::ops::ControlFlow;

use super::operator::Operator;
use super::search::{Search, Step};
use crate::Status;
use crate::dynamics::successors::LuckyRows;
use crate::markov_chain::{Chain, LinearOutcome, LinearSolve};
use crate::mdp::CheckedStage;
use crate::{Error, Inference, Model, Real};

/// J of the policy of `values`, for the states that take part; counts what it reads.
pub(super) fn derivative<'m, F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'m, F, M>,
    values: &[F],
    policy: &[F],
    takes_part: &[bool],
) -> Result<Chain<'m, F>, Error> {
    let model = operator.model();
    let stage = CheckedStage::new(model, 0, operator.inference())?;
    let dynamics = stage.dynamics;
    let chain = match operator.inference() {
        Inference::Variational => Chain::new(dynamics, policy, takes_part, model.discount())?,
        Inference::Direct => {
            let (discount, temperature, width) = (model.discount(), model.temperature(), model.num_actions());
            let mut lucky = LuckyRows::new(discount, temperature, values);
            Chain::from_rows(values.len(), |state, add| {
                for action in 0..width {
                    let share = policy[state * width + action];
                    if !takes_part[state] || !(share > F::zero()) || discount == F::zero() {
                        continue;
                    }
                    lucky.for_each(dynamics, (state, action), |next, p| {
                        if p > F::zero() && takes_part[next] {
                            add(next, share * p);
                        }
                    });
                }
            })?
        }
    };
    let visits = if operator.inference() == Inference::Direct { 1 } else { 2 };
    operator.count_passes(visits);
    operator.count(chain.work());
    Ok(chain)
}

impl<F: Real, M: Model<Scalar = F> + ?Sized> Search<'_, F, M> {
    /// Which states take part in a step: not terminal, V and BV finite.
    pub(super) fn alive(&self) -> Vec<bool> {
        let states = self.values.iter().zip(&self.backed_up).zip(self.operator.is_fixed());
        states.map(|((v, b), fixed)| v.is_finite() && b.is_finite() && !fixed).collect()
    }

    /// Solves (I − J) x = b as far as limit and hook allow.
    pub(super) fn solve(
        &mut self,
        chain: &Chain<'_, F>,
        b: &[F],
        x: &mut [F],
        tolerance: F,
    ) -> Step<LinearOutcome<F>> {
        let mut error = None;
        let outcome = {
            let operator = &self.operator;
            let model = operator.model();
            let (start, price) = (operator.passes(), chain.work() as f64 / operator.work() as f64);
            let mut watch = |products: usize, _: F| {
                // As a whole number of passes.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let passes = start + (products as f64 * price) as usize;
                match model.begin_stage(passes) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(found) => {
                        error = Some(found);
                        ControlFlow::Break(())
                    }
                }
            };
            let left = self.passes_left() as f64 / price.max(1e-9);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let max_products = left.min(1e15) as usize;
            let options = LinearSolve { tolerance, max_products, watch: Some(&mut watch) };
            chain.solve(b, x, options)
        };
        self.operator.count(outcome.products.saturating_mul(chain.work()));
        match error {
            Some(Error::Stopped { .. }) => Ok(ControlFlow::Break(Status::Stopped)),
            Some(error) => Err(error),
            None => Ok(ControlFlow::Continue(outcome)),
        }
    }
}
