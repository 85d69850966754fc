//! Why does conditioning on success give bad advice?
//!
//! In this cliff walk some steps slip. The short route goes along the edge, and the safe route goes
//! around. Direct inference describes successful agents: they walk along the edge, and are lucky.
//! This is bad advice, because it relies on luck. Variational inference keeps the true dynamics and
//! stays away from the edge.
//!
//! The evidence exceeds the evidence lower bound by exactly the divergence between the two
//! distributions over trajectories. After Levine, *Reinforcement Learning and Control as
//! Probabilistic Inference* (arXiv:1805.00909), section 2.4. The cliff is from Sutton and Barto,
//! *Reinforcement Learning*, example 6.6.
//!
//! ```text
//! cargo run --release --example luck
//! cargo run --release --features plot --example luck -- --out target/pictures
//! ```

mod support;

#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::ndarray::{Array1, Axis};
use softmdp::{
    ActionPrior, ColorChoice, Error, Gridworld, Inference, Mdp, Policy, Posterior, SoftValueIteration,
    posterior,
};
use support::side_by_side;

const MAP: &str = "
    ........
    ........
    ........
    SXXXXXXG
";
const HORIZON: usize = 20;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    let grid = Gridworld::parse(MAP)?.slip(0.1).trap_reward(-40.0).goal_reward(30.0);
    let mdp = grid.dense_mdp()?.with_action_prior(ActionPrior::Uniform)?;
    let initial = grid.initial();

    let direct = posterior(&mdp, &initial, HORIZON)?;
    let variational =
        SoftValueIteration::new(HORIZON).inference(Inference::Variational).solve(&mdp)?.policy().clone();

    println!("A cliff walk where one step in ten slips. First move under each inference:\n");
    let draw = |policy: &Policy| {
        let rendering = grid.render_policy(&policy.probabilities().index_axis(Axis(0), 0))?;
        Ok::<_, Error>(rendering.colored(ColorChoice::Auto).to_string())
    };
    println!(
        "{}",
        side_by_side(
            0,
            &[
                ("direct: given success".to_string(), draw(direct.policy())?),
                ("variational: true dynamics".to_string(), draw(&variational)?),
            ]
        )
    );

    let (edge, right) = (grid.state_at(2, 3).unwrap_or_default(), 1);
    let below = grid.state_at(3, 3).unwrap_or_default();
    let true_fall = mdp.dynamics().transitions()[[edge, right, below]];
    let lucky_fall = direct.dynamics_at(&mdp, 4)?[[edge, right, below]];
    println!("Probability that a step to the right along the edge falls:");
    println!("  {true_fall:.6}  under the true dynamics");
    println!("  {lucky_fall:.1e}   under the posterior dynamics (D9): successful agents almost never fell\n");

    println!("{:<36}{:>12}{:>12}", "under the true dynamics", "direct", "variational");
    // At τ = 1 reward units are nats.
    let row = |what: &str, of: &dyn Fn(&Policy) -> Result<f64, Error>| {
        let (first, second) = (of(direct.policy())?, of(&variational)?);
        println!("{what:<36}{first:>12.4}{second:>12.4}");
        Ok::<_, Error>((first, second))
    };
    let falls =
        row("probability of falling", &|policy| probability_of_falling(&grid, &mdp, &initial, policy))?;
    row("expected return", &|policy| policy.expected_return(&mdp, &initial))?;
    let elbo = row("ELBO", &|policy| policy.elbo(&mdp, &initial))?;
    let gap =
        row("gap: log p(e) − ELBO", &|policy| Ok(direct.log_evidence() - policy.elbo(&mdp, &initial)?))?;
    let kl =
        row("KL(q ‖ posterior), by the chain rule", &|policy| divergence(&mdp, &initial, policy, &direct))?;
    println!(
        "\nlog p(e) = {:.4}. No policy reaches it, because no policy can rely on luck.",
        direct.log_evidence()
    );

    assert!(
        lucky_fall < 1e-6 && (true_fall - 0.05).abs() < 1e-12,
        "the posterior dynamics condition on luck"
    );
    assert!(falls.0 > 2.0 * falls.1, "the direct policy takes a risk that the variational one avoids");
    assert!(elbo.0 < elbo.1, "the variational policy is the best policy (V4)");
    for (gap, kl) in [(gap.0, kl.0), (gap.1, kl.1)] {
        assert!((gap - kl).abs() < 1e-9 * gap, "the gap is the divergence (V7)");
    }
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &mdp, direct.policy(), &variational)?;
    }
    Ok(())
}

/// Both policies, and their occupancy under the true dynamics.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    grid: &Gridworld,
    mdp: &Mdp,
    direct: &Policy,
    variational: &Policy,
) -> Result<(), Box<dyn std::error::Error>> {
    use softmdp::plot::{Animation, StateMap};

    for (policy, inference) in [(direct, Inference::Direct), (variational, Inference::Variational)] {
        let map = StateMap::policy_of(grid, &policy.at(0)?, inference)?;
        map.save(folder.join(format!("luck_{inference}.svg")))?;
    }
    let animation = Animation::new(grid, "A cliff: two policies under the true dynamics")
        .with_panel("direct: given success", &direct.state_occupancy(mdp, &grid.initial())?)?
        .with_panel("variational: true dynamics", &variational.state_occupancy(mdp, &grid.initial())?)?;
    animation.frame(8)?.save(folder.join("luck.svg"))?;
    let spinner = support::spinner("writing luck.gif");
    animation.save(folder.join("luck.gif"))?;
    spinner.finish_and_clear();
    println!("pictures written to {}", folder.display());
    Ok(())
}

/// Probability of ending in a trap under a policy.
fn probability_of_falling(
    grid: &Gridworld,
    mdp: &Mdp,
    initial: &Array1<f64>,
    policy: &Policy,
) -> Result<f64, Error> {
    let occupancy = policy.state_occupancy(mdp, initial)?;
    let traps = (1..7).filter_map(|column| grid.state_at(3, column));
    Ok(traps.map(|trap| occupancy[[HORIZON, trap]]).sum())
}

/// KL(q ‖ p(trajectory∣e)) in nats, by the chain rule: first state, actions, successors.
fn divergence(
    mdp: &Mdp,
    initial: &Array1<f64>,
    policy: &Policy,
    posterior: &Posterior,
) -> Result<f64, Error> {
    let log_ratio = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    let first = posterior.state_marginals().row(0).to_owned();
    let mut total: f64 = initial.iter().zip(&first).map(|(&p, &q)| log_ratio(p, q)).sum();
    let occupancy = policy.state_action_occupancy(mdp, initial)?;
    let states = policy.state_occupancy(mdp, initial)?;
    let actions = policy.kl_divergence(posterior.policy())?;
    for t in 0..HORIZON {
        let lucky = posterior.dynamics_at(mdp, t)?;
        for state in (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state)) {
            total += states[[t, state]] * actions[[t, state]];
            for action in 0..mdp.num_actions() {
                let mass = occupancy[[t, state, action]];
                if mass > 0.0 {
                    let rows = (0..mdp.num_states()).map(|next| {
                        log_ratio(
                            mdp.dynamics().transitions()[[state, action, next]],
                            lucky[[state, action, next]],
                        )
                    });
                    total += mass * rows.sum::<f64>();
                }
            }
        }
    }
    Ok(total)
}
