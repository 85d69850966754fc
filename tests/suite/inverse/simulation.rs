//! Errors of fits are what they claim: parameters of five models are fitted to simulated
//! demonstrations many times, and the distances from the truth have the distribution that the
//! covariance says.

#![cfg(feature = "rand")]

use ndarray::{Array1, Array2, Array3, ArrayView2, array};
use rand::{SeedableRng, rngs::StdRng};
use softmdp::inverse::{
    Covariance, Demonstrations, FittedRewards, Likelihood, RewardFeatures, RewardFit, RewardModel,
};
use softmdp::{
    ActionPrior, DeterministicDynamics, Gridworld, Inference, Mdp, SoftValueIteration, SuccessorRewardMdp,
    Trajectory, ndarray, posterior, solve_stationary,
};

use crate::common::elimination::eliminate;
use crate::common::random::Random;

/// Demonstrations of each fit.
const DEMONSTRATIONS: usize = 2000;

/// A model, the features of its rewards, and their true parameters.
struct World<M> {
    mdp: M,
    features: RewardFeatures,
    truth: Array1<f64>,
    initial: Array1<f64>,
    horizon: usize,
}

/// What the fits of one likelihood said.
#[derive(Debug, Default)]
struct Tally {
    /// (θ̂ − θ)/σ̂ of every parameter of every fit.
    scores: Vec<f64>,
    /// Σ (θ̂ − θ)ᵀ C⁻¹ (θ̂ − θ), of as many degrees of freedom as `scores` has entries.
    chi_squared: f64,
}

impl Tally {
    fn add<M>(&mut self, fitted: &FittedRewards<M>, truth: &Array1<f64>, kind: Covariance)
    where
        M: RewardModel<Scalar = f64>,
    {
        assert!(fitted.convergence().is_converged(), "{:?}", fitted.convergence());
        let gap = &fitted.parameters() - truth;
        let errors = fitted.standard_errors(kind).unwrap();
        self.scores.extend(gap.iter().zip(&errors).map(|(gap, error)| gap / error));
        self.chi_squared += squared_length(&gap, fitted.covariance(kind).unwrap().view());
    }

    /// The bounds hold in all but a few in a thousand simulations, for the right errors.
    fn check(&self, what: &str) {
        let n = self.scores.len() as f64;
        let within = |bound: f64| self.scores.iter().filter(|z| z.abs() <= bound).count() as f64;
        let beyond_three = n - within(3.0);
        println!("{what}: {} of {n} within 1, {beyond_three} beyond 3, χ² {}", within(1.0), self.chi_squared);
        assert!(beyond_three <= 1.0 + n / 100.0, "{what}: {beyond_three} of {n} beyond three errors");
        assert!((within(1.0) / n - 0.683).abs() < 3.0 * (0.683 * 0.317 / n).sqrt(), "{what}");
        assert!((self.chi_squared - n).abs() < 3.3 * (2.0 * n).sqrt(), "{what}: χ² {}", self.chi_squared);
    }
}

/// vᵀ C⁻¹ v.
fn squared_length(v: &Array1<f64>, covariance: ArrayView2<'_, f64>) -> f64 {
    let rows = covariance.rows().into_iter().map(|row| row.to_vec()).collect();
    eliminate(rows, v.to_vec()).iter().zip(v).map(|(x, v)| x * v).sum()
}

/// The data that suit each likelihood, and the errors that are right for it.
const CASES: [(&str, Data, Covariance); 4] = [
    ("trajectories", Data::Posterior, Covariance::Information),
    ("actions, variational", Data::Policy(Inference::Variational), Covariance::Information),
    ("actions, direct", Data::Policy(Inference::Direct), Covariance::Information),
    ("feature matching", Data::Policy(Inference::Variational), Covariance::Sandwich),
];

#[derive(Debug, Clone, Copy)]
enum Data {
    /// Trajectories of (D0).
    Posterior,
    /// Trajectories of a policy under the true dynamics.
    Policy(Inference),
}

fn likelihood(name: &str) -> Likelihood {
    match name {
        "trajectories" => Likelihood::trajectories(),
        "actions, variational" => Likelihood::actions(Inference::Variational),
        "actions, direct" => Likelihood::actions(Inference::Direct),
        _ => Likelihood::feature_matching(),
    }
}

impl<M: RewardModel<Scalar = f64>> World<M> {
    fn true_model(&self) -> M::Fitted {
        self.features.model(&self.mdp, &self.truth).unwrap()
    }

    fn demonstrations(&self, data: Data, rng: &mut StdRng) -> Demonstrations {
        let model = self.true_model();
        let all: Vec<Trajectory> = match data {
            Data::Posterior => {
                let posterior = posterior(&model, &self.initial, self.horizon).unwrap();
                (0..DEMONSTRATIONS).map(|_| posterior.sample(&model, rng).unwrap()).collect()
            }
            Data::Policy(inference) => {
                let solution = SoftValueIteration::new(self.horizon).inference(inference).solve(&model);
                let policy = solution.unwrap().policy().clone();
                (0..DEMONSTRATIONS).map(|_| policy.sample(&model, &self.initial, rng).unwrap()).collect()
            }
        };
        Demonstrations::new(all)
    }

    /// Adds fits of every likelihood to its tally.
    fn simulate(&self, fits: usize, seed: u64, tallies: &mut [Tally; 4]) {
        let mut rng = StdRng::seed_from_u64(seed);
        for ((name, data, errors), tally) in CASES.into_iter().zip(tallies) {
            for _ in 0..fits {
                let demonstrations = self.demonstrations(data, &mut rng);
                let likelihood = likelihood(name).horizon(self.horizon);
                let fit = RewardFit::new(self.features.clone(), likelihood);
                tally.add(&fit.fit(&self.mdp, &demonstrations).unwrap(), &self.truth, errors);
            }
        }
    }
}

/// Numbers in −1..1.
fn entries(random: &mut Random) -> impl FnMut() -> f64 {
    || 2.0 * random.uniform() - 1.0
}

/// A dense model without structure. State 0 is terminal if `terminal`.
fn dense_world(
    seed: u64,
    (states, actions, k): (usize, usize, usize),
    terminal: bool,
    (discount, temperature, horizon): (f64, f64, usize),
) -> World<Mdp> {
    let mut random = Random(seed);
    let mut transitions = Array3::zeros((states, actions, states));
    transitions.rows_mut().into_iter().for_each(|mut row| row.assign(&random.distribution(states, 0.7)));
    let weights = Array2::from_shape_simple_fn((states, actions), || 0.5 + random.uniform());
    let mut entry = entries(&mut random);
    let mdp = Mdp::builder(transitions, Array2::from_shape_simple_fn((states, actions), &mut entry))
        .action_prior(ActionPrior::Weights(weights))
        .terminal_values(Array1::from_shape_simple_fn(states, &mut entry))
        .terminal_states((0..usize::from(terminal)).collect::<Vec<_>>())
        .discount(discount)
        .temperature(temperature)
        .build()
        .unwrap();
    let features = RewardFeatures::on_pairs(Array3::from_shape_simple_fn((states, actions, k), &mut entry))
        .terminal(Array2::from_shape_simple_fn((states, k), &mut entry));
    let truth = Array1::from_shape_simple_fn(k, &mut entry);
    let mut initial = random.distribution(states, 1.0);
    if terminal {
        initial[1] += initial[0];
        initial[0] = 0.0;
    }
    World { mdp, features, truth, initial, horizon }
}

/// A map with mud, where some moves slip. How bad is mud, and how good are the two exits?
fn grid_world() -> World<Mdp> {
    let grid = Gridworld::parse("S.G\n...\n..G").unwrap().slip(0.2).step_reward(-0.3);
    let mdp = grid.dense_mdp().unwrap().with_action_prior(ActionPrior::Uniform).unwrap();
    let mut mud = Array2::zeros((9, 3));
    [1, 4, 7].into_iter().for_each(|state| mud[[state, 0]] = 1.0);
    let mut exits = Array2::zeros((9, 3));
    (exits[[2, 1]], exits[[8, 2]]) = (1.0, 1.0);
    let features = RewardFeatures::on_states(mud).terminal(exits);
    World { mdp, features, truth: array![-0.8, 1.0, 2.5], initial: grid.initial(), horizon: 10 }
}

/// A ring of six states with a step of one and a step of two, each with its own price.
fn deterministic_world() -> World<Mdp<f64, DeterministicDynamics>> {
    let dynamics = DeterministicDynamics::from_fn(6, 2, |s, a| (s + a + 1) % 6).unwrap();
    let mdp = Mdp::builder(dynamics, Array2::zeros((6, 2))).temperature(1.5).build().unwrap();
    let features = Array3::from_shape_fn((6, 2, 2), |(s, a, k)| match k {
        0 => a as f64,
        _ => f64::from(u8::from(s == 3)),
    });
    World {
        mdp,
        features: RewardFeatures::on_pairs(features),
        truth: array![-0.5, 1.2],
        initial: array![0.5, 0.3, 0.2, 0.0, 0.0, 0.0],
        horizon: 7,
    }
}

/// Rewards that depend on the successor.
fn successor_world() -> World<SuccessorRewardMdp> {
    let World { mdp, initial, .. } = dense_world(8, (4, 2, 1), false, (0.9, 0.8, 1));
    let features = RewardFeatures::on_successors(2, |s, a, n, values: &mut [f64]| {
        values[0] = ((s + 2 * a + 3 * n) % 7) as f64 / 3.0 - 1.0;
        values[1] = ((s + 2 * a + 3 * n + 5) % 7) as f64 / 3.0 - 1.0;
    });
    World {
        mdp: mdp.with_successor_rewards(|s, _, n| ((s + n) % 3) as f64 / 2.0).unwrap(),
        features,
        truth: array![0.5, -0.3],
        initial,
        horizon: 5,
    }
}

#[test]
fn parameters_lie_where_their_errors_say() {
    const FITS: usize = 4;
    let mut tallies: [Tally; 4] = Default::default();
    dense_world(1, (5, 3, 3), true, (1.0, 0.7, 6)).simulate(FITS, 11, &mut tallies);
    dense_world(2, (4, 2, 2), false, (0.9, 1.3, 8)).simulate(FITS, 12, &mut tallies);
    grid_world().simulate(FITS, 13, &mut tallies);
    deterministic_world().simulate(FITS, 14, &mut tallies);
    successor_world().simulate(FITS, 15, &mut tallies);
    for ((name, ..), tally) in CASES.iter().zip(&tallies) {
        tally.check(name);
    }
}
