//! How many steps does learning need to reach the values of a planner, and does soft exploration
//! help?
//!
//! A narrow path has a drop on either side and a prize at its end. Soft Q-learning (Q1) knows
//! neither map nor rewards. It learns from its own steps. Three behaviours choose the steps:
//! uniform, ε-greedy, and the current soft policy. Soft Q-learning is off-policy, so all three
//! converge to the same values.
//!
//! The example shows the error of the values over time, at the states that the best policy visits.
//! The uniform behaviour falls off early. The ε-greedy behaviour repeats the actions that it tried
//! first. The soft behaviour avoids bad actions and keeps trying actions of similar value.
//! After Haarnoja et al., *Reinforcement Learning with Deep Energy-Based Policies* (ICML 2017),
//! section 4.
//!
//! ```text
//! cargo run --release --example soft_q_learning
//! cargo run --release --features plot --example soft_q_learning -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::ops::ControlFlow;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Behaviour, Learner, Simulator, SoftQLearning, StepSize, Task};
use softmdp::ndarray::{Array1, ArrayView1};
use softmdp::{ActionPrior, Gridworld, Mdp, SparseDynamics, StationarySolution, solve_stationary};

const MAP: &str = "
    XXXXXXXXXXXX
    S..........G
    XXXXXXXXXXXX
";
const CHECKPOINTS: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const STEPS: usize = CHECKPOINTS[CHECKPOINTS.len() - 1];
/// The curves have a point every so many steps.
const EVERY: usize = 1_000;
const SEEDS: u64 = 5;
const WIDTH: f64 = 44.0;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let grid = Gridworld::parse(MAP)?.slip(0.02).step_reward(-0.05).goal_reward(8.0).trap_reward(-2.0);
    let mdp = grid.builder().discount(0.98).temperature(0.2).action_prior(ActionPrior::Uniform).build()?;
    let exact = solve_stationary(&mdp, 1e-9)?;
    println!("Exact values, by a planner that has the model:\n");
    println!("{}", grid.render_values(&exact.state_values().to_owned())?);

    let behaviours = [
        ("uniform", Behaviour::Uniform),
        ("ε-greedy, ε = 0.1", Behaviour::EpsilonGreedy(0.1)),
        ("soft", Behaviour::Soft),
    ];
    println!(
        "Root mean square error of the learned values at states of the best policy, mean of {SEEDS} runs:\n"
    );
    let weights = exact_occupancy(&grid, &mdp, &exact)?;
    let mut learned = Vec::new();
    for (name, behaviour) in behaviours {
        let mut curve = vec![0.0; STEPS / EVERY];
        let mut last = None;
        let bar = support::progress_bar(SEEDS as usize * STEPS, "steps", name);
        for seed in 0..SEEDS {
            let mut world = Simulator::new(&mdp, &grid.initial())?.with_time_limit(100)?;
            let mut learner = SoftQLearning::new(Task::of(&mdp)?)?
                .with_behaviour(behaviour)?
                .with_step_size(StepSize::Hyperbolic { half: 40.0 })?;
            let mut result = Ok(());
            let mut count = support::count_steps(&bar);
            learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(seed), |learner, progress| {
                if progress.steps.is_multiple_of(EVERY) {
                    match learner.state_values() {
                        Ok(values) => {
                            let error = error(&values, exact.state_values(), &weights);
                            curve[progress.steps / EVERY - 1] += error / SEEDS as f64;
                        }
                        Err(error) => {
                            result = Err(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
                count(learner, progress)
            })?;
            result?;
            last = Some(learner);
        }
        bar.finish_and_clear();
        println!("{name}");
        for steps in CHECKPOINTS {
            let error = curve[steps / EVERY - 1];
            // One column for each factor of 10^(1/11), from 0.001 to 10.
            let columns = ((error / 1e-3).log10() / 4.0 * WIDTH).clamp(0.0, WIDTH).round();
            println!("{steps:>9} steps  {error:>7.4}  {}", "█".repeat(columns as usize));
        }
        println!();
        learned.push(Learned { name, curve, learner: last.ok_or("there is a seed")? });
    }

    let [uniform, greedy, soft] = [0, 1, 2].map(|index| learned[index].curve[STEPS / EVERY - 1]);
    println!(
        "After {STEPS} steps, the error of the ε-greedy behaviour is {:.1} times that of the soft one, and the error of the uniform behaviour {:.1} times.",
        greedy / soft,
        uniform / soft
    );
    assert!(soft < 0.05, "the soft behaviour reaches the exact values");
    assert!(greedy > 3.0 * soft && uniform > 3.0 * soft, "and sooner than the other behaviours");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &learned)?;
    }
    Ok(())
}

/// The result of a behaviour.
#[cfg_attr(not(feature = "plot"), allow(dead_code, reason = "pictures show the rest"))]
struct Learned {
    name: &'static str,
    curve: Vec<f64>,        // mean error, a point every `EVERY` steps
    learner: SoftQLearning, // of the last run
}

/// The errors, the values of the soft behaviour, and the steps of each behaviour by cell.
#[cfg(feature = "plot")]
fn pictures(folder: &Path, grid: &Gridworld, learned: &[Learned]) -> Result<(), Box<dyn Error>> {
    use softmdp::Inference;
    use softmdp::ndarray::Axis;
    use softmdp::plot::{Curves, StateMap};

    let mut curves = Curves::new("Error of learned values", "steps", "root mean square error of V")
        .subtitle(format!("soft Q-learning, states of the best policy, mean of {SEEDS} runs"))
        .log_scale();
    for Learned { name, curve, .. } in learned {
        let points = curve.iter().enumerate().map(|(index, &error)| (((index + 1) * EVERY) as f64, error));
        curves = curves.series(*name, points);
    }
    curves.save(folder.join("soft_q_learning.svg"))?;
    for (Learned { name, learner, .. }, file) in learned.iter().zip(["uniform", "greedy", "soft"]) {
        let visits = learner.visits().mapv(f64::from).sum_axis(Axis(1));
        StateMap::occupancy(grid, &visits, Inference::Variational)?
            .title("Steps taken in each cell")
            .subtitle(format!("behaviour: {name}, {STEPS} steps"))
            .save(folder.join(format!("soft_q_learning_visits_{file}.svg")))?;
        if file == "soft" {
            StateMap::values(grid, &learner.state_values()?, Inference::Variational)?
                .with_policy(&learner.policy()?.probabilities().to_owned())?
                .title("Learned: state values V, and policy π(a | s)")
                .subtitle(format!("soft Q-learning, {STEPS} steps"))
                .save(folder.join("soft_q_learning_values.svg"))?;
        }
    }
    println!("pictures written to {}", folder.display());
    Ok(())
}

/// Discounted occupancy of the best policy.
fn exact_occupancy(
    grid: &Gridworld,
    mdp: &Mdp<f64, SparseDynamics<f64>>,
    exact: &StationarySolution,
) -> Result<Array1<f64>, softmdp::Error> {
    exact.policy().discounted_occupancy(mdp, &grid.initial())
}

/// Weighted root mean square of the errors.
fn error(values: &Array1<f64>, exact: ArrayView1<'_, f64>, weights: &Array1<f64>) -> f64 {
    let squares = values.iter().zip(exact).map(|(value, exact)| (value - exact) * (value - exact));
    (squares.zip(weights).map(|(square, weight)| square * weight).sum::<f64>() / weights.sum()).sqrt()
}
