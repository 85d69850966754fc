//! What does temperature do to behaviour?
//!
//! One world, from temperature 0, where only the best action counts, to one so high that nothing does and the policy is
//! the prior. In between, an agent gives up some of its return to stay near the prior: V is the expected return less τ times
//! what it strays, in nats (Levine, arXiv:1805.00909, section 3; Geist, Scherrer and Pietquin, *A Theory of Regularized
//! Markov Decision Processes*, ICML 2019). Temperature ∞ itself is refused.
//!
//! The world is a frozen lake, as FrozenLake-v1 of Gymnasium is: a step goes where it should one time in three, and to
//! either side otherwise; holes end the walk, and the goal is worth 1 / γ, so that stepping onto it is worth 1.
//!
//! ```text
//! cargo run --release --example temperature
//! ```

mod support;

use std::error::Error;

use softmdp::ndarray::{Array1, Array2, ArrayView2};
use softmdp::{ActionPrior, Dynamics, Gridworld, Mdp, SparseDynamics, solve_stationary};
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
/// V of the start at temperature 0, by QuantEcon (`tests/data/stationary`).
const CLASSICAL: f64 = 0.542_025_932_000_473_6;

/// One line of the table, all for an agent at the start.
struct Line {
    temperature: f64,
    value: f64,
    expected_return: f64,
    divergence: f64, // discounted sum of KL(π ‖ ρ) over the steps, in nats
    entropy: f64,    // of the first action
    passes: usize,
    policy: Array2<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let grid =
        Gridworld::parse(LAKE)?.slip(2.0 / 3.0).step_reward(0.0).goal_reward(1.0 / DISCOUNT).trap_reward(0.0);
    let mdp = grid.builder().discount(DISCOUNT).action_prior(ActionPrior::Uniform).build()?;
    let start = grid.state_at(0, 0).ok_or("the lake has a start")?;
    println!("A frozen lake, γ = {DISCOUNT}, and an agent that would rather act at random:\n");
    println!("{}", grid.render_map());
    println!("{:>8}  {:>8}  {:>8}  {:>10}  {:>9}  passes", "τ", "V", "return", "KL, nats", "entropy");
    let mut lines = Vec::new();
    for temperature in TEMPERATURES {
        let line = solve(&mdp.with_temperature(temperature)?, start)?;
        let Line { value, expected_return, divergence, entropy, passes, .. } = &line;
        println!(
            "{temperature:>8}  {value:>8.5}  {expected_return:>8.5}  {divergence:>10.3e}  {entropy:>9.6}  {passes:>6}"
        );
        lines.push(line);
    }

    println!("\nall moves that are at least half as probable as the best:\n");
    let mut drawings = Vec::new();
    for index in [0, 4, 6, 10] {
        let Line { temperature, policy, .. } = &lines[index];
        drawings.push((format!("τ = {temperature}"), grid.render_policy(policy)?));
    }
    println!("{}", side_by_side(16, &drawings));

    let (coldest, hottest) = (&lines[0], &lines[lines.len() - 1]);
    assert!((coldest.value - CLASSICAL).abs() < 2.0 * TOLERANCE, "τ = 0 is classical dynamic programming");
    assert!((coldest.expected_return - CLASSICAL).abs() < 4.0 * TOLERANCE, "and acts by it");
    let random = expected_return(&mdp, &mdp.prior_weights(), start)?;
    assert!((hottest.value - random).abs() < 1e-5, "the limit of V is the return of the prior");
    assert!((hottest.entropy - 4.0_f64.ln()).abs() < 1e-9, "the limit of the policy is the prior");
    for (colder, hotter) in lines.iter().zip(&lines[1..]) {
        let slack = 4.0 * TOLERANCE;
        assert!(colder.value >= hotter.value - slack, "V falls with τ, since divergence costs more");
        assert!(colder.expected_return >= hotter.expected_return - slack, "and so does what is earned");
        assert!(hotter.divergence <= colder.divergence + slack, "the policy moves to the prior");
    }
    for line in &lines {
        let parts = line.expected_return - line.temperature * line.divergence;
        let slack = (4.0 + 2.0 * line.temperature) * TOLERANCE;
        assert!((line.value - parts).abs() <= slack, "V is return less τ times divergence (V1)");
    }
    Ok(())
}

fn solve(mdp: &Mdp<f64, SparseDynamics>, start: usize) -> Result<Line, Box<dyn Error>> {
    let solution = solve_stationary(mdp, TOLERANCE)?;
    let (policy, prior) = (solution.probabilities(), mdp.prior_weights());
    let nats = |p: f64, weight: f64| if p > 0.0 { p * (p / weight).ln() } else { 0.0 };
    let strays =
        |state| policy.row(state).iter().zip(prior.row(state)).map(|(&p, &weight)| nats(p, weight)).sum();
    let nothing = Array1::zeros(mdp.num_states());
    Ok(Line {
        temperature: mdp.temperature(),
        value: solution.state_values()[start],
        expected_return: expected_return(mdp, &policy, start)?,
        divergence: discounted(mdp, &policy, strays, &nothing, start)?,
        // Zero has a sign.
        entropy: 0.0 - policy.row(start).iter().map(|&p| nats(p, 1.0)).sum::<f64>(),
        passes: solution.convergence().iterations,
        policy: policy.to_owned(),
    })
}

/// What a policy earns, without regard to entropy.
fn expected_return(
    mdp: &Mdp<f64, SparseDynamics>,
    policy: &ArrayView2<'_, f64>,
    start: usize,
) -> Result<f64, Box<dyn Error>> {
    let earned = |state| policy.row(state).dot(&mdp.rewards().row(state));
    discounted(mdp, policy, earned, &mdp.terminal_values().to_owned(), start)
}

/// The discounted sum of a number that each state pays under a policy: the value of a model with one action, which is to
/// follow the policy.
fn discounted(
    mdp: &Mdp<f64, SparseDynamics>,
    policy: &ArrayView2<'_, f64>,
    pays: impl Fn(usize) -> f64,
    terminal_values: &Array1<f64>,
    start: usize,
) -> Result<f64, Box<dyn Error>> {
    // Less than that is nothing, and has fewer digits.
    let weights: Vec<f64> =
        policy.iter().map(|&p| if p < f64::MIN_POSITIVE.sqrt() { 0.0 } else { p }).collect();
    let chain = mdp.dynamics().mix_actions(&weights).ok_or("sparse rows can be mixed")?;
    let rewards =
        Array2::from_shape_fn(
            (mdp.num_states(), 1),
            |(state, _)| {
                if mdp.is_terminal(state) { 0.0 } else { pays(state) }
            },
        );
    let following = Mdp::builder(chain, rewards)
        .terminal_states(mdp.terminal_states())
        .terminal_values(terminal_values.clone())
        .discount(mdp.discount())
        .build()?;
    Ok(solve_stationary(&following, TOLERANCE)?.state_values()[start])
}
