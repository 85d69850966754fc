//! How hard should the first of two servers in a row work?
//!
//! Jobs arrive at a first queue, are served, enter a second queue, and are served again. The second
//! server has one speed. The first server may rest, work or hurry, at a price. Waiting costs more
//! in the second queue than in the first, so it can pay to hold jobs back. The best control
//! switches at a curve in the plane of queue lengths: Rosberg, Varaiya and Walrand, *Optimal
//! control of service in tandem queues*, IEEE TAC 27, 1982.
//!
//! The transitions are computed and never stored. There are millions of them at the default size. A
//! progress bar shows the backward pass.
//!
//! ```sh
//! cargo run --release --example tandem_queue -- --capacity 500 --horizon 300
//! cargo run --release --features plot --example tandem_queue -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::ops::Range;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use softmdp::ndarray::Array2;
use softmdp::{
    ActionPrior, Dynamics, Inference, Mdp, SoftValueIteration, SparseDynamics, StateValues, Watched,
};

/// Controls the first of two servers in a row
#[derive(Debug, Parser)]
struct Options {
    /// Capacity of each queue, in jobs
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    capacity: u32,
    /// Number of decision stages
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    horizon: u32,
    /// Temperature, in units of cost per nat: higher is more random
    #[arg(long, default_value_t = 0.01, allow_hyphen_values = true)]
    temperature: f64,
    #[command(flatten)]
    out: support::Out,
}

const ACTIONS: [&str; 3] = ["rest", "work", "hurry"];
const ARRIVAL: f64 = 0.3;
const FIRST_SERVICE: [f64; 3] = [0.0, 0.25, 0.45];
const SECOND_SERVICE: f64 = 0.25;
const EFFORT: [f64; 3] = [0.0, 0.1, 0.8];
/// Cost per job and stage, in each queue.
const WAITING: [f64; 2] = [0.10, 0.12];

/// Two queues with room for `capacity` jobs each. The state is `first · (capacity + 1) + second`.
/// One event happens per stage: an arrival, an end of service at one of the servers, or nothing.
#[derive(Debug)]
struct TandemQueue {
    capacity: usize,
}

impl TandemQueue {
    fn state(&self, first: usize, second: usize) -> usize {
        first * (self.capacity + 1) + second
    }

    fn queues(&self, state: usize) -> (usize, usize) {
        (state / (self.capacity + 1), state % (self.capacity + 1))
    }
}

impl Dynamics for TandemQueue {
    type Scalar = f64;

    fn num_states(&self) -> usize {
        (self.capacity + 1) * (self.capacity + 1)
    }

    fn num_actions(&self) -> usize {
        ACTIONS.len()
    }

    fn for_each_successor(&self, state: usize, action: usize, visit: &mut dyn FnMut(usize, f64)) {
        let (first, second) = self.queues(state);
        let mut nothing = 1.0;
        let mut event = |possible: bool, p: f64, next: (usize, usize)| {
            if possible {
                nothing -= p;
                visit(self.state(next.0, next.1), p);
            }
        };
        event(first < self.capacity, ARRIVAL, (first + 1, second));
        let is_served = first > 0 && second < self.capacity;
        event(is_served, FIRST_SERVICE[action], (first.saturating_sub(1), second + 1));
        event(second > 0, SECOND_SERVICE, (first, second.saturating_sub(1)));
        visit(state, nothing.max(0.0));
    }

    /// Four events for each pair. Threads divide the states by this number.
    fn work(&self, states: Range<usize>) -> usize {
        4 * ACTIONS.len() * states.len()
    }
}

/// The cost of waiting and effort, as negative rewards.
fn rewards(queue: &TandemQueue) -> Array2<f64> {
    Array2::from_shape_fn((queue.num_states(), ACTIONS.len()), |(state, action)| {
        let (first, second) = queue.queues(state);
        -WAITING[0] * first as f64 - WAITING[1] * second as f64 - EFFORT[action]
    })
}

fn solve(mdp: &Mdp<f64, impl Dynamics<Scalar = f64>>, horizon: usize) -> Result<StateValues, softmdp::Error> {
    let bar = support::progress_bar(horizon, "stages", "backward pass");
    let watched = Watched::new(mdp, support::count_stages(&bar));
    let solver = SoftValueIteration::new(horizon).inference(Inference::Variational);
    let values = solver.solve_values(&watched);
    bar.finish_and_clear();
    values
}

fn model<D: Dynamics<Scalar = f64>>(
    dynamics: D,
    rewards: Array2<f64>,
    temperature: f64,
) -> Result<Mdp<f64, D>, softmdp::Error> {
    Mdp::builder(dynamics, rewards).action_prior(ActionPrior::Uniform).temperature(temperature).build()
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let (capacity, horizon) = (options.capacity as usize, options.horizon as usize);
    let temperature = options.temperature;
    let queue = TandemQueue { capacity };
    let rewards = rewards(&queue);
    let mdp = model(queue, rewards.clone(), temperature)?;
    println!(
        "{} states, {} transitions that are never stored, {horizon} stages",
        mdp.num_states(),
        mdp.dynamics().work(0..mdp.num_states())
    );
    let values = solve(&mdp, horizon)?;

    println!("\nThe most probable effort at stage 0, by queue lengths (. rest, w work, h hurry):\n");
    let policy = values.policy_at(&mdp, 0)?;
    let queue = mdp.dynamics();
    let greedy = |first: usize, second: usize| {
        let row = policy.row(queue.state(first, second));
        (0..ACTIONS.len()).fold(0, |best, action| if row[action] > row[best] { action } else { best })
    };
    println!("  rows: jobs in the second queue; columns: jobs in the first queue, from 0");
    for second in 0..=capacity.min(15) {
        let line: String =
            (0..=capacity.min(60)).map(|first| ['.', 'w', 'h'][greedy(first, second)]).collect();
        println!("  {second:>5}  {line}");
    }
    // The curve of the theory: more jobs ahead never make the first server work harder.
    for first in 1..=capacity {
        assert!((1..capacity).all(|second| greedy(first, second) >= greedy(first, second + 1)));
    }

    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, queue, &values, &policy)?;
    }

    // The same model with stored transitions gives the same numbers.
    let small = TandemQueue { capacity: 20 };
    let rewards = self::rewards(&small);
    let stored = SparseDynamics::from_dynamics(&small)?;
    let computed = solve(&model(small, rewards.clone(), temperature)?, 50)?;
    let stored = solve(&model(stored, rewards, temperature)?, 50)?;
    let difference = (&computed.state_values() - &stored.state_values()).mapv(f64::abs);
    let largest = difference.iter().copied().fold(0.0, f64::max);
    println!(
        "\nCheck with queues of 20 and 50 stages: stored or computed, values differ by at most {largest:.1e}."
    );
    assert!(largest < 1e-11);
    Ok(())
}

/// Effort and values in the plane of queue lengths.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    queue: &TandemQueue,
    values: &StateValues,
    policy: &Array2<f64>,
) -> Result<(), Box<dyn Error>> {
    use softmdp::ndarray::{Axis, aview1};
    use softmdp::plot::{StateLayout, StateMap};

    // The part of the plane where the effort varies.
    let shown = |longest: usize| 0..=queue.capacity.min(longest);
    let states: Vec<usize> =
        shown(30).flat_map(|second| shown(120).map(move |first| queue.state(first, second))).collect();
    let lengths = Array2::from_shape_fn((states.len(), 2), |(index, axis)| {
        let (first, second) = queue.queues(states[index]);
        [first as f64, second as f64][axis]
    });
    let plane = StateLayout::points(&lengths)?.axes("jobs in the first queue", "jobs in the second queue");
    let effort = policy.select(Axis(0), &states).dot(&aview1(&FIRST_SERVICE));
    StateMap::numbers(
        plane.clone(),
        &effort,
        "How hard should the first server work?",
        "expected rate of service",
    )?
    .subtitle("variational inference, stage 0")
    .save(folder.join("tandem_queue.svg"))?;
    let first = values.state_values().row(0).select(Axis(0), &states);
    StateMap::values(plane, &first, Inference::Variational)?.save(folder.join("tandem_queue_values.svg"))?;
    println!("pictures written to {}", folder.display());
    Ok(())
}
