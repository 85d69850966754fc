//! The command `softmdp`: solves a model from a file, without any Rust code.
//!
//! `arguments` holds the options, and the text of `--help`. `input` reads a model, and `settings`
//! changes it. `finite`, `stationary` and `average` answer one problem each: they print a summary
//! and a table on the `screen`, and write results and `pictures`.

mod answer;
mod arguments;
mod average;
mod consequences;
mod drawing;
mod finite;
mod input;
mod messages;
mod names;
mod numbers;
mod output;
mod pictures;
mod problem;
mod progress;
mod screen;
mod settings;
mod stationary;
mod table;
mod values;

use std::error::Error;
use std::process::ExitCode;

use answer::Outcome;
use arguments::Arguments;
use messages::message;
use problem::{Problem, Task};
use screen::Screen;
use softmdp::Real;
use values::Precision;

/// The exit codes, which `--help` lists. `clap` ends with 2 after an error of usage.
const INVALID: u8 = 1;
const NOT_CONVERGED: u8 = 3;

fn main() -> ExitCode {
    let arguments = arguments::parse();
    let result = match arguments.model.precision.unwrap_or(Precision::Double) {
        Precision::Double => run::<f64>(&arguments),
        Precision::Single => run::<f32>(&arguments),
    };
    match result {
        Ok(Outcome::Met) => ExitCode::SUCCESS,
        Ok(Outcome::NotMet) => ExitCode::from(NOT_CONVERGED),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("error: {}", message(&*error));
                ExitCode::from(INVALID)
            }
        },
    }
}

fn run<F: Real>(arguments: &Arguments) -> Result<Outcome, Box<dyn Error>> {
    let inference = arguments.inference()?;
    output::prepare(arguments)?;
    let input = settings::change(input::read::<F>(arguments)?, &arguments.model)?;
    let problem = Problem::of(&arguments.problem, &input)?;
    let mut screen = Screen::new();
    let task = Task { arguments, input, inference };
    task.describe(problem, &mut screen)?;
    match problem {
        Problem::Finite { horizon } => finite::solve(&task, horizon, &mut screen),
        Problem::Stationary => stationary::solve(&task, &mut screen),
        Problem::Average => average::solve(&task, &mut screen),
    }
}
