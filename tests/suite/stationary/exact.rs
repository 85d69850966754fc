//! The fixed point in floats of 256 bits, by Newton's method on dense tables: it shares nothing
//! with the crate but the model.

use ndarray::Array1;
use softmdp::{Dynamics, Inference, Mdp, Real, ndarray};

use crate::precision::reference::{Big, big, exp, ln, small};

/// A pair that can be taken.
struct Pair {
    reward: Big,
    prior: Big,
    successors: Vec<(usize, Big)>,
}

/// A model, widened.
pub(crate) struct Exact {
    inference: Inference,
    temperature: Big,
    discount: Big,
    pairs: Vec<Vec<Pair>>, // [s]
    #[allow(clippy::option_option, reason = "a terminal value may be −∞")]
    ends: Vec<Option<Value>>, // V_T of terminal states, [s]
}

/// V of a state; `None` is −∞.
pub(crate) type Value = Option<Big>;

impl Exact {
    pub(crate) fn new<F: Real, D: Dynamics<Scalar = F>>(mdp: &Mdp<F, D>, inference: Inference) -> Self {
        let pairs = |state: usize| {
            let used = |a: &usize| {
                mdp.prior_weights()[[state, *a]] > F::zero() && mdp.rewards()[[state, *a]] > F::neg_infinity()
            };
            let pair = |a: usize| {
                let mut successors = Vec::new();
                mdp.dynamics().for_each_successor(state, a, &mut |next_state, p| {
                    if p > F::zero() {
                        successors.push((next_state, big(p)));
                    }
                });
                let reward = big(mdp.rewards()[[state, a]]);
                Pair { reward, prior: big(mdp.prior_weights()[[state, a]]), successors }
            };
            (0..mdp.num_actions()).filter(used).map(pair).collect()
        };
        let finite = |v: F| (v > F::neg_infinity()).then(|| big(v));
        let end = |state: usize| mdp.is_terminal(state).then(|| finite(mdp.terminal_values()[state]));
        Self {
            inference,
            temperature: big(mdp.temperature()),
            discount: big(mdp.discount()),
            pairs: (0..mdp.num_states()).map(pairs).collect(),
            ends: (0..mdp.num_states()).map(end).collect(),
        }
    }

    /// τ log Σ w exp(v/τ), the shares of the terms in it; at τ = 0 the first maximum has it all.
    fn soft(&self, terms: &[(Big, Big)]) -> Option<(Big, Vec<Big>)> {
        let max = terms.iter().map(|(_, v)| v).max()?.clone();
        if self.temperature == big(0.0) {
            let first = terms.iter().position(|(_, v)| *v == max)?;
            let shares = (0..terms.len()).map(|i| big(f64::from(u8::from(i == first)))).collect();
            return Some((max, shares));
        }
        let weigh = |(w, v): &(Big, Big)| w * exp(&Some((v - &max) / &self.temperature));
        let weights: Vec<Big> = terms.iter().map(weigh).collect();
        let sum = weights.iter().fold(big(0.0), |sum, w| sum + w);
        let value = max + &self.temperature * ln(&sum)?;
        Some((value, weights.iter().map(|w| w / &sum).collect()))
    }

    /// What comes after a pair, and its derivative with respect to V.
    fn continuation(&self, pair: &Pair, values: &[Value]) -> Option<(Big, Vec<(usize, Big)>)> {
        let zero = big(0.0);
        if self.discount == zero {
            return Some((zero, Vec::new()));
        }
        match self.inference {
            Inference::Variational => {
                let mut sum = zero;
                for (s, p) in &pair.successors {
                    sum += p * values[*s].as_ref()?;
                }
                let row = pair.successors.iter().map(|(s, p)| (*s, &self.discount * p)).collect();
                Some((&self.discount * sum, row))
            }
            Inference::Direct => {
                let alive: Vec<_> = pair.successors.iter().filter(|(s, _)| values[*s].is_some()).collect();
                let mut terms: Vec<_> =
                    (alive.iter()).map(|(s, p)| (&self.discount * p, values[*s].clone().unwrap())).collect();
                let leave = big(1.0) - &self.discount;
                if leave > zero {
                    terms.push((leave, zero));
                }
                let (value, shares) = self.soft(&terms)?;
                Some((value, alive.iter().zip(shares).map(|((s, _), share)| (*s, share)).collect()))
            }
        }
    }

    /// BV of a state and its derivative.
    fn back_up(&self, state: usize, values: &[Value]) -> Option<(Big, Vec<Big>)> {
        if let Some(end) = &self.ends[state] {
            return Some((end.clone()?, vec![big(0.0); values.len()]));
        }
        let (mut terms, mut rows) = (Vec::new(), Vec::new());
        for pair in &self.pairs[state] {
            if let Some((next, row)) = self.continuation(pair, values) {
                terms.push((pair.prior.clone(), &pair.reward + next));
                rows.push(row);
            }
        }
        let (value, shares) = self.soft(&terms)?;
        let mut derivative = vec![big(0.0); values.len()];
        for (row, share) in rows.iter().zip(&shares) {
            for (s, p) in row {
                derivative[*s] += share * p;
            }
        }
        Some((value, derivative))
    }

    /// V*, from finite values, which decide where it is −∞.
    pub(crate) fn solve(&self) -> Vec<Value> {
        let num_states = self.pairs.len();
        let mut values: Vec<Value> = self.ends.iter().map(|e| e.clone().unwrap_or(Some(big(0.0)))).collect();
        for _ in 0..=num_states {
            values = (0..num_states).map(|s| Some(self.back_up(s, &values)?.0)).collect();
        }
        for _ in 0..300 {
            let backed_up: Vec<_> = (0..num_states).map(|s| self.back_up(s, &values)).collect();
            let alive: Vec<usize> = (0..num_states).filter(|&s| values[s].is_some()).collect();
            let mut matrix: Vec<Vec<Big>> = Vec::new();
            let mut largest = 0.0_f64;
            for &s in &alive {
                let (b, derivative) = backed_up[s].as_ref().unwrap();
                let v = values[s].as_ref().unwrap();
                largest = largest.max(small(&(b - v)).abs() / small(b).abs().max(1.0));
                let mut row: Vec<Big> =
                    alive.iter().map(|&n| big(f64::from(u8::from(n == s))) - &derivative[n]).collect();
                row.push(b - v);
                matrix.push(row);
            }
            for (&s, x) in alive.iter().zip(eliminate(matrix)) {
                values[s] = Some(values[s].as_ref().unwrap() + x);
            }
            if largest < 1e-60 {
                return values;
            }
        }
        panic!("Newton's method did not converge");
    }
}

/// Solves a system given as rows with the right side behind them; pivots on the diagonal do for
/// M-matrices.
fn eliminate(mut rows: Vec<Vec<Big>>) -> Vec<Big> {
    let n = rows.len();
    for i in 0..n {
        let pivot = rows[i].clone();
        for (j, row) in rows.iter_mut().enumerate() {
            if j != i && row[i] != big(0.0) {
                let factor = &row[i] / &pivot[i];
                for k in i..=n {
                    row[k] = &row[k] - &factor * &pivot[k];
                }
            }
        }
    }
    (0..n).map(|i| &rows[i][n] / &rows[i][i]).collect()
}

/// max |found − exact| over the states; +∞ where one is −∞ and the other not.
pub(crate) fn error<F: Real>(found: &Array1<F>, exact: &[Value]) -> f64 {
    found.iter().zip(exact).fold(0.0, |error: f64, (&found, exact)| match exact {
        None if found == F::neg_infinity() => error,
        Some(exact) if found.is_finite() => error.max(small(&(big(found) - exact)).abs()),
        _ => f64::INFINITY,
    })
}
