//! How much return does a taxi lose by driving at random?
//!
//! A taxi fetches a passenger from one of four places and takes them to another. Each step costs 1,
//! a wrong attempt to pick up or put down costs 10, and arriving pays 20. The problem is from
//! Dietterich, *Hierarchical Reinforcement Learning with the MAXQ Value Function Decomposition*
//! (2000). It is Taxi-v3 of Gymnasium, read from the bundled file (`examples/models`).
//!
//! The higher the temperature, the more random is the driver, and the lower is the return. The
//! dynamics are deterministic, so direct and variational inference agree.
//!
//! ```text
//! cargo run --release --features npz --example taxi
//! cargo run --release --features npz,plot --example taxi -- --out target/pictures
//! ```

mod support;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::io::{ModelFile, Npz};
use softmdp::{ActionPrior, Inference, Model, Policy, SoftValueIteration};

const HORIZON: usize = 40;
const TEMPERATURES: [f64; 6] = [0.0, 0.1, 0.5, 1.0, 2.0, 5.0];
/// The best return over 30 steps, averaged over initial states, by value iteration in numpy. No
/// ride takes longer.
const BEST: f64 = 7.93;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn Error>> {
    options.out.prepare()?;
    let path = format!("{}/examples/models/taxi.npz", env!("CARGO_MANIFEST_DIR"));
    let taxi = ModelFile::<f64>::read_npz(path)?.with_action_prior(&ActionPrior::Uniform)?;
    let initial = taxi.initial().ok_or("the taxi has starts")?.to_owned();
    println!("{} states (500, and 4 terminal ones), {HORIZON} steps", taxi.model().num_states());
    println!("variational inference; at temperature 0, only ties have entropy\n");
    println!("{:>6}{:>10}{:>10}{:>12}{:>18}", "τ", "V(start)", "return", "delivered", "entropy (nats)");

    let mut returns = Vec::new();
    for temperature in TEMPERATURES {
        let taxi = taxi.clone().with_temperature(temperature)?;
        let model = taxi.model();
        let solver = |inference| SoftValueIteration::new(HORIZON).inference(inference);
        let solution = solver(Inference::Variational).solve(model)?;
        let direct = solver(Inference::Direct).solve_values(model)?;
        let gap =
            (&direct.state_values() - &solution.state_values()).fold(0.0_f64, |max, gap| max.max(gap.abs()));
        assert!(gap < 1e-9, "the dynamics are deterministic, so the two inferences agree");

        let policy = solution.policy();
        let value = initial.dot(&solution.state_values().row(0));
        let mean_return = policy.expected_return(model, &initial)?;
        let states = policy.state_occupancy(model, &initial)?;
        let delivered: f64 =
            (0..model.num_states()).filter(|&s| model.is_terminal(s)).map(|s| states[[HORIZON, s]]).sum();
        let entropy = mean_entropy(policy, model, &states.view());
        println!("{temperature:>6}{value:>10.3}{mean_return:>10.3}{delivered:>12.3}{entropy:>18.3}");
        returns.push(mean_return);
    }
    assert!((returns[0] - BEST).abs() < 1e-12, "at τ = 0 this is the classical optimum");
    assert!(returns.windows(2).all(|pair| pair[0] > pair[1] - 1e-12), "randomness costs");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        softmdp::plot::Curves::new("Return of a random taxi", "temperature τ", "expected return")
            .subtitle("variational inference, uniform prior")
            .series("40 steps", TEMPERATURES.into_iter().zip(returns))
            .save(folder.join("taxi.svg"))?;
        println!("picture written to {}", folder.display());
    }
    Ok(())
}

/// Expected sum of the entropies of the choices in one ride.
fn mean_entropy(
    policy: &Policy,
    model: &impl Model<Scalar = f64>,
    occupancy: &softmdp::ndarray::ArrayView2<'_, f64>,
) -> f64 {
    let entropy = policy.entropy();
    let on_the_way = entropy.indexed_iter().filter(|((_, state), _)| !model.is_terminal(*state));
    on_the_way.map(|((t, state), entropy)| occupancy[[t, state]] * entropy).sum()
}
