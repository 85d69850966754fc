//! Does a soft policy adapt faster to a changed environment?
//!
//! Two ways lead to the goal, and a learner learns the shorter one. Then a trap opens on it. A hard
//! learner (Q-learning, ε-greedy) has used one way only and knows little about the other. A soft
//! learner has tried the other way in proportion to its value, so its values are ready. Both
//! continue in the changed world. The example counts the steps until the greedy policy of the
//! learned values earns nine tenths of the best return there. After Haarnoja et al., *Reinforcement
//! Learning with Deep Energy-Based Policies* (ICML 2017), section 5.2.
//!
//! ```text
//! cargo run --release --example fine_tuning
//! cargo run --release --features plot --example fine_tuning -- --out target/pictures
//! ```

mod support;

use std::ops::ControlFlow;
#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use rand::{SeedableRng, rngs::StdRng};
use softmdp::learning::{Behaviour, Error, Learner, Simulator, SoftQLearning, StepSize, Task};
use softmdp::{ActionPrior, Gridworld, Mdp, SparseDynamics, StationaryPolicy, solve_stationary};

const BEFORE: &str = "
    .........
    .#######.
    .#######.
    S.......G
    .#######.
    .........
";
const AFTER: &str = "
    .........
    .#######.
    .#######.
    S...X...G
    .#######.
    .........
";
const SEEDS: u64 = 10;
const LEARNING: usize = 200_000;
const LIMIT: usize = 400_000;
const CHECK: usize = 200;
/// Number of steps in the changed world that a picture shows.
#[cfg(feature = "plot")]
const SHOWN: usize = 20_000;

type World = Mdp<f64, SparseDynamics<f64>>;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    let (grid, changed) = (world(BEFORE)?, world(AFTER)?);
    println!("A trap opens on the learned way:\n{AFTER}");
    let initial = grid.0.initial();
    let best = solve_stationary(&changed.1.with_temperature(0.0)?, 1e-9)?;
    let best =
        StationaryPolicy::new(best.probabilities().to_owned())?.expected_return(&changed.1, &initial)?;
    println!(
        "Return of the best policy there: {best:.3}. Steps until the learned policy earns nine tenths of it:\n"
    );

    let kinds = [
        ("soft Q-learning, τ = 0.03", 0.03, Behaviour::Soft),
        ("Q-learning, ε = 0.1", 0.0, Behaviour::EpsilonGreedy(0.1)),
        ("Q-learning, ε = 0.3", 0.0, Behaviour::EpsilonGreedy(0.3)),
    ];
    println!("{:<28}{:>12}{:>12}{:>16}", "", "mean", "worst", "from nothing");
    let (mut means, mut means_from_nothing) = (Vec::new(), Vec::new());
    #[cfg(feature = "plot")]
    let mut curves = Vec::new();
    for (name, temperature, behaviour) in kinds {
        let bar = support::progress_bar(SEEDS as usize, "runs", name);
        #[cfg(feature = "plot")]
        let mut returns = vec![0.0; SHOWN / CHECK + 1];
        let (mut tuned, mut fresh) = (Vec::new(), Vec::new());
        for seed in 0..SEEDS {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut learner = learner(&grid.1, temperature, behaviour)?;
            let mut simulator = Simulator::new(&grid.1, &initial)?.with_time_limit(100)?;
            learner.train(&mut simulator, LEARNING, &mut rng, |_, _| ControlFlow::Continue(()))?;
            // What was learned is kept; the terminal states of the changed world differ.
            let known = learner.action_values().mapv(|value| if value.is_finite() { value } else { 0.0 });
            let start = self::learner(&changed.1, temperature, behaviour)?;
            let tuning = start.clone().with_action_values(&known)?;
            #[cfg(feature = "plot")]
            if options.out.folder().is_some() {
                let of_run = returns_of(tuning.clone(), &changed, seed)?;
                returns.iter_mut().zip(of_run).for_each(|(sum, reached)| *sum += reached / SEEDS as f64);
            }
            tuned.push(steps_to(0.9 * best, tuning, &changed, &mut rng)?);
            fresh.push(steps_to(0.9 * best, start, &changed, &mut rng)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        #[cfg(feature = "plot")]
        curves.push((name, returns));
        let mean = |steps: &[usize]| steps.iter().sum::<usize>() / steps.len();
        let worst = tuned.iter().max().copied().unwrap_or_default();
        println!("{name:<28}{:>12}{worst:>12}{:>16}", mean(&tuned), mean(&fresh));
        means.push(mean(&tuned));
        means_from_nothing.push(mean(&fresh));
    }
    let factor = means[1].min(means[2]) as f64 / means[0] as f64;
    println!("\nThe soft policy adapts {factor:.1} times as fast as the faster of the hard ones.");
    println!("Their old values mislead them: they learn faster from nothing.");
    assert!(
        (1..3).all(|hard| means_from_nothing[hard] < means[hard]),
        "old values mislead those who trust the best"
    );
    assert!(factor > 2.0, "what was tried now and then is known when it is needed");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &changed, &curves, best)?;
    }
    Ok(())
}

/// Returns of the learned policy in the changed world, one for each evaluation.
#[cfg(feature = "plot")]
fn returns_of(
    mut learner: SoftQLearning,
    (grid, mdp): &(Gridworld, World),
    seed: u64,
) -> Result<Vec<f64>, Error> {
    let mut simulator = Simulator::new(mdp, &grid.initial())?.with_time_limit(100)?;
    let mut returns = vec![greedy_return(&learner, grid, mdp)];
    learner.train(&mut simulator, SHOWN, &mut StdRng::seed_from_u64(seed), |learner, progress| {
        if progress.steps.is_multiple_of(CHECK) {
            returns.push(greedy_return(learner, grid, mdp));
        }
        ControlFlow::Continue(())
    })?;
    returns.into_iter().collect()
}

/// Draws the return in the changed world over time, and the soft policies before and after.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    before: &(Gridworld, World),
    after: &(Gridworld, World),
    curves: &[(&str, Vec<f64>)],
    best: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    use softmdp::Inference;
    use softmdp::plot::{Curves, StateMap};

    let mut figure = Curves::learning()
        .title("Learning on, after a trap has opened")
        .subtitle(format!("what the best of the learned actions earn, mean of {SEEDS} runs"));
    for (name, returns) in curves {
        figure = figure
            .series(*name, returns.iter().enumerate().map(|(at, &earned)| ((at * CHECK) as f64, earned)));
    }
    figure.series("best policy", [(0.0, best), (SHOWN as f64, best)]).save(folder.join("fine_tuning.svg"))?;

    let mut rng = StdRng::seed_from_u64(0);
    let mut soft = learner(&before.1, 0.03, Behaviour::Soft)?;
    let mut simulator = Simulator::new(&before.1, &before.0.initial())?.with_time_limit(100)?;
    soft.train(&mut simulator, LEARNING, &mut rng, |_, _| ControlFlow::Continue(()))?;
    let known = soft.action_values().mapv(|value| if value.is_finite() { value } else { 0.0 });
    let mut tuned = learner(&after.1, 0.03, Behaviour::Soft)?.with_action_values(&known)?;
    let mut simulator = Simulator::new(&after.1, &after.0.initial())?.with_time_limit(100)?;
    tuned.train(&mut simulator, SHOWN, &mut rng, |_, _| ControlFlow::Continue(()))?;
    for (learner, (grid, _), file, when) in [
        (&soft, before, "before", format!("before the change, after {LEARNING} steps")),
        (&tuned, after, "after", format!("{SHOWN} steps after the change")),
    ] {
        StateMap::values(grid, &learner.state_values()?, Inference::Variational)?
            .policy(&learner.policy()?.probabilities().to_owned())?
            .title("Learned: state values V, and policy π(a | s)")
            .subtitle(format!("soft Q-learning, τ = 0.03, {when}"))
            .save(folder.join(format!("fine_tuning_{file}.svg")))?;
    }
    println!("pictures in {}", folder.display());
    Ok(())
}

fn world(map: &str) -> Result<(Gridworld, World), softmdp::gridworld::Error> {
    let grid = Gridworld::parse(map)?.step_reward(-0.01).goal_reward(1.0).trap_reward(-1.0).slip(0.05);
    let mdp = grid.builder().discount(0.98).action_prior(ActionPrior::Uniform).build()?;
    Ok((grid, mdp))
}

fn learner(mdp: &World, temperature: f64, behaviour: Behaviour) -> Result<SoftQLearning, Error> {
    SoftQLearning::new(Task::of(&mdp.with_temperature(temperature)?)?)?
        .with_behaviour(behaviour)?
        .with_step_size(StepSize::Constant(0.2))
}

/// Number of steps until the greedy policy of the learned values earns `goal`, or the limit.
fn steps_to(
    goal: f64,
    mut learner: SoftQLearning,
    (grid, mdp): &(Gridworld, World),
    rng: &mut StdRng,
) -> Result<usize, Error> {
    let mut simulator = Simulator::new(mdp, &grid.initial())?.with_time_limit(100)?;
    let mut result = Ok(());
    let progress = learner.train(&mut simulator, LIMIT, rng, |learner, progress| {
        if progress.steps % CHECK != 0 {
            return ControlFlow::Continue(());
        }
        match greedy_return(learner, grid, mdp) {
            Ok(reached) if reached < goal => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    })?;
    result?;
    Ok(progress.steps)
}

/// Expected return of the greedy policy of the learned values.
fn greedy_return(learner: &SoftQLearning, grid: &Gridworld, mdp: &World) -> Result<f64, Error> {
    let mut policy = learner.action_values().mapv(|_| 0.0);
    for (state, action) in learner.policy()?.greedy().iter().enumerate() {
        policy[[state, *action]] = 1.0;
    }
    Ok(StationaryPolicy::new(policy)?.expected_return(mdp, &grid.initial())?)
}
