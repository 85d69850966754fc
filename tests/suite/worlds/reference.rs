//! Fixed points of (S1) by slow programs that share nothing with the crate but the model's tables.

use softmdp::{Dynamics, Mdp};

/// More steps than Newton's method needs on any of these models; policy iteration may go cell by
/// cell.
const MOST_STEPS: usize = 100;

/// Values, and how far from the truth they can be.
#[derive(Debug, Clone)]
pub struct Reference {
    pub values: Vec<f64>,
    pub bound: f64,
}

impl Reference {
    /// Largest distance to other values.
    pub fn distance<'a>(&self, values: impl IntoIterator<Item = &'a f64>) -> f64 {
        distance(&self.values, values)
    }
}

/// Largest distance of two tables; NaN if a number is none.
pub fn distance<'a, 'b>(
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'b f64>,
) -> f64 {
    let distances = found.into_iter().zip(expected).map(|(a, b)| (a - b).abs());
    distances.fold(0.0, |most, distance| if distance <= most || most.is_nan() { most } else { distance })
}

/// The tables of a model as plain rows.
struct Rows {
    successors: Vec<Vec<(usize, f64)>>, // [s · A + a]
    rewards: Vec<f64>,                  // [s · A + a]
    weights: Vec<f64>,                  // [s · A + a]
    terminal: Vec<Option<f64>>,         // [s]: V_T of those that end
    num_actions: usize,
    discount: f64,
    temperature: f64,
}

impl Rows {
    fn new<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) -> Self {
        let (num_states, num_actions) = (mdp.num_states(), mdp.num_actions());
        let terminal: Vec<Option<f64>> = (0..num_states)
            .map(|state| mdp.is_terminal(state).then(|| mdp.terminal_values()[state]))
            .collect();
        let row = |pair: usize| {
            let mut row = vec![];
            let mut visit = |next_state, p| row.push((next_state, p));
            mdp.dynamics().for_each_successor(pair / num_actions, pair % num_actions, &mut visit);
            row
        };
        Self {
            successors: (0..num_states * num_actions).map(row).collect(),
            rewards: mdp.rewards().iter().copied().collect(),
            weights: mdp.prior_weights().iter().copied().collect(),
            terminal,
            num_actions,
            discount: mdp.discount(),
            temperature: mdp.temperature(),
        }
    }

    /// (B V)(s), and the policy there.
    fn backup(&self, state: usize, values: &[f64]) -> (f64, Vec<f64>) {
        if let Some(value) = self.terminal[state] {
            return (value, vec![0.0; self.num_actions]);
        }
        let pairs = state * self.num_actions..(state + 1) * self.num_actions;
        let q: Vec<f64> = pairs
            .clone()
            .map(|pair| {
                let next = self.successors[pair].iter().map(|&(next_state, p)| p * values[next_state]);
                self.rewards[pair] + self.discount * next.sum::<f64>()
            })
            .collect();
        let weights = &self.weights[pairs];
        let allowed = q.iter().zip(weights).filter(|&(_, &weight)| weight > 0.0).map(|(&q, _)| q);
        let best = allowed.fold(f64::NEG_INFINITY, f64::max);
        if self.temperature > 0.0 {
            let terms: Vec<f64> =
                q.iter().zip(weights).map(|(q, w)| w * ((q - best) / self.temperature).exp()).collect();
            let total: f64 = terms.iter().sum();
            (best + self.temperature * total.ln(), terms.iter().map(|term| term / total).collect())
        } else {
            let first = q.iter().zip(weights).position(|(&q, &weight)| weight > 0.0 && q >= best);
            (best, (0..self.num_actions).map(|action| f64::from(u8::from(Some(action) == first))).collect())
        }
    }

    /// B V, and what bounds its distance to the fixed point: γ/(1−γ) · ‖B V − V‖, plus what
    /// rounding can hide.
    fn checked(&self, values: &[f64]) -> Reference {
        let after: Vec<f64> = (0..values.len()).map(|state| self.backup(state, values).0).collect();
        let residual = after.iter().zip(values).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
        let bound = self.discount * residual / (1.0 - self.discount) + self.rounding(values);
        Reference { values: after, bound }
    }

    /// A backup rounds a handful of times what is no larger than the largest number around, and
    /// errors add up over stages.
    fn rounding(&self, values: &[f64]) -> f64 {
        let scale = values.iter().chain(&self.rewards).fold(0.0, |most: f64, x| most.max(x.abs()));
        8.0 * f64::EPSILON * scale / (1.0 - self.discount)
    }
}

/// Value iteration from 0 until the largest change alone says that the error is below `tolerance`.
pub fn by_iteration<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>, tolerance: f64) -> Reference {
    let rows = Rows::new(mdp);
    let mut values = vec![0.0; mdp.num_states()];
    loop {
        let reference = rows.checked(&values);
        if reference.bound <= tolerance {
            return reference;
        }
        values = reference.values;
    }
}

/// Value iteration from 0 until the bound (S2) is at most `tolerance`, with the middle of the
/// interval; how many sweeps that took. Terminal states keep their value.
pub fn by_span<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>, tolerance: f64) -> (Reference, usize) {
    let rows = Rows::new(mdp);
    let mut values: Vec<f64> = rows.terminal.iter().map(|value| value.unwrap_or(0.0)).collect();
    for sweeps in 1.. {
        let mut after: Vec<f64> = (0..values.len()).map(|state| rows.backup(state, &values).0).collect();
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (after, before) in after.iter().zip(&values) {
            lowest = lowest.min(after - before);
            highest = highest.max(after - before);
        }
        let factor = rows.discount / (1.0 - rows.discount);
        let rounding = rows.rounding(&values);
        assert!(rounding < tolerance, "rounding alone is {rounding:e}");
        let bound = 0.5 * factor * (highest - lowest) + rounding;
        if bound <= tolerance {
            let shift = 0.5 * factor * (highest + lowest);
            let moving = after.iter_mut().zip(&rows.terminal).filter(|(_, terminal)| terminal.is_none());
            moving.for_each(|(value, _)| *value += shift);
            return (Reference { values: after, bound }, sweeps);
        }
        values = after;
    }
    unreachable!("sweeps do not end")
}

/// Newton's method with a dense elimination at each step (at τ = 0 Howard's policy iteration),
/// until steps are no larger than what rounding makes of them.
pub fn by_elimination<D: Dynamics<Scalar = f64>>(mdp: &Mdp<f64, D>) -> Reference {
    let rows = Rows::new(mdp);
    let num_states = mdp.num_states();
    let mut values: Vec<f64> = rows.terminal.iter().map(|value| value.unwrap_or(0.0)).collect();
    for _ in 0..MOST_STEPS {
        let mut system = vec![vec![0.0; num_states + 1]; num_states];
        for (state, line) in system.iter_mut().enumerate() {
            let (value, policy) = rows.backup(state, &values);
            line[state] = 1.0;
            line[num_states] = value - values[state];
            for (action, weight) in policy.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
                for &(next_state, p) in &rows.successors[state * rows.num_actions + action] {
                    line[next_state] -= rows.discount * weight * p;
                }
            }
        }
        let mut longest: f64 = 0.0;
        for (value, step) in values.iter_mut().zip(eliminate(system)) {
            *value += step;
            longest = longest.max(step.abs());
        }
        let found = rows.checked(&values);
        if longest <= found.bound && found.bound <= 2.0 * rows.rounding(&values) {
            return found;
        }
    }
    panic!("no fixed point in {MOST_STEPS} steps")
}

/// Solves a linear system `[matrix | right side]`, with the largest pivot of each column.
fn eliminate(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let n = system.len();
    for column in 0..n {
        let size = |row: &usize| system[*row][column].abs();
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(column);
        system.swap(column, pivot);
        let (above, below) = system.split_at_mut(column + 1);
        let line = &above[column];
        for row in below.iter_mut().filter(|row| row[column] != 0.0) {
            let factor = row[column] / line[column];
            for (x, y) in row[column..].iter_mut().zip(&line[column..]) {
                *x -= factor * y;
            }
        }
    }
    let mut solution = vec![0.0; n];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| system[row][column] * solution[column]).sum();
        solution[row] = (system[row][n] - known) / system[row][row];
    }
    solution
}
