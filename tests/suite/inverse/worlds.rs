//! Small random models that are as lopsided as models may be, and walks through them.

use softmdp::inverse::{Demonstrations, Error, Likelihood, Score};
use softmdp::ndarray::{Array1, Array2, Array3};
use softmdp::{ActionPrior, Mdp, SuccessorRewardMdp, Trajectory};

use crate::common::random::Random;

pub(super) const NUM_STATES: usize = 4;
pub(super) const NUM_ACTIONS: usize = 3;

/// The tables of a model, each of which a test may change.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub transitions: Array3<f64>,
    pub rewards: Array2<f64>,
    pub successor_rewards: Option<Array3<f64>>,
    pub prior: Array2<f64>,
    pub terminal: Vec<usize>,
    pub terminal_values: Array1<f64>,
    pub temperature: f64,
    pub discount: f64,
}

impl World {
    /// A model with zeros in P and ρ, rewards of −∞, unnormalised priors, and usually a terminal
    /// state. `shift` is added to rewards.
    pub(super) fn random(seed: u64, discount: f64, shift: f64) -> Self {
        let random = &mut Random(seed);
        let mut transitions = Array3::zeros((NUM_STATES, NUM_ACTIONS, NUM_STATES));
        for mut row in transitions.rows_mut() {
            row.assign(&random.distribution(NUM_STATES, 0.6));
        }
        let shape = (NUM_STATES, NUM_ACTIONS);
        let mut rewards = Array2::from_shape_simple_fn(shape, || 3.0 * random.uniform() - 1.5 + shift);
        let mut prior = Array2::from_shape_simple_fn(shape, || 0.3 + 2.0 * random.uniform());
        for state in 0..NUM_STATES {
            let spoiled = random.below(NUM_ACTIONS);
            match random.below(4) {
                0 => rewards[[state, spoiled]] = f64::NEG_INFINITY,
                1 => prior[[state, spoiled]] = 0.0,
                _ => {}
            }
        }
        let terminal = if random.chance(0.8) { vec![random.below(NUM_STATES)] } else { Vec::new() };
        let mut terminal_values = Array1::from_shape_simple_fn(NUM_STATES, || 2.0 * random.uniform() - 1.0);
        if random.chance(0.3) {
            terminal_values[random.below(NUM_STATES)] = f64::NEG_INFINITY;
        }
        let temperature = random.pick(&[0.5, 1.0, 2.3]);
        let successor_rewards = None;
        Self {
            transitions,
            rewards,
            successor_rewards,
            prior,
            terminal,
            terminal_values,
            temperature,
            discount,
        }
    }

    /// With a reward on each transition.
    pub(super) fn with_successor_rewards(mut self, seed: u64) -> Self {
        let random = &mut Random(seed);
        let table = Array3::from_shape_simple_fn(self.transitions.raw_dim(), || 2.0 * random.uniform() - 1.0);
        self.successor_rewards = Some(table);
        self
    }

    pub(super) fn mdp(&self) -> Mdp {
        Mdp::builder(self.transitions.clone(), self.rewards.clone())
            .action_prior(ActionPrior::Weights(self.prior.clone()))
            .terminal_states(self.terminal.iter().copied())
            .terminal_values(self.terminal_values.clone())
            .temperature(self.temperature)
            .discount(self.discount)
            .build()
            .unwrap()
    }

    pub(super) fn folded(&self) -> SuccessorRewardMdp {
        let table = self.successor_rewards.as_ref().unwrap();
        self.mdp().with_successor_rewards(|s, a, next| table[[s, a, next]]).unwrap()
    }

    pub(super) fn evaluate(&self, likelihood: &Likelihood, seen: &Demonstrations) -> Result<Score, Error> {
        match self.successor_rewards {
            Some(_) => likelihood.evaluate(&self.folded(), seen),
            None => likelihood.evaluate(&self.mdp(), seen),
        }
    }

    pub(super) fn is_terminal(&self, state: usize) -> bool {
        self.terminal.contains(&state)
    }

    /// A walk of possible steps from a random state that is not terminal. It leaves for † with
    /// probability `leaving` a step.
    pub(super) fn walk(&self, random: &mut Random, most_steps: usize, leaving: f64) -> Trajectory {
        let starts: Vec<usize> = (0..NUM_STATES).filter(|&state| !self.is_terminal(state)).collect();
        let (mut states, mut actions) = (vec![random.pick(&starts)], Vec::new());
        while actions.len() < most_steps {
            let state = states[states.len() - 1];
            let is_possible = |&action: &usize| {
                self.prior[[state, action]] > 0.0 && self.rewards[[state, action]] > f64::NEG_INFINITY
            };
            let possible: Vec<usize> = (0..NUM_ACTIONS).filter(is_possible).collect();
            if self.is_terminal(state) || possible.is_empty() {
                break;
            }
            let action = random.pick(&possible);
            actions.push(action);
            if random.chance(leaving) {
                break;
            }
            let next: Vec<usize> =
                (0..NUM_STATES).filter(|&next| self.transitions[[state, action, next]] > 0.0).collect();
            states.push(random.pick(&next));
        }
        Trajectory::new(states, actions).unwrap()
    }

    /// Up to five walks that the likelihood accepts, each alone, with weights. Some are cut off.
    pub(super) fn demonstrations(
        &self,
        random: &mut Random,
        likelihood: &Likelihood,
        (horizon, may_leave, may_be_cut_off): (Option<usize>, bool, bool),
    ) -> Option<Demonstrations> {
        let (mut walks, mut cut_off, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..40 {
            let most_steps = horizon.unwrap_or(12);
            let leaving = if may_leave && self.discount < 1.0 { 0.15 } else { 0.0 };
            let most_steps = if may_be_cut_off { 1 + random.below(most_steps) } else { most_steps };
            let walk = self.walk(random, most_steps, leaving);
            let is_cut_off = may_be_cut_off && !walk.has_left() && random.chance(0.7);
            let alone = Demonstrations::new([walk.clone()]).with_cut_off([is_cut_off]).unwrap();
            if self.evaluate(likelihood, &alone).is_ok() {
                walks.push(walk);
                cut_off.push(is_cut_off);
                weights.push(0.25 + random.uniform());
            }
            if walks.len() == 5 {
                break;
            }
        }
        if walks.is_empty() {
            return None;
        }
        Some(Demonstrations::new(walks).with_weights(weights).unwrap().with_cut_off(cut_off).unwrap())
    }
}
