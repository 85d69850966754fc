//! The oracle: sums over every single trajectory, with no recursion on values anywhere.
//!
//! A trajectory is walked from its first state to its end, its weight multiplied up step by step,
//! and what it contributes is added to plain tables. Nothing here knows about messages, maxima or
//! logarithms of sums.

use std::collections::HashMap;

use ndarray::{Array1, Array2, Array3, Array4};
use softmdp::ndarray;

use super::Tables;

/// A trajectory: the states and actions it went through, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Trajectory {
    pub states: Vec<usize>,
    pub actions: Vec<usize>,
    /// The last action led to † (direct inference, γ < 1).
    pub left: bool,
}

impl Trajectory {
    /// State at stage t, where a terminal state keeps it; `None` once it has left.
    pub fn state(&self, t: usize) -> Option<usize> {
        match self.states.get(t) {
            Some(&state) => Some(state),
            None if self.left => None,
            None => self.states.last().copied(),
        }
    }
}

/// Calls `visit(trajectory, weight)` for every trajectory of (D0) from `state` at stage `from` up
/// to stage `to`.
///
/// `ends` says whether the factor exp(V_T/τ) is counted, which prefixes leave out.
fn walk(
    tables: &Tables,
    (from, to): (usize, usize),
    state: usize,
    ends: bool,
    visit: &mut dyn FnMut(&Trajectory, f64),
) {
    let start = Trajectory { states: vec![state], ..Trajectory::default() };
    step(tables, (from, to), ends, start, 1.0, visit);
}

fn step(
    tables: &Tables,
    (t, to): (usize, usize),
    ends: bool,
    trajectory: Trajectory,
    weight: f64,
    visit: &mut dyn FnMut(&Trajectory, f64),
) {
    let state = *trajectory.states.last().expect("a first state");
    let at_end = |weight: f64| {
        if ends { weight * (tables.terminal_values[state] / tables.temperature).exp() } else { weight }
    };
    if t == to || tables.is_terminal[state] {
        return visit(&trajectory, at_end(weight));
    }
    let stage = &tables.stages[t];
    for action in 0..tables.num_actions() {
        let factor =
            stage.prior[[state, action]] * (stage.rewards[[state, action]] / tables.temperature).exp();
        let paid = weight * factor;
        if paid == 0.0 {
            continue;
        }
        let mut next = trajectory.clone();
        next.actions.push(action);
        for next_state in 0..tables.num_states() {
            // The step is made, and paid, before the chance to leave.
            let step_taken = stage.transitions[[state, action, next_state]]
                * (stage.successor_rewards[[state, action, next_state]] / tables.temperature).exp();
            if tables.discount < 1.0 && step_taken > 0.0 {
                let left = Trajectory { left: true, ..next.clone() };
                visit(&left, paid * step_taken * (1.0 - tables.discount));
            }
            let weight = paid * tables.discount * step_taken;
            if weight > 0.0 {
                let mut next = next.clone();
                next.states.push(next_state);
                step(tables, (t + 1, to), ends, next, weight, visit);
            }
        }
    }
}

/// Every trajectory of (D0) with its posterior probability; none if the evidence is impossible.
pub fn posterior_trajectories(tables: &Tables) -> Vec<(Trajectory, f64)> {
    let mut found = HashMap::new();
    for state in (0..tables.num_states()).filter(|&state| tables.initial[state] > 0.0) {
        walk(tables, (0, tables.horizon()), state, true, &mut |trajectory, weight| {
            *found.entry(trajectory.clone()).or_insert(0.0) += tables.initial[state] * weight;
        });
    }
    let evidence: f64 = found.values().sum();
    found.into_iter().filter(|_| evidence > 0.0).map(|(found, weight)| (found, weight / evidence)).collect()
}

/// Every trajectory of (D0) up to stage `t` with its weight, without the factor of the end.
pub fn prefixes(tables: &Tables, t: usize) -> Vec<(Trajectory, f64)> {
    let mut found = Vec::new();
    for state in (0..tables.num_states()).filter(|&state| tables.initial[state] > 0.0) {
        walk(tables, (0, t), state, false, &mut |trajectory, weight| {
            found.push((trajectory.clone(), tables.initial[state] * weight));
        });
    }
    found
}

/// Every trajectory of acting by a policy (V0) with its probability; what ends in a dead end is
/// short.
pub fn acting_trajectories(tables: &Tables, policy: &Array3<f64>) -> Vec<(Trajectory, f64)> {
    let mut found = Vec::new();
    let starts = (0..tables.num_states()).filter(|&state| tables.initial[state] > 0.0);
    let mut open: Vec<(Trajectory, f64)> = starts
        .map(|state| (Trajectory { states: vec![state], ..Trajectory::default() }, tables.initial[state]))
        .collect();
    while let Some((trajectory, q)) = open.pop() {
        let (t, state) = (trajectory.actions.len(), trajectory.states[trajectory.actions.len()]);
        let is_over = t == tables.horizon() || tables.is_terminal[state];
        let actions =
            (0..tables.num_actions()).filter(|&action| !is_over && policy[[t, state, action]] > 0.0);
        let actions: Vec<usize> = actions.collect();
        for &action in &actions {
            for next_state in 0..tables.num_states() {
                let p = tables.stages[t].transitions[[state, action, next_state]];
                if p > 0.0 {
                    let mut next = trajectory.clone();
                    next.actions.push(action);
                    next.states.push(next_state);
                    open.push((next, q * policy[[t, state, action]] * p));
                }
            }
        }
        if actions.is_empty() {
            found.push((trajectory, q));
        }
    }
    found
}

/// Everything that direct inference returns, by enumeration.
#[derive(Debug)]
pub struct Direct {
    pub evidence: f64,
    pub state_values: Array2<f64>,
    pub action_values: Array3<f64>,
    pub state_marginals: Array2<f64>,
    pub absorbed_marginals: Array1<f64>,
    pub pair_marginals: Array3<f64>,
    pub pairwise: Array4<f64>,
    /// α_t, normalised with `absorbed`.
    pub forward: Array2<f64>,
    pub absorbed: Array1<f64>,
    /// Z_t.
    pub normalizers: Array1<f64>,
}

pub fn direct(tables: &Tables) -> Direct {
    let (horizon, states, actions) = (tables.horizon(), tables.num_states(), tables.num_actions());
    let mut result = Direct {
        evidence: 0.0,
        state_values: Array2::zeros((horizon + 1, states)),
        action_values: Array3::zeros((horizon, states, actions)),
        state_marginals: Array2::zeros((horizon + 1, states)),
        absorbed_marginals: Array1::zeros(horizon + 1),
        pair_marginals: Array3::zeros((horizon, states, actions)),
        pairwise: Array4::zeros((horizon, states, actions, states)),
        forward: Array2::zeros((horizon + 1, states)),
        absorbed: Array1::zeros(horizon + 1),
        normalizers: Array1::zeros(horizon),
    };
    for state in 0..states {
        // β_t(s) and β_t(s,a): sums over what can follow.
        for t in 0..=horizon {
            walk(tables, (t, horizon), state, true, &mut |trajectory, weight| {
                result.state_values[[t, state]] += weight;
                if let Some(&action) = trajectory.actions.first() {
                    // The prior is no part of β(s,a).
                    result.action_values[[t, state, action]] +=
                        weight / tables.stages[t].prior[[state, action]];
                }
            });
        }
        let initial = tables.initial[state];
        walk(tables, (0, horizon), state, true, &mut |trajectory, weight| {
            let weight = initial * weight;
            result.evidence += weight;
            for t in 0..=horizon {
                match trajectory.state(t) {
                    Some(state) => result.state_marginals[[t, state]] += weight,
                    None => result.absorbed_marginals[t] += weight,
                }
            }
            for (t, &action) in trajectory.actions.iter().enumerate() {
                let state = trajectory.states[t];
                result.pair_marginals[[t, state, action]] += weight;
                if let Some(&next_state) = trajectory.states.get(t + 1) {
                    result.pairwise[[t, state, action, next_state]] += weight;
                }
            }
        });
        // α_t: sums over what came before, the evidence of stages 0..t paid.
        for t in 0..=horizon {
            walk(tables, (0, t), state, false, &mut |trajectory, weight| match trajectory.state(t) {
                Some(last) => result.forward[[t, last]] += initial * weight,
                None => result.absorbed[t] += initial * weight,
            });
        }
    }
    let paid: Vec<f64> = (0..=horizon).map(|t| result.forward.row(t).sum() + result.absorbed[t]).collect();
    for t in 0..=horizon {
        result.forward.row_mut(t).mapv_inplace(|weight| weight / paid[t]);
        result.absorbed[t] /= paid[t];
        if t < horizon {
            result.normalizers[t] = paid[t + 1] / paid[t];
        }
    }
    let logs = |beta: f64| tables.temperature * beta.ln();
    result.state_values.mapv_inplace(logs);
    result.action_values.mapv_inplace(logs);
    let evidence = result.evidence;
    result.state_marginals.mapv_inplace(|weight| weight / evidence);
    result.absorbed_marginals.mapv_inplace(|weight| weight / evidence);
    result.pair_marginals.mapv_inplace(|weight| weight / evidence);
    result.pairwise.mapv_inplace(|weight| weight / evidence);
    result
}

/// What acting by a policy brings under the true dynamics (V0, V1), by enumeration.
#[derive(Debug)]
pub struct Acting<'a> {
    tables: &'a Tables,
    policy: &'a Array3<f64>,
}

impl<'a> Acting<'a> {
    pub fn new(tables: &'a Tables, policy: &'a Array3<f64>) -> Self {
        Self { tables, policy }
    }

    /// V^π_t(s), or without entropy if `entropy` is `false`; with a first action, Q^π_t(s,a).
    pub fn value(&self, t: usize, state: usize, first: Option<usize>, entropy: bool) -> f64 {
        let mut total = 0.0;
        self.walk((t, t), state, first, 1.0, 0.0, entropy, &mut |probability, gain, _| {
            total += probability * gain;
        });
        total
    }

    /// d_t(s) and d_t(s) π_t(a∣s).
    pub fn occupancy(&self) -> (Array2<f64>, Array3<f64>) {
        let tables = self.tables;
        let (horizon, states) = (tables.horizon(), tables.num_states());
        let mut d = Array2::zeros((horizon + 1, states));
        let mut pairs = Array3::zeros((horizon, states, tables.num_actions()));
        for state in 0..states {
            self.visit(0, state, tables.initial[state], &mut d, &mut pairs);
        }
        (d, pairs)
    }

    fn visit(&self, t: usize, state: usize, probability: f64, d: &mut Array2<f64>, pairs: &mut Array3<f64>) {
        let tables = self.tables;
        if tables.is_terminal[state] {
            (t..=tables.horizon()).for_each(|later| d[[later, state]] += probability);
            return;
        }
        d[[t, state]] += probability;
        if t == tables.horizon() {
            return;
        }
        for action in 0..tables.num_actions() {
            let taken = probability * self.policy[[t, state, action]];
            pairs[[t, state, action]] += taken;
            for next_state in 0..tables.num_states() {
                let p = taken * tables.stages[t].transitions[[state, action, next_state]];
                if p > 0.0 {
                    self.visit(t + 1, next_state, p, d, pairs);
                }
            }
        }
    }

    /// KL(q ‖ p(trajectory∣e)) in nats, both with the step to † of (D0), for a given evidence.
    pub fn divergence(&self, evidence: f64) -> f64 {
        let tables = self.tables;
        let mut total = 0.0;
        for state in 0..tables.num_states() {
            let initial = tables.initial[state];
            if initial > 0.0 {
                self.divergence_from(0, state, initial, initial.ln() - evidence.ln(), &mut total);
            }
        }
        total
    }

    /// `q` is the probability of the trajectory so far, `log_p` the logarithm of its posterior
    /// weight so far.
    fn divergence_from(&self, t: usize, state: usize, q: f64, log_p: f64, total: &mut f64) {
        let (tables, tau) = (self.tables, self.tables.temperature);
        if t == tables.horizon() || tables.is_terminal[state] {
            *total += q * (q.ln() - log_p - tables.terminal_values[state] / tau);
            return;
        }
        let stage = &tables.stages[t];
        for action in 0..tables.num_actions() {
            let q = q * self.policy[[t, state, action]];
            if q == 0.0 {
                continue;
            }
            let log_p = log_p + stage.prior[[state, action]].ln() + stage.rewards[[state, action]] / tau;
            for next_state in 0..tables.num_states() {
                let p = stage.transitions[[state, action, next_state]];
                if p == 0.0 {
                    continue;
                }
                let log_p = log_p + p.ln() + stage.successor_rewards[[state, action, next_state]] / tau;
                let (stay, leave) = (tables.discount, 1.0 - tables.discount);
                if leave > 0.0 {
                    *total += q * p * leave * ((q * p * leave).ln() - log_p - leave.ln());
                }
                if stay > 0.0 {
                    self.divergence_from(t + 1, next_state, q * p * stay, log_p + stay.ln(), total);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a recursion carries its state")]
    fn walk(
        &self,
        (from, t): (usize, usize),
        state: usize,
        first: Option<usize>,
        probability: f64,
        gain: f64,
        entropy: bool,
        visit: &mut dyn FnMut(f64, f64, usize),
    ) {
        let tables = self.tables;
        let discount = tables.discount.powi((t - from) as i32);
        let discounted = |x: f64| if discount > 0.0 { discount * x } else { 0.0 };
        if t == tables.horizon() || tables.is_terminal[state] {
            return visit(probability, gain + discounted(tables.terminal_values[state]), t);
        }
        let stage = &tables.stages[t];
        let mut taken = false;
        for action in 0..tables.num_actions() {
            let (p, prior) = match first {
                Some(first) => (f64::from(u8::from(first == action)), 1.0),
                None => (self.policy[[t, state, action]], stage.prior[[state, action]]),
            };
            if p == 0.0 {
                continue;
            }
            taken = true;
            let mut gain = gain + discounted(stage.rewards[[state, action]]);
            if first.is_none() && (entropy || prior == 0.0) {
                gain -= discounted(tables.temperature * (p / prior).ln());
            }
            if stage.prior[[state, action]] == 0.0 {
                gain += discounted(f64::NEG_INFINITY); // an action that is not there
            }
            for next_state in 0..tables.num_states() {
                let q = probability * p * stage.transitions[[state, action, next_state]];
                if q > 0.0 {
                    let gain = gain + discounted(stage.successor_rewards[[state, action, next_state]]);
                    self.walk((from, t + 1), next_state, None, q, gain, entropy, visit);
                }
            }
        }
        if !taken {
            visit(probability, gain + discounted(f64::NEG_INFINITY), t); // a dead end
        }
    }
}
