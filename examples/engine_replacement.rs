//! When should the engine of a bus be replaced?
//!
//! Harold Zurcher maintained the buses of Madison, Wisconsin. Each month he looked at the mileage
//! of an engine. He either kept the engine, at a maintenance cost that grows with the mileage, or
//! replaced it. From ten years of records, J. Rust estimated the costs that explain his choices:
//! *Optimal Replacement of GMC Bus Engines: An Empirical Model of Harold Zurcher*, Econometrica 55
//! (1987), 999–1033.
//!
//! The records do not contain everything that Zurcher saw. Rust models the rest as a shock to each
//! choice, with an extreme-value distribution. That is variational inference at temperature 1 with
//! a counting prior. At a discount of 0.9999 per month, plain value iteration takes 200 000 passes.
//!
//! The numbers are those of table IX, for buses of group 4 and linear cost, in bins of 5000 miles.
//! The example checks its results against values in 30 digits (`tests/data/stationary`), and
//! against the tests of ruspy, a program by OpenSourceEconomics.
//!
//! ```text
//! cargo run --release --example engine_replacement
//! cargo run --release --features plot --example engine_replacement -- --out target/pictures
//! ```

mod support;

use std::error::Error;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::{Mdp, SparseDynamics, StationarySolution, solve_stationary};
use support::bus::{self, BIN_MILES, KEEP, NUM_BINS, REPLACE};

const DISCOUNT: f64 = 0.9999;
/// The mean of a shock whose location is 0. Rust's shocks have mean 0.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The costs of a bus, in units of the standard shock, and how far it drives.
struct Bus<'a> {
    replacement: f64,
    maintenance: f64,      // a month, for 1000 bins
    increments: &'a [f64], // probability of driving 0, 1, 2, … bins a month
}

const GROUP_4: Bus = Bus { replacement: 10.0750, maintenance: 2.2930, increments: &[0.3919, 0.5953, 0.0128] };

impl Bus<'_> {
    fn solve(&self) -> Result<(Mdp<f64, SparseDynamics>, StationarySolution), softmdp::Error> {
        let rewards = bus::rewards(self.replacement, self.maintenance);
        let mdp = Mdp::builder(bus::dynamics(self.increments)?, rewards).discount(DISCOUNT).build()?;
        let solution = solve_stationary(&mdp, 1e-6)?;
        Ok((mdp, solution))
    }
}

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let (mdp, solution) = GROUP_4.solve()?;
    let (values, convergence) = (solution.state_values(), solution.convergence());
    let hazard = solution.probabilities().column(REPLACE).to_owned();
    let a_year = bus::replacements_a_year(&mdp, solution.policy())?;

    println!(
        "Rust's bus, group 4: a new engine costs {}, a month of maintenance at most",
        GROUP_4.replacement
    );
    println!("{:.3}; {} mileages, γ = {DISCOUNT}\n", -mdp.rewards()[[NUM_BINS - 1, KEEP]], mdp.num_states());
    println!("{:>8}  {:>10}  {:>8}  chance of a new engine this month", "miles", "V", "V − V(0)");
    for bin in (0..NUM_BINS).step_by(5).chain([NUM_BINS - 1]) {
        let miles = bin * BIN_MILES;
        let bar = "█".repeat((600.0 * hazard[bin]).round() as usize);
        let (value, worn) = (values[bin], values[bin] - values[0]);
        println!("{miles:>8}  {value:>10.3}  {worn:>8.3}  {:>5.2} % {bar}", 100.0 * hazard[bin]);
    }
    println!(
        "\nAn engine lasts {:.0} months on average: {a_year:.3} replacements per bus and year.",
        12.0 / a_year
    );
    println!(
        "{} passes over the model, error at most {:.0e}. Shocks with mean {EULER:.4} instead of 0 would raise",
        convergence.iterations, convergence.error_bound
    );
    println!("all values by {:.0}, the mean over 1 − γ, and change no choice.", EULER / (1.0 - DISCOUNT));

    // In 30 digits, in bins 0, 44 and 89.
    for (bin, expected) in
        [(0, -1_278.481_247_461_442), (44, -1_284.316_614_088_627_8), (89, -1_285.934_944_107_019_2)]
    {
        assert!((values[bin] - expected).abs() <= convergence.error_bound + 1e-12, "V of bin {bin}");
    }
    assert!(convergence.error_bound <= 1e-6);
    assert!(values.windows(2).into_iter().all(|pair| pair[0] > pair[1]), "every mile costs");
    assert!(hazard.windows(2).into_iter().all(|pair| pair[0] < pair[1]), "and makes a new engine likelier");

    // E V after keeping in bins 0, 44 and 89, for RC = 10, θ = 2 and another way of driving.
    let increments = [0.2, 0.3, 0.15, 0.35];
    let (_, other) = Bus { replacement: 10.0, maintenance: 2.0, increments: &increments }.solve()?;
    for (bin, expected) in
        [(0, -1_722.820_390_492_623_3), (44, -1_726.237_387_643_544_7), (89, -1_727.397_895_262_125_5)]
    {
        let after = |(bins, p): (usize, &f64)| p * other.state_values()[(bin + bins).min(NUM_BINS - 1)];
        let found: f64 = increments.iter().enumerate().map(after).sum();
        assert!((found - expected).abs() < 2e-6, "E V of bin {bin} is that of ruspy");
    }

    // The demand for engines at three prices.
    println!("\nprice   replacements per bus and year");
    for (replacement, expected) in [(2.0, 1.533_931_365), (10.0, 0.132_029_738_1), (13.0, 0.104_927_806_7)] {
        let (mdp, solution) = Bus { replacement, ..GROUP_4 }.solve()?;
        let a_year = bus::replacements_a_year(&mdp, solution.policy())?;
        println!("{replacement:<7} {a_year:.4}");
        // Its estimates have more digits than table IX.
        assert!((a_year - expected).abs() < 1e-4 * expected, "the demand is that of ruspy");
    }
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &mdp, &hazard)?;
    }
    Ok(())
}

/// The chance of replacement by mileage, and the convergence of three methods.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    mdp: &Mdp<f64, SparseDynamics>,
    hazard: &softmdp::ndarray::Array1<f64>,
) -> Result<(), Box<dyn Error>> {
    use softmdp::plot::Curves;
    use softmdp::{Method, StationarySolver};

    let by_mileage = hazard.iter().enumerate().map(|(bin, &p)| ((bin * BIN_MILES / 1000) as f64, 100.0 * p));
    Curves::new("Rust's buses: the chance of a new engine this month", "thousand miles", "per cent")
        .subtitle(format!("variational inference, γ = {DISCOUNT}"))
        .series("group 4", by_mileage)
        .save(folder.join("engine_replacement.svg"))?;

    // Each point is the bound of a search with that limit of passes.
    let mut curves =
        Curves::convergence().subtitle(format!("Rust's buses, variational inference, γ = {DISCOUNT}"));
    let methods = [
        ("Newton", Method::Newton),
        ("modified policy iteration", Method::ModifiedPolicyIteration),
        ("value iteration", Method::ValueIteration),
    ];
    for (name, method) in methods {
        let mut bounds = Vec::new();
        for passes in (1..=16).map(|power| 1.6_f64.powi(power) as usize) {
            let solver = StationarySolver::new(1e-6).method(method).max_iterations(passes);
            bounds.push((passes as f64, solver.solve(mdp)?.convergence().error_bound));
        }
        curves = curves.series(name, bounds);
    }
    curves.save(folder.join("engine_replacement_convergence.svg"))?;
    println!("pictures written to {}", folder.display());
    Ok(())
}
