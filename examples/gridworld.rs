//! Which route does a successful agent take, and where is it at each stage?
//!
//! Reads a map and solves it for a finite horizon, with either inference. Prints values, policy,
//! evidence, evidence lower bound and the distribution of states over time. After Levine,
//! *Reinforcement Learning and Control as Probabilistic Inference* (arXiv:1805.00909), sections 2
//! and 3.
//!
//! ```text
//! cargo run --release --example gridworld
//! cargo run --release --example gridworld -- my_map.txt --inference variational --slip 0.3
//! cargo run --release --features plot --example gridworld -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::fs;
#[cfg(feature = "plot")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use softmdp::ndarray::{Array1, Array2, Axis};
use softmdp::{
    ActionPrior, ColorChoice, Gridworld, Inference, Moves, SoftValueIteration, Solution, SparseDynamics,
    posterior,
};
use support::side_by_side;

type Mdp = softmdp::Mdp<f64, SparseDynamics<f64>>;

/// Solves a gridworld: values, policy, and where the agent is at each stage.
#[derive(Debug, Parser)]
struct Options {
    /// Text map: '#' wall, '.', 'F' or a blank free, 'S' start, 'G' goal, '1'-'9' smaller goals,
    /// 'X' or 'H' trap [default: bundled]
    map: Option<PathBuf>,
    /// Number of steps
    #[arg(long, default_value_t = 30)]
    horizon: usize,
    /// Temperature, in reward units per nat: higher is more random; 0 is classical planning
    /// (variational only)
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    temperature: f64,
    /// Discount: probability to continue after a step (direct), or factor on later rewards
    /// (variational)
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    discount: f64,
    /// direct: what happened, given success? variational: how should I act?
    #[arg(long, value_enum, default_value_t = Question::Direct)]
    inference: Question,
    /// Probability that a step slips to either side
    #[arg(long, default_value_t = 0.1, allow_hyphen_values = true)]
    slip: f64,
    /// Reward of each step
    #[arg(long, default_value_t = -1.0, allow_hyphen_values = true)]
    step_reward: f64,
    /// Value of a goal 'G'
    #[arg(long, default_value_t = 30.0, allow_hyphen_values = true)]
    goal_reward: f64,
    /// Value of a trap 'X'
    #[arg(long, default_value_t = -30.0, allow_hyphen_values = true)]
    trap_reward: f64,
    /// Allow diagonal moves
    #[arg(long)]
    diagonal: bool,
    #[command(flatten)]
    out: support::Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Question {
    Direct,
    Variational,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let (name, map) = match &options.map {
        Some(path) => {
            let map = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            (path.display().to_string(), map)
        }
        None => ("bundled map".to_string(), include_str!("maps/ledges.txt").to_string()),
    };
    let grid = Gridworld::parse(&map)
        .map_err(|error| format!("{name}: {error}"))?
        .moves(if options.diagonal { Moves::Eight } else { Moves::Four })
        .slip(options.slip)
        .step_reward(options.step_reward)
        .goal_reward(options.goal_reward)
        .trap_reward(options.trap_reward);
    // With terminal states, a counting prior would reward delays with entropy. A uniform prior does not.
    let mdp = grid
        .builder()
        .temperature(options.temperature)
        .discount(options.discount)
        .action_prior(ActionPrior::Uniform)
        .build()?;
    let initial = grid.initial();
    let inference = match options.inference {
        Question::Direct => Inference::Direct,
        Question::Variational => Inference::Variational,
    };

    if inference == Inference::Direct && mdp.temperature() <= 0.0 {
        return Err("direct inference has no evidence at temperature 0: add --inference variational".into());
    }
    println!("{name}: {} states, {} actions, slip {}", mdp.num_states(), mdp.num_actions(), options.slip);
    println!("{inference} inference, {} steps, temperature {}\n", options.horizon, options.temperature);
    let solution = SoftValueIteration::new(options.horizon).inference(inference).solve(&mdp)?;
    print_start(&grid, &solution)?;
    let marginals = match inference {
        Inference::Direct => success(&mdp, &initial, &solution)?,
        Inference::Variational => acting(&mdp, &initial, &solution)?,
    };
    print_marginals(&grid, &marginals)?;
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        draw(folder, &grid, &mdp, &solution)?;
    }
    Ok(())
}

/// Values and policy of the first stage.
fn print_start(grid: &Gridworld, solution: &Solution) -> Result<(), Box<dyn Error>> {
    let values = grid.render_values(&solution.state_values().index_axis(Axis(0), 0))?;
    println!("Value of each cell at stage 0:\n{}", values.colored(ColorChoice::Auto));
    if let Ok(policy) = solution.policy().at(0) {
        println!(
            "First move (all moves that are at least half as probable as the best):\n{}",
            grid.render_policy(&policy)?.colored(ColorChoice::Auto)
        );
    }
    Ok(())
}

/// Direct inference: prints the evidence, and returns the posterior marginals of states.
fn success(mdp: &Mdp, initial: &Array1<f64>, solution: &Solution) -> Result<Array2<f64>, Box<dyn Error>> {
    let posterior = solution.posterior(mdp, initial)?;
    let (log_evidence, tau) = (posterior.log_evidence(), mdp.temperature());
    let bound = solution.policy().elbo(mdp, initial)?;
    println!("log evidence                       {log_evidence:9.4} nats");
    println!("ELBO of this policy, true dynamics {:9.4} nats", bound / tau);
    println!("gap: luck in start and steps       {:9.4} nats\n", log_evidence - bound / tau);
    assert!(
        bound / tau <= log_evidence + 1e-9 * log_evidence.abs().max(1.0),
        "the ELBO is a lower bound (V7)"
    );
    let marginals = posterior.state_marginals().to_owned();
    for row in marginals.rows() {
        assert!(row.sum() < 1.0 + 1e-12, "marginals sum to 1, less what has left (D7)");
    }
    println!("Where the agent is, given that it succeeds:");
    Ok(marginals)
}

/// Variational inference: prints the ELBO, and returns the occupancy of the policy.
fn acting(mdp: &Mdp, initial: &Array1<f64>, solution: &Solution) -> Result<Array2<f64>, Box<dyn Error>> {
    let (policy, tau) = (solution.policy(), mdp.temperature());
    let bound = policy.elbo(mdp, initial)?;
    println!("expected return                    {:9.4} reward units", policy.expected_return(mdp, initial)?);
    println!("soft value (return and entropy)    {bound:9.4} reward units");
    if tau > 0.0 {
        println!("ELBO                               {:9.4} nats", bound / tau);
        match posterior(mdp, initial, solution.horizon()) {
            Ok(posterior) => {
                let log_evidence = posterior.log_evidence();
                println!("log evidence                       {log_evidence:9.4} nats");
                let slack = 1e-9 * log_evidence.abs().max(1.0);
                assert!(bound / tau <= log_evidence + slack, "the ELBO is a lower bound (V7)");
            }
            Err(error) => println!("no log evidence: {error}"),
        }
    }
    println!("\nWhere the agent is under this policy:");
    Ok(policy.state_occupancy(mdp, initial)?)
}

/// Prints five stages from the first to the last, side by side if the map is narrow enough.
fn print_marginals(grid: &Gridworld, marginals: &Array2<f64>) -> Result<(), Box<dyn Error>> {
    let horizon = marginals.nrows() - 1;
    let mut stages: Vec<usize> = (0..=4).map(|quarter| horizon * quarter / 4).collect();
    stages.dedup();
    let mut blocks = Vec::new();
    for t in stages {
        let rendering = grid.render_marginals(&marginals.index_axis(Axis(0), t))?;
        blocks.push((format!("stage {t}"), rendering.colored(ColorChoice::Auto).to_string()));
    }
    let per_line = (100 / (2 * grid.width() + 4)).max(1);
    for line in blocks.chunks(per_line) {
        println!("{}", side_by_side(2 * grid.width(), line));
    }
    println!("██ 1/2   ▓▓ 1/4   ▒▒ 1/10   ░░ 1/100   · 1/1000   ## wall");
    Ok(())
}

/// Draws values, policy, occupancy and marginals.
#[cfg(feature = "plot")]
fn draw(folder: &Path, grid: &Gridworld, mdp: &Mdp, solution: &Solution) -> Result<(), Box<dyn Error>> {
    use softmdp::plot::{Animation, StateMap};

    let (inference, horizon) = (solution.inference(), solution.horizon());
    let values = solution.state_values().row(0).to_owned();
    StateMap::values(grid, &values, inference)?.save(folder.join("gridworld_values.svg"))?;
    if horizon > 0 {
        let first = solution.policy().at(0)?;
        StateMap::policy_of(grid, &first, inference)?.save(folder.join("gridworld_policy.svg"))?;
        let map = StateMap::values(grid, &values, inference)?.with_policy(&first)?;
        map.save(folder.join("gridworld.svg"))?;
        map.save(folder.join("gridworld.png"))?;
    }
    let occupancy = solution.policy().state_occupancy(mdp, &grid.initial())?;
    let map = StateMap::occupancy(grid, &occupancy.sum_axis(Axis(0)), inference)?;
    map.title(format!("Expected number of the {} stages spent in each cell", horizon + 1))
        .save(folder.join("gridworld_occupancy.svg"))?;
    if inference == Inference::Direct {
        let posterior = solution.posterior(mdp, &grid.initial())?;
        let likely = posterior.most_likely(mdp)?;
        let map = StateMap::values(grid, &values, inference)?.with_trajectory(&likely)?;
        map.title("The most likely trajectory, over state values V")
            .save(folder.join("gridworld_trajectory.svg"))?;
        let middle = horizon / 4;
        StateMap::marginals(grid, &posterior.state_marginals().row(middle), middle)?
            .save(folder.join("gridworld_marginals.svg"))?;
        let animation = Animation::of_posterior(grid, mdp, &posterior)?;
        animation.frame(middle)?.save(folder.join("gridworld_inference.svg"))?;
        let spinner = support::spinner("writing gridworld_inference.gif");
        animation.save(folder.join("gridworld_inference.gif"))?;
        spinner.finish_and_clear();
    }
    println!("pictures written to {}", folder.display());
    Ok(())
}
