//! The options of the command line, and the text of `--help`.

use std::fmt::Display;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser};
use softmdp::Inference;

use crate::values::{NumMoves, Precision, Prior, Question, Search, Symbol, Terminal, Wind};

const AFTER_HELP: &str = "\
Examples:
  Value iteration or policy iteration, as in QuantEcon, pymdptoolbox and MDPSolver:
    softmdp model.npz --stationary --inference variational --temperature 0 --discount 0.95
  A finite horizon with soft values, and results for numpy:
    softmdp model.npz --horizon 30 --inference variational --temperature 0.5 --out result.npz
  The largest probability of reaching the states labelled goal (Pmax=? [F \"goal\"] in PRISM):
    softmdp model.tra --labels model.lab --terminal goal=1 --stationary \\
        --inference variational --temperature 0
  The best average reward per stage:
    softmdp model.npz --average --inference variational --temperature 0
  Where is an agent at each stage, given that it succeeds? With pictures:
    softmdp map.txt --slip 0.1 --prior uniform --horizon 30 --inference direct --plot pictures

Models of numpy: np.savez(\"model.npz\", transitions=P, rewards=R) with P[s, a, s'] and R[s, a].
The documentation of the module softmdp::io lists all arrays of models and results.

Exit codes:
  0  solved
  1  a file or a number is not valid, or the problem has no solution
  2  the command line is not valid
  3  the tolerance is not met; the best result so far is printed and written";

/// Solves a Markov decision process from a file, with soft or hard maxima
#[derive(Debug, Parser)]
#[command(name = "softmdp", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// .npz of numpy, .tra of PRISM or Storm, or .txt with a map of cells
    #[arg(value_name = "MODEL")]
    pub(crate) path: PathBuf,
    #[command(flatten, next_help_heading = "Problem")]
    pub(crate) problem: ProblemOptions,
    #[command(flatten, next_help_heading = "Model (defaults are those of the file)")]
    pub(crate) model: ModelOptions,
    #[command(flatten, next_help_heading = "Search (with --stationary or --average)")]
    pub(crate) search: SearchOptions,
    #[command(flatten, next_help_heading = "Further files of a .tra model")]
    pub(crate) explicit: ExplicitOptions,
    #[command(flatten, next_help_heading = "Maps of cells")]
    pub(crate) map: MapOptions,
    #[command(flatten, next_help_heading = "Output")]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ProblemOptions {
    /// Solve T stages [default: the stages of the model, if they differ]
    #[arg(long, value_name = "T", conflicts_with_all = ["stationary", "average"])]
    pub(crate) horizon: Option<usize>,
    /// Solve an infinite horizon: one value and one policy for all stages
    #[arg(long, conflicts_with = "average")]
    pub(crate) stationary: bool,
    /// Find the best average reward per stage in the long run
    #[arg(long)]
    pub(crate) average: bool,
    /// Required. variational: how should I act?
    /// direct: what happened, given success?
    #[arg(long, value_enum, hide_possible_values = true, verbatim_doc_comment)]
    pub(crate) inference: Option<Question>,
}

#[derive(Debug, Args)]
pub(crate) struct ModelOptions {
    /// Discount γ: a factor on later rewards (variational), or the
    /// probability of continuing after a stage (direct)
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, verbatim_doc_comment)]
    pub(crate) discount: Option<f64>,
    /// Temperature τ, in reward units per nat; 0 is classical planning
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) temperature: Option<f64>,
    /// Prior weights of actions: counting (1 each), uniform (1/n each),
    /// a text file with a line of weights for each state, or an .npz
    /// with a policy [s, a]
    #[arg(long, value_name = "PRIOR", verbatim_doc_comment)]
    pub(crate) prior: Option<Prior>,
    /// End episodes in a state, with a value. A state is its number, a
    /// label of a .tra, or ROW,COLUMN of a map. May be repeated
    #[arg(long, value_name = "STATE[=VALUE]", verbatim_doc_comment)]
    pub(crate) terminal: Vec<Terminal>,
    /// Value of all nonterminal states at the end of a horizon. With
    /// -inf and no discount, only terminal states are a success
    #[arg(
        long,
        value_name = "VALUE",
        allow_hyphen_values = true,
        conflicts_with_all = ["stationary", "average"],
        verbatim_doc_comment
    )]
    pub(crate) otherwise: Option<f64>,
    /// Start episodes in a state, or evenly in the states of a label
    #[arg(long, value_name = "STATE")]
    pub(crate) initial: Option<String>,
    /// Treat rewards and terminal values of the file as costs
    #[arg(long)]
    pub(crate) costs: bool,
    /// Rescale rows of probabilities whose sum is within DISTANCE of 1
    /// [DISTANCE if left out: 1e-5]
    #[arg(
        long,
        value_name = "DISTANCE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1e-5",
        verbatim_doc_comment
    )]
    pub(crate) normalize: Option<f64>,
    /// Number type: double, or single in half the memory
    /// [default: double]
    #[arg(long, value_name = "TYPE", value_enum, hide_possible_values = true, verbatim_doc_comment)]
    pub(crate) precision: Option<Precision>,
}

#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    /// Largest error of any value, in reward units
    /// [default: 1e-8 (single: 1e-3), or what rounding allows]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_hyphen_values = true,
        conflicts_with = "horizon",
        verbatim_doc_comment
    )]
    pub(crate) tolerance: Option<f64>,
    /// automatic, value-iteration, gauss-seidel, policy-iteration or
    /// modified-policy-iteration [default: automatic]
    #[arg(long, value_enum, requires = "stationary", hide_possible_values = true, verbatim_doc_comment)]
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
    /// Rewards of states, .srew or .state.rew; several files add up
    #[arg(long, value_name = "FILE")]
    pub(crate) state_rewards: Vec<PathBuf>,
    /// Rewards of transitions, .trew or .trans.rew; several files add up
    #[arg(long, value_name = "FILE")]
    pub(crate) transition_rewards: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MapOptions {
    /// A further symbol: goal:VALUE, trap:VALUE, reward:REWARD, wall,
    /// free or start, such as g=goal:10. May be repeated
    #[arg(long, value_name = "SYMBOL=CELL", verbatim_doc_comment)]
    pub(crate) legend: Vec<Symbol>,
    /// Value of a goal G [default: 10]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) goal_reward: Option<f64>,
    /// Value of a trap X or H [default: -10]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) trap_reward: Option<f64>,
    /// Reward of each step [default: -1]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) step_reward: Option<f64>,
    /// Probability that a move slips, half of it to each side
    /// [default: 0]
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) slip: Option<f64>,
    /// up, right, down or left, with the probability of a gust (up:0.2)
    /// or a number of cells for each column (up:0,1,2). May be repeated
    #[arg(long, value_name = "DIRECTION:NUMBER", verbatim_doc_comment)]
    pub(crate) wind: Vec<Wind>,
    /// Number of moves: 4, 8 with diagonals; 5 or 9 with staying
    /// [default: 4]
    #[arg(long, value_name = "N", value_enum, hide_possible_values = true, verbatim_doc_comment)]
    pub(crate) moves: Option<NumMoves>,
}

#[derive(Debug, Args)]
pub(crate) struct OutputOptions {
    /// Write results to this file, as .npz
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write pictures to this folder, and create it if necessary
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    /// Print at most N rows of the table
    /// [default: as many as fit the terminal; all rows in a file]
    #[arg(long, value_name = "N", verbatim_doc_comment)]
    pub(crate) rows: Option<usize>,
}

/// The arguments of the command line. An error of usage ends the program.
pub(crate) fn parse() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|mut error| {
        // `--normalize` may come without a number, so it takes one only behind an equals sign.
        let mut after = std::env::args_os().skip_while(|word| word != "--normalize").skip(1);
        let next = after.next().and_then(|word| word.into_string().ok());
        let distance = next.filter(|word| word.parse::<f64>().is_ok());
        if let (ErrorKind::UnknownArgument, Some(distance)) = (error.kind(), distance) {
            let tip = format!("write '--normalize={distance}', without a blank");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error.exit()
    })
}

impl Arguments {
    /// The inference. There is no default, because each inference answers a different question.
    pub(crate) fn inference(&self) -> Result<Inference, clap::Error> {
        self.problem.inference.map(Inference::from).ok_or_else(|| {
            let message = "choose an inference:\n  \
                --inference variational   how should I act? The best policy under the true dynamics\n  \
                --inference direct        what happened, given success? The posterior of routes and actions";
            usage(ErrorKind::MissingRequiredArgument, message)
        })
    }
}

impl ExplicitOptions {
    pub(crate) fn is_used(&self) -> bool {
        self.labels.is_some() || !self.state_rewards.is_empty() || !self.transition_rewards.is_empty()
    }
}

impl MapOptions {
    pub(crate) fn is_used(&self) -> bool {
        let numbers = [self.slip, self.step_reward, self.goal_reward, self.trap_reward];
        let are_some = numbers.iter().any(Option::is_some) || self.moves.is_some();
        are_some || !self.legend.is_empty() || !self.wind.is_empty()
    }
}

/// An error of usage, which ends the program with code 2 and points to `--help`.
pub(crate) fn usage(kind: ErrorKind, message: impl Display) -> clap::Error {
    Arguments::command().error(kind, message)
}
