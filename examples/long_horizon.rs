//! A million stages of a small model.
//!
//! A machine works, wears out and breaks. An operator runs, maintains or repairs it. Given success
//! for a million hours, in which states was the machine? The example computes the posterior
//! marginals of every stage with checkpoints, and adds them up. This needs the memory of two
//! thousand stages.
//!
//! ```sh
//! cargo run --release --example long_horizon -- --horizon 1000000
//! cargo run --release --features plot --example long_horizon -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Parser;
use softmdp::ndarray::{Array1, Array2, array};
use softmdp::{ActionPrior, Inference, Mdp, SoftValueIteration, Watched, stream_posterior};

/// Computes the posterior of a small model over a very long horizon
#[derive(Debug, Parser)]
struct Options {
    /// Number of decision stages
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    horizon: u32,
    #[command(flatten)]
    out: support::Out,
}

const STATES: [&str; 3] = ["as new", "worn", "broken"];

fn main() -> ExitCode {
    support::exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let horizon = options.horizon as usize;
    let transitions = array![
        [[0.95, 0.05, 0.0], [0.99, 0.01, 0.0], [1.0, 0.0, 0.0]], // as new: run, maintain, repair
        [[0.0, 0.85, 0.15], [0.4, 0.58, 0.02], [1.0, 0.0, 0.0]], // worn
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.7, 0.0, 0.3]],     // broken
    ];
    let rewards = array![[1.0, 0.6, -2.0], [0.8, 0.3, -2.0], [0.0, 0.0, -2.0]];
    let mdp = Mdp::builder(transitions, rewards).action_prior(ActionPrior::Uniform).build()?;
    let initial = array![1.0, 0.0, 0.0];

    // Two backward passes and a forward pass.
    let bar = support::progress_bar(3 * horizon, "stages", "three passes");
    let watched = Watched::new(&mdp, support::count_stages(&bar));
    let mut hours: Array1<f64> = Array1::zeros(STATES.len());
    let mut first_hours: Vec<Array1<f64>> = Vec::new();
    let end = stream_posterior(&watched, &initial, horizon, |stage| {
        hours += &stage.state_marginals();
        if stage.stage() <= 60 {
            first_hours.push(stage.state_marginals().to_owned());
        }
        ControlFlow::<()>::Continue(())
    })?;
    bar.finish_and_clear();

    // The same shares under the best policy, whose early stages are all alike.
    let acting = SoftValueIteration::new(2_000).inference(Inference::Variational).solve(&mdp)?;
    let occupancy: Array2<f64> = acting.policy().state_occupancy(&mdp, &initial)?;
    let ControlFlow::Continue(log_evidence) = end else { return Ok(()) };
    println!(
        "log-evidence of {horizon} stages: {log_evidence:.3} nats, {:.6} per stage\n",
        log_evidence / horizon as f64
    );
    println!("            share of hours");
    println!("            given success         best policy");
    for (state, name) in STATES.iter().enumerate() {
        let share = hours[state] / (horizon + 1) as f64;
        println!("  {name:<8}  {:>15.2} %  {:>11.2} %", 100.0 * share, 100.0 * occupancy[[1_000, state]]);
    }
    assert!((hours.sum() - (horizon + 1) as f64).abs() < 1e-6 * horizon as f64);
    if horizon > 10_000 {
        assert!(
            hours[2] / (horizon as f64) < occupancy[[1_000, 2]],
            "given success, the machine is broken less often"
        );
    }
    assert_eq!(first_hours.len(), (horizon + 1).min(61));
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        let mut curves =
            softmdp::plot::Curves::new("State of the machine, given success", "hour", "probability")
                .subtitle(format!("direct inference: the first hours of {horizon}"))
                .log_scale();
        for (state, name) in STATES.iter().enumerate() {
            curves =
                curves.series(*name, first_hours.iter().enumerate().map(|(hour, p)| (hour as f64, p[state])));
        }
        curves.save(folder.join("long_horizon.svg"))?;
        println!("pictures written to {}", folder.display());
    }
    Ok(())
}
