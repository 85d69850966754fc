//! Solves a model from a file, without any Rust code.
//!
//! Reads a model as `.npz`, or as `.tra` of PRISM and Storm. `softmdp::io` describes the arrays,
//! and `export_gymnasium.py` makes such files. Solves the model for a finite horizon, prints a
//! summary, and writes the results as `.npz`. In Python, read them with `np.load("result.npz")`:
//!
//! | inference | without `initial` | with it, also |
//! |---|---|---|
//! | both | `state_values`, `action_values`, `policy`, `log_policy`, `inference` | |
//! | direct | | `log_evidence`, `state_marginals`, `absorbed_marginals`, `state_action_marginals`, `initial` |
//! | variational | | `state_occupancy`, `state_action_occupancy`, `elbo`, `expected_return`, `initial` |
//!
//! ```text
//! cargo run --release --features npz --example solve -- examples/models/taxi.npz --horizon 30 \
//!     --temperature 0.5 --inference variational --out result.npz
//! cargo run --release --features npz --example solve -- model.tra --labels model.lab \
//!     --terminal goal --horizon 100
//! ```

mod support;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use softmdp::io::{ExplicitMdp, ModelFile, Npz, NpzWriter};
use softmdp::ndarray::{Array1, ArrayRef1, arr0};
use softmdp::{ActionPrior, Inference, Model, SoftValueIteration, Solution, Watched};

/// Solves a model from a file for a finite horizon
#[derive(Debug, Parser)]
struct Options {
    /// Model: `.npz`, or `.tra` of PRISM or Storm
    model: PathBuf,
    /// Number of stages [default: that of the model, if it has one]
    #[arg(long)]
    horizon: Option<usize>,
    /// Discount: probability to continue after a step (direct), or factor on later rewards
    /// (variational) [default: that of the model]
    #[arg(long, allow_hyphen_values = true)]
    discount: Option<f64>,
    /// Temperature, in reward units per nat; 0 is classical planning [default: that of the model]
    #[arg(long, allow_hyphen_values = true)]
    temperature: Option<f64>,
    /// Prior weight of actions [default: that of the model]
    #[arg(long, value_enum)]
    prior: Option<Prior>,
    /// direct: what happened, given success? variational: how should I act?
    #[arg(long, value_enum, default_value_t = Question::Direct)]
    inference: Question,
    /// File for the results, as `.npz`
    #[arg(long)]
    out: Option<PathBuf>,
    /// With `.tra`: rewards of states, `.srew` or `.state.rew`
    #[arg(long)]
    state_rewards: Option<PathBuf>,
    /// With `.tra`: rewards of transitions, `.trew` or `.trans.rew`
    #[arg(long)]
    transition_rewards: Option<PathBuf>,
    /// With `.tra`: labels of states, `.lab`; episodes start in the state labelled init
    #[arg(long)]
    labels: Option<PathBuf>,
    /// With `--labels`: states with this label are terminal; may be repeated
    #[arg(long, value_name = "LABEL", requires = "labels")]
    terminal: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Question {
    Direct,
    Variational,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Prior {
    /// 1 for each action
    Counting,
    /// 1 over the number of actions
    Uniform,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    check_paths(options)?;
    let file = with_options(read(options)?, options)?;
    let model = file.model();
    let horizon =
        options.horizon.or(model.num_stages()).ok_or("the model sets no horizon: give --horizon")?;
    let inference = match options.inference {
        Question::Direct => Inference::Direct,
        Question::Variational => Inference::Variational,
    };
    println!("model         {}", options.model.display());
    if !file.ignored_arrays().is_empty() {
        println!("ignored       {}", file.ignored_arrays().join(", "));
    }
    println!("size          {} states, {} actions", model.num_states(), model.num_actions());
    println!(
        "problem       {inference}, horizon {horizon}, γ = {}, τ = {}",
        model.discount(),
        model.temperature()
    );

    let bar = support::progress_bar(horizon, "stages", "backward pass");
    let watched = Watched::new(model, support::count_stages(&bar));
    let solution = SoftValueIteration::new(horizon).inference(inference).solve(&watched)?;
    bar.finish_and_clear();
    let first = solution.state_values().row(0).to_owned();
    let (least, most) = first.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &value| {
        (least.min(value), most.max(value))
    });
    println!("V at stage 0  {least:.6} to {most:.6}");

    // The file is created after everything is computed.
    let out = || options.out.as_ref().map(NpzWriter::create).transpose();
    let mut writer;
    match (file.initial().map(|initial| initial.to_owned()), inference) {
        (Some(initial), Inference::Direct) if model.temperature() > 0.0 => {
            writer = posterior(model, &initial, &solution, out)?;
        }
        (Some(initial), Inference::Variational) => writer = act(model, &initial, &solution, out)?,
        (initial, _) => {
            let reason =
                if initial.is_none() { "the model has no `initial`" } else { "the temperature is 0" };
            println!("              no marginals, because {reason}");
            writer = out()?;
            if let Some(writer) = &mut writer {
                writer.add(&solution)?;
            }
        }
    }
    if let (Some(writer), Some(path)) = (writer, &options.out) {
        writer.finish()?;
        assert_eq!(Solution::read_npz(path)?, solution, "reading the file returns the same bits");
        println!("results       {}", path.display());
    }
    Ok(())
}

/// Checks the paths before anything is computed.
fn check_paths(options: &Options) -> Result<(), Box<dyn Error>> {
    let Some(out) = &options.out else { return Ok(()) };
    if out.canonicalize().is_ok_and(|out| options.model.canonicalize().is_ok_and(|model| model == out)) {
        return Err("--out is the file of the model: choose another file".into());
    }
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(format!("folder {} does not exist", folder.display()).into())
        }
        _ => Ok(()),
    }
}

/// Reads the model of the command line.
fn read(options: &Options) -> Result<ModelFile, Box<dyn Error>> {
    match options.model.extension().and_then(|extension| extension.to_str()) {
        Some("npz") => {
            let of_tra = [&options.state_rewards, &options.transition_rewards, &options.labels];
            if of_tra.iter().any(|path| path.is_some()) {
                return Err("files of rewards and labels need a model as .tra, and this one is .npz".into());
            }
            Ok(ModelFile::read_npz(&options.model)?)
        }
        Some("tra") => read_explicit(options),
        _ => Err(format!("{}: expected a file .npz or .tra", options.model.display()).into()),
    }
}

fn read_explicit(options: &Options) -> Result<ModelFile, Box<dyn Error>> {
    let mut explicit = ExplicitMdp::read(&options.model)?;
    if let Some(path) = &options.state_rewards {
        explicit = explicit.read_state_rewards(path)?;
    }
    if let Some(path) = &options.transition_rewards {
        explicit = explicit.read_transition_rewards(path)?;
    }
    if let Some(path) = &options.labels {
        explicit = explicit.read_labels(path)?;
    }
    let mut terminal = Vec::new();
    for label in &options.terminal {
        let states = explicit.states_labelled(label).ok_or_else(|| {
            let labels: Vec<&str> = explicit.labels().collect();
            format!("label {label:?} does not exist; the labels are {}", labels.join(", "))
        })?;
        terminal.extend_from_slice(states);
    }
    let mdp = explicit.builder().terminal_states(terminal).build()?;
    let file = if options.transition_rewards.is_some() {
        ModelFile::new(mdp.with_outcomes(explicit.outcomes())?)
    } else {
        ModelFile::new(mdp)
    };
    Ok(match explicit.initial() {
        Some(initial) => file.with_initial(initial)?,
        None => file,
    })
}

/// Sets discount, temperature and prior, if the options have them.
fn with_options(mut file: ModelFile, options: &Options) -> Result<ModelFile, softmdp::Error> {
    if let Some(discount) = options.discount {
        file = file.with_discount(discount)?;
    }
    if let Some(temperature) = options.temperature {
        file = file.with_temperature(temperature)?;
    }
    match options.prior {
        Some(Prior::Counting) => file.with_action_prior(&ActionPrior::Counting),
        Some(Prior::Uniform) => file.with_action_prior(&ActionPrior::Uniform),
        None => Ok(file),
    }
}

/// Prints and writes the posterior.
fn posterior(
    model: &impl Model<Scalar = f64>,
    initial: &ArrayRef1<f64>,
    solution: &Solution,
    out: impl FnOnce() -> Result<Option<NpzWriter>, softmdp::io::Error>,
) -> Result<Option<NpzWriter>, Box<dyn Error>> {
    let posterior = solution.posterior(model, initial)?;
    println!("log-evidence  {:.6} nats", posterior.log_evidence());
    println!(
        "P(terminal)   {:.6} at the last stage, given success",
        ended(model, &posterior.state_marginals().row(solution.horizon()))
    );
    let mut writer = out()?;
    if let Some(writer) = &mut writer {
        writer.add(&posterior)?;
    }
    Ok(writer)
}

/// Prints and writes the evaluation of the policy.
fn act(
    model: &impl Model<Scalar = f64>,
    initial: &ArrayRef1<f64>,
    solution: &Solution,
    out: impl FnOnce() -> Result<Option<NpzWriter>, softmdp::io::Error>,
) -> Result<Option<NpzWriter>, Box<dyn Error>> {
    let policy = solution.policy();
    let (elbo, expected_return) = (policy.elbo(model, initial)?, policy.expected_return(model, initial)?);
    let states = policy.state_occupancy(model, initial)?;
    println!("return        {expected_return:.6}");
    println!(
        "P(terminal)   {:.6} at the last stage, under this policy",
        ended(model, &states.row(solution.horizon()))
    );
    let pairs = policy.state_action_occupancy(model, initial)?;
    let mut writer = out()?;
    if let Some(writer) = &mut writer {
        writer.add(solution)?;
        writer.add_array("state_occupancy", &states)?;
        writer.add_array("state_action_occupancy", &pairs)?;
        writer.add_array("elbo", &arr0(elbo))?;
        writer.add_array("expected_return", &arr0(expected_return))?;
        writer.add_array::<f64, _>("initial", &Array1::from_iter(initial.iter().copied()))?;
    }
    Ok(writer)
}

/// Probability of terminal states.
fn ended(model: &impl Model<Scalar = f64>, states: &ArrayRef1<f64>) -> f64 {
    states.iter().enumerate().filter(|(state, _)| model.is_terminal(*state)).map(|(_, p)| p).sum()
}
