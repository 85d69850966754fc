//! Random models with everything that matters, and the plainest way to evaluate a policy on them:
//! full matrices, in which Gauss eliminates with pivots.

use ndarray::{Array1, Array2, Array3};
use softmdp::{ActionPrior, Mdp, StationaryPolicy, ndarray};

use crate::common::random::Random;

/// A model in plain tables, a policy and a start.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) transitions: Array3<f64>,
    pub(crate) rewards: Array2<f64>,
    pub(crate) prior: Array2<f64>,
    pub(crate) terminal_values: Array1<f64>,
    pub(crate) is_terminal: Vec<bool>,
    pub(crate) discount: f64,
    pub(crate) temperature: f64,
    pub(crate) policy: Array2<f64>,
    pub(crate) initial: Array1<f64>,
}

impl Case {
    /// A model of up to `most_states` states; a `lively` one has no value of −∞.
    pub(crate) fn random(seed: u64, most_states: usize, discount: f64, lively: bool) -> Self {
        let mut random = Random(seed);
        let (s, a) = (1 + random.below(most_states), 1 + random.below(4));
        let is_terminal: Vec<bool> = (0..s).map(|_| random.chance(0.15)).collect();
        let dead = |random: &mut Random, p: f64| !lively && random.chance(p);
        let (has_dead, share) = (random.chance(0.5), if s < 8 { 0.5 } else { 3.0 / s as f64 });
        let mut transitions = Array3::zeros((s, a, s));
        transitions.rows_mut().into_iter().for_each(|mut row| row.assign(&random.distribution(s, share)));
        let rewards = Array2::from_shape_fn((s, a), |_| {
            let forbids = has_dead && dead(&mut random, 0.1);
            if forbids { f64::NEG_INFINITY } else { 4.0 * random.uniform() - 2.0 }
        });
        let prior = Array2::from_shape_fn((s, a), |(_, action)| {
            if action > 0 && has_dead && dead(&mut random, 0.1) { 0.0 } else { 0.1 + random.uniform() }
        });
        let mut policy = Array2::zeros((s, a));
        for mut row in policy.rows_mut() {
            if !(has_dead && dead(&mut random, 0.1)) {
                row.assign(&random.distribution(a, 0.6));
            }
        }
        let terminal_values = Array1::from_shape_fn(s, |_| {
            if has_dead && dead(&mut random, 0.1) { f64::NEG_INFINITY } else { 10.0 * random.uniform() - 5.0 }
        });
        let temperature = [0.0, 0.3, 1.0, 20.0][random.below(4)];
        let initial = random.distribution(s, 0.5);
        Self {
            transitions,
            rewards,
            prior,
            terminal_values,
            is_terminal,
            discount,
            temperature,
            policy,
            initial,
        }
    }

    pub(crate) fn num_states(&self) -> usize {
        self.is_terminal.len()
    }

    pub(crate) fn mdp(&self) -> Mdp {
        let ends = (0..self.num_states()).filter(|&state| self.is_terminal[state]);
        Mdp::builder(self.transitions.clone(), self.rewards.clone())
            .discount(self.discount)
            .temperature(self.temperature)
            .action_prior(ActionPrior::Weights(self.prior.clone()))
            .terminal_values(self.terminal_values.clone())
            .terminal_states(ends)
            .build()
            .unwrap()
    }

    pub(crate) fn stationary(&self) -> StationaryPolicy {
        StationaryPolicy::new(self.policy.clone()).unwrap()
    }

    /// γ P_π, `[s, s']`; 0 in rows of terminal states.
    pub(crate) fn chain(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.num_states(), self.num_states()), |(s, next)| {
            if self.is_terminal[s] {
                return 0.0;
            }
            let chance: f64 =
                (0..self.policy.ncols()).map(|a| self.policy[[s, a]] * self.transitions[[s, a, next]]).sum();
            self.discount * chance
        })
    }

    /// Σ_a π (r − τ log(π/ρ)), −∞ included; terminal values in terminal states.
    pub(crate) fn reward(&self, s: usize, with_entropy: bool) -> f64 {
        if self.is_terminal[s] {
            return self.terminal_values[s];
        }
        let taken: Vec<usize> = (0..self.policy.ncols()).filter(|&a| self.policy[[s, a]] > 0.0).collect();
        if taken.is_empty() {
            return f64::NEG_INFINITY;
        }
        let term = |a: usize| {
            if self.prior[[s, a]] == 0.0 {
                return f64::NEG_INFINITY;
            }
            let ratio = self.policy[[s, a]] / self.prior[[s, a]];
            let cost = if with_entropy { self.temperature * ratio.ln() } else { 0.0 };
            self.policy[[s, a]] * (self.rewards[[s, a]] - cost)
        };
        taken.into_iter().map(term).sum()
    }

    /// V^π, with −∞ spread from each state to all that may reach it, once around for each state.
    pub(crate) fn values(&self, with_entropy: bool) -> Array1<f64> {
        let (n, chain) = (self.num_states(), self.chain());
        let rewards = Array1::from_shape_fn(n, |s| self.reward(s, with_entropy));
        let mut is_dead: Vec<bool> = rewards.iter().map(|&r| r == f64::NEG_INFINITY).collect();
        for _ in 0..n {
            for s in 0..n {
                let reaches = (0..n).any(|next| chain[[s, next]] > 0.0 && is_dead[next]);
                is_dead[s] |= reaches;
            }
        }
        let mut matrix =
            Array2::from_shape_fn((n, n), |(s, next)| f64::from(u8::from(s == next)) - chain[[s, next]]);
        let mut b = rewards;
        for s in (0..n).filter(|&s| is_dead[s]) {
            matrix.row_mut(s).fill(0.0);
            (matrix[[s, s]], b[s]) = (1.0, 0.0);
        }
        let mut values = solve(matrix, b);
        (0..n).filter(|&s| is_dead[s]).for_each(|s| values[s] = f64::NEG_INFINITY);
        values
    }

    /// Σ_t γ^t d_t, with one entry into terminal states.
    pub(crate) fn visits(&self) -> Array1<f64> {
        let (n, chain) = (self.num_states(), self.chain());
        let matrix =
            Array2::from_shape_fn((n, n), |(s, from)| f64::from(u8::from(s == from)) - chain[[from, s]]);
        solve(matrix, self.initial.clone())
    }
}

/// x of A x = b.
pub(crate) fn solve(mut a: Array2<f64>, mut b: Array1<f64>) -> Array1<f64> {
    let n = b.len();
    for column in 0..n {
        let size = |row: &usize| a[[*row, column]].abs();
        let pivot = (column..n).max_by(|x, y| size(x).total_cmp(&size(y))).unwrap();
        for k in 0..n {
            a.swap([column, k], [pivot, k]);
        }
        b.swap(column, pivot);
        for row in column + 1..n {
            let factor = a[[row, column]] / a[[column, column]];
            if factor != 0.0 {
                for k in column..n {
                    a[[row, k]] -= factor * a[[column, k]];
                }
                b[row] -= factor * b[column];
            }
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| a[[row, k]] * b[k]).sum();
        b[row] = (b[row] - known) / a[[row, row]];
    }
    b
}
