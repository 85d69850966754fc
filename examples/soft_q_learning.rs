//! How many steps does it take to learn what a planner computes, and what does exploring softly gain?
//!
//! A ridge with a drop on either side, and a prize at its far end. Soft Q-learning (Q1) sees neither map nor rewards; it learns from its
//! own steps, chosen by three behaviours: any action, mostly the best so far (ε-greedy), or the soft policy learned so far. All
//! three arrive in the end, since the rule is off-policy. How soon is told by the error of their values against the exact ones, where the
//! best policy goes: who takes any action falls off before getting
//! anywhere, and who takes the best one settles for what it found first; the soft one avoids what it knows to be bad and goes on
//! trying what may be as good. After Haarnoja et al., *Reinforcement
//! Learning with Deep Energy-Based Policies* (ICML 2017), section 4.

use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Behaviour, Learner, Simulator, SoftQLearning, StepSize, Task};
use softmdp::ndarray::{Array1, ArrayView1};
use softmdp::{ActionPrior, Error, Gridworld, solve_stationary};

const MAP: &str = "
    XXXXXXXXXXXX
    S..........G
    XXXXXXXXXXXX
";
const CHECKPOINTS: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const SEEDS: u64 = 5;
const WIDTH: f64 = 44.0;

fn main() -> Result<(), Error> {
    let grid = Gridworld::parse(MAP)?.slip(0.02).step_reward(-0.05).goal_reward(8.0).trap_reward(-2.0);
    let mdp = grid.builder().discount(0.98).temperature(0.2).action_prior(ActionPrior::Uniform).build()?;
    let exact = solve_stationary(&mdp, 1e-9)?;
    println!("The values that a planner finds, from the map and at once:\n");
    println!("{}", grid.render_values(&exact.state_values().to_owned())?);

    let behaviours = [
        ("uniform", Behaviour::Uniform),
        ("ε-greedy, ε = 0.1", Behaviour::EpsilonGreedy(0.1)),
        ("soft", Behaviour::Soft),
    ];
    println!(
        "Root mean square error of the learned values where the best policy goes, mean of {SEEDS} runs:\n"
    );
    let weights = exact_occupancy(&grid, &mdp, &exact)?;
    let mut curves = Vec::new();
    for (name, behaviour) in behaviours {
        let mut curve = vec![0.0; CHECKPOINTS.len()];
        for seed in 0..SEEDS {
            let mut world = Simulator::new(&mdp, &grid.initial())?.with_time_limit(100)?;
            let mut learner = SoftQLearning::new(Task::of(&mdp)?)?
                .with_behaviour(behaviour)?
                .with_step_size(StepSize::Hyperbolic { half: 40.0 })?;
            let mut result = Ok(());
            learner.train(
                &mut world,
                CHECKPOINTS[CHECKPOINTS.len() - 1],
                &mut StdRng::seed_from_u64(seed),
                |learner, progress| {
                    if let Some(at) = CHECKPOINTS.iter().position(|&steps| steps == progress.steps) {
                        match learner.state_values() {
                            Ok(values) => {
                                curve[at] += error(&values, exact.state_values(), &weights) / SEEDS as f64
                            }
                            Err(error) => result = Err(error),
                        }
                    }
                    if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                },
            )?;
            result?;
        }
        println!("{name}");
        for (steps, error) in CHECKPOINTS.iter().zip(&curve) {
            // One column for each factor of 10^(1/11), from 0.001 to 10.
            let columns = ((error / 1e-3).log10() / 4.0 * WIDTH).clamp(0.0, WIDTH).round();
            println!("{steps:>9} steps  {error:>7.4}  {}", "█".repeat(columns as usize));
        }
        println!();
        curves.push(curve);
    }

    let at_the_end = |curve: &[f64]| curve.last().copied().unwrap_or(f64::NAN);
    let [uniform, greedy, soft] = [&curves[0], &curves[1], &curves[2]].map(|curve| at_the_end(curve));
    println!(
        "After {} steps the soft behaviour is {:.1} times as close as the greedy one, and {:.1} times as close as the uniform one.",
        CHECKPOINTS[CHECKPOINTS.len() - 1],
        greedy / soft,
        uniform / soft
    );
    assert!(soft < 0.05, "it learns what the planner computed");
    assert!(greedy > 3.0 * soft && uniform > 3.0 * soft, "and sooner than by looking around blindly");
    Ok(())
}

/// Where the best policy goes: discounted occupancy.
fn exact_occupancy(
    grid: &Gridworld,
    mdp: &softmdp::Mdp<f64, softmdp::SparseDynamics<f64>>,
    exact: &softmdp::StationarySolution,
) -> Result<Array1<f64>, Error> {
    let policy = softmdp::StationaryPolicy::new(exact.probabilities().to_owned())?;
    policy.discounted_occupancy(mdp, &grid.initial())
}

/// Root mean square of the errors, weighed.
fn error(values: &Array1<f64>, exact: ArrayView1<'_, f64>, weights: &Array1<f64>) -> f64 {
    let squares = values.iter().zip(exact).map(|(value, exact)| (value - exact) * (value - exact));
    (squares.zip(weights).map(|(square, weight)| square * weight).sum::<f64>() / weights.sum()).sqrt()
}
