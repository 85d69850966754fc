//! The crate's side of the comparison with peers in Python; `run.py` beside this file is what to
//! run.
//!
//! Started with `serve`, the program answers commands, one a line, until its input ends:
//!
//! | command | does | answers in JSON |
//! |---|---|---|
//! | `grid SIZE PATH` | makes a slippery grid of SIZE × SIZE cells, and writes it | `{}` |
//! | `dense PATH` | reads a dense model, as `f64` and as `f32` | `{}` |
//! | `stationary PATH` | reads a sparse model with a discount | `{}` |
//! | `moves` | makes a grid of 1414 × 1414 cells where every step succeeds, in `f32` | `{}` |
//! | `choices` | takes Rust's bus engines, group 4, which need no file | `{}` |
//! | `check CALL NUMBER THREADS QUESTION HORIZON STRIDE PATH` | solves, and writes V of every STRIDE-th stage and all Q and π | `{}` |
//! | `time CALL NUMBER THREADS QUESTION HORIZON SECONDS` | solves again and again, once at least | `{"best": …, "runs": …}`, in seconds |
//! | `stream THREADS HORIZON SECONDS` | reads the dense table once a stage | the same |
//!
//! CALL is `solve`, `solve_into`, `solve_values` or `solve_values_into`, or of grids one of the forward
//! passes `forward`, `posterior` and `occupancy`, QUESTION an inference and NUMBER `f64` or
//! `f32`; of a stationary model CALL is `solve_stationary`, QUESTION `hard` or `soft`, and there is
//! one V; of choices CALL is `fit`, and there are only parameters. All commands after one that
//! brings a model are about that model.

#[allow(dead_code, reason = "examples use more of it")]
#[path = "../../examples/support/bus.rs"]
mod bus;

use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use softmdp::inverse::{Demonstrations, Likelihood, RewardFeatures, RewardFit};
use softmdp::io::{ModelFile, Npz, NpzWriter, StoredModel};
use softmdp::ndarray::{Array1, Array2, s};
use softmdp::{
    ActionPrior, DenseDynamics, DeterministicDynamics, ForwardMessages, Gridworld, Inference, Mdp, Model,
    Posterior, Real, SoftValueIteration, SparseDynamics, forward_messages, solve_stationary,
};

type Answer = Result<String, Box<dyn Error>>;

/// The model that commands are about, of the type that a user of the crate would hold.
enum Subject {
    Dense { double: Mdp<f64>, single: Mdp<f32> },
    Grid(Mdp<f64, SparseDynamics>),
    Moves(Mdp<f32, DeterministicDynamics<f32>>),
    Stationary(Mdp<f64, SparseDynamics>),
    Choices { mdp: Mdp<f64, SparseDynamics>, demonstrations: Demonstrations },
}

/// The calls of forward passes.
const FORWARD: [&str; 3] = ["forward", "posterior", "occupancy"];

/// What stationary values and log-likelihoods have to be known to, as `models.py` has it.
const TOLERANCE: f64 = 1e-6;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "serve") {
        println!("This is one side of a comparison. To run it: python3 benches/peers/run.py");
        return Ok(());
    }
    let mut subject = None;
    for line in stdin().lines() {
        let answer = answer(&line?, &mut subject)?;
        println!("{answer}");
        stdout().flush()?;
    }
    Ok(())
}

fn answer(line: &str, subject: &mut Option<Subject>) -> Answer {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("grid") => {
            let mdp = grid(next(&mut words)?)?;
            ModelFile::new(mdp.clone()).write_npz(next::<String>(&mut words)?)?;
            *subject = Some(Subject::Grid(mdp));
            Ok("{}".into())
        }
        Some("moves") => {
            *subject = Some(Subject::Moves(moves(1414)?));
            Ok("{}".into())
        }
        Some("dense") => {
            let path: String = next(&mut words)?;
            *subject = Some(Subject::Dense { double: dense(&path)?, single: dense(&path)? });
            Ok("{}".into())
        }
        Some("stationary") => {
            *subject = Some(Subject::Stationary(sparse(&next::<String>(&mut words)?)?));
            Ok("{}".into())
        }
        Some("choices") => {
            let (mdp, demonstrations) = choices()?;
            *subject = Some(Subject::Choices { mdp, demonstrations });
            Ok("{}".into())
        }
        Some("stream") => {
            let Some(Subject::Dense { double, .. }) = subject else { return Err("no dense model".into()) };
            let pool = pool(next(&mut words)?)?;
            let (horizon, seconds): (usize, f64) = (next(&mut words)?, next(&mut words)?);
            let table = double.dynamics().transitions();
            let entries = table.to_slice().ok_or("rows out of order")?;
            let read =
                || Ok::<_, softmdp::Error>((0..horizon).fold(0.0, |sum, _| sum + stream(black_box(entries))));
            Ok(pool.install(|| best_of(seconds, read))?)
        }
        Some(command @ ("check" | "time")) => {
            let task = Task {
                call: next(&mut words)?,
                number: next(&mut words)?,
                threads: next(&mut words)?,
                question: next(&mut words)?,
                horizon: next(&mut words)?,
            };
            let rest: Vec<&str> = words.collect();
            match (subject, task.number.as_str()) {
                (Some(Subject::Dense { double, .. }), "f64") => task.run(command, double, &rest),
                (Some(Subject::Dense { single, .. }), "f32") => task.run(command, single, &rest),
                (Some(Subject::Grid(mdp)), "f64") if FORWARD.contains(&&*task.call) => {
                    task.run_forward(command, mdp, &rest)
                }
                (Some(Subject::Grid(mdp)), "f64") => task.run(command, mdp, &rest),
                (Some(Subject::Moves(mdp)), "f32") => task.run(command, mdp, &rest),
                (Some(Subject::Stationary(mdp)), "f64") => task.run_stationary(command, mdp, &rest),
                (Some(Subject::Choices { mdp, demonstrations }), "f64") => {
                    task.run_choices(command, mdp, demonstrations, &rest)
                }
                _ => Err(format!("{line}: no such model").into()),
            }
        }
        _ => Err(format!("{line}: unknown command").into()),
    }
}

/// What a forward pass makes, with its memory, which is given back after the time was taken.
enum Passed {
    Messages(ForwardMessages),
    Posterior(Box<Posterior>),
    Occupancy(Array2<f64>),
}

/// One line of a table.
struct Task {
    call: String,
    number: String,
    threads: usize,
    question: String,
    horizon: usize,
}

impl Task {
    fn run(&self, command: &str, mdp: &impl Model, rest: &[&str]) -> Answer {
        let pool = pool(self.threads)?;
        match (command, rest) {
            ("check", [stride, path]) => self.check(mdp, &pool, stride.parse()?, path),
            ("time", [seconds]) => self.time(mdp, &pool, seconds.parse()?),
            _ => Err(format!("{rest:?}: other arguments are expected").into()),
        }
    }

    /// The whole of a forward pass from a uniform start. What it starts from is not timed: the
    /// backward pass of a posterior, and the policy of an occupancy.
    fn run_forward(&self, command: &str, mdp: &Mdp<f64, SparseDynamics>, rest: &[&str]) -> Answer {
        let pool = pool(self.threads)?;
        let num_states = mdp.num_states();
        let initial = Array1::from_elem(num_states, 1.0 / num_states as f64);
        let solver = self.solver()?;
        let solution = match self.call.as_str() {
            "forward" => None,
            _ => Some(pool.install(|| solver.solve(mdp))?),
        };
        let pass = || -> Result<Passed, softmdp::Error> {
            Ok(match (&solution, self.call.as_str()) {
                (Some(solution), "posterior") => {
                    Passed::Posterior(Box::new(solution.posterior(mdp, &initial)?))
                }
                (Some(solution), _) => Passed::Occupancy(solution.policy().state_occupancy(mdp, &initial)?),
                (None, _) => Passed::Messages(forward_messages(mdp, &initial, self.horizon)?),
            })
        };
        self.run_whole(command, rest, pass, |passed, stride, writer| {
            let table = match &passed {
                Passed::Messages(messages) => messages.log_forward(),
                Passed::Posterior(posterior) => posterior.state_marginals(),
                Passed::Occupancy(occupancy) => occupancy.view(),
            };
            writer.add_array("V", &table.slice(s![..;stride, ..]))
        })
    }

    /// The whole of a stationary task: there is one call.
    fn run_stationary(&self, command: &str, mdp: &Mdp<f64, SparseDynamics>, rest: &[&str]) -> Answer {
        let mdp = mdp.with_temperature(match self.question.as_str() {
            "hard" => 0.0,
            "soft" => 1.0,
            _ => return Err(format!("{}: no such question", self.question).into()),
        })?;
        let solve = || solve_stationary(&mdp, TOLERANCE);
        self.run_whole(command, rest, solve, |solution, _, writer| {
            writer.add_array("V", &solution.state_values())
        })
    }

    /// The whole of a fit to choices.
    fn run_choices(
        &self,
        command: &str,
        mdp: &Mdp<f64, SparseDynamics>,
        demonstrations: &Demonstrations,
        rest: &[&str],
    ) -> Answer {
        let likelihood = Likelihood::actions(inference(&self.question)?).tolerance(TOLERANCE);
        let fit = RewardFit::new(RewardFeatures::on_pairs(bus::features()), likelihood).tolerance(TOLERANCE);
        let fit = || fit.fit(mdp, demonstrations);
        self.run_whole(command, rest, fit, |fitted, _, writer| {
            writer.add_array("parameters", &fitted.parameters())
        })
    }

    /// A task with one call. `write` adds what `check` compares to an archive, every so many stages.
    fn run_whole<R: Send, E: Error + Send + 'static>(
        &self,
        command: &str,
        rest: &[&str],
        call: impl Fn() -> Result<R, E> + Send,
        write: impl FnOnce(R, usize, &mut NpzWriter) -> Result<(), softmdp::io::Error>,
    ) -> Answer {
        let pool = pool(self.threads)?;
        match (command, rest) {
            ("check", [stride, path]) => {
                let mut writer = NpzWriter::create(path)?;
                write(pool.install(call)?, stride.parse()?, &mut writer)?;
                writer.finish()?;
                Ok("{}".into())
            }
            ("time", [seconds]) => {
                let seconds = seconds.parse()?;
                Ok(pool.install(|| best_of(seconds, call))?)
            }
            _ => Err(format!("{rest:?}: other arguments are expected").into()),
        }
    }

    fn solver(&self) -> Result<SoftValueIteration, Box<dyn Error>> {
        Ok(SoftValueIteration::new(self.horizon).inference(inference(&self.question)?))
    }

    fn check<M: Model>(&self, mdp: &M, pool: &ThreadPool, stride: usize, path: &str) -> Answer {
        let solver = self.solver()?;
        let mut writer = NpzWriter::create(path)?;
        if self.call.starts_with("solve_values") {
            let mut values = pool.install(|| solver.solve_values(mdp))?;
            if self.call == "solve_values_into" {
                pool.install(|| solver.solve_values_into(mdp, &mut values))?;
            }
            writer.add_array("V", &values.state_values().slice(s![..;stride, ..]))?;
        } else {
            let mut solution = pool.install(|| solver.solve(mdp))?;
            if self.call == "solve_into" {
                pool.install(|| solver.solve_into(mdp, &mut solution))?;
            }
            writer.add_array("V", &solution.state_values().slice(s![..;stride, ..]))?;
            writer.add_array("Q", &solution.action_values())?;
            writer.add_array("pi", &solution.policy().probabilities())?;
        }
        writer.finish()?;
        Ok("{}".into())
    }

    fn time<M: Model>(&self, mdp: &M, pool: &ThreadPool, seconds: f64) -> Answer {
        let solver = self.solver()?;
        // Inside the pool, so that handing work to it is not what is timed where a solution takes microseconds.
        let times = pool.install(|| match self.call.as_str() {
            "solve_values" => best_of(seconds, || solver.solve_values(mdp)),
            "solve_values_into" => {
                let mut values = solver.solve_values(mdp)?;
                best_of(seconds, || solver.solve_values_into(mdp, &mut values))
            }
            "solve" => best_of(seconds, || solver.solve(mdp)),
            _ => {
                let mut solution = solver.solve(mdp)?;
                best_of(seconds, || solver.solve_into(mdp, &mut solution))
            }
        });
        Ok(times?)
    }
}

/// The next word of a command.
fn next<T: FromStr<Err: Error + 'static>>(
    words: &mut std::str::SplitWhitespace<'_>,
) -> Result<T, Box<dyn Error>> {
    Ok(words.next().ok_or("a word is missing")?.parse()?)
}

fn inference(name: &str) -> Result<Inference, Box<dyn Error>> {
    match name {
        "direct" => Ok(Inference::Direct),
        "variational" => Ok(Inference::Variational),
        _ => Err(format!("{name}: no such inference").into()),
    }
}

fn pool(threads: usize) -> Result<ThreadPool, Box<dyn Error>> {
    Ok(ThreadPoolBuilder::new().num_threads(threads).build()?)
}

/// Runs a task for some seconds, once at least. `check` has run it before, and the shortest time
/// counts.
fn best_of<R, E>(seconds: f64, mut task: impl FnMut() -> Result<R, E>) -> Result<String, E> {
    let (mut best, mut runs) = (f64::INFINITY, 0);
    let begun = Instant::now();
    while runs == 0 || begun.elapsed() < Duration::from_secs_f64(seconds) {
        let started = Instant::now();
        let result = black_box(task()?);
        best = best.min(started.elapsed().as_secs_f64());
        drop(result);
        runs += 1;
    }
    Ok(format!("{{\"best\": {best:e}, \"runs\": {runs}}}"))
}

/// A grid with a goal in one corner where moves go astray.
fn grid(size: usize) -> Result<Mdp<f64, SparseDynamics>, softmdp::gridworld::Error> {
    let mut map = format!("{}\n", ".".repeat(size)).repeat(size);
    map.replace_range(0..1, "G");
    Ok(Gridworld::parse(&map)?.slip(0.2).builder().action_prior(ActionPrior::Uniform).build()?)
}

/// A grid where every step succeeds, as `models.py` makes it.
fn moves(size: usize) -> Result<Mdp<f32, DeterministicDynamics<f32>>, softmdp::Error> {
    let step = |state: usize, action: usize| {
        let (i, j) = (state / size, state % size);
        match action {
            0 => i.saturating_sub(1) * size + j,
            1 => i * size + (j + 1).min(size - 1),
            2 => (i + 1).min(size - 1) * size + j,
            _ => i * size + j.saturating_sub(1),
        }
    };
    let rewards = Array2::from_shape_fn((size * size, 4), |(state, action)| {
        (-1.0 - ((state * 4 + action) % 11) as f64 / 11.0) as f32
    });
    Mdp::builder(DeterministicDynamics::from_fn(size * size, 4, step)?, rewards).build()
}

/// A model from a file, with its dynamics as the type that they are.
fn dense<F: Real>(path: &str) -> Result<Mdp<F>, Box<dyn Error>> {
    let file = ModelFile::<F>::read_npz(path)?;
    let StoredModel::Mdp(mdp) = file.model() else { return Err("not the same at every stage".into()) };
    let dynamics = DenseDynamics::from_dynamics(mdp.dynamics())?;
    Ok(Mdp::builder(dynamics, mdp.rewards().to_owned()).action_prior(mdp.action_prior().clone()).build()?)
}

/// A sparse model from a file, with its dynamics as the type that they are.
fn sparse(path: &str) -> Result<Mdp<f64, SparseDynamics>, Box<dyn Error>> {
    let file = ModelFile::<f64>::read_npz(path)?;
    let StoredModel::Mdp(mdp) = file.model() else { return Err("not the same at every stage".into()) };
    let dynamics = SparseDynamics::from_dynamics(mdp.dynamics())?;
    let builder = Mdp::builder(dynamics, mdp.rewards().to_owned()).discount(mdp.discount());
    Ok(builder.terminal_states(mdp.terminal_states()).build()?)
}

/// Rust's group 4 with what it chose, and no rewards yet.
fn choices() -> Result<(Mdp<f64, SparseDynamics>, Demonstrations), Box<dyn Error>> {
    let records = bus::Records::of_groups(&[4])?;
    let driven = &records.driven() / records.driven().sum();
    let builder = Mdp::builder(bus::dynamics(&driven.to_vec())?, bus::rewards(0.0, 0.0));
    Ok((builder.discount(0.9999).build()?, Demonstrations::from_counts(records.choices())?))
}

/// Reads a table as fast as it can be read: parts for all threads, 16 running sums each.
fn stream(entries: &[f64]) -> f64 {
    let sums = entries.par_chunks(1 << 14).map(|part| {
        let mut lanes = [0.0; 16];
        for chunk in part.as_chunks::<16>().0 {
            for i in 0..16 {
                lanes[i] += chunk[i];
            }
        }
        lanes.iter().sum::<f64>()
    });
    sums.sum()
}
