//! What do walkers want? Their rewards are estimated from where they walked.
//!
//! In the first part, walkers cross a country with a swamp and a road to one of two inns. How bad
//! is the swamp, how good is the road, and how much better is one inn than the other? The estimates
//! get closer to the truth with the number of walks, as their standard errors say.
//!
//! In the second part, walkers pass a slippery cliff, and two likelihoods disagree about the price
//! of a fall. The likelihood of trajectories takes outcomes as evidence of rewards: it is right if
//! histories were recorded because they went well. The likelihood of actions takes outcomes as
//! luck: it is right for agents that choose before they know the outcome. Each one is badly wrong
//! about the data of the other.
//!
//! The likelihood of trajectories is that of Ziebart et al., *Maximum Entropy Inverse Reinforcement
//! Learning*, AAAI 2008, computed exactly. The likelihood of actions is that of Rust, *Optimal
//! Replacement of GMC Bus Engines*, Econometrica 55, 1987. The cliff is from Sutton and Barto,
//! *Reinforcement Learning*, example 6.6.
//!
//! ```text
//! cargo run --release --features rand --example rewards_from_demonstrations
//! cargo run --release --features plot,rand --example rewards_from_demonstrations -- --out target/pictures
//! ```

mod support;

use std::process::ExitCode;

use clap::Parser as _;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::inverse::{Covariance, Demonstrations, Likelihood, RewardFeatures, RewardFit};
use softmdp::ndarray::{Array1, Array2, array};
use softmdp::{
    ActionPrior, Cell, Gridworld, Inference, Mdp, SoftValueIteration, SparseDynamics, Trajectory, posterior,
    solve_stationary,
};

type Model = Mdp<f64, SparseDynamics<f64>>;

const COUNTRY: &str = "
    ...~~..A
    S..~~...
    .======.
    ...~~..B
";
const NAMES: [&str; 3] = ["swamp", "road", "inn B"];
const TRUTH: [f64; 3] = [-1.5, 0.4, 1.0];

const CLIFF: &str = "
    .....
    .....
    SXXXG
";
const CLIFF_TRUTH: [f64; 2] = [-1.0, -3.0];
const HORIZON: usize = 20;
const NUM_WALKS: usize = 2000;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    country(options)?;
    println!();
    cliff()?;
    Ok(())
}

/// Estimates from 5, 50 and 500 walks to an inn.
#[allow(unused_variables, reason = "options choose pictures, which need the feature plot")]
fn country(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    let legend = [('~', Cell::Free), ('=', Cell::Free), ('A', Cell::Goal(0.0)), ('B', Cell::Goal(0.0))];
    // A step costs 1, which is known.
    let grid = Gridworld::parse_with(COUNTRY, &legend)?.slip(0.1).step_reward(-1.0);
    let mdp = grid.mdp()?.with_action_prior(ActionPrior::Uniform)?;
    let is = |state: usize, symbol: char| {
        let position = grid.position(state);
        f64::from(u8::from(position.and_then(|(row, column)| grid.symbol(row, column)) == Some(symbol)))
    };
    let cells = Array2::from_shape_fn((grid.num_states(), 3), |(state, k)| match k {
        0 => is(state, '~'),
        1 => is(state, '='),
        _ => 0.0,
    });
    let inns =
        Array2::from_shape_fn((grid.num_states(), 3), |(state, k)| if k == 2 { is(state, 'B') } else { 0.0 });
    let features = RewardFeatures::on_states(cells).terminal(inns).names(NAMES);

    // Walks of the true rewards, until an inn is reached.
    let truth = Array1::from(TRUTH.to_vec());
    let walkers = features.model(&mdp, &truth)?;
    let policy = solve_stationary(&walkers, 1e-9)?.policy().clone();
    let mut rng = StdRng::seed_from_u64(1);
    let walks: Result<Vec<Trajectory>, _> =
        (0..500).map(|_| policy.sample(&walkers, &grid.initial(), 10_000, &mut rng)).collect();
    let walks = walks?;

    let fit = RewardFit::new(features.clone(), Likelihood::actions(Inference::Variational));
    let mut table = Vec::new();
    for number in [5, 50, 500] {
        let fitted = fit.fit(&mdp, &Demonstrations::new(walks[..number].iter().cloned()))?;
        let errors = fitted.standard_errors(Covariance::Information)?;
        table.push((number, fitted, errors));
    }

    println!("Rewards of cells, estimated from walks (± standard error):\n");
    println!("{:<8}{:>8}{:>18}{:>18}{:>18}", "", "truth", "5 walks", "50 walks", "500 walks");
    for (k, name) in NAMES.iter().enumerate() {
        print!("{name:<8}{:>8.2}", TRUTH[k]);
        for (_, fitted, errors) in &table {
            print!("{:>18}", format!("{:.2} ± {:.2}", fitted.parameters()[k], errors[k]));
        }
        println!();
    }

    let (_, fitted, errors) = &table[2];
    println!("\nThe last fit as a table:\n\n{fitted}");
    let ends_at_b = |model: &Model| {
        let policy = solve_stationary(model, 1e-9)?.policy().clone();
        let b = grid.state_at(3, 7).unwrap_or_default();
        Ok::<f64, softmdp::Error>(policy.expected_visits(model, &grid.initial())?[b])
    };
    let [now, drained] = [ends_at_b(fitted.model())?, {
        let parameters = fitted.parameters();
        ends_at_b(&features.model(&mdp, &array![0.0, parameters[1], parameters[2]])?)?
    }];
    println!("Share of walkers who go to inn B: {:.0} %.", 100.0 * now);
    println!("If the swamp is drained: {:.0} %.", 100.0 * drained);

    for (_, fitted, errors) in &table {
        let distances = (&fitted.parameters() - &truth) / errors;
        assert!(distances.iter().all(|z| z.abs() < 3.0), "the truth is within three standard errors");
    }
    for (few, many) in table[1].2.iter().zip(errors) {
        assert!((2.5..4.0).contains(&(few / many)), "ten times the walks, errors smaller by √10");
    }
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &walks, fitted)?;
    }
    Ok(())
}

/// The recovered rewards, and a walk.
#[cfg(feature = "plot")]
fn pictures(
    folder: &std::path::Path,
    grid: &Gridworld,
    walks: &[Trajectory],
    fitted: &softmdp::inverse::FittedRewards<Model>,
) -> Result<(), Box<dyn std::error::Error>> {
    let model = fitted.model();
    let rewards = Array1::from_shape_fn(grid.num_states(), |state| {
        if model.is_terminal(state) { model.terminal_values()[state] } else { model.rewards()[[state, 0]] }
    });
    let map =
        softmdp::plot::StateMap::numbers(grid, &rewards, "Rewards recovered from 500 walks", "reward units")?
            .subtitle("the line is one of the walks")
            .with_trajectory(&walks[0])?;
    map.save(folder.join("rewards_from_demonstrations.svg"))?;
    println!("\npicture written to {}", folder.display());
    Ok(())
}

/// Two likelihoods, each on its own data and on the data of the other.
fn cliff() -> Result<(), Box<dyn std::error::Error>> {
    let grid = Gridworld::parse(CLIFF)?.slip(0.1).step_reward(0.0).goal_reward(10.0).trap_reward(0.0);
    let mdp = grid.mdp()?.with_action_prior(ActionPrior::Uniform)?;
    let is_trap = |state: usize| {
        let cell = grid.position(state).and_then(|(row, column)| grid.cell(row, column));
        f64::from(u8::from(matches!(cell, Some(Cell::Trap(_)))))
    };
    let step = Array2::from_shape_fn((grid.num_states(), 2), |(_, k)| if k == 0 { 1.0 } else { 0.0 });
    let fall =
        Array2::from_shape_fn((grid.num_states(), 2), |(state, k)| if k == 1 { is_trap(state) } else { 0.0 });
    let features = RewardFeatures::on_states(step).terminal(fall).names(["step", "fall"]);

    let truth = Array1::from(CLIFF_TRUTH.to_vec());
    let model = features.model(&mdp, &truth)?;
    let mut rng = StdRng::seed_from_u64(1);
    let successful = posterior(&model, &grid.initial(), HORIZON)?;
    let solver = SoftValueIteration::new(HORIZON).inference(Inference::Variational);
    let policy = solver.solve(&model)?.policy().clone();
    let recorded: Result<Vec<Trajectory>, _> =
        (0..NUM_WALKS).map(|_| successful.sample(&model, &mut rng)).collect();
    let seen: Result<Vec<Trajectory>, _> =
        (0..NUM_WALKS).map(|_| policy.sample(&model, &grid.initial(), &mut rng)).collect();
    let data = [("successful histories", recorded?), ("all walks of an agent", seen?)];

    println!("A slippery cliff. A step is worth {}, a fall {}.\n", CLIFF_TRUTH[0], CLIFF_TRUTH[1]);
    println!("{:<24}{:>8}   {:^24}   {:^24}", "", "", "fit of trajectories", "fit of actions");
    println!("{:<24}{:>8}{:>14}{:>13}{:>14}{:>13}", "data", "falls", "step", "fall", "step", "fall");
    let likelihoods = [Likelihood::trajectories(), Likelihood::actions(Inference::Variational)];
    for (row, (name, walks)) in data.into_iter().enumerate() {
        let ends = walks.iter().filter_map(|walk| walk.states().last());
        let falls = ends.map(|&state| is_trap(state)).sum::<f64>() / NUM_WALKS as f64;
        print!("{name:<24}{:>7.0}%", 100.0 * falls);
        let demonstrations = Demonstrations::new(walks);
        for (column, likelihood) in likelihoods.iter().enumerate() {
            let fit = RewardFit::new(features.clone(), likelihood.clone().horizon(HORIZON));
            let fitted = fit.fit(&mdp, &demonstrations)?;
            let errors = fitted.standard_errors(Covariance::Information)?;
            let estimate = |k: usize| format!("{:.2} ± {:.2}", fitted.parameters()[k], errors[k]);
            print!("{:>14}{:>13}", estimate(0), estimate(1));
            let distances = (&fitted.parameters() - &truth) / &errors;
            if row == column {
                assert!(distances.iter().all(|z| z.abs() < 3.0), "right about its own data: {distances}");
            } else {
                assert!(
                    distances.iter().all(|&z| z > 10.0),
                    "wrong about the data of the other: {distances}"
                );
            }
        }
        println!();
    }
    println!("\nSuccessful walkers pass along the edge. Fitted as choices, they seem not to mind a fall.");
    println!("Fitted as successes, walkers with bad luck seem to have wanted to fall.");
    Ok(())
}
