//! Maxima of likelihoods: moments agree there, a free table reproduces the frequencies of choices,
//! and fits depend neither on the order of states, actions, features and demonstrations, nor on the
//! number of threads.

use ndarray::{Array1, Array2, Array3, Axis};
use softmdp::inverse::{
    Covariance, Demonstrations, FitMethod, FittedRewards, Likelihood, RewardFeatures, RewardFit,
};
use softmdp::{
    ActionPrior, Inference, Mdp, Real, SoftValueIteration, Trajectory, ndarray, posterior, solve_stationary,
};

use crate::common::random::Random;
use crate::common::{assert_close, assert_tables_close};

const HORIZON: usize = 6;
const STATES: usize = 5;
const ACTIONS: usize = 3;
const FEATURES: usize = 3;

/// A model as tables, with trajectories through it. Its last state is terminal.
#[derive(Debug, Clone)]
struct Problem {
    transitions: Array3<f64>,
    rewards: Array2<f64>,
    prior: Array2<f64>,
    terminal_values: Array1<f64>,
    terminal: usize,
    features: Array3<f64>,
    terminal_features: Array2<f64>,
    trajectories: Vec<Trajectory>,
    weights: Vec<f64>,
    discount: f64,
}

/// Fits of every likelihood.
const NAMES: [&str; 4] = ["trajectories", "actions, direct", "actions, variational", "feature matching"];

fn likelihood<F: Real>(name: &str) -> Likelihood<F> {
    let likelihood = match name {
        "trajectories" => Likelihood::trajectories(),
        "actions, direct" => Likelihood::actions(Inference::Direct),
        "actions, variational" => Likelihood::actions(Inference::Variational),
        _ => Likelihood::feature_matching(),
    };
    likelihood.horizon(HORIZON)
}

impl Problem {
    fn new(seed: u64, discount: f64) -> Self {
        let mut random = Random(seed);
        let mut transitions = Array3::zeros((STATES, ACTIONS, STATES));
        for mut row in transitions.rows_mut() {
            row.assign(&random.distribution(STATES, 0.8));
        }
        let mut entry = || 2.0 * random.uniform() - 1.0;
        let mut problem = Self {
            rewards: Array2::from_shape_simple_fn((STATES, ACTIONS), &mut entry),
            prior: Array2::from_shape_simple_fn((STATES, ACTIONS), || 1.5 + entry()),
            terminal_values: Array1::from_shape_simple_fn(STATES, &mut entry),
            terminal: STATES - 1,
            features: Array3::from_shape_simple_fn((STATES, ACTIONS, FEATURES), &mut entry),
            terminal_features: Array2::from_shape_simple_fn((STATES, FEATURES), &mut entry),
            trajectories: Vec::new(),
            weights: (0..40).map(|_| 1.2 + entry()).collect(),
            discount,
            transitions,
        };
        problem.trajectories = (0..40).map(|_| problem.walk(&mut random)).collect();
        problem
    }

    /// A trajectory of random actions.
    fn walk(&self, random: &mut Random) -> Trajectory {
        let (mut states, mut actions) = (vec![random.below(STATES - 1)], Vec::new());
        while actions.len() < HORIZON && states[actions.len()] != self.terminal {
            let (state, action) = (states[actions.len()], random.below(ACTIONS));
            let mut rest = random.uniform();
            let row = (0..STATES).map(|next| (next, self.transitions[[state, action, next]]));
            let mut next_state = 0;
            for (next, p) in row.filter(|(_, p)| *p > 0.0) {
                next_state = next;
                rest -= p;
                if rest < 0.0 {
                    break;
                }
            }
            actions.push(action);
            states.push(next_state);
        }
        Trajectory::new(states, actions).unwrap()
    }

    fn mdp(&self) -> Mdp {
        Mdp::builder(self.transitions.clone(), self.rewards.clone())
            .action_prior(ActionPrior::Weights(self.prior.clone()))
            .terminal_values(self.terminal_values.clone())
            .terminal_states([self.terminal])
            .discount(self.discount)
            .temperature(0.8)
            .build()
            .unwrap()
    }

    fn features(&self) -> RewardFeatures {
        RewardFeatures::on_pairs(self.features.clone()).terminal(self.terminal_features.clone())
    }

    fn demonstrations(&self) -> Demonstrations {
        Demonstrations::new(self.trajectories.clone()).with_weights(self.weights.clone()).unwrap()
    }

    /// The most probable parameters under a weak prior, which exist for every likelihood.
    fn fit(&self, name: &str) -> FittedRewards<Mdp> {
        let (mean, precision) = (Array1::zeros(FEATURES), Array1::from_elem(FEATURES, 0.1));
        let fit = RewardFit::new(self.features(), likelihood(name)).prior(mean, precision);
        fit.fit(&self.mdp(), &self.demonstrations()).unwrap()
    }

    /// The same problem with other numbers of states, actions and features, and its trajectories in
    /// another order. Entry i is the old number of the new i.
    fn renumbered(&self, states: &[usize], actions: &[usize], features: &[usize], order: &[usize]) -> Self {
        let new = |of: &[usize], old: usize| of.iter().position(|&entry| entry == old).unwrap();
        let trajectory = |old: usize| {
            let one = &self.trajectories[old];
            let renumbered =
                |of: &[usize], entries: &[usize]| entries.iter().map(|&entry| new(of, entry)).collect();
            Trajectory::new(renumbered(states, one.states()), renumbered(actions, one.actions())).unwrap()
        };
        let pairs = |table: &Array2<f64>| table.select(Axis(0), states).select(Axis(1), actions);
        Self {
            transitions: self
                .transitions
                .select(Axis(0), states)
                .select(Axis(1), actions)
                .select(Axis(2), states),
            rewards: pairs(&self.rewards),
            prior: pairs(&self.prior),
            terminal_values: self.terminal_values.select(Axis(0), states),
            terminal: new(states, self.terminal),
            features: self
                .features
                .select(Axis(0), states)
                .select(Axis(1), actions)
                .select(Axis(2), features),
            terminal_features: self.terminal_features.select(Axis(0), states).select(Axis(1), features),
            trajectories: order.iter().map(|&old| trajectory(old)).collect(),
            weights: order.iter().map(|&old| self.weights[old]).collect(),
            discount: self.discount,
        }
    }

    /// Σ w_i ( Σ_t γ^t φ(s_t,a_t) + γ^N φ^T(s_N) ) of the demonstrations.
    fn observed_features(&self, discount: f64) -> Array1<f64> {
        let mut total = Array1::zeros(FEATURES);
        for (one, &weight) in self.trajectories.iter().zip(&self.weights) {
            let mut factor = weight;
            for (&state, &action) in one.states().iter().zip(one.actions()) {
                total.scaled_add(factor, &self.features.index_axis(Axis(0), state).row(action));
                factor *= discount;
            }
            total.scaled_add(factor, &self.terminal_features.row(*one.states().last().unwrap()));
        }
        total
    }

    /// The same of a distribution over trajectories: `pairs` `[t, s, a]`, `states` `[t, s]`, where
    /// terminal states keep their mass.
    fn expected_features(
        &self,
        discount: f64,
        pairs: &ndarray::ArrayRef3<f64>,
        states: &ndarray::ArrayRef2<f64>,
    ) -> Array1<f64> {
        let mut total = Array1::zeros(FEATURES);
        for ((t, state, action), &mass) in
            pairs.indexed_iter().filter(|((_, state, _), _)| *state != self.terminal)
        {
            let factor = mass * discount.powi(t as i32);
            total.scaled_add(factor, &self.features.index_axis(Axis(0), state).row(action));
        }
        for ((t, state), &mass) in states.indexed_iter() {
            let ended = match (state == self.terminal, t) {
                (true, 0) | (false, HORIZON) => mass,
                (true, _) => mass - states[[t - 1, state]],
                (false, _) => 0.0,
            };
            total.scaled_add(ended * discount.powi(t as i32), &self.terminal_features.row(state));
        }
        total
    }
}

#[test]
fn observed_and_expected_features_agree() {
    for seed in 1..=4 {
        for discount in [1.0, 0.8] {
            let problem = Problem::new(seed, discount);
            let (mdp, demonstrations) = (problem.mdp(), problem.demonstrations());
            let mut starts = Array1::zeros(STATES);
            let weights = problem.trajectories.iter().zip(&problem.weights);
            weights.for_each(|(one, weight)| starts[one.states()[0]] += weight);
            let total = starts.sum();

            let fit = RewardFit::new(problem.features(), likelihood("feature matching"));
            let fitted = fit.fit(&mdp, &demonstrations).unwrap();
            let solver = SoftValueIteration::new(HORIZON).inference(Inference::Variational);
            let policy = solver.solve(fitted.model()).unwrap().policy().clone();
            let initial: Array1<f64> = &starts / total;
            let pairs = policy.state_action_occupancy(&mdp, &initial).unwrap();
            let states = policy.state_occupancy(&mdp, &initial).unwrap();
            let expected: Array1<f64> = problem.expected_features(discount, &pairs, &states) * total;
            assert_tables_close(&problem.observed_features(discount), &expected, 1e-5, "feature matching");
            assert!(fitted.moment_gap().iter().all(|gap| *gap < 1e-6));

            if discount < 1.0 {
                continue; // no demonstration leaves for †
            }
            let fit = RewardFit::new(problem.features(), likelihood("trajectories"));
            let fitted = fit.fit(&mdp, &demonstrations).unwrap();
            let mut expected = Array1::zeros(FEATURES);
            for (start, &weight) in starts.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                let initial = Array1::from_shape_fn(STATES, |state| f64::from(u8::from(state == start)));
                let posterior = posterior(fitted.model(), &initial, HORIZON).unwrap();
                let (pairs, states) = (posterior.state_action_marginals(), posterior.state_marginals());
                expected.scaled_add(weight, &problem.expected_features(1.0, &pairs, &states));
            }
            assert_tables_close(&problem.observed_features(1.0), &expected, 1e-5, "trajectories");
        }
    }
}

#[test]
fn a_free_table_reproduces_the_frequencies_of_choices() {
    for seed in 1..=4 {
        let problem = Problem::new(seed, 0.9);
        let mdp = problem.mdp();
        let mut random = Random(seed);
        let mut counts = Array2::from_shape_simple_fn((STATES, ACTIONS), || 1.0 + random.below(9) as f64);
        counts.row_mut(problem.terminal).fill(0.0);
        let seen = Demonstrations::from_counts(counts.clone()).unwrap();
        for method in [FitMethod::Newton, FitMethod::Lbfgs] {
            let likelihood = Likelihood::actions(Inference::Variational);
            let fit = RewardFit::new(RewardFeatures::table(&mdp), likelihood).method(method);
            let fitted = fit.fit(&mdp, &seen).unwrap();
            let policy = solve_stationary(fitted.model(), 1e-12).unwrap().policy().clone();
            let mut saturated = 0.0;
            for state in (0..STATES).filter(|&state| state != problem.terminal) {
                let frequencies = &counts.row(state) / counts.row(state).sum();
                let found = policy.probabilities().row(state).to_owned();
                assert_tables_close(&found, &frequencies, 1e-4, &format!("{method:?}"));
                saturated += counts.row(state).iter().zip(&frequencies).map(|(n, p)| n * p.ln()).sum::<f64>();
            }
            assert_close(fitted.log_likelihood(), saturated, 1e-8, "Σ n log n/n(s)");
        }
    }
}

#[test]
fn other_numbers_and_another_order_permute_the_fit() {
    let (states, actions, features) = ([3, 1, 4, 0, 2], [2, 0, 1], [1, 2, 0]);
    let order: Vec<usize> = (0..40).map(|i| (7 * i + 3) % 40).collect();
    for seed in 1..=3 {
        for discount in [1.0, 0.9] {
            let problem = Problem::new(seed, discount);
            let other = problem.renumbered(&states, &actions, &features, &order);
            for name in NAMES {
                let (fitted, other) = (problem.fit(name), other.fit(name));
                assert_close(other.log_likelihood(), fitted.log_likelihood(), 1e-9, name);
                let parameters = fitted.parameters().select(Axis(0), &features);
                assert_tables_close(&other.parameters().to_owned(), &parameters, 1e-6, name);
                for kind in [Covariance::Information, Covariance::OuterProduct, Covariance::Sandwich] {
                    let covariance = fitted.covariance(kind).unwrap();
                    let covariance = covariance.select(Axis(0), &features).select(Axis(1), &features);
                    assert_tables_close(&other.covariance(kind).unwrap(), &covariance, 1e-5, name);
                }
                let scores = fitted.scores().select(Axis(0), &order).select(Axis(1), &features);
                assert_tables_close(&other.scores().to_owned(), &scores, 1e-5, name);
            }
        }
    }
}

#[test]
fn single_precision_finds_the_same_maximum() {
    let to_single = |x: &f64| *x as f32;
    for seed in 1..=3 {
        let problem = Problem::new(seed, 1.0);
        let mdp = problem.mdp().cast::<f32>().unwrap();
        let features = RewardFeatures::on_pairs(problem.features.map(to_single))
            .terminal(problem.terminal_features.map(to_single));
        let weights = problem.weights.iter().map(to_single);
        let seen = Demonstrations::new(problem.trajectories.clone()).with_weights(weights).unwrap();
        for name in NAMES {
            let prior = (Array1::zeros(FEATURES), Array1::from_elem(FEATURES, 0.1_f32));
            let fit = RewardFit::new(features.clone(), likelihood(name)).prior(prior.0, prior.1);
            let (found, expected) = (fit.fit(&mdp, &seen).unwrap(), problem.fit(name));
            let parameters = found.parameters().mapv(f64::from);
            assert_tables_close(&parameters, &expected.parameters().to_owned(), 5e-3, name);
            let errors = found.standard_errors(Covariance::Information).unwrap().mapv(f64::from);
            let expected = expected.standard_errors(Covariance::Information).unwrap();
            assert_tables_close(&errors, &expected, 5e-3, name);
        }
    }
}

#[cfg(feature = "rayon")]
#[test]
fn fits_have_the_same_bits_for_any_number_of_threads() {
    use rayon::ThreadPoolBuilder;
    use softmdp::SparseDynamics;

    // Enough states that passes are split among threads.
    const MANY: usize = 3000;
    let dynamics = SparseDynamics::from_fn(MANY, 2, |state, action| {
        let far = (state * (7 + 5 * action) + 13) % MANY;
        vec![(far, 0.3), ((state + 1 + action) % MANY, 0.7)]
    });
    let rewards = Array2::from_shape_fn((MANY, 2), |(s, a)| ((5 * s + 3 * a) % 11) as f64 / 10.0);
    let mdp = Mdp::builder(dynamics.unwrap(), rewards).discount(0.9).build().unwrap();
    let features =
        Array3::from_shape_fn((MANY, 2, 2), |(s, a, k)| ((3 * s + 7 * a + 5 * k * s) % 13) as f64 / 6.0);
    let seen = Demonstrations::new((0..50).map(|i| {
        let start = 59 * i % MANY;
        let states = (0..5).map(|t| (start + 2 * t) % MANY).collect();
        Trajectory::new(states, vec![1; 4]).unwrap()
    }));
    let bits = |likelihood: Likelihood| {
        let prior = (Array1::zeros(2), Array1::from_elem(2, 1.0));
        let fit =
            RewardFit::new(RewardFeatures::on_pairs(features.clone()), likelihood).prior(prior.0, prior.1);
        let fitted = fit.fit(&mdp, &seen.clone().with_cut_off(vec![true; 50]).unwrap()).unwrap();
        let covariance = fitted.covariance(Covariance::Sandwich).unwrap();
        let numbers = fitted.parameters().into_iter().chain(&covariance).copied().collect::<Vec<f64>>();
        numbers.into_iter().map(f64::to_bits).collect::<Vec<u64>>()
    };
    let likelihoods = || {
        [
            Likelihood::actions(Inference::Variational),
            Likelihood::actions(Inference::Variational).horizon(6),
            Likelihood::trajectories().horizon(6),
        ]
    };
    let on = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| likelihoods().map(bits))
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, on(threads), "{threads} threads");
    }
}
