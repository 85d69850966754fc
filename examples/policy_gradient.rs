//! Three methods for the same objective: exact gradient, natural gradient, gradient from samples.
//!
//! An operator runs, services or replaces a machine that wears out. Each method increases the soft
//! value J of a softmax policy. The initial policy takes all actions with equal probability:
//!
//! - the exact gradient (G1), whose steps shrink with the probabilities of the actions;
//! - the natural gradient (G2), whose largest step is soft policy iteration;
//! - the score-function estimate from episodes, which needs no model.
//!
//! After Mei et al. (ICML 2020) and Cen et al. (Oper. Res. 2022).
//!
//! ```text
//! cargo run --release --example policy_gradient
//! cargo run --release --features plot --example policy_gradient -- --out target/pictures
//! ```

mod support;

use std::process::ExitCode;

use clap::Parser as _;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Environment, Error, Learner, Simulator, SoftPolicyGradient, StepSize, Task};
use softmdp::ndarray::{Array2, Array3, array};
use softmdp::{ActionPrior, Mdp, solve_stationary};

const WEAR: usize = 5;
const ITERATIONS: [usize; 7] = [0, 1, 2, 5, 20, 100, 1000];
const EPISODES_AN_ITERATION: usize = 20;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    let mdp = machine()?;
    let mut initial = softmdp::ndarray::Array1::zeros(WEAR);
    initial[0] = 1.0;
    let best = solve_stationary(&mdp, 1e-12)?;
    let top = best.state_values()[0];
    println!("Gap to the best value J* = {top:.4}, by iteration:\n");
    println!("{:>10}  {:>12}  {:>12}  {:>12}", "iteration", "exact", "natural", "sampled");

    let mut exact = SoftPolicyGradient::new(Task::of(&mdp)?)?;
    let mut natural = exact.clone();
    let mut sampled = exact
        .clone()
        .with_rate(0.05, StepSize::Hyperbolic { half: 4000.0 })?
        .with_baseline(Some(StepSize::Constant(0.02)))?;
    let largest = (1.0 - mdp.discount()) / mdp.temperature();
    let mut world = Simulator::new(&mdp, &initial)?.with_time_limit(60)?;
    let mut rng = StdRng::seed_from_u64(1);
    let mut rows = Vec::new();
    for iteration in 0..=ITERATIONS[ITERATIONS.len() - 1] {
        let gap = |learner: &SoftPolicyGradient| Ok::<_, Error>(top - learner.objective(&mdp, &initial)?);
        let row = [gap(&exact)?, gap(&natural)?, gap(&sampled)?];
        rows.push(row);
        if ITERATIONS.contains(&iteration) {
            println!(
                "{iteration:>10}  {:>12.2e}  {:>12.2e}  {:>12.2e}",
                row[0].max(0.0),
                row[1].max(0.0),
                row[2].max(0.0)
            );
        }
        exact.ascend(&mdp, &initial, 0.5)?;
        natural.natural_step(&mdp, largest)?;
        for _ in 0..EPISODES_AN_ITERATION {
            episode(&mut sampled, &mut world, &mut rng)?;
        }
    }

    println!("\nFinal policies by wear (run, service, replace):\n");
    println!("{:>6}  {:^23}  {:^23}", "wear", "best", "sampled");
    let learned = sampled.policy()?;
    for wear in 0..WEAR {
        let row = |policy: Array2<f64>| {
            let cells: Vec<String> = policy.row(wear).iter().map(|p| format!("{p:>6.3}")).collect();
            cells.join("  ")
        };
        println!(
            "{wear:>6}  {:^23}  {:^23}",
            row(best.probabilities().to_owned()),
            row(learned.probabilities().to_owned())
        );
    }
    let [start, last] = [rows[0], rows[rows.len() - 1]];
    assert!(rows[5][1] < 1e-9, "five steps of soft policy iteration are enough");
    assert!(last[0] < 1e-3 * start[0], "the exact gradient converges slowly");
    assert!(last[2] < 0.05 * start[2], "the sampled gradient converges too");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        let mut curves = softmdp::plot::Curves::new(
            "Three soft policy gradients",
            "log₁₀ of iterations",
            "gap to the best value",
        )
        .subtitle(format!("a sampled iteration is {EPISODES_AN_ITERATION} episodes"))
        .log_scale();
        for (index, name) in ["exact gradient", "natural gradient", "from samples"].into_iter().enumerate() {
            // Smaller gaps are rounding.
            let points = rows.iter().enumerate().skip(1).filter(|(_, row)| row[index] > 1e-13 * top);
            curves = curves.series(name, points.map(|(at, row)| ((at as f64).log10(), row[index])));
        }
        curves.save(folder.join("policy_gradient.svg"))?;
        println!("\npicture written to {}", folder.display());
    }
    Ok(())
}

/// Runs one episode of the learner's own policy. The learner updates at its end.
fn episode<E: Environment<Scalar = f64>>(
    learner: &mut SoftPolicyGradient,
    world: &mut E,
    rng: &mut StdRng,
) -> Result<(), Error> {
    let mut state = world.reset(rng)?;
    loop {
        let action = learner.act(state, rng)?;
        let step = world.step(action, rng)?;
        learner.update(&step)?;
        if step.is_last() {
            return Ok(());
        }
        state = step.next_state;
    }
}

/// Running wears the machine, and pays less the more it is worn. A service removes one step of
/// wear, a replacement all.
fn machine() -> Result<Mdp, softmdp::Error> {
    let mut transitions = Array3::zeros((WEAR, 3, WEAR));
    let mut rewards = Array2::zeros((WEAR, 3));
    for wear in 0..WEAR {
        let worse = (wear + 1).min(WEAR - 1);
        transitions[[wear, 0, wear]] += 0.5;
        transitions[[wear, 0, worse]] += 0.5;
        transitions[[wear, 1, wear.saturating_sub(1)]] = 1.0;
        transitions[[wear, 2, 0]] = 1.0;
        rewards.row_mut(wear).assign(&array![1.0 - 0.5 * wear as f64, -0.2, -1.0]);
    }
    Mdp::builder(transitions, rewards)
        .discount(0.9)
        .temperature(0.2)
        .action_prior(ActionPrior::Uniform)
        .build()
}
