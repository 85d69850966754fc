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
    ActionPrior, DeterministicDynamics, Gridworld, Inference, Mdp, Model, SoftValueIteration, Status,
    SuccessorRewardMdp, Trajectory, ndarray, posterior, solve_stationary,
};

use super::formula;
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
        M: Model<Scalar = f64>,
    {
        assert_eq!(fitted.convergence().status, Status::Converged);
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
    let mut initial = random.distribution(states, 1.0);
    if terminal {
        initial[1] += initial[0];
        initial[0] = 0.0;
    }
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
    World { mdp, features, truth, initial, horizon }
}

/// A map with mud and two exits, where some moves slip. How bad is mud, and how much better is the
/// far exit?
fn grid_world() -> World<Mdp> {
    let grid = Gridworld::parse("S.G\n...\n..G").unwrap().slip(0.2).step_reward(-0.3).goal_reward(1.0);
    let mdp = grid.dense_mdp().unwrap().with_action_prior(ActionPrior::Uniform).unwrap();
    let mut mud = Array2::zeros((9, 2));
    [1, 4, 7].into_iter().for_each(|state| mud[[state, 0]] = 1.0);
    let mut exit = Array2::zeros((9, 2));
    exit[[8, 1]] = 1.0;
    let features = RewardFeatures::on_states(mud).terminal(exit);
    World { mdp, features, truth: array![-0.8, 1.0], initial: grid.initial(), horizon: 10 }
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

/// Three states, two actions and four stages, from state 0, without known rewards.
fn three_states(discount: f64) -> World<Mdp> {
    let mdp = Mdp::new(formula::transitions(3, 2, 0), Array2::zeros((3, 2))).unwrap();
    World {
        mdp: mdp.with_discount(discount).unwrap(),
        features: RewardFeatures::on_pairs(formula::features(3, 2, 2, 0)),
        truth: array![0.6, -0.4],
        initial: array![1.0, 0.0, 0.0],
        horizon: 4,
    }
}

/// In feature matching, the luck of transitions adds variance that second derivatives do not see.
#[test]
fn of_feature_matching_only_the_sandwich_is_right() {
    const FITS: usize = 200;
    let world = three_states(1.0);
    let fit = RewardFit::new(world.features.clone(), Likelihood::feature_matching().horizon(4));
    let mut rng = StdRng::seed_from_u64(21);
    let (mut sandwich, mut information) = (Tally::default(), Tally::default());
    let mut errors = [Array1::<f64>::zeros(2), Array1::zeros(2)];
    for _ in 0..FITS {
        let demonstrations = world.demonstrations(Data::Policy(Inference::Variational), &mut rng);
        let fitted = fit.fit(&world.mdp, &demonstrations).unwrap();
        sandwich.add(&fitted, &world.truth, Covariance::Sandwich);
        information.add(&fitted, &world.truth, Covariance::Information);
        let kinds = [Covariance::Information, Covariance::Sandwich];
        for (errors, kind) in errors.iter_mut().zip(kinds) {
            *errors +=
                &(fitted.standard_errors(kind).unwrap() * (DEMONSTRATIONS as f64).sqrt() / FITS as f64);
        }
    }
    sandwich.check("sandwich");
    // χ² of 400 degrees of freedom has a standard deviation of 28. The information finds 1.4 times as
    // much.
    assert!(information.chi_squared > 400.0 + 3.5 * 28.0, "χ² {}", information.chi_squared);
    // Of one demonstration, by an independent program at the true parameters.
    for (found, expected) in errors.iter().zip([[1.262, 1.210], [1.495, 1.449]]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 0.01, "{errors:?}");
        }
    }
}

/// Choices of a stationary problem: as trajectories that were cut off, and as counts.
#[test]
fn choices_without_a_horizon() {
    const FITS: usize = 12;
    let World { mdp, features, truth, initial, .. } = dense_world(5, (5, 3, 3), false, (0.95, 0.8, 1));
    let model = features.model(&mdp, &truth).unwrap();
    let policy = solve_stationary(&model, 1e-9).unwrap().policy().clone();
    let fit = RewardFit::new(features, Likelihood::actions(Inference::Variational));
    let mut rng = StdRng::seed_from_u64(31);
    let mut tallies: [Tally; 4] = Default::default();
    for _ in 0..FITS {
        let all: Vec<Trajectory> =
            (0..DEMONSTRATIONS).map(|_| policy.sample(&model, &initial, 5, &mut rng).unwrap()).collect();
        let trajectories = Demonstrations::new(all).with_cut_off([true; DEMONSTRATIONS]).unwrap();
        let counts = Demonstrations::from_counts(trajectories.counts(&mdp).unwrap()).unwrap();
        let [trajectories, counts] = [trajectories, counts].map(|seen| fit.fit(&mdp, &seen).unwrap());
        let [first, second, third, fourth] = &mut tallies;
        first.add(&trajectories, &truth, Covariance::Information);
        second.add(&trajectories, &truth, Covariance::Sandwich);
        third.add(&counts, &truth, Covariance::OuterProduct);
        fourth.add(&counts, &truth, Covariance::Sandwich);
    }
    let names = ["information", "sandwich", "outer product of counts", "sandwich of counts"];
    names.iter().zip(&tallies).for_each(|(name, tally)| tally.check(name));
}

/// Each likelihood finds the truth in its own data, and misses it on a slippery cliff in the other.
#[test]
fn outcomes_are_evidence_of_rewards_only_for_trajectories() {
    let grid = Gridworld::parse(".....\n.....\nSXXXG").unwrap().slip(0.1).goal_reward(10.0).trap_reward(0.0);
    let mdp = grid.dense_mdp().unwrap().with_action_prior(ActionPrior::Uniform).unwrap();
    let mdp = mdp.with_rewards(Array2::zeros((15, 4))).unwrap();
    let mut steps = Array2::zeros((15, 2));
    steps.column_mut(0).fill(1.0);
    let falls = Array2::from_shape_fn((15, 2), |(s, k)| f64::from(u8::from(k == 1 && (11..14).contains(&s))));
    let world = World {
        mdp,
        features: RewardFeatures::on_states(steps).terminal(falls),
        truth: array![-1.0, -3.0],
        initial: grid.initial(),
        horizon: 20,
    };
    let mut rng = StdRng::seed_from_u64(41);
    for (data, own) in [(Data::Posterior, 0), (Data::Policy(Inference::Variational), 1)] {
        let demonstrations = world.demonstrations(data, &mut rng);
        for (index, (name, _, errors)) in CASES.into_iter().take(2).enumerate() {
            let fit = RewardFit::new(world.features.clone(), likelihood(name).horizon(world.horizon));
            let fitted = fit.fit(&world.mdp, &demonstrations).unwrap();
            let distance = (&fitted.parameters() - &world.truth) / fitted.standard_errors(errors).unwrap();
            if index == own {
                assert!(distance.iter().all(|z| z.abs() < 3.0), "{name} of {data:?}: {distance}");
            } else {
                assert!(distance.iter().all(|&z| z > 10.0), "{name} of {data:?}: {distance}");
            }
        }
    }
}
