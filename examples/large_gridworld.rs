//! A grid of a million cells.
//!
//! The world is a slippery square without walls, with a goal in one corner. `solve_values` stores
//! the values of every stage, but no action values and no policies. One backup computes the action
//! values and the policy of one stage on demand. At 1000 × 1000 cells and 100 stages there are 12
//! million transitions and 101 million values. They take about 1.1 GB.
//!
//! ```sh
//! cargo run --release --example large_gridworld -- --size 1000 --horizon 100
//! cargo run --release --features plot --example large_gridworld -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use softmdp::{ActionPrior, Gridworld, Inference, SoftValueIteration, Watched};

/// Solves a large slippery square with a goal in one corner
#[derive(Debug, Parser)]
struct Options {
    /// Number of rows, and of columns
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    size: u32,
    /// Number of decision stages
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(8..))]
    horizon: u32,
    /// direct: what happened, given success? variational: how should I act?
    #[arg(long, default_value = "variational")]
    inference: Which,
    #[command(flatten)]
    out: support::Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Direct,
    Variational,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let (size, horizon) = (options.size as usize, options.horizon as usize);
    let mut map = format!("{}\n", ".".repeat(size)).repeat(size);
    map.replace_range(0..1, "G");
    let grid = Gridworld::parse(&map)?.slip(0.2).goal_reward(2.0 * horizon as f64);
    let mdp = grid.builder().action_prior(ActionPrior::Uniform).temperature(0.1).build()?;
    println!(
        "{} states, {} transitions, {horizon} stages",
        mdp.num_states(),
        mdp.dynamics().num_transitions()
    );

    let inference = match options.inference {
        Which::Direct => Inference::Direct,
        Which::Variational => Inference::Variational,
    };
    let bar = support::progress_bar(horizon, "stages", "backward pass");
    let watched = Watched::new(&mdp, support::count_stages(&bar));
    let start = Instant::now();
    let values = SoftValueIteration::new(horizon).inference(inference).solve_values(&watched)?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let rate = (horizon * mdp.dynamics().num_transitions()) as f64 / seconds / 1e6;
    println!("{inference} inference: {seconds:.2} s, {rate:.0} million transitions per second\n");

    println!("Value at the first stage, by distance from the goal along the edge:");
    let value =
        |column: usize| grid.state_at(0, column).map_or(f64::NAN, |state| values.state_values()[[0, state]]);
    let farthest = horizon.min(size - 1);
    let marks = [0, farthest / 8, farthest / 4, farthest / 2, farthest];
    for column in marks {
        println!("  {column:>5}  {:>9.2}", value(column));
    }
    // States nearer to the goal are worth more.
    assert!(marks.windows(2).all(|pair| pair[0] == pair[1] || value(pair[0]) > value(pair[1])));
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        let map = softmdp::plot::StateMap::values(&grid, &values.state_values().row(0), inference)?;
        let map = map
            .with_policy(&values.policy_at(&mdp, 0)?)?
            .subtitle(format!("{inference} inference, {horizon} steps to go"));
        map.save(folder.join("large_gridworld.svg"))?;
        map.save(folder.join("large_gridworld.png"))?;
        println!("pictures written to {}", folder.display());
    }
    Ok(())
}
