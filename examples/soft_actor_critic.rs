//! A temperature that adjusts itself to the rewards.
//!
//! A temperature that suits one problem is too high for another, because rewards have different
//! units. Soft actor-critic can be given a target entropy instead (A1). Its temperature rises while
//! the entropy of the policy is below the target, and falls while it is above.
//!
//! In this example, the same grid pays in coins of 1 in one run, and in coins of 100 in the other.
//! Both runs start at the same temperature. The final temperatures differ by a factor of a hundred,
//! and the policies are the same. After Haarnoja et al., *Soft Actor-Critic Algorithms and
//! Applications* (arXiv:1812.05905), section 5.
//!
//! ```text
//! cargo run --release --example soft_actor_critic
//! cargo run --release --features plot --example soft_actor_critic -- --out target/pictures
//! ```

mod support;

use std::ops::ControlFlow;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Error, Learner, Simulator, SoftActorCritic, StepSize, Task};
#[cfg(feature = "plot")]
use softmdp::ndarray::Array1;
use softmdp::ndarray::Array2;
use softmdp::{Gridworld, Mdp, SparseDynamics, StationaryPolicy, solve_stationary};
use support::side_by_side;

const MAP: &str = "
    S....
    .##..
    ...X.
    ....G
";
const TARGET: f64 = 0.5;
const STEPS: usize = 400_000;
const CHECKPOINTS: [usize; 7] = [1, 3_000, 10_000, 30_000, 100_000, 200_000, STEPS];
/// The curves have a point every so many steps, besides the checkpoints.
const EVERY: usize = 4_000;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    println!(
        "Target: {TARGET} nats of entropy in visited states. The maximum for four actions is {:.3}.\n",
        4.0_f64.ln()
    );
    println!("{:>9}  {:>12} {:>10}    {:>12} {:>10}", "", "coins of 1", "", "coins of 100", "");
    println!(
        "{:>9}  {:>12} {:>10}    {:>12} {:>10}",
        "steps", "temperature", "entropy", "temperature", "entropy"
    );
    let (small, large) = (learn(1.0)?, learn(100.0)?);
    let table = |run: &Run| {
        run.curve.iter().filter(|look| CHECKPOINTS.contains(&look.steps)).copied().collect::<Vec<_>>()
    };
    for (a, b) in table(&small).iter().zip(table(&large)) {
        println!(
            "{:>9}  {:>12.4} {:>10.4}    {:>12.4} {:>10.4}",
            a.steps, a.temperature, a.entropy, b.temperature, b.entropy
        );
    }
    println!(
        "\n{}",
        side_by_side(
            24,
            &[
                ("coins of 1".to_string(), small.grid.render_policy(&small.policy)?.to_string()),
                ("coins of 100".to_string(), large.grid.render_policy(&large.policy)?.to_string())
            ]
        )
    );
    println!(
        "Error of V(start), compared with a planner at the final temperature: {:.3} (coins of 1), {:.3} (coins of 100).",
        small.error, large.error
    );

    let ratio = large.temperature / small.temperature;
    println!("The temperatures differ by a factor of {ratio:.1}.");
    assert!((ratio / 100.0 - 1.0).abs() < 0.1, "the temperature scales with the rewards");
    for run in [&small, &large] {
        let entropy = run.curve.last().map_or(f64::NAN, |look| look.entropy);
        assert!((entropy - TARGET).abs() < 0.05, "{entropy}: the target is met");
    }
    assert!(small.error < 0.1 && large.error < 10.0, "the values are those of a planner");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, [("coins of 1", &small), ("coins of 100", &large)])?;
    }
    Ok(())
}

struct Run {
    grid: Gridworld,
    curve: Vec<Look>,
    temperature: f64,
    error: f64,
    policy: Array2<f64>, // [s, a]
    #[cfg(feature = "plot")]
    values: Array1<f64>, // [s]
}

#[derive(Debug, Clone, Copy)]
struct Look {
    steps: usize,
    temperature: f64,
    entropy: f64, // in visited states
}

/// Temperature and entropy over time, and the final values and policy.
#[cfg(feature = "plot")]
fn pictures(folder: &Path, runs: [(&str, &Run); 2]) -> Result<(), Box<dyn std::error::Error>> {
    use softmdp::Inference;
    use softmdp::plot::{Curves, StateMap};

    let mut temperatures = Curves::new("Automatic temperature", "steps", "temperature τ")
        .subtitle(format!("soft actor-critic, target {TARGET} nats"))
        .log_scale();
    let mut entropies = Curves::new("Entropy in visited states", "steps", "entropy, nats")
        .subtitle(format!("soft actor-critic, target {TARGET} nats"));
    for (name, run) in runs {
        let points =
            |number: fn(&Look) -> f64| run.curve.iter().map(move |look| (look.steps as f64, number(look)));
        temperatures = temperatures.series(name, points(|look| look.temperature));
        entropies = entropies.series(name, points(|look| look.entropy));
        StateMap::values(&run.grid, &run.values, Inference::Variational)?
            .with_policy(&run.policy)?
            .title("Learned: state values V, and policy π(a | s)")
            .subtitle(format!("soft actor-critic, {name}, τ = {:.3} in the end", run.temperature))
            .save(folder.join(format!("soft_actor_critic_{}.svg", name.replace(' ', "_"))))?;
    }
    temperatures.save(folder.join("soft_actor_critic_temperature.svg"))?;
    entropies
        .series("target", [(1.0, TARGET), (STEPS as f64, TARGET)])
        .save(folder.join("soft_actor_critic_entropy.svg"))?;
    println!("pictures written to {}", folder.display());
    Ok(())
}

/// Learns from a world that pays in coins of this value, starting at temperature 1.
fn learn(coin: f64) -> Result<Run, Box<dyn std::error::Error>> {
    let grid = Gridworld::parse(MAP)?
        .slip(0.1)
        .step_reward(-0.1 * coin)
        .goal_reward(2.0 * coin)
        .trap_reward(-2.0 * coin);
    let mdp = grid.builder().discount(0.95).build()?;
    let mut world = Simulator::new(&mdp, &grid.initial())?.with_time_limit(100)?;
    let mut learner = SoftActorCritic::new(Task::of(&mdp)?)?
        .with_two_critics()?
        .with_step_size(StepSize::Hyperbolic { half: 100.0 })?
        .with_replay(10_000, 4)?
        .with_target_entropy(TARGET, 2e-4)?;
    let bar = support::progress_bar(STEPS, "steps", format!("coins of {coin}"));
    let mut count = support::count_steps(&bar);
    let mut curve = Vec::new();
    let mut result = Ok(());
    learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(3), |learner, progress| {
        let steps = progress.steps;
        if steps.is_multiple_of(EVERY) || CHECKPOINTS.contains(&steps) {
            match learner.policy().and_then(|policy| visited_entropy(&grid, &mdp, &policy)) {
                Ok(entropy) => curve.push(Look { steps, temperature: learner.temperature(), entropy }),
                Err(error) => {
                    result = Err(error);
                    return ControlFlow::Break(());
                }
            }
        }
        count(learner, progress)
    })?;
    bar.finish_and_clear();
    result?;
    let exact = solve_stationary(&mdp.with_temperature(learner.temperature())?, 1e-6)?;
    let start = grid.state_at(0, 0).unwrap_or_default();
    let values = learner.state_values()?;
    Ok(Run {
        curve,
        temperature: learner.temperature(),
        error: (values[start] - exact.state_values()[start]).abs(),
        policy: learner.policy()?.probabilities().to_owned(),
        grid,
        #[cfg(feature = "plot")]
        values,
    })
}

/// Mean entropy over the states that an episode visits.
fn visited_entropy(
    grid: &Gridworld,
    mdp: &Mdp<f64, SparseDynamics<f64>>,
    policy: &StationaryPolicy,
) -> Result<f64, Error> {
    let visits = policy.repeated(100)?.state_occupancy(mdp, &grid.initial())?;
    let (mut total, mut sum) = (0.0, 0.0);
    for (state, &entropy) in policy.entropy().iter().enumerate().filter(|(state, _)| !mdp.is_terminal(*state))
    {
        let count: f64 = visits.column(state).iter().take(100).sum();
        (total, sum) = (total + count, sum + count * entropy);
    }
    Ok(sum / total)
}
