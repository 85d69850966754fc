//! How random should a policy be? A temperature that finds out.
//!
//! Rewards come in units of their own, so a temperature that suits one problem is far too hot for another. Soft actor-critic can be told
//! instead how much entropy the policy should keep: its temperature rises where there is less, and falls where there is more
//! (A1). Here the same grid pays once in coins of 1 and once in coins of 100: from the same start, the temperatures
//! end a hundred times apart, and the policies are the same. After Haarnoja et al., *Soft Actor-Critic Algorithms and
//! Applications* (arXiv:1812.05905), section 5.

mod support;

use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Learner, Simulator, SoftActorCritic, StepSize, Task};
use softmdp::{Error, Gridworld, Mdp, SparseDynamics, StationaryPolicy, solve_stationary};
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

fn main() -> Result<(), Error> {
    println!(
        "Target: {TARGET} nats of entropy in the states that are visited; four actions have at most {:.3}.\n",
        4.0_f64.ln()
    );
    println!("{:>9}  {:>12} {:>10}    {:>12} {:>10}", "", "coins of 1", "", "coins of 100", "");
    println!(
        "{:>9}  {:>12} {:>10}    {:>12} {:>10}",
        "steps", "temperature", "entropy", "temperature", "entropy"
    );
    let (small, large) = (run(1.0)?, run(100.0)?);
    for (at, steps) in CHECKPOINTS.iter().enumerate() {
        let (a, b) = (small.curve[at], large.curve[at]);
        println!("{steps:>9}  {:>12.4} {:>10.4}    {:>12.4} {:>10.4}", a.0, a.1, b.0, b.1);
    }
    println!(
        "\n{}",
        side_by_side(
            24,
            &[("coins of 1".to_string(), small.drawing), ("coins of 100".to_string(), large.drawing)]
        )
    );
    println!(
        "What the learned values are off from those of a planner at the temperature found: {:.3} of 1, {:.3} of 100.",
        small.error, large.error
    );

    let ratio = large.temperature / small.temperature;
    println!("Temperatures are {ratio:.1} times apart.");
    assert!((ratio / 100.0 - 1.0).abs() < 0.1, "the temperature takes the unit of the rewards");
    for run in [&small.curve, &large.curve] {
        let entropy = run[CHECKPOINTS.len() - 1].1;
        assert!((entropy - TARGET).abs() < 0.05, "{entropy}: the target is met");
    }
    assert!(small.error < 0.1 && large.error < 10.0, "and the values are right for it");
    Ok(())
}

struct Run {
    curve: Vec<(f64, f64)>, // temperature, and entropy where the policy goes
    temperature: f64,
    error: f64,
    drawing: String,
}

/// Learns from a world that pays in such coins, starting at temperature 1.
fn run(coin: f64) -> Result<Run, Error> {
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
    let mut curve = Vec::new();
    let mut result = Ok(());
    learner.train(&mut world, STEPS, &mut StdRng::seed_from_u64(3), |learner, progress| {
        if CHECKPOINTS.contains(&progress.steps) {
            match learner.policy().and_then(|policy| visited_entropy(&grid, &mdp, &policy)) {
                Ok(entropy) => curve.push((learner.temperature(), entropy)),
                Err(error) => result = Err(error),
            }
        }
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result?;
    let exact = solve_stationary(&mdp.with_temperature(learner.temperature())?, 1e-6)?;
    let start = grid.state_at(0, 0).unwrap_or_default();
    Ok(Run {
        curve,
        temperature: learner.temperature(),
        error: (learner.state_values()?[start] - exact.state_values()[start]).abs(),
        drawing: grid.render_policy(&learner.policy()?.probabilities().to_owned())?,
    })
}

/// Mean entropy over the states that an episode goes through.
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
