//! What does temperature do to behaviour?
//!
//! One world, solved at temperatures from 0 to 10 000. At 0 the policy takes the best action. At
//! very high temperatures the policy is the prior. In between, an agent gives up some return to
//! stay near the prior. V is the expected return, less τ times the divergence from the prior in
//! nats. See Levine, arXiv:1805.00909, section 3, and Geist, Scherrer and Pietquin, *A Theory of
//! Regularized Markov Decision Processes*, ICML 2019. An infinite temperature is an error.
//!
//! The world is a frozen lake, like FrozenLake-v1 of Gymnasium. One step in three goes where it
//! should, and the others go to either side. Holes end the episode. The goal is worth 1 / γ, so
//! that stepping onto it is worth 1.
//!
//! ```text
//! cargo run --release --example temperature
//! cargo run --release --features plot --example temperature -- --out target/pictures
//! ```

mod support;

use std::error::Error;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::ndarray::{Array1, Array2};
use softmdp::{ActionPrior, ColorChoice, Gridworld, Mdp, SparseDynamics, StationaryPolicy, solve_stationary};
use support::side_by_side;

const LAKE: &str = "
    SFFF
    FHFH
    FFFH
    HFFG
";
const DISCOUNT: f64 = 0.99;
const TOLERANCE: f64 = 1e-8;
const TEMPERATURES: [f64; 11] = [0.0, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 100.0, 1e4];
/// V(start) at temperature 0, by QuantEcon (`tests/data/stationary`).
const CLASSICAL: f64 = 0.542_025_932_000_473_6;

/// One line of the table, for an agent at the start.
struct Line {
    temperature: f64,
    value: f64,
    expected_return: f64,
    divergence: f64, // discounted sum of KL(π ‖ ρ) over the steps, in nats
    entropy: f64,    // of the first action
    passes: usize,
    policy: Array2<f64>,
}

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let grid =
        Gridworld::parse(LAKE)?.slip(2.0 / 3.0).step_reward(0.0).goal_reward(1.0 / DISCOUNT).trap_reward(0.0);
    let mdp = grid.builder().discount(DISCOUNT).action_prior(ActionPrior::Uniform).build()?;
    let start = grid.state_at(0, 0).ok_or("the lake has a start")?;
    let mut initial = Array1::zeros(mdp.num_states());
    initial[start] = 1.0;
    let prior = StationaryPolicy::new(mdp.prior_weights().to_owned())?;
    println!("A frozen lake, γ = {DISCOUNT}, with a uniform prior over moves:\n");
    println!("{}", grid.render_map().colored(ColorChoice::Auto));
    println!("{:>8}  {:>8}  {:>8}  {:>10}  {:>9}  passes", "τ", "V", "return", "KL, nats", "entropy");
    let mut lines = Vec::new();
    for temperature in TEMPERATURES {
        let line = solve(&mdp.with_temperature(temperature)?, &prior, &initial, start)?;
        let Line { value, expected_return, divergence, entropy, passes, .. } = &line;
        println!(
            "{temperature:>8}  {value:>8.5}  {expected_return:>8.5}  {divergence:>10.3e}  {entropy:>9.6}  {passes:>6}"
        );
        lines.push(line);
    }

    println!("\nAll moves that are at least half as probable as the best:\n");
    let mut drawings = Vec::new();
    for index in [0, 4, 6, 10] {
        let Line { temperature, policy, .. } = &lines[index];
        let drawing = grid.render_policy(policy)?.colored(ColorChoice::Auto);
        drawings.push((format!("τ = {temperature}"), drawing.to_string()));
    }
    println!("{}", side_by_side(16, &drawings));

    let (coldest, hottest) = (&lines[0], &lines[lines.len() - 1]);
    assert!((coldest.value - CLASSICAL).abs() < 2.0 * TOLERANCE, "τ = 0 is classical dynamic programming");
    assert!((coldest.expected_return - CLASSICAL).abs() < 4.0 * TOLERANCE, "and its policy earns that value");
    let random = prior.expected_return(&mdp, &initial)?;
    assert!((hottest.value - random).abs() < 1e-5, "the limit of V is the return of the prior");
    assert!((hottest.entropy - 4.0_f64.ln()).abs() < 1e-9, "the limit of the policy is the prior");
    for (colder, hotter) in lines.iter().zip(&lines[1..]) {
        let slack = 4.0 * TOLERANCE;
        assert!(colder.value >= hotter.value - slack, "V falls with τ, since divergence costs more");
        assert!(colder.expected_return >= hotter.expected_return - slack, "the return falls with τ");
        assert!(hotter.divergence <= colder.divergence + slack, "the policy approaches the prior");
    }
    for line in &lines {
        let parts = line.expected_return - line.temperature * line.divergence;
        let slack = (4.0 + 2.0 * line.temperature) * TOLERANCE;
        assert!((line.value - parts).abs() <= slack, "V is return less τ times divergence (V1)");
    }
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &lines)?;
    }
    Ok(())
}

/// Values and returns by temperature, and three policies.
#[cfg(feature = "plot")]
fn pictures(folder: &Path, grid: &Gridworld, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    use softmdp::plot::{Curves, StateMap};

    let of = |number: fn(&Line) -> f64| {
        let positive = lines.iter().filter(|line| line.temperature > 0.0);
        positive.map(move |line| (line.temperature.log10(), number(line)))
    };
    Curves::new("A frozen lake: the start, by temperature", "log₁₀ τ", "reward units")
        .subtitle(format!("variational inference, γ = {DISCOUNT}, uniform prior"))
        .series("value V", of(|line| line.value))
        .series("expected return", of(|line| line.expected_return))
        .save(folder.join("temperature.svg"))?;
    for line in [&lines[0], &lines[4], &lines[6]] {
        let map = StateMap::policy_of(grid, &line.policy, softmdp::Inference::Variational)?;
        map.title(format!("Policy π(a | s) at τ = {}", line.temperature))
            .save(folder.join(format!("temperature_{}.svg", line.temperature)))?;
    }
    println!("pictures written to {}", folder.display());
    Ok(())
}

fn solve(
    mdp: &Mdp<f64, SparseDynamics>,
    prior: &StationaryPolicy,
    initial: &Array1<f64>,
    start: usize,
) -> Result<Line, Box<dyn Error>> {
    let solution = solve_stationary(mdp, TOLERANCE)?;
    let policy = solution.policy();
    // Occupancy sums to 1, so the discounted number of steps is 1 / (1 − γ) times it. Terminal states have no actions.
    let occupancy = policy.discounted_occupancy(mdp, initial)?;
    let divergence = policy.kl_divergence(prior)?;
    let acting = (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state));
    let divergence = acting.map(|state| occupancy[state] * divergence[state]).sum::<f64>() / (1.0 - DISCOUNT);
    Ok(Line {
        temperature: mdp.temperature(),
        value: solution.state_values()[start],
        expected_return: policy.expected_return(mdp, initial)?,
        divergence,
        entropy: policy.entropy()[start],
        passes: solution.convergence().iterations,
        policy: policy.probabilities().to_owned(),
    })
}
