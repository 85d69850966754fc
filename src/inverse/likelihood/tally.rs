//! One stage of the forward pass: its gradients, and the flow into the next stage.
//!
//! ```text
//! y_t(s,a) = x_t(s) π_t(a|s) − [actions: n_t(s,a)],   0 in terminal states
//! x_{t+1}  = b_{t+1} + K_tᵀ y_t,   x_0 = b_0                                     (I6, I9)
//! ∂L/∂r    = (1/τ) Σ_t (n_t − x_t π_t)                                           (I7)
//! ```
//!
//! where x are the residual visits and K is the [derivative](super::derivative) of Q_t in V_{t+1}.
//!
//! # Temperature and discount
//!
//! ```text
//! ∂L/∂τ = explicit + (1/τ²) Σ x π (Q − V) + (1/τ) Σ μ ∂Q/∂τ                     (I11, I12)
//! ∂L/∂γ = explicit + (1/τ) Σ μ ∂Q/∂γ,   μ = [actions: n] − x π
//! variational   ∂Q/∂τ = 0                       ∂Q/∂γ = (Q − r)/γ
//! direct        ∂Q/∂τ = (Q − r)/τ − K V'/τ      ∂Q/∂γ = (τ/γ) (1 − exp(−(Q − r)/τ))
//! ```
//!
//! The derivatives of Q are those at fixed V'. Σ μ K V' is taken from the flow that K has already
//! moved. At γ = 0, ∂Q/∂γ is read from the successors; successors of value −∞ are left out there.

use std::ops::Range;

use super::Kind;
use super::derivative::Derivative;
use super::mixed::Mixed;
use super::observed::Choice;
use super::stage::StageValues;
use super::successors::SuccessorTally;
use crate::dynamics::blocks;
use crate::dynamics::successors::for_each_log_successor;
use crate::kernels::row_log_expectation;
use crate::mdp::CheckedStage;
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Dynamics, Error, Inference, Model, Real, Table, arrays};

/// Sums over all stages.
#[derive(Debug)]
pub(super) struct Tally<F> {
    kind: Kind,
    discount: F,
    temperature: F,
    is_terminal: Vec<bool>,
    gradient: Vec<F>, // Σ (n_t − x_t π_t) over the stages that are not in `total`, [s, a]
    total: Vec<F>,    // ∂L/∂r of the stages that were visited one by one, [s, a], or empty
    /// Σ n r, and its derivative in γ; for actions Σ n log π.
    pub(super) observed: (F, F),
    gap: F,          // Σ n (Q − V), for actions
    spread: F,       // Σ x π (Q − V)
    future: F,       // Σ μ (Q − r)
    moved: F,        // −Σ μ K V', direct
    discount_sum: F, // Σ μ ∂Q/∂γ / τ
    /// Derivatives in rewards on the successor.
    pub(super) successors: SuccessorTally<F>,
    terms: Vec<F>, // scratch [s, 3]: Σ_a xπ, Σ_a xπ(Q − V), Σ_a xπ(Q − r)
}

impl<F: Real> Tally<F> {
    pub(super) fn new<M: Model<Scalar = F> + ?Sized>(kind: Kind, mdp: &M) -> Result<Self, Error> {
        let num_states = mdp.num_states();
        let zero = F::zero();
        Ok(Self {
            kind,
            discount: mdp.discount(),
            temperature: mdp.temperature(),
            is_terminal: (0..num_states).map(|state| mdp.is_terminal(state)).collect(),
            gradient: arrays::filled_vec(Table::Rewards, (num_states, mdp.num_actions()), zero)?,
            total: Vec::new(),
            observed: (zero, zero),
            gap: zero,
            spread: zero,
            future: zero,
            moved: zero,
            discount_sum: zero,
            successors: SuccessorTally::new(kind.inference()),
            terms: arrays::filled_vec(Table::StateValues, (num_states, 3), zero)?,
        })
    }

    /// Adds the stage and turns its policy into y.
    ///
    /// Returns the first observed action whose value is −∞, as an error.
    pub(super) fn add<'c, D>(
        &mut self,
        stage: &CheckedStage<'_, F, D>,
        tables: &mut StageValues<'_, F>,
        x: &[F],
        choices: &'c [Choice<F>],
    ) -> Result<(), &'c Choice<F>>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let num_states = x.len();
        let (rewards, _) = stage.rows(0..num_states);
        if let Some(impossible) =
            choices.iter().find(|choice| tables.action_values[choice.pair] == F::neg_infinity())
        {
            return Err(impossible);
        }
        let mass = self.leave(stage.dynamics, rewards, tables, x);
        let mut discount_sum = -mass;
        let width = tables.action_values.len() / num_states;
        for choice in choices {
            let &Choice { pair, weight, slope, .. } = choice;
            self.gradient[pair] += weight;
            let (q, reward) = (tables.action_values[pair], rewards[pair]);
            if let Kind::Actions(_) = self.kind {
                tables.policy[pair] -= weight;
                self.observed.0 += weight * tables.log_policy[pair];
                self.gap += weight * (q - tables.values[pair / width]);
                self.future += weight * (q - reward);
                discount_sum += weight;
            } else {
                self.observed.0 += weight * reward;
                self.observed.1 += slope * reward;
            }
        }
        if self.discount == F::zero() {
            self.discount_sum += self.at_zero_discount(stage.dynamics, tables);
        } else if self.kind.inference() == Inference::Direct {
            self.discount_sum += discount_sum / self.discount;
        }
        Ok(())
    }

    /// Writes x π over the policy, and takes it from the gradient. Returns Σ x π.
    fn leave<D>(&mut self, dynamics: &D, rewards: &[F], tables: &mut StageValues<'_, F>, x: &[F]) -> F
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let width = dynamics.num_actions();
        let (values, action_values, is_terminal) = (tables.values, tables.action_values, &self.is_terminal);
        let outputs = (
            RowsMut { data: &mut *tables.policy, width },
            (RowsMut { data: &mut self.gradient, width }, RowsMut { data: &mut self.terms, width: 3 }),
        );
        let done = blocks::for_each_block(dynamics, outputs, &|states, (policy, (gradient, terms))| {
            let rows = policy.data.chunks_exact_mut(width).zip(gradient.data.chunks_exact_mut(width));
            for (state, ((policy, gradient), terms)) in states.zip(rows.zip(terms.data.chunks_exact_mut(3))) {
                terms.fill(F::zero());
                let (x, value) = (x[state], values[state]);
                if is_terminal[state] || x == F::zero() || value == F::neg_infinity() {
                    policy.fill(F::zero());
                    continue;
                }
                let pairs = state * width..(state + 1) * width;
                let row = action_values[pairs.clone()].iter().zip(&rewards[pairs]);
                for ((p, gradient), (&q, &reward)) in policy.iter_mut().zip(gradient).zip(row) {
                    *p *= x;
                    *gradient -= *p;
                    if *p != F::zero() {
                        terms[0] += *p;
                        terms[1] += *p * (q - value);
                        terms[2] += *p * (q - reward);
                    }
                }
            }
            Ok(())
        });
        debug_assert!(done.is_ok());
        let sums = |states: Range<usize>, ()| {
            let rows = self.terms[3 * states.start..3 * states.end].chunks_exact(3);
            rows.fold([F::zero(); 3], |sums, terms| [0, 1, 2].map(|k| sums[k] + terms[k]))
        };
        let join = |a: [F; 3], b: [F; 3]| [0, 1, 2].map(|k| a[k] + b[k]);
        let [mass, spread, future] = fold_pieces(x.len(), (), &sums, &join);
        self.spread += spread;
        self.future -= future;
        mass
    }

    /// Adds Kᵀ y to `next`, which holds zeros. Uses y as scratch memory.
    ///
    /// With mixed rows, x flows through them, and the observed actions of the stage through rows of
    /// their own.
    pub(super) fn flow<D>(
        &mut self,
        derivative: &Derivative<'_, F, D>,
        (mixed, x, choices): (Option<&Mixed<F>>, &[F], &[Choice<F>]),
        tables: &mut StageValues<'_, F>,
        next: &mut [F],
    ) where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        if self.kind.inference() == Inference::Direct && self.discount > F::zero() {
            self.discount_sum += derivative.leaving_sum(tables.policy) / self.discount;
        }
        match mixed {
            Some(mixed) if mixed.push_forward(derivative, (x, tables.values), next) => {
                if let Kind::Actions(_) = self.kind {
                    tables.policy.fill(F::zero());
                    choices.iter().for_each(|choice| tables.policy[choice.pair] -= choice.weight);
                    derivative.push_forward(tables.policy, next);
                }
            }
            _ => derivative.push_forward(tables.policy, next),
        }
        let flows = next.iter().zip(tables.next_values).filter(|(flow, _)| **flow != F::zero());
        self.moved += flows.fold(F::zero(), |sum, (&flow, &value)| sum + flow * value);
    }

    /// Σ μ ∂Q/∂γ / τ at γ = 0, μ = −y.
    fn at_zero_discount<D>(&self, dynamics: &D, tables: &StageValues<'_, F>) -> F
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let (width, temperature) = (dynamics.num_actions(), self.temperature);
        let pairs = tables.policy.iter().enumerate().filter(|(_, y)| **y != F::zero());
        pairs.fold(F::zero(), |sum, (pair, &y)| {
            let pair = (pair / width, pair % width);
            let mut mean = F::zero();
            let value = match self.kind.inference() {
                Inference::Variational => {
                    for_each_log_successor(dynamics, temperature, pair, |next_state, log_p| {
                        let value = tables.next_values[next_state];
                        mean += if value > F::neg_infinity() { log_p.exp() * value } else { F::zero() };
                    });
                    mean / temperature
                }
                Inference::Direct => {
                    let log_sum = row_log_expectation(F::one(), |visit| {
                        for_each_log_successor(dynamics, temperature, pair, |next_state, log_p| {
                            visit(F::one(), log_p + tables.next_values[next_state] / temperature);
                        });
                    });
                    log_sum.exp_m1()
                }
            };
            sum - y * value
        })
    }

    /// Calls `visit` with ∂L/∂r of the stages since the last call, `[s, a]`.
    pub(super) fn end_stage<R>(&mut self, visit: impl FnOnce(&[F]) -> R) -> R {
        self.gradient.iter_mut().for_each(|entry| *entry /= self.temperature);
        let result = visit(&self.gradient);
        self.total.resize(self.gradient.len(), F::zero());
        self.total.iter_mut().zip(&self.gradient).for_each(|(total, &entry)| *total += entry);
        self.gradient.fill(F::zero());
        result
    }

    /// ∂L/∂r of all stages, `[s, a]`, and the derivatives in rewards on the successor.
    pub(super) fn into_gradient(mut self) -> (Vec<F>, SuccessorTally<F>) {
        if !self.total.is_empty() {
            return (self.total, self.successors);
        }
        self.gradient.iter_mut().for_each(|entry| *entry /= self.temperature);
        (self.gradient, self.successors)
    }

    /// Σ μ-terms of ∂L/∂τ, without the explicit term.
    pub(super) fn temperature_gradient(&self) -> F {
        let future = match self.kind.inference() {
            Inference::Direct => self.future + self.moved,
            Inference::Variational => F::zero(),
        };
        (self.spread + future - self.gap) / self.temperature / self.temperature
    }

    /// Σ μ-terms of ∂L/∂γ, without the explicit term. It may be infinite or NaN.
    pub(super) fn discount_gradient(&self) -> F {
        match self.kind.inference() {
            Inference::Variational if self.discount > F::zero() => {
                self.future / self.discount / self.temperature
            }
            _ => self.discount_sum,
        }
    }
}
