//! The derivative J of B at V, as a matrix over the states, and linear systems in it.
//!
//! ```text
//! J(s,s') = γ Σ_a π(a|s) P(s'|s,a)                                    variational
//! J(s,s') = Σ_a π(a|s) p(s'|s,a,e),  the dynamics of (D9)             direct
//! ```
//!
//! where π is the policy of V. Rows of terminal states and of states with value −∞ are zero. B is
//! convex, so B(V + x) ≥ B V + J x.
//!
//! In a collapsed component, each row is that of the best exit, or zero if staying is best.

use std::ops::ControlFlow;

use super::halt::Halt;
use super::operator::Operator;
use crate::dynamics::successors::LuckyRows;
use crate::markov_chain::{Chain, LinearOutcome, LinearSolve, Sections};
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Inference, Model, Real};

/// J at `values` with their policy, both of the last `Iterate::back_up`. Rows and columns of states
/// that do not take part are zero.
///
/// Counts the transitions that it reads and writes.
pub(super) fn derivative<'m, F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'m, F, M>,
    values: &[F],
    policy: &[F],
    takes_part: &[bool],
) -> Result<Chain<'m, F>, Error> {
    let model = operator.model();
    let stage = CheckedStage::new(model, 0, operator.inference())?;
    let dynamics = stage.dynamics;
    let (discount, width) = (model.discount(), model.num_actions());
    let quotient = operator.quotient();
    let component_of = |state: usize| quotient.and_then(|quotient| quotient.component_of(state));
    let chain = match operator.inference() {
        Inference::Variational if quotient.is_none() => Chain::new(dynamics, policy, takes_part, discount)?,
        Inference::Variational => Chain::from_rows(Sections::of(dynamics), |state, add| {
            let mut add_row = |pair: usize, weight: F| {
                if takes_part[state] && weight > F::zero() {
                    let add = &mut |next, p: F| add(next, discount * weight * p);
                    dynamics.for_each_successor(pair / width, pair % width, add);
                }
            };
            let exit =
                component_of(state).map(|component| quotient.and_then(|quotient| quotient.exit(component)));
            match exit {
                Some(exit) => exit.into_iter().for_each(|pair| add_row(pair, F::one())),
                None => (state * width..(state + 1) * width).for_each(|pair| add_row(pair, policy[pair])),
            }
        })?,
        Inference::Direct => {
            let mut lucky = LuckyRows::new(discount, model.temperature(), values);
            Chain::from_rows(Sections::of(dynamics), |state, add| {
                for action in 0..width {
                    let share = policy[state * width + action];
                    let is_constant = !takes_part[state] || component_of(state).is_some();
                    if is_constant || !(share > F::zero()) || discount == F::zero() {
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

/// Solves (I − J) x = b, within the limit of passes. The model's hook may stop it.
pub(super) fn solve<F: Real, M: Model<Scalar = F> + ?Sized>(
    operator: &mut Operator<'_, F, M>,
    chain: &Chain<'_, F>,
    b: &[F],
    x: &mut [F],
    tolerance: F,
) -> Result<LinearOutcome<F>, Halt> {
    let mut halt = None;
    let outcome = {
        let (start, price) = (operator.passes(), chain.work() as f64 / operator.work() as f64);
        let mut watch = |products: usize, _: F| {
            // As a whole number of passes.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let passes = start + (products as f64 * price) as usize;
            match operator.tell(passes) {
                Ok(()) => ControlFlow::Continue(()),
                Err(found) => {
                    halt = Some(found);
                    ControlFlow::Break(())
                }
            }
        };
        let left = operator.passes_left() as f64 / price.max(1e-9);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let max_products = left.min(1e15) as usize;
        chain.solve(b, x, LinearSolve { tolerance, max_products, watch: Some(&mut watch) })
    };
    operator.count(outcome.products.saturating_mul(chain.work()));
    halt.map_or(Ok(outcome), Err)
}
