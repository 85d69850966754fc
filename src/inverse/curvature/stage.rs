//! One stage: from ∂V_{t+1} to ∂Q_t and ∂V_t, and the covariances of the stage.
//!
//! ```text
//! ∂Q_t(s,a) = φ(s,a) + Σ_s' K(s,a,s') ∂V_{t+1}(s'),   ∂V_t(s) = Σ_a π_t(a|s) ∂Q_t(s,a)      (I1)
//! M_t = Σ_s x_t(s) Cov_π(∂Q_t) + [direct] Σ_{s,a} y_t(s,a) Cov_p̃(∂V_{t+1})                 (I5, I8)
//! ```
//!
//! with y_t = x_t π_t in likelihoods of whole histories, and x_t π_t − n_t in those of actions.
//!
//! # Form computed
//!
//! Covariances over actions are sums of products of differences from the mean, so that features
//! that change no choice have covariance 0 to within rounding. Covariances over successors need no
//! pass of their own, because Kᵀ y_t = x_{t+1} − b_{t+1} is known:
//!
//! ```text
//! Σ_{s,a} y Cov_p̃(v) = Σ_s' (x_{t+1} − b_{t+1}) v vᵀ − Σ_{s,a} y m mᵀ,   m = Σ_s' p̃ v
//! ```
//!
//! where v is 0 in †. At γ = 1 the mean of v is subtracted first, so that little cancels.
//!
//! Features on successors are folded in variational inference. In direct inference their
//! covariances are computed row by row (`lucky`).

use std::ops::Range;

use super::columns::Columns;
use super::lucky::{self, LuckyPairs};
use super::moments::{Moments, add_square};
use crate::inverse::likelihood::{Derivative, StageMemory};
use crate::mdp::CheckedStage;
use crate::parallel::{RowsMut, fold_pieces};
use crate::{Error, Inference, Model, Real};

/// The tables of one stage.
pub(super) struct Stage<'a, F: Real, M: Model<Scalar = F> + ?Sized> {
    pub(super) mdp: &'a M,
    t: usize,
    inference: Inference,
    dynamics: &'a M::Dynamics,
    rewards: &'a [F],                  // r, [s, a]
    pub(super) action_values: &'a [F], // Q_t, [s, a]
    policy: &'a [F],                   // π_t, [s, a]
    values: &'a [F],                   // V_t, [s]
    next_values: &'a [F],              // V_{t+1}, [s]
    visits: &'a [F],                   // x_t, [s]
    flow: &'a [F],                     // x_{t+1} − b_{t+1} = Kᵀ y_t, [s]
    columns: &'a Columns<F>,
    expected: &'a [F], // φ̄ of features on successors, [s, a, k]
    is_lucky: bool,    // whether derivatives of rewards depend on outcomes
}

/// ∂V_{t+1} as a stage reads it.
pub(super) struct Next<'a, F> {
    /// ∂V_{t+1} less the centre, `[s, k]`.
    values: &'a [F],
    centre: Vec<F>, // [k]
}

impl<'a, F: Real, M: Model<Scalar = F> + ?Sized> Stage<'a, F, M> {
    /// The stage t of `checked`, whose tables are in `memory`, with x_t and Kᵀ y_t.
    pub(super) fn new(
        (mdp, t, inference): (&'a M, usize, Inference),
        checked: &'a CheckedStage<'a, F, M::Dynamics>,
        (memory, next_values): (&'a StageMemory<F>, &'a [F]),
        (visits, flow): (&'a [F], &'a [F]),
        (columns, expected): (&'a Columns<F>, &'a [F]),
    ) -> Self {
        Self {
            mdp,
            t,
            inference,
            dynamics: checked.dynamics,
            rewards: checked.rows(0..mdp.num_states()).0,
            action_values: &memory.action_values,
            policy: &memory.policy,
            values: &memory.values,
            next_values,
            visits,
            flow,
            columns,
            expected,
            is_lucky: lucky::is_needed((mdp, t, inference), columns),
        }
    }

    fn k(&self) -> usize {
        self.columns.num_parameters()
    }

    /// Whether a state has choices: it is not terminal, and success is possible.
    pub(super) fn is_alive(&self, state: usize) -> bool {
        !self.mdp.is_terminal(state) && self.values[state] > F::neg_infinity()
    }

    /// Outcomes of pairs, where derivatives of rewards depend on them.
    pub(super) fn lucky(&self) -> Option<LuckyPairs<'a, F, M>> {
        let at = (self.mdp, self.t);
        let lucky = || LuckyPairs::new(at, self.dynamics, self.rewards, self.next_values, self.columns);
        self.is_lucky.then(lucky)
    }

    /// Subtracts a centre from ∂V_{t+1}, `[s, k]`, in direct inference at γ = 1.
    pub(super) fn centred<'v>(&self, next: &'v mut [F]) -> Next<'v, F> {
        let k = self.k();
        let mut centre = vec![F::zero(); k];
        let is_centred = self.inference == Inference::Direct && self.mdp.discount() == F::one();
        let total = self.flow.iter().fold(F::zero(), |sum, flow| sum + flow.abs());
        if is_centred && total > F::zero() && !self.is_lucky {
            for (next, flow) in next.chunks_exact(k).zip(self.flow) {
                let share = flow.abs() / total;
                centre.iter_mut().zip(next).for_each(|(centre, &v)| *centre += share * v);
            }
            for next in next.chunks_exact_mut(k) {
                next.iter_mut().zip(&centre).for_each(|(v, &centre)| *v -= centre);
            }
        }
        Next { values: next, centre }
    }

    /// Writes ∂V_t, `[s, k]`, and ∂Q_t, `[s, a, k]`, and returns the moments of the stage without
    /// those of the observed pairs n_t.
    pub(super) fn run(
        &self,
        next: &Next<'_, F>,
        values: &mut [F],
        pairs: &mut [F],
    ) -> Result<Moments<F>, Error> {
        let (k, width) = (self.k(), self.mdp.num_actions());
        let settings = (self.inference, self.mdp.discount(), self.mdp.temperature());
        let tables = (self.rewards, self.action_values);
        if !self.is_lucky {
            let derivative = Derivative::new(self.dynamics, settings, self.next_values, tables);
            derivative.expectation(k, next.values, pairs)?;
        }
        let outputs = (RowsMut { data: values, width: k }, RowsMut { data: pairs, width: width * k });
        let moments = fold_pieces(
            self.values.len(),
            outputs,
            &|states, (values, pairs)| self.piece(states, next, values.data, pairs.data),
            &Moments::plus,
        );
        Ok(moments)
    }

    /// Some states: `pairs` holds K ∂V_{t+1}, and then ∂Q_t.
    fn piece(
        &self,
        states: Range<usize>,
        next: &Next<'_, F>,
        values: &mut [F],
        pairs: &mut [F],
    ) -> Moments<F> {
        let (k, width) = (self.k(), self.mdp.num_actions());
        let is_direct = self.inference == Inference::Direct;
        let mut lucky = self.lucky();
        let mut moments = Moments::new(k);
        let mut difference = vec![F::zero(); k];
        let rows = values.chunks_exact_mut(k).zip(pairs.chunks_exact_mut(width * k));
        for (state, (value, row)) in states.zip(rows) {
            let visits = self.visits[state];
            if is_direct && lucky.is_none() {
                moments.add_square(self.flow[state], &next.values[state * k..(state + 1) * k]);
            }
            if !is_direct && self.columns.with_discount {
                let share = self.flow[state] / self.mdp.discount();
                let own = &next.values[state * k..(state + 1) * k];
                moments.mixed.iter_mut().zip(own).for_each(|(sum, &v)| *sum += share * v);
            }
            value.fill(F::zero());
            if !self.is_alive(state) {
                row.fill(F::zero());
                if self.mdp.is_terminal(state) {
                    self.terminal(state, value);
                }
                continue;
            }
            for (action, own) in row.chunks_exact_mut(k).enumerate() {
                let pair = state * width + action;
                let share = self.policy[pair];
                if self.action_values[pair] == F::neg_infinity() {
                    own.fill(F::zero());
                    continue;
                }
                let weight = visits * share;
                if let Some(lucky) = &mut lucky {
                    lucky.pair(pair, Some(next.values), own, (weight, &mut moments));
                    self.add_discount(pair, own);
                } else {
                    if is_direct {
                        moments.add_square(-weight, own);
                        own.iter_mut().zip(&next.centre).for_each(|(q, &centre)| *q += centre);
                        self.add_mixed(pair, weight, own, &mut moments);
                    }
                    self.add_rewards(pair, own);
                }
                value.iter_mut().zip(&*own).for_each(|(v, &q)| *v += share * q);
            }
            if visits == F::zero() {
                continue;
            }
            for (action, own) in row.chunks_exact(k).enumerate() {
                let share = self.policy[state * width + action];
                if share > F::zero() {
                    let weight = visits * share;
                    for (index, (&q, &v)) in own.iter().zip(&*value).enumerate() {
                        difference[index] = q - v;
                        moments.magnitude[index] += weight.abs() * q * q;
                    }
                    add_square(&mut moments.covariance, weight, &difference);
                }
            }
        }
        moments
    }

    /// Σ_a π ∂Q at fixed V_{t+1}, and φ^T in terminal states, `[s, k]`.
    pub(super) fn at_fixed_values(&self) -> Vec<F> {
        let (k, width) = (self.k(), self.mdp.num_actions());
        let mut lucky = self.lucky();
        let (mut own, mut unused) = (vec![F::zero(); k], Moments::new(k));
        let mut sums = vec![F::zero(); self.values.len() * k];
        for (state, sums) in sums.chunks_exact_mut(k).enumerate() {
            if self.mdp.is_terminal(state) {
                self.terminal(state, sums);
            }
            for action in (0..width).filter(|_| self.is_alive(state)) {
                let pair = state * width + action;
                let share = self.policy[pair];
                if self.action_values[pair] == F::neg_infinity() {
                    continue;
                }
                own.fill(F::zero());
                match &mut lucky {
                    Some(lucky) => {
                        lucky.pair(pair, None, &mut own, (F::zero(), &mut unused));
                        self.add_discount(pair, &mut own);
                    }
                    None => self.add_rewards(pair, &mut own),
                }
                sums.iter_mut().zip(&own).for_each(|(sum, &own)| *sum += share * own);
            }
        }
        sums
    }

    /// Subtracts the part of an observed pair, which has ∂Q_t of this stage: y_t holds −n_t.
    pub(super) fn add_observed(
        &self,
        (pair, weight): (usize, F),
        next: &Next<'_, F>,
        action_values: &[F],
        moments: &mut Moments<F>,
    ) {
        if self.inference == Inference::Variational {
            return;
        }
        let k = self.k();
        let mut own = vec![F::zero(); k];
        if let Some(mut lucky) = self.lucky() {
            return lucky.pair(pair, Some(next.values), &mut own, (-weight, moments));
        }
        self.add_rewards(pair, &mut own);
        let all = &action_values[pair * k..(pair + 1) * k];
        own.iter_mut().zip(all).for_each(|(own, &q)| *own = q - *own);
        self.add_mixed(pair, -weight, &own, moments);
        own.iter_mut().zip(&next.centre).for_each(|(m, &centre)| *m -= centre);
        moments.add_square(weight, &own);
    }

    /// Adds φ(s,a), and the derivatives of Q in temperature and discount at fixed V_{t+1}.
    fn add_rewards(&self, pair: usize, own: &mut [F]) {
        self.add_features(pair, own);
        self.add_discount(pair, own);
    }

    fn add_discount(&self, pair: usize, own: &mut [F]) {
        if self.columns.with_discount {
            own[self.k() - 1] += self.discount_term(pair);
        }
    }

    /// Adds the derivatives of r(s,a) to the features, and r itself to the column of the
    /// temperature.
    pub(super) fn add_features(&self, pair: usize, own: &mut [F]) {
        let k = self.columns.num_features();
        let features = self.columns.on_pair(pair, self.mdp.num_actions());
        let features = features.unwrap_or_else(|| &self.expected[pair * k..(pair + 1) * k]);
        own.iter_mut().zip(features).for_each(|(own, &phi)| *own += phi);
        if self.columns.with_temperature {
            own[k] += self.rewards[pair];
        }
    }

    /// ∂Q/∂γ at fixed V_{t+1}: P V_{t+1}, or τ (E − 1)/D with D = γ E + 1 − γ = exp((Q − r)/τ).
    fn discount_term(&self, pair: usize) -> F {
        let (discount, temperature) = (self.mdp.discount(), self.mdp.temperature());
        let later = self.action_values[pair] - self.rewards[pair];
        match self.inference {
            Inference::Variational => later / discount,
            Inference::Direct => -(temperature / discount) * (-later / temperature).exp_m1(),
        }
    }

    /// Adds y C, where C are the derivatives of ∂Q/∂γ at fixed second derivatives of V_{t+1}, in
    /// direct inference: m/(γ D), and for the discount itself 2 m/(γ D) − (∂Q/∂γ)²/τ.
    fn add_mixed(&self, pair: usize, weight: F, m: &[F], moments: &mut Moments<F>) {
        if !self.columns.with_discount {
            return;
        }
        let (discount, temperature) = (self.mdp.discount(), self.mdp.temperature());
        let later = self.action_values[pair] - self.rewards[pair];
        let share = weight * (-later / temperature).exp() / discount;
        moments.mixed.iter_mut().zip(m).for_each(|(sum, &m)| *sum += share * m);
        let own = self.discount_term(pair);
        if let Some(last) = moments.mixed.last_mut() {
            *last -= weight * own * own / (F::from_f64(2.0) * temperature);
        }
    }

    /// Writes the derivatives of V_T of a state.
    pub(super) fn terminal(&self, state: usize, value: &mut [F]) {
        terminal(self.mdp, self.columns, state, value);
    }
}

/// Writes the derivatives of V_T of a state.
pub(super) fn terminal<F: Real, M>(mdp: &M, columns: &Columns<F>, state: usize, value: &mut [F])
where
    M: Model<Scalar = F> + ?Sized,
{
    let k = columns.num_features();
    value.fill(F::zero());
    let own = mdp.terminal_values()[state];
    if own == F::neg_infinity() {
        return;
    }
    if let Some(table) = &columns.terminal {
        value.iter_mut().zip(table.row(state)).for_each(|(value, &phi)| *value = phi);
    }
    if columns.with_temperature {
        value[k] = own;
    }
}
