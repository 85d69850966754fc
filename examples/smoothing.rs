//! Where was the agent, given that it succeeded?
//!
//! Forward messages describe the past, and backward messages describe the future. The posterior
//! multiplies them. This is the forward–backward algorithm of hidden Markov models (Rabiner, Proc.
//! IEEE 77, 1989), with success in place of observations. After Levine (arXiv:1805.00909), section
//! 2.3.
//!
//! The world has two rooms and two doors between them. The agent moves at random. We know only that
//! it ends in the far corner of the right room. Forward messages alone say that it probably stays
//! in the first room.
//!
//! ```text
//! cargo run --release --example smoothing
//! cargo run --release --features plot --example smoothing -- --out target/pictures
//! ```

mod support;

#[cfg(feature = "plot")]
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use softmdp::ndarray::{Array1, ArrayView1};
use softmdp::{ActionPrior, ColorChoice, Gridworld, forward_messages, log_sum_exp, posterior};
use support::side_by_side;

const MAP: &str = "
    .....#....
    .....#....
    .S........
    .....#....
    .....#....
    ..........
";
const HORIZON: usize = 24;

fn main() -> ExitCode {
    support::exit(run(&support::OutOnly::parse()))
}

fn run(options: &support::OutOnly) -> Result<(), Box<dyn std::error::Error>> {
    options.out.prepare()?;
    let grid = Gridworld::parse(MAP)?.step_reward(0.0);
    let corner = grid.state_at(0, 9).unwrap_or_default();
    // There are no rewards on the way. Ending outside of the corner is impossible.
    let mut end = Array1::from_elem(grid.num_states(), f64::NEG_INFINITY);
    end[corner] = 0.0;
    let mdp = grid.builder().terminal_values(end).action_prior(ActionPrior::Uniform).build()?;
    let initial = grid.initial();

    let forward = forward_messages(&mdp, &initial, HORIZON)?;
    let posterior = posterior(&mdp, &initial, HORIZON)?;
    let backward = posterior.solution().state_values();

    println!(
        "A random walk of {HORIZON} steps from S that ends in the upper right corner:\n{}",
        grid.render_map().colored(ColorChoice::Auto)
    );
    for t in [0, 6, 12, 18, HORIZON] {
        let marginals = posterior.state_marginals();
        let columns = [
            (format!("stage {t}: past only"), probabilities(forward.log_forward().row(t))),
            // β is not a distribution over states. The drawing shows β over its sum.
            ("future only".to_string(), probabilities(backward.row(t))),
            ("both".to_string(), marginals.row(t).to_owned()),
        ];
        let mut blocks = Vec::new();
        for (title, column) in columns {
            blocks.push((title, grid.render_marginals(&column)?.colored(ColorChoice::Auto).to_string()));
        }
        println!("{}", side_by_side(2 * grid.width(), &blocks));
    }
    println!("██ 1/2   ▓▓ 1/4   ▒▒ 1/10   ░░ 1/100   · 1/1000   ## wall\n");

    println!("{:>6}{:>22}{:>22}", "stage", "p(right room), past", "p(right room), both");
    let in_right_room = |row: ArrayView1<'_, f64>| -> f64 {
        let states = row
            .indexed_iter()
            .filter(|(state, _)| grid.position(*state).is_some_and(|(_, column)| column > 5));
        states.map(|(_, &p)| p).sum()
    };
    for t in (0..=HORIZON).step_by(4) {
        let past = in_right_room(probabilities(forward.log_forward().row(t)).view());
        let both = in_right_room(posterior.state_marginals().row(t));
        println!("{t:>6}{past:>22.4}{both:>22.4}");
    }

    // Both passes and every stage give the same evidence (D6).
    println!(
        "\nlog p(in the corner at the end): {:.12} forwards, {:.12} backwards",
        forward.log_evidence(),
        posterior.log_evidence()
    );
    let mut paid = 0.0;
    for t in 0..=HORIZON {
        let product: Array1<f64> = &forward.log_forward().row(t) + &backward.row(t);
        let here = paid + log_sum_exp(&product.to_vec());
        assert!((here - posterior.log_evidence()).abs() < 1e-11, "stage {t} disagrees");
        paid += forward.log_normalizers().get(t).copied().unwrap_or(0.0);
    }
    assert!(posterior.state_marginals()[[HORIZON, corner]] > 1.0 - 1e-12);
    let last = probabilities(forward.log_forward().row(HORIZON));
    assert!(last[corner] < 0.02, "the past alone makes the corner improbable");
    #[cfg(feature = "plot")]
    if let Some(folder) = options.out.folder() {
        pictures(folder, &grid, &mdp, &posterior)?;
    }
    Ok(())
}

/// Prior, filtered and posterior distribution over time.
#[cfg(feature = "plot")]
fn pictures(
    folder: &Path,
    grid: &Gridworld,
    mdp: &impl softmdp::Model<Scalar = f64>,
    posterior: &softmdp::Posterior,
) -> Result<(), Box<dyn std::error::Error>> {
    let animation = softmdp::plot::Animation::of_posterior(grid, mdp, posterior)?;
    animation.stages(&[6, 12, 18])?.save(folder.join("smoothing.svg"))?;
    let spinner = support::spinner("writing smoothing.gif");
    animation.save(folder.join("smoothing.gif"))?;
    spinner.finish_and_clear();
    println!("pictures written to {}", folder.display());
    Ok(())
}

/// Probabilities from logarithms, normalised.
fn probabilities(logs: ArrayView1<'_, f64>) -> Array1<f64> {
    let total = log_sum_exp(&logs.to_vec());
    logs.mapv(|log| (log - total).exp())
}
