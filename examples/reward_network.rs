//! Rewards as a neural network of features.
//!
//! The rewards of a cell depend on its distances to the nearest flower and to the nearest wasp: a
//! cell near a flower is worth 1, near a flower and a wasp −1, elsewhere 0. No linear function of
//! the two distances is like that. A network with one hidden layer learns it from demonstrations.
//!
//! The network and its derivatives are a dozen lines of ndarray (`hidden`, `rewards` and `climb`), and
//! the library knows nothing of it. `Score` has the
//! gradient of the log-likelihood in the reward of each pair, and the network chains its own
//! derivatives to it. After Wulfmeier, Ondrúška and Posner, *Maximum Entropy Deep Inverse
//! Reinforcement Learning* (arXiv:1507.04888); the map is after the objectworld of Levine, Popović
//! and Koltun, *Nonlinear Inverse Reinforcement Learning with Gaussian Processes*, NIPS 2011.
//!
//! ```text
//! cargo run --release --features rand --example reward_network
//! cargo run --release --features plot,rand --example reward_network -- --out target/pictures
//! ```

mod support;

use std::error::Error;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use rand::{RngExt as _, SeedableRng, rngs::StdRng};
use softmdp::inverse::{Demonstrations, Likelihood};
use softmdp::ndarray::{Array1, Array2, Axis, Zip};
use softmdp::{ActionPrior, Gridworld, Inference, Mdp, SparseDynamics, StationaryPolicy, solve_stationary};

type Model = Mdp<f64, SparseDynamics<f64>>;

const MAP: &str = "
    ..........
    ..*....w..
    ..........
    ......*...
    .w*.......
    .......w*.
    ..........
    ...w......
    ......*...
    .*........
";
const NEAR: f64 = 2.0;
const HIDDEN: usize = 12;
const EPOCHS: usize = 1000;
const NUM_WALKS: usize = 200;
const LENGTH: usize = 20;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let free = |symbol| (symbol, softmdp::Cell::Free);
    let grid = Gridworld::parse_with(MAP, &[free('*'), free('w')])?.slip(0.1).step_reward(0.0);
    let base = grid.builder().discount(0.9).temperature(0.3).action_prior(ActionPrior::Uniform).build()?;
    let features = features(&grid);
    let truth = features.map_axis(Axis(1), |distances| match (distances[0] <= NEAR, distances[1] <= NEAR) {
        (true, true) => -1.0,
        (true, false) => 1.0,
        (false, _) => 0.0,
    });

    // Walks of an agent that knows the rewards. They are cut off: nothing ends in this world.
    let mut rng = StdRng::seed_from_u64(1);
    let expert = policy(&base, &truth)?;
    let start = Array1::from_elem(base.num_states(), 1.0 / base.num_states() as f64);
    let mut walks = || {
        let walks = (0..NUM_WALKS).map(|_| expert.sample(&base, &start, LENGTH, &mut rng));
        let walks = Demonstrations::<f64>::new(walks.collect::<Result<Vec<_>, _>>()?);
        let counts = walks.with_cut_off([true; NUM_WALKS])?.counts(&base)?;
        Demonstrations::from_counts(counts)
    };
    let (training, test) = (walks()?, walks()?);
    println!("{NUM_WALKS} walks of {LENGTH} steps in a world of {} cells.\n", base.num_states());

    let scaled = (&features - 4.0) / 2.0;
    let mut network = Network::new(2, HIDDEN, &mut rng);
    let network_rewards = fit(&base, &training, 4.0, |rewards, gradient, rate| {
        network.climb(&scaled, gradient, rate);
        rewards.assign(&network.rewards(&scaled));
    })?;
    let mut weights = Array1::<f64>::zeros(2);
    let linear_rewards = fit(&base, &training, 0.3, |rewards, gradient, rate| {
        weights.scaled_add(rate, &scaled.t().dot(gradient));
        rewards.assign(&scaled.dot(&weights));
    })?;

    println!(
        "{:<12}{:>18}{:>18}{:>14}{:>14}",
        "rewards", "training, nats", "test, nats", "return", "correlation"
    );
    let mut rows = Vec::new();
    let nothing = Array1::zeros(base.num_states());
    for (name, rewards) in
        [("none", &nothing), ("linear", &linear_rewards), ("network", &network_rewards), ("true", &truth)]
    {
        let (seen, unseen) = (per_choice(&base, rewards, &training)?, per_choice(&base, rewards, &test)?);
        // What the agent of these rewards earns in the true world.
        let earned = policy(&base, rewards)?.expected_return(&with_rewards(&base, &truth)?, &start)?;
        let likeness = correlation(rewards, &truth);
        println!("{name:<12}{seen:>18.4}{unseen:>18.4}{earned:>14.3}{likeness:>14.3}");
        rows.push((unseen, earned, likeness));
    }
    let [none, linear, network, best] = rows[..] else { return Err("four rows".into()) };
    assert!(network.0 > linear.0 + 0.1 && network.0 > best.0 - 0.02, "log-likelihood of a choice");
    assert!(network.1 > best.1 - 0.2 && linear.1 < best.1 - 1.0 && linear.1 > none.1, "return");
    assert!(network.2 > 0.8 && linear.2 < 0.6, "correlation");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, [&truth, &network_rewards, &linear_rewards])?;
    }
    Ok(())
}

/// Distances of each cell to the nearest flower and to the nearest wasp, `[s, 2]`, in cells.
fn features(grid: &Gridworld) -> Array2<f64> {
    let places = |symbol: char| -> Vec<(usize, usize)> {
        let cells = (0..grid.num_states()).filter_map(|state| grid.position(state));
        cells.filter(|&(row, column)| grid.symbol(row, column) == Some(symbol)).collect()
    };
    let things = [places('*'), places('w')];
    Array2::from_shape_fn((grid.num_states(), 2), |(state, thing)| {
        let here = grid.position(state).unwrap_or_default();
        let steps = things[thing].iter().map(|there| here.0.abs_diff(there.0) + here.1.abs_diff(there.1));
        steps.min().unwrap_or(0) as f64
    })
}

/// r = tanh(X W + b) v. A constant in r would change nothing, so there is none.
struct Network {
    weights: Array2<f64>, // W, [features, hidden]
    biases: Array1<f64>,  // b, [hidden]
    outputs: Array1<f64>, // v, [hidden]
}

impl Network {
    fn new(num_features: usize, num_hidden: usize, rng: &mut StdRng) -> Self {
        let mut draw = |scale: f64| scale * (2.0 * rng.random::<f64>() - 1.0);
        Self {
            weights: Array2::from_shape_simple_fn((num_features, num_hidden), || draw(2.0)),
            biases: Array1::from_shape_simple_fn(num_hidden, || draw(2.0)),
            outputs: Array1::from_shape_simple_fn(num_hidden, || draw(0.1)),
        }
    }

    fn hidden(&self, features: &Array2<f64>) -> Array2<f64> {
        (features.dot(&self.weights) + &self.biases).mapv_into(f64::tanh)
    }

    /// r(s), `[s]`.
    fn rewards(&self, features: &Array2<f64>) -> Array1<f64> {
        self.hidden(features).dot(&self.outputs)
    }

    /// One step up a gradient in r, `[s]`.
    fn climb(&mut self, features: &Array2<f64>, gradient: &Array1<f64>, rate: f64) {
        let hidden = self.hidden(features); // [s, hidden]
        let slopes = hidden.mapv(|h| 1.0 - h * h);
        let back =
            gradient.view().insert_axis(Axis(1)).dot(&self.outputs.view().insert_axis(Axis(0))) * slopes;
        self.outputs.scaled_add(rate, &hidden.t().dot(gradient));
        self.weights.scaled_add(rate, &features.t().dot(&back));
        self.biases.scaled_add(rate, &back.sum_axis(Axis(0)));
    }
}

/// Gradient ascent on the mean log-likelihood of a choice. `step(rewards, gradient, rate)` moves
/// the parameters up a gradient in r, and writes the new r.
fn fit(
    base: &Model,
    demonstrations: &Demonstrations,
    rate: f64,
    mut step: impl FnMut(&mut Array1<f64>, &Array1<f64>, f64),
) -> Result<Array1<f64>, softmdp::inverse::Error> {
    let likelihood = Likelihood::actions(Inference::Variational).tolerance(1e-6);
    let mut rewards = Array1::zeros(base.num_states());
    let mut gradient = Array1::zeros(base.num_states());
    step(&mut rewards, &gradient, 0.0);
    for _ in 0..EPOCHS {
        let score = likelihood.evaluate(&with_rewards(base, &rewards)?, demonstrations)?;
        gradient.assign(&score.reward_gradient().sum_axis(Axis(1)));
        gradient /= demonstrations.total_weight();
        step(&mut rewards, &gradient, rate);
    }
    Ok(rewards)
}

/// The model with rewards on states, `[s]`.
fn with_rewards(base: &Model, rewards: &Array1<f64>) -> Result<Model, softmdp::Error> {
    let mut pairs = Array2::zeros((base.num_states(), base.num_actions()));
    Zip::from(pairs.rows_mut()).and(rewards).for_each(|mut row, &reward| row.fill(reward));
    base.with_rewards(pairs)
}

fn policy(base: &Model, rewards: &Array1<f64>) -> Result<StationaryPolicy, softmdp::Error> {
    Ok(solve_stationary(&with_rewards(base, rewards)?, 1e-9)?.policy().clone())
}

/// Mean log-likelihood of a choice, in nats.
fn per_choice(
    base: &Model,
    rewards: &Array1<f64>,
    seen: &Demonstrations,
) -> Result<f64, softmdp::inverse::Error> {
    let likelihood = Likelihood::actions(Inference::Variational);
    Ok(likelihood.evaluate(&with_rewards(base, rewards)?, seen)?.value() / seen.total_weight())
}

fn correlation(found: &Array1<f64>, truth: &Array1<f64>) -> f64 {
    let centred = |x: &Array1<f64>| x - x.mean().unwrap_or(0.0);
    let (x, y) = (centred(found), centred(truth));
    let norm = (x.dot(&x) * y.dot(&y)).sqrt();
    if norm > 0.0 { x.dot(&y) / norm } else { 0.0 }
}

/// The three rewards as maps.
#[cfg(feature = "plot")]
fn pictures(folder: &Path, grid: &Gridworld, rewards: [&Array1<f64>; 3]) -> Result<(), Box<dyn Error>> {
    use softmdp::plot::StateMap;

    let mean = |rewards: &Array1<f64>| rewards.mean().unwrap_or(0.0);
    for (name, found) in ["true", "network", "linear"].into_iter().zip(rewards) {
        // Demonstrations do not tell the constant.
        let shifted = found + (mean(rewards[0]) - mean(found));
        let map = StateMap::numbers(grid, &shifted, "Rewards of cells", "reward units")?;
        map.subtitle(name).save(folder.join(format!("reward_network_{name}.svg")))?;
    }
    println!("pictures written to {}", folder.display());
    Ok(())
}
