//! The options of the command line, and the text of `--help`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueEnum};
use softmdp::{Inference, Method};

const AFTER_HELP: &str = "\
Examples:
  Value iteration or policy iteration, as in QuantEcon, pymdptoolbox and MDPSolver:
    softmdp model.npz --stationary --inference variational --temperature 0 --discount 0.95
  A finite horizon, with soft values, and results for numpy:
    softmdp model.npz --horizon 30 --inference variational --temperature 0.5 --out result.npz
  The largest probability of reaching a state with the label goal (PRISM: Pmax=? [F \"goal\"]):
    softmdp model.tra --labels model.lab --terminal goal=1 --stationary --inference variational \\
        --temperature 0
  The best average reward of each stage, without a discount:
    softmdp model.npz --average --inference variational --temperature 0
  Where is an agent at each stage, given that it reaches the goal of a map? With pictures:
    softmdp map.txt --slip 0.1 --prior uniform --horizon 30 --inference direct --plot pictures

A model for numpy users: np.savez(\"model.npz\", transitions=P, rewards=R) with P[s, a, s'] and R[s, a].
The documentation of the module softmdp::io lists all arrays of models and results.

Exit codes:
  0  the problem is solved
  1  a file or a number is not valid, or the problem has no solution of this kind
  2  the command line is not valid
  3  the tolerance is not met; what was found is printed and written";

/// Solves a Markov decision process from a file
///
/// Computes values and policies, soft or hard, for a finite or an infinite horizon.
#[derive(Debug, Parser)]
#[command(name = "softmdp", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Model: `.npz` of numpy, `.tra` of PRISM or Storm, or a map of cells as `.txt`
    #[arg(value_name = "MODEL")]
    pub(crate) path: PathBuf,
    #[command(flatten, next_help_heading = "Problem (choose one, and an inference)")]
    pub(crate) problem: ProblemOptions,
    #[command(flatten, next_help_heading = "Model (defaults are those of the file)")]
    pub(crate) model: ModelOptions,
    #[command(flatten, next_help_heading = "Search, with --stationary or --average")]
    pub(crate) search: SearchOptions,
    #[command(flatten, next_help_heading = "Further files of a model as .tra")]
    pub(crate) explicit: ExplicitOptions,
    #[command(flatten, next_help_heading = "Maps of cells")]
    pub(crate) map: MapOptions,
    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ProblemOptions {
    /// Solve T stages; a model whose rewards differ by stage has a default
    #[arg(long, value_name = "T", conflicts_with_all = ["stationary", "average"])]
    pub(crate) horizon: Option<usize>,
    /// Infinite horizon: one policy for all stages, with a bound on the error of values
    #[arg(long, conflicts_with = "average")]
    pub(crate) stationary: bool,
    /// Average reward of a stage in the long run, without discount and without end
    #[arg(long)]
    pub(crate) average: bool,
    /// variational: how should I act? direct: what happened, given success?
    #[arg(long, value_enum, hide_possible_values = true)]
    pub(crate) inference: Option<Question>,
}

#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// Discount γ: factor on later rewards (variational), or probability to continue (direct)
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) discount: Option<f64>,
    /// Temperature τ, in reward units per nat; 0 is classical planning with hard maxima
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) temperature: Option<f64>,
    /// Prior weights of actions: counting (1 each), uniform (1/n each), or a text file with a line
    /// of weights for each state
    #[arg(long, value_name = "PRIOR")]
    pub(crate) prior: Option<Prior>,
    /// End episodes in a state, and give it a value: a number, a label of a .tra, or ROW,COLUMN of
    /// a map; may be repeated
    #[arg(long, value_name = "STATE[=VALUE]")]
    pub(crate) terminal: Vec<Terminal>,
    /// Start episodes in this state, or evenly in all states of this label
    #[arg(long, value_name = "STATE")]
    pub(crate) initial: Option<String>,
    /// Rewards and terminal values of the file are costs: change their signs
    #[arg(long)]
    pub(crate) costs: bool,
    /// Rescale rows of probabilities whose sum is within DISTANCE of 1 [default: 1e-5]
    #[arg(long, value_name = "DISTANCE", num_args = 0..=1, require_equals = true, default_missing_value = "1e-5")]
    pub(crate) normalize: Option<f64>,
    /// Number type of tables: double (f64), or single (f32), in half the memory
    #[arg(long, value_enum, default_value_t = Precision::Double, hide_possible_values = true)]
    pub(crate) precision: Precision,
}

#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// Largest error of any value, in reward units [default: 1e-6; 1e-3 in single precision]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) tolerance: Option<f64>,
    /// How to find stationary values
    #[arg(long, value_enum, requires = "stationary")]
    pub(crate) method: Option<Search>,
    /// Limit of passes over the transitions [default: 1000000]
    #[arg(long, value_name = "N", requires = "stationary")]
    pub(crate) max_iterations: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplicitOptions {
    /// Labels of states, .lab; episodes start in the state labelled init
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Rewards of states, .srew or .state.rew; may be repeated, and adds up
    #[arg(long, value_name = "FILE")]
    pub(crate) state_rewards: Vec<PathBuf>,
    /// Rewards of transitions, .trew or .trans.rew; may be repeated, and adds up
    #[arg(long, value_name = "FILE")]
    pub(crate) transition_rewards: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MapOptions {
    /// Probability that a step slips to either side [default: 0]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) slip: Option<f64>,
    /// Reward of each step [default: -1]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) step_reward: Option<f64>,
    /// Value of a goal 'G' [default: 10]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) goal_reward: Option<f64>,
    /// Value of a trap 'X' or 'H' [default: -10]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) trap_reward: Option<f64>,
    /// Allow diagonal moves
    #[arg(long)]
    pub(crate) diagonal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OutputOptions {
    /// Write results to this file, as .npz
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write pictures to this folder, and create it if necessary
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    /// Print at most N rows of the table [default: as many as the terminal has; all to a file]
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
}

/// The answer to the question of the inference.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Question {
    Variational,
    Direct,
}

impl From<Question> for Inference {
    fn from(question: Question) -> Self {
        match question {
            Question::Variational => Inference::Variational,
            Question::Direct => Inference::Direct,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Precision {
    Double,
    Single,
}

/// [`Method`], by the names of the field.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Search {
    Automatic,
    ValueIteration,
    GaussSeidel,
    ModifiedPolicyIteration,
    /// Newton's method
    PolicyIteration,
}

impl From<Search> for Method {
    fn from(search: Search) -> Self {
        match search {
            Search::Automatic => Method::Automatic,
            Search::ValueIteration => Method::ValueIteration,
            Search::GaussSeidel => Method::GaussSeidel,
            Search::ModifiedPolicyIteration => Method::ModifiedPolicyIteration,
            Search::PolicyIteration => Method::Newton,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Prior {
    Counting,
    Uniform,
    File(PathBuf),
}

impl std::str::FromStr for Prior {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "counting" => Prior::Counting,
            "uniform" => Prior::Uniform,
            path => Prior::File(path.into()),
        })
    }
}

/// A terminal state, or the states of a label, and their value.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    pub(crate) state: String,
    pub(crate) value: Option<f64>,
}

impl std::str::FromStr for Terminal {
    type Err = String;

    /// A label may contain `=`, a number does not: the last one separates.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((state, value)) = text.rsplit_once('=') else {
            return Ok(Self { state: text.to_owned(), value: None });
        };
        match value.parse() {
            Ok(value) => Ok(Self { state: state.to_owned(), value: Some(value) }),
            Err(_) => Err(format!("{value:?} is not a number")),
        }
    }
}

impl Arguments {
    /// The inference. There is no default, because each answers another question.
    pub(crate) fn inference(&self) -> Result<Inference, clap::Error> {
        self.problem.inference.map(Inference::from).ok_or_else(|| {
            let message = "choose an inference:\n  \
                --inference variational   how should I act? Values and policy under the true dynamics\n  \
                --inference direct        what happened, given success? The posterior, which relies on luck";
            usage(ErrorKind::MissingRequiredArgument, message)
        })
    }
}

/// An error of usage, which ends the program with code 2 and points to `--help`.
pub(crate) fn usage(kind: ErrorKind, message: impl std::fmt::Display) -> clap::Error {
    Arguments::command().error(kind, message)
}
