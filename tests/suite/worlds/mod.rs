//! Models of the literature for infinite horizons, shared by tests and benches.
//!
//! Each is a function of its parameters alone. `tests/data/stationary/generate.py` builds the same
//! models from the same descriptions and has other programs solve them; [`published`] reads what
//! they found.

#![allow(dead_code, unreachable_pub, reason = "each binary uses a part of this")]

pub mod bus;
pub mod chains;
pub mod garnet;
pub mod grids;
pub mod lakes;
pub mod published;
pub mod reference;
pub mod taxi;

use softmdp::ndarray::Array2;
use softmdp::{ActionPrior, Mdp, Method, SparseDynamics};

/// All ways to solve a stationary problem.
pub const METHODS: [Method; 5] = [
    Method::Automatic,
    Method::ValueIteration,
    Method::GaussSeidel,
    Method::ModifiedPolicyIteration,
    Method::Newton,
];

/// A model with a name. Its temperature is 0 and its prior counts, so that its values are those of
/// classical programs.
#[derive(Debug, Clone)]
pub struct World {
    pub name: String,
    pub mdp: Mdp<f64, SparseDynamics>,
}

impl World {
    /// Collects the model from what a pair leads to, `(next state, probability, reward)`. Rewards
    /// are averaged over successors, as variational inference has it.
    pub fn new<I>(
        name: impl Into<String>,
        (num_states, num_actions): (usize, usize),
        terminal_states: impl IntoIterator<Item = usize>,
        discount: f64,
        mut outcomes: impl FnMut(usize, usize) -> I,
    ) -> Self
    where
        I: IntoIterator<Item = (usize, f64, f64)>,
    {
        let terminal: Vec<usize> = terminal_states.into_iter().collect();
        let mut rewards = Array2::zeros((num_states, num_actions));
        let dynamics = SparseDynamics::from_fn(num_states, num_actions, |state, action| {
            if terminal.contains(&state) {
                return vec![];
            }
            let row: Vec<(usize, f64, f64)> = outcomes(state, action).into_iter().collect();
            rewards[[state, action]] = row.iter().map(|(_, p, reward)| p * reward).sum();
            row.into_iter().map(|(next_state, p, _)| (next_state, p)).collect()
        });
        let mdp = Mdp::builder(dynamics.expect("valid rows"), rewards)
            .terminal_states(terminal)
            .discount(discount)
            .temperature(0.0)
            .build()
            .expect("a valid model");
        Self { name: name.into(), mdp }
    }

    /// The same world with shocks of a temperature.
    pub fn soft(&self, temperature: f64) -> Self {
        let mdp = self.mdp.with_temperature(temperature).expect("a temperature");
        Self { name: format!("{}, τ = {temperature}", self.name), mdp }
    }

    /// The same world where prior weights are those of an agent that takes any action at random.
    pub fn uniform(&self) -> Self {
        let mdp = self.mdp.with_action_prior(ActionPrior::Uniform).expect("a prior");
        Self { name: format!("{}, uniform prior", self.name), mdp }
    }

    /// The same world with another discount.
    pub fn discounted(&self, discount: f64) -> Self {
        let mdp = self.mdp.with_discount(discount).expect("a discount");
        Self { name: format!("{}, γ = {discount}", self.name), mdp }
    }
}
